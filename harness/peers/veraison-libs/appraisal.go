// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/veraison/ear"
	"github.com/veraison/psatoken"
)

// Appraisal of a PSA token as Veraison's PSA_IOT scheme does it. Two things that it does not do, and
// that a relying party or its policy must know of: a component that no reference value names is not
// looked at, and the result says nothing of why.

const (
	schemeName = "PSA_IOT"
	policyID   = "policy:PSA_IOT"
	developer  = "atls: the root of trust is simulated"
)

// appraisal is a result and what only the events tell: the reason as a word of the contract.
type appraisal struct {
	*ear.AttestationResult
	reason, detail string
	mismatches     []fields
}

func newAppraisal(nonce []byte) *appraisal {
	result := ear.NewAttestationResult(schemeName, versions(), developer)
	text := base64.URLEncoding.EncodeToString(nonce)
	policy := policyID
	result.Nonce = &text
	result.Submods[schemeName].AppraisalPolicyID = &policy
	return &appraisal{AttestationResult: result, reason: "ok", detail: "every check passed",
		mismatches: []fields{}}
}

func (a *appraisal) submod() *ear.Appraisal { return a.Submods[schemeName] }

// refused: what cannot be believed at all is contraindicated in every respect.
func (a *appraisal) refused(reason, format string, args ...any) *appraisal {
	a.submod().TrustVector.SetAll(ear.CryptoValidationFailedClaim)
	a.submod().UpdateStatusFromTrustVector()
	a.reason, a.detail = reason, fmt.Sprintf(format, args...)
	return a
}

func appraise(s *store, token, nonce []byte) *appraisal {
	a := newAppraisal(nonce)
	evidence, err := psatoken.DecodeEvidenceFromCOSE(token)
	if err != nil {
		return a.refused("malformed-cose", "psatoken: %v", err)
	}
	claims := evidence.Claims
	if err := claims.Validate(); err != nil {
		return a.refused("malformed-claims", "psatoken: %v", err)
	}
	implementation, instance := *evidence.GetImplementationID(), *evidence.GetInstanceID()
	key, there := s.anchor(implementation, instance)
	if !there {
		return a.refused("unknown-attestation-key", "no trust anchor for instance %x", instance)
	}
	if came, err := claims.GetNonce(); err != nil || !bytes.Equal(came, nonce) {
		return a.refused("nonce-mismatch", "the token answers %x, the session's nonce is %x", came,
			nonce)
	}
	if err := evidence.Verify(key); err != nil {
		return a.refused("pat-signature-invalid", "psatoken: %v", err)
	}
	a.platform(claims)
	a.software(claims, s.references(implementation))
	a.submod().UpdateStatusFromTrustVector()
	if annotated, err := annotate(claims); err == nil {
		a.submod().VeraisonAnnotatedEvidence = &annotated
	}
	return a
}

func (a *appraisal) platform(claims psatoken.IClaims) {
	vector := a.submod().TrustVector
	vector.Hardware = ear.GenuineHardwareClaim
	raw, _ := claims.GetSecurityLifeCycle()
	state := psatoken.LifeCycleToState(raw)
	if state == psatoken.StateSecured || state == psatoken.StateNonPSAROTDebug {
		vector.InstanceIdentity = ear.TrustworthyInstanceClaim
		vector.RuntimeOpaque = ear.EncryptedMemoryRuntimeClaim
		vector.StorageOpaque = ear.HwKeysEncryptedSecretsClaim
		return
	}
	vector.InstanceIdentity = ear.UntrustworthyInstanceClaim
	vector.RuntimeOpaque = ear.VisibleMemoryRuntimeClaim
	vector.StorageOpaque = ear.UnencryptedSecretsClaim
	a.reason, a.detail = "lifecycle-not-secured", "the lifecycle is "+state.String()
}

// software: every endorsed name must be met by a component, found by its measurement. Several
// reference values of one name are alternatives; components that no value names do not count.
func (a *appraisal) software(claims psatoken.IClaims, wanted []referenceValue) {
	components, err := claims.GetSoftwareComponents()
	a.submod().TrustVector.Executables = ear.ApprovedRuntimeClaim
	met, expected := map[string]bool{}, map[string][]string{}
	for _, reference := range wanted {
		met[reference.name] = met[reference.name] || meets(components, reference)
		expected[reference.name] = append(expected[reference.name],
			hex.EncodeToString(reference.digest))
	}
	for name := range met {
		if !met[name] {
			a.mismatches = append(a.mismatches, fields{"component": name,
				"expected": expected[name], "measured": measured(components, name)})
		}
	}
	if err == nil && len(wanted) > 0 && len(a.mismatches) == 0 {
		return
	}
	a.submod().TrustVector.Executables = ear.UnrecognizedRuntimeClaim
	if a.reason == "ok" {
		a.reason = "reference-value-mismatch"
		if len(a.mismatches) == 1 && otherVersion(components, wanted, a.mismatches[0]["component"]) {
			a.reason = "version-not-endorsed"
		}
		a.detail = fmt.Sprintf("%d of %d endorsed components are not met", len(a.mismatches), len(met))
	}
}

func meets(components []psatoken.ISwComponent, reference referenceValue) bool {
	for _, one := range components {
		value, err := one.GetMeasurementValue()
		if err != nil || !bytes.Equal(value, reference.digest) {
			continue
		}
		name, _ := one.GetMeasurementType()
		version, _ := one.GetVersion()
		signer, _ := one.GetSignerID()
		return (reference.name == "" || reference.name == name) &&
			(reference.version == "" || reference.version == version) &&
			(reference.signer == nil || bytes.Equal(reference.signer, signer))
	}
	return false
}

// otherVersion: is the component of that name of a version that is not endorsed?
func otherVersion(components []psatoken.ISwComponent, wanted []referenceValue, name any) bool {
	for _, one := range components {
		came, _ := one.GetMeasurementType()
		version, err := one.GetVersion()
		if came != name || err != nil {
			continue
		}
		for _, reference := range wanted {
			if reference.name == came && (reference.version == "" || reference.version == version) {
				return false
			}
		}
		return true
	}
	return false
}

// measured: what a component of that name was measured as, for people.
func measured(components []psatoken.ISwComponent, wanted string) string {
	for _, one := range components {
		if name, err := one.GetMeasurementType(); err == nil && name == wanted {
			value, _ := one.GetMeasurementValue()
			return hex.EncodeToString(value)
		}
	}
	return ""
}

// annotate: the claims as psatoken's JSON has them.
func annotate(claims psatoken.IClaims) (map[string]any, error) {
	text, err := psatoken.EncodeClaimsToJSON(claims)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = json.Unmarshal(text, &out)
	return out, err
}

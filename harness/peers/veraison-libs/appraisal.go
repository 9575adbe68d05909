// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/veraison/ear"
	"github.com/veraison/psatoken"
)

// Appraisal of a PSA token as Veraison's PSA_IOT scheme does it since v0.0.2603. Three things that it
// does not do, and that a relying party or its policy must know of: an endorsed component that was not
// measured is not missed, nobody looks at a signer, and the result says nothing of why.

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

// nothing: Veraison's appraisal ends at a component without name or version, and claims nothing.
func (a *appraisal) nothing() *appraisal {
	*a.submod().TrustVector = ear.TrustVector{}
	a.submod().UpdateStatusFromTrustVector()
	a.reason, a.detail = "tier-none", "a component has no measurement type or no version"
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
	if !a.software(claims, s.references(implementation)) {
		return a.nothing()
	}
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

// software: every measured component must have a reference value of its measurement, and then its
// name and version, where that has any. The first that has none ends it, as there.
func (a *appraisal) software(claims psatoken.IClaims, wanted []referenceValue) bool {
	values := map[string]referenceValue{}
	for _, reference := range wanted {
		values[string(reference.digest)] = reference
	}
	components, err := claims.GetSoftwareComponents()
	if err != nil {
		return false
	}
	a.submod().TrustVector.Executables = ear.ApprovedRuntimeClaim
	for _, one := range components {
		value, first := one.GetMeasurementValue()
		name, second := one.GetMeasurementType()
		version, third := one.GetVersion()
		if errors.Join(first, second, third) != nil {
			return false
		}
		reference, there := values[string(value)]
		if there && (reference.name == "" || reference.name == name) &&
			(reference.version == "" || reference.version == version) {
			continue
		}
		a.unrecognized(name, version, value, wanted)
		break
	}
	return true
}

// unrecognized: a component that nobody endorsed so, told as the reasons of the contract have it.
func (a *appraisal) unrecognized(name, version string, value []byte, wanted []referenceValue) {
	a.submod().TrustVector.Executables = ear.UnrecognizedRuntimeClaim
	digests, ofVersion := []string{}, false
	for _, reference := range wanted {
		if reference.name == "" || reference.name == name {
			digests = append(digests, hex.EncodeToString(reference.digest))
			ofVersion = ofVersion || reference.version == "" || reference.version == version
		}
	}
	reason, detail := "reference-value-mismatch", "its measurement is not endorsed with its name and version"
	if len(digests) == 0 {
		reason, detail = "unknown-component", "no reference value has its name"
	} else if !ofVersion {
		reason, detail = "version-not-endorsed", fmt.Sprintf("version %q is not endorsed", version)
	}
	if a.reason == "ok" {
		a.reason, a.detail = reason, fmt.Sprintf("component %q: %s", name, detail)
	}
	a.mismatches = append(a.mismatches, fields{"component": name, "expected": digests,
		"measured": hex.EncodeToString(value)})
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

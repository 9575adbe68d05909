// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/veraison/ear"
)

// Attestation results (EAR) in a JWT. The ear module reads the claims. Around it stands what it
// has not: its Verify compares the times with the wall clock only and drops exp, iss and the
// encoding of eat_nonce, and it knows one dialect, so that draft-ietf-rats-ear-03's names are
// translated into that first.

const (
	clauseEAR       = "draft-ietf-rats-ear-03 section 3"
	profileVeraison = "tag:github.com,2023:veraison/ear"
	profileDraft03  = "tag:ietf.org,2026:rats/ear#03"
	profileDraft04  = "tag:ietf.org,2026:rats/ear#04" // with -03's names
	leeway          = 2                               // seconds by which clocks may differ
)

var draft03Names = map[string]string{
	"ear_verifier_id": "ear.verifier-id", "ear_raw_evidence": "ear.raw-evidence",
	"ear_status": "ear.status", "ear_trustworthiness_vector": "ear.trustworthiness-vector",
	"ear_veraison_annotated_evidence": "ear.veraison.annotated-evidence",
	"ear_veraison_policy_claims":      "ear.veraison.policy-claims",
	"ear_veraison_key_attestation":    "ear.veraison.key-attestation",
}

type attestationResult struct {
	ear.AttestationResult
	issuer  string
	nonce   []byte // nil: none
	expires int64  // 0: none
	key     *ecdsa.PublicKey
}

// translate gives draft-03's claims the names of Veraison's dialect.
func translate(claims map[string]any) {
	rename := func(object map[string]any) {
		for from, to := range draft03Names {
			if value, there := object[from]; there {
				object[to] = value
				delete(object, from)
			}
		}
		if ids, are := object["ear_appraisal_policy_ids"].([]any); are && len(ids) > 0 {
			object["ear.appraisal-policy-id"] = ids[0]
		}
	}
	rename(claims)
	submods, _ := claims["submods"].(map[string]any)
	for _, submod := range submods {
		if object, is := submod.(map[string]any); is {
			rename(object)
		}
	}
	claims["eat_profile"] = profileVeraison
}

func seconds(claims map[string]any, name string) (int64, error) {
	value, there := claims[name]
	if !there {
		return 0, nil
	}
	number, is := value.(float64)
	if !is || !(number >= 1 && number <= 1<<53-1) {
		return 0, fmt.Errorf("%s: seconds since 1970 were expected", name)
	}
	return int64(math.Trunc(number)), nil
}

// split takes a compact JWS apart.
func split(jwt []byte) (header map[string]any, payload []byte, err error) {
	parts := strings.Split(string(jwt), ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("a JWT of three parts was expected, %d came", len(parts))
	}
	encoding := base64.RawURLEncoding.Strict()
	head, err := encoding.DecodeString(parts[0])
	if err != nil {
		return nil, nil, fmt.Errorf("JOSE header: %w", err)
	}
	if payload, err = encoding.DecodeString(parts[1]); err != nil {
		return nil, nil, fmt.Errorf("claims: %w", err)
	}
	if err = checkJSON(head); err == nil {
		err = json.Unmarshal(head, &header)
	}
	return header, payload, err
}

// readResult reads a result without verifying it.
func readResult(jwt []byte) (*attestationResult, error) {
	header, payload, err := split(jwt)
	if err != nil {
		return nil, fail("malformed-result", "RFC 7519 section 7.2", "%v", err)
	}
	if algorithm, _ := header["alg"].(string); strings.EqualFold(algorithm, "none") {
		return nil, fail("result-signature-invalid", "RFC 8725 section 3.2",
			"a signed result was expected, one with alg none came")
	}
	if _, there := header["crit"]; there {
		return nil, fail("malformed-result", "RFC 7515 section 4.1.11", "crit is not understood")
	}
	result, err := readClaims(payload)
	if err != nil {
		return nil, fail("malformed-result", clauseEAR, "%v", err)
	}
	return result, nil
}

func readClaims(payload []byte) (*attestationResult, error) {
	var claims map[string]any
	if err := checkJSON(payload); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	if claims["eat_profile"] == profileDraft03 || claims["eat_profile"] == profileDraft04 {
		translate(claims)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	var result attestationResult
	if err := json.Unmarshal(text, &result.AttestationResult); err != nil {
		return nil, err
	}
	result.issuer, _ = claims["iss"].(string)
	if result.expires, err = seconds(claims, "exp"); err != nil {
		return nil, err
	}
	if _, err = seconds(claims, "iat"); err != nil {
		return nil, err
	}
	if result.Nonce != nil {
		nonce, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(*result.Nonce, "="))
		if err != nil || len(nonce) < 8 || len(nonce) > 64 {
			return nil, fmt.Errorf("eat_nonce: 8 to 64 bytes in base64url were expected")
		}
		result.nonce = nonce
	}
	return &result, result.findKey()
}

// findKey: the one key that the submodules attest, where any does.
func (r *attestationResult) findKey() error {
	for name, submod := range r.Submods {
		if submod.VeraisonKeyAttestation == nil {
			continue
		}
		public, err := submod.GetKeyAttestation()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		key, is := public.(*ecdsa.PublicKey)
		if !is {
			return fmt.Errorf("%s: an EC key was expected in akpub", name)
		}
		if r.key != nil && !r.key.Equal(key) {
			return fmt.Errorf("the result attests more than one key")
		}
		r.key = key
	}
	return nil
}

// parseVerifierKey: a verifier's public key, EC, from a JWK.
func parseVerifierKey(text []byte) (*ecdsa.PublicKey, error) {
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	parsed, err := jwk.ParseKey(text)
	if err != nil {
		return nil, err
	}
	var public ecdsa.PublicKey
	if _, private := parsed.(jwk.ECDSAPrivateKey); private {
		return nil, fmt.Errorf("a public key was expected, a private one came")
	}
	if err := jwk.Export(parsed, &public); err != nil {
		return nil, fmt.Errorf("an EC key was expected: %w", err)
	}
	if _, err := public.ECDH(); err != nil { // jwx does not look whether the point is on the curve
		return nil, err
	}
	return &public, nil
}

// verifyResult: the signature, by the algorithm that goes with the key and no other.
func verifyResult(jwt []byte, key *ecdsa.PublicKey) error {
	algorithm := jwa.ES256()
	if key.Curve == elliptic.P384() {
		algorithm = jwa.ES384()
	} else if key.Curve != elliptic.P256() {
		return fmt.Errorf("a key on P-256 or P-384 was expected")
	}
	_, err := jws.Verify(jwt, jws.WithKey(algorithm, key))
	return err
}

// validUntil: exp, or what --result-max-age allows.
func (r *attestationResult) validUntil(maxAge int64) int64 {
	if r.expires != 0 {
		return r.expires
	}
	return *r.IssuedAt + maxAge
}

func (r *attestationResult) checkTime(now time.Time, maxAge int64) *failure {
	switch {
	case *r.IssuedAt > now.Unix()+leeway:
		return fail("result-expired", "RFC 7519 section 4.1.6", "the result was issued in the future")
	case r.validUntil(maxAge)+leeway <= now.Unix():
		return fail("result-expired", "RFC 7519 section 4.1.4", "the result ended %d seconds ago",
			now.Unix()-r.validUntil(maxAge))
	}
	return nil
}

// badness orders tiers: what says nothing is worse than affirming, better than a warning.
func badness(tier ear.TrustTier) int {
	switch tier {
	case ear.TrustTierAffirming:
		return 0
	case ear.TrustTierNone:
		return 1
	}
	return int(tier)
}

// tier: the worst of all submodules and of their trust vectors.
func (r *attestationResult) tier() ear.TrustTier {
	worst := ear.TrustTierAffirming
	for _, submod := range r.Submods {
		tiers := []ear.TrustTier{*submod.Status}
		if submod.TrustVector != nil {
			for _, claim := range submod.TrustVector.AsMap() {
				if claim != 0 {
					tiers = append(tiers, claim.GetTier())
				}
			}
		}
		for _, tier := range tiers {
			if badness(tier) > badness(worst) {
				worst = tier
			}
		}
	}
	return worst
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/veraison/cmw"
	"github.com/veraison/ear"
)

// The relying party: its own checks first, then the verifier's word in the background check, or
// the presented result in the passport model. No verdict, no connection.

const (
	backgroundCheck = "background-check"
	passport        = "passport"
	none            = "none"
)

type trust struct{ id, source string }

type relyingParty struct {
	opts   *options
	client *verifierClient
	events *events
}

// appraisal is one judgement of one credential.
type appraisal struct {
	*relyingParty
	conn      int
	model     string
	challenge []byte
	leaf      *ecdsa.PublicKey
	keyFrom   string
}

func (rp *relyingParty) has(model string) bool {
	for _, one := range rp.opts.relyingParty {
		if one == model {
			return true
		}
	}
	return false
}

// modelOf: a result, or evidence? Nobody negotiated it, so the CMW itself tells.
func (rp *relyingParty) modelOf(data []byte) string {
	model := backgroundCheck
	if w, err := parseWrapper(data); err == nil && !w.isCollection() && w.is(typeEATJWT) {
		model = passport
	}
	if rp.has(model) {
		return model
	}
	return rp.opts.relyingParty[0]
}

// appraise judges data, which came beside leaf and must answer challenge.
func (rp *relyingParty) appraise(conn int, challenge []byte, leaf *ecdsa.PublicKey, data []byte) (
	string, *failure) {
	a := &appraisal{relyingParty: rp, conn: conn, model: rp.modelOf(data), challenge: challenge,
		leaf: leaf}
	rp.events.emit("challenge", fields{"conn": conn, "direction": "computed",
		"nonce": hex.EncodeToString(challenge)})
	rp.events.credential(conn, "received", data)
	var tier ear.TrustTier
	var mismatches []any
	var why *failure
	if a.model == passport {
		tier, mismatches, why = a.passport(data)
	} else {
		tier, mismatches, why = a.backgroundCheck(data)
	}
	a.tell(tier, mismatches, why)
	return a.model, why
}

func (a *appraisal) tell(tier ear.TrustTier, mismatches []any, why *failure) {
	f := fields{"conn": a.conn, "tier": ear.TrustTierToString[tier], "accepted": why == nil,
		"reason": "ok", "detail": "the result is " + ear.TrustTierToString[tier], "clause": "",
		"mismatches": []any{}}
	if why == nil {
		f["key_from"] = a.keyFrom
	} else {
		f["reason"], f["detail"], f["clause"] = why.reason, why.detail, why.clause
	}
	if mismatches != nil {
		f["mismatches"] = mismatches
	}
	a.events.emit("verdict", f)
}

// asFailure: errors of the parsers and of the client are failures already.
func asFailure(err error) *failure {
	var why *failure
	if errors.As(err, &why) {
		return why
	}
	return fail("internal", "", "%v", err)
}

func (a *appraisal) backgroundCheck(data []byte) (ear.TrustTier, []any, *failure) {
	e, err := parseEvidence(data)
	if err != nil {
		return ear.TrustTierNone, nil, asFailure(err)
	}
	a.keyFrom = "evidence"
	var why *failure
	if e.isCAB {
		why = e.checkCAB(a.challenge, a.leaf)
	} else {
		a.keyFrom = "binder"
		if !sameBytes(e.tokenNonce, a.challenge) {
			why = otherBinder("evidence", a.challenge, e.tokenNonce)
		}
	}
	if why != nil {
		return ear.TrustTierNone, nil, why
	}
	jwt, nonce, err := a.ask(e)
	if err != nil {
		return ear.TrustTierNone, nil, asFailure(err)
	}
	key, err := a.client.key(a.opts.verifier)
	if err != nil {
		return ear.TrustTierNone, nil, asFailure(err)
	}
	return a.judge(jwt, key, nonce)
}

// ask brings evidence to the verifier, and returns its result and the nonce that this answers. A
// verifier that knows nothing of CABs gets the PAT alone, in a session whose nonce is the linkage
// that was checked here.
func (a *appraisal) ask(e *evidence) (jwt, nonce []byte, err error) {
	nonce = a.challenge
	types, body := psaTypes, e.token
	if e.isCAB {
		types, body = []string{typeCMWCBOR}, e.raw
		if e.w.json {
			types = []string{typeCMWJSON}
		}
	}
	session, err := a.client.open(a.opts.verifier, nonce, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { session.close() }()
	mediaType, takes := session.choose(types...)
	if e.isCAB && (!takes || a.opts.patAlone) {
		session.close()
		nonce, body = e.tokenNonce, e.token
		if session, err = a.client.open(a.opts.verifier, nonce, 0); err != nil {
			return nil, nil, err
		}
		mediaType, takes = session.choose(psaTypes...)
	}
	if !takes {
		return nil, nil, fail("verifier-error", clauseSession,
			"the verifier takes no evidence of this kind: %s", strings.Join(session.accept, ", "))
	}
	jwt, err = session.submit(mediaType, body)
	return jwt, nonce, err
}

// passport judges a presented result by the key of the verifier that it must be of.
func (a *appraisal) passport(data []byte) (ear.TrustTier, []any, *failure) {
	w, err := parseWrapper(data)
	if err != nil {
		return ear.TrustTierNone, nil, asFailure(err)
	}
	if w.isCollection() || !w.is(typeEATJWT) || !w.mayBe(cmw.AttestationResults) {
		return ear.TrustTierNone, nil, fail("malformed-result", clauseWrapper,
			"an attestation result (%s) was expected, another CMW came", typeEATJWT)
	}
	jwt := w.value()
	result, err := readResult(jwt)
	if err != nil {
		return ear.TrustTierNone, nil, asFailure(err)
	}
	if result.key == nil && !a.opts.resultBound {
		return ear.TrustTierNone, nil, fail("result-without-key", clauseEAR,
			"a result that attests a key (akpub) was expected, it names none")
	}
	a.keyFrom = map[bool]string{true: "binder", false: "result"}[result.key == nil]
	by := a.trusted(result.issuer)
	key, err := a.trustedKey(by)
	if err != nil {
		return ear.TrustTierNone, nil, asFailure(err)
	}
	if err := verifyResult(jwt, key); err != nil {
		if result.issuer != "" && result.issuer != by.id {
			return ear.TrustTierNone, nil, otherIssuer(by.id, result.issuer)
		}
		return ear.TrustTierNone, nil, fail("result-signature-invalid", "RFC 7515 section 5.2",
			"%v", err)
	}
	return a.conclude(result, by.id)
}

// trusted: in x509-cmw the first trusted verifier; in expat-04 the one that the result names.
func (a *appraisal) trusted(issuer string) trust {
	if a.opts.profile == profileExpat {
		for _, one := range a.opts.trusted {
			if one.id == issuer {
				return one
			}
		}
	}
	return a.opts.trusted[0]
}

func (a *appraisal) trustedKey(by trust) (*ecdsa.PublicKey, error) {
	if strings.Contains(by.source, "://") {
		return a.client.key(by.source)
	}
	text, err := os.ReadFile(by.source)
	if err != nil {
		return nil, fail("internal", "", "%v", err)
	}
	key, err := parseVerifierKey(text)
	if err != nil {
		return nil, fail("internal", "RFC 7517 section 4", "%s: %v", by.source, err)
	}
	return key, nil
}

func otherIssuer(expected, came string) *failure {
	return fail("verifier-untrusted", "RFC 7519 section 4.1.1",
		"a result of verifier %s was expected, one of %.100q came", expected, came)
}

// judge reads a result that came straight from the verifier: what is wrong with it is its fault.
func (a *appraisal) judge(jwt []byte, key *ecdsa.PublicKey, nonce []byte) (ear.TrustTier, []any,
	*failure) {
	result, err := readResult(jwt)
	if err == nil {
		if bad := verifyResult(jwt, key); bad != nil {
			err = fail("result-signature-invalid", "RFC 7515 section 5.2", "%v", bad)
		}
	}
	var expires *int64
	if err == nil {
		left := result.validUntil(a.opts.resultMaxAge) - a.now().Unix()
		expires = &left
	}
	a.events.result(a.conn, "verifier", a.events.artifact(a.conn, "result.jwt", jwt), expires)
	if err != nil {
		why := asFailure(err)
		if why.reason == "malformed-result" {
			why.reason = "verifier-garbage"
		}
		return ear.TrustTierNone, nil, why.withAlert(alertInternalError)
	}
	if result.nonce != nil && !sameBytes(result.nonce, nonce) {
		return ear.TrustTierNone, nil, fail("nonce-mismatch", clauseEATNonce,
			"the verifier's result is about another session: its eat_nonce is not the session's").
			withAlert(alertInternalError)
	}
	return a.conclude(result, "")
}

func (a *appraisal) now() time.Time {
	return time.Now().Add(time.Duration(a.opts.clockOffset) * time.Second)
}

// conclude: what holds for results however they came; then the tier against policy.
func (a *appraisal) conclude(result *attestationResult, issuer string) (ear.TrustTier, []any,
	*failure) {
	if why := result.checkTime(a.now(), a.opts.resultMaxAge); why != nil {
		return ear.TrustTierNone, nil, why
	}
	if issuer != "" && result.issuer != "" && result.issuer != issuer {
		return ear.TrustTierNone, nil, otherIssuer(issuer, result.issuer)
	}
	answers := result.nonce != nil && sameBytes(result.nonce, a.challenge)
	if a.model == passport && a.opts.resultAnswers && !answers {
		return ear.TrustTierNone, nil, otherBinder("the result", a.challenge, result.nonce)
	}
	if a.model == passport && result.key == nil && !answers {
		return ear.TrustTierNone, nil, fail("result-without-key", clauseEAR,
			"a result that attests a key (akpub) or answers the binder was expected, it does neither")
	}
	if result.key != nil && !result.key.Equal(a.leaf) {
		return ear.TrustTierNone, nil, fail("key-mismatch", clauseLinkage,
			"the result attests another key than that of the certificate")
	}
	tier := result.tier()
	if tier == ear.TrustTierAffirming || tier == ear.TrustTierWarning && a.opts.acceptWarning {
		return tier, nil, nil
	}
	mismatches, why := result.refusal(tier)
	return tier, mismatches, why
}

// Words of the contract that a verifier may give as its reason.
var verifierReasons = map[string]bool{
	"reference-value-mismatch": true, "unknown-component": true, "version-not-endorsed": true,
	"unknown-attestation-key": true, "pat-signature-invalid": true, "kat-signature-invalid": true,
	"linkage-mismatch": true, "platform-token-caller": true, "nonce-mismatch": true,
	"attestation-key-mismatch": true, "key-name-mismatch": true, "key-unprotected": true,
	"nonce-length": true, "lifecycle-not-secured": true, "evidence-replayed": true,
	"evidence-expired": true, "malformed-cmw": true,
	"malformed-cbor": true, "malformed-cose": true, "malformed-claims": true,
}

// refusal: the verifier's own words where it gives them, otherwise the tier's.
func (r *attestationResult) refusal(tier ear.TrustTier) ([]any, *failure) {
	name := ear.TrustTierToString[tier]
	why := fail("tier-"+name, clauseEAR, "the result's tier is %s", name)
	for _, submod := range r.Submods {
		if submod.VeraisonPolicyClaims == nil {
			continue
		}
		claims := *submod.VeraisonPolicyClaims
		said, _ := claims["atls.reason"].(string)
		if !verifierReasons[said] {
			continue
		}
		why.reason = said
		if detail, is := claims["atls.detail"].(string); is {
			why.detail = detail
		}
		if clause, is := claims["atls.clause"].(string); is {
			why.clause = clause
		}
		return mismatchesOf(claims), why
	}
	return nil, why
}

func mismatchesOf(claims map[string]any) []any {
	list, _ := claims["atls.mismatches"].([]any)
	var taken []any
	for i, one := range list {
		entry, _ := one.(map[string]any)
		component, isText := entry["component"].(string)
		measured, isHex := entry["measured"].(string)
		expected, isList := entry["expected"].([]any)
		if isText && isHex && isList && i < 64 {
			taken = append(taken, fields{"component": component, "measured": measured,
				"expected": expected})
		}
	}
	return taken
}

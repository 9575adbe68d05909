// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/cmw"
	"github.com/veraison/go-cose"
)

// Evidence: a CAB (KAT and PAT, draft-bft-rats-kat-06) or a bare PSA token. Signatures, COSE keys
// and COSE messages are go-cose's; what the tokens claim about the platform is the verifier's
// affair, so that only nonces and keys are read here.

const (
	claimCNF       = uint64(8)
	claimNonce     = uint64(10)
	claimKAK       = uint64(2500)
	claimOldNonce  = int64(-75008)
	cnfCOSEKey     = uint64(1)
	clauseKAT      = "KAT-06 section 3"
	clauseLinkage  = "KAT-06 section 4"
	clauseCOSE     = "RFC 9052 section 4.2"
	clauseEATNonce = "RFC 9711 section 4.1"
)

type evidence struct {
	raw []byte // the CMW as it came
	w   *wrapper

	token      []byte // the bare PSA token, or the PAT of a CAB
	tokenNonce []byte

	isCAB bool
	kat   *cose.Sign1Message
	nonce []byte // the KAT's
	kak   *ecdsa.PublicKey
	kakAs []byte // as it came
	key   *ecdsa.PublicKey
}

// parseSign1 takes a COSE_Sign1 with or without its tag, and returns it with its payload checked.
func parseSign1(data []byte, rules cborRules) (*cose.Sign1Message, error) {
	if err := checkCBOR(data, rules); err != nil {
		return nil, fail("malformed-cbor", "RFC 8949 section 4.1", "COSE_Sign1: %v", err)
	}
	var message cose.Sign1Message
	var err error
	if data[0] == 0xd2 {
		err = message.UnmarshalCBOR(data)
	} else {
		err = (*cose.UntaggedSign1Message)(&message).UnmarshalCBOR(data)
	}
	if err != nil {
		return nil, fail("malformed-cose", clauseCOSE, "%v", err)
	}
	algorithm, err := message.Headers.Protected.Algorithm()
	if err != nil || algorithm != cose.AlgorithmES256 && algorithm != cose.AlgorithmES384 &&
		algorithm != cose.AlgorithmES512 {
		return nil, fail("malformed-cose", clauseCOSE, "ES256, ES384 or ES512 was expected in the "+
			"protected header, %v came (%v)", algorithm, err)
	}
	if message.Payload == nil {
		return nil, fail("malformed-cose", clauseCOSE, "the payload is detached")
	}
	if err := checkCBOR(message.Payload, rules); err != nil {
		return nil, fail("malformed-cbor", "RFC 8949 section 4.1", "payload: %v", err)
	}
	return &message, nil
}

// parseKey reads a COSE_Key whose point is on its curve.
func parseKey(raw cbor.RawMessage) (*ecdsa.PublicKey, error) {
	var key cose.Key
	if err := key.UnmarshalCBOR(raw); err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	point, is := public.(*ecdsa.PublicKey)
	if !is || point.Curve != elliptic.P256() && point.Curve != elliptic.P384() {
		return nil, fmt.Errorf("a key on P-256 or P-384 was expected")
	}
	if _, err := point.ECDH(); err != nil {
		return nil, err
	}
	return point, nil
}

func nonceOf(claims map[any]cbor.RawMessage) ([]byte, error) {
	raw, there := claims[claimNonce]
	old, alsoThere := claims[claimOldNonce]
	if there && alsoThere {
		return nil, fmt.Errorf("nonces of two profiles (10 and %d)", claimOldNonce)
	}
	if !there {
		raw, there = old, alsoThere
	}
	if !there {
		return nil, fmt.Errorf("no eat_nonce (10)")
	}
	nonce, err := byteString(raw)
	if err != nil {
		return nil, fmt.Errorf("eat_nonce: %w", err)
	}
	if len(nonce) < 8 || len(nonce) > 64 {
		return nil, fmt.Errorf("an eat_nonce of 8 to 64 bytes was expected, %d came", len(nonce))
	}
	return nonce, nil
}

func (e *evidence) readKAT(payload []byte) error {
	claims, err := claimsOf(payload)
	if err != nil {
		return err
	}
	if claims[claimNonce] == nil || claims[claimCNF] == nil || claims[claimKAK] == nil {
		return fmt.Errorf("a KAT has eat_nonce (10), cnf (8) and kak-pub (2500)")
	}
	if e.nonce, err = nonceOf(map[any]cbor.RawMessage{claimNonce: claims[claimNonce]}); err != nil {
		return err
	}
	cnf, err := claimsOf(claims[claimCNF])
	if err != nil || len(cnf) != 1 || cnf[cnfCOSEKey] == nil {
		return fmt.Errorf("cnf holds a COSE_Key (1) and nothing else")
	}
	if e.key, err = parseKey(cnf[cnfCOSEKey]); err != nil {
		return fmt.Errorf("cnf: %w", err)
	}
	if e.kak, err = parseKey(claims[claimKAK]); err != nil {
		return fmt.Errorf("kak-pub: %w", err)
	}
	e.kakAs = claims[claimKAK]
	return nil
}

// readToken reads the nonce of a PSA token or PAT. Its CBOR may be as its maker likes.
func (e *evidence) readToken(token []byte) error {
	message, err := parseSign1(token, lenientCBOR)
	if err != nil {
		return err
	}
	claims, err := claimsOf(message.Payload)
	if err == nil {
		e.tokenNonce, err = nonceOf(claims)
	}
	if err != nil {
		return fail("malformed-claims", clauseEATNonce, "PSA token: %v", err)
	}
	e.token = token
	return nil
}

// parseEvidence: a bare token stands only beside a leaf, whose key the binder ties to it.
func parseEvidence(data []byte) (*evidence, error) {
	w, err := parseWrapper(data)
	if err != nil {
		return nil, err
	}
	e := &evidence{raw: data, w: w}
	if !w.isCollection() {
		for _, name := range append([]string{typeEATCWT}, psaTypes...) {
			if w.is(name) {
				if !w.mayBe(cmw.Evidence) {
					return nil, fail("malformed-cmw", clauseWrapper,
						"evidence was expected, the indicator says that it is none")
				}
				return e, e.readToken(w.value())
			}
		}
		return nil, fail("malformed-cmw", clauseKAT, "a CAB or a PSA token was expected")
	}
	return e, e.readCAB()
}

func (e *evidence) readCAB() error {
	e.isCAB = true
	kat, hasKAT := e.w.member("kat")
	pat, hasPAT := e.w.member("pat")
	if hasKAT && !kat.isCollection() {
		message, err := parseSign1(kat.value(), strictCBOR)
		if err != nil {
			return err
		}
		e.kat = message
		if err := e.readKAT(message.Payload); err != nil {
			return fail("malformed-claims", clauseKAT, "%v", err)
		}
	}
	if hasPAT && !pat.isCollection() {
		if err := e.readToken(pat.value()); err != nil {
			return err
		}
	}
	kind, _ := e.w.GetCollectionType()
	members, _ := e.w.GetCollectionMeta()
	if kind != cabType || e.kat == nil || e.token == nil || len(members) != 2 {
		return fail("malformed-cmw", clauseKAT,
			"a CAB has the type %s, \"kat\" and \"pat\", and nothing else", cabType)
	}
	for _, member := range []*wrapper{kat, pat} {
		if !member.is(typeEATCWT) || !member.mayBe(cmw.Evidence) {
			return fail("malformed-cmw", clauseKAT, "members of a CAB are evidence, %s", typeEATCWT)
		}
	}
	return nil
}

// checkCAB: what the relying party alone can know, whatever a verifier says.
func (e *evidence) checkCAB(challenge []byte, leaf *ecdsa.PublicKey) *failure {
	algorithm, _ := e.kat.Headers.Protected.Algorithm()
	if (algorithm == cose.AlgorithmES256) != (e.kak.Curve == elliptic.P256()) {
		return fail("kat-signature-invalid", clauseKAT, "%v does not go with kak-pub", algorithm)
	}
	verifier, err := cose.NewVerifier(algorithm, e.kak)
	if err == nil {
		err = e.kat.Verify(nil, verifier)
	}
	if err != nil {
		return fail("kat-signature-invalid", clauseKAT, "under its kak-pub: %v", err)
	}
	if !sameBytes(e.nonce, challenge) {
		return otherBinder("evidence", challenge, e.nonce)
	}
	if linkage := sha256.Sum256(e.kakAs); !sameBytes(e.tokenNonce, linkage[:]) {
		return fail("linkage-mismatch", clauseLinkage,
			"the PAT's eat_nonce is not the SHA-256 hash of the KAT's kak-pub")
	}
	if !e.key.Equal(leaf) {
		return fail("key-mismatch", clauseLinkage,
			"the KAT attests another key than that of the certificate")
	}
	return nil
}

func otherBinder(what string, expected, came []byte) *failure {
	return fail("binder-mismatch", clauseEATNonce, "%s answers another binder: expected %x, came %x",
		what, expected, came)
}

func sameBytes(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

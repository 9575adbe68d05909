// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/veraison/cmw"
)

// The attester of expat-04: evidence of the device over the binding, or a result that a verifier
// made of such evidence, as a CMW. In x509-cmw the leaf holds it already.
type attester struct {
	opts   *options
	device *device
	key    *deviceKey
	client *verifierClient
	events *events

	mu        sync.Mutex
	stale     []byte // of a fault
	staleType string
	jwt       []byte
	file      string
	expires   int64
}

// prepareFaults makes what must be there before any challenge.
func (a *attester) prepareFaults() error {
	if !a.opts.faults["stale-nonce"] {
		return nil
	}
	old := make([]byte, 32)
	if _, err := rand.Read(old); err != nil {
		return err
	}
	var err error
	a.staleType, a.stale, err = a.evidence(old)
	return err
}

func (a *attester) fault(conn int, name, detail string) {
	a.events.emit("fault", fields{"conn": conn, "name": name, "detail": detail})
}

// answer is evidence for the challenge, or what a fault has in its place.
func (a *attester) answer(conn int, challenge []byte) (mediaType string, data []byte, err error) {
	if a.stale != nil {
		a.fault(conn, "stale-nonce", "the evidence was made before the challenge")
		return a.staleType, a.stale, nil
	}
	if a.opts.foreignNonce != nil {
		a.fault(conn, faultForeign, "the evidence is over another session's nonce")
		challenge = a.opts.foreignNonce
	}
	return a.evidence(challenge)
}

// evidence answers the challenge.
func (a *attester) evidence(challenge []byte) (mediaType string, data []byte, err error) {
	if a.opts.evidenceFormat == "psa" {
		data, err = a.device.attestPlatform(challenge)
		return typeEATCWT, data, err
	}
	data, err = a.device.attestKey(a.key.handle, challenge)
	if err != nil || a.opts.serialization == "cbor" {
		return typeCMWCBOR, data, err
	}
	w, err := parseWrapper(data)
	if err != nil {
		return "", nil, unavailable("the device's CAB: %v", err)
	}
	data, err = w.MarshalJSON()
	return typeCMWJSON, data, err
}

// wrap puts what is no collection into a record or a tag.
func (a *attester) wrap(format uint16, mediaType string, use cmw.Indicator, data []byte) ([]byte,
	error) {
	var kind any = format
	if a.opts.serialization == "json" {
		kind = mediaType
	}
	w, err := cmw.NewMonad(kind, data, use)
	if err != nil {
		return nil, err
	}
	if a.opts.serialization == "json" {
		return w.MarshalJSON()
	}
	if a.opts.cmwForm == "tag" {
		w.UseCBORTagFormat()
	}
	return w.MarshalCBOR()
}

// credential makes the CMW that answers the binding.
func (a *attester) credential(conn int, binding []byte) ([]byte, error) {
	var data []byte
	var err error
	if a.opts.attester[0] == passport && a.opts.resultAnswers {
		data, err = a.boundResult(conn, binding)
	} else if a.opts.attester[0] == passport {
		data, err = a.result(conn)
	} else if _, data, err = a.answer(conn, binding); err == nil && a.opts.evidenceFormat == "psa" {
		data, err = a.wrap(formatEATCWT, typeEATCWT, cmw.Evidence, data)
	}
	if err != nil {
		return nil, asFailure(err)
	}
	a.events.credential(conn, "sent", data)
	return data, nil
}

// result: the one that is kept, while it lasts, or a new one.
func (a *attester) result(conn int) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	source := "cache"
	now := time.Now().Unix() + a.opts.clockOffset
	if a.jwt == nil || a.expires-now <= 5 {
		if err := a.fetch(conn); err != nil {
			return nil, err
		}
		source = "verifier"
	}
	left := a.expires - now
	a.events.result(conn, source, a.file, &left)
	return a.wrap(formatEATJWT, typeEATJWT, cmw.AttestationResults, a.jwt)
}

// boundResult: one that answers the binding of this connection, and is kept for no other.
func (a *attester) boundResult(conn int, binding []byte) ([]byte, error) {
	a.events.emit("challenge", fields{"conn": conn, "direction": "computed",
		"nonce": hex.EncodeToString(binding)})
	jwt, err := a.fetchOver(binding)
	if err != nil {
		return nil, err
	}
	a.events.result(conn, "verifier", a.events.artifact(conn, "own-result.jwt", jwt), nil)
	return a.wrap(formatEATJWT, typeEATJWT, cmw.AttestationResults, jwt)
}

func (a *attester) fetch(conn int) error {
	jwt, err := a.fetchOver(nil)
	if err != nil {
		return err
	}
	a.jwt, a.file = jwt, a.events.artifact(conn, "own-result.jwt", jwt)
	a.expires = time.Now().Unix() + a.opts.clockOffset + a.opts.resultMaxAge
	if read, err := readResult(jwt); err == nil { // its times only; to judge it is the peer's affair
		a.expires = read.validUntil(a.opts.resultMaxAge)
	}
	return nil
}

// fetchOver gets a result from the verifier, in a session with this nonce, or with its own.
func (a *attester) fetchOver(nonce []byte) ([]byte, error) {
	session, err := a.client.open(a.opts.verifier, nonce, 32)
	if err != nil {
		return nil, err
	}
	defer session.close()
	mediaType, data, err := a.evidence(session.nonce)
	if err != nil {
		return nil, err
	}
	types := []string{mediaType}
	if a.opts.evidenceFormat == "psa" {
		types = psaTypes
	}
	chosen, takes := session.choose(types...)
	if !takes {
		return nil, fail("verifier-error", clauseSession, "the verifier does not take %s", types[0])
	}
	return session.submit(chosen, data)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/veraison/go-cose"
)

// draft-fossati-seat-expat-04 behind an ordinary handshake: requests, authenticators and the lines
// in frames (harness/peers/README.md). Each side says done when it has accepted all it asked for.

const (
	frameRequest       = 1
	frameAuthenticator = 2
	frameLine          = 3
	frameDone          = 4
	frameAlert         = 5

	clauseExpat  = "draft-fossati-seat-expat-04 section 3"
	clauseFrames = "harness/peers/README.md, frames of expat-04"
	exportedSize = 32
	contextSize  = 32
)

var frameBounds = map[byte][2]int{frameRequest: {1, 65535}, frameAuthenticator: {1, 1 << 20},
	frameLine: {0, 4095}, frameDone: {0, 0}, frameAlert: {1, 1}}

type expat struct {
	*session
	hash        crypto.Hash
	export      exporter
	own, theirs exportedKeys
	used        map[string]bool // contexts, whoever chose them

	in        *bufio.Reader
	request   *authenticatorRequest // that this side made and that is open
	answered  *authenticatorRequest // that PENDING answers
	pending   *authenticator        // validated, to be judged
	rounds    int                   // requests made
	taken     int                   // requests that came
	satisfied bool

	doneSent, doneReceived, lineSent, lineReceived bool
}

func newExpat(s *session) *expat {
	return &expat{session: s, used: map[string]bool{}, satisfied: s.relyingParty == nil,
		in: bufio.NewReaderSize(s.tls, 32768)}
}

func (x *expat) prepare() *failure {
	state := x.tls.ConnectionState()
	x.export = state.ExportKeyingMaterial
	x.hash = crypto.SHA256
	if state.CipherSuite == tls.TLS_AES_256_GCM_SHA384 {
		x.hash = crypto.SHA384
	}
	var err error
	if x.own, err = exportKeys(x.export, x.hash, x.opts.client); err == nil {
		x.theirs, err = exportKeys(x.export, x.hash, !x.opts.client)
	}
	if err != nil {
		return fail("internal", "", "exporter: %v", err)
	}
	x.verifiedWith = nil // the keys that count are those of the authenticators
	return nil
}

// run is the whole exchange; a refusal is told to the peer before it returns.
func (x *expat) run() *failure {
	why := x.prepare()
	if why == nil {
		why = x.exchange()
	}
	if why == nil {
		return nil
	}
	if !why.received && why.reason != "peer-closed" && why.reason != "timeout" {
		why.alert = why.expatAlert()
		_ = x.send(frameAlert, []byte{byte(why.alert)})
	}
	return why
}

func (x *expat) exchange() *failure {
	if x.opts.faults["application-data-early"] {
		x.fault("application-data-early", "the line goes before anything was attested")
		if why := x.sendLine(); why != nil {
			return why
		}
	}
	if !x.satisfied {
		if why := x.ask(); why != nil {
			return why
		}
	}
	for {
		// What came is looked at before anything is judged or said: two in a row show so.
		if x.in.Buffered() == 0 {
			if why := x.advance(); why != nil {
				return why
			}
		}
		if x.lineSent && x.lineReceived {
			return nil
		}
		kind, body, why := x.receive()
		if why == nil {
			why = x.take(kind, body)
		}
		if why != nil {
			return why
		}
	}
}

// advance does what follows from where both sides are.
func (x *expat) advance() *failure {
	if x.pending != nil {
		if why := x.judge(x.pending); why != nil {
			return why
		}
	}
	if x.satisfied && !x.doneSent {
		x.doneSent = true
		if why := x.send(frameDone, nil); why != nil {
			return why
		}
	}
	if !x.doneSent || !x.doneReceived {
		return nil
	}
	x.report(nil)
	if !x.lineSent && (x.opts.client || x.lineReceived) {
		return x.sendLine()
	}
	return nil
}

func (x *expat) send(kind byte, body []byte) *failure {
	if _, err := x.tls.Write(prefixed([]byte{kind}, 3, body)); err != nil {
		return ended(err)
	}
	return nil
}

func (x *expat) receive() (byte, []byte, *failure) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(x.in, header); err != nil {
		return 0, nil, ended(err)
	}
	kind, size := header[0], int(header[1])<<16|int(header[2])<<8|int(header[3])
	bounds, known := frameBounds[kind]
	if !known || size < bounds[0] || size > bounds[1] {
		return 0, nil, malformed(clauseFrames, "a frame of type %d with %d bytes", kind, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(x.in, body); err != nil {
		return 0, nil, ended(err)
	}
	return kind, body, nil
}

func unexpected(text string) *failure {
	return malformed(clauseFrames, "%s", text).withAlert(alertUnexpectedMessage)
}

func (x *expat) take(kind byte, body []byte) *failure {
	switch kind {
	case frameRequest:
		if x.doneReceived {
			return unexpected("a request came behind done")
		}
		return x.answer(body)
	case frameAuthenticator:
		return x.authenticated(body)
	case frameLine:
		return x.takeLine(body)
	case frameDone:
		if x.doneReceived {
			return unexpected("done came twice")
		}
		x.doneReceived = true
		return nil
	}
	return receivedAlert(int(body[0]))
}

func (x *expat) sendLine() *failure {
	x.lineSent = true
	why := x.send(frameLine, []byte(x.opts.message))
	x.line("sent", []byte(x.opts.message))
	return why
}

func (x *expat) takeLine(body []byte) *failure {
	if !x.doneSent || !x.doneReceived {
		return fail("application-data-early", clauseFrames,
			"application data came before attestation was complete")
	}
	if x.lineReceived {
		return unexpected("one line was expected, another one came")
	}
	x.lineReceived = true
	x.line("received", body)
	return nil
}

func (x *expat) fault(name, detail string) {
	x.events.emit("fault", fields{"conn": x.conn, "name": name, "detail": detail})
}

func (x *expat) tell(direction, what string, round int, context []byte, size int) {
	x.events.emit("authenticator", fields{"conn": x.conn, "direction": direction, "message": what,
		"round": round, "context": hex.EncodeToString(context), "bytes": size})
}

// bind: Hash(public_key || exporter for the request's context), sections 5.1 and 5.2.
func (x *expat) bind(spki, context []byte) ([]byte, *failure) {
	exported, err := x.export(x.opts.exporterLabel, context, exportedSize)
	if err != nil {
		return nil, fail("internal", "", "exporter: %v", err)
	}
	public, err := publicKeyBytes(x.opts.publicKey, spki)
	if err != nil {
		return nil, fail("internal", "", "%v", err)
	}
	return bindingOf(x.hash, public, exported), nil
}

func bindingOf(hash crypto.Hash, public, exported []byte) []byte {
	h := hash.New()
	h.Write(public)
	h.Write(exported)
	return h.Sum(nil)
}

// publicKeyBytes: H6, what the draft's public_key is in bytes.
func publicKeyBytes(reading string, spki []byte) ([]byte, error) {
	if reading == "spki" {
		return spki, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	key, is := parsed.(*ecdsa.PublicKey)
	if !is {
		return nil, fmt.Errorf("an EC key was expected")
	}
	if reading == "raw-point" {
		return key.Bytes()
	}
	key2, err := cose.NewKeyFromPublic(key)
	if err != nil {
		return nil, err
	}
	key2.Algorithm = 0 // the reading is the bare key: kty, crv, x, y
	return key2.MarshalCBOR()
}

// ask makes the next request. Its context is the verifier's nonce where there is a verifier.
func (x *expat) ask() *failure {
	context := make([]byte, contextSize)
	if _, err := rand.Read(context); err != nil {
		return fail("internal", "", "%v", err)
	}
	if x.relyingParty.has(backgroundCheck) {
		nonce, why := x.relyingParty.freshNonce(x.conn)
		if why != nil {
			return why
		}
		context = nonce
	}
	schemes := []byte{0, 8, schemeP256 >> 8, schemeP256 & 255, schemeP384 >> 8, schemeP384 & 255,
		schemePSS >> 8, schemePSS & 255, schemeEd25519 >> 8, schemeEd25519 & 255}
	whole := makeRequest(x.opts.client, context, []extension{
		{x.opts.cmwAttestation, nil}, {extensionSchemes, schemes}})
	request, why := parseRequest(x.opts.client, whole)
	if why != nil {
		return fail("internal", "", "own request: %v", why)
	}
	x.request = request
	x.used[string(context)] = true
	x.rounds++
	x.tell("sent", "request", x.rounds, context, len(whole))
	return x.send(frameRequest, whole)
}

// freshNonce: of a session of the verifier's. The evidence will answer the binding, in another one.
func (rp *relyingParty) freshNonce(conn int) ([]byte, *failure) {
	session, err := rp.client.open(rp.opts.verifier, nil, rp.opts.nonceSize)
	if err != nil {
		why := asFailure(err)
		(&appraisal{relyingParty: rp, conn: conn}).tell(0, nil, why)
		return nil, why
	}
	session.close()
	rp.events.emit("challenge", fields{"conn": conn, "direction": "sent",
		"nonce": hex.EncodeToString(session.nonce)})
	return session.nonce, nil
}

// authenticated: an authenticator came. Is it due, and whose, and what is in it?
func (x *expat) authenticated(body []byte) *failure {
	var context []byte
	kind := "empty"
	if !isEmpty(body) {
		kind = "authenticator"
		context, _ = contextOf(body)
	}
	due := x.request != nil && (context == nil || bytes.Equal(context, x.request.context))
	round, shown := 0, context
	if due {
		round, shown = x.rounds, x.request.context
	}
	x.tell("received", kind, round, shown, len(body))
	if !due {
		return x.unsolicited(body)
	}
	a, why := x.theirs.validate(x.request, body)
	if why != nil && why.reason == "attestation-missing" {
		return x.notAttested(why)
	}
	if why == nil {
		x.pending, x.answered, x.request = a, x.request, nil
	}
	return why
}

// unsolicited: RFC 9261 says what is wrong with it, if nothing else is.
func (x *expat) unsolicited(body []byte) *failure {
	if isEmpty(body) {
		return unexpected("an empty authenticator came that nobody asked for")
	}
	a, why := parseAuthenticator(body)
	if why != nil {
		return why
	}
	if x.used[string(a.context)] {
		return fail("authenticator-context", "RFC 9261 section 7.4",
			"certificate_request_context: it was used before")
	}
	if x.opts.client {
		// What crypto/tls offers in its ClientHello and may be in a Certificate.
		if why := a.checkExtensions([]extension{{kind: 5}, {kind: 18}}); why != nil {
			return why
		}
	}
	return unexpected("an authenticator came that nobody asked for")
}

func (x *expat) notAttested(why *failure) *failure {
	if x.opts.required {
		return why
	}
	x.request, x.satisfied = nil, true
	return nil
}

func (x *expat) judge(a *authenticator) *failure {
	x.pending = nil
	for i, one := range a.entries[1:] {
		if find(one.extensions, x.opts.cmwAttestation) != nil {
			return fail("malformed-extension", clauseExpat,
				"cmw_attestation was expected in the first CertificateEntry only, it is in number %d",
				i+2).withAlert(alertIllegalParameter)
		}
	}
	if why := x.verifyChain(a.chain); why != nil {
		return why
	}
	payload := find(a.entries[0].extensions, x.opts.cmwAttestation)
	if payload == nil {
		return x.notAttested(fail("attestation-missing", "draft-fossati-seat-expat-04 section 3.1",
			"the authenticator has no cmw_attestation"))
	}
	data, rest, err := vector(payload.data, 2)
	if err != nil || len(rest) > 0 || len(data) == 0 {
		return fail("malformed-extension", clauseExpat, "cmw_data has a length of two bytes, then "+
			"one byte or more, and nothing behind it")
	}
	leaf, is := a.chain[0].PublicKey.(*ecdsa.PublicKey)
	if !is {
		return fail("key-mismatch", clauseExpat, "an EC key was expected in the certificate")
	}
	spki := a.chain[0].RawSubjectPublicKeyInfo
	binding, why := x.bind(spki, x.answered.context)
	if why != nil {
		return why
	}
	model, why := x.relyingParty.appraise(x.conn, binding, leaf, data)
	if why != nil {
		return why
	}
	x.peerModel, x.verifiedWith = model, spki
	if x.rounds <= x.opts.reattest {
		return x.ask()
	}
	x.satisfied = true
	return nil
}

// answer makes the authenticator that a request wants: with attestation, with X.509 alone, or none.
func (x *expat) answer(body []byte) *failure {
	request, why := parseRequest(!x.opts.client, body)
	if why != nil {
		return why
	}
	if x.used[string(request.context)] {
		return fail("authenticator-context", clauseRequest,
			"certificate_request_context of %d bytes: it was used on this connection",
			len(request.context))
	}
	x.used[string(request.context)] = true
	x.taken++
	x.tell("received", "request", x.taken, request.context, len(body))
	asked := find(request.extensions, x.opts.cmwAttestation)
	if asked != nil && len(asked.data) > 0 && x.attester != nil {
		return fail("malformed-extension", "draft-fossati-seat-expat-04 section 3.1",
			"cmw_attestation of a request is empty, %d bytes came", len(asked.data))
	}
	entries, scheme, why := x.identity(request, asked != nil && x.attester != nil)
	if why != nil {
		return why
	}
	var signer crypto.Signer
	if len(entries) > 0 {
		signer = x.certificate.PrivateKey.(crypto.Signer)
	}
	made, err := x.own.makeAuthenticator(request, entries, scheme, signer)
	if err != nil {
		return asFailure(err)
	}
	return x.sendAuthenticator(request, made)
}

// identity: what goes into the answer; nothing where the peer takes no scheme of this side's.
func (x *expat) identity(request *authenticatorRequest, attests bool) ([]entry, uint16, *failure) {
	if x.opts.faults["empty-certificate"] {
		x.fault("empty-certificate", "an empty authenticator")
		return nil, 0, nil
	}
	if x.certificate == nil {
		return nil, 0, nil
	}
	signer, is := x.certificate.PrivateKey.(crypto.Signer)
	if !is {
		return nil, 0, fail("internal", "", "a key that cannot sign")
	}
	scheme, offered := schemeOf(signer.Public()), false
	for _, one := range request.schemes {
		offered = offered || one == scheme
	}
	if !offered {
		return nil, 0, nil
	}
	var entries []entry
	for _, certificate := range x.certificate.Certificate {
		entries = append(entries, entry{certificate: certificate})
	}
	if !attests {
		return entries, scheme, nil
	}
	spki := x.certificate.Leaf.RawSubjectPublicKeyInfo
	binding, why := x.bind(spki, request.context)
	if why != nil {
		return nil, 0, why
	}
	data, err := x.attester.credential(x.conn, binding)
	if err != nil {
		return nil, 0, asFailure(err)
	}
	if len(data) > 65533 {
		return nil, 0, fail("internal", clauseExpat, "a CMW of %d bytes does not fit", len(data))
	}
	x.selfModel, x.signedWith = x.opts.attester[0], spki
	place := 0
	if x.opts.faults["authenticator-second-entry"] {
		x.fault("authenticator-second-entry", "cmw_attestation is in the second entry")
		place = 1
		if len(entries) == 1 {
			entries = append(entries, entry{certificate: entries[0].certificate})
		}
	}
	entries[place].extensions = []extension{{x.opts.cmwAttestation, prefixed(nil, 2, data)}}
	return entries, scheme, nil
}

func (x *expat) sendAuthenticator(request *authenticatorRequest, made []byte) *failure {
	kind := "authenticator"
	if isEmpty(made) {
		kind = "empty"
	}
	if x.opts.faults["authenticator-finished"] {
		made[len(made)-1] ^= 1
		x.fault("authenticator-finished", "one bit of Finished is flipped")
	}
	x.tell("sent", kind, x.taken, request.context, len(made))
	frame := prefixed([]byte{frameAuthenticator}, 3, made)
	if x.opts.faults["authenticator-context-reuse"] {
		x.fault("authenticator-context-reuse", "the authenticator is sent twice")
		frame = append(frame, frame...)
	}
	if _, err := x.tls.Write(frame); err != nil {
		return ended(err)
	}
	return nil
}

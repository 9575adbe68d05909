// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"strings"
)

// Exported authenticators (RFC 9261): requests and authenticators as bytes, and the computations
// over them. Nobody in the Go ecosystem has them; crypto/tls gives the exporter.

const (
	messageCertificate       = 11
	messageRequest           = 13
	messageVerify            = 15
	messageClientRequest     = 17
	messageFinished          = 20
	extensionSchemes         = 13
	schemeP256, schemeP384   = 0x0403, 0x0503
	schemePSS, schemeEd25519 = 0x0804, 0x0807
	entriesMax               = 16

	clauseRequest  = "RFC 9261 section 4"
	clauseAnswer   = "RFC 9261 section 5.2"
	clauseFinished = "RFC 9261 section 5.2.3"
)

type extension struct {
	kind uint16
	data []byte
}

type entry struct {
	certificate []byte
	extensions  []extension
}

// prefixed appends value behind its length in so many bytes.
func prefixed(out []byte, prefix int, value []byte) []byte {
	for shift := 8 * (prefix - 1); shift >= 0; shift -= 8 {
		out = append(out, byte(len(value)>>shift))
	}
	return append(out, value...)
}

func message(kind byte, body []byte) []byte { return prefixed([]byte{kind}, 3, body) }

func extensionBlock(extensions []extension) []byte {
	var block []byte
	for _, one := range extensions {
		block = prefixed(binary.BigEndian.AppendUint16(block, one.kind), 2, one.data)
	}
	return prefixed(nil, 2, block)
}

func malformed(clause, format string, args ...any) *failure {
	return fail("malformed-authenticator", clause, format, args...)
}

// takeMessage splits a handshake message of this kind off the front; whole has its header.
func takeMessage(in []byte, kind byte) (body, whole, rest []byte, why *failure) {
	if len(in) == 0 {
		return nil, nil, nil, malformed(clauseAnswer, "message %d was expected, nothing came", kind)
	}
	if in[0] != kind {
		return nil, nil, nil, malformed(clauseAnswer, "message %d was expected, %d came", kind, in[0]).
			withAlert(alertUnexpectedMessage)
	}
	body, rest, err := vector(in[1:], 3)
	if err != nil {
		return nil, nil, nil, malformed(clauseAnswer, "message %d: %v", kind, err)
	}
	return body, in[:len(in)-len(rest)], rest, nil
}

func takeExtensions(block []byte) (extensions []extension, why *failure) {
	for len(block) > 0 {
		if len(block) < 2 || len(extensions) == 64 {
			return nil, malformed("RFC 8446 section 4.2", "a block of extensions is malformed")
		}
		kind := binary.BigEndian.Uint16(block)
		data, rest, err := vector(block[2:], 2)
		if err != nil {
			return nil, malformed("RFC 8446 section 4.2", "extension %d: %v", kind, err)
		}
		if find(extensions, kind) != nil {
			return nil, malformed("RFC 8446 section 4.2", "extension %d comes twice", kind).
				withAlert(alertIllegalParameter)
		}
		extensions, block = append(extensions, extension{kind, data}), rest
	}
	return extensions, nil
}

func find(extensions []extension, kind uint16) *extension {
	for i := range extensions {
		if extensions[i].kind == kind {
			return &extensions[i]
		}
	}
	return nil
}

// authenticatorRequest is a request as parsed; whole is what the transcript has of it.
type authenticatorRequest struct {
	context    []byte
	extensions []extension
	schemes    []uint16
	whole      []byte
}

func requestKind(byClient bool) byte {
	if byClient {
		return messageClientRequest
	}
	return messageRequest
}

func makeRequest(byClient bool, context []byte, extensions []extension) []byte {
	return message(requestKind(byClient), append(prefixed(nil, 1, context),
		extensionBlock(extensions)...))
}

// Extensions of RFC 8446 section 4.2 that do not belong into a CertificateRequest.
var notInRequest = []uint16{1, 10, 14, 15, 16, 19, 20, 21, 41, 42, 43, 44, 45, 49, 51}

func parseRequest(byClient bool, in []byte) (*authenticatorRequest, *failure) {
	body, _, rest, why := takeMessage(in, requestKind(byClient))
	if why != nil {
		return nil, why
	}
	r := &authenticatorRequest{whole: in}
	context, block, err := vector(body, 1)
	if err == nil {
		r.context = context
		block, body, err = vector(block, 2)
	}
	if err != nil || len(body) > 0 || len(rest) > 0 {
		return nil, malformed(clauseRequest, "the request is malformed (%v)", err)
	}
	if r.extensions, why = takeExtensions(block); why != nil {
		return nil, why
	}
	for _, one := range r.extensions {
		if slices.Contains(notInRequest, one.kind) {
			return nil, malformed(clauseRequest, "extension %d belongs into no request", one.kind).
				withAlert(alertIllegalParameter)
		}
	}
	list := find(r.extensions, extensionSchemes)
	if list == nil {
		return nil, malformed("RFC 9261 section 7.1", "no signature_algorithms").
			withAlert(alertMissingExtension)
	}
	schemes, rest, err := vector(list.data, 2)
	if err != nil || len(rest) > 0 || len(schemes) == 0 || len(schemes)%2 != 0 {
		return nil, malformed("RFC 8446 section 4.2.3", "signature_algorithms is malformed")
	}
	for ; len(schemes) > 0; schemes = schemes[2:] {
		r.schemes = append(r.schemes, binary.BigEndian.Uint16(schemes))
	}
	return r, nil
}

// exportedKeys are what RFC 9261 section 5.1 takes from the connection for one sender.
type exportedKeys struct {
	hash                 crypto.Hash
	context, finishedKey []byte
}

type exporter func(label string, context []byte, length int) ([]byte, error)

func exportKeys(export exporter, hash crypto.Hash, ofClient bool) (k exportedKeys, err error) {
	side := map[bool]string{true: "client", false: "server"}[ofClient]
	k.hash = hash
	k.context, err = export("EXPORTER-"+side+" authenticator handshake context", nil, hash.Size())
	if err == nil {
		k.finishedKey, err = export("EXPORTER-"+side+" authenticator finished key", nil, hash.Size())
	}
	return k, err
}

func (k exportedKeys) transcript(parts ...[]byte) []byte {
	h := k.hash.New()
	h.Write(k.context)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// signedContent is what CertificateVerify signs (section 5.2.2).
func (k exportedKeys) signedContent(request, certificate []byte) []byte {
	content := []byte(strings.Repeat(" ", 64) + "Exported Authenticator\x00")
	return append(content, k.transcript(request, certificate)...)
}

func (k exportedKeys) finished(request, messages []byte) []byte {
	mac := hmac.New(k.hash.New, k.finishedKey)
	mac.Write(k.transcript(request, messages))
	return mac.Sum(nil)
}

func certificateMessage(context []byte, entries []entry) []byte {
	var list []byte
	for _, one := range entries {
		list = append(prefixed(list, 3, one.certificate), extensionBlock(one.extensions)...)
	}
	return message(messageCertificate, prefixed(prefixed(nil, 1, context), 3, list))
}

// makeAuthenticator answers a request; without entries the answer is an empty one.
func (k exportedKeys) makeAuthenticator(r *authenticatorRequest, entries []entry, scheme uint16,
	signer crypto.Signer) ([]byte, error) {
	messages := certificateMessage(r.context, entries)
	if len(entries) == 0 {
		return message(messageFinished, k.finished(r.whole, messages)), nil
	}
	digest, opts := digestFor(scheme, k.signedContent(r.whole, messages))
	signature, err := signer.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, err
	}
	verify := prefixed(binary.BigEndian.AppendUint16(nil, scheme), 2, signature)
	messages = append(messages, message(messageVerify, verify)...)
	return append(messages, message(messageFinished, k.finished(r.whole, messages))...), nil
}

func digestFor(scheme uint16, content []byte) ([]byte, crypto.SignerOpts) {
	hash := crypto.SHA256
	switch scheme {
	case schemeEd25519:
		return content, crypto.Hash(0)
	case schemeP384:
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(content)
	if scheme == schemePSS {
		return h.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return h.Sum(nil), hash
}

// schemeOf a key; 0: none that is offered here.
func schemeOf(public crypto.PublicKey) uint16 {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return schemeP256
		case elliptic.P384():
			return schemeP384
		}
	case *rsa.PublicKey:
		return schemePSS
	case ed25519.PublicKey:
		return schemeEd25519
	}
	return 0
}

func verifies(public crypto.PublicKey, scheme uint16, content, signature []byte) bool {
	if schemeOf(public) != scheme {
		return false
	}
	digest, opts := digestFor(scheme, content)
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPSS(key, crypto.SHA256, digest, signature, opts.(*rsa.PSSOptions)) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	}
	return false
}

// authenticator is one that keeps to the grammar.
type authenticator struct {
	context             []byte
	entries             []entry
	chain               []*x509.Certificate
	scheme              uint16
	signature           []byte
	finished            []byte
	certificate, signed []byte // the Certificate message; Certificate and CertificateVerify
}

func isEmpty(in []byte) bool { return len(in) > 0 && in[0] == messageFinished }

// contextOf an authenticator, for whoever does not know yet whether it is due.
func contextOf(in []byte) ([]byte, *failure) {
	body, _, _, why := takeMessage(in, messageCertificate)
	if why != nil {
		return nil, why
	}
	context, _, err := vector(body, 1)
	if err != nil {
		return nil, malformed(clauseAnswer, "certificate_request_context: %v", err)
	}
	return context, nil
}

func parseAuthenticator(in []byte) (*authenticator, *failure) {
	body, whole, rest, why := takeMessage(in, messageCertificate)
	if why != nil {
		return nil, why
	}
	a := &authenticator{certificate: whole}
	verify, whole, rest, why := takeMessage(rest, messageVerify)
	if why != nil {
		return nil, why
	}
	a.signed = in[:len(a.certificate)+len(whole)]
	if a.finished, _, rest, why = takeMessage(rest, messageFinished); why != nil {
		return nil, why
	}
	if len(rest) > 0 || len(verify) < 2 {
		return nil, malformed(clauseAnswer, "the authenticator is malformed")
	}
	a.scheme = binary.BigEndian.Uint16(verify)
	signature, rest, err := vector(verify[2:], 2)
	if err != nil || len(rest) > 0 {
		return nil, malformed(clauseAnswer, "CertificateVerify is malformed")
	}
	a.signature = signature
	return a, a.readCertificate(body)
}

func (a *authenticator) readCertificate(body []byte) *failure {
	context, body, err := vector(body, 1)
	var list, rest []byte
	if err == nil {
		a.context = context
		list, rest, err = vector(body, 3)
	}
	if err != nil || len(rest) > 0 {
		return malformed("RFC 8446 section 4.4.2", "Certificate is malformed")
	}
	for len(list) > 0 {
		var block []byte
		var one entry
		if one.certificate, list, err = vector(list, 3); err == nil {
			block, list, err = vector(list, 2)
		}
		if err != nil || len(one.certificate) == 0 || len(a.entries) == entriesMax {
			return malformed("RFC 8446 section 4.4.2", "a CertificateEntry is malformed")
		}
		var why *failure
		if one.extensions, why = takeExtensions(block); why != nil {
			return why
		}
		a.entries = append(a.entries, one)
	}
	if len(a.entries) == 0 {
		return malformed("RFC 9261 section 6", "Certificate has no entry; to refuse is Finished alone")
	}
	return nil
}

// checkExtensions: only what was asked for, and what belongs into a Certificate.
func (a *authenticator) checkExtensions(asked []extension) *failure {
	for i, one := range a.entries {
		for _, came := range one.extensions {
			if find(asked, came.kind) == nil {
				return fail("malformed-extension", "RFC 9261 section 5.2.1",
					"CertificateEntry %d: nobody asked for extension %d", i+1, came.kind).
					withAlert(alertUnsupportedExtension)
			}
			if came.kind == extensionSchemes {
				return malformed("RFC 8446 section 4.2", "signature_algorithms in CertificateEntry %d",
					i+1).withAlert(alertIllegalParameter)
			}
		}
	}
	return nil
}

// validate checks an answer against its request (sections 5.2 and 7.4). The chain is parsed, and
// trust in it is the caller's affair.
func (k exportedKeys) validate(r *authenticatorRequest, in []byte) (*authenticator, *failure) {
	if isEmpty(in) {
		return nil, k.checkEmpty(r, in)
	}
	a, why := parseAuthenticator(in)
	if why != nil {
		return nil, why
	}
	if !bytes.Equal(a.context, r.context) {
		return nil, fail("authenticator-context", "RFC 9261 section 5.2.1",
			"certificate_request_context is not that of the request")
	}
	if why := a.checkExtensions(r.extensions); why != nil {
		return nil, why
	}
	if !slices.Contains(r.schemes, a.scheme) {
		return nil, malformed("RFC 9261 section 5.2.2", "signature scheme 0x%04x was not offered",
			a.scheme).withAlert(alertIllegalParameter)
	}
	for _, one := range a.entries {
		certificate, err := x509.ParseCertificate(one.certificate)
		if err != nil {
			return nil, fail("certificate-untrusted", "RFC 8446 section 4.4.2", "%v", err)
		}
		a.chain = append(a.chain, certificate)
	}
	content := k.signedContent(r.whole, a.certificate)
	if !verifies(a.chain[0].PublicKey, a.scheme, content, a.signature) {
		return nil, fail("key-mismatch", "RFC 9261 section 5.2.2",
			"CertificateVerify is not by the key of the leaf").withAlert(alertDecryptError)
	}
	if !sameBytes(a.finished, k.finished(r.whole, a.signed)) {
		return nil, otherFinished()
	}
	return a, nil
}

func (k exportedKeys) checkEmpty(r *authenticatorRequest, in []byte) *failure {
	value, _, rest, why := takeMessage(in, messageFinished)
	if why != nil {
		return why
	}
	if len(rest) > 0 {
		return malformed("RFC 9261 section 6", "something follows an empty authenticator")
	}
	if !sameBytes(value, k.finished(r.whole, certificateMessage(r.context, nil))) {
		return otherFinished()
	}
	return fail("attestation-missing", "RFC 9261 section 6",
		"the peer answered with an empty authenticator").withAlert(alertCertificateRequired)
}

func otherFinished() *failure {
	return fail("authenticator-finished", clauseFinished,
		"Finished is not that of this connection and these messages")
}

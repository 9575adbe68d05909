// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"
	"time"
)

// exported stands in for a connection: both of its ends have the same values.
func exported(label string, context []byte, length int) ([]byte, error) {
	sum := sha256.Sum256(append([]byte(label+"\x00"), context...))
	return sum[:length], nil
}

func identityForTest(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

func TestRequests(t *testing.T) {
	schemes := extension{extensionSchemes, unhex(t, "0002 0403")}
	whole := makeRequest(true, []byte("context1"), []extension{{0xff00, nil}, schemes})
	expected := unhex(t, "11 000017 08 636f6e7465787431 000c ff00 0000 000d 0004 0002 0403")
	if !bytes.Equal(whole, expected) {
		t.Errorf("request: %x", whole)
	}
	if r, why := parseRequest(true, whole); why != nil || string(r.context) != "context1" ||
		len(r.schemes) != 1 || r.schemes[0] != schemeP256 {
		t.Errorf("%v %v", r, why)
	}
	for size := range whole {
		if _, why := parseRequest(true, whole[:size]); why == nil {
			t.Errorf("the first %d bytes passed", size)
		}
	}
	for _, row := range []struct {
		what  string
		data  []byte
		alert int
	}{
		{"a server's", makeRequest(false, nil, []extension{schemes}), alertUnexpectedMessage},
		{"no schemes", makeRequest(true, nil, []extension{{0xff00, nil}}), alertMissingExtension},
		{"an extension twice", makeRequest(true, nil, []extension{schemes, schemes}),
			alertIllegalParameter},
		{"key_share", makeRequest(true, nil, []extension{schemes, {51, nil}}), alertIllegalParameter},
		{"odd schemes", makeRequest(true, nil, []extension{{extensionSchemes, unhex(t,
			"0003 040305")}}), alertDecodeError},
		{"trailing", append(bytes.Clone(whole), 0), alertDecodeError},
	} {
		_, why := parseRequest(true, row.data)
		if why == nil || why.expatAlert() != row.alert {
			t.Errorf("%s: %+v", row.what, why)
		}
	}
}

func TestAuthenticators(t *testing.T) {
	key, der := identityForTest(t)
	keys, err := exportKeys(exported, crypto.SHA256, false)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := exportKeys(exported, crypto.SHA256, true)
	request, why := parseRequest(true, makeRequest(true, []byte("context1"), []extension{
		{0xff00, nil}, {extensionSchemes, unhex(t, "0002 0403")}}))
	if why != nil {
		t.Fatal(why)
	}
	make1 := func(entries []entry, signer crypto.Signer) []byte {
		made, err := keys.makeAuthenticator(request, entries, schemeP256, signer)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	good := make1([]entry{{der, []extension{{0xff00, []byte("x")}}}}, key)
	if _, why := keys.validate(request, good); why != nil {
		t.Fatal(why)
	}
	if _, why := other.validate(request, good); reasonOf(why) != "key-mismatch" {
		t.Errorf("with the keys of the other side: %v", why)
	}
	for at := range good { // every byte counts
		broken := bytes.Clone(good)
		broken[at] ^= 1
		if _, why := keys.validate(request, broken); why == nil {
			t.Errorf("byte %d of %d flipped: passed", at, len(good))
		}
		if _, why := keys.validate(request, good[:at]); why == nil {
			t.Errorf("the first %d bytes passed", at)
		}
	}
	last := bytes.Clone(good)
	last[len(last)-1] ^= 1
	for what, row := range map[string]struct {
		data   []byte
		reason string
		alert  int
	}{
		"Finished": {last, "authenticator-finished", alertDecryptError},
		"another key": {make1([]entry{{der, nil}}, newKey(t, elliptic.P256())), "key-mismatch",
			alertDecryptError},
		"not asked for": {make1([]entry{{der, []extension{{0xff01, nil}}}}, key),
			"malformed-extension", alertUnsupportedExtension},
		"empty": {make1(nil, nil), "attestation-missing", alertCertificateRequired},
	} {
		_, why := keys.validate(request, row.data)
		if reasonOf(why) != row.reason || why.expatAlert() != row.alert {
			t.Errorf("%s: %+v", what, why)
		}
	}
}

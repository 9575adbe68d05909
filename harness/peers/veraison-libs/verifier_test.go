// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/veraison/cmw"
	"github.com/veraison/ear"
	"github.com/veraison/go-cose"
	"github.com/veraison/psatoken"
)

var (
	implementation = bytes.Repeat([]byte{0x11}, 32)
	instance       = append([]byte{0x01}, bytes.Repeat([]byte{0x22}, 32)...)
	signer         = bytes.Repeat([]byte{0x33}, 32)
	nonce          = bytes.Repeat([]byte{0x44}, 32)
)

func measurementOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := cbor.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// makeCoRIM endorses two components and one key, as `atls-device provision` does.
func makeCoRIM(t *testing.T, key *ecdsa.PublicKey, profile any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(bytes.TrimSpace(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	class := map[int]any{0: map[int]any{0: cbor.Tag{Number: tagBytes, Content: implementation}}}
	where := map[int]any{0: class[0], 1: cbor.Tag{Number: tagUEID, Content: instance}}
	measurement := func(name, version string) any {
		return map[int]any{0: componentKey, 1: map[int]any{0: map[int]any{0: version},
			2: []any{[]any{1, measurementOf(name)}}, 11: name,
			13: []any{cbor.Tag{Number: tagBytes, Content: signer}}}}
	}
	comid := encode(t, map[int]any{1: map[int]any{0: "id"}, 4: map[int]any{
		0: []any{[]any{class, []any{measurement("BL", "1.0"), measurement("FW", "2.0")}}},
		3: []any{[]any{where, []any{cbor.Tag{Number: tagPKIXKey, Content: text}}}}}})
	return encode(t, cbor.Tag{Number: tagCoRIM, Content: map[int]any{0: "id", 3: profile,
		1: []any{cbor.Tag{Number: tagCoMID, Content: comid}}}})
}

type component struct{ name, version, measured string }

var good = []component{{"BL", "1.0", "BL"}, {"FW", "2.0", "FW"}}

func makeToken(t *testing.T, key *ecdsa.PrivateKey, lifecycle uint16, list []component) []byte {
	t.Helper()
	claims, err := psatoken.NewClaims(psatoken.Profile2Name)
	if err != nil {
		t.Fatal(err)
	}
	var components []psatoken.ISwComponent
	for _, one := range list {
		part := &psatoken.SwComponent{}
		for _, err := range []error{part.SetMeasurementType(one.name), part.SetVersion(one.version),
			part.SetMeasurementValue(measurementOf(one.measured)), part.SetSignerID(signer)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		components = append(components, part)
	}
	for _, err := range []error{claims.SetNonce(nonce), claims.SetImplID(implementation),
		claims.SetInstID(instance), claims.SetClientID(1), claims.SetSecurityLifeCycle(lifecycle),
		claims.SetSoftwareComponents(components)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	by, err := cose.NewSigner(cose.AlgorithmES256, key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := (&psatoken.Evidence{Claims: claims}).Sign(by)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAppraisal(t *testing.T) {
	key, other := newKey(t), newKey(t)
	s := newStore()
	values, anchors, err := s.add(makeCoRIM(t, &key.PublicKey, psaProfile))
	if err != nil || values != 2 || anchors != 1 {
		t.Fatal(values, anchors, err)
	}
	token := makeToken(t, key, 0x3000, good)
	flipped := bytes.Clone(token)
	flipped[len(flipped)-1] ^= 1
	for _, row := range []struct {
		what   string
		store  *store
		token  []byte
		nonce  []byte
		tier   ear.TrustTier
		reason string
	}{
		{"good", s, token, nonce, ear.TrustTierAffirming, "ok"},
		{"debug of what is not the root of trust", s, makeToken(t, key, 0x4000, good), nonce,
			ear.TrustTierAffirming, "ok"},
		{"a component that nobody endorsed", s,
			makeToken(t, key, 0x3000, append(good, component{"X", "9", "X"})), nonce,
			ear.TrustTierWarning, "unknown-component"},
		{"tampered", s, makeToken(t, key, 0x3000, []component{good[0], {"FW", "2.0", "evil"}}), nonce,
			ear.TrustTierWarning, "reference-value-mismatch"},
		{"not measured", s, makeToken(t, key, 0x3000, good[:1]), nonce, ear.TrustTierAffirming,
			"ok"},
		{"under another name", s, makeToken(t, key, 0x3000, []component{good[1], {"X", good[0].version,
			good[0].measured}}), nonce, ear.TrustTierWarning, "unknown-component"},
		{"downgraded", s, makeToken(t, key, 0x3000, []component{good[0], {"FW", "1.9", "old"}}), nonce,
			ear.TrustTierWarning, "version-not-endorsed"},
		{"not secured", s, makeToken(t, key, 0x2000, good), nonce, ear.TrustTierContraindicated,
			"lifecycle-not-secured"},
		{"another nonce", s, token, bytes.Repeat([]byte{1}, 32), ear.TrustTierContraindicated,
			"nonce-mismatch"},
		{"another key", s, makeToken(t, other, 0x3000, good), nonce, ear.TrustTierContraindicated,
			"pat-signature-invalid"},
		{"a flipped bit", s, flipped, nonce, ear.TrustTierContraindicated, "pat-signature-invalid"},
		{"nobody's", newStore(), token, nonce, ear.TrustTierContraindicated,
			"unknown-attestation-key"},
		{"truncated", s, token[:40], nonce, ear.TrustTierContraindicated, "malformed-cose"},
		{"nothing", s, nil, nonce, ear.TrustTierContraindicated, "malformed-cose"},
	} {
		a := appraise(row.store, row.token, row.nonce)
		if *a.submod().Status != row.tier || a.reason != row.reason {
			t.Errorf("%s: %v, %s: %s", row.what, *a.submod().Status, a.reason, a.detail)
		}
	}
}

func TestCoRIM(t *testing.T) {
	key, other := newKey(t), newKey(t)
	whole := makeCoRIM(t, &key.PublicKey, psaProfile)
	s := newStore()
	for size := range whole {
		if _, _, err := s.add(whole[:size]); err == nil {
			t.Errorf("the first %d of %d bytes were taken", size, len(whole))
		}
	}
	for what, data := range map[string][]byte{
		"trailing byte":   append(bytes.Clone(whole), 0),
		"another profile": makeCoRIM(t, &key.PublicKey, "tag:example.org,2025:other"),
		"no map":          encode(t, cbor.Tag{Number: tagCoRIM, Content: 1}),
	} {
		if _, _, err := s.add(data); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if len(s.values) > 0 || len(s.anchors) > 0 {
		t.Error("something of a refused CoRIM was kept")
	}
	tagged := makeCoRIM(t, &key.PublicKey, cbor.Tag{Number: tagURI, Content: psaProfile})
	if _, _, err := s.add(tagged); err != nil {
		t.Error("the dialect of main:", err)
	}
	if _, _, err := s.add(makeCoRIM(t, &other.PublicKey, psaProfile)); err == nil {
		t.Error("another key for the same instance was taken")
	}
}

// Veraison's own vectors, where they are (ATLS_VECTORS).
func TestVectors(t *testing.T) {
	folder := os.Getenv("ATLS_VECTORS")
	if folder == "" {
		t.Skip("ATLS_VECTORS is not set")
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, dialect := range []string{"main", "v0.0.2608"} {
		if _, _, err := newStore().add(read("corim/" + dialect + "/corim-psa-valid.cbor")); err != nil {
			t.Errorf("%s: %v", dialect, err)
		}
	}
	evidence, err := psatoken.DecodeEvidenceFromCOSE(read("psa/services/psa.good.cose"))
	if err != nil {
		t.Fatal(err)
	}
	if err := evidence.Claims.Validate(); err != nil {
		t.Error(err)
	}
}

func ask(t *testing.T, method, url, kind string, body []byte) (int, http.Header, map[string]any) {
	t.Helper()
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if len(text) > 0 && json.Unmarshal(text, &document) != nil {
		t.Fatalf("%s %s: no JSON: %s", method, url, text)
	}
	return response.StatusCode, response.Header, document
}

func TestInterfaces(t *testing.T) {
	attestation := newKey(t)
	o := &options{standardBase64: true, sessionLifetime: time.Minute}
	v := &verifier{opts: o, events: &events{out: io.Discard, start: time.Now()}, store: newStore(),
		sessions: map[string]*session{}}
	var err error
	if v.key, v.publicKey, err = signingKey(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(v.routes())
	defer server.Close()
	base := server.URL + sessionsPath

	corim := makeCoRIM(t, &attestation.PublicKey, psaProfile)
	status, _, document := ask(t, "POST", server.URL+submitPath, endorsementType, corim)
	if status != 200 || document["status"] != "success" {
		t.Fatal(status, document)
	}
	_, _, document = ask(t, "POST", server.URL+submitPath, endorsementType, corim[:50])
	if document["status"] != "failed" {
		t.Error(document)
	}
	text := base64.URLEncoding.EncodeToString(nonce)
	for query, expected := range map[string]int{"?nonce=" + text: 201, "": 201, "?nonceSize=64": 201,
		"?nonceSize=7": 400, "?nonceSize=65": 400, "?nonce=AAAA": 400, "?nonce=!": 400,
		"?nonceSize=32&nonce=" + text: 400} {
		if status, _, _ := ask(t, "POST", base+"newSession"+query, "", nil); status != expected {
			t.Errorf("%q: %d", query, status)
		}
	}
	_, header, document := ask(t, "POST", base+"newSession?nonce="+text, "", nil)
	if document["nonce"] != base64.StdEncoding.EncodeToString(nonce) {
		t.Error("nonce in the release's dialect:", document["nonce"])
	}
	url := base + header.Get("Location")
	token := makeToken(t, attestation, 0x3000, good)
	record, err := cmw.NewMonad(evidenceTypes[0], token)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := record.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		kind   string
		body   []byte
		status int
	}{
		{"application/octet-stream", token, 415},
		{"application/cmw+cbor", []byte{0xa0}, 415}, // a collection, as a CAB is
		{"application/cmw+cbor", []byte{0x82}, 400},
		{evidenceTypes[0], nil, 400},
		{"application/cmw+cbor", wrapped, 200},
		{evidenceTypes[1], token, 200},
	} {
		status, _, document := ask(t, "POST", url, row.kind, row.body)
		if status != row.status {
			t.Errorf("%s: %d %v", row.kind, status, document)
		}
		if status != 200 {
			continue
		}
		var result ear.AttestationResult
		if err := result.Verify([]byte(document["result"].(string)), jwa.ES256(),
			v.key.Public()); err != nil {
			t.Fatal(err)
		}
		if *result.Submods[schemeName].Status != ear.TrustTierAffirming || *result.Nonce != text {
			t.Error(*result.Submods[schemeName].Status, *result.Nonce)
		}
	}
	if status, _, _ := ask(t, "DELETE", url, "", nil); status != 204 {
		t.Error("DELETE:", status)
	}
	if status, _, _ := ask(t, "POST", url, evidenceTypes[0], token); status != 404 {
		t.Error("a session that was deleted:", status)
	}
	_, _, document = ask(t, "GET", server.URL+"/.well-known/veraison/verification", "", nil)
	if key, is := document["ear-verification-key"].(map[string]any); !is || key["kty"] != "EC" ||
		key["d"] != nil {
		t.Error("discovery:", document)
	}
}

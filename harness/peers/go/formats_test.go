// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/veraison/cmw"
	"github.com/veraison/ear"
	"github.com/veraison/go-cose"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The frame of sim/base/test-frame.c, with the CRC-32 of zlib.
func TestFrames(t *testing.T) {
	payload := []byte{0x11, 0, 0, 0x22}
	if got := encodeFrame(payload); !bytes.Equal(got, unhex(t, "00 0211 01 06221c81ae02 00")) {
		t.Errorf("frame: %x", got)
	}
	for size := 0; size < 1200; size++ {
		for kind := 0; kind < 3; kind++ {
			payload := make([]byte, size)
			for i := range payload {
				payload[i] = []byte{0, 0xff, byte(i * 7 % 5)}[kind]
			}
			var decoder frameDecoder
			var got []byte
			frames := 0
			for _, b := range encodeFrame(payload) {
				data, ended, err := decoder.push(b)
				if err != nil {
					t.Fatal(err)
				}
				if ended {
					got, frames = data, frames+1
				}
			}
			if frames != 1 || !bytes.Equal(got, payload) {
				t.Fatalf("size %d, kind %d: %d frames", size, kind, frames)
			}
		}
	}
	frame := encodeFrame([]byte("a request"))
	for i := 1; i < len(frame)-1; i++ {
		garbled := bytes.Clone(frame)
		garbled[i] ^= 0x40
		var decoder frameDecoder
		for _, b := range garbled {
			if _, ended, err := decoder.push(b); ended && err == nil {
				t.Errorf("byte %d garbled: a whole frame came", i)
			}
		}
	}
}

func TestCBOR(t *testing.T) {
	rows := []struct {
		hex                      string
		strict, wrapper, lenient bool
	}{
		{"00", true, true, true},
		{"a1 01 41ff", true, true, true},
		{"9f ff", false, true, true},
		{"5f 4101 4102 ff", false, true, true},
		{"5f 6161 ff", false, false, false}, // a chunk of another type
		{"1817", false, false, true},        // 23 in two bytes
		{"590001 00", false, false, true},
		{"a2 01 00 01 00", false, false, false}, // a key twice
		{"61ff", false, false, false},           // no UTF-8
		{"0000", false, false, false},           // something follows
		{"", false, false, false},
		{"41", false, false, false},
		{"5bffffffffffffffff", false, false, false},
		{"9b7fffffffffffffff", false, false, false},
		{"1c", false, false, false},
		{"f800", false, false, false},
		{"fb3ff0000000000000", true, true, true},
		{strings.Repeat("81", 30) + "00", false, false, false},
	}
	for _, row := range rows {
		data := unhex(t, row.hex)
		for _, rules := range []struct {
			cborRules
			good bool
		}{{strictCBOR, row.strict}, {wrapperCBOR, row.wrapper}, {lenientCBOR, row.lenient}} {
			if err := checkCBOR(data, rules.cborRules); (err == nil) != rules.good {
				t.Errorf("%q by %+v: %v", row.hex, rules.cborRules, err)
			}
		}
	}
}

// What the grammar of RFC 9999 refuses, and what the module alone would take of it.
func TestWrappers(t *testing.T) {
	rows := []struct {
		what   string
		data   []byte
		good   bool
		module bool // cmw v0.2.0 by itself
	}{
		{"record", unhex(t, "82 190107 41aa"), true, true},
		{"record with indicator", unhex(t, "83 190107 41aa 04"), true, true},
		{"tag 263", unhex(t, "da63740209 41aa"), true, true},
		{"collection", unhex(t, "a1 6161 82190107 41aa"), true, true},
		{"JSON record", []byte(`["application/eat+cwt","qg"]`), true, true},
		{"trailing byte", unhex(t, "82 190107 41aa 00"), false, false},
		{"one member", unhex(t, "81 190107"), false, false},
		{"four members", unhex(t, "84 190107 41aa 04 04"), false, false},
		{"type above 65535", unhex(t, "82 1a00010000 41aa"), false, false},
		{"JSON by number", []byte(`[263,"qg"]`), false, true},
		{"indicator 0", unhex(t, "83 190107 41aa 00"), false, true},
		{"indicator 32", unhex(t, "83 190107 41aa 1820"), false, true},
		{"type that is no media type", unhex(t, "82 6161 41aa"), false, true},
		{"value that is an array", unhex(t, "82 190107 8101"), false, true},
		{"no collection member", unhex(t, "a0"), false, true},
		{"a label twice", unhex(t, "a2 6161 8219010741aa 6161 8219010741bb"), false, true},
		{"tag outside of the image", unhex(t, "da63740200 41aa"), false, true},
		{"relative collection type", unhex(t, "a2 685f5f636d77635f74 6161 6161 8219010741aa"), false,
			false},
		{"JSON padding", []byte(`["application/eat+cwt","qg=="]`), false, false},
		{"JSON member twice", []byte(`{"a":["a/b","qg"],"a":["a/b","qq"]}`), false, true},
	}
	for _, row := range rows {
		_, err := parseWrapper(row.data)
		if (err == nil) != row.good {
			t.Errorf("%s: %v", row.what, err)
		}
		var module cmw.CMW
		if alone := module.Deserialize(row.data) == nil; alone != row.module {
			t.Errorf("%s: the module takes it: %v, it did not before: look at the check again",
				row.what, alone)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{typeEATCWT, "Application/EAT+CWT", true},
		{typePSARFC9783, `application/eat+cwt;eat_profile="TAG:psacertified.org,2023:psa#tfm"`, true},
		{typePSARFC9783, typeEATCWT, false},
		{typePSA, "application/psa-attestation-token; a=b", false},
		{typePSA, "", false},
	} {
		if sameMediaType(row.a, row.b) != row.same {
			t.Errorf("%s and %s", row.a, row.b)
		}
	}
}

// known is rats/testdata/binders.json, what the project's C code is held to as well.
func known(t *testing.T) (values struct {
	Expat struct {
		Exported string `json:"exported_value"`
		SPKI     string `json:"spki"`
		BySPKI   string `json:"binding_spki_reading"`
		ByPoint  string `json:"binding_raw_point_reading"`
	} `json:"seat_expat"`
	Linkage struct {
		KAK   string `json:"kak_pub_cose_key"`
		Nonce string `json:"pat_eat_nonce_sha256"`
	} `json:"kat_pat_linkage"`
	TN []struct {
		Format uint16 `json:"content_format"`
		Tag    uint64 `json:"tag"`
	} `json:"tn"`
}) {
	t.Helper()
	text, err := os.ReadFile("../../../rats/testdata/binders.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// Clauses: R-EX-12
func TestBindings(t *testing.T) {
	values := known(t)
	for reading, expected := range map[string]string{"spki": values.Expat.BySPKI,
		"raw-point": values.Expat.ByPoint} {
		public, err := publicKeyBytes(reading, unhex(t, values.Expat.SPKI))
		if err != nil {
			t.Fatal(err)
		}
		got := bindingOf(crypto.SHA256, public, unhex(t, values.Expat.Exported))
		if hex.EncodeToString(got) != expected {
			t.Errorf("%s: %x", reading, got)
		}
	}
	public, err := publicKeyBytes("cose-key", unhex(t, values.Expat.SPKI))
	point := unhex(t, values.Expat.SPKI)[27:]
	expected := append(unhex(t, "a4 01 02 20 01 21 5820"), point[:32]...)
	expected = append(append(expected, unhex(t, "22 5820")...), point[32:]...)
	if err != nil || !bytes.Equal(public, expected) {
		t.Errorf("cose-key: %x (%v)", public, err)
	}
}

func TestLinkageAndTags(t *testing.T) {
	values := known(t)
	if sum := sha256.Sum256(unhex(t, values.Linkage.KAK)); hex.EncodeToString(sum[:]) !=
		values.Linkage.Nonce {
		t.Errorf("linkage: %x", sum)
	}
	if _, err := parseKey(unhex(t, values.Linkage.KAK)); err != nil {
		t.Errorf("the draft's kak-pub: %v", err)
	}
	for _, row := range values.TN {
		if tag, err := cmw.TN(row.Format); err != nil || tag != row.Tag {
			t.Errorf("content format %d: %d (%v), expected %d", row.Format, tag, err, row.Tag)
		}
	}
}

func newKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func coseKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	public, err := cose.NewKeyFromPublic(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public.Algorithm = 0
	data, err := public.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sign1(t *testing.T, key *ecdsa.PrivateKey, payload []byte) []byte {
	t.Helper()
	signer, err := cose.NewSigner(cose.AlgorithmES256, key)
	if err != nil {
		t.Fatal(err)
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(cose.AlgorithmES256)
	message.Payload = payload
	if err := message.Sign(rand.Reader, nil, signer); err != nil {
		t.Fatal(err)
	}
	data, err := message.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func bstr(data []byte) []byte { return append([]byte{0x58, byte(len(data))}, data...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// makeCAB builds a bundle as a device would, with what the test wants wrong.
func makeCAB(t *testing.T, kak, signs, identity *ecdsa.PrivateKey, nonce, linkage []byte) []byte {
	kat := sign1(t, signs, join([]byte{0xa3, 0x0a}, bstr(nonce), []byte{0x08, 0xa1, 0x01},
		coseKey(t, identity), unhex(t, "1909c4"), coseKey(t, kak)))
	pat := sign1(t, newKey(t, elliptic.P256()), join([]byte{0xa1, 0x0a}, bstr(linkage)))
	cab, err := cmw.NewCollection(cabType)
	if err != nil {
		t.Fatal(err)
	}
	for label, token := range map[string][]byte{"kat": kat, "pat": pat} {
		record, err := cmw.NewMonad(typeEATCWT, token)
		if err != nil {
			t.Fatal(err)
		}
		if err := cab.AddCollectionItem(label, record); err != nil {
			t.Fatal(err)
		}
	}
	data, err := cab.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCAB(t *testing.T) {
	kak, identity, other := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()),
		newKey(t, elliptic.P256())
	nonce := bytes.Repeat([]byte{7}, 32)
	linkage := sha256.Sum256(coseKey(t, kak))
	for _, row := range []struct {
		reason                string
		signs                 *ecdsa.PrivateKey
		nonce, linkage, wants []byte
		leaf                  *ecdsa.PrivateKey
	}{
		{"", kak, nonce, linkage[:], nonce, identity},
		{"kat-signature-invalid", other, nonce, linkage[:], nonce, identity},
		{"binder-mismatch", kak, nonce, linkage[:], bytes.Repeat([]byte{8}, 32), identity},
		{"linkage-mismatch", kak, nonce, nonce, nonce, identity},
		{"key-mismatch", kak, nonce, linkage[:], nonce, other},
	} {
		e, err := parseEvidence(makeCAB(t, kak, row.signs, identity, row.nonce, row.linkage))
		if err != nil {
			t.Fatal(err)
		}
		why := e.checkCAB(row.wants, &row.leaf.PublicKey)
		if got := reasonOf(why); got != row.reason {
			t.Errorf("expected %q, came %q", row.reason, got)
		}
	}
	whole := makeCAB(t, kak, kak, identity, nonce, linkage[:])
	for size := range whole {
		if _, err := parseEvidence(whole[:size]); err == nil {
			t.Errorf("the first %d of %d bytes passed", size, len(whole))
		}
	}
}

func reasonOf(why *failure) string {
	if why == nil {
		return ""
	}
	return why.reason
}

func makeResult(t *testing.T, claims map[string]any, key *ecdsa.PrivateKey, header string) []byte {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	content := encode([]byte(header)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(content))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return []byte(content + "." + encode(append(r.FillBytes(make([]byte, 32)),
		s.FillBytes(make([]byte, 32))...)))
}

func TestResults(t *testing.T) {
	key := newKey(t, elliptic.P256())
	now := time.Now().Unix()
	veraison := func(status string, executables int) map[string]any {
		return map[string]any{"eat_profile": profileVeraison, "iat": now, "exp": now + 60,
			"eat_nonce":       base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)),
			"ear.verifier-id": map[string]any{"build": "b", "developer": "d"},
			"submods": map[string]any{"PSA": map[string]any{"ear.status": status,
				"ear.trustworthiness-vector": map[string]any{"executables": executables}}}}
	}
	draft03 := map[string]any{"eat_profile": profileDraft03, "iat": now,
		"ear_verifier_id": map[string]any{"build": "b", "developer": "d"},
		"submods": map[string]any{"PSA": map[string]any{"ear_status": "warning",
			"ear_appraisal_policy_ids": []string{"p"}}}}
	for _, row := range []struct {
		claims map[string]any
		tier   ear.TrustTier
	}{
		{veraison("affirming", 2), ear.TrustTierAffirming},
		{veraison("affirming", 33), ear.TrustTierWarning}, // the vector is worse than the status
		{veraison("affirming", 99), ear.TrustTierContraindicated},
		{veraison("none", 0), ear.TrustTierNone},
		{draft03, ear.TrustTierWarning},
	} {
		jwt := makeResult(t, row.claims, key, `{"alg":"ES256"}`)
		result, err := readResult(jwt)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifyResult(jwt, &key.PublicKey); err != nil {
			t.Error(err)
		}
		if got := result.tier(); got != row.tier {
			t.Errorf("tier %v, expected %v", got, row.tier)
		}
		if verifyResult(jwt, &newKey(t, elliptic.P256()).PublicKey) == nil {
			t.Error("another key verified it")
		}
	}
	for header, reason := range map[string]string{
		`{"alg":"none"}`:                   "result-signature-invalid",
		`{"alg":"ES256","crit":["x"]}`:     "malformed-result",
		`{"alg":"ES256","alg":"none"}`:     "malformed-result",
		`{"alg":"ES256"} {"alg":"nothing"`: "malformed-result",
	} {
		_, err := readResult(makeResult(t, veraison("affirming", 2), key, header))
		var why *failure
		if !errors.As(err, &why) || why.reason != reason {
			t.Errorf("%s: %v", header, err)
		}
	}
	result, _ := readResult(makeResult(t, veraison("affirming", 2), key, `{"alg":"ES256"}`))
	for seconds, reason := range map[int]string{0: "", 59: "", 120: "result-expired",
		-120: "result-expired"} {
		at := time.Now().Add(time.Duration(seconds) * time.Second)
		if got := reasonOf(result.checkTime(at, 3600)); got != reason {
			t.Errorf("after %d s: %q", seconds, got)
		}
	}
}

func TestVerifierKeys(t *testing.T) {
	key := newKey(t, elliptic.P256())
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	public := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q`, encode(point[1:33]),
		encode(point[33:]))
	if got, err := parseVerifierKey([]byte(public + "}")); err != nil || !got.Equal(key.Public()) {
		t.Error(err)
	}
	for _, bad := range []string{public + `,"d":"AAAA"}`, public, `{}`, `{"kty":"oct","k":"AAAA"}`,
		strings.Replace(public, encode(point[1:33]), encode(point[33:]), 1) + "}"} {
		if _, err := parseVerifierKey([]byte(bad)); err == nil {
			t.Errorf("%s: taken", bad)
		}
	}
}

func TestNonceDialects(t *testing.T) {
	nonce := bytes.Repeat([]byte{0xfb, 0xef}, 16)
	for _, text := range []string{base64.StdEncoding.EncodeToString(nonce),
		base64.URLEncoding.EncodeToString(nonce), base64.RawURLEncoding.EncodeToString(nonce)} {
		if got, err := anyBase64(text); err != nil || !bytes.Equal(got, nonce) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "AAAA", "!!!!!!!!!!!!!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := anyBase64(text); err == nil {
			t.Errorf("%q: taken", text)
		}
	}
}

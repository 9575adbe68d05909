// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/veraison/cmw"
	"github.com/veraison/ear"
)

// Veraison's HTTP interfaces: challenge-response, provisioning and discovery, on one port.

const (
	typeSession      = "application/vnd.veraison.challenge-response-session+json"
	typeProvisioning = "application/vnd.veraison.provisioning-session+json"
	typeDiscovery    = "application/vnd.veraison.discovery+json"
	sessionsPath     = "/challenge-response/v1/"
	submitPath       = "/endorsement-provisioning/v1/submit"
	bodyMax          = 1 << 20
	sessionsMax      = 4096
)

// evidenceTypes are those of the PSA_IOT scheme, as Veraison advertises them.
var evidenceTypes = []string{"application/psa-attestation-token",
	`application/eat-cwt; profile="http://arm.com/psa/2.0.0"`,
	`application/eat+cwt; eat_profile="tag:psacertified.org,2023:psa#tfm"`}

var endorsementType = `application/rim+cbor; profile="` + psaProfile + `"`

type session struct {
	id      string
	nonce   []byte
	expires time.Time
	kind    string
	value   []byte
	result  string
}

type verifier struct {
	opts      *options
	events    *events
	store     *store
	key       *ecdsa.PrivateKey
	publicKey json.RawMessage

	mu       sync.Mutex
	sessions map[string]*session
}

func (v *verifier) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+sessionsPath+"newSession", v.newSession)
	mux.HandleFunc("GET "+sessionsPath+"session/{id}", v.show)
	mux.HandleFunc("POST "+sessionsPath+"session/{id}", v.submit)
	mux.HandleFunc("DELETE "+sessionsPath+"session/{id}", v.forget)
	mux.HandleFunc("POST "+submitPath, v.provision)
	mux.HandleFunc("GET /.well-known/veraison/verification", v.discoverVerification)
	mux.HandleFunc("GET /.well-known/veraison/provisioning", v.discoverProvisioning)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		mux.ServeHTTP(recorder, r)
		v.events.emit("request", fields{"method": r.Method, "path": r.URL.Path,
			"status": recorder.status})
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func reply(w http.ResponseWriter, status int, kind string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func problem(w http.ResponseWriter, status int, format string, args ...any) {
	reply(w, status, "application/problem+json", fields{"type": "about:blank",
		"title": http.StatusText(status), "status": status, "detail": fmt.Sprintf(format, args...)})
}

// accepts: does the Accept header cover the answer's type?
func accepts(w http.ResponseWriter, r *http.Request, kind string) bool {
	header := r.Header.Get("Accept")
	for _, one := range strings.Split(header, ",") {
		name, _, err := mime.ParseMediaType(one)
		if header == "" || err == nil && (name == kind || name == "*/*" || name == "application/*") {
			return true
		}
	}
	problem(w, http.StatusNotAcceptable, "the answer is %s", kind)
	return false
}

// wantedNonce: given, or of a given size, or of 32 bytes.
func wantedNonce(r *http.Request) ([]byte, error) {
	query := r.URL.Query()
	text, size := query.Get("nonce"), query.Get("nonceSize")
	if text != "" && size != "" {
		return nil, errors.New("nonce and nonceSize exclude each other")
	}
	if text != "" {
		nonce, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(nonce) < 8 || len(nonce) > 64 {
			return nil, errors.New("nonce: 8 to 64 bytes in base64url were expected")
		}
		return nonce, nil
	}
	count := uint64(32)
	if size != "" {
		var err error
		if count, err = strconv.ParseUint(size, 10, 8); err != nil || count < 8 || count > 64 {
			return nil, errors.New("nonceSize: 8 to 64 was expected")
		}
	}
	nonce := make([]byte, count)
	_, err := rand.Read(nonce)
	return nonce, err
}

func newID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (v *verifier) newSession(w http.ResponseWriter, r *http.Request) {
	if !accepts(w, r, typeSession) {
		return
	}
	nonce, err := wantedNonce(r)
	if err != nil {
		problem(w, http.StatusBadRequest, "%v", err)
		return
	}
	s := &session{id: newID(), nonce: nonce, expires: time.Now().Add(v.opts.sessionLifetime)}
	v.mu.Lock()
	for id, old := range v.sessions {
		if time.Now().After(old.expires) {
			delete(v.sessions, id)
		}
	}
	full := len(v.sessions) >= sessionsMax
	if !full {
		v.sessions[s.id] = s
	}
	v.mu.Unlock()
	if full {
		problem(w, http.StatusServiceUnavailable, "too many sessions wait")
		return
	}
	v.events.emit("session", fields{"session": s.id, "nonce": hex.EncodeToString(nonce)})
	w.Header().Set("Location", "session/"+s.id)
	reply(w, http.StatusCreated, typeSession, v.document(s))
}

func (v *verifier) document(s *session) fields {
	encoding := base64.RawURLEncoding
	if v.opts.standardBase64 {
		encoding = base64.StdEncoding
	}
	document := fields{"status": "waiting", "nonce": encoding.EncodeToString(s.nonce),
		"expiry": s.expires.UTC().Format(time.RFC3339), "accept": evidenceTypes}
	if s.result != "" {
		document["status"], document["result"] = "complete", s.result
		document["evidence"] = fields{"type": s.kind,
			"value": base64.StdEncoding.EncodeToString(s.value)}
	}
	return document
}

// find the session that a path names.
func (v *verifier) find(w http.ResponseWriter, r *http.Request) *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, there := v.sessions[r.PathValue("id")]
	if !there || time.Now().After(s.expires) {
		problem(w, http.StatusNotFound, "no such session")
		return nil
	}
	return s
}

func (v *verifier) show(w http.ResponseWriter, r *http.Request) {
	if s := v.find(w, r); s != nil && accepts(w, r, typeSession) {
		v.mu.Lock()
		document := v.document(s)
		v.mu.Unlock()
		reply(w, http.StatusOK, typeSession, document)
	}
}

func (v *verifier) forget(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	delete(v.sessions, r.PathValue("id"))
	v.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func sameType(a, b string) bool {
	kindA, parametersA, errA := mime.ParseMediaType(a)
	kindB, parametersB, errB := mime.ParseMediaType(b)
	if errA != nil || errB != nil || kindA != kindB || len(parametersA) != len(parametersB) {
		return false
	}
	for name, value := range parametersA {
		if parametersB[name] != value {
			return false
		}
	}
	return true
}

func isEvidence(kind string) bool {
	for _, one := range evidenceTypes {
		if sameType(one, kind) {
			return true
		}
	}
	return false
}

// unwrap takes the token out of a CMW record or tag. A collection, such as a CAB, is nothing that
// the scheme knows.
func unwrap(kind string, body []byte) (string, []byte, error) {
	name, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return "", nil, err
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "application/vnd.veraison."), "application/")
	if name != "cmw" && name != "cmw+cbor" && name != "cmw+json" {
		return kind, body, nil
	}
	var wrapper cmw.CMW
	if err := wrapper.Deserialize(body); err != nil {
		return "", nil, err
	}
	if wrapper.GetKind() != cmw.KindMonad {
		return kind, nil, nil
	}
	inner, err := wrapper.GetMonadType()
	if err != nil {
		return "", nil, err
	}
	value, err := wrapper.GetMonadValue()
	return inner, value, err
}

func (v *verifier) submit(w http.ResponseWriter, r *http.Request) {
	if !accepts(w, r, typeSession) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if err != nil || len(body) == 0 {
		problem(w, http.StatusBadRequest, "evidence of at most 1 MiB was expected")
		return
	}
	sent := r.Header.Get("Content-Type")
	kind, token, err := unwrap(sent, body)
	if err != nil {
		problem(w, http.StatusBadRequest, "%v", err)
		return
	}
	if !isEvidence(kind) {
		w.Header().Set("Accept", strings.Join(evidenceTypes, ", "))
		problem(w, http.StatusUnsupportedMediaType, "%.80q is no evidence of a scheme that is here", kind)
		return
	}
	s := v.find(w, r)
	if s == nil {
		return
	}
	a := appraise(v.store, token, s.nonce)
	jwt, err := a.Sign(jwa.ES256(), v.key)
	if err != nil {
		problem(w, http.StatusInternalServerError, "%v", err)
		return
	}
	v.events.emit("appraisal", fields{"session": s.id, "media_type": sent,
		"status": ear.TrustTierToString[*a.submod().Status], "reason": a.reason, "detail": a.detail,
		"mismatches": a.mismatches})
	v.mu.Lock()
	s.kind, s.value, s.result = sent, body, string(jwt)
	document := v.document(s)
	v.mu.Unlock()
	reply(w, http.StatusOK, typeSession, document)
}

func (v *verifier) provision(w http.ResponseWriter, r *http.Request) {
	if !accepts(w, r, typeProvisioning) {
		return
	}
	if !sameType(r.Header.Get("Content-Type"), endorsementType) {
		w.Header().Set("Accept", endorsementType)
		problem(w, http.StatusUnsupportedMediaType, "%s was expected", endorsementType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if err != nil || len(body) == 0 {
		problem(w, http.StatusBadRequest, "a CoRIM of at most 1 MiB was expected")
		return
	}
	document := fields{"status": "success",
		"expiry": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	if err := v.endorse("provisioning", bytes.Clone(body)); err != nil {
		document["status"], document["failure-reason"] = "failed", err.Error()
	}
	reply(w, http.StatusOK, typeProvisioning, document)
}

func (v *verifier) discoverVerification(w http.ResponseWriter, r *http.Request) {
	if accepts(w, r, typeDiscovery) {
		reply(w, http.StatusOK, typeDiscovery, fields{"ear-verification-key": v.publicKey,
			"media-types": evidenceTypes, "version": versions(), "service-state": "READY",
			"api-endpoints": fields{"newChallengeResponseSession": sessionsPath + "newSession"}})
	}
}

func (v *verifier) discoverProvisioning(w http.ResponseWriter, r *http.Request) {
	if accepts(w, r, typeDiscovery) {
		reply(w, http.StatusOK, typeDiscovery, fields{"media-types": []string{endorsementType},
			"version": versions(), "service-state": "READY",
			"api-endpoints": fields{"provisioningSubmit": submitPath}})
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A verifier's challenge-response interface, as Veraison speaks it: a session with a nonce, the
// evidence posted to it, the result out of it. Both dialects of the nonce are read.

const (
	typeSession   = "application/vnd.veraison.challenge-response-session+json"
	typeDiscovery = "application/vnd.veraison.discovery+json"
	clauseSession = "Veraison challenge-response API"
	bodyMax       = 1 << 20
	pollAgain     = 200 * time.Millisecond
)

type verifierClient struct {
	http     *http.Client
	timeout  time.Duration
	mu       sync.Mutex
	keys     map[string]*ecdsa.PublicKey
	farewell sync.WaitGroup
}

func newVerifierClient(timeout time.Duration) *verifierClient {
	return &verifierClient{
		timeout: timeout, keys: map[string]*ecdsa.PublicKey{},
		http: &http.Client{
			Transport: &http.Transport{DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
}

type answer struct {
	status   int
	kind     string
	location string
	body     []byte
	url      string
}

func (c *verifierClient) ask(method, address, contentType, accept string, body []byte) (*answer,
	error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fail("internal", "", "%v", err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, notAnswered(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, bodyMax+1))
	if err != nil {
		return nil, notAnswered(err)
	}
	if len(text) > bodyMax {
		return nil, fail("verifier-garbage", clauseSession, "%s: more than 1 MiB came", address)
	}
	return &answer{status: response.StatusCode, kind: response.Header.Get("Content-Type"),
		location: response.Header.Get("Location"), body: text, url: address}, nil
}

func notAnswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fail("verifier-timeout", "", "%v", err)
	}
	if strings.Contains(err.Error(), "malformed HTTP") {
		return fail("verifier-garbage", "", "%v", err)
	}
	return fail("verifier-unreachable", "", "%v", err)
}

func (a *answer) refused(reason string, expected int) error {
	var problem struct{ Title, Detail string }
	_ = json.Unmarshal(a.body, &problem) // for people only
	return fail(reason, clauseSession, "%s: HTTP status %d was expected, %d came: %.100s %.200s",
		a.url, expected, a.status, problem.Title, problem.Detail)
}

func (a *answer) garbage(err error) error {
	return fail("verifier-garbage", clauseSession, "%s: %v", a.url, err)
}

// object: a JSON object under the interface's own type, plain JSON, or no type.
func (a *answer) object(own string, into any) error {
	kind, _, err := mime.ParseMediaType(a.kind)
	if a.kind != "" && (err != nil || kind != own && kind != "application/json") {
		return a.garbage(fmt.Errorf("Content-Type %s was expected, %.80q came", own, a.kind))
	}
	if err := checkJSON(a.body); err != nil {
		return a.garbage(err)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return a.garbage(err)
	}
	return nil
}

type sessionDocument struct {
	Status string   `json:"status"`
	Nonce  string   `json:"nonce"`
	Accept []string `json:"accept"`
	Expiry string   `json:"expiry"`
	Result string   `json:"result"`
}

// verifierSession is one exchange.
type verifierSession struct {
	client *verifierClient
	url    string
	nonce  []byte
	accept []string
}

// open starts a session for this nonce, or, where it is empty, for one of that size.
func (c *verifierClient) open(base string, nonce []byte, size int) (*verifierSession, error) {
	query := fmt.Sprintf("?nonceSize=%d", size)
	if len(nonce) > 0 {
		query = "?nonce=" + base64.URLEncoding.EncodeToString(nonce)
		size = len(nonce)
	}
	address := strings.TrimRight(base, "/") + "/challenge-response/v1/newSession" + query
	a, err := c.ask(http.MethodPost, address, "", typeSession, nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusCreated {
		return nil, a.refused("verifier-error", http.StatusCreated)
	}
	var document sessionDocument
	if err := a.object(typeSession, &document); err != nil {
		return nil, err
	}
	s := &verifierSession{client: c, accept: document.Accept}
	if s.url, err = resolve(address, a.location); err != nil {
		return nil, a.garbage(err)
	}
	if s.nonce, err = anyBase64(document.Nonce); err != nil {
		return nil, a.garbage(err)
	}
	if len(s.nonce) != size || len(nonce) > 0 && !sameBytes(s.nonce, nonce) {
		return nil, a.garbage(fmt.Errorf("another nonce came than was asked for"))
	}
	return s, nil
}

func resolve(base, location string) (string, error) {
	if location == "" {
		return "", fmt.Errorf("no Location")
	}
	from, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	to, err := from.Parse(location)
	if err != nil {
		return "", err
	}
	if to.Scheme != "https" && (to.Scheme != "http" || from.Scheme == "https") {
		return "", fmt.Errorf("Location leads to %s", to.Scheme)
	}
	to.Fragment = ""
	return to.String(), nil
}

// anyBase64: releases of Veraison write the nonce in either alphabet, padded or not.
func anyBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && (len(decoded) < 8 || len(decoded) > 64) {
		err = fmt.Errorf("a nonce has 8 to 64 bytes, one of %d came", len(decoded))
	}
	return decoded, err
}

// takes: is the type in the accept list? Verifiers also advertise values without their quotes.
func (s *verifierSession) takes(mediaType string) bool {
	plain := func(text string) string { return strings.NewReplacer(`"`, "", " ", "").Replace(text) }
	for _, accepted := range s.accept {
		if sameMediaType(accepted, mediaType) || plain(accepted) == plain(mediaType) {
			return true
		}
	}
	return len(s.accept) == 0
}

// choose: the first of these types that the verifier takes.
func (s *verifierSession) choose(types ...string) (string, bool) {
	for _, name := range types {
		if s.takes(name) {
			return name, true
		}
	}
	return "", false
}

// submit posts the evidence and waits for the result's JWT.
func (s *verifierSession) submit(mediaType string, body []byte) ([]byte, error) {
	end := time.Now().Add(s.client.timeout)
	a, err := s.client.ask(http.MethodPost, s.url, mediaType, typeSession, body)
	for {
		if err != nil {
			return nil, err
		}
		switch a.status {
		case http.StatusOK, http.StatusAccepted:
		case http.StatusNotFound, http.StatusGone:
			return nil, a.refused("session-expired", http.StatusOK)
		default:
			return nil, a.refused("verifier-error", http.StatusOK)
		}
		var document sessionDocument
		if err := a.object(typeSession, &document); err != nil {
			return nil, err
		}
		switch document.Status {
		case "complete":
			if document.Result == "" {
				return nil, a.garbage(fmt.Errorf("a complete session without a result"))
			}
			return []byte(document.Result), nil
		case "failed":
			return nil, fail("verifier-error", clauseSession, "%s: the session failed", s.url)
		case "waiting", "processing":
		default:
			return nil, a.garbage(fmt.Errorf("status %.32q", document.Status))
		}
		if time.Now().After(end) {
			return nil, fail("verifier-timeout", "", "%s: no result after %v", s.url, s.client.timeout)
		}
		time.Sleep(pollAgain)
		a, err = s.client.ask(http.MethodGet, s.url, "", typeSession, nil)
	}
}

// close deletes the session; nobody waits for the answer but the end of the program.
func (s *verifierSession) close() {
	s.client.farewell.Add(1)
	go func() {
		defer s.client.farewell.Done()
		_, _ = s.client.ask(http.MethodDelete, s.url, "", "", nil)
	}()
}

// key of a verifier by discovery, kept once it was had.
func (c *verifierClient) key(base string) (*ecdsa.PublicKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key, known := c.keys[base]; known {
		return key, nil
	}
	address := strings.TrimRight(base, "/") + "/.well-known/veraison/verification"
	a, err := c.ask(http.MethodGet, address, "", typeDiscovery, nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, a.refused("verifier-error", http.StatusOK)
	}
	var document struct {
		Key json.RawMessage `json:"ear-verification-key"`
	}
	if err := a.object(typeDiscovery, &document); err != nil {
		return nil, err
	}
	key, err := parseVerifierKey(document.Key)
	if err != nil {
		return nil, a.garbage(fmt.Errorf("ear-verification-key: %w", err))
	}
	c.keys[base] = key
	return key, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"time"
)

const (
	lineMax = 4096
	linger  = time.Second // for the peer to hang up, lest a reset destroy what is on its way
)

// session is one connection. In x509-cmw the certificate callback of crypto/tls appraises; it can
// refuse with bad_certificate only, whatever the reason. In expat-04 see expat.go.
type session struct {
	*endpoint
	conn     int
	tls      *tls.Conn
	started  time.Time
	reported bool
	refused  *failure // by the certificate callback, or by the device in place of a signature

	selfModel, peerModel     string
	signedWith, verifiedWith []byte
}

func newSession(e *endpoint, conn int) *session {
	return &session{endpoint: e, conn: conn, started: time.Now(), selfModel: none, peerModel: none}
}

func (s *session) config() *tls.Config {
	c := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		KeyLogWriter:           s.keylog,
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		VerifyConnection:       s.verifyPeer,
		InsecureSkipVerify:     true, // verifyPeer verifies, and knows why it refused
	}
	if s.opts.hrr {
		c.CurvePreferences = []tls.CurveID{tls.CurveP384}
	}
	if s.opts.client {
		c.ServerName, _, _ = net.SplitHostPort(s.opts.connect)
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return s.present(), nil
		}
		return c
	}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		s.events.emit("offer", s.empty("received"))
		s.events.emit("selected", s.empty("sent"))
		return nil, nil
	}
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.present(), nil
	}
	if s.relyingParty != nil && s.opts.profile == profileX509 {
		c.ClientAuth = tls.RequestClientCert
		if s.opts.required {
			c.ClientAuth = tls.RequireAnyClientCert
		}
	}
	return c
}

// empty: nothing is negotiated in these profiles.
func (s *session) empty(direction string) fields {
	return fields{"conn": s.conn, "direction": direction, "extensions": fields{}}
}

// present is asked for the certificate. What an attester's leaf holds goes out with it.
func (s *session) present() *tls.Certificate {
	if s.certificate == nil {
		return &tls.Certificate{}
	}
	certificate := *s.certificate
	if key, inDevice := certificate.PrivateKey.(*deviceKey); inDevice {
		certificate.PrivateKey = &watchedKey{deviceKey: key, session: s}
	}
	if s.attester == nil || s.opts.profile != profileX509 {
		return &certificate
	}
	if data, err := wrapperOfCertificate(certificate.Leaf); err == nil && data != nil {
		s.selfModel = backgroundCheck
		if w, err := parseWrapper(data); err == nil && !w.isCollection() && w.is(typeEATJWT) {
			s.selfModel = passport
		}
		s.signedWith = certificate.Leaf.RawSubjectPublicKeyInfo
		s.events.credential(s.conn, "sent", data)
	}
	return &certificate
}

// verifyPeer runs within the handshake, behind the peer's Certificate and before anything of this
// side's follows it.
func (s *session) verifyPeer(state tls.ConnectionState) error {
	if s.opts.client {
		s.events.emit("selected", s.empty("received"))
	}
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	if why := s.judgeChain(state.PeerCertificates); why != nil {
		s.refused = why.withAlert(alertBadCertificate)
		return why
	}
	return nil
}

func (s *session) judgeChain(chain []*x509.Certificate) *failure {
	if why := s.verifyChain(chain); why != nil {
		return why
	}
	s.verifiedWith = chain[0].RawSubjectPublicKeyInfo
	if s.relyingParty == nil || s.opts.profile != profileX509 {
		return nil
	}
	data, err := wrapperOfCertificate(chain[0])
	if err != nil {
		return asFailure(err)
	}
	if data == nil {
		if s.opts.required {
			return fail("attestation-missing", clauseX509, "the certificate holds no CMW")
		}
		return nil
	}
	key, is := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !is {
		return fail("key-mismatch", clauseX509, "an EC key was expected in the certificate")
	}
	hash := hashOfCurve(key.Curve).New()
	hash.Write(chain[0].RawSubjectPublicKeyInfo)
	model, why := s.relyingParty.appraise(s.conn, hash.Sum(nil), key, data)
	if why == nil {
		s.peerModel = model
	}
	return why
}

// serve takes a connection from its first byte to its last; true: the whole exchange was.
func (s *session) serve(raw net.Conn) bool {
	defer func() { _ = raw.Close() }()
	s.events.emit("connection", fields{"conn": s.conn})
	_ = raw.SetDeadline(time.Now().Add(time.Duration(s.opts.timeout) * time.Second))
	if s.opts.client {
		s.tls = tls.Client(raw, s.config())
		s.events.emit("offer", s.empty("sent"))
	} else {
		s.tls = tls.Server(raw, s.config())
	}
	why := s.shakeHands()
	if why == nil && s.opts.profile == profileExpat {
		why = newExpat(s).run()
	} else if why == nil {
		why = s.lines()
	}
	complete := s.end(why)
	hangUp(s.tls, raw)
	return complete
}

func (s *session) shakeHands() *failure {
	err := s.tls.Handshake()
	if s.refused != nil {
		return s.refused
	}
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "didn't provide a certificate") {
		return fail("attestation-missing", "RFC 8446 section 4.4.2.4", "%v", err).
			withAlert(alertCertificateRequired)
	}
	return ended(err)
}

// ended: why the transport will give nothing more.
func ended(err error) *failure {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "remote error" {
		// crypto/tls has no exported type for a received alert; its kind is a number.
		if alert := reflect.ValueOf(operation.Err); alert.Kind() == reflect.Uint8 {
			return receivedAlert(int(alert.Uint()))
		}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail("timeout", "", "%v", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &operation):
		return fail("peer-closed", "", "%v", err)
	case strings.HasPrefix(err.Error(), "tls: ") && !strings.HasPrefix(err.Error(), "tls: internal"):
		return fail("protocol-error", "RFC 8446", "%v", err)
	}
	return fail("internal", "", "%v", err)
}

func receivedAlert(alert int) *failure {
	why := fail("peer-alert", "", "the peer ended the connection with %s (%d)", alertName(alert),
		alert).withAlert(alert)
	why.received = true
	return why
}

// lines: the client's, then the server's.
func (s *session) lines() *failure {
	if s.opts.client {
		if why := s.sendLine(); why != nil {
			return why
		}
		return s.receiveLine()
	}
	if why := s.receiveLine(); why != nil {
		return why
	}
	return s.sendLine()
}

func (s *session) line(direction string, text []byte) {
	s.events.emit("application-data", fields{"conn": s.conn, "direction": direction,
		"text": printable(text)})
}

func (s *session) sendLine() *failure {
	if _, err := io.WriteString(s.tls, s.opts.message+"\n"); err != nil {
		return ended(err)
	}
	s.line("sent", []byte(s.opts.message))
	return nil
}

func (s *session) receiveLine() *failure {
	var line []byte
	buffer := make([]byte, lineMax)
	for {
		n, err := s.tls.Read(buffer)
		if n > 0 {
			s.report(nil) // a client knows only now that the server accepted it
			line = append(line, buffer[:n]...)
			if at := bytes.IndexByte(line, '\n'); at >= 0 {
				s.line("received", line[:at])
				return nil
			}
		}
		if err != nil {
			return ended(err)
		}
		if len(line) >= lineMax {
			return fail("protocol-error", "RFC 8446 section 6.2", "expected a line of at most %d bytes, came more", lineMax-1)
		}
	}
}

// report is the event of the handshake, once.
func (s *session) report(why *failure) {
	if s.reported {
		return
	}
	s.reported = true
	f := fields{"conn": s.conn, "outcome": "complete", "reason": "ok", "detail": "", "clause": "",
		"alert": nil, "hrr": false, "seconds": time.Since(s.started).Seconds(),
		"self_attested": s.selfModel, "peer_attested": s.peerModel}
	if s.tls != nil {
		f["hrr"] = s.tls.ConnectionState().HelloRetryRequest
	}
	if why != nil {
		f["outcome"], f["reason"], f["detail"], f["clause"] = "failed", why.reason, why.detail, why.clause
		if why.alert != 0 {
			direction := map[bool]string{false: "sent", true: "received"}[why.received]
			f["alert"] = fields{"direction": direction, "code": why.alert,
				"name": alertName(why.alert)}
		}
	}
	if s.signedWith != nil {
		f["signed_with"] = hex.EncodeToString(s.signedWith)
	}
	if s.verifiedWith != nil {
		f["verified_with"] = hex.EncodeToString(s.verifiedWith)
	}
	s.events.emit("handshake", f)
}

func (s *session) end(why *failure) bool {
	s.report(why)
	outcome := "complete"
	if why != nil {
		outcome = "failed"
	}
	s.events.emit("closed", fields{"conn": s.conn, "outcome": outcome})
	return why == nil
}

// hangUp says goodbye and lets the peer do so too.
func hangUp(conn *tls.Conn, raw net.Conn) {
	_ = raw.SetDeadline(time.Now().Add(linger))
	_ = conn.CloseWrite()
	if half, is := raw.(*net.TCPConn); is {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(raw, 1<<20))
}

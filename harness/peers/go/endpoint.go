// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// endpoint is what all connections of a process share.
type endpoint struct {
	opts         *options
	events       *events
	keylog       io.Writer
	certificate  *tls.Certificate // nil: none
	roots        *x509.CertPool
	relyingParty *relyingParty // nil: this side is none
	attester     *attester     // likewise
}

func run(opts *options) (complete bool, err error) {
	e := &endpoint{opts: opts}
	if e.events, err = openEvents(opts.events, opts.side(), opts.artifacts); err != nil {
		return false, err
	}
	client := newVerifierClient(time.Duration(opts.verifierTimeout) * time.Millisecond)
	if err := e.load(client); err != nil {
		return false, err
	}
	if opts.client {
		complete = e.connect()
	} else {
		complete, err = e.listen()
	}
	waitAtMost(&client.farewell, 500*time.Millisecond)
	return complete, err
}

func waitAtMost(group *sync.WaitGroup, most time.Duration) {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(most):
	}
}

// load reads files and sees to it that the device has the key.
func (e *endpoint) load(client *verifierClient) error {
	opts := e.opts
	if opts.keylog != "" {
		file, err := os.OpenFile(opts.keylog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		e.keylog = file
	}
	if opts.ca != "" {
		text, err := os.ReadFile(opts.ca)
		if err != nil {
			return err
		}
		e.roots = x509.NewCertPool()
		if !e.roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s: no certificate in it", opts.ca)
		}
	}
	if len(opts.relyingParty) > 0 {
		e.relyingParty = &relyingParty{opts: opts, client: client, events: e.events}
	}
	if opts.cert == "" {
		return nil
	}
	name, inDevice := strings.CutPrefix(opts.key, "device:")
	if !inDevice {
		pair, err := tls.LoadX509KeyPair(opts.cert, opts.key)
		e.certificate = &pair // with its leaf parsed
		return err
	}
	handle, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return fmt.Errorf("--key %s: device:HANDLE was expected", opts.key)
	}
	return e.loadDeviceKey(client, uint32(handle))
}

func (e *endpoint) loadDeviceKey(client *verifierClient, handle uint32) error {
	chain, err := readChain(e.opts.cert)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	public, is := leaf.PublicKey.(*ecdsa.PublicKey)
	if !is {
		return fmt.Errorf("%s: an EC key was expected", e.opts.cert)
	}
	dev, err := openDevice(e.opts.device)
	if err != nil {
		return err
	}
	key := &deviceKey{device: dev, handle: handle, public: public}
	if err := key.check(); err != nil {
		return err
	}
	e.certificate = &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
	if len(e.opts.attester) > 0 {
		e.attester = &attester{opts: e.opts, device: dev, key: key, client: client, events: e.events}
		return e.attester.prepareFaults()
	}
	return nil
}

func readChain(path string) (chain [][]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s: no certificate in it", path)
	}
	return chain, nil
}

func (e *endpoint) connect() bool {
	var group sync.WaitGroup
	outcomes := make([]bool, e.opts.connections)
	for i := range outcomes {
		group.Add(1)
		go func() {
			defer guard()
			defer group.Done()
			s := newSession(e, i+1)
			conn, err := net.DialTimeout("tcp", e.opts.connect,
				time.Duration(e.opts.timeout)*time.Second)
			if err != nil {
				s.end(fail("peer-closed", "", "%v", err))
				return
			}
			outcomes[i] = s.serve(conn)
		}()
	}
	group.Wait()
	for _, complete := range outcomes {
		if !complete {
			return false
		}
	}
	return true
}

func (e *endpoint) listen() (bool, error) {
	listener, err := net.Listen("tcp", e.opts.listen)
	if err != nil {
		return false, err
	}
	address := listener.Addr().(*net.TCPAddr)
	e.events.emit("ready", fields{"address": address.String(), "port": address.Port})
	var group sync.WaitGroup
	var mu sync.Mutex
	all := true
	for number := 1; e.opts.maxConnection == 0 || number <= e.opts.maxConnection; number++ {
		conn, err := listener.Accept()
		if err != nil {
			return false, err
		}
		group.Add(1)
		go func() {
			defer guard()
			defer group.Done()
			complete := newSession(e, number).serve(conn)
			mu.Lock()
			defer mu.Unlock()
			all = all && complete
		}()
	}
	group.Wait()
	return all, nil
}

// verifyChain: PKIX as for any certificate. crypto/x509 does not know the extensions of
// attestation, so that a critical one is refused, as RFC 5280 section 4.2 wants.
func (e *endpoint) verifyChain(chain []*x509.Certificate) *failure {
	if e.roots == nil {
		return fail("certificate-untrusted", "", "X.509 came, and there are no trust anchors").
			withAlert(alertUnknownCA)
	}
	how := x509.VerifyOptions{Roots: e.roots, Intermediates: x509.NewCertPool(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if e.opts.client {
		how.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		how.DNSName, _, _ = net.SplitHostPort(e.opts.connect)
	}
	for _, certificate := range chain[1:] {
		how.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(how); err != nil {
		why := fail("certificate-untrusted", "RFC 8446 section 4.4.2.4", "%v", err).
			withAlert(alertBadCertificate)
		if errors.As(err, &x509.UnknownAuthorityError{}) {
			why.alert = alertUnknownCA
		}
		return why
	}
	return nil
}

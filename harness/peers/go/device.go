// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// The device holds the keys and makes the evidence. Requests go over a unix socket in frames:
// 00, COBS(version, kind, session, sequence, message, CRC-32), 00.
const (
	linkVersion   = 1
	linkRequest   = 1
	linkAnswer    = 2
	linkHeader    = 10
	answerMax     = 256 * 1024
	opAttestKey   = 4
	opAttestPSA   = 5
	opSign        = 6
	deviceTimeout = 10 * time.Second
	quietFirst    = 50 * time.Millisecond
	quietMost     = 500 * time.Millisecond
	garbledMost   = 32
)

var operations = map[byte]string{opAttestKey: "attest-key", opAttestPSA: "attest-platform",
	opSign: "sign"}

type device struct {
	mu       sync.Mutex
	conn     net.Conn
	session  uint32
	sequence uint32
	decoder  frameDecoder
	buffered []byte
}

// encodeFrame stuffs payload and checksum so that zero bytes only stand around them.
func encodeFrame(payload []byte) []byte {
	data := binary.BigEndian.AppendUint32(bytes.Clone(payload), crc32.ChecksumIEEE(payload))
	out := []byte{0, 0}
	codeAt, code := 1, byte(1)
	closeBlock := func() { out[codeAt] = code }
	openBlock := func() {
		codeAt, code = len(out), 1
		out = append(out, 0)
	}
	for _, b := range data {
		if code == 0xff {
			closeBlock()
			openBlock()
		}
		if b == 0 {
			closeBlock()
			openBlock()
		} else {
			out = append(out, b)
			code++
		}
	}
	closeBlock()
	return append(out, 0)
}

var errGarbled = errors.New("a frame came garbled")

// decodeFrame undoes encodeFrame; in is what stood between two zero bytes.
func decodeFrame(in []byte) ([]byte, error) {
	var out []byte
	for at := 0; at < len(in); {
		code := int(in[at])
		at++
		if code == 0 || at+code-1 > len(in) {
			return nil, errGarbled
		}
		out = append(out, in[at:at+code-1]...)
		at += code - 1
		if code != 0xff && at < len(in) {
			out = append(out, 0)
		}
	}
	if len(out) < 4 {
		return nil, errGarbled
	}
	payload, sum := out[:len(out)-4], binary.BigEndian.Uint32(out[len(out)-4:])
	if crc32.ChecksumIEEE(payload) != sum {
		return nil, errGarbled
	}
	return payload, nil
}

// frameDecoder collects bytes between zeros; what is too long is dropped up to the next zero.
type frameDecoder struct {
	open     []byte
	overflow bool
}

// push takes a byte; a frame that ended there comes back, or why it is none.
func (d *frameDecoder) push(b byte) (payload []byte, ended bool, err error) {
	if b != 0 {
		if len(d.open) > answerMax+answerMax/128+64 {
			d.overflow = true
		} else {
			d.open = append(d.open, b)
		}
		return nil, false, nil
	}
	open, overflow := d.open, d.overflow
	d.open, d.overflow = nil, false
	if overflow {
		return nil, true, errGarbled
	}
	if len(open) == 0 {
		return nil, false, nil
	}
	payload, err = decodeFrame(open)
	return payload, true, err
}

func openDevice(address string) (*device, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return nil, unsupported("device address " + address)
	}
	conn, err := net.DialTimeout("unix", path, deviceTimeout)
	if err != nil {
		return nil, fail("device-unavailable", "", "the device is not there: %v", err)
	}
	var session [4]byte
	if _, err := rand.Read(session[:]); err != nil {
		return nil, err
	}
	return &device{conn: conn, session: binary.BigEndian.Uint32(session[:])}, nil
}

func unavailable(format string, args ...any) *failure {
	return fail("device-unavailable", "", format, args...)
}

// exchange sends a request, and sends it again where the line was quiet or garbled: the device
// does it once, since it is numbered.
func (d *device) exchange(request []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sequence++
	payload := []byte{linkVersion, linkRequest}
	payload = binary.BigEndian.AppendUint32(payload, d.session)
	payload = binary.BigEndian.AppendUint32(payload, d.sequence)
	frame := encodeFrame(append(payload, request...))
	end, quiet, garbled := time.Now().Add(deviceTimeout), quietFirst, 0
	for time.Now().Before(end) && garbled < garbledMost {
		_ = d.conn.SetWriteDeadline(end)
		if _, err := d.conn.Write(frame); err != nil {
			return nil, unavailable("the device is gone: %v", err)
		}
		message, err := d.await(quiet)
		if err == nil {
			return d.answer(request[0], message)
		}
		if errors.Is(err, errGarbled) {
			garbled++
		} else if timeout, is := err.(net.Error); !is || !timeout.Timeout() {
			return nil, unavailable("the device is gone: %v", err)
		}
		quiet = min(2*quiet, quietMost)
	}
	return nil, unavailable("the device gave no answer within %v", deviceTimeout)
}

// await returns the message that answers the last request; late answers to older ones are passed.
func (d *device) await(quiet time.Duration) ([]byte, error) {
	received := make([]byte, 4096)
	for {
		for len(d.buffered) > 0 {
			b := d.buffered[0]
			d.buffered = d.buffered[1:]
			payload, ended, err := d.decoder.push(b)
			if err != nil {
				return nil, err
			}
			if ended && d.isAnswer(payload) {
				return payload[linkHeader:], nil
			}
		}
		_ = d.conn.SetReadDeadline(time.Now().Add(quiet))
		n, err := d.conn.Read(received)
		if err != nil {
			return nil, err
		}
		d.buffered = append(d.buffered, received[:n]...)
	}
}

func (d *device) isAnswer(payload []byte) bool {
	return len(payload) >= linkHeader && payload[0] == linkVersion && payload[1] == linkAnswer &&
		binary.BigEndian.Uint32(payload[2:]) == d.session &&
		binary.BigEndian.Uint32(payload[6:]) == d.sequence
}

func (d *device) answer(operation byte, message []byte) ([]byte, error) {
	if len(message) < 2 {
		return nil, unavailable("the device's answer to %s has %d bytes", operations[operation],
			len(message))
	}
	outcome, rest := message[1], message[2:]
	if outcome == 0 && message[0] == operation {
		return rest, nil
	}
	why := ""
	if text, _, err := vector(rest, 2); err == nil {
		why = printable(text)
	}
	return nil, unavailable("the device answered %s with outcome %d: %.300s",
		operations[operation], outcome, why)
}

// vector splits a byte string behind a length of so many bytes off the front.
func vector(in []byte, prefix int) (value, rest []byte, err error) {
	if len(in) < prefix {
		return nil, nil, io.ErrUnexpectedEOF
	}
	size := 0
	for _, b := range in[:prefix] {
		size = size<<8 | int(b)
	}
	if len(in)-prefix < size {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return in[prefix : prefix+size], in[prefix+size:], nil
}

func (d *device) field(request []byte, prefix int) ([]byte, error) {
	fields, err := d.exchange(request)
	if err != nil {
		return nil, err
	}
	value, rest, err := vector(fields, prefix)
	if err != nil || len(rest) > 0 || len(value) == 0 {
		return nil, unavailable("the device's answer to %s is malformed", operations[request[0]])
	}
	return value, nil
}

func vec8(request, value []byte) []byte {
	return append(append(request, byte(len(value))), value...)
}

// attestKey: a CAB for the key over the challenge.
func (d *device) attestKey(handle uint32, challenge []byte) ([]byte, error) {
	request := binary.BigEndian.AppendUint32([]byte{opAttestKey}, handle)
	return d.field(vec8(request, challenge), 3)
}

// attestPlatform: a bare PSA token over the challenge.
func (d *device) attestPlatform(challenge []byte) ([]byte, error) {
	return d.field(vec8([]byte{opAttestPSA}, challenge), 3)
}

func (d *device) sign(handle uint32, digest []byte) ([]byte, error) {
	request := binary.BigEndian.AppendUint32([]byte{opSign}, handle)
	return d.field(vec8(request, digest), 1)
}

// deviceKey is an enrolled key of the device as a crypto.Signer: crypto/tls never sees the private
// part.
type deviceKey struct {
	device *device
	handle uint32
	public *ecdsa.PublicKey
}

func (k *deviceKey) Public() crypto.PublicKey { return k.public }

func (k *deviceKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != hashOfCurve(k.public.Curve) {
		return nil, fmt.Errorf("the device signs %s digests with this key",
			hashOfCurve(k.public.Curve))
	}
	rs, err := k.device.sign(k.handle, digest)
	if err != nil {
		return nil, err
	}
	size := (k.public.Curve.Params().BitSize + 7) / 8
	if len(rs) != 2*size {
		return nil, unavailable("the device's signature has %d bytes, expected %d", len(rs), 2*size)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(rs[:size]), new(big.Int).SetBytes(rs[size:])})
}

// check: has the device the certificate's key? A signature over a random digest tells.
func (k *deviceKey) check() error {
	digest := make([]byte, hashOfCurve(k.public.Curve).Size())
	if _, err := rand.Read(digest); err != nil {
		return err
	}
	signature, err := k.Sign(nil, digest, hashOfCurve(k.public.Curve))
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(k.public, digest, signature) {
		return fmt.Errorf("the device's key %d is not the key of the certificate", k.handle)
	}
	return nil
}

func hashOfCurve(curve elliptic.Curve) crypto.Hash {
	if curve == elliptic.P384() {
		return crypto.SHA384
	}
	return crypto.SHA256
}

// watchedKey tells the session when the device does not sign: crypto/tls then sends internal_error.
type watchedKey struct {
	*deviceKey
	session *session
}

func (k *watchedKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := k.deviceKey.Sign(random, digest, opts)
	if err != nil {
		k.session.refused = asFailure(err).withAlert(alertInternalError)
	}
	return signature, err
}

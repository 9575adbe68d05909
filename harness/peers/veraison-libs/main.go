// SPDX-License-Identifier: Apache-2.0

// Command atls-veraison-libs is a verifier made of the libraries that Veraison's services are made
// of: psatoken decodes, validates and verifies PSA tokens, ear makes and signs the result, cmw
// unwraps. What stands between them (HTTP, the store, the comparison of measurements) is this
// program's, and does as Veraison's PSA_IOT scheme does where that is known; it is not Veraison.
// Flags, events and exit codes are those of the verifier program in harness/peers/README.md.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitCrash       = 70 // Go's own would be that of a wrong flag
	exitUnsupported = 77
)

type options struct {
	listen, identity, key, publicKey, events string
	endorsements                             []string
	standardBase64                           bool // of the nonce in the session's JSON
	sessionLifetime                          time.Duration
}

// unsupported is a flag of the contract that this verifier does not have: exit code 77.
type unsupported string

func (u unsupported) Error() string { return "not supported: " + string(u) }

func main() {
	defer guard()
	for _, argument := range os.Args[1:] {
		if argument == "--version" {
			fmt.Println("atls-veraison-libs (" + versions() + ")")
			return
		}
	}
	opts := parseOptions(os.Args[1:])
	dieWithParent()
	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "atls-veraison-libs:", err)
		os.Exit(exitFailed)
	}
}

// versions of the libraries, as this program was built with them.
func versions() string {
	var names []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if name, is := strings.CutPrefix(module.Path, "github.com/veraison/"); is {
				names = append(names, name+" "+module.Version)
			}
		}
	}
	return strings.Join(names, ", ")
}

// guard makes a panic a crash for the contract.
func guard() {
	if problem := recover(); problem != nil {
		fmt.Fprintf(os.Stderr, "atls-veraison-libs: crash: %v\n%s", problem, debug.Stack())
		os.Exit(exitCrash)
	}
}

func dieWithParent() {
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(250 * time.Millisecond)
		}
		os.Exit(exitFailed)
	}()
}

func parseOptions(arguments []string) *options {
	o := &options{standardBase64: true, sessionLifetime: 150 * time.Second}
	flags := flag.NewFlagSet("atls-veraison-libs", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.listen, "listen", "", "HOST:PORT")
	flags.Func("endorsements", "CoRIM, repeatable", func(path string) error {
		o.endorsements = append(o.endorsements, path)
		return nil
	})
	flags.StringVar(&o.identity, "identity", "", "(results of the ear library name no issuer)")
	flags.StringVar(&o.key, "key", "", "private JWK, P-256; made for the run where absent")
	flags.StringVar(&o.publicKey, "public-key", "", "file for the public JWK")
	flags.StringVar(&o.events, "events", "", "file of events, - for standard output")
	flags.Func("nonce-dialect", "base64 (default, as releases of Veraison) or base64url (as main)",
		func(text string) error {
			if text != "base64" && text != "base64url" {
				return unsupported("--nonce-dialect " + text)
			}
			o.standardBase64 = text == "base64"
			return nil
		})
	only := func(name, value string) {
		flags.Func(name, value, func(text string) error {
			if text != value {
				return unsupported("--" + name + " " + text)
			}
			return nil
		})
	}
	only("store", "memory")
	only("ear-dialect", "veraison")
	for _, name := range []string{"fault", "result-lifetime"} {
		flags.Func(name, "not supported", func(text string) error {
			return unsupported("--" + name + " " + text)
		})
	}
	flags.Func("session-lifetime", "seconds", func(text string) error {
		seconds, err := strconv.ParseUint(text, 10, 31)
		o.sessionLifetime = time.Duration(seconds) * time.Second
		return err
	})
	err := flags.Parse(arguments)
	if err == flag.ErrHelp {
		flags.SetOutput(os.Stdout)
		fmt.Println("usage: atls-veraison-libs --listen HOST:PORT FLAGS\n" +
			"A verifier of PSA tokens made of Veraison's libraries. The root of trust is simulated.")
		flags.PrintDefaults()
		os.Exit(0)
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected: %s", flags.Arg(0))
	}
	if err == nil && o.listen == "" {
		err = fmt.Errorf("--listen is needed")
	}
	if err != nil {
		// flag wraps an error of Func by its text only.
		if _, what, is := strings.Cut(err.Error(), "not supported: "); is {
			fmt.Fprintln(os.Stderr, "atls-veraison-libs:", unsupported(what))
			os.Exit(exitUnsupported)
		}
		fmt.Fprintln(os.Stderr, "atls-veraison-libs:", err)
		os.Exit(exitUsage)
	}
	return o
}

// signingKey is read, or made for the run; its public part is written where somebody wants it.
func signingKey(o *options) (*ecdsa.PrivateKey, json.RawMessage, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if o.key != "" {
		text, err := os.ReadFile(o.key)
		if err != nil {
			return nil, nil, err
		}
		parsed, err := jwk.ParseKey(text)
		if err == nil {
			err = jwk.Export(parsed, key)
		}
		if err != nil || key.Curve != elliptic.P256() {
			return nil, nil, fmt.Errorf("%s: a private key on P-256 was expected (%v)", o.key, err)
		}
	}
	public, err := jwk.Import(key.Public())
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(public)
	if err == nil && o.publicKey != "" {
		err = os.WriteFile(o.publicKey, text, 0o644)
	}
	return key, text, err
}

func run(o *options) error {
	log, err := openEvents(o.events)
	if err != nil {
		return err
	}
	v := &verifier{opts: o, events: log, store: newStore(), sessions: map[string]*session{}}
	if v.key, v.publicKey, err = signingKey(o); err != nil {
		return err
	}
	for _, path := range o.endorsements {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := v.endorse(path, data); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	address := listener.Addr().(*net.TCPAddr)
	log.emit("ready", fields{"address": address.String(), "port": address.Port})
	server := &http.Server{Handler: v.routes(), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(listener)
}

func (v *verifier) endorse(source string, data []byte) error {
	values, anchors, err := v.store.add(data)
	if err != nil {
		return err
	}
	v.events.emit("endorsed", fields{"source": source, "reference_values": values,
		"trust_anchors": anchors})
	return nil
}

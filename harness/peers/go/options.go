// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	profileX509  = "x509-cmw"
	profileExpat = "expat-04"
)

// unsupported is a flag value of the contract that this peer does not have: exit code 77.
type unsupported string

func (u unsupported) Error() string { return "not supported: " + string(u) }

type options struct {
	client                     bool
	profile                    string
	events, keylog, artifacts  string
	attester, relyingParty     []string
	required                   bool
	device                     string
	serialization              string
	evidenceFormat, cmwForm    string
	reattest                   int
	verifier                   string
	trusted                    []trust
	acceptWarning              bool
	nonceSize                  int
	resultMaxAge, clockOffset  int64
	cert, key, ca              string
	message                    string
	cmwAttestation             uint16
	exporterLabel, publicKey   string
	variants                   bool // one that only expat-04 has was set
	patAlone                   bool // cab-appraisal=relying-party
	resultBound                bool // result-key=bound
	resultAnswers              bool // result-nonce=required
	verifierTimeout            int  // ms
	timeout                    int  // s
	connect, listen            string
	hrr                        bool
	connections, maxConnection int
	faults                     map[string]bool
	foreignNonce               []byte
}

// faultsOfExpat: what an attester of expat-04 can be told to do wrong.
var faultsOfExpat = []string{"authenticator-finished", "authenticator-context-reuse",
	"authenticator-second-entry", "application-data-early", "empty-certificate", "stale-nonce"}

// faultForeign has a value: the nonce of another session.
const faultForeign = "foreign-nonce"

// Readings of expat-04 (H7, H6, H11); the first is the default, and of H11 the second the same.
var (
	resultNonces = []string{"drafted", "free", "required"}

	labels     = []string{"EXPORTER-cmw-attestation", "Attestation", "Attestation Binding"}
	publicKeys = []string{"spki", "raw-point", "cose-key"}
)

func (o *options) variant(text string) error {
	name, reading, _ := strings.Cut(text, "=")
	switch text {
	case "cab-appraisal=verifier", "cab-appraisal=relying-party":
		o.patAlone = reading == "relying-party"
		return nil
	case "result-key=named", "result-key=bound":
		o.resultBound = reading == "bound"
		return nil
	}
	o.variants = true
	switch {
	case name == "result-nonce" && slices.Contains(resultNonces, reading):
		o.resultAnswers = reading == "required"
	case text == "cmw-code-point=0xFF00":
		o.cmwAttestation = 0xFF00
	case text == "cmw-code-point=0xFFFF":
		o.cmwAttestation = 0xFFFF
	case name == "exporter-label" && slices.Contains(labels, reading):
		o.exporterLabel = reading
	case name == "public-key" && slices.Contains(publicKeys, reading):
		o.publicKey = reading
	default:
		return unsupported("--variant " + text)
	}
	return nil
}

// choice: one of some words; another one is not supported.
func choice(flags *flag.FlagSet, into *string, name, initial string, words ...string) {
	*into = initial
	flags.Func(name, strings.Join(words, " or "), func(text string) error {
		if !slices.Contains(words, text) {
			return unsupported("--" + name + " " + text)
		}
		*into = text
		return nil
	})
}

func models(flags *flag.FlagSet, into *[]string, name string) {
	flags.Func(name, "none, or a list of background-check, passport", func(text string) error {
		*into = nil
		for _, model := range strings.Split(text, ",") {
			if model != backgroundCheck && model != passport && (model != none || text != none) {
				return unsupported("--" + name + " " + text)
			}
			if model != none {
				*into = append(*into, model)
			}
		}
		return nil
	})
}

func number(flags *flag.FlagSet, into *int64, name string, initial, low, high int64) {
	*into = initial
	flags.Func(name, fmt.Sprintf("%d to %d", low, high), func(text string) error {
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || value < low || value > high {
			return fmt.Errorf("a number from %d to %d was expected", low, high)
		}
		*into = value
		return nil
	})
}

func (o *options) define(flags *flag.FlagSet) (finish func()) {
	var policy, tier, credentialKind, curve string
	var reattest, nonceSize, verifierTimeout, timeout, connections, maxConnections int64
	choice(flags, &o.profile, "profile", "", profileX509, profileExpat)
	flags.StringVar(&o.events, "events", "", "file of events, - for standard output")
	flags.StringVar(&o.keylog, "keylog", "", "TLS secrets in NSS key log format, appended")
	flags.StringVar(&o.artifacts, "artifacts", "", "folder for credentials and results")
	models(flags, &o.attester, "attester")
	models(flags, &o.relyingParty, "relying-party")
	choice(flags, &policy, "policy", "required", "required", "optional")
	flags.StringVar(&o.device, "device", "", "unix:PATH of the attester's device")
	flags.Func("second-device", "unix:PATH (no fault here needs it)", func(string) error { return nil })
	flags.Func("evidence-type", "cf:N or a media type (these profiles negotiate none)",
		func(string) error { return nil })
	choice(flags, &o.serialization, "serialization", "cbor", "cbor", "json")
	choice(flags, &o.evidenceFormat, "evidence-format", "cab", "cab", "psa")
	choice(flags, &o.cmwForm, "cmw-form", "record", "record", "tag")
	choice(flags, &credentialKind, "credential-kind", "attestation", "attestation")
	number(flags, &reattest, "reattest", 0, 0, 100)
	o.cmwAttestation, o.exporterLabel, o.publicKey = 0xFF00, labels[0], publicKeys[0]
	flags.Func("variant", "cab-appraisal, cmw-code-point, exporter-label, public-key, result-key, result-nonce", o.variant)
	choice(flags, &curve, "curve", "p256", "p256", "p384") // the enrolled key has one already
	flags.StringVar(&o.verifier, "verifier", "", "URL")
	flags.Func("verifier-id", "identity of the attester's verifier (nothing here carries it)",
		func(string) error { return nil })
	flags.Func("trust-verifier", "ID=URL or ID=JWK file", func(text string) error {
		id, source, both := strings.Cut(text, "=")
		if !both || id == "" || source == "" {
			return fmt.Errorf("ID=SOURCE was expected")
		}
		o.trusted = append(o.trusted, trust{id, source})
		return nil
	})
	choice(flags, &tier, "accept-tier", "affirming", "affirming", "warning")
	number(flags, &nonceSize, "nonce-size", 32, 8, 64)
	number(flags, &o.resultMaxAge, "result-max-age", 3600, 0, 1<<32)
	number(flags, &o.clockOffset, "clock-offset", 0, -1<<32, 1<<32)
	flags.StringVar(&o.cert, "cert", "", "X.509 chain, PEM")
	flags.StringVar(&o.key, "key", "", "private key, PEM, or device:HANDLE")
	flags.StringVar(&o.ca, "ca", "", "trust anchors, PEM")
	flags.StringVar(&o.message, "message", "", "the line of application data")
	flags.Func("code-points", "(no profile here has them)", func(text string) error {
		return unsupported("--code-points " + text)
	})
	number(flags, &verifierTimeout, "verifier-timeout", 5000, 1, 3600000)
	number(flags, &timeout, "timeout", 20, 1, 86400)
	o.faults = map[string]bool{}
	flags.Func("fault", strings.Join(faultsOfExpat, ", ")+", foreign-nonce=HEX", func(text string) error {
		if value, is := strings.CutPrefix(text, faultForeign+"="); is {
			nonce, err := hex.DecodeString(value)
			if err != nil || len(nonce) < 8 || len(nonce) > 64 {
				return fmt.Errorf("%s: 8 to 64 bytes in hexadecimal were expected", faultForeign)
			}
			o.faults[faultForeign], o.foreignNonce = true, nonce
			return nil
		}
		if !slices.Contains(faultsOfExpat, text) {
			return unsupported("--fault " + text)
		}
		o.faults[text] = true
		return nil
	})
	if o.client {
		flags.StringVar(&o.connect, "connect", "", "HOST:PORT")
		number(flags, &connections, "connections", 1, 1, 10000)
		flags.BoolFunc("hrr", "", func(string) error {
			return unsupported("--hrr: crypto/tls does not let a client choose its key shares")
		})
	} else {
		flags.StringVar(&o.listen, "listen", "", "HOST:PORT")
		number(flags, &maxConnections, "max-connections", 0, 0, 1<<31)
		flags.BoolVar(&o.hrr, "hrr", false, "accept only secp384r1")
	}
	return func() {
		o.required, o.acceptWarning = policy == "required", tier == "warning"
		o.reattest, o.nonceSize = int(reattest), int(nonceSize)
		o.verifierTimeout, o.timeout = int(verifierTimeout), int(timeout)
		o.connections, o.maxConnection = int(connections), int(maxConnections)
		if o.message == "" {
			o.message = "hello from " + o.side()
		}
	}
}

func (o *options) side() string {
	if o.client {
		return "client"
	}
	return "server"
}

// parseOptions ends the program where the flags do not do: 2, or 77 where this peer cannot.
func parseOptions(client bool, arguments []string) *options {
	o := &options{client: client}
	flags := flag.NewFlagSet("atls-go "+o.side(), flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	finish := o.define(flags)
	err := flags.Parse(arguments)
	if err == flag.ErrHelp {
		flags.SetOutput(os.Stdout)
		fmt.Printf("usage: atls-go %s FLAGS\nFlags of the peer contract, on Go's crypto/tls:\n",
			o.side())
		flags.PrintDefaults()
		os.Exit(0)
	}
	finish()
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected: %s", flags.Arg(0))
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		// flag wraps an error of Func by its text only.
		if _, what, is := strings.Cut(err.Error(), "not supported: "); is {
			fmt.Fprintln(os.Stderr, "atls-go:", unsupported(what))
			os.Exit(exitUnsupported)
		}
		fmt.Fprintln(os.Stderr, "atls-go:", err)
		os.Exit(exitUsage)
	}
	return o
}

// check: do the flags go together?
func (o *options) check() error {
	later := o.profile == profileExpat
	if o.profile == "" {
		return fmt.Errorf("--profile is needed")
	}
	if o.connect == "" && o.listen == "" {
		return fmt.Errorf("--connect or --listen is needed")
	}
	if (o.cert == "") != (o.key == "") {
		return fmt.Errorf("--cert and --key come together")
	}
	if len(o.attester) > 0 && (o.device == "" || !strings.HasPrefix(o.key, "device:")) {
		return fmt.Errorf("an attester needs --device, --cert and --key device:HANDLE")
	}
	if strings.HasPrefix(o.key, "device:") && o.device == "" {
		return fmt.Errorf("--key %s needs a --device", o.key)
	}
	if !o.client && o.cert == "" {
		return fmt.Errorf("a server needs --cert and --key")
	}
	asks := slices.Contains(o.relyingParty, backgroundCheck) ||
		later && slices.Contains(o.attester, passport)
	if asks && o.verifier == "" {
		return fmt.Errorf("a background check and a passport attester need a --verifier")
	}
	if slices.Contains(o.relyingParty, passport) && len(o.trusted) == 0 {
		return fmt.Errorf("a passport relying party needs a --trust-verifier")
	}
	if o.cmwForm == "tag" && o.serialization == "json" {
		return unsupported("a CMW in JSON is no tag")
	}
	if !later && (o.reattest > 0 || o.variants) {
		return unsupported("--reattest and --variant with profile x509-cmw")
	}
	if len(o.faults) > 0 && (!later || len(o.attester) == 0) {
		return unsupported("faults but of an attester of expat-04")
	}
	if (o.faults["stale-nonce"] || o.faults[faultForeign]) && o.attester[0] == passport {
		return unsupported("stale-nonce and foreign-nonce of a result, which answers nothing")
	}
	if len(o.message) > 4000 || strings.Contains(o.message, "\n") {
		return fmt.Errorf("--message is one line of at most 4000 bytes")
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

// Command atls-go is a peer of the harness on Go's crypto/tls: attestation in the certificate
// (x509-cmw) and in exported authenticators (expat-04), as client and as server. It keeps the peer
// contract, harness/peers/README.md. Formats are read with the modules that the Go ecosystem has
// for them (veraison's cmw, ear and go-cose, fxamacker's cbor), never with the project's C code.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitCrash       = 70 // Go's own would be that of a wrong flag
	exitUnsupported = 77
)

// guard makes a panic a crash for the contract; every goroutine begins with it.
func guard() {
	if problem := recover(); problem != nil {
		fmt.Fprintf(os.Stderr, "atls-go: crash: %v\n%s", problem, debug.Stack())
		os.Exit(exitCrash)
	}
}

// dieWithParent: nobody is left to end a program whose harness is gone.
func dieWithParent() {
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(250 * time.Millisecond)
		}
		os.Exit(exitFailed)
	}()
}

func main() {
	defer guard()
	if len(os.Args) < 2 {
		usage(os.Stderr)
		os.Exit(exitUsage)
	}
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "client", "server":
		for _, argument := range arguments {
			if argument == "--version" {
				version()
				return
			}
		}
	case "--version":
		version()
		return
	case "--help":
		usage(os.Stdout)
		return
	default:
		usage(os.Stderr)
		os.Exit(exitUsage)
	}
	opts := parseOptions(os.Args[1] == "client", arguments)
	dieWithParent()
	complete, err := run(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "atls-go:", err)
		if _, is := err.(unsupported); is {
			os.Exit(exitUnsupported)
		}
	}
	if err != nil || !complete {
		os.Exit(exitFailed)
	}
}

func version() {
	fmt.Printf("atls-go (crypto/tls of %s)\n", runtime.Version())
}

func usage(to *os.File) {
	fmt.Fprintln(to, "usage: atls-go client|server FLAGS, or atls-go --version\n"+
		"A peer of the attested TLS harness on Go's crypto/tls; atls-go client --help lists flags.")
}

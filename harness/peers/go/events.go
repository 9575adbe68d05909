// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"
)

type fields map[string]any

// events writes one JSON object a line, as the peer contract has them, for all connections.
type events struct {
	mu        sync.Mutex
	out       io.Writer // nil where nobody asked for events
	who       string
	start     time.Time
	artifacts string
}

func openEvents(path, who, artifacts string) (*events, error) {
	e := &events{who: who, start: time.Now(), artifacts: artifacts}
	switch path {
	case "":
	case "-":
		e.out = os.Stdout
	default:
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return nil, err
		}
		e.out = file
	}
	return e, nil
}

func (e *events) emit(event string, f fields) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.out == nil {
		if event == "handshake" || event == "verdict" || event == "ready" {
			fmt.Fprintln(os.Stderr, event, f)
		}
		return
	}
	line := fields{"t": time.Since(e.start).Seconds(), "who": e.who, "event": event}
	for name, value := range f {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	if _, err := e.out.Write(append(text, '\n')); err != nil {
		fmt.Fprintln(os.Stderr, "events:", err)
	}
}

// artifact keeps bytes in --artifacts; a later round of a connection gets a number of its own.
func (e *events) artifact(conn int, what string, data []byte) string {
	if e.artifacts == "" {
		return ""
	}
	for round := 1; round <= 1000; round++ {
		name := fmt.Sprintf("conn-%d-%s", conn, what)
		if round > 1 {
			name = fmt.Sprintf("conn-%d-%d-%s", conn, round, what)
		}
		path := filepath.Join(e.artifacts, name)
		if _, err := os.Stat(path); err == nil && conn != 0 {
			continue
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "artifacts:", err)
			return ""
		}
		return name
	}
	return ""
}

// credential tells of a CMW; the first byte tells form and serialization, even of a malformed one.
func (e *events) credential(conn int, direction string, cmw []byte) {
	sum := sha256.Sum256(cmw)
	f := fields{"conn": conn, "direction": direction, "bytes": len(cmw),
		"sha256": hex.EncodeToString(sum[:])}
	serialization := "cbor"
	if len(cmw) > 0 {
		first := cmw[0]
		switch {
		case first == '[' || first == '{':
			serialization = "json"
			f["serialization"] = serialization
			f["form"] = map[byte]string{'[': "record", '{': "collection"}[first]
		case first >= 0x80 && first <= 0x9f:
			f["form"], f["serialization"] = "record", serialization
		case first >= 0xa0 && first <= 0xbf:
			f["form"], f["serialization"] = "collection", serialization
		case first == 0xda:
			f["form"], f["serialization"] = "tag", serialization
		}
	}
	if file := e.artifact(conn, direction+"-credential."+serialization, cmw); file != "" {
		f["file"] = file
	}
	e.emit("credential", f)
}

func (e *events) result(conn int, source, file string, expiresIn *int64) {
	f := fields{"conn": conn, "source": source}
	if file != "" {
		f["file"] = file
	}
	if expiresIn != nil {
		f["expires_in"] = *expiresIn
	}
	e.emit("result", f)
}

// text of the peer as it is where it is UTF-8, otherwise in hexadecimal.
func printable(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return hex.EncodeToString(text)
}

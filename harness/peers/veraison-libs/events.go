// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

type fields map[string]any

// events writes one JSON object a line, as the peer contract has them.
type events struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func openEvents(path string) (*events, error) {
	e := &events{out: os.Stderr, start: time.Now()}
	switch path {
	case "":
	case "-":
		e.out = os.Stdout
	default:
		file, err := os.Create(path)
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
	line := fields{"t": time.Since(e.start).Seconds(), "who": "verifier", "event": event}
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

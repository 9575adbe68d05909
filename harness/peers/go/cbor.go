// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// Well-formedness of CBOR beyond what the cbor module can be told to refuse: it has no option
// against integers and lengths in more bytes than they need, and by default it lets the last of
// equal map keys win. Untrusted bytes go through here before anything decodes them.

const (
	cborDepthMax = 24
	cborItemsMax = 65536
)

type cborRules struct {
	indefinite  bool // strings, arrays and maps of indefinite length are let through
	unpreferred bool // heads longer than needed are let through
}

var (
	strictCBOR  = cborRules{}
	wrapperCBOR = cborRules{indefinite: true}
	lenientCBOR = cborRules{indefinite: true, unpreferred: true}
)

type cborWalker struct {
	data  []byte
	at    int
	items int
	rules cborRules
}

// checkCBOR: is data exactly one item that the rules allow?
func checkCBOR(data []byte, rules cborRules) error {
	w := cborWalker{data: data, rules: rules}
	if err := w.item(0); err != nil {
		return err
	}
	if w.at != len(data) {
		return fmt.Errorf("%d bytes follow the item", len(data)-w.at)
	}
	return nil
}

// head reads the initial byte and its argument.
func (w *cborWalker) head() (major byte, argument uint64, indefinite bool, err error) {
	if w.at >= len(w.data) {
		return 0, 0, false, fmt.Errorf("truncated at byte %d", w.at)
	}
	first := w.data[w.at]
	w.at++
	major, info := first>>5, first&31
	switch {
	case info < 24:
		return major, uint64(info), false, nil
	case info == 31:
		return major, 0, true, nil
	case info > 27:
		return 0, 0, false, fmt.Errorf("reserved additional information %d", info)
	}
	size := 1 << (info - 24)
	if len(w.data)-w.at < size {
		return 0, 0, false, fmt.Errorf("truncated at byte %d", len(w.data))
	}
	var wide [8]byte
	copy(wide[8-size:], w.data[w.at:w.at+size])
	w.at += size
	argument = binary.BigEndian.Uint64(wide[:])
	least := []uint64{24, 1 << 8, 1 << 16, 1 << 32}[info-24]
	if major != 7 && argument < least && !w.rules.unpreferred {
		return 0, 0, false, fmt.Errorf("%d is written in %d bytes, which is not the shortest",
			argument, size)
	}
	if major == 7 && info == 24 && argument < 32 {
		return 0, 0, false, fmt.Errorf("simple value %d in two bytes", argument)
	}
	return major, argument, false, nil
}

func (w *cborWalker) isBreak() bool {
	if w.at < len(w.data) && w.data[w.at] == 0xff {
		w.at++
		return true
	}
	return false
}

func (w *cborWalker) item(depth int) error {
	w.items++
	if depth > cborDepthMax || w.items > cborItemsMax {
		return fmt.Errorf("deeper than %d levels or more than %d items", cborDepthMax, cborItemsMax)
	}
	major, argument, indefinite, err := w.head()
	if err != nil {
		return err
	}
	if indefinite && (major < 2 || major > 5 || !w.rules.indefinite) {
		return fmt.Errorf("indefinite length at byte %d", w.at-1)
	}
	switch major {
	case 2, 3:
		return w.text(major, argument, indefinite)
	case 4:
		for i := uint64(0); indefinite && !w.isBreak() || !indefinite && i < argument; i++ {
			if err := w.item(depth + 1); err != nil {
				return err
			}
		}
	case 5:
		return w.entries(depth, argument, indefinite)
	case 6:
		return w.item(depth + 1)
	}
	return nil
}

func (w *cborWalker) text(major byte, argument uint64, indefinite bool) error {
	for indefinite {
		if w.isBreak() {
			return nil
		}
		inner, size, nested, err := w.head()
		if err != nil {
			return err
		}
		if inner != major || nested {
			return fmt.Errorf("a chunk of another type at byte %d", w.at-1)
		}
		if err := w.text(inner, size, false); err != nil {
			return err
		}
	}
	if argument > uint64(len(w.data)-w.at) {
		return fmt.Errorf("a string of %d bytes is truncated", argument)
	}
	value := w.data[w.at : w.at+int(argument)]
	if major == 3 && !utf8.Valid(value) {
		return fmt.Errorf("text at byte %d is no UTF-8", w.at)
	}
	w.at += int(argument)
	return nil
}

func (w *cborWalker) entries(depth int, argument uint64, indefinite bool) error {
	seen := map[string]bool{}
	for i := uint64(0); indefinite && !w.isBreak() || !indefinite && i < argument; i++ {
		start := w.at
		if err := w.item(depth + 1); err != nil {
			return err
		}
		key := string(w.data[start:w.at])
		if seen[key] {
			return fmt.Errorf("the map key %x comes twice", key)
		}
		seen[key] = true
		if err := w.item(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// byteString decodes a byte string and nothing else: the module would take an array of numbers.
func byteString(raw cbor.RawMessage) ([]byte, error) {
	if len(raw) == 0 || raw[0]>>5 != 2 {
		return nil, fmt.Errorf("a byte string was expected")
	}
	var value []byte
	err := cbor.Unmarshal(raw, &value)
	return value, err
}

// claimsOf decodes a map by its keys as they are: uint64, int64 or string.
func claimsOf(raw []byte) (map[any]cbor.RawMessage, error) {
	if len(raw) == 0 || raw[0]>>5 != 5 {
		return nil, fmt.Errorf("a map was expected")
	}
	var claims map[any]cbor.RawMessage
	err := cbor.Unmarshal(raw, &claims)
	return claims, err
}

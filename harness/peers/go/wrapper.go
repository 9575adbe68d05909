// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/cmw"
)

// Conceptual message wrappers (RFC 9999). The cmw module decodes them, behind a check of the
// grammar of our own: v0.2.0 takes equal labels, an indicator of zero, an empty collection, text
// that is no media type, an array of numbers as a value, and tags that belong to no content format.

const (
	typeEATCWT      = "application/eat+cwt"
	typeEATJWT      = "application/eat+jwt"
	typeCMWCBOR     = "application/cmw+cbor"
	typeCMWJSON     = "application/cmw+json"
	typePSA         = "application/psa-attestation-token"
	typePSAVeraison = `application/eat-cwt; profile="http://arm.com/psa/2.0.0"`
	typePSARFC9783  = `application/eat+cwt; eat_profile="tag:psacertified.org,2023:psa#tfm"`

	formatEATCWT = uint16(263)
	formatEATJWT = uint16(264)

	collectionType = "__cmwc_t"
	cabType        = "tag:ietf.org,2024-02-29:rats/kat"
	wrapperDepth   = 8
	clauseWrapper  = "RFC 9999 section 3"
	clauseX509     = "RFC 9999 section 4.4"
)

var (
	psaTypes = []string{typePSA, typePSAVeraison, typePSARFC9783}
	oidPE    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 35}
	oidTCG   = asn1.ObjectIdentifier{2, 23, 133, 5, 4, 9}
	oidText  = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)
)

// wrapper is a CMW that keeps to the grammar.
type wrapper struct {
	*cmw.CMW
	json bool
}

// parseWrapper takes the serialization by the first byte (RFC 9999 section 3.4).
func parseWrapper(data []byte) (*wrapper, error) {
	if len(data) == 0 {
		return nil, fail("malformed-cmw", clauseWrapper, "a CMW was expected, nothing came")
	}
	isJSON := data[0] == '[' || data[0] == '{'
	var err error
	if isJSON {
		if err = checkJSON(data); err == nil {
			err = jsonNode(data, 0)
		}
	} else {
		if err = checkCBOR(data, wrapperCBOR); err == nil {
			err = cborNode(data, 0)
		}
	}
	if err != nil {
		return nil, fail("malformed-cmw", clauseWrapper, "%v", err)
	}
	w := wrapper{CMW: &cmw.CMW{}, json: isJSON}
	if err := w.Deserialize(data); err != nil {
		return nil, fail("malformed-cmw", clauseWrapper, "the cmw module: %v", err)
	}
	return &w, nil
}

func (w *wrapper) isCollection() bool { return w.GetKind() == cmw.KindCollection }

// is: of this type, as a media type or as the content format that stands for it?
func (w *wrapper) is(mediaType string) bool {
	name, err := w.GetMonadType()
	return err == nil && sameMediaType(name, mediaType)
}

func (w *wrapper) value() []byte {
	value, _ := w.GetMonadValue()
	return value
}

// mayBe: does the indicator, where there is one, allow this use?
func (w *wrapper) mayBe(use cmw.Indicator) bool {
	indicator, err := w.GetMonadIndicator()
	return err == nil && (indicator.Empty() || indicator.Has(use))
}

func (w *wrapper) member(label string) (*wrapper, bool) {
	item, err := w.GetCollectionItem(label)
	if err != nil {
		return nil, false
	}
	return &wrapper{CMW: item, json: w.json}, true
}

func cborNode(raw []byte, depth int) error {
	if depth > wrapperDepth {
		return fmt.Errorf("collections within collections, more than %d", wrapperDepth)
	}
	switch raw[0] >> 5 {
	case 4:
		return cborRecord(raw)
	case 5:
		return cborCollection(raw, depth)
	case 6:
		return cborTag(raw)
	}
	return fmt.Errorf("an array, a tag or a map was expected, 0x%02x came", raw[0])
}

func cborRecord(raw []byte) error {
	var parts []cbor.RawMessage
	if err := cbor.Unmarshal(raw, &parts); err != nil {
		return err
	}
	if len(parts) < 2 || len(parts) > 3 {
		return fmt.Errorf("a record has 2 or 3 members, %d came", len(parts))
	}
	switch parts[0][0] >> 5 {
	case 0:
		var format uint16
		if err := cbor.Unmarshal(parts[0], &format); err != nil {
			return fmt.Errorf("type of a record: %w", err)
		}
	case 3:
		var name string
		if err := cbor.Unmarshal(parts[0], &name); err != nil {
			return err
		}
		if err := checkMediaType(name); err != nil {
			return err
		}
	default:
		return errors.New("the type of a record is text or an unsigned number")
	}
	if _, err := byteString(parts[1]); err != nil {
		return fmt.Errorf("value of a record: %w", err)
	}
	if len(parts) == 3 {
		var indicator uint64
		if err := cbor.Unmarshal(parts[2], &indicator); err != nil {
			return fmt.Errorf("indicator of a record: %w", err)
		}
		return checkIndicator(indicator)
	}
	return nil
}

func cborTag(raw []byte) error {
	var tag cbor.RawTag
	if err := cbor.Unmarshal(raw, &tag); err != nil {
		return err
	}
	if tag.Number < cmw.TnMin || tag.Number > cmw.TnMax || (tag.Number-cmw.TnMin)%256 == 255 {
		return fmt.Errorf("tag %d stands for no content format (RFC 9277 section 4.3)", tag.Number)
	}
	_, err := byteString(tag.Content)
	return err
}

func cborCollection(raw []byte, depth int) error {
	entries, err := claimsOf(raw)
	if err != nil {
		return err
	}
	members := 0
	for label, value := range entries {
		switch name := label.(type) {
		case string:
			if name == collectionType {
				var text string
				if err := cbor.Unmarshal(value, &text); err != nil {
					return err
				}
				if err := checkCollectionType(text); err != nil {
					return err
				}
				continue
			}
		case uint64, int64:
		default:
			return errors.New("a label is text or a number")
		}
		members++
		if err := cborNode(value, depth+1); err != nil {
			return fmt.Errorf("member %v: %w", label, err)
		}
	}
	if members == 0 {
		return errors.New("a collection without members")
	}
	return nil
}

// checkJSON: one value, no member twice. The standard decoder lets the last of equal names win.
func checkJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := jsonValue(decoder, 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func jsonValue(decoder *json.Decoder, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth > cborDepthMax {
		return fmt.Errorf("JSON deeper than %d", cborDepthMax)
	}
	seen := map[string]bool{}
	for decoder.More() {
		if delimiter == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			if seen[name.(string)] {
				return fmt.Errorf("the member %.40q comes twice", name)
			}
			seen[name.(string)] = true
		}
		if err := jsonValue(decoder, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

func jsonNode(raw []byte, depth int) error {
	if depth > wrapperDepth {
		return fmt.Errorf("collections within collections, more than %d", wrapperDepth)
	}
	raw = bytes.TrimLeft(raw, " \t\r\n")
	switch {
	case len(raw) > 0 && raw[0] == '[':
		return jsonRecord(raw)
	case len(raw) > 0 && raw[0] == '{':
		return jsonCollection(raw, depth)
	}
	return errors.New("a JSON array or object was expected")
}

func jsonRecord(raw []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	if len(parts) < 2 || len(parts) > 3 {
		return fmt.Errorf("a record has 2 or 3 members, %d came", len(parts))
	}
	var name, value string
	if err := json.Unmarshal(parts[0], &name); err != nil {
		return fmt.Errorf("type of a record: %w", err)
	}
	if err := checkMediaType(name); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[1], &value); err != nil {
		return fmt.Errorf("value of a record: %w", err)
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(value); err != nil ||
		strings.ContainsAny(value, "\r\n") {
		return errors.New("the value of a record is base64url without padding")
	}
	if len(parts) == 3 {
		var indicator uint64
		if err := json.Unmarshal(parts[2], &indicator); err != nil {
			return fmt.Errorf("indicator of a record: %w", err)
		}
		return checkIndicator(indicator)
	}
	return nil
}

func jsonCollection(raw []byte, depth int) error {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return err
	}
	members := 0
	for label, value := range entries {
		if label == collectionType {
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
			if err := checkCollectionType(text); err != nil {
				return err
			}
			continue
		}
		members++
		if err := jsonNode(value, depth+1); err != nil {
			return fmt.Errorf("member %.40q: %w", label, err)
		}
	}
	if members == 0 {
		return errors.New("a collection without members")
	}
	return nil
}

func checkIndicator(indicator uint64) error {
	if indicator == 0 || indicator > 31 {
		return fmt.Errorf("an indicator has one of bits 0 to 4, %d came", indicator)
	}
	return nil
}

func checkMediaType(name string) error {
	kind, _, err := mime.ParseMediaType(name)
	if err != nil || strings.Count(kind, "/") != 1 || strings.HasPrefix(kind, "/") ||
		strings.HasSuffix(kind, "/") {
		return fmt.Errorf("%.60q is no media type", name)
	}
	return nil
}

func checkCollectionType(text string) error {
	if oidText.MatchString(text) {
		return nil
	}
	if parsed, err := url.Parse(text); err != nil || !parsed.IsAbs() {
		return fmt.Errorf("%s is neither an absolute URI nor an OID: %.60q", collectionType, text)
	}
	return nil
}

func sameMediaType(a, b string) bool {
	kindA, parametersA, errA := mime.ParseMediaType(a)
	kindB, parametersB, errB := mime.ParseMediaType(b)
	if errA != nil || errB != nil || kindA != kindB || len(parametersA) != len(parametersB) {
		return false
	}
	for name, value := range parametersA {
		other, there := parametersB[name]
		if !there || value != other && !(name == "eat_profile" && strings.EqualFold(value, other)) {
			return false
		}
	}
	return true
}

// wrapperOfCertificate finds the CMW in a leaf; nil without an error: there is none.
func wrapperOfCertificate(leaf *x509.Certificate) ([]byte, error) {
	var found []byte
	for _, extension := range leaf.Extensions {
		isTCG := extension.Id.Equal(oidTCG)
		if !isTCG && !extension.Id.Equal(oidPE) {
			continue
		}
		if found != nil {
			return nil, fail("malformed-cmw", clauseX509, "the certificate holds more than one CMW")
		}
		data, err := wrapperOfExtension(extension.Value, isTCG)
		if err != nil {
			return nil, err
		}
		found = data
	}
	return found, nil
}

// wrapperOfExtension: id-pe-cmw holds CHOICE { json UTF8String, cbor OCTET STRING }; TCG's
// extension the CMW itself, which is no collection.
func wrapperOfExtension(value []byte, isTCG bool) ([]byte, error) {
	wantJSON, data := false, value
	if !isTCG {
		var choice asn1.RawValue
		rest, err := asn1.Unmarshal(value, &choice)
		if err != nil || len(rest) > 0 || choice.Class != asn1.ClassUniversal || choice.IsCompound ||
			choice.Tag != asn1.TagOctetString && choice.Tag != asn1.TagUTF8String {
			return nil, fail("malformed-cmw", clauseX509,
				"one OCTET STRING or UTF8String was expected in id-pe-cmw")
		}
		wantJSON, data = choice.Tag == asn1.TagUTF8String, choice.Bytes
		if wantJSON && !utf8.Valid(data) {
			return nil, fail("malformed-cmw", clauseX509, "a UTF8String that is no UTF-8")
		}
	}
	parsed, err := parseWrapper(data)
	if err != nil {
		return nil, err
	}
	if !isTCG && parsed.json != wantJSON {
		return nil, fail("malformed-cmw", clauseX509,
			"the slot of the CHOICE says JSON: %v, the CMW is JSON: %v", wantJSON, parsed.json)
	}
	if isTCG && parsed.isCollection() {
		return nil, fail("malformed-cmw", clauseX509, "a collection in TCG's extension")
	}
	return data, nil
}

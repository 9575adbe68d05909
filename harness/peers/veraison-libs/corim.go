// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// Endorsements: the reference values and trust anchors of a CoRIM with the PSA profile, in the
// dialects of v0.0.2608 and of main. Veraison's corim library is not used: v1.1.2, the newest that
// is a module version, has no measurement key that is text ("psa.software-component"), and refuses
// the whole CoMID for it.

const (
	psaProfile    = "tag:arm.com,2025:psa#1.0.0"
	componentKey  = "psa.software-component"
	tagCoRIM      = 501
	tagCoMID      = 506
	tagUEID       = 550
	tagPKIXKey    = 554
	tagBytes      = 560
	tagURI        = 32
	algSHA256     = 1
	componentsMax = 4096
)

// referenceValue is what one component of an implementation should be.
type referenceValue struct {
	name, version string // empty: not said
	digest        []byte
	signer        []byte // nil: not said
}

type store struct {
	mu      sync.RWMutex
	values  map[string][]referenceValue // by implementation id
	anchors map[string]crypto.PublicKey // by implementation id, then instance id
}

func newStore() *store {
	return &store{values: map[string][]referenceValue{}, anchors: map[string]crypto.PublicKey{}}
}

var decoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 24,
		MaxArrayElements: componentsMax, MaxMapPairs: componentsMax}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

type numbered map[int64]cbor.RawMessage

func tagged(raw cbor.RawMessage, number uint64) (cbor.RawMessage, error) {
	var tag cbor.RawTag
	if err := decoder.Unmarshal(raw, &tag); err != nil {
		return nil, err
	}
	if tag.Number != number {
		return nil, fmt.Errorf("tag %d was expected, %d came", number, tag.Number)
	}
	return tag.Content, nil
}

func taggedBytes(raw cbor.RawMessage, number uint64) (data []byte, err error) {
	content, err := tagged(raw, number)
	if err == nil && (len(content) == 0 || content[0]>>5 != 2) {
		err = errors.New("a byte string was expected")
	}
	if err == nil {
		err = decoder.Unmarshal(content, &data)
	}
	return data, err
}

// add takes all of a CoRIM, or nothing.
func (s *store) add(data []byte) (values, anchors int, err error) {
	fresh := newStore()
	content, err := tagged(data, tagCoRIM)
	if err != nil {
		return 0, 0, fmt.Errorf("CoRIM: %w", err)
	}
	var corim numbered
	if err := decoder.Unmarshal(content, &corim); err != nil {
		return 0, 0, fmt.Errorf("CoRIM: %w", err)
	}
	if err := checkProfile(corim[3]); err != nil {
		return 0, 0, err
	}
	var tags []cbor.RawMessage
	if err := decoder.Unmarshal(corim[1], &tags); err != nil {
		return 0, 0, fmt.Errorf("tags of the CoRIM: %w", err)
	}
	for _, one := range tags {
		comid, err := taggedBytes(one, tagCoMID)
		if err == nil {
			err = fresh.addCoMID(comid)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("CoMID: %w", err)
		}
	}
	for _, list := range fresh.values {
		values += len(list)
	}
	return values, len(fresh.anchors), s.merge(fresh)
}

func (s *store) merge(fresh *store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, key := range fresh.anchors {
		known, there := s.anchors[id].(*ecdsa.PublicKey)
		if there && !known.Equal(key) {
			return errors.New("another key for an instance that has one")
		}
	}
	for id, key := range fresh.anchors {
		s.anchors[id] = key
	}
	for id, list := range fresh.values {
		s.values[id] = append(s.values[id], list...)
	}
	return nil
}

// checkProfile: text in v0.0.2608, a tagged URI in main.
func checkProfile(raw cbor.RawMessage) error {
	var profile string
	if len(raw) > 0 && raw[0]>>5 == 6 {
		content, err := tagged(raw, tagURI)
		if err != nil {
			return fmt.Errorf("profile of the CoRIM: %w", err)
		}
		raw = content
	}
	if err := decoder.Unmarshal(raw, &profile); err != nil || profile != psaProfile {
		return fmt.Errorf("a CoRIM of profile %s was expected, %.60q came (%v)", psaProfile, profile,
			err)
	}
	return nil
}

func (s *store) addCoMID(data []byte) error {
	var comid, triples numbered
	if err := decoder.Unmarshal(data, &comid); err != nil {
		return err
	}
	if err := decoder.Unmarshal(comid[4], &triples); err != nil {
		return fmt.Errorf("triples: %w", err)
	}
	for kind, add := range map[int64]func(string, []byte, []cbor.RawMessage) error{
		0: s.addReferences, 3: s.addAnchors} {
		if triples[kind] == nil {
			continue
		}
		var list [][]cbor.RawMessage
		if err := decoder.Unmarshal(triples[kind], &list); err != nil {
			return fmt.Errorf("triples %d: %w", kind, err)
		}
		for _, triple := range list {
			if len(triple) != 2 {
				return fmt.Errorf("triples %d: one of %d members", kind, len(triple))
			}
			implementation, instance, err := environment(triple[0])
			if err != nil {
				return fmt.Errorf("triples %d: environment: %w", kind, err)
			}
			var members []cbor.RawMessage
			if err := decoder.Unmarshal(triple[1], &members); err != nil {
				return fmt.Errorf("triples %d: %w", kind, err)
			}
			if err := add(string(implementation), instance, members); err != nil {
				return err
			}
		}
	}
	return nil
}

// environment: the implementation id of the class, and the instance id where there is one.
func environment(raw cbor.RawMessage) (implementation, instance []byte, err error) {
	var where, class numbered
	if err = decoder.Unmarshal(raw, &where); err == nil {
		err = decoder.Unmarshal(where[0], &class)
	}
	if err == nil {
		implementation, err = taggedBytes(class[0], tagBytes)
	}
	if err == nil && len(implementation) != 32 {
		err = errors.New("an implementation id of 32 bytes was expected")
	}
	if err == nil && where[1] != nil {
		instance, err = taggedBytes(where[1], tagUEID)
	}
	return implementation, instance, err
}

func (s *store) addReferences(implementation string, _ []byte, measurements []cbor.RawMessage) error {
	for _, one := range measurements {
		value, err := reference(one)
		if err != nil {
			return fmt.Errorf("reference value: %w", err)
		}
		s.values[implementation] = append(s.values[implementation], value)
	}
	return nil
}

func reference(raw cbor.RawMessage) (value referenceValue, err error) {
	var measurement, values numbered
	if err = decoder.Unmarshal(raw, &measurement); err != nil {
		return value, err
	}
	var key string
	if err = decoder.Unmarshal(measurement[0], &key); err != nil || key != componentKey {
		return value, fmt.Errorf("measurement key %s was expected, %.40q came (%v)", componentKey, key,
			err)
	}
	if err = decoder.Unmarshal(measurement[1], &values); err != nil {
		return value, err
	}
	if value.digest, err = digest(values[2]); err != nil {
		return value, err
	}
	if values[0] != nil {
		var version numbered
		if err = decoder.Unmarshal(values[0], &version); err == nil {
			err = decoder.Unmarshal(version[0], &value.version)
		}
	}
	if err == nil && values[11] != nil {
		err = decoder.Unmarshal(values[11], &value.name)
	}
	if err == nil && values[13] != nil {
		var signers []cbor.RawMessage
		if err = decoder.Unmarshal(values[13], &signers); err == nil && len(signers) != 1 {
			err = errors.New("one signer was expected")
		}
		if err == nil {
			value.signer, err = taggedBytes(signers[0], tagBytes)
		}
	}
	return value, err
}

// digest: the SHA-256 one, as this device family measures.
func digest(raw cbor.RawMessage) ([]byte, error) {
	var digests [][]cbor.RawMessage
	if err := decoder.Unmarshal(raw, &digests); err != nil {
		return nil, fmt.Errorf("digests: %w", err)
	}
	for _, pair := range digests {
		var algorithm int64
		var value []byte
		if len(pair) == 2 && decoder.Unmarshal(pair[0], &algorithm) == nil && algorithm == algSHA256 &&
			decoder.Unmarshal(pair[1], &value) == nil && len(value) == 32 {
			return value, nil
		}
	}
	return nil, errors.New("digests: none of SHA-256")
}

func (s *store) addAnchors(implementation string, instance []byte, keys []cbor.RawMessage) error {
	if len(keys) != 1 || len(instance) != 33 {
		return errors.New("trust anchor: one key and an instance id of 33 bytes were expected")
	}
	content, err := tagged(keys[0], tagPKIXKey)
	var text string
	if err == nil {
		err = decoder.Unmarshal(content, &text)
	}
	if err != nil {
		return fmt.Errorf("trust anchor: %w", err)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		return errors.New("trust anchor: one PUBLIC KEY in PEM was expected")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("trust anchor: %w", err)
	}
	s.anchors[implementation+string(instance)] = key
	return nil
}

func (s *store) anchor(implementation, instance []byte) (crypto.PublicKey, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, there := s.anchors[string(implementation)+string(instance)]
	return key, there
}

func (s *store) references(implementation []byte) []referenceValue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values[string(implementation)]
}

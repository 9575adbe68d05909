# SPDX-License-Identifier: Apache-2.0
"""Parsers of the tests' own, independent of the C code: COBS frames, COSE keys, TLS messages."""

from __future__ import annotations

import struct
from typing import Any, Iterator

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

CURVES: dict[int, ec.EllipticCurve] = {1: ec.SECP256R1(), 2: ec.SECP384R1()}


def uncobs(block: bytes) -> bytes:
    """The payload of one COBS block (Cheshire and Baker 1999)."""
    out = bytearray()
    at = 0
    while at < len(block):
        code = block[at]
        out += block[at + 1 : at + code]
        at += code
        if code < 0xFF and at < len(block):
            out.append(0)
    return bytes(out)


def frames(line: bytes) -> list[bytes]:
    """The payloads on a device's line, with their CRC."""
    return [uncobs(block) for block in line.split(b"\0") if block]


def point(cose_key: dict[int, Any]) -> bytes:
    """x || y of a COSE_Key."""
    assert cose_key[1] == 2
    return bytes(cose_key[-2] + cose_key[-3])


def cab_keys(cab: bytes) -> tuple[bytes, bytes]:
    """The identity key and the key attestation key that a CAB names, as points."""
    collection = cbor2.loads(cab)
    assert collection["__cmwc_t"] == "tag:ietf.org,2024-02-29:rats/kat"
    message = cbor2.loads(collection["kat"][1])
    protected, _, payload, signature = getattr(message, "value", message)
    assert cbor2.loads(protected)[1] in (-7, -35)
    assert len(signature) in (64, 96)
    claims = cbor2.loads(payload)
    return point(claims[8][1]), point(claims[2500])


def messages(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Handshake messages (RFC 8446 section 4): type and body."""
    at = 0
    while at + 4 <= len(stream):
        size = int.from_bytes(stream[at + 1 : at + 4], "big")
        yield stream[at], stream[at + 4 : at + 4 + size]
        at += 4 + size


def extensions(block: bytes) -> dict[int, bytes]:
    """A vector of extensions with its length in front."""
    (size,) = struct.unpack_from(">H", block)
    assert size == len(block) - 2
    found, at = {}, 2
    while at < len(block):
        kind, length = struct.unpack_from(">HH", block, at)
        found[kind] = block[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def client_hello_extensions(body: bytes) -> dict[int, bytes]:
    """The extensions of a ClientHello."""
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    at += 1 + body[at]
    return extensions(body[at:])

# SPDX-License-Identifier: Apache-2.0
"""Messages of TLS 1.3 (RFC 8446) for programs that read and change them: numbers and lengths."""

from __future__ import annotations

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS = 1, 2, 8
CERTIFICATE, CERTIFICATE_VERIFY, FINISHED = 11, 15, 20
COMPRESSED_CERTIFICATE = 25
RANDOM_AT = 4 + 2  # in a hello: behind its header and legacy_version
SESSION_ID_AT = RANDOM_AT + 32


def vector(width: int, data: bytes) -> bytes:
    """Behind its length."""
    return len(data).to_bytes(width, "big") + data


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + vector(3, body)


def block_at(whole: bytes) -> int:
    """Where a hello's or EncryptedExtensions' block of extensions begins (at its length)."""
    kind = whole[0]
    if kind == ENCRYPTED_EXTENSIONS:
        return 4
    at = suites_at(whole)
    if kind == SERVER_HELLO:
        return at + 2 + 1
    at += 2 + int.from_bytes(whole[at : at + 2], "big")
    return at + 1 + whole[at]  # compression methods


def suites_at(hello: bytes) -> int:
    """Where a ClientHello's cipher suites begin (at their length), or the one of a ServerHello."""
    return SESSION_ID_AT + 1 + hello[SESSION_ID_AT]

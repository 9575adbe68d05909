# SPDX-License-Identifier: Apache-2.0
"""As much of TLS 1.3 (RFC 8446) as an attacker on the wire needs: records, hellos, key schedule.

Ciphers, HMAC and signatures are python3-cryptography's; nothing of that kind is made here.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))
from messages import FINISHED, HANDSHAKE, SESSION_ID_AT  # noqa: E402
from messages import block_at, message, suites_at, vector  # noqa: E402

KEY_SHARE = 51
RECORD_MAX = (1 << 14) + 256
DUMMY_CHANGE_CIPHER_SPEC = bytes.fromhex("140303000101")


def read_record(source: socket.socket) -> bytes | None:
    """One whole record; None at the end of the stream."""
    head = _exactly(source, 5)
    if head is None:
        return None
    size = int.from_bytes(head[3:], "big")
    if size > RECORD_MAX:
        raise ValueError(f"expected a record of at most {RECORD_MAX} bytes, came {size}")
    body = _exactly(source, size)
    return None if body is None else head + body


def _exactly(source: socket.socket, count: int) -> bytes | None:
    got = b""
    while len(got) < count:
        more = source.recv(count - len(got))
        if not more:
            return None
        got += more
    return got


def read_hello(source: socket.socket, kind: int) -> tuple[bytes, bytes]:
    """A hello in plain records: the message, and the records as they came."""
    records = whole = b""
    while len(whole) < 4 or len(whole) < 4 + int.from_bytes(whole[1:4], "big"):
        record = read_record(source)
        if record is None or record[0] != HANDSHAKE:
            raise ValueError("expected a handshake record (RFC 8446 5.1), came something else")
        records += record
        whole += record[5:]
    if whole[0] != kind:
        raise ValueError(f"expected a handshake message {kind}, came {whole[0]}")
    return whole, records


def extensions(hello: bytes) -> Iterator[tuple[int, bytes]]:
    """Those of a hello, in order."""
    at = block_at(hello) + 2
    while at + 4 <= len(hello):
        size = int.from_bytes(hello[at + 2 : at + 4], "big")
        yield int.from_bytes(hello[at : at + 2], "big"), hello[at + 4 : at + 4 + size]
        at += 4 + size


def with_extensions(hello: bytes, wanted: list[tuple[int, bytes]]) -> bytes:
    """The hello with these extensions in place of its own."""
    block = b"".join(kind.to_bytes(2, "big") + vector(2, data) for kind, data in wanted)
    return message(hello[0], hello[4 : block_at(hello)] + vector(2, block))


def session_id(hello: bytes) -> bytes:
    """legacy_session_id, which a ServerHello echoes."""
    return hello[SESSION_ID_AT + 1 : suites_at(hello)]


def first_suite(hello: bytes) -> bytes:
    """The client's first cipher suite."""
    at = suites_at(hello) + 2
    return hello[at : at + 2]


def chosen_suite(hello: bytes) -> int:
    """The suite of a ServerHello."""
    at = suites_at(hello)
    return int.from_bytes(hello[at : at + 2], "big")


@dataclass(frozen=True)
class Suite:
    """A cipher suite of TLS 1.3 (RFC 8446 B.4)."""

    algorithm: hashes.HashAlgorithm
    key_size: int
    chacha: bool = False

    @property
    def size(self) -> int:
        return self.algorithm.digest_size

    def hash(self, data: bytes) -> bytes:
        """Transcript-Hash."""
        context = hashes.Hash(self.algorithm)
        context.update(data)
        return context.finalize()

    def mac(self, key: bytes, data: bytes) -> bytes:
        """HMAC, which is HKDF-Extract as well (RFC 5869 2.2)."""
        context = hmac.HMAC(key, self.algorithm)
        context.update(data)
        return context.finalize()

    def expand(self, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
        """HKDF-Expand-Label (RFC 8446 7.1)."""
        info = size.to_bytes(2, "big") + vector(1, b"tls13 " + label) + vector(1, context)
        return HKDFExpand(self.algorithm, size, info).derive(secret)

    def derive(self, secret: bytes, label: bytes, messages: bytes) -> bytes:
        """Derive-Secret (RFC 8446 7.1)."""
        return self.expand(secret, label, self.hash(messages), self.size)

    def finished(self, traffic: bytes, messages: bytes) -> bytes:
        """A Finished message (RFC 8446 4.4.4)."""
        key = self.expand(traffic, b"finished", b"", self.size)
        return message(FINISHED, self.mac(key, self.hash(messages)))

    def master(self, handshake_secret: bytes) -> bytes:
        """The Master Secret (RFC 8446 7.1)."""
        return self.mac(self.derive(handshake_secret, b"derived", b""), bytes(self.size))


SUITES = {
    0x1301: Suite(hashes.SHA256(), 16),
    0x1302: Suite(hashes.SHA384(), 32),
    0x1303: Suite(hashes.SHA256(), 32, True),
}


class Direction:
    """Records of one direction under one traffic secret (RFC 8446 5.2, 5.3)."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        key = suite.expand(secret, b"key", b"", suite.key_size)
        self._aead = ChaCha20Poly1305(key) if suite.chacha else AESGCM(key)
        self._iv = suite.expand(secret, b"iv", b"", 12)
        self._number = 0

    def _nonce(self) -> bytes:
        number = self._number.to_bytes(12, "big")
        return bytes(one ^ other for one, other in zip(self._iv, number))

    def seal(self, kind: int, data: bytes) -> bytes:
        """A record."""
        head = b"\x17\x03\x03" + (len(data) + 1 + 16).to_bytes(2, "big")
        sealed = self._aead.encrypt(self._nonce(), data + bytes([kind]), head)
        self._number += 1
        return head + sealed

    def open(self, record: bytes) -> tuple[int, bytes]:
        """Its content type and content; InvalidTag where it is under another key, and the next one
        is awaited as before."""
        inner = self._aead.decrypt(self._nonce(), record[5:], record[:5]).rstrip(b"\0")
        self._number += 1
        return inner[-1], inner[:-1]


def messages(flight: bytes) -> list[bytes]:
    """The whole handshake messages at the beginning of FLIGHT."""
    found = []
    at = 0
    while at + 4 <= len(flight):
        end = at + 4 + int.from_bytes(flight[at + 1 : at + 4], "big")
        if end > len(flight):
            break
        found.append(flight[at:end])
        at = end
    return found

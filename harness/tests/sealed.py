# SPDX-License-Identifier: Apache-2.0
"""Captures of TLS 1.3 connections that never were: any handshake messages, sealed as TLS does,
with the secrets inside the file. So tests can show Wireshark what no endpoint of ours sends.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CLIENT, SERVER = 0, 1
ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS = 1, 2, 8
CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, FINISHED = 11, 13, 15, 20
PORT = 50443  # not 443, where all application data is taken for HTTP
TLS_SECRETS = 0x544C534B
RECORD_MAX = 1 << 14
SEGMENT_MAX = 60000


def vector(data: bytes, size: int) -> bytes:
    """DATA with its length of SIZE bytes in front (RFC 8446 section 3.4)."""
    return len(data).to_bytes(size, "big") + data


def extension(kind: int, body: bytes) -> bytes:
    """An Extension."""
    return kind.to_bytes(2, "big") + vector(body, 2)


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + vector(body, 3)


def client_hello(number: int, extensions: bytes) -> bytes:
    """A ClientHello whose random is NUMBER."""
    own = extension(43, b"\x02\x03\x04") + extension(10, b"\x00\x02\x00\x17")
    body = b"\x03\x03" + number.to_bytes(32, "big") + b"\0" + vector(b"\x13\x01", 2) + b"\x01\0"
    return message(CLIENT_HELLO, body + vector(own + extensions, 2))


def server_hello(extensions: bytes = b"") -> bytes:
    """A ServerHello that selects TLS_AES_128_GCM_SHA256."""
    own = extension(43, b"\x03\x04")
    body = b"\x03\x03" + b"\x77" * 32 + b"\0" + b"\x13\x01" + b"\0"
    return message(SERVER_HELLO, body + vector(own + extensions, 2))


def encrypted_extensions(extensions: bytes) -> bytes:
    """An EncryptedExtensions."""
    return message(ENCRYPTED_EXTENSIONS, vector(extensions, 2))


def certificate_request(extensions: bytes, context: bytes = b"", kind: int = 13) -> bytes:
    """A CertificateRequest, or a ClientCertificateRequest."""
    schemes = extension(13, b"\x00\x02\x04\x03")
    return message(kind, vector(context, 1) + vector(schemes + extensions, 2))


def certificate(entries: Iterable[tuple[bytes, bytes]], context: bytes = b"") -> bytes:
    """A Certificate: cert_data and extensions of each entry."""
    listed = b"".join(vector(data, 3) + vector(block, 2) for data, block in entries)
    return message(CERTIFICATE, vector(context, 1) + vector(listed, 3))


def proof(finished: bool = False) -> bytes:
    """A CertificateVerify of which nobody can check anything, and as good a Finished."""
    verify = message(CERTIFICATE_VERIFY, b"\x04\x03" + vector(b"\x30" * 70, 2))
    return verify + (message(FINISHED, b"\x55" * 32) if finished else b"")


def _expand_label(secret: bytes, label: str, size: int) -> bytes:
    info = size.to_bytes(2, "big") + vector(b"tls13 " + label.encode(), 1) + b"\0"
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:size]


@dataclass
class _Direction:
    """The record protection of one sender."""

    secret: bytes
    sequence: int = 0

    def seal(self, kind: int, data: bytes) -> bytes:
        """One record."""
        inner = data + bytes([kind])
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        iv = int.from_bytes(_expand_label(self.secret, "iv", 12), "big")
        key = AESGCM(_expand_label(self.secret, "key", 16))
        sealed = key.encrypt((iv ^ self.sequence).to_bytes(12, "big"), inner, header)
        self.sequence += 1
        return header + sealed


@dataclass
class Connection:
    """What both sides send: extensions of hellos, whole messages, records after Finished."""

    hello: bytes = b""
    server_hello: bytes = b""
    encrypted: bytes = b""
    request: bytes = b""
    server: bytes = b""  # Certificate and CertificateVerify
    client: bytes = b""
    after: Sequence[tuple[int, int, bytes]] = field(default_factory=tuple)

    def records(self, number: int) -> tuple[list[tuple[int, bytes]], str]:
        """The records by side, and the key log."""
        hello = client_hello(number, self.hello)
        out = [(CLIENT, _plain(hello)), (SERVER, _plain(server_hello(self.server_hello)))]
        labels = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
        labels += ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")
        secrets = [hashlib.sha256(f"{label} {number}".encode()).digest() for label in labels]
        keys = [_Direction(secret) for secret in secrets]
        flight = encrypted_extensions(self.encrypted) + self.request + self.server
        flights = [(SERVER, flight + message(FINISHED, b"\x55" * 32))]
        flights.append((CLIENT, self.client + message(FINISHED, b"\x66" * 32)))
        for side, data in flights:
            for at in range(0, len(data), RECORD_MAX):
                out.append((side, keys[side].seal(HANDSHAKE, data[at : at + RECORD_MAX])))
        for side, kind, data in self.after:
            for at in range(0, len(data), RECORD_MAX):
                out.append((side, keys[2 + side].seal(kind, data[at : at + RECORD_MAX])))
        random = f"{number:064x}"
        lines = [f"{label} {random} {secret.hex()}" for label, secret in zip(labels, secrets)]
        return out, "\n".join(lines) + "\n"


def _plain(data: bytes) -> bytes:
    return b"\x16\x03\x03" + vector(data, 2)


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = (len(body) + 12).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + size + body + size


def _packet(number: int, side: int, sequence: list[int], data: bytes) -> bytes:
    """Ethernet, IPv4, TCP; checksums are left out, and Wireshark does not ask for them."""
    ports = (10000 + number, PORT) if side == CLIENT else (PORT, 10000 + number)
    tcp = struct.pack(
        ">HHIIBBHHH", *ports, sequence[side], sequence[1 - side], 0x50, 0x18, 65535, 0, 0
    )
    addresses = bytes([127, 0, 0, 1]) * 2
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0) + addresses
    return bytes(12) + b"\x08\x00" + ip + tcp + data


def write(path: Path, connections: Sequence[Connection]) -> Path:
    """A pcapng of them all; connection N, counted from 1, has 10000 + N for the client's port."""
    keylog = ""
    packets: list[bytes] = []
    for number, connection in enumerate(connections, 1):
        records, secrets = connection.records(number)
        keylog += secrets
        sequence = [1000, 1000]
        for side, record in records:
            for at in range(0, len(record), SEGMENT_MAX):
                data = record[at : at + SEGMENT_MAX]
                packets.append(_packet(number, side, sequence, data))
                sequence[side] += len(data)
    text = keylog.encode()
    header = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    out = _block(0x0A0D0D0A, header) + _block(1, struct.pack("<HHI", 1, 0, 0))
    out += _block(10, struct.pack("<II", TLS_SECRETS, len(text)) + text)
    for index, packet in enumerate(packets):
        head = struct.pack("<IIIII", 0, 0, index, len(packet), len(packet))
        out += _block(6, head + packet)
    path.write_bytes(out)
    return path

# SPDX-License-Identifier: Apache-2.0
"""What is done to a message on its way out: byte strings in, byte strings out.

A fault changes messages of one type, at one side. It gets a whole handshake message and returns
what goes out instead: records of a content type each, none where the message is left out.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Callable

from messages import ALERT, APPLICATION_DATA, HANDSHAKE
from messages import CERTIFICATE, CERTIFICATE_VERIFY, CLIENT_HELLO, COMPRESSED_CERTIFICATE
from messages import ENCRYPTED_EXTENSIONS, FINISHED, SERVER_HELLO
from messages import block_at, message, vector

ZLIB = 1  # RFC 8879 section 7.3

# Code points of the project (harness/peers/README.md, Variants), by the names of its events.
EVIDENCE_PROPOSAL = 0xFF11
NAMES = {
    0xFF10: "evidence_request",
    0xFF11: "evidence_proposal",
    0xFF12: "results_request",
    0xFF13: "results_proposal",
    0xFF14: "attestation_evidence",
    0xFF16: "remoteAttestation",
}
EVIDENCE_TYPE = bytes.fromhex("00000111")  # ATTESTATION, content format 273

Sent = list[tuple[int, bytes]]  # content type and bytes


def extensions(whole: bytes) -> dict[str, str]:
    """The extensions of attestation in a message, by name, in hexadecimal."""
    at = block_at(whole) + 2
    found: dict[str, str] = {}
    while at + 4 <= len(whole):
        kind, size = int.from_bytes(whole[at : at + 2], "big"), whole[at + 2 : at + 4]
        end = at + 4 + int.from_bytes(size, "big")
        if kind in NAMES:
            found.setdefault(NAMES[kind], whole[at + 4 : end].hex())
        at = end
    return found


def with_extensions(whole: bytes, *added: tuple[int, bytes]) -> bytes:
    """The message with more extensions behind its own."""
    at = block_at(whole)
    block = whole[at + 2 :] + b"".join(
        kind.to_bytes(2, "big") + vector(2, data) for kind, data in added
    )
    return message(whole[0], whole[4:at] + vector(2, block))


def proposal(whole: bytes, offered: bytes) -> bytes:
    """A client that would attest itself, with these bytes as its list."""
    return with_extensions(whole, (EVIDENCE_PROPOSAL, offered))


def in_first_entry(whole: bytes, kind: int, data: bytes) -> bytes:
    """An extension in the first CertificateEntry."""
    at = 4 + 1 + whole[4] + 3  # behind the context and the list's length
    end = at + 3 + int.from_bytes(whole[at : at + 3], "big")
    size = int.from_bytes(whole[end : end + 2], "big")
    block = whole[end + 2 : end + 2 + size] + kind.to_bytes(2, "big") + vector(2, data)
    entries = whole[at:end] + vector(2, block) + whole[end + 2 + size :]
    return message(whole[0], whole[4 : at - 3] + vector(3, entries))


def flipped(whole: bytes) -> bytes:
    """The lowest bit of the last byte is another one."""
    return whole[:-1] + bytes([whole[-1] ^ 1])


def list_too_long(whole: bytes) -> bytes:
    """certificate_list says one byte more than there is."""
    at = 4 + 1 + whole[4]
    size = int.from_bytes(whole[at : at + 3], "big") + 1
    return whole[:at] + size.to_bytes(3, "big") + whole[at + 3 :]


def shorter_by_one(whole: bytes) -> bytes:
    """The message ends a byte early, and its own length says so; what is inside does not."""
    return message(whole[0], whole[4:-1])


@dataclass(frozen=True)
class Fault:
    """What is done, by whom, to which message."""

    side: str
    kind: int
    what: str
    change: Callable[[bytes], Sent]
    name: str = ""


def handshake(change: Callable[[bytes], bytes]) -> Callable[[bytes], Sent]:
    """One handshake message goes out, changed."""
    return lambda whole: [(HANDSHAKE, change(whole))]


def absent(_whole: bytes) -> Sent:
    """Nothing goes out."""
    return []


def line_first(whole: bytes) -> Sent:
    """Application data goes ahead of the message."""
    return [(APPLICATION_DATA, b"early\n"), (HANDSHAKE, whole)]


def closing(_whole: bytes) -> Sent:
    """close_notify goes out instead."""
    return [(ALERT, b"\x01\x00")]


def compressed(whole: bytes) -> bytes:
    """The Certificate as a CompressedCertificate (RFC 8879 section 4)."""
    size = whole[1:4]
    body = ZLIB.to_bytes(2, "big") + size + vector(3, zlib.compress(whole[4:]))
    return message(COMPRESSED_CERTIFICATE, body)


def with_context(whole: bytes) -> bytes:
    """The Certificate with a certificate_request_context, which is for later ones."""
    return message(whole[0], vector(1, b"ABCD") + whole[5:])


def without_entries(whole: bytes) -> bytes:
    """The Certificate with an empty certificate_list."""
    return message(whole[0], vector(1, b"") + vector(3, b""))


def longer_by_one(whole: bytes) -> bytes:
    """A byte behind the end of what is inside."""
    return message(whole[0], whole[4:] + b"\x00")


def twice(whole: bytes) -> Sent:
    """The message, and again."""
    return [(HANDSHAKE, whole), (HANDSHAKE, whole)]


FAULTS = {
    # Of a server, to a client that asked for nothing.
    "wire-encrypted-extensions-unasked": Fault(
        "server", ENCRYPTED_EXTENSIONS, "in EncryptedExtensions, though not offered", absent
    ),
    "wire-server-hello-extension": Fault(
        "server", SERVER_HELLO, "in ServerHello, where it may never be", absent
    ),
    "wire-entry-unasked": Fault(
        "server", CERTIFICATE, "in the first CertificateEntry, though not offered", absent
    ),
    "wire-certificate-absent": Fault("server", CERTIFICATE, "no Certificate", absent),
    "wire-certificate-twice": Fault("server", CERTIFICATE, "the Certificate twice", twice),
    "wire-certificate-list-too-long": Fault(
        "server",
        CERTIFICATE,
        "a certificate_list whose length is one byte more than there is",
        handshake(list_too_long),
    ),
    "wire-certificate-verify-absent": Fault(
        "server", CERTIFICATE_VERIFY, "no CertificateVerify", absent
    ),
    "wire-certificate-verify-flipped": Fault(
        "server", CERTIFICATE_VERIFY, "one bit of the signature is flipped", handshake(flipped)
    ),
    "wire-server-finished-flipped": Fault(
        "server", FINISHED, "one bit of Finished is flipped", handshake(flipped)
    ),
    "wire-server-data-early": Fault(
        "server", CERTIFICATE, "application data ahead of the Certificate", line_first
    ),
    "wire-certificate-compressed": Fault(
        "server",
        CERTIFICATE,
        "a CompressedCertificate, though compress_certificate was not offered",
        handshake(compressed),
    ),
    "wire-certificate-context": Fault(
        "server",
        CERTIFICATE,
        "a context in the Certificate of a handshake",
        handshake(with_context),
    ),
    "wire-certificate-empty": Fault(
        "server",
        CERTIFICATE,
        "a Certificate of a server without entries",
        handshake(without_entries),
    ),
    "wire-encrypted-extensions-longer": Fault(
        "server",
        ENCRYPTED_EXTENSIONS,
        "a byte behind the extensions of EncryptedExtensions",
        handshake(longer_by_one),
    ),
    "wire-certificate-verify-cut": Fault(
        "server",
        CERTIFICATE_VERIFY,
        "a CertificateVerify that ends early",
        handshake(shorter_by_one),
    ),
    "wire-server-finished-cut": Fault(
        "server", FINISHED, "a Finished that ends early", handshake(shorter_by_one)
    ),
    "wire-server-close-notify": Fault(
        "server", CERTIFICATE, "close_notify instead of the Certificate", closing
    ),
    # Of a client, to a server that wants it attested.
    "wire-hello-extension-twice": Fault(
        "client",
        CLIENT_HELLO,
        "evidence_proposal twice in the ClientHello",
        handshake(
            lambda m: with_extensions(
                m,
                (EVIDENCE_PROPOSAL, vector(1, EVIDENCE_TYPE)),
                (EVIDENCE_PROPOSAL, vector(1, EVIDENCE_TYPE)),
            )
        ),
    ),
    "wire-hello-list-too-long": Fault(
        "client",
        CLIENT_HELLO,
        "an evidence_proposal whose list says 255 bytes and has four",
        handshake(lambda m: proposal(m, b"\xff" + EVIDENCE_TYPE)),
    ),
    "wire-hello-type-too-long": Fault(
        "client",
        CLIENT_HELLO,
        "an evidence type whose media type says 65535 bytes and has three",
        handshake(lambda m: proposal(m, vector(1, bytes.fromhex("0001ffff") + b"a/b"))),
    ),
    "wire-hello-extension-vast": Fault(
        "client",
        CLIENT_HELLO,
        "an evidence_proposal of 4,000 bytes",
        handshake(lambda m: proposal(m, bytes(4000))),
    ),
    "wire-hello-cut": Fault(
        "client",
        CLIENT_HELLO,
        "a ClientHello that ends inside of its last extension",
        handshake(shorter_by_one),
    ),
    "wire-client-finished-flipped": Fault(
        "client", FINISHED, "one bit of Finished is flipped", handshake(flipped)
    ),
    "wire-client-finished-cut": Fault(
        "client", FINISHED, "a Finished that ends early", handshake(shorter_by_one)
    ),
    "wire-client-certificate-compressed": Fault(
        "client",
        CERTIFICATE,
        "a CompressedCertificate, though compress_certificate was not asked for",
        handshake(compressed),
    ),
    "wire-client-close-notify": Fault(
        "client", FINISHED, "close_notify instead of Finished", closing
    ),
    "wire-client-data-early": Fault(
        "client", FINISHED, "application data ahead of Finished", line_first
    ),
}

# Those that take NAME:HEX, an extension and its body.
WITH_EXTENSION = (
    "wire-encrypted-extensions-unasked",
    "wire-server-hello-extension",
    "wire-entry-unasked",
)


def make(text: str, side: str) -> Fault:
    """The fault NAME or NAME=VALUE of a side. ValueError: there is none."""
    name, _, value = text.partition("=")
    fault = FAULTS.get(name)
    if fault is None or fault.side != side or bool(value) != (name in WITH_EXTENSION):
        raise ValueError(text)
    if not value:
        return replace(fault, name=name)
    extension, _, body = value.partition(":")
    codes = {known: code for code, known in NAMES.items()}
    if extension not in codes:
        raise ValueError(text)
    code, data, kind = codes[extension], bytes.fromhex(body), fault.kind

    def added(whole: bytes) -> bytes:
        if kind == CERTIFICATE:
            return in_first_entry(whole, code, data)
        return with_extensions(whole, (code, data))

    return replace(fault, name=name, what=f"{extension} {fault.what}", change=handshake(added))

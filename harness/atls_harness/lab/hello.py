# SPDX-License-Identifier: Apache-2.0
"""What a peer's first bytes are: a ClientHello (RFC 8446 section 4.1.2), read strictly, or what
they look like otherwise. For people to look at: what is done with a hello is the server's affair.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Iterator

from ..contract import contract
from ..untrusted import cut, quoted

HANDSHAKE, ALERT, CLIENT_HELLO = 22, 21, 1
RECORD_MAX = (1 << 14) + 256  # RFC 8446 section 5.2
HELLO_MAX = 1 << 17
SHOWN_MAX = 96  # bytes of a body that nobody here knows, and no list is longer than this
HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_-]{1,63})*\Z")

SUITES = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
    0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
}
GROUPS = {
    0x0017: "secp256r1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001D: "x25519",
    0x001E: "x448",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x11EC: "X25519MLKEM768",
}
SCHEMES = {
    0x0401: "rsa_pkcs1_sha256",
    0x0501: "rsa_pkcs1_sha384",
    0x0601: "rsa_pkcs1_sha512",
    0x0403: "ecdsa_secp256r1_sha256",
    0x0503: "ecdsa_secp384r1_sha384",
    0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256",
    0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512",
    0x0807: "ed25519",
    0x0808: "ed448",
    0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384",
    0x080B: "rsa_pss_pss_sha512",
}
VERSIONS = {0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
EXTENSIONS = {  # IANA, TLS ExtensionType Values
    0: "server_name",
    1: "max_fragment_length",
    5: "status_request",
    10: "supported_groups",
    11: "ec_point_formats",
    13: "signature_algorithms",
    16: "application_layer_protocol_negotiation",
    18: "signed_certificate_timestamp",
    19: "client_certificate_type",
    20: "server_certificate_type",
    21: "padding",
    22: "encrypt_then_mac",
    23: "extended_master_secret",
    27: "compress_certificate",
    28: "record_size_limit",
    35: "session_ticket",
    41: "pre_shared_key",
    42: "early_data",
    43: "supported_versions",
    44: "cookie",
    45: "psk_key_exchange_modes",
    47: "certificate_authorities",
    49: "post_handshake_auth",
    50: "signature_algorithms_cert",
    51: "key_share",
    65281: "renegotiation_info",
}


class Malformed(ValueError):
    """It breaks its grammar, and which."""


@dataclass
class Hello:
    """What is shown of one."""

    version: str = ""
    random: str = ""
    session: int = 0
    suites: list[str] = field(default_factory=list)
    extensions: list[tuple[str, str]] = field(default_factory=list)  # name, in words
    server_name: str = ""
    attestation: list[str] = field(default_factory=list)  # extensions of the drafts
    problem: str = ""

    @property
    def tls13(self) -> bool:
        """Is TLS 1.3 among what is offered?"""
        return any(name == "supported_versions" and "1.3" in said for name, said in self.extensions)


class Cursor:
    """Bytes that are taken one piece after the other."""

    def __init__(self, data: bytes, what: str, clause: str) -> None:
        self._data = data
        self._at = 0
        self._what = what
        self._clause = clause

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int, what: str) -> bytes:
        """The next SIZE bytes."""
        if size > self.left:
            raise Malformed(
                f"{self._what}: expected {size} bytes of {what}, came {self.left} ({self._clause})"
            )
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int, what: str) -> int:
        """An integer of SIZE bytes."""
        return int.from_bytes(self.take(size, what), "big")

    def vector(self, size: int, what: str) -> bytes:
        """Bytes behind a length of SIZE bytes."""
        return self.take(self.number(size, f"{what}'s length"), what)

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise Malformed(
                f"{self._what}: expected its end, came {self.left} more bytes ({self._clause})"
            )


def begins_as_tls(data: bytes) -> bool:
    """As far as it has come: a record with a handshake message, or with an alert."""
    return not data or (data[0] in (HANDSHAKE, ALERT) and (len(data) < 2 or data[1] == 3))


def first_message(stream: bytes) -> bytes | None:
    """The first handshake message of a stream of records, without its header of four bytes; None
    where more has to come. Malformed where nothing more can help."""
    message = b""
    at = 0
    while True:
        head = stream[at : at + 5]
        if len(head) < 5:
            return None
        if head[0] != HANDSHAKE or head[1] != 3:
            raise Malformed(
                f"expected a record of type handshake (22) of version 3.x, came type {head[0]}, "
                f"version {head[1]}.{head[2]} (RFC 8446 section 5.1)"
            )
        (size,) = struct.unpack(">H", head[3:])
        if not 0 < size <= RECORD_MAX:
            raise Malformed(
                f"expected a record of 1 to {RECORD_MAX} bytes, came {size} "
                "(RFC 8446 section 5.1)"
            )
        message += stream[at + 5 : at + 5 + size]
        if len(message) >= 4:
            if message[0] != CLIENT_HELLO:
                raise Malformed(
                    f"expected a ClientHello (1), came message type {message[0]} "
                    "(RFC 8446 section 4)"
                )
            whole = 4 + int.from_bytes(message[1:4], "big")
            if whole > HELLO_MAX:
                raise Malformed(
                    f"expected a ClientHello of at most {HELLO_MAX} bytes, came {whole}"
                )
            if len(message) >= whole:
                return message[4:whole]
        if at + 5 + size > len(stream):
            return None
        at += 5 + size


def look(stream: bytes) -> Hello | None:
    """What a peer's first bytes say; None where there is no whole ClientHello, and could be."""
    try:
        message = first_message(stream)
    except Malformed as problem:
        return Hello(problem=str(problem))
    if message is None:
        return None
    made = Hello()
    try:
        _read(message, made)
    except Malformed as problem:
        made.problem = str(problem)
    return made


def in_words(stream: bytes) -> str:
    """What bytes that are no TLS look like."""
    head = stream[:60]
    text = head.decode("latin-1")
    if re.match(r"[A-Z]{3,7} \S* HTTP/1", text):
        return f"HTTP: {quoted(text.splitlines()[0], 50)}"
    printable = sum(32 <= one < 127 or one in b"\r\n\t" for one in head)
    if printable * 4 >= len(head) * 3:
        return quoted(text, 50)
    return f"the bytes {head[:24].hex(' ')}{' …' if len(stream) > 24 else ''}"


def _read(message: bytes, made: Hello) -> None:
    clause = "RFC 8446 section 4.1.2"
    c = Cursor(message, "ClientHello", clause)
    number = c.number(2, "legacy_version")
    made.version = VERSIONS.get(number, f"0x{number:04x}")
    made.random = c.take(32, "random").hex()
    session = c.vector(1, "legacy_session_id")
    if len(session) > 32:
        raise Malformed(
            f"ClientHello: expected legacy_session_id of at most 32 bytes, came {len(session)} "
            f"({clause})"
        )
    made.session = len(session)
    made.suites = _numbers(c.vector(2, "cipher_suites"), 2, SUITES, "cipher_suites")
    c.vector(1, "legacy_compression_methods")
    if not c.left:
        return  # of TLS 1.2 and before
    block = Cursor(c.vector(2, "extensions"), "extensions", "RFC 8446 section 4.2")
    c.end()
    own = _code_points("extension")
    names = {**EXTENSIONS, **own}
    seen: set[int] = set()
    while block.left:
        kind = block.number(2, "extension_type")
        body = block.vector(2, "extension_data")
        name = names.get(kind, f"extension {kind} (0x{kind:04x})")
        if kind in seen:
            made.problem = f"extension {name} stands there twice (RFC 8446 section 4.2)"
        seen.add(kind)
        try:
            said = _body(kind, body, made)
        except Malformed as problem:
            said = f"malformed: {problem}"
            made.problem = made.problem or str(problem)
        made.extensions.append((name, said))
        if kind in own:
            made.attestation.append(name)


def _code_points(kind: str) -> dict[int, str]:
    """Names of the drafts, by their numbers."""
    return {one.value: one.name for one in contract().code_points.values() if one.kind == kind}


def _body(kind: int, body: bytes, made: Hello) -> str:
    """An extension's body in words."""
    c = Cursor(body, EXTENSIONS.get(kind, str(kind)), "RFC 8446 section 4.2")
    if kind == 0:
        made.server_name = _server_name(c)
        return made.server_name
    if kind == 10:
        return _listed(c.vector(2, "named_group_list"), GROUPS, c)
    if kind in (13, 50):
        return _listed(c.vector(2, "supported_signature_algorithms"), SCHEMES, c)
    if kind == 16:
        return ", ".join(quoted(name, 40) for name in _protocols(c))
    if kind == 43:
        return _listed(c.vector(1, "versions"), VERSIONS, c)
    if kind == 51:
        return ", ".join(_shares(c)) or "none: it asks for HelloRetryRequest"
    if kind in (19, 20):
        known = {0: "X.509", 2: "raw public key"}
        for value, name in _code_points("certificate-type").items():
            known[value] = name.removeprefix("certificate_type_")
        return ", ".join(_numbers(c.vector(1, "certificate_types"), 1, known, "certificate_types"))
    return _hex(body)


def _hex(body: bytes) -> str:
    shown = body[:SHOWN_MAX].hex()
    more = f"… ({len(body)} bytes)" if len(body) > SHOWN_MAX else ""
    return (shown + more) or "empty"


def _numbers(data: bytes, size: int, names: dict[int, str], what: str) -> list[str]:
    if len(data) % size:
        raise Malformed(f"{what}: expected entries of {size} bytes, came {len(data)} bytes")
    found = [int.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size)]
    made = [names.get(one, f"0x{one:0{2 * size}x}") for one in found[:SHOWN_MAX]]
    return made + ([f"… {len(found) - SHOWN_MAX} more"] if len(found) > SHOWN_MAX else [])


def _listed(data: bytes, names: dict[int, str], c: Cursor) -> str:
    c.end()
    return ", ".join(_numbers(data, 2, names, "list"))


def _server_name(c: Cursor) -> str:
    """The one host name (RFC 6066 section 3)."""
    names = Cursor(c.vector(2, "server_name_list"), "server_name", "RFC 6066 section 3")
    c.end()
    kind = names.number(1, "name_type")
    name = names.vector(2, "HostName").decode("latin-1")
    names.end()
    if kind != 0 or not HOST.match(name):
        raise Malformed(f"expected a host name, came {quoted(name, 60)} (RFC 6066 section 3)")
    return cut(name.lower(), 253)


def _protocols(c: Cursor) -> Iterator[str]:
    names = Cursor(c.vector(2, "protocol_name_list"), "ALPN", "RFC 7301 section 3.1")
    c.end()
    while names.left:
        yield names.vector(1, "ProtocolName").decode("latin-1")


def _shares(c: Cursor) -> Iterator[str]:
    shares = Cursor(c.vector(2, "client_shares"), "key_share", "RFC 8446 section 4.2.8")
    c.end()
    while shares.left:
        group = shares.number(2, "group")
        key = shares.vector(2, "key_exchange")
        yield f"{GROUPS.get(group, f'0x{group:04x}')} ({len(key)} bytes)"

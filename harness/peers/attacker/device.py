# SPDX-License-Identifier: Apache-2.0
"""The attacker's device: it speaks the device protocol (sim/device/protocol.h) upwards and has
another device behind it, whose keys it uses; evidence comes from elsewhere.

  answer   where evidence is asked for, tells the challenge and gives what it is then told
  old-pat  in a CAB of the device behind, the PAT is exchanged for an older one; where a key
           attestation key leaked, the KAT is of that key
  new-kat  the same of the KAT alone
  foreign-pat  the same, for one that another device makes over the same nonce
  leaked   keys that it makes are the newest one that leaked, and it signs with that
  pass     changes nothing
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading
import zlib
from pathlib import Path
from typing import Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bounds import connect, listen
from leaks import leaked_key
from party import NotTold, Party, begin, parser

CREATE_KEY, ATTEST_KEY, ATTEST_PLATFORM, SIGN, ATTEST_AS = 2, 4, 5, 6, 10
DONE = 0
HEADER = 10  # of a frame: version, kind, session, sequence (sim/device/link.h)
ANSWER = 2
PAT, KAT = b"\x63pat", b"\x63kat"
KAK_PUB = b"\x19\x09\xc4"  # 2500, draft-bft-rats-kat-06 section 4
SIGNATURE1 = b"\x84\x6aSignature1"  # RFC 9052 section 4.4, with three items to come


def decoded(data: bytes) -> bytes:
    """COBS, undone."""
    made = bytearray()
    at = 0
    while at < len(data):
        count = data[at]
        if count == 0:
            raise ValueError("expected no zero within a frame, came one")
        made += data[at + 1 : at + count]
        at += count
        if count < 255 and at < len(data):
            made.append(0)
    return bytes(made)


def encoded(data: bytes) -> bytes:
    """COBS."""
    made = bytearray()
    for part in data.split(b"\0"):
        while len(part) >= 254:
            made += b"\xff" + part[:254]
            part = part[254:]
        made += bytes([len(part) + 1]) + part
    return bytes(made)


def signature(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """r and s, as the device protocol has them."""
    der = key.sign(digest, ec.ECDSA(Prehashed(SHA256())))
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))


def frame(payload: bytes) -> bytes:
    """A payload with its checksum, as it goes over the line."""
    return b"\0" + encoded(payload + zlib.crc32(payload).to_bytes(4, "big")) + b"\0"


def answered(request: bytes, fields: bytes) -> bytes:
    """The payload that says to a request: done, and these fields."""
    header = request[:1] + bytes([ANSWER]) + request[2:HEADER]
    return header + bytes([request[HEADER], DONE]) + fields


class Line:
    """Frames off a stream."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._rest = b""

    def read(self) -> bytes | None:
        """The payload of the next frame; None at the end of the stream."""
        while True:
            while b"\0" in self._rest:
                one, self._rest = self._rest.split(b"\0", 1)
                if one:
                    payload = decoded(one)
                    if zlib.crc32(payload[:-4]).to_bytes(4, "big") != payload[-4:]:
                        raise ValueError("expected a frame with a good checksum, came a bad one")
                    return payload[:-4]
            data = self.stream.recv(65536)
            if not data:
                return None
            self._rest += data


def item(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type and argument of a CBOR item, and where its content begins (RFC 8949 3)."""
    kind, short = data[at] >> 5, data[at] & 31
    if short < 24:
        return kind, short, at + 1
    if short > 27:
        raise ValueError("expected CBOR of definite length, came another")
    width = 1 << (short - 24)
    return kind, int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width


def behind(data: bytes, at: int) -> int:
    """Where the CBOR item that begins at AT ends."""
    kind, count, at = item(data, at)
    if kind in (2, 3):
        return at + count
    for _ in range({4: count, 5: 2 * count, 6: 1}.get(kind, 0)):
        at = behind(data, at)
    return at


def entries(cab: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The head of a CAB (a CMW collection, a map), and its keys with their values."""
    kind, count, at = item(cab, 0)
    if kind != 5:
        raise ValueError("expected a CMW collection (RFC 9999 3.3), came something else")
    head, found = cab[:at], []
    for _ in range(count):
        middle = behind(cab, at)
        end = behind(cab, middle)
        found.append((cab[at:middle], cab[middle:end]))
        at = end
    return head, found


def with_entry(collection: bytes, name: bytes, wanted: bytes) -> bytes:
    """A map, with another value under a key that it has (both as they are encoded)."""
    head, parts = entries(collection)
    return head + b"".join(key + (wanted if key == name else value) for key, value in parts)


def pat_of(cab: bytes) -> bytes:
    """The value of its entry."""
    return dict(entries(cab)[1])[PAT]


def cose_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key of one of P-256 as a COSE_Key (RFC 9053 7.1), in deterministic encoding."""
    numbers = key.public_key().public_numbers()
    x, y = (byte_string(one.to_bytes(32, "big")) for one in (numbers.x, numbers.y))
    return b"\xa4\x01\x02\x20\x01\x21" + x + b"\x22" + y


def signed_anew(token: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A KAT (a COSE_Sign1, RFC 9052 4.2) with its claims, by another key attestation key; a claim
    that names that key names the new one."""
    at = 0
    while token[at] >> 5 == 6:
        _, _, at = item(token, at)
    start = item(token, at)[2]
    headers = behind(token, behind(token, start))
    _, size, body = item(token, headers)
    payload = with_entry(token[body : body + size], KAK_PUB, cose_key(key))
    protected = token[start : behind(token, start)]
    to_sign = SIGNATURE1 + protected + byte_string(b"") + byte_string(payload)
    made = signature(key, hashlib.sha256(to_sign).digest())
    return token[:headers] + byte_string(payload) + byte_string(made)


def byte_string(data: bytes) -> bytes:
    """CBOR's (RFC 8949 3.1), in its shortest form."""
    size = len(data)
    if size < 24:
        return bytes([0x40 | size]) + data
    width = 0 if size < 1 << 8 else 1
    return bytes([0x58 + width]) + size.to_bytes(1 << width, "big") + data


def nonce_of(token: bytes) -> bytes:
    """The nonce of a PSA token, a COSE_Sign1 (RFC 9052 4.2): claim 10, or the older -75008."""
    at = 1 if token[0] >> 5 == 6 else 0
    _, _, at = item(token, at)
    at = behind(token, behind(token, at))  # protected and unprotected headers
    _, size, at = item(token, at)
    payload = token[at : at + size]
    _, count, at = item(payload, 0)
    for _ in range(count):
        kind, number, _ = item(payload, at)
        at = behind(payload, at)
        if (kind, number) in ((0, 10), (1, 75007)):
            _, size, begin = item(payload, at)
            return payload[begin : begin + size]
        at = behind(payload, at)
    raise ValueError("expected a PSA token with a nonce, came one without")


def inner(cmw: bytes) -> bytes:
    """The value of a CMW record (RFC 9999 3.1); a collection as it is."""
    if item(cmw, 0)[0] != 4:
        return cmw
    at = behind(cmw, item(cmw, 0)[2])
    _, size, at = item(cmw, at)
    return cmw[at : at + size]


def record_with(record: bytes, value: bytes) -> bytes:
    """A CMW record with another value."""
    at = behind(record, item(record, 0)[2])
    return record[:at] + byte_string(value) + record[behind(record, at) :]


class Device:
    """Serves one client of the device protocol at a time."""

    def __init__(
        self, party: Party, mode: str, upstream: str, oracle: str, keys: str, kak: str
    ) -> None:
        self.party = party
        self.mode = mode
        self.upstream = upstream
        self.oracle = oracle
        self.keys = keys
        self.kak = kak

    def serve(self, client: socket.socket) -> None:
        """One client."""
        above = Line(client)
        below = Line(connect(self.upstream, self.party.folder, self.party.timeout))
        last, last_answer = b"", b""
        while True:
            request = above.read()
            if request is None:
                break
            if request[:HEADER] != last:  # else it is repeated, and so is the answer
                last, last_answer = request[:HEADER], self.answer(request, below)
            client.sendall(frame(last_answer))
        below.stream.close()
        client.close()

    def answer(self, request: bytes, below: Line) -> bytes:
        """The answer to a request, as a payload."""
        operation = request[HEADER]
        wanted = operation in (ATTEST_KEY, ATTEST_PLATFORM)
        if wanted and self.mode == "answer":
            at = HEADER + (5 if operation == ATTEST_KEY else 1)
            challenge = request[at + 1 : at + 1 + request[at]]
            self.party.step("challenge", "evidence is asked for over this challenge", challenge)
            given = inner(bytes.fromhex(self.party.told("evidence")))
            self.party.step("evidence-given", f"gives {len(given)} bytes that it was told", given)
            return answered(request, len(given).to_bytes(3, "big") + given)
        if operation == SIGN and self.mode == "leaked":
            at = HEADER + 5
            digest = request[at + 1 : at + 1 + request[at]]
            made = signature(leaked_key(Path(self.keys)), digest)
            self.party.step("signed", "signs with the key that leaked")
            return answered(request, bytes([len(made)]) + made)
        below.stream.sendall(frame(request))
        got = below.read()
        if got is None:
            raise ValueError("expected an answer of the device behind, came the end of the stream")
        if operation == CREATE_KEY and self.mode == "leaked" and got[HEADER + 1] == DONE:
            public = leaked_key(Path(self.keys)).public_key().public_numbers()
            point = public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
            return got[: HEADER + 7] + point  # handle and curve as they are
        changes = {
            "old-pat": self._old_pat,
            "new-kat": self._new_kat,
            "foreign-pat": self._foreign_pat,
        }
        of_key = operation in (ATTEST_KEY, ATTEST_AS)
        if of_key and self.mode in changes and got[HEADER + 1] == DONE:
            made = changes[self.mode](got[HEADER + 5 :])
            what = "KAT" if self.mode == "new-kat" else "PAT"
            words = f"the CAB has another {what} in place of its own"
            self.party.step(f"{what.lower()}-exchanged", words, made)
            return got[: HEADER + 2] + len(made).to_bytes(3, "big") + made
        return got

    def _old_pat(self, cab: bytes) -> bytes:
        old = pat_of(bytes.fromhex(self.party.told("evidence")))
        return with_entry(self._new_kat(cab), PAT, old)

    def _new_kat(self, cab: bytes) -> bytes:
        if not self.kak:
            return cab
        record = dict(entries(cab)[1])[KAT]
        made = signed_anew(inner(record), leaked_key(Path(self.kak)))
        self.party.step("kat-signed", "signs the KAT with the key that leaked", made)
        return with_entry(cab, KAT, record_with(record, made))

    def _foreign_pat(self, cab: bytes) -> bytes:
        """Asks the other device, as any of its clients may, for a token over the PAT's nonce."""
        pat = pat_of(cab)
        nonce = nonce_of(inner(pat))
        line = Line(connect(self.oracle, self.party.folder, self.party.timeout))
        request = bytes([1, 1]) + os.urandom(4) + bytes([0, 0, 0, 1])
        request += bytes([ATTEST_PLATFORM, len(nonce)]) + nonce
        line.stream.sendall(frame(request))
        got = line.read()
        line.stream.close()
        if got is None or got[HEADER : HEADER + 2] != bytes([ATTEST_PLATFORM, DONE]):
            raise ValueError("expected a token of the other device, came a refusal")
        return with_entry(cab, PAT, record_with(pat, got[HEADER + 5 :]))


def main(argv: Sequence[str]) -> int:
    made = parser("The attacker's device.")
    modes = ("answer", "old-pat", "new-kat", "foreign-pat", "leaked", "pass")
    made.add_argument("mode", choices=modes)
    made.add_argument("--oracle", default="", metavar="ADDRESS", help="foreign-pat: who is asked")
    made.add_argument("--upstream", required=True, metavar="ADDRESS", help="the device behind")
    made.add_argument("--keys", default="", metavar="FILE", help="leaked: to which keys leaked")
    made.add_argument("--kak", default="", metavar="FILE", help="old-pat, new-kat: it leaked there")
    party, options = begin(made, argv)
    server, address = listen(options.listen, party.folder)
    leaks = (options.keys, options.kak)
    device = Device(party, options.mode, options.upstream, options.oracle, *leaks)

    def one(client: socket.socket) -> None:
        try:
            device.serve(client)
        except (OSError, ValueError, NotTold) as problem:
            print(f"device of the attacker: {problem}", file=sys.stderr)
            client.close()

    party.ready(f"unix:{Path(address.removeprefix('unix:'))}")
    while True:
        client, _ = server.accept()
        threading.Thread(target=one, args=(client,), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

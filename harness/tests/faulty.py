# SPDX-License-Identifier: Apache-2.0
"""A server of ta-07 that is right but for one fault in its state machine: for ./atls learn to find.

It checks as much as its states hang on: the nonce is in the evidence, CertificateVerify is by the
attested key, Finished is that of the transcript. TLS 1.3 is peers/attacker/tls13.py.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import socket
import sys
import threading
from typing import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atls_harness.contract import contract
from atls_harness.paths import PEERS

sys.path.append(str(PEERS / "attacker"))
import tls13  # type: ignore[import]  # noqa: E402

sys.path.append(str(PEERS / "python"))
from messages import ALERT, APPLICATION_DATA, CERTIFICATE, HANDSHAKE  # type: ignore  # noqa: E402
from messages import CERTIFICATE_VERIFY, CLIENT_HELLO, ENCRYPTED_EXTENSIONS  # noqa: E402
from messages import CHANGE_CIPHER_SPEC, FINISHED, SERVER_HELLO, message, vector  # noqa: E402

FAULTS = {
    "without-finished": "application data is taken though no Finished has come",
    "without-verify": "Finished is taken though no CertificateVerify has come",
    "forged-verify": "any CertificateVerify will do",
    "forged-finished": "any Finished will do",
    "plain-credential": "an X.509 certificate will do where evidence was negotiated",
    "empty-credential": "a Certificate without entries will do",
    "stale-evidence": "evidence over any nonce will do",
    "unattested": "a ClientHello that does not offer evidence will do",
    "skipped-certificate": "Finished is taken where the client's Certificate is due",
    "closes-silently": "a message out of order ends the connection without an alert",
    "wavering": "every other connection sends another alert",
}
PROPOSAL = contract().code_points["evidence_proposal"].value
CERTIFICATE_REQUEST, KEY_UPDATE = 13, 24
POINT = b"\x21\x58\x20"  # -2: a byte string of 32, of a COSE_Key (RFC 9052 7.1)
CONTEXT = b" " * 64 + b"TLS 1.3, %s CertificateVerify\0"


class Refused(Exception):
    """The connection ends with an alert."""


def certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    """One that nobody trusts."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "faulty")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now.replace(year=2099))
    return made.sign(key, SHA256()).public_bytes(Encoding.DER)


def attested(cmw: bytes) -> Iterator[ec.EllipticCurvePublicKey]:
    """The keys that are in evidence."""
    at = cmw.find(POINT)
    while at >= 0:
        x, y = cmw[at + 3 : at + 35], cmw[at + 38 : at + 70]
        point = b"\4" + x + y
        try:
            yield ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            pass
        at = cmw.find(POINT, at + 1)


class Connection:
    """One connection of a client."""

    def __init__(self, stream: socket.socket, fault: str, odd: bool) -> None:
        self.stream, self.fault, self.odd = stream, fault, odd
        self.transcript = b""
        self.suite = tls13.SUITES[0x1301]
        self.nonce = os.urandom(32)
        self.out = self.into = self.later = None
        self.state = "start"
        self.cmw = b""

    def serve(self) -> None:
        """All of it."""
        with contextlib.suppress(OSError), self.stream:
            try:
                while True:
                    record = tls13.read_record(self.stream)
                    if record is None or record[0] == ALERT:
                        return
                    if record[0] != CHANGE_CIPHER_SPEC:
                        self.take(*self.opened(record))
            except Refused as problem:
                code = contract().alerts[str(problem)]
                if self.fault != "closes-silently":
                    self.send(ALERT, bytes([2, code]))
                self.stream.shutdown(socket.SHUT_WR)
                while self.stream.recv(4096):
                    pass

    def send(self, kind: int, data: bytes) -> None:
        """A record, under the keys in force."""
        head = bytes([kind]) + b"\3\3" + vector(2, data)
        self.stream.sendall(self.out.seal(kind, data) if self.out else head)

    def opened(self, record: bytes) -> tuple[int, bytes]:
        """Kind and content of a record."""
        if self.into is None:
            return record[0], record[5:]
        try:
            kind, data = self.into.open(record)
        except InvalidTag as problem:
            if self.fault != "without-finished" or self.state not in ("certificate", "finished"):
                raise Refused("bad_record_mac") from problem
            self.into, self.state = self.later, "open"
            return self.opened(record)
        return kind, data

    def refuse(self, why: str = "unexpected_message") -> None:
        """Ends it."""
        raise Refused("decode_error" if self.odd and why == "unexpected_message" else why)

    def take(self, kind: int, data: bytes) -> None:
        """A record of the client's."""
        if kind == APPLICATION_DATA and self.state == "open":
            return self.send(APPLICATION_DATA, b"hello from server\n")
        if kind != HANDSHAKE or not data:
            return self.refuse()
        if data[0] == KEY_UPDATE and self.state == "open":
            secret = self.suite.expand(self.traffic, b"traffic upd", b"", self.suite.size)
            self.traffic, self.into = secret, tls13.Direction(self.suite, secret)
            return None
        steps = {
            ("start", CLIENT_HELLO): self.hello,
            ("certificate", CERTIFICATE): self.credential,
            ("verify", CERTIFICATE_VERIFY): self.verify,
            ("finished", FINISHED): self.finish,
        }
        state = self.state
        skips = {"without-verify": "verify", "skipped-certificate": "certificate"}
        if data[0] == FINISHED and skips.get(self.fault) == state:
            state = "finished"
        if (state, data[0]) not in steps:
            return self.refuse()
        steps[(state, data[0])](data)
        self.transcript += data if state != "start" else b""
        return None

    def hello(self, hello: bytes) -> None:
        """The whole flight."""
        offered = dict(tls13.extensions(hello))
        if PROPOSAL not in offered and self.fault != "unattested":
            self.refuse("missing_extension")
        key, suite = X25519PrivateKey.generate(), self.suite
        share = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        body = b"\3\3" + os.urandom(32) + b"\0" + b"\x13\x01" + b"\0" + vector(2, b"")
        block = [(43, b"\3\4"), (tls13.KEY_SHARE, b"\0\x1d" + vector(2, share))]
        answer = tls13.with_extensions(message(SERVER_HELLO, body), block)
        self.transcript = hello + answer
        self.send(HANDSHAKE, answer)
        early = suite.mac(bytes(32), bytes(32))
        client = X25519PublicKey.from_public_bytes(offered[tls13.KEY_SHARE][6:])
        secret = suite.mac(suite.derive(early, b"derived", b""), key.exchange(client))
        self.client_hs = suite.derive(secret, b"c hs traffic", self.transcript)
        server_hs = suite.derive(secret, b"s hs traffic", self.transcript)
        self.out, self.into = (tls13.Direction(suite, one) for one in (server_hs, self.client_hs))
        selected = PROPOSAL.to_bytes(2, "big") + vector(2, b"\0\0\x01\x11" + vector(1, self.nonce))
        signer = ec.generate_private_key(ec.SECP256R1())
        entry = vector(3, certificate(signer)) + vector(2, b"")
        for one in (
            message(ENCRYPTED_EXTENSIONS, vector(2, selected if PROPOSAL in offered else b"")),
            message(CERTIFICATE_REQUEST, b"\0" + vector(2, b"\0\x0d\0\4\0\2\4\3")),
            message(CERTIFICATE, b"\0" + vector(3, entry)),
        ):
            self.transcript += one
            self.send(HANDSHAKE, one)
        content = CONTEXT % b"server" + suite.hash(self.transcript)
        signature = signer.sign(content, ec.ECDSA(SHA256()))
        verified = message(CERTIFICATE_VERIFY, b"\4\3" + vector(2, signature))
        self.transcript += verified
        finished = suite.finished(server_hs, self.transcript)
        self.transcript += finished
        self.send(HANDSHAKE, verified + finished)
        master = suite.master(secret)
        self.traffic = suite.derive(master, b"c ap traffic", self.transcript)
        self.later = tls13.Direction(suite, self.traffic)
        server_ap = suite.derive(master, b"s ap traffic", self.transcript)
        self.out = tls13.Direction(suite, server_ap)
        self.state = "certificate"

    def credential(self, whole: bytes) -> None:
        """The client's Certificate."""
        if int.from_bytes(whole[5:8], "big") == 0:
            if self.fault != "empty-credential":
                self.refuse("certificate_required")
            self.state = "finished"
            return
        self.cmw = whole[11 : 11 + int.from_bytes(whole[8:11], "big")]
        self.state = "verify"
        plain = self.cmw[:1] == b"\x30"  # a SEQUENCE of DER, and no CMW in CBOR
        if plain and self.fault not in ("plain-credential", "unattested"):
            self.refuse("attestation_failed")
        if not plain and self.nonce not in self.cmw and self.fault != "stale-evidence":
            self.refuse("attestation_failed")

    def verify(self, whole: bytes) -> None:
        """CertificateVerify."""
        self.state = "finished"
        content = CONTEXT % b"client" + self.suite.hash(self.transcript)
        if self.cmw[:1] == b"\x30":
            keys = [x509.load_der_x509_certificate(self.cmw).public_key()]
        else:
            keys = list(attested(self.cmw))
        for key in keys:
            try:
                key.verify(whole[8:], content, ec.ECDSA(SHA256()))  # type: ignore
                return
            except InvalidSignature:
                continue
        if self.fault != "forged-verify":
            self.refuse("decrypt_error")

    def finish(self, whole: bytes) -> None:
        """Finished."""
        good = whole == self.suite.finished(self.client_hs, self.transcript)
        if not good and self.fault != "forged-finished":
            self.refuse("decrypt_error")
        self.into, self.state = self.later, "open"


class Server:
    """It listens on loopback until it is closed."""

    def __init__(self, fault: str = "") -> None:
        self._fault = fault
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for number in itertools.count():
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            odd = self._fault == "wavering" and number % 2 == 1
            one = Connection(stream, self._fault, odd)
            threading.Thread(target=one.serve, daemon=True).start()

    def close(self) -> None:
        """Connections that are there end by themselves."""
        self._listener.close()

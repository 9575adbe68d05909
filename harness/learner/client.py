# SPDX-License-Identifier: Apache-2.0
"""A client of TLS 1.3 that sends any message at any time, and says what comes back.

What it sends is always made as well as it can be: over the transcript of this connection, under the
keys in force. What differs is the order, and what the credential is.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evidence import Credentials  # which knows where the attacker's modules are

import tls13
from messages import ALERT, APPLICATION_DATA, CERTIFICATE, CERTIFICATE_VERIFY, CHANGE_CIPHER_SPEC
from messages import CLIENT_HELLO, ENCRYPTED_EXTENSIONS, FINISHED, HANDSHAKE, SERVER_HELLO
from messages import message, vector

NEW_SESSION_TICKET, CERTIFICATE_REQUEST, KEY_UPDATE = 4, 13, 24
NAMES = {
    SERVER_HELLO: "server_hello",
    NEW_SESSION_TICKET: "new_session_ticket",
    ENCRYPTED_EXTENSIONS: "encrypted_extensions",
    CERTIFICATE: "certificate",
    CERTIFICATE_REQUEST: "certificate_request",
    CERTIFICATE_VERIFY: "certificate_verify",
    FINISHED: "finished",
    KEY_UPDATE: "key_update",
}
SILENCE, CLOSED, APPLICATION = "-", "closed", "application_data"
HELLO_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
EVIDENCE = b"\0\x01\x11"  # content format 273: an EvidenceType of draft-fossati-seat-...
VERSIONS, GROUPS, SIGNATURES, X25519 = 43, 10, 13, b"\0\x1d"
ECDSA_P256 = b"\x04\x03"
SUITES = bytes.fromhex("13011302")
LINE = b"hello from client\n"
WRONG = b"\x55" * 32  # a challenge that nobody gave
FLIGHT_MAX = 1 << 20
CONTENT = b" " * 64 + b"TLS 1.3, client CertificateVerify\0"


class Connection:
    """One connection to a server."""

    def __init__(
        self,
        address: tuple[str, int],
        profile: str,
        points: Mapping[str, int],
        alerts: Mapping[int, str],
        credentials: Credentials,
        patience: float,
    ) -> None:
        self._socket = socket.create_connection(address, patience)
        self._profile = profile
        self._points = points
        self._alerts = alerts
        self._credentials = credentials
        self._patience = patience
        self._key = X25519PrivateKey.generate()
        self._transcript = b""
        self._hellos = b""
        self._suite = tls13.SUITES[0x1301]
        self._nonce = WRONG
        self._signs: Callable[[bytes], bytes] = credentials.device.sign
        self._out: tls13.Direction | None = None
        self._in: list[tls13.Direction] = []  # the newest first; an alert may be under an older one
        self._application: bytes | None = None  # the client's application traffic secret
        self._finished = False  # is that in use?
        self._traffic = b""  # the client's handshake traffic secret
        self._records = self._handshake = b""
        self.closed = False

    def close(self) -> None:
        """Without a word."""
        self._socket.close()

    # What it sends.

    def send(self, name: str) -> None:
        """One message of the alphabet."""
        sender: Callable[[], None] = getattr(self, f"_send_{name}")
        try:
            sender()
        except OSError:
            pass  # the server has closed, or will be seen to have

    def _record(self, kind: int, data: bytes) -> None:
        if self._out is not None:
            for at in range(0, len(data), 1 << 14):
                self._socket.sendall(self._out.seal(kind, data[at : at + (1 << 14)]))
        else:
            self._socket.sendall(bytes([kind]) + b"\3\3" + vector(2, data[: (1 << 14)]))

    def _say(self, whole: bytes) -> None:
        self._transcript += whole
        self._record(HANDSHAKE, whole)

    def _hello(self, *more: tuple[int, bytes]) -> None:
        share = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        block = [
            (VERSIONS, b"\2\3\4"),
            (GROUPS, vector(2, X25519)),
            (SIGNATURES, vector(2, bytes.fromhex("0403050308040805"))),
            (tls13.KEY_SHARE, vector(2, X25519 + vector(2, share))),
            *more,
        ]
        body = b"\3\3" + os.urandom(32) + b"\0" + vector(2, SUITES) + b"\1\0" + vector(2, b"")
        self._say(tls13.with_extensions(message(CLIENT_HELLO, body), block))

    def _send_client_hello(self) -> None:
        self._hello()

    def _send_client_hello_attested(self) -> None:
        if self._profile == "ta-07":  # credential_kind, then the type; draft-...-07 section 6
            self._hello((self._points["evidence_proposal"], vector(1, b"\0" + EVIDENCE)))
        else:  # seat-06: no schemes of the server, one of the client: evidence
            schemes = vector(2, b"") + vector(2, b"\0" + EVIDENCE)
            self._hello((self._points["remoteAttestation"], schemes))

    def _certificate(self, *entries: tuple[bytes, bytes]) -> None:
        made = b"".join(vector(3, data) + vector(2, block) for data, block in entries)
        self._say(message(CERTIFICATE, vector(1, b"") + vector(3, made)))

    def _binder(self) -> bytes:
        """draft-fossati-seat-early-attestation-06 section 5.1.1, for the enrolled key."""
        suite, enrolled = self._suite, self._credentials.enrolled
        assert enrolled is not None
        digest = suite.hash(self._hellos)
        base = suite.expand(bytes(suite.size), b"attestation base", digest, suite.size)
        return suite.expand(base, b"attestation", suite.hash(enrolled.public_key), suite.size)

    def _attested(self, fresh: bool) -> None:
        device, enrolled = self._credentials.device, self._credentials.enrolled
        self._signs = device.sign
        if enrolled is None:  # ta-07: the CMW is in the place of the certificate
            self._certificate((device.evidence(self._nonce if fresh else WRONG), b""))
            return
        block = b""
        if self._profile == "seat-06":
            cmw = vector(3, device.evidence(self._binder() if fresh else WRONG))
            block = self._points["remoteAttestation"].to_bytes(2, "big") + vector(2, cmw)
        first, *others = enrolled.chain
        self._certificate((first, block), *((one, b"") for one in others))

    def _send_certificate_attested(self) -> None:
        self._attested(True)

    def _send_certificate_stale(self) -> None:
        self._attested(False)

    def _send_certificate_plain(self) -> None:
        self._signs = self._credentials.sign_plain
        self._certificate(*((one, b"") for one in self._credentials.plain.chain))

    def _send_certificate_empty(self) -> None:
        self._certificate()

    def _verify(self, signature: bytes) -> None:
        self._say(message(CERTIFICATE_VERIFY, ECDSA_P256 + vector(2, signature)))

    def _signed(self) -> bytes:
        return CONTENT + self._suite.hash(self._transcript)

    def _send_certificate_verify(self) -> None:
        self._verify(self._signs(self._signed()))

    def _send_certificate_verify_forged(self) -> None:
        """Well made, over another content."""
        self._verify(self._signs(self._signed()[:-1] + b"\0\0"))

    def _use_application_keys(self) -> None:
        """From now on, where the server's Finished has come."""
        if self._application is not None and not self._finished:
            self._finished = True
            self._out = tls13.Direction(self._suite, self._application)

    def _finish(self, whole: bytes) -> None:
        self._say(whole)
        self._use_application_keys()

    def _send_finished(self) -> None:
        traffic = self._traffic or bytes(self._suite.size)
        self._finish(self._suite.finished(traffic, self._transcript))

    def _send_finished_forged(self) -> None:
        self._finish(message(FINISHED, bytes(self._suite.size)))

    def _send_application_data(self) -> None:
        """Under the keys in force."""
        self._record(APPLICATION_DATA, LINE)

    def _send_application_data_unfinished(self) -> None:
        """Under the keys of application data, though no Finished has gone out."""
        self._use_application_keys()
        self._record(APPLICATION_DATA, LINE)

    def _send_key_update(self) -> None:
        """Which asks for none in return; the next record is under the next keys, where these are
        of application data (RFC 8446 section 7.2)."""
        self._record(HANDSHAKE, message(KEY_UPDATE, b"\0"))
        if self._finished and self._application is not None:
            suite = self._suite
            self._application = suite.expand(self._application, b"traffic upd", b"", suite.size)
            self._out = tls13.Direction(suite, self._application)

    # What comes back.

    def answer(self, quiet: float, known: str | None = None) -> str:
        """What the server says until it has been quiet for so long, or as soon as that is KNOWN."""
        found: list[str] = []
        end = time.monotonic() + quiet
        while True:
            said = "+".join(found) or SILENCE
            left = end - time.monotonic()
            if self.closed or said == known or left <= 0:
                return said
            if not select.select([self._socket], [], [], left)[0]:
                continue
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                data = b""
            end = max(end, time.monotonic() + quiet)
            self._records += data
            self._read(found)
            if not data or len(self._records) + len(self._handshake) > FLIGHT_MAX:
                self.closed = True
                found.append(CLOSED)

    def _read(self, found: list[str]) -> None:
        while len(self._records) >= 5:
            size = 5 + int.from_bytes(self._records[3:5], "big")
            if len(self._records) < size:
                return
            record, self._records = self._records[:size], self._records[size:]
            kind, data = record[0], record[5:]
            if kind == APPLICATION_DATA and self._in:
                kind, data = self._opened(record)
            if kind == ALERT and len(data) == 2:
                found.append(f"alert:{self._alerts.get(data[1], str(data[1]))}")
            elif kind == HANDSHAKE:
                self._handshake += data
                self._messages(found)
            elif kind == APPLICATION_DATA and data:
                if found[-1:] != [APPLICATION]:  # in however many records
                    found.append(APPLICATION)
            elif kind != CHANGE_CIPHER_SPEC and kind != APPLICATION_DATA:
                found.append("unreadable")

    def _opened(self, record: bytes) -> tuple[int, bytes]:
        for one in self._in:
            try:
                return one.open(record)
            except (InvalidTag, IndexError):
                continue
        return 0, b""

    def _messages(self, found: list[str]) -> None:
        for one in tls13.messages(self._handshake):
            self._handshake = self._handshake[len(one) :]
            name = NAMES.get(one[0], f"message_{one[0]}")
            if one[0] == SERVER_HELLO and one[6:38] == HELLO_RETRY:
                name = "hello_retry_request"
            if one[0] == NEW_SESSION_TICKET:
                if found[-1:] != [name]:  # in whatever number
                    found.append(name)
                continue
            found.append(name)
            self._transcript += one
            try:
                self._take(one, name)
            except (IndexError, KeyError, ValueError):
                found.append("unreadable")

    def _take(self, one: bytes, name: str) -> None:
        if name == "server_hello":
            self._agree(one)
        elif name == "encrypted_extensions" and self._profile == "ta-07":
            selected = dict(tls13.extensions(one)).get(self._points["evidence_proposal"])
            if selected:
                self._nonce = selected[5 : 5 + selected[4]]
        elif name == "finished":
            suite = self._suite
            secrets = [
                suite.derive(suite.master(self._secret), label, self._transcript)
                for label in (b"c ap traffic", b"s ap traffic")
            ]
            self._application = secrets[0]
            self._in.insert(0, tls13.Direction(suite, secrets[1]))

    def _agree(self, hello: bytes) -> None:
        share = dict(tls13.extensions(hello))[tls13.KEY_SHARE]
        if share[:2] != X25519:
            raise ValueError("expected a share of the group that was offered, came another")
        self._suite = suite = tls13.SUITES[tls13.chosen_suite(hello)]
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(share[4:]))
        early = suite.mac(bytes(suite.size), bytes(suite.size))
        self._secret = suite.mac(suite.derive(early, b"derived", b""), shared)
        self._hellos = self._transcript
        self._traffic = suite.derive(self._secret, b"c hs traffic", self._hellos)
        self._out = tls13.Direction(suite, self._traffic)
        from_server = suite.derive(self._secret, b"s hs traffic", self._hellos)
        self._in = [tls13.Direction(suite, from_server)]

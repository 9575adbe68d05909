# SPDX-License-Identifier: Apache-2.0
"""A peer that breaks TLS on the wire, one fault at a time: what the project's own --fault cannot.

adversary.py client|server FLAGS keeps the peer contract (harness/peers/README.md). It is tlslite-ng
with its messages changed on their way out (wire.py); transcripts go over what is really sent. It
attests nothing, asks for nothing, and believes everything: it is there to be refused. Without a
--fault it is a plain peer.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator, NoReturn

import tlslite  # type: ignore[import]
from tlslite.api import (  # type: ignore[import]
    HandshakeSettings,
    TLSConnection,
    X509CertChain,
    parsePEMKey,
)
from tlslite.errors import (  # type: ignore[import]
    TLSAbruptCloseError,
    TLSError,
    TLSLocalAlert,
    TLSRemoteAlert,
)
from tlslite.messages import Message  # type: ignore[import]

from wire import CLIENT_HELLO, ENCRYPTED_EXTENSIONS, HANDSHAKE, Fault, extensions, make

DONE, FAILED, USAGE, UNSUPPORTED = 0, 1, 2, 77
PROFILES = ("ta-02", "ta-03", "ta-07", "seat-04", "seat-06", "x509-cmw")
IGNORED = (
    "artifacts keylog device second-device curve cmw-form evidence-format evidence-type verifier "
    "verifier-id trust-verifier accept-tier nonce-size result-max-age clock-offset code-points "
    "verifier-timeout policy ca credential-kind"
).split()
ALERTS = {
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    80: "internal_error",
    109: "missing_extension",
    110: "unsupported_extension",
    116: "certificate_required",
    224: "unsupported_evidence",
    225: "unsupported_verifiers",
    226: "attestation_failed",
    227: "unsupported_attestation_schemes",
    228: "attestation_required",
}
LINGER = 1.0
PR_SET_PDEATHSIG = 1


class Events:
    """One JSON object a line; times never go back."""

    def __init__(self, who: str, path: str | None) -> None:
        self._who = who
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._file = None
        if path is not None:
            self._file = sys.stdout if path == "-" else open(path, "a", encoding="utf-8")

    def tell(self, event: str, **fields: Any) -> None:
        """Writes one event."""
        if self._file is None:
            return
        with self._lock:
            t = round(time.monotonic() - self._began, 6)
            self._file.write(json.dumps({"t": t, "who": self._who, "event": event, **fields}))
            self._file.write("\n")
            self._file.flush()


class Wire(TLSConnection):  # type: ignore[misc] # the library has no types
    """A connection whose handshake messages pass by the fault."""

    def __init__(self, sock: socket.socket, side: str, fault: Fault | None, tell: Any) -> None:
        super().__init__(sock)
        self._side = side
        self._fault = fault
        self._tell = tell
        self._told: set[str] = set()
        self.changed = False

    def _sendMsg(self, msg: Any, *args: Any, **named: Any) -> Iterator[int]:
        whole = bytes(msg.write())
        if msg.contentType != HANDSHAKE or not named.get("update_hashes", True) or not whole:
            yield from super()._sendMsg(msg, *args, **named)
            return
        for kind, data in self._changed(whole):
            yield from super()._sendMsg(Message(kind, bytearray(data)), *args, **named)

    def _queue_message(self, msg: Any) -> None:
        # Unqueued: each message has records of its own, so that other records fit between them.
        for _ in self._sendMsg(msg):
            pass  # the socket blocks

    def _queue_flush(self) -> Iterator[int]:
        yield from ()

    def _changed(self, whole: bytes) -> list[tuple[int, bytes]]:
        sent = [(HANDSHAKE, whole)]
        fault = self._fault
        if fault is not None and whole[0] == fault.kind and not self.changed:
            self.changed = True
            self._tell("fault", name=self._name(), detail=fault.what)
            sent = fault.change(whole)
        for event, kind in (("offer", CLIENT_HELLO), ("selected", ENCRYPTED_EXTENSIONS)):
            if whole[0] == kind and event not in self._told:
                self._told.add(event)
                told = extensions(sent[0][1]) if sent else {}
                self._tell(event, direction="sent", extensions=told)
        return sent

    def _name(self) -> str:
        assert self._fault is not None
        return self._fault.name


def unsupported(what: str) -> NoReturn:
    """Says that this is not done here, before any packet."""
    print(f"not supported: {what}", file=sys.stderr)
    sys.exit(UNSUPPORTED)


def parse(side: str, argv: list[str]) -> argparse.Namespace:
    """The flags; ends with 2 or 77."""
    parser = argparse.ArgumentParser(prog=side, description=__doc__, allow_abbrev=False)
    version = f"atls-adversary 1 (tlslite-ng {tlslite.__version__})"
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument("--profile", required=True)
    for flag in ("attester", "relying-party"):
        parser.add_argument(f"--{flag}", default="none")
    parser.add_argument("--events")
    parser.add_argument("--cert", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--serialization", default="cbor")
    parser.add_argument("--message", default=f"hello from {side}")
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--variant", action="append", default=[])
    parser.add_argument("--hrr", action="store_true")
    parser.add_argument("--reattest", default="0")
    for flag in IGNORED:
        parser.add_argument(f"--{flag}", action="append")
    if side == "client":
        parser.add_argument("--connect", required=True)
        parser.add_argument("--connections", type=int, default=1)
    else:
        parser.add_argument("--listen", required=True)
        parser.add_argument("--max-connections", type=int, default=0)
    o = parser.parse_args(argv)
    if o.profile not in PROFILES:
        unsupported(f"profile {o.profile}")
    if o.attester != "none" or o.relying_party != "none":
        unsupported("attestation: it only breaks things")
    if o.serialization not in ("cbor", "json"):
        unsupported(f"--serialization {o.serialization}")
    if o.variant or o.hrr or o.reattest != "0" or o.key.startswith("device:"):
        unsupported("--variant, --hrr, --reattest, or a key in a device")
    try:
        o.made = [make(fault, side) for fault in o.fault]
    except ValueError as problem:
        unsupported(f"--fault {problem}")
    if len(o.made) > 1:
        unsupported("more than one --fault")
    if side == "server" and not (o.cert and o.key):
        parser.error("a server needs --cert and --key")
    return o


class Adversary:
    """The program's course: one connection after the other."""

    def __init__(self, side: str, options: argparse.Namespace) -> None:
        self.side = side
        self.options = options
        self.events = Events(side, options.events)
        self.fault = options.made[0] if options.made else None
        self.settings = HandshakeSettings()
        self.settings.minVersion = self.settings.maxVersion = (3, 4)
        self.settings.ticket_count = 0
        self.chain = self.key = None
        if options.cert:
            self.chain = X509CertChain()
            self.chain.parsePemList(Path(options.cert).read_text(encoding="ascii"))
            self.key = parsePEMKey(Path(options.key).read_text(encoding="ascii"), private=True)

    def run(self) -> int:
        """All connections that the flags ask for."""
        text = self.options.connect if self.side == "client" else self.options.listen
        host, _, port = text.rpartition(":")
        if not port.isdecimal():
            print(f"HOST:PORT was expected, not {text}", file=sys.stderr)
            return USAGE
        if self.side == "client":
            count = range(1, self.options.connections + 1)
            ends = [self._one(n, socket.create_connection((host, int(port)))) for n in count]
            return DONE if all(ends) else FAILED
        ends = []
        with socket.create_server((host, int(port)), backlog=16) as listener:
            name, number = listener.getsockname()[:2]
            self.events.tell("ready", address=f"{name}:{number}", port=number)
            while self.options.max_connections == 0 or len(ends) < self.options.max_connections:
                ends.append(self._one(len(ends) + 1, listener.accept()[0]))
        return DONE if all(ends) else FAILED

    def _one(self, conn: int, sock: socket.socket) -> bool:
        sock.settimeout(self.options.timeout)

        def tell(event: str, **fields: Any) -> None:
            self.events.tell(event, conn=conn, **fields)

        tell("connection")
        began = time.monotonic()
        wire = Wire(sock, self.side, self.fault, tell)
        # The peer's line comes back where it took what was sent.
        alert: dict[str, Any] | None = None
        reason, detail, line = "ok", "", b""
        try:
            self._handshake(wire, tell)
            if self.side == "client":
                self._say(wire)
            line = self._hear(wire)
            if self.side == "server":
                self._say(wire)
        except TLSRemoteAlert as problem:
            code = int(problem.description)
            alert = {"direction": "received", "code": code, "name": ALERTS.get(code, "unknown")}
            reason, detail = "peer-alert", str(problem)
        except TLSLocalAlert as problem:
            code = int(problem.description)
            alert = {"direction": "sent", "code": code, "name": ALERTS.get(code, "unknown")}
            reason, detail = "internal", str(problem)
        except (TLSAbruptCloseError, OSError) as problem:
            reason, detail = "peer-closed", str(problem)
        except TLSError as problem:
            reason, detail = "internal", str(problem)
        complete = reason == "ok"
        fields: dict[str, Any] = {"reason": reason, "alert": alert, "detail": detail, "hrr": False}
        fields.update(seconds=time.monotonic() - began, self_attested="none", peer_attested="none")
        tell("handshake", outcome="complete" if complete else "failed", **fields)
        if complete:
            tell("application-data", direction="sent", text=self.options.message)
            tell("application-data", direction="received", text=line.decode(errors="replace"))
        tell("closed", outcome="complete" if complete else "failed")
        self._leave(wire, sock, complete)
        return complete

    def _handshake(self, wire: Wire, tell: Any) -> None:
        if self.side == "client":
            wire.handshakeClientCert(self.chain, self.key, settings=self.settings)
            tell("selected", direction="received", extensions={})
            return
        tell("offer", direction="received", extensions={})
        wire.handshakeServer(certChain=self.chain, privateKey=self.key, settings=self.settings)

    def _say(self, wire: Wire) -> None:
        wire.send(self.options.message.encode() + b"\n")

    @staticmethod
    def _hear(wire: Wire) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            data = wire.read(max=4096, min=1)
            if not data:
                raise TLSAbruptCloseError("the peer left before its line was whole")
            line += bytes(data)
        return line[:-1]

    @staticmethod
    def _leave(wire: Wire, sock: socket.socket, complete: bool) -> None:
        """Closing with unread bytes would destroy what is on its way to the peer."""
        try:
            if complete:
                wire.close()
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(LINGER)
            while sock.recv(4096):
                pass  # thrown away
        except (OSError, TLSError):
            pass  # the peer is gone, which is an end as well
        sock.close()


def stop(_signal: int, _frame: Any) -> NoReturn:
    """The harness ends it."""
    os._exit(DONE)


def main(argv: list[str]) -> int:
    """client|server FLAGS"""
    if not argv or argv[0] not in ("client", "server"):
        print("usage: adversary.py client|server FLAGS", file=sys.stderr)
        return USAGE
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return FAILED
    signal.signal(signal.SIGTERM, stop)
    return Adversary(argv[0], parse(argv[0], argv[1:])).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

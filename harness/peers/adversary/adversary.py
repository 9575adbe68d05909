# SPDX-License-Identifier: Apache-2.0
"""A peer that breaks TLS on the wire, one fault at a time: what the project's own --fault cannot.

adversary.py client|server FLAGS keeps the peer contract (harness/peers/README.md). It is tlslite-ng
with its messages changed on their way out (wire.py); transcripts go over what is really sent. It
attests nothing, asks for nothing, and believes everything: it is there to be refused. Without a
--fault it is a plain peer.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
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

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))
import contract  # noqa: E402
from contract import ALERTS, DONE, FAILED, USAGE, address_of  # noqa: E402
from contract import unsupported  # noqa: E402
from events import Events, die_with_parent  # noqa: E402
from wire import (  # noqa: E402
    CLIENT_HELLO,
    ENCRYPTED_EXTENSIONS,
    HANDSHAKE,
    Fault,
    extensions,
    make,
)

LINGER = 1.0


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


def parse(side: str, argv: list[str]) -> argparse.Namespace:
    """The flags; ends with 2 or 77."""
    version = f"atls-adversary (tlslite-ng {tlslite.__version__})"
    parser = contract.flags_of(side, f"adversary {side}", version, ())
    o: argparse.Namespace = parser.parse_args(argv)
    try:
        o.made = [make(fault, side) for fault in o.fault]
    except ValueError as problem:
        unsupported(f"--fault {problem}")
    if len(o.made) > 1:
        unsupported("more than one --fault")
    contract.check_plain(parser, side, o)
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
        # As a client it would compress its Certificate unasked, which is a fault of its own.
        self.settings.certificate_compression_send = ()
        self.settings.certificate_compression_receive = ()
        self.chain = self.key = None
        if options.cert:
            self.chain = X509CertChain()
            self.chain.parsePemList(Path(options.cert).read_text(encoding="ascii"))
            self.key = parsePEMKey(Path(options.key).read_text(encoding="ascii"), private=True)

    def run(self) -> int:
        """All connections that the flags ask for."""
        if self.side == "client":
            address = address_of(self.options.connect)
            count = range(1, self.options.connections + 1)
            ends = [self._one(n, socket.create_connection(address)) for n in count]
            return DONE if all(ends) else FAILED
        ends = []
        with socket.create_server(address_of(self.options.listen), backlog=16) as listener:
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
    die_with_parent()
    if os.getppid() != parent:
        return FAILED
    signal.signal(signal.SIGTERM, stop)
    return Adversary(argv[0], parse(argv[0], argv[1:])).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A plain command-line TLS tool as a peer that knows nothing of attestation.

plain.py TOOL client|server FLAGS keeps the peer contract (harness/peers/README.md) as far as a tool
can: X.509 and a line each way. All that would need attestation ends with 77. TOOL is a name of
tools.py; one process of it serves each connection, behind a relay.
"""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))
import contract  # noqa: E402
from contract import ALERTS, DONE, FAILED, USAGE, address_of  # noqa: E402
from events import Events, die_with_parent  # noqa: E402
from relay import Relay, free_port  # noqa: E402
from tools import TOOLS, Started, Tool, Wanted  # noqa: E402


def parse(tool: Tool, name: str, side: str, argv: list[str]) -> argparse.Namespace:
    """The flags; ends with 2 or 77."""
    version = f"atls-plain ({tool.version()})"
    parser = contract.flags_of(side, f"{name} {side}", version, ("policy", "ca", "keylog"))
    parser.add_argument("--policy", choices=("required", "optional"))
    for flag in ("ca", "keylog"):
        parser.add_argument(f"--{flag}", default="")
    options: argparse.Namespace = parser.parse_args(argv)
    for value in options.fault:
        contract.unsupported(f"--fault {value}")
    contract.check_plain(parser, side, options)
    return options


class Line:
    """A tool that runs, and what it says: lines on standard output, words on standard error."""

    def __init__(self, started: Started, folder: Path) -> None:
        self._mark = started.mark.encode()
        self._words = folder / "words"
        self._log = Path(started.log) if started.log else self._words
        self._out = b""
        with self._words.open("wb") as words:
            self._tool = subprocess.Popen(
                list(started.argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if started.merged else words,
                env={**os.environ, **started.environment},
                preexec_fn=die_with_parent,
            )

    def send(self, text: str) -> None:
        """A line to its standard input. A tool that is gone shows in receive()."""
        assert self._tool.stdin is not None
        try:
            self._tool.stdin.write(text.encode() + b"\n")
            self._tool.stdin.flush()
        except BrokenPipeError:
            return

    def receive(self, until: float) -> bytes | None:
        """The peer's line, or None: the tool ended, or it takes too long."""
        assert self._tool.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._tool.stdout, selectors.EVENT_READ)
            while time.monotonic() < until:
                if not selector.select(max(0.0, until - time.monotonic())):
                    break
                data = os.read(self._tool.stdout.fileno(), 65536)
                self._out += data
                for line in self._out.split(b"\n")[:-1]:
                    if line.startswith(self._mark):
                        return line[len(self._mark) :]
                if not data:
                    break
        return None

    def hang_up(self, seconds: float) -> None:
        """End of input; who does not go by itself is told to."""
        assert self._tool.stdin is not None and self._tool.stdout is not None
        try:
            self._tool.stdin.close()
        except BrokenPipeError:
            pass  # it is gone already
        try:
            self._tool.wait(seconds)
        except subprocess.TimeoutExpired:
            self._tool.terminate()
            self._tool.wait()
        self._tool.stdout.close()

    def words(self) -> str:
        """All that it said beside the line; read it after hang_up()."""
        files = {self._words, self._log}
        texts = [path.read_text(errors="replace") for path in files if path.exists()]
        return self._out.decode(errors="replace") + "".join(texts)


class Plain:
    """The program's course."""

    def __init__(self, tool: Tool, side: str, options: argparse.Namespace) -> None:
        self.tool = tool
        self.side = side
        self.options = options
        self.events = Events(side, options.events)
        self._results: dict[int, bool] = {}

    def wanted(self, host: str, port: int, folder: Path) -> Wanted:
        """What a tool gets of the flags."""
        o = self.options
        return Wanted(host, port, folder, o.cert, o.key, o.ca, o.keylog)

    def client(self) -> int:
        """--connections at once."""
        address = address_of(self.options.connect)
        threads = []
        for conn in range(1, self.options.connections + 1):
            listener = socket.create_server(("127.0.0.1", 0))
            threads.append(
                threading.Thread(target=self._one_client, args=(conn, listener, address))
            )
            threads[-1].start()
        for thread in threads:
            thread.join()
        return DONE if all(self._results.values()) else FAILED

    def server(self) -> int:
        """--max-connections, one after the other or at once as they come."""
        threads = []
        with socket.create_server(address_of(self.options.listen), backlog=128) as listener:
            host, port = listener.getsockname()[:2]
            self.events.tell("ready", address=f"{host}:{port}", port=port)
            conn = 0
            while self.options.max_connections in (0,) or conn < self.options.max_connections:
                peer, _ = listener.accept()
                conn += 1
                threads.append(threading.Thread(target=self._one_server, args=(conn, peer)))
                threads[-1].start()
        for thread in threads:
            thread.join()
        return DONE if all(self._results.values()) else FAILED

    def _one_client(self, conn: int, listener: socket.socket, address: tuple[str, int]) -> None:
        with tempfile.TemporaryDirectory(prefix="atls-plain-") as name, listener:
            folder = Path(name)
            self.events.tell("connection", conn=conn)
            self.events.tell("offer", conn=conn, direction="sent", extensions={})
            began = time.monotonic()
            until = began + self.options.timeout
            port = listener.getsockname()[1]
            started = self.tool.client(self.wanted(address[0], port, folder))
            line = Line(started, folder)
            listener.settimeout(self.options.timeout)
            relay = None
            received = None
            try:
                relay = Relay(listener.accept()[0], address)
                line.send(self.options.message)
                received = line.receive(until)
            except OSError as problem:
                print(f"connection {conn}: {problem}", file=sys.stderr)
            line.hang_up(1.0)
            hrr = relay is not None and relay.hrr
            self._tell(conn, received, [self.options.message], line, hrr, time.monotonic() - began)
            if relay is not None:
                relay.finish(1.0)

    def _one_server(self, conn: int, peer: socket.socket) -> None:
        with tempfile.TemporaryDirectory(prefix="atls-plain-") as name:
            folder = Path(name)
            self.events.tell("connection", conn=conn)
            began = time.monotonic()
            until = began + self.options.timeout
            port = free_port()
            started = self.tool.server(self.wanted("", port, folder))
            line = Line(started, folder)
            relay = None
            received = None
            try:
                relay = Relay(peer, ("127.0.0.1", port))
                self.events.tell("offer", conn=conn, direction="received", extensions={})
                self.events.tell("selected", conn=conn, direction="sent", extensions={})
                received = line.receive(until)
            except OSError as problem:
                print(f"connection {conn}: {problem}", file=sys.stderr)
            sent = [self.options.message]
            if started.echoes:
                sent = [] if received is None else [received.decode(errors="replace")]
            elif received is not None:
                line.send(self.options.message)
            if relay is not None:
                relay.finish(2.0)  # the client ends it
            line.hang_up(1.0)
            hrr = relay is not None and relay.hrr
            self._tell(conn, received, sent, line, hrr, time.monotonic() - began)

    def _tell(
        self, conn: int, received: bytes | None, sent: list[str], line: Line, hrr: bool, took: float
    ) -> None:
        """The connection's end, as the tool's words and the line tell it."""
        common: dict[str, Any] = {"conn": conn, "hrr": hrr, "seconds": took}
        common.update(self_attested="none", peer_attested="none")
        if received is not None:
            if self.side == "client":
                self.events.tell("selected", conn=conn, direction="received", extensions={})
            self.events.tell("handshake", outcome="complete", reason="ok", alert=None, **common)
            told = [("received", received.decode(errors="replace"))]
            own = [("sent", text) for text in sent]
            for direction, text in own + told if self.side == "client" else told + own:
                self.events.tell("application-data", conn=conn, direction=direction, text=text)
        else:
            self._tell_failure(line.words(), common)
        outcome = "failed" if received is None else "complete"
        self._results[conn] = received is not None
        self.events.tell("closed", conn=conn, outcome=outcome)

    def _tell_failure(self, words: str, common: dict[str, Any]) -> None:
        print(words[-2000:], file=sys.stderr)
        code = self.tool.alert(words)
        reason = "internal" if code is None else "peer-alert"
        alert = None
        if code is not None:
            alert = {"direction": "received", "code": code, "name": ALERTS.get(code, "unknown")}
        detail = " ".join(words.split())[-300:]
        self.events.tell(
            "handshake", outcome="failed", reason=reason, alert=alert, detail=detail, **common
        )


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Tools die with this process."""
    os._exit(DONE)


def main(argv: list[str]) -> int:
    """TOOL client|server FLAGS"""
    if len(argv) < 2 or argv[0] not in TOOLS or argv[1] not in TOOLS[argv[0]].sides:
        print(f"usage: plain.py {'|'.join(TOOLS)} client|server FLAGS", file=sys.stderr)
        return USAGE
    parent = os.getppid()
    die_with_parent()
    if os.getppid() != parent:
        return FAILED
    tool, side = TOOLS[argv[0]], argv[1]
    options = parse(tool, argv[0], side, argv[2:])
    signal.signal(signal.SIGTERM, stop)
    plain = Plain(tool, side, options)
    return plain.client() if side == "client" else plain.server()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

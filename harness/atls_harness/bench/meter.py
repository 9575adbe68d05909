# SPDX-License-Identifier: Apache-2.0
"""Processor time of the programs of a stack, and connections between them to spend it on.

A server goes on from sample to sample, and its processor clock is read before and after each, and
so does a client that can make its connections in turn. Another client has ended when its time can
be read, start-up and all: whoever asks takes the difference of two of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..errors import ContractError, CrashError, InfrastructureError, Unsupported
from ..events import Event, read_events
from ..events import select as select_events
from ..flags import endpoint_flags, plain
from ..parties import Play
from ..peer import Peer
from ..process import DONE, UNSUPPORTED, Process
from ..run import Run
from ..scenario import Case, Scenario
from .agreed import Relay

CLIENT_LIMIT = 120.0
# What waits while others are measured is no failure of a stack.
PATIENCE = {"timeout": 600, "verifier-timeout": 90000}
SETTLE_LIMIT = 10.0
SETTLE_PAUSE = 0.002
HELD_PAUSE = 0.03  # for the first message of a connection that is held
WORDS_MAX = 300
PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of the kernel's clock ids, clock_getcpuclockid(3): all threads
# Results and certificates must outlive a long measurement.
VERIFIER = {"result-lifetime": 86400}
PLAIN_PROFILE = "x509-cmw"  # it negotiates nothing: without a CMW in the leaf it is TLS with X.509
ENROLLED_PROFILE = "seat-06"  # its certificate for a device's key has no CMW in it


def process_ns(pid: int) -> int:
    """Processor time of a running process, all threads."""
    try:
        return time.clock_gettime_ns((~pid << 3) | PROCESS_CLOCK)
    except OSError as problem:
        raise ContractError(f"process {pid} has ended while it was measured") from problem


def own_ns(process: Process) -> int:
    """Processor time until now of a program that goes on, all threads."""
    if has_children(process.pid):
        raise Unsupported(
            f"its {process.who} starts processes of its own, whose time would be missed"
        )
    return process_ns(process.pid)


def has_children(pid: int) -> bool:
    """Does a process have others, whose time its own clock would not tell?"""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            if path.read_text(encoding="ascii").strip():
                return True
        except OSError:  # that thread has just ended
            continue
    return False


def _unended(process: Process, connections: int) -> ContractError:
    words = process.last_words()[-WORDS_MAX:]
    return ContractError(f"the {process.who} did not end {connections} connections: {words}")


class Tail:
    """Events that a running program writes, as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def more(self) -> list[Event]:
        """Those since the last call; whole lines only."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._at += len(whole) + len(newline)
        return [json.loads(line) for line in whole.splitlines()]


@dataclass(frozen=True)
class Ended:
    """A client that has ended."""

    cpu_ns: int
    events: list[Event]


class Server:
    """A server that goes on until its setting ends."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.port = int(process.ready()["port"])
        self._tail = Tail(process.events_path)

    def cpu_ns(self) -> int:
        """Processor time until now."""
        return own_ns(self._process)

    def settle(self, connections: int) -> list[Event]:
        """Waits until so many more have ended, and returns the events since the last call."""
        events: list[Event] = []
        deadline = time.monotonic() + SETTLE_LIMIT
        while True:
            events += self._tail.more()
            if len(select_events(events, "closed")) >= connections:
                time.sleep(SETTLE_PAUSE)  # what its threads do behind their last event
                return events
            if self._process.wait(0) or time.monotonic() > deadline:
                raise _unended(self._process, connections)
            time.sleep(SETTLE_PAUSE)


class Held:
    """A client that makes its connections in turn, and only those that it is let: one process,
    whose clock is read before and after some, as that of a server. The next one has always begun
    and is held, before and after alike."""

    def __init__(self, process: Process, relay: Relay) -> None:
        self._process = process
        self.relay = relay
        self._tail: Tail | None = None

    def cpu_ns(self) -> int:
        """Processor time until now."""
        return own_ns(self._process)

    def let(self, connections: int) -> list[Event]:
        """Lets it make so many, and returns their events."""
        self.relay.admit(connections)
        events: list[Event] = []
        deadline = time.monotonic() + CLIENT_LIMIT
        while len(select_events(events, "closed")) < connections:
            if self._process.wait(0) or time.monotonic() > deadline:
                raise _unended(self._process, connections)
            if self._tail is None and self._process.events_path.exists():
                self._tail = Tail(self._process.events_path)
            events += self._tail.more() if self._tail is not None else []
            time.sleep(SETTLE_PAUSE)
        self.relay.wait_for_next()
        time.sleep(HELD_PAUSE)
        return events


class Setting:
    """A mode (PROFILE/MODEL/ATTESTER), or the plain TLS that it is held against, being played: the
    device, the verifier, and servers.

    The plain one has the same key in the same device, with a certificate, so that a signature that
    the attester has its device make costs neither of them anything; a server asks for the client's
    certificate in one where it does in the other.
    """

    def __init__(self, run: Run, mode: str, attested: bool, folder: Path) -> None:
        profile, self.model, self.attester = mode.split("/")
        self.attested = attested
        story = {
            "profile": profile if attested else ENROLLED_PROFILE,
            "model": self.model if attested else "background-check",
            "attester": self.attester,
            "verifier": VERIFIER,
            "expect": {"outcome": "complete"},
        }
        scenario = Scenario(folder, f"benchmark of {mode}", "", (), {})
        self.case = Case(scenario, mode, {}, story)
        self.run = run
        self.play = Play(self.case, run, folder)
        self._started = 0
        self._asked: list[Tail] = []
        self._relays = contextlib.ExitStack()

    def __enter__(self) -> "Setting":
        self.play.__enter__()
        try:
            self.play.start_helpers()
        except BaseException:
            self.play.stop()
            raise
        self._asked = [
            Tail(process.events_path)
            for process in self.play.processes.values()
            if process.who in ("device", "verifier")
        ]
        self.requests()
        return self

    def __exit__(self, *_: object) -> None:
        self._relays.close()
        self.play.stop()

    def requests(self) -> dict[str, int]:
        """How often device and verifier were asked since the last call, by anybody."""
        events = [event for tail in self._asked for event in tail.more()]
        found = [str(event["who"]) for event in events if event["event"] == "request"]
        return {who: found.count(who) for who in ("device", "verifier")}

    def _flags(self, side: str) -> list[str]:
        flags = endpoint_flags(self.case, self.run, side, self.play.addresses)
        if not self.attested:
            names = ("device", "verifier", "cert", "key", "ca")
            flags = {name: flags[name] for name in names if name in flags}
            flags.update({"profile": PLAIN_PROFILE, "attester": "none", "relying-party": "none"})
            if side == "server" and self.attester == "client":
                flags.update({"relying-party": "background-check", "policy": "optional"})
            else:
                flags.pop("verifier", None)
        return plain({**flags, **PATIENCE})

    def serve(self, stack: Peer) -> Server:
        """Starts the server of a stack."""
        name = f"{stack.name}-server"
        argv = [*stack.command("server", self.run.build), *self._flags("server")]
        argv += ["--listen", "127.0.0.1:0", "--max-connections", "0"]
        argv += ["--events", str(self.play.folder / f"{name}.events.jsonl")]
        process = Process(name, "server", argv, self.play.folder, listening=True)
        self.play.processes[name] = process
        return Server(process)

    def connect(self, stack: Peer, port: int, connections: int) -> Ended:
        """Runs the client of a stack; all of its connections must be as the mode says."""
        self._started += 1
        events_path = self.play.folder / f"client-{self._started}.events.jsonl"
        argv = [*stack.command("client", self.run.build), *self._flags("client")]
        argv += ["--connect", f"127.0.0.1:{port}", "--connections", str(connections)]
        cpu_ns = run_client([*argv, "--events", str(events_path)], stack.name)
        events = read_events(events_path)
        events_path.unlink()
        self.check("client", events, connections)
        return Ended(cpu_ns, events)

    def hold(self, stack: Peer, port: int, connections: int) -> Held:
        """Starts the client of a stack, which makes so many connections in turn as it is let."""
        name = f"{stack.name}-client"
        relay = self._relays.enter_context(Relay(port, 0))
        argv = [*stack.command("client", self.run.build), *self._flags("client"), "--in-turn"]
        argv += ["--connect", f"127.0.0.1:{relay.port}", "--connections", str(connections)]
        argv += ["--events", str(self.play.folder / f"{name}.events.jsonl")]
        process = Process(name, "client", argv, self.play.folder, listening=False)
        self.play.processes[name] = process
        return Held(process, relay)

    def check(self, side: str, events: Sequence[Event], connections: int) -> None:
        """Was every connection complete, and attested as the mode says? A fallback must not pass
        for the mode."""
        expected = {
            f"{whose}_attested": self.model if self.attested and at == self.attester else "none"
            for whose, at in (("self", side), ("peer", "server" if side == "client" else "client"))
        }
        made = select_events(events, "handshake")
        good = select_events(made, "handshake", outcome="complete", **expected)
        closed = select_events(events, "closed", outcome="complete")
        if len(good) != connections or len(made) != connections or len(closed) != connections:
            raise ContractError(f"expected {connections} connections, {_said(made, expected)}")


def _said(handshakes: Sequence[Event], expected: Mapping[str, Any]) -> str:
    """What became of connections that are not as they should be."""
    for one in handshakes:
        if one["outcome"] != "complete":
            return f"one was refused ({one['reason']}: {one.get('detail', '')})"[:WORDS_MAX]
        for name, value in expected.items():
            if one.get(name) != value:
                return f"in one {name} is {one.get(name)} in place of {value}"
    return f"{len(handshakes)} handshakes came"


def run_client(argv: Sequence[str], name: str) -> int:
    """Runs a client to its end; its processor time, with that of processes that it waited for."""
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as problem:
        raise InfrastructureError(f"{name}: {argv[0]}: {problem}") from problem
    assert child.stderr is not None
    try:
        words = _words(child.stderr.fileno(), name)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        child.stderr.close()
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if child.returncode == UNSUPPORTED:
        raise Unsupported(f"{name}'s client: {words}")
    if child.returncode < 0:
        raise CrashError(f"{name}'s client crashed: {signal.Signals(-child.returncode).name}")
    if child.returncode != DONE:
        raise ContractError(f"{name}'s client ended with {child.returncode}: {words}")
    used: float = usage.ru_utime + usage.ru_stime
    return round(used * 1e9)


def _words(descriptor: int, name: str) -> str:
    """All that a program writes until it ends."""
    deadline = time.monotonic() + CLIENT_LIMIT
    found = b""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise ContractError(f"{name}'s client did not end within {CLIENT_LIMIT:g} s")
        block = os.read(descriptor, 65536)
        if not block:
            return " ".join(found.decode(errors="replace").split())[-WORDS_MAX:]
        found = (found + block)[-65536:]

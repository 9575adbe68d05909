# SPDX-License-Identifier: Apache-2.0
"""TLS stacks in one table: what a connection costs each, as client and as server apart.

The other side is always the project's own program, so that rows of a mode differ by their stack
alone; what the adapter of a stack does belongs to it. Device and verifier are processes of their
own and are not counted. Everybody is measured in each round, so that what drifts drifts for all.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from ..errors import ContractError, InfrastructureError, Unsupported
from ..paths import PEERS
from ..peer import Peer, load_peers
from ..prepared import read_stamp
from ..results import version
from ..run import Run, make_work, remove_work
from ..scenario import SIDES
from .agreed import Relay
from .histogram import Histogram, ratio_summary, summary
from .meter import Held, Server, Setting
from .plan import Plan

OWN = "atls"
ROLES = ("client", "server", "device", "verifier")
# Of what N connections cost, how much may a client's start differ from round to round?
START_SPREAD = 0.2
TIMES_MOST = 3  # of the plan's connections, where a start is long
LATE = 0.05  # seconds; a verifier tells of a request when it has answered
HOW = [
    "counted: processor time of the stack's process, all threads, a connection; its adapter is part"
    " of it, which writes events, speaks to device and verifier, and has libraries of its own for"
    " what the stack does not do (its peer.yaml says which)",
    "not counted: device and verifier, which are processes of their own. The signature of an"
    " attester's key is the device's, in the plain connections as well",
    "not counted: the start of a client (it is the difference of two clients, one with more"
    " connections), the first connections of a server",
    "a sample is the mean of the connections of a round, which are made at once (by clients in Java"
    " one after the other, in one process)",
    "plain: the same stack, TLS 1.3 with certificates on the same sides, the attester's key in the"
    " device, no attestation",
    "curve P-256. The peer contract does not choose cipher suite and group of the key exchange:"
    " they are what the two libraries agree on, below",
]
JIT = "compiles as it runs (JIT), as its peer.yaml starts it; not counted: its first connections,"


@dataclass
class Samples:
    """What a stack at one side of a setting was seen to take."""

    cpu_ns: list[int] = field(default_factory=list)
    starts_ns: list[int] = field(default_factory=list)  # of clients, with the fewer connections
    asked: dict[str, int] = field(default_factory=lambda: {"device": 0, "verifier": 0})

    def add_asked(self, found: Mapping[str, int], sign: int = 1) -> None:
        """Counts requests to device and verifier."""
        for who, count in found.items():
            self.asked[who] += sign * count


@dataclass
class Cell:
    """A stack at one side, in a mode and in the plain TLS beside it."""

    stack: Peer
    side: str
    warm_up: int
    connections: int  # of a sample
    attested: Samples = field(default_factory=Samples)
    plain: Samples = field(default_factory=Samples)
    agreed: dict[str, object] = field(default_factory=dict)  # suite and group, agreed.parse()
    reason: str = ""  # why it is not measured


def compiles_as_it_runs(stack: Peer, build: Path) -> bool:
    """Is it run by a virtual machine that first interprets?"""
    return any(Path(stack.command(side, build)[0]).name == "java" for side in SIDES)


def in_turn(stack: Peer) -> bool:
    """Can its client make its connections one after the other?"""
    return bool(stack.capabilities.get("in-turn", False))


def chosen(build: Path) -> tuple[list[Peer], dict[str, str]]:
    """The stacks that are set up, the project's own first; and why others are not."""
    peers = load_peers([PEERS])
    playing = [
        peer
        for peer in peers.values()
        if not peer.unaware and all(side in peer.programs for side in SIDES)
    ]
    playing.sort(key=lambda peer: (peer.name != OWN, peer.name))
    missing = {peer.name: peer.missing("client", build) for peer in playing}
    return (
        [peer for peer in playing if not missing[peer.name]],
        {name: reason for name, reason in missing.items() if reason},
    )


class Group:
    """A mode and the plain TLS beside it, alive at once, with the servers of all stacks."""

    def __init__(self, attested: Setting, plain: Setting, plan: Plan) -> None:
        self.settings = {"attested": attested, "plain": plain}
        self.plan = plan
        self.servers: dict[tuple[str, str], Server] = {}
        self.held: dict[tuple[str, str], Held] = {}  # clients
        self._start_asks: dict[str, dict[str, int]] = {}  # of the project's client, by setting

    def cells(self, stacks: Sequence[Peer], build: Path) -> list[Cell]:
        """A cell for each stack and side; its server is started and warm, or there is a reason."""
        made = [self._cell(stack, side, build) for stack in stacks for side in SIDES]
        own = [cell for cell in made if cell.stack.name == OWN and cell.side == "server"]
        # The project's server is everybody's counterpart: it comes first.
        for cell in own:
            self._warm_up(cell)
            self._count_start()
        for cell in made:
            if cell not in own:
                with self._or_reason(cell):
                    self._warm_up(cell)
        return made

    def _cell(self, stack: Peer, side: str, build: Path) -> Cell:
        jit = compiles_as_it_runs(stack, build)
        warm_up = self.plan.stack_warm_up_jit if jit else self.plan.stack_warm_up
        cell = Cell(stack, side, warm_up, self.plan.stack_connections)
        cell.reason = stack.lacks(self.settings["attested"].case, side)
        if jit and side == "client" and not in_turn(stack):
            cell.reason = cell.reason or (
                "its client compiles as it runs and has no --in-turn: its start, which differs from"
                " time to time, cannot be told from its connections"
            )
        return cell

    def _count_start(self) -> None:
        """How often the project's client asks device and verifier before it connects."""
        cell = Cell(self._own(), "client", 1, 1)
        for kind in self.settings:
            one, two = (self._requests_of(kind, cell, count) for count in (1, 2))
            self._start_asks[kind] = {who: 2 * one[who] - two[who] for who in one}

    def _requests_of(self, kind: str, cell: Cell, connections: int) -> dict[str, int]:
        soon = self._connect(kind, cell, connections)[1]
        time.sleep(LATE)
        late = self.settings[kind].requests()
        return {who: count + late[who] for who, count in soon.items()}

    @contextlib.contextmanager
    def _or_reason(self, cell: Cell) -> Iterator[None]:
        """A stack that does not do what it declares has a reason in its cell; the project's own
        ends the measurement."""
        try:
            yield
        except (ContractError, Unsupported, InfrastructureError) as problem:
            if cell.stack.name == OWN:
                raise
            cell.reason = str(problem) or type(problem).__name__

    def _warm_up(self, cell: Cell) -> None:
        if cell.reason:
            return
        for kind in self.settings:
            if cell.side == "server":
                self._warm_up_server(kind, cell)
            elif in_turn(cell.stack):
                self._warm_up_held(kind, cell)
            else:
                self._agree(kind, cell, cell.stack, self.servers[kind, OWN])
        if cell.side == "client" and not in_turn(cell.stack):
            self._outweigh_start(cell)

    def _outweigh_start(self, cell: Cell) -> None:
        """As many connections a sample as take about twice as long as the start, within bounds."""
        start_ns = self._connect("plain", cell, cell.warm_up)[0]
        whole_ns = self._connect("plain", cell, cell.warm_up + cell.connections)[0]
        times = 2 * start_ns / max(1, whole_ns - start_ns)
        cell.connections *= min(TIMES_MOST, max(1, math.ceil(times)))

    def _warm_up_server(self, kind: str, cell: Cell) -> None:
        server = self.settings[kind].serve(cell.stack)
        self.servers[kind, cell.stack.name] = server
        self._agree(kind, cell, self._own(), server)
        self._serve(kind, cell, cell.warm_up)

    def _warm_up_held(self, kind: str, cell: Cell) -> None:
        # The last one is held until all of it ends.
        count = cell.warm_up + self.plan.stack_rounds * cell.connections + 1
        held = self.settings[kind].hold(cell.stack, self.servers[kind, OWN].port, count)
        self.held[kind, cell.stack.name] = held
        self._let(kind, cell, cell.warm_up)
        self._note_agreed(cell, held.relay.agreed())

    def _agree(self, kind: str, cell: Cell, client: Peer, server: Server) -> None:
        """A first connection, which shows what the two libraries agree on."""
        setting = self.settings[kind]
        with Relay(server.port) as relay:
            setting.connect(client, relay.port, 1)
            setting.check("server", server.settle(1), 1)
            self._note_agreed(cell, relay.agreed())
        setting.requests()

    @staticmethod
    def _note_agreed(cell: Cell, found: dict[str, object]) -> None:
        if cell.agreed and cell.agreed != found:
            raise ContractError(f"with attestation it agrees on {cell.agreed}, without on {found}")
        cell.agreed = found

    def _own(self) -> Peer:
        return self.settings["attested"].run.peers[OWN]

    def _serve(self, kind: str, cell: Cell, connections: int) -> tuple[int, dict[str, int]]:
        """What connections by the project's client cost the server of a stack."""
        setting, server = self.settings[kind], self.servers[kind, cell.stack.name]
        before = server.cpu_ns()
        most = self.plan.stack_connections
        for done in range(0, connections, most):
            count = min(most, connections - done)
            setting.connect(self._own(), server.port, count)
            setting.check("server", server.settle(count), count)
        return server.cpu_ns() - before, setting.requests()

    def _connect(self, kind: str, cell: Cell, connections: int) -> tuple[int, dict[str, int]]:
        """What a client of a stack takes from start to end, connected to the project's server."""
        setting, server = self.settings[kind], self.servers[kind, OWN]
        cpu_ns = setting.connect(cell.stack, server.port, connections).cpu_ns
        setting.check("server", server.settle(connections), connections)
        return cpu_ns, setting.requests()

    def _let(self, kind: str, cell: Cell, connections: int) -> tuple[int, dict[str, int]]:
        """What connections to the project's server cost a client that makes them in turn."""
        setting, held = self.settings[kind], self.held[kind, cell.stack.name]
        before = held.cpu_ns()
        setting.check("client", held.let(connections), connections)
        setting.check("server", self.servers[kind, OWN].settle(connections), connections)
        return held.cpu_ns() - before, setting.requests()

    def sample(self, cell: Cell) -> None:
        """One more sample of a cell."""
        with self._or_reason(cell):
            for kind, into in (("attested", cell.attested), ("plain", cell.plain)):
                if cell.reason:
                    return
                count = cell.connections
                if cell.side == "server":
                    cpu_ns, asked = self._serve(kind, cell, count)
                    into.add_asked(self._start_asks[kind], -1)
                elif in_turn(cell.stack):
                    cpu_ns, asked = self._let(kind, cell, count)
                else:
                    start_ns, asked = self._connect(kind, cell, cell.warm_up)
                    into.starts_ns.append(start_ns)
                    into.add_asked(asked, -1)
                    whole_ns, asked = self._connect(kind, cell, cell.warm_up + count)
                    cpu_ns = whole_ns - start_ns
                into.cpu_ns.append(round(cpu_ns / count))
                into.add_asked(asked)


def _unfair(samples: Samples, connections: int) -> str:
    """Why the difference of two clients says nothing here, or ""."""
    if not samples.starts_ns:
        return ""
    whole = sorted(samples.cpu_ns)[len(samples.cpu_ns) // 2] * connections
    starts = sorted(samples.starts_ns)
    quarter = len(starts) // 4
    spread = starts[-1 - quarter] - starts[quarter]
    if min(samples.cpu_ns) <= 0 or spread > START_SPREAD * whole:
        return (
            f"its start takes {starts[len(starts) // 2] / 1e6:.1f} ms give or take"
            f" {spread / 1e6:.1f}, {connections} connections {whole / 1e6:.1f} ms:"
            " no difference to rely on"
        )
    return ""


def told(cell: Cell, role: str, rng: random.Random) -> dict[str, Any]:
    """A cell as the results have it."""
    made: dict[str, Any] = {"role": role}
    count = cell.connections
    reason = cell.reason or next(
        (why for one in (cell.attested, cell.plain) if (why := _unfair(one, count))), ""
    )
    if reason:
        return {**made, "reason": reason}
    attested, plain = Histogram(cell.attested.cpu_ns), Histogram(cell.plain.cpu_ns)
    whole = count * len(cell.attested.cpu_ns)
    made.update(
        {
            "cpu_ns": summary(attested),
            "plain_cpu_ns": summary(plain),
            "ratio_to_plain": ratio_summary(attested, [(1.0, plain)], rng),
            "connections": count,
            "warm_up": cell.warm_up,
            "agreed": cell.agreed,
            "asked": {who: round(number / whole, 1) for who, number in cell.attested.asked.items()},
        }
    )
    if cell.attested.starts_ns:
        starts = sorted(cell.attested.starts_ns)
        made["start_ns"] = starts[len(starts) // 2]
    return made


def _mode(run: Run, plan: Plan, mode: str, stacks: Sequence[Peer]) -> dict[str, Any]:
    """One mode, all stacks."""
    folder = run.work / mode.replace("/", "-")
    with (
        Setting(run, mode, True, folder) as attested,
        Setting(run, mode, False, folder.with_name(f"{folder.name}-plain")) as plain,
    ):
        group = Group(attested, plain, plan)
        cells = group.cells(stacks, run.build)
        for number in range(plan.stack_rounds):
            # Forth and back: it is not always the same that comes behind a heavy one.
            for cell in cells if number % 2 == 0 else cells[::-1]:
                if not cell.reason:
                    group.sample(cell)
        rng = random.Random(1)
        rows: dict[str, dict[str, Any]] = {stack.name: {"stack": stack.name} for stack in stacks}
        for cell in cells:
            role = "attester" if cell.side == attested.attester else "relying-party"
            rows[cell.stack.name][cell.side] = told(cell, role, rng)
    return {"mode": mode, "rows": list(rows.values())}


def _version(stack: Peer, run: Run) -> str:
    """What its client called itself when it was set up, from what it still is."""
    told_then = read_stamp(stack.home(run.build)).get("programs", {}) if stack.setup else {}
    return str(told_then.get("client") or version(stack, "client", run))


def measure(build: Path, plan: Plan) -> dict[str, Any]:
    """Every mode, every stack that is set up, both sides."""
    stacks, missing = chosen(build)
    if not stacks or stacks[0].name != OWN:
        raise InfrastructureError(missing.get(OWN, f"there is no peer {OWN}"))
    work = make_work()
    try:
        run = Run(
            work,
            work,
            build,
            seed=1,
            keep=False,
            repeat=1,
            chosen={role: OWN for role in ROLES},
            peers={peer.name: peer for peer in stacks},
            options="",
        )
        modes = [_mode(run, plan, mode, stacks) for mode in plan.stack_modes]
        versions = {peer.name: _version(peer, run) for peer in stacks}
    finally:
        remove_work(work)
    jit = [peer.name for peer in stacks if compiles_as_it_runs(peer, build)]
    return {
        "how": [*HOW, *(f"{name} {JIT} {plan.stack_warm_up_jit} of them" for name in jit)],
        "stacks": versions,
        "not_set_up": missing,
        "modes": modes,
    }

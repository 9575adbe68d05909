# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: scenarios are items, so that -k, -n, -x, --lf and friends are simply there.

A YAML file below scenarios/ is collected as its cases, a peer.yaml as probes of its contract. Each
case hangs its record on its report; the process that the person started gathers them, writes the
results and prints the table.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shlex
from pathlib import Path
from typing import Any, Generator, Iterator

import pytest
from _pytest.mark.expression import Expression, ParseError

from . import outcome, pairs, table
from .capture import Loopback
from .baseline import load_baseline
from .errors import HarnessError, InputError, UsageError
from .expected import load_expected
from .gather import Gatherer
from .matrix import load_required
from .parties import CASE_TIMEOUT
from .paths import FIRMWARE, PEERS, ROOT, SCENARIOS, default_build
from .peer import Peer, load_peer, load_peers
from .probes import PROBES, Probe, ask, undeclared
from .run import Run, make_results, make_work, remove_work
from .scenario import Case, cases, load

ROLES = ("client", "server", "device", "verifier")
DEFAULT_SEED = 1
DEFAULT_PEER = "atls"
RUN = pytest.StashKey[Run]()
LOOPBACK = pytest.StashKey[Loopback]()


class CaseFailed(Exception):
    """A case did not pass; the record says why."""

    def __init__(self, record: outcome.Record) -> None:
        super().__init__(record["reason"])
        self.record = record


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("atls", "attested TLS scenarios")
    group.addoption("--list", action="store_true", help="print the cases and run none")
    group.addoption("--repeat", type=int, default=1, metavar="N", help="play each case N times")
    group.addoption(
        "--seed", default=str(DEFAULT_SEED), help="seed of the devices (a number, or random)"
    )
    group.addoption("--keep", action="store_true", help="keep the bundle of every case")
    group.addoption(
        "--packets", action="store_true", help="keep the bundle of every case, packets and all"
    )
    group.addoption("--build", type=Path, default=None, help="build directory of the programs")
    group.addoption(
        "--peers",
        action="append",
        default=[],
        metavar="all|NAME,NAME|DIR",
        help="every client against every server of these peers; or another folder of peers",
    )
    group.addoption(
        "--pair",
        action="append",
        default=[],
        metavar="CLIENT:SERVER",
        help="this client against this server (several names with commas; all)",
    )
    group.addoption(
        "--required",
        type=Path,
        default=None,
        help="YAML: the cells of the matrix that must be green",
    )
    group.addoption("--out", type=Path, default=ROOT / "out", help="where results go")
    group.addoption("--stories", action="store_true", help="print the story of every case")
    group.addoption(
        "--all-supported", action="store_true", help="an unsupported case counts as a failure"
    )
    group.addoption(
        "--ambiguities", action="store_true", help="only reading against reading, and its table"
    )
    group.addoption(
        "--baseline", type=Path, default=None, help="an earlier results.json, to compare with"
    )
    group.addoption(
        "--expected-failures", type=Path, default=None, help="YAML: what is known to fail, and why"
    )
    for role in ROLES:
        group.addoption(f"--{role}", metavar="PEER", help=f"the peer that plays the {role} (atls)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    try:
        folders = pairs.folders(option.peers)
        peers = load_peers([PEERS, *folders])
        required = load_required(option.required) if option.required else ()
        expected = load_expected(option.expected_failures) if option.expected_failures else ()
        before = load_baseline(option.baseline) if option.baseline else None
    except HarnessError as problem:
        raise pytest.UsageError(str(problem)) from problem
    chosen = {role: getattr(option, role) or DEFAULT_PEER for role in ROLES}
    for role, name in chosen.items():
        if name not in peers:
            raise pytest.UsageError(f"--{role}: no peer {name!r}; there are: {', '.join(peers)}")
    try:
        matrix = pairs.chosen(peers, option.peers, option.pair, option.client, option.server)
    except UsageError as problem:
        raise pytest.UsageError(str(problem)) from problem
    if option.repeat < 1:
        raise pytest.UsageError(f"--repeat: expected a number from 1, got {option.repeat}")
    try:
        Expression.compile(option.keyword)
    except ParseError as problem:  # told once, here; a worker of xdist would only crash
        raise pytest.UsageError(f"-k {option.keyword!r}: {problem}") from problem
    if option.list:
        option.numprocesses, option.dist, option.tx = None, "no", []
    worker = getattr(config, "workerinput", {}).get("atls")
    seed = worker["seed"] if worker else _seed(option.seed)
    if worker:
        work, folder = Path(worker["work"]), Path(worker["results"])
    elif option.list or option.collectonly:
        work = folder = Path(os.devnull)
    else:
        try:
            folder = make_results(option.out)
        except HarnessError as problem:
            raise pytest.UsageError(str(problem)) from problem
        work = make_work()
        option.xmlpath = option.xmlpath or str(folder / "junit.xml")
        config.stash[LOOPBACK] = Loopback(work, option.packets)
    fixed = ("device", "verifier") if matrix else ROLES
    repeated = [f" --{role} {chosen[role]}" for role in fixed if chosen[role] != DEFAULT_PEER]
    repeated += [f" --peers {shlex.quote(str(path))}" for path in folders]
    if option.expected_failures:
        path = option.expected_failures.resolve()
        repeated.append(f" --expected-failures {shlex.quote(str(path))}")
    if option.build:
        repeated.append(f" --build {shlex.quote(str(option.build.resolve()))}")
    config.stash[RUN] = Run(
        work,
        folder,
        (option.build or default_build()).resolve(),
        seed,
        option.keep or option.packets,
        option.repeat,
        chosen,
        peers,
        "".join(repeated),
        expected,
        tuple(matrix),
    )
    if worker is None and not option.list:
        gatherer = Gatherer(config.stash[RUN], before, required)
        config.pluginmanager.register(gatherer, "atls-gatherer")


def _seed(text: str) -> int:
    if text == "random":
        return random.SystemRandom().randrange(1, 1 << 24)
    try:
        return int(text)
    except ValueError as problem:
        raise pytest.UsageError(f"--seed: expected a number or random, got {text!r}") from problem


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of xdist where the run's files are."""
    run = node.config.stash[RUN]
    node.workerinput["atls"] = {
        "work": str(run.work),
        "results": str(run.results),
        "seed": run.seed,
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    loopback = config.stash.get(LOOPBACK, None)
    if loopback is not None:
        loopback.stop()
    run = config.stash.get(RUN, None)
    if run is not None and not hasattr(config, "workerinput") and run.work.is_dir():
        remove_work(run.work)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.name == "peer.yaml":
        run = parent.config.stash[RUN]
        if run.pairs and file_path.parent.name not in run.used and not _named(parent, file_path):
            return None
        collected: pytest.Collector = PeerFile.from_parent(parent, path=file_path)
        return collected
    if FIRMWARE in file_path.parents and parent.config.option.device in (None, "atls"):
        named = (Path(one.partition("::")[0]).resolve() for one in parent.config.args)
        if not any(FIRMWARE in (path, *path.parents) for path in named):
            return None
    if file_path.suffix == ".yaml" and (
        SCENARIOS in file_path.parents or _named(parent, file_path)
    ):
        collected = ScenarioFile.from_parent(parent, path=file_path)
        return collected
    return None


def _named(parent: pytest.Collector, path: Path) -> bool:
    """Was this very file asked for on the command line?"""
    named = [Path(argument.partition("::")[0]).resolve() for argument in parent.config.args]
    return path in named


class ScenarioFile(pytest.File):
    """A scenario."""

    def collect(self) -> Iterator["ScenarioItem"]:
        scenario, document = load(self.path)
        run = self.config.stash[RUN]
        for case in cases(scenario, document):
            for pair in run.pairs or [()]:
                mine, seen = case, run
                if pair:
                    mine = dataclasses.replace(case, pair=pairs.shown(pair))
                    seen = run.of_pair(*pair)
                yield ScenarioItem.from_parent(self, name=mine.item, case=mine, run=seen)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class ScenarioItem(pytest.Item):
    """A case."""

    def __init__(self, *, case: Case, run: Run, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case
        self.run = run
        self.record: outcome.Record | None = None
        limit = float(case.story.get("timeout", CASE_TIMEOUT))
        self.add_marker(pytest.mark.timeout((limit + 30) * run.repeat))

    def runtest(self) -> None:
        number = int(hashlib.sha256(self.nodeid.encode()).hexdigest()[:8], 16)
        self.record = outcome.play(self.case, self.run, number)
        kind, reason = self.record["outcome"], self.record["reason"]
        if kind == "xfail":
            pytest.xfail(reason)
        strict = kind == "unsupported" and self.config.option.all_supported
        if kind in ("skipped", "unsupported") and not strict:
            pytest.skip(f"{kind}: {reason}")
        if kind != "pass":
            raise CaseFailed(self.record)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailed):
            return table.story(excinfo.value.record)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.case.id


class PeerFile(pytest.File):
    """A peer, to be probed."""

    def collect(self) -> Iterator["ProbeItem"]:
        peer = load_peer(self.path)
        asked = [*PROBES, *(one for role in peer.programs for one in undeclared(peer, role))]
        for probe in asked:
            for role in probe.roles:
                if role in peer.programs:
                    name = f"{role}-{probe.name}"
                    yield ProbeItem.from_parent(self, name=name, peer=peer, role=role, probe=probe)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class ProbeItem(pytest.Item):
    """A probe of the peer contract."""

    def __init__(self, *, peer: Peer, role: str, probe: Probe, **rest: Any) -> None:
        super().__init__(**rest)
        self.peer, self.role, self.probe = peer, role, probe

    def runtest(self) -> None:
        run = self.config.stash[RUN]
        missing = self.peer.missing(self.role, run.build)
        if missing:
            pytest.skip(f"unsupported: {missing}")
        problems = ask(self.peer, self.role, self.probe, run)
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.peer.name}: {self.name}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Spreads the slow cases over the workers: order by a hash, and by nothing that matters."""
    if config.option.ambiguities:
        items[:] = [
            item
            for item in items
            if isinstance(item, ScenarioItem) and item.case.scenario.ambiguity
        ]
    items.sort(
        key=lambda item: hashlib.sha256(item.nodeid.encode()).digest()
        if isinstance(item, ScenarioItem)
        else b""
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if not session.config.option.list:
        return None
    shown_before = ""
    for item in sorted(session.items, key=lambda item: item.nodeid):
        if isinstance(item, ScenarioItem):
            scenario = item.case.scenario
            if scenario.name != shown_before:
                clauses = ", ".join(scenario.clauses)
                print(f"\n{scenario.group}/{scenario.name}: {scenario.title} [{clauses}]")
            shown_before = scenario.name
        print(f"  {item.nodeid}")
    print()
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    made = yield
    if isinstance(item, ScenarioItem) and item.record is not None:
        report = made.get_result()
        if report.when == "call":
            report.atls = item.record

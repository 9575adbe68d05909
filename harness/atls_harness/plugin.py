# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: scenarios are items, so that -k, -n, -x, --lf and friends are simply there.

A YAML file below scenarios/ is collected as its cases, a peer.yaml as probes of its contract. Each
case hangs its record on its report; the process that the person started gathers them, writes the
results and prints the table.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Collection, Any, Generator, Iterator

import pytest

from . import choices, family, outcome, patience, roots, table, usage
from .capture import Loopback
from .choices import DEFAULT_PEER
from .deployment import learning
from .document import compiled, load_schema
from .collecting import apart
from .errors import HarnessError, InputError
from .expected import check_expected, of_peers
from .forked import Nursery
from .gather import WORKER, Count, Gatherer
from .guard import Guard
from .isolation import isolate
from .parties import CASE_TIMEOUT
from .paths import EVENT_SCHEMA, PEERS, RESULT_SCHEMA, shown
from .peer import Peer, load_peer
from .probes import Probe, ask, probes_of
from .progress import Progress
from .run import Run, make_results, make_work, remove_work
from .scenario import Case
from .selection import PEER_FILE, Chooser, all_ids, cases_in
from .shown_by import shows
from .vocabulary import Vocabulary

WORKERS_LOST_MAX = 100  # each with one case; what a run bears before it is ended
RUN = pytest.StashKey[Run]()
CHOOSER = pytest.StashKey[Chooser]()
NAMED = pytest.StashKey[Collection[Path]]()  # the files and folders of the command line
WORDS = pytest.StashKey[Vocabulary]()
GUARD = pytest.StashKey[Guard]()
LOOPBACK = pytest.StashKey[Loopback]()
NURSERY = pytest.StashKey[Nursery]()


class CaseFailed(Exception):
    """A case did not pass; the record says why."""

    def __init__(self, record: outcome.Record) -> None:
        super().__init__(record["reason"])
        self.record = record


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("atls", "attested TLS scenarios")
    for one in usage.RUN:
        group.addoption(*one.names, **one.settings)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    if option.help:  # pytest has not come to the paths
        return
    worker = getattr(config, "workerinput", {}).get("atls")
    playing = not (worker or option.list or option.collectonly)
    try:
        made = choices.settle(option)
        selected = None if worker else made.chooser.select(config.args)
        # Peers of somebody's own: those of the project are held to it by a test.
        theirs = [one for one in made.peers.values() if not one.path.is_relative_to(PEERS)]
        expected = [*made.expected, *of_peers(theirs)]
        if selected and expected:
            ids = [case.id for case in selected.cases.values()]
            check_expected(expected, [*ids, *all_ids()])
        folder = make_results(option.out) if playing else Path(os.devnull)
    except HarnessError as problem:
        raise pytest.UsageError(str(problem)) from problem
    if option.list:
        option.numprocesses, option.dist, option.tx = None, "no", []
    work = Path(os.devnull)
    if worker:
        work, folder = Path(worker["work"]), Path(worker["results"])
    elif playing:
        if "ATLS_COMMAND" in os.environ and not made.folders and not made.deployment:
            isolate()  # a peer of somebody's own may need the machine's network
        try:
            work = make_work()
        except OSError as problem:
            where = problem.filename or tempfile.gettempdir()
            words = f"cannot write to {where} ({problem.strerror}); TMPDIR=DIR is another place"
            pytest.exit(words, 1)
        config.stash[GUARD] = Guard(work)
        family.own(config.stash[GUARD].pid)
        option.xmlpath = option.xmlpath or str(folder / "junit.xml")
        loopback = config.stash[LOOPBACK] = Loopback(work, option.packets)
        lack = loopback.lack() if option.packets else ""
        if lack:
            print(f"no packets are kept: {lack}", file=sys.stderr)
    fixed = ("device", "verifier") if made.pairs else usage.ROLES
    repeated = [
        f" --{role} {_as_given(option, made, role)}"
        for role in fixed
        if made.roles[role] != DEFAULT_PEER
    ]
    repeated += [f" --root {made.root}"] if made.root != roots.PSA else []
    repeated += [f" --peers {shlex.quote(str(path))}" for path in made.folders]
    if option.expected_failures:
        path = option.expected_failures.resolve()
        repeated.append(f" --expected-failures {shlex.quote(str(path))}")
    repeated += [" --no-serve-cases"] if option.no_serve_cases else []
    if option.build:
        repeated.append(f" --build {shlex.quote(str(made.build))}")
    for name in ("verifier_ca", "verifier_auth"):
        if getattr(option, name):
            path = getattr(option, name).resolve()
            repeated.append(f" --{name.replace('_', '-')} {shlex.quote(str(path))}")
    peers, product = dict(made.peers), ""
    if made.deployment and (playing or worker):
        try:
            if playing:
                device = peers[made.roles["device"]]
                argv = [device.command(one, made.build) for one in usage.DEVICE_PROGRAMS]
                learning.learn(made.deployment, learning.Programs(*argv), work)
            peer, product = learning.learnt_peer(work)
        except (HarnessError, KeyError) as problem:
            pytest.exit(f"--verifier {made.deployment.verification}: {problem}", 1)
        peers[peer.name] = peer
    config.stash[CHOOSER] = made.chooser
    config.stash[WORDS] = Vocabulary(made.peers.values())
    config.stash[RUN] = Run(
        work,
        folder,
        made.build,
        worker["seed"] if worker else made.seed,
        option.keep or option.packets,
        option.repeat,
        made.roles,
        peers,
        "".join(repeated),
        made.expected,
        made.pairs,
        made.root,
        product,
        not option.no_serve_cases,
    )
    if playing and option.numprocesses and option.maxworkerrestart is None:
        option.maxworkerrestart = WORKERS_LOST_MAX + 4 * option.numprocesses
    if selected is not None and not option.list:
        config.args = list(selected.arguments)
    if selected is not None and playing:
        family.become_reaper()
        run = config.stash[RUN]
        gatherer = Gatherer(config, run, made.before, made.required, selected)
        config.pluginmanager.register(gatherer, "atls-gatherer")
        config.pluginmanager.register(Count(gatherer), "atls-count")
        if option.verbose <= 0:
            config.pluginmanager.register(Progress(config, selected.items), "atls-progress")
        if option.numprocesses:
            nursery = Nursery.start(read_ahead)
            if nursery is not None:
                config.stash[NURSERY] = nursery
                nursery.take_over()
    if worker:
        (work / f"{WORKER}{os.getpid()}").touch()


def read_ahead() -> None:
    """What every worker would read and compile for itself."""
    import xdist.remote  # noqa: F401

    for name in load_schema(EVENT_SCHEMA)["$defs"]:
        if "." in name:
            compiled(EVENT_SCHEMA, name)
    compiled(RESULT_SCHEMA, "case")


def _as_given(option: Any, made: choices.Choices, role: str) -> str:
    """A role's option, for the command that repeats a case."""
    if role != "verifier" or made.deployment is None:
        return made.roles[role]
    text = str(option.verifier)
    return shlex.quote(text if "://" in text else str(Path(text).resolve()))


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
    nursery = config.stash.get(NURSERY, None)
    if nursery is not None:
        nursery.stop()
    guard = config.stash.get(GUARD, None)
    if guard is not None:
        guard.stop()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".yaml":
        return None
    stash = parent.config.stash
    if NAMED not in stash:  # once: there may be as many arguments as files
        stash[NAMED] = frozenset(
            Path(one.partition("::")[0]).resolve() for one in parent.config.args
        )
    if not stash[CHOOSER].takes(file_path, stash[NAMED]):
        return None
    kind = PeerFile if file_path.name == PEER_FILE else ScenarioFile
    # Its place in the name, so that two files outside of the project have two names.
    collected: pytest.Collector = kind.from_parent(parent, path=file_path, nodeid=shown(file_path))
    return collected


class ScenarioFile(pytest.File):
    """A scenario."""

    def collect(self) -> Iterator["ScenarioItem"]:
        run, chooser = self.config.stash[RUN], self.config.stash[CHOOSER]
        for story in cases_in(self.path):
            self.config.stash[WORDS].check(story)
            for case in chooser.paired(story):
                seen = run.of_pair(*case.pair.split(":")) if case.pair else run
                yield ScenarioItem.from_parent(self, name=case.item, case=case, run=seen)

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
        # Each case has an end of its own; this one is for a harness that hangs.
        self.add_marker(pytest.mark.timeout((limit * patience.MOST + 30) * run.repeat))

    def runtest(self) -> None:
        number = int(hashlib.sha256(self.nodeid.encode()).hexdigest()[:10], 16)
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

    def collect(self) -> Iterator["ProbeItem | NotSetUp"]:
        peer = load_peer(self.path)
        build = self.config.stash[RUN].build
        lacks = [peer.unplayable(role, build) for role in usage.ROLES if role in peer.programs]
        if lacks and all(lacks):  # told once, so that what else is skipped can be seen
            yield NotSetUp.from_parent(self, name="set-up", reason=lacks[0])
            return
        for name, role, probe in probes_of(peer):
            yield ProbeItem.from_parent(self, name=name, peer=peer, role=role, probe=probe)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class NotSetUp(pytest.Item):
    """Stands for all probes of a peer that is not set up."""

    def __init__(self, *, reason: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.reason = reason

    def runtest(self) -> None:
        pytest.skip(f"unsupported: {self.reason}")

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.reason


class ProbeItem(pytest.Item):
    """A probe of the peer contract."""

    def __init__(self, *, peer: Peer, role: str, probe: Probe, **rest: Any) -> None:
        super().__init__(**rest)
        self.peer, self.role, self.probe = peer, role, probe

    def runtest(self) -> None:
        run = self.config.stash[RUN]
        missing = self.peer.unplayable(self.role, run.build)
        if missing:
            pytest.skip(f"unsupported: {missing}")
        broken = self.peer.broken(self.role, run.build)
        if broken:
            pytest.fail(broken, pytrace=False)
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
    chosen = config.stash[CHOOSER].clauses
    if chosen:
        items[:] = [
            item for item in items if isinstance(item, ScenarioItem) and shows(item.case, chosen)
        ]
    scenarios = [item for item in items if isinstance(item, ScenarioItem)]
    for one, case in zip(scenarios, apart([item.case for item in scenarios])):
        one.case = case
    part = config.stash[CHOOSER].shard
    if part:
        named = (ScenarioItem, ProbeItem, NotSetUp)
        items[:] = [one for one in items if not isinstance(one, named) or part.takes(one.nodeid)]
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
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, Any, None]:
    made = yield
    if not isinstance(item, ScenarioItem):
        return
    if item.record is None and call.excinfo is not None:  # a time-out of pytest's, for one
        reason = f"it was not played to its end: {call.excinfo.exconly(tryshort=True)}"
        item.record = outcome.broken(item.case, item.run, reason)
    report = made.get_result()
    if item.record is not None and (report.when == "call" or call.excinfo is not None):
        report.atls = item.record

# SPDX-License-Identifier: Apache-2.0
"""The process that a person started: gathers the records of all workers, writes and prints them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any, Generator, Iterable, Sequence

import pytest
from _pytest.junitxml import xml_key
from _pytest.terminal import TerminalReporter

from . import (
    ambiguities,
    baseline,
    expected,
    extent,
    family,
    matrix,
    outcome,
    results,
    shard,
    table,
)
from .collecting import apart, find, is_case
from .deployment import learning
from .errors import Ended, HarnessError
from .markdown import line
from .paths import shown
from .release import version
from .run import Run
from .selection import PEER_FILE, Selection

STORIES_MAX = 12
NO_FAILURE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)  # the latter: nothing played
REASONS_MAX = 5  # why nothing was played
FAILURES = "-x or --maxfail"
PROBE = f"{PEER_FILE}::"
WORKER = "worker-"  # files in the working directory: by the process that each worker is
OUTCOME_WORDS = {"passed": "pass", "failed": "fail", "skipped": "not made"}


def why_not_written(problem: Exception, folder: Path) -> str:
    """A sentence for whoever looks for the results."""
    words = getattr(problem, "strerror", None) or str(problem)
    return (
        f"THE RESULTS ARE NOT WHOLE: they cannot be written to {shown(folder)} ({words}); what the "
        "cases came to stands above, --out DIR is another place"
    )


class Count:
    """A plugin object that has the gatherer count before JUnit's report and the terminal's are
    made; the gatherer itself writes when they are."""

    def __init__(self, gatherer: "Gatherer") -> None:
        self.gatherer = gatherer

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.gatherer.complete(session)


class Gatherer:
    """A pytest plugin object, registered in that process only."""

    def __init__(
        self,
        config: pytest.Config,
        run: Run,
        before: dict[str, Any] | None = None,
        required: Sequence[matrix.Required] = (),
        selection: Selection | None = None,
    ) -> None:
        self.config = config
        self.selection = selection
        self.ended = ""  # what ended the run before its time
        self.probes: dict[str, str] = {}  # of the peer contract: outcome by name
        self.problem = ""  # why the results could not be written
        self.left = ""  # what stays at a deployment
        self.run = run
        self.before = before
        self.required = required
        self.held: list[dict[str, Any]] = []
        self.comparison: dict[str, Any] | None = None
        self.records: list[outcome.Record] = []
        self.started = datetime.datetime.now(datetime.timezone.utc)
        self.clock = time.monotonic()
        self.collected: dict[str, None] = {}  # pytest's names of the cases, in order
        self.done: set[str] = set()
        self.lost: list[str] = []  # ids of those that nobody told anything of
        self.uncollected = ""  # why pytest could not collect: then no worker plays anything
        self.empty = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.uncollected:
            self.uncollected = line(str(report.longrepr))

    def pytest_sessionstart(self) -> None:
        xml = self.config.stash.get(xml_key, None)
        if xml is not None:
            xml.add_global_property("atls", version())

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._collect(ids)

    def _collect(self, names: Iterable[str]) -> None:
        self.collected.update((name, None) for name in names if is_case(name))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        """The parties of a worker that died have become children of this process."""
        if error:
            family.end_strangers()

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.ended = "SIGTERM" if isinstance(excinfo.value, Ended) else "control-C"
        if type(excinfo.value) is not KeyboardInterrupt and self.ended == "control-C":
            self.ended = FAILURES  # xdist's way to tell
        if self.ended == "SIGTERM":  # which, other than control-C, has come to this process alone
            for path in self.run.work.glob(f"{WORKER}*"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(path.name[len(WORKER) :]), signal.SIGINT)
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:  # where in Python it was is of no use to whoever pressed the key
            reporter._report_keyboardinterrupt = lambda: None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if PROBE in report.nodeid and (report.when == "call" or not report.passed):
            self.probes[report.nodeid] = report.outcome
        record = getattr(report, "atls", None)
        if record is None and report.failed and is_case(report.nodeid):
            words = line(str(report.longrepr))
            record = self._broken(report.nodeid, f"it was not played to its end: {words}")
        if record is None or report.nodeid in self.done:
            return
        self.done.add(report.nodeid)
        self.records.append(record)
        xml = self.config.stash.get(xml_key, None)
        if xml is not None:  # one name for each case, the same as in results.json
            reporter = xml.node_reporter(report)
            reporter.add_attribute("classname", report.nodeid.partition("::")[0])
            reporter.add_attribute("name", record["id"])

    def _broken(self, nodeid: str, reason: str) -> outcome.Record:
        case, run = find(nodeid, self.run)
        if any(record["id"] == case.id for record in self.records):
            case = dataclasses.replace(case, place=f"{case.scenario.path.parent}/")
        return outcome.broken(case, run, reason)

    def _complete(self, session: pytest.Session) -> None:
        """As many cases in the results as were collected: what is missing fails, by name."""
        if not self.collected and self.selection is not None and self.ended:
            self._collect(case.nodeid for case in self.selection.cases.values())
        missing = [name for name in self.collected if name not in self.done]
        if session.shouldfail or (session.shouldstop and not self.ended):
            self.ended = FAILURES
        if not missing:
            self.ended = ""
            return
        if self.ended:
            if self.ended == FAILURES:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self._leave(missing)
            return
        for name in missing:
            reason = "it was collected, and no worker has told what became of it"
            if self.uncollected:
                reason = f"nothing was played, for not all could be collected: {self.uncollected}"
            report = pytest.TestReport(name, (name, None, name), {}, "failed", reason, "call")
            setattr(report, "atls", self._broken(name, reason))
            self.lost.append(getattr(report, "atls")["id"])
            self.config.hook.pytest_runtest_logreport(report=report)
        if session.exitstatus in NO_FAILURE:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _leave(self, missing: Sequence[str]) -> None:
        """Marks the cases that the run did not come to."""
        reason = f"the run was ended by {self.ended} before it had played this case"
        xml = self.config.stash.get(xml_key, None)
        for name in missing:
            case, run = find(name, self.run)
            made = outcome.record(case, run, outcome.UNPLAYED, reason, time.monotonic())
            self.records.append(made)
            if xml is None:
                continue
            where = (name.partition("::")[0], 0, reason)
            report = pytest.TestReport(name, (name, None, name), {}, "skipped", where, "call")
            reporter = xml.node_reporter(report)
            reporter.add_attribute("classname", where[0])
            reporter.add_attribute("name", made["id"])
            xml.pytest_runtest_logreport(report)

    def _extent(self) -> dict[str, Any]:
        """How much of all there is this run has played."""
        played = sum(one["outcome"] != outcome.UNPLAYED for one in self.records)
        every = self.selection.all if self.selection is not None else 0
        chosen = len(self.records)
        made = {"all": max(every, chosen), "chosen": chosen, "played": played}
        return {**made, "ended": self.ended}

    def _shard(self) -> dict[str, Any] | None:
        """Which part of a run this was, for whoever joins the parts."""
        if self.selection is None or self.selection.shard is None:
            return None
        ids = [case.id for case in apart(self.selection.whole)]
        return shard.written(self.selection.shard, ids, self.run.options)

    def _why_empty(self) -> str:
        """Why no case was played, if there were any to play; or ""."""
        if (
            not self.records
            or self.ended
            or any(one["outcome"] not in outcome.NOT_PLAYED for one in self.records)
        ):
            return ""
        counted = Counter(f"{one['outcome']}: {one['reason']}" for one in self.records)
        shown = [f"  {count} {words}" for words, count in counted.most_common(REASONS_MAX)]
        more = len(counted) - len(shown)
        rest = [f"  and {more} other reasons: results.json has them all"] if more > 0 else []
        first = f"NOTHING WAS PLAYED: none of {len(self.records)} cases could be"
        return "\n".join([f"{first} (--allow-empty lets such a run pass):", *shown, *rest]) + "\n"

    def complete(self, session: pytest.Session) -> None:
        """What has to be known before any report is written: are all cases there, and was any of
        them played?"""
        self._complete(session)
        self.empty = self._why_empty()
        if self.empty and session.exitstatus == 0 and not self.config.option.allow_empty:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, None]:
        """After all others, and whether or not they could write what they write."""
        done = yield
        if self.required and not session.config.option.list:
            self.held = matrix.held(self.required, self.records)
            if session.exitstatus in NO_FAILURE and not all(one["green"] for one in self.held):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        try:
            done.get_result()  # JUnit's file, for one
            self._write()
        except (OSError, HarnessError) as problem:
            self.problem = why_not_written(problem, self.run.results)
            done.force_result([])
            if session.exitstatus in NO_FAILURE:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        worse = self.comparison and baseline.regressed(self.comparison)
        if worse and session.exitstatus in NO_FAILURE:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self) -> None:
        if not self.records:
            return
        argv = os.environ.get("ATLS_COMMAND", "pytest")
        seconds = time.monotonic() - self.clock
        result = results.make(
            self.run,
            self.records,
            self.started,
            seconds,
            argv,
            self.before,
            self.held,
            self._extent(),
            self._shard(),
        )
        left = learning.provisioned(self.run.work)
        if left:
            path = self.run.results / "provisioned.json"
            path.write_text(json.dumps(left, indent=1) + "\n", encoding="utf-8")
            self.left = learning.summary(left, path)
        self.comparison = result.get("baseline")
        results.write(result, self.run.results)

    def _probed(self) -> str:
        """What became of the probes, which are no cases, and which pytest counts all the same."""
        if not self.probes:
            return ""
        counted = Counter(self.probes.values())
        words = ", ".join(f"{count} {OUTCOME_WORDS[name]}" for name, count in counted.items())
        return f"{len(self.probes)} checks of the peer contract: {words}"

    def pytest_terminal_summary(
        self, terminalreporter: TerminalReporter, config: pytest.Config
    ) -> None:
        if self.records:
            color = bool(terminalreporter.isatty and not os.environ.get("NO_COLOR"))
            width = terminalreporter._tw.fullwidth if terminalreporter.isatty else 100
            shape = ambiguities if config.option.ambiguities else table
            terminalreporter.write("\n" + shape.render(self.records, width, color) + "\n")
            if len(matrix.pairs(self.records)) > 1:
                details = config.option.verbose > 0
                terminalreporter.write(table.matrices(self.records, width, color, details) + "\n")
            few = len(self.records) <= STORIES_MAX and not config.option.ambiguities
            if config.option.stories or few:
                for record in sorted(self.records, key=lambda one: str(one["id"])):
                    if record["outcome"] in outcome.GOOD:
                        terminalreporter.write(table.story(record) + "\n")
            where = "" if self.problem else shown(self.run.results)
            part = extent.words(self._extent())
            terminalreporter.write(table.footer(self.records, where, part, self._probed()))
            for glob in expected.unused(self.run.expected, self.records):
                terminalreporter.write(f"expected failure of no case of this run: {glob}\n")
        if self.left:
            terminalreporter.write(self.left)
        if self.problem:
            terminalreporter.write(f"{self.problem}\n", red=True, bold=True)
        if self.lost:
            many = f"{len(self.lost)} of {len(self.collected)} cases were lost"
            terminalreporter.write(f"{many}: {', '.join(self.lost)}\n", red=True, bold=True)
        if self.empty:
            terminalreporter.write(self.empty, yellow=True, bold=True)
        if self.held:
            terminalreporter.write("\n".join(matrix.required_lines(self.held)) + "\n")
        if self.comparison:
            terminalreporter.write("\n".join(baseline.lines(self.comparison)) + "\n")
        failed = os.environ.get("ATLS_FAILED_STAGES")
        if failed:
            terminalreporter.write(f"stages that failed before: {failed}\n")

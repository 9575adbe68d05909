# SPDX-License-Identifier: Apache-2.0
"""The process that a person started: gathers the records of all workers, writes and prints them."""

from __future__ import annotations

import dataclasses
import datetime
import os
import time
from collections import Counter
from typing import Any, Iterable, Sequence

import pytest
from _pytest.junitxml import xml_key
from _pytest.terminal import TerminalReporter

from . import ambiguities, baseline, expected, family, matrix, outcome, results, table
from .collecting import find, is_case
from .markdown import line
from .paths import shown
from .run import Run

STORIES_MAX = 12
NO_FAILURE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)  # the latter: nothing played
REASONS_MAX = 5  # why nothing was played


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
    ) -> None:
        self.config = config
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
        self.empty = ""

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

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
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
        missing = [name for name in self.collected if name not in self.done]
        ended = session.shouldstop or session.shouldfail
        if not missing or ended or session.exitstatus == pytest.ExitCode.INTERRUPTED:
            return  # a person, or -x, ended it: what is there is told as what it is
        for name in missing:
            reason = "it was collected, and no worker has told what became of it"
            report = pytest.TestReport(name, (name, None, name), {}, "failed", reason, "call")
            setattr(report, "atls", self._broken(name, reason))
            self.lost.append(getattr(report, "atls")["id"])
            self.config.hook.pytest_runtest_logreport(report=report)
        if session.exitstatus in NO_FAILURE:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _why_empty(self) -> str:
        """Why no case was played, if there were any to play; or ""."""
        if not self.records or any(
            one["outcome"] not in outcome.NOT_PLAYED for one in self.records
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

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.required and not session.config.option.list:
            self.held = matrix.held(self.required, self.records)
            if session.exitstatus in NO_FAILURE and not all(one["green"] for one in self.held):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not self.records:
            return
        argv = os.environ.get("ATLS_COMMAND", "pytest")
        seconds = time.monotonic() - self.clock
        result = results.make(
            self.run, self.records, self.started, seconds, argv, self.before, self.held
        )
        results.write(result, self.run.results)
        self.comparison = result.get("baseline")
        worse = self.comparison and baseline.regressed(self.comparison)
        if worse and session.exitstatus in NO_FAILURE:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

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
            terminalreporter.write(table.footer(self.records, shown(self.run.results)))
            for glob in expected.unused(self.run.expected, self.records):
                terminalreporter.write(f"expected failure of no case of this run: {glob}\n")
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

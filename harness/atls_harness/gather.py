# SPDX-License-Identifier: Apache-2.0
"""The process that a person started: gathers the records of all workers, writes and prints them."""

from __future__ import annotations

import datetime
import os
import time
from typing import Any, Sequence

import pytest
from _pytest.terminal import TerminalReporter

from . import ambiguities, baseline, expected, matrix, outcome, results, table
from .paths import shown
from .run import Run

STORIES_MAX = 12


class Gatherer:
    """A pytest plugin object, registered in that process only."""

    def __init__(
        self,
        run: Run,
        before: dict[str, Any] | None = None,
        required: Sequence[matrix.Required] = (),
    ) -> None:
        self.run = run
        self.before = before
        self.required = required
        self.held: list[dict[str, Any]] = []
        self.comparison: dict[str, Any] | None = None
        self.records: list[outcome.Record] = []
        self.started = datetime.datetime.now(datetime.timezone.utc)
        self.clock = time.monotonic()

    def pytest_runtest_logreport(self, report: Any) -> None:
        record = getattr(report, "atls", None)
        if record is not None:
            self.records.append(record)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.required and not session.config.option.list:
            self.held = matrix.held(self.required, self.records)
            if session.exitstatus == 0 and not all(one["green"] for one in self.held):
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
        if self.comparison and baseline.regressed(self.comparison) and session.exitstatus == 0:
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
        if self.held:
            terminalreporter.write("\n".join(matrix.required_lines(self.held)) + "\n")
        if self.comparison:
            terminalreporter.write("\n".join(baseline.lines(self.comparison)) + "\n")
        failed = os.environ.get("ATLS_FAILED_STAGES")
        if failed:
            terminalreporter.write(f"stages that failed before: {failed}\n")

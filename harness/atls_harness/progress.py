# SPDX-License-Identifier: Apache-2.0
"""How far a run is, while it lasts: one line that is written over on a terminal, and elsewhere a
line now and then. It stands in place of pytest's letters, of which the first screens said nothing.
"""

from __future__ import annotations

import time
from typing import Any, Generator, Sequence

import pytest
from _pytest.terminal import TerminalReporter

OFTEN = 0.2  # seconds between two lines on a terminal
SELDOM = 30.0  # and elsewhere
SURE = 5.0  # seconds after which the time that is left can be told


def line(done: int, of: int, failed: int, seconds: float) -> str:
    """How far it is, in words."""
    text = f"{done} of {of} done, {failed} failed" if of else "looking for cases"
    if 0 < done < of and seconds >= SURE:
        left = seconds / done * (of - done)
        text += f", about {left / 60:.0f} min left" if left >= 90 else f", about {left:.0f} s left"
    return text


class Progress:
    """A pytest plugin object of the process that a person started."""

    def __init__(self, config: pytest.Config, expected: int | None) -> None:
        self.config = config
        self.of = expected or 0
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.began = time.monotonic()
        self.told = self.began
        self.width = 0

    @property
    def terminal(self) -> TerminalReporter | None:
        found: TerminalReporter | None = self.config.pluginmanager.getplugin("terminalreporter")
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Pytest's own signs of life are not wanted."""
        setattr(self.terminal, "_show_progress_info", False)
        nodes: Any = self.config.pluginmanager.unregister(name="terminaldistreporter")
        if nodes is not None:
            nodes._isatty = False
        self.tell(0.0)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, None]:
        made = yield
        result = made.get_result()
        if result:
            made.force_result((result[0], "", ""))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.of = max(self.of, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self.of = max(self.of, len(ids))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        if report.when == "call" or not report.passed:
            self.done.add(report.nodeid)
        self.tell(OFTEN if self.on_terminal else SELDOM)

    @property
    def on_terminal(self) -> bool:
        return bool(self.terminal and self.terminal.isatty)

    def tell(self, after: float) -> None:
        """Says how far it is, where that was said more than AFTER seconds ago."""
        now = time.monotonic()
        if self.terminal is None or now - self.told < after:
            return
        self.told = now
        text = line(len(self.done), self.of, len(self.failed), now - self.began)
        if self.on_terminal:
            self.terminal.write("\r" + text.ljust(self.width), flush=True)
            self.width = len(text)
        elif after:
            self.terminal.write_line(text)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, Any, None]:
        if self.on_terminal and self.terminal is not None:
            self.terminal.write("\r" + " " * self.width + "\r", flush=True)
        yield

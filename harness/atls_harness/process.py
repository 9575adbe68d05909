# SPDX-License-Identifier: Apache-2.0
"""One program of a case: started, awaited, stopped, and nothing of it left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Mapping, Sequence

from . import patience
from .errors import ContractError, InfrastructureError, Unsupported
from .events import Event, read_events, select as select_events
from .watch import watched

DONE, REFUSED, USAGE, UNSUPPORTED = 0, 1, 2, 77
KNOWN_EXITS = (DONE, REFUSED, USAGE, UNSUPPORTED)
READY_TIMEOUT = 20.0
STOP_TIMEOUT = 5.0
WORDS_MAX = 400
# A sanitizer's report must look like a crash, not like a refusal (its default exit code is 1).
SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    "LSAN_OPTIONS": "exitcode=99",
}


class Process:
    """A running program and the files that it writes."""

    def __init__(
        self, name: str, who: str, argv: Sequence[str], folder: Path, listening: bool
    ) -> None:
        self.name = name
        self.who = who
        self.argv = list(argv)
        self.events_path = folder / f"{name}.events.jsonl"
        self.stdout_path = folder / f"{name}.stdout"
        self.stderr_path = folder / f"{name}.stderr"
        self.listening = listening
        self.stopped = False
        self.exit: int | None = None
        self.started = time.monotonic()
        environment: Mapping[str, str] = dict(os.environ, **SANITIZERS)
        with self.stdout_path.open("ab") as stdout, self.stderr_path.open("ab") as stderr:
            try:
                self._popen = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as problem:
                raise InfrastructureError(f"{name}: {self.argv[0]}: {problem}") from problem
        self._pidfd = os.pidfd_open(self._popen.pid)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def stderr(self) -> str:
        """What it wrote to standard error."""
        return self.stderr_path.read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[Event]:
        """All events, once it has ended."""
        return read_events(self.events_path)

    def wait(self, timeout: float) -> bool:
        """Waits for its end; False where that did not come in time."""
        if self.exit is not None:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(max(0.0, timeout) * 1000):
            return False
        self._reap()
        return True

    def _reap(self) -> None:
        self.exit = self._popen.wait()
        os.close(self._pidfd)

    def ready(self, timeout: float | None = None) -> Event:
        """Its ready event. Unsupported where it ended with 77 instead."""
        if timeout is None:
            timeout = READY_TIMEOUT * patience.factor()
        deadline = time.monotonic() + timeout
        with watched(self.events_path.parent) as watch:
            while True:
                ended = self.wait(0)
                found = select_events(read_events(self.events_path, complete=False), "ready")
                if found:
                    return found[0]
                if ended:
                    break
                left = deadline - time.monotonic()
                if left < 0:
                    raise ContractError(f"{self.name} was not ready within {timeout:g} s")
                watch.wait(self._pidfd, left)
        if self.exit == UNSUPPORTED:
            raise Unsupported(f"{self.name}: {self.last_words()}")
        raise ContractError(
            f"{self.name} ended with {self.exit} before it was ready: {self.last_words()}"
        )

    def last_words(self) -> str:
        """The end of what it wrote to standard error, for people."""
        text = " ".join(self.stderr().split())
        return text[-WORDS_MAX:] if text else "it said nothing"

    def ask_to_end(self) -> None:
        """SIGTERM, where it still runs."""
        if not self.wait(0) and not self.stopped:
            self.stopped = True
            self._popen.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ends it, by force where it does not listen."""
        self.ask_to_end()
        if not self.wait(STOP_TIMEOUT * patience.factor()):
            self.kill()

    def kill(self) -> None:
        """Ends it and whatever it started."""
        self.stopped = True
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if self.exit is None:
            self._reap()

    def left_behind(self) -> bool:
        """Does a process that it started still run? (Ends it, too.)"""
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def verdict_on_exit(self) -> str:
        """What is wrong with how it ended, or ""."""
        if self.exit is None:
            return f"{self.name} still runs"
        report = sanitizer_report(self.stderr())
        if report:
            return f"{self.name}: {report}"
        if self.stopped and self.exit in (DONE, -signal.SIGTERM):
            return ""
        if self.stopped and self.exit == -signal.SIGKILL:
            return f"{self.name} did not end within {STOP_TIMEOUT:g} s of SIGTERM"
        if self.exit < 0:
            return f"{self.name} crashed: {signal.Signals(-self.exit).name}"
        if self.exit not in KNOWN_EXITS:
            return f"{self.name} crashed: exit code {self.exit}"
        if self.exit == USAGE:
            return f"{self.name} did not understand its flags: {self.last_words()}"
        return ""


def sanitizer_report(stderr: str) -> str:
    """The first line of a sanitizer's report in a program's standard error, or ""."""
    for line in stderr.splitlines():
        if "runtime error:" in line or "ERROR: AddressSanitizer" in line:
            return line.strip()
        if "ERROR: LeakSanitizer" in line:
            return line.strip()
    return ""


def to_its_end(
    argv: Sequence[str], what: str, limit: float, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a program that is no party of a case until it ends, and keeps what it says.

    InfrastructureError where it cannot be started, or does not end within LIMIT seconds; what its
    exit code means is the caller's affair.
    """
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            env={**os.environ, **SANITIZERS} if environment is None else dict(environment),
        )
    except subprocess.TimeoutExpired as problem:
        raise InfrastructureError(f"{what} still runs after {limit:g} s") from problem
    except OSError as problem:
        raise InfrastructureError(f"{what}: {argv[0]}: {problem.strerror}") from problem

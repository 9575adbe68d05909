# SPDX-License-Identifier: Apache-2.0
"""One program of a case: started, awaited, stopped, and nothing of it left behind."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, BinaryIO, Callable, Mapping, Sequence

from . import family, patience, untrusted, warm
from .errors import ContractError, InfrastructureError, Unsupported
from .events import Event, check_event, read_events, select as select_events
from .markdown import visible
from .watch import watched

DONE, REFUSED, USAGE, UNSUPPORTED = 0, 1, 2, 77
KNOWN_EXITS = (DONE, REFUSED, USAGE, UNSUPPORTED)
READY_TIMEOUT = 20.0
STOP_TIMEOUT = 5.0
PAUSE = 0.005  # between two looks at what writes no events
WORDS_MAX = 400
WRITTEN_MAX = 1 << 30  # bytes of a file of a party
LOG_MAX = 1 << 20  # bytes of a log that are looked at, at either end
# A sanitizer's report must look like a crash, not like a refusal (its default exit code is 1).
SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    "LSAN_OPTIONS": "exitcode=99",
}


class Process:
    """A running program and the files that it writes."""

    def __init__(
        self,
        name: str,
        who: str,
        argv: Sequence[str],
        folder: Path,
        listening: bool,
        serves: bool = False,
    ) -> None:
        """SERVES: the program serves cases (warm.py), and this is to be one of them."""
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
        with _log(self.stdout_path) as stdout, _log(self.stderr_path) as stderr:
            try:
                self._running = _start(self.argv, _environment(), stdout, stderr, serves, True)
            except (OSError, ValueError) as problem:  # ValueError: a NUL in an argument
                raise InfrastructureError(f"{name}: {self.argv[0]}: {problem}") from problem
        family.own(self._running.pid)
        _bound(self._running.pid)
        self._pidfd = os.pidfd_open(self._running.pid)
        self._ready: Event | None = None

    @property
    def pid(self) -> int:
        return self._running.pid

    def stderr(self) -> str:
        """What it wrote to standard error; of much, the beginning and the end."""
        return untrusted.both_ends(self.stderr_path, LOG_MAX)

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
        self.exit = self._running.wait()
        family.disown(self._running.pid)
        os.close(self._pidfd)

    def ready(self, timeout: float | None = None) -> Event:
        """Its ready event. Unsupported where it ended with 77 instead."""
        if self._ready is None:
            self._ready = self._await_ready(timeout)
        return self._ready

    def _await_ready(self, timeout: float | None) -> Event:
        if timeout is None:
            timeout = READY_TIMEOUT * patience.factor()
        deadline = time.monotonic() + timeout
        with watched(self.events_path.parent) as watch:
            while True:
                ended = self.wait(0)
                found = select_events(read_events(self.events_path, complete=False), "ready")
                if found:
                    problem = check_event(found[0], self.who)
                    if problem:
                        raise ContractError(f"{self.name}: {problem}")
                    return found[0]
                if ended:
                    break
                left = deadline - time.monotonic()
                if left < 0:
                    raise ContractError(
                        f"{self.name} wrote no `ready` event to its --events file within "
                        f"{timeout:g} s, and still runs; {self._said()}"
                    )
                watch.wait(self._pidfd, left)
        if self.exit == UNSUPPORTED:
            raise Unsupported(f"{self.name}: {self.last_words()}")
        raise ContractError(
            f"{self.name} ended ({_end(self.exit)}) before it wrote a `ready` event; {self._said()}"
        )

    def await_start(self, program: str, there: Callable[[], bool]) -> None:
        """Returns when THERE says that it can be asked: of a PROGRAM that writes no events."""
        deadline = time.monotonic() + READY_TIMEOUT * patience.factor()
        while not there():
            if self.wait(0) or time.monotonic() > deadline:
                words = self.last_words()
                raise InfrastructureError(f"{self.name}: {program} did not begin: {words}")
            time.sleep(PAUSE)

    def last_words(self) -> str:
        """The end of what it wrote to standard error, for people."""
        return last_words(untrusted.tail(self.stderr_path)) or "it said nothing"

    def _said(self) -> str:
        words = self.last_words()
        return words if words == "it said nothing" else f"its standard error ends: {words}"

    def ask_to_end(self) -> None:
        """SIGTERM, where it still runs."""
        if not self.wait(0) and not self.stopped:
            self.stopped = True
            self._running.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ends it, by force where it does not listen."""
        self.ask_to_end()
        if not self.wait(STOP_TIMEOUT * patience.factor()):
            self.kill()

    def kill(self) -> None:
        """Ends it and whatever it started."""
        self.stopped = True
        try:
            os.killpg(self._running.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if self.exit is None:
            self._reap()

    def left_behind(self) -> bool:
        """Does a process of its own group still run? (Ends it, too.)"""
        family.reap_group(self._running.pid)
        try:
            os.killpg(self._running.pid, signal.SIGKILL)
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
        if self.exit is not None and self.exit not in KNOWN_EXITS:
            return f"{self.name} crashed: {_end(self.exit)}; {self._said()}"
        if self.exit == USAGE:
            return f"{self.name} did not understand its flags: {self.last_words()}"
        return ""


def last_words(text: str) -> str:
    """The last whole lines of a log that fit into a sentence; of a line that does not, its end."""
    lines = [" ".join(one.split()) for one in visible(text).splitlines() if one.strip()]
    made: list[str] = []
    room = WORDS_MAX
    for one in reversed(lines):
        if len(one) > room:
            break
        made.append(one)
        room -= len(one) + 3
    if lines and not made:
        _, _, words = lines[-1][-WORDS_MAX:].partition(" ")
        return "… " + (words or lines[-1][-WORDS_MAX:])
    return " / ".join(reversed(made))


def _end(code: int | None) -> str:
    """How a program ended, in words: its exit code, or the signal that ended it."""
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:  # a real-time signal
            return f"signal {-code}"
    return f"exit code {code}"


def _log(path: Path) -> BinaryIO:
    """A new log. Parties share a folder: one may have put something else there, such as a pipe,
    which must not make the harness wait."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def sanitizer_report(stderr: str) -> str:
    """The first line of a sanitizer's report in a program's standard error, or ""."""
    for line in stderr.splitlines():
        if "runtime error:" in line or "ERROR: AddressSanitizer" in line:
            return untrusted.cut(line.strip())
        if "ERROR: LeakSanitizer" in line:
            return untrusted.cut(line.strip())
    return ""


def to_its_end(
    argv: Sequence[str],
    what: str,
    limit: float,
    environment: Mapping[str, str] | None = None,
    serves: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Runs a program that is no party of a case until it ends, and keeps what it says. SERVES: by
    way of one that serves cases (warm.py).

    InfrastructureError where it cannot be started, or does not end within LIMIT seconds; what its
    exit code means is the caller's affair.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        given = _environment() if environment is None else environment
        try:
            program = _start(argv, given, stdout, stderr, serves, False)
        except (OSError, ValueError) as problem:
            text = getattr(problem, "strerror", None) or str(problem)
            raise InfrastructureError(f"{what}: {argv[0]}: {text}") from problem
        _bound(program.pid)
        try:
            code = program.wait(limit)
        except subprocess.TimeoutExpired as problem:
            raise InfrastructureError(f"{what} still runs after {limit:g} s") from problem
        finally:
            program.kill()
            program.wait()
        said = []
        for file in (stdout, stderr):
            file.seek(0)
            said.append(file.read(LOG_MAX).decode("utf-8", errors="replace"))
        return subprocess.CompletedProcess(list(argv), code, *said)


def _start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes],
    serves: bool,
    leads: bool,
) -> warm.Running:
    """SERVES: by way of a program that serves cases. LEADS: a session of its own, which one that
    comes that way has in any case."""
    if serves:
        return warm.start(argv, environment, stdout.fileno(), stderr.fileno())
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        start_new_session=leads,
    )


def _environment() -> dict[str, str]:
    """The same for all programs of a run: which case is played is pytest's note to itself."""
    made = {**os.environ, **SANITIZERS}
    made.pop("PYTEST_CURRENT_TEST", None)
    return made


def _bound(pid: int) -> None:
    """No file that a program writes fills the disk: it ends by SIGXFSZ before."""
    with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (WRITTEN_MAX, WRITTEN_MAX))

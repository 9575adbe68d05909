# SPDX-License-Identifier: Apache-2.0
"""Programs that are started once and play many cases, each in a fork of the one process.

Such a fork is what a new start of the program would be after it has loaded its libraries and looked
at them, which takes longer than most cases: it has arguments, standard output and error, a session
and a number of its own, and nothing of an earlier case. Whoever waits for it here sees it end as
any program does. How it is asked is told in peers/README.md ("Many cases").
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import select
import signal
import socket
import subprocess
import threading
from typing import Mapping, Protocol, Sequence

from . import family
from .errors import InfrastructureError

FLAG = "--serve-cases"
REQUEST_MAX = 65536  # program/cases.h
ANSWER_MAX = 32
ERRNO_MAX = 4095  # of Linux
STATUS_MAX = 0xFFFF  # of waitpid(2): a signal and an exit code
ANSWER_LIMIT = 60.0  # seconds; forks take less than one thousandth of that
STOP_LIMIT = 10.0


class Running(Protocol):
    """What is asked of a program that was started, in whatever way: subprocess.Popen has it."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or minus the signal that ended it. subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Where it has not been waited for."""

    def kill(self) -> None:
        """SIGKILL, likewise."""


class Forked:
    """A case's program, forked by one that serves cases."""

    def __init__(self, server: "Server", pid: int) -> None:
        self.pid = pid
        self._server = server
        self._pidfd = os.pidfd_open(pid)
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """As Popen's."""
        if self._code is None:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
                raise subprocess.TimeoutExpired(self._server.path, timeout or 0.0)
            self._code = self._server.exit_code(self.pid)
            os.close(self._pidfd)
        return self._code

    def send_signal(self, sig: int) -> None:
        """As Popen's. Its number is its own until it has been waited for."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """As Popen's."""
        self.send_signal(signal.SIGKILL)


class Server:
    """A program that serves cases."""

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(ANSWER_LIMIT)
        with theirs:
            self._popen = subprocess.Popen(
                [path, FLAG, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        family.own(self._popen.pid)

    @property
    def alive(self) -> bool:
        """Can it be asked?"""
        return self._popen.poll() is None

    def _ask(self, request: bytes, descriptors: Sequence[int] = ()) -> int:
        with self._lock:
            try:
                socket.send_fds(self._socket, [request], list(descriptors))
                said = self._socket.recv(ANSWER_MAX)
            except OSError as problem:
                raise self._gone(str(problem)) from problem
        if not said.removeprefix(b"-").isdigit():
            raise self._gone(f"expected a number, came {said!r}")
        return int(said)

    def _gone(self, problem: str) -> InfrastructureError:
        """It is asked nothing any more: no answer of it could be told from a late one."""
        self._popen.kill()
        self._popen.wait()
        return InfrastructureError(f"{self.path} {FLAG}: {problem}")

    def start(self, argv: Sequence[str], stdout: int, stderr: int) -> Forked:
        """A case. ValueError where an argument has a NUL, as Popen has it."""
        request = b"R" + b"".join(_argument(one) for one in argv)
        if len(request) > REQUEST_MAX:
            size = len(request)
            raise ValueError(f"expected arguments of at most {REQUEST_MAX} bytes, came {size}")
        pid = self._ask(request, [stdout, stderr])
        if -ERRNO_MAX <= pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        if family.parent(pid) != self._popen.pid:  # it will be waited for, bounded and ended
            raise self._gone(f"expected the number of a process that it made, came {pid}")
        return Forked(self, pid)

    def exit_code(self, pid: int) -> int:
        """How a case ended that has ended. Where this server was killed before that, its cases
        have come to the reaper that this process is (family.py)."""
        try:
            status = self._ask(b"W%d" % pid)
            ended = 0 <= status <= STATUS_MAX and (os.WIFEXITED(status) or os.WIFSIGNALED(status))
            if not ended:
                raise self._gone(f"expected how process {pid} ended, came {status}")
        except InfrastructureError as problem:
            try:
                status = os.waitpid(pid, 0)[1]
            except ChildProcessError:
                raise problem from None
        return os.waitstatus_to_exitcode(status)

    def stop(self) -> None:
        """No more cases. It ends with its socket, or is ended."""
        self._socket.close()
        try:
            self._popen.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        family.disown(self._popen.pid)


def _argument(text: str) -> bytes:
    made = os.fsencode(text)
    if b"\0" in made:
        raise ValueError("embedded null byte")
    return made + b"\0"


class _Servers:
    """Those that this process has started, by program and by what a start of it would meet."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Server] = {}
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def of(self, path: str, environment: Mapping[str, str]) -> Server:
        """The one of a program: as it is there now, for this environment and directory."""
        found = os.stat(path)
        place = (path, found.st_dev, found.st_ino, found.st_mtime_ns)
        key = (os.getpid(), *place, os.getcwd(), tuple(sorted(environment.items())))
        with self._lock:
            known = self._known.get(key)
            if known and known.alive:
                return known
            if known:
                known.stop()
            made = self._known[key] = Server(path, environment)
            return made

    def stop(self) -> None:
        for key, server in self._known.items():
            if key[0] == os.getpid():
                server.stop()
        self._known.clear()


@functools.lru_cache(maxsize=1)
def _servers() -> _Servers:
    return _Servers()


def start(argv: Sequence[str], environment: Mapping[str, str], stdout: int, stderr: int) -> Running:
    """Starts the program of ARGV by way of one that serves cases, which is started where there is
    none. OSError, ValueError as Popen; InfrastructureError where it does not serve cases."""
    return _servers().of(argv[0], environment).start(argv, stdout, stderr)

# SPDX-License-Identifier: Apache-2.0
"""Workers of pytest as forks of one process that has read everything once.

xdist starts each worker as a new Python, which takes about two seconds of a processor to import
what a run needs, to read the scenarios and to compile the schemas, before it plays its first case.
Here one process is forked from the one that the person started, when that has read all of it, and
the workers are its forks; so is a worker that takes the place of one that died. All else is
xdist's. Where such a process cannot be had, workers are started as xdist starts them.

Who is killed takes its workers along: each is told by the kernel of its parent's end (prctl(2),
PR_SET_PDEATHSIG). For the guard of a run (guard.py) they cannot be told from the process that they
are forks of.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import Any, Callable, NoReturn

from execnet import gateway_io
from execnet.gateway_base import Popen2IO

PR_SET_PDEATHSIG = 1
ANSWER_LIMIT = 60.0  # seconds; a fork takes less than one thousandth of that
ANSWER_MAX = 32
ASKED = b"W"


class Worker:
    """A worker as execnet asks for one: what it has of subprocess.Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def wait(self) -> int:
        """Returns at its end. How it ended is not known here: it is another process' child."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        poll.poll()
        return 0

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


class Nursery:
    """The process that forks workers, seen from the one that the person started."""

    def __init__(self, pid: int, asked: socket.socket) -> None:
        self.pid = pid
        self._socket = asked
        self._before: Callable[[Any, Any], Any] | None = None

    @classmethod
    def start(cls, prepare: Callable[[], None]) -> "Nursery | None":
        """Forks it; PREPARE is called in it, before it forks the first worker. None where it cannot
        be had: a thread that holds a lock now would hold it for ever in a fork."""
        if threading.active_count() > 1:
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            pid = os.fork()
            if pid == 0:
                _serve(theirs, parent, prepare)
        except OSError:
            ours.close()
            theirs.close()
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
        ours.settimeout(ANSWER_LIMIT)
        return cls(pid, ours)

    def take_over(self) -> None:
        """From now on workers of execnet come from here."""
        if self._before is None:
            self._before = gateway_io.create_io
            setattr(gateway_io, "create_io", self._create)

    def _create(self, spec: Any, execmodel: Any) -> Any:
        assert self._before is not None
        if spec.popen and not spec.python:
            with contextlib.suppress(OSError, ValueError):
                return self._fork(execmodel)
        return self._before(spec, execmodel)

    def _fork(self, execmodel: Any) -> Any:
        """What execnet has of a process that it started: its pipes, and its end."""
        stdin, given = os.pipe()
        said, stdout = os.pipe()
        try:
            socket.send_fds(self._socket, [ASKED], [stdin, stdout])
            worker = Worker(int(self._socket.recv(ANSWER_MAX)))
        except BaseException:
            os.close(given)
            os.close(said)
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
        made = Popen2IO(os.fdopen(given, "wb"), os.fdopen(said, "rb"), execmodel)
        made.popen, made.wait, made.kill = worker, worker.wait, worker.kill
        return made

    def stop(self) -> None:
        """No more workers; who is left ends."""
        if self._before is not None:
            setattr(gateway_io, "create_io", self._before)
        self._socket.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _end_with(parent: int) -> None:
    """This process does not outlive its parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _let_go(kept: int) -> None:
    """What this process has open of the one that it is a fork of would stay open when that closes
    it. The numbers stay taken: objects from before have them, and may close them."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in (kept, nothing):
            with contextlib.suppress(OSError):  # that of the list itself
                os.fstat(number)
                os.dup2(nothing, number, inheritable=False)
    os.close(nothing)


def _serve(asked: socket.socket, parent: int, prepare: Callable[[], None]) -> NoReturn:
    """Forks a worker whenever it is asked to, until there is nobody to ask."""
    code = 1
    try:
        _end_with(parent)
        # Control-C comes to the workers as well, and it is for them to end in good order.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        control_c = before if before == signal.SIG_IGN else signal.default_int_handler
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
        _let_go(asked.fileno())
        prepare()
        gc.collect()
        gc.freeze()  # all of it stays, and is not to be looked at, or written to, by every worker
        while True:
            said, descriptors, _, _ = socket.recv_fds(asked, len(ASKED), 2)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0] > 0:
                    pass
            if not said:
                code = 0
                break
            own = os.getpid()
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGINT, control_c)
                _become_worker(asked, own, descriptors)
            for one in descriptors:
                os.close(one)
            asked.send(b"%d" % pid)
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def _become_worker(asked: socket.socket, parent: int, descriptors: list[int]) -> NoReturn:
    """As the Python that execnet would have started, which reads what it is to do."""
    code = 1
    try:
        _end_with(parent)
        asked.close()
        for target, one in enumerate(descriptors):
            os.dup2(one, target)
            os.close(one)
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)
        sys.argv = ["-c"]
        source = ast.literal_eval(sys.stdin.readline())
        exec(source, {"__name__": "__main__"})
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

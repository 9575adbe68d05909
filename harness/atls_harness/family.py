# SPDX-License-Identifier: Apache-2.0
"""No process of a party outlives its case, and none the run, however it was started.

A party may leave a process behind in a session of its own, where no signal to the party's group
reaches it. So this process is the reaper of all that it started (prctl(2),
PR_SET_CHILD_SUBREAPER): who loses its parent becomes its child, and is found. What was started here
otherwise (a capture, the workers of pytest) shares this process' session, and no party does: that
tells them apart.

Where the harness itself is killed, nobody is left to look: each run has a guard for it (guard.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import time
from pathlib import Path
from typing import Iterable

PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 50  # what is ended may leave children of its own, and so on
PAUSE = 0.01
NAME_MAX = 80

_own: set[int] = set()  # started here, in sessions of their own, and waited for


def own(pid: int) -> None:
    """PID was started here on purpose, and somebody waits for it."""
    _own.add(pid)


def disown(pid: int) -> None:
    """PID has ended and was waited for: its number may come to another process."""
    _own.discard(pid)


@functools.lru_cache(maxsize=1)
def become_reaper() -> bool:
    """From now on, who loses its parent below this process becomes its child."""
    return int(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0


def _is_another_process() -> None:
    """A fork is no reaper, and has started nothing."""
    become_reaper.cache_clear()
    _own.clear()


os.register_at_fork(after_in_child=_is_another_process)


def children() -> set[int]:
    """All children of this process, in whatever thread they were started (proc(5))."""
    found: set[int] = set()
    told = False
    for path in Path("/proc/self/task").glob("*"):  # deeper it would look at what has ended
        with contextlib.suppress(OSError):
            found.update(map(int, (path / "children").read_text(encoding="ascii").split()))
            told = True
    if not told:  # a kernel without CONFIG_PROC_CHILDREN
        for path in Path("/proc").glob("[0-9]*"):
            status = _status(int(path.name))
            if status is not None and status[2] == os.getpid():
                found.add(int(path.name))
    return found


def status_fields(pid: int) -> list[str] | None:
    """The fields of a process's status from its state on (proc_pid_stat(5)); None: it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _status(pid: int) -> tuple[str, int, int] | None:
    """State, session and parent of a process; None where it is gone."""
    fields = status_fields(pid)
    return (fields[0], int(fields[3]), int(fields[1])) if fields else None


def parent(pid: int) -> int:
    """The parent of a process; 0 where there is no such process."""
    status = _status(pid)
    return status[2] if status else 0


def _name(pid: int) -> str:
    """What a process was started as."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            data = file.read(4 * NAME_MAX)
    except OSError:
        return f"process {pid}"
    words = data.replace(b"\0", b" ").decode("utf-8", errors="replace").strip()
    return words[:NAME_MAX] or f"process {pid}"


def reap_group(group: int) -> None:
    """Takes note of those of a group that have ended and came here."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0] > 0:
            pass


def _strangers(known: Iterable[int]) -> list[int]:
    """The children that nobody here started and that still run; those that ended are reaped."""
    running = []
    for pid in sorted(children().difference(known)):
        status = _status(pid)
        if pid in _own or status is None or status[1] == os.getsid(0):
            continue
        if status[0] == "Z":
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        else:
            running.append(pid)
    return running


def end_strangers(known: Iterable[int] = ()) -> list[str]:
    """Ends every process that came here when its parent ended, but for those KNOWN before; what
    they were started as."""
    names: list[str] = []
    for _ in range(ROUNDS):
        found = _strangers(known)
        if not found:
            break
        for pid in found:
            names.append(_name(pid))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 1.0
        while any(_status(pid) for pid in found) and time.monotonic() < deadline:
            for pid in found:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(PAUSE)
    return names

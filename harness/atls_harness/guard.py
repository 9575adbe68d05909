# SPDX-License-Identifier: Apache-2.0
"""Outlives a run whose harness was killed, and ends what is left of it.

A process of its own: its standard input is a pipe of which the harness has the other end, and which
ends with the harness, however that ends. What belongs to the run has the run's working directory in
its environment, in whatever session it is. At the end of a run in good order nothing is left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

MARK = "ATLS_RUN_WORK"  # in the environment of the workers and of all parties
ROUNDS = 50
PAUSE = 0.1
END_LIMIT = 10.0


class Guard:
    """Of a run, in the process that a person started."""

    def __init__(self, work: Path) -> None:
        os.environ[MARK] = str(work)
        environment = {key: value for key, value in os.environ.items() if key != MARK}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # control-C is not meant for it
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """The run has ended."""
        os.environ.pop(MARK, None)
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_LIMIT)


def marked(work: str) -> list[int]:
    """The processes of the run with this working directory."""
    mark = f"{MARK}={work}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):  # deeper it would look at what has ended
        with contextlib.suppress(OSError):
            if mark in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
    return found


def main(work: str) -> None:
    """Waits for the end of the harness, and then for that of the rest."""
    os.read(0, 1)
    for _ in range(ROUNDS):
        left = marked(work)
        if not left:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE)
    shutil.rmtree(work, ignore_errors=True)  # keys of the run are in it


if __name__ == "__main__":
    main(sys.argv[1])

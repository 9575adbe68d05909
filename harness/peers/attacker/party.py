# SPDX-License-Identifier: Apache-2.0
"""What every attacker has in common: flags, events, and what the harness tells it later.

An attacker keeps the peer contract: `--events FILE`, `ready`, exit codes, and an end when its
parent ends. What it does is told in events `step`; an outcome is never its affair: that is judged
from the victims' events and key logs.

What is not known when it starts (the address of a party that starts later, evidence that somebody
else has to get first) is told through files: --told PREFIX, and PREFIX.NAME appears, whole.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Sequence

PR_SET_PDEATHSIG = 1
GLANCE = 0.01


class NotTold(Exception):
    """What was awaited did not come."""


class Party:
    """An attacker: its flags, its events."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder = Path(options.run_folder)
        self.timeout = float(options.timeout)
        self._told = Path(options.told)
        self._began = options.began or time.monotonic()
        self._lock = threading.Lock()
        self._events = open(options.events, "a", encoding="utf-8")

    def event(self, event: str, /, **fields: Any) -> None:
        """A line of --events."""
        made = {"t": round(time.monotonic() - self._began, 6), "who": "attacker", "event": event}
        with self._lock:
            self._events.write(json.dumps({**made, **fields}) + "\n")
            self._events.flush()

    def ready(self, address: str) -> None:
        """It listens."""
        port = address.rpartition(":")[2]
        more = {"port": int(port)} if port.isdigit() else {}
        self.event("ready", address=address, **more)

    def step(self, name: str, detail: str, data: bytes | None = None) -> None:
        """Something that it does, and what it has in hand then."""
        more = {} if data is None else {"data": data.hex()}
        self.event("step", name=name, detail=detail, **more)

    def told(self, name: str) -> str:
        """What the harness says under a name; waits for it."""
        path = self._told.with_name(f"{self._told.name}.{name}")
        end = time.monotonic() + self.timeout
        while not path.exists():
            if time.monotonic() > end:
                raise NotTold(f"expected {path.name} within {self.timeout:g} s, nothing came")
            time.sleep(GLANCE)
        return path.read_text(encoding="ascii")


def parser(description: str) -> argparse.ArgumentParser:
    """The flags that all have."""
    made = argparse.ArgumentParser(description=description, allow_abbrev=False)
    made.add_argument("--listen", required=True, metavar="ADDRESS")
    made.add_argument("--events", required=True, metavar="FILE")
    made.add_argument("--run-folder", required=True, metavar="DIR", help="of the run's parties")
    made.add_argument("--told", required=True, metavar="PREFIX", help="where answers appear")
    made.add_argument("--timeout", default=20.0, type=float, metavar="S")
    made.add_argument(
        "--began", default=0.0, type=float, metavar="S", help="when t is 0, monotonic"
    )
    return made


def begin(made: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[Party, argparse.Namespace]:
    """Reads the flags; from now on this process ends with its parent."""
    options = made.parse_args(argv)
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    return Party(options), options

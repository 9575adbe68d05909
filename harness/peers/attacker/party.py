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
import os
import sys
import time
from pathlib import Path
from typing import Sequence

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))
from events import Events, die_with_parent  # noqa: E402

GLANCE = 0.01


class NotTold(Exception):
    """What was awaited did not come."""


class Party:
    """An attacker: its flags, its events."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder = Path(options.run_folder)
        self.timeout = float(options.timeout)
        self._told = Path(options.told)
        self._events = Events("attacker", options.events, options.began)

    def ready(self, address: str) -> None:
        """It listens."""
        port = address.rpartition(":")[2]
        more = {"port": int(port)} if port.isdigit() else {}
        self._events.tell("ready", address=address, **more)

    def step(self, name: str, detail: str, data: bytes | None = None) -> None:
        """Something that it does, and what it has in hand then."""
        more = {} if data is None else {"data": data.hex()}
        self._events.tell("step", name=name, detail=detail, **more)

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
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    return Party(options), options

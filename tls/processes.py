# SPDX-License-Identifier: Apache-2.0
"""A program and its events file, for the tests of real processes beside it (test-endpoints.py,
test-expat.py). The harness has its own: these tests run without it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

PATIENCE = 20.0

Event = dict[str, Any]


class Process:
    """A program with an events file."""

    def __init__(self, folder: Path, name: str, argv: list[str]) -> None:
        self.path = folder / f"{name}.events"
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen([*argv, "--events", str(self.path)])

    def events(self, name: str | None = None, **fields: Any) -> list[Event]:
        """All events, or those with this name and these values."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        wanted = fields if name is None else {"event": name, **fields}
        return [e for e in map(json.loads, lines) if wanted.items() <= e.items()]

    def ready(self) -> Event:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := self.events("ready"):
                return found[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"{self.path.stem} is not ready, exit code {self.process.poll()}")

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

# SPDX-License-Identifier: Apache-2.0
"""HTTP faults of a verifier, made on the way: so they work before any verifier.

As the stub's: delay=MS, status=CODE, garbage, hang, close, with @new-session, @session (default) or
@discovery behind (harness/peers/README.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

from .description import NEW_SESSION, SESSION, WELL_KNOWN

ENDPOINTS = ("new-session", "session", "discovery")
VALUES = {"delay": (1, 600000), "status": (400, 599), "garbage": None, "hang": None, "close": None}
GARBAGE = b"\xff\xfe{]garbage, not JSON"


@dataclass(frozen=True)
class Fault:
    """One fault, and where it happens."""

    name: str
    value: int
    endpoint: str

    def detail(self) -> str:
        """For its event."""
        value = {"delay": f"{self.value} ms, ", "status": f"{self.value}, "}.get(self.name, "")
        return f"{value}at {self.endpoint}"


def parse(text: str) -> Fault:
    """A fault as it is written. ValueError where this is none."""
    order, _, endpoint = text.partition("@")
    name, _, value = order.partition("=")
    if name not in VALUES or (endpoint or "session") not in ENDPOINTS:
        raise ValueError(f"fault {text}")
    bounds = VALUES[name]
    if bounds is None:
        if "=" in order:
            raise ValueError(f"fault {name} takes no value")
        return Fault(name, 0, endpoint or "session")
    if not value.isdigit() or not bounds[0] <= int(value) <= bounds[1]:
        raise ValueError(f"fault {name}: expected {bounds[0]} to {bounds[1]}, came {value!r}")
    return Fault(name, int(value), endpoint or "session")


def endpoint_of(path: str) -> str:
    """Which of the ENDPOINTS a path is, or ""."""
    if path == NEW_SESSION:
        return "new-session"
    if path.startswith(SESSION):
        return "session"
    return "discovery" if path.startswith(WELL_KNOWN) else ""


def at(faults: Iterable[Fault], path: str) -> dict[str, Fault]:
    """The faults that happen at a path, by name."""
    place = endpoint_of(path)
    return {fault.name: fault for fault in faults if fault.endpoint == place}

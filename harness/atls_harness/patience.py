# SPDX-License-Identifier: Apache-2.0
"""How long to wait, on a machine that others use too.

A wait that ends as soon as all is well costs nothing, and is long. A time that a story is about (a
verifier that is too slow for a short patience) must stay in proportion: all times of a case are
multiplied by one factor, which is 1 on a machine that is idle but for this run.
"""

from __future__ import annotations

import functools
import math
import os
import time
from typing import Any, Mapping

MOST = 20
SAMPLE = 0.02  # seconds of work
# What the contract says a program's patience is where no flag says another.
DEFAULTS = {"timeout": 20, "verifier-timeout": 5000}
LONGEST = {"timeout": 3600, "verifier-timeout": 3_600_000}  # an hour, as the programs have it


@functools.lru_cache(maxsize=None)
def measured() -> float:
    """How much longer than its own time some work takes here; once for a process."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < SAMPLE:
        pass
    return (time.monotonic() - began) / SAMPLE


def factor() -> int:
    """By how much to multiply times, from 1 to MOST."""
    others = os.getloadavg()[0] - int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    crowded = others / (os.cpu_count() or 1)
    return max(1, min(MOST, math.ceil(max(measured() / 2, crowded))))


def stretched(flags: Mapping[str, Any], by: int) -> dict[str, Any]:
    """The flags of a program with its times multiplied: patience, and the delays that try it."""
    made = dict(flags)
    if by == 1:
        return made
    for name in DEFAULTS:
        if name in made:
            made[name] = min(int(made[name]) * by, max(LONGEST[name], int(made[name])))
    if isinstance(made.get("fault"), list):
        made["fault"] = [_delayed(str(fault), by) for fault in made["fault"]]
    return made


def of_endpoint(flags: Mapping[str, Any], by: int) -> dict[str, Any]:
    """The same of a client or a server, whose patience is told even where a story does not."""
    if by == 1:
        return dict(flags)
    asks = "verifier" in flags or "trust-verifier" in flags
    known = {name: value for name, value in DEFAULTS.items() if name == "timeout" or asks}
    return stretched({**known, **flags}, by)


def _delayed(fault: str, by: int) -> str:
    """delay=MS or delay=MS@WHERE, multiplied; any other as it is."""
    name, equals, value = fault.partition("=")
    if name != "delay" or not equals:
        return fault
    ms, at, where = value.partition("@")
    return f"delay={int(ms) * by}{at}{where}" if ms.isdigit() else fault

# SPDX-License-Identifier: Apache-2.0
"""Two benchmarks of one machine, mode by mode: is there a difference that is more than noise?"""

from __future__ import annotations

import random
from typing import Any, Mapping

from ..errors import UsageError
from . import machine
from .histogram import Histogram, ratio_interval


def compare(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each mode of both: median now over median before, with its interval of confidence (95 %).
    UsageError where the two are of different machines."""
    reason = machine.difference(now["machine"], before["machine"])
    if reason:
        raise UsageError(
            f"these are figures of different machines ({reason}): a ratio of them would say nothing"
        )
    rng = random.Random(1)
    old = {row["mode"]: row for row in before.get("pair", {}).get("modes", [])}
    rows = []
    for row in now.get("pair", {}).get("modes", []):
        if row["mode"] not in old:
            continue
        new_wall, old_wall = (
            Histogram.from_json(one["wall_ns"]["histogram"]) for one in (row, old[row["mode"]])
        )
        value, low, high = ratio_interval(new_wall, [(1.0, old_wall)], rng)
        verdict = "slower" if low > 1.0 else "faster" if high < 1.0 else "no difference seen"
        rows.append(
            {"mode": row["mode"], "ratio": value, "low": low, "high": high, "verdict": verdict}
        )
    return rows


TOLERANCE = 0.05


def instructions(now: Mapping[str, Any], recorded: Mapping[str, Any]) -> tuple[list[str], str]:
    """What is off by more than 5 % from recorded counts, and why nothing can be said where
    compiler or libraries are others."""
    reason = machine.same_tools(now["machine"], recorded["machine"])
    if reason:
        return [], reason
    problems = []
    for mode, was in recorded["instructions"].items():
        found = now.get("instructions", {}).get(mode)
        if found is None:
            problems.append(f"{mode}: recorded, but not measured")
            continue
        for what, one, other in (
            ("all", found["total"], was["total"]),
            ("own", sum(found["own"].values()), sum(was["own"].values())),
        ):
            if other and abs(one - other) > TOLERANCE * other:
                problems.append(
                    f"{mode}: {what}: {other} instructions were recorded, {one} were counted "
                    f"({(one - other) / other:+.1%})"
                )
    return problems, ""

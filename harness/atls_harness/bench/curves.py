# SPDX-License-Identifier: Apache-2.0
"""Curves: what one thing costs by how much there is already, and how steeply that grows.

The exponent is the slope of a straight line through the logarithms (least squares): 0 where size
does not matter, 1 where cost is proportional to it. Where a curve begins to be steeper than that,
its end shows it first: so the slope between the two largest sizes is told beside it.
"""

from __future__ import annotations

import math
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..errors import InfrastructureError
from ..paths import ROOT
from . import made, program
from .plan import Plan

COUNTED = "bench_counted_size"  # the function of atls-bench within which callgrind counts
STEEPEST = 1.1  # an exponent of 1, and what a fit of noisy points is off by


@dataclass(frozen=True)
class Kind:
    """What atls-bench can make large."""

    name: str
    title: str
    of: str  # what the sizes count
    flat: bool  # its cost must not depend on the size


SIZED = (
    Kind("references", "an appraisal, by reference values of the class", "reference values", True),
    Kind("names", "a refused appraisal, by components that are missing", "components", True),
    Kind("devices", "an appraisal, by devices in the store", "devices", True),
    Kind("provisioning", "endorsing one more device, by those there are", "devices", False),
    Kind("components", "an appraisal, by components that were measured", "components", False),
    Kind("sessions", "a session opened and deleted, by those that wait", "sessions", True),
    Kind("sessions-full", "a session refused, by as many as there may be", "sessions", True),
)


VERIFIER = (*(kind.name for kind in SIZED), "evidence")


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of log cost over log size."""
    x = [math.log(size) for size, _ in points]
    y = [math.log(cost) for _, cost in points]
    return float(statistics.linear_regression(x, y).slope)


def curve(
    name: str, title: str, of: str, unit: str, flat: bool, points: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A curve with what is said of it; each point has a size and a value."""
    pairs = [(float(one["size"]), float(one["value"])) for one in points]
    fit, end = exponent(pairs), exponent(pairs[-2:])
    return {
        "name": name,
        "title": title,
        "of": of,
        "unit": unit,
        "flat": flat,
        "verifier": name in VERIFIER,
        "points": [dict(one) for one in points],
        "exponent": round(fit, 3),
        "exponent_at_end": round(end, 3),
        "largest_over_smallest": round(pairs[-1][1] / pairs[0][1], 3),
        "at_most_linear": fit <= STEEPEST,
    }


def _instructions(build: Path, kind: str, size: int, samples: int) -> int:
    """Instructions of one of KIND, whosever code they are."""
    argv = ["sizes", "--of", kind, "--size", str(size), "--warm-up", "2", "--samples", str(samples)]
    return sum(one.own for one in program.counted(build, argv, COUNTED)) // samples


def sized(build: Path, plan: Plan) -> list[dict[str, Any]]:
    """The verifier's: processor time of each size in turn, and instructions of those that callgrind
    can be waited for."""
    found = []
    for kind in SIZED:
        sizes = plan.curve_sizes[kind.name]
        argv = ["sizes", "--of", kind.name, "--samples", str(plan.curve_samples)]
        for size in sizes:
            argv += ["--size", str(size)]
        points: list[dict[str, Any]] = []
        for one in program.run(build, argv)["points"]:
            times = sorted(one["cpu_ns"])
            point = {
                "size": one["size"],
                "value": times[len(times) // 10],
                "least": times[0],
                "median": times[len(times) // 2],
            }
            if kind.name == "components":
                point["evidence_bytes"] = one["evidence_bytes"]
            if one["size"] <= plan.curve_instructions and shutil.which("valgrind"):
                point["instructions"] = _instructions(build, kind.name, one["size"], 4)
            points.append(point)
        found.append(curve(kind.name, kind.title, kind.of, "ns", kind.flat, points))
        if kind.name == "components":
            by_bytes = [{**one, "size": one["evidence_bytes"]} for one in points]
            title = "an appraisal, by bytes of evidence"
            found.append(curve("evidence", title, "bytes", "ns", False, by_bytes))
    return found


def connection(build: Path, plan: Plan) -> dict[str, Any]:
    """Whole connections by their evidence, in memory and in turn."""
    modes = [f"{plan.curve_large}/components={size}" for size in plan.curve_evidence]
    argv = ["pair", "--samples", str(plan.curve_samples)]
    for mode in modes:
        argv += ["--mode", mode]
    points = []
    for one in program.run(build, argv)["modes"]:
        times = sorted(one["cpu_ns"])
        points.append({"size": one["credential_bytes"], "value": times[len(times) // 10]})
    points.sort(key=lambda one: int(one["size"]))
    title = "a connection, by bytes of evidence"
    return curve("connection-evidence", title, "bytes", "ns", False, points)


def connections(build: Path, plan: Plan) -> dict[str, Any]:
    """The server's processor time of a connection, by how many there are at once."""
    points = []
    for at_once in plan.curve_connections:
        argv = ["load", "--mode", plan.curve_mode, "--at-once", str(at_once)]
        argv += ["--count", str(max(2 * at_once, plan.connections))]
        raw = program.run(build, argv)
        done = len(raw["wall_ns"]) or 1
        points.append(
            {
                "size": at_once,
                "value": raw["server_cpu_ns"] / done,
                "failed": raw["failed"],
                "server_peak_bytes": raw["server_peak_rss_bytes"],
            }
        )
    title = "a connection at the server, by those at once"
    return curve("connections", title, "connections", "ns", False, points)


def _timed(argv: Sequence[str]) -> tuple[float, str]:
    """Processor time of a command and of those that it started, and what it said."""
    before = os.times()
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=3600)
    after = os.times()
    if done.returncode != 0:
        raise InfrastructureError(f"{' '.join(argv)}: {(done.stderr or done.stdout)[-2000:]}")
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system, done.stdout


def report(plan: Plan) -> list[dict[str, Any]]:
    """The page of a result by its cases: what it takes to make, and the bytes that a browser has to
    read before anything is seen."""
    seconds, sizes = [], []
    with tempfile.TemporaryDirectory(prefix="atls-") as name:
        folder = Path(name)
        for count in plan.curve_cases:
            results = made.result(folder, count)
            used, _ = _timed(["./atls", "report", str(results)])
            seconds.append({"size": count, "value": used})
            sizes.append({"size": count, "value": (results / "report.html").stat().st_size})
    return [
        curve("report", "a report, by its cases", "cases", "s", False, seconds),
        curve("report-page", "the report's first page, by its cases", "cases", "B", False, sizes),
    ]


def collection(build: Path, plan: Plan) -> dict[str, Any]:
    """Seconds until a run knows its cases, by their number."""
    points = []
    with tempfile.TemporaryDirectory(prefix="atls-") as name:
        folder = Path(name)
        for count in plan.curve_collected:
            scenarios = made.scenarios(folder / str(count), count)
            argv = ["./atls", "run", *scenarios, "--list", "--build", str(build)]
            began = time.monotonic()
            used, said = _timed(argv)
            cases = sum("::" in line for line in said.splitlines())
            points.append({"size": cases, "value": used, "wall": time.monotonic() - began})
    return curve("collection", "a run's start-up, by its cases", "cases", "s", False, points)


def measure(build: Path, plan: Plan) -> list[dict[str, Any]]:
    """All of them."""
    return [
        *sized(build, plan),
        connection(build, plan),
        connections(build, plan),
        *report(plan),
        collection(build, plan),
    ]

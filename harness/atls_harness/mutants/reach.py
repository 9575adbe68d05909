# SPDX-License-Identifier: Apache-2.0
"""Which unit test runs which line: measured once with gcov, so that a changed line is played only
against tests that can notice it, the quickest first."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from ..errors import HarnessError
from .workshop import UnitTest, Workshop, timed

LIMIT = 600.0  # seconds; a test of an unchanged tree that takes longer hangs

Lines = dict[str, frozenset[int]]


def statement(line: int, known: frozenset[int]) -> int:
    """The line that gcov counts a statement by: of one over several lines, an earlier one."""
    while line > 1 and line not in known:
        line -= 1
    return line


@dataclass(frozen=True)
class Reach:
    """What one test runs, and for how long."""

    test: UnitTest
    seconds: float
    lines: Lines  # that it ran
    known: Lines  # that it could have run


def measure(shop: Workshop, files: Sequence[str], scratch: Path, jobs: int) -> list[Reach]:
    """Every unit test, with the lines of FILES that it runs. SHOP is built with -Db_coverage."""
    if not shop.compile():
        raise HarnessError(f"{shop.source} does not compile: ninja -C {shop.build} says why")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda test: _one(shop, test, set(files), scratch), shop.tests()))
    return sorted(found, key=lambda reach: reach.seconds)


def _one(shop: Workshop, test: UnitTest, files: set[str], scratch: Path) -> Reach:
    counters = scratch / test.name.replace("/", "-")
    shutil.rmtree(counters, ignore_errors=True)
    good, seconds = timed(test, LIMIT, {"GCOV_PREFIX": str(counters)})
    if not good:
        raise HarnessError(f"unit test {test.name} fails before anything was changed")
    lines: dict[str, set[int]] = {}
    known: dict[str, set[int]] = {}
    for data in counters.rglob("*.gcda"):
        notes = Path("/") / data.relative_to(counters).with_suffix(".gcno")
        if notes.exists():
            shutil.copy(notes, data.with_suffix(".gcno"))
            _read(shop, data, files, lines, known)
    shutil.rmtree(counters, ignore_errors=True)
    return Reach(test, seconds, _frozen(lines), _frozen(known))


def _frozen(lines: dict[str, set[int]]) -> Lines:
    return {name: frozenset(numbers) for name, numbers in lines.items()}


def _read(
    shop: Workshop,
    data: Path,
    files: set[str],
    lines: dict[str, set[int]],
    known: dict[str, set[int]],
) -> None:
    done = subprocess.run(
        ["gcov", "--json-format", "--stdout", str(data)],
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if done.returncode != 0:
        return  # of a program that was ended while it wrote
    for text in done.stdout.splitlines():
        said = json.loads(text)
        for file in said["files"]:
            path = os.path.join(said["current_working_directory"], file["file"])
            name = os.path.relpath(os.path.realpath(path), os.path.realpath(shop.source))
            if name in files:
                ran = {one["line_number"] for one in file["lines"] if one["count"]}
                lines.setdefault(name, set()).update(ran)
                known.setdefault(name, set()).update(one["line_number"] for one in file["lines"])

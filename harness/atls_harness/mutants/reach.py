# SPDX-License-Identifier: Apache-2.0
"""Which unit test runs which line: measured with gcov, so that a changed line is played only
against tests that can notice it, the quickest first.

What was measured is kept, by a hash of all that a test is made of: the next run measures only the
tests that are others by then.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping

from ..errors import HarnessError
from ..unit_tests import UnitTest, play
from .workshop import Workshop

LIMIT = 600.0  # seconds; a test of an unchanged tree that takes longer hangs

Lines = Mapping[str, frozenset[int]]


def statement(line: int, known: frozenset[int]) -> int:
    """The line that gcov counts a statement by: of one over several lines, an earlier one."""
    while line > 1 and line not in known:
        line -= 1
    return line


@dataclass(frozen=True)
class Reach:
    """What one test runs, and for how long."""

    name: str
    seconds: float
    lines: Lines  # that it ran
    known: Lines  # that it could have run


def measure(shop: Workshop, scratch: Path, kept: Path, jobs: int) -> list[Reach]:
    """Every unit test, with the lines that it runs, from KEPT or measured now. SHOP is built with
    -Db_coverage."""
    if not shop.compile():
        raise HarnessError(shop.broken)
    kept.mkdir(parents=True, exist_ok=True)

    def one(test: UnitTest) -> tuple[Path, Reach]:
        file = kept / f"{identity(shop, test)}.json"
        if not file.exists():
            partial = file.with_suffix(".part")
            partial.write_text(json.dumps(_record(_measure(shop, test, scratch))), "utf-8")
            partial.rename(file)
        return file, _reach(json.loads(file.read_text("utf-8")))

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(one, shop.tests().values()))
    for old in set(kept.iterdir()) - {file for file, _ in found}:
        old.unlink()
    return sorted((reach for _, reach in found), key=lambda reach: reach.seconds)


def identity(shop: Workshop, test: UnitTest) -> str:
    """A hash of what a test is made of: its command and environment, its programs, and whatever of
    the sources its command names (a script with those beside it, a folder of inputs)."""
    said = hashlib.sha256(json.dumps([test.name, test.command, dict(test.environment)]).encode())
    for path in sorted(set(_parts(shop, test))):
        said.update(f"{path}\0".encode())
        said.update(hashlib.sha256(path.read_bytes()).digest())
    return said.hexdigest()[:32]


def _parts(shop: Workshop, test: UnitTest) -> Iterator[Path]:
    yield from (shop.build / name for name in test.targets if (shop.build / name).is_file())
    for word in test.command:
        path = Path(word)
        if not path.is_absolute() or not path.is_relative_to(shop.source):
            continue
        if path.is_dir():
            yield from (one for one in path.rglob("*") if one.is_file())
        elif path.suffix in (".py", ".sh"):
            yield from path.parent.glob(f"*{path.suffix}")


def _record(reach: Reach) -> dict[str, object]:
    def lists(lines: Lines) -> dict[str, list[int]]:
        return {name: sorted(numbers) for name, numbers in lines.items()}

    return {
        "name": reach.name,
        "seconds": reach.seconds,
        "lines": lists(reach.lines),
        "known": lists(reach.known),
    }


def _reach(record: dict[str, dict[str, list[int]]]) -> Reach:
    def sets(lines: dict[str, list[int]]) -> Lines:
        return {name: frozenset(numbers) for name, numbers in lines.items()}

    return Reach(
        str(record["name"]),
        float(str(record["seconds"])),
        sets(record["lines"]),
        sets(record["known"]),
    )


def _measure(shop: Workshop, test: UnitTest, scratch: Path) -> Reach:
    counters = scratch / test.name.replace("/", "-")
    shutil.rmtree(counters, ignore_errors=True)
    seconds = unchanged(test, {"GCOV_PREFIX": str(counters)})
    lines: dict[str, set[int]] = {}
    known: dict[str, set[int]] = {}
    for data in counters.rglob("*.gcda"):
        notes = Path("/") / data.relative_to(counters).with_suffix(".gcno")
        if notes.exists():
            shutil.copy(notes, data.with_suffix(".gcno"))
            _read(shop, data, lines, known)
    shutil.rmtree(counters, ignore_errors=True)
    return Reach(test.name, seconds, _frozen(lines), _frozen(known))


def unchanged(test: UnitTest, more: Mapping[str, str], how: str = "") -> float:
    """The seconds that a test takes before anything was changed, with MORE in its environment.
    HarnessError, which ends with HOW, where it fails then."""
    began = time.monotonic()
    if not play(test, LIMIT, more):
        raise HarnessError(f"unit test {test.name} fails before anything was changed{how}")
    return time.monotonic() - began


def _frozen(lines: dict[str, set[int]]) -> Lines:
    return {name: frozenset(numbers) for name, numbers in lines.items()}


def _read(
    shop: Workshop, data: Path, lines: dict[str, set[int]], known: dict[str, set[int]]
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
            if not name.startswith("..") and not Path(name).name.startswith("test-"):
                ran = {one["line_number"] for one in file["lines"] if one["count"]}
                lines.setdefault(name, set()).update(ran)
                known.setdefault(name, set()).update(one["line_number"] for one in file["lines"])

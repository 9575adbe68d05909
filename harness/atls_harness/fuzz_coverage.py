# SPDX-License-Identifier: Apache-2.0
"""The stage `fuzz-coverage` of `./atls test`, on demand: how much of the readers the seeds of the
fuzz targets run.

Each target is replayed over its seeds, built by clang with its own counters. What is counted is the
lines of functions that some target enters. The functions that none enters are listed, so that a
reader without a target is seen. Not counted is what no input brings about: lines that tell of a
lack of memory, files that only write messages (a target may do so to read them again), and
libcurl's transport, in whose place the targets put answers.
"""

from __future__ import annotations

import concurrent.futures
import fnmatch
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Sequence

from .build import compile_all, configure, jobs
from .errors import Unsupported
from .mutants.changes import NO_MEMORY
from .paths import ROOT
from .stage import Checks, StageFailed
from .unit_tests import UnitTest, unit_tests

FLAGS = "-fprofile-instr-generate -fcoverage-mapping"
SETTINGS = (f"-Dc_args={FLAGS}", "-Dc_link_args=-fprofile-instr-generate", "-Dbuildtype=plain")
LLVM = ("", "-14", "-15", "-16", "-17", "-18", "-19")


@dataclass(frozen=True)
class Goal:
    """How much of some files the seeds have to run."""

    name: str
    files: tuple[str, ...]
    share: float  # 0: it is only told
    without: tuple[str, ...] = ("*-write.c",)

    def has(self, name: str) -> bool:
        """Whether a file counts."""
        if Path(name).name.startswith(("test-", "fuzz-")):
            return False
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.files) and not any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.without
        )


GOALS = (
    Goal("rats", ("rats/*",), 0.95),
    Goal("tls and roles", ("tls/*", "roles/*"), 0.90, ("roles/http.c", "roles/curl.c")),
    Goal("verifier-stub", ("verifier-stub/*",), 0),
    Goal("sim", ("sim/*",), 0),
    Goal("decode", ("decode/*",), 0),
)


@dataclass
class File:
    """What became of a file's lines."""

    name: str
    entered: set[int] = field(default_factory=set)  # lines of functions that were entered
    run: set[int] = field(default_factory=set)
    strange: list[str] = field(default_factory=list)  # functions that were not

    @property
    def share(self) -> float:
        """Of the lines of functions that were entered."""
        return len(self.run) / len(self.entered) if self.entered else 1.0


def _tool(name: str) -> str:
    for suffix in LLVM:
        found = shutil.which(name + suffix)
        if found:
            return found
    raise Unsupported(f"{name} is not there; ./atls setup test installs it")


def read(lcov: Iterable[str], root: Path) -> list[File]:
    """The files of a report in the format of lcov (geninfo(1)), those below ROOT."""
    found = []
    begins: dict[int, str] = {}
    counts: dict[str, int] = {}
    lines: dict[int, int] = {}
    path = ""
    for line in lcov:
        word, _, rest = line.strip().partition(":")
        if word == "SF":
            path, begins, counts, lines = os.path.realpath(rest), {}, {}, {}
        elif word == "FN":
            place, _, name = rest.partition(",")
            begins[int(place)] = name
        elif word == "FNDA":
            count, _, name = rest.partition(",")
            counts[name] = max(counts.get(name, 0), int(count))
        elif word == "DA":
            place, count = rest.split(",")[:2]
            lines[int(place)] = max(lines.get(int(place), 0), int(count))
        elif word == "end_of_record" and Path(path).is_relative_to(root):
            known = {at: count for at, count in lines.items() if at not in _no_memory(Path(path))}
            found.append(_file(str(Path(path).relative_to(root)), begins, counts, known))
    return found


def _no_memory(path: Path) -> set[int]:
    """The lines of a file that tell of a lack of memory."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return {at for at, line in enumerate(text.splitlines(), 1) if NO_MEMORY.search(line)}


def _file(name: str, begins: dict[int, str], counts: dict[str, int], lines: dict[int, int]) -> File:
    file = File(name)
    starts = sorted(begins)
    for start, end in zip(starts, [*starts[1:], max([*lines, 0]) + 1]):
        function = begins[start]
        if not counts.get(function):
            file.strange.append(function.rpartition(":")[2])
            continue
        inside = {line for line in lines if start <= line < end}
        file.entered |= inside
        file.run |= {line for line in inside if lines[line]}
    return file


def table(files: Sequence[File], goals: Sequence[Goal] = GOALS) -> list[dict[str, Any]]:
    """A row for each goal, with its files."""
    rows = []
    for goal in goals:
        mine = [file for file in files if goal.has(file.name)]
        entered = sum(len(file.entered) for file in mine)
        run = sum(len(file.run) for file in mine)
        rows.append(
            {
                "name": goal.name,
                "goal": goal.share,
                "lines": entered,
                "run": run,
                "share": round(run / entered, 4) if entered else 0,
                "files": [
                    {
                        "file": file.name,
                        "lines": len(file.entered),
                        "run": len(file.run),
                        "share": round(file.share, 4),
                        "not_run": sorted(file.entered - file.run),
                        "not_entered": file.strange,
                    }
                    for file in sorted(mine, key=lambda one: one.name)
                    if file.entered
                ],
            }
        )
    return rows


def check(checks: Checks) -> None:
    """Builds, replays, counts, tells."""
    merge, report = _tool("llvm-profdata"), _tool("llvm-cov")
    build = checks.plain.parent / f"{checks.plain.name}-fuzz-coverage"
    configure(build, SETTINGS, compiler="clang")
    replays = [test for test in unit_tests(build) if "/replay-" in test.name]
    compile_all(build, [name for test in replays for name in test.targets])
    profiles = build / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    profiles.mkdir()

    def one(test: UnitTest) -> str:
        file = profiles / f"{test.name.replace('/', '-')}.profraw"
        done = subprocess.run(
            test.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **test.environment, "LLVM_PROFILE_FILE": str(file)},
        )
        return "" if done.returncode == 0 else test.name

    with concurrent.futures.ThreadPoolExecutor(jobs()) as pool:
        bad = [name for name in pool.map(one, replays) if name]
    if bad:
        raise StageFailed(f"{', '.join(bad)} failed")
    merged = build / "all.profdata"
    checks.call([merge, "merge", "-o", str(merged), *map(str, sorted(profiles.iterdir()))])
    programs = [test.command[0] for test in replays]
    objects = [word for program in programs[1:] for word in ("-object", program)]
    made = subprocess.run(
        [report, "export", "-format=lcov", f"-instr-profile={merged}", programs[0], *objects],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise StageFailed(f"{report} ended with {made.returncode}: {made.stderr[:1000]}")
    _tell(checks, table(read(made.stdout.splitlines(), ROOT)))


def _tell(checks: Checks, rows: Sequence[dict[str, Any]]) -> None:
    out = checks.logs / "fuzz-coverage.json"
    out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        for file in row["files"]:
            checks.say(
                f"  {file['file']:<44} {file['run']:>5} {file['lines']:>5} {file['share']:7.1%}"
            )
            if file["not_entered"]:
                checks.say(f"      not entered: {', '.join(file['not_entered'])}")
    short = []
    for row in rows:
        words = f"{row['name']:<14} {row['run']:>5} of {row['lines']:>5} lines {row['share']:7.1%}"
        checks.tell(words + (f", expected {row['goal']:.0%}" if row["goal"] else ""))
        if row["share"] < row["goal"]:
            short.append(row["name"])
    if short:
        raise StageFailed(f"too little of {' and '.join(short)}; the lines: {out}")

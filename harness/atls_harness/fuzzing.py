# SPDX-License-Identifier: Apache-2.0
"""The stages `fuzz` and `fuzz-python` of `./atls test`: each target for a few seconds, from seeds.

A target in C is FOLDER/fuzz-NAME.c with its seeds in FOLDER/corpus/NAME; one in Python is
harness/fuzz/NAME.py with its seeds in harness/fuzz/corpus/NAME, or those of a target in C. A target
without seeds is an error: from nothing a fuzzer gets nowhere in seconds. What is found stays with
the logs.
"""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from . import tools
from .build import compile_all, jobs
from .paths import ROOT
from .stage import Checks, StageFailed

PYTHON = ROOT / "harness" / "fuzz"
REQUIREMENTS = PYTHON / "requirements.txt"
# Targets that are held to another library start from the seeds of the same reader's own target.
SEEDS = {
    "cbor2-beside": ROOT / "rats" / "cbor" / "corpus" / "cbor",
    "dissector": ROOT / "rats" / "cmw" / "corpus" / "cmw",
}
SEEDLESS = {"pycose-beside"}  # makes and signs its own messages
NEEDS = {"dissector": "tshark"}
SHARED = "rats/liboracle.so"
MEMORY_MIB = 2048


@dataclass(frozen=True)
class Target:
    """One fuzz target."""

    name: str
    command: tuple[str, ...]
    seeds: Path | None
    environment: Mapping[str, str]


def targets_in_c(build: Path) -> list[Target]:
    """Those that were built."""
    programs = [
        path for path in build.rglob("fuzz-*") if path.is_file() and os.access(path, os.X_OK)
    ]
    made = []
    for path in sorted(programs):
        source = _source(ROOT / path.relative_to(build).parent, path.name)
        seeds = source.parent / "corpus" / path.name.removeprefix("fuzz-")
        made.append(Target(path.name, (str(path),), seeds, {}))
    return made


def _source(room: Path, name: str) -> Path:
    """The source of a target that was built for ROOM: in its folder, or in a room of it."""
    found = [*room.glob(f"{name}.c"), *room.glob(f"*/{name}.c")]
    if len(found) != 1:
        raise StageFailed(f"{name}: expected one {name}.c in {room}, came {len(found)}")
    return found[0]


def targets_in_python(python: Path, build: Path) -> list[Target]:
    """Those of harness/fuzz, run by the interpreter PYTHON."""
    environment = {"PYTHONPATH": str(ROOT / "harness"), "ATLS_BUILD": str(build)}
    made = []
    for path in sorted(PYTHON.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "atheris.Fuzz()" not in text and "-max_total_time" not in text:
            continue
        seeds = SEEDS.get(path.stem, PYTHON / "corpus" / path.stem)
        made.append(
            Target(
                path.stem,
                (str(python), str(path)),
                None if path.stem in SEEDLESS else seeds,
                environment,
            )
        )
    return made


def run(checks: Checks, targets: Sequence[Target]) -> None:
    """All of them, as many at once as there are processors."""
    if not targets:
        raise StageFailed("expected fuzz targets, came none")
    bare = [str(one.seeds) for one in targets if one.seeds and not any(one.seeds.glob("*"))]
    if bare:
        raise StageFailed(f"expected seeds in {', '.join(bare)}, came none")

    def one(target: Target) -> tuple[Target, int, str]:
        found = checks.logs / "fuzz" / target.name
        found.mkdir(parents=True, exist_ok=True)
        argv = [*target.command, f"-max_total_time={checks.fuzz_seconds}", "-timeout=10"]
        argv += [f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={found}/"]
        argv += ["-print_final_stats=1", str(found)] + ([str(target.seeds)] if target.seeds else [])
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **target.environment},
        )
        return target, done.returncode, done.stderr[-4000:]

    bad = []
    with concurrent.futures.ThreadPoolExecutor(jobs()) as pool:
        for target, code, text in pool.map(one, targets):
            checks.say(f"{target.name}: {code}\n{text}\n")
            if code != 0:
                bad.append(target.name)
    if bad:
        raise StageFailed(f"{', '.join(bad)}; the inputs are in {checks.logs / 'fuzz'}")
    checks.say(f"{len(targets)} targets")


def fuzz(checks: Checks) -> None:
    """The targets in C."""
    run(checks, targets_in_c(checks.sanitized))


def fuzz_python(checks: Checks) -> None:
    """The targets in Python: the harness' own readers; readers in C beside Python's libraries."""
    place = checks.plain.parent / f"{checks.plain.name}-fuzz-tools"
    python = tools.prepare(place, REQUIREMENTS, system_packages=True) / "python"
    compile_all(checks.plain, [SHARED])
    targets = targets_in_python(python, checks.plain)
    for name, program in NEEDS.items():
        if shutil.which(program) is None:
            checks.tell(f"{name} is left out: {program} is not installed")
            targets = [target for target in targets if target.name != name]
    run(checks, targets)

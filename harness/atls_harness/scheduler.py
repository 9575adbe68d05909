# SPDX-License-Identifier: Apache-2.0
"""`./atls run --scheduler URL`: the parts of a run on the workers of a scheduler of Dask.

A worker is `dask worker URL` with this tree's harness/ on its PYTHONPATH; each plays parts with its
own tree, whose revision must be ours (merge.py looks). There are more parts than workers, so that a
fast one plays more of them. Where a worker dies, the scheduler gives its part to another, which
plays it from its beginning: only one answer to each part is ever joined.
"""

from __future__ import annotations

import io
import shlex
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Sequence

from . import merge
from .choices import Choices
from .dask import connect
from .errors import HarnessError, UsageError
from .paths import ROOT
from .pytest_options import Options
from .selection import Selection
from .shard import Shard

PARTS_OF_A_WORKER = 4
CASES_OF_A_PART = 8  # fewer are not worth the start of a process
WELL = (0, 1)  # a run that has results: all is well, or a case failed
ARCHIVE_MAX = 1 << 30  # bytes of a part's results, unpacked
# What is ours to decide, or makes no sense of a part.
OURS = ("--scheduler", "--out", "--seed", "--baseline", "--required")
REFUSED = ("--shard", "--list", "--collect-only", "--junitxml", "--verifier")


def play_part(options: Sequence[str], index: int, count: int) -> tuple[int, str, bytes]:
    """Called on a worker: plays a part; returns how that ended, its output, and what is in its
    folder, as a ZIP file. The run ends with the worker (setpriv)."""
    with tempfile.TemporaryDirectory(prefix="atls-part-") as out:
        argv = ["setpriv", "--pdeathsig", "TERM", str(ROOT / "atls"), "run", *options]
        argv += ["--shard", str(Shard(index, count)), "--out", out]
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
        )
        packed = io.BytesIO()
        folder = Path(out) / "latest"
        if folder.is_dir():
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(folder.resolve().rglob("*")):
                    if path.is_file() and not path.is_symlink():
                        archive.write(path, path.relative_to(folder.resolve()))
        return done.returncode, done.stdout + done.stderr, packed.getvalue()


def unpack(packed: bytes, folder: Path) -> None:
    """Into FOLDER, and nowhere else: zipfile sees to names. HarnessError where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > ARCHIVE_MAX:
                raise HarnessError(f"expected at most {ARCHIVE_MAX} bytes of a part, came {size}")
            archive.extractall(folder)
    except (zipfile.BadZipFile, OSError) as problem:
        raise HarnessError(f"what a worker sent are no results: {problem}") from problem


def parts_for(workers: int, cases: int) -> int:
    """In how many parts so many cases are played by so many workers."""
    return max(1, min(PARTS_OF_A_WORKER * workers, cases // CASES_OF_A_PART))


def rest_of(given: Sequence[str]) -> list[str]:
    """The command line of a part: without what is ours. UsageError where it cannot be divided."""
    known = Options()
    own, paths = known.split(given)
    kept: list[str] = []
    skip = False
    for word in own:
        name = word.partition("=")[0]
        if skip:
            skip = False
        elif name in OURS:
            skip = "=" not in word
        elif name in REFUSED:
            raise UsageError(f"{name} is for a run on this machine, not for --scheduler")
        else:
            kept.append(word)
    return [*kept, *paths]


def play(given: Sequence[str], options: Any, choices: Choices, selected: Selection) -> int:
    """Plays all parts, joins them, tells the result; the exit code of the whole run."""
    rest = [*rest_of(given), "--seed", str(choices.seed)]
    if choices.deployment is not None:
        raise UsageError("--verifier with a URL is for a run on this machine, not for --scheduler")
    with connect(options.scheduler) as client, tempfile.TemporaryDirectory() as scratch:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise HarnessError(
                f"--scheduler {options.scheduler}: it has no workers; start one: PYTHONPATH={ROOT}"
                f"/harness dask worker {options.scheduler}"
            )
        count = parts_for(workers, len(selected.cases))
        print(f"{len(selected.cases)} cases in {count} parts on {workers} workers", flush=True)
        asked = {
            index: client.submit(play_part, rest, index, count, pure=False)
            for index in range(1, count + 1)
        }
        code, places = 0, []
        for index, future in asked.items():
            try:
                status, said, packed = future.result()
            except Exception as problem:  # whatever a worker or the scheduler raised
                raise HarnessError(f"part {index}/{count} was not played: {problem}") from problem
            if status not in WELL or not packed:
                tail = "\n".join(said.splitlines()[-12:])
                raise HarnessError(f"part {index}/{count} ended with {status}:\n{tail}")
            folder = Path(scratch) / str(index)
            unpack(packed, folder)
            places.append(folder)
            code = max(code, status)
            print(f"part {index}/{count}: ended with {status}", flush=True)
        command = shlex.join(["./atls", "run", *given])
        made, folder = merge.write(places, options.out, command, options.baseline, options.required)
        merge.tell(made, folder)
    return code if merge.is_well(made) else 1

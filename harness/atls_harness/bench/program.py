# SPDX-License-Identifier: Apache-2.0
"""Running atls-bench, and the parties that it needs beside it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator, Sequence

from ..errors import InfrastructureError, Unsupported
from ..process import UNSUPPORTED, Process
from . import callgrind

LIMIT = 1800.0


def bench(build: Path) -> str:
    """The program."""
    return str(build / "tls" / "bench" / "atls-bench")


def run(build: Path, argv: Sequence[str], prefix: Sequence[str] = ()) -> dict[str, Any]:
    """What one command of it says. Unsupported: the library does not have what a mode needs."""
    whole = [*prefix, bench(build), *argv]
    try:
        done = subprocess.run(
            whole, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise InfrastructureError(f"{' '.join(whole)}: {problem}") from problem
    if done.returncode == UNSUPPORTED:
        raise Unsupported(done.stderr.strip())
    if done.returncode != 0:
        raise InfrastructureError(
            f"{' '.join(whole)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    made = json.loads(done.stdout)
    assert isinstance(made, dict)
    return made


def counted(build: Path, argv: Sequence[str], within: str) -> list[callgrind.Function]:
    """The functions of one command of it, with their instructions while the function WITHIN runs
    (valgrind's callgrind)."""
    with tempfile.TemporaryDirectory(prefix="atls-bench-") as folder:
        out = Path(folder) / "callgrind.out"
        prefix = ["valgrind", "--quiet", "--tool=callgrind", f"--toggle-collect={within}"]
        run(build, argv, [*prefix, f"--callgrind-out-file={out}"])
        return list(callgrind.read(out).values())


@contextlib.contextmanager
def device(
    build: Path, folder: Path, seed: int, name: str, command: Sequence[str] = ()
) -> Iterator[str]:
    """A device in a process of its own, started by COMMAND where it is not the host's; gives its
    address."""
    address = f"unix:{folder / name}.sock"
    command = command or [str(build / "sim" / "atls-device")]
    argv = [*command, "--listen", address, "--seed", str(seed)]
    argv += ["--events", str(folder / f"{name}.events.jsonl")]
    process = Process(name, "device", argv, folder, listening=True)
    try:
        process.ready()
        yield address
    finally:
        process.stop()


def endorse(build: Path, folder: Path, seed: int, command: Sequence[str] = ()) -> str:
    """The file with the endorsements of the device with that seed, by COMMAND or the host's."""
    path = folder / f"{seed}.corim"
    command = command or [str(build / "sim" / "atls-device"), "provision"]
    subprocess.run(
        [*command, "--seed", str(seed), "--output", str(path)], check=True, stdin=subprocess.DEVNULL
    )
    return str(path)


@contextlib.contextmanager
def verifier(
    build: Path, folder: Path, seeds: Sequence[int], flags: Sequence[str] = ()
) -> Iterator[tuple[str, int]]:
    """A verifier in a process of its own that endorses the devices with these seeds; gives its URL
    and its process id."""
    argv = [str(build / "verifier-stub" / "atls-verifier"), "--listen", "127.0.0.1:0", *flags]
    for seed in seeds:
        argv += ["--endorsements", endorse(build, folder, seed)]
    argv += ["--events", str(folder / "verifier.events.jsonl")]
    process = Process("verifier", "verifier", argv, folder, listening=True)
    try:
        address = process.ready()["address"]
        yield f"http://{address}", process.pid
    finally:
        process.stop()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, by its own clock (clock_getcpuclockid(3)), which counts
    nanoseconds. /proc/PID/stat counts ticks of 10 ms: little work may look like none.
    """
    return time.clock_gettime(~pid << 3 | 2)

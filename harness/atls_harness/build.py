# SPDX-License-Identifier: Apache-2.0
"""Builds the C programs out of the tree with meson and ninja, and does nothing where all is built."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Mapping, Sequence

from .errors import BuildError
from .paths import ROOT


def jobs() -> int:
    """How many compilers may run at once."""
    return len(os.sched_getaffinity(0))


def _run(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        argv,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace")
        raise BuildError(f"{' '.join(argv)} ended with {done.returncode}:\n{text}")


def configure(build: Path, options: Sequence[str] = (), compiler: str = "") -> None:
    """Sets a build directory up, where that has not been done."""
    if (build / "build.ninja").exists():
        return
    if build.exists() and not any(build.iterdir()):
        build.rmdir()
    if shutil.which("meson") is None:
        raise BuildError("meson is not there; ./atls setup installs it")
    environment = {"CC": compiler} if compiler else {}
    # meson is a Python program: let it be Debian's, whatever python3 comes first on the path.
    meson = ["/usr/bin/python3", str(shutil.which("meson"))]
    _run([*meson, "setup", str(build), str(ROOT), *options], environment)


def compile_all(build: Path, targets: Sequence[str] = ()) -> None:
    """Compiles what has changed."""
    _run(["ninja", "-C", str(build), f"-j{jobs()}", *targets])


def programs(build: Path) -> list[str]:
    """The build's targets that are programs for people and scenarios, not tests of the C code."""
    listed = subprocess.run(
        ["ninja", "-C", str(build), "-t", "targets", "all"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    found = []
    for line in listed.stdout.splitlines():
        target, _, rule = line.partition(": ")
        if rule.startswith("c_LINKER") and Path(target).name.startswith("atls-"):
            found.append(target)
    return found


def build_programs(build: Path) -> None:
    """What `./atls run` needs."""
    configure(build)
    compile_all(build, programs(build))

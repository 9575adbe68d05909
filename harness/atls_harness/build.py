# SPDX-License-Identifier: Apache-2.0
"""Builds the C programs out of the tree with meson and ninja, and does nothing where all is built."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from .errors import BuildError
from .paths import ROOT, shown

# What can do without, is built without: a TPM as root of trust, identity keys in Parsec, the
# benchmark's yardstick.
OPTIONAL = ("tss2-esys", "libprotobuf-c", "libssl")
# Directories that this process builds in now.
_HELD: set[Path] = set()


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


def meson() -> list[str]:
    """How meson is started: Debian's with Debian's Python, whatever python3 comes first on PATH."""
    found = shutil.which("meson")
    if found is None:
        raise BuildError("meson is not there; ./atls setup installs it")
    return ["/usr/bin/python3", found] if found == "/usr/bin/meson" else [found]


@contextlib.contextmanager
def alone(build: Path) -> Iterator[None]:
    """One process at a time builds in a directory; another waits, and says for what.

    Who has the directory already, and calls what takes it as well, goes on.
    """
    place = build.resolve()
    if place in _HELD:
        yield
        return
    try:
        build.mkdir(parents=True, exist_ok=True)
        lock = os.open(build, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise BuildError(unwritable(build, problem)) from problem
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another atls builds in {build}; waiting", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.access(build, os.W_OK):
            raise BuildError(unwritable(build, OSError(errno.EROFS, os.strerror(errno.EROFS))))
        _HELD.add(place)
        yield
    finally:
        _HELD.discard(place)
        os.close(lock)


def unwritable(build: Path, problem: OSError) -> str:
    """A sentence for whoever has a checkout that nobody may write to."""
    return (
        f"cannot build in {build} ({problem.strerror}): --build DIR or $ATLS_BUILD names another "
        "place to build in, --out DIR one for results"
    )


def has_library(name: str) -> bool:
    """Does pkg-config know a library?"""
    asked = ["pkg-config", "--exists", name]
    if not shutil.which(asked[0]):
        return False
    return subprocess.run(asked, stdin=subprocess.DEVNULL).returncode == 0


def _has_come(build: Path, library: str) -> bool:
    """Is a library there now that was not when BUILD was configured?"""
    try:
        told = json.loads((build / "meson-info" / "intro-dependencies.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return not any(one.get("name") == library for one in told) and has_library(library)


def configure(build: Path, options: Sequence[str] = (), compiler: str = "") -> None:
    """Sets a build directory up, where that has not been done."""
    with alone(build):
        if (build / "build.ninja").exists():
            if any(_has_come(build, library) for library in OPTIONAL):
                _run([*meson(), "setup", "--reconfigure", str(build), str(ROOT)])
            return
        command = [*meson(), "setup", str(build), str(ROOT), *options]
        print(f"building in {shown(build)} (the first time: about a minute)", file=sys.stderr)
        _run(command, {"CC": compiler} if compiler else {})


def compile_all(build: Path, targets: Sequence[str] = ()) -> None:
    """Compiles what has changed."""
    with alone(build):
        _run(["ninja", "-C", str(build), f"-j{jobs()}", *targets])


def programs(build: Path) -> list[str]:
    """The build's targets that are programs for people and scenarios, and libraries to preload;
    not tests of the C code."""
    listed = subprocess.run(
        ["ninja", "-C", str(build), "-t", "targets", "all"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    found = []
    for line in listed.stdout.splitlines():
        target, _, rule = line.partition(": ")
        if rule.startswith("c_LINKER") and Path(target).name.startswith(("atls-", "libatls-")):
            found.append(target)
    return found


def build_programs(build: Path) -> None:
    """What `./atls run` needs."""
    with alone(build):
        configure(build)
        compile_all(build, programs(build))

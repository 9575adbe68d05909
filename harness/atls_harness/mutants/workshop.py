# SPDX-License-Identifier: Apache-2.0
"""A copy of the sources with a build of its own, where lines may be changed; its unit tests.

The tree that a person works in is never touched: the copy lies under the build directory.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Iterable, Mapping, Sequence

from ..build import alone
from ..errors import BuildError
from ..paths import ROOT

# -w: a changed line may leave something unused; that is no reason to call it noticed. What reads
# one beyond the end of an array is ended, for else nothing but the sanitizers' builds would see it.
FLAGS = "-w -fsanitize=bounds -fsanitize-undefined-trap-on-error"
# How often, and how many seconds apart, one looks at a test that takes long.
LOOKS = 4
LOOK = 0.25
SETTINGS = ("-Dwerror=false", f"-Dc_args={FLAGS}", "-Dbuildtype=plain")


@dataclass(frozen=True)
class UnitTest:
    """A unit test as meson knows it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    targets: tuple[str, ...]  # what ninja has to build first


class Workshop:
    """Sources and build in FOLDER/src and FOLDER/build."""

    def __init__(self, folder: Path, files: Iterable[str], options: Sequence[str] = ()) -> None:
        self.source = folder / "src"
        self.build = folder / "build"
        self.trouble = ""  # what the compiler said last
        self._tests: dict[str, UnitTest] = {}
        self._copy(files)
        if not (self.build / "build.ninja").exists():
            meson = ["/usr/bin/python3", str(shutil.which("meson")), "setup"]
            self._call([*meson, str(self.build), str(self.source), *SETTINGS, *options])

    def _copy(self, files: Iterable[str]) -> None:
        wanted = set(files)
        for name in wanted:
            source, target = ROOT / name, self.source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink() or not target.exists():
                target.unlink(missing_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
            elif not source.is_symlink() and source.read_bytes() != target.read_bytes():
                shutil.copyfile(source, target)
        for path in [path for path in self.source.rglob("*") if not path.is_dir()]:
            if str(path.relative_to(self.source)) not in wanted:
                path.unlink()

    def _call(self, argv: Sequence[str]) -> None:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            text = done.stdout.decode(errors="replace")
            raise BuildError(f"{' '.join(argv)} ended with {done.returncode}:\n{text[-4000:]}")

    def compile(self, targets: Sequence[str] = ()) -> bool:
        """Whether what is to be built compiles (all, where nothing is named)."""
        with alone(self.build):
            done = subprocess.run(
                ["ninja", "-C", str(self.build), "-j2", *targets],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        told = done.stdout.splitlines()
        self.trouble = next((line for line in told if "error" in line), "".join(told[-1:]))
        return done.returncode == 0

    def tests(self) -> Mapping[str, UnitTest]:
        """The unit tests of this build, by name. A change in a line does not change them."""
        if not self._tests:
            self._tests = {test.name: test for test in unit_tests(self.build)}
        return self._tests


def unit_tests(build: Path) -> list[UnitTest]:
    """The unit tests of a build, as meson has set them up."""
    info = build / "meson-info"
    paths = {
        target["id"]: [os.path.relpath(name, build) for name in target["filename"]]
        for target in json.loads((info / "intro-targets.json").read_text(encoding="utf-8"))
    }
    found = []
    for test in json.loads((info / "intro-tests.json").read_text(encoding="utf-8")):
        needs = tuple(name for one in test["depends"] for name in paths.get(one, []))
        folder = test["workdir"] or str(build)
        found.append(UnitTest(test["name"], tuple(test["cmd"]), test["env"], folder, needs))
    return found


def play(
    test: UnitTest,
    limit: float,
    more: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> bool:
    """Whether a unit test passes within LIMIT seconds; all its processes end with it. Time in which
    it wanted to run and the machine did not let it is not counted. MORE is added to its
    environment, WITHOUT is left out of it."""
    environment = {**os.environ, **test.environment, **(more or {})}
    party = subprocess.Popen(
        test.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in environment.items() if name not in without},
        cwd=test.folder,
        start_new_session=True,
    )
    try:
        patience = limit
        while True:
            try:
                return party.wait(patience) in (0, 77)
            except subprocess.TimeoutExpired:
                waits, seconds = activity(party.pid)
                if waits or seconds > limit:
                    return False
                patience = LOOK
    finally:
        try:
            os.killpg(party.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        party.wait()


def activity(session: int) -> tuple[bool, float]:
    """Of the processes of a session: whether all of them wait for something, seen LOOKS times, and
    the processor seconds that they have used."""
    waits, seconds = True, 0.0
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK)
        states, seconds = _states(session)
        waits = waits and not states & {"R", "D"}
        if not waits:
            break
    return waits, seconds


def _states(session: int) -> tuple[set[str], float]:
    states, ticks = set(), 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[3]) == session:
            states.add(fields[0])
            ticks += sum(int(field) for field in fields[11:15])
    return states, ticks / os.sysconf("SC_CLK_TCK")


def timed(test: UnitTest, limit: float, more: Mapping[str, str]) -> tuple[bool, float]:
    """play(), and the seconds that it took."""
    began = time.monotonic()
    return play(test, limit, more), time.monotonic() - began

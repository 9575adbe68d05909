# SPDX-License-Identifier: Apache-2.0
"""A copy of the sources with a build of its own, where files may be others than in the tree.

The tree that a person works in is never touched: the copy lies under the build directory.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from ..build import alone, jobs, meson
from ..errors import BuildError
from ..paths import ROOT
from ..unit_tests import UnitTest, unit_tests

# -w: a changed line may leave something unused; that is no reason to call it noticed.
SETTINGS = ("-Dwerror=false", "-Dc_args=-w", "-Dbuildtype=plain")


class Workshop:
    """Sources and build in FOLDER/src and FOLDER/build."""

    def __init__(
        self,
        folder: Path,
        files: Iterable[str],
        options: Sequence[str] = (),
        others: Mapping[str, str] = {},
    ) -> None:
        self.source = folder / "src"
        self.build = folder / "build"
        self.said = ""  # by the compiler, last
        self._tests: dict[str, UnitTest] = {}
        self._copy(files, others)
        if not (self.build / "build.ninja").exists():
            command = [*meson(), "setup", str(self.build), str(self.source), *SETTINGS, *options]
            self._call(command)

    def _copy(self, files: Iterable[str], others: Mapping[str, str]) -> None:
        wanted = set(files)
        for name in wanted:
            source, target = ROOT / name, self.source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in others:
                self.write(name, others[name])
            elif target.is_symlink() or not target.exists():
                target.unlink(missing_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
            elif not source.is_symlink() and source.read_bytes() != target.read_bytes():
                shutil.copyfile(source, target)
        for path in [path for path in self.source.rglob("*") if not path.is_dir()]:
            if str(path.relative_to(self.source)) not in wanted:
                path.unlink()

    def write(self, name: str, text: str) -> None:
        """Makes a file read TEXT; one that does already stays as old as it is."""
        path = self.source / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")

    def _call(self, argv: Sequence[str]) -> None:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            text = done.stdout.decode(errors="replace")
            raise BuildError(f"{' '.join(argv)} ended with {done.returncode}:\n{text[-4000:]}")

    def compile(self, targets: Sequence[str] = ()) -> bool:
        """Whether what is to be built compiles (all, where nothing is named). All that does not
        is told."""
        with alone(self.build), (self.build / "compiling").open("w", encoding="utf-8") as lock:
            # ninja holds this lock as well: where what started it is killed, it goes on for a
            # while, and nothing else may write here meanwhile.
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(
                ["ninja", "-C", str(self.build), f"-j{jobs()}", "-k0", *targets],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=(lock.fileno(),),
            )
        self.said = done.stdout
        return done.returncode == 0

    @property
    def broken(self) -> str:
        """What is to be said where it has to compile, and does not."""
        return f"{self.source} does not compile: ninja -C {self.build} says why"

    def tests(self) -> Mapping[str, UnitTest]:
        """The unit tests of this build, by name. A change in a line does not change them."""
        if not self._tests:
            self._tests = {test.name: test for test in unit_tests(self.build)}
        return self._tests

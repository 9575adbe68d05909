# SPDX-License-Identifier: Apache-2.0
"""A copy of the sources with a build of its own, where lines may be changed.

The tree that a person works in is never touched: the copy lies under the build directory.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from ..build import alone, meson
from ..errors import BuildError
from ..paths import ROOT
from ..unit_tests import UnitTest, unit_tests
from .relink import Relinker, complaint

# -w: a changed line may leave something unused; that is no reason to call it noticed. What reads
# one beyond the end of an array is ended, for else nothing but the sanitizers' builds would see it.
FLAGS = "-w -fsanitize=bounds -fsanitize-undefined-trap-on-error"
SETTINGS = ("-Dwerror=false", f"-Dc_args={FLAGS}", "-Dbuildtype=plain")


class Workshop:
    """Sources and build in FOLDER/src and FOLDER/build."""

    def __init__(self, folder: Path, files: Iterable[str], options: Sequence[str] = ()) -> None:
        self.source = folder / "src"
        self.build = folder / "build"
        self.trouble = ""  # what the compiler said last
        self.noticed: Counter[tuple[str, str]] = Counter()  # in a file, by a test
        self._tests: dict[str, UnitTest] = {}
        self._relinker: Relinker | None = None
        self._copy(files)
        if not (self.build / "build.ninja").exists():
            command = [*meson(), "setup", str(self.build), str(self.source), *SETTINGS, *options]
            self._call(command)

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
        with alone(self.build), (self.build / "compiling").open("w", encoding="utf-8") as lock:
            # ninja holds this lock as well: where what started it is killed, it goes on for a
            # while, and nothing else may write here meanwhile.
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(
                ["ninja", "-C", str(self.build), "-j2", *targets],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=(lock.fileno(),),
            )
        self.trouble = complaint(done.stdout)
        return done.returncode == 0

    def change(self, file: str) -> bool:
        """Whether FILE, which was changed, compiles. Everything was built before."""
        if not self._relinker:
            self._relinker = Relinker(self.build, self.source)
        good = self._relinker.compile(file)
        self.trouble = self._relinker.trouble
        return good

    def renew(self, targets: Sequence[str]) -> bool:
        """Whether TARGETS link with what was changed last."""
        if not self._relinker or not self._relinker.can(targets):
            return self.compile(targets)
        good = self._relinker.link(targets)
        self.trouble = self._relinker.trouble
        return good

    def tests(self) -> Mapping[str, UnitTest]:
        """The unit tests of this build, by name. A change in a line does not change them."""
        if not self._tests:
            self._tests = {test.name: test for test in unit_tests(self.build)}
        return self._tests

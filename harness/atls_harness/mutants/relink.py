# SPDX-License-Identifier: Apache-2.0
"""One changed file after the other in a build, by its own commands for the compiler and the linker.

Asking ninja costs several times what the compiler does: it looks at every file, and makes archives
anew which are thin, so that the linker finds the changed object through them anyway.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Mapping, Sequence

from ..errors import BuildError


class Relinker:
    """Compiles a file, and links what is made of it."""

    def __init__(self, build: Path, source: Path) -> None:
        self.trouble = ""  # what the compiler said last
        self._build = build
        self._commands: dict[str, str] = {}
        self._objects: dict[str, list[str]] = {}  # of a source file
        self._linked: set[str] = set()  # the programs
        for step in _steps(build):
            output, command = step["output"], step["command"].removeprefix("ccache ")
            self._commands[output] = command
            if output.endswith(".o"):
                path = os.path.normpath(build / step["file"])
                self._objects.setdefault(os.path.relpath(path, source), []).append(output)
            elif f" -o {output} " in command:
                self._linked.add(output)
        self._parts: dict[str, frozenset[str]] = {}
        self._file = ""  # whose objects are those of a change
        self._stale: set[str] = set()  # programs that hold a change of another file, or of this one

    def compile(self, file: str) -> bool:
        """Whether FILE compiles as it stands now; the one before is what it was, again."""
        if self._file and self._file != file:
            before, self._file = self._file, ""
            if not self._make(self._objects.get(before, ())):
                raise BuildError(f"{before} does not compile any more: {self.trouble}")
        self._file = file
        return self._make(self._objects.get(file, ()))

    def can(self, programs: Sequence[str]) -> bool:
        """Whether these are all programs that a linker makes."""
        return self._linked.issuperset(programs)

    def link(self, programs: Sequence[str]) -> bool:
        """Whether PROGRAMS link with the file that was compiled last."""
        objects = set(self._objects.get(self._file, ()))
        for name in programs:
            uses = bool(objects & self.parts(name))
            if not uses and name not in self._stale:
                continue
            if not self._make([name]):
                return False
            (self._stale.add if uses else self._stale.discard)(name)
        return True

    def parts(self, name: str) -> frozenset[str]:
        """All objects that NAME is made of, through archives too."""
        if name not in self._parts:
            found: set[str] = set()
            for word in shlex.split(self._commands[name]):
                if word != name and word in self._commands:
                    found |= {word} if word.endswith(".o") else self.parts(word)
            self._parts[name] = frozenset(found)
        return self._parts[name]

    def _make(self, outputs: Sequence[str]) -> bool:
        for output in outputs:
            done = subprocess.run(
                self._commands[output],
                shell=True,  # a command of ninja's, as ninja runs it
                cwd=self._build,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            if done.returncode != 0:
                self.trouble = complaint(done.stdout)
                return False
        return True


def complaint(said: str) -> str:
    """What was wrong, of what compilers and linkers SAID: their first error, or the last line."""
    told = said.splitlines()
    return next((line for line in told if "error: " in line), "".join(told[-1:]))


def _steps(build: Path) -> Sequence[Mapping[str, str]]:
    done = subprocess.run(
        ["ninja", "-C", str(build), "-t", "compdb"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    steps: list[Mapping[str, str]] = json.loads(done.stdout[done.stdout.index(b"[") :])
    return steps

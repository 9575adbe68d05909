# SPDX-License-Identifier: Apache-2.0
"""What the stages of `./atls test` share: folders, a log, commands with an end; and how one is run
and told: a line when it begins, a line of what became of it."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Sequence

from .errors import BuildError, HarnessError, Unsupported
from .mutants.stage import Draw
from .paths import ROOT

TAIL = 60


class StageFailed(HarnessError):
    """A stage found something; the text is in its log."""


@dataclass
class Checks:
    """What all stages share."""

    logs: Path
    plain: Path
    sanitized: Path
    fuzz_seconds: int
    mutants: Draw = Draw()
    log: Path = field(init=False)

    def call(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        limit: int = 1800,
    ) -> None:
        """Runs a command with its output in the stage's log."""
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(argv)}\n".encode())
            log.flush()
            try:
                done = subprocess.run(
                    argv,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    timeout=limit,
                )
            except subprocess.TimeoutExpired as problem:
                raise StageFailed(f"{argv[0]}: still runs after {limit} s") from problem
        if done.returncode != 0:
            raise StageFailed(f"{argv[0]} ended with {done.returncode}")

    def say(self, text: str) -> None:
        """A line for the stage's log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def tell(self, text: str) -> None:
        """A line for the log, and for whoever watches."""
        self.say(text)
        print(f"       {text}", flush=True)


@dataclass(frozen=True)
class Stage:
    """A stage: its function raises StageFailed where it found something, and Unsupported where it
    could not look."""

    name: str
    check: Callable[[Checks], None]
    what: str
    needs: tuple[str, ...] = ()  # stages that are run first, where only this one is asked for
    on_demand: bool = False  # only where --only names it


def chosen(stages: Sequence[Stage], only: Sequence[str]) -> list[Stage]:
    """The stages to run, in order: all but those on demand; or some, and what they need."""
    by_name = {stage.name: stage for stage in stages}
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name in by_name and name not in wanted:
            wanted.add(name)
            for one in by_name[name].needs:
                want(one)

    for name in only or [stage.name for stage in stages if not stage.on_demand]:
        want(name)
    return [stage for stage in stages if stage.name in wanted]


@dataclass
class Tally:
    """What became of the stages."""

    ok: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)

    def words(self) -> str:
        """For the line at the end."""
        parts = [f"{len(self.ok)} stages ok", f"{len(self.failed)} failed"]
        parts.append(f"{len(self.unsupported)} unsupported")
        for kind, names in (("failed", self.failed), ("unsupported", self.unsupported)):
            if names:
                parts.append(f"{kind}: {', '.join(names)}")
        return f"{', '.join(parts[:3])}" + "".join(f"; {part}" for part in parts[3:])

    def run(self, checks: Checks, stage: Stage) -> None:
        """One stage, told; of one that failed the end of its log, too."""
        checks.log = checks.logs / f"{stage.name}.log"
        checks.log.touch()
        print(f"..   {stage.name}: {stage.what}", flush=True)
        began = time.monotonic()
        problem = reason = ""
        before = [name for name in stage.needs if name in self.failed]
        try:
            if before:
                raise StageFailed(f"not run, for {before[0]} failed")
            stage.check(checks)
        except Unsupported as lacking:
            reason = str(lacking)
            checks.say(f"unsupported: {reason}")
        except BuildError as error:
            checks.say(str(error))
            problem = "does not build"
        except (HarnessError, OSError, subprocess.CalledProcessError) as error:
            problem = str(error)
        seconds = time.monotonic() - began
        mark, names = ("ok  ", self.ok)
        if problem:
            mark, names = "FAIL", self.failed
        elif reason:
            mark, names = "--  ", self.unsupported
        names.append(stage.name)
        words = problem or (f"unsupported: {reason}" if reason else "")
        print(f"{mark} {stage.name:<24} {seconds:6.1f} s  {words}".rstrip(), flush=True)
        if problem:
            lines = checks.log.read_text(encoding="utf-8", errors="replace").splitlines()
            print("\n".join("    " + line for line in lines[-TAIL:]), flush=True)

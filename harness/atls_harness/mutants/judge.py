# SPDX-License-Identifier: Apache-2.0
"""Each change against the tests that run its line: noticed, or survived."""

from __future__ import annotations

import queue
import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from ..unit_tests import play
from .changes import Change, changes
from .reach import Reach, statement
from .workshop import Workshop

# A test hangs that takes so many seconds, and so many times its time, in which it could have run.
SECONDS = 3.0
TIMES = 4.0


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str
    change: Change

    def __str__(self) -> str:
        change = self.change
        return f"{self.file}:{change.line}: {change.function}: {change.kind}: {change.source}"

    @property
    def key(self) -> str:
        """Stays as long as the function's text does, wherever in the tree its file is."""
        return f"{Path(self.file).name}:{self.change.key}"


@dataclass(frozen=True)
class Verdict:
    """What became of one."""

    mutant: Mutant
    # noticed, survived, not-reached (no test runs the line) or not-C (it does not compile)
    outcome: str
    by: str = ""  # the test that noticed it, or what the compiler said

    @property
    def lives(self) -> bool:
        """Whether nothing noticed it."""
        return self.outcome in ("survived", "not-reached")


def mutants_of(root: Path, files: Sequence[str]) -> list[Mutant]:
    """Every mutant of FILES."""
    found = []
    for name in files:
        text = (root / name).read_text(encoding="utf-8")
        found += [Mutant(name, change) for change in changes(text)]
    return found


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """COUNT of them (0: all), the same for the same seed, in the order of files and lines."""
    if not 0 < count < len(mutants):
        return mutants
    chosen = random.Random(seed).sample(range(len(mutants)), count)
    return [mutants[index] for index in sorted(chosen)]


def judge_all(
    mutants: Sequence[Mutant],
    shops: Sequence[Workshop],
    reach: Sequence[Reach],
    told: Callable[[Verdict], None],
) -> list[Verdict]:
    """Plays all, a workshop at a time for each; TOLD hears each verdict as it comes."""
    work: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        work.put(mutant)
    verdicts: list[Verdict] = []
    problems: list[BaseException] = []
    lock = threading.Lock()

    def worker(shop: Workshop) -> None:
        try:
            while not problems:
                verdict = judge(work.get_nowait(), shop, reach)
                with lock:
                    verdicts.append(verdict)
                    told(verdict)
        except queue.Empty:
            pass
        except BaseException as problem:  # told by the thread that waits
            problems.append(problem)

    threads = [threading.Thread(target=worker, args=(shop,)) for shop in shops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return sorted(verdicts, key=lambda one: (one.mutant.file, one.mutant.change.line))


def able(mutant: Mutant, reach: Sequence[Reach]) -> list[Reach]:
    """The tests that run the line, the quickest first."""
    nothing: frozenset[int] = frozenset()
    known = nothing.union(*(one.known.get(mutant.file, nothing) for one in reach))
    line = statement(mutant.change.line, known)
    return [one for one in reach if line in one.lines.get(mutant.file, nothing)]


def judge(mutant: Mutant, shop: Workshop, reach: Sequence[Reach]) -> Verdict:
    """One change: made, built, played, taken back."""
    tests = able(mutant, reach)
    if not tests:
        return Verdict(mutant, "not-reached")
    path = shop.source / mutant.file
    text = path.read_text(encoding="utf-8")
    path.write_text(mutant.change.apply(text), encoding="utf-8")
    # What noticed something in this file before is likely to notice this as well.
    tests.sort(key=lambda one: -shop.noticed[mutant.file, one.name])
    try:
        if not shop.change(mutant.file):
            return Verdict(mutant, "not-C", shop.trouble)
        for one in tests:
            test = shop.tests()[one.name]
            if not shop.renew(test.targets):
                return Verdict(mutant, "not-C", shop.trouble)
            if not play(test, SECONDS + TIMES * one.seconds):
                shop.noticed[mutant.file, test.name] += 1
                return Verdict(mutant, "noticed", test.name)
        return Verdict(mutant, "survived")
    finally:
        path.write_text(text, encoding="utf-8")

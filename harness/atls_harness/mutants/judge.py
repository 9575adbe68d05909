# SPDX-License-Identifier: Apache-2.0
"""Each change against the tests that run its line: noticed, or survived."""

from __future__ import annotations

import concurrent.futures
import heapq
import itertools
import random
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from .bench import Bench
from .changes import Change, changes
from .reach import Reach, statement

# Tests of the file's own room that take no longer are played with each change by itself, as are
# those that have noticed something in the file. The others are played with what these left, so many
# changes at once.
QUICK = 1.0
TOGETHER = 12
# Tests that take longer without the sanitizers are not played with them.
SANE = 2.0


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str
    change: Change
    number: int  # of those of the file, from 1

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
        found += [Mutant(name, change, at) for at, change in enumerate(changes(text), 1)]
    return found


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """COUNT of them (0: all), the same for the same seed, in the order of files and lines."""
    if not 0 < count < len(mutants):
        return mutants
    chosen = random.Random(seed).sample(range(len(mutants)), count)
    return [mutants[index] for index in sorted(chosen)]


class Judge:
    """Plays changes against the tests that REACH them, in PLAIN, and what nothing notices there in
    SANITIZED; TOLD hears each verdict as it comes: that one survives when every test that could
    notice it has been played, so that a run that is cut off says nothing of those that it has not
    come to."""

    def __init__(
        self,
        plain: Bench,
        sanitized: Bench,
        reach: Sequence[Reach],
        jobs: int,
        told: Callable[[Verdict], None],
    ) -> None:
        self._plain, self._sanitized = plain, sanitized
        self._reach, self._jobs = reach, jobs
        self._told = told
        self._noticed: Counter[tuple[str, str]] = Counter()  # in a file, by a test
        self._lock = threading.Lock()

    def all(self, mutants: Sequence[Mutant]) -> None:
        """Plays all, with the near tests first."""
        pool = concurrent.futures.ThreadPoolExecutor(self._jobs)
        try:
            tests = dict(zip(mutants, pool.map(self._alone, mutants)))
            left = {one: names for one, names in tests.items() if names is not None}
            self._together(self._plain, left, pool)
            left = {one: self._sane(one) for one in left}
            self._together(self._sanitized, left, pool)
            for mutant in left:
                self._tell(Verdict(mutant, "survived"))
        finally:
            pool.shutdown(cancel_futures=True)

    def _sane(self, mutant: Mutant) -> frozenset[str]:
        """The tests that are played with the sanitizers: a slow one runs the line as they do."""
        return frozenset(
            one.name
            for one in able(mutant, self._reach)
            if one.seconds <= SANE and self._sanitized.has(one.name)
        )

    def _together(
        self, bench: Bench, left: dict[Mutant, frozenset[str]], pool: concurrent.futures.Executor
    ) -> None:
        """Plays the tests of each with those of others at once. Out of LEFT goes what one
        notices."""
        # By the test's rank, the quickest first: what it notices is not played with slower ones,
        # whose waiting fills the time until its last group is halved. None: its groups are to be
        # made of what is left by then.
        waiting: list[tuple[int, int, list[Mutant] | None]]
        waiting = [(rank, 0, None) for rank in range(len(self._reach))]
        numbers = itertools.count(1)
        playing: dict[concurrent.futures.Future[bool], tuple[int, list[Mutant]]] = {}
        while waiting or playing:
            while waiting and len(playing) < self._jobs:
                rank, _, group = heapq.heappop(waiting)
                test = self._reach[rank]
                if group is None:
                    for batch in _batches([one for one in left if test.name in left[one]]):
                        heapq.heappush(waiting, (rank, next(numbers), batch))
                elif group := [one for one in group if one in left]:
                    playing[pool.submit(_passes, bench, test, group)] = rank, group
            if not playing:
                break
            first = concurrent.futures.FIRST_COMPLETED
            for play in concurrent.futures.wait(playing, return_when=first).done:
                rank, group = playing.pop(play)
                if play.result():
                    continue
                for half in _halves(group) if len(group) > 1 else ():
                    heapq.heappush(waiting, (rank, next(numbers), half))
                if len(group) == 1 and group[0] in left:
                    self._tell(Verdict(group[0], "noticed", self._reach[rank].name))
                    del left[group[0]]

    def _alone(self, mutant: Mutant) -> frozenset[str] | None:
        """The tests that are left to be played with many changes at once; None: it has its
        verdict."""
        wrong = self._plain.wrong.get((mutant.file, mutant.number))
        if wrong is not None:
            self._tell(Verdict(mutant, "not-C", wrong))
            return None
        tests = able(mutant, self._reach)
        if not tests:
            self._tell(Verdict(mutant, "not-reached"))
            return None
        # What noticed something in this file before is likely to notice this as well.
        noticed = {one.name: self._noticed[mutant.file, one.name] for one in tests}
        near = [one for one in tests if noticed[one.name] or _near(mutant, one)]
        for one in sorted(near, key=lambda one: -noticed[one.name]):
            if not _passes(self._plain, one, [mutant]):
                self._tell(Verdict(mutant, "noticed", one.name))
                return None
        return frozenset(one.name for one in tests if one not in near)

    def _tell(self, verdict: Verdict) -> None:
        with self._lock:
            if verdict.outcome == "noticed":
                self._noticed[verdict.mutant.file, verdict.by] += 1
            self._told(verdict)


def _passes(bench: Bench, test: Reach, group: Sequence[Mutant]) -> bool:
    """Whether a test passes with all of a group: then it notices none of them."""
    return bench.passes(test.name, [(one.file, one.number) for one in group])


def _halves(group: list[Mutant]) -> tuple[list[Mutant], list[Mutant]]:
    middle = len(group) // 2
    return group[:middle], group[middle:]


def _near(mutant: Mutant, test: Reach) -> bool:
    """Whether it is a quick test of the same room (those of verifier-stub are verifier/NAME)."""
    room = mutant.file.partition("/")[0]
    return test.seconds <= QUICK and test.name.partition("/")[0] in (room, room.partition("-")[0])


def _batches(mutants: Sequence[Mutant]) -> list[list[Mutant]]:
    """Groups in which no function comes twice."""
    batches: list[dict[tuple[str, str], Mutant]] = []
    for mutant in mutants:
        place = (mutant.file, mutant.change.function)
        fits = [one for one in batches if place not in one and len(one) < TOGETHER]
        if fits:
            fits[0][place] = mutant
        else:
            batches.append({place: mutant})
    return [list(group.values()) for group in batches]


def able(mutant: Mutant, reach: Sequence[Reach]) -> list[Reach]:
    """The tests that run the line, the quickest first."""
    nothing: frozenset[int] = frozenset()
    known = nothing.union(*(one.known.get(mutant.file, nothing) for one in reach))
    line = statement(mutant.change.line, known)
    return [one for one in reach if line in one.lines.get(mutant.file, nothing)]

# SPDX-License-Identifier: Apache-2.0
"""The build that holds every change of some files, and the unit tests that are played with it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Iterable, Mapping, Sequence

from ..errors import BuildError
from ..paths import ROOT
from ..unit_tests import play
from .reach import unchanged
from .schemata import not_c, variable, with_changes
from .workshop import Workshop


@dataclass(frozen=True)
class Kind:
    """How a bench is built and its tests are run. The first failure ends a test."""

    name: str
    options: tuple[str, ...]
    environment: Mapping[str, str]


# What is read before it was written has a value that no test expects.
PLAIN = Kind("plain", (), {"CMOCKA_TEST_ABORT": "1", "MALLOC_PERTURB_": "165"})
# A read or a write beyond an object, a leak, and what C leaves undefined end the test. A crash must
# not look like a refusal (1); what takes memory without end is ended.
SANITIZED = Kind(
    "sanitized",
    (
        "-Db_sanitize=address,undefined",
        "-Db_lundef=false",
        "-Dc_args=-w -fno-sanitize-recover=all",
    ),
    {
        "CMOCKA_TEST_ABORT": "1",
        "ASAN_OPTIONS": "exitcode=99:hard_rss_limit_mb=3000:max_allocation_size_mb=1000",
        "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99",
        "LSAN_OPTIONS": "exitcode=99",
    },
)
# A test hangs that takes so many seconds, and so many times its time, in which it could have run.
SECONDS = 3.0
TIMES = 2.0


class Bench:
    """FILES with their changes, in a build under FOLDER."""

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        tracked: Iterable[str],
        files: Sequence[str],
        bad: Mapping[str, set[int]],
    ) -> None:
        self._kind = kind
        self.wrong: dict[tuple[str, int], str] = {}  # what does not compile, and why
        self._left_out = {name: set(bad.get(name, ())) for name in files}
        self._texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in files}
        self._seconds: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        made = {name: self._made(name) for name in files}
        self._shop = Workshop(folder, tracked, kind.options, made)

    def _made(self, name: str) -> str:
        return with_changes(name, self._texts[name], self._left_out[name])

    def compile(self) -> None:
        """Builds everything; a change that is no C is left out."""
        while not self._shop.compile():
            wrong = not_c(self._shop.said)
            new = {place for place in wrong if place[1] not in self._left_out[place[0]]}
            if not new:
                raise BuildError(self._shop.broken)
            self.wrong.update(wrong)
            self.leave_out(new)

    def leave_out(self, places: Collection[tuple[str, int]]) -> None:
        """Takes changes out of their files, by file and number: they are no C."""
        for name, number in places:
            self._left_out[name].add(number)
        for name in {name for name, _ in places}:
            self._shop.write(name, self._made(name))

    def has(self, test: str) -> bool:
        """Whether there is such a test; some are of no build with sanitizers."""
        return test in self._shop.tests()

    def passes(self, test: str, chosen: Iterable[tuple[str, int]]) -> bool:
        """Whether a test passes with these changes of files, one of a function at most."""
        more: dict[str, str] = {}
        for name, number in chosen:
            said = more.get(variable(name), "")
            more[variable(name)] = f"{said} {number}".strip()
        limit = SECONDS + TIMES * self._unchanged(test)
        return play(self._shop.tests()[test], limit, {**self._kind.environment, **more})

    def _unchanged(self, test: str) -> float:
        with self._lock:
            lock = self._locks.setdefault(test, threading.Lock())
        with lock:
            if test not in self._seconds:
                self._seconds[test] = unchanged(
                    self._shop.tests()[test], self._kind.environment, f", {self._kind.name}"
                )
            return self._seconds[test]

# SPDX-License-Identifier: Apache-2.0
"""Which cases of a large result are told on the first page, and which on pages behind it.

A browser has all of a page in memory: 100,000 cases in one would be some 600 MB. Beyond a few
thousand the first page tells those that did not pass, and some of each scenario; the others follow
in the order of the result, so many on a page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator, Sequence

from .cases import Case

FIRST_PAGE = 3000  # cases: up to so many there is one page
A_PAGE = 1000
LISTED = 1000  # of those that did not pass, in the list of them


@dataclass(frozen=True)
class Paging:
    """Where each case is told."""

    places: dict[str, str]  # by anchor: "" on the first page, or the name of a file
    pages: dict[str, list[Case]]  # those behind the first, in order

    def at(self, anchor: str) -> str:
        """A link to a case, from the first page."""
        return f"{self.places.get(anchor, '')}#{anchor}"

    def first(self, cases: Sequence[Case]) -> list[Case]:
        """Those of CASES that are told on the first page."""
        return [case for case in cases if not self.places.get(case.anchor)]

    def elsewhere(self, cases: Sequence[Case]) -> dict[str, int]:
        """How many of CASES are told on which other pages."""
        found: dict[str, int] = {}
        for case in cases:
            place = self.places.get(case.anchor)
            if place:
                found[place] = found.get(place, 0) + 1
        return found


def _chosen(scenarios: Sequence[Sequence[Case]], most: int) -> set[str]:
    """Anchors of those on the first page: one that is told in full of each scenario, then what did
    not pass, then as many of each scenario as there is room for."""
    chosen = {next((c for c in one if not c.brief), one[0]).anchor for one in scenarios if one}
    for one in scenarios:
        for case in one:
            if not case.good and len(chosen) < most:
                chosen.add(case.anchor)
    each = max(most - len(chosen), 0) // max(len(scenarios), 1)
    for one in scenarios:
        rest = [case.anchor for case in one if case.anchor not in chosen]
        chosen.update(rest[:each])
    return chosen


def split(
    scenarios: Sequence[Sequence[Case]], most: int = FIRST_PAGE, each: int = A_PAGE
) -> Paging:
    """The pages of the cases of SCENARIOS."""
    cases = [case for one in scenarios for case in one]
    places = dict.fromkeys((case.anchor for case in cases), "")
    if len(cases) <= most:
        return Paging(places, {})
    chosen = _chosen(scenarios, most)
    rest = [case for case in cases if case.anchor not in chosen]
    pages = {
        f"report-{number + 2}.html": rest[number * each : (number + 1) * each]
        for number in range(math.ceil(len(rest) / each))
    }
    for name, some in pages.items():
        places.update((case.anchor, name) for case in some)
    return Paging(places, pages)


def runs(cases: Sequence[Case]) -> Iterator[tuple[str, list[Case]]]:
    """Cases that follow each other, by scenario."""
    known, some = "", list[Case]()
    for case in cases:
        name = f"{case.group}/{case.scenario}"
        if name != known and some:
            yield known, some
            some = []
        known = name
        some.append(case)
    if some:
        yield known, some

# SPDX-License-Identifier: Apache-2.0
"""Participants against ports, as they came along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence

from .places import Place
from .record import TONES

# Of what a participant had at a port, the first that occurs is what the cell shows.
ORDER = ("attested", "plain", "refused", "left", "open", "no-tls", "lab", "lost")
MARKS = {"ok": "✓", "warn": "~", "bad": "✕", "none": "·"}
ROWS_MAX = 200


@dataclass
class Cell:
    """One participant at one port."""

    counts: dict[str, int] = field(default_factory=dict)
    newest: int = 0
    link: str = ""

    @property
    def outcome(self) -> str:
        """The best that there was."""
        return next((name for name in ORDER if self.counts.get(name)), "")

    @property
    def tone(self) -> str:
        return TONES.get(self.outcome, "none")

    @property
    def mark(self) -> str:
        return MARKS[self.tone]

    @property
    def all(self) -> int:
        return sum(self.counts.values())

    @property
    def attested(self) -> int:
        return self.counts.get("attested", 0)


@dataclass(frozen=True)
class Matrix:
    """All of it: cells by participant and place's name."""

    places: Sequence[Place]
    rows: dict[str, dict[str, Cell]]
    left_out: int


def make(found: Iterable[tuple[str, str, str, int, int, str]], places: Sequence[Place]) -> Matrix:
    """From what the store counted: participant, place, outcome, how many, newest, its id."""
    rows: dict[str, dict[str, Cell]] = {}
    newest: dict[str, int] = {}
    for participant, place, outcome, count, number, identity in found:
        cell = rows.setdefault(participant, {}).setdefault(place, Cell())
        cell.counts[outcome] = cell.counts.get(outcome, 0) + count
        if number > cell.newest:
            cell.newest, cell.link = number, identity
        newest[participant] = max(number, newest.get(participant, 0))
    order = sorted(rows, key=lambda name: newest[name], reverse=True)
    kept: dict[str, Any] = {name: rows[name] for name in sorted(order[:ROWS_MAX])}
    return Matrix(places, kept, max(0, len(order) - ROWS_MAX))

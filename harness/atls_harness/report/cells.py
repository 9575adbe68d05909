# SPDX-License-Identifier: Apache-2.0
"""Cases in cells: by profile, model and attester, and client against server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Iterable

from ..outcome import NOT_PLAYED, OUTCOMES, UNPLAYED
from ..profiles import ordered
from .cases import Case, Tally, tally
from .values import BAD, NONE, OK, WARN, text

ATTESTERS = ("client", "server", "both", "neither")
MODELS = ("background-check", "passport", "mixed", "none")
REASONS_MAX = 3


@dataclass
class Cell:
    """Where the matrix has cases: a profile, a model, an attester."""

    cases: list[Case]

    @property
    def conforms(self) -> Tally:
        return tally(self.cases, "conforms")

    @property
    def withstood(self) -> Tally:
        return tally(self.cases, "withstood")

    @property
    def outcomes(self) -> str:
        return outcomes(self.cases)

    @property
    def reasons(self) -> str:
        """Why cases of it did not pass, each reason once, the most frequent first."""
        why = Counter(case.reason for case in self.cases if case.outcome != "pass")
        return "; ".join(f"{text(reason, 200)} ({n})" for reason, n in why.most_common(REASONS_MAX))

    @property
    def played(self) -> Tally:
        """How many passed of those that were played."""
        passed = sum(case.outcome == "pass" for case in self.cases)
        return Tally(passed, passed + sum(not case.good for case in self.cases))

    @property
    def only_x509(self) -> bool:
        """Did all that passed go without attestation? Then it says nothing of the profile."""
        passed = [case for case in self.cases if case.outcome == "pass"]
        return bool(passed) and all(case.attester == "neither" for case in passed)

    @property
    def not_played(self) -> int:
        return sum(case.outcome in NOT_PLAYED for case in self.cases)

    @property
    def expected_to_fail(self) -> int:
        return sum(case.outcome == "xfail" for case in self.cases)

    @property
    def tone(self) -> str:
        tones = {case.tone for case in self.cases if case.outcome != "unsupported"}
        if not tones:  # what nobody supports has neither passed nor failed
            return NONE
        return BAD if BAD in tones else WARN if WARN in tones else OK


@dataclass
class Matrix:
    """Cells by profile and model (rows) and attester (columns)."""

    attesters: list[str]
    profiles: dict[str, dict[str, dict[str, Cell]]]


@dataclass
class Pairs:
    """Client (row) against server (column), a table for each profile; and why cells are empty."""

    clients: list[str]
    servers: list[str]
    profiles: dict[str, dict[str, dict[str, Cell]]]
    reasons: list[tuple[str, int, str]]  # why not played, how many cases, where

    def rows(self, profile: str) -> tuple[dict[str, dict[str, Cell]], list[str]]:
        """The clients that played something of a profile, and the names of those that did not."""
        clients = self.profiles[profile]
        idle = [
            name
            for name, cells in clients.items()
            if not any(cell.played.asked for cell in cells.values())
        ]
        return {name: cells for name, cells in clients.items() if name not in idle}, idle


def outcomes(cases: Iterable[Case]) -> str:
    """ "24 pass, 1 fail" """
    counted = Counter(case.outcome for case in cases)
    return ", ".join(f"{counted[name]} {name}" for name in OUTCOMES if counted[name])


def _sorted(found: Iterable[str], known: tuple[str, ...]) -> list[str]:
    every = set(found)
    return [name for name in known if name in every] + sorted(every - set(known))


def make_matrix(cases: list[Case]) -> Matrix:
    """The matrix: those rows and columns that have cases."""
    attesters = _sorted((case.attester for case in cases), ATTESTERS)
    profiles: dict[str, dict[str, dict[str, Cell]]] = {}
    for profile in ordered(case.profile for case in cases):
        mine = [case for case in cases if case.profile == profile]
        profiles[profile] = {
            model: {
                attester: Cell([c for c in mine if (c.model, c.attester) == (model, attester)])
                for attester in attesters
            }
            for model in _sorted((case.model for case in mine), MODELS)
        }
    return Matrix(attesters, profiles)


def make_pairs(cases: list[Case]) -> Pairs | None:
    """Client against server; None where there is one pair only."""
    if len({(case.client, case.server) for case in cases}) < 2:
        return None
    clients = sorted({case.client for case in cases})
    servers = sorted({case.server for case in cases})
    cells: dict[tuple[str, str, str], list[Case]] = {}
    why: dict[str, Counter[str]] = {}
    for case in cases:
        cells.setdefault((case.profile, case.client, case.server), []).append(case)
        if case.outcome in ("unsupported", UNPLAYED):
            where = f"{case.profile} {case.client}:{case.server}"
            why.setdefault(case.reason or "no reason", Counter())[where] += 1
    profiles = {
        profile: {
            client: {server: Cell(cells.get((profile, client, server), [])) for server in servers}
            for client in clients
        }
        for profile in ordered(case.profile for case in cases)
    }
    reasons = [
        (reason, sum(where.values()), ", ".join(sorted(where)))
        for reason, where in sorted(why.items())
    ]
    return Pairs(clients, servers, profiles, reasons)

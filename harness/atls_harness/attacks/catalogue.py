# SPDX-License-Identifier: Apache-2.0
"""What is known of each attack (data/attacks.yaml), held to its schema."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ..document import Document
from ..errors import InputError
from ..paths import ATTACK_CATALOGUE, ATTACK_SCHEMA
from .cell import Cell, applies

SUCCEEDED, WITHSTOOD, NOT_CARRIED_OUT = "succeeded", "withstood", "not carried out"
OUTCOMES = (SUCCEEDED, WITHSTOOD, NOT_CARRIED_OUT)


@dataclass(frozen=True)
class Known:
    """What must come of a play."""

    outcome: str
    reasons: tuple[str, ...]  # of a refusal: those that count
    alerts: tuple[str, ...]
    broken: tuple[str, ...] = ()  # goals of the monitor (bindings.py) that do not hold


@dataclass(frozen=True)
class Attack:
    """An entry of the catalogue."""

    id: str
    value: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.value["name"])

    @property
    def capabilities(self) -> tuple[str, ...]:
        return tuple(self.value["capabilities"])

    @property
    def goals(self) -> tuple[str, ...]:
        """Sections of the use cases' goals that are broken where it succeeds."""
        return tuple(self.value["goals"])

    def known(self, cell: Cell, held: Sequence[str]) -> Known | None:
        """What is known of a play: the first row that it is of."""
        for row in self.value.get("known", []):
            # What is known without a defence is not known with one.
            if cell.defence in row.get("defence", [""]) and applies(row, cell, held):
                lists = (tuple(row.get(name, ())) for name in ("reasons", "alerts", "broken"))
                return Known(row["outcome"], *lists)
        return None


@functools.lru_cache(maxsize=None)
def _data() -> Mapping[str, Any]:
    document = Document(ATTACK_CATALOGUE, InputError)
    document.check(ATTACK_SCHEMA)
    value: Mapping[str, Any] = document.value
    return value


@functools.lru_cache(maxsize=None)
def catalogue() -> Mapping[str, Attack]:
    """The attacks by id."""
    return {one["id"]: Attack(one["id"], one) for one in _data()["attacks"]}


def capabilities() -> Mapping[str, str]:
    """What an attacker may have, by name."""
    return {name: str(words) for name, words in _data()["capabilities"].items()}


def goals() -> Mapping[str, str]:
    """The goals of draft-ietf-seat-use-cases by section."""
    return {str(section): str(words) for section, words in _data()["goals"].items()}


def published() -> Sequence[Mapping[str, Any]]:
    """What was published of a goal or of an attack, by column."""
    return list(_data().get("published", []))

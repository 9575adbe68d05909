# SPDX-License-Identifier: Apache-2.0
"""The machine that a profile asks for, and a learnt one beside it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from ..document import Document
from ..errors import HarnessError, InputError
from ..nearest import meant
from ..paths import MACHINE_SCHEMA, MACHINES

SILENCE, CLOSED, DATA = "-", "closed", "application_data"
TICKET, CLOSE_NOTIFY = "new_session_ticket", "alert:close_notify"
ALERT = "alert:"
ANY = "*"
PATHS_MAX = 200
Word = tuple[str, ...]
Place = tuple[int, str | None]  # a learnt state, and the expected one; None: off the expected way


class MachineError(InputError):
    """A machine in data/machines is wrong."""


def plain(answer: str) -> str:
    """An answer without what no clause fixes: tickets (RFC 8446 4.6.1), and how it closed behind an
    alert or behind application data."""
    words = [one for one in answer.split("+") if one != TICKET]
    kept = [one for one in words if one not in (CLOSED, CLOSE_NOTIFY)]
    if kept:
        return "+".join(kept)
    return CLOSED if words else SILENCE


def alert_of(answer: str) -> str:
    """The alert in an answer, or ""."""
    found = [one for one in answer.split("+") if one.startswith(ALERT) and one != CLOSE_NOTIFY]
    return found[0].removeprefix(ALERT) if found else ""


@dataclass(frozen=True)
class Row:
    """What may be answered to a message in a state."""

    input: str
    answer: str  # "" where it is an alert
    alerts: tuple[str, ...]
    to: str
    data: bool  # is application data exchanged?
    clause: str

    def takes(self, answer: str) -> bool:
        """Is that it?"""
        if self.alerts:
            return answer in [ALERT + one for one in self.alerts]
        return answer == self.answer

    @property
    def words(self) -> str:
        """It, for people."""
        return " or ".join(self.alerts) or self.answer.replace(SILENCE, "nothing")


@dataclass(frozen=True)
class Machine:
    """The machine of a profile."""

    profile: str
    document: str
    alphabet: Mapping[str, str]
    states: Mapping[str, str]
    start: str
    rows: Mapping[str, tuple[Row, ...]]

    def due(self, state: str, name: str) -> list[Row]:
        """What may be answered to a message in a state."""
        own = [row for row in self.rows[state] if row.input == name]
        return own or [row for row in self.rows[state] if row.input == ANY]


def _rows(
    document: Document, states: Mapping[str, str], alphabet: Mapping[str, str]
) -> dict[str, list[Row]]:
    made: dict[str, list[Row]] = {name: [] for name in states}
    for number, one in enumerate(document.value["transitions"]):
        for field, known in (("from", states), ("input", {**alphabet, ANY: ""}), ("to", states)):
            if field in one and one[field] not in known:
                words = f"no {one[field]!r}{meant(one[field], known)}"
                raise document.fail(("transitions", number, field), words)
        answer, alerts = str(one.get("answer", "")), tuple(one.get("alerts", ()))
        to, data = str(one.get("to", "closed")), bool(one.get("data", False))
        made[one["from"]].append(Row(one["input"], answer, alerts, to, data, one["clause"]))
    return made


@functools.lru_cache(maxsize=None)
def machines() -> Mapping[str, Machine]:
    """All of data/machines, by profile."""
    found = [load(path) for path in sorted(MACHINES.glob("*.yaml"))]
    return {one.profile: one for one in found if one.profile}


def load(path: Path) -> Machine:
    """Reads a machine, and the one that it is built on: what it says itself of a message in a state
    is all that may be answered there."""
    document = Document(path, MachineError)
    document.check(MACHINE_SCHEMA)
    value = document.value
    base = load(path.with_name(f"{value['base']}.yaml")) if "base" in value else None
    alphabet = {**(base.alphabet if base else {}), **value["alphabet"]}
    states = {**(base.states if base else {}), **value.get("states", {})}
    rows = _rows(document, states, alphabet)
    for state, known in (base.rows if base else {}).items():
        own = {row.input for row in rows[state]}
        rows[state] += [row for row in known if row.input not in own]
    return Machine(
        value.get("profile", ""),
        value["document"],
        alphabet,
        states,
        next(iter(states)),
        {name: tuple(found) for name, found in rows.items()},
    )


@dataclass(frozen=True)
class Edge:
    """A message in a place, what came, and what may come."""

    input: str
    came: str
    row: Row | None  # None where what came is none of what may come
    due: tuple[Row, ...]
    data: bool
    confirmed: bool  # by application data of the server's
    to: Place | None  # None: the connection has ended


class Beside:
    """A learnt machine, walked together with the expected one."""

    def __init__(self, learnt: Sequence[Mapping[str, Any]], expected: Machine) -> None:
        self.learnt = learnt
        self.expected = expected
        self.edges: dict[Place, list[Edge]] = {}
        self.words: dict[Place, Word] = {(0, expected.start): ()}
        waiting: list[Place] = [(0, expected.start)]
        for place in waiting:
            self.edges[place] = list(self._edges(place))
            for edge in self.edges[place]:
                if edge.to is not None and edge.to not in self.words:
                    self.words[edge.to] = (*self.words[place], edge.input)
                    waiting.append(edge.to)

    def _edges(self, place: Place) -> Iterator[Edge]:
        number, state = place
        for name, step in self.learnt[number]["transitions"].items():
            came = plain(step["answer"])
            due = tuple(self.expected.due(state, name)) if state is not None else ()
            row = next((one for one in due if one.takes(came)), None)
            confirmed = DATA in came.split("+")
            data = confirmed or (name.startswith(DATA) and self._taken(place, came))
            ended = step["answer"].endswith(CLOSED)
            to = None if ended else (step["to"], row.to if row else None)
            yield Edge(name, came, row, due, data, confirmed, to)

    def _taken(self, place: Place, came: str) -> bool:
        """Is application data taken in silence? Only where there are keys for it."""
        if came != SILENCE:
            return False
        answers, number = [], 0
        for one in self.words[place]:
            step = self.learnt[number]["transitions"][one]
            answers.append(step["answer"])
            number = step["to"]
        return any("finished" in one.split("+") for one in answers)

    def paths(self) -> list[dict[str, Any]]:
        """Each way to application data that goes through no place twice, the shortest first."""
        found: list[dict[str, Any]] = []
        waiting: list[tuple[Place, Word, tuple[Place, ...]]] = [((0, self.expected.start), (), ())]
        for place, word, seen in waiting:
            for edge in self.edges[place]:
                longer = (*word, edge.input)
                if edge.data:
                    good = edge.row is not None and edge.row.data
                    one = {"word": list(longer), "expected": good, "confirmed": edge.confirmed}
                    found.append({**one, "clause": edge.row.clause if good and edge.row else ""})
                if edge.to is not None and edge.to not in (*seen, place):
                    waiting.append((edge.to, longer, (*seen, place)))
            if len(found) > PATHS_MAX:
                raise HarnessError(f"more than {PATHS_MAX} paths lead to application data")
        return found

    def differences(self) -> list[dict[str, Any]]:
        """Answers on the expected way that are none of those that are due."""
        return [
            {
                "state": place[1],
                "word": [*self.words[place], edge.input],
                "due": " or ".join(dict.fromkeys(row.words for row in edge.due)),
                "came": edge.came,
                "alert": alert_of(edge.came),
                "clause": edge.due[0].clause,
            }
            for place, edges in self.edges.items()
            for edge in edges
            if place[1] is not None and edge.due and edge.row is None
        ]

    def names(self) -> list[str]:
        """The learnt states, by the expected ones that they are; "ended" is where nothing comes."""
        made = []
        for number, state in enumerate(self.learnt):
            found = [one for at, one in self.words if at == number and one is not None]
            ended = all(one["answer"] == CLOSED for one in state["transitions"].values())
            name = "ended" if ended else " = ".join(dict.fromkeys(found))
            made.append(name or f"state {number}")
        return made

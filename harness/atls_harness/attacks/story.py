# SPDX-License-Identifier: Apache-2.0
"""Stories of scenarios/attacks: who plays in an attack, and in which cells it is played.

A play is a cell (cell.py) with the capabilities that the attacker has in it; a story has a play for
each subset of its capabilities.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

from ..document import Document
from ..errors import ScenarioError
from ..nearest import meant
from ..paths import ATTACK_STORY_SCHEMA, ATTACKS
from ..prediction import readings
from ..scenario import check_clauses, merge, with_texts
from .catalogue import Attack, catalogue
from .cell import AXES, MORE_AXES, Cell, applies

# A judgement of one side alone: the attacker's endpoints do without it.
OF_VICTIMS = ("own-key", "bare-token")
NO_BARE_TOKEN = "bare-token=off"


@dataclass(frozen=True)
class Story:
    """An attack, as it is played."""

    path: Path
    attack: Attack
    title: str
    value: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def varied(self) -> tuple[str, ...]:
        """The capabilities whose subsets are played."""
        return tuple(self.value["attack"]["capabilities"])

    def cells(self) -> list[Cell]:
        """In the order of the file."""
        made = []
        for block in self.value["cells"]:
            lists = [one if isinstance(one, list) else [one] for one in map(block.get, AXES)]
            more = [block.get(name, [""]) for name in MORE_AXES]
            made += [Cell(*one) for one in itertools.product(*lists, *more)]
        return list(dict.fromkeys(made))

    def cast(self, cell: Cell, held: frozenset[str]) -> dict[str, dict[str, Any]]:
        """The members of a play, with what the attacker lacks taken away."""
        cast: dict[str, Any] = dict(self.value["cast"])
        for change in self.value.get("when", []):
            if applies(change, cell, held):
                cast = merge(cast, change.get("cast", {}))
        made = {}
        for name, member in cast.items():
            if member is None:
                continue
            fields = {key: value for key, value in member.items() if key != "without"}
            for capability, change in member.get("without", {}).items():
                if capability not in held:
                    fields = merge(fields, change)
            if not fields.pop("absent", False):
                made[name] = with_texts(fields, lambda text: text.replace("{case}", cell.case))
        return made

    def last_step(self, cell: Cell, held: frozenset[str]) -> Mapping[str, str]:
        """The event by which the attacker has come to its last step: party, event, fields."""
        found: Mapping[str, str] = self.value["last-step"]
        for change in self.value.get("when", []):
            if "last-step" in change and applies(change, cell, held):
                found = change["last-step"]
        return found

    @property
    def property(self) -> str:
        """What is broken where it succeeds: how that is judged."""
        return str(self.value["attack"]["property"])


@dataclass(frozen=True)
class Play:
    """A cell, and what the attacker has in it."""

    story: Story
    cell: Cell
    held: tuple[str, ...]
    honest: bool = False

    @property
    def id(self) -> str:
        if self.honest:
            return f"honest[{self.cell.name}]"
        return f"{self.story.name}[{self.cell.name}]{{{','.join(self.held)}}}"

    @property
    def whole(self) -> bool:
        """Does the attacker have all that the attack asks for?"""
        return self.held == self.story.varied

    def cast(self) -> dict[str, dict[str, Any]]:
        """The members."""
        if self.honest:
            return honest(self.cell)
        return self.story.cast(self.cell, frozenset(self.held))


# Who plays where nobody attacks: it must complete, or an attack that is refused shows nothing.
HONEST: dict[str, dict[str, Any]] = {
    "verifier": {"is": "verifier", "endorses": ["genuine"]},
    "machine": {"is": "device", "seed": "genuine"},
    "identity": {"is": "enrolment", "device": "machine"},
    "genuine": {
        "is": "attester",
        "by": "genuine",
        "device": "machine",
        "identity": "identity",
        "meets": "victim",
    },
    "victim": {"is": "relying-party", "by": "victim", "meets": "genuine"},
}


def honest(cell: Cell) -> dict[str, dict[str, Any]]:
    """HONEST, with the readings with which a cell is played."""
    must = readings(cell.column, cell.model, cell.format)
    # That a result answers the binder is the attester's affair, too.
    asked = {name: reading for name, reading in must.items() if name == "result-nonce"}
    cast: dict[str, Any] = HONEST
    for who, told in (("victim", must), ("genuine", asked)):
        if told:
            variant = [f"{name}={reading}" for name, reading in told.items()]
            cast = merge(cast, {who: {"flags": {"variant": variant}}})
    return cast


def subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All of them, the whole first."""
    for size in range(len(names), -1, -1):
        yield from itertools.combinations(names, size)


def load(path: Path) -> Story:
    """Reads a story. ScenarioError where it is wrong."""
    document = Document(path, ScenarioError)
    document.check(ATTACK_STORY_SCHEMA)
    value = document.value
    known = catalogue()
    attack = value["attack"]["id"]
    if attack not in known:
        raise document.fail(("attack", "id"), f"no attack {attack!r}{meant(attack, known)}")
    found = known[attack]
    for index, name in enumerate(value["attack"]["capabilities"]):
        if name not in found.capabilities:
            words = f"{attack} has no capability {name!r}{meant(name, found.capabilities)}"
            raise document.fail(("attack", "capabilities", index), words)
    check_clauses(document)
    for name, member in value["cast"].items():
        for capability in (member or {}).get("without", {}):
            if capability not in value["attack"]["capabilities"]:
                words = f"the attack has no capability {capability!r}"
                raise document.fail(("cast", name, "without", capability), words)
    return Story(path, found, value["title"], value)


@functools.lru_cache(maxsize=None)
def stories() -> tuple[Story, ...]:
    """All of them."""
    return tuple(load(path) for path in sorted(ATTACKS.glob("*.yaml")))


def plays(story: Story) -> list[Play]:
    """Every cell with every subset of the capabilities."""
    return [Play(story, cell, held) for cell in story.cells() for held in subsets(story.varied)]

# SPDX-License-Identifier: Apache-2.0
"""Scenarios: a YAML file is a story, its matrix makes it into cases.

A case is the story with one value of each axis merged in. What is merged is checked against the
schema again, so that a variant can say nothing that a story could not.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from .contract import contract
from .document import Document, complaint, first_problem, load_schema, where_of
from .errors import ScenarioError
from .nearest import meant
from .ambiguities import ambiguities
from .paths import SCENARIO_SCHEMA, shown
from .requirements import requirements

SIDES = ("client", "server")
VARIABLE = re.compile(r"\$\(([a-z0-9-]+)\)")
MATRIX_FIELDS = ("matrix", "exclude", "variants", "title", "description", "clauses", "ambiguity")


def merge(base: Any, change: Any) -> Any:
    """CHANGE over BASE: mappings merge, anything else replaces."""
    if isinstance(base, Mapping) and isinstance(change, Mapping):
        merged = dict(base)
        for key, value in change.items():
            merged[key] = merge(base[key], value) if key in base else value
        return merged
    return change


def with_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """VALUE with each text in it, however deep, as CHANGE has it; names stay."""
    if isinstance(value, Mapping):
        return {key: with_texts(below, change) for key, below in value.items()}
    if isinstance(value, list):
        return [with_texts(below, change) for below in value]
    return change(value) if isinstance(value, str) else value


def substitute(value: Any, variables: Mapping[str, Any]) -> Any:
    """VALUE with each $(name) replaced; a whole scalar keeps the type of what it stands for."""

    def replaced(text: str) -> Any:
        whole = VARIABLE.fullmatch(text)
        if whole:
            return variables[whole.group(1)]
        return VARIABLE.sub(lambda match: str(variables[match.group(1)]), text)

    return with_texts(value, replaced)


@dataclass(frozen=True)
class Case:
    """One way through a story: everything that the harness needs to play it."""

    scenario: "Scenario"
    name: str
    parameters: Mapping[str, str]
    story: Mapping[str, Any]
    pair: str = ""  # "CLIENT:SERVER", where a matrix is played
    place: str = ""  # what goes before its id, where another scenario of the run has the same name

    @property
    def id(self) -> str:
        """Stable and unique: scenario[case], with @CLIENT:SERVER behind in a matrix."""
        at = f"@{self.pair}" if self.pair else ""
        if self.name == self.scenario.name:
            return f"{self.place}{self.name}{at}"
        return f"{self.place}{self.scenario.name}[{self.name}]{at}"

    @property
    def item(self) -> str:
        """What pytest calls it within its file."""
        return f"{self.name}@{self.pair}" if self.pair else self.name

    @property
    def nodeid(self) -> str:
        """What repeats it."""
        return f"{shown(self.scenario.path)}::{self.item}"

    @property
    def profile(self) -> str:
        return str(self.story.get("profile", "ta-07"))

    @property
    def refused(self) -> bool:
        """Must the connection be refused?"""
        return bool(self.story["expect"].get("outcome", "complete") == "refused")

    def attests(self, side: str) -> bool:
        """Is SIDE to attest itself?"""
        return self.story.get("attester", "client") in (side, "both")

    def model(self, side: str) -> str:
        """The model of the attester SIDE (and so of its peer, the relying party), or "none"."""
        if not self.attests(side):
            return "none"
        model = self.story.get(f"{side}-model") or self.story.get("model") or "background-check"
        return str(model)

    def profile_of(self, side: str) -> str:
        """The profile of one side: the case's, unless the story says another."""
        return str(self.flags(side).get("profile", self.profile))

    def roles(self, side: str) -> list[str]:
        """The roles that SIDE is really given: the story may take one away at that side."""
        flags = self.flags(side)
        return [
            role
            for role in ("attester", "relying-party")
            if side in self.sides(role) and flags.get(role) != "none"
        ]

    def beside_x509(self, side: str) -> bool:
        """Does SIDE attest a key for which it has a certificate as well, beside or inside it?"""
        kind = self.flags(side).get("credential-kind", "attestation")
        attests = "attester" in self.roles(side)
        profile = contract().profiles.get(self.profile_of(side))
        return attests and (kind == "cert" or bool(profile and profile.beside_x509))

    def sides(self, role: str) -> list[str]:
        """The sides that have a ROLE (attester, relying-party), or the side of that name."""
        if role in SIDES:
            return [role]
        attesters = [side for side in SIDES if self.attests(side)]
        if role == "attester":
            return attesters
        return [other(side) for side in reversed(attesters)]

    def flags(self, side: str) -> dict[str, Any]:
        """What the story says of one side: by role first, by its reading, and then by name."""
        if side not in self._flags:
            self._flags[side] = self._merged(side)
        return dict(self._flags[side])

    @functools.cached_property
    def _flags(self) -> dict[str, dict[str, Any]]:
        return {}

    def _merged(self, side: str) -> dict[str, Any]:
        flags: dict[str, Any] = {}
        for role in ("attester", "relying-party"):
            if side in self.sides(role):
                flags = merge(flags, self.story.get("roles", {}).get(role, {}))
        letter = self.story.get("readings", {}).get(side)
        if letter:
            flags = merge(flags, ambiguities()[self.scenario.ambiguity].readings[letter].flags)
        merged: dict[str, Any] = merge(flags, self.story.get(side, {}))
        return merged


def other(side: str) -> str:
    """The other side."""
    return "server" if side == "client" else "client"


@dataclass(frozen=True)
class Scenario:
    """A story."""

    path: Path
    title: str
    description: str
    clauses: tuple[str, ...]
    value: Mapping[str, Any]
    ambiguity: str = ""  # the id in data/ambiguities.yaml that it is about

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def group(self) -> str:
        """The folder: what kind of story it is."""
        return self.path.parent.name


def invented(name: str, story: Mapping[str, Any], title: str = "") -> Case:
    """The one case of a story that is in no file."""
    return Case(Scenario(Path(f"{name}.yaml"), title, "", (), story), name, {}, story)


def _axis_values(name: str, values: list[Any]) -> list[tuple[str, str, Any, Mapping[str, Any]]]:
    properties = load_schema(SCENARIO_SCHEMA)["$defs"]["axis-value"]["anyOf"][1]["properties"]
    made: list[tuple[str, str, Any, Mapping[str, Any]]] = []
    for value in values:
        if isinstance(value, Mapping):
            change = {key: below for key, below in value.items() if key != "id"}
            made.append((name, str(value["id"]), value["id"], change))
        else:
            text = _word(value)
            made.append((name, text, value, {name: value} if name in properties else {}))
    return made


def _word(value: Any) -> str:
    """A plain value of an axis, in names of cases and where one is meant."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_values(document: Document, axes: Mapping[str, Sequence[str]]) -> None:
    """What `exclude` and `variants` mean must be there to be meant."""
    for field in ("exclude", "variants"):
        for index, entry in enumerate(document.value.get(field, [])):
            for axis, value in (entry["when"] if field == "variants" else entry).items():
                for one in value if isinstance(value, list) else [value]:
                    if _word(one) not in axes[axis]:
                        words = f"the axis {axis} has no value {_word(one)!r}"
                        place = (field, index, *(["when"] if field == "variants" else []), axis)
                        raise document.fail(place, words + meant(_word(one), axes[axis]))


def _applies(when: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    return all(
        parameters.get(name)
        in [_word(one) for one in (value if isinstance(value, list) else [value])]
        for name, value in when.items()
    )


def check_clauses(document: Document) -> None:
    """What a story names must be there to be shown."""
    for index, clause in enumerate(document.value["clauses"]):
        if clause not in requirements():
            words = f"there is no requirement {clause!r}{meant(clause, requirements())}"
            raise document.fail(("clauses", index), words)


def load(path: Path) -> tuple[Scenario, Document]:
    """Reads a scenario and checks it, without its cases."""
    document = Document(path, ScenarioError)
    document.check(SCENARIO_SCHEMA)
    value = document.value
    check_clauses(document)
    if value.get("ambiguity", "H") not in (*ambiguities(), "H"):
        name = value["ambiguity"]
        words = f"there is no ambiguity {name!r}{meant(name, ambiguities())}"
        raise document.fail(("ambiguity",), words)
    axes = value.get("matrix", {})
    for field in ("exclude", "variants"):
        for index, entry in enumerate(value.get(field, [])):
            for axis in entry["when"] if field == "variants" else entry:
                if axis not in axes:
                    words = f"there is no axis {axis!r} in the matrix{meant(axis, axes)}"
                    raise document.fail((field, index), words)
    scenario = Scenario(
        path,
        value["title"],
        value.get("description", ""),
        tuple(value["clauses"]),
        value,
        value.get("ambiguity", ""),
    )
    return scenario, document


def cases(scenario: Scenario, document: Document) -> Iterator[Case]:
    """The cases of a scenario, in the order of its matrix."""
    value = scenario.value
    base = {key: below for key, below in value.items() if key not in MATRIX_FIELDS}
    axes = [_axis_values(name, values) for name, values in value.get("matrix", {}).items()]
    texts = [[text for _, text, _, _ in one] for one in axes]
    _check_values(document, dict(zip(value.get("matrix", {}), texts)))
    names: set[str] = set()
    for choice in itertools.product(*axes):
        parameters = {axis: text for axis, text, _, _ in choice}
        if any(_applies(entry, parameters) for entry in value.get("exclude", [])):
            continue
        story: Any = base
        for _, _, _, change in choice:
            story = merge(story, change)
        for index, variant in enumerate(value.get("variants", [])):
            if _applies(variant["when"], parameters):
                change = {key: below for key, below in variant.items() if key != "when"}
                story = merge(story, change)
        try:
            story = substitute(story, {axis: raw for axis, _, raw, _ in choice})
        except KeyError as missing:
            raise document.fail((), f"there is no axis for the variable {missing}") from missing
        name = "-".join(text for _, text, _, _ in choice) or scenario.name
        whole = dict(story, title=scenario.title, clauses=list(scenario.clauses))
        problem = first_problem(whole, SCENARIO_SCHEMA)
        if problem is not None:
            words = f"case {name}: {where_of(problem)}: {complaint(problem)}"
            raise document.fail(list(problem.absolute_path), words)
        case = Case(scenario, name, parameters, story)
        problem_text = _contradiction(case)
        if problem_text:
            raise document.fail(("expect",), f"case {name}: {problem_text}")
        if name in names:
            raise document.fail(("matrix",), f"two cases are named {name!r}")
        names.add(name)
        yield case


def _contradiction(case: Case) -> str:
    """What no schema can say."""
    expect = case.story["expect"]
    readings = case.story.get("readings", {})
    known = ambiguities()[case.scenario.ambiguity].readings if case.scenario.ambiguity else {}
    if bool(readings) != bool(case.scenario.ambiguity):
        return "ambiguity and readings go together"
    for letter in readings.values():
        if letter not in known:
            return f"{case.scenario.ambiguity} has no reading {letter!r}"
    if case.refused:
        for field in ("by", "reason"):
            if field not in expect:
                return f"refused, but expect.{field} is missing"
        if len(case.sides(expect["by"])) != 1:
            return f"refused by {expect['by']!r}, which is not exactly one side"
    else:
        for field in ("by", "reason", "alert"):
            if field in expect:
                return f"expect.{field} stands beside outcome complete"
    return ""

# SPDX-License-Identifier: Apache-2.0
"""A whole result, made ready to be shown: values.py reads it, cases.py, cells.py and clauses.py
have its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .. import ROOT_OF_TRUST
from .cases import Case, read_case
from .cells import Cell, Matrix, Pairs, make_matrix, make_pairs
from .clauses import clauses_of
from .values import BAD, OK, WARN, anchor, mapping, moment, number, text


@dataclass
class Scenario:
    """A scenario and its cases."""

    group: str
    name: str
    title: str
    description: str
    anchor: str
    cases: list[Case]

    @property
    def clauses(self) -> list[str]:
        return list(dict.fromkeys(clause for case in self.cases for clause in case.clauses))

    @property
    def tone(self) -> str:
        tones = {case.tone for case in self.cases}
        return BAD if BAD in tones else WARN if WARN in tones else OK


@dataclass
class Report:
    """All of it."""

    raw: Mapping[str, Any]
    root_of_trust: str
    run: Mapping[str, Any]
    cases: list[Case]
    groups: dict[str, list[Scenario]]
    matrix: Matrix
    clauses: list[Mapping[str, Any]]
    pairs: Pairs | None = None  # where there is more than one

    @property
    def whole(self) -> Cell:
        return Cell(self.cases)

    @property
    def bad(self) -> list[Case]:
        return [case for case in self.cases if not case.good]

    @property
    def others(self) -> list[Case]:
        """Neither passed nor failed; of several pairs, the reasons are told with the matrix."""
        if self.pairs:
            return [case for case in self.cases if case.outcome in ("xfail", "skipped")]
        return [case for case in self.cases if case.good and case.outcome != "pass"]


def make(raw: Mapping[str, Any]) -> Report:
    """A report on a result."""
    cases = [read_case(mapping(one), index) for index, one in enumerate(raw["cases"], 1)]
    pairs = make_pairs(cases)
    groups: dict[str, dict[str, Scenario]] = {}
    for case in cases:
        if pairs and case.outcome == "unsupported":
            continue  # thousands, and each reason is told once
        scenarios = groups.setdefault(case.group, {})
        if case.scenario not in scenarios:
            scenarios[case.scenario] = Scenario(
                case.group,
                case.scenario,
                case.title,
                text(case.raw.get("description"), 4000),
                anchor("scenario", f"{case.group}/{case.scenario}"),
                [],
            )
        scenarios[case.scenario].cases.append(case)
    return Report(
        raw=raw,
        root_of_trust=ROOT_OF_TRUST,  # whatever the result says
        run=mapping(raw.get("run")),
        cases=cases,
        groups={
            group: sorted(scenarios.values(), key=lambda one: one.name)
            for group, scenarios in sorted(groups.items())
        },
        matrix=make_matrix(cases),
        clauses=clauses_of(raw, cases),
        pairs=pairs,
    )


def _stacks(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every stack that played: its versions, and the alerts that it cannot choose."""
    made = []
    for name, value in mapping(run.get("stacks")).items():
        stack = mapping(value)
        words = list(dict.fromkeys(map(text, mapping(stack.get("programs")).values())))
        words += [
            f"in {text(profile)} it may send {text(names)} where it cannot choose the alert"
            for profile, names in mapping(stack.get("alerts")).items()
        ]
        made.append((text(name), "; ".join(words)))
    return made


def title(report: Report) -> str:
    """Who was tested against whom."""
    if report.pairs:
        names = sorted({*report.pairs.clients, *report.pairs.servers})
        return f"{len(names)} stacks against each other"
    peers = mapping(report.run.get("peers"))
    ends = [text(peers.get(side), 60) for side in ("client", "server")]
    if not all(ends):
        return "Attested TLS interop report"
    return f"{ends[0]} against itself" if ends[0] == ends[1] else f"{ends[0]} against {ends[1]}"


def versions(report: Report) -> list[str]:
    """What each stack that played calls itself, with its version."""
    if report.pairs:
        return [f"{name}: {words}" for name, words in _stacks(report.run)]
    programs = mapping(report.run.get("programs"))
    return [text(programs[side], 200) for side in ("client", "server") if programs.get(side)]


def facts(report: Report) -> list[tuple[str, str]]:
    """What is known of a run, for people."""
    run = report.run
    made = [("Command", text(run.get("command"))), ("Started", moment(run.get("started")))]
    if number(run.get("seconds")):
        made.append(("Took", f"{number(run['seconds']):.1f} s"))
    made += [
        (name.capitalize(), text(run.get(name)))
        for name in ("seed", "repeat", "revision", "system")
    ]
    made.append(("atls", text(run.get("atls"))))
    made.append(("Processors", text(run.get("cpus"))))
    programs = mapping(run.get("programs"))
    made += [
        (f"Peer as {text(role)}", f"{text(peer)}: {text(programs[role])}")
        for role, peer in mapping(run.get("peers")).items()
        if role in programs
    ]
    if report.pairs:
        made += [(f"Stack {name}", words) for name, words in _stacks(run)]
    made.append(("Result format", f"version {text(report.raw.get('version'))}"))
    return [(name, value) for name, value in made if value]

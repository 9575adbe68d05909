# SPDX-License-Identifier: Apache-2.0
"""Cases, as a report shows them: what was expected, what came, and what each party said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from ..contract import cited
from ..outcome import GOOD, NOT_PLAYED, OUTCOMES, UNPLAYED
from .values import BAD, NONE, OK, WARN, anchor, listed, mapping, number, text


@dataclass(frozen=True)
class Tally:
    """How many of those that were asked said yes."""

    passed: int
    asked: int
    unknown: int = 0
    missed: int = 0  # of those that were asked: who had to refuse did not get that far
    unplayed: int = 0  # were chosen, and the run was ended before it came to them

    @property
    def tone(self) -> str:
        if self.passed + self.missed < self.asked:
            return BAD
        if self.unknown or self.missed or self.unplayed:
            return WARN
        return OK if self.asked else NONE

    def __str__(self) -> str:
        if self.asked:
            return f"{self.passed}/{self.asked}"
        return "?" if self.unknown else "–"


@dataclass(frozen=True)
class Row:
    """One thing that was expected, and what came."""

    party: str
    what: str
    expected: str
    observed: str
    tone: str


@dataclass(frozen=True)
class Said:
    """What a party came to: a line, its details below."""

    party: str
    line: str
    tone: str
    details: tuple[str, ...] = ()


@dataclass
class Case:
    """A case, as the report shows it."""

    raw: Mapping[str, Any]
    id: str
    anchor: str
    group: str
    scenario: str
    title: str
    name: str
    profile: str
    model: str
    attester: str
    outcome: str
    reason: str
    seconds: float
    conforms: str
    withstood: str
    clauses: list[str]
    client: str = ""
    server: str = ""
    rows: list[Row] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.outcome in GOOD

    @property
    def brief(self) -> bool:
        """Is there no more to say than that it went as expected?"""
        return self.outcome == "pass" and not self.raw.get("timeline") and bool(self.rows)

    @property
    def as_expected(self) -> str:
        return ", ".join(
            row.expected if row.what == "outcome" else f"{row.what} {row.expected}"
            for row in self.rows
        )

    @property
    def tone(self) -> str:
        tone = tone_of(self.outcome)
        return WARN if tone == OK and self.withstood == "not-reached" else tone


def tone_of(outcome: str) -> str:
    """How an outcome is to be shown."""
    if outcome == "pass":
        return OK
    return WARN if outcome in GOOD else BAD


def roles(raw: Mapping[str, Any]) -> tuple[str, str]:
    """The model and the attester of a case."""
    parameters = mapping(raw.get("parameters"))
    attested = mapping(raw.get("attested"))
    if "client" not in attested or "server" not in attested:
        return text(parameters.get("model")) or "?", text(parameters.get("attester")) or "?"
    found = {side: text(attested[side]) for side in ("client", "server")}
    sides = [side for side, model in found.items() if model != "none"]
    models = {found[side] for side in sides}
    model = "none" if not models else models.pop() if len(models) == 1 else "mixed"
    return model, "neither" if not sides else "both" if len(sides) == 2 else sides[0]


def read_case(raw: Mapping[str, Any], index: int) -> Case:
    """A case of a result."""
    columns = mapping(raw.get("columns"))
    model, attester = roles(raw)
    outcome = text(raw.get("outcome"))
    case = Case(
        raw=raw,
        id=text(raw.get("id")) or f"case {index}",
        anchor=anchor("case", f"{index} {text(raw.get('id'))}"),
        group=text(raw.get("group")) or "other",
        scenario=text(raw.get("scenario")) or text(raw.get("id")) or f"case {index}",
        title=text(raw.get("title")),
        name=text(raw.get("case")) or text(raw.get("id")),
        profile=text(raw.get("profile")) or "?",
        model=model,
        attester=attester,
        outcome=outcome if outcome in OUTCOMES else "error",
        reason=text(raw.get("reason"), 4000),
        seconds=number(raw.get("seconds")),
        conforms=text(columns.get("conforms")) or "unknown",
        withstood=text(columns.get("withstood")) or "unknown",
        clauses=[text(clause) for clause in listed(raw.get("clauses"))],
        client=text(mapping(raw.get("peers")).get("client")) or "?",
        server=text(mapping(raw.get("peers")).get("server")) or "?",
    )
    if outcome not in OUTCOMES:
        case.reason = f"unknown outcome {outcome!r}. {case.reason}".strip()
    case.rows = compared(raw)
    case.said = what_was_said(raw)
    return case


def tally(cases: Iterable[Case], column: str) -> Tally:
    """A column of some cases."""
    counted: Counter[str] = Counter()
    unplayed = 0
    for case in cases:
        value = getattr(case, column)
        if case.outcome not in NOT_PLAYED:
            counted[value] += 1
        elif case.outcome == UNPLAYED and value != "not-asked":
            unplayed += 1
    missed = counted["not-reached"]
    asked = counted["pass"] + counted["fail"] + missed
    return Tally(counted["pass"], asked, counted["unknown"], missed, unplayed)


def compared(raw: Mapping[str, Any]) -> list[Row]:
    """Expected against observed: the story's words first, then every difference."""
    expected = mapping(raw.get("expected"))
    observed = mapping(raw.get("observed"))
    rows = []
    ends = {
        name: [mapping(event) for event in listed(mapping(party).get("handshake"))]
        for name, party in observed.items()
        if "handshake" in mapping(party)
    }
    for field_name in ("outcome", "reason", "alert", "tier"):
        if field_name not in expected:
            continue
        wanted = text(expected[field_name])
        who, seen = _came(field_name, expected, ends, observed)
        reached = {"complete": "complete", "refused": "failed"}.get(wanted, wanted)
        good = bool(seen) and all(value == reached for value in seen)
        shown = wanted
        if field_name == "outcome" and "by" in expected:
            shown = f"{wanted} by the {text(expected['by'])}"
        rows.append(
            Row(who, field_name, shown, ", ".join(dict.fromkeys(seen)), OK if good else WARN)
        )
    for difference in map(mapping, listed(raw.get("differences"))):
        rows.append(
            Row(
                text(difference.get("party")),
                text(difference.get("what")),
                text(difference.get("expected")),
                text(difference.get("observed")),
                BAD,
            )
        )
    return rows


def _came(
    field_name: str,
    expected: Mapping[str, Any],
    ends: Mapping[str, list[Mapping[str, Any]]],
    observed: Mapping[str, Any],
) -> tuple[str, list[str]]:
    """Who is to be looked at for a field of what is expected, and what is seen there."""
    by = text(expected.get("by"))
    if field_name == "tier":
        parties = {by: observed.get(by)} if by else observed
        verdicts = [
            mapping(verdict)
            for party in parties.values()
            for verdict in listed(mapping(party).get("verdict"))
        ]
        return by or "relying party", [text(verdict.get("tier")) for verdict in verdicts]
    chosen = {
        name: events for name, events in ends.items() if field_name == "outcome" or name == by
    }
    events = [event for listed_events in chosen.values() for event in listed_events]
    if field_name == "alert":
        names = [text(mapping(event.get("alert")).get("name")) or "none" for event in events]
        return by or "either side", names
    who = "both sides" if field_name == "outcome" else by
    return who, [text(event.get(field_name)) for event in events]


def what_was_said(raw: Mapping[str, Any]) -> list[Said]:
    """Appraisals, verdicts and handshakes of each party, in words."""
    said = []
    for name, value in mapping(raw.get("observed")).items():
        party = mapping(value)
        for event in map(mapping, listed(party.get("appraisal"))):
            tone = OK if event.get("status") == "affirming" else WARN
            line = f"appraisal: {text(event.get('status'))}, {text(event.get('reason'))}"
            said.append(Said(text(name), line, tone, _details(event)))
        for event in map(mapping, listed(party.get("verdict"))):
            accepted = event.get("accepted") is True
            line = (
                f"verdict: {text(event.get('tier'))}, {'accepted' if accepted else 'not accepted'}"
            )
            line += f", {text(event.get('reason'))}"
            said.append(Said(text(name), line, OK if accepted else WARN, _details(event)))
        for event in map(mapping, listed(party.get("handshake"))):
            line = f"handshake {text(event.get('outcome'))}: {text(event.get('reason'))}"
            alert = mapping(event.get("alert"))
            if alert:
                line += f"; alert {text(alert.get('name'))} ({text(alert.get('code'))})"
                line += f" {text(alert.get('direction'))}"
            tone = OK if event.get("outcome") == "complete" else WARN
            said.append(Said(text(name), line, tone, _details(event)))
        code = party.get("exit")
        said.append(Said(text(name), "exit code " + ("none" if code is None else text(code)), NONE))
    return said


def _details(event: Mapping[str, Any]) -> tuple[str, ...]:
    made = []
    if event.get("detail"):
        made.append(text(event["detail"], 2000))
    if event.get("clause"):
        made.append(cited(text(event["clause"])))
    diagnosis = mapping(event.get("diagnosis"))
    if diagnosis.get("text"):
        made.append(f"diagnosis: it {text(diagnosis['text'], 1200)}")
    for mismatch in map(mapping, listed(event.get("mismatches"))):
        made.append(f"component {text(mismatch.get('component'))} does not match")
        made += [f"expected {text(digest)}" for digest in listed(mismatch.get("expected"))]
        made.append(f"measured {text(mismatch.get('measured'))}")
    return tuple(made)

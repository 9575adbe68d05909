# SPDX-License-Identifier: Apache-2.0
"""What a result says, made ready to be shown: read tolerantly, and nothing in it is trusted.

results.json may come from another version of the harness, or from another machine; what is missing
is left out, what is unknown is ignored, and what has the wrong type counts as missing.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping

from .. import RESULT_VERSION, ROOT_OF_TRUST
from ..errors import HarnessError
from ..outcome import GOOD, NOT_PLAYED, OUTCOMES, UNPLAYED
from ..profiles import ordered

ATTESTERS = ("client", "server", "both", "neither")
MODELS = ("background-check", "passport", "mixed", "none")
OK, WARN, BAD, NONE = "ok", "warn", "bad", "none"
VALUE_MAX = 600
REASONS_MAX = 3


def load(path: Path) -> dict[str, Any]:
    """A results.json; a folder stands for the one in it."""
    if path.is_dir():
        path = path / "results.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise HarnessError(f"{path}: there is no such result; ./atls run makes one") from problem
    except (OSError, ValueError, RecursionError) as problem:
        raise HarnessError(f"{path}: {problem}") from problem
    if not isinstance(value, dict) or not isinstance(value.get("cases"), list):
        raise HarnessError(f"{path}: not a result: expected an object with a list of cases")
    if value.get("version") != RESULT_VERSION:
        came = value.get("version")
        raise HarnessError(f"{path}: expected a result of version {RESULT_VERSION}, got {came!r}")
    return value


def text(value: Any, longest: int = VALUE_MAX) -> str:
    """Any value for a person, in a line that is no longer than LONGEST."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        made = ", ".join(f"{key} {text(below, longest)}" for key, below in value.items())
    elif isinstance(value, list):
        made = "; ".join(text(below, longest) for below in value)
    else:
        made = str(value).lower() if isinstance(value, bool) else str(value)
    return made if len(made) <= longest else made[: longest - 1] + "…"


def mapping(value: Any) -> Mapping[str, Any]:
    """VALUE if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """VALUE if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def number(value: Any) -> float:
    """VALUE if it is a number that can be shown, else 0."""
    if isinstance(value, (int, float)) and abs(value) < 1e12:
        return float(value)
    return 0.0


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


def anchor(kind: str, name: str) -> str:
    """An id for HTML, unlike that of any other name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24]
    return f"{kind}-{plain}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


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
        made.append(text(event["clause"]))
    for mismatch in map(mapping, listed(event.get("mismatches"))):
        made.append(f"component {text(mismatch.get('component'))} does not match")
        made += [f"expected {text(digest)}" for digest in listed(mismatch.get("expected"))]
        made.append(f"measured {text(mismatch.get('measured'))}")
    return tuple(made)


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


def clauses_of(raw: Mapping[str, Any], cases: list[Case]) -> list[Mapping[str, Any]]:
    """The requirements of a result; of one that has none, those that its cases name."""
    given = [one for one in listed(raw.get("clauses")) if mapping(one).get("id")]
    if given:
        return [_clause(mapping(one)) for one in given]
    counted: dict[str, Counter[str]] = {}
    scenarios: dict[str, list[str]] = {}
    for case in cases:
        for name in case.clauses:
            counted.setdefault(name, Counter())[case.outcome] += 1
            scenarios.setdefault(name, []).append(f"{case.group}/{case.scenario}")
    return [
        _clause(
            {
                "id": name,
                "cases": dict(counted[name]),
                "scenarios": list(dict.fromkeys(scenarios[name])),
                "outcome": _together(counted[name]),
            }
        )
        for name in sorted(counted)
    ]


def _together(counted: Mapping[str, int]) -> str:
    if any(name not in GOOD for name in counted):
        return "fail"
    return next((name for name in ("xfail", "pass") if counted.get(name)), "unsupported")


def _clause(one: Mapping[str, Any]) -> dict[str, Any]:
    outcome = text(one.get("outcome")) or "not-run"
    tone = {"pass": OK, "fail": BAD, "not-run": NONE, "untested": NONE}.get(outcome, WARN)
    made: dict[str, Any] = {
        name: text(one.get(name), 2000)
        for name in ("id", "document", "section", "level", "observed", "text", "reason")
    }
    made["scenarios"] = [text(name) for name in listed(one.get("scenarios"))]
    made["unit_tests"] = [text(name) for name in listed(one.get("unit_tests"))]
    made["cases"] = {text(k): int(number(v)) for k, v in mapping(one.get("cases")).items()}
    made["document"] = made["document"] or "named by the cases"
    made.update({"outcome": outcome, "tone": tone, "anchor": anchor("clause", made["id"])})
    return made


@dataclass
class Coverage:
    """The requirements of a document, or of all, counted."""

    name: str
    all: int = 0
    musts: int = 0  # MUST and MUST NOT that can be observed
    tested: int = 0  # of these, those that something shows
    passed: int = 0
    failed: int = 0
    other: int = 0  # not run, not tested, not supported

    @property
    def tone(self) -> str:
        if self.failed:
            return BAD
        if not self.all:
            return NONE
        return OK if self.tested == self.musts else WARN

    def add(self, clause: Mapping[str, Any]) -> None:
        """Counts one more."""
        must = clause["level"] in ("MUST", "MUST NOT") and clause["observed"] != "none"
        self.all += 1
        self.musts += must
        self.tested += must and bool(clause["scenarios"] or clause["unit_tests"])
        self.passed += clause["outcome"] == "pass"
        self.failed += clause["outcome"] == "fail"
        self.other += clause["outcome"] not in ("pass", "fail")


def coverage(clauses: list[Mapping[str, Any]]) -> tuple[Coverage, dict[str, Coverage]]:
    """All requirements, and those of each document."""
    whole, documents = Coverage("all"), dict[str, Coverage]()
    for clause in clauses:
        name = clause["document"]
        whole.add(clause)
        documents.setdefault(name, Coverage(name)).add(clause)
    return whole, documents


def moment(value: Any) -> str:
    """A time of ISO 8601, for people."""
    given = text(value)
    try:
        when = datetime.datetime.fromisoformat(given)
    except ValueError:
        return given
    return f"{when:%Y-%m-%d %H:%M} {'UTC' if not when.utcoffset() else f'{when:%z}'}"


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

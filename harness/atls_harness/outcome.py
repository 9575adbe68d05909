# SPDX-License-Identifier: Apache-2.0
"""Plays a case, as often as asked, and judges it: from processes to one record.

The outcomes: pass; fail; unsupported (a peer does not do what is asked); skipped; xfail (it failed
as expected); xpass (it was expected to fail and did not: a failure); error (it could not be carried
out); flaky (it did not end the same way each time: a failure).
"""

from __future__ import annotations

import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import bundle, devices, roots, timeline, verifiers
from .deployment import served
from .document import first_problem
from .errors import ContractError, HarnessError, Unsupported
from .events import Event, select
from .expectation import CONFORMS, WITHSTOOD, Difference, compare, contract, reached, said_too_late
from .markdown import line
from .parties import Observation, Play
from .paths import RESULT_SCHEMA
from .process import UNSUPPORTED
from .run import Run
from .scenario import SIDES, Case
from .untrusted import cut, told

# Of a case that was chosen, in a run that was ended before it came to it.
UNPLAYED = "not-played"
OUTCOMES = ("pass", "fail", "unsupported", "skipped", "xfail", "xpass", "error", "flaky", UNPLAYED)
NOT_PLAYED = ("unsupported", "skipped", UNPLAYED)
GOOD = ("pass", "unsupported", "skipped", "xfail", UNPLAYED)
Record = dict[str, Any]
DETAIL_MAX = 50
ROLES = (*SIDES, "device", "verifier")
DIFFERENCES_MAX = 100


@dataclass
class Attempt:
    """One time that a case was played."""

    outcome: str
    reason: str
    seconds: float
    differences: list[Difference]
    seen: Observation | None


def play(case: Case, run: Run, number: int = 0) -> Record:
    """Plays CASE and returns its record, whatever a peer does, and whatever is wrong in here."""
    began = time.monotonic()
    try:
        return _play(case, run, number, began)
    except Exception as problem:  # a case is never lost: the record says what came of it
        return broken(case, run, _fault(problem), began)


def _fault(problem: Exception) -> str:
    """An exception that should not have been, for the reason of a case."""
    where = traceback.extract_tb(problem.__traceback__)[-1]
    what = f"{type(problem).__name__}: {problem}"
    return f"the harness failed ({Path(where.filename).name}:{where.lineno}): {what}"


def broken(case: Case, run: Run, reason: str, began: float | None = None) -> Record:
    """The record of a case that has none of its own: outcome "error", with a reason."""
    attempt = Attempt("error", reason, 0.0, [], None)
    began = time.monotonic() if began is None else began
    return record(case, run, "error", reason, began, [attempt], attempt)


def _play(case: Case, run: Run, number: int, began: float) -> Record:
    case = verifiers.as_appraised(roots.as_attested(case, run), run)
    unsupported = declared_lack(case, run)
    if "skip" in case.story:
        return record(case, run, "skipped", str(case.story["skip"]), began)
    if unsupported:
        return record(case, run, "unsupported", unsupported, began)
    for role in ROLES:
        wrong = run.peer(role).broken(role, run.build)
        if wrong:
            return broken(case, run, f"{role}: {wrong}", began)
    attempts: list[Attempt] = []
    kept: tuple[Attempt, Path] | None = None
    for index in range(run.repeat):
        folder = run.work / f"c{number}-{index}"
        attempt = attempt_once(case, run, folder)
        attempts.append(attempt)
        bad = attempt.outcome not in ("pass", "unsupported")
        if kept is None or (bad and kept[0].outcome == "pass"):
            if kept is not None:
                shutil.rmtree(kept[1], ignore_errors=True)
            kept = (attempt, folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    assert kept is not None
    try:
        outcome, reason = judge(case, run, attempts, kept[0])
        made = record(case, run, outcome, reason, began, attempts, kept[0])
        problem = first_problem(made, RESULT_SCHEMA, "case")
        if problem is not None:
            words = f"the record breaks results/result.schema.json: {problem.message}"
            made = broken(case, run, words, began)
        if run.keep or outcome not in GOOD:
            _keep(made, case, run, kept[1])
        return made
    finally:
        shutil.rmtree(kept[1], ignore_errors=True)


def _keep(made: Record, case: Case, run: Run, folder: Path) -> None:
    """Leaves the bundle of a case; where that cannot be, the record says why, and stays."""
    where = run.results / "bundles" / bundle.safe_name(case.id)
    made["bundle"] = str(where)
    try:
        bundle.write(made, case, run, folder, where)
    except Exception as problem:
        made["bundle"] = str(where) if where.is_dir() else None
        made["reason"] = cut(f"{made['reason']}; its bundle is not whole: {_fault(problem)}")


def declared_lack(case: Case, run: Run) -> str:
    """What a peer does not declare, or a program that is not there, or ""."""
    unable = (
        roots.lacks(case, run)
        or verifiers.lacks(case, run)
        or served.lacks(case, run)
        or _helpers_lack(run)
    )
    if unable:
        return unable
    for side in SIDES:
        peer = run.peer(side)
        reason = peer.lacks(case, side) or peer.unplayable(side, run.build)
        if reason:
            return reason
        # What is wrong with the evidence in a certificate is the enrolment's doing.
        if case.beside_x509(side) and case.profile_of(side) == "x509-cmw":
            maker = run.peer("device")
            for fault in case.flags(side).get("fault", []):
                if fault.partition("=")[0] not in maker.declared("faults"):
                    return f"{maker.name} (device) declares no fault {fault}"
    return ""


def _helpers_lack(run: Run) -> str:
    for role in ROLES[2:]:
        reason = run.peer(role).unplayable(role, run.build)
        if reason:
            return reason
    return ""


def other_alerts(case: Case, run: Run) -> list[str]:
    """What the peer that must refuse may send in place of the alert that is due."""
    if not case.refused:
        return []
    side = case.sides(case.story["expect"]["by"])[0]
    return run.peer(side).other_alerts(case.profile_of(side))


def _as_this_run(case: Case, run: Run) -> Case:
    """CASE with what this device and this verifier can be held to."""
    case = roots.as_told(devices.as_endorsed(case, run), run)
    return verifiers.as_told(served.as_counted(case, run), run)


def attempt_once(case: Case, run: Run, folder: Path) -> Attempt:
    """Plays a case once."""
    case = served.as_served(case, run)
    began = time.monotonic()
    seen: Observation | None = None
    try:
        with Play(case, run, folder) as player:
            try:
                seen = player.play()
            except ContractError as problem:
                seen = player.observe()
                found = [Difference("case", "contract", "kept", str(problem))]
                found += [one for one in contract(seen) if str(one) != str(problem)]
                return Attempt("fail", str(problem), time.monotonic() - began, found, seen)
            except HarnessError:
                seen = player.observe()
                raise
    except Unsupported as problem:
        return Attempt("unsupported", str(problem), time.monotonic() - began, [], seen)
    except (HarnessError, OSError) as problem:
        return Attempt("error", str(problem), time.monotonic() - began, [], seen)
    except Exception as problem:
        return Attempt("error", _fault(problem), time.monotonic() - began, [], seen)
    for party in seen.parties.values():
        if party.exit == UNSUPPORTED and not said_too_late(party, seen):
            reason = f"{party.name}: {party.words}"
            return Attempt("unsupported", reason, seen.seconds, [], seen)
    differences = compare(_as_this_run(case, run), seen, other_alerts(case, run))
    reason = str(differences[0]) if differences else ""
    outcome = "fail" if differences else "pass"
    return Attempt(outcome, reason, seen.seconds, differences, seen)


def judge(case: Case, run: Run, attempts: list[Attempt], kept: Attempt) -> tuple[str, str]:
    """The outcome of all attempts, and its reason."""
    passed = sum(attempt.outcome == "pass" for attempt in attempts)
    if 0 < passed < len(attempts):
        return "flaky", f"{passed}/{len(attempts)} passed; one that did not: {kept.reason}"
    expected = str(case.story.get("xfail", "")) or next(
        filter(None, (run.peer(side).known_failure(case, side) for side in (*SIDES, "verifier"))),
        run.expected_failure(case.id),
    )
    if expected and kept.outcome == "fail":
        return "xfail", expected
    if expected and kept.outcome == "pass":
        return "xpass", f"it passed, but was expected to fail: {expected}"
    return kept.outcome, kept.reason


def record(
    case: Case,
    run: Run,
    outcome: str,
    reason: str,
    began: float,
    attempts: list[Attempt] | None = None,
    kept: Attempt | None = None,
) -> Record:
    """A case's entry in results.json (results/result.schema.json)."""
    differences = kept.differences if kept else []
    made: Record = {
        "id": case.id,
        "scenario": case.scenario.name,
        "group": case.scenario.group,
        "title": line(case.scenario.title),
        "case": case.name,
        "clauses": list(case.scenario.clauses),
        "parameters": dict(case.parameters),
        "profile": case.profile,
        "peers": dict(run.chosen),
        "outcome": outcome,
        "reason": cut(reason),
        "seconds": round(time.monotonic() - began, 4),
        "attempts": [
            {"outcome": attempt.outcome, "seconds": round(attempt.seconds, 4)}
            for attempt in attempts or []
        ],
        "ambiguity": case.scenario.ambiguity,
        "readings": dict(case.story.get("readings", {})),
        "columns": columns(case, outcome, kept),
        "differences": [
            {
                "party": difference.party,
                "what": difference.what,
                "expected": told(difference.expected),
                "observed": told(difference.observed),
                "column": difference.column,
            }
            for difference in differences[:DIFFERENCES_MAX]
        ],
        "description": case.scenario.description,
        "attested": {side: case.model(side) for side in SIDES},
        "expected": expected(case),
        "observed": observed(kept.seen, outcome not in GOOD) if kept and kept.seen else {},
        "timeline": timeline.make(kept.seen) if kept and kept.seen else None,
        "bundle": None,
        "repeat": run.repeat_command(case.nodeid),
    }
    return made


def expected(case: Case) -> dict[str, Any]:
    """What the story says must come of it, in short."""
    expect = case.story["expect"]
    made = {"outcome": expect.get("outcome", "complete")}
    made.update({key: expect[key] for key in ("reason", "alert", "tier") if key in expect})
    if case.refused:
        made["by"] = case.sides(expect["by"])[0]
    return made


def columns(case: Case, outcome: str, kept: Attempt | None) -> dict[str, str]:
    """Did it conform on the wire, and did it withstand what was done to it? Two questions."""
    # Two honest readings set against each other are no attack.
    attacked = case.refused and not case.scenario.ambiguity
    if kept is None or outcome not in ("pass", "fail", "xfail", "xpass", "flaky"):
        return {CONFORMS: "unknown", WITHSTOOD: "unknown" if attacked else "not-asked"}
    bad = {difference.column for difference in kept.differences}
    withstood = "not-asked"
    if WITHSTOOD in bad:
        withstood = "fail"
    elif attacked:
        there = kept.seen is not None and reached(case, kept.seen)
        withstood = "pass" if there else "not-reached"
    return {CONFORMS: "fail" if CONFORMS in bad else "pass", WITHSTOOD: withstood}


def observed(seen: Observation, words: bool = False) -> dict[str, Any]:
    """What each party came to, without the bytes: for tables and for people; with its last words,
    where it is told why something failed."""
    made: dict[str, Any] = {}
    for party in seen.parties.values():
        entry: dict[str, Any] = {"exit": party.exit}
        for name in ("handshake", "verdict", "appraisal"):
            events = select(party.events, name)
            if events:
                entry[name] = [_without(event) for event in events[:DETAIL_MAX]]
        if words and party.words != "it said nothing":
            entry["words"] = party.words
        made[party.name] = entry
    return made


def _without(event: Event) -> dict[str, Any]:
    return {key: told(value) for key, value in event.items() if key not in ("who", "event")}

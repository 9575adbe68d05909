# SPDX-License-Identifier: Apache-2.0
"""Plays many: each in a process of a pool, and keeps what came of it."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import shutil
import time
from typing import Any, Callable, Mapping, Sequence

from ..bindings import Binding
from ..errors import HarnessError, Unsupported
from ..guard import Guard
from ..isolation import isolate
from ..prediction import predicted
from ..run import Run, make_work, remove_work
from .cast import Seen, Stage
from .catalogue import NOT_CARRIED_OUT, SUCCEEDED, Known
from .judge import HONEST, Judgement, judge
from .story import Play

# What was not carried out says nothing of anybody, and may be this machine's fault.
ATTEMPTS = 3
UNSUPPORTED = "unsupported"
EVENTS_MAX = 400
SHOWN_MAX = 160

_plays: Sequence[Play] = ()
_run: Run | None = None


def known_of(play: Play) -> Known | None:
    """What must come of a play."""
    if play.honest:
        return Known(HONEST, (), ())
    return play.story.attack.known(play.cell, play.held)


def _once(play: Play, run: Run, number: int) -> tuple[Judgement, dict[str, Seen]]:
    folder = run.work / f"a{number}"
    known = known_of(play)
    parties: dict[str, Seen] = {}
    try:
        with Stage(play, run, folder) as stage:
            try:
                parties = stage.perform()
            finally:
                problems = stage.problems
            tells_alerts = run.chosen["client"] == "atls"
            return judge(play, parties, problems, known, tells_alerts), parties
    except Unsupported as problem:
        return Judgement(UNSUPPORTED, detail=str(problem)), parties
    except (HarnessError, OSError) as problem:
        return Judgement(NOT_CARRIED_OUT, detail=str(problem)), parties
    finally:
        if run.keep:
            kept = run.results / "plays" / play.id
            shutil.copytree(folder, kept, ignore=_sockets, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _sockets(_folder: str, names: list[str]) -> list[str]:
    """What is not kept: sockets, and private keys."""
    leaks = [one for one in names if ".leak." in one]
    return leaks + [one for one in names if one.endswith((".sock", ".key"))]


def _play(index: int) -> dict[str, Any]:
    """One play, in a process of the pool."""
    assert _run is not None
    play, began = _plays[index], time.monotonic()
    known = known_of(play)
    attempts = []
    for attempt in range(ATTEMPTS):
        found, parties = _once(play, _run, index * ATTEMPTS + attempt)
        attempts.append(found.outcome)
        if found.outcome != NOT_CARRIED_OUT or (known and known.outcome == NOT_CARRIED_OUT):
            break
    return _record(play, known, found, parties, attempts, time.monotonic() - began)


def _record(
    play: Play,
    known: Known | None,
    found: Judgement,
    parties: Mapping[str, Seen],
    attempts: list[str],
    seconds: float,
) -> dict[str, Any]:
    cast = play.cast()
    made = {
        "id": play.id,
        "attack": "" if play.honest else play.story.attack.id,
        "story": "" if play.honest else play.story.name,
        **play.cell.axes(),
        "held": list(play.held),
        "variants": [play.cell.defence] if play.cell.defence else [],
        "honest": play.honest,
        "outcome": found.outcome,
        "reason": found.reason,
        "alert": found.alert,
        "detail": found.detail,
        "reached": found.reached,
        "bindings": [_bound(one) for one in found.bindings],
        "known": None if known is None else dataclasses.asdict(known),
        "attempts": attempts,
        "seconds": round(seconds, 3),
        "problems": found.problems[:10],
        "parties": [
            {
                "name": one.name,
                "who": one.who,
                "by": one.by,
                "exit": one.exit,
                "peer": _peer(one.name, cast),
            }
            for one in parties.values()
        ],
        "timeline": _timeline(parties) if found.outcome == SUCCEEDED else [],
    }
    return {**made, "predicted": predicted(made)}


def _bound(one: Binding) -> dict[str, Any]:
    ends = {"accepted": one.accepted.party, "sent": one.sent.party}
    return {"credential": one.credential, **ends, **one.holds}


def _peer(name: str, cast: Mapping[str, Mapping[str, Any]]) -> str:
    """Who is at the other end of a party's connection; "" where nobody, or several."""
    meets = str(cast[name].get("meets", ""))
    found = [meets] if meets else []
    for other, member in cast.items():
        if member.get("meets") == name:
            found.append(other)
        elif member["is"] == "wire" and f"{{{name}.address}}" in repr(member):
            found.append(other)
        elif member["is"] == "told" and member["value"] == f"{{{name}.address}}":
            found.append(str(member["to"]))
    return found[-1] if found else ""


def _timeline(parties: Mapping[str, Seen]) -> list[dict[str, Any]]:
    """The events of all, on one clock; long values are cut."""
    made: list[dict[str, Any]] = []
    for party in parties.values():
        for event in party.events:
            kept = {
                key: value if not isinstance(value, str) else value[:SHOWN_MAX]
                for key, value in event.items()
                if key not in ("t", "who") and not isinstance(value, (list, dict))
            }
            at = round(party.started + event["t"], 4)
            made.append({"at": at, "party": party.name, **kept})
    made.sort(key=lambda one: float(one["at"]))
    return made[:EVENTS_MAX]


def _begin(plays: Sequence[Play], run: Run) -> None:
    """In each process of the pool."""
    global _plays, _run
    _plays, _run = plays, run


def play_all(
    plays: Sequence[Play], run: Run, workers: int, tell: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """Plays them all, WORKERS at once; TELL gets each as it ends."""
    isolate()
    work = make_work()
    guard = Guard(work)
    try:
        ready = dataclasses.replace(run, work=work)
        found: dict[int, dict[str, Any]] = {}
        with concurrent.futures.ProcessPoolExecutor(
            workers, multiprocessing.get_context("fork"), _begin, (plays, ready)
        ) as pool:
            waiting = {pool.submit(_play, index): index for index in range(len(plays))}
            for done in concurrent.futures.as_completed(waiting):
                found[waiting[done]] = done.result()
                tell(found[waiting[done]])
        return [found[index] for index in range(len(plays))]
    finally:
        guard.stop()
        remove_work(work)

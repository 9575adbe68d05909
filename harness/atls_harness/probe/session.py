# SPDX-License-Identifier: Apache-2.0
"""A whole probe: connection after connection, one at a time, within bounds.

What comes next follows from what came: evidence formats, HelloRetryRequest and misbehaviours are
tried only where a first, honest connection has shown that the server takes part.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Sequence

from ..contract import MODELS, contract
from ..errors import Unsupported
from ..run import Run
from .exchange import Seen, Target, meet
from .judge import PASS, SILENT, UNSUPPORTED, Judgement, of_honest, of_misbehaviour
from .plan import BOTH, CLIENT, SERVER, Step, honest, misbehaviours, other_formats

Record = dict[str, Any]


@dataclass(frozen=True)
class Bounds:
    """How much a server is asked for."""

    connections: int
    seconds: float
    pace: float  # seconds between two connections


@dataclass
class Session:
    """The connections of a probe."""

    run: Run
    target: Target
    bounds: Bounds
    keep: Path
    tell: Callable[[Record], None]
    records: list[Record] = field(default_factory=list)
    left_out: int = 0
    _ends: float = 0.0

    def probe(self, profiles: Sequence[str]) -> None:
        """All of it."""
        self._ends = time.monotonic() + self.bounds.seconds
        for profile in profiles:
            self._profile(profile)

    def _profile(self, profile: str) -> None:
        known = contract().profiles[profile]
        spoken: list[tuple[Step, Seen]] = []
        for model in MODELS if known.results else MODELS[:1]:
            for attests in (SERVER, CLIENT):
                self._first(honest(profile, attests, model), spoken)
            heard = [(step.attests, step.model) for step, seen in spoken if not seen.refused_there]
            if (SERVER, model) not in heard:  # it may insist on both
                self._first(honest(profile, BOTH, model), spoken)
        for step, _ in list(spoken):
            if step.attests != SERVER:
                for name in other_formats(profile, step.model):
                    self._honest(honest(profile, step.attests, step.model, name))
            self._honest(honest(profile, step.attests, step.model, hrr=True))
        for step, seen in spoken:
            for one in misbehaviours(profile, step.attests, step.model):
                self._misbehave(one, seen)

    def _first(self, step: Step, spoken: list[tuple[Step, Seen]]) -> None:
        made = self._honest(step)
        if made is not None and (made[1].spoken or made[0].sent):
            spoken.append((step, made[0]))

    def _honest(self, step: Step) -> tuple[Seen, Judgement] | None:
        signatures = bool(self.target.endorsements or self.target.verifier or self.target.trusted)
        return self._meet(step, lambda seen: of_honest(step, seen, signatures))

    def _misbehave(self, step: Step, before: Seen) -> None:
        self._meet(step, lambda seen: of_misbehaviour(step, seen, before))

    def _meet(
        self, step: Step, judge: Callable[[Seen], Judgement]
    ) -> tuple[Seen, Judgement] | None:
        number = len(self.records)
        if number >= self.bounds.connections or time.monotonic() > self._ends:
            self.left_out += 1
            return None
        if number:
            time.sleep(self.bounds.pace)
        try:
            seen = meet(step, self.run, number + 1, self.target, self.keep)
            found = judge(seen)
            if step.hrr and not seen.hrr and found.outcome != UNSUPPORTED:
                found.words += "; no HelloRetryRequest came"
        except Unsupported as problem:
            seen, found = Seen(), Judgement(UNSUPPORTED, str(problem))
        record = _record(step, seen, found)
        self.records.append(record)
        self.tell(record)
        return seen, found


def _record(step: Step, seen: Seen, found: Judgement) -> Record:
    asked = {
        "selected": seen.selected,
        "nonce": seen.challenge,
        "negotiated": [
            {
                key: one[key]
                for key in ("role", "model", "evidence_type", "verifier_id")
                if key in one
            }
            for one in seen.negotiated
        ],
    }
    return {
        "id": step.name,
        "profile": step.profile,
        "attests": step.attests,
        "model": step.model,
        "format": step.format,
        "hrr": seen.hrr,
        "fault": step.fault,
        "what": step.what,
        "requirements": list(step.clauses),
        "outcome": found.outcome,
        "words": found.words,
        "spoken": found.spoken,
        "alert": None if seen.alert is None else {**seen.alert},
        "due": step.due,
        "reason": seen.reason,
        "asked": asked,
        "presented": seen.received,
        "checks": dict(found.checks),
    }


def ignorant(records: Sequence[Record]) -> list[Record]:
    """x509-cmw negotiates nothing: a server that let every misbehaviour pass in a client's
    certificate may simply not know what is in it. Its records, judged so, in place of failures."""
    made = []
    kinds = {(one["model"], one["outcome"]) for one in records if one["fault"] and _in_a_leaf(one)}
    for one in records:
        if _in_a_leaf(one) and one["fault"] and one["outcome"] == "fail":
            if (one["model"], PASS) not in kinds:
                words = f"{one['words']}; but it takes any certificate, and may not look into it"
                one = {**one, "outcome": SILENT, "words": words}
        made.append(one)
    return made


def _in_a_leaf(record: Record) -> bool:
    carrier = contract().profiles[record["profile"]].carrier
    return carrier == "leaf" and record["attests"] == CLIENT

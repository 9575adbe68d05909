# SPDX-License-Identifier: Apache-2.0
"""A whole probe: connection after connection, one at a time, within bounds.

What comes next follows from what came: other forms of evidence, HelloRetryRequest, other readings
of a draft and misbehaviours are tried only where a first, honest connection has shown that the peer
takes part.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Sequence

from ..contract import MODELS, contract
from ..errors import Unsupported
from ..roots import PSA, formats
from ..scenario import other
from . import plan
from .capabilities import shadowed
from .exchange import Seen
from .judge import FAIL, PASS, SILENT, UNSEEN, UNSUPPORTED, Judgement, of_honest, of_misbehaviour
from .plan import BOTH, NOBODY, SERVER, Step, honest

ENOUGH = 3  # misbehaviours in a certificate that show whether anybody looks into it
Record = dict[str, Any]
Made = tuple[Seen, Judgement]


@dataclass(frozen=True)
class Bounds:
    """How much a peer is asked for."""

    connections: int
    seconds: float
    pace: float  # seconds between two connections


@dataclass(frozen=True)
class Wanted:
    """What is to be found out."""

    signatures: bool  # of evidence can be checked: somebody knows the peer's device
    probed: str = SERVER
    root: str = PSA
    misbehave: bool = True
    variants: Sequence[str] = ()  # NAME=READING that were told, and are not searched for
    search: bool = True  # for readings that explain a refusal, by trying


@dataclass
class Session:
    """The connections of a probe."""

    meet: Callable[[Step, int], Seen]
    bounds: Bounds
    wanted: Wanted
    tell: Callable[[Record], None]
    records: list[Record] = field(default_factory=list)
    left_out: int = 0
    hints: set[str] = field(default_factory=set)  # extensions that the peer offered of itself
    readings: dict[str, dict[str, str]] = field(default_factory=dict)  # by profile, found out
    ahead: int = 0  # connections that are known to come yet
    _ends: float = 0.0
    _searched: set[tuple[str, ...]] = field(default_factory=set)

    def probe(self, profiles: Sequence[str]) -> None:
        """All of it."""
        self._ends = time.monotonic() + self.bounds.seconds
        spoken: dict[str, list[tuple[Step, Seen]]] = {}
        for profile in profiles:
            if not self.records or not self.hints or _could_be(profile, self.hints):
                spoken[profile] = self._speaks(profile)
        shadows = shadowed(self.records)
        todo: list[tuple[Step, Seen | None]] = []
        for profile, first in spoken.items():
            if profile not in shadows:
                todo += self._more(profile, first)
        for at, (step, before) in enumerate(todo):
            self.ahead = len(todo) - at - 1
            if self._looks_away(step):
                continue
            if before is None:
                self._honest(step)
            else:
                self._misbehave(step, before)
        self.ahead = 0

    def _looks_away(self, step: Step) -> bool:
        """Has the peer let pass whatever was in our leaf? Then it does not look into it, and there
        is nothing to learn from more of that."""
        if contract().profiles[step.profile].carrier != "leaf" or not step.ours:
            return False
        wrong = [
            one
            for one in self.records
            if one["fault"] and (one["profile"], one["model"]) == (step.profile, step.model)
        ]
        passed = [one for one in wrong if one["outcome"] == FAIL and one["complete"]]
        if not self.wanted.misbehave:
            return bool(step.ways or step.hrr or step.fault)
        return len(passed) >= ENOUGH and len(passed) == len(wrong)

    def _step(self, profile: str, attests: str, model: str, **more: Any) -> Step:
        more.setdefault("evidence", formats(self.wanted.root)[0])
        return honest(profile, attests, model, probed=self.wanted.probed, **more)

    def _speaks(self, profile: str) -> list[tuple[Step, Seen]]:
        """First connections: the honest ones of a profile in which the peer took part."""
        theirs = self.wanted.probed
        spoken: list[tuple[Step, Seen]] = []
        for model in contract().profiles[profile].models:
            made = [
                self._first(self._step(profile, attests, model), spoken)
                for attests in (theirs, other(theirs))
            ]
            if any(seen is not None and seen.refused_there for seen in made):  # it may want both
                self._first(self._step(profile, BOTH, model), spoken)
        if any(one["profile"] == profile and one["outcome"] == FAIL for one in self.records):
            self._try(self._step(profile, NOBODY, MODELS[0]))  # does it so unasked, too?
        return spoken

    def _more(
        self, profile: str, spoken: list[tuple[Step, Seen]]
    ) -> list[tuple[Step, Seen | None]]:
        """What else there is to try: honest connections, and misbehaviours with the honest one of
        their kind."""
        todo: list[tuple[Step, Seen | None]] = []
        for step, seen in spoken:
            if seen.refused_there:
                continue  # in whatever form: it would be refused just so
            for name, ways in plan.other_ways(profile, step.model, self.wanted.root):
                both = {**step.ways, **ways}
                if step.ours and (name, both) != (step.format, step.ways):
                    more = self._step(profile, step.attests, step.model, evidence=name, ways=both)
                    todo.append((more, None))
            retried = self._step(profile, step.attests, step.model, hrr=True, ways=step.ways)
            todo.append((retried, None))
        wrong: list[tuple[Step, Seen | None]] = []
        for step, seen in spoken if self.wanted.misbehave else ():
            if step.ways:
                continue  # the stories are about the first way
            kind = (profile, step.attests, step.model, self.wanted.probed, self.wanted.root)
            wrong += [(one, seen) for one in plan.misbehaviours(*kind)]
        # In a leaf it is misbehaviours that show whether the peer looks into it at all.
        return wrong + todo if contract().profiles[profile].carrier == "leaf" else todo + wrong

    def _first(self, step: Step, spoken: list[tuple[Step, Seen]]) -> Seen | None:
        made = self._honest(step)
        if made is None:
            return None
        if made[1].spoken or made[0].sent:
            spoken.append((step, made[0]))
        elif step.profile == plan.BESIDE and step.model != "passport" and not step.ways:
            if made[0].alert and made[0].alert["name"] == "unsupported_evidence":
                ways = {"credential-kind": "cert"}
                kind = self._step(step.profile, step.attests, step.model, ways=ways)
                return self._first(kind, spoken) or made[0]
        return made[0]

    def _honest(self, step: Step) -> Made | None:
        made = self._try(step)
        if made is None:
            return None
        unheard = made[1].outcome == SILENT and made[0].answered  # by who may know another number
        if made[1].outcome not in (FAIL, UNSEEN) and not unheard:
            return made
        found = self._other_reading(step, made[0])
        return found or made

    def _try(self, step: Step) -> Made | None:
        return self._meet(step, lambda seen: of_honest(step, seen, self.wanted.signatures))

    def _other_reading(self, step: Step, seen: Seen) -> Made | None:
        """The same connection with another reading of the draft, where that explains what came."""
        told = {one.partition("=")[0] for one in self.wanted.variants}
        told |= set(self.readings.get(step.profile, {}))
        tries = [one for one in seen.likely if one.partition("=")[0] not in told]
        kind = (step.profile, step.attests, str(step.hrr), *step.ways.values())
        if seen.refused_there:
            took_part = step.ours and seen.sent
        else:
            forged = seen.alert is not None and seen.alert["name"] == "decrypt_error"
            took_part = bool(seen.received or seen.answered or seen.selected or forged)
        if self.wanted.search and kind not in self._searched and took_part:
            self._searched.add(kind)
            tries += [one for one in plan.readings(step) if one.partition("=")[0] not in told]
        at = len(self.records) - 1
        for one in dict.fromkeys(tries):
            made = self._try(dataclasses.replace(step, variants=(one,)))
            if made is None:
                return None
            if made[1].outcome == PASS:
                name, _, reading = one.partition("=")
                self.readings.setdefault(step.profile, {})[name] = reading
                words = f"{self.records[at]['words']}; it reads {one}"
                self.records[at].update(outcome=SILENT, words=words, spoken=False)
                return made
            if self.records[-1]["outcome"] in (FAIL, UNSEEN):
                self.records[-1].update(outcome=SILENT, spoken=False)
        return None

    def _misbehave(self, step: Step, before: Seen) -> None:
        self._meet(step, lambda seen: of_misbehaviour(step, seen, before))

    def _meet(self, step: Step, judge: Callable[[Seen], Judgement]) -> Made | None:
        number = len(self.records)
        if number >= self.bounds.connections or time.monotonic() > self._ends:
            self.left_out += 1
            return None
        if number:
            time.sleep(self.bounds.pace)
        known = self.readings.get(step.profile, {}).items()
        step = dataclasses.replace(
            step, variants=(*(f"{name}={reading}" for name, reading in known), *step.variants)
        )
        try:
            seen = self.meet(step, number + 1)
            self.hints |= set(seen.offered)
            found = judge(seen)
            if step.hrr and not seen.hrr and found.outcome != UNSUPPORTED:
                found.words += "; no HelloRetryRequest came"
        except Unsupported as problem:
            seen, found = Seen(), Judgement(UNSUPPORTED, str(problem))
        record = _record(step, seen, found)
        self.records.append(record)
        self.tell(record)
        return seen, found


def _could_be(profile: str, offered: set[str]) -> bool:
    """May a client that offers these extensions speak PROFILE? Some are offered in no hello."""
    asked = contract().profiles[profile].extensions
    return not asked or bool(offered.intersection(asked))


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
    ways: Mapping[str, str] = step.ways
    return {
        "id": step.name,
        "profile": step.profile,
        "attests": step.attests,
        "model": step.model,
        "format": step.format,
        "ways": dict(ways),
        "variants": list(step.variants),
        "hrr": seen.hrr,
        "fault": step.fault,
        "what": step.what,
        "requirements": list(step.clauses),
        "outcome": found.outcome,
        "words": found.words,
        "spoken": found.spoken,
        "complete": seen.complete,
        "alert": None if seen.alert is None else {**seen.alert},
        "due": step.due,
        "reason": seen.reason,
        "diagnosis": seen.diagnosis,
        "asked": asked,
        "presented": seen.received,
        "checks": dict(found.checks),
    }

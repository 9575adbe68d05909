# SPDX-License-Identifier: Apache-2.0
"""What a server is tried with: honest connections, and the misbehaviours of the scenarios.

A misbehaviour is a case of a scenario in which everything that is wrong is wrong at the client, and
the server has to refuse: so the alert that is due and the requirements are those of the scenario.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..contract import contract
from ..paths import story_files
from ..requirements import requirements
from ..roots import PSA, formats
from ..scenario import Case, Scenario, cases, load
from ..untrusted import cut

SERVER, CLIENT, BOTH = "server", "client", "both"  # who attests
PLAIN = "cab"  # the evidence format of a first connection
SAID_MAX = 60
OFFER_MAX = 240  # bytes, beside the first
PER_TYPE = 4  # bytes of an entry, beside the name
# What a story may say beside a fault of the client and still mean any server.
STORY_FIELDS = {"profile", "attester", "model", "serialization", "roles", "client", "expect"}
STORY_FIELDS |= {"title", "clauses", "second-device", "timeout", "requires"}
CLIENT_FIELDS = {"fault", "evidence-format"}


@dataclass(frozen=True)
class Step:
    """One connection."""

    case: Case
    attests: str  # server, client or both
    model: str
    format: str
    hrr: bool = False
    fault: str = ""  # "": an honest one
    due: str = ""  # the alert with which it has to be refused
    clauses: tuple[str, ...] = ()
    what: str = ""

    @property
    def profile(self) -> str:
        return self.case.profile

    @property
    def name(self) -> str:
        """Unique within a probe, and part of a file's name."""
        words = [self.profile, f"{self.attests}-attests", self.model, self.format]
        words += ["hrr"] if self.hrr else []
        return "-".join(words + ([cut(self.fault, SAID_MAX)] if self.fault else []))


def offer() -> list[str]:
    """The kinds of evidence that are asked for: a CAB first, and of all others what there is room
    for, since a list of them has at most 255 bytes (draft-fossati-tls-attestation-07 section 6)."""
    found, room = ["cf:273"], OFFER_MAX
    for row in contract().evidence_formats.values():
        for one in map(str, row["media-types"]):
            if one not in found and len(one) + PER_TYPE <= room:
                found.append(one)
                room -= len(one) + PER_TYPE
    return found


def honest(
    profile: str, attests: str, model: str, evidence: str = PLAIN, hrr: bool = False
) -> Step:
    """A connection in which nothing is wrong."""
    client: dict[str, Any] = {}
    if attests != SERVER and evidence != PLAIN:
        client["evidence-format"] = evidence
    story: dict[str, Any] = {
        "profile": profile,
        "attester": attests,
        "model": model,
        "client": client,
        "expect": {"outcome": "complete"},
    }
    if hrr:
        story["hrr"] = "client"
    scenario = Scenario(Path("honest.yaml"), "an honest connection", "", (), story)
    case = Case(scenario, "honest", {}, story)
    return Step(case, attests, model, evidence, hrr, what=scenario.title)


def other_formats(profile: str, model: str) -> list[str]:
    """The evidence formats of the device, but for the one that was tried first. In the passport
    model its result hides the evidence."""
    if model == "passport" or contract().profiles[profile].prototype:
        return []
    return [name for name in formats(PSA) if name != PLAIN]


def _wrong_at_the_client_alone(case: Case) -> bool:
    story = case.story
    expect: Mapping[str, Any] = story["expect"]
    if not case.refused or case.scenario.ambiguity or set(story) - STORY_FIELDS:
        return False
    client = case.flags("client")
    if not client.get("fault") or set(client) - CLIENT_FIELDS or case.flags("server"):
        return False
    made_here = client.get("evidence-format", PLAIN) in formats(PSA)
    return made_here and case.sides(expect["by"]) == ["server"] and story.get("attester") != BOTH


def _draft(document: str) -> str:
    """A draft without its version."""
    return re.sub(r"-[0-9]{2}$", "", document)


def clauses_of(profile: str, clauses: Sequence[str]) -> tuple[str, ...]:
    """Those of a story's requirements that are about PROFILE: a story may be one for several."""
    known = contract()
    if known.profiles[profile].prototype:
        return tuple(clauses)
    own = _draft(known.profiles[profile].document)
    others = {_draft(one.document) for one in known.profiles.values()} - {own}
    return tuple(name for name in clauses if _draft(requirements()[name].document) not in others)


@functools.lru_cache(maxsize=None)
def _misbehaviours() -> Sequence[Step]:
    found: dict[tuple[Any, ...], Step] = {}
    for path in story_files():
        scenario, document = load(path)
        for case in cases(scenario, document):
            if not _wrong_at_the_client_alone(case):
                continue
            client = case.flags("client")
            fault = ", ".join(client["fault"])
            model = str(case.story.get("model") or "background-check")
            attests = str(case.story.get("attester", CLIENT))
            step = Step(
                case,
                attests,
                model,
                str(client.get("evidence-format", PLAIN)),
                fault=fault,
                due=str(case.story["expect"].get("alert", "")),
                clauses=clauses_of(case.profile, scenario.clauses),
                what=scenario.title,
            )
            found.setdefault((case.profile, attests, model, step.format, fault), step)
    return list(found.values())


def misbehaviours(profile: str, attests: str, model: str) -> list[Step]:
    """What can be done to a server that speaks PROFILE so."""
    wanted = (profile, attests, model)
    return [one for one in _misbehaviours() if (one.profile, one.attests, one.model) == wanted]

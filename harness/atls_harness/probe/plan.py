# SPDX-License-Identifier: Apache-2.0
"""What a peer is tried with: honest connections, and the misbehaviours of the scenarios.

A misbehaviour is a case of a scenario in which everything that is wrong is wrong at our side, and
the peer has to refuse: so the alert that is due and the requirements are those of the scenario.
Where a server is probed our side is the client, and where a client is probed the server.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from ..contract import contract
from ..paths import story_files
from ..requirements import requirements
from ..roots import PSA, formats
from ..scenario import Case, cases, invented, load, other
from ..untrusted import cut

SERVER, CLIENT, BOTH = "server", "client", "both"  # who attests
NOBODY = "none"
BESIDE = "ta-07"  # the profile in which evidence may be in place of a certificate, or beside one
UNATTESTED = "no-attestation"  # in place of a fault: our side was to attest itself, and does not
PLAIN = "cab"  # what an attester makes where nothing else was asked for
TOKEN = "psa"  # the evidence of which there are two forms
SAID_MAX = 60
OFFER_MAX = 240  # bytes, beside the first
PER_TYPE = 4  # bytes of an entry, beside the name
OF_A_STORY = ("serialization", "curve")  # the others are flags of a side
# Readings that make a relying party stricter or laxer, or change how it asks its verifier: what is
# honest comes out the same either way.
STRICTNESS = {"no-common", "evidence-type-match", "result-nonce", "cab-appraisal", "result-key"}
STRICTNESS |= {"result-binding", "own-key", "bare-token", "post-handshake", "nonce"}
# Of evidence that the first device does not make.
STRICTNESS |= {"tpm-quote", "realm-challenge"}
# What a story may say beside a fault of one side and still mean any peer of it.
STORY_FIELDS = {"profile", "attester", "model", "serialization", "roles", "client", "server"}
STORY_FIELDS |= {"title", "clauses", "second-device", "timeout", "requires", "expect"}
OWN_FIELDS = {"fault", "evidence-format", "attester"}


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
    probed: str = SERVER  # which side the peer is
    ways: Mapping[str, str] = field(default_factory=dict)  # flags beyond the defaults, by name
    variants: tuple[str, ...] = ()  # NAME=READING that were found out

    @property
    def profile(self) -> str:
        return self.case.profile

    @property
    def own(self) -> str:
        """Our side."""
        return other(self.probed)

    @property
    def theirs(self) -> bool:
        """Is the peer to attest itself?"""
        return self.attests in (self.probed, BOTH)

    @property
    def ours(self) -> bool:
        """Are we?"""
        return self.attests in (self.own, BOTH)

    @property
    def name(self) -> str:
        """Unique within a probe, and part of a file's name."""
        words = [self.profile, f"{self.attests}-attests", self.model, self.format]
        words += ["hrr"] if self.hrr else []
        words += [*self.ways.values(), *(one.partition("=")[2] for one in self.variants)]
        words += [cut(self.fault, SAID_MAX)] if self.fault else []
        return "-".join(words).replace(" ", "-")


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
    profile: str,
    attests: str,
    model: str,
    evidence: str = PLAIN,
    *,
    hrr: bool = False,
    probed: str = SERVER,
    ways: Mapping[str, str] | None = None,
) -> Step:
    """A connection in which nothing is wrong. WAYS: flags of our side."""
    own = other(probed)
    flags: dict[str, Any] = {}
    if attests in (own, BOTH) and evidence != PLAIN:
        flags["evidence-format"] = evidence
    story: dict[str, Any] = {
        "profile": profile,
        "attester": attests,
        "model": model,
        "expect": {"outcome": "complete"},
    }
    for name, value in (ways or {}).items():
        if name in OF_A_STORY:
            story[name] = value
        else:
            flags[name] = value
    if hrr:
        story["hrr"] = own
    story[own] = flags
    case = invented("honest", story, "an honest connection")
    return Step(
        case,
        attests,
        model,
        evidence,
        hrr,
        what=case.scenario.title,
        probed=probed,
        ways=dict(ways or {}),
    )


def other_ways(profile: str, model: str, root: str = PSA) -> list[tuple[str, dict[str, str]]]:
    """How our side can attest itself beside the first way: evidence format, and flags."""
    known = contract().profiles[profile]
    if known.prototype:
        return []
    first, *others = formats(root)
    found: list[tuple[str, dict[str, str]]] = []
    if model == "passport":  # the result hides the evidence
        found.append((first, {"cmw-form": "tag"}))
    else:
        # In place of a certificate there has to be a key in the evidence: a token has none.
        kind = {"credential-kind": "cert"} if profile == BESIDE else {}
        for name in others:
            found.append((name, kind if name == TOKEN else {}))
        if TOKEN in others:
            found.append((TOKEN, {**kind, "cmw-form": "tag"}))
    found.append((first, {"serialization": "json"}))
    if "p384" in contract().roots[root]["curves"]:
        found.append((first, {"curve": "p384"}))
    if profile == BESIDE and model != "passport":
        found.append((first, {"credential-kind": "cert"}))
    return found


def readings(step: Step) -> list[str]:
    """NAME=READING of each reading, other than the default, that could make a difference in such a
    connection."""
    known = contract()
    names = [name for name in known.profiles[step.profile].variants if name not in STRICTNESS]
    beside = step.profile != BESIDE or step.ways.get("credential-kind") == "cert"
    return [
        f"{name}={reading}"
        for name in names
        for reading in known.variants[name].readings[1:]
        if beside and (step.hrr or name != "hello-retry")
    ]


def _wrong_alone(case: Case, side: str, root: str) -> bool:
    """Is all that is wrong in CASE wrong at SIDE, and does the other have to refuse it?"""
    story = case.story
    expect: Mapping[str, Any] = story["expect"]
    about = story.get("device", {"root": root})
    strange = set(story) - STORY_FIELDS - {"device"} or about != {"root": root}
    if not case.refused or case.scenario.ambiguity or strange:
        return False
    flags = case.flags(side)
    silent = flags.get("attester") == NOBODY and case.attests(side)
    if not (flags.get("fault") or silent) or set(flags) - OWN_FIELDS or case.flags(other(side)):
        return False
    made_here = flags.get("evidence-format", formats(root)[0]) in formats(root)
    refused_there = case.sides(expect["by"]) == [other(side)]
    return made_here and refused_there and story.get("attester", CLIENT) != BOTH


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
def _misbehaviours(side: str, root: str) -> Sequence[Step]:
    found: dict[tuple[Any, ...], Step] = {}
    for path in story_files():
        scenario, document = load(path)
        for case in cases(scenario, document):
            if not _wrong_alone(case, side, root):
                continue
            flags = case.flags(side)
            fault = ", ".join(flags.get("fault", [UNATTESTED]))
            model = str(case.story.get("model") or "background-check")
            attests = str(case.story.get("attester", CLIENT))
            step = Step(
                case,
                attests,
                model,
                str(flags.get("evidence-format", formats(root)[0])),
                fault=fault,
                due=str(case.story["expect"].get("alert", "")),
                clauses=clauses_of(case.profile, scenario.clauses),
                what=scenario.title,
                probed=other(side),
            )
            found.setdefault((case.profile, attests, model, step.format, fault), step)
    return list(found.values())


def misbehaviours(
    profile: str, attests: str, model: str, probed: str = SERVER, root: str = PSA
) -> list[Step]:
    """What can be done to a peer that speaks PROFILE so, with a device that has ROOT."""
    wanted = (profile, attests, model)
    return [
        one
        for one in _misbehaviours(other(probed), root)
        if (one.profile, one.attests, one.model) == wanted
    ]

# SPDX-License-Identifier: Apache-2.0
"""Roots of trust of the device (`--root`): what an attester makes with one, and what it lacks.

Each is a row of `roots` in data/contract.yaml. A story that names no evidence format is played with
the first one of the run's root.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, Mapping

from .contract import contract
from .peer import Peer
from .run import Run
from .scenario import SIDES, Case, merge

PSA = "psa"  # what a device has that was told nothing


def row(root: str) -> Mapping[str, Any]:
    """The contract's row of a root."""
    return contract().roots[root]


def formats(root: str) -> list[str]:
    """The evidence that it makes; the first is what an attester makes where nothing was asked."""
    return [str(name) for name in row(root)["evidence-formats"]]


def declared(peer: Peer) -> list[str]:
    """The roots that a peer's device can have."""
    return [str(name) for name in peer.capabilities.get("device", {}).get("roots", [PSA])]


def root_of(case: Case, run: Run) -> str:
    """The root of the devices of CASE: the run's, or the one that its story is about."""
    return run.root if run.root != PSA else str(case.story.get("device", {}).get("root", PSA))


def flags(case: Case, run: Run) -> dict[str, str]:
    """What the devices of CASE are told."""
    root = root_of(case, run)
    return {} if root == PSA else {"root": root}


def endorsements(case: Case, run: Run) -> list[str]:
    """The parts (`--part`) of what is endorsed of each device, a CoRIM each."""
    return [str(part) for part in row(root_of(case, run)).get("endorsements", ["all"])]


def _is_default(root: str) -> bool:
    """Does an attester that was told nothing make the evidence of this root?"""
    return formats(root)[0] == formats(PSA)[0]


def as_attested(case: Case, run: Run) -> Case:
    """CASE with the evidence of the run's root where the story asks for none by name."""
    root = root_of(case, run)
    if _is_default(root):
        return case
    story: Any = case.story
    for side in SIDES:
        if case.attests(side) and "evidence-format" not in case.flags(side):
            story = merge(story, {side: {"evidence-format": formats(root)[0]}})
    return dataclasses.replace(case, story=story)


def lacks(case: Case, run: Run) -> str:
    """What the run's root of trust cannot do of what CASE wants, or ""."""
    peer = run.peer("device")
    root = root_of(case, run)
    story = str(case.story.get("device", {}).get("root", root))
    if story != root:
        words = f"its story is about the root of trust {story}, and the run about {root}"
        evidence = formats(story)[0]
        why = row(root).get("cannot", {}).get(evidence)
        return words + (f", which makes no {evidence}: {why}" if why else "")
    if root not in declared(peer):
        return f"{peer.name} (device) declares no root of trust {root}"
    if root == PSA:
        return ""
    service = row(root).get("service")
    if service and (missing := run.peers[service].missing("service", run.build)):
        return missing
    a_device = f"a device with the root of trust {root}"
    for side in SIDES:
        if not case.attests(side):
            continue
        evidence = str(case.flags(side).get("evidence-format", formats(root)[0]))
        if evidence not in formats(root):
            why = row(root).get("cannot", {}).get(evidence)
            return f"{a_device} makes no evidence of format {evidence}" + (
                f": {why}" if why else ""
            )
        curve = str(case.flags(side).get("curve", case.story.get("curve", "p256")))
        if curve not in row(root)["curves"]:
            return f"{a_device} has no identity keys of curve {curve}"
        for name in row(root)["without"]:
            if any(name in case.story.get(block, {}) for block in ("device", "second-device")):
                return f"{a_device} says nothing of its {name}"
            if name in case.flags(side).get("fault", []):
                return f"{a_device} makes nothing that the fault {name} could present"
    return ""


def as_told(case: Case, run: Run) -> Case:
    """CASE with what evidence of the run's root can tell, in place of what a CAB does."""
    told = row(root_of(case, run)).get("told")
    if told is None:
        return case
    story = copy.deepcopy(case.story)
    if told["reasons"]:
        story["expect"].pop("mismatches", None)
    return dataclasses.replace(case, story={**story, "expect": _told(story["expect"], told)})


def _told(value: Any, told: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_told(one, told) for one in value]
    if not isinstance(value, Mapping):
        return value
    made = {key: _told(below, told) for key, below in value.items()}
    if isinstance(made.get("reason"), str) and made["reason"] in told["reasons"]:
        made["reason"] = {"one-of": told["reasons"][made["reason"]]}
    if made.get("form") == "collection":
        made["form"] = told["form"]
    return made

# SPDX-License-Identifier: Apache-2.0
"""What a case asks of a verifier, and what this one is: what it lacks, and what it says otherwise.

A capability that is not declared is there: the stub, and who stands in its place, has them all.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any, Iterator, Mapping

from ..run import Run
from ..scenario import SIDES, Case

# What only whoever runs a verifier can set.
SET_BY_OTHERS = ("audience", "result-lifetime", "session-lifetime")
IDENTITY = "verifier.example"  # of verifiers that are started here, and so in stories
COUNTS = ("reference_values", "trust_anchors")


def _blocks(case: Case) -> Iterator[Mapping[str, Any]]:
    """The devices whose evidence it gets."""
    if any(case.attests(side) for side in SIDES):
        yield case.story.get("device", {})


def unjudged(case: Case, declared: Mapping[str, Any]) -> str:
    """What of evidence a verifier with such capabilities does not look at, or ""."""
    profiles = declared.get("psa-profiles")
    for block in _blocks(case):
        profile = block.get("psa-profile", "arm-2")
        if profiles is not None and profile not in profiles:
            return f"affirms no PSA token of profile {profile}"
        adds = any(str(one).startswith("extra:") for one in block.get("tamper", []))
        if adds and not declared.get("unknown-component", True):
            return "affirms a device with a component that nobody endorsed"
    wanted = case.story.get("verifier", {}).get("endorse-components")
    missing = wanted is not None and not declared.get("missing-component", True)
    return "affirms a device whose endorsed component was not measured" if missing else ""


def unset(case: Case, declared: Mapping[str, Any]) -> str:
    """What of a deployment's settings the case wants otherwise, or ""."""
    if "other-verifier" in case.story:
        return "is one verifier, and the case has two"
    block = case.story.get("verifier", {})
    for name in SET_BY_OTHERS:
        if name in block:
            return f"is not ours to set {name}"
    issuer = declared.get("issuer")
    if issuer not in (None, "", IDENTITY) and IDENTITY.encode().hex() in json.dumps(case.story):
        return f"has identity {issuer}, the case wants {IDENTITY} in bytes"
    if block.get("store", "memory") != "memory":
        return "has a store of its own"
    fixed = {
        "ear-dialect": ["veraison"],
        "identity": [issuer, IDENTITY] if issuer else [],
        "nonce-dialect": [declared["nonce-dialect"]] if "nonce-dialect" in declared else [],
        "dialect": declared.get("dialects", []),
    }
    for name, own in fixed.items():
        if own and block.get(name, own[0]) not in own:
            what = "takes endorsements in" if name == "dialect" else f"has {name}"
            return f"{what} {own[0]}, the case wants {block[name]}"
    return ""


def lacks(case: Case, run: Run) -> str:
    """What the run's verifier is not, or does not, of what CASE wants; or ""."""
    peer = run.peer("verifier")
    declared = peer.capabilities.get("verifier", {})
    found = unjudged(case, declared) or (unset(case, declared) if run.product else "")
    return f"{peer.name} (verifier) {found}" if found else ""


def as_served(case: Case, run: Run) -> Case:
    """CASE with the identity that a deployment has, which parties are told, where the story names
    the one that verifiers have here."""
    issuer = run.peer("verifier").capabilities.get("verifier", {}).get("issuer", "")
    if not run.product or not issuer:
        return case
    story = _renamed(case.story, issuer)
    story["verifier"] = {"identity": issuer, **story.get("verifier", {})}
    return dataclasses.replace(case, story=story)


def _renamed(block: Any, issuer: str) -> Any:
    if isinstance(block, dict):
        return {key: _renamed(value, issuer) for key, value in block.items()}
    if isinstance(block, list):
        return [_renamed(value, issuer) for value in block]
    return issuer if block == IDENTITY else block


def as_counted(case: Case, run: Run) -> Case:
    """CASE without counts of what was endorsed, where nobody tells them."""
    declared = run.peer("verifier").capabilities.get("verifier", {})
    if declared.get("counts", True):
        return case
    story = copy.deepcopy(case.story)
    for entry in story["expect"].get("verifier", {}).get("required", []):
        if entry.get("event") == "endorsed":
            for name in COUNTS:
                entry.pop(name, None)
    return dataclasses.replace(case, story=story)

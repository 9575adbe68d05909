# SPDX-License-Identifier: Apache-2.0
"""Roots of trust of the device (`--root`): what an attester makes with one, and what it lacks.

Each is a row of `roots` in data/contract.yaml. A story that names no evidence format is played with
the first one of the run's root.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from .contract import contract
from .peer import Peer
from .run import Run
from .scenario import SIDES, Case, merge

PSA = "psa"  # what a device has that was told nothing
# What the programs must have been built with; the launcher installs it where the root is asked for.
LIBRARIES = {"tpm": "tss2-esys"}


def row(root: str) -> Mapping[str, Any]:
    """The contract's row of a root."""
    return contract().roots[root]


def formats(root: str) -> list[str]:
    """The evidence that it makes; the first is what an attester makes where nothing was asked."""
    return [str(name) for name in row(root)["evidence-formats"]]


def declared(peer: Peer) -> list[str]:
    """The roots that a peer's device can have."""
    return [str(name) for name in peer.capabilities.get("device", {}).get("roots", [PSA])]


def library(root: str) -> str:
    """What the programs have to be built with, by the name that meson knows; or ""."""
    return LIBRARIES.get(root, "")


def flags(run: Run) -> dict[str, str]:
    """What the device is told."""
    return {} if run.root == PSA else {"root": run.root}


def as_attested(case: Case, run: Run) -> Case:
    """CASE with the evidence of the run's root where the story asks for none by name."""
    if run.root == PSA:
        return case
    story: Any = case.story
    for side in SIDES:
        if case.attests(side) and "evidence-format" not in case.flags(side):
            story = merge(story, {side: {"evidence-format": formats(run.root)[0]}})
    return dataclasses.replace(case, story=story)


def lacks(case: Case, run: Run) -> str:
    """What the run's root of trust cannot do of what CASE wants, or ""."""
    peer = run.peer("device")
    if run.root not in declared(peer):
        return f"{peer.name} (device) declares no root of trust {run.root}"
    if run.root == PSA:
        return ""
    a_device = f"a device with the root of trust {run.root}"
    for side in SIDES:
        if not case.attests(side):
            continue
        evidence = str(case.flags(side)["evidence-format"])
        if evidence not in formats(run.root):
            return f"{a_device} makes no evidence of format {evidence}"
        curve = str(case.flags(side).get("curve", case.story.get("curve", "p256")))
        if curve not in row(run.root)["curves"]:
            return f"{a_device} has no identity keys of curve {curve}"
        for block in ("device", "second-device"):
            for name in row(run.root)["without"]:
                if name in case.story.get(block, {}):
                    return f"{a_device} says nothing of its {name}"
    return ""

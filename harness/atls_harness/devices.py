# SPDX-License-Identifier: Apache-2.0
"""Devices differ: one measures three components at boot, another four.

peer.yaml says so in `capabilities.device`; a story asks for `{number-of: components}`, and each
device is held to its own number. Of one that declares nothing, any number will do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .peer import Peer
from .run import Run
from .scenario import Case

NUMBER_OF = "number-of"


def components(peer: Peer) -> list[str]:
    """What it measures at boot and so endorses, without --components."""
    return [str(name) for name in peer.capabilities.get("device", {}).get("components", ())]


def as_endorsed(case: Case, run: Run) -> Case:
    """CASE with the numbers of this run's device in it."""
    count = len(components(run.peer("device")))
    story = dict(case.story)
    story["expect"] = _filled(story["expect"], count if count else {"at-least": 1})
    return dataclasses.replace(case, story=story)


def _filled(value: Any, number: Any) -> Any:
    if isinstance(value, Mapping):
        if value == {NUMBER_OF: "components"}:
            return number
        return {key: _filled(below, number) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled(below, number) for below in value]
    return value

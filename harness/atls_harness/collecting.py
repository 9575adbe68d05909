# SPDX-License-Identifier: Apache-2.0
"""From the name that pytest gave an item to its case: for the process that counts the results.

A worker may die with a case in its hands. Whoever counts the results then has nothing but the name
that pytest gave the case, and finds it again from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from pathlib import Path
from typing import Sequence

from .errors import HarnessError
from .pairs import MARK
from .paths import ROOT
from .run import Run
from .scenario import Case, Scenario
from .selection import PEER_FILE, cases_in


def is_case(nodeid: str) -> bool:
    """Is an item of pytest's a case (and no probe, and no test in Python)?"""
    path = Path(nodeid.partition("::")[0])
    return path.suffix == ".yaml" and path.name != PEER_FILE


def find(nodeid: str, run: Run) -> tuple[Case, Run]:
    """The case of that name; of a file that cannot be read any more, one that stands for it."""
    place, _, name = nodeid.partition("::")
    path = ROOT / place
    pair = name.rpartition(MARK)[2] if run.pairs else ""
    seen = run.of_pair(*pair.split(":")) if pair else run
    with contextlib.suppress(HarnessError):
        for one in cases_in(path):
            case = dataclasses.replace(one, pair=pair)
            if case.item == name:
                return case, seen
    story = {"attester": "none", "expect": {"outcome": "complete"}}
    return Case(Scenario(path, f"the case {name}", "", (), {}), name, {}, story, pair), seen


def apart(found: Sequence[Case]) -> list[Case]:
    """The same cases; where two files would have one id between them, the folder goes before it."""
    counted = Counter(case.id for case in found)
    return [
        dataclasses.replace(case, place=f"{case.scenario.path.parent}/")
        if counted[case.id] > 1
        else case
        for case in found
    ]

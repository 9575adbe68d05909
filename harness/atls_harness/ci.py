# SPDX-License-Identifier: Apache-2.0
"""The stage `peers` of ./atls test: foreign stacks are set up, and the required cells are played.

harness/ci/required.yaml says which: each stack that it names, against the project's own, in both
directions, in the profiles that it names. A machine without a stack's tools plays the others, and
the stage says which it did not play, and why; a stack that is there and fails is a failure.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Sequence

from .errors import HarnessError
from .matrix import FIELDS, WILD, Required, load_required
from .paths import INTEROP, PEERS, ROOT
from .peer import load_peers
from .setup import Done, set_up

REQUIRED = ROOT / "harness" / "ci" / "required.yaml"
OWN = "atls"


def stacks(required: Sequence[Required]) -> list[str]:
    """The foreign stacks that some entries name."""
    named = [name for one in required for name in one.patterns[:2] if not WILD & set(name)]
    return [name for name in dict.fromkeys(named) if name != OWN]


def prepare(build: Path, names: Sequence[str]) -> list[Done]:
    """Sets the stacks up; what became of each."""
    peers = load_peers([PEERS])
    unknown = [name for name in names if name not in peers]
    if unknown:
        raise HarnessError(f"{REQUIRED}: there is no peer {unknown[0]!r}")
    return [set_up(peers[name], build) for name in names]


def playable(required: Sequence[Required], there: Sequence[str]) -> list[Required]:
    """The entries whose stacks are there."""
    known = {OWN, *there}
    return [one for one in required if {n for n in one.patterns[:2] if not WILD & set(n)} <= known]


def arguments(required: Sequence[Required], folder: Path) -> list[str]:
    """What pytest is told to play; the entries are written into FOLDER."""
    names = ",".join(stacks(required))
    entries: list[dict[str, object]] = []
    for one in required:
        entries.append({"passes": one.passes})
        entries[-1].update(zip(FIELDS, one.patterns))
    path = folder / "required.yaml"
    path.write_text(json.dumps({"required": entries}, indent=1) + "\n", encoding="utf-8")
    profiles = sorted({one.patterns[FIELDS.index("profile")] for one in required} - {"*"})
    made = ["--pair", f"{OWN}:{names}", "--pair", f"{names}:{OWN}", "--required", str(path)]
    # By profile, and every probe of the peers that play (their items are of the file peer.yaml).
    made += ["-k", " or ".join([*profiles, "peer.yaml"])] if profiles else []
    return [*made, str(INTEROP), str(PEERS)]


def required_cells() -> tuple[Required, ...]:
    """What the stage wants green."""
    return load_required(REQUIRED)

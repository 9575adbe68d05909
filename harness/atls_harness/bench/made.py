# SPDX-License-Identifier: Apache-2.0
"""Results and scenarios that are made to be large, for the curves of the report and of a start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..paths import ROOT

SIZES = range(8, 65)  # of a nonce: draft-bft-rats-kat has 8 to 64 bytes
PER_FILE = 2 * len(SIZES)
STORY = """# SPDX-License-Identifier: Apache-2.0
title: Made to be counted, {number}
clauses: [R-TA-08]
model: background-check
matrix:
  attester: [client, server]
  nonce-size: [{sizes}]
roles: {{relying-party: {{nonce-size: $(nonce-size)}}}}
expect:
  outcome: complete
"""


def result(folder: Path, count: int) -> Path:
    """A result of COUNT cases: those that were published, again and again under other names."""
    known = json.loads((ROOT / "results" / "smoke" / "results.json").read_text(encoding="utf-8"))
    published: list[dict[str, Any]] = known["cases"]
    cases = []
    for index in range(count):
        turn, place = divmod(index, len(published))
        case = dict(published[place], bundle=None)
        if turn:
            case["case"] = f"{case['case']}-{turn}"
            case["id"] = f"{case['scenario']}[{case['case']}]"
        cases.append(case)
    path = folder / f"results-{count}" / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**known, "cases": cases}), encoding="utf-8")
    return path.parent


def scenarios(folder: Path, count: int) -> list[str]:
    """Files of scenarios that have COUNT cases together, or a few more."""
    folder.mkdir(parents=True)
    made = []
    for number in range(-(-count // PER_FILE)):
        path = folder / f"made-{number}.yaml"
        sizes = ", ".join(map(str, SIZES))
        path.write_text(STORY.format(number=number, sizes=sizes), encoding="utf-8")
        made.append(str(path))
    return made

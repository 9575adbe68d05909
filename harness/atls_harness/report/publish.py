# SPDX-License-Identifier: Apache-2.0
"""What of a result is published in results/: enough to tell, and little enough for a repository.

Bundles stay where they are, paths of the machine are left out. On the page, every case that did not
pass and one of each scenario is shown whole, the others in a line; the data have all that was
observed of a case that did not pass only.
"""

from __future__ import annotations

import json
import re
from typing import Any, Mapping

from ..outcome import GOOD
from .values import listed, mapping, text

WORK = re.compile(r"(?:/[^\s/'\"]+)*/atls-[^\s/'\"]+/c\d+-\d+")
# --peers is a place where it is a folder, and who played where it is names.
PLACE = re.compile(r" --(?:(?:build|out)[ =](?:'[^']*'|\S+)|peers[ =](?:'[^']*/[^']*'|\S*/\S*))")
OPTIONAL = ("description", "expected", "ambiguity", "readings")
BYTES = ("signed_with", "verified_with")


def scrubbed(value: Any) -> Any:
    """VALUE without the paths of the machine that it came from."""
    if isinstance(value, str):
        return PLACE.sub("", WORK.sub("(work)", value))
    if isinstance(value, list):
        return [scrubbed(below) for below in value]
    if isinstance(value, Mapping):
        return {key: scrubbed(below) for key, below in value.items() if key not in BYTES}
    return value


def kind(case: Mapping[str, Any]) -> tuple[str, ...]:
    """What one case is shown for."""
    return text(case.get("group")), text(case.get("scenario"))


def trim(raw: Mapping[str, Any]) -> dict[str, Any]:
    """RAW as the published page shows it; its schema is the same."""
    made: dict[str, Any] = dict(scrubbed(raw))
    seen: set[tuple[str, ...]] = set()
    for case in listed(made.get("cases")):
        if not mapping(case):
            continue
        case["bundle"] = None
        known = kind(case) in seen
        seen.add(kind(case))
        if known and case.get("outcome") in GOOD:
            case["timeline"] = None
    return made


def data(trimmed: Mapping[str, Any]) -> dict[str, Any]:
    """The published results.json, of what trim() made."""
    return {**trimmed, "cases": [_in_short(mapping(case)) for case in listed(trimmed.get("cases"))]}


def _in_short(case: Mapping[str, Any]) -> Mapping[str, Any]:
    if case.get("outcome") not in GOOD:
        return case
    made = {key: value for key, value in case.items() if key not in OPTIONAL}
    return {**made, "attempts": [], "observed": {}, "timeline": None}


def dump(raw: Mapping[str, Any]) -> str:
    """JSON with a case, and a clause, a line: short, and a difference can be read."""
    parts = []
    for key, value in raw.items():
        if isinstance(value, list) and value:
            rows = ",\n".join(
                "  " + json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in value
            )
            parts.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"

# SPDX-License-Identifier: Apache-2.0
"""What of a result is published in results/: enough to tell, and little enough for a repository.

Bundles stay where they are. Of every scenario one case for each profile, model and attester keeps
its timeline, as does every case that did not pass; paths of the machine are left out.
"""

from __future__ import annotations

import json
import re
from typing import Any, Mapping

from ..outcome import GOOD
from .view import listed, mapping, roles, text

WORK = re.compile(r"(?:/[^\s/'\"]+)*/atls-[^\s/'\"]+/c\d+-\d+")
PLACE = re.compile(r" --(?:build|out|peers)[ =](?:'[^']*'|\S+)")
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
    named = [text(case.get(name)) for name in ("group", "scenario", "profile")]
    return (*named, *roles(case))


def trim(raw: Mapping[str, Any]) -> dict[str, Any]:
    """RAW as it is published; its schema is the same."""
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


def dump(raw: Mapping[str, Any]) -> str:
    """JSON with a case, and a clause, a line: short, and a difference can be read."""
    parts = []
    for key, value in raw.items():
        if isinstance(value, list) and value:
            rows = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in value)
            parts.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"

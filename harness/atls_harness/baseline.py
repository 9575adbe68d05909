# SPDX-License-Identifier: Apache-2.0
"""A run against an earlier one (--baseline): what is worse, what is better, what is still bad.

A baseline compares and excuses nothing: what failed before and fails still is a failure, unless it
is expected, with a reason (expected.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Sequence

import jsonschema

from .document import validator_for
from .errors import HarnessError
from .outcome import GOOD, UNPLAYED
from .paths import RESULT_SCHEMA, shown

KINDS = {
    "new_failures": "fails, and did not before",
    "fixed": "passes, and failed before",
    "newly_unsupported": "is no longer tried",
    "no_longer_reached": "refused as it must, and does not get as far any more",
    "still_failing": "failed before, and does still",
    "new": "was not there before",
    "gone": "was there before, and is not in this run",
    "not_played": "was not come to before the run was ended",
}
NOT_TRIED = ("unsupported", "skipped")
COUNTED = ("new", "gone", "not_played")  # not told by name
REGRESSIONS = ("new_failures", "newly_unsupported", "no_longer_reached")
EARNED = 2  # the version of a result since which "withstood" is not given for nothing


def load_baseline(path: Path) -> dict[str, Any]:
    """An earlier results.json, and its `file`."""
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise HarnessError(f"--baseline {path}: {problem}") from problem
    # Fields may have come since: it is what is compared that must be as it is now.
    cases = validator_for(RESULT_SCHEMA, "baseline-case")
    listed = result.get("cases") if isinstance(result, dict) else None
    if not isinstance(listed, list):
        raise HarnessError(f"--baseline {path}: expected a results.json, with cases")
    for case in listed:
        problem_of = jsonschema.exceptions.best_match(cases.iter_errors(case))
        if problem_of is not None:
            raise HarnessError(f"--baseline {path}: a case: {problem_of.message}")
    result["file"] = shown(path)
    return result


def compare(before: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What became of each case since an earlier result (the `baseline` of results.json)."""
    old = {case["id"]: str(case["outcome"]) for case in before["cases"]}
    new = {str(case["id"]): str(case["outcome"]) for case in cases}
    found: dict[str, Any] = {kind: [] for kind in KINDS}
    for name, outcome in sorted(new.items()):
        was = old.get(name)
        failed_before = was is not None and was not in GOOD
        if was is None:
            found["new"].append(name)
        if outcome not in GOOD:
            found["still_failing" if failed_before else "new_failures"].append(name)
        elif outcome == "pass" and (failed_before or was == "xfail"):
            found["fixed"].append(name)
        elif outcome == UNPLAYED:
            found["not_played"].append(name)
        elif outcome in NOT_TRIED and was is not None and was not in (*NOT_TRIED, UNPLAYED):
            found["newly_unsupported"].append(name)
    found["no_longer_reached"] = sorted(_reached(before["cases"]) & _missed(cases))
    version = before.get("version")
    if not isinstance(version, int) or version < EARNED:
        found["no_longer_reached"] = []
    found["gone"] = sorted(set(old) - set(new))
    run = before.get("run", {})
    found["file"] = before["file"]
    found["started"], found["revision"] = run.get("started", ""), run.get("revision", "")
    return found


def _reached(cases: Sequence[Mapping[str, Any]]) -> set[str]:
    return {c["id"] for c in cases if c.get("columns", {}).get("withstood") == "pass"}


def _missed(cases: Sequence[Mapping[str, Any]]) -> set[str]:
    return {c["id"] for c in cases if c.get("columns", {}).get("withstood") == "not-reached"}


def regressed(comparison: Mapping[str, Any]) -> bool:
    """Is anything worse than it was?"""
    return any(comparison[kind] for kind in REGRESSIONS)


def lines(comparison: Mapping[str, Any]) -> list[str]:
    """A comparison for people; what is gone or new is counted only."""
    made = [f"against {comparison['file']} ({comparison['started'] or 'no date'})"]
    for kind, words in KINDS.items():
        names = comparison.get(kind)
        if not names:
            continue
        made.append(f"{len(names)} {kind.replace('_', ' ')}: {words}")
        if kind not in COUNTED:
            made += [f"  {name}" for name in names]
    if len(made) == 1:
        made.append("nothing has changed")
    return made


def markdown(comparison: Mapping[str, Any]) -> list[str]:
    """The same for summary.md."""
    first, *rest = lines(comparison)
    made = ["", "## Since the baseline", "", first, ""]
    return made + [f"  - {line.strip()}" if line[0] == " " else f"- {line}" for line in rest]

# SPDX-License-Identifier: Apache-2.0
"""What only some results have: a comparison with an earlier one, cells that must be green, and
reading against reading."""

from __future__ import annotations

import re
from typing import Any, Mapping

from .. import ambiguities
from ..baseline import KINDS
from .values import BAD, OK, listed, mapping, moment, text
from .view import Report


DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{12,}([0-9a-f]{4})\b")


def _short(words: str) -> str:
    """Long numbers by their first and last digits: that they differ is what is to be seen."""
    return DIGEST.sub(r"\1…\2", words)


def baseline(report: Report) -> dict[str, Any] | None:
    """What became of the cases since an earlier result, where the run was compared with one."""
    given = mapping(report.raw.get("baseline"))
    if not given:
        return None
    known = {
        case.id: case.anchor for group in report.groups.values() for s in group for case in s.cases
    }
    kinds = []
    for name, words in KINDS.items():
        ids = [text(one) for one in listed(given.get(name))]
        counted_only = name in ("new", "gone")
        if ids:
            shown = [] if counted_only else [(one, known.get(one, "")) for one in ids]
            kinds.append((name.replace("_", " "), words, len(ids), shown))
    about = {key: text(given.get(key)) for key in ("file", "revision")}
    return {**about, "started": moment(given.get("started")), "kinds": kinds}


def required(report: Report) -> list[Mapping[str, str]]:
    """The cells that must be green (--required), those that are not first."""
    made = []
    for one in map(mapping, listed(report.raw.get("required"))):
        tone = OK if one.get("green") is True else BAD
        fields = {name: text(one.get(name)) for name in ("cell", "reason", "where")}
        made.append({**fields, "tone": tone})
    return sorted(made, key=lambda one: one["tone"] == OK)


def readings(report: Report) -> list[dict[str, Any]]:
    """Reading against reading: each ambiguity of the run with its rows."""
    needed = ("id", "ambiguity", "readings", "peers", "profile", "outcome", "reason", "observed")
    cases = [
        one
        for one in map(mapping, report.raw["cases"])
        if one.get("ambiguity") in ambiguities.ambiguities() and all(key in one for key in needed)
    ]
    try:
        rows = ambiguities.rows(cases)
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # a result of another version: its cases are shown all the same
    made: dict[str, dict[str, Any]] = {}
    for name, *cells in rows:
        entry = ambiguities.ambiguities()[name]
        about = {"id": name, "title": entry.title, "message": entry.message}
        made.setdefault(name, {**about, "legend": ambiguities.legend(name), "rows": []})
        made[name]["rows"].append([_short(text(cell)) for cell in cells])
    return list(made.values())

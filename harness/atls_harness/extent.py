# SPDX-License-Identifier: Apache-2.0
"""How much of all there is a run has played: what keeps a part from being taken for the whole."""

from __future__ import annotations

from typing import Any, Mapping

Extent = Mapping[str, Any]  # all, chosen, played: numbers of cases; ended: by what, or ""


def of(result: Mapping[str, Any]) -> Extent:
    """The extent of a result; one of an older version has none."""
    run = result.get("run")
    found = run.get("extent") if isinstance(run, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    known = all(type(found.get(name)) is int for name in ("all", "chosen", "played"))
    return found if known else {}


def is_partial(extent: Extent) -> bool:
    """Was it ended before all that was chosen had been played?"""
    return bool(extent.get("ended"))


def words(extent: Extent) -> str:
    """What a reader must know of it, or ""."""
    if is_partial(extent):
        said = f"partial: ended by {extent['ended']} after {extent['played']} of {extent['chosen']}"
        rest = f" cases, the others are not-played; chosen were {extent['chosen']} of"
        if extent["chosen"] < extent["all"]:
            return f"{said}{rest} {extent['all']} cases"
        return f"{said} cases, the others are not-played"
    if extent and extent["chosen"] < extent["all"]:
        return f"chosen: {extent['chosen']} of {extent['all']} cases"
    return ""

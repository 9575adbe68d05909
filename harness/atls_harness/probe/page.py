# SPDX-License-Identifier: Apache-2.0
"""What a probe found, as a page that is one file and needs no script."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Mapping

from ..markdown import visible
from ..report import render
from ..requirements import requirements
from ..report.values import BAD, OK, WARN, anchor, moment
from ..untrusted import both_ends
from . import show
from .judge import FAIL, FAILED, PASS, SILENT, UNSEEN, UNSUPPORTED
from .plan import CLIENT, SERVER

Value = Mapping[str, Any]
TONES = {PASS: OK, FAIL: BAD, UNSEEN: WARN, SILENT: "plain", UNSUPPORTED: "plain"}
DECODED_MAX = 30_000


def _profiles(value: Value) -> list[dict[str, Any]]:
    """A row of the overview for each profile that was tried."""
    rows = []
    for profile in value["speaks"]:
        mine = [one for one in value["connections"] if one["profile"] == profile]
        tally = Counter(one["outcome"] for one in mine if one["fault"])
        cells = {}
        for who in (SERVER, CLIENT):
            lines = show.did(value, profile, who)
            cells[who] = {"lines": lines, "tone": _tone(mine, who, lines)}
        rows.append(
            {
                "name": profile,
                "anchor": anchor("profile", profile),
                "document": value["documents"][profile],
                "cells": cells,
                "also": show.also(value, profile),
                "counts": [
                    {"count": tally[name], "tone": TONES[name]} for name in (PASS, FAIL, UNSEEN)
                ],
            }
        )
    return rows


def _tone(records: list[Any], who: str, lines: list[str]) -> str:
    mine = [one for one in records if not one["fault"] and one["attests"] == who]
    if any(one["outcome"] == FAIL for one in mine):
        return BAD
    return OK if lines else "plain"


def _connection(number: int, record: Value, folder: Path) -> dict[str, Any]:
    """What is shown of one connection."""
    alert = record["alert"]
    came = f"{alert['name']} ({alert['code']}), {alert['direction']}" if alert else "none"
    presented = []
    for one in record["presented"]:
        path = folder / one["file"] if one["file"] else None
        tree = path.with_suffix(".txt") if path else None
        text = both_ends(tree, DECODED_MAX) if tree and tree.is_file() else ""
        presented.append({**one, "tree": visible(text)})
    return {
        **record,
        "number": number,
        "anchor": f"connection-{number}",
        "title": show.title(record),
        "tone": TONES[record["outcome"]],
        "came": came,
        "presented": presented,
        "check_rows": [
            (name, how, {"passed": OK, FAILED: BAD}.get(how, WARN))
            for name, how in record["checks"].items()
        ],
    }


def _clauses(value: Value, connections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Requirement by requirement, with the connections that show it."""
    rows = []
    for name, outcome in value["requirements"].items():
        known = requirements()[name]
        shown = [
            one
            for one in connections
            if one["fault"] and name in one["requirements"] and one["outcome"] == outcome
        ]
        rows.append(
            {
                "name": name,
                "outcome": outcome,
                "tone": TONES[outcome],
                "where": f"{known.document} section {known.section}",
                "text": known.text,
                "shown": [(one["number"], one["anchor"]) for one in shown[:6]],
                "more": max(0, len(shown) - 6),
            }
        )
    order = (FAIL, UNSEEN, PASS)
    return sorted(rows, key=lambda row: order.index(str(row["outcome"])))


def html(value: Value, folder: Path) -> str:
    """The page. FOLDER has what the peer presented, decoded."""
    numbered = enumerate(value["connections"], 1)
    connections = [_connection(number, record, folder) for number, record in numbered]
    outcomes = Counter(value["requirements"].values())
    peer = value["probe"]["probed"]
    spoken = [name for name, ways in value["speaks"].items() if ways]
    return render.page(
        "probe.html.j2",
        probe={**value["probe"], "started": moment(value["probe"]["started"])},
        peer=peer,
        title=f"A {peer} of attested TLS, probed",
        verdict="Something that is required failed" if value["failed"] else "Nothing failed",
        tone=BAD if value["failed"] else OK,
        spoken=spoken,
        failed=value["failed"],
        notes=value["notes"],
        profiles=_profiles(value),
        connections=connections,
        by_profile={
            name: [one for one in connections if one["profile"] == name] for name in value["speaks"]
        },
        clauses=_clauses(value, connections),
        outcomes=[(name, outcomes[name], TONES[name]) for name in (PASS, FAIL, UNSEEN)],
        left_out=value["left_out"],
    )

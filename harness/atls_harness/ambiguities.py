# SPDX-License-Identifier: Apache-2.0
"""What the drafts leave open (data/ambiguities.yaml), and the table of what breaks because of it.

A scenario with `ambiguity: H..` sets the readings of its two sides against each other; what it
expects is what breaks. `./atls run --ambiguities` plays those and prints reading against reading.
"""

from __future__ import annotations

import functools
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from .document import Document, excuse
from .errors import InputError
from .paths import AMBIGUITIES, AMBIGUITY_SCHEMA

COLUMNS = ("", "against each other", "what breaks", "where", "alert")
INDENT = 5
HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{24,}(?![0-9a-f])")
# Of columns, but for the one that takes what is left.
WIDTHS = (INDENT - 2, 23, None, 6, 22)


@dataclass(frozen=True)
class Reading:
    """One way to read it."""

    text: str
    flags: Mapping[str, Any]


@dataclass(frozen=True)
class Ambiguity:
    """One thing that can be read in several ways."""

    id: str
    title: str
    message: str
    readings: Mapping[str, Reading]
    reason: str  # why no scenario shows it, or ""
    needs: tuple[str, str] | None


def load_ambiguities(path: Path) -> dict[str, Ambiguity]:
    """The ambiguities in a file, by id, in its order."""
    document = Document(path, InputError)
    document.check(AMBIGUITY_SCHEMA)
    made: dict[str, Ambiguity] = {}
    for name, entry in document.by_id("ambiguities").items():
        reason, needs = excuse(entry, "unseen")
        readings = {
            letter: Reading(reading["text"], reading.get("set", {}))
            for letter, reading in entry["readings"].items()
        }
        made[name] = Ambiguity(name, entry["title"], entry["message"], readings, reason, needs)
    return made


@functools.lru_cache(maxsize=None)
def ambiguities() -> dict[str, Ambiguity]:
    """What the drafts leave open, by id."""
    return load_ambiguities(AMBIGUITIES)


def problems(
    known: Mapping[str, Ambiguity], shown: Iterable[str], capabilities: Mapping[str, Any]
) -> list[str]:
    """What is neither shown nor excused, and excuses that hold no longer."""
    seen = set(shown)
    found = []
    for name, entry in known.items():
        declared = entry.needs and entry.needs[1] in capabilities.get(entry.needs[0], [])
        if name in seen and entry.reason:
            found.append(f"{name} has a scenario, but data/ambiguities.yaml says: {entry.reason}")
        elif name not in seen and not entry.reason:
            found.append(f"{name} has no scenario and no reason")
        elif name not in seen and declared and entry.needs:
            found.append(f"{name}'s reason is out of date: the peer declares {entry.needs[1]}")
    return found


def number(name: str) -> int:
    """H12 is 12."""
    return int(name[1:])


def _said(case: Mapping[str, Any]) -> str:
    return ", ".join(f"{side} {letter}" for side, letter in sorted(case["readings"].items()))


def broke(case: Mapping[str, Any]) -> tuple[str, str, str]:
    """What broke in a case, where, and with which alert, from what was observed."""
    if not case["observed"]:
        return f"{case['outcome']}: {case['reason']}", "–", "–"
    failed = [
        (party, event)
        for party, entry in case["observed"].items()
        for event in entry.get("handshake", [])
        if event["outcome"] == "failed"
    ]
    if not failed:
        return "nothing: the handshake completes", "–", "none"
    party, event = next(
        ((who, one) for who, one in failed if one["reason"] not in ("peer-alert", "peer-closed")),
        failed[0],
    )
    alert = event.get("alert")
    name = f"{alert['name']} ({alert['code']})" if alert else "none"
    what = event["reason"] + (f": {event['detail']}" if event.get("detail") else "")
    if event.get("diagnosis"):
        what += f"; diagnosis: it {event['diagnosis']['text']}"
    return what, party, name


def cut(text: str) -> str:
    """TEXT with long digests cut: enough is left to find them in a log."""
    return HEX.sub(lambda found: f"{found.group()[:8]}…{found.group()[-4:]}", text)


def rows(cases: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Id, who reads it how, what breaks, where, alert: a row for each way in which it breaks. Where
    the same readings break in several ways, it says in which cases which."""
    merged: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    first: dict[tuple[str, ...], str] = {}
    chosen = [case for case in cases if case.get("ambiguity")]
    for case in sorted(chosen, key=lambda case: (number(case["ambiguity"]), case["id"])):
        what, where, alert = broke(case)
        if case["outcome"] not in ("pass", "unsupported"):
            what = f"NOT AS EXPECTED ({case['outcome']}): {what}"
        # Digests are other ones in each case, and nothing that sets rows apart.
        key = (str(case["ambiguity"]), _said(case), HEX.sub("…", what), where, alert)
        merged.setdefault(key, []).append(case)
        first.setdefault(key, cut(what))
    made: list[tuple[str, ...]] = []
    for row, members in merged.items():
        others = [many for one, many in merged.items() if one[:2] == row[:2] and one != row]
        said = ", ".join(filter(None, [row[1], _apart(members, others)]))
        made.append((row[0], said, first[row], *row[3:]))
    return made


def _apart(
    members: Sequence[Mapping[str, Any]], others: Sequence[Sequence[Mapping[str, Any]]]
) -> str:
    """The parameters in which some cases differ from others with the same readings."""
    words = []
    for axis, values in _values(members).items():
        if any(_values(one).get(axis) != values for one in others):
            words.append(f"{axis} {' or '.join(values)}")
    return ", ".join(words)


def _values(cases: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What the axes of some cases are."""
    found: dict[str, dict[str, None]] = {}
    for case in cases:
        for axis, value in case.get("parameters", {}).items():
            found.setdefault(axis, {})[value] = None
    return {axis: sorted(values) for axis, values in found.items()}


def legend(name: str) -> str:
    """The readings of an ambiguity, by letter."""
    readings = ambiguities()[name].readings.items()
    return "; ".join(f"{letter}: {reading.text}" for letter, reading in readings)


def unseen(cases: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ambiguities that no case is about, with the reason; those of other runs at the end."""
    seen = {case.get("ambiguity") for case in cases}
    left = [entry for name, entry in ambiguities().items() if name not in seen]
    made = [f"{entry.id} {entry.title}: {entry.reason}" for entry in left if entry.reason]
    others = [entry.id for entry in left if not entry.reason]
    return made + ([f"not in this run: {', '.join(others)}"] if others else [])


def render(cases: Sequence[Mapping[str, Any]], width: int, color: bool) -> str:
    """The table for a terminal."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
    )
    made = rows(cases)
    for name in dict.fromkeys(row[0] for row in made):
        entry = ambiguities()[name]
        console.print(f"{name}  {entry.title} ({entry.message})", style="bold")
        console.print(Padding(legend(name), (0, 0, 0, INDENT)))
        table = Table(pad_edge=False, show_edge=False, box=None, show_header=name == made[0][0])
        for column, size in zip(COLUMNS, WIDTHS):
            table.add_column(column, overflow="fold", width=size, ratio=None if size else 1)
        for row in made:
            if row[0] == name:
                table.add_row("", *row[1:])
        console.print(table)
        console.print()
    left = unseen(cases)
    if left:
        console.print("Not shown:")
        for text in left:
            console.print(Padding(text, (0, 0, 0, INDENT)))
    return stream.getvalue()


def markdown(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table for summary.md; nothing where no case is about an ambiguity."""
    made = rows(cases)
    if not made:
        return []
    lines = ["", "## Reading against reading", ""]
    for name in dict.fromkeys(row[0] for row in made):
        entry = ambiguities()[name]
        lines += [f"**{name} {entry.title}** ({entry.message}). {legend(name)}", ""]
        lines += ["| " + " | ".join(COLUMNS[1:]) + " |", "|---" * (len(COLUMNS) - 1) + "|"]
        for row in made:
            if row[0] == name:
                cells = [cell.replace("|", "\\|") for cell in row[1:]]
                lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["Not shown:", ""]
    lines += [f"- {text}" for text in unseen(cases)]
    return lines

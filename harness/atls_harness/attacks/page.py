# SPDX-License-Identifier: Apache-2.0
"""What a run of attacks is shown as: on the terminal, in Markdown, and as a page."""

from __future__ import annotations

from typing import Any, Mapping

from ..markdown import plain
from . import table
from .catalogue import catalogue

Value = Mapping[str, Any]


def counts(value: Value) -> str:
    """ "40 succeeded, 60 withstood" """
    counted: dict[str, int] = {}
    for one in value["plays"]:
        counted[one["outcome"]] = counted.get(one["outcome"], 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))


def text(value: Value) -> str:
    """For the terminal."""
    lines = [""]
    columns = [one for one in table.COLUMNS if any(p["column"] == one for p in value["plays"])]
    rows = [
        [row[0], *(row[1 + table.COLUMNS.index(one)] for one in columns)]
        for row in table.grid(value["plays"])
    ]
    widths = [max(len(row[i]) for row in [["", *columns], *rows]) for i in range(len(columns) + 1)]
    for row in [["", *columns], *rows]:
        lines.append("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
    lines += ["", "S: succeeds, w: is withstood, ?: was not carried out.", ""]
    lines.append("Smallest sets of capabilities that break something:")
    for column, sets in value["smallest"].items():
        words = "; ".join(f"{name} ({', '.join(attacks)})" for name, attacks in sets.items())
        lines.append(f"  {column}: {words}")
    lines += ["", f"{len(value['plays'])} plays: {counts(value)}; {value['run']['seconds']} s"]
    if value["changed"]:
        lines += ["", "What is not as it is known:"]
        lines += [f"  {words}" for words in value["changed"]]
    return "\n".join(lines)


def markdown(value: Value) -> str:
    """The summary."""
    columns = list(table.COLUMNS)
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "# Attacks",
        "",
        f"{counts(value)}. {value['run']['root_of_trust']}",
        "",
        "| attack | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in table.grid(value["plays"]):
        name = catalogue()[row[0]].name
        lines.append(f"| {row[0]} {plain(name)} | " + " | ".join(map(plain, row[1:])) + " |")
    lines += ["", "S: succeeds; w: withstood; ?: not carried out.", ""]
    lines += ["## What each needs at least", ""]
    for column, sets in value["smallest"].items():
        words = "; ".join(f"{name} ({', '.join(attacks)})" for name, attacks in sets.items())
        lines.append(f"- {plain(column)}: {plain(words)}")
    if value["changed"]:
        lines += ["", "## Not as it is known", ""]
        lines += [f"- {plain(words)}" for words in value["changed"]]
    return "\n".join(lines) + "\n"


def html(value: Value) -> str:
    """The page."""
    return f"<!doctype html><title>Attacks</title><pre>{text(value)}</pre>"

# SPDX-License-Identifier: Apache-2.0
"""What a run of attacks is shown as: on the terminal, in Markdown, and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from ..document import first_problem, where_of
from ..errors import HarnessError
from ..markdown import plain
from ..paths import ATTACK_RESULT_SCHEMA
from ..report import Attacks, render
from ..report.values import BAD, NONE, OK, WARN, read
from . import diagram, table
from .catalogue import SUCCEEDED, catalogue
from .story import stories

Value = Mapping[str, Any]
LEGEND = "S: succeeds, w: is withstood, ?: was not carried out."
VERDICTS = {"broken": BAD, "withstood what was tried": OK, "held": OK, "not shown": NONE}
MODELS = (
    "Asked by a monitor of each play: of a credential that a victim accepted and a genuine party "
    "has sent, are both in one session? Where that held, a victim may still have accepted an "
    "attacker: with evidence that no genuine party has sent."
)


def counts(value: Value) -> str:
    """ "40 succeeded, 60 withstood" """
    counted: dict[str, int] = {}
    for one in value["plays"]:
        counted[one["outcome"]] = counted.get(one["outcome"], 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))


def _columns(value: Value) -> list[str]:
    """Those in which something was played."""
    return [one for one in table.COLUMNS if any(p["column"] == one for p in value["plays"])]


def _grid(value: Value) -> list[list[str]]:
    """The table, with these columns."""
    kept = [1 + table.COLUMNS.index(one) for one in _columns(value)]
    return [[row[0], *(row[index] for index in kept)] for row in table.grid(value["plays"])]


def _least(value: Value) -> list[tuple[str, str]]:
    """Column and side, and what it falls to."""
    return [
        (place, "; ".join(f"{name} ({', '.join(attacks)})" for name, attacks in sets.items()))
        for place, sets in value["smallest"].items()
    ]


def text(value: Value) -> str:
    """For the terminal."""
    rows = [["", *_columns(value)], *_grid(value)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [""]
    for row in rows:
        lines.append("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
    lines += ["", LEGEND, "", "What each falls to, the smallest sets of capabilities:"]
    lines += [f"  {place}: {words}" for place, words in _least(value)]
    said = published(value)
    apart = [one for one in said if one["execution"] == "disagrees"]
    lines += ["", f"{len(said)} published verdicts, of which {len(apart)} disagree with execution"]
    lines += [f"  {one['column']}: {one['source']}: {one['says']}" for one in apart]
    lines += ["", f"{len(value['plays'])} plays: {counts(value)}; {value['run']['seconds']} s"]
    if value["changed"]:
        lines += ["", "What is not as it is known:"]
        lines += [f"  {words}" for words in value["changed"]]
    return "\n".join(lines)


def published(value: Value) -> list[Mapping[str, str]]:
    """What was published, each claim once a column, with what execution says."""
    found: dict[tuple[str, str, str], Mapping[str, str]] = {}
    for row in value["goals"]:
        for one in row["published"]:
            key = (row["column"], one["source"], one["says"])
            found.setdefault(key, {**one, "column": row["column"]})
    return list(found.values())


def _line(words: list[str]) -> str:
    return "| " + " | ".join(map(plain, words)) + " |"


def markdown(value: Value) -> str:
    """The summary."""
    about = f"{counts(value)}; victims: {plain(value['run']['victim'])}. "
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "# Attacks on bindings of attestation and TLS",
        "",
        about + plain(value["run"]["root_of_trust"]),
        "",
        *_lines(value, "##"),
    ]
    return "\n".join(lines) + "\n"


def part_of_report(value: Value) -> Attacks:
    """The same, as a part of the report on a run."""
    run = value["run"]
    lines = [
        "## Attacks on bindings of attestation and TLS",
        "",
        f"{counts(value)}; victims: {plain(run['victim'])}; a run of its own (atls "
        f"{plain(run['atls'])}, seed {run['seed']}, {plain(run['started'])}).",
        "",
        *_lines(value, "###"),
    ]
    return Attacks(section(value), "\n".join(lines) + "\n", html(value))


def _lines(value: Value, heading: str) -> list[str]:
    columns = _columns(value)
    rule = "|---" * (len(columns) + 1) + "|"
    lines = [_line(["attack", *columns]), rule]
    for row in _grid(value):
        name = catalogue()[row[0]].name if row[0] in catalogue() else ""
        lines.append(_line([f"{row[0]} {name}".strip(), *row[1:]]))
    lines += ["", LEGEND, "", f"{heading} What each falls to", ""]
    lines += [f"- {plain(place)}: {plain(words)}" for place, words in _least(value)]
    lines += ["", f"{heading} Goals of draft-ietf-seat-use-cases-01", ""]
    lines += [_line(["goal", *columns]), rule]
    lines += _goal_lines(_goals(value, "goals"))
    lines += [
        "",
        f"{heading} Goals of the formal models",
        "",
        MODELS,
        "",
        _line(["goal", *columns]),
    ]
    lines += [rule, *_goal_lines(_goals(value, "monitor"))]
    lines += ["", f"{heading} Beside what was published", ""]
    for one in published(value):
        words = f"{one['column']}: {one['source']} ({one['kind']}): {one['says']}"
        lines.append(f"- {plain(words)}: execution {plain(one['execution'])}")
    if value["changed"]:
        lines += ["", f"{heading} Not as it is known", ""]
        lines += [f"- {plain(words)}" for words in value["changed"]]
    return lines


def _goal_lines(goals: list[dict[str, Any]]) -> list[str]:
    lines = []
    for goal in goals:
        cells = ["; ".join([one["words"], *one["lines"]]) for one in goal["cells"]]
        lines.append(_line([f"{goal['goal']} {goal['title']}", *cells]))
    return lines


def _goals(value: Value, which: str) -> list[dict[str, Any]]:
    """The goals of the working group (`goals`) or of the models (`monitor`), a row each."""
    columns = _columns(value)
    rows: dict[str, dict[str, Any]] = {}
    for one in value[which]:
        if one["column"] not in columns:
            continue
        made = rows.setdefault(
            one["goal"], {"goal": one["goal"], "title": one["title"], "cells": []}
        )
        lines = [f"{name} {' or '.join(sets)}" for name, sets in one["broken"].items()]
        words, tone = one["verdict"], VERDICTS[one["verdict"]]
        made["cells"].append({"words": words, "tone": tone, "lines": lines})
    return list(rows.values())


def _cell(words: str) -> dict[str, str]:
    marks = {part[:1] for part in words.split(", ") if part}
    tone = BAD if "S" in marks else WARN if "?" in marks else OK if marks else "plain"
    return {"words": words, "tone": tone}


def _attack(name: str, value: Value) -> dict[str, Any]:
    """One attack, for the page."""
    known = catalogue()[name].value
    about = {one.name: one.value.get("description", "") for one in stories()}
    shown = []
    for one in value["plays"]:
        if one["attack"] != name or one["outcome"] != SUCCEEDED:
            continue
        drawn = diagram.draw(one)
        if drawn is not None:
            words = f"{one['story']} and {one['column']} and {one['side']} and {one['model']}"
            shown.append(
                {
                    "id": one["id"],
                    "title": table.cell_name(one),
                    "held": table.holding(one["held"]),
                    "broken": ", ".join(table.broken(one)),
                    "story": about.get(one["story"], ""),
                    "diagram": drawn,
                    "again": f"./atls attacks run -k '{words}'",
                }
            )
    return {
        "id": name,
        "name": known["name"],
        "reading": known.get("reading", ""),
        "capabilities": ", ".join(known["capabilities"]) or "nothing",
        "assurance": known["targeted-assurance"],
        "preconditions": known["preconditions"],
        "why": known["why-validation-succeeds"],
        "mitigation": known["mitigation"],
        "section": known["section"] or "not named there",
        "sources": known["sources"],
        "not_played": known.get("not-played", ""),
        "succeeded": shown,
    }


def section(value: Value) -> dict[str, Any]:
    """What the page says of all, and the report of a run as well."""
    grid = [
        {
            "name": row[0],
            "anchor": row[0] if row[0] in catalogue() else "",
            "title": catalogue()[row[0].split()[0]].name,
            "cells": [_cell(words) for words in row[1:]],
        }
        for row in _grid(value)
    ]
    return {
        "run": value["run"],
        "counts": counts(value),
        "changed": value["changed"],
        "columns": _columns(value),
        "grid": grid,
        "smallest": value["smallest"],
        "goals": _goals(value, "goals"),
        "monitor": _goals(value, "monitor"),
        "models": MODELS,
        "published": published(value),
    }


def html(value: Value) -> str:
    """The page: one file, without scripts."""
    attacks = [_attack(name, value) for name in catalogue()]
    return render.page("attacks.html.j2", section=section(value), attacks=attacks)


def load(path: Path) -> Value:
    """An attacks.json; a folder stands for the one in it. HarnessError where it is none."""
    path = path / "attacks.json" if path.is_dir() else path
    missing = "expected an attacks.json, there is none; ./atls attacks run makes one"
    value: Value = read(path, missing)
    wrong = first_problem(value, ATTACK_RESULT_SCHEMA)
    if wrong is not None:
        words = f"{path}: expected what ./atls attacks run writes, came something else"
        raise HarnessError(f"{words}: {where_of(wrong)}: {wrong.message}")
    return value

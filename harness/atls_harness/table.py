# SPDX-License-Identifier: Apache-2.0
"""What a run looks like on a terminal: the table, and the story of single cases."""

from __future__ import annotations

import io
import textwrap
from typing import Any, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import ROOT_OF_TRUST, blocks, matrix, timeline
from .contract import cited
from .markdown import line
from .outcome import GOOD
from .results import by_scenario, missed, outcomes, tally
from .shown_by import texts

Case = Mapping[str, Any]
INDENT = "    "
STYLES = {"pass": "green", "unsupported": "yellow", "skipped": "yellow", "xfail": "yellow"}


def _tally(cases: Sequence[Case], column: str) -> Text:
    text = tally(cases, column)
    passed, _, asked = text.partition("/")
    failed = any(case["columns"][column] == "fail" for case in cases)
    style = "green" if passed == asked else "bold red" if failed else "yellow"
    return Text(text, style=style if asked else "")


def _outcomes(cases: Sequence[Case]) -> Text:
    names = {case["outcome"] for case in cases}
    worst = next((name for name in names if name not in GOOD), None)
    style = "bold red" if worst else "green" if names == {"pass"} else "yellow"
    return Text(outcomes(cases), style=style)


def render(cases: Sequence[Case], width: int, color: bool) -> str:
    """The table of a run."""
    table = Table(title_justify="left", pad_edge=False, show_edge=False)
    table.add_column("scenario", overflow="fold")
    table.add_column("cases", no_wrap=True)
    table.add_column("conforms\non the wire", justify="right")
    table.add_column("refused\nas it must", justify="right")
    table.add_column("s", justify="right")
    group_before = ""
    for (group, name), members in by_scenario(cases).items():
        if group != group_before:
            table.add_section()
            table.add_row(Text(group, style="bold"))
        group_before = group
        seconds = sum(case["seconds"] for case in members)
        table.add_row(
            "  " + name,
            _outcomes(members),
            _tally(members, "conforms"),
            _tally(members, "withstood"),
            f"{seconds:.1f}",
        )
    return _text(table, width, color)


def matrices(cases: Sequence[Case], width: int, color: bool, details: bool = True) -> str:
    """Client against server, a table for each profile, and the reasons below."""
    tables, empty = matrix.tables(cases)
    parts = [_text(part, width, color) for one in tables for part in blocks.within(one, width)]
    lines = [f"({matrix.LEGEND})"]
    if empty:
        lines.append(f"nothing was played in {', '.join(empty)}")
    lines += matrix.some(matrix.reasons(cases, details))
    return "\n".join([*parts, *(line for text in lines for line in _wrapped(text))])


def _text(thing: Any, width: int, color: bool) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
    )
    console.print(thing)
    return stream.getvalue()


def story(case: Case) -> str:
    """One case for a person: who refused, why, what did not match, and how to repeat it."""
    lines = [f"{case['id']}: {case['outcome']}", f"{INDENT}{case['title']}"]
    if case["reason"]:
        lines += _wrapped("reason: " + case["reason"])
    for name, kind, event in timeline.told(case):
        lines += _happened(name, kind, event)
    for name, party in case["observed"].items():
        if party.get("words"):
            lines += _wrapped(f"{name}'s standard error ends: {party['words']}")
    for difference in case["differences"][1:] if case["outcome"] not in GOOD else []:
        lines += _wrapped(
            f"{difference['party']}: {difference['what']}: expected {difference['expected']}, "
            f"observed {difference['observed']}"
        )
    for words in texts(case) if case["outcome"] not in GOOD else []:
        lines += _wrapped(f"requirement {words}")
    lines.append(f"{INDENT}columns: " + ", ".join(f"{k} {v}" for k, v in case["columns"].items()))
    if case["bundle"]:
        lines.append(f"{INDENT}bundle: {case['bundle']}")
    lines.append(f"{INDENT}repeat: {case['repeat']}")
    return "\n".join(map(line, lines)) + "\n"


def _happened(name: str, kind: str, event: Mapping[str, Any]) -> list[str]:
    """One thing that a party came to."""
    detail = f": {event['detail']}" if event.get("detail") else ""
    if kind == "appraisal":
        return _wrapped(f"{name}: appraisal {event['status']}, {event['reason']}{detail}")
    if kind == "handshake":
        lines = _wrapped(f"{name}: handshake {event['outcome']}, {_how(event)}")
        if event.get("diagnosis"):
            lines += _wrapped(f"{name}: diagnosis: it {event['diagnosis']['text']}")
        return lines
    accepted = "accepted" if event["accepted"] else "not accepted"
    clause = f" ({cited(str(event['clause']))})" if event.get("clause") else ""
    verdict = f"{event['tier']}, {accepted}, {event['reason']}{detail}{clause}"
    lines = _wrapped(f"{name}: verdict {verdict}")
    for mismatch in event.get("mismatches", []):
        lines.append(f"{INDENT}  component {mismatch['component']} does not match")
        lines += [f"{INDENT}    expected {digest}" for digest in mismatch["expected"]]
        lines.append(f"{INDENT}    measured {mismatch['measured']}")
    return lines


def _how(event: Mapping[str, Any]) -> str:
    alert = event.get("alert")
    if alert:
        return (
            f"{event['reason']}, alert {alert['name']} ({alert['code']}) {alert['direction']}"
            + (f": {event['detail']}" if event.get("detail") else "")
        )
    return str(event["reason"])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        width=110,
        initial_indent=INDENT,
        subsequent_indent=INDENT + "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def footer(cases: Sequence[Case], results: str, part: str = "", probes: str = "") -> str:
    """The lines below the table: PART says what of all was played, PROBES what became of those."""
    lines = [f"{len(cases)} cases of {len(by_scenario(cases))} scenarios: {outcomes(cases)}"]
    lines += [part, missed(cases), probes, ROOT_OF_TRUST]
    if results:
        lines.append(f"results: {results} (results.json, junit.xml, summary.md)")
    return "".join(f"{line}\n" for line in lines if line)

# SPDX-License-Identifier: Apache-2.0
"""What a probe found, for a terminal, as JSON and for JUnit's readers.

Whatever the server sent is text here, made visible where it was read (untrusted.py).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from typing import Any, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..contract import contract
from ..markdown import line as xml_text
from .judge import FAIL, FAILED, PASS, SILENT, UNSEEN, UNSUPPORTED
from .plan import BOTH, CLIENT, SERVER

Record = Mapping[str, Any]
STYLES = {PASS: "green", FAIL: "bold red", UNSEEN: "yellow", SILENT: "", UNSUPPORTED: ""}
FAILURES_MAX = 12
FAULT_MAX = 50
OUTCOMES = (PASS, FAIL, UNSEEN, SILENT, UNSUPPORTED)


def spoken(records: Sequence[Record]) -> dict[str, list[str]]:
    """What the server speaks: for each profile that was tried, who attests in which model."""
    made: dict[str, list[str]] = {}
    for one in records:
        found = made.setdefault(one["profile"], [])
        words = f"{one['attests']} {one['model']}"
        looked_at = one["fault"] and one["outcome"] == PASS
        if (one["spoken"] or looked_at) and words not in found:
            found.append(words)
    return made


def requirements(records: Sequence[Record]) -> dict[str, str]:
    """What became of each requirement that a misbehaviour is about: fail where it was broken once,
    pass where it was kept, else not observable."""
    made: dict[str, str] = {}
    for one in records:
        if one["fault"] and one["outcome"] in (PASS, FAIL, UNSEEN):
            for name in one["requirements"]:
                now, then = one["outcome"], made.get(name, UNSEEN)
                made[name] = FAIL if FAIL in (now, then) else PASS if PASS in (now, then) else now
    return dict(sorted(made.items()))


def complaints(value: Mapping[str, Any], named: Sequence[str]) -> list[str]:
    """Why a probe fails: a sentence each."""
    found = [f"{_title(one)}: {one['words']}" for one in value["connections"] if _failed(one)]
    known = value["speaks"]
    for name in named:
        if not known.get(name):
            found.append(f"{name} was asked for with --profile, and the server does not speak it")
    if not named and not any(known.values()):
        found.append("the server speaks no profile of attested TLS that was tried")
    return found


def _failed(record: Record) -> bool:
    return bool(record["outcome"] == FAIL)


def _title(record: Record) -> str:
    who = "both attest" if record["attests"] == BOTH else f"{record['attests']} attests"
    words = [record["profile"], who, record["model"], record["format"]]
    if record["hrr"]:
        words.append("HelloRetryRequest")
    if record["fault"]:
        fault = record["fault"]
        shown = fault if len(fault) <= FAULT_MAX else f"{fault[:FAULT_MAX]}…"
        words.append(f"{shown} ({record['what']})")
    named = f" [{', '.join(record['requirements'])}]" if record["requirements"] else ""
    return ", ".join(words) + named


def _cell(records: Sequence[Record], who: str) -> Text:
    """What came of honest connections."""
    chosen = [one for one in records if not one["fault"] and one["attests"] in (who, BOTH)]
    models = []
    for model in dict.fromkeys(one["model"] for one in chosen):
        mine = [one for one in chosen if one["model"] == model]
        if not any(one["spoken"] for one in mine):
            continue
        worst = FAIL if any(map(_failed, mine)) else mine[0]["outcome"]
        formats = sorted({one["format"] for one in mine if one["outcome"] == PASS})
        retry = " hrr" if any(one["hrr"] and one["outcome"] == PASS for one in mine) else ""
        shown = f": {', '.join(formats)}{retry}" if formats and who == CLIENT else retry
        models.append(Text(f"{model}{shown}", style=STYLES[worst]))
    return Text("\n").join(models) if models else Text("-")


def overview(value: Mapping[str, Any]) -> Table:
    """What it speaks, and how it took misbehaviours."""
    records = value["connections"]
    table = Table(pad_edge=False, show_edge=False)
    for title in ("profile", "server attests", "client attests"):
        table.add_column(title, overflow="fold")
    for title in ("refused\nas it must", "otherwise\nor let pass", "not\nobservable"):
        table.add_column(title, justify="right")
    for profile in value["speaks"]:
        mine = [one for one in records if one["profile"] == profile]
        tally = Counter(one["outcome"] for one in mine if one["fault"])
        counted = [tally[name] for name in (PASS, FAIL, UNSEEN)]
        numbers = [
            Text(str(count) if sum(counted) else "", style=STYLES[name] if count else "")
            for name, count in zip((PASS, FAIL, UNSEEN), counted)
        ]
        table.add_row(profile, _cell(mine, SERVER), _cell(mine, CLIENT), *numbers)
    return table


def _presented(records: Sequence[Record]) -> list[str]:
    """A line for each first credential of a profile and model, with what was checked of it."""
    lines: dict[tuple[str, str], str] = {}
    for one in records:
        if one["fault"] or not one["presented"] or not one["checks"]:
            continue
        first = one["presented"][0]
        how = ", ".join(f"{name} {what}" for name, what in one["checks"].items())
        words = f"{one['profile']}, {one['model']}: {first['decoded']} ({first['bytes']} bytes)"
        lines.setdefault((one["profile"], one["model"]), f"{words}: {how}")
    return list(lines.values())


def show(console: Console, value: Mapping[str, Any], verbose: bool) -> None:
    """One screen; VERBOSE: a line for each connection before it."""

    def say(words: str, style: str = "") -> None:
        console.print(Text(words, style=style))

    records = value["connections"]
    if verbose:
        for one in records:
            say(f"{_title(one)}: {one['outcome']}: {one['words']}", STYLES[one["outcome"]])
        for name, outcome in value["requirements"].items():
            say(f"{name}: {outcome}", STYLES[outcome])
    console.print(overview(value))
    for line in _presented(records):
        say(f"presented: {line}", "bold red" if FAILED in line else "")
    for text in value["failed"][:FAILURES_MAX]:
        say(f"failed: {text}", STYLES[FAIL])
    if len(value["failed"]) > FAILURES_MAX:
        say(f"and {len(value['failed']) - FAILURES_MAX} more; -v or --json has all")
    outcomes = Counter(value["requirements"].values())
    words = ", ".join(f"{outcomes[name]} {name}" for name in (PASS, FAIL, UNSEEN))
    say(f"{len(records)} connections; requirements of misbehaviours: {words}")
    for note in value["notes"]:
        say(note)


def junit(value: Mapping[str, Any]) -> str:
    """JUnit's XML: a test for each connection, and one for each complaint beyond them."""
    suite = ElementTree.Element("testsuite", name="atls probe")
    own = {f"{_title(one)}: {one['words']}" for one in value["connections"]}
    counts: Counter[str] = Counter()
    for one in value["connections"]:
        case = ElementTree.SubElement(
            suite, "testcase", classname=one["profile"], name=xml_text(_title(one))
        )
        if one["outcome"] == FAIL:
            counts["failures"] += 1
            ElementTree.SubElement(case, "failure", message=xml_text(one["words"]))
        elif one["outcome"] != PASS:
            counts["skipped"] += 1
            words = xml_text(f"{one['outcome']}: {one['words']}")
            ElementTree.SubElement(case, "skipped", message=words)
    for text in value["failed"]:
        if text not in own:
            case = ElementTree.SubElement(suite, "testcase", classname="probe", name="server")
            counts["failures"] += 1
            ElementTree.SubElement(case, "failure", message=xml_text(text))
    suite.set("tests", str(len(suite)))
    for name in ("failures", "skipped"):
        suite.set(name, str(counts[name]))
    suite.set("errors", "0")
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def documents(profiles: Sequence[str]) -> dict[str, str]:
    """The document of each profile."""
    return {name: contract().profiles[name].document for name in profiles}

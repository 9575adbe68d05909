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
from ..untrusted import cut
from .judge import FAIL, FAILED, PASS, SILENT, UNSEEN, UNSUPPORTED
from .plan import BOTH, CLIENT, NOBODY, SERVER, UNATTESTED, Step

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
    found = [f"{title(one)}: {one['words']}" for one in value["connections"] if _failed(one)]
    known, peer = value["speaks"], value["probe"]["probed"]
    for name in named:
        if not known.get(name):
            found.append(f"{name} was asked for with --profile, and the {peer} does not speak it")
    if not named and not any(known.values()):
        found.append(f"the {peer} speaks no profile of attested TLS that was tried")
    return found


def _failed(record: Record) -> bool:
    return bool(record["outcome"] == FAIL)


def _who(attests: str) -> str:
    named = {BOTH: "both attest", NOBODY: "nobody attests"}
    return named.get(attests, f"{attests} attests")


def title(record: Record) -> str:
    """What a connection was, in one line."""
    who = _who(record["attests"])
    words = [record["profile"], who, record["model"], record["format"]]
    words += [*record["ways"].values(), *record["variants"]]
    if record["hrr"]:
        words.append("HelloRetryRequest")
    if record["fault"]:
        fault = record["fault"]
        shown = fault if len(fault) <= FAULT_MAX else f"{fault[:FAULT_MAX]}…"
        words.append(f"{shown} ({record['what']})")
    named = f" [{', '.join(record['requirements'])}]" if record["requirements"] else ""
    return ", ".join(words) + named


def told(step: Step) -> str:
    """What a client is about to meet, for its owner."""
    who = _who(step.attests)
    words = [step.profile, who, step.model, *step.ways.values(), *step.variants]
    if step.attests != step.probed:
        words.append(step.format)
    words += ["after a HelloRetryRequest"] if step.hrr else []
    if not step.fault:
        return f"{', '.join(words)}: an honest server"
    what = "the server does not attest itself" if step.fault == UNATTESTED else step.fault
    due = f"alert {step.due}" if step.due else "to be refused"
    return f"{', '.join(words)}: {cut(what, FAULT_MAX)}; due is {due}"


def did(value: Mapping[str, Any], profile: str, who: str) -> list[str]:
    """What the peer was seen to do where WHO attests: a line each."""
    found = value["capabilities"].get(profile, {})
    role = "attester" if who == value["probe"]["probed"] else "relying-party"
    models = found.get("models", {}).get(role, [])
    if not models:
        return []
    lines = [", ".join(models)]
    names = ("evidence-formats", "serializations", "curves", "cmw-forms")
    words = [one for name in names for one in found[name].get(role, [])]
    if role == "relying-party":
        words += found["credential-kinds"]
    if words:
        lines.append(" ".join(words))
    return lines


def _cell(value: Mapping[str, Any], profile: str, who: str) -> Text:
    """What came of honest connections."""
    mine = [
        one
        for one in value["connections"]
        if one["profile"] == profile and not one["fault"] and one["attests"] in (who, BOTH)
    ]
    outcomes = [one["outcome"] for one in mine if one["spoken"] or one["outcome"] == FAIL]
    style = STYLES[FAIL if FAIL in outcomes else outcomes[0] if outcomes else SILENT]
    lines = did(value, profile, who)
    if not lines and outcomes:
        lines = [", ".join(dict.fromkeys(one["model"] for one in mine if one["spoken"]))]
    return Text("\n".join(lines) or "-", style=style if lines else "")


def also(value: Mapping[str, Any], profile: str) -> list[str]:
    """What else was found out of a profile: HelloRetryRequest, readings."""
    found = value["capabilities"].get(profile)
    if not found:
        return []
    words = ["HelloRetryRequest"] if found["hello-retry-request"] else []
    return words + [f"{name}={reading}" for name, reading in found["variants"].items()]


def overview(value: Mapping[str, Any]) -> Table:
    """What it speaks, and how it took misbehaviours."""
    records = value["connections"]
    table = Table(pad_edge=False, show_edge=False)
    for name in ("profile", "server attests", "client attests"):
        table.add_column(name, overflow="fold")
    for name in ("refused\nas it must", "otherwise\nor let pass", "not\nobservable"):
        table.add_column(name, justify="right")
    silent = []
    for profile in value["speaks"]:
        mine = [one for one in records if one["profile"] == profile]
        if not value["speaks"][profile] and not any(map(_failed, mine)):
            silent.append(profile)
            continue
        tally = Counter(one["outcome"] for one in mine if one["fault"])
        counted = [tally[name] for name in (PASS, FAIL, UNSEEN)]
        numbers = [
            Text(str(count) if sum(counted) else "", style=STYLES[name] if count else "")
            for name, count in zip((PASS, FAIL, UNSEEN), counted)
        ]
        named = Text("\n".join([profile, *also(value, profile)]))
        cells = [_cell(value, profile, who) for who in (SERVER, CLIENT)]
        table.add_row(named, *cells, *numbers)
    if silent:
        table.caption = f"not spoken: {', '.join(silent)}"
        table.caption_justify = "left"
    return table


def _presented(records: Sequence[Record]) -> list[str]:
    """A line for each first credential of a profile and model, with what was checked of it."""
    lines: dict[tuple[str, str], str] = {}
    for one in records:
        if one["fault"] or not one["presented"] or not one["checks"] or one["outcome"] == SILENT:
            continue
        first = one["presented"][0]
        how = ", ".join(f"{name} {what}" for name, what in one["checks"].items())
        words = f"{one['profile']}, {one['model']}: {first['decoded']}"
        lines.setdefault((one["profile"], one["model"]), f"{words}: {how}")
    return list(lines.values())


def show(console: Console, value: Mapping[str, Any], verbose: bool) -> None:
    """One screen; VERBOSE: a line for each connection before it."""

    def say(words: str, style: str = "") -> None:
        console.print(Text(words, style=style))

    records = value["connections"]
    if verbose:
        for one in records:
            say(f"{title(one)}: {one['outcome']}: {one['words']}", STYLES[one["outcome"]])
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
    own = {f"{title(one)}: {one['words']}" for one in value["connections"]}
    counts: Counter[str] = Counter()
    for one in value["connections"]:
        case = ElementTree.SubElement(
            suite, "testcase", classname=one["profile"], name=xml_text(title(one))
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

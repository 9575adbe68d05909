# SPDX-License-Identifier: Apache-2.0
"""What was learnt, for the terminal and in Markdown."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .model import SILENCE

Value = Mapping[str, Any]


def word(messages: Sequence[str]) -> str:
    """Messages in order."""
    return ", ".join(messages)


def path_words(one: Mapping[str, Any]) -> str:
    """A path to application data, in a line."""
    how = "" if one["confirmed"] else " (taken in silence)"
    return f"{'expected' if one['expected'] else 'NOT EXPECTED'}: {word(one['word'])}{how}"


def _came(one: Mapping[str, Any]) -> str:
    return str(one["alert"] or one["came"].replace(SILENCE, "nothing"))


def difference_words(one: Mapping[str, Any]) -> str:
    """An answer that is not the one that is due."""
    due = f"expected {one['due']}, came {_came(one)} ({one['clause']})"
    return f"{one['state']}: {one['word'][-1]}: {due}"


def findings(machine: Mapping[str, Any]) -> list[str]:
    """What makes the exit code 1."""
    name = f"{machine['server']}, {machine['profile']}"
    if machine["outcome"] == "not-learnt":
        return [f"{name}: {machine['words']}"]
    if machine["outcome"] == "unsupported":
        return []
    found = [
        f"{name}: a path to application data that is not expected: {word(one['word'])}"
        for one in machine["paths"]
        if not one["expected"]
    ]
    if not any(one["expected"] for one in machine["paths"]):
        found.append(f"{name}: the expected path to application data is not there")
    return found


def learnt_words(machine: Mapping[str, Any]) -> str:
    """How much was asked, in a sentence."""
    if machine["outcome"] in ("not-learnt", "unsupported"):
        return f"{machine['outcome'].replace('-', ' ')}: {machine['words']}"
    count = len(machine["states"])
    return f"{count} states, {machine['connections']} connections, {machine['seconds']:g} s"


def text(machine: Mapping[str, Any]) -> str:
    """One machine, for a terminal."""
    lines = [f"{machine['server']}, {machine['profile']}: {learnt_words(machine)}"]
    lines += [f"  path {path_words(one)}" for one in machine.get("paths", ())]
    lines += [f"  other answer {difference_words(one)}" for one in machine.get("differences", ())]
    for kind, words in (("begun_again", "begun again"), ("differing", "not always the same")):
        for one in machine.get(kind, ()):
            lines.append(f"  {words}: {word(one['word'])}: {', then '.join(one['answers'])}")
    return "\n".join(lines)


def _code(text_: str) -> str:
    return f"`{text_}`"


def _of_machine(machine: Mapping[str, Any]) -> list[str]:
    lines = [f"## {machine['server']}, {machine['profile']}", "", f"{learnt_words(machine)}.", ""]
    if "states" not in machine:
        return lines
    lines += ["| path to application data | expected |", "|---|---|"]
    for one in machine["paths"]:
        how = "yes" if one["expected"] else "**no**"
        how += "" if one["confirmed"] else ", taken in silence"
        lines.append(f"| {_code(word(one['word']))} | {how} |")
    if machine["differences"]:
        lines += ["", "| where | message | due | came | clause |", "|---|---|---|---|---|"]
    for one in machine["differences"]:
        cells = [one["state"], _code(one["word"][-1]), one["due"], _came(one), one["clause"]]
        lines.append(f"| {' | '.join(cells)} |")
    for one in machine["differing"]:
        answers = ", then ".join(map(_code, one["answers"]))
        lines += ["", f"Not always the same: {_code(word(one['word']))}: {answers}"]
    return [*lines, ""]


def markdown(value: Value) -> str:
    """All of it."""
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "# State machines of servers",
        "",
        "What servers answer to any order of a client's messages, learnt through their door (L*, a "
        "Mealy machine), beside what RFC 8446 and the profile ask for. The server wants its client "
        "attested. " + str(value["run"]["root_of_trust"]),
        "",
        "| server | profile | states | connections | paths | not expected | other answers |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in value["machines"]:
        cells = [one["server"], one["profile"]]
        if "states" in one:
            bad = sum(not path["expected"] for path in one["paths"])
            numbers = (len(one["states"]), one["connections"], len(one["paths"]), bad)
            cells += [*map(str, numbers), str(len(one["differences"]))]
        else:
            cells += [one["outcome"].replace("-", " "), "", "", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for one in value["machines"]:
        lines += _of_machine(one)
    return "\n".join(lines).rstrip() + "\n"

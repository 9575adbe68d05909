# SPDX-License-Identifier: Apache-2.0
"""What plays come to: cells, smallest sets of capabilities, what is not as it is known, goals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..bindings import GOALS, WHAT
from .catalogue import NOT_CARRIED_OUT, SUCCEEDED, WITHSTOOD
from .catalogue import capabilities, catalogue, goals, published
from .cell import AXES, MORE_AXES
from .judge import HONEST
from .run import UNSUPPORTED

Record = Mapping[str, Any]
MARKS = {SUCCEEDED: "S", WITHSTOOD: "w", NOT_CARRIED_OUT: "?", UNSUPPORTED: "-"}
STRONG = "cab"  # evidence that names the key
# The columns in the order in which tables have them.
COLUMNS = ("ta-02", "ta-03", "ta-07", "ta-07-cert", "seat-04", "seat-06", "expat-04", "x509-cmw")


def where(record: Record) -> tuple[str, ...]:
    """The cell of a play."""
    return tuple(record[axis] for axis in (*AXES, *MORE_AXES))


def cell_name(record: Record) -> str:
    """For people."""
    words = [record["column"], f"{record['side']} attests", record["model"], record["format"]]
    return ", ".join(filter(None, [*words, record["case"], record["defence"]]))


def holding(names: Sequence[str]) -> str:
    """A set of capabilities."""
    return "{" + ", ".join(names) + "}"


def complaint(record: Record) -> str:
    """A sentence that names the cell, where what came of it is not what is known; or ""."""
    if record["outcome"] == UNSUPPORTED:
        return ""
    title = f"{record['attack'] or 'the honest run'} in {cell_name(record)}"
    if not record["honest"]:
        title += f" with {holding(record['held'])}"
    known = record["known"]
    if known is None:
        return f"{title}: nothing is known of this cell; it {_said(record)}"
    if record["outcome"] == known["outcome"]:
        words = _otherwise(record, known["broken"])
        return f"{title}: {words}" if words else ""
    return f"{title}: known as {known['outcome']}; now it {_said(record)}"


def broken(record: Record) -> list[str]:
    """The goals of the monitor that do not hold in a play."""
    return [goal for goal in GOALS if any(one[goal] is False for one in record["bindings"])]


def _otherwise(record: Record, expected: Sequence[str]) -> str:
    """Where the monitor says something else than is known of a play; what it cannot tell (of a
    victim that tells no key shares) is no difference."""
    seen = broken(record)
    untold = [goal for goal in GOALS if any(one[goal] is None for one in record["bindings"])]
    if seen == [goal for goal in expected if goal in seen or goal not in untold]:
        return ""
    words = [" and ".join(goals) or "none of G1 to G3" for goals in (expected, seen)]
    return f"known to break {words[0]}; now it breaks {words[1]} (bindings.py)"


def _said(record: Record) -> str:
    words = {
        SUCCEEDED: "succeeded",
        WITHSTOOD: "is withstood",
        NOT_CARRIED_OUT: "was not carried out",
        HONEST: "completes",
    }
    made = words.get(record["outcome"], record["outcome"])
    if record["outcome"] == WITHSTOOD:
        return f"{made} ({record['reason']})"
    return f"{made}: {record['detail']}" if record["detail"] else made


def smallest(records: Sequence[Record]) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """For each attack and cell the smallest sets of capabilities with which it succeeds."""
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for record in records:
        if record["honest"] or record["defence"]:
            continue
        sets = found.setdefault((record["attack"], *where(record)), [])
        if record["outcome"] == SUCCEEDED:
            sets.append(tuple(record["held"]))
    return {key: _minimal(sets) for key, sets in found.items()}


def _minimal(sets: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [one for one in sets if not any(set(other) < set(one) for other in sets if other != one)]


def by_column(records: Sequence[Record]) -> dict[str, dict[str, list[str]]]:
    """What the lab is for: for each column and side the smallest sets that break anything, with
    the attacks that need no more.

    What is assumed of an attack and not varied (a target that changed, a path) belongs to the set;
    the network is everybody's, and left out. An attack that needs evidence of a weaker format than
    a CAB has that format behind its name.
    """
    found: dict[str, dict[frozenset[str], list[str]]] = {}
    least_of = smallest(records)
    for key in sorted(least_of, key=lambda one: one[4] != STRONG):
        sets = least_of[key]
        attack, place = key[0], f"{key[1]}, {key[2]} attests"
        varied = _varied(records, attack)
        assumed = frozenset(catalogue()[attack].capabilities) - varied - {"network"}
        for one in sets:
            attacks = found.setdefault(place, {}).setdefault(assumed.union(one), [])
            named = _named(attack, key[4])
            if attack not in attacks and named not in attacks:
                attacks.append(named)
                attacks.sort()
    made: dict[str, dict[str, list[str]]] = {}
    for place in sorted(found, key=_order):
        least = [one for one in found[place] if not any(other < one for other in found[place])]
        least.sort(key=lambda one: (len(one), found[place][one]))
        made[place] = {holding(_in_order(one)): found[place][one] for one in least}
    return made


def _named(attack: str, form: str) -> str:
    """An attack, with the evidence format where that is a weaker one."""
    return attack if form == STRONG else f"{attack} {form}"


def _order(place: str) -> tuple[int, str]:
    column, _, side = place.partition(", ")
    return COLUMNS.index(column), side


def _in_order(names: Collection[str]) -> list[str]:
    """As the catalogue lists them."""
    return [one for one in capabilities() if one in names]


def _varied(records: Sequence[Record], attack: str) -> set[str]:
    return {name for one in records if one["attack"] == attack for name in one["held"]}


def grid(records: Sequence[Record]) -> list[list[str]]:
    """Attack by column: what comes of it with all capabilities, sides and models in a word each;
    below an attack a row for each defence that was tried against it."""
    rows = []
    for attack in catalogue():
        of = [one for one in records if one["attack"] == attack and _is_whole(one, records)]
        for defence in sorted({one["defence"] for one in of}):
            found = [one for one in of if one["defence"] == defence]
            row = [f"{attack} {defence}".strip()]
            row += [_in_a_word([one for one in found if one["column"] == c]) for c in COLUMNS]
            rows.append(row)
    return rows


def _is_whole(record: Record, records: Sequence[Record]) -> bool:
    return set(record["held"]) == _varied(records, record["attack"])


def _in_a_word(records: Sequence[Record]) -> str:
    """ "S", "w", or by what they differ: "S (passport), w (background-check)"."""
    marks = {MARKS.get(one["outcome"], "?") for one in records}
    if len(marks) < 2:
        return "".join(marks)
    for axes in (("side",), ("model",), ("format",), ("case",), ("side", "model")):
        groups: dict[str, set[str]] = {}
        for one in records:
            name = " ".join(one[axis] for axis in axes)
            groups.setdefault(name, set()).add(MARKS.get(one["outcome"], "?"))
        if all(len(found) == 1 for found in groups.values()):
            by_mark: dict[str, list[str]] = {}
            for name, found in groups.items():
                by_mark.setdefault("".join(found), []).append(name)
            return ", ".join(f"{mark} {'/'.join(names)}" for mark, names in sorted(by_mark.items()))
    counted = {mark: sum(MARKS.get(one["outcome"]) == mark for one in records) for mark in marks}
    return ", ".join(f"{mark} {count}" for mark, count in sorted(counted.items()))


def monitor_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The goals of the formal models by column: by which attack, with what, the monitor saw one of
    them broken. Where none was, a victim may still have accepted an attacker: with evidence that
    no genuine party has sent."""
    made = []
    for goal in GOALS:
        for column in COLUMNS:
            of = [one for one in records if one["column"] == column and not one["honest"]]
            sets: dict[str, list[tuple[str, ...]]] = {}
            for one in of:
                if goal in broken(one):
                    sets.setdefault(_named(one["attack"], one["format"]), []).append(
                        tuple(one["held"])
                    )
            named = {
                name: sorted({holding(one) for one in _minimal(found)})
                for name, found in sorted(sets.items())
            }
            verdict = "broken" if named else "held" if of else "not shown"
            row = {"goal": goal, "title": f"same {WHAT[goal]} at both ends", "column": column}
            made.append({**row, "verdict": verdict, "broken": named})
    return made


def goal_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The working group's goals by column: broken by which attack with what, fulfilled as far as
    was played, or not shown; and what was published beside it."""
    made = []
    least = smallest(records)
    for section, words in goals().items():
        for column in COLUMNS:
            tried: set[str] = set()
            broken: dict[str, list[str]] = {}
            for key, sets in least.items():
                if key[1] == column and section in catalogue()[key[0]].goals:
                    tried.add(key[0])
                    if sets:
                        held = broken.setdefault(key[0], [])
                        held += [holding(one) for one in sets if holding(one) not in held]
            verdict = "broken" if broken else "withstood what was tried" if tried else "not shown"
            made.append(
                {
                    "goal": section,
                    "title": words,
                    "column": column,
                    "verdict": verdict,
                    "attacks": sorted(tried),
                    "broken": {name: broken[name] for name in sorted(broken)},
                    "published": [_beside(one, records) for one in _published(section, column)],
                }
            )
    return made


def _published(section: str, column: str) -> list[Mapping[str, Any]]:
    return [one for one in published() if section in one["goals"] and column in one["columns"]]


def _beside(claim: Mapping[str, Any], records: Sequence[Record]) -> dict[str, str]:
    """A published verdict, and whether execution agrees with it."""
    held = sorted(claim["held"])
    cells = [
        one
        for one in records
        if one["attack"] == claim["attack"]
        and not one["defence"]
        and one["column"] in claim["columns"]
        and sorted(one["held"]) == held
        and one["side"] in claim.get("sides", [one["side"]])
        and one["model"] in claim.get("models", [one["model"]])
    ]
    outcomes = {one["outcome"] for one in cells} & {SUCCEEDED, WITHSTOOD}
    agrees = "not executed"
    if outcomes:
        agrees = "agrees" if outcomes == {claim["verdict"]} else "disagrees"
    return {
        "source": claim["source"],
        "kind": claim["kind"],
        "says": claim["says"],
        "verdict": claim["verdict"],
        "execution": agrees,
        "case": cells[0]["id"] if cells else "",
    }

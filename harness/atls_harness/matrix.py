# SPDX-License-Identifier: Apache-2.0
"""Client against server: the cells of a matrix, those that must be green, and the table.

A cell is a client, a server, a profile, a model and who attests. The table has clients as rows and
servers as columns, one for each profile, as people know it from other protocols; behind each cell
that is red or empty there is a reason.
"""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from .contract import contract
from .document import Document
from .errors import InputError
from .markdown import plain
from .nearest import meant
from .outcome import GOOD, UNPLAYED
from .paths import REQUIRED_SCHEMA, shown
from .profiles import ordered

FIELDS = ("client", "server", "profile", "model", "attester")
WILD = set("*?[")
NOT_PLAYED_SHOWN = 6  # reasons, where not all details are wanted
REASONS_MAX = 60  # of a run, on a terminal and in a summary; results.json has all


@dataclass
class Cell:
    """What became of the cases of a cell."""

    passed: int = 0
    failed: int = 0
    unsupported: int = 0  # and skipped, and expected to fail
    unplayed: int = 0  # the run was ended before
    reasons: dict[str, list[str]] = field(default_factory=dict)  # to ids of cases that did not pass

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts a case."""
        outcome = record["outcome"]
        self.passed += outcome == "pass"
        self.failed += outcome not in GOOD
        self.unsupported += outcome in GOOD and outcome not in ("pass", UNPLAYED)
        self.unplayed += outcome == UNPLAYED
        if outcome != "pass":
            self.reasons.setdefault(str(record["reason"]), []).append(str(record["id"]))

    @property
    def green(self) -> bool:
        return self.passed > 0 and not self.failed

    @property
    def words(self) -> str:
        """ "passed/played", "+n" cases that are not supported."""
        played = self.passed + self.failed
        if not played:
            return "?" if self.unplayed else "–"
        more = f" +{self.unsupported}" if self.unsupported else ""
        return f"{self.passed}/{played}{more}"

    @property
    def reason(self) -> str:
        """The most frequent reason for which a case of it did not pass."""
        return max(self.reasons, key=lambda one: len(self.reasons[one]), default="")


def roles(record: Mapping[str, Any]) -> tuple[str, str]:
    """The model and the attester of a case."""
    attested = record["attested"]
    sides = [side for side in ("client", "server") if attested[side] != "none"]
    models = {attested[side] for side in sides}
    model = "none" if not models else models.pop() if len(models) == 1 else "mixed"
    return model, "neither" if not sides else "both" if len(sides) == 2 else sides[0]


def key(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The cell of a case."""
    peers = record["peers"]
    return (peers["client"], peers["server"], record["profile"], *roles(record))


def cells(records: Iterable[Mapping[str, Any]], *fields: str) -> dict[tuple[str, ...], Cell]:
    """The cells of a run by some of FIELDS (default: all)."""
    wanted = [FIELDS.index(name) for name in fields or FIELDS]
    made: dict[tuple[str, ...], Cell] = {}
    for record in records:
        whole = key(record)
        made.setdefault(tuple(whole[index] for index in wanted), Cell()).add(record)
    return made


def pairs(records: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """The pairs of a run."""
    return {(record["peers"]["client"], record["peers"]["server"]) for record in records}


@dataclass(frozen=True)
class Required:
    """Cells that must be green."""

    patterns: tuple[str, ...]  # one for each of FIELDS
    passes: int
    where: str  # file and line

    def means(self, cell: tuple[str, ...]) -> bool:
        """Is a cell one of them?"""
        return all(fnmatch.fnmatchcase(value, one) for value, one in zip(cell, self.patterns))

    @property
    def words(self) -> str:
        return ", ".join(f"{n} {p}" for n, p in zip(FIELDS, self.patterns) if p != "*")


MODELS = ("background-check", "passport", "mixed", "none")
ATTESTERS = ("client", "server", "both", "neither")


def _words(peers: Iterable[str]) -> dict[str, list[str]]:
    """What each of FIELDS may be, where peers are known."""
    profiles = contract().profiles
    made = {"profile": list(profiles), "model": [*MODELS], "attester": [*ATTESTERS]}
    names = list(peers)
    return {**made, "client": names, "server": names} if names else made


def load_required(path: Path, peers: Iterable[str] = ()) -> tuple[Required, ...]:
    """The entries of a file; a list stands for each of its values, none of which may be missing.
    InputError where one is the name of nothing; PEERS are the names that there are, if known."""
    document = Document(path, InputError)
    document.check(REQUIRED_SCHEMA)
    made = []
    known = _words(peers)
    for index, entry in enumerate(document.value["required"]):
        for name, words in known.items():
            for at, one in enumerate(_listed(entry.get(name, "*"))):
                if not fnmatch.filter(words, one):
                    place = ("required", index, name, at)
                    raise document.fail(place, f"there is no {name} {one!r}{meant(one, words)}")
        given = [entry.get(name, "*") for name in FIELDS]
        lists = [_listed(value) for value in given]
        where = f"{shown(path)}:{document.line(('required', index))}"
        for choice in itertools.product(*lists):
            made.append(Required(tuple(choice), entry.get("passes", 1), where))
    return tuple(made)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def held(
    required: Sequence[Required], records: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """For each cell that must be green (and each entry without any): is it, and why not?"""
    every = cells(records)
    made: list[dict[str, Any]] = []
    for one in required:
        found = {name: cell for name, cell in every.items() if one.means(name)}
        if not found:
            made.append({"cell": one.words, "green": False, "reason": "not in this run"})
            made[-1]["where"] = one.where
        for name, cell in sorted(found.items()):
            reason = ""
            if not cell.green:
                reason = cell.reason or "nothing was played"
            elif cell.passed < one.passes:
                reason = f"{cell.passed} passed, at least {one.passes} must"
                reason += f"; {cell.reason}" if cell.reason else ""
            words = ", ".join(f"{n} {v}" for n, v in zip(FIELDS, name))
            made.append({"cell": words, "green": not reason, "reason": reason})
            made[-1]["where"] = one.where
    return made


def _sides(records: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    known = pairs(records)
    return sorted({client for client, _ in known}), sorted({server for _, server in known})


def tables(records: Sequence[Mapping[str, Any]]) -> tuple[list[Table], list[str]]:
    """A table for each profile of which something was played, and the names of the others."""
    made, empty = [], []
    clients, servers = _sides(records)
    for profile in ordered(record["profile"] for record in records):
        found = cells(
            [record for record in records if record["profile"] == profile], "client", "server"
        )
        if not any(cell.passed or cell.failed or cell.unplayed for cell in found.values()):
            empty.append(profile)
            continue
        table = Table(title=profile, title_justify="left", pad_edge=False, show_edge=False)
        table.add_column("client \\ server", no_wrap=True)
        for server in servers:
            table.add_column(server, justify="right", overflow="fold")
        for client in clients:
            row = [found.get((client, server)) for server in servers]
            table.add_row(client, *(_shown(cell) for cell in row))
        made.append(table)
    return made, empty


def _shown(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    style = "bold red" if cell.failed else "green" if cell.passed else "yellow"
    return Text(cell.words, style=style)


LEGEND = "passed/played; +n: not supported; –: nothing of it is supported; empty: not in this run"
ENDED = "?: the run was ended before"


def reasons(records: Iterable[Mapping[str, Any]], details: bool = True) -> list[str]:
    """Why what is not green is not: each reason once, with how often and where; failures first. Not
    all DETAILS: of what was not played the most frequent reasons, and how many more there are."""
    made: dict[tuple[bool, str], dict[str, int]] = {}
    for record in records:
        if record["outcome"] == "pass":
            continue
        good = record["outcome"] in GOOD
        reason = str(record["reason"]) or str(record["outcome"])
        pair = f"{record['peers']['client']}:{record['peers']['server']}"
        where = made.setdefault((good, reason), {})
        where[f"{record['profile']} {pair}"] = where.get(f"{record['profile']} {pair}", 0) + 1
    lines = []
    order = sorted(made.items(), key=lambda item: (item[0][0], item[0][1]))
    left: list[int] = []
    if not details:
        order = sorted(made.items(), key=lambda item: (item[0][0], -sum(item[1].values())))
        spared = [item for item in order if item[0][0]][NOT_PLAYED_SHOWN:]
        order = [item for item in order if item not in spared]
        left = [sum(where.values()) for _, where in spared]
    for (good, reason), where in order:
        count = sum(where.values())
        names = sorted(where)
        text = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines.append(f"{'not played' if good else 'RED'}: {reason} ({count}: {text})")
    if left:
        lines.append(
            f"not played: {sum(left)} cases more, for {len(left)} other reasons: -v tells each"
        )
    return lines


def some(lines: list[str], most: int = REASONS_MAX) -> list[str]:
    """The first of them, and how many more there are."""
    rest = len(lines) - most
    return lines[:most] + ([f"and {rest} more: results.json has them all"] if rest > 0 else [])


def markdown(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The matrix for summary.md; nothing where there is one pair only."""
    if len(pairs(records)) < 2:
        return []
    clients, servers = _sides(records)
    lines = ["", "## Client against server", "", f"{LEGEND}.", ""]
    for profile in ordered(record["profile"] for record in records):
        mine = [record for record in records if record["profile"] == profile]
        found = cells(mine, "client", "server")
        lines += [f"**{profile}**", "", f"| client \\ server | {' | '.join(servers)} |"]
        lines += ["|---" * (len(servers) + 1) + "|"]
        for client in clients:
            row = []
            for server in servers:
                cell = found.get((client, server))
                text = cell.words if cell else ""
                row.append(f"**{text}** ✗" if cell and cell.failed else text)
            lines.append(f"| {client} | {' | '.join(row)} |")
        lines.append("")
    return lines + [f"- {plain(line)}" for line in some(reasons(records))]


def required_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What --required came to, for people."""
    bad = [one for one in found if not one["green"]]
    made = [f"{len(found) - len(bad)} of {len(found)} required cells are green"]
    return made + [f"  NOT GREEN {one['cell']} ({one['where']}): {one['reason']}" for one in bad]

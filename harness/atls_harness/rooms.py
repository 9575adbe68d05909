# SPDX-License-Identifier: Apache-2.0
"""The C code's rooms, and which may include which: data/rooms.yaml held to the #include lines.

A room is a folder with C files. The table is the architecture: what is not in it is refused, an
arrow that nobody needs any more has to go, and no room may come back to itself. Tests may include
more: all that their room can reach, and rooms that are there for tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from .document import Document
from .errors import InputError
from .paths import PACKAGE, ROOT, SCHEMAS, shown

TABLE = PACKAGE / "data" / "rooms.yaml"
TABLE_SCHEMA = SCHEMAS / "rooms.schema.json"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"')
TEST = re.compile(r"^(test|fuzz|peer|make)-")  # names of files that no shipped program has
MAY = re.compile(r"^May include: ([^.]+)\.$", re.MULTILINE)
ORDER = re.compile(r"^foreach room : \[([^\]]*)\]\n  subdir", re.MULTILINE)


@dataclass(frozen=True)
class Room:
    """A row of the table."""

    name: str
    may: tuple[str, ...]  # rooms that it may include
    tests: tuple[str, ...] = ()  # those that its tests may include besides
    for_tests: bool = False  # any test may include it, and it may include any room


@dataclass(frozen=True)
class Arrow:
    """An #include of another room."""

    file: str
    line: int
    includes: str
    source: str
    target: str

    @property
    def is_test(self) -> bool:
        """Is it a test, a fuzz target, or a program that a test plays with?"""
        return bool(TEST.match(Path(self.file).name))


@dataclass
class Found:
    """What C files include, and where rooms are."""

    rooms: set[str] = field(default_factory=set)
    arrows: list[Arrow] = field(default_factory=list)


def load(path: Path = TABLE) -> dict[str, Room]:
    """The table."""
    document = Document(path, InputError)
    document.check(TABLE_SCHEMA)
    return {
        name: Room(
            name,
            tuple(row.get("may", ())),
            tuple(row.get("tests", ())),
            bool(row.get("for-tests", False)),
        )
        for name, row in document.value["rooms"].items()
    }


def look(files: Iterable[str], root: Path = ROOT) -> Found:
    """The rooms of FILES (names from ROOT), and every #include that leaves one."""
    names = set(files)
    found = Found({str(Path(name).parent) for name in names})
    for name in sorted(names):
        room = str(Path(name).parent)
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            target = str(Path(match[1]).parent)
            # A file beside it, or one that the build makes there.
            if f"{room}/{match[1]}" in names or target == ".":
                continue
            if target != room:
                found.arrows.append(Arrow(name, number, match[1], room, target))
    return found


def reach(room: str, table: Mapping[str, Room]) -> set[str]:
    """All rooms that ROOM can come to."""
    seen: set[str] = set()
    todo = [room]
    while todo:
        for name in table[todo.pop()].may:
            if name in table and name not in seen:
                seen.add(name)
                todo.append(name)
    return seen


def circle(table: Mapping[str, Room]) -> list[str]:
    """The rooms of a circle, the first once more at the end; none where there is no circle."""
    for name in table:
        if name in reach(name, table):
            way = [name]
            while len(way) == 1 or way[-1] != name:
                way.append(
                    next(
                        one
                        for one in table[way[-1]].may
                        if one == name or (one not in way and name in reach(one, table))
                    )
                )
            return way
    return []


def allowed(arrow: Arrow, table: Mapping[str, Room]) -> bool:
    """May this file include that?"""
    room = table[arrow.source]
    if room.for_tests or arrow.target in room.may:
        return True
    if not arrow.is_test:
        return False
    if arrow.target in table and table[arrow.target].for_tests:
        return True
    return arrow.target in room.tests or arrow.target in reach(room.name, table)


def violations(table: Mapping[str, Room], found: Found, place: str = shown(TABLE)) -> list[str]:
    """What in FOUND is not as TABLE has it, each with what to do."""
    said = []
    for name in sorted(found.rooms - set(table)):
        said.append(f"{name}: C files in a folder that is no room: give it a row in {place}")
    for name in sorted(set(table) - found.rooms):
        said.append(f"{place}: {name}: there are no C files: take its row out")
    for room in table.values():
        for target in (*room.may, *room.tests):
            if target not in table:
                said.append(f"{place}: {room.name}: may include {target}, which is no room")
    if said:
        return said
    way = circle(table)
    if way:
        said.append(
            f"{place}: a circle, {' -> '.join(way)}: what both ends need belongs in a room below"
        )
    for arrow in found.arrows:
        if arrow.target in table and not allowed(arrow, table):
            said.append(_refusal(arrow, table, place))
    used = {(arrow.source, arrow.target) for arrow in found.arrows if not arrow.is_test}
    for room in table.values():
        if not room.for_tests:
            for target in room.may:
                if (room.name, target) not in used:
                    said.append(f"{place}: {room.name} -> {target}: no file needs it: take it out")
    return said


def _refusal(arrow: Arrow, table: Mapping[str, Room], place: str) -> str:
    """An #include that is not allowed, and what can be done."""
    known = ", ".join(table[arrow.source].may) or "no other room"
    words = (
        f'{arrow.file}:{arrow.line}: #include "{arrow.includes}": {arrow.source} -> {arrow.target}'
    )
    if arrow.target in table and table[arrow.target].for_tests:
        return f"{words}: that room is for tests (test-*, fuzz-*) alone"
    if arrow.source in reach(arrow.target, table):
        advice = (
            f"{arrow.target} is above {arrow.source}, so this would be a circle: move what is "
            "needed into a room below both, or hand it down as an argument"
        )
    else:
        advice = f"use what these offer, or, if the architecture is to change, allow it in {place}"
    return f"{words} is not allowed; {arrow.source} may include {known}. {advice}"


def order(table: Mapping[str, Room], build: str) -> list[str]:
    """What in the order of meson.build's rooms is not as the table has it."""
    listed = ORDER.findall(build)
    rooms = re.findall(r"'([^']+)'", listed[-1]) if listed else []
    said, known = [], {name.split("/")[0] for name in table if not name.startswith("harness")}
    for name in sorted(known ^ set(rooms)):
        said.append(f"meson.build: {name}: a room of the table or of meson.build, and not of both")
    for place, name in enumerate(rooms):
        for room in table.values():
            for target in room.may if room.name.split("/")[0] == name else ():
                below = target.split("/")[0]
                if below in rooms[place + 1 :]:
                    said.append(f"meson.build: {name} stands before {below}, which it includes")
    return said


def unread(table: Mapping[str, Room], root: Path = ROOT) -> list[str]:
    """Rooms that say nothing of themselves, or not what they may include."""
    said = []
    for room in table.values():
        if room.name.startswith("harness"):
            continue
        path = root / room.name / "README.md"
        if not path.is_file():
            words = "ten lines on what it is for, what it may include, where to start reading"
            said.append(f"{room.name}: no README.md: {words}")
        elif not room.for_tests:
            told = MAY.search(path.read_text(encoding="utf-8"))
            wanted = ", ".join(room.may) or "no other room"
            came = " ".join(told[1].split()) if told else "no such sentence"
            if came != wanted:
                words = f'expected "May include: {wanted}.", as the table has it, came {came}'
                said.append(f"{room.name}/README.md: {words}")
    return said


def check(files: Sequence[str], root: Path = ROOT) -> tuple[list[str], str]:
    """All that is wrong with the rooms of FILES; and how much was looked at."""
    table, found = load(), look(files, root)
    build = (root / "meson.build").read_text(encoding="utf-8")
    said = [*violations(table, found), *order(table, build), *unread(table, root)]
    return said, f"{len(table)} rooms, {len(found.arrows)} includes between them"

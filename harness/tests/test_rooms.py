# SPDX-License-Identifier: Apache-2.0
"""The rooms of the C code: the table is the architecture; what breaks it is told what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import pytest

from atls_harness import rooms
from atls_harness.checks import tracked
from atls_harness.errors import InputError
from atls_harness.rooms import Room

TABLE = {
    "base": Room("base", ()),
    "formats": Room("formats", ("base",)),
    "roles": Room("roles", ("formats",), tests=("tls",)),
    "tls": Room("tls", ("roles", "base")),
    "support": Room("support", (), for_tests=True),
}
GOOD = {
    "base/b.c": '#include "base/b.h"\n',
    "base/b.h": "",
    "formats/f.c": '#include <stdio.h>\n#include "base/b.h"\n',
    "roles/r.c": '#include "formats/f.h"\n',
    "support/s.h": "",
    "tls/t.c": '#include "roles/r.h"\n# include "base/b.h"\n#include "made-by-the-build.h"\n',
}


def played(root: Path, files: Mapping[str, str], table: Mapping[str, Room] = TABLE) -> list[str]:
    """What is said of GOOD and FILES."""
    everything = {**GOOD, **files}
    for name, text in everything.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return rooms.violations(table, rooms.look(everything, root), "the table")


@pytest.mark.parametrize(
    "files, words",
    [
        ({}, []),
        # upwards: a circle
        (
            {"formats/f.h": '\n\n  #  include "tls/t.h"\n'},
            ['formats/f.h:3: #include "tls/t.h": formats -> tls', "a circle", "a room below both"],
        ),
        # past a room, downwards: no circle, and not in the table
        (
            {"roles/more.c": '#include "base/b.h"\n'},
            [
                "roles/more.c:1",
                "roles -> base is not allowed",
                "roles may include formats",
                "allow it",
            ],
        ),
        # tests may include what their room can reach, what is for tests, and what their row says
        (
            {"roles/test-r.c": '#include "base/b.h"\n#include "support/s.h"\n#include "tls/t.h"\n'},
            [],
        ),
        ({"roles/fuzz-r.c": '#include "support/s.h"\n'}, []),
        ({"formats/test-f.c": '#include "tls/t.h"\n'}, ["formats/test-f.c:1", "formats -> tls"]),
        ({"roles/tested.c": '#include "support/s.h"\n'}, ["roles/tested.c:1", "is for tests"]),
        # a folder that nobody put into the table, and one that is gone
        ({"new/n.c": ""}, ["new: C files in a folder that is no room: give it a row in the table"]),
        # includes that lead to no room are the compiler's affair
        ({"tls/u.c": '#include "gone/g.h"\n'}, []),
        # in a comment behind code, or not at all an include
        (
            {"base/c.c": 'int x; /* #include "tls/t.h" */\nchar s[] = "#include \\"tls/t.h\\"";\n'},
            [],
        ),
    ],
)
def test_includes(files: Mapping[str, str], words: Sequence[str], tmp_path: Path) -> None:
    said = "\n".join(played(tmp_path, files))
    assert bool(said) == bool(words), said
    for one in words:
        assert one in said


@pytest.mark.parametrize(
    "row, words",
    [
        (Room("base", ("tls",)), "the table: a circle, base -> tls -> "),
        (Room("base", ("base",)), "the table: a circle, base -> base"),
        (Room("base", ("gone",)), "the table: base: may include gone, which is no room"),
        (Room("base", ("support",)), "the table: base -> support: no file needs it: take it out"),
    ],
)
def test_the_table_itself(row: Room, words: str, tmp_path: Path) -> None:
    assert words in "\n".join(played(tmp_path, {}, {**TABLE, "base": row}))


def test_a_row_without_files_has_to_go(tmp_path: Path) -> None:
    said = played(tmp_path, {}, {**TABLE, "gone": Room("gone", ())})
    assert said == ["the table: gone: there are no C files: take its row out"]


def test_the_order_of_the_build_is_that_of_the_table() -> None:
    order = "foreach room : ['base', 'support', 'formats', 'roles', 'tls']\n  subdir(room)\n"
    assert not rooms.order(TABLE, order)
    said = rooms.order(TABLE, order.replace("'roles', 'tls'", "'tls', 'roles'"))
    assert said == ["meson.build: tls stands before roles, which it includes"]
    assert "meson.build: tls: a room" in rooms.order(TABLE, order.replace(", 'tls'", ""))[0]


def test_each_room_tells_what_it_may_include(tmp_path: Path) -> None:
    table = {name: TABLE[name] for name in ("base", "tls", "support")}
    for name in table:
        (tmp_path / name).mkdir()
    assert [one.split(":")[0] for one in rooms.unread(table, tmp_path)] == [
        "base",
        "tls",
        "support",
    ]
    (tmp_path / "base/README.md").write_text("# base\n\nMay include: no other room.\n")
    (tmp_path / "tls/README.md").write_text("# tls\n\nMay include: roles,\nbase.\n")
    (tmp_path / "support/README.md").write_text("# support\n")
    assert not rooms.unread(table, tmp_path)
    (tmp_path / "tls/README.md").write_text("# tls\n\nMay include: roles.\n")
    said = 'tls/README.md: expected "May include: roles, base.", as the table has it, came roles'
    assert rooms.unread(table, tmp_path) == [said]


def test_a_table_that_is_none_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "rooms.yaml"
    path.write_text("rooms:\n  base: {may: [], test: [x]}\n")
    with pytest.raises(InputError, match="rooms.yaml:2: unknown field 'test'"):
        rooms.load(path)


def test_the_project_keeps_it() -> None:
    said, looked = rooms.check(tracked(".c", ".h"))
    assert not said and "rooms, " in looked

# SPDX-License-Identifier: Apache-2.0
"""What STYLE.md asks of C files: which lines are told, and which are not."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from atls_harness import dialect
from atls_harness.checks import tracked


@pytest.mark.parametrize(
    "line, wanted",
    [
        ("if (x == NULL)", "expected !x or x"),
        ("if (NULL != x->y)", "expected !x or x"),
        ("if (y && x!=NULL)", "expected !x or x"),
        ("if (x != NULL || y)", "expected !x or x"),
        ("return x != NULL ? 1 : 2;", "expected !x or x"),
        ("for (i = 0; x[i] != NULL; i++)", "expected !x or x"),
        ("return x != NULL;", ""),
        ("bool known = x->y != NULL;", ""),
        ("x = NULL;", ""),
        ("if (x == NULLABLE)", ""),
        ('puts("x == NULL");', ""),
        ("/* x == NULL */", ""),
        ("// x != NULL", ""),
        ("    int r = atls_parse();", "expected result"),
        ("    int rc;", "expected result"),
        ("    ssize_t ret = read(fd, to, size), n;", "expected result"),
        ("    int error = atls_parse();", "expected result"),
        ("    int result = atls_parse();", ""),
        ("    int code = options->exit_code;", ""),
        ("    int error = errno;", ""),
        ("    int round;", ""),
        ('f("a CMW was expected");', "expected X, came Y"),
        ('f("two bytes were " "expected, came %zu", n);', "expected X, came Y"),
        ('f("%s: base64url expected", name);', "expected X, came Y"),
        ('f("one key expected, %zu came", n);', "expected X, came Y"),
        ('f("expected a number, got %s", text);', "expected X, came Y"),
        ('f("expected %" PRIu64 " bytes, came %zu", n, size);', ""),
        ('f("%s: expected a CMW, came %s", name, text);', ""),
        ('f("it came later than expected");', ""),
        ('f("the unexpected"); /* "a CMW was expected" */', ""),
    ],
)
def test_a_line(line: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(f"/* one\n * two */\n{line}\n", encoding="utf-8")
    found = dialect.offences(["a.c"], root=tmp_path)
    assert [wanted in str(one) for one in found] == [True] * bool(wanted), found
    assert all(str(one).startswith("a.c:3: ") for one in found)


def test_a_comment_names_files_that_exist(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "b.h").write_text("")
    text = "/* b.h, room/b.h, gone.c and\n * room/gone.h; library/eat.c of somebody */\n// gone.h\n"
    (tmp_path / "room" / "a.c").write_text(text + 'char s[] = "gone.c";\n')
    found = dialect.offences(
        ["room/a.c"], [functools.partial(dialect.names, root=tmp_path)], tmp_path
    )
    assert [(one.line, one.seen.split()[-1]) for one in found] == [
        (1, "gone.c"),
        (1, "room/gone.h"),
        (3, "gone.h"),
    ]


def test_tests_name_their_rows_as_they_like(tmp_path: Path) -> None:
    (tmp_path / "test-a.c").write_text('{"a length, where none is expected"},\n')
    assert not dialect.offences(["test-a.c"], root=tmp_path)


def test_the_project_keeps_what_is_held() -> None:
    assert dialect.offences(tracked(".c", ".h"), dialect.HELD) == []

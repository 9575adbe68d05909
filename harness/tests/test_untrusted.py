# SPDX-License-Identifier: Apache-2.0
"""Text of a peer moves no cursor, turns no direction and begins no line of its own."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from atls_harness import table, untrusted
from atls_harness.markdown import line, plain, visible

R = "\N{REPLACEMENT CHARACTER}"
# what a peer writes, and what is shown in a line
SHOWN = [
    ("plain text, Grüße, 证明, 🔒", "plain text, Grüße, 证明, 🔒"),
    ("\x1b[31mred\x1b[0m", f"{R}[31mred{R}[0m"),  # ECMA-48 CSI in 7 bits
    ("\x9b31mred", f"{R}31mred"),  # the same as one C1 character
    ("\x1b]0;title\x07", f"{R}]0;title{R}"),  # OSC: the title of a terminal
    ("\x1b]8;;http://a/\x1b\\link", f"{R}]8;;http://a/{R}\\link"),
    ("\x1bP$q\x1b\\", f"{R}P$q{R}\\"),  # DCS
    ("a\u202egpj.exe", f"a{R}gpj.exe"),  # right-to-left override
    ("a\u2066b\u2069\u061c\u200f", f"a{R}b{R}{R}{R}"),
    ("50%\r100%", f"50%{R}100%"),
    ("pass\x08\x08\x08\x08fail", f"pass{R}{R}{R}{R}fail"),
    ("one\ntwo\tthree", "one two three"),
    ("one\u2028two\u2029three\x85four", f"one{R}two{R}three{R}four"),
    ("a\x0bb\x0cc\x7fd\x00e", f"a{R}b{R}c{R}d{R}e"),
    ("\ud800 and \udc9b", f"{R} and {R}"),
    ("Z" + "\u0301" * 400, "Z" + "\u0301" * 3 + R),
    ("a\u0301b\u0301", "a\u0301b\u0301"),
    ("zero\u200bwidth\ufeff\u2060\u00ad", f"zero{R}width{R}{R}{R}"),
    ("\u3164\u115f\uffa0\u2800", R * 4),  # fillers: letters that nobody sees
    ("\U000e0041\U000e007f", R * 2),  # tags
    ("\ue000\uffff\ufffe", R * 3),
]


@pytest.mark.parametrize("given, shown", SHOWN, ids=[ascii(row[0])[:30] for row in SHOWN])
def test_text(given: str, shown: str) -> None:
    assert line(given) == shown
    assert "\n" not in line(given) and line(shown) == shown
    assert "\n" not in plain(given)
    parsed = json.dumps({"detail": given})
    if any(0xD800 <= ord(one) < 0xE000 for one in given):
        with pytest.raises(ValueError, match="RFC 7493"):
            untrusted.parse(parsed)
    else:
        assert untrusted.parse(parsed) == {"detail": shown}
    assert untrusted.told([{"a": given}]) == [{"a": shown}]


@pytest.mark.parametrize("given, shown", SHOWN, ids=[ascii(row[0])[:30] for row in SHOWN])
def test_a_story(given: str, shown: str) -> None:
    mismatch = {"component": given, "expected": [given], "measured": given}
    verdict = {"tier": given, "accepted": False, "reason": given, "detail": given}
    alert = {"name": given, "code": 1, "direction": "sent"}
    case: dict[str, Any] = {
        "id": f"{given}x",
        "outcome": "fail",
        "title": given,
        "reason": given,
        "observed": {
            "client": {
                "exit": 1,
                "words": given,
                "verdict": [{**verdict, "clause": given, "mismatches": [mismatch]}],
                "handshake": [{"outcome": "failed", "reason": given, "alert": alert}],
            }
        },
        "timeline": None,
        "differences": [{"party": given, "what": given, "expected": given, "observed": given}] * 2,
        "columns": {"conforms": "fail", "withstood": "unknown"},
        "bundle": None,
        "repeat": "./atls run x",
    }
    text = table.story(case)
    assert visible(text) == text
    assert all(ord(one) >= 32 or one == "\n" for one in text)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, {"a": [math.nan]}, [1e308 * 10]], ids=str
)
def test_nothing_is_written_that_is_no_json(value: Any) -> None:
    with pytest.raises(ValueError):
        untrusted.write_json(value)
    json.loads(untrusted.write_json(untrusted.told(value)), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": []},
        {"a": [], "b": {}, "c": None},
        {"a": [{"b": [1, 2]}, {"c": "line\nand \u2028 another"}, 3], "d": {"e": [4]}, "f": "g"},
    ],
    ids=str,
)
def test_lines_are_json_and_each_entry_has_one(value: dict[str, Any]) -> None:
    text = untrusted.write_lines(value)
    assert json.loads(text) == value and text.endswith("}\n")
    entries = sum(len(below) for below in value.values() if isinstance(below, list))
    empty = not value
    full = sum(bool(below) for below in value.values() if isinstance(below, list))
    assert len(text.split("\n")) == 3 + len(value) + entries + full + empty
    with pytest.raises(ValueError):
        untrusted.write_lines({**value, "z": [math.nan]})


def test_a_quotation_is_short() -> None:
    for value in ("x" * 10_000_000, b"\xff" * 10_000_000, {"a": ["y" * 1000] * 1000}):
        assert len(untrusted.quoted(value)) < 300
    assert len(untrusted.cut("z" * 10_000_000)) <= untrusted.TOLD_MAX


def test_a_member_twice_is_found_among_many() -> None:
    members = [f'"{number:x}":1' for number in range(120_000)]
    with pytest.raises(ValueError, match="'1d4bf' stands there twice"):
        untrusted.parse("{" + ",".join([*members, members[-1]]) + "}")


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{", 100_000 * b"[", b'{"a":1,"a":1}'])
def test_what_is_no_object_is_an_empty_one(body: bytes) -> None:
    assert not untrusted.json_object(body)

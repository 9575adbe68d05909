# SPDX-License-Identifier: Apache-2.0
"""A report on less than the whole: nothing that was not reached or not played is shown green."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atls_harness import RESULT_VERSION, extent
from atls_harness.report import render, view

REACHED = {"conforms": "pass", "withstood": "pass"}
MISSED = {"conforms": "pass", "withstood": "not-reached"}
UNKNOWN = {"conforms": "unknown", "withstood": "unknown"}
CALM = {"conforms": "pass", "withstood": "not-asked"}
PART = {"all": 9, "chosen": 2, "played": 1, "ended": "SIGINT"}


def made(*cases: tuple[str, dict[str, str]], pair: bool = False, **run: Any) -> view.Report:
    """A report on cases with this outcome and these columns; or on these, and those of a pair."""
    rows = [
        {
            "id": f"story[{number}]",
            "scenario": "story",
            "group": "attacks",
            "case": f"c{number}",
            "profile": "ta-07",
            "attested": {"client": "none", "server": "passport"},
            "peers": {"client": "a", "server": "a"},
            "outcome": outcome,
            "reason": "" if outcome == "pass" else f"the {outcome} reason",
            "columns": columns,
        }
        for number, (outcome, columns) in enumerate(cases)
    ]
    if pair:
        peers = {"client": "b", "server": "a"}
        rows.append({**rows[0], "id": "other", "outcome": "pass", "columns": CALM, "peers": peers})
    return view.make({"version": RESULT_VERSION, "run": run, "cases": rows})


def page(report: view.Report) -> str:
    return render.html(report, Path("."), Path("."))


def tile(html: str, words: str) -> str:
    """The tile that says WORDS, in full."""
    tiles = [part for part in html.split('<div class="tile ')[1:] if f"<p>{words}</p>" in part]
    assert len(tiles) == 1, words
    return tiles[0].split("</div>")[0]


@pytest.mark.parametrize(
    "cases, conforms, withstood, badge",
    [
        ([("pass", REACHED)], "ok", "ok", "brightgreen"),
        ([("pass", REACHED), ("pass", MISSED)], "ok", "warn", "yellow"),
        ([("pass", MISSED)], "ok", "warn", "yellow"),
        ([("pass", REACHED), ("not-played", UNKNOWN)], "warn", "warn", "yellow"),
        ([("pass", REACHED), ("unsupported", UNKNOWN)], "ok", "ok", "brightgreen"),
        ([("not-played", UNKNOWN)], "warn", "none", "yellow"),
        ([("pass", REACHED), ("not-played", UNKNOWN), ("fail", CALM)], "warn", "warn", "red"),
    ],
)
def test_tiles_and_badge(
    cases: list[tuple[str, dict[str, str]]], conforms: str, withstood: str, badge: str
) -> None:
    report = made(*cases)
    html = page(report)
    assert tile(html, "conform on the wire").split('"')[0] == conforms
    assert tile(html, "refused as it must").split('"')[0] == withstood
    assert render.badge(report)["color"] == badge


def test_not_reached_is_said_everywhere() -> None:
    report = made(("pass", REACHED), ("pass", MISSED))
    html, text = page(report), render.markdown(report)
    assert "1 not reached: who had to refuse" in tile(html, "refused as it must")
    assert '<b class="warn">not reached</b>' in html
    assert 'class="cell warn"' in html and 'class="cell ok"' not in html
    assert "refused as it must 1/2, 1 not reached." in text and "2/2, 1/2 ⚠" in text
    assert render.badge(report)["message"] == "2/2 pass, 1 not reached"


@pytest.mark.parametrize(
    "cases, shown, tone, markdown",
    [
        ([("pass", REACHED)], "1/1", "ok", "| a | 1/1 |"),
        ([("pass", REACHED), ("unsupported", UNKNOWN)], "1/1<small> +1</small>", "ok", "1/1 +1 |"),
        ([("pass", MISSED)], "1/1", "warn", "| a | 1/1 ⚠ |"),
        ([("pass", CALM), ("not-played", CALM)], "1/1<small> +1</small>", "warn", "1/1 +1 ⚠"),
        ([("pass", CALM), ("xfail", CALM)], "1/1", "warn", "| a | 1/1 ⚠ |"),
        ([("pass", CALM), ("fail", CALM)], "1/2", "bad", "| a | 1/2 ⚠ |"),
    ],
)
def test_a_pair_is_green_only_where_all_of_it_is(
    cases: list[tuple[str, dict[str, str]]], shown: str, tone: str, markdown: str
) -> None:
    report = made(*cases, pair=True)
    cell = page(report).split('data-filter="ta-07|||a|a"')[0].rsplit("<td ", 1)[1]
    assert cell == f'class="{tone}"><a href="#cases" '
    assert f">{shown}</a></td>" in page(report)
    assert markdown in render.markdown(report)


def test_what_a_pair_did_not_come_to_has_its_reason() -> None:
    report = made(("not-played", UNKNOWN), pair=True)
    assert report.pairs and report.pairs.reasons == [("the not-played reason", 1, "ta-07 a:a")]
    assert "the not-played reason" in page(report)


@pytest.mark.parametrize(
    "given, words, color",
    [
        ({**PART, "chosen": 1, "all": 1, "ended": ""}, "", "brightgreen"),
        ({**PART, "chosen": 1, "ended": ""}, "chosen: 1 of 9 cases", "green"),
        (PART, "partial: ended by SIGINT after 1 of 2 cases", "yellow"),
        ({**PART, "chosen": 9}, "partial: ended by SIGINT after 1 of 9 cases", "yellow"),
    ],
)
def test_a_part_has_a_banner(given: dict[str, Any], words: str, color: str) -> None:
    report = made(("pass", REACHED), extent=given)
    html, text, badge = page(report), render.markdown(report), render.badge(report)
    banner = f"{words[:1].upper()}{words[1:]}"
    assert ('<p class="part"' in html, words in badge["message"]) == (bool(words), True)
    assert banner in html.split('<section class="tiles"')[0] and banner in text
    assert ("**Partial" in text or "**Chosen" in text) == bool(words)
    assert badge["color"] == color


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"ended": "x"}, {**PART, "all": "9"}])
def test_an_extent_of_another_kind_is_none(value: Any) -> None:
    assert extent.words(extent.of({"run": {"extent": value}})) == ""
    assert '<p class="part"' not in page(made(("pass", REACHED), extent=value))

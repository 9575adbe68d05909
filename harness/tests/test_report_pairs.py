# SPDX-License-Identifier: Apache-2.0
"""The report on a matrix: who against whom, why a cell is empty, what must be green, what came."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from atls_harness import RESULT_VERSION
from atls_harness.report import beyond, publish, render, view
from atls_harness.report.cells import Cell
from atls_harness.report.values import BAD, OK


def case(client: str, server: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"story[one]@{client}:{server}",
        "scenario": "story",
        "group": "interop",
        "title": "A story of two",
        "case": "one",
        "clauses": [],
        "parameters": {},
        "profile": "x509-cmw",
        "attested": {"client": "passport", "server": "none"},
        "peers": {"client": client, "server": server, "device": "atls", "verifier": "atls"},
        "outcome": outcome,
        "reason": "" if outcome == "pass" else f"<b>{client} lacks it</b>",
        "columns": {"conforms": "unknown", "withstood": "not-asked"},
        "observed": {},
        **more,
    }


CASES = [
    case("a", "a", "pass"),
    case("a", "b", "fail"),
    case("b", "a", "unsupported"),
    case("b", "b", "unsupported"),
]


def page(cases: list[dict[str, Any]], **more: Any) -> str:
    raw = {"version": RESULT_VERSION, "run": {}, "cases": cases, **more}
    return render.html(view.make(raw), Path("."), Path("."))


def test_each_pair_has_a_name_of_its_own_in_junit() -> None:
    tree = ElementTree.fromstring(render.junit(view.make({"cases": CASES, "run": {}})))
    names = [(one.get("classname"), one.get("name")) for one in tree.iter("testcase")]
    assert names == [("interop.story", str(one["id"])) for one in CASES]
    assert len(set(names)) == len(CASES)


def test_each_pair_has_its_cell_and_each_empty_one_its_reason() -> None:
    report = view.make({"cases": CASES, "run": {}})
    assert report.pairs is not None
    cells = report.pairs.profiles["x509-cmw"]
    shown = {(c, s): str(cell.played) for c, row in cells.items() for s, cell in row.items()}
    assert shown == {("a", "a"): "1/1", ("a", "b"): "0/1", ("b", "a"): "–", ("b", "b"): "–"}
    reason, count, where = report.pairs.reasons[0]
    assert (reason, count) == ("<b>b lacks it</b>", 2)
    assert where == "x509-cmw b:a, x509-cmw b:b"
    # What was not played is told there, and not case by case.
    assert [len(one.cases) for one in report.groups["interop"]] == [2]
    assert report.others == []


def test_the_page_shows_them_and_takes_nothing_for_markup() -> None:
    html = page(CASES)
    assert 'id="pairs"' in html and "Client against server" in html
    assert 'data-filter="x509-cmw|||a|b"' in html
    assert "<b>b lacks it</b>" not in html and "&lt;b&gt;b lacks it&lt;/b&gt;" in html
    assert "| b | – | – |" in render.markdown(view.make({"cases": CASES, "run": {}}))


def test_one_pair_needs_no_table() -> None:
    assert view.make({"cases": CASES[:1], "run": {}}).pairs is None
    assert 'id="pairs"' not in page(CASES[:1])


def test_required_cells_that_are_not_green_come_first() -> None:
    held = [
        {"cell": "client a, server a", "green": True, "reason": "", "where": "f:2"},
        {"cell": "client a, server b", "green": False, "reason": "it failed", "where": "f:3"},
    ]
    found = beyond.required(view.make({"cases": CASES, "run": {}, "required": held}))
    assert [one["tone"] for one in found] == [BAD, OK]
    assert "it failed" in page(CASES, required=held)
    assert 'id="required"' not in page(CASES)


def test_the_comparison_with_a_baseline() -> None:
    given = {"file": "before.json", "started": "", "revision": "abc", "new": ["x", "y"]}
    given["new_failures"] = ["story[one]@a:b", "gone[1]"]  # type: ignore[assignment]
    html = page(CASES, baseline=given)
    assert "2 new failures: fails, and did not before" in html
    assert ">story[one]@a:b</a>" in html and "<li>gone[1]</li>" in html
    assert "2 new: was not there before" in html and "<li>x</li>" not in html
    assert "Nothing has changed." in page(CASES, baseline={"file": "before.json"})
    assert 'id="baseline"' not in page(CASES)


def test_reading_against_reading() -> None:
    failed = {"outcome": "failed", "reason": "binder-mismatch", "alert": None}
    observed = {"server": {"exit": 1, "handshake": [failed]}}
    one = case("a", "a", "pass", ambiguity="H5", observed=observed)
    one["readings"] = {"client": "A", "server": "B"}
    html = page([one])
    assert 'id="readings"' in html and "H5" in html and "binder-mismatch" in html
    assert 'id="readings"' not in page([case("a", "a", "pass", ambiguity="H5")])  # nothing to tell


@pytest.mark.parametrize(
    "command, shown",
    [
        ("./atls run --peers all", "./atls run --peers all"),
        ("./atls run --peers atls,go --pair a:b", "./atls run --peers atls,go --pair a:b"),
        ("./atls run --peers /home/me/peers --seed 1", "./atls run --seed 1"),
        ("./atls run --peers=some/where --build b", "./atls run"),
    ],
)
def test_a_place_is_left_out_of_what_is_published(command: str, shown: str) -> None:
    assert publish.scrubbed(command) == shown


def test_plain_x509_is_told_from_attestation() -> None:
    """A cell in which nobody attested says nothing of its profile, and is not green."""
    plain, attested = {"client": "none", "server": "none"}, {"client": "passport", "server": "none"}
    for outcomes, only in (
        ([("pass", plain)], True),
        ([("pass", plain), ("unsupported", attested)], True),
        ([("pass", plain), ("pass", attested)], False),
        ([("unsupported", plain)], False),
    ):
        raw = {
            "cases": [
                {"id": f"c{n}", "outcome": outcome, "attested": sides}
                for n, (outcome, sides) in enumerate(outcomes)
            ]
        }
        assert Cell(view.make(raw).cases).only_x509 is only, outcomes

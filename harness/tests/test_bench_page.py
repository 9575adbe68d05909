# SPDX-License-Identifier: Apache-2.0
"""The page of a benchmark, of figures measured once: each plot has its table, and its colours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from atls_harness.bench import curves, goals, made, page, tables  # noqa: E402
from atls_harness.document import first_problem  # noqa: E402
from atls_harness.paths import BENCHMARK_SCHEMA, RESULT_SCHEMA  # noqa: E402
from atls_harness.report.values import load  # noqa: E402
from atls_harness.selection import cases_in  # noqa: E402


@pytest.fixture(name="result", scope="module")
def published() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((Path(__file__).parent / "benchmark.json").read_text("utf-8"))
    return made


@pytest.fixture(name="html", scope="module")
def rendered(result: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("page")
    page.write(result, folder)
    return (folder / "benchmark.html").read_text(encoding="utf-8")


def test_beside_each_plot_its_figures(html: str, result: dict[str, Any]) -> None:
    sections = html.split('<section id="plot-')[1:]
    assert len(sections) == 4
    for section in (one.split("</section>")[0] for one in sections):
        svg, table = re.findall(r"<svg.*?</svg>", section, re.S), section.split("<table")[1]
        assert len(svg) == 1 and 'aria-hidden="true"' in svg[0]
        heads = table.count('<th scope="col">')
        rows = re.findall(r'<tr><th scope="row">.*?</tr>', table, re.S)
        assert rows and all(row.count("<td>") == heads - 1 for row in rows)
    median = result["pair"]["modes"][0]["wall_ns"]["median"] / 1000
    assert f"<td>{median:,.0f}</td>" in sections[0]


def test_colours_are_those_of_the_page_and_each_is_told(html: str) -> None:
    for section in html.split('<section id="plot-')[1:5]:
        svg = section.split("</svg>")[0]
        used = set(re.findall(r"var\(--s(\d)\)", svg))
        told = re.findall(r'class="swatch s(\d)"', section)
        assert used == set(told) and len(told) == len(set(told))
        # Nothing keeps a colour that one of the two schemes would hide.
        assert not re.findall(r"(?:fill|stroke): #[0-9a-f]{6}", svg)
    for number in range(len(page.SERIES)):
        assert html.count(f"--s{number}: #") == 2  # light and dark


def test_all_that_the_terminal_has_is_there(html: str, result: dict[str, Any]) -> None:
    for row in result["pair"]["modes"]:
        assert f'<th scope="row">{row["mode"]}</th>' in html
    assert "<pre" not in html


def test_a_curve_says_how_steep_it_is(result: dict[str, Any], tmp_path: Path) -> None:
    def of(name: str, power: float) -> dict[str, Any]:
        points = [{"size": 10**n, "value": 5 * 10 ** (n * power)} for n in range(1, 5)]
        return curves.curve(name, f"a thing, by {name}", "things", "ns", power == 0, points)

    names = ("references", "devices", "report", "collection", "connections")
    found = [of(name, power) for name, power in zip(names, (0, 0.01, 1.0, 2.0, 0.5))]
    assert [one["exponent"] for one in found] == [0, 0.01, 1.0, 2.0, 0.5]
    assert [one["at_most_linear"] for one in found] == [True, True, True, False, True]
    whole = {**result, "curves": found, "not_measured": {}}
    whole["goals"] = goals.judge(whole)
    assert first_problem(whole, BENCHMARK_SCHEMA) is None
    missed = {one["goal"] for one in whole["goals"] if one["met"] is False}
    assert "exponent of the steepest curve" in missed
    assert "an appraisal among the most devices over one among the fewest" not in missed
    page.write(whole, tmp_path)
    html = (tmp_path / "benchmark.html").read_text(encoding="utf-8")
    assert "steeper than linear" in html and "a thing, by report: exponent 1.00" in html
    assert html.count("<svg") == 6
    assert "steeper than linear" in tables.render(whole, 140, False)


@pytest.mark.parametrize("count", [1, 114, 115, 1000])
def test_made_results_and_scenarios_are_taken(count: int, tmp_path: Path) -> None:
    raw = load(made.result(tmp_path, count))
    assert len({case["id"] for case in raw["cases"]}) == len(raw["cases"]) == count
    assert first_problem(raw, RESULT_SCHEMA) is None
    files = made.scenarios(tmp_path / "stories", count)
    cases = [case for name in files for case in cases_in(Path(name))]
    assert count <= len({case.id for case in cases}) == len(cases) < count + made.PER_FILE

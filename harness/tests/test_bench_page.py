# SPDX-License-Identifier: Apache-2.0
"""The page of a benchmark, of figures measured once: each plot has its table, and its colours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from atls_harness.bench import page  # noqa: E402


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

# SPDX-License-Identifier: Apache-2.0
"""A large result is told on several pages: each case once, what did not pass first."""

from __future__ import annotations

import json
import re
from pathlib import Path

from atls_harness.bench import made
from atls_harness.report import paging, write

ANCHOR = re.compile(r'<details class="case" id="([^"]+)"')


def _write(folder: Path, count: int, failed: range) -> dict[str, str]:
    results = made.result(folder, count) / "results.json"
    raw = json.loads(results.read_text(encoding="utf-8"))
    for index in failed:
        raw["cases"][index].update(outcome="fail", reason="made to fail")
    results.write_text(json.dumps(raw), encoding="utf-8")
    paths = write(results.parent, results.parent)
    return {path.name: path.read_text("utf-8") for path in paths if path.suffix == ".html"}


def test_up_to_so_many_there_is_one_page(tmp_path: Path) -> None:
    pages = _write(tmp_path, 300, range(0))
    assert list(pages) == ["report.html"]
    assert len(ANCHOR.findall(pages["report.html"])) == 300
    assert "This page tells" not in pages["report.html"]


def test_each_case_is_told_once_and_what_failed_on_the_first_page(tmp_path: Path) -> None:
    count = paging.FIRST_PAGE + paging.A_PAGE + 7
    failed = range(count - 40, count)
    pages = _write(tmp_path, count, failed)
    assert list(pages) == ["report.html", "report-2.html", "report-3.html"]
    told = {name: ANCHOR.findall(page) for name, page in pages.items()}
    anchors = [anchor for some in told.values() for anchor in some]
    assert len(anchors) == len(set(anchors)) == count
    assert len(told["report.html"]) <= paging.FIRST_PAGE
    assert all(len(some) <= paging.A_PAGE for name, some in told.items() if name != "report.html")
    first = pages["report.html"]
    assert first.count("made to fail") >= len(failed)
    # Every link leads to something, on whichever page it is.
    ids = {name: set(re.findall(r' id="([^"]+)"', page)) for name, page in pages.items()}
    for name, page in pages.items():
        for link in re.findall(r'href="([^"]*)"', page):
            place, _, anchor = link.partition("#")
            assert not anchor or anchor in ids[place or name], link
            assert place in ("", *pages) or "://" in place, link


def test_more_failures_than_the_first_page_holds(tmp_path: Path) -> None:
    count = paging.FIRST_PAGE + 500
    pages = _write(tmp_path, count, range(count))
    told = [anchor for page in pages.values() for anchor in ANCHOR.findall(page)]
    assert len(told) == len(set(told)) == count
    assert f"And {count - paging.LISTED} more" in pages["report.html"]

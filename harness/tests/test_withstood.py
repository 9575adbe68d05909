# SPDX-License-Identifier: Apache-2.0
"""An attack is withstood by whoever got as far as what it had to refuse, and refused it; who ended
before has withstood nothing, and nothing of it is green."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness import RESULT_VERSION, baseline, report
from atls_harness.report import render, view
from atls_harness.report.values import WARN
from conftest import OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Latest = Callable[[], dict[str, Any]]

# what the server does where it should refuse, column
TABLE = {
    "refuses": "pass",
    "crash": "not-reached",
    "exit-44": "not-reached",
    "hangs": "not-reached",
    "silent": "not-reached",
    "late-77": "not-reached",
    "not-utf8": "pass",  # it breaks the contract; its other events say that it refused
    "directory": "not-reached",
    "gives-up": "not-reached",
    "ready-port-0": "not-reached",
    "accepted-anyway": "fail",
    "other-reason": "pass",  # of what had come; that the reason is wrong is the other column
    "crash-late": "pass",  # behind its verdict
}


def test_who_has_withstood(fake: Harness, latest: Latest, tmp_path: Path) -> None:
    done = fake(str(OUTCOMES / "not-reached.yaml"), "-n", "3")
    assert done.returncode == 1
    result = latest()
    found = {case["case"]: case["columns"]["withstood"] for case in result["cases"]}
    assert found == TABLE
    passed = [case["case"] for case in result["cases"] if case["outcome"] == "pass"]
    assert passed == ["refuses"]
    count = list(TABLE.values()).count("not-reached")
    assert f"{count} of {len(TABLE)} cases: not reached" in done.stdout
    summary = (tmp_path / "latest" / "summary.md").read_text()
    assert f"4/13 ({count} not reached)" in summary


@pytest.mark.parametrize("words", ["exit 127", "kill -SEGV $$"])
def test_nothing_that_cannot_even_start_withstands(
    harness: Harness, latest: Latest, tmp_path: Path, words: str
) -> None:
    folder = tmp_path / "peers" / "lame"
    folder.mkdir(parents=True)
    for name in ("client", "server"):
        (folder / name).write_text(f"#!/bin/sh\n{words}\n")
        (folder / name).chmod(0o755)
    (folder / "peer.yaml").write_text(
        """
name: lame
description: whose programs do not start
programs: {client: ["{peer}/client"], server: ["{peer}/server"]}
capabilities:
  profiles: [ta-07]
  roles: {client: [attester, relying-party], server: [attester, relying-party]}
  models: [background-check]
  serializations: [cbor]
  curves: [p256]
  faults: [pat-signature]
"""
    )
    peers = ["--peers", str(OUTCOMES.parent), "--peers", str(folder.parent)]
    roles = ["--client", "lame", "--server", "lame", "--device", "fake", "--verifier", "fake"]
    story = tmp_path / "story.yaml"
    story.write_text(
        (OUTCOMES / "refused.yaml").read_text().replace("matrix:", "timeout: 2\nmatrix:")
    )
    assert harness(*peers, *roles, str(story), "-n", "2").returncode == 1
    cases = latest()["cases"]
    assert [case["columns"]["withstood"] for case in cases] == ["not-reached"] * 2
    assert {case["outcome"] for case in cases} == {"fail"}


def case(withstood: str, outcome: str = "xfail", name: str = "a") -> dict[str, Any]:
    columns = {"conforms": "fail", "withstood": withstood}
    return {"id": name, "outcome": outcome, "columns": columns, "group": "g", "scenario": name}


def test_no_tile_is_green_for_it() -> None:
    made = view.make({"version": RESULT_VERSION, "cases": [case("not-reached", "pass")]})
    assert made.whole.withstood.tone == WARN
    assert str(made.whole.withstood) == "0/1"
    assert made.whole.tone == WARN
    assert render.badge(made)["color"] == "yellow"


@pytest.mark.parametrize(
    "version, before, after, worse",
    [
        (RESULT_VERSION, "pass", "not-reached", True),
        (RESULT_VERSION, "pass", "pass", False),
        (RESULT_VERSION, "not-reached", "not-reached", False),
        (RESULT_VERSION, "not-reached", "pass", False),
        (1, "pass", "not-reached", False),  # it was given for nothing then
        (None, "pass", "not-reached", False),
    ],
)
def test_a_baseline_tells_who_does_not_get_as_far_any_more(
    tmp_path: Path, version: int | None, before: str, after: str, worse: bool
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"version": version, "cases": [case(before)]}))
    found = baseline.compare(baseline.load_baseline(path), [case(after)])
    assert baseline.regressed(found) is worse
    assert found["no_longer_reached"] == (["a"] if worse else [])


def test_the_report_says_so(fake: Harness, tmp_path: Path) -> None:
    fake(str(OUTCOMES / "not-reached.yaml"), "-k", "crash and not late")
    assert report.main([str(tmp_path / "latest" / "results.json")]) == 0
    page = (tmp_path / "latest" / "report.html").read_text(encoding="utf-8")
    assert "not reached" in page

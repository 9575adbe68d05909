# SPDX-License-Identifier: Apache-2.0
"""The version: one place, and every program, result and report says it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Callable
from xml.etree import ElementTree

import pytest

from atls_harness import release, report
from atls_harness.document import first_problem
from atls_harness.errors import InfrastructureError
from atls_harness.paths import BENCHMARK_SCHEMA, RESULT_SCHEMA, ROOT
from atls_harness.run import Run

HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", re.MULTILINE)


def test_the_changelog_begins_with_it() -> None:
    assert HEADING.findall((ROOT / "CHANGELOG.md").read_text("utf-8"))[0] == release.version()


def test_the_launcher_says_it() -> None:
    done = subprocess.run([str(ROOT / "atls"), "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"atls {release.version()}\n", "")


def test_each_program_says_it(real: Run) -> None:
    peer = real.peers["atls"]
    for name in peer.programs:
        argv = [*peer.command(name, real.build), "--version"]
        told = subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout
        assert re.fullmatch(rf"atls-[a-z]+ {re.escape(release.version())}\b.*\n", told), name


def test_a_place_without_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meson.build").write_text("project('atls', 'c')\n")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    with pytest.raises(InfrastructureError, match="expected a line .*there is none"):
        release.version.__wrapped__()


@pytest.mark.parametrize("schema", (RESULT_SCHEMA, BENCHMARK_SCHEMA), ids=lambda path: path.stem)
def test_no_result_is_without_it(schema: Path) -> None:
    rules = json.loads(schema.read_text("utf-8"))
    where = rules["properties"]["run"] if "run" in rules["properties"] else rules
    assert "atls" in where["required"] and "pattern" in where["properties"]["atls"]


def test_the_published_report_is_of_this_format() -> None:
    """Where it is not: ./atls run --smoke --keep; ./atls report --publish --output results/smoke"""
    published = json.loads((ROOT / "results/smoke/results.json").read_text("utf-8"))
    assert first_problem(published, RESULT_SCHEMA) is None


def test_all_that_a_run_leaves_says_it(
    fake: Callable[..., "subprocess.CompletedProcess[str]"],
    latest: Callable[[], dict[str, Any]],
    tmp_path: Path,
) -> None:
    fake(str(ROOT / "harness/tests/outcomes/wrong-alert.yaml"))
    said, run = release.version(), tmp_path / "latest"
    assert latest()["run"]["atls"] == said
    assert f"atls {said}, revision" in (run / "summary.md").read_text("utf-8")
    bundle = json.loads(next(run.glob("bundles/*/manifest.json")).read_text("utf-8"))
    assert bundle["atls"] == said
    assert report.main([str(run), "--output", str(tmp_path / "made")]) == 0
    assert f"atls {said}" in (tmp_path / "made" / "report.html").read_text("utf-8")
    assert f"atls {said}" in (tmp_path / "made" / "report.md").read_text("utf-8")
    for xml in (run / "junit.xml", tmp_path / "made" / "junit.xml"):  # pytest's, and the report's
        found = ElementTree.parse(xml).getroot().findall("./testsuite/properties/property")
        assert {one.get("name"): one.get("value") for one in found}["atls"] == said, xml

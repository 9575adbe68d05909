# SPDX-License-Identifier: Apache-2.0
"""`./atls run --clause` and `--section`, and the text of requirements beside what failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness import report
from atls_harness.coverage import all_scenarios, by_clause
from atls_harness.requirements import of_section, requested, requirements, unit_tests
from atls_harness.paths import ROOT, shown
from atls_harness.shown_by import TOLD_MAX, elsewhere, texts

from conftest import OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Latest = Callable[[], dict[str, Any]]
SHOWN = by_clause(all_scenarios())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`./atls run --list`: what is chosen, with nothing built and nothing played."""
    return subprocess.run(
        [sys.executable, "-m", "atls_harness", "run", "--list", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness")},
    )


def files(said: str) -> set[str]:
    """The scenarios that were listed."""
    return {line.strip().partition("::")[0] for line in said.splitlines() if "::" in line}


CHOSEN = {
    "one": (["--clause", "R-TA-37"], {"R-TA-37"}),
    "two": (["--clause", "R-TA-37", "--clause", "R-KAT-01"], {"R-TA-37", "R-KAT-01"}),
    "family": (["--clause", "R-KAT"], {one.id for one in requested(["R-KAT"])}),
    "section": (["--section", "ta-07:8.1.2"], {one.id for one in of_section("ta-07:8.1.2")}),
    "both": (["--clause", "R-TA-37", "--section", "kat-06:7.1"], None),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_what_shows_a_requirement_is_played(name: str) -> None:
    arguments, ids = CHOSEN[name]
    ids = ids or {"R-TA-37", *(one.id for one in of_section("kat-06:7.1"))}
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    wanted = {shown(one.path) for name in ids for one in SHOWN.get(name, [])}
    apart = {one for one in wanted if "/firmware/" in one or "/parsec/" in one}
    assert files(done.stdout) == wanted - apart


def test_of_what_is_named_only_what_shows_it_is_played() -> None:
    done = run("--clause", "R-TA-37", "scenarios/interop", "-k", "seat")
    assert done.returncode == 0, done.stderr
    folders = {Path(one).parent.name for one in files(done.stdout)}
    assert folders == {"interop"} and "::" in done.stdout
    case = next(line.strip() for line in done.stdout.splitlines() if "::" in line)
    done = run("--clause", "R-TA-37", case, shown(WITHOUT.path))
    assert {line.strip() for line in done.stdout.splitlines() if "::" in line} == {case}


WITHOUT = next(one for one in all_scenarios() if "R-TA-37" not in one.clauses)
# What a person may mistype, or ask for in vain: what is said.
REFUSED = {
    "id": (["--clause", "R-TA-370"], "--clause: no requirement 'R-TA-370'; did you mean R-TA-37?"),
    "case": (["--clause", "r-ta-37"], "did you mean R-TA-37?"),
    "family": (["--clause", "R-TB"], "no requirement 'R-TB'; did you mean R-TA?"),
    "document": (["--section", "ta-7:8"], "--section: no document 'ta-7'; did you mean ta-07?"),
    "section": (
        ["--section", "ta-07:8.9"],
        "no requirement is of section 8.9 of draft-fossati-tls",
    ),
    "form": (
        ["--section", "8.1"],
        "--section: expected DOCUMENT:SECTION, as ta-07:8.1, came '8.1'",
    ),
    "empty": (["--section", "ta-07:"], "expected DOCUMENT:SECTION"),
    "older": (["--section", "ta-02:4"], "of draft-fossati-tls-attestation-02 no requirement"),
    "untested": (["--clause", "R-TA-05"], "R-TA-05 has no test: A rule for authors"),
    "units": (
        ["--clause", "R-TA-04"],
        "R-TA-04 is shown by unit tests alone: harness/tests/test_device_key.py: "
        "./atls run harness/tests/test_device_key.py; ",
    ),
    "elsewhere": (
        ["--clause", "R-TA-37", shown(WITHOUT.path)],
        "cases shows R-TA-37; ./atls clauses R-TA-37 says what does",
    ),
    "keyword": (["--clause", "R-TA-37", "-k", "nothing-such"], "has 'nothing-such' in its name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_played_is_told(name: str) -> None:
    arguments, words = REFUSED[name]
    done = run(*arguments)
    assert words in done.stderr, done.stdout + done.stderr
    assert (done.returncode, files(done.stdout)) == (2, set())
    assert "Traceback" not in done.stderr


def test_of_several_those_that_no_case_shows_are_told_as_well() -> None:
    done = run("--clause", "R-TA-37", "--clause", "R-TA-05")
    assert done.returncode == 0 and files(done.stdout)
    assert "R-TA-05 has no test" in done.stderr


def test_sections_are_those_of_a_document_and_below() -> None:
    def ids(word: str) -> set[str]:
        return {one.id for one in of_section(word)}

    assert ids("ta-07:8.1") == ids("ta-07:8.1.1") | ids("ta-07:8.1.2")
    assert "R-TA-07" in ids("ta-07:5.4") & ids("ta-07:5.5")  # it says 5.4/5.5
    assert ids("draft-fossati-tls-attestation-07:8.1") == ids("ta-07:8.1")
    assert ids("RFC 9999:4") == ids("x509-cmw:4") == ids("rfc9999:4")
    known = requirements().values()
    assert all(one.sections for one in known)
    for one in known:
        short = {"draft-bft-rats-kat-06": "kat-06"}.get(one.document, one.document)
        assert all(one.id in ids(f"{short}:{part}") for part in one.sections), one


def test_unit_tests_are_named_with_their_commands(tmp_path: Path) -> None:
    source = next(one.path for one in unit_tests()["R-SE-14"] if one.path.endswith(".c"))
    info = tmp_path / "meson-info"
    info.mkdir()
    target = {"filename": ["/b/it"], "target_sources": [{"sources": [str(ROOT / source)]}]}
    (info / "intro-targets.json").write_text(json.dumps([target]))
    (info / "intro-tests.json").write_text(json.dumps([{"name": "tls/it", "cmd": ["/b/it"]}]))
    (said,) = elsewhere(["R-SE-14", "R-TA-37"], tmp_path)
    assert f"{source}: meson test -C {tmp_path} tls/it" in said


def test_a_failure_has_the_text_beside_it(fake: Harness, latest: Latest, tmp_path: Path) -> None:
    """On the terminal, in summary.md, in JUnit's file, and in all that a report is."""
    done = fake(str(OUTCOMES / "wrong-alert.yaml"), str(OUTCOMES / "accepted.yaml"))
    entry = requirements()["R-KAT-01"]
    start = f"R-KAT-01 ({entry.level}, {entry.document} section {entry.section}): "
    words = entry.text.split()
    flat = " ".join(done.stdout.split())
    assert f"requirement {start}{' '.join(words)}" in flat
    folder = tmp_path / "latest"
    target = tmp_path / "report"
    target.mkdir()
    report.write(folder, target)
    for path in (
        folder / "summary.md",
        folder / "junit.xml",
        target / "report.md",
        target / "junit.xml",
        target / "report.html",
    ):
        text = " ".join(path.read_text().replace("\\", "").split())
        assert "R-KAT-01 (" in text, path
        assert " ".join(words[:6]) in text.partition("R-KAT-01 (")[2], path
    assert "requirement R-" not in done.stdout.partition("accepted: pass")[2].partition("\n\n")[0]


def test_what_passed_and_what_is_left_open_says_nothing(latest: Latest) -> None:
    case = {"clauses": ["R-TA-37"], "ambiguity": "H1"}
    assert texts(case) == []
    assert texts({"clauses": ["R-NO-99"]}) == []


def test_of_many_requirements_a_few_are_told() -> None:
    names = list(requirements())[: TOLD_MAX + 3]
    told = texts({"clauses": names})
    assert len(told) == TOLD_MAX + 1
    assert (
        told[-1] == f"also shown: {', '.join(names[TOLD_MAX:])} (./atls clauses {names[TOLD_MAX]})"
    )
    own = texts(
        {"clauses": ["X"]},
        [{"id": "X", "level": "MUST", "document": "d", "section": "1", "text": "of the result"}],
    )
    assert own == ["X (MUST, d section 1): of the result"]

# SPDX-License-Identifier: Apache-2.0
"""The requirements as data, and that each is tested or has a reason that still holds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from atls_harness import coverage
from atls_harness.errors import HarnessError, InputError
from atls_harness.paths import PEERS, REQUIREMENTS, ROOT
from atls_harness.peer import load_peers
from atls_harness.report import render, view
from atls_harness.requirements import (
    Requirement,
    UnitTest,
    load_requirements,
    named_in,
    problems,
    requirements,
    scan,
    unit_tests,
)


def test_requirements_are_whole() -> None:
    families = Counter(name.rpartition("-")[0] for name in requirements())
    assert families == {"R-TA": 38, "R-SE": 35, "R-SE-04": 2, "R-EX": 19, "R-KAT": 10, "R-CMW": 13}


def test_every_requirement_is_tested_or_has_a_reason_that_holds() -> None:
    capabilities = load_peers([PEERS])["atls"].capabilities
    shown = coverage.by_clause(coverage.all_scenarios())
    assert problems(requirements(), shown, unit_tests(), capabilities) == []


def entry(**change: Any) -> Requirement:
    fields: dict[str, Any] = {
        "id": "R-TA-01",
        "document": "RFC 1",
        "section": "1",
        "level": "MUST",
        "roles": ("client",),
        "observed": "wire",
        "text": "Something must be so",
        "reason": "",
        "needs": None,
    }
    return Requirement(**{**fields, **change})


TEST = {"R-TA-01": [UnitTest("test-x.c", (3,))]}
NEEDS = {"reason": "Profile x is not there.", "needs": ("profiles", "x")}
NONE = {"observed": "none", "reason": "Nobody can see it."}


@pytest.mark.parametrize(
    "change, tests, profiles, complaint",
    [
        ({}, {}, [], "no scenario, no unit test and no reason"),
        ({}, TEST, [], None),
        (
            {},
            {"R-TA-99": TEST["R-TA-01"], **TEST},
            [],
            "test-x.c:3: there is no requirement R-TA-99",
        ),
        ({"reason": "It is hard."}, {}, [], None),
        ({"reason": "It is hard."}, TEST, [], "has a test, but"),
        (NEEDS, {}, [], None),
        (NEEDS, {}, ["y"], None),
        (NEEDS, {}, ["x"], "out of date: the peer declares x among its profiles"),
        (NEEDS, TEST, ["x"], None),
        (NEEDS, TEST, [], None),  # a known-answer test may come before the profile
        (NONE, {}, [], None),
        (NONE, TEST, [], None),
        ({"observed": "none"}, {}, [], "no reason"),
    ],
)
def test_what_is_wrong_with_a_coverage(
    change: dict[str, Any],
    tests: dict[str, list[UnitTest]],
    profiles: list[str],
    complaint: str | None,
) -> None:
    found = problems({"R-TA-01": entry(**change)}, {}, tests, {"profiles": profiles})
    assert len(found) == (complaint is not None)
    assert complaint is None or complaint in found[0]


@pytest.mark.parametrize(
    "old, new, where, complaint",
    [
        ("id: R-TA-02", "id: R-TA-01", "- id: R-TA-01", "stands here for the second time"),
        ("level: STATED", "level: OUGHT", "level: OUGHT", "'OUGHT' is not one of"),
        ("observed: wire", "observed: none", "- id: R-TA-01", "'untested' is a required property"),
        ("roles: [client, server]", "roles: []", "roles: []", "[] is too short"),
        ("id: R-TA-01", "id: TA-01", "id: TA-01", "does not match"),
        ("section:", "chapter:", "chapter:", "unknown field 'chapter'"),
        ("reason: >-", "colour: >-", "colour: >-", "unknown field 'colour'"),
    ],
)
def test_the_schema_refuses_what_it_should(
    tmp_path: Path, old: str, new: str, where: str, complaint: str
) -> None:
    path = tmp_path / "requirements.yaml"
    text = REQUIREMENTS.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_requirements(path)
    assert complaint in raised.value.message
    lines = [number for number, line in enumerate(text.splitlines(), 1) if where in line]
    assert raised.value.line == lines[-1]


def test_ids_are_found_in_tables_of_c_and_on_lines_of_python(tmp_path: Path) -> None:
    c = '{"a name (R-CMW-03, R-SE-04-01)", 1},\n/* R-CMW-03 */ R-X R-CMW-3 R-TA-123\n'
    assert named_in(Path("test-x.c"), c) == {
        ("R-CMW-03", 1): 1,
        ("R-SE-04-01", 1): 1,
        ("R-CMW-03", 2): 1,
    }
    python = '"""What.\n\nClauses: R-TA-04, R-KAT-10\n"""\nx = "R-TA-99"\n# Clauses: R-TA-05\n'
    assert set(named_in(Path("test_x.py"), python)) == {
        ("R-TA-04", 3),
        ("R-KAT-10", 3),
        ("R-TA-05", 6),
    }
    (tmp_path / "rats" / "deep").mkdir(parents=True)
    (tmp_path / "rats" / "deep" / "test-x.c").write_text(c)
    (tmp_path / "rats" / "cmw.c").write_text("/* R-CMW-07: no test */")
    assert scan(tmp_path) == {
        "R-CMW-03": [UnitTest("rats/deep/test-x.c", (1, 2))],
        "R-SE-04-01": [UnitTest("rats/deep/test-x.c", (1,))],
    }


@pytest.mark.parametrize(
    "outcomes, tested, result",
    [
        ([], False, "untested"),
        ([], True, "not-run"),
        (["pass", "pass"], True, "pass"),
        (["pass", "unsupported"], True, "pass"),
        (["unsupported", "skipped"], True, "unsupported"),
        (["skipped"], True, "skipped"),
        (["pass", "xfail"], True, "xfail"),
        (["pass", "fail"], True, "fail"),
        (["xfail", "error"], True, "fail"),
        (["flaky"], True, "fail"),
        (["xpass"], True, "fail"),
    ],
)
def test_many_outcomes_make_one(outcomes: list[str], tested: bool, result: str) -> None:
    assert coverage.clause_outcome(outcomes, tested) == result


def test_cases_are_counted_by_clause_but_not_those_about_ambiguities() -> None:
    case: dict[str, Any] = {"clauses": ["R-TA-01", "R-KAT-01"], "outcome": "pass"}
    cases = [case, {**case, "outcome": "fail"}, {**case, "outcome": "error", "ambiguity": "H1"}]
    made = {clause["id"]: clause for clause in coverage.clause_results(cases)}
    assert made["R-TA-01"]["cases"] == {"fail": 1, "pass": 1}
    assert made["R-TA-01"]["outcome"] == "fail"
    assert made["R-TA-02"]["outcome"] == "not-run"
    assert made["R-TA-05"]["outcome"] == "untested" and made["R-TA-05"]["reason"]
    rows = coverage.document_rows(made.values())
    assert rows[-1][:2] == ("all", "117")
    assert sum(int(row[1]) for row in rows[:-1]) == 117
    text = "\n".join(coverage.markdown(list(made.values())))
    assert "**R-KAT-01** (MUST): PAT signature verifies" in text


def test_one_count_everywhere(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """README, ./atls clauses, summary.md and the report say the same numbers in the same words."""
    clauses = coverage.clause_results([])
    short = coverage.in_short(clauses)
    whole, documents = coverage.counted(clauses)
    assert whole.all == len(requirements()) == sum(one.all for one in documents.values())
    assert whole.tested <= whole.observable <= whole.all
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert short.partition(";")[0] in readme
    coverage.main(["--results", str(tmp_path / "none")])
    assert short in " ".join(capsys.readouterr().out.split())
    assert any(short in line for line in coverage.markdown(clauses))
    raw: dict[str, Any] = {"version": 1, "run": {}, "totals": {}, "clauses": clauses, "cases": []}
    report = view.make(raw)
    assert short in render.markdown(report)
    assert short in " ".join(render.html(report, tmp_path, tmp_path).split())


def test_what_a_run_came_to_is_told_apart_from_what_it_did_not_try() -> None:
    def one(outcome: str, scenarios: list[str], tests: list[str], reason: str) -> dict[str, Any]:
        base = {"document": "d", "level": "MUST", "observed": "wire", "reason": reason}
        return {**base, "outcome": outcome, "scenarios": scenarios, "unit_tests": tests}

    clauses = [
        one("pass", ["s"], [], ""),
        one("not-run", ["s"], [], ""),
        one("not-run", [], ["t"], ""),
        one("untested", [], [], "why"),
    ]
    assert coverage.in_short(clauses) == (
        "4 requirements: 4 can be observed, 3 of these are tested; "
        "1 have no test, each for a written reason"
    )
    assert coverage.outcome_line(clauses) == (
        "in this run 1 pass, 1 have no case in it, 1 are shown by unit tests alone"
    )
    clauses[3]["reason"] = ""
    assert coverage.in_short(clauses).endswith("1 have no test")
    assert coverage.outcome_line([]) == "in this run none was tried"


def test_clauses_fits_a_terminal_of_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--results", str(tmp_path / "none")]
    for more in ([], ["R-TA"], ["--list"], ["R-TA-37"]):
        coverage.main([*given, *more])
        lines = capsys.readouterr().out.splitlines()
        # A command to be copied stays in one line.
        assert max(len(line) for line in lines if "./atls run" not in line) <= 80


def test_clauses_prints_the_table_and_the_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    given = ["--results", str(results), "--build", str(tmp_path)]
    assert coverage.main(given) == 0
    printed = capsys.readouterr().out
    assert "RFC 9999 " in printed and "Nothing has been run yet" in printed
    case = {"scenario": "iot-onboarding", "group": "handshakes", "clauses": ["R-TA-06"]}
    run = {"started": "2026-01-01T00:00:00+00:00"}
    results.write_text(json.dumps({"cases": [{**case, "outcome": "fail"}], "run": run}))
    assert coverage.main([*given, "R-TA-06"]) == 0
    printed = capsys.readouterr().out
    for words in (
        "R-TA-06  STATED  draft-fossati-tls-attestation-07, section 5.2",
        "Server as RP supplies the nonce",
        "scenario handshakes/iot-onboarding",
        "last outcome: 1 fail",
        "./atls run scenarios/handshakes/iot-onboarding.yaml",
    ):
        assert words in printed
    assert coverage.main([*given, "R-CMW"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 13
    assert coverage.main([*given, "R-TA-05"]) == 0
    assert "not tested: A rule for authors" in capsys.readouterr().out
    with pytest.raises(HarnessError, match="no requirement 'R-ZZ-01'"):
        coverage.main([*given, "R-ZZ-01"])
    results.write_text("not JSON")
    with pytest.raises(HarnessError, match="results.json"):
        coverage.main(given)


def test_unit_tests_have_the_names_that_meson_gives_them(tmp_path: Path) -> None:
    info = tmp_path / "meson-info"
    assert coverage.unit_test_names(tmp_path) == {}
    info.mkdir()
    source = str(REQUIREMENTS.parents[3] / "rats" / "cmw" / "test-cmw.c")
    target = {"filename": ["/b/test-cmw"], "target_sources": [{"sources": [source]}, {}]}
    (info / "intro-targets.json").write_text(json.dumps([target]))
    tests = [{"name": "rats/cmw", "cmd": ["/b/test-cmw"]}]
    (info / "intro-tests.json").write_text(json.dumps(tests))
    names = coverage.unit_test_names(tmp_path)
    assert names == {"rats/cmw/test-cmw.c": "rats/cmw"}
    test = UnitTest("rats/cmw/test-cmw.c", (1,))
    assert coverage.unit_test_command(test, names, tmp_path) == f"meson test -C {tmp_path} rats/cmw"


def test_a_reader_that_has_seen_enough_is_no_mistake() -> None:
    command = f"{sys.executable} -m atls_harness clauses --list | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT / "harness",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("R-TA-01 ")

# SPDX-License-Identifier: Apache-2.0
"""A run against an earlier one, and failures that are expected."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness.baseline import KINDS, compare, lines, load_baseline, markdown, regressed
from atls_harness.document import validator_for
from atls_harness.errors import HarnessError, InputError
from atls_harness.expected import ExpectedFailure, load_expected, unused
from atls_harness.paths import RESULT_SCHEMA

from conftest import OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Latest = Callable[[], dict[str, Any]]

# before, now, where it belongs, does it fail the run
TABLE: list[tuple[str | None, str | None, list[str], bool]] = [
    ("pass", "pass", [], False),
    ("pass", "fail", ["new_failures"], True),
    ("pass", "error", ["new_failures"], True),
    ("pass", "flaky", ["new_failures"], True),
    ("xfail", "xpass", ["new_failures"], True),
    ("unsupported", "fail", ["new_failures"], True),
    ("skipped", "fail", ["new_failures"], True),
    ("pass", "unsupported", ["newly_unsupported"], True),
    ("pass", "skipped", ["newly_unsupported"], True),
    ("xfail", "unsupported", ["newly_unsupported"], True),
    ("fail", "unsupported", ["newly_unsupported"], True),
    ("fail", "pass", ["fixed"], False),
    ("error", "pass", ["fixed"], False),
    ("xfail", "pass", ["fixed"], False),
    ("fail", "fail", ["still_failing"], False),
    ("flaky", "error", ["still_failing"], False),
    ("fail", "xfail", [], False),
    ("unsupported", "pass", [], False),
    ("unsupported", "unsupported", [], False),
    (None, "pass", ["new"], False),
    (None, "fail", ["new", "new_failures"], True),
    (None, "unsupported", ["new"], False),
    ("pass", None, ["gone"], False),
    ("fail", None, ["gone"], False),
]


@pytest.mark.parametrize("before, now, kinds, bad", TABLE)
def test_what_became_of_a_case(
    before: str | None, now: str | None, kinds: list[str], bad: bool
) -> None:
    old = {"cases": [{"id": "x", "outcome": before}] if before else [], "file": "file"}
    new = [{"id": "x", "outcome": now}] if now else []
    found = compare(old, new)
    assert sorted(kind for kind in KINDS if found[kind]) == sorted(kinds)
    assert all(found[kind] == ["x"] for kind in kinds)
    assert regressed(found) == bad
    text = "\n".join(lines(found))
    assert ("nothing has changed" in text) == (not kinds)
    assert all(kind.replace("_", " ") in text for kind in kinds)
    assert markdown(found)[1] == "## Since the baseline"


@pytest.mark.parametrize(
    "text, complaint",
    [
        (None, "No such file"),
        ("{", "Expecting property name"),
        ("[]", "expected a results.json"),
        ("{}", "expected a results.json"),
        ('{"cases": [{"id": "x"}]}', "'outcome' is a required property"),
        ('{"cases": [{"id": "x", "outcome": "maybe"}]}', "'maybe' is not one of"),
    ],
)
def test_what_is_no_baseline(tmp_path: Path, text: str | None, complaint: str) -> None:
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HarnessError, match="--baseline") as raised:
        load_baseline(path)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    "glob, case, result",
    [
        ("accepted[client]", "accepted[client]", True),
        ("accepted[*]", "accepted[server]", True),
        ("accepted*", "accepted[server]", True),
        ("accepted[client]", "acceptedc", False),
        ("accepted", "accepted[client]", False),
        ("Accepted*", "accepted", False),
    ],
)
def test_globs_over_ids(glob: str, case: str, result: bool) -> None:
    assert ExpectedFailure(glob, "a reason").means(case) == result
    assert unused([ExpectedFailure(glob, "")], [{"id": case}]) == ([] if result else [glob])


@pytest.mark.parametrize(
    "text, line, complaint",
    [
        ("expected-failures:\n  - {case: x}\n", 2, "'reason' is a required property"),
        ("expected-failures:\n  - {case: x, reason: short}\n", 2, "is too short"),
        (
            "expected-failures:\n  - {case: x, reason: long enough, by: me}\n",
            2,
            "unknown field 'by'",
        ),
        ("failures: []\n", 1, "unknown field 'failures'"),
    ],
)
def test_an_expected_failure_needs_a_reason(
    tmp_path: Path, text: str, line: int, complaint: str
) -> None:
    path = tmp_path / "expected.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        load_expected(path)
    assert (raised.value.line, complaint in str(raised.value)) == (line, True)


def expected(tmp_path: Path, glob: str) -> list[str]:
    path = tmp_path / "expected.yaml"
    path.write_text(f"expected-failures:\n  - {{case: '{glob}', reason: known since long}}\n")
    return ["--expected-failures", str(path)]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_expected_failure_does_not_fail_the_run(
    fake: Harness, latest: Latest, tmp_path: Path, workers: str
) -> None:
    given = [str(OUTCOMES / "wrong-alert.yaml"), *expected(tmp_path, "wrong-alert*")]
    done = fake(*given, "-n", workers)
    assert done.returncode == 0, done.stdout
    case = latest()["cases"][0]
    assert (case["outcome"], case["reason"]) == ("xfail", "known since long")
    assert "--expected-failures" in case["repeat"]


def test_an_unexpected_pass_fails(fake: Harness, latest: Latest, tmp_path: Path) -> None:
    done = fake(str(OUTCOMES / "accepted.yaml"), *expected(tmp_path, "accepted[client]"))
    assert done.returncode == 1
    outcomes = {case["id"]: case["outcome"] for case in latest()["cases"]}
    assert outcomes == {"accepted[client]": "xpass", "accepted[server]": "pass"}


def test_an_expectation_about_nothing_is_told(fake: Harness, tmp_path: Path) -> None:
    done = fake(str(OUTCOMES / "accepted.yaml"), *expected(tmp_path, "acepted*"))
    assert done.returncode == 4
    assert "no case is named 'acepted*'; did you mean 'accepted'?" in done.stderr
    done = fake(str(OUTCOMES / "accepted.yaml"), *expected(tmp_path, "xyz*"))
    assert done.returncode == 0
    assert "expected failure of no case of this run: xyz*" in done.stdout


def test_a_file_that_is_wrong_stops_the_run(fake: Harness, tmp_path: Path) -> None:
    for option in ("--baseline", "--expected-failures"):
        done = fake(str(OUTCOMES / "accepted.yaml"), option, str(tmp_path / "none"))
        assert done.returncode == 4, done.stdout
        assert "none" in done.stderr


def test_a_run_is_compared_with_its_baseline(fake: Harness, latest: Latest, tmp_path: Path) -> None:
    names = [str(OUTCOMES / f"{name}.yaml") for name in ("accepted", "wrong-alert")]
    fake(*names)
    before = latest()
    assert before["totals"]["fail"] and before["totals"]["pass"]
    for case in before["cases"]:
        case["outcome"] = {"pass": "fail", "fail": "pass"}[case["outcome"]]
    before["cases"].append({"id": "gone", "outcome": "pass"})
    path = tmp_path / "before.json"
    path.write_text(json.dumps(before))
    done = fake(*names, "--baseline", str(path))
    result = latest()
    assert done.returncode == 1
    assert list(validator_for(RESULT_SCHEMA).iter_errors(result)) == []
    assert result["baseline"]["fixed"] == ["accepted[client]", "accepted[server]"]
    assert len(result["baseline"]["new_failures"]) == before["totals"]["fail"]
    assert result["baseline"]["gone"] == ["gone"]
    assert result["baseline"]["started"] == before["run"]["started"]
    assert "2 fixed: passes, and failed before\n  accepted[client]" in done.stdout
    summary = (tmp_path / "latest" / "summary.md").read_text()
    assert "## Since the baseline" in summary and "  - accepted[client]" in summary


def test_what_is_no_longer_tried_fails_a_compared_run(
    fake: Harness, latest: Latest, tmp_path: Path
) -> None:
    story = str(OUTCOMES / "undeclared.yaml")
    assert fake(story).returncode == 5  # nothing was played
    before = latest()
    for case in before["cases"]:
        case["outcome"] = "pass"
    path = tmp_path / "before.json"
    path.write_text(json.dumps(before))
    done = fake(story, "--baseline", str(path))
    assert done.returncode == 1
    assert "newly unsupported: is no longer tried" in done.stdout
    flags = ["--baseline", str(tmp_path / "latest" / "results.json"), "--allow-empty"]
    assert fake(story, *flags).returncode == 0


def test_results_say_of_each_clause_what_came_of_it(
    fake: Harness, latest: Latest, tmp_path: Path
) -> None:
    fake(str(OUTCOMES / "accepted.yaml"), str(OUTCOMES / "wrong-alert.yaml"))
    clauses = {clause["id"]: clause for clause in latest()["clauses"]}
    assert len(clauses) == 117
    assert clauses["R-TA-02"]["outcome"] == "pass"
    assert clauses["R-KAT-01"]["outcome"] == "fail"
    assert clauses["R-TA-06"]["outcome"] == "not-run"
    assert "handshakes/iot-onboarding" in clauses["R-TA-06"]["scenarios"]
    assert clauses["R-TA-05"]["outcome"] == "untested" and clauses["R-TA-05"]["reason"]
    summary = (tmp_path / "latest" / "summary.md").read_text()
    assert "## Requirements" in summary and "| RFC 9999 |" in summary
    assert "**R-KAT-01** (MUST)" in summary

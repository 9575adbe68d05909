# SPDX-License-Identifier: Apache-2.0
"""Every outcome of a case, brought about by a peer that keeps or breaks the contract."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import jsonschema
import pytest

from atls_harness import RESULT_VERSION
from atls_harness.document import validator_for
from atls_harness.paths import RESULT_SCHEMA, ROOT

from conftest import OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Latest = Callable[[], dict[str, Any]]
OTHER_IN_EACH_PROCESS = """
import os, pytest
@pytest.mark.parametrize("process", [os.getpid()])
def test_it(process: int) -> None: ...
"""

# scenario, flags, outcome, (conforms, withstood), a part of the reason
TABLE = [
    ("accepted", [], "pass", ("pass", "not-asked"), ""),
    ("refused", [], "pass", ("pass", "pass"), ""),
    ("accepted", ["--repeat", "2"], "pass", ("pass", "not-asked"), ""),
    ("wrong-alert", [], "fail", ("fail", "pass"), "attestation_failed"),
    ("accepted-anyway", [], "fail", ("fail", "fail"), "exit code"),
    ("crash", [], "fail", ("fail", "not-asked"), "SIGSEGV"),
    ("bad-event", [], "fail", ("fail", "not-asked"), "event 'handshake'"),
    ("silent", [], "fail", ("fail", "not-asked"), "no handshake event"),
    ("left-behind", [], "fail", ("fail", "not-asked"), "left a process behind"),
    ("hangs", [], "fail", ("fail", "not-asked"), "client did not end within "),
    ("sometimes", ["--repeat", "4"], "flaky", ("fail", "not-asked"), "2/4 passed"),
    ("says-77", [], "unsupported", ("unknown", "not-asked"), "client: fake-client: unsupported"),
    ("undeclared", [], "unsupported", ("unknown", "not-asked"), "declares no model passport"),
    ("skipped", [], "skipped", ("unknown", "not-asked"), "the reason of the skip"),
    ("xfail", [], "xfail", ("fail", "not-asked"), "the reason of the failure"),
    ("xpass", [], "xpass", ("pass", "not-asked"), "out of date"),
    ("known-failure", [], "xfail", ("fail", "not-asked"), "known for"),
]
NOT_PLAYED = ("unsupported", "skipped")
GOOD = ("pass", "unsupported", "skipped", "xfail")


@pytest.mark.parametrize(
    "scenario, flags, outcome, columns, reason",
    TABLE,
    ids=[f"{row[0]}{'-repeated' if row[1] else ''}" for row in TABLE],
)
def test_outcome(
    fake: Harness,
    latest: Latest,
    scenario: str,
    flags: list[str],
    outcome: str,
    columns: tuple[str, str],
    reason: str,
) -> None:
    done = fake(str(OUTCOMES / f"{scenario}.yaml"), *flags)
    result = latest()
    assert result["cases"], done.stdout
    for case in result["cases"]:
        assert (case["outcome"], reason in case["reason"]) == (outcome, True), case["reason"]
        assert (case["columns"]["conforms"], case["columns"]["withstood"]) == columns
    assert done.returncode == (5 if outcome in NOT_PLAYED else 0 if outcome in GOOD else 1)
    assert "imulated root of trust" in done.stdout
    assert list(validator_for(RESULT_SCHEMA).iter_errors(result)) == []


def test_unsupported_can_count_as_failure(fake: Harness) -> None:
    done = fake(str(OUTCOMES / "undeclared.yaml"), "--all-supported")
    assert done.returncode == 1


def test_a_failed_case_leaves_a_bundle_and_its_command_repeats_it(
    fake: Harness, latest: Latest, tmp_path: Path
) -> None:
    done = fake(str(OUTCOMES / "wrong-alert.yaml"), "--seed", "5")
    assert done.returncode == 1
    case = latest()["cases"][0]
    bundle = tmp_path / "latest" / case["bundle"]
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert "imulated" in manifest["root_of_trust"]
    expected = {
        "repeat.sh",
        "result.json",
        "story.json",
        "expected-observed.json",
        "client.events.jsonl",
        "server.events.jsonl",
        "verifier.events.jsonl",
        "client-device.events.jsonl",
        "client.stderr",
        "server.stdout",
    }
    assert expected <= set(manifest["files"])
    assert all((bundle / name).is_file() for name in manifest["files"])
    assert case["repeat"] in (bundle / "repeat.sh").read_text()
    assert case["repeat"] in done.stdout
    assert "--seed 5" in case["repeat"]
    repeated = subprocess.run(
        ["sh", str(bundle / "repeat.sh")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert repeated.returncode == 1, repeated.stderr
    assert "wrong-alert: fail" in repeated.stdout
    assert "1 failed" in repeated.stdout


def test_keep_keeps_the_bundle_of_what_passed(
    fake: Harness, latest: Latest, tmp_path: Path
) -> None:
    fake(str(OUTCOMES / "accepted.yaml"), "--keep", "-k", "client")
    (case,) = latest()["cases"]
    assert case["id"] == "accepted[client]"
    assert (tmp_path / "latest" / case["bundle"] / "manifest.json").is_file()


def test_results_are_never_overwritten(fake: Harness, tmp_path: Path) -> None:
    for _ in range(2):
        assert fake(str(OUTCOMES / "accepted.yaml"), "-k", "client").returncode == 0
    runs = [path for path in tmp_path.glob("run-*") if (path / "results.json").is_file()]
    assert len(runs) == 2
    for run in runs:
        assert (run / "junit.xml").is_file()
        assert "Simulated root of trust" in (run / "summary.md").read_text()


def test_parallel_workers_bring_the_same_result(
    fake: Harness, latest: Latest, tmp_path: Path
) -> None:
    outcomes = []
    names = ["accepted", "refused", "silent"]
    for workers in ("0", "2"):
        fake(*[str(OUTCOMES / f"{name}.yaml") for name in names], "-n", workers)
        outcomes.append([(case["id"], case["outcome"]) for case in latest()["cases"]])
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == 5


def test_list_runs_nothing(fake: Harness, tmp_path: Path) -> None:
    done = fake(str(OUTCOMES / "refused.yaml"), "--list")
    assert done.returncode == 0, done.stdout
    assert "refused.yaml::client" in done.stdout
    assert "refused.yaml::server" in done.stdout
    assert "R-KAT-01" in done.stdout
    assert not (tmp_path / "latest").exists()


def test_collecting_runs_nothing(fake: Harness, tmp_path: Path) -> None:
    done = fake(str(OUTCOMES / "refused.yaml"), "--collect-only")
    assert done.returncode == 0, done.stdout
    assert "refused.yaml::client" in done.stdout
    assert not (tmp_path / "latest").exists()


def test_cases_that_no_worker_plays_say_why(fake: Harness, latest: Latest, tmp_path: Path) -> None:
    test = tmp_path / "test_other_in_each_process.py"
    test.write_text(OTHER_IN_EACH_PROCESS)
    done = fake(str(OUTCOMES / "accepted.yaml"), str(test), "-n", "2")
    assert done.returncode == 1, done.stdout
    reasons = {case["reason"] for case in latest()["cases"]}
    assert len(reasons) == 1
    assert "Different tests were collected between gw" in reasons.pop()


def test_no_color_where_nobody_looks(fake: Harness) -> None:
    assert "\x1b" not in fake(str(OUTCOMES / "accepted.yaml")).stdout


def test_the_fake_peer_passes_the_probes_but_for_help(harness: Harness) -> None:
    peer = str(ROOT / "harness" / "tests" / "fake" / "peer.yaml")
    done = harness("--peers", str(ROOT / "harness" / "tests"), peer)
    assert done.returncode == 0, done.stdout


def test_an_unknown_peer_is_refused(harness: Harness) -> None:
    done = harness("--client", "nobody")
    assert done.returncode == 4
    assert "no peer 'nobody'" in done.stderr


def test_the_result_schema_refuses_what_it_should(fake: Harness, latest: Latest) -> None:
    fake(str(OUTCOMES / "accepted.yaml"))
    good = latest()
    validator = validator_for(RESULT_SCHEMA)
    changes: list[Callable[[dict[str, Any]], Any]] = [
        lambda result: result.pop("root_of_trust"),
        lambda result: result.update(root_of_trust="a real one"),
        lambda result: result.update(version=RESULT_VERSION + 1),
        lambda result: result.update(extra=1),
        lambda result: result["cases"][0].update(outcome="maybe"),
        lambda result: result["cases"][0]["columns"].update(withstood="safe"),
        lambda result: result["cases"][0].pop("repeat"),
        lambda result: result["totals"].pop("flaky"),
    ]
    for change in changes:
        bad = json.loads(json.dumps(good))
        change(bad)
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(bad)

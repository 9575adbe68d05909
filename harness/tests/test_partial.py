# SPDX-License-Identifier: Apache-2.0
"""A run that was ended before its time, and one of a chosen part: neither passes for the whole."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator
from xml.etree import ElementTree

import pytest

from atls_harness import baseline, coverage, extent, progress, results
from atls_harness.document import first_problem
from atls_harness.paths import RESULT_SCHEMA, ROOT
from atls_harness.report import render, view
from conftest import FAKE, HERE, OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """A run of the fake peer, in a session of its own, that the test ends."""
    started: list["subprocess.Popen[str]"] = []

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "atls_harness", "run", *FAKE, "--out", str(tmp_path)]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "harness")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Whoever began the tests in the background of a shell has control-C ignored in them.
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def of_run(out: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((out / "latest" / "results.json").read_text())
    assert first_problem(made, RESULT_SCHEMA) is None
    return made


def test_failures_that_end_a_run_leave_the_rest_not_played(fake: Harness, tmp_path: Path) -> None:
    names = [str(OUTCOMES / f"{name}.yaml") for name in ("wrong-alert", "accepted")]
    for workers in ("0", "2"):
        done = fake(*names, "--maxfail", "1", "-n", workers)
        assert done.returncode in (1, 2), done.stdout
        made = of_run(tmp_path)
        left = [case for case in made["cases"] if case["outcome"] == "not-played"]
        if not left:  # both had been played by the time that it was ended
            continue
        part = made["run"]["extent"]
        assert part["ended"] == "-x or --maxfail" and part["played"] == len(made["cases"]) - len(
            left
        )
        assert made["totals"]["not-played"] == len(left)
        assert "partial: ended by -x or --maxfail after" in done.stdout
        suite = ElementTree.parse(tmp_path / "latest" / "junit.xml").getroot()
        cases = suite.findall(".//testcase")
        assert sorted(str(one.get("name")) for one in cases) == [c["id"] for c in made["cases"]]
        assert len(suite.findall(".//skipped")) == len(left)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_ended_run_says_so_everywhere(
    begun: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, how: int, workers: str
) -> None:
    names = [str(OUTCOMES / f"{name}.yaml") for name in ("accepted", "refused")]
    process = begun(*names, "-n", workers, "--repeat", "500")
    work = time.monotonic() + 120
    while not _plays(process.pid):
        assert time.monotonic() < work and process.poll() is None
        time.sleep(0.05)
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "KeyboardInterrupt" not in said
    made = of_run(tmp_path)
    part = made["run"]["extent"]
    assert part["ended"] == ("control-C" if how == signal.SIGINT else "SIGTERM")
    assert part["played"] < part["chosen"] == len(made["cases"]) <= part["all"]
    words = extent.words(part)
    assert words.startswith("partial: ended by ") and words in said
    summary = (tmp_path / "latest" / "summary.md").read_text()
    assert words[1:] in summary
    assert _session(process.pid) == [], "nothing of it is left running"


def _session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(path.name))
    return found


def _plays(leader: int) -> bool:
    """Has a case begun? A party of the fake peer is a grandchild of the run, in its own session."""
    family = {leader, *_session(leader)}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if parent in family and str(HERE / "fake").encode() in command:
            return True
    return False


CASE = {
    "scenario": "s",
    "group": "g",
    "title": "a title",
    "case": "c",
    "clauses": ["R-TA-02"],
    "parameters": {},
    "profile": "ta-07",
    "peers": {role: "atls" for role in ("client", "server", "device", "verifier")},
    "reason": "",
    "seconds": 0.1,
    "attempts": [],
    "columns": {"conforms": "pass", "withstood": "not-asked"},
    "differences": [],
    "observed": {},
    "attested": {"client": "background-check", "server": "none"},
    "bundle": None,
    "repeat": "./atls run",
}


def result(part: dict[str, Any], *outcomes: str) -> dict[str, Any]:
    cases = [{**CASE, "id": f"s[{n}]", "outcome": one} for n, one in enumerate(outcomes)]
    run = {
        "seconds": 1.0,
        "seed": 1,
        "atls": "1.2.3",
        "revision": "x",
        "started": "2026-01-01T00:00:00+00:00",
    }
    run.update({"peers": CASE["peers"], "extent": part})
    clauses = coverage.clause_results(cases)
    base = {"version": 2, "root_of_trust": "simulated", "totals": {}}
    return {**base, "run": run, "clauses": clauses, "cases": cases}


PARTIAL = {"all": 3, "chosen": 2, "played": 1, "ended": "control-C"}
CHOSEN = {"all": 3, "chosen": 2, "played": 2, "ended": ""}
WHOLE = {"all": 2, "chosen": 2, "played": 2, "ended": ""}


@pytest.mark.parametrize(
    "part, words",
    [
        ({}, ""),
        (WHOLE, ""),
        (CHOSEN, "chosen: 2 of 3 cases"),
        ({**PARTIAL, "all": 2}, "partial: ended by control-C after 1 of 2 cases, the others are "),
        (PARTIAL, "not-played; chosen were 2 of 3 cases"),
    ],
)
def test_the_words(part: dict[str, Any], words: str) -> None:
    assert words in extent.words(part)
    assert extent.is_partial(part) == bool(part.get("ended"))


def test_a_badge_is_bright_green_for_the_whole_alone() -> None:
    whole = render.badge(view.make(result(WHOLE, "pass", "pass")))
    assert (whole["message"], whole["color"]) == ("2/2 pass", "brightgreen")
    chosen = render.badge(view.make(result(CHOSEN, "pass", "pass")))
    assert chosen["message"] == "2/2 pass (chosen: 2 of 3 cases)"
    assert chosen["color"] != "brightgreen"
    partial = render.badge(view.make(result(PARTIAL, "pass", "not-played")))
    assert partial["message"].startswith(
        "1/1 pass, 1 not played (partial: ended by control-C after"
    )
    assert partial["color"] == "yellow"


def test_the_report_the_summary_and_clauses_say_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = result(PARTIAL, "pass", "not-played")
    words = extent.words(PARTIAL)
    assert words[1:] in results.summary(made)
    assert words[1:] in render.markdown(view.make(made))
    path = tmp_path / "results.json"
    path.write_text(json.dumps(made))
    coverage.main(["--results", str(path)])
    assert words in " ".join(capsys.readouterr().out.split())
    clause = next(one for one in made["clauses"] if one["id"] == "R-TA-02")
    assert clause["cases"] == {"pass": 1, "not-played": 1} and clause["outcome"] == "pass"
    assert coverage.clause_outcome(["not-played"], True) == "not-run"


def test_a_baseline_counts_what_was_not_come_to() -> None:
    before = {"cases": result(WHOLE, "pass", "fail")["cases"], "file": "f", "run": {}}
    found = baseline.compare(before, result(PARTIAL, "pass", "not-played")["cases"])
    assert found["not_played"] == ["s[1]"]
    assert not baseline.regressed(found)
    assert any("1 not played" in line for line in baseline.lines(found))
    again = baseline.compare(
        {"cases": result(PARTIAL, "not-played")["cases"], "file": "f", "run": {}},
        result(WHOLE, "unsupported")["cases"],
    )
    assert not baseline.regressed(again), "nobody knows whether it was supported"


@pytest.mark.parametrize(
    "done, of, failed, seconds, words",
    [
        (0, 0, 0, 0.0, "looking for cases"),
        (0, 10, 0, 9.0, "0 of 10 done, 0 failed"),
        (5, 10, 1, 1.0, "5 of 10 done, 1 failed"),
        (5, 10, 1, 20.0, "5 of 10 done, 1 failed, about 20 s left"),
        (10, 1000, 0, 10.0, "10 of 1000 done, 0 failed, about 16 min left"),
        (10, 10, 0, 20.0, "10 of 10 done, 0 failed"),
    ],
)
def test_progress(done: int, of: int, failed: int, seconds: float, words: str) -> None:
    assert progress.line(done, of, failed, seconds) == words


def test_off_a_terminal_there_are_no_carriage_returns_and_no_letters(fake: Harness) -> None:
    done = fake(*[str(OUTCOMES / f"{name}.yaml") for name in ("accepted", "undeclared")])
    assert "\r" not in done.stdout and "100%" not in done.stdout
    assert not done.stdout.splitlines()[0].startswith((".", "s", "F"))
    assert "chosen: " in done.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system takes root")
def test_a_full_disk_loses_no_outcome(fake: Harness, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", str(small)]).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        done = fake("--out", str(small), str(OUTCOMES / "accepted.yaml"), "--keep")
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr and "INTERNALERROR" not in done.stdout
    assert "THE RESULTS ARE NOT WHOLE" in done.stdout and "No space left on device" in done.stdout
    assert "pass" in done.stdout and "accepted" in done.stdout

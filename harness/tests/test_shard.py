# SPDX-License-Identifier: Apache-2.0
"""A run in parts, and one result of all of them."""

from __future__ import annotations

import copy
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from atls_harness import merge, scheduler, shard
from atls_harness.errors import HarnessError, UsageError
from atls_harness.paths import ROOT

from conftest import OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
STORIES = [str(OUTCOMES / f"{name}.yaml") for name in ("accepted", "refused", "wrong-alert")]
STORIES += [str(OUTCOMES / "skipped.yaml")]
Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "text", ["0/2", "3/2", "1", "1/", "/2", "1/0", "-1/2", "1/2/3", "a/b", "²/3"]
)
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(UsageError, match="expected a part of all, as 2/5, came"):
        shard.read(text)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_each_name_is_in_one_part(count: int) -> None:
    parts = [shard.Shard(index, count) for index in range(1, count + 1)]
    names = [f"scenarios/a/b.yaml::case-{number}" for number in range(500)]
    assert all(sum(part.takes(name) for part in parts) == 1 for name in names)
    assert all(any(part.takes(name) for name in names) for part in parts)
    assert shard.read("") is None and shard.read("2/7") == shard.Shard(2, 7)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of both parts of a run on the fake peer."""
    from conftest import FAKE

    found = []
    for index in (1, 2):
        out = tmp_path_factory.mktemp(f"part-{index}")
        command = [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "-q"]
        command += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *FAKE]
        command += ["--out", str(out), "--shard", f"{index}/2", "-n", "0", *STORIES]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert (out / "latest").is_dir(), done.stdout + done.stderr
        found.append((out / "latest").resolve())
    return found


def test_joined_as_the_whole_run_would_be(
    played: list[Path], fake: Harness, latest: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    parts = [json.loads((folder / "results.json").read_text()) for folder in played]
    assert all(part["cases"] for part in parts), "both parts have something to play"
    fake(*STORIES)
    whole = latest()
    made, folder = merge.write(played, tmp_path / "joined", "./atls merge", None, None)
    assert json.loads((folder / "results.json").read_text()) == made
    assert [case["id"] for case in made["cases"]] == [case["id"] for case in whole["cases"]]
    assert made["totals"] == whole["totals"]
    assert {key: made["run"]["extent"][key] for key in ("chosen", "played", "ended")} == {
        key: whole["run"]["extent"][key] for key in ("chosen", "played", "ended")
    }
    outcome = {case["id"]: case["clauses"] for case in whole["cases"]}
    assert outcome == {case["id"]: case["clauses"] for case in made["cases"]}
    kept = [case["bundle"] for case in made["cases"] if case["bundle"]]
    assert kept and all((folder / bundle / "manifest.json").is_file() for bundle in kept)
    assert (folder / "junit.xml").is_file() and (folder / "report.html").is_file()
    assert not merge.is_well(made), "a case of them fails"


def test_ends_as_the_worst_case(played: list[Path], tmp_path: Path) -> None:
    out = str(tmp_path)
    assert merge.main([*map(str, played), "--out", out]) == 1
    good = [case for case in _read(played[0])["cases"] + _read(played[1])["cases"]]
    assert {case["outcome"] for case in good} >= {"pass", "fail"}


def _read(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return result


def _first_case(change: Callable[[dict[str, Any]], object]) -> Edit:
    return lambda result: change(result["cases"][0])


REFUSED: list[tuple[str, Edit, str]] = [
    ("another revision", lambda one: one["run"].update(revision="0" * 12), "the same revision"),
    ("another version", lambda one: one["run"].update(atls="9.9.9"), "the same version of atls"),
    ("another seed", lambda one: one["run"].update(seed=77), "the same seed, came 1 and 77"),
    ("repeated", lambda one: one["run"].update(repeat=5), "the same number of repetitions"),
    ("a peer", lambda one: one["run"]["peers"].update(client="x"), "the same peers"),
    (
        "a program",
        lambda one: one["run"]["programs"].update(client="x"),
        "versions of the programs",
    ),
    ("a stack", lambda one: one["run"]["stacks"]["fake"].update(description="x"), "same peer fake"),
    (
        "of three",
        lambda one: one["run"]["shard"].update(count=3),
        "same number of parts, came 2 and 3",
    ),
    ("options", lambda one: one["run"]["shard"].update(options="--root tpm"), "the same options"),
    ("a choice", lambda one: one["run"]["shard"].update(digest="0" * 64), "same choice of cases"),
    ("the same part", lambda one: one["run"]["shard"].update(index=1), "part 1/2 is there twice"),
    ("no part", lambda one: one["run"].pop("shard"), "not a part of a run"),
    ("a case gone", lambda one: one["cases"].pop(), "expected the .* cases that were chosen, came"),
    ("a case of another name", _first_case(lambda case: case.update(id="x")), "not the same ones"),
    ("a case twice", lambda one: one["cases"].append(one["cases"][0]), "in more than one part"),
    ("an outcome", _first_case(lambda case: case.update(outcome="good")), "'good' is not one of"),
    (
        "a bundle elsewhere",
        lambda one: [case.update(bundle="../../elsewhere") for case in one["cases"]],
        "its bundle is elsewhere",
    ),
    ("a time", lambda one: one["run"].update(started="soon"), "expected a time as"),
]


@pytest.mark.parametrize("name, edit, complaint", REFUSED, ids=[row[0] for row in REFUSED])
def test_what_does_not_fit_together(
    name: str, edit: Edit, complaint: str, played: list[Path], tmp_path: Path
) -> None:
    changed = copy.deepcopy(_read(played[1]))
    edit(changed)
    (tmp_path / "results.json").write_text(json.dumps(changed))
    with pytest.raises(HarnessError, match=complaint):
        merge.write([played[0], tmp_path], tmp_path / "out", "./atls merge", None, None)


def test_a_part_that_is_missing(played: list[Path], tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="missing: 2/2; the same command with --shard 2/2"):
        merge.write(played[:1], tmp_path, "./atls merge", None, None)


@pytest.mark.parametrize("option", ["--required", "--baseline"])
def test_what_is_said_of_a_whole_run(option: str, fake: Harness) -> None:
    done = fake("--shard", "1/2", option, "file", STORIES[0])
    assert done.returncode != 0
    assert f"{option} is said of a whole run: give it to ./atls merge" in done.stderr


def test_more_parts_than_cases(fake: Harness) -> None:
    said = [fake("--shard", f"{index}/99", STORIES[0]).stderr for index in (1, 2)]
    assert any("in this part; take fewer parts" in words for words in said)


# What is handed on to a part, and what is not.
COMMANDS: list[tuple[list[str], list[str] | None]] = [
    (["-k", "a or b", "--scheduler", "tcp://h:1", "x.yaml"], ["-k", "a or b", "x.yaml"]),
    (["--scheduler=tcp://h:1", "--out=o", "--root=tpm"], ["--root=tpm"]),
    (["--out", "o", "--seed", "random", "--required", "f", "--baseline", "g"], []),
    (["--shard", "1/2"], None),
    (["--list"], None),
    (["--junitxml=f"], None),
]


@pytest.mark.parametrize("given, handed", COMMANDS)
def test_the_command_of_a_part(given: list[str], handed: list[str] | None) -> None:
    if handed is None:
        with pytest.raises(UsageError, match="is for a run on this machine"):
            scheduler.rest_of(given)
    else:
        assert scheduler.rest_of(given) == handed


def test_how_many_parts() -> None:
    assert scheduler.parts_for(3, 1400) == 12
    assert scheduler.parts_for(3, 20) == 2
    assert scheduler.parts_for(3, 1) == 1


def test_an_archive_stays_in_its_folder(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../outside", "x")
        archive.writestr("/inside", "x")
    scheduler.unpack(packed.getvalue(), tmp_path / "below" / "folder")
    assert not (tmp_path / "outside").exists()
    assert sorted(path.name for path in (tmp_path / "below" / "folder").iterdir()) == [
        "inside",
        "outside",
    ]
    with pytest.raises(HarnessError, match="what a worker sent are no results"):
        scheduler.unpack(b"nothing", tmp_path)


class Cluster:
    """A scheduler of Dask and workers, each a process group of its own."""

    def __init__(self, folder: Path, workers: int) -> None:
        where = folder / "scheduler.json"
        environment = dict(os.environ, PYTHONPATH=str(ROOT / "harness"))
        for name in ("PYTEST_XDIST_WORKER", "ATLS_FAILED_STAGES", "ATLS_COMMAND"):
            environment.pop(name, None)
        python = [sys.executable, "-m"]
        fixed = ["--no-dashboard", "--scheduler-file", str(where)]
        commands = [["distributed.cli.dask_scheduler", "--port", "0", "--host", "127.0.0.1"]]
        commands += [["distributed.cli.dask_worker", "--nthreads", "1"]] * workers
        self.processes = []
        for number, command in enumerate(commands):
            if command[0].endswith("worker"):
                own = ["--local-directory", str(folder / str(number))]
            else:
                own = []
            with (folder / f"{number}.log").open("w") as log:
                self.processes.append(
                    subprocess.Popen(
                        [*python, *command, *own, *fixed],
                        cwd=folder,
                        env=environment,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
        while not where.exists():
            assert self.processes[0].poll() is None, (folder / "0.log").read_text()
            time.sleep(0.1)
        self.url = str(json.loads(where.read_text())["address"])

    def kill(self, number: int) -> None:
        """Ends a worker (from 1) and all that it has started, at once."""
        os.killpg(self.processes[number].pid, signal.SIGKILL)

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="python3-distributed is not there")
    made = Cluster(tmp_path, 3)
    yield made
    made.end()


def test_a_worker_that_is_killed(real: object, cluster: Cluster, tmp_path: Path) -> None:
    """Three workers, one of which is killed with a part in its hands: nothing is lost, and nothing
    is there twice."""
    import distributed  # type: ignore[import]

    with distributed.Client(cluster.url) as client:
        client.wait_for_workers(3, timeout=300)
    out = tmp_path / "out"
    log = tmp_path / "run.log"
    command = [str(ROOT / "atls"), "--no-install", "run", "-n", "2", "-k", "flipped or challenge"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, "--scheduler", cluster.url, "--out", str(out)],
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != "PYTEST_XDIST_WORKER"},
        )
        while "part 1/" not in log.read_text():  # all workers have begun their second part
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        cluster.kill(2)
        assert process.wait() == 0, log.read_text()
    result = json.loads((out / "latest" / "results.json").read_text())
    ids = [case["id"] for case in result["cases"]]
    assert len(ids) == len(set(ids)) == result["run"]["extent"]["chosen"]
    assert result["totals"]["pass"] == len(ids)
    assert [one["index"] for one in result["run"]["shards"]] == list(
        range(1, len(result["run"]["shards"]) + 1)
    )
    assert shutil.which("setpriv"), "what ends the run of a worker that dies"

# SPDX-License-Identifier: Apache-2.0
"""The sample CI jobs are YAML, and what they call is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from atls_harness import usage
from atls_harness.cli import COMMANDS
from atls_harness.paths import ROOT
from atls_harness.peer import load_peers
from atls_harness.run import Run

JOBS = sorted((ROOT / "harness" / "ci").glob("*.yml"))
NAMES = [path.name for path in JOBS]
WRITTEN = {"results.json", "summary.md", "junit.xml", ""}


def strings(value: Any) -> Iterator[str]:
    """Every string of a YAML value."""
    if isinstance(value, dict):
        for below in value.values():
            yield from strings(below)
    elif isinstance(value, list):
        for below in value:
            yield from strings(below)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("path", JOBS, ids=NAMES)
def test_a_sample_calls_what_is_there(path: Path) -> None:
    texts = list(strings(yaml.safe_load(path.read_text(encoding="utf-8"))))
    commands = {match for text in texts for match in re.findall(r"\./atls ([a-z]+)", text)}
    assert "run" in commands and commands <= set(COMMANDS)
    options = {match for text in texts for match in re.findall(r"(?<=\s)--[a-z-]+", text)}
    options -= {"--no-install-recommends"}
    known = {*usage.run().options(), *usage.setup().options(), *usage.report().options()}
    assert {"--baseline", "--expected-failures", "--peer", "--peers"} <= options <= known
    files = {match for text in texts for match in re.findall(r"out/latest/([a-z.]*)", text)}
    assert "summary.md" in files and files <= WRITTEN


@pytest.mark.parametrize("path", JOBS, ids=NAMES)
def test_the_shell_of_a_sample_is_shell(path: Path) -> None:
    for text in strings(yaml.safe_load(path.read_text(encoding="utf-8"))):
        if "./atls" in text:
            done = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def left(folder: str, names: list[str]) -> set[str]:
    """What is not of the project: builds, results, caches."""
    top = Path(folder) == ROOT
    return {
        name
        for name in names
        if name in ("__pycache__", ".git", ".mypy_cache")
        or (top and (name == "out" or name.startswith("build")))
    }


def scripts(path: Path) -> list[str]:
    """What a sample runs, in order, without what a machine of the CI's own needs."""
    job = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "jobs" in job:
        found = [step["run"] for step in job["jobs"]["interop"]["steps"] if "run" in step]
    else:
        found = [*job["attested-tls"]["script"], *job["attested-tls"]["after_script"]]
    return [text for text in found if "apt-get" not in text and "baseline.json\n" not in text]


def test_the_samples_play_the_stack_that_they_name(real: Run, tmp_path: Path) -> None:
    """The template as peers/mystack, in a copy of the project; of the scenarios two. One after the
    other, for a peer is set up once in a build directory."""
    copy = tmp_path / "a clone"
    shutil.copytree(ROOT, copy, ignore=left, symlinks=True)
    shutil.copytree(ROOT / "harness" / "template" / "mystack", copy / "peers" / "mystack")
    home = load_peers([copy / "peers"])["mystack"].home(real.build)
    try:
        for path in JOBS:
            play(path, copy, real.build)
            shutil.rmtree(copy / "report")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def play(path: Path, copy: Path, build: Path) -> None:
    """All that a sample runs, in COPY; what is left is a run with cases that passed."""
    environment = {**os.environ, "ATLS_BUILD": str(build)}
    environment["GITHUB_STEP_SUMMARY"] = str(copy / "step-summary.md")
    stories = "interop/interop-x509-cmw.yaml", "interop/interop-tampered-firmware.yaml"
    of_all = " ".join(f"scenarios/{story}" for story in stories)
    played = scripts(path)
    assert any("setup --peer mystack" in text for text in played)
    for text in played:
        done = subprocess.run(
            ["sh", "-ec", text.replace('./atls run "$@"', f'./atls run "$@" {of_all}')],
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, text + done.stdout + done.stderr
    totals = json.loads((copy / "out/latest/results.json").read_text())["totals"]
    assert totals["pass"] >= 2, "the stack was played, and not only found unsupported"
    assert (copy / "report" / "report.html").stat().st_size > 10000


def test_the_samples_are_two() -> None:
    assert NAMES == ["github-actions.yml", "gitlab-ci.yml"]

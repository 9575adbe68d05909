# SPDX-License-Identifier: Apache-2.0
"""The sample CI jobs are YAML, and what they call is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from atls_harness.cli import COMMANDS, TAKES_VALUE
from atls_harness.paths import ROOT

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
    options -= {"--no-install-recommends", "--output"}
    assert {"--baseline", "--expected-failures"} <= options <= TAKES_VALUE
    files = {match for text in texts for match in re.findall(r"out/latest/([a-z.]*)", text)}
    assert "summary.md" in files and files <= WRITTEN


@pytest.mark.parametrize("path", JOBS, ids=NAMES)
def test_the_shell_of_a_sample_is_shell(path: Path) -> None:
    for text in strings(yaml.safe_load(path.read_text(encoding="utf-8"))):
        if "./atls" in text:
            done = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def test_the_samples_are_two() -> None:
    assert NAMES == ["github-actions.yml", "gitlab-ci.yml"]


def test_the_options_are_those_of_run() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    for option in ("--baseline=", "--expected-failures=", "--ambiguities", "--peers="):
        assert option in done.stdout

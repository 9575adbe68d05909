# SPDX-License-Identifier: Apache-2.0
"""A run that is killed takes its workers, its parties and its keys with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from atls_harness.guard import MARK, marked
from atls_harness.paths import ROOT
from conftest import FAKE, OUTCOMES

PATIENCE = 90.0


def until(what: Callable[[], bool], words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, words
        time.sleep(0.05)


@pytest.fixture
def work() -> Iterator[Path]:
    """Where runs work; its path is short, as they want it."""
    with tempfile.TemporaryDirectory(prefix="guard-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", ["0", "2"])
def test_nothing_is_left_of_a_run_that_is_killed(tmp_path: Path, work: Path, workers: str) -> None:
    story = tmp_path / "story.yaml"
    text = (OUTCOMES / "hangs.yaml").read_text().replace("timeout: 2", "timeout: 120")
    story.write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "-q", "-n", workers]
    command += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *FAKE]
    environment = {key: value for key, value in os.environ.items() if key != MARK}
    run = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out"), str(story)],
        cwd=ROOT,
        env={**environment, "TMPDIR": str(work)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: bool(list(work.glob("atls-*/c*/client.events.jsonl"))), "no client began")
        (folder,) = work.glob("atls-*")
        until(lambda: len(marked(str(folder))) >= 4, "no parties were found")
        assert (folder / "ca.key").exists()
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    until(lambda: not marked(str(folder)), "something of it still runs")
    until(lambda: not folder.exists(), "its keys are still there")

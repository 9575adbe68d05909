# SPDX-License-Identifier: Apache-2.0
"""Waiting for a process that starts: what ends it, and what does not hang on it."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Iterator

import pytest

from atls_harness import watch
from atls_harness.errors import ContractError, Unsupported
from atls_harness.process import Process

LONG = 30.0  # far beyond the test's own limit: what waits so long fails
pytestmark = pytest.mark.timeout(LONG / 2)


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The pidfd of a process that sleeps."""
    with subprocess.Popen(["sleep", str(LONG)]) as process:
        descriptor = os.pidfd_open(process.pid)
        yield descriptor
        os.close(descriptor)
        process.kill()


def test_a_change_ends_the_wait(
    tmp_path: Path, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GLANCE", LONG)
    with watch.watched(tmp_path) as seen:
        threading.Timer(0.05, (tmp_path / "events").write_text, ("a line\n",)).start()
        while not (tmp_path / "events").exists():  # what is left of an earlier watch ends it, too
            seen.wait(sleeper, LONG)


def test_what_changed_before_the_wait_ends_it_too(
    tmp_path: Path, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GLANCE", LONG)
    with watch.watched(tmp_path) as seen:
        seen.wait(sleeper, 0.0)
        (tmp_path / "events").write_text("a line\n", encoding="utf-8")
        seen.wait(sleeper, LONG)


def test_without_inotify_it_looks_now_and_then(
    tmp_path: Path, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_descriptor", lambda: -1)
    with watch.watched(tmp_path) as seen:
        seen.wait(sleeper, LONG)


@pytest.mark.parametrize(
    "script,refusal,words",
    [
        ("exit 77", Unsupported, "no such thing"),
        ("exit 3", ContractError, r"ended \(exit code 3\) before it wrote a `ready` event"),
        (
            "exec sleep 30",
            ContractError,
            "wrote no `ready` event to its --events file within 0.2 s",
        ),
    ],
)
def test_a_program_that_does_not_become_ready_is_told(
    tmp_path: Path, script: str, refusal: type[Exception], words: str
) -> None:
    argv = ["sh", "-c", f"echo no such thing >&2; {script}"]
    process = Process("device", "device", argv, tmp_path, True)
    with pytest.raises(refusal, match=words):
        process.ready(0.2 if "sleep" in script else LONG)
    process.stop()
    assert process.exit is not None


def test_it_is_ready_as_soon_as_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "device.events.jsonl"
    line = '{"t":0,"who":"device","event":"ready","address":"unix:d"}'
    argv = ["sh", "-c", f"sleep 0.05; echo '{line}' > {path}; exec sleep {LONG}"]
    process = Process("device", "device", argv, tmp_path, True)
    assert process.ready(LONG)["event"] == "ready"
    process.stop()
    assert process.stopped and process.verdict_on_exit() == ""

# SPDX-License-Identifier: Apache-2.0
"""./atls setup --peer: what it does once, what it says where something is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from atls_harness import prepared, setup
from atls_harness.errors import UsageError
from atls_harness.peer import Peer, load_peers

PROGRAM = "#!/bin/sh\necho shelly 1 (none)\n".replace("(", "'(").replace(")", ")'")


def make(folder: Path, steps: list[list[str]], **more: Any) -> Peer:
    """A peer whose program is copied into its home."""
    source = folder / "peers" / "shelly"
    source.mkdir(parents=True, exist_ok=True)
    (source / "program").write_text(PROGRAM)
    (source / "program").chmod(0o755)
    description = {
        "name": "shelly",
        "description": "for a test",
        "programs": {"client": ["{home}/program"]},
        "capabilities": {"profiles": ["x509-cmw"]},
        "setup": {"steps": steps, **more},
    }
    (source / "peer.yaml").write_text(json.dumps(description))
    prepared._problem.cache_clear()
    return load_peers([folder / "peers"])["shelly"]


COPY = ["cp", "{peer}/program", "{home}/program"]
COUNT = ["sh", "-c", "echo x >> {home}/count"]


def test_it_is_done_once_and_again_where_something_has_changed(tmp_path: Path) -> None:
    build = tmp_path / "build"
    peer = make(tmp_path, [COPY, COUNT])
    assert "not set up; ./atls setup --peer shelly" in peer.missing("client", build)
    assert [setup.set_up(peer, build).how for _ in range(2)] == ["done", "already"]
    prepared._problem.cache_clear()
    assert peer.missing("client", build) == ""
    (peer.path.parent / "program").write_text(PROGRAM + "# changed\n")
    prepared._problem.cache_clear()
    assert "changed since it was set up" in peer.missing("client", build)
    assert setup.set_up(peer, build).how == "done"
    assert (peer.home(build) / "count").read_text() == "x\nx\n"
    stamp = prepared.read_stamp(peer.home(build))
    assert stamp["programs"] == {"client": "shelly 1 (none)"}


def test_what_the_steps_read_elsewhere_counts(tmp_path: Path) -> None:
    (tmp_path / "library").write_text("1")
    peer = make(tmp_path, [COPY], inputs=[str(tmp_path / "library")])
    assert setup.set_up(peer, tmp_path / "build").how == "done"
    (tmp_path / "library").write_text("2")
    prepared._problem.cache_clear()
    assert "changed since" in peer.missing("client", tmp_path / "build")


@pytest.mark.parametrize(
    "steps, words",
    [
        ([["sh", "-c", "echo it went wrong; exit 3"]], "ended with 3"),
        ([["/nonexistent"]], "/nonexistent: No such file"),
        ([["true"]], "No such file"),  # the program did not come to be
    ],
)
def test_a_failure_is_told_and_kept(tmp_path: Path, steps: list[list[str]], words: str) -> None:
    peer = make(tmp_path, steps)
    done = setup.set_up(peer, tmp_path / "build")
    assert done.how == "failed" and words in done.words
    prepared._problem.cache_clear()
    assert "its setup failed" in peer.missing("client", tmp_path / "build")


@pytest.mark.timeout(600)  # else it would wait for the sleepers, which is a day
def test_a_step_has_an_end(tmp_path: Path) -> None:
    with pytest.raises(setup.SetupFailed, match="still runs after 0.2 s"):
        setup.run_step(["sh", "-c", "sleep 86400 & sleep 86400"], tmp_path, tmp_path / "log", 0.2)


@pytest.mark.parametrize(
    "tool, words",
    [
        ({"no-such-tool": {"why": "for a test", "get": "nowhere"}}, "for a test.*nowhere"),
        ({"sh": {"why": "x", "get": "y", "version": ">=1", "ask": ["-c", ":"]}}, "no version"),
        ({"sh": {"why": "x", "get": "y", "version": ">=9", "ask": ["-c", "echo v8.7"]}}, "v8.7"),
    ],
)
def test_a_missing_tool_is_no_failure_of_the_stack(
    tmp_path: Path, tool: dict[str, Any], words: str
) -> None:
    peer = make(tmp_path, [COPY], tools=tool)
    done = setup.set_up(peer, tmp_path / "build")
    assert done.how == "lacks"
    assert re.search(words, done.words)
    prepared._problem.cache_clear()
    assert "./atls setup --peer shelly" in peer.missing("client", tmp_path / "build")


@pytest.mark.parametrize(
    "told, wanted, good",
    [
        ("go version go1.24.1 linux/amd64", ">=1.24", True),
        ("go version go1.9 linux/amd64", ">=1.24", False),
        ("cargo 1.85.0 (d73d2caf9 2024-12-31)", ">=1.85,<2", True),
        ("openjdk 21 2023-09-19", ">=17,<21", False),
        ("3", "==3", True),
        ("3.1", "==3.2", False),
        ("2", ">1.9.9", True),
    ],
)
def test_versions(told: str, wanted: str, good: bool) -> None:
    assert setup.satisfies(setup.numbers(told), wanted) is good


def test_choice() -> None:
    peers = load_peers([setup.PEERS])
    assert [peer.name for peer in setup.choose(["atls,go", "go"], peers)] == ["atls", "go"]
    assert len(setup.choose(["all"], peers)) == len(peers)
    with pytest.raises(UsageError, match="no peer 'x'"):
        setup.choose(["x"], peers)

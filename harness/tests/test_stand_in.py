# SPDX-License-Identifier: Apache-2.0
"""The verifier beside what Veraison's services answered when they were recorded: by --as all the same,
words included, and in its own way what decides; but for what recorded/differences.yaml names, with
a reason each. A new difference fails, and so does one that is there no more.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import pytest
import recorded
import yaml
from recorded import Verifier

from atls_harness.process import Process
from atls_harness.run import Run

OWN, MAIN, RELEASE = "own", "veraison-main", "veraison-v0.0.2608"
DIFFERENCES = yaml.safe_load((recorded.FOLDER / "differences.yaml").read_text("utf-8"))
WORDS = ("detail", "problem", "reason", "headers")


@pytest.fixture
def started(real: Run, tmp_path: Path) -> Iterator[Callable[..., Verifier]]:
    """Starts one with the manners of another, and with the device's CoRIM."""
    running: list[Process] = []

    def start(manners: str) -> Verifier:
        argv = [*real.command("verifier", "verifier"), "--quiet"]
        argv += ["--events", str(tmp_path / f"{len(running)}.events.jsonl")]
        argv += [] if manners == OWN else ["--as", manners]
        process = Process(f"verifier-{len(running)}", "verifier", argv, tmp_path, True)
        running.append(process)
        made = Verifier(process.ready()["address"], manners == RELEASE)
        assert recorded.endorsed(made, recorded.corim(dialect=dialect(manners)))["status"] == "success"
        return made

    yield start
    for one in running:
        one.stop()


def dialect(manners: str) -> str:
    return "v0.0.2608" if manners == RELEASE else "main"


def short(answer: Mapping[str, Any]) -> str:
    """What decides, without words."""
    made = [value for key, value in answer.items() if key not in WORDS]
    return " ".join("/".join(map(str, one)) if isinstance(one, list) else str(one) for one in made)


def held_to(
    manners: str, kind: str, came: Mapping[str, Any], expected: Mapping[str, Mapping[str, Any]]
) -> None:
    """Fails on what is not as it was recorded, nor as differences.yaml has it."""
    named: dict[str, str] = {}
    for entry in DIFFERENCES[manners].get(kind, []):
        assert entry["because"] and not named.keys() & entry["answers"].keys()
        named.update(entry["answers"])

    def same(label: str) -> bool:
        one, other = came[label], expected[label]
        return bool(short(one) == short(other) if manners == OWN else one == other)

    differing = {label: short(came[label]) for label in came if not same(label)}
    assert differing == {label: answer for label, answer in named.items() if label in came}
    assert named.keys() <= expected.keys()


@pytest.mark.parametrize("manners", [OWN, MAIN, RELEASE])
def test_evidence(manners: str, started: Callable[[str], Verifier]) -> None:
    expected, given = recorded.answers("submissions"), recorded.submissions()
    assert expected.keys() == given.keys() and len(expected) == 149
    verifier = started(manners)
    came = {label: recorded.appraised(verifier, one) for label, one in given.items()}
    held_to(manners, "submissions", came, expected)


@pytest.mark.parametrize("manners", [OWN, MAIN, RELEASE])
def test_requests(manners: str, started: Callable[[str], Verifier]) -> None:
    expected = recorded.answers("requests")
    came = recorded.requested(started(manners), expected, dialect(manners))
    assert expected.keys() == came.keys() and len(expected) == 95
    held_to(manners, "requests", came, expected)


@pytest.mark.parametrize("manners", [OWN, MAIN])
def test_corims(manners: str, started: Callable[[str], Verifier]) -> None:
    expected = recorded.answers("corims")
    verifier, came = started(manners), {}
    for label in expected:
        body = recorded.corim_bytes(label)
        if body is not None:
            came[label] = recorded.endorsed(verifier, body)
    assert len(expected) == 47 and len(came) >= 2
    held_to(manners, "corims", came, expected)

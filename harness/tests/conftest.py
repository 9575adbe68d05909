# SPDX-License-Identifier: Apache-2.0
"""What the tests of the harness share: running it on the fake peer, and on the real programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, settings

from atls_harness.paths import PEERS, ROOT
from atls_harness.peer import load_peers
from atls_harness.plugin import RUN
from atls_harness.run import Run

# How fast examples come says something of the machine's load, and nothing of what is tested.
settings.register_profile("atls", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("atls")

HERE = Path(__file__).parent
OUTCOMES = HERE / "outcomes"
FAKE = ["--peers", str(HERE)] + [
    text for role in ("client", "server", "device", "verifier") for text in (f"--{role}", "fake")
]


@pytest.fixture
def harness(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs pytest with the plugin in a process of its own; results go below tmp_path."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "-q"]
        command += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
        environment = dict(os.environ, COLUMNS="100")
        environment.pop("PYTEST_XDIST_WORKER", None)
        environment.pop("ATLS_FAILED_STAGES", None)
        return subprocess.run(
            [*command, "--out", str(tmp_path), *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )

    return call


@pytest.fixture
def fake(
    harness: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same, with the fake peer in every role."""
    return lambda *arguments: harness(*FAKE, *arguments)


@pytest.fixture
def latest(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """The newest results.json below tmp_path."""

    def read() -> dict[str, Any]:
        result: dict[str, Any] = json.loads((tmp_path / "latest" / "results.json").read_text())
        return result

    return read


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Run:
    """The run that this test is part of, where the project's programs have been built."""
    run = request.config.stash[RUN]
    peer = load_peers([PEERS])["atls"]
    for role in ("client", "server", "device", "verifier"):
        missing = peer.missing(role, run.build)
        if missing:
            pytest.skip(missing)
    return run

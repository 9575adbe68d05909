# SPDX-License-Identifier: Apache-2.0
"""What the tests of the harness share: running it on the fake peer, and on the real programs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from atls_harness import patience
from atls_harness.errors import Unsupported
from atls_harness.parties import Play
from atls_harness.paths import PEERS, ROOT
from atls_harness.peer import load_peers
from atls_harness.plugin import RUN
from atls_harness.probe import command
from atls_harness.run import Run
from atls_harness.scenario import invented

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


CONNECTIONS = 1000
PATIENCE = 10


@pytest.fixture
def begun(real: Run) -> Iterator[Callable[..., Play]]:
    """Begins a story of one SIDE alone, with its device and its verifier: it is the project's own,
    or that of the stack PEER, as far as that is set up."""
    with contextlib.ExitStack() as stack:

        def begin(side: str, peer: str, profile: str, attester: str, **story: Any) -> Play:
            told = {
                "profile": profile,
                "attester": attester,
                "expect": {"outcome": "complete"},
                **story,
            }
            known = load_peers([PEERS])
            missing = known[peer].missing(side, real.build)
            if missing:
                pytest.skip(f"unsupported: {missing}")
            run = dataclasses.replace(real, peers=known, chosen={**real.chosen, side: peer})
            folder = Path(tempfile.mkdtemp(prefix="s", dir=real.work))  # other workers have theirs
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            play = stack.enter_context(Play(invented(side, told), run, folder))
            play.start_helpers()
            return play

        yield begin


@pytest.fixture
def started(begun: Callable[..., Play]) -> Callable[..., Play]:
    """Starts a server for whoever comes."""

    def start(profile: str, attester: str, peer: str = "atls", **story: Any) -> Play:
        story = {"client": {"connections": CONNECTIONS}, **story}
        play = begun("server", peer, profile, attester, **story)
        try:
            play.start_server()
        except Unsupported as problem:  # in this role: its 77 says so, and peer.yaml why
            pytest.skip(f"unsupported: {problem}")
        return play

    return start


@pytest.fixture
def probe(
    real: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Probes, and reads what came of it."""
    monkeypatch.setattr(command, "build_programs", lambda build: None)

    def call(port: int, *arguments: str) -> tuple[int, dict[str, Any]]:
        file = tmp_path / "probe.json"
        given = ["--build", str(real.build), "--out", str(tmp_path / "out"), "--json", str(file)]
        given += ["--client-ca", str(real.work), "--seed", str(real.seed), "--pace", "0"]
        given += ["--patience", str(PATIENCE * patience.factor()), "--time", "3000"]
        code = command.main([*given, *arguments, *([f"127.0.0.1:{port}"] if port else [])])
        value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return code, value

    return call

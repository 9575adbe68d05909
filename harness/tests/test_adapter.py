# SPDX-License-Identifier: Apache-2.0
"""Whoever writes an adapter: what is not there is told as what it is, and edit and run is all that
it takes to try a change."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness import prepared, setup
from atls_harness.errors import InfrastructureError
from atls_harness.paths import PEERS
from atls_harness.peer import Peer, load_peer
from conftest import OUTCOMES

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Latest = Callable[[], dict[str, Any]]

CAPABILITIES = """
capabilities:
  profiles: [ta-07]
  roles: {client: [attester, relying-party]}
  models: [background-check]
  serializations: [cbor]
  curves: [p256]
"""


def make(base: Path, argv: str, more: str = "", text: str = "") -> Path:
    """A peer `own` whose client is ARGV; the folder of its folder."""
    folder = base / "peers" / "own"
    folder.mkdir(parents=True, exist_ok=True)
    if text:
        (folder / "run.sh").write_text(text)
    (folder / "peer.yaml").write_text(
        f"name: own\ndescription: one of my own\nprograms: {{client: {argv}}}\n{more}{CAPABILITIES}"
    )
    return folder.parent


# argv, what else peer.yaml says, the script, outcome, part of the reason
MISSING = [
    ('["{peer}/run.sh"]', "", "", "error", "own/run.sh is not there"),
    ('["{peer}/run.sh"]', "", "#!/bin/sh\n", "error", "is there, and not executable (chmod +x)"),
    ('["{peer}"]', "", "", "error", "is a folder"),
    ('["no-such-program-here"]', "", "", "error", "no program no-such-program-here on PATH"),
    ('["/usr/bin/python3", "{peer}/run.py"]', "", "", "error", "own/run.py is not there"),
    ('["{peer}/run.sh"]', "install: make it\n", "", "unsupported", "is not there; make it"),
    ('["{home}/run"]', 'setup: {steps: [["true"]]}\n', "", "unsupported", "not set up"),
]


@pytest.mark.parametrize("argv, more, text, outcome, reason", MISSING)
def test_what_is_not_there(
    harness: Harness,
    latest: Latest,
    tmp_path: Path,
    argv: str,
    more: str,
    text: str,
    outcome: str,
    reason: str,
) -> None:
    peers = make(tmp_path, argv, more, text)
    roles = ["--client", "own", "--server", "fake", "--device", "fake", "--verifier", "fake"]
    story = str(OUTCOMES / "accepted.yaml")
    places = ["--peers", str(OUTCOMES.parent), "--peers", str(peers)]
    done = harness(*places, *roles, "-k", "client", story)
    (case,) = latest()["cases"]
    assert (case["outcome"], reason in case["reason"]) == (outcome, True), case["reason"]
    assert done.returncode == (5 if outcome == "unsupported" else 1)
    if outcome == "unsupported":
        assert "NOTHING WAS PLAYED: none of 1 cases" in done.stdout
        assert reason in done.stdout
        assert harness(*places, *roles, "-k", "client", story, "--allow-empty").returncode == 0
    if "setup" in more:
        assert f"./atls setup --peer own --peers {peers}" in case["reason"]


def prepare(base: Path, steps: str) -> tuple[Peer, Path]:
    more = f"setup: {{packages: {{python3: it}}{steps}}}\n"
    peers = make(base, '["/bin/sh", "{peer}/run.sh"]', more, "echo own 1\n")
    return load_peer(peers / "own" / "peer.yaml"), base / "build"


def test_an_adapter_that_is_played_as_it_is_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "install_packages", lambda peer: None)
    peer, build = prepare(tmp_path, "")
    assert "not set up" in peer.unplayable("client", build)
    assert setup.set_up(peer, build).how == "done"
    (peer.path.parent / "run.sh").write_text("echo own 2\n")
    prepared.forget()
    assert peer.unplayable("client", build) == ""


def test_an_adapter_that_is_built_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "install_packages", lambda peer: None)
    peer, build = prepare(tmp_path, ', steps: [[cp, "{peer}/run.sh", "{home}/made"]]')
    setup.renew([peer], build)  # was never set up: that is a person's to do
    assert "not set up" in peer.unplayable("client", build)
    assert setup.set_up(peer, build).how == "done"
    (peer.path.parent / "run.sh").write_text("echo own 2\n")
    prepared.forget()
    assert peer.unplayable("client", build).startswith("own: changed since it was set up")
    setup.renew([peer], build)
    assert peer.unplayable("client", build) == ""
    assert (peer.home(build) / "made").read_text() == "echo own 2\n"
    assert "own has changed since it was set up" in capsys.readouterr().out
    (peer.path.parent / "run.sh").write_text("exit 3\n")
    prepared.forget()
    with pytest.raises(InfrastructureError, match="could not be set up again; ./atls setup"):
        setup.renew([peer], build)


@pytest.mark.parametrize(
    "folder, command",
    [
        (PEERS / "openssl", "./atls setup --peer openssl"),
        (Path("/home/me/my peers/own"), "./atls setup --peer own --peers '/home/me/my peers'"),
    ],
)
def test_the_command_that_helps_can_be_typed(folder: Path, command: str) -> None:
    assert prepared.command(folder.name, folder) == command


def test_a_peer_that_is_not_set_up_is_skipped_once(harness: Harness, tmp_path: Path) -> None:
    peers = make(tmp_path, '["{home}/run"]', 'setup: {steps: [["true"]]}\n')
    done = harness("--peers", str(peers), str(peers / "own" / "peer.yaml"), "-rs")
    assert "1 skipped" in done.stdout
    assert "not set up" in done.stdout

# SPDX-License-Identifier: Apache-2.0
"""Defences against what no draft closes, with real programs: what is refused, what passes.

Two sides that have one key are what reflection looks like to a side: the peer presents its own key,
and, where both sides have one binder, what it has sent itself.

Clauses: draft-fossati-seat-early-attestation-06 section 5.1.1 (H9)
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from atls_harness.events import select
from atls_harness.run import Run
from stage import Stage, enrolled


@pytest.fixture
def stage(real: Run, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(real, tmp_path)
    try:
        yield made
    finally:
        for process in made.running:
            process.stop()


@pytest.mark.parametrize("profile", ["seat-04", "seat-06", "expat-04", "x509-cmw"])
@pytest.mark.parametrize("who", ["", "client", "server"])
def test_a_peer_with_ones_own_key(stage: Stage, profile: str, who: str) -> None:
    """WHO refuses it, or nobody does."""
    cmw = ["--cmw", "auto"] if profile == "x509-cmw" else []
    leaf, device, url = enrolled(stage, *cmw)
    both = ["--profile", profile, "--attester", "background-check", "--device", device]
    both += ["--relying-party", "background-check", "--verifier", url]
    both += ["--cert", str(leaf.certificate), "--key", leaf.key]
    both += ["--ca", str(stage.folder / "ca.pem")]
    defence = {
        side: ["--variant", "own-key=refused"] if side == who else []
        for side in ("client", "server")
    }
    flags = ["--listen", "127.0.0.1:0", "--max-connections", "1", *defence["server"]]
    address = stage.start("server", "server", "server", *both, *flags)
    flags = ["--connect", address, *defence["client"]]
    stage.start("client", "client", "client", *both, *flags, listening=False)
    parties = {side: stage.ended(side) for side in ("client", "server")}
    assert [parties[side].exit for side in parties] == ([1, 1] if who else [0, 0])
    if not who:
        return
    (verdict,) = select(parties[who].events, "verdict")
    assert (verdict["accepted"], verdict["reason"]) == (False, "own-key")
    (failed,) = [e for e in parties[who].events if e["event"] in ("handshake", "closed")][:1]
    assert failed["reason"] == "own-key"
    assert failed["alert"]["direction"] == "sent"


@pytest.mark.parametrize("profile", ["seat-04", "seat-06"])
@pytest.mark.parametrize("role", ["shared", "separate"])
def test_binders_of_one_key(stage: Stage, profile: str, role: str) -> None:
    """H9: equal keys have equal binders by the drafts' formula, and none where each side has its
    own label."""
    leaf, device, url = enrolled(stage)
    both = ["--profile", profile, "--attester", "background-check", "--device", device]
    both += ["--relying-party", "background-check", "--verifier", url]
    both += ["--cert", str(leaf.certificate), "--key", leaf.key]
    both += ["--ca", str(stage.folder / "ca.pem"), "--variant", f"binder-role={role}"]
    flags = ["--listen", "127.0.0.1:0", "--max-connections", "1"]
    address = stage.start("server", "server", "server", *both, *flags)
    stage.start("client", "client", "client", *both, "--connect", address, listening=False)
    client, server = stage.ended("client"), stage.ended("server")
    assert (client.exit, server.exit) == (0, 0)
    binders = {e["nonce"] for one in (client, server) for e in select(one.events, "challenge")}
    assert len(binders) == (1 if role == "shared" else 2)

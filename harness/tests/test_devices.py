# SPDX-License-Identifier: Apache-2.0
"""Devices that measure other components: each is held to what its peer.yaml declares."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atls_harness import devices
from atls_harness.expectation import matches
from atls_harness.paths import PEERS, SCENARIOS
from atls_harness.peer import Peer, load_peers
from atls_harness.scenario import cases, load

STORY = SCENARIOS / "handshakes" / "endorsement-dialects.yaml"


def held(peer: Peer) -> Any:
    """What a verifier must have been told, where PEER is the device."""
    run: Any = SimpleNamespace(peer=lambda role: peer)
    case = next(iter(cases(*load(STORY))))
    before = repr(case.story)
    (pattern,) = devices.as_endorsed(case, run).story["expect"]["verifier"]["required"]
    assert repr(case.story) == before  # another device may be next
    return pattern


@pytest.mark.parametrize(
    "declared, endorsed, good",
    [
        (["BL", "FW", "APP"], 3, True),
        (["BL", "FW", "APP"], 4, False),
        (["BL", "FW", "APP", "CFG"], 4, True),
        (["BL", "FW", "APP", "CFG"], 3, False),
        (["A"], 0, False),
        ([], 7, True),
        ([], 0, False),
    ],
)
def test_as_many_as_are_declared(declared: list[str], endorsed: int, good: bool) -> None:
    capabilities = {"device": {"components": declared}} if declared else {}
    peer = Peer("p", "p", Path("p/peer.yaml"), {"device": ["p"]}, capabilities)
    event = {"event": "endorsed", "reference_values": endorsed, "trust_anchors": 1}
    assert matches(held(peer), event) is good


def test_the_devices_that_are_here() -> None:
    peers = load_peers([PEERS])
    for peer in peers.values():
        if "device" in peer.programs:
            assert devices.components(peer), f"{peer.name} declares no components"
    assert [held(peers[name])["reference_values"] for name in ("atls", "qemu")] == [3, 4]

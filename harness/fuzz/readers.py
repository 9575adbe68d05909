# SPDX-License-Identifier: Apache-2.0
"""What the harness reads from others: events of a party, a peer's description, a scenario. Whatever
is in the file, only the error that is meant for it comes out, with a text that can be printed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Callable, Type

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["atls_harness"]):
    from atls_harness.errors import ContractError, HarnessError, InputError
    from atls_harness.events import check_stream, read_events
    from atls_harness.peer import load_peers
    from atls_harness.scenario import load as load_scenario

FOLDER = Path(tempfile.mkdtemp(prefix="readers-"))
EVENTS = FOLDER / "events.jsonl"
PEERS = FOLDER / "peers"
PEER = PEERS / "yours" / "peer.yaml"
SCENARIO = FOLDER / "scenario.yaml"
PEER.parent.mkdir(parents=True)


def events(data: bytes) -> None:
    """A party's events."""
    EVENTS.write_bytes(data)
    for text in check_stream(read_events(EVENTS), "client"):
        assert len(text) < 10_000, "a complaint that nobody reads"


def peer(data: bytes) -> None:
    """peer.yaml."""
    PEER.write_bytes(data)
    load_peers([PEERS])


def scenario(data: bytes) -> None:
    """A scenario."""
    SCENARIO.write_bytes(data)
    load_scenario(SCENARIO)


READERS: tuple[tuple[Callable[[bytes], None], Type[HarnessError]], ...] = (
    (events, ContractError),
    (peer, InputError),
    (scenario, InputError),
)


def one(data: bytes) -> None:
    """One input; its first byte chooses the reader."""
    reader, meant = READERS[data[0] % len(READERS) if data else 0]
    try:
        reader(data[1:])
    except meant as problem:
        assert len(str(problem)) < 10_000, "an error that nobody reads"


atheris.Setup(sys.argv, one)
atheris.Fuzz()

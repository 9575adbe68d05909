# SPDX-License-Identifier: Apache-2.0
"""A verifier's round trip blocks nobody: 200 handshakes at once take little longer than one."""

from __future__ import annotations

import time
from pathlib import Path

from atls_harness.events import select
from atls_harness.expectation import compare
from atls_harness.parties import Play
from atls_harness.run import Run

from test_keys_stay import story_cases

STORY = Path(__file__).parent / "stories" / "at-once.yaml"
DELAY = 0.5
# One after the other they would take 100 seconds. What is left is the processor's time for 200
# handshakes of three processes, which a busy machine may stretch: the bound is generous.
RATIO_MAX = 10.0


def test_200_handshakes_take_little_longer_than_one(real: Run) -> None:
    seconds = {}
    for name, case in story_cases(STORY).items():
        with Play(case, real, real.work / f"at-once-{name}") as play:
            play.start_helpers()
            play.start_server()
            began = time.monotonic()
            play.finish_client(play.start_client())
            seconds[int(name)] = time.monotonic() - began
            play.finish_server()
            seen = play.observe()
        assert compare(case, seen) == []
        complete = select(seen.parties["server"].events, "handshake", outcome="complete")
        assert len(complete) == int(name)
        assert all(event["seconds"] >= DELAY for event in complete)
    ratio = seconds[200] / seconds[1]
    print(f"one: {seconds[1]:.2f} s, 200 at once: {seconds[200]:.2f} s, ratio {ratio:.1f}")
    assert seconds[1] >= DELAY
    assert ratio < RATIO_MAX, seconds

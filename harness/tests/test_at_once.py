# SPDX-License-Identifier: Apache-2.0
"""A verifier's round trip blocks nobody: of 200 handshakes many are with the verifier at once."""

from __future__ import annotations

from pathlib import Path

from atls_harness.events import Event, select
from atls_harness.expectation import compare
from atls_harness.parties import Play
from atls_harness.run import Run

from test_keys_stay import story_cases

STORY = Path(__file__).parent / "stories" / "at-once.yaml"
DELAY = 0.5


def most_at_once(events: list[Event]) -> int:
    """How many sessions waited for an answer at the same time: put off, and not appraised yet."""
    most = now = 0
    for event in events:
        if event["event"] == "fault":
            now += 1
            most = max(most, now)
        elif event["event"] == "appraisal":
            now -= 1
    return most


def test_one_waits_for_the_verifier_and_200_wait_together(real: Run) -> None:
    """One behind the other there would be one at a time, however fast the machine is."""
    together = {}
    for name, case in story_cases(STORY).items():
        with Play(case, real, real.work / f"at-once-{name}") as play:
            play.start_helpers()
            play.start_server()
            play.finish_client(play.start_client())
            play.finish_server()
            seen = play.observe()
        assert compare(case, seen) == []
        complete = select(seen.parties["server"].events, "handshake", outcome="complete")
        assert len(complete) == int(name)
        assert all(event["seconds"] >= DELAY for event in complete)
        together[int(name)] = most_at_once(seen.parties["verifier"].events)
    assert together[1] == 1
    assert together[200] >= 4, together

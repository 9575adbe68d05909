# SPDX-License-Identifier: Apache-2.0
"""The events of all parties on one clock: ordered by cause, whatever clocks and events say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atls_harness import timeline
from atls_harness.parties import Observation, Party


def party(name: str, started: float, *events: dict[str, Any]) -> Party:
    who = name.split("-")[-1]
    filled = [{"who": who, **event} for event in events]
    return Party(name, who, [], 0, False, filled, [], started)


def made(*parties: Party) -> list[dict[str, Any]]:
    value = timeline.make(Observation(Path("."), {one.name: one for one in parties}, 1.0))
    json.dumps(value, allow_nan=False)
    events: list[dict[str, Any]] = value["events"]
    return events


def shown(events: list[dict[str, Any]]) -> list[str]:
    return [f"{e['party']} {e['event']} {e.get('direction', '')}".strip() for e in events]


def offer(t: float, direction: str, body: str = "00", conn: int = 1) -> dict[str, Any]:
    return {
        "t": t,
        "event": "offer",
        "conn": conn,
        "direction": direction,
        "extensions": {"evidence_request": body},
    }


def test_nothing_is_received_before_it_was_sent() -> None:
    # By their starts alone the server would have received at 0.10 what is sent at 0.25.
    events = made(
        party("server", 0.0, offer(0.1, "received")), party("client", 0.2, offer(0.05, "sent"))
    )
    assert shown(events) == ["client offer sent", "server offer received"]
    assert events[0]["t"] <= events[1]["t"]
    assert events[0]["pair"] == events[1]["pair"]


def test_a_late_start_moves_all_that_follows() -> None:
    text = {"event": "application-data", "conn": 1, "text": "hello"}
    events = made(
        party("client", 0.5, offer(0.0, "sent"), {"t": 0.2, "direction": "received", **text}),
        party("server", 0.0, offer(0.1, "received"), {"t": 0.11, "direction": "sent", **text}),
    )
    assert shown(events) == [
        "client offer sent",
        "server offer received",
        "server application-data sent",
        "client application-data received",
    ]
    assert [e["t"] for e in events] == pytest.approx([0.5, 0.5, 0.51, 0.7])


def test_messages_are_told_apart_by_what_is_in_them() -> None:
    events = made(
        party("client", 0.0, offer(0.1, "sent", "aa", 1), offer(0.2, "sent", "bb", 2)),
        party("server", 0.0, offer(0.3, "received", "bb", 1), offer(0.4, "received", "aa", 2)),
    )
    sent = {e["conn"]: e["pair"] for e in events if e["party"] == "client"}
    received = {e["conn"]: e["pair"] for e in events if e["party"] == "server"}
    assert sent[1] == received[2] and sent[2] == received[1] and sent[1] != sent[2]


def test_the_verifier_and_the_device_come_first() -> None:
    credential = {"event": "credential", "conn": 1, "direction": "sent", "sha256": "00" * 32}
    events = made(
        party("server-device", 0.3, {"t": 0, "event": "request", "operation": "attest-key"}),
        party("server", 0.0, {"t": 0.1, **credential}),
        party(
            "client",
            0.0,
            {"t": 0.1, "event": "challenge", "direction": "sent", "nonce": "ab", "conn": 1},
            {"t": 0.2, "event": "result", "source": "verifier", "conn": 1},
        ),
        party(
            "verifier",
            0.5,
            {"t": 0.01, "event": "session", "session": "s", "nonce": "ab"},
            {"t": 0.4, "event": "appraisal", "session": "s", "status": "affirming"},
        ),
    )
    order = shown(events)
    for before, after in (
        ("server-device request", "server credential sent"),
        ("verifier session", "client challenge sent"),
        ("verifier appraisal", "client result"),
    ):
        assert order.index(before) < order.index(after)


def test_a_helper_that_started_late_is_moved_too() -> None:
    # The verifier's clock began a second after its process did, the machine being busy.
    challenge = {"event": "challenge", "direction": "sent", "nonce": "ab", "conn": 1}
    credential = {"event": "credential", "conn": 1, "sha256": "00" * 32}
    events = made(
        party(
            "verifier",
            0.0,
            {"t": 0.1, "event": "session", "session": "s", "nonce": "ab"},
            {"t": 0.3, "event": "appraisal", "session": "s", "status": "affirming"},
        ),
        party("server", 0.1, {"t": 1.0, "direction": "sent", **credential}),
        party(
            "client",
            0.2,
            {"t": 0.1, **challenge},
            {"t": 0.15, "event": "result", "source": "cache", "conn": 1},
            {"t": 0.2, "direction": "received", **credential},
            {"t": 0.4, "event": "result", "source": "verifier", "conn": 1},
        ),
    )
    order = shown(events)
    assert order.index("client credential received") < order.index("verifier appraisal")
    assert order.index("verifier appraisal") < len(order) - 1
    assert order[-1] == "client result"


def test_likely_causes_yield_to_sure_ones() -> None:
    # Evidence made before the challenge: the device attests before it could have been asked to.
    events = made(
        party("server-device", 0.0, {"t": 0.2, "event": "request", "operation": "attest-key"}),
        party(
            "server",
            0.1,
            {"t": 0.1, "event": "credential", "direction": "sent", "sha256": "00"},
            {"t": 0.5, "event": "challenge", "direction": "received", "nonce": "ab"},
        ),
    )
    assert shown(events)[0] == "server-device request"


def test_an_alert_comes_after_what_led_to_it() -> None:
    def handshake(t: float, direction: str) -> dict[str, Any]:
        alert = {"direction": direction, "code": 226, "name": "attestation_failed"}
        return {"t": t, "event": "handshake", "conn": 1, "outcome": "failed", "alert": alert}

    verdict = {"t": 0.5, "event": "verdict", "conn": 1, "accepted": False}
    events = made(
        party("server", 0.0, handshake(0.1, "received")),
        party("client", 0.0, verdict, handshake(0.6, "sent")),
    )
    assert shown(events) == ["client verdict", "client handshake", "server handshake"]


HOSTILE: list[dict[str, Any]] = [
    {},
    {"event": None},
    {"event": ["offer"], "t": "soon"},
    {"event": "offer", "t": float("nan"), "direction": "received", "extensions": 7},
    {"event": "offer", "t": float("inf"), "direction": "received", "extensions": ["x"]},
    {"event": "offer", "t": -1, "direction": ["received"], "extensions": {"a": {"b": 1}}},
    {"event": "credential", "t": 10**400, "direction": "received", "sha256": {"a": 1}},
    {"event": "challenge", "t": True, "direction": "sent", "nonce": ["unhashable"]},
    {"event": "result", "t": 0, "conn": {}, "source": float("inf")},
    {"event": "handshake", "t": 0, "alert": {"direction": "received"}},
    {"event": "handshake", "t": 0, "alert": {"direction": {"x": []}, "code": {}, "name": []}},
    {"event": "handshake", "t": 0, "alert": "none"},
    {"event": "session", "t": 0, "session": {}, "nonce": []},
    {"event": "appraisal", "t": 0, "session": []},
    {"event": "request", "t": 0, "operation": ["sign"]},
    {"event": "boot", "t": 0, "components": [1, None, {"type": ["x"]}]},
    {"event": "x" * 10000, "t": 0, "text": "\ud800" * 10000},
]


@pytest.mark.parametrize("event", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["client", "server", "client-device", "verifier"])
def test_events_that_break_the_contract_do_not_break_the_timeline(
    name: str, event: dict[str, Any]
) -> None:
    others = {"client", "server", "client-device", "verifier"} - {name}
    events = made(party(name, 0.0, event, event), *(party(o, 0.0, event) for o in sorted(others)))
    assert all(isinstance(e["t"], float) for e in events)
    assert len(json.dumps(events)) < 8 * 4000


def test_a_clock_that_cannot_be_set_ends_too() -> None:
    # Each receives before the other sends: no clocks make sense of it.
    events = made(
        party("client", 0.0, offer(0.0, "received", "aa"), offer(0.5, "sent", "bb")),
        party("server", 0.0, offer(0.0, "received", "bb"), offer(0.5, "sent", "aa")),
    )
    assert len(events) == 4


def test_what_is_too_much_is_counted() -> None:
    many = [offer(0.001 * n, "sent", f"{n:04x}") for n in range(timeline.ENTRIES_MAX + 5)]
    one = party("client", 0.0, *many)
    value = timeline.make(Observation(Path("."), {"client": one}, 1.0))
    assert (len(value["events"]), value["left_out"]) == (timeline.ENTRIES_MAX, 5)


@pytest.mark.parametrize("refuses, other", [("client", "server"), ("server", "client")])
@pytest.mark.parametrize("late", [0.0, 0.4])
def test_a_story_is_told_in_the_order_of_cause(refuses: str, other: str, late: float) -> None:
    """Whichever side refuses: appraisal, verdict, the alert sent, the alert received; and whichever
    clock is late."""

    def handshake(direction: str, reason: str) -> dict[str, Any]:
        alert = {"direction": direction, "code": 226, "name": "attestation_failed"}
        return {"event": "handshake", "conn": 1, "outcome": "failed", "reason": reason} | {
            "alert": alert
        }

    parties: dict[str, list[dict[str, Any]]] = {
        "client": [],
        "server": [],
        "verifier": [
            {"t": 0.1, "event": "session", "session": "s", "nonce": "ab"},
            {"t": 0.3, "event": "appraisal", "session": "s", "status": "warning"},
        ],
    }
    parties[refuses] = [
        {"t": 0.2, "event": "challenge", "direction": "sent", "nonce": "ab", "conn": 1},
        {"t": 0.5, "event": "result", "source": "verifier", "conn": 1},
        {"t": 0.5, "event": "verdict", "conn": 1, "accepted": False},
        {"t": 0.5, **handshake("sent", "tier-warning")},
    ]
    parties[other] = [{"t": 0.1, **handshake("received", "peer-alert")}]
    started = {"client": 0.0, "server": 0.0, "verifier": 0.0, refuses: late}
    seen = Observation(
        Path("."),
        {name: party(name, started[name], *events) for name, events in parties.items()},
        1.0,
    )
    observed = {
        name: {kind: [e for e in events if e["event"] == kind] for kind in timeline.TOLD}
        for name, events in parties.items()
    }
    told = timeline.told({"observed": observed, "timeline": timeline.make(seen)})
    assert [(name, kind) for name, kind, _ in told] == [
        ("verifier", "appraisal"),
        (refuses, "verdict"),
        (refuses, "handshake"),
        (other, "handshake"),
    ]


def test_a_story_without_a_timeline_is_told_by_party() -> None:
    observed = {"client": {"exit": 1, "handshake": [{"x": 1}, {"x": 2}]}, "server": {"exit": 0}}
    for line in (None, {"events": []}, {"events": [{"party": "client", "event": "handshake"}]}):
        told = list(timeline.told({"observed": observed, "timeline": line}))
        assert told == [("client", "handshake", {"x": 1}), ("client", "handshake", {"x": 2})]

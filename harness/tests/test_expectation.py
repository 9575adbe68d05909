# SPDX-License-Identifier: Apache-2.0
"""Expected against observed: each way in which a case can be wrong is seen, in the right column.

A whole observation of a case that went well is written down once; each row of the table changes one
thing in it.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness.contract import contract
from atls_harness.events import check_event, check_stream
from atls_harness.expectation import CONFORMS, WITHSTOOD, compare, matches
from atls_harness.parties import Observation, Party
from atls_harness.scenario import Case, cases, load

COMPLETE = """\
title: The server accepts the client's evidence
clauses: [R-TA-02]
attester: client
model: background-check
expect: {outcome: complete}
"""
REFUSED = """\
title: The server refuses the client's evidence
clauses: [R-TA-02]
attester: client
model: background-check
expect:
  outcome: refused
  by: server
  reason: reference-value-mismatch
  alert: attestation_failed
  tier: warning
  mismatches: [FW]
"""
NONCE, DIGEST, KEY = "11" * 32, "22" * 32, "33" * 91
Parties = dict[str, list[dict[str, Any]]]


def endpoint(who: str, refused: bool) -> list[dict[str, Any]]:
    mine, theirs = ("sent", "received") if who == "client" else ("received", "sent")
    events: list[dict[str, Any]] = [
        {"event": "connection", "conn": 1},
        {"event": "offer", "conn": 1, "direction": mine, "extensions": {"evidence_proposal": "00"}},
        {"event": "challenge", "conn": 1, "direction": theirs, "nonce": NONCE},
        {
            "event": "credential",
            "conn": 1,
            "direction": mine,
            "bytes": 3,
            "form": "collection",
            "serialization": "cbor",
            "sha256": DIGEST,
        },
    ]
    mismatch = {"component": "FW", "expected": ["aa" * 32], "measured": "bb" * 32}
    if who == "server":
        verdict: dict[str, Any] = {"event": "verdict", "conn": 1, "tier": "affirming"}
        verdict |= {"accepted": True, "reason": "ok", "mismatches": []}
        if refused:
            verdict |= {"tier": "warning", "accepted": False, "mismatches": [mismatch]}
            verdict["reason"] = "reference-value-mismatch"
        events.append(verdict)
    handshake: dict[str, Any] = {"event": "handshake", "conn": 1, "outcome": "complete"}
    handshake |= {"reason": "ok", "alert": None, "hrr": False, "seconds": 0.1}
    handshake["self_attested"] = "background-check" if who == "client" else "none"
    handshake["peer_attested"] = "background-check" if who == "server" else "none"
    handshake["signed_with" if who == "client" else "verified_with"] = KEY
    if refused:
        alert = {"direction": theirs, "code": 226, "name": "attestation_failed"}
        reason = "reference-value-mismatch" if who == "server" else "peer-alert"
        handshake |= {"outcome": "failed", "reason": reason, "alert": alert}
    events.append(handshake)
    if not refused:
        events += [
            {"event": "application-data", "conn": 1, "direction": way, "text": "hello"}
            for way in ("sent", "received")
        ]
    outcome = "failed" if refused else "complete"
    return events + [{"event": "closed", "conn": 1, "outcome": outcome}]


def observed(refused: bool) -> Observation:
    mismatch = {"component": "FW", "expected": ["aa" * 32], "measured": "bb" * 32}
    appraisal: dict[str, Any] = {"event": "appraisal", "session": "1", "status": "affirming"}
    appraisal["reason"] = "ok"
    if refused:
        appraisal |= {"status": "warning", "reason": "reference-value-mismatch"}
        appraisal["mismatches"] = [mismatch]
    component = {"type": "FW", "version": "1", "value": "bb" * 32, "signer": "cc" * 32}
    events = {
        "client": endpoint("client", refused),
        "server": endpoint("server", refused),
        "verifier": [{"event": "session", "session": "1", "nonce": NONCE}, appraisal],
        "client-device": [
            {"event": "boot", "components": [component], "lifecycle": "secured"},
        ],
    }
    parties = {}
    for name, lines in events.items():
        who = "device" if name.endswith("device") else name
        for number, event in enumerate(lines):
            event |= {"t": float(number), "who": who}
        ended = 0 if who in ("verifier", "device") else int(refused)
        parties[name] = Party(name, who, [], ended, False, list(lines))
    return Observation(Path("nowhere"), parties, 1.0)


def case_of(tmp_path: Path, text: str) -> Case:
    path = tmp_path / "story.yaml"
    path.write_text(text)
    (case,) = cases(*load(path))
    return case


@pytest.mark.parametrize("text, refused", [(COMPLETE, False), (REFUSED, True)])
def test_all_is_well(tmp_path: Path, text: str, refused: bool) -> None:
    seen = observed(refused)
    assert compare(case_of(tmp_path, text), seen) == []
    for party in seen.parties.values():
        assert check_stream(party.events, party.who) == []


def event(seen: Observation, party: str, name: str, index: int = 0) -> dict[str, Any]:
    found = [e for e in seen.parties[party].events if e["event"] == name]
    return dict_of(found[index])


def dict_of(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


def remove(seen: Observation, party: str, name: str) -> None:
    kept = [e for e in seen.parties[party].events if e["event"] != name]
    seen.parties[party].events = kept


def exit_code(seen: Observation, party: str, code: int) -> None:
    seen.parties[party].exit = code


def spoke(seen: Observation, party: str, direction: str) -> None:
    line = {"event": "application-data", "conn": 1, "direction": direction, "text": "hello"}
    seen.parties[party].events.append(line)


Change = Callable[[Observation], Any]
# story refused?, what is changed, a part of the complaint, its column
WRONG: list[tuple[bool, Change, str, str]] = [
    (False, lambda s: exit_code(s, "client", 1), "exit code: expected 0", CONFORMS),
    (False, lambda s: remove(s, "server", "handshake"), "no handshake event", CONFORMS),
    (False, lambda s: remove(s, "server", "verdict"), "no verdict event", CONFORMS),
    (False, lambda s: remove(s, "server", "verdict"), "nothing without an accepted", WITHSTOOD),
    (False, lambda s: remove(s, "client", "application-data"), "expected one line", CONFORMS),
    (False, lambda s: remove(s, "client", "closed"), "no closed event", CONFORMS),
    (False, lambda s: event(s, "server", "verdict").update(tier="warning"), "affirming", CONFORMS),
    (
        False,
        lambda s: event(s, "server", "verdict").update(accepted=False),
        "nothing without an accepted verdict",
        WITHSTOOD,
    ),
    (
        False,
        lambda s: event(s, "server", "handshake").update(peer_attested="none"),
        "'peer_attested': 'background-check'",
        CONFORMS,
    ),
    (
        False,
        lambda s: event(s, "client", "handshake").update(signed_with="44" * 91),
        "key of CertificateVerify",
        CONFORMS,
    ),
    (False, lambda s: event(s, "client", "handshake").pop("signed_with"), "missing", CONFORMS),
    (
        False,
        lambda s: event(s, "client", "challenge").update(nonce="55" * 32),
        "challenge received",
        CONFORMS,
    ),
    (
        False,
        lambda s: [event(s, p, "challenge").update(nonce="55" * 32) for p in ("client", "server")],
        "challenge sent",
        CONFORMS,
    ),
    (
        False,
        lambda s: event(s, "server", "credential").update(sha256="66" * 32),
        "credential received",
        CONFORMS,
    ),
    (
        False,
        lambda s: event(s, "server", "offer").update(extensions={"evidence_proposal": "01"}),
        "offer received",
        CONFORMS,
    ),
    (False, lambda s: event(s, "client", "handshake").update(hrr=True), "'hrr': False", CONFORMS),
    (False, lambda s: s.problems.append("too late"), "too late", CONFORMS),
    (False, lambda s: s.parties["verifier"].problems.append("broke"), "broke", CONFORMS),
    (True, lambda s: exit_code(s, "server", 0), "exit code: expected 1", CONFORMS),
    (True, lambda s: spoke(s, "server", "sent"), "nothing without an accepted", WITHSTOOD),
    (True, lambda s: spoke(s, "client", "received"), "none received", WITHSTOOD),
    (
        True,
        lambda s: event(s, "server", "handshake").update(outcome="complete"),
        "expected refused, observed complete",
        WITHSTOOD,
    ),
    (
        True,
        lambda s: event(s, "server", "verdict").update(accepted=True),
        "verdict: expected none accepted",
        WITHSTOOD,
    ),
    (
        True,
        lambda s: event(s, "server", "handshake").update(reason="tier-warning"),
        "'reason': 'reference-value-mismatch'",
        CONFORMS,
    ),
    (
        True,
        lambda s: event(s, "server", "handshake")["alert"].update(name="decode_error", code=50),
        "'name': 'attestation_failed'",
        CONFORMS,
    ),
    (
        True,
        lambda s: event(s, "client", "handshake")["alert"].update(code=225),
        "alert received: expected 226, observed 225",
        CONFORMS,
    ),
    (
        True,
        lambda s: event(s, "client", "handshake")["alert"].update(direction="sent"),
        "sent by one side, received by the other",
        CONFORMS,
    ),
    (
        True,
        lambda s: event(s, "server", "verdict")["mismatches"][0].update(component="BL"),
        "components that do not match",
        CONFORMS,
    ),
    (
        True,
        lambda s: event(s, "server", "verdict")["mismatches"][0].update(measured="dd" * 32),
        "measured value of FW",
        CONFORMS,
    ),
    (
        True,
        lambda s: event(s, "server", "verdict").update(mismatches=[]),
        "components that do not match",
        CONFORMS,
    ),
    (True, lambda s: setattr(s.parties["server"], "stopped", True), "stopped by the", CONFORMS),
]


@pytest.mark.parametrize("refused, change, complaint, column", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_seen(
    tmp_path: Path, refused: bool, change: Change, complaint: str, column: str
) -> None:
    seen = copy.deepcopy(observed(refused))
    change(seen)
    found = compare(case_of(tmp_path, REFUSED if refused else COMPLETE), seen)
    assert [str(d) for d in found if d.column == column and complaint in str(d)], found


@pytest.mark.parametrize(
    "block, complaint",
    [
        ("server: {required: [{event: result}]}", "at least one of {'event': 'result'}"),
        ("server: {required: [{event: connection, count: 2}]}", "2 of {'event': 'connection'}"),
        ("server: {forbidden: [{event: credential}]}", "none of {'event': 'credential'}"),
        ("verifier: {forbidden: [{event: appraisal, status: affirming}]}", "none of"),
        ("device: {required: [{event: fault}]}", "at least one of {'event': 'fault'}"),
        ("roles: {attester: {forbidden: [{event: challenge}]}}", "none of {'event': 'challenge'}"),
        ("server: {verdict: none}", "verdict: expected none"),
        ("server: {exit: 1}", "exit code: expected 1"),
        ("server: {required: [{event: credential, bytes: {at-least: 4}}]}", "at-least"),
        ("attested: false", "'peer_attested': 'none'"),
    ],
)
def test_the_story_itself_requires_and_forbids(tmp_path: Path, block: str, complaint: str) -> None:
    text = COMPLETE.replace("{outcome: complete}", "\n  outcome: complete\n  " + block)
    found = compare(case_of(tmp_path, text), observed(False))
    assert [d for d in found if complaint in str(d)], found


@pytest.mark.parametrize(
    "pattern, value, expected",
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"b": 2}, False),
        ({"a": {"one-of": [1, 2]}}, {"a": 2}, True),
        ({"a": {"one-of": [1, 2]}}, {"a": 3}, False),
        ({"a": {"exactly": {}}}, {"a": {}}, True),
        ({"a": {"exactly": {}}}, {"a": {"b": 1}}, False),
        ({"a": {}}, {"a": {"b": 1}}, True),
        ({"a": {"matches": "^f"}}, {"a": "fw"}, True),
        ({"a": {"matches": "^f"}}, {"a": 1}, False),
        ({"a": {"at-least": 1}}, {"a": 1}, True),
        ({"a": {"at-least": 1, "at-most": 2}}, {"a": 3}, False),
        ({"a": {"at-least": 0}}, {"a": True}, False),
        ([1, 2], [1, 2], True),
        ([1], [1, 2], False),
        ({"a": None}, {"a": None}, True),
        ({"a": 1}, 1, False),
    ],
)
def test_patterns(pattern: Any, value: Any, expected: bool) -> None:
    assert matches(pattern, value) is expected


BAD_EVENTS: list[tuple[str, dict[str, Any], str]] = [
    ("client", {"event": "ready"}, "'address' is a required property"),
    ("client", {"event": "no-such"}, "unknown event"),
    ("device", {"event": "handshake", "conn": 1}, "unknown event"),
    ("client", {"event": "connection", "conn": 0}, "less than the minimum"),
    ("client", {"event": "connection", "conn": 1, "more": 1}, "'more' does not match"),
    ("client", {"event": "challenge", "conn": 1, "direction": "sent", "nonce": "AB"}, "match"),
    ("client", {"event": "challenge", "conn": 1, "direction": "up", "nonce": "ab"}, "'up'"),
    ("client", {"event": "closed", "conn": 1, "outcome": "maybe"}, "'maybe'"),
    (
        "server",
        {"event": "verdict", "conn": 1, "tier": "affirming", "accepted": True, "reason": "fine"},
        "'fine' is not one of",
    ),
    (
        "server",
        {"event": "handshake", "conn": 1, "outcome": "complete", "reason": "ok", "alert": None},
        "is a required property",
    ),
    ("verifier", {"event": "session", "session": "1"}, "'nonce' is a required property"),
    ("device", {"event": "boot", "components": [{}], "lifecycle": "secured"}, "required property"),
    ("client", {"event": "connection", "conn": 1, "who": "server"}, "who is 'server'"),
]


@pytest.mark.parametrize("who, fields, complaint", BAD_EVENTS, ids=range(len(BAD_EVENTS)))
def test_events_against_the_schema(who: str, fields: dict[str, Any], complaint: str) -> None:
    problem = check_event({"t": 0.0, "who": who, **fields}, who)
    assert problem is not None and complaint in problem


def test_time_does_not_go_back_and_alerts_have_their_codes() -> None:
    connection = {"who": "client", "event": "connection", "conn": 1}
    later = [{"t": 2.0, **connection}, {"t": 1.0, **connection}]
    assert "t goes back" in check_stream(later, "client")[0]
    alert = {"direction": "sent", "code": 1, "name": "decode_error"}
    failed = {"event": "handshake", "conn": 1, "outcome": "failed", "reason": "internal"}
    line = {"t": 0.0, "who": "client", **failed, "alert": alert}
    assert "decode_error has the code 1" in check_stream([line], "client")[0]
    assert contract().alerts["attestation_failed"] == 226


def test_a_peers_own_fields_are_its_own() -> None:
    line = {"t": 0.0, "who": "client", "event": "connection", "conn": 1, "x_stack": "mine"}
    assert check_event(line, "client") is None

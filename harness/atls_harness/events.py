# SPDX-License-Identifier: Apache-2.0
"""What the parties said: events, one JSON object a line, held to the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable, Mapping

from .document import first_problem, load_schema
from .errors import ContractError
from .paths import EVENT_SCHEMA

Event = Mapping[str, Any]

ALERT_CODES = {
    "close_notify": 0,
    "unexpected_message": 10,
    "handshake_failure": 40,
    "bad_certificate": 42,
    "unsupported_certificate": 43,
    "certificate_expired": 45,
    "certificate_unknown": 46,
    "illegal_parameter": 47,
    "unknown_ca": 48,
    "access_denied": 49,
    "decode_error": 50,
    "decrypt_error": 51,
    "protocol_version": 70,
    "internal_error": 80,
    "missing_extension": 109,
    "unsupported_extension": 110,
    "certificate_required": 116,
    "unsupported_evidence": 224,
    "unsupported_verifiers": 225,
    "attestation_failed": 226,
    "unsupported_attestation_schemes": 227,
    "attestation_required": 228,
}


def read_events(path: Path, complete: bool = True) -> list[Event]:
    """The events in a file. Of a file that is still written (not COMPLETE), whole lines only."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    lines = text.split("\n")
    rest = lines.pop()
    if rest and complete:
        raise ContractError(f"{path.name}: the last line is not ended by a newline: {rest!r}")
    events: list[Event] = []
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
        except ValueError as problem:
            raise ContractError(f"{path.name}:{number}: not JSON: {problem}: {line!r}") from problem
        if not isinstance(event, dict):
            raise ContractError(f"{path.name}:{number}: not an object: {line!r}")
        events.append(event)
    return events


def check_event(event: Event, who: str) -> str | None:
    """What is wrong with an event of the party WHO against the schema, or None."""
    name = event.get("event")
    if event.get("who") != who:
        return f"event {name!r}: who is {event.get('who')!r}, expected {who!r}"
    kind = f"{'endpoint' if who in ('client', 'server') else who}.{name}"
    if kind not in load_schema(EVENT_SCHEMA)["$defs"]:
        return f"unknown event {name!r} of a {who}"
    problem = first_problem(event, EVENT_SCHEMA, kind)
    if problem is None:
        return None
    where = ".".join(str(part) for part in problem.absolute_path)
    return f"event {name!r}: {where + ': ' if where else ''}{problem.message}"


def check_stream(events: Iterable[Event], who: str) -> list[str]:
    """Everything that is wrong with a party's events: schema, order in time."""
    problems = []
    last = 0.0
    for event in events:
        problem = check_event(event, who)
        if problem is not None:
            problems.append(problem)
            continue
        if event["t"] < last:
            problems.append(f"event {event['event']!r}: t goes back from {last} to {event['t']}")
        last = event["t"]
        alert = event.get("alert")
        if alert is not None and ALERT_CODES.get(alert["name"], alert["code"]) != alert["code"]:
            problems.append(f"alert {alert['name']} has the code {alert['code']}")
    return problems


def select(events: Iterable[Event], name: str, /, **fields: Any) -> list[Event]:
    """The events with a name and with these values."""
    return [
        event
        for event in events
        if event.get("event") == name and all(event.get(k) == v for k, v in fields.items())
    ]

# SPDX-License-Identifier: Apache-2.0
"""What the parties said: events, one JSON object a line, held to the schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Iterable, Mapping

from . import untrusted
from .contract import contract
from .document import first_problem, load_schema, where_of
from .errors import ContractError
from .paths import EVENT_SCHEMA
from .untrusted import cut, quoted

Event = Mapping[str, Any]
LINE_MAX = 1 << 20  # bytes; an extension of 64 KiB in hexadecimal is an eighth of it
EVENTS_MAX = 200_000  # of a party
PROBLEMS_MAX = 20


def read_events(path: Path, complete: bool = True) -> list[Event]:
    """The events in a file. Of a file that is still written (not COMPLETE), whole lines only.
    ContractError for the first thing that is wrong with it."""
    events, problems = scan(path, complete)
    if problems:
        raise ContractError(problems[0])
    return events


def scan(path: Path, complete: bool = True) -> tuple[list[Event], list[str]]:
    """The events that can be read in a file, and what is wrong with the rest of it."""
    try:
        data = untrusted.read(path)
    except FileNotFoundError:
        return [], []
    except ContractError as problem:
        return [], [str(problem)]
    events: list[Event] = []
    problems: list[str] = []
    for number, whole in enumerate(io.BytesIO(data), 1):
        raw = whole.removesuffix(b"\n")
        if raw == whole:
            if complete:
                why = "the last line is not ended by a newline"
                problems.append(f"{path.name}:{number}: {why}: {quoted(raw)}")
            break
        if number > EVENTS_MAX or len(problems) >= PROBLEMS_MAX:
            problems.append(f"{path.name}:{number}: from here on nothing is read")
            return events, problems
        try:
            if len(raw) > LINE_MAX:
                raise ValueError(f"the line has {len(raw)} bytes, expected at most {LINE_MAX}")
            event = untrusted.parse(raw.decode("utf-8"))
            if not isinstance(event, dict):
                raise ValueError("not an object")
        except UnicodeDecodeError as problem:
            where = f"byte {problem.start + 1} of the line is 0x{raw[problem.start]:02x}"
            problems.append(f"{path.name}:{number}: not UTF-8: {where}: {quoted(raw)}")
        except json.JSONDecodeError as problem:
            why = f"{problem.msg} at column {problem.colno}"
            problems.append(f"{path.name}:{number}: not JSON: {why}: {quoted(raw)}")
        except ValueError as problem:
            problems.append(f"{path.name}:{number}: not an event: {problem}: {quoted(raw)}")
        else:
            events.append(event)
    return events, problems


def check_event(event: Event, who: str) -> str | None:
    """What is wrong with an event of the party WHO against the schema, or None."""
    name = event.get("event")
    if event.get("who") != who:
        return f"event {quoted(name)}: who is {quoted(event.get('who'))}, expected {who!r}"
    kind = f"{'endpoint' if who in ('client', 'server') else who}.{name}"
    if kind not in load_schema(EVENT_SCHEMA)["$defs"]:
        return f"unknown event {quoted(name)} of a {who}"
    problem = first_problem(event, EVENT_SCHEMA, kind)
    if problem is None:
        return None
    where = where_of(problem)
    words = cut(problem.message, 2 * untrusted.QUOTE_MAX)
    return f"event {name!r}: {cut(where) + ': ' if where else ''}{words}"


def sound(events: Iterable[Event], who: str) -> tuple[list[Event], list[str]]:
    """The events of a party that are what the schema says, so that nobody behind has to ask, and
    everything that is wrong with the others, with the order in time, and with names of alerts."""
    problems: list[str] = []
    good: list[Event] = []
    last = 0.0
    for event in events:
        problem = check_event(event, who)
        if problem is not None:
            problems.append(problem)
            continue
        good.append(event)
        if event["t"] < last:
            problems.append(f"event {event['event']!r}: t goes back from {last} to {event['t']}")
        last = event["t"]
        alert = event.get("alert")
        if (
            alert is not None
            and contract().alerts.get(alert["name"], alert["code"]) != alert["code"]
        ):
            problems.append(f"alert {cut(alert['name'], 60)} has the code {alert['code']}")
    if len(problems) > PROBLEMS_MAX:
        more = len(problems) - PROBLEMS_MAX
        problems[PROBLEMS_MAX:] = [f"and {more} more that are wrong with its events"]
    return good, problems


def check_stream(events: Iterable[Event], who: str) -> list[str]:
    """Everything that is wrong with a party's events."""
    return sound(events, who)[1]


def select(events: Iterable[Event], name: str, /, **fields: Any) -> list[Event]:
    """The events with a name and with these values."""
    return [
        event
        for event in events
        if event.get("event") == name and all(event.get(k) == v for k, v in fields.items())
    ]

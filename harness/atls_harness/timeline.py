# SPDX-License-Identifier: Apache-2.0
"""What happened in a case, in order: the events of all parties on one clock, without the bytes.

A party counts seconds from its own start, which the harness knows only from below: it started the
process a little earlier. So each party's clock is set to that moment, and then moved forward, by as
little as will do, until nothing is received before it was sent. That is enough to read the order of
things, and the times to about a millisecond.

An entry names its party and event, keeps the short fields of the event, and where another party saw
the other end of the same message, both entries carry the same number in `pair`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Iterator

from .events import Event
from .parties import Observation, Party

Entry = dict[str, Any]
End = tuple[str, float]  # a party, and a time on its clock
Pairs = dict[tuple[str, int], int]
Order = list[tuple[End, End]]
HARNESS = ""  # as a party: its clock is that of the case
ENTRIES_MAX = 80
TEXT_MAX = 60
NUMBER_MAX = 1 << 53
TIME_MAX = 1e6  # seconds; more is a party's mistake
PASSES_MAX = 100
STEP = 1e-6  # what lies at least between cause and effect, in seconds
# Of no interest in a picture: they say where things are, or repeat what others say.
SKIPPED = ("ready", "connection", "endorsed")
LEFT_OUT = {"t", "who", "event", "file", "sha256", "session", "signed_with", "verified_with"}
LEFT_OUT |= {"clause", "detail", "diagnosis", "mismatches", "seconds", "random", "key_shares"}
MESSAGES = ("offer", "selected", "credential", "application-data", "handshake", "authenticator")
# Written when the message has gone, or when it has been dealt with: of no use to set a clock by.
LATE = ("selected",)
# What the device did must be done before the endpoint says this.
KEY_USE = {
    "create-key": "credential sent",
    "attest-key": "credential sent",
    "attest-prototype": "credential sent",
    "sign": "handshake",
}
HEX = re.compile(r"[0-9a-f]{33,}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make(seen: Observation) -> dict[str, Any]:
    """The timeline of a case, as results.json has it."""
    parties = [party for party in seen.parties.values() if party.events]
    pairs = pair(parties)
    sure, likely = causes(parties, pairs)
    offsets = align(parties, sure + likely) or align(parties, sure)
    offsets = offsets or {party.name: party.started for party in parties}
    made: list[Entry] = []
    for party, index in merge(parties, pairs, offsets):
        event = party.events[index]
        name = event.get("event")
        if not isinstance(name, str) or name in SKIPPED:
            continue
        time = round(_time(event) + offsets[party.name], 5)
        entry: Entry = {"t": max(time, made[-1]["t"]) if made else time}
        entry.update({"party": party.name, "event": _text(name)}, **short(event))
        if name == "fault" and isinstance(event.get("detail"), str):
            entry["detail"] = _text(event["detail"])
        if (party.name, index) in pairs:
            entry["pair"] = pairs[party.name, index]
        made.append(entry)
    return {
        "started": {name: round(offset, 5) for name, offset in offsets.items()},
        "events": made[:ENTRIES_MAX],
        "left_out": max(0, len(made) - ENTRIES_MAX),
    }


def short(event: Event) -> Entry:
    """The fields of an event that a picture can show."""
    made: Entry = {}
    for key, value in event.items():
        if key in LEFT_OUT:
            continue
        if key == "extensions" and isinstance(value, Mapping):
            made[key] = [_text(str(name)) for name in value]
        elif key == "components" and isinstance(value, list):
            made[key] = [_text(str(one.get("type"))) for one in value if isinstance(one, Mapping)]
        elif key == "alert" and isinstance(value, Mapping):
            made[key] = {name: value.get(name) for name in ("direction", "code", "name")}
        elif isinstance(value, str):
            made[key] = _text(value)
        elif isinstance(value, (bool, int, float)) and abs(value) < NUMBER_MAX:
            made[key] = value
    return made


def _text(text: str) -> str:
    text = HEX.sub(lambda found: found.group()[:16] + "…", UUID.sub("{id}", text))
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _time(event: Event) -> float:
    time = event.get("t")
    return float(time) if isinstance(time, (int, float)) and 0 <= time < TIME_MAX else 0.0


def _content(event: Event) -> Any:
    """What both ends of a message must have in common."""
    for field in ("sha256", "text", "nonce"):
        if field in event:
            return event[field]
    if event.get("event") == "handshake":
        alert = event.get("alert")
        return alert.get("code") if isinstance(alert, Mapping) else None
    extensions = event.get("extensions")
    return (
        str(sorted(extensions.items())) if isinstance(extensions, Mapping) else event.get("bytes")
    )


def _direction(event: Event) -> Any:
    alert = event.get("alert")
    return alert.get("direction") if isinstance(alert, Mapping) else event.get("direction")


def pair(parties: list[Party]) -> Pairs:
    """The two ends of each message have the same number; by party and index of the event."""
    numbers: Pairs = {}
    for receiver in parties:
        for index, event in enumerate(receiver.events):
            found = _sent(parties, receiver, event, numbers)
            if found is not None:
                numbers[receiver.name, index] = numbers[found] = len(numbers) // 2 + 1
    return numbers


def _sent(
    parties: list[Party], receiver: Party, event: Event, taken: Pairs
) -> tuple[str, int] | None:
    """The event of the other side that sent what EVENT says was received, unless TAKEN."""
    name = event.get("event")
    if name not in MESSAGES or _direction(event) != "received":
        return None
    for sender in parties:
        if {sender.who, receiver.who} != {"client", "server"}:
            continue
        for index, one in enumerate(sender.events):
            if (
                one.get("event") == name
                and _direction(one) == "sent"
                and (sender.name, index) not in taken
                and _content(one) == _content(event)
            ):
                return sender.name, index
    return None


def causes(parties: list[Party], pairs: Pairs) -> tuple[Order, Order]:
    """What came before what, at two parties: surely, and where nobody plays tricks."""
    sure, likely = _messages(parties, pairs), Order()
    devices: dict[tuple[str, str], list[End]] = {}
    sessions: dict[str, tuple[str, End]] = {}
    appraised: dict[str, End] = {}
    for party in parties:
        for event in party.events:
            end = (party.name, _time(event))
            name = str(event.get("event"))
            if name == "request" and party.who == "device":
                key = (party.name, str(event.get("operation")))
                devices.setdefault(key, []).append(end)
            elif name == "session":
                sessions[str(event.get("nonce"))] = (str(event.get("session")), end)
            elif name == "appraisal":
                appraised[str(event.get("session"))] = end
    endpoints = [party for party in parties if party.who in ("client", "server")]
    first = min((party.started for party in endpoints), default=0.0)
    sure += [((HARNESS, first), end) for _, end in sessions.values()]
    for party in endpoints:
        asked = {name: devices.get((f"{party.name}-device", name), []) for name in KEY_USE}
        for ends in asked.values():
            sure += [((HARNESS, party.started), end) for end in ends]
        wanted = ""
        seen: set[str] = set()
        for event in party.events:
            end = (party.name, _time(event))
            name = f"{event.get('event')} {event.get('direction', '')}".strip()
            if name == "challenge sent" and str(event.get("nonce")) in sessions:
                wanted, made = sessions[str(event.get("nonce"))]
                sure.append((made, end))
            elif name == "credential received" and wanted in appraised:
                likely.append((end, appraised[wanted]))
            elif name == "result" and _appraised_now(event) and wanted in appraised:
                sure.append((appraised[wanted], end))
                wanted = ""
            elif name in ("challenge received", "challenge computed") and name not in seen:
                likely += [
                    (end, last) for last in (asked["attest-key"] + asked["attest-prototype"])[-1:]
                ]
            for operation, user in KEY_USE.items():
                if user == name and name not in seen:
                    sure += [(one, end) for one in asked[operation][:1]]
            seen.add(name)
        own = [end for nonce, (_, end) in sessions.items() if nonce not in _challenges(endpoints)]
        if len(own) == 1 and not seen & {"challenge received", "challenge computed"}:
            likely += [
                (own[0], last) for last in (asked["attest-key"] + asked["attest-prototype"])[-1:]
            ]
    return sure, likely


def _appraised_now(event: Event) -> bool:
    """Is it a relying party's result, and not an attester's own, from before or from its cache?"""
    return event.get("conn") != 0 and event.get("source") == "verifier"


def _challenges(endpoints: list[Party]) -> set[str]:
    """The nonces that endpoints sent to each other."""
    return {
        str(event.get("nonce"))
        for party in endpoints
        for event in party.events
        if event.get("event") == "challenge"
    }


def _messages(parties: list[Party], pairs: Pairs) -> Order:
    """Nothing is received before it was sent; an alert, not before what the sender said last."""
    sent: dict[int, End] = {}
    received: dict[int, End] = {}
    for party in parties:
        for index, event in enumerate(party.events):
            number = pairs.get((party.name, index))
            if number is None or event.get("event") in LATE:
                continue
            said = event
            if event.get("event") == "handshake" and _direction(event) == "sent" and index > 0:
                said = party.events[index - 1]
            ends = sent if _direction(event) == "sent" else received
            ends[number] = (party.name, _time(said))
    return [(sent[number], received[number]) for number in sent if number in received]


def align(parties: list[Party], order: Order) -> dict[str, float] | None:
    """When each party's clock began, in seconds since the case did; None where no clocks fit."""
    offsets = {party.name: party.started for party in parties}
    offsets[HARNESS] = 0.0
    for _ in range(PASSES_MAX):
        moved = False
        for (before, sent), (after, received) in order:
            least = offsets[before] + sent - received + STEP
            if least > offsets[after] + STEP / 10:
                offsets[after] = least
                moved = True
        if not moved:
            del offsets[HARNESS]
            return offsets
    return None


def merge(
    parties: list[Party], pairs: Pairs, offsets: Mapping[str, float]
) -> Iterator[tuple[Party, int]]:
    """All events by time; of a message that was sent and received at once, the sending first."""
    following = {party.name: 0 for party in parties}
    gone: set[int] = set()

    def urgency(party: Party) -> tuple[bool, float]:
        index = following[party.name]
        event = party.events[index]
        number = pairs.get((party.name, index))
        waits = number is not None and _direction(event) == "received" and number not in gone
        return waits, _time(event) + offsets[party.name]

    while True:
        left = [party for party in parties if following[party.name] < len(party.events)]
        if not left:
            return
        party = min(left, key=urgency)
        index = following[party.name]
        number = pairs.get((party.name, index))
        if number is not None:
            gone.add(number)
        following[party.name] += 1
        yield party, index


# What of each party is told in a story, in the order in which one party can come to it.
TOLD = ("appraisal", "verdict", "handshake")


def told(case: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """What the parties of a case of results.json came to (party, kind, event), each after what led
    to it: as in its timeline. What that has left out, or a case without one, comes by party, last.
    """
    left = {
        (party, kind): list(entry.get(kind, []))
        for party, entry in case["observed"].items()
        for kind in TOLD
    }
    for entry in (case.get("timeline") or {}).get("events", []):
        events = left.get((entry["party"], entry["event"]))
        if events:
            yield entry["party"], entry["event"], events.pop(0)
    for (party, kind), events in left.items():
        for event in events:
            yield party, kind, event

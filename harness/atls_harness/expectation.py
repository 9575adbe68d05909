# SPDX-License-Identifier: Apache-2.0
"""Was it so? What a case expects, against what was observed.

A story says little ("refused by the relying party, for this reason, with this alert"); this module
makes it into what must be seen at both sides, and adds what must hold in every case whatever the
story says: events against the schema, both sides agreeing on the bytes, and no relying party that
goes on without a verdict. Each difference belongs to one of two columns: did the peers conform on
the wire, and did they withstand what was done to them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Sequence

from . import bindings
from .errors import ContractError
from .events import Event, select
from .parties import Observation, Party, credentials_in
from .process import UNSUPPORTED
from .scenario import SIDES, Case, other
from .untrusted import read

# What is observed there is a sentence of its own.
SENTENCES = ("course", "contract", "binding")
HEX_DIGEST = re.compile("[0-9a-f]{64}")
CONFORMS, WITHSTOOD = "conforms", "withstood"
BEGUN = ("ready", "connection")  # whoever has said one of these supports what it was asked
# Faults whose very point is that the peer gets something else than was meant for it.
CHANGES = {
    "challenge": ("nonce-length",),
    "credential": ("empty-certificate", "entry-payload"),
}


@dataclass(frozen=True)
class Difference:
    """One thing that is not as expected."""

    party: str
    what: str
    expected: Any
    observed: Any
    column: str = CONFORMS

    def __str__(self) -> str:
        if self.what in SENTENCES:
            named = self.party == "case" or str(self.observed).startswith(self.party)
            return str(self.observed) if named else f"{self.party}: {self.observed}"
        return f"{self.party}: {self.what}: expected {self.expected}, observed {self.observed}"


def matches(pattern: Any, value: Any) -> bool:
    """Does VALUE have what PATTERN names? Mappings are compared by the pattern's keys only."""
    if isinstance(pattern, Mapping):
        if "one-of" in pattern:
            return any(matches(one, value) for one in pattern["one-of"])
        if "exactly" in pattern:
            return bool(pattern["exactly"] == value)
        if "matches" in pattern:
            return isinstance(value, str) and re.search(pattern["matches"], value) is not None
        if "at-least" in pattern or "at-most" in pattern:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return False
            low, high = pattern.get("at-least", value), pattern.get("at-most", value)
            return bool(low <= value <= high)
        return isinstance(value, Mapping) and all(
            key in value and matches(below, value[key]) for key, below in pattern.items()
        )
    if isinstance(pattern, list):
        return (
            isinstance(value, list)
            and len(pattern) == len(value)
            and all(matches(one, below) for one, below in zip(pattern, value))
        )
    return bool(pattern == value)


def expected_of(case: Case, who: str) -> list[Mapping[str, Any]]:
    """What the story says of a party, by role and by name."""
    expect = case.story["expect"]
    found = [
        block
        for role, block in expect.get("roles", {}).items()
        if who in SIDES and who in case.sides(role)
    ]
    return found + ([expect[who]] if who in expect else [])


def compare(case: Case, seen: Observation, alerts: Sequence[str] = ()) -> list[Difference]:
    """All differences of a case; an empty list is a pass. ALERTS: what the stack that must refuse
    sends instead, where it cannot choose."""
    found = contract(seen)
    for side in SIDES:
        for party in seen.of(side):
            found += _endpoint(case, party, side, alerts)
        found += _fails_closed(case, seen, side)
        found += _same_bytes(case, seen, side)
    found += _alerts_agree(seen)
    found += [
        Difference("case", "binding", "of one connection", text, WITHSTOOD)
        for text in bindings.violations(seen.parties.values())
    ]
    found += _named(case, seen)
    found += _mismatches(case, seen)
    if not case.refused:
        found += _nonces_from_verifier(case, seen)
        found += _attested_key_signed(case, seen)
    return found


def contract(seen: Observation) -> list[Difference]:
    """What is wrong whatever the story says: how programs ended, and what they wrote."""
    found = [Difference("case", "course", "to its end", text) for text in seen.problems]
    for party in seen.parties.values():
        late = said_too_late(party, seen)
        problems = [*party.problems, *([late] if late else [])]
        found += [Difference(party.name, "contract", "kept", problem) for problem in problems]
    return found


# Reasons for which a side ends a connection without having judged anything in it.
NOT_JUDGED = ["peer-alert", "peer-closed", "timeout", "internal", "device-unavailable"]
NOT_JUDGED += ["verifier-unreachable", "verifier-timeout", "verifier-error", "verifier-garbage"]
RECEIVED = ("credential", "authenticator")


def reached(case: Case, seen: Observation) -> bool:
    """Did the side that must refuse get as far as what it had to refuse, and refuse it? A verdict
    that does not accept says so, and a handshake that failed for the reason that is due; for
    another reason only where what was to be judged had come, and something was judged. A crash, a
    time-out or an alert of the peer before that is no merit."""
    expect = case.story["expect"]
    (side,) = case.sides(expect["by"])
    due = [expect["reason"]]
    due += [
        block["handshake"]["reason"]
        for block in expected_of(case, side)
        if "reason" in block.get("handshake", {})
    ]
    for party in seen.of(side):
        if select(party.events, "verdict", accepted=False):
            return True
        came = any(select(party.events, name, direction="received") for name in RECEIVED)
        for event in select(party.events, "handshake", outcome="failed"):
            if any(matches(reason, event["reason"]) for reason in due):
                return True
            if came and event["reason"] not in NOT_JUDGED:
                return True
    return False


def said_too_late(party: Party, seen: Observation) -> str:
    """Why a party's exit code 77 does not count: it had begun, or sent a packet; or ""."""
    if party.exit != UNSUPPORTED:
        return ""
    begun = [event["event"] for event in party.events if event["event"] in BEGUN]
    why = f"after its event `{begun[0]}`" if begun else ""
    if not why and party.who == "client":
        others = [one for one in seen.of("client") if one is not party]
        told = sum(len(select(one.events, "connection")) for one in others)
        came = sum(len(select(one.events, "connection")) for one in seen.of("server"))
        why = "after the server had its connection" if came > told else ""
    if not why:
        return ""
    return f"{party.name} ended with 77 (unsupported) {why}; the contract: before any packet"


def _first(events: list[Event], name: str) -> Any:
    found = select(events, name)
    return found[0] if found else None


def _implied(case: Case, side: str, alerts: Sequence[str]) -> dict[str, Any]:
    """The picture at one side that the story's outcome stands for."""
    expect = case.story["expect"]
    if not case.refused:
        attested = expect.get("attested", True)
        model, peer_model = case.model(side), case.model(other(side))
        return {
            "exit": 0,
            "closed": "complete",
            "handshake": {
                "outcome": "complete",
                "hrr": case.story.get("hrr", "none") != "none",
                "self_attested": model if attested else "none",
                "peer_attested": peer_model if attested else "none",
            },
        }
    refuses = [side] == case.sides(expect["by"])
    handshake: dict[str, Any] = {"outcome": "failed"}
    handshake["reason"] = expect["reason"] if refuses else "peer-alert"
    if expect.get("alert") == "none":
        handshake["alert"] = None
    elif "alert" in expect:
        direction = "sent" if refuses else "received"
        name = {"one-of": [expect["alert"], *alerts]} if alerts else expect["alert"]
        handshake["alert"] = {"direction": direction, "name": name}
    return {"exit": 1, "closed": "failed", "handshake": handshake}


def _saw_nothing(party: Party) -> list[Difference]:
    """A server whose client ended before it said hello."""
    return [
        Difference(party.name, "events", "no connection", event)
        for event in party.events
        if event["event"] not in ("ready", "result")
    ]


def _endpoint(case: Case, party: Party, side: str, alerts: Sequence[str]) -> list[Difference]:
    if side == "server" and not case.story["expect"].get("connected", True):
        return _saw_nothing(party)
    implied = _implied(case, side, alerts)
    exits = [block["exit"] for block in expected_of(case, side) if "exit" in block]
    wanted_exit = exits[-1] if exits else implied["exit"]
    found = []
    if party.exit != wanted_exit or party.stopped:
        observed = "stopped by the harness" if party.stopped else party.exit
        found.append(Difference(party.name, "exit code", wanted_exit, observed))
    pattern = dict(implied["handshake"])
    for block in expected_of(case, side):
        pattern.update(block.get("handshake", {}))
    handshakes = select(party.events, "handshake")
    if not handshakes:
        found.append(Difference(party.name, "handshake", pattern, "no handshake event"))
    for event in handshakes:
        if not matches(pattern, event):
            shown = {key: event.get(key) for key in pattern}
            shown["detail"] = event.get("detail", "")
            found.append(Difference(party.name, "handshake", pattern, shown))
    conns = [event["conn"] for event in handshakes]
    if len(set(conns)) != len(conns):
        found.append(Difference(party.name, "handshake", "once a connection", conns))
    for conn in conns:
        closed = _first(select(party.events, "closed", conn=conn), "closed")
        outcome = closed["outcome"] if closed else "no closed event"
        if outcome != implied["closed"]:
            found.append(Difference(party.name, f"closed {conn}", implied["closed"], outcome))
    if not case.refused:
        found += _both_spoke(party, conns)
    return found + _verdict(case, party, side)


def _both_spoke(party: Party, conns: Iterable[int]) -> list[Difference]:
    found = []
    for conn in conns:
        for direction in ("sent", "received"):
            lines = select(party.events, "application-data", conn=conn, direction=direction)
            if len(lines) != 1:
                what = f"application data {direction}"
                found.append(Difference(party.name, what, "one line", len(lines)))
    return found


def _verdict(case: Case, party: Party, side: str) -> list[Difference]:
    expect = case.story["expect"]
    verdicts = select(party.events, "verdict")
    pattern: Any = None
    if side in case.sides("relying-party"):
        if not case.refused:
            attested = expect.get("attested", True)
            tier = expect.get("tier", "affirming")
            pattern = {"accepted": True, "tier": tier, "reason": "ok"} if attested else "none"
            if tier != "affirming":
                pattern = {"accepted": True, "tier": tier}
        elif [side] == case.sides(expect["by"]) and "tier" in expect:
            pattern = {"accepted": False, "tier": expect["tier"], "reason": expect["reason"]}
    for block in expected_of(case, side):
        if "verdict" in block:
            pattern = block["verdict"]
    if pattern is None:
        return []
    if pattern == "none":
        return [Difference(party.name, "verdict", "none", v) for v in verdicts]
    if not verdicts:
        return [Difference(party.name, "verdict", pattern, "no verdict event")]
    return [
        Difference(party.name, "verdict", pattern, event)
        for event in verdicts
        if not matches(pattern, event)
    ]


def _fails_closed(case: Case, seen: Observation, side: str) -> list[Difference]:
    """No relying party that requires attestation goes on without an accepted verdict."""
    found = []
    for party in seen.of(side):
        if side not in case.sides("relying-party"):
            if case.refused:
                found += _nothing_got(case, party)
            continue
        flags = case.flags(side)
        if flags.get("policy", "required") != "required" or flags.get("relying-party") == "none":
            continue
        accepted: set[int] = set()
        for event in party.events:
            name, conn = event.get("event"), event.get("conn", 0)
            if name == "verdict" and event.get("accepted"):
                accepted.add(conn)
            goes_on = name == "application-data" or (
                name == "handshake" and event.get("outcome") == "complete"
            )
            if goes_on and conn not in accepted:
                wanted = "nothing without an accepted verdict"
                found.append(Difference(party.name, str(name), wanted, event, WITHSTOOD))
        if case.refused and [side] == case.sides(case.story["expect"]["by"]):
            verdicts = select(party.events, "verdict")
            if int(flags.get("reattest", 0)) > 0:
                # Of several rounds the last is the refused one, which may have brought nothing.
                asked = select(party.events, "authenticator", direction="sent", message="request")
                verdicts = verdicts[max(len(asked), len(verdicts)) - 1 :]
            found += [
                Difference(party.name, "verdict", "none accepted", event, WITHSTOOD)
                for event in select(verdicts, "verdict", accepted=True)
            ]
    if case.refused and any(
        select(party.events, "handshake", outcome="complete")
        for party in seen.of(side)
        if [side] == case.sides(case.story["expect"]["by"])
    ):
        found.append(Difference(side, "handshake", "refused", "complete", WITHSTOOD))
    return found


def _nothing_got(case: Case, party: Party) -> list[Difference]:
    """Who was refused has received no application data."""
    return [
        Difference(party.name, "application data", "none received", event["text"], WITHSTOOD)
        for event in select(party.events, "application-data", direction="received")
    ]


def _same_bytes(case: Case, seen: Observation, side: str) -> list[Difference]:
    """What SIDE received is what the other sent, unless they read a message differently."""
    found = []
    senders = [party for party in seen.of(other(side))]
    for party in seen.of(side):
        for name, field in (("challenge", "nonce"), ("credential", "sha256")):
            sent = [
                event.get(field)
                for sender in senders
                for event in select(sender.events, name, direction="sent")
            ]
            faults = [fault for p in senders for fault in select(p.events, "fault")]
            changed = any(fault["name"] in CHANGES[name] for fault in faults)
            changed = changed or bool(case.scenario.ambiguity)
            for event in select(party.events, name, direction="received"):
                if event.get(field) not in sent and not changed:
                    what = f"{name} received"
                    found.append(Difference(party.name, what, sent, event.get(field)))
        for name in ("offer", "selected"):
            offered = [
                event["extensions"]
                for sender in senders
                for event in select(sender.events, name, direction="sent")
            ]
            for event in select(party.events, name, direction="received"):
                if not offered and not event["extensions"]:
                    continue  # a stack that cannot see its hellos, and nothing in them
                if not any(matches(event["extensions"], one) for one in offered):
                    what = f"{name} received"
                    found.append(Difference(party.name, what, offered, event["extensions"]))
        for event, path in credentials_in(party) if "--artifacts" in party.argv else []:
            digest = _digest(path)
            if digest != event.get("sha256", digest) or not HEX_DIGEST.fullmatch(digest):
                what = f"artifact {path.name}"
                found.append(Difference(party.name, what, event.get("sha256"), digest))
    return found


def _digest(path: Path) -> str:
    """SHA-256 of an artifact, or what is there in its place."""
    try:
        return hashlib.sha256(read(path)).hexdigest()
    except FileNotFoundError:
        return "no file"
    except ContractError as problem:
        return str(problem)


def _alerts_agree(seen: Observation) -> list[Difference]:
    clients, servers = seen.of("client"), seen.of("server")
    if len(clients) != 1 or len(servers) != 1:
        return []
    alerts = {}
    for party in (clients[0], servers[0]):
        events = select(party.events, "handshake")
        if len(events) != 1 or not events[0].get("alert"):
            return []
        alerts[events[0]["alert"]["direction"]] = (party, events[0]["alert"])
    if set(alerts) != {"sent", "received"}:
        directions = [alert["direction"] for _, alert in alerts.values()]
        return [Difference("case", "alert", "sent by one side, received by the other", directions)]
    party, received = alerts["received"]
    sent = alerts["sent"][1]
    if received["code"] != sent["code"]:
        return [Difference(party.name, "alert received", sent["code"], received["code"])]
    return []


def _named(case: Case, seen: Observation) -> list[Difference]:
    """The events that the story itself requires or forbids."""
    found = []
    groups = {side: [e for p in seen.of(side) for e in p.events] for side in SIDES}
    for name in ("verifier", "other-verifier"):
        if name in seen.parties:
            groups[name] = seen.parties[name].events
    groups["device"] = [
        e for name, p in seen.parties.items() if p.who == "device" for e in p.events
    ]
    for who, events in groups.items():
        for block in expected_of(case, who):
            for pattern in block.get("required", []):
                wanted = pattern.get("count", {"at-least": 1})
                fields = {key: value for key, value in pattern.items() if key != "count"}
                count = sum(matches(fields, event) for event in events)
                if not matches(wanted, count):
                    alike = select(events, pattern["event"])
                    what = f"{wanted if 'count' in pattern else 'at least one'} of {fields}"
                    found.append(Difference(who, "events", what, alike or "no such event"))
            for pattern in block.get("forbidden", []):
                found += [
                    Difference(who, "events", f"none of {pattern}", event)
                    for event in events
                    if matches(pattern, event)
                ]
    return found


def _mismatches(case: Case, seen: Observation) -> list[Difference]:
    """The components that are said not to match are those of the story, measured as they are."""
    wanted = case.story["expect"].get("mismatches")
    if wanted is None:
        return []
    measured: dict[str, set[str]] = {}
    for party in seen.of("device"):
        for boot in select(party.events, "boot"):
            for component in boot["components"]:
                measured.setdefault(component["type"], set()).add(component["value"])
    found = []
    groups = {side: seen.of(side) for side in case.sides(case.story["expect"].get("by", "client"))}
    groups["verifier"] = seen.of("verifier")
    for who, parties in groups.items():
        name = "appraisal" if who == "verifier" else "verdict"
        events = [event for party in parties for event in select(party.events, name)]
        if not any("mismatches" in event for event in events):
            found.append(Difference(who, "mismatches", wanted, f"no {name} with mismatches"))
        for event in events:
            entries = event.get("mismatches", [])
            names = [entry["component"] for entry in entries]
            if sorted(names) != sorted(wanted):
                found.append(Difference(who, "components that do not match", wanted, names))
            for entry in entries:
                values = measured.get(entry["component"], set())
                if entry["measured"] not in values:
                    what = f"measured value of {entry['component']}"
                    found.append(Difference(who, what, sorted(values), entry["measured"]))
    return found


def _nonces_from_verifier(case: Case, seen: Observation) -> list[Difference]:
    """A background-check relying party's challenge is a nonce of a verifier."""
    found = []
    nonces = {
        event["nonce"] for party in seen.of("verifier") for event in select(party.events, "session")
    }
    for side in SIDES:
        if case.model(other(side)) != "background-check":
            continue
        for party in seen.of(side):
            for event in select(party.events, "challenge", direction="sent"):
                if event["nonce"] not in nonces:
                    what = "challenge sent"
                    found.append(Difference(party.name, what, sorted(nonces), event["nonce"]))
    return found


def _attested_key_signed(case: Case, seen: Observation) -> list[Difference]:
    """The key that a relying party verified with is the one its peer signed with."""
    found = []
    for side in SIDES:
        verified = _keys(seen, side, "verified_with")
        signed = _keys(seen, other(side), "signed_with")
        if case.attests(other(side)) and case.story["expect"].get("attested", True):
            if not verified or not signed:
                where = f"{side}'s verified_with, {other(side)}'s signed_with"
                found.append(Difference(side, "attested key", f"in {where}", "missing"))
        if verified and signed and sorted(verified) != sorted(signed):
            found.append(Difference(side, "key of CertificateVerify", signed, verified))
    return found


def _keys(seen: Observation, side: str, field: str) -> list[str]:
    return [
        str(event[field])
        for party in seen.of(side)
        for event in select(party.events, "handshake", outcome="complete")
        if event.get(field)
    ]

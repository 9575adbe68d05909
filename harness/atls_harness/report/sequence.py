# SPDX-License-Identifier: Apache-2.0
"""The sequence diagram of a case, laid out: a lane for each party, a row for each thing done.

It is made from the timeline of results.json, which has the events of all parties on one clock. Rows
are evenly spaced, since what matters is the order; the time stands at the left. An arrow is dashed
where only one end of it was reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Mapping

from .values import BAD, NONE, OK, WARN, listed, mapping, number, text

TOP, ROW, LEFT, EDGE = 46, 27, 52, 62
LETTER = 6.3  # the width of a letter, about
NEAR, FAR = 150, 400  # from a device or verifier to its neighbour, from client to server
LABEL_MAX = 58
SENDS = {
    "offer": "ClientHello",
    "selected": "EncryptedExtensions",
    "credential": "Certificate",
    "application-data": "application data",
}
SILENT = ("closed", "session", "challenge received")
VERIFIER_CALLS = {
    ("POST", "newSession"): "new session",
    ("POST", "{id}"): "evidence",
    ("DELETE", "{id}"): "end of session",
    ("GET", "verification"): "discovery",
    ("GET", "{id}"): "asks for the result",
}


@dataclass(frozen=True)
class Lane:
    """A party."""

    name: str
    x: int


@dataclass(frozen=True)
class Step:
    """A row: an arrow from x to x2, or (x2 is None) a note at x."""

    y: int
    time: str
    x: int
    x2: int | None
    label: str
    label_x: float
    width: float
    tone: str
    dashed: bool = False


@dataclass(frozen=True)
class Diagram:
    """A drawing, in units of a pixel."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    left_out: int


def _place(name: str) -> tuple[int, str]:
    """Where a party stands, from left to right."""
    if name.endswith("device"):
        return (0 if name.startswith("client") else 3), name
    if name.startswith("client"):
        return 1, name
    return (2 if name.startswith("server") else 4), name


def lanes_of(names: set[str]) -> tuple[tuple[Lane, ...], int]:
    """The lanes, and the width of it all."""
    made: list[Lane] = []
    x = LEFT + EDGE
    before: int | None = None
    for name in sorted(names, key=_place):
        place = _place(name)[0]
        if before is not None:
            x += FAR if (before, place) == (1, 2) else NEAR
        made.append(Lane(name, x))
        before = place
    return tuple(made), x + EDGE


def draw(raw: Mapping[str, Any]) -> Diagram | None:
    """The diagram of a case, or None where nothing was recorded."""
    timeline = mapping(raw.get("timeline"))
    events = [mapping(event) for event in listed(timeline.get("events"))]
    events = [event for event in events if event.get("party") and event.get("event")]
    if not events:
        return None
    lanes, width = lanes_of({text(event["party"], 30) for event in events})
    drawing = _Drawing({lane.name: lane.x for lane in lanes}, width, asks(raw))
    pairs = Counter(map(_pair, events))
    drawing.paired = {pair for pair, count in pairs.items() if pair and count > 1}
    drawing.alike = Counter(map(_likeness, events))
    for event in events:
        drawing.add(event)
    left_out = int(number(timeline.get("left_out")))
    height = TOP + ROW * len(drawing.steps) + 12
    return Diagram(width, height, lanes, tuple(drawing.steps), left_out)


def _pair(event: Mapping[str, Any]) -> int:
    """The number that both ends of a message have, or 0."""
    pair = event.get("pair")
    return pair if isinstance(pair, int) else 0


def _likeness(event: Mapping[str, Any]) -> str:
    """What both ends of a message tell alike."""
    return text([event.get(name) for name in ("event", "direction", "kind", "bytes", "alert")])


def asks(raw: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Who may have asked the verifier for a session, and for anything at all.

    No event says so. In background check it is the relying party, with a passport the attester.
    """
    attested = mapping(raw.get("attested"))
    sessions, any_call = set(), set()
    for side, peer in (("client", "server"), ("server", "client")):
        model = attested.get(side, "none")
        if model == "none":
            continue
        sessions.add(peer if model == "background-check" else side)
        any_call.add(peer)
    return sessions, any_call | sessions


class _Drawing:
    """The rows, while they are made."""

    def __init__(self, x: Mapping[str, int], width: int, askers: tuple[set[str], set[str]]) -> None:
        self.x = x
        self.width = width
        self.askers = askers
        self.paired: set[int] = set()
        self.alike: Mapping[str, int] = {}
        self.steps: list[Step] = []

    def add(self, event: Mapping[str, Any]) -> None:
        """Draws an event, if it is to be seen."""
        who, name = text(event["party"], 30), text(event["event"], 30)
        direction = text(event.get("direction"))
        if name in SILENT or f"{name} {direction}" in SILENT:
            return
        if name == "request":
            self._request(event, who)
        elif name == "handshake":
            self._handshake(event, who)
        elif direction in ("sent", "received") and name != "challenge":
            self._message(event, who, _message_label(name, event), direction, NONE)
        else:
            label, tone = _note_label(name, event)
            if label:
                self._note(event, who, label, tone)

    def _peer(self, who: str) -> str:
        """The other end of a connection."""
        wanted = "server" if who.startswith("client") else "client"
        return next((name for name in self.x if name.startswith(wanted) and "-" not in name), who)

    def _message(
        self, event: Mapping[str, Any], who: str, label: str, direction: str, tone: str
    ) -> None:
        known = _pair(event) in self.paired
        if not known and event.get("event") not in SENDS:
            # Of a kind that the harness does not pair: two ends if both tell the same.
            other = "received" if direction == "sent" else "sent"
            known = self.alike.get(_likeness({**event, "direction": other}), 0) > 0
        if known and direction == "received":
            return
        ends = (who, self._peer(who)) if direction == "sent" else (self._peer(who), who)
        conn = event.get("conn")
        if isinstance(conn, int) and conn > 1:
            label = f"#{conn} {label}"
        self._arrow(event, ends, label, tone, not known)

    def _request(self, event: Mapping[str, Any], who: str) -> None:
        if "operation" in event:
            done = event.get("outcome") in (None, "done")
            label = text(event["operation"], 24) + (
                "" if done else f": {text(event['outcome'], 24)}"
            )
            owner = who.split("-")[0]
            ends = (owner if owner in self.x else who, who)
            self._arrow(event, ends, label, NONE if done else WARN, False)
            return
        method, path = text(event.get("method")), text(event.get("path"))
        last = path.rstrip("/").rpartition("/")[2]
        call = VERIFIER_CALLS.get((method, last), f"{method} {path}")
        status = event.get("status")
        good = isinstance(status, int) and status < 400
        label = call if good else f"{call}: {text(status)}"
        found = self.askers[1] if call == "discovery" else self.askers[0]
        (asker,) = found if len(found) == 1 else ("",)
        if asker in self.x:
            self._arrow(event, (asker, who), label, NONE if good else WARN, False)
        else:
            self._note(event, who, label, NONE if good else WARN)

    def _handshake(self, event: Mapping[str, Any], who: str) -> None:
        alert = mapping(event.get("alert"))
        if alert:
            label = f"alert {text(alert.get('name'))} ({text(alert.get('code'))})"
            self._message(event, who, label, text(alert.get("direction")), WARN)
        elif event.get("outcome") == "complete":
            self._note(event, who, "handshake complete", OK)
        else:
            self._note(event, who, f"failed: {text(event.get('reason'))}", WARN)

    def _row(self, event: Mapping[str, Any]) -> tuple[int, str]:
        y = TOP + ROW * len(self.steps) + 20
        return y, f"{number(event.get('t')) * 1000:.1f}"

    def _arrow(
        self, event: Mapping[str, Any], ends: tuple[str, str], label: str, tone: str, dashed: bool
    ) -> None:
        start, end = (self.x[name] for name in ends)
        if start == end:
            self._note(event, ends[0], label, tone)
            return
        label = _shortened(label)
        width = len(label) * LETTER
        y, time = self._row(event)
        tip = end - 3 if end > start else end + 3
        middle = self._inside((start + end) / 2, width)
        self.steps.append(Step(y, time, start, tip, label, middle, width, tone, dashed))

    def _note(self, event: Mapping[str, Any], who: str, label: str, tone: str) -> None:
        label = _shortened(label)
        width = len(label) * (LETTER + 0.4) + 14
        y, time = self._row(event)
        x = self.x[who]
        self.steps.append(Step(y, time, x, None, label, self._inside(x, width), width, tone))

    def _inside(self, x: float, width: float) -> float:
        """The middle of a text that must not leave the drawing."""
        return round(max(LEFT + width / 2, min(x, self.width - 4 - width / 2)), 1)


def _shortened(label: str) -> str:
    return label if len(label) <= LABEL_MAX else label[: LABEL_MAX - 1] + "…"


def _message_label(name: str, event: Mapping[str, Any]) -> str:
    label = SENDS.get(name, name)
    if name in ("offer", "selected"):
        names = [text(one) for one in listed(event.get("extensions"))]
        return f"{label}: {', '.join(names)}" if names else label
    if name == "application-data":
        return f"“{text(event.get('text'), 40)}”"
    words = []
    if event.get("form"):
        words.append(f"CMW {text(event['form'])}")
    if event.get("serialization"):
        words.append(text(event["serialization"]).upper())
    if "bytes" in event:
        words.append(f"{text(event['bytes'])} bytes")
    return f"{label}: {', '.join(words)}" if words else label


def _note_label(name: str, event: Mapping[str, Any]) -> tuple[str, str]:
    """The words and the tone of a note; no words where the event is not to be seen."""
    if name == "boot":
        parts = [text(one) for one in listed(event.get("components"))]
        return f"boot: {', '.join(parts[:4])}{'…' if len(parts) > 4 else ''}", NONE
    if name == "negotiated":
        what = text(event.get("evidence_type")) or text(event.get("verifier_id"))
        label = f"{text(event.get('model'))}, {what}" if what else text(event.get("model"))
        return (label if event.get("role") == "attester" else ""), NONE
    if name == "challenge":
        return f"challenge {text(event.get('nonce'))[:8]}…", NONE
    if name == "result":
        return f"result from {text(event.get('source'))}", NONE
    if name == "verdict":
        if event.get("accepted") is True:
            return f"accepted: {text(event.get('tier'))}", OK
        return f"refused: {text(event.get('reason'))}", WARN
    if name == "appraisal":
        status, reason = text(event.get("status")), text(event.get("reason"))
        good = status == "affirming"
        return f"{status}" if good or not reason else f"{status}: {reason}", OK if good else WARN
    if name == "fault":
        return f"fault: {text(event.get('name'))}", BAD
    return name, NONE

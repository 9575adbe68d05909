# SPDX-License-Identifier: Apache-2.0
"""The sequence diagram of an attack: a lane for each party, attackers included, a row for each
thing done. Made from the timeline of a play, with the drawing of the report (report/sequence.py).
"""

from __future__ import annotations

from typing import Any, Mapping

from ..report.sequence import EDGE, LABEL_MAX, LEFT, LETTER, ROW, TOP, Diagram, Lane, Step
from ..report.values import BAD, NONE, OK, WARN, mapping, number, text

APART = 190  # from a lane to the next
ROWS_MAX = 60
MESSAGES = {
    "offer": "ClientHello",
    "challenge": "challenge",
    "credential": "credential",
    "application-data": "application data",
}
# From left to right: the victim, who stands before it, who is genuine, who stands behind.
ORDER = ("victim", "attacker", "genuine", "bystander", "")


def draw(record: Mapping[str, Any]) -> Diagram | None:
    """The diagram of a play; None where nothing was recorded."""
    parties = [mapping(one) for one in record["parties"]]
    events = [mapping(one) for one in record["timeline"]]
    if not events:
        return None
    speaking = {text(event["party"]) for event in events if _label(event)}
    kept = [one for one in parties if one["name"] in speaking or one["by"]]
    kept = [one for one in kept if one["who"] != "device"]
    kept.sort(key=lambda one: (ORDER.index(one["by"]), one["who"] == "verifier"))
    lanes = tuple(
        Lane(text(one["name"], 24), LEFT + EDGE + i * APART) for i, one in enumerate(kept)
    )
    drawing = _Drawing({lane.name: lane.x for lane in lanes}, parties)
    for event in events:
        drawing.add(event, events)
    width = LEFT + 2 * EDGE + APART * max(0, len(lanes) - 1)
    steps = tuple(drawing.steps[:ROWS_MAX])
    height = TOP + ROW * len(steps) + 12
    return Diagram(width, height, lanes, steps, max(0, len(drawing.steps) - ROWS_MAX))


def _label(event: Mapping[str, Any]) -> str:
    """What is said of an event in a row of its own; "" where it has none."""
    name = event["event"]
    if name == "step":
        return text(event.get("detail"), LABEL_MAX)
    if name == "verdict":
        return f"verdict: {'accepted' if event.get('accepted') else text(event.get('reason'))}"
    if name == "handshake":
        return f"handshake {text(event.get('outcome'))}"
    if name == "appraisal":
        return f"appraisal: {text(event.get('status'))}"
    if name == "leak":
        return f"leaks: {text(event.get('what'))}"
    if name in MESSAGES and event.get("direction") in ("sent", "received"):
        return MESSAGES[name]
    return ""


class _Drawing:
    """The rows, while they are made."""

    def __init__(self, x: Mapping[str, int], parties: list[Mapping[str, Any]]) -> None:
        self.x = x
        self.peer = {text(one["name"]): text(one["peer"]) for one in parties}
        self.by = {text(one["name"]): text(one["by"]) for one in parties}
        self.steps: list[Step] = []

    def add(self, event: Mapping[str, Any], events: list[Mapping[str, Any]]) -> None:
        """A row for an event, where it has one."""
        name, label = text(event["party"]), _label(event)
        if not label or name not in self.x:
            return
        other = self.peer.get(name, "")
        if event["event"] in MESSAGES:
            if other not in self.x:
                return
            sent = event["direction"] == "sent"
            if not sent and any(_same(event, one, other) for one in events):
                return  # the sender's row has it
            ends = (name, other) if sent else (other, name)
            self._arrow(event, label, *ends, not sent)
        else:
            self._note(event, label, name)

    def _row(self, event: Mapping[str, Any]) -> tuple[int, str]:
        y = TOP + ROW * len(self.steps) + 12
        return y, f"{number(event['at']) * 1000:.0f}"

    def _arrow(
        self, event: Mapping[str, Any], label: str, source: str, target: str, dashed: bool
    ) -> None:
        y, time = self._row(event)
        x, x2 = self.x[source], self.x[target]
        if event["event"] == "credential":
            label += f" {text(event.get('sha256'), 8)[:6]}"
        if event["event"] == "application-data":
            label = f"“{text(event.get('text'), 24)}”"
        width = LETTER * len(label)
        self.steps.append(Step(y, time, x, x2, label, (x + x2) / 2, width, NONE, dashed))

    def _note(self, event: Mapping[str, Any], label: str, name: str) -> None:
        y, time = self._row(event)
        tone = NONE
        if self.by.get(name) == "attacker" or event["event"] == "leak":
            tone = WARN
        elif event["event"] in ("verdict", "handshake") and self.by.get(name) == "victim":
            good = event.get("accepted") or event.get("outcome") == "complete"
            tone = BAD if good else OK  # that the victim goes on is what must not be
        width = LETTER * len(label) + 18
        x = max(float(self.x[name]), LEFT + width / 2)
        self.steps.append(Step(y, time, self.x[name], None, label, x, width, tone))


def _same(received: Mapping[str, Any], sent: Mapping[str, Any], sender: str) -> bool:
    """Is it the message that SENDER says that it sent?"""
    if sent["party"] != sender or sent["event"] != received["event"]:
        return False
    if sent.get("direction") != "sent":
        return False
    return all(sent.get(key) == received.get(key) for key in ("sha256", "nonce", "text"))

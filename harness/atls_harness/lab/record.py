# SPDX-License-Identifier: Apache-2.0
"""What came of a connection, in plain words: outcome, why, what to do next, requirements, diagram.

All of it is read off what the lab's own server, its verifier and the relay said; what a peer sent
is in there as text that has been made visible.
"""

from __future__ import annotations

import base64
import functools
import re
from pathlib import Path
from typing import Any, Mapping, Sequence

from .. import timeline
from ..contract import cited, contract
from ..coverage import all_scenarios
from ..events import Event, select
from ..parties import Observation, Party
from ..probe.judge import HERE
from ..probe.plan import CLIENT, STORY_FIELDS, clauses_of
from ..report import sequence
from ..report.cases import what_was_said
from ..requirements import Requirement, requirements
from ..scenario import cases, load
from ..untrusted import cut, told
from . import hello, pcapng
from .front import Visit
from .places import Place

SUMMARY_MAX = 500
# Outcomes, and how they are shown.
TONES = {
    "attested": "ok",
    "plain": "warn",
    "refused": "bad",
    "left": "bad",
    "no-tls": "none",
    "lost": "none",
    "lab": "none",
    "open": "none",
}
WORDS = {
    "attested": "attested",
    "plain": "complete, not attested",
    "refused": "refused by the lab",
    "left": "ended by the peer",
    "no-tls": "no TLS",
    "lost": "cut off",
    "lab": "the lab failed",
    "open": "under way",
}
NEXT = {
    "attestation-missing": "Send the extension of this profile in your ClientHello, or attest on "
    "the port whose title says that the client attests.",
    "certificate-untrusted": "Take a certificate of the lab's CA: the kit has one.",
    "unknown-attestation-key": "The lab's verifier does not know your device: upload its "
    "endorsements (CoRIM) on your participant's page.",
    "unknown-component": "Your device measured what its endorsements do not name.",
    "reference-value-mismatch": "Your device measured another digest than was endorsed.",
    "nonce-mismatch": "The evidence has to answer the nonce of this very connection.",
    "binder-mismatch": "Both sides compute the binder from the hellos: compare your transcript "
    "with the packets below; HelloRetryRequest and the encoding of the key are the usual places.",
    "key-mismatch": "CertificateVerify has to be by the key that the evidence attests.",
    "no-common-evidence-type": "Offer an evidence type that the port's page names.",
    "no-common-verifier": "Offer the lab's verifier, verifier.example.",
    "peer-alert": "Your side ended it: its own log says why.",
    "peer-closed": "Your side closed the connection: its own log says why.",
    "protocol-error": "TLS itself did not work out: look at the decoded hello.",
    "timeout": "One side waited for the other: look at which message came last.",
    "verifier-untrusted": "The lab takes results of verifier.example alone.",
}


def summary_of(visit: Visit) -> dict[str, str]:
    """Participant, outcome, reason and a sentence."""
    outcome, reason, words = _came(visit)
    return {
        "participant": visit.participant,
        "outcome": outcome,
        "reason": reason,
        "summary": cut(words, SUMMARY_MAX),
    }


def _came(visit: Visit) -> tuple[str, str, str]:
    if visit.problem:
        return "lab", "", visit.problem
    if visit.no_tls:
        return "no-tls", "protocol-error", f"what came is no TLS: {visit.no_tls}"
    if not visit.first:
        how = "reset the connection" if visit.reset else "closed the connection"
        return "no-tls", "peer-closed", f"the peer {how} before it sent anything"
    events: Sequence[Event] = visit.talk.events if visit.talk is not None else ()
    end = end_of(events)
    if not end:
        return "lab", "", "the lab's server said nothing of it"
    if end.get("outcome") == "failed":
        return _failed(end, visit)
    return _complete(events)


def end_of(events: Sequence[Event]) -> Event:
    """The event that says how a connection ended, a failure first; {} where there is none."""
    ends = [*select(events, "closed"), *select(events, "handshake")]
    failed = [one for one in ends if one.get("outcome") == "failed"]
    return (failed or ends or [{}])[0]


def _failed(end: Event, visit: Visit) -> tuple[str, str, str]:
    reason = str(end.get("reason", ""))
    words = str(end.get("detail") or contract().reasons.get(reason, reason))
    if reason in HERE:
        return "lab", reason, words
    alert = end.get("alert")
    sent = isinstance(alert, Mapping) and alert.get("direction") == "sent"
    left = reason in ("peer-alert", "peer-closed") or (reason == "timeout" and not sent)
    assert visit.talk is not None
    diagnosis = diagnosis_in(visit.talk.events)
    words += f"; it {diagnosis}" if diagnosis else ""
    problem = visit.seen.problem if visit.seen is not None else ""
    if problem and reason == "protocol-error":
        words = f"{words}; {problem}"
    return ("left" if left else "refused"), reason, words


def diagnosis_in(events: Sequence[Event]) -> str:
    """What the newest diagnosis of some events says; "" where nothing was to be diagnosed."""
    for event in reversed(events):
        found = event.get("diagnosis")
        if isinstance(found, Mapping) and found.get("text"):
            return str(found["text"])
    return ""


def _complete(events: Sequence[Event]) -> tuple[str, str, str]:
    taken = [one for one in select(events, "verdict") if one.get("accepted") is True]
    if taken:
        return "attested", "ok", f"the client's attestation was accepted: {taken[-1]['tier']}"
    (last,) = select(events, "handshake")[-1:] or [{}]
    model = str(last.get("self_attested", "none"))
    if model != "none":
        return "attested", "ok", f"the lab attested itself ({model}), and the client went on"
    return "plain", "ok", "TLS completed, and nobody was attested: the client did not ask for it"


def body_of(visit: Visit) -> dict[str, Any]:
    """All that is kept of it."""
    talk = visit.talk
    return {
        "client": list(visit.client),
        "server": list(visit.server),
        "sent": visit.sent,
        "cut": visit.cut,
        "problem": visit.problem,
        "no_tls": visit.no_tls,
        "reset": visit.reset,
        "events": told_events(talk.events) if talk is not None else [],
        "left_out": talk.left_out if talk is not None else 0,
        "verifier": told_events(visit.verifier_events),
        "clock": talk.process_began - visit.began_at if talk is not None else 0.0,
        "secrets": visit.secrets,
        "wire": [
            [round(time, 6), from_client, base64.b64encode(data).decode()]
            for time, from_client, data in visit.chunks
        ],
        "artifacts": {
            name: base64.b64encode(data).decode() for name, data in visit.artifacts.items()
        },
    }


def told_events(events: Sequence[Any]) -> list[Any]:
    """Events, of a size that can be looked at."""
    return [told(event, 1 << 17) for event in events]


class Told:
    """A record, read again."""

    def __init__(self, began: float, body: Mapping[str, Any], place: Place | None) -> None:
        self.began = began
        self.body = body
        self.place = place
        self.events: list[Event] = list(body.get("events", []))
        self.verifier: list[Event] = list(body.get("verifier", []))

    @functools.cached_property
    def chunks(self) -> list[pcapng.Chunk]:
        """What went over the wire."""
        return [
            (float(time), bool(side), base64.b64decode(data))
            for time, side, data in self.body.get("wire", [])
        ]

    @functools.cached_property
    def artifacts(self) -> dict[str, bytes]:
        """Credentials and results, by the name of their file."""
        found = self.body.get("artifacts", {})
        return {str(name): base64.b64decode(data) for name, data in found.items()}

    @functools.cached_property
    def hello(self) -> hello.Hello | None:
        """The peer's."""
        stream = b"".join(data for _, from_client, data in self.chunks if from_client)
        if not stream or not hello.begins_as_tls(stream):
            return None
        return hello.look(stream) or hello.Hello(
            problem=f"the ClientHello is not whole: {len(stream)} bytes came"
        )

    @property
    def diagnosis(self) -> str:
        """Which reading the peer's value answers, where something did not match."""
        return diagnosis_in(self.events)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Why it ended so, a row each."""
        end = end_of(self.events)
        reason = str(end.get("reason", ""))
        made = []
        if reason and reason != "ok":
            made.append(("Reason", f"{reason}: {contract().reasons.get(reason, '')}".rstrip(": ")))
            if end.get("detail"):
                made.append(("Detail", str(end["detail"])))
            if end.get("clause"):
                made.append(("Clause", cited(str(end["clause"]))))
        alert = end.get("alert")
        if isinstance(alert, Mapping):
            who = "by the lab" if alert.get("direction") == "sent" else "by the peer"
            made.append(("Alert", f"{alert.get('name')} ({alert.get('code')}), sent {who}"))
        if self.diagnosis:
            made.append(("Diagnosis", f"it {self.diagnosis}"))
        if reason in NEXT:
            made.append(("Try next", NEXT[reason]))
        for one in select(self.events, "negotiated"):
            what = one.get("evidence_type") or one.get("verifier_id") or ""
            made.append(("Negotiated", f"{one.get('model')}, {what}".rstrip(", ")))
        for one in select(self.events, "application-data"):
            who = "The peer said" if one.get("direction") == "received" else "The lab said"
            made.append((who, cut(str(one.get("text")), 300)))
        return made

    @property
    def said(self) -> list[Any]:
        """Appraisals, verdicts and handshakes in words."""
        observed = {
            "server": {name: select(self.events, name) for name in ("verdict", "handshake")},
            "verifier": {"appraisal": select(self.verifier, "appraisal")},
        }
        made = what_was_said({"observed": observed})
        return [one for one in made if not one.line.startswith("exit code")]

    def diagram(self) -> sequence.Diagram | None:
        """Who said what to whom, in order."""
        if not self.events:
            return None
        clock = float(self.body.get("clock", 0.0))
        parties = {
            "client": _party("client", [{"t": 0.0, "who": "client", "event": "connects"}], 0.0),
            "server": _party("server", [_alone(one) for one in self.events], clock),
        }
        made = timeline.make(Observation(Path("."), parties, 0.0))
        entries = list(made["events"])
        entries += self._verifier_entries(entries)
        entries.sort(key=lambda entry: float(entry["t"]))
        attested = {"client": "none", "server": "none"}
        for one in select(self.events, "negotiated"):
            side = "server" if one.get("role") == "attester" else "client"
            attested[side] = str(one.get("model"))
        whole = {"events": entries, "left_out": made["left_out"] + self.body.get("left_out", 0)}
        return sequence.draw({"timeline": whole, "attested": attested})

    def _verifier_entries(self, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The verifier's appraisals: just before what the server made of them, since its clock is
        another one."""
        verdicts = [
            float(entry["t"]) for entry in entries if entry["event"] in ("verdict", "handshake")
        ]
        at = verdicts[0] if verdicts else float(entries[-1]["t"])
        return [
            {"t": round(at - 1e-5, 5), "party": "verifier", **timeline.short(event)}
            | {"event": "appraisal"}
            for event in select(self.verifier, "appraisal")
        ]

    def pcapng(self) -> bytes:
        """The packets."""
        client, server = self.body["client"], self.body["server"]
        ends = (str(client[0]), int(client[1])), (str(server[0]), int(server[1]))
        return pcapng.write(self.chunks, *ends, self.began, self.body.get("secrets", []))

    def clauses(self, outcome: str) -> tuple[list[Requirement], list[Requirement]]:
        """The requirements that it showed, and those of the clause that was broken."""
        if self.place is None:
            return [], []
        shown: list[Requirement] = []
        if outcome == "attested":
            models = [str(one.get("model")) for one in select(self.events, "negotiated")]
            models = models or [self.place.models[0]]
            shown = [
                requirements()[name]
                for name in honest().get((self.place.profile, self.place.attests, models[0]), ())
            ]
        broken = []
        end = end_of(self.events)
        reason = str(end.get("reason", ""))
        if outcome == "refused" and reason not in HERE:
            broken = of_clause(str(end.get("clause") or ""))
        return shown, broken


def _alone(event: Event) -> Event:
    """An event of the one connection that is drawn."""
    return {name: value for name, value in event.items() if name != "conn"}


def _party(name: str, events: Sequence[Event], started: float) -> Party:
    return Party(name, name, [], None, False, list(events), [], started)


def of_clause(clause: str) -> list[Requirement]:
    """The requirements of a section that is cited: "DOCUMENT section N"."""
    found = re.search(r"(draft-[a-z0-9-]+-[0-9]{2}|RFC [0-9]+),? sections? ([0-9.]+[0-9])", clause)
    if found is None:
        return []
    document, section = found.groups()
    return [
        one
        for one in requirements().values()
        if one.document == document and section in one.sections
    ]


@functools.lru_cache(maxsize=None)
def honest() -> dict[tuple[str, str, str], tuple[str, ...]]:
    """By profile, who attests and model, the requirements that an honest connection shows: those of
    the scenarios in which nobody is told to misbehave, and which end well. It takes seconds, once.
    """
    made: dict[tuple[str, str, str], dict[str, None]] = {}
    for scenario in all_scenarios():
        _, document = load(scenario.path)
        for case in cases(scenario, document):
            story = case.story
            plain = not set(story) - STORY_FIELDS and not case.refused
            if plain and not case.flags("client") and not case.flags("server"):
                who = str(story.get("attester", CLIENT))
                model = str(story.get("model") or "background-check")
                found = made.setdefault((case.profile, who, model), {})
                found.update(dict.fromkeys(clauses_of(case.profile, scenario.clauses)))
    return {key: tuple(names) for key, names in made.items()}

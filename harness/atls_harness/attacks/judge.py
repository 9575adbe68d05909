# SPDX-License-Identifier: Apache-2.0
"""What came of a play. The victims' events and key logs say it, never an attacker's word.

Succeeded: a victim went on as if nothing had happened, with somebody else than who is attested.
Withstood: the attacker came to its last step, and the victim refused for a reason that the
catalogue allows. Anything else is not carried out, with the reason, and counts for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

from .. import untrusted
from ..bindings import APPLICATION, HANDSHAKE, Binding, keylog_of, observe
from ..events import Event, select
from .cast import Seen
from .catalogue import NOT_CARRIED_OUT, SUCCEEDED, WITHSTOOD, Known
from .story import Play

HONEST = "honest"


@dataclass
class Judgement:
    """Of a play."""

    outcome: str
    reason: str = ""  # the victim's word, where it refused
    alert: str = ""
    detail: str = ""
    reached: bool = False  # did the attacker come to its last step?
    problems: list[str] = field(default_factory=list)
    # What the monitor says of what a victim accepted and a genuine party has sent.
    bindings: list[Binding] = field(default_factory=list)


def has_secrets(victim: Seen, labels: tuple[str, ...]) -> bool:
    """Does its key log have any of these?"""
    return any(label in log for log in keylog_of(victim).values() for label in labels)


def monitored(parties: Mapping[str, Seen]) -> list[Binding]:
    """The monitor of every case (bindings.py), asked of what victims have accepted and genuine
    parties have sent. Of what an attacker sent it is not asked: its word counts for nothing."""
    heard = [one for one in parties.values() if one.by in ("victim", "genuine")]
    return [
        one
        for one in observe(heard, relayed=True)
        if parties[one.accepted.party].by == "victim" and parties[one.sent.party].by == "genuine"
    ]


def refusal(victim: Seen) -> Event | None:
    """Where a victim refused: its verdict, or the end of its handshake or connection."""
    rejected = select(victim.events, "verdict", accepted=False)
    failed = select(victim.events, "handshake", outcome="failed")
    failed += select(victim.events, "closed", outcome="failed")
    found = rejected + failed
    return found[0] if found else None


def completed(victim: Seen) -> bool:
    """Did it go on to application data, and end as after a good connection?"""
    got = select(victim.events, "application-data", direction="received")
    return bool(got) and bool(select(victim.events, "handshake", outcome="complete"))


def accepted(victim: Seen) -> bool:
    """Did it accept a credential, and refuse none?"""
    verdicts = select(victim.events, "verdict")
    return bool(verdicts) and all(event["accepted"] for event in verdicts)


def with_genuine(victim: Seen, bindings: list[Binding]) -> bool:
    """Does its connection end at the genuine party whose credential it accepted?"""
    return any(one.accepted.party == victim.name and one.holds["G3"] is True for one in bindings)


def _channel(victim: Seen, bindings: list[Binding]) -> bool:
    """Accepted evidence or a result, with somebody else at the other end of the channel."""
    return completed(victim) and accepted(victim) and not with_genuine(victim, bindings)


def _negotiation(victim: Seen, bindings: list[Binding]) -> bool:
    """Went on without attestation, though both ends have it."""
    return completed(victim) and not select(victim.events, "verdict")


def _key_agreement(victim: Seen, bindings: list[Binding]) -> bool:
    """Took the share: it has handshake secrets; or, as a server that tells none, it has answered
    with a share of its own (RFC 8446 section 4.1.3)."""
    answered = any(
        len(one.get("key_shares", ())) == 2 for one in select(victim.events, "handshake")
    )
    return has_secrets(victim, HANDSHAKE) or (victim.who == "server" and answered)


PROPERTIES = {"channel": _channel, "negotiation": _negotiation, "key-agreement": _key_agreement}


def last_step(play: Play, parties: Mapping[str, Seen]) -> bool:
    """Did the attacker come to its last step, as its own events say?"""
    wanted = play.story.last_step(play.cell, frozenset(play.held))
    party = parties.get(wanted["party"])
    fields = {key: value for key, value in wanted.items() if key not in ("party", "event")}
    return party is not None and bool(select(party.events, wanted["event"], **fields))


def judge(
    play: Play,
    parties: Mapping[str, Seen],
    problems: list[str],
    known: Known | None,
    tells_alerts: bool = True,
) -> Judgement:
    """What came of it. TELLS_ALERTS: the victim's stack always knows which alert it sent."""
    wrong = list(problems)
    for party in parties.values():
        wrong += [f"{party.name}: {one}" for one in party.problems]
    victims = [one for one in parties.values() if one.by == "victim"]
    bindings = monitored(parties)
    if play.honest:
        made = _honest(victims, bindings, wrong)
    else:
        made = _attacked(play, parties, bindings, wrong, known, tells_alerts)
    made.bindings = bindings
    return made


def _attacked(
    play: Play,
    parties: Mapping[str, Seen],
    bindings: list[Binding],
    wrong: list[str],
    known: Known | None,
    tells_alerts: bool,
) -> Judgement:
    victims = [one for one in parties.values() if one.by == "victim"]
    reached = last_step(play, parties)
    test = PROPERTIES[play.story.property]
    for victim in victims:
        if completed(victim) and not has_secrets(victim, APPLICATION):
            words = "without application secrets in its key log nobody can tell who is there"
            return _not(f"{victim.name} completed, and {words}", wrong)
        if test(victim, bindings):
            return Judgement(SUCCEEDED, reached=reached, problems=wrong)
    for victim in victims:
        event = refusal(victim)
        if event is None:
            continue
        said = _refused(event, victim)
        if not reached:
            words = "the attacker did not come to its last step"
            return _not(f"{words}; the victim says {said.reason}: {said.detail}", wrong, said)
        if known is not None and not _allowed(said, known, tells_alerts):
            words = f"refused for a reason that the catalogue does not allow here: {said.reason}"
            return _not(f"{words} ({said.alert or 'no alert'}): {said.detail}", wrong, said)
        said.problems = wrong
        said.reached = True
        return said
    if any(completed(one) and with_genuine(one, bindings) for one in victims):
        return _not("the victim's connection is with the genuine party", wrong)
    return _not(wrong[0] if wrong else "no victim has judged anything", wrong)


def _refused(event: Event, victim: Seen) -> Judgement:
    alerts = [one["alert"] for one in select(victim.events, "handshake") if one.get("alert")]
    alert = str(alerts[0]["name"]) if alerts else ""
    return Judgement(
        WITHSTOOD, str(event["reason"]), alert, untrusted.cut(str(event.get("detail", "")), 200)
    )


def _allowed(said: Judgement, known: Known, tells_alerts: bool) -> bool:
    if known.reasons and said.reason not in known.reasons:
        return False
    untold = not said.alert and not tells_alerts
    return untold or not known.alerts or said.alert in known.alerts


def _not(words: str, wrong: list[str], said: Judgement | None = None) -> Judgement:
    reason = said.reason if said else ""
    return Judgement(NOT_CARRIED_OUT, reason, said.alert if said else "", words, False, wrong)


def _honest(victims: list[Seen], bindings: list[Binding], wrong: list[str]) -> Judgement:
    """The run without an attacker: it has to complete, with the genuine party."""
    for victim in victims:
        if not (completed(victim) and accepted(victim) and with_genuine(victim, bindings)):
            event = refusal(victim)
            words = f"{event['reason']}: {event.get('detail', '')}" if event else ""
            if completed(victim) and not has_secrets(victim, APPLICATION):
                words = "there are no application secrets in the victim's key log"
            return _not(words or (wrong[0] if wrong else "it did not complete"), wrong)
    if not victims:
        return _not("there is no victim", wrong)
    return Judgement(HONEST, problems=wrong)

# SPDX-License-Identifier: Apache-2.0
"""Is what a relying party accepted bound to its own connection? A monitor over every case.

Three goals that the formal models of attested TLS state, asked of what was executed. Wherever one
end has accepted a credential that another end has sent, and both have completed, then (G1) both
have the same key exchange, g^xy; (G2) the same handshake secrets; (G3) the same application
secrets. An ordinary case in which one of them does not hold fails: somebody stands between the two.
In an attack it is what the judge of the attack goes by (attacks/judge.py).

It is judged by what both ends say and by their key logs, never by the word of whoever is between.
Key shares stand for g^xy: two ends with the same two shares computed the same value (RFC 8446
section 7.4). A result may be presented in many connections, so one sender with equal secrets
suffices. What a party does not tell (an older peer has no `key_shares`, a connection no key log) is
not known, and an unknown is no violation.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

from . import untrusted
from .events import Event, select
from .errors import ContractError
from .parties import Party

HANDSHAKE = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
# A value of the exporter is of the application secrets' transcript, and stands for them where a
# stack gives no secrets. Where a key log has the exporter's secret, the value is computed of that.
EXPORTED, EXPORTER = "EXPORTER_VALUE", "EXPORTER_SECRET"
EXPORTER_LABEL = b"EXPERIMENTAL atls key log"
APPLICATION = ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", EXPORTED)
GOALS = ("G1", "G2", "G3")
WHAT = {"G1": "key exchange", "G2": "handshake secrets", "G3": "application secrets"}
Secrets = dict[str, str]  # label to secret, of one connection


@dataclass(frozen=True)
class End:
    """One connection of a party, as it ended."""

    party: str
    who: str
    conn: int
    shares: tuple[str, ...]
    secrets: Secrets


@dataclass(frozen=True)
class Binding:
    """A credential that one end accepted, and the end that sent it. `holds`: of each goal whether
    it was seen to hold; None where that is not known."""

    credential: str
    accepted: End
    sent: End
    holds: dict[str, bool | None]

    @property
    def broken(self) -> list[str]:
        """The goals that do not hold."""
        return [goal for goal in GOALS if self.holds[goal] is False]

    def __str__(self) -> str:
        ends = f"{self.accepted.party} accepted a credential that {self.sent.party} sent"
        if not self.broken:
            return f"{ends}, in the same connection as far as it is known"
        said = ", ".join(f"{goal} ({WHAT[goal]})" for goal in self.broken)
        return f"{ends}, both completed, and they differ in {said}: somebody is between them"


def key_log(party: Party) -> Iterator[tuple[str, str, str]]:
    """The key log that a party was told to write (NSS key log format): label, random of the
    ClientHello, secret. Nothing where there is none; ContractError where it is no file to read."""
    if "--keylog" not in party.argv:
        return
    try:
        text = untrusted.read(Path(party.argv[party.argv.index("--keylog") + 1]))
    except FileNotFoundError:
        return
    for line in text.decode("ascii", errors="replace").splitlines():
        words = line.split()
        if len(words) == 3 and not line.startswith("#"):
            yield words[0], words[1].lower(), words[2].lower()


def _expand_label(algorithm: str, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1, for no more than a hash's size."""
    label = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\1", algorithm)[:size]


def exported(secret: str) -> str | None:
    """The value of EXPORTER_LABEL, without a context, of a connection with this EXPORTER_SECRET
    (RFC 8446 section 7.5); None where that is none."""
    algorithm = {64: "sha256", 96: "sha384"}.get(len(secret))
    try:
        key = bytes.fromhex(secret)
    except ValueError:
        return None
    if algorithm is None:
        return None
    nothing = hashlib.new(algorithm).digest()
    derived = _expand_label(algorithm, key, EXPORTER_LABEL, nothing, len(key))
    return _expand_label(algorithm, derived, b"exporter", nothing, 32).hex()


def keylog_of(party: Party) -> dict[str, Secrets]:
    """Its secrets by the random of the ClientHello; none where that is not to be read."""
    found: dict[str, Secrets] = {}
    try:
        for label, random, secret in key_log(party):
            found.setdefault(random, {})[label] = secret
    except ContractError:
        return {}
    for secrets in found.values():
        value = exported(secrets.get(EXPORTER, ""))
        if value is not None:
            secrets[EXPORTED] = value
    return found


def _end(party: Party, event: Event, log: dict[str, Secrets]) -> End:
    random = event.get("random")
    if random is None and len(log) == 1:  # then it is this one
        random = next(iter(log))
    secrets = log.get(str(random), {})
    return End(party.name, party.who, event["conn"], tuple(event.get("key_shares", ())), secrets)


def _credentials(events: Iterable[Event], direction: str, conn: int) -> list[str]:
    return [e["sha256"] for e in select(events, "credential", direction=direction, conn=conn)]


def ends(
    parties: Iterable[Party], relayed: bool = False
) -> tuple[list[tuple[End, str]], list[tuple[End, str]]]:
    """The ends that completed: those that accepted a credential, and those that sent one. With
    RELAYED also those that sent one and did not complete."""
    accepted, sent = [], []
    for party in parties:
        if party.who not in ("client", "server"):
            continue
        log = keylog_of(party)
        for event in select(party.events, "handshake"):
            end, complete = _end(party, event, log), event["outcome"] == "complete"
            if not (complete or relayed):
                continue
            if complete and select(party.events, "verdict", conn=end.conn, accepted=True):
                accepted += [(end, one) for one in _credentials(party.events, "received", end.conn)]
            sent += [(end, one) for one in _credentials(party.events, "sent", end.conn)]
    return accepted, sent


def _same_secrets(one: Secrets, other: Secrets, labels: tuple[str, ...]) -> bool | None:
    known = [label for label in labels if label in one and label in other]
    return all(one[label] == other[label] for label in known) if known else None


def _compare(credential: str, accepted: End, sent: End) -> Binding:
    shares = accepted.shares == sent.shares if accepted.shares and sent.shares else None
    handshake = _same_secrets(accepted.secrets, sent.secrets, HANDSHAKE)
    if shares is None and handshake:
        shares = True  # they are derived from it
    application = _same_secrets(accepted.secrets, sent.secrets, APPLICATION)
    return Binding(credential, accepted, sent, {"G1": shares, "G2": handshake, "G3": application})


def observe(parties: Iterable[Party], relayed: bool = False) -> list[Binding]:
    """Each credential that an end accepted, against who sent it: of several senders the one that
    it fits best. Nothing of a credential that no end of these has sent. RELAYED is for attacks:
    whoever gets a credential to give it to another need not complete with its sender, which may
    be a client as the one that accepts it, or a server."""
    accepted, sent = ends(parties, relayed)
    found = []
    for end, credential in accepted:
        others = [one for one, name in sent if name == credential and _apart(one, end, relayed)]
        compared = [_compare(credential, end, one) for one in others]
        if compared:
            found.append(min(compared, key=lambda one: len(one.broken)))
    return found


def _apart(sent: End, accepted: End, relayed: bool) -> bool:
    """Can these be two ends of something?"""
    return sent.party != accepted.party and (relayed or sent.who != accepted.who)


def violations(parties: Iterable[Party]) -> list[str]:
    """A sentence for each credential that was accepted outside of its connection."""
    return [str(one) for one in observe(parties) if one.broken]

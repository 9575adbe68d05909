# SPDX-License-Identifier: Apache-2.0
"""What must come of an attack, deduced from the profiles' binders: a bounded checker.

Each profile's binder is a term; what an attacker has is a set of terms; what devices, verifiers and
genuine attesters do for whoever asks are rules. The checker asks, for every key that the attacker
could present and both ways to stand in the connection (as its end, or behind the hellos of another
one), whether all that the victim demands can be deduced. Three sessions at most: the victim's, one
with the genuine attester, and an earlier one.

It is bounded, and it is no proof: terms are what is written here, a hash has no collisions, a
signature is made by its key alone, and nobody but the attacker misbehaves. What it is for: a table
of executed attacks that differs from it means that one of the two is wrong, and which one is worth
an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Collection, Iterable, Mapping

SUCCEEDED, WITHSTOOD = "succeeded", "withstood"
Term = tuple[object, ...]

# Keys. TIK: the genuine attester's. VICTIM: the victim's own, where it attests as well.
TIK, OWN, DEVICE_KEY, ORACLE_KEY, MACHINE_KEY, VICTIM_KEY, BESIDE_KEY = (
    "tik",
    "own-key",
    "own-device-key",
    "key-in-oracle",
    "key-of-tampered-machine",
    "victim-key",
    "key-of-program-beside",
)
KEYS = (TIK, OWN, DEVICE_KEY, MACHINE_KEY, VICTIM_KEY, BESIDE_KEY)
# Devices, with the key attestation keys (KAK) that they have.
GENUINE, OWN_DEVICE, VICTIM = "genuine", "own-device", "victim"
TARGET, ELSEWHERE = "target-name", "attackers-name"


@dataclass(frozen=True)
class Session:
    """One connection, by what is unlike in others: HELLOS stands for ClientHello to ServerHello and
    all that follows from them (g^xy, the handshake secret, the handshake exporter), WHOLE for the
    transcript up to the server's Finished (the exporter)."""

    name: str
    hellos: str
    nonce: str
    side: str  # that attests

    @property
    def whole(self) -> str:
        return self.name


Binder = Callable[[Session, str, bool], Term]


def _nonce(s: Session, key: str, separate: bool) -> Term:
    return ("nonce", s.nonce)


def _channel_binder(s: Session, key: str, separate: bool) -> Term:
    return ("handshake-exporter", s.hellos, s.nonce)


def _attest_base(s: Session, key: str, separate: bool) -> Term:
    return ("hellos-and-key", s.hellos, key, s.side if separate else "either")


def _exporter(s: Session, key: str, separate: bool) -> Term:
    return ("exporter-and-key", s.whole, key, s.nonce)


def _key(s: Session, key: str, separate: bool) -> Term:
    return ("hash", key)


# column: the binder, whether X.509 stands beside it, whether a result must answer the binder
PROFILES: Mapping[str, tuple[Binder, bool, bool]] = {
    "ta-02": (_nonce, False, False),
    "ta-03": (_nonce, False, False),
    "ta-07": (_nonce, False, False),
    "ta-07-cert": (_channel_binder, True, False),
    "seat-04": (_attest_base, True, True),
    "seat-06": (_attest_base, True, False),
    "expat-04": (_exporter, True, False),
    "x509-cmw": (_key, True, False),
}
# Whose challenge is a nonce of the verifier alone: a token that names no key is then refused.
NO_KEY_IN_BINDER = ("ta-02", "ta-03", "ta-07")
FORMATS = ("cab", "psa", "key-binding")


@dataclass(frozen=True)
class Question:
    """A cell of the table, and what the attacker has in it."""

    column: str
    side: str
    model: str
    format: str
    held: frozenset[str]
    variants: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False  # the genuine machine was tampered with since
    mutual: bool = False  # the victim attests, too
    moved: bool = False  # the genuine attester is not asked
    path: bool = False  # what the verifier answers goes through the attacker's hands

    @property
    def binder(self) -> Binder:
        return PROFILES[self.column][0]

    @property
    def certificate(self) -> bool:
        return PROFILES[self.column][1]

    @property
    def separate(self) -> bool:
        return self.variants.get("binder-role") == "separate"

    @property
    def result_answers(self) -> bool:
        wanted = self.variants.get("result-nonce", "drafted")
        return wanted == "required" or (wanted == "drafted" and PROFILES[self.column][2])

    @property
    def result_bound(self) -> bool:
        return self.variants.get("result-key") == "bound" and not self.named_only

    @property
    def named_only(self) -> bool:
        return self.variants.get("bare-token") == "off"

    def binds_key(self) -> bool:
        """Does the challenge name the key that signs, or the channel in which it does?"""
        return self.column not in NO_KEY_IN_BINDER


class Attacker:
    """What is known, and what can be made of it on demand."""

    def __init__(self, question: Question, spliced: bool) -> None:
        self.q = question
        self.spliced = spliced
        hellos = "of-both" if spliced else "of-victim"
        self.victim = Session("victim", hellos, "victim-nonce", question.side)
        # The attacker is the genuine attester's peer, and chooses what that has to answer.
        theirs = "of-both" if spliced else "of-genuine"
        nonces = ("victim-nonce", "attackers-nonce")
        self.genuine = [Session("genuine", theirs, nonce, question.side) for nonce in nonces]
        self.earlier = Session("earlier", "of-earlier", "earlier-nonce", question.side)
        self.known: set[Term] = set()
        self._initial()

    def _initial(self) -> None:
        q, held = self.q, self.q.held
        self._know(("private", OWN), ("certificate", ELSEWHERE, OWN))
        if "tik" in held:
            self._know(("private", VICTIM_KEY if q.mutual else TIK))
        if "own-device" in held:
            self._know(("private", DEVICE_KEY), ("certificate", ELSEWHERE, DEVICE_KEY))
        if "kak" in held:
            self._know(("private-kak", GENUINE))
        if "host-name" in held:
            self._know(*(("certificate", TARGET, key) for key in (OWN, DEVICE_KEY, BESIDE_KEY)))
        if "co-resident" in held:  # the device makes a key for it, as for any of its clients
            self._know(("private", BESIDE_KEY), ("certificate", ELSEWHERE, BESIDE_KEY))
        if q.changed:  # the machine as it is now is the attacker's
            self._know(("private", MACHINE_KEY), ("certificate", TARGET, MACHINE_KEY))
        if not self.spliced or "handshake-secret" in held:
            self._know(("handshake-secret", self.victim.hellos))
        if q.mutual:
            self._reflected()
        else:
            self._from_genuine()

    def _know(self, *terms: Term) -> None:
        self.known.update(terms)

    def _from_genuine(self) -> None:
        """What the genuine attester has shown to those who asked: now, where it is still good, and
        earlier, where somebody has kept it."""
        self._know(("certificate", TARGET, TIK))
        sessions = [] if self.q.changed or self.q.moved else list(self.genuine)
        if "old-credential" in self.q.held:
            sessions.append(self.earlier)
        for session in sessions:
            challenge = self.q.binder(session, TIK, self.q.separate)
            self._know(*evidence(self.q.format, GENUINE, TIK, challenge))
            if self.q.path:
                self._know(("result", TIK, challenge))
            if self.q.model == "passport":
                answers = challenge if self.q.result_answers or self.q.format == "psa" else ()
                named = "" if self.q.format == "psa" else TIK
                self._know(("result", named, answers or ("nonce", "of-its-own")))

    def _reflected(self) -> None:
        """What the victim itself has shown in this connection, before it is the attacker's turn.
        As a client it shows nothing before; with authenticators its request comes first, and a
        context that was used is refused."""
        self._know(("certificate", TARGET, VICTIM_KEY))
        other = "server" if self.q.side == "client" else "client"
        if other == "client" or self.q.column in ("expat-04", *NO_KEY_IN_BINDER):
            return
        # A nonce of the attacker's choice, made before the victim's was seen.
        mine = Session("victim", self.victim.hellos, "attackers-nonce", other)
        challenge = self.q.binder(mine, VICTIM_KEY, self.q.separate)
        self._know(*evidence(self.q.format, VICTIM, VICTIM_KEY, challenge))

    # Rules: each asks for what it needs, so that no term is made that nobody wants.

    def has(self, term: Term) -> bool:
        """Can TERM be deduced?"""
        rules: Mapping[object, Callable[[Term], bool]] = {
            "kat": self._kat,
            "pat": self._pat,
            "token": self._token,
            "result": self._result,
        }
        rule = rules.get(term[0])
        return term in self.known or (rule is not None and rule(term))

    def _kat(self, term: Term) -> bool:
        """By whoever has the KAK; a device attests its own keys to whoever asks."""
        _, kak, key, _ = term
        if ("private-kak", kak) in self.known:
            return True
        if kak == OWN_DEVICE:
            return "own-device" in self.q.held and key == DEVICE_KEY
        if kak != GENUINE or self.q.changed:
            return False
        # An oracle, or a genuine server of a profile whose nonce the peer chooses, attests its own.
        if key == ORACLE_KEY:
            return bool({"oracle", "malicious-peer"} & self.q.held)
        return key == BESIDE_KEY and "co-resident" in self.q.held

    def _asked(self, device: object) -> bool:
        """Does DEVICE answer this attacker?"""
        return bool(ASKED.get(str(device), frozenset()) & self.q.held)

    def _pat(self, term: Term) -> bool:
        """The platform vouches for the KAK of its own key service, and of nobody else's."""
        _, device, kak, _ = term
        return device == kak and self._asked(device)

    def _token(self, term: Term) -> bool:
        """A bare token over whatever challenge somebody brings."""
        return self._asked(term[1])

    def _result(self, term: Term) -> bool:
        """A verifier gives one to whoever has evidence for it."""
        _, key, challenge = term
        if key == "":
            return any(self.has(("token", device, challenge)) for device in DEVICES)
        assert isinstance(key, str) and isinstance(challenge, tuple)
        return self.q.format != "psa" and self.attests(key, challenge)

    def attests(self, key: str, challenge: Term) -> bool:
        """Is there evidence of some endorsed device that attests KEY over CHALLENGE?"""
        return any(
            all(map(self.has, evidence(self.q.format, device, key, challenge)))
            for device in DEVICES
        )

    # The victim.

    def accepted(self, key: str) -> bool:
        """Does the victim take the attacker for its peer, with KEY in CertificateVerify?"""
        q = self.q
        if q.variants.get("own-key") == "refused" and key == VICTIM_KEY:
            return False
        if ("private", key) not in self.known:
            return False
        if ("handshake-secret", self.victim.hellos) not in self.known:
            return False
        names = (TARGET,) if q.side == "server" else (TARGET, ELSEWHERE)
        if q.certificate and not any(("certificate", name, key) in self.known for name in names):
            return False
        challenge = q.binder(self.victim, key, q.separate)
        if q.path:  # it gives whatever result there is, and makes none
            return self.has(("result", key, challenge))
        if q.model == "passport":
            return self._result_accepted(key, challenge)
        if q.format == "psa" and (q.named_only or not q.binds_key()):
            return False
        return self.attests(key, challenge)

    def downgraded(self) -> bool:
        """Does the victim go on where the attacker took the offer out of the ClientHello? Finished
        is over the ClientHello that its sender knows (RFC 8446 section 4.4.4)."""
        return ("handshake-secret", self.victim.hellos) in self.known

    def _result_accepted(self, key: str, challenge: Term) -> bool:
        nonces: Iterable[Term] = (challenge,)
        if not self.q.result_answers:
            nonces = (challenge, ("nonce", "of-its-own"), ("nonce", "of-the-attacker"))
        if any(self.has(("result", key, nonce)) for nonce in nonces):
            return True
        return self.q.result_bound and self.has(("result", "", challenge))


# Those that are endorsed, in a good state. What a tampered machine says of itself is refused.
DEVICES = (GENUINE, OWN_DEVICE, VICTIM)
# What makes a device answer the attacker's challenge.
ASKED: Mapping[str, frozenset[str]] = {
    OWN_DEVICE: frozenset({"own-device"}),
    GENUINE: frozenset({"oracle", "malicious-peer", "co-resident"}),
}


def evidence(form: str, device: str, key: str, challenge: Term) -> list[Term]:
    """The signed parts of evidence in a format. A PAT of KAT-06 answers the KAK and no challenge;
    in draft-reddy-rats-key-binding it answers the challenge, too."""
    if form == "psa":
        return [("token", device, challenge)]
    over = challenge if form == "key-binding" else ()
    return [("kat", device, key, challenge), ("pat", device, device, over)]


# The attacks that this is about, and what each of them takes for granted. MOVED: the genuine
# attester is not asked, and its stolen key is what is presented, where there is one. Others are
# about what is no term here: who reads what, what a device is after it attested, what a state
# machine lets pass.
CHANGED, MUTUAL, SPLICED, PATH, MOVED = "changed", "mutual", "spliced", "path", "moved"
ATTACKS: Mapping[str, tuple[str, ...]] = {
    "A01": (),
    "A02": (SPLICED,),
    "A03": (),
    "A04": (MOVED,),
    "A05": (),
    "A06": (CHANGED,),
    "A07": (CHANGED,),
    "A08": (MUTUAL,),
    "A11": (CHANGED, PATH),
    "A12": (PATH,),
    "A13": (SPLICED,),
    "A19": (CHANGED,),
    "A20": (),
    "A29": (),
    "A31": (),
    "A32": (),
    "A33": (CHANGED, PATH),
}
NEGOTIATION, KEY_SHARE = "A13", "A30"
# Shares with which everybody knows the secret, or that are no point of the group. A stack that
# keeps RFC 8446 4.2.8.2 and 7.4.2 takes none, so that nothing is known of any secret.
DEGENERATE = frozenset(
    {
        "x25519-zero",
        "x25519-one",
        "x25519-p-minus-1",
        "p256-zero",
        "p256-off-curve",
        "p256-infinity",
        "p256-short",
    }
)


def readings(column: str, model: str, form: str) -> dict[str, str]:
    """With which a cell is played: a result about a token that names no key is only taken by who
    lets the binder do for that."""
    if model != "passport" or form != "psa":
        return {}
    made = {"result-key": "bound"}
    if column in ("seat-06", "expat-04"):
        made["result-nonce"] = "required"
    return made


def predict(
    attack: str,
    column: str,
    side: str,
    model: str,
    form: str,
    held: Collection[str],
    variants: Mapping[str, str] | None = None,
    case: str = "",
) -> str | None:
    """SUCCEEDED or WITHSTOOD; None for an attack, a profile or a format that this knows nothing of.
    FORM is the evidence format, SIDE the one that attests, HELD the attacker's capabilities, CASE
    what a story changes."""
    if attack == KEY_SHARE and case in DEGENERATE:
        return WITHSTOOD
    if attack == NEGOTIATION and "network" not in held:
        return None  # nothing is done, and nothing comes of it
    if attack not in ATTACKS or column not in PROFILES or form not in FORMATS:
        return None
    assumed = ATTACKS[attack]
    question = Question(
        column,
        side,
        model,
        form,
        frozenset(held),
        readings(column, model, form) | dict(variants or {}),
        changed=CHANGED in assumed,
        mutual=MUTUAL in assumed,
        moved=MOVED in assumed,
        path=PATH in assumed,
    )
    attacker = Attacker(question, SPLICED in assumed)
    keys = (TIK,) if question.moved and "tik" in held else KEYS
    if attack == NEGOTIATION:
        broken = attacker.downgraded()
    else:
        broken = any(map(attacker.accepted, keys))
    return SUCCEEDED if broken else WITHSTOOD


def predicted(record: Mapping[str, Any]) -> str | None:
    """The same for a play of the attack lab, by `attack`, `column`, `side`, `model`, `format`,
    `held`, and `case` and `variants` (NAME=READING, or a mapping) where there are some.
    None for an honest one, too."""
    if record.get("honest"):
        return None
    variants = record.get("variants") or {}
    if not isinstance(variants, Mapping):
        variants = dict(str(one).split("=", 1) for one in variants)
    attack, column, side, model = (record[name] for name in ("attack", "column", "side", "model"))
    more = (record["held"], variants, record.get("case", ""))
    return predict(attack, column, side, model, record["format"], *more)


def disagreements(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each executed cell of which something else is deduced. RECORDS: as for
    predicted(), with `outcome`. A play that came to neither of the two outcomes says nothing."""
    found = []
    for record in records:
        outcome, expected = record["outcome"], predicted(record)
        if expected not in (None, outcome) and outcome in (SUCCEEDED, WITHSTOOD):
            found.append(
                f"{record['attack']} in {record['column']}, {record['side']} attests, "
                f"{record['model']}, {record['format']}, with {{{', '.join(record['held'])}}}: "
                f"it {outcome}, and it is deduced that it {expected}: "
                "one of play and prediction is wrong"
            )
    return found

# SPDX-License-Identifier: Apache-2.0
"""What a connection says of the peer.

pass            it did what is required
fail            it did not
not observable  what it did would have been the same either way, or cannot be seen from here
not spoken      it does not take part
unsupported     the project's own endpoint has no such thing
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from ..contract import cited, contract
from ..process import UNSUPPORTED as EXIT_UNSUPPORTED
from .exchange import RESULT, Seen
from .plan import UNATTESTED, Step

PASS, FAIL, UNSEEN = "pass", "fail", "not observable"
SILENT, UNSUPPORTED = "not spoken", "unsupported"
PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"
# What a relying party looks at, in its order, and the reasons that say it was not so.
STRUCTURE = "structure"
FRESHNESS = "freshness and binding"
SIGNATURES = "signatures and reference values"
KEY = "key of CertificateVerify"
CHECKS = (STRUCTURE, FRESHNESS, SIGNATURES, KEY)
FRESH_REASONS = {"nonce-mismatch", "binder-mismatch", "nonce-constant", "evidence-replayed"}
FRESH_REASONS |= {"nonce-length", "evidence-expired", "result-expired", "result-unbound"}
FRESH_REASONS |= {"linkage-mismatch"}
KEY_REASONS = {"key-mismatch", "result-without-key", "evidence-without-key", "own-key"}
# A verifier, or a relying party, that does not know who vouches for the evidence or the result.
UNKNOWN = {"unknown-attestation-key", "result-signature-invalid", "verifier-untrusted"}
UNKNOWN |= {"no-common-verifier"}
WRONG_HELLO = {"malformed-extension", "unexpected-selection"}
# What breaks TLS itself, unless the alert says that two stacks have nothing in common.
BREAKS = WRONG_HELLO | {"protocol-error"}
NOTHING_IN_COMMON = {"protocol_version", "handshake_failure", "insufficient_security"}
NO_MODEL = ("leaf", "authenticator")  # carriers without a negotiation of the model
# Reasons that are none of the peer's doing.
HERE = {"verifier-unreachable", "verifier-timeout", "verifier-error", "verifier-garbage"}
HERE |= {"device-unavailable", "internal"}
# What ends a connection, and is no offence of the peer's.
NOBODYS_FAULT = HERE | {"peer-alert", "peer-closed", "timeout", "certificate-untrusted"}
NOBODYS_FAULT |= {"no-common-evidence-type", "no-common-verifier"}


@dataclass
class Judgement:
    """Of one connection."""

    outcome: str
    words: str
    spoken: bool = False
    checks: Mapping[str, str] = field(default_factory=dict)


def alert_name(alert: Mapping[str, Any] | None) -> str:
    """For people."""
    return f"{alert['name']} ({alert['code']})" if alert else "no alert"


def _of_a_draft(alert: Mapping[str, Any] | None) -> bool:
    if alert is None:
        return False
    return alert["name"] in contract().code_points and alert["direction"] == "received"


def _why(seen: Seen) -> str:
    words = f"{seen.reason}: {seen.detail}" if seen.detail else seen.reason
    words = f"{words} ({cited(seen.clause)})" if seen.clause else words
    return f"{words}; {seen.diagnosis}" if seen.diagnosis else words


def breaks_tls(seen: Seen) -> bool:
    """Did our side end the handshake because what came is against TLS itself?"""
    if seen.handshaken or seen.alert is None or seen.alert["direction"] != "sent":
        return False
    if seen.reason == "certificate-untrusted":  # unknown_ca and its like are about trust
        return bool(seen.alert["name"] == "decrypt_error")
    return seen.reason in BREAKS and seen.alert["name"] not in NOTHING_IN_COMMON


def checks(seen: Seen, signatures: bool) -> dict[str, str]:
    """What was checked here of what the server presented. SIGNATURES: with endorsements, or a
    verifier that has them."""
    if seen.complete:
        return dict.fromkeys(CHECKS, PASSED)
    if seen.reason.startswith("malformed-"):
        at = STRUCTURE
    elif seen.reason in FRESH_REASONS:
        at = FRESHNESS
    elif seen.reason in KEY_REASONS:
        at = KEY
    else:
        at = SIGNATURES
    made = {}
    for name in CHECKS:
        before = CHECKS.index(name) < CHECKS.index(at)
        made[name] = PASSED if before else FAILED if name == at else NOT_CHECKED
    if at == SIGNATURES and not signatures and seen.reason in UNKNOWN:
        made[SIGNATURES] = NOT_CHECKED
    return made


def _broke_off(step: Step, seen: Seen) -> bool:
    """Did our side end it for what came after the peer had taken part?"""
    if seen.complete or not seen.reason or seen.reason in NOBODYS_FAULT or seen.exit is None:
        return False
    if step.theirs and seen.reason in WRONG_HELLO | {"application-data-early"}:
        return True
    if seen.reason == "attestation-missing":  # which is something where it was agreed on
        return any(one.get("role") == "relying-party" for one in seen.negotiated)
    return bool(seen.negotiated or seen.selected or seen.challenge or seen.answered)


def of_honest(step: Step, seen: Seen, signatures: bool) -> Judgement:
    """A connection in which nothing is wrong at this side."""
    if seen.exit == EXIT_UNSUPPORTED:
        return Judgement(UNSUPPORTED, seen.words)
    if seen.problems:
        return Judgement(UNSEEN, "; ".join(seen.problems))
    if seen.reason in HERE:
        return Judgement(UNSEEN, f"not its fault: {_why(seen)}", bool(seen.received))
    if step.theirs and seen.received:
        return _of_presented(step, seen, signatures)
    if _broke_off(step, seen) and (step.theirs or not breaks_tls(seen)):
        made = checks(seen, signatures) if step.theirs else {}
        return Judgement(FAIL, f"refused here, {_why(seen)}", True, made)
    if breaks_tls(seen):
        words = f"it breaks TLS; refused here with {alert_name(seen.alert)}, {_why(seen)}"
        return Judgement(FAIL, words)
    if _of_a_draft(seen.alert) and not seen.sent:
        words = f"it knows what was offered, and refused it: alert {alert_name(seen.alert)}"
        return Judgement(UNSEEN, words)
    if step.ours and seen.sent:
        return _of_taken(step, seen)
    if seen.reason == "certificate-untrusted":
        return Judgement(UNSEEN, f"{_why(seen)}; --ca FILE says whom to trust")
    if seen.complete:
        return Judgement(SILENT, "plain TLS: it asks for no attestation")
    return Judgement(SILENT, _why(seen) or "nothing came")


def _other_model(step: Step, seen: Seen) -> str:
    """Where no model is negotiated, what it presents is of the model that it is; else ""."""
    kind = seen.received[0]["format"]
    if seen.reason.startswith("malformed-") and kind != "unknown":
        if step.model == "passport" and kind != RESULT:
            return "it presents evidence, no result"
        if step.model != "passport" and kind == RESULT:
            return "it presents a result, no evidence"
    return ""


def _of_presented(step: Step, seen: Seen, signatures: bool) -> Judgement:
    carrier = contract().profiles[step.profile].carrier
    words = _other_model(step, seen) if carrier in NO_MODEL else ""
    if words:
        return Judgement(SILENT, words)
    made = checks(seen, signatures)
    if FAILED in made.values() and not seen.refused_there:
        return Judgement(FAIL, f"refused here, {_why(seen)}", True, made)
    if seen.refused_there:
        words = f"it presented evidence, and refused this side's: alert {alert_name(seen.alert)}"
        return Judgement(UNSEEN, words, True)
    if step.ours and not seen.sent and carrier != "leaf":
        return Judgement(SILENT, "it presented evidence, and took none of this side's", False, made)
    unchecked = [name for name, how in made.items() if how == NOT_CHECKED]
    words = f"not checked: {', '.join(unchecked)}" if unchecked else "all checks passed"
    return Judgement(PASS, words, True, made)


def _of_taken(step: Step, seen: Seen) -> Judgement:
    if seen.complete and contract().profiles[step.profile].carrier == "leaf":
        words = "it took a certificate with evidence; whether it looks at it, misbehaviours show"
        return Judgement(UNSEEN, words, False)
    if seen.complete:
        told = " ".join([*step.ways.values(), *step.variants])
        words = f"it took {step.format} evidence, {step.model}"
        return Judgement(PASS, f"{words}, {told}" if told else words, True)
    asked = bool(seen.challenge or seen.negotiated)
    if seen.alert is None or seen.alert["direction"] == "sent" or not seen.alert["code"]:
        words = f"it was given evidence; what it made of it cannot be seen ({_why(seen)})"
        return Judgement(UNSEEN, words, asked)
    words = f"it asked, and refused this device's evidence: {alert_name(seen.alert)}"
    return Judgement(UNSEEN, f"{words}; does its verifier know the device (device.corim)?", asked)


def of_misbehaviour(step: Step, seen: Seen, before: Seen) -> Judgement:
    """One in which this side does what must be refused. BEFORE: the honest one of its kind."""
    if seen.exit == EXIT_UNSUPPORTED:
        return Judgement(UNSUPPORTED, seen.words)
    if seen.problems:
        return Judgement(UNSEEN, "; ".join(seen.problems))
    if not seen.misbehaved:
        return Judgement(UNSEEN, f"it did not come to it: {_why(seen) or 'plain TLS'}")
    due = f"alert {step.due} is due" if step.due else "to be refused is due"
    if seen.complete and step.fault == UNATTESTED:
        return Judgement(UNSEEN, "it goes on with who does not attest: its policy, or it asks none")
    if seen.complete:
        return Judgement(FAIL, f"it let this pass; {due}")
    if not seen.refused_there:
        if step.theirs and seen.received:
            return Judgement(FAIL, f"it went on and presented evidence; {due}")
        return Judgement(UNSEEN, f"this side ended it: {_why(seen)}")
    came = alert_name(seen.alert)
    right = not step.due or (seen.alert is not None and seen.alert["name"] == step.due)
    accepted = before.complete or (step.theirs and bool(before.received))
    if accepted:
        if right:
            return Judgement(PASS, f"refused, {came}")
        return Judgement(FAIL, f"refused, {came}; {due}")
    before_name = before.alert["name"] if before.alert else ""
    if right and step.due and before_name != step.due:
        return Judgement(PASS, f"refused, {came}")
    return Judgement(UNSEEN, f"refused, {came}, and so was what is honest")

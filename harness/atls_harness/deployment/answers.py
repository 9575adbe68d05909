# SPDX-License-Identifier: Apache-2.0
"""What a verifier's answers say, read for the events and for what is learnt: nothing here is a
verdict, which is the relying party's. What makes no sense says nothing."""

from __future__ import annotations

import base64
import re
from typing import Any, Iterable

from ..untrusted import json_object
from .asking import Answer

TIERS = ("affirming", "none", "warning", "contraindicated")  # from good to bad
HEX = re.compile("([0-9a-f]{2})*")


def texts(given: Any) -> list[str]:
    """The texts of a list; none of anything else."""
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def unbase64(text: str) -> bytes:
    """Either base64, padded or not; b"" where it is none."""
    try:
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""


def nonce_dialect(nonce: str) -> str:
    """How a session's JSON writes a nonce of 32 bytes: only one of the two alphabets is padded."""
    return "base64" if "=" in nonce or "+" in nonce or "/" in nonce else "base64url"


def claims_of(session: dict[str, Any]) -> dict[str, Any]:
    """The claims of the result in a session."""
    parts = str(session.get("result", "")).split(".")
    return json_object(unbase64(parts[1])) if len(parts) == 3 else {}


def submods(claims: dict[str, Any]) -> list[dict[str, Any]]:
    """The appraisals in an EAR."""
    given = claims.get("submods")
    return (
        [one for one in given.values() if isinstance(one, dict)] if isinstance(given, dict) else []
    )


def tier(claims: dict[str, Any]) -> str:
    """The worst of an EAR."""
    said = [str(one.get("ear.status", "none")) for one in submods(claims)]
    return max((one for one in said if one in TIERS), key=TIERS.index, default="none")


def policy_claims(claims: dict[str, Any]) -> dict[str, Any]:
    """What the worst appraisal says of itself."""
    for one in submods(claims):
        if one.get("ear.status") == tier(claims):
            made = one.get("ear.veraison.policy-claims")
            return made if isinstance(made, dict) else {}
    return {}


def _mismatches(given: Any) -> list[dict[str, Any]]:
    made = []
    for one in given if isinstance(given, list) else []:
        if not isinstance(one, dict):
            continue
        expected = [value for value in texts(one.get("expected")) if HEX.fullmatch(value)]
        measured = str(one.get("measured", ""))
        if HEX.fullmatch(measured):
            name = str(one.get("component", ""))
            made.append({"component": name, "expected": expected, "measured": measured})
    return made


def session_event(answer: Answer) -> dict[str, Any] | None:
    """The event of a session that was opened."""
    session = json_object(answer.body)
    where = answer.header("Location").rsplit("/", 1)[-1]
    nonce = unbase64(str(session.get("nonce", "")))
    return {"session": where, "nonce": nonce.hex()} if answer.status == 201 and where else None


def appraisal_event(
    answer: Answer, session_id: str, media_type: str, reasons: Iterable[str]
) -> dict[str, Any] | None:
    """The event of an appraisal. REASONS are those that the contract has."""
    session = json_object(answer.body)
    claims = claims_of(session)
    if answer.status != 200 or not claims:
        return None
    said = policy_claims(claims)
    worst = tier(claims)
    reason = str(said.get("atls.reason", ""))
    if reason not in reasons:
        reason = "ok" if worst == "affirming" else f"tier-{worst}"
    made: dict[str, Any] = {
        "session": session_id,
        "media_type": media_type,
        "status": worst,
        "reason": reason,
        "detail": str(said.get("atls.detail", said.get("problem", worst)))[:400],
        "mismatches": _mismatches(said.get("atls.mismatches")),
        "x_says_why": "atls.reason" in said,
        "x_issuer": str(claims.get("iss", "")),
    }
    return made

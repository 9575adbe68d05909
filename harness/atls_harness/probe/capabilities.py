# SPDX-License-Identifier: Apache-2.0
"""What a peer has been seen to do, in the words of peer.yaml; and records that only all of them
together tell what to make of."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..contract import contract
from ..scenario import other
from .exchange import RESULT
from .judge import FAIL, PASS, SILENT
from .plan import BESIDE, BOTH

Record = Mapping[str, Any]
ATTESTER, RELYING_PARTY = "attester", "relying-party"
# What the decoder calls evidence that peer.yaml has by another name: the 2022 bundle of KAT and PAT
# is what poc-mbedtls makes of a CAB.
ASKED = {"kat-prototype": "cab"}


def settled(records: Sequence[Record], probed: str) -> list[Record]:
    """The records, judged by what the others say."""
    return _versions(_ignorant(records, probed))


def _ignorant(records: Sequence[Record], probed: str) -> list[Record]:
    """x509-cmw negotiates nothing: a peer that let every misbehaviour pass in our certificate may
    simply not know what is in it. Its records, judged so, in place of failures."""
    looked = {
        one["model"]
        for one in records
        if _in_our_leaf(one, probed) and one["fault"] and _refused(one)
    }
    made = []
    for one in records:
        if _in_our_leaf(one, probed) and one["fault"] and one["outcome"] == FAIL:
            if one["model"] not in looked:
                words = f"{one['words']}; but it takes any certificate, and may not look into it"
                one = {**one, "outcome": SILENT, "words": words}
        made.append(one)
    return made


def _refused(record: Record) -> bool:
    """Was a misbehaviour refused, rightly or with another alert, where what is honest was not?"""
    return record["outcome"] in (PASS, FAIL) and not record["complete"]


def _in_our_leaf(record: Record, probed: str) -> bool:
    carrier = contract().profiles[record["profile"]].carrier
    return carrier == "leaf" and record["attests"] == other(probed)


def shadowed(records: Sequence[Record]) -> dict[str, str]:
    """Versions of a draft that use the same numbers misunderstand each other: profiles that look
    as if something of them was spoken, with the one that is."""
    spoken = {one["profile"] for one in records if _good(one)}
    found = {}
    for profile in {one["profile"] for one in records} - spoken:
        mine = set(contract().profiles[profile].extensions)
        for name in sorted(spoken):
            if mine.intersection(contract().profiles[name].extensions):
                found[profile] = name
    return found


def _versions(records: Sequence[Record]) -> list[Record]:
    """The records, without failures of a peer that speaks another version of the same numbers."""
    shadows = shadowed(records)
    made = []
    for one in records:
        if one["profile"] in shadows and one["outcome"] != SILENT:
            words = f"it speaks {shadows[one['profile']]}, of the same numbers: {one['words']}"
            one = {**one, "outcome": SILENT, "words": words, "spoken": False}
        made.append(one)
    return made


def capabilities(records: Sequence[Record], probed: str) -> dict[str, dict[str, Any]]:
    """By profile that is spoken: what the peer was seen to do in each role."""
    found: dict[str, dict[str, Any]] = {}
    for profile in dict.fromkeys(one["profile"] for one in records):
        mine = [one for one in records if one["profile"] == profile]
        made = _of(mine, probed)
        if made["models"]:
            found[profile] = made
    return found


def _of(records: Sequence[Record], probed: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: {} for name in ("models", "evidence-formats", "serializations", "curves", "cmw-forms")
    }

    def saw(name: str, role: str, value: str) -> None:
        values = made[name].setdefault(role, [])
        if value not in values:
            values.append(value)

    kinds: list[str] = []
    variants: dict[str, str] = {}
    for one in records:
        if one["attests"] in (probed, BOTH) and _good(one) and one["presented"]:
            first = one["presented"][0]
            saw("models", ATTESTER, one["model"])
            if first["format"] not in (RESULT, "unknown"):
                saw("evidence-formats", ATTESTER, ASKED.get(first["format"], first["format"]))
            if "serialization" in first:
                saw("serializations", ATTESTER, first["serialization"])
            if first.get("form") in contract().names("cmw-forms"):
                saw("cmw-forms", ATTESTER, first["form"])
        if one["attests"] in (other(probed), BOTH) and _takes(one, records, probed):
            ways = one["ways"]
            saw("models", RELYING_PARTY, one["model"])
            saw("serializations", RELYING_PARTY, ways.get("serialization", "cbor"))
            saw("curves", RELYING_PARTY, ways.get("curve", "p256"))
            if one["model"] != "passport":
                saw("evidence-formats", RELYING_PARTY, one["format"])
            if one["model"] == "passport" or one["format"] == "psa":
                saw("cmw-forms", RELYING_PARTY, ways.get("cmw-form", "record"))
            if one["profile"] == BESIDE and one["model"] != "passport":
                kinds.append(ways.get("credential-kind", "attestation"))
        if _good(one):
            variants.update(text.split("=", 1) for text in one["variants"])
    made["credential-kinds"] = list(dict.fromkeys(kinds))
    made["hello-retry-request"] = any(
        one["hrr"] and (_good(one) or _takes(one, records, probed)) for one in records
    )
    made["variants"] = variants
    return made


def _good(record: Record) -> bool:
    return not record["fault"] and record["outcome"] == PASS


def _takes(record: Record, records: Sequence[Record], probed: str) -> bool:
    """Did it take what we attested? In a leaf that means something only of who looks into it."""
    if record["fault"]:
        return False
    if not _in_our_leaf(record, probed):
        return _good(record) and record["complete"]
    return record["complete"] and any(
        one["fault"] and one["model"] == record["model"] and _refused(one)
        for one in records
        if _in_our_leaf(one, probed)
    )

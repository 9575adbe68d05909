# SPDX-License-Identifier: Apache-2.0
"""Profiles by the document that each follows: current drafts first, the 2022 prototype last."""

from __future__ import annotations

from typing import Iterable

DOCUMENTS = {
    "ta-07": "draft-fossati-tls-attestation-07",
    "seat-06": "draft-fossati-seat-early-attestation-06",
    "expat-04": "draft-fossati-seat-expat-04",
    "x509-cmw": "RFC 9999",
    "seat-04": "draft-fossati-seat-early-attestation-04",
    "ta-03": "draft-fossati-tls-attestation-03",
    "ta-02": "draft-fossati-tls-attestation-02",
}
PROTOTYPE = "poc-mbedtls"


def document(profile: str) -> str:
    """What a profile follows, or "" where that is not known."""
    return "prototype of 2022, on Mbed TLS" if profile == PROTOTYPE else DOCUMENTS.get(profile, "")


def ordered(profiles: Iterable[str]) -> list[str]:
    """Current drafts, older ones, what is not known by name, the prototype."""
    known = list(DOCUMENTS)

    def place(name: str) -> tuple[int, str]:
        late = len(known) + (name == PROTOTYPE)
        return (known.index(name) if name in known else late, name)

    return sorted(set(profiles), key=place)

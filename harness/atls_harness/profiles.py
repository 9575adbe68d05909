# SPDX-License-Identifier: Apache-2.0
"""Profiles by the document that each follows: current drafts first, the 2022 prototype last."""

from __future__ import annotations

from typing import Iterable

from .contract import contract


def document(profile: str) -> str:
    """What a profile follows, or "" where that is not known."""
    known = contract().profiles
    return known[profile].document if profile in known else ""


def ordered(profiles: Iterable[str]) -> list[str]:
    """Current drafts, older ones (the newest first), what is not known by name, the prototype."""
    known = contract().profiles
    ranks = {"current": 0, "older": 1, "": 2, "prototype": 3}

    def place(name: str) -> tuple[int, int, str]:
        status = known[name].status if name in known else ""
        at = list(known).index(name) if name in known else 0
        return (ranks[status], -at if status == "older" else at, name)

    return sorted(set(profiles), key=place)

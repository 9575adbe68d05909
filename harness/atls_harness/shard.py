# SPDX-License-Identifier: Apache-2.0
"""A run in parts (--shard K/N), for several machines or jobs: which cases are in which part.

A case's part follows from its name alone, so that no part need know of the others. What a part
writes down (`shard` in results.json) is enough to tell, when they are put together (merge.py),
whether they are parts of one choice of cases, and whether every case of it is there once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Iterable

from .errors import UsageError
from .paths import ROOT

FORM = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


@dataclass(frozen=True)
class Shard:
    """The part INDEX, from 1, of COUNT."""

    index: int
    count: int

    def takes(self, name: str) -> bool:
        """Is an item (or a probe) in this part? NAME is pytest's, from the project's root."""
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        return number % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def read(text: str) -> Shard | None:
    """What --shard says; None where it says nothing."""
    if not text:
        return None
    found = FORM.fullmatch(text)
    if found:
        index, count = (int(part) for part in found.groups())
        if 1 <= index <= count:
            return Shard(index, count)
    raise UsageError(f"--shard: expected a part of all, as 2/5, came {text!r}")


def digest(ids: Iterable[str]) -> str:
    """What tells one choice of cases from another: SHA-256 over the ids, each on a line, sorted."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(ids)).encode()).hexdigest()


def written(shard: Shard, ids: Iterable[str], options: str) -> dict[str, Any]:
    """For results.json: which part it is, and of what. OPTIONS must be those of the other parts."""
    listed = list(ids)
    return {
        "index": shard.index,
        "count": shard.count,
        "cases": len(listed),
        "digest": digest(listed),
        "options": options.replace(f"{ROOT}/", "").strip(),
    }

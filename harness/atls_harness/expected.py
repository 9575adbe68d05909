# SPDX-License-Identifier: Apache-2.0
"""Failures that are expected (--expected-failures FILE): each with a reason.

Such a failure counts as xfail. Where the case passes it is an xpass, which fails, so that the file
does not outlive what it says.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from .document import Document
from .errors import InputError, UsageError
from .nearest import nearest
from .paths import EXPECTED_SCHEMA, shown
from .peer import Peer


@dataclass(frozen=True)
class ExpectedFailure:
    """Cases that are known to fail."""

    case: str  # a glob over case ids
    reason: str
    where: str = ""  # file and line

    def means(self, case: str) -> bool:
        """Is CASE one of them? Brackets are part of ids: only * and ? are wild."""
        return fnmatch.fnmatchcase(case, self.case.replace("[", "[[]"))


def load_expected(path: Path) -> tuple[ExpectedFailure, ...]:
    """The expected failures in a file."""
    document = Document(path, InputError)
    document.check(EXPECTED_SCHEMA)
    made = []
    for index, entry in enumerate(document.value["expected-failures"]):
        where = f"{shown(path)}:{document.line(('expected-failures', index))}"
        made.append(ExpectedFailure(entry["case"], entry["reason"], where))
    return tuple(made)


def of_peers(peers: Iterable[Peer]) -> list[ExpectedFailure]:
    """What peers say of themselves: known-failures of peer.yaml."""
    return [
        ExpectedFailure(
            entry["case"].replace("[[]", "["),
            entry["reason"],
            f"{shown(peer.path)}: known-failures",
        )
        for peer in peers
        for entry in peer.known_failures
    ]


def check_expected(expected: Iterable[ExpectedFailure], known: Iterable[str]) -> None:
    """UsageError where an entry means none of the cases that there are, and one has nearly its
    name. What has no name like it may be of another collection of scenarios."""
    names = {name.partition("@")[0] for name in known}
    for one in expected:
        glob = one.case.partition("@")[0]  # a pair of another run is no mistake
        if not any(ExpectedFailure(glob, "").means(name) for name in names):
            found = nearest(glob.strip("*"), [*names, *{n.partition("[")[0] for n in names}])
            if found:
                words = f"no case is named {one.case!r}; did you mean {found[0]!r}?"
                raise UsageError(f"{one.where}: {words}")


def unused(expected: Sequence[ExpectedFailure], cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Globs that no case of a run matches: misspelt, or about what is no more."""
    return [one.case for one in expected if not any(one.means(case["id"]) for case in cases)]

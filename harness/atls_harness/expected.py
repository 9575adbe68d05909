# SPDX-License-Identifier: Apache-2.0
"""Failures that are expected (--expected-failures FILE): each with a reason.

Such a failure counts as xfail. Where the case passes it is an xpass, which fails, so that the file
does not outlive what it says.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from .document import Document
from .errors import InputError
from .paths import EXPECTED_SCHEMA


@dataclass(frozen=True)
class ExpectedFailure:
    """Cases that are known to fail."""

    case: str  # a glob over case ids
    reason: str

    def means(self, case: str) -> bool:
        """Is CASE one of them? Brackets are part of ids: only * and ? are wild."""
        return fnmatch.fnmatchcase(case, self.case.replace("[", "[[]"))


def load_expected(path: Path) -> tuple[ExpectedFailure, ...]:
    """The expected failures in a file."""
    document = Document(path, InputError)
    document.check(EXPECTED_SCHEMA)
    entries = document.value["expected-failures"]
    return tuple(ExpectedFailure(entry["case"], entry["reason"]) for entry in entries)


def unused(expected: Sequence[ExpectedFailure], cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Globs that no case of a run matches: misspelt, or about what is no more."""
    return [one.case for one in expected if not any(one.means(case["id"]) for case in cases)]

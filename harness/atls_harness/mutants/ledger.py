# SPDX-License-Identifier: Apache-2.0
"""The verdicts of all runs of the stage `mutants` in a folder, so that samples add up.

A verdict stands as long as the text of its function does. A change that a test noticed is not
played again; one that nothing noticed is, with each run, for a test may have come. To begin anew,
remove the folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from .judge import Mutant, Verdict


class Ledger:
    """One JSON object a line; of several about a change the last one counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, Mapping[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self._rows[row["key"]] = row

    def add(self, verdict: Verdict) -> None:
        """Written at once: what ends a run early takes nothing away."""
        told = row(verdict)
        self._rows[told["key"]] = told
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    def of(self, mutants: Sequence[Mutant]) -> list[Verdict]:
        """What is known about MUTANTS."""
        found = []
        for mutant in mutants:
            known = self._rows.get(mutant.key)
            if known:
                found.append(Verdict(mutant, known["outcome"], known["by"]))
        return found


def row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it is written."""
    change = verdict.mutant.change
    return {
        "file": verdict.mutant.file,
        "line": change.line,
        "function": change.function,
        "source": change.source,
        "change": change.kind,
        "which": change.which,
        "outcome": verdict.outcome,
        "by": verdict.by,
        "key": verdict.mutant.key,
    }

# SPDX-License-Identifier: Apache-2.0
"""The requirements of a result, and how many of them are shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Mapping

from ..outcome import GOOD
from .cases import Case
from .values import BAD, NONE, OK, WARN, anchor, listed, mapping, number, text


def clauses_of(raw: Mapping[str, Any], cases: list[Case]) -> list[Mapping[str, Any]]:
    """The requirements of a result; of one that has none, those that its cases name."""
    given = [one for one in listed(raw.get("clauses")) if mapping(one).get("id")]
    if given:
        return [_clause(mapping(one)) for one in given]
    counted: dict[str, Counter[str]] = {}
    scenarios: dict[str, list[str]] = {}
    for case in cases:
        for name in case.clauses:
            counted.setdefault(name, Counter())[case.outcome] += 1
            scenarios.setdefault(name, []).append(f"{case.group}/{case.scenario}")
    return [
        _clause(
            {
                "id": name,
                "cases": dict(counted[name]),
                "scenarios": list(dict.fromkeys(scenarios[name])),
                "outcome": _together(counted[name]),
            }
        )
        for name in sorted(counted)
    ]


def _together(counted: Mapping[str, int]) -> str:
    if any(name not in GOOD for name in counted):
        return "fail"
    return next((name for name in ("xfail", "pass") if counted.get(name)), "unsupported")


def _clause(one: Mapping[str, Any]) -> dict[str, Any]:
    outcome = text(one.get("outcome")) or "not-run"
    tone = {"pass": OK, "fail": BAD, "not-run": NONE, "untested": NONE}.get(outcome, WARN)
    made: dict[str, Any] = {
        name: text(one.get(name), 2000)
        for name in ("id", "document", "section", "level", "observed", "text", "reason")
    }
    made["scenarios"] = [text(name) for name in listed(one.get("scenarios"))]
    made["unit_tests"] = [text(name) for name in listed(one.get("unit_tests"))]
    made["cases"] = {text(k): int(number(v)) for k, v in mapping(one.get("cases")).items()}
    made["document"] = made["document"] or "named by the cases"
    made.update({"outcome": outcome, "tone": tone, "anchor": anchor("clause", made["id"])})
    return made


@dataclass
class Coverage:
    """The requirements of a document, or of all, counted."""

    name: str
    all: int = 0
    musts: int = 0  # MUST and MUST NOT that can be observed
    tested: int = 0  # of these, those that something shows
    passed: int = 0
    failed: int = 0
    other: int = 0  # not run, not tested, not supported

    @property
    def tone(self) -> str:
        if self.failed:
            return BAD
        if not self.all:
            return NONE
        return OK if self.tested == self.musts else WARN

    def add(self, clause: Mapping[str, Any]) -> None:
        """Counts one more."""
        must = clause["level"] in ("MUST", "MUST NOT") and clause["observed"] != "none"
        self.all += 1
        self.musts += must
        self.tested += must and bool(clause["scenarios"] or clause["unit_tests"])
        self.passed += clause["outcome"] == "pass"
        self.failed += clause["outcome"] == "fail"
        self.other += clause["outcome"] not in ("pass", "fail")


def coverage(clauses: list[Mapping[str, Any]]) -> tuple[Coverage, dict[str, Coverage]]:
    """All requirements, and those of each document."""
    whole, documents = Coverage("all"), dict[str, Coverage]()
    for clause in clauses:
        name = clause["document"]
        whole.add(clause)
        documents.setdefault(name, Coverage(name)).add(clause)
    return whole, documents

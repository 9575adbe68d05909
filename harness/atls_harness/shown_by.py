# SPDX-License-Identifier: Apache-2.0
"""`./atls run --clause` and `--section`: which requirements are meant, what of them no case shows,
and what a requirement says, beside a case that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from .coverage import all_scenarios, by_clause, unit_test_command, unit_test_names
from .errors import UsageError
from .requirements import of_section, requested, requirements, unit_tests
from .scenario import Case

TOLD_MAX = 5  # requirements of a case whose text is told; the others by name


def meant_by(clauses: Sequence[str], sections: Sequence[str]) -> frozenset[str]:
    """The ids of the requirements. UsageError where there is none of such a name."""
    try:
        chosen = requested(clauses)
    except UsageError as problem:
        raise UsageError(f"--clause: {problem}") from problem
    try:
        chosen += [one for word in sections for one in of_section(word)]
    except UsageError as problem:
        raise UsageError(f"--section: {problem}") from problem
    return frozenset(one.id for one in chosen)


def shows(case: Case, chosen: frozenset[str]) -> bool:
    """Does a case show one of these requirements? What the drafts leave open shows none."""
    return not case.scenario.ambiguity and not chosen.isdisjoint(case.scenario.clauses)


def elsewhere(chosen: Iterable[str], build: Path) -> list[str]:
    """A sentence for each requirement that no scenario shows: what does, and how to run it."""
    wanted = sorted(chosen)
    if not wanted:
        return []
    scenarios, tests = by_clause(all_scenarios()), unit_tests()
    names: Mapping[str, str] | None = None
    said = []
    for name in wanted:
        if name in scenarios:
            continue
        if name not in tests:
            said.append(f"{name} has no test: {requirements()[name].reason}")
            continue
        names = unit_test_names(build) if names is None else names
        commands = [f"{one.path}: {unit_test_command(one, names, build)}" for one in tests[name]]
        said.append(f"{name} is shown by unit tests alone: {'; '.join(commands)}")
    return said


def texts(case: Mapping[str, Any], clauses: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """What the requirements of a case say, a line each; CLAUSES are those of its result, where
    that is at hand."""
    if case.get("ambiguity"):
        return []
    known: dict[str, Mapping[str, Any]] = {one["id"]: one for one in clauses}
    known = known or {name: vars(one) for name, one in requirements().items()}
    names = [name for name in case.get("clauses", ()) if known.get(name, {}).get("text")]
    lines = [
        f"{name} ({known[name]['level']}, {known[name]['document']} section "
        f"{known[name]['section']}): {known[name]['text']}"
        for name in names[:TOLD_MAX]
    ]
    more = names[TOLD_MAX:]
    return lines + ([f"also shown: {', '.join(more)} (./atls clauses {more[0]})"] if more else [])

# SPDX-License-Identifier: Apache-2.0
"""Which requirement is shown by what, and how it went: `./atls clauses`, results.json's clauses."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from . import extent, usage
from .errors import HarnessError, InputError
from .paths import default_build, shown, story_files
from .requirements import MANDATORY, Requirement, UnitTest, requested, requirements, unit_tests
from .scenario import Scenario, load

WIDTH = 80
HEAD_WIDTH = 8
LEGEND = "MUSTs: MUST and MUST NOT that can be observed; reason given: why there is no test."
# Of the outcomes of a requirement's cases, the first that occurs is its own; any other is "fail".
ORDER = ("xfail", "pass", "unsupported", "skipped")
NOT_RUN, UNTESTED = "not-run", "untested"
UNPLAYED = "not-played"  # as outcome.py has it
UNIT_TESTS = "unit tests"  # of a count: not-run, since unit tests alone show it
WORDS = {NOT_RUN: "have no case in it", UNIT_TESTS: "are shown by unit tests alone"}


@functools.lru_cache(maxsize=None)
def all_scenarios() -> list[Scenario]:
    """The project's scenarios, those about ambiguities aside: they show no requirement."""
    made = []
    for path in story_files():
        # One that is wrong fails when it is collected; a run of others is not to be lost for it.
        with contextlib.suppress(InputError):
            made.append(load(path)[0])
    return [scenario for scenario in made if not scenario.ambiguity]


def by_clause(scenarios: Iterable[Scenario]) -> dict[str, list[Scenario]]:
    """The scenarios that show each requirement."""
    found: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        for clause in scenario.clauses:
            found.setdefault(clause, []).append(scenario)
    return found


def clause_outcome(outcomes: Iterable[str], tested: bool) -> str:
    """What a requirement's cases came to, taken together."""
    kinds = set(outcomes) - {UNPLAYED}
    if not kinds:
        return NOT_RUN if tested else UNTESTED
    if kinds - set(ORDER):
        return "fail"
    return next(name for name in ORDER if name in kinds)


def clause_results(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The clauses of results.json: for each requirement what shows it, and how that went."""
    scenarios, tests = by_clause(all_scenarios()), unit_tests()
    outcomes: dict[str, Counter[str]] = {}
    for case in cases:
        for clause in [] if case.get("ambiguity") else case["clauses"]:
            outcomes.setdefault(clause, Counter())[case["outcome"]] += 1
    made = []
    for name, entry in requirements().items():
        counted = outcomes.get(name, Counter())
        tested = bool(scenarios.get(name) or tests.get(name))
        made.append(
            {
                "id": name,
                "document": entry.document,
                "section": entry.section,
                "level": entry.level,
                "observed": entry.observed,
                "text": entry.text,
                "scenarios": [f"{one.group}/{one.name}" for one in scenarios.get(name, [])],
                "unit_tests": [test.path for test in tests.get(name, [])],
                "cases": dict(sorted(counted.items())),
                "outcome": clause_outcome(counted, tested),
                "reason": "" if tested else entry.reason,
            }
        )
    return made


@dataclass
class Count:
    """Requirements, counted: the numbers that everything which speaks of them takes from here."""

    all: int = 0
    observable: int = 0
    tested: int = 0  # of the observable ones
    musts: int = 0  # MUST and MUST NOT, of the observable ones
    tested_musts: int = 0
    untested: int = 0
    reasons: int = 0  # not tested, for a written reason
    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(self, clause: Mapping[str, Any]) -> None:
        """Counts one more."""
        tested = bool(clause["scenarios"] or clause["unit_tests"])
        observable = clause["observed"] != "none"
        must = observable and clause["level"] in MANDATORY
        self.all += 1
        self.observable += observable
        self.tested += observable and tested
        self.musts += must
        self.tested_musts += must and tested
        self.untested += not tested
        self.reasons += not tested and bool(clause["reason"])
        alone = clause["outcome"] == NOT_RUN and not clause["scenarios"]
        self.outcomes[UNIT_TESTS if alone else clause["outcome"]] += 1


def counted(clauses: Iterable[Mapping[str, Any]]) -> tuple[Count, dict[str, Count]]:
    """All clauses of a result, and those of each document."""
    whole = Count()
    documents: dict[str, Count] = {}
    for clause in clauses:
        whole.add(clause)
        documents.setdefault(clause["document"], Count()).add(clause)
    return whole, documents


def in_short(clauses: Iterable[Mapping[str, Any]]) -> str:
    """How many there are and how many are tested; README says the same."""
    count, _ = counted(clauses)
    words = f"{count.all} requirements: {count.observable} can be observed, "
    words += f"{count.tested} of these are tested"
    if count.untested and count.reasons == count.untested:
        return f"{words}; {count.untested} have no test, each for a written reason"
    return words + (f"; {count.untested} have no test" if count.untested else "")


def outcome_line(clauses: Iterable[Mapping[str, Any]]) -> str:
    """How the requirements went in a run, in a line."""
    count, _ = counted(clauses)
    parts = [
        f"{number} {WORDS.get(name, name)}"
        for name, number in count.outcomes.most_common()
        if name != UNTESTED
    ]
    return "in this run " + (", ".join(parts) or "none was tried")


COLUMNS = ("document", "all", "can be observed", "tested", "MUSTs tested", "reason given")


def document_rows(clauses: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The coverage table's rows, a total last."""
    whole, documents = counted(clauses)
    return [
        (
            name,
            str(c.all),
            str(c.observable),
            str(c.tested),
            f"{c.tested_musts}/{c.musts}",
            str(c.reasons),
        )
        for name, c in [*documents.items(), ("all", whole)]
    ]


def markdown(clauses: Sequence[Mapping[str, Any]]) -> list[str]:
    """The coverage table and the requirements that failed, for summary.md."""
    lines = ["", "## Requirements", "", f"{in_short(clauses)}; {outcome_line(clauses)}.", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in document_rows(clauses)]
    lines += ["", LEGEND]
    for clause in clauses:
        if clause["outcome"] == "fail":
            lines.append(f"- **{clause['id']}** ({clause['level']}): {clause['text']}")
    return lines


def latest(path: Path) -> dict[str, Any]:
    """The newest results.json, or one without cases."""
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"cases": [], "run": None}
    except (OSError, ValueError) as problem:
        raise HarnessError(f"{path}: {problem}") from problem
    return result


def table(clauses: Sequence[Mapping[str, Any]]) -> str:
    """The coverage table for a terminal."""
    heads = [textwrap.wrap(name, HEAD_WIDTH) for name in COLUMNS]
    high = max(map(len, heads))
    rows = [tuple(([""] * (high - len(one)) + one)[line] for one in heads) for line in range(high)]
    rows += document_rows(clauses)
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    lines.insert(high, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def listing(clauses: Iterable[Mapping[str, Any]]) -> str:
    """A line for each requirement."""
    return "\n".join(
        f"{c['id']:<10} {c['level']:<10} {c['observed']:<9} {c['outcome']:<11} "
        f"{len(c['scenarios'])} scenarios, {len(c['unit_tests'])} unit tests"
        for c in clauses
    )


def unit_test_names(build: Path) -> dict[str, str]:
    """For each source of a unit test, what meson calls it in a build directory."""
    info = build / "meson-info"
    try:
        targets = json.loads((info / "intro-targets.json").read_text(encoding="utf-8"))
        tests = json.loads((info / "intro-tests.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sources: dict[str, list[str]] = {}
    for target in targets:
        files = [name for block in target["target_sources"] for name in block.get("sources", [])]
        for name in target["filename"] if isinstance(target["filename"], list) else []:
            sources[name] = files
    found: dict[str, str] = {}
    for test in tests:
        for word in test["cmd"]:
            for name in sources.get(word, [word]):
                found.setdefault(shown(Path(name)), test["name"])
    return found


def unit_test_command(test: UnitTest, names: Mapping[str, str], build: Path) -> str:
    """The command that runs a unit test."""
    if test.path in names:
        return f"meson test -C {shown(build)} {names[test.path]}"
    if test.path.startswith("harness/"):
        return f"./atls run {test.path}"
    return "./atls test --only unit"


def story(entry: Requirement, result: Mapping[str, Any], build: Path) -> str:
    """Everything about one requirement."""
    lines = [f"{entry.id}  {entry.level}  {entry.document}, section {entry.section}"]
    lines += textwrap.wrap(entry.text, WIDTH, initial_indent="  ", subsequent_indent="  ")
    lines.append(f"  binds: {', '.join(entry.roles)}; observed by: {entry.observed}")
    scenarios = by_clause(all_scenarios()).get(entry.id, [])
    tests = unit_tests().get(entry.id, [])
    if not scenarios and not tests:
        reason = f"  not tested: {entry.reason or 'no reason given'}"
        lines += textwrap.wrap(reason, WIDTH, subsequent_indent="  ")
    for scenario in scenarios:
        counted = Counter(
            case["outcome"]
            for case in result["cases"]
            if case["scenario"] == scenario.name and case["group"] == scenario.group
        )
        last = ", ".join(f"{count} {name}" for name, count in counted.items()) or "not run"
        title = f"  scenario {scenario.group}/{scenario.name}: {scenario.title}"
        lines += ["", *textwrap.wrap(title, WIDTH, subsequent_indent="    ")]
        lines.append(f"    last outcome: {last}")
        lines.append(f"    ./atls run {shown(scenario.path)}")
    names = unit_test_names(build) if tests else {}
    for test in tests:
        numbers = ", ".join(map(str, test.lines[:6])) + (", ..." if len(test.lines) > 6 else "")
        lines += ["", f"  unit test {test.path}: line {numbers}"]
        lines.append(f"    {unit_test_command(test, names, build)}")
    return "\n".join(lines)


def main(given: Sequence[str]) -> int:
    """`./atls clauses`."""
    options = usage.clauses().parse_args(given)
    result = latest(options.results)
    build = (options.build or default_build()).resolve()
    chosen = requested(options.id)
    clauses = clause_results(result["cases"])
    if options.list or (chosen and len(chosen) > len(options.id)):
        names = {entry.id for entry in chosen}
        print(listing(clause for clause in clauses if not names or clause["id"] in names))
        return 0
    if chosen:
        print("\n\n".join(story(entry, result, build) for entry in chosen))
        return 0
    print(table(clauses))
    said = [LEGEND, f"{in_short(clauses)}."]
    if result["run"]:
        when = f"run of {result['run']['started']}"
        part = extent.words(extent.of(result))
        when += f"; {part}" if part else ""
        said.append(f"{outcome_line(clauses).capitalize()} ({when}).")
    else:
        said.append("Nothing has been run yet; ./atls run, and ask again.")
    for one in said:
        print(textwrap.fill(one, WIDTH, break_long_words=False))
    return 0

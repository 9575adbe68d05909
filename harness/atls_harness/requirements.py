# SPDX-License-Identifier: Apache-2.0
"""The requirements of the drafts (data/requirements.yaml), and the unit tests that name them.

A scenario names the ids that it shows in `clauses`. A unit test in C names them anywhere in its
source, best in the rows of its tables; one in Python, where an id may be mere data, on a line
"Clauses: ID, ID".
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

from .contract import contract
from .document import Document, excuse
from .errors import InputError, UsageError
from .nearest import meant
from .paths import REQUIREMENT_SCHEMA, REQUIREMENTS, ROOT

ID = re.compile(r"R-[A-Z]+(?:-[0-9]{2})+\b")
PYTHON_LINE = re.compile(r"^\W*Clauses:(.*)$", re.MULTILINE)
SECTION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
MANDATORY = ("MUST", "MUST NOT")
NO_ROOMS = ("harness", "out", "results", "scenarios")  # of C: what is tested here, or made


@dataclass(frozen=True)
class Requirement:
    """One thing that a document asks for."""

    id: str
    document: str
    section: str
    level: str
    roles: tuple[str, ...]
    observed: str
    text: str
    reason: str  # why there is no test, or ""
    needs: tuple[str, str] | None  # list of capabilities, entry: what that reason hangs on

    @property
    def observable(self) -> bool:
        return self.observed != "none"

    @property
    def mandatory(self) -> bool:
        return self.level in MANDATORY

    @property
    def sections(self) -> list[str]:
        """Each by itself, where it is of several: 5.4/5.5."""
        return SECTION.findall(self.section) or [self.section]


def load_requirements(path: Path) -> dict[str, Requirement]:
    """The requirements in a file, by id, in its order."""
    document = Document(path, InputError)
    document.check(REQUIREMENT_SCHEMA)
    made: dict[str, Requirement] = {}
    for name, entry in document.by_id("requirements").items():
        reason, needs = excuse(entry, "untested")
        plain = {key: entry[key] for key in ("id", "document", "section", "level", "observed")}
        made[name] = Requirement(
            **plain, roles=tuple(entry["roles"]), text=entry["text"], reason=reason, needs=needs
        )
    return made


@functools.lru_cache(maxsize=None)
def requirements() -> dict[str, Requirement]:
    """The requirements of the drafts, by id."""
    return load_requirements(REQUIREMENTS)


def requested(words: Iterable[str]) -> list[Requirement]:
    """Those that a person means by an id (R-SE-10), or by that of a family (R-SE)."""
    known = requirements()
    chosen: list[Requirement] = []
    for word in words:
        found = [entry for name, entry in known.items() if name == word]
        found = found or [entry for name, entry in known.items() if name.startswith(word + "-")]
        if not found:
            families = sorted({name.rpartition("-")[0] for name in known})
            hint = meant(word.upper(), [*known, *families])
            if "did you mean" not in hint:
                hint = f"; families of them are {', '.join(families)}"
            raise UsageError(f"no requirement {word!r}{hint}")
        chosen += found
    return chosen


def _document(word: str) -> str:
    """The whole name of a document: WORD may be short (kat-06), or a profile that follows it."""
    known = contract()
    names = {name: name for name in known.documents.values()} | dict(known.documents)
    if word not in names:
        raise UsageError(f"no document {word!r}{meant(word, known.documents)}")
    return names[word]


def of_section(word: str) -> list[Requirement]:
    """The requirements of DOCUMENT:SECTION (ta-07:8.1), and of the sections below it."""
    short, _, section = word.rpartition(":")
    if not short or not section:
        raise UsageError(f"expected DOCUMENT:SECTION, as ta-07:8.1, came {word!r}")
    document = _document(short)
    found = [one for one in requirements().values() if one.document == document]
    if not found:
        raise UsageError(f"of {document} no requirement is known here")
    chosen = [
        one
        for one in found
        if any(part == section or part.startswith(f"{section}.") for part in one.sections)
    ]
    if not chosen:
        known = ", ".join(sorted({part for one in found for part in one.sections}))
        raise UsageError(f"no requirement is of section {section} of {document}; there are {known}")
    return chosen


@dataclass(frozen=True)
class UnitTest:
    """A source file of tests that names a requirement."""

    path: str  # from the project's root
    lines: tuple[int, ...]


def _rooms(root: Path) -> Iterator[Path]:
    """The folders that hold unit tests: the rooms of the C code, and the harness' own."""
    for folder in sorted(root.iterdir()):
        made = folder.name in NO_ROOMS or (folder / "build.ninja").exists()
        if folder.is_dir() and not folder.name.startswith(".") and not made:
            yield folder
    yield root / "harness" / "tests"


def _sources(root: Path) -> Iterator[Path]:
    for folder in _rooms(root):
        for pattern in ("test-*.c", "test-*.py", "test_*.py"):
            yield from sorted(folder.rglob(pattern))


def named_in(path: Path, text: str) -> Counter[tuple[str, int]]:
    """The ids that a test's source names, with the lines."""
    found: Counter[tuple[str, int]] = Counter()
    spans = [(0, text)]
    if path.suffix == ".py":
        spans = [(match.start(1), match.group(1)) for match in PYTHON_LINE.finditer(text)]
    for start, span in spans:
        for match in ID.finditer(span):
            found[match.group(), text.count("\n", 0, start + match.start()) + 1] += 1
    return found


def scan(root: Path) -> dict[str, list[UnitTest]]:
    """For each id that a unit test below ROOT names, the tests; unknown ids among them."""
    found: dict[str, list[UnitTest]] = {}
    for path in _sources(root):
        lines: dict[str, list[int]] = {}
        for name, line in sorted(named_in(path, path.read_text(encoding="utf-8"))):
            lines.setdefault(name, []).append(line)
        for name, numbers in lines.items():
            test = UnitTest(str(path.relative_to(root)), tuple(numbers))
            found.setdefault(name, []).append(test)
    return found


@functools.lru_cache(maxsize=None)
def unit_tests() -> dict[str, list[UnitTest]]:
    """The unit tests of the project, by the ids that they name."""
    return scan(ROOT)


def problems(
    known: Mapping[str, Requirement],
    scenarios: Mapping[str, Any],
    tests: Mapping[str, list[UnitTest]],
    capabilities: Mapping[str, Any],
) -> list[str]:
    """What is wrong with the coverage: unknown ids, no test and no reason, reasons out of date."""
    found = [
        f"{test.path}:{test.lines[0]}: there is no requirement {name}"
        for name in tests
        if name not in known
        for test in tests[name]
    ]
    for name, entry in known.items():
        tested = bool(scenarios.get(name) or tests.get(name))
        declared = entry.needs and entry.needs[1] in capabilities.get(entry.needs[0], [])
        if tested and entry.observable and entry.reason and not entry.needs:
            found.append(f"{name} has a test, but data/requirements.yaml says: {entry.reason}")
        elif not tested and declared and entry.needs:
            found.append(
                f"{name} has no test, and its reason is out of date: the peer declares "
                f"{entry.needs[1]} among its {entry.needs[0]}"
            )
        elif not tested and not entry.reason:
            found.append(f"{name} ({entry.level}) has no scenario, no unit test and no reason")
    return found

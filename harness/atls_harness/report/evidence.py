# SPDX-License-Identifier: Apache-2.0
"""What the bundles of a run have for the report: each message as the decoder printed it.

A bundle is beside results.json where the case did not pass, or where --keep was given. Results may
come from elsewhere: a bundle is only looked for below the results' own folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .cases import Case

TEXT_MAX = 24_000
FILES_MAX = 12
# What may go into one report altogether; the cases that did not pass come first.
BUDGET = 4_000_000


@dataclass(frozen=True)
class Evidence:
    """A message in words, and where it was seen."""

    names: tuple[str, ...]
    words: str


def bundle_of(case: Case, folder: Path) -> Path | None:
    """The folder of a case's bundle, if it is there and where it should be."""
    given = case.raw.get("bundle")
    if not isinstance(given, str) or not given or "\0" in given:
        return None
    try:
        path = (folder / given).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_dir():
            return None
    except (OSError, RuntimeError):
        return None
    return path


def link(bundle: Path, target: Path) -> str:
    """A bundle as a link from the folder TARGET, or "" where the two are not in one tree."""
    try:
        relative = bundle.relative_to(target.resolve())
    except ValueError:
        return ""
    return "./" + quote(relative.as_posix()) + "/"


def read(bundle: Path) -> list[Evidence]:
    """The decoded messages in a bundle; the same one seen by several parties only once."""
    found: dict[str, list[str]] = {}
    root = bundle.resolve()
    for path in sorted(bundle.glob("*.artifacts/*.txt"))[:FILES_MAX]:
        if not path.resolve().is_relative_to(root) or not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            words = file.read(TEXT_MAX + 1)
        if len(words) > TEXT_MAX:
            words = words[:TEXT_MAX] + "\n… the bundle has the rest\n"
        party = path.parent.name.removesuffix(".artifacts")
        found.setdefault(words, []).append(f"{party}: {path.name.removesuffix('.txt')}")
    return [Evidence(tuple(names), words) for words, names in found.items()]


def gather(cases: list[Case], folder: Path, budget: int = BUDGET) -> dict[str, list[Evidence]]:
    """The evidence of as many cases as fit, by anchor: failures, then one a scenario, then all."""
    first: set[tuple[str, str]] = set()
    ranked: list[tuple[int, Case]] = []
    for case in cases:
        rank = 0 if not case.good else 1 if (case.group, case.scenario) not in first else 2
        first.add((case.group, case.scenario))
        ranked.append((rank, case))
    made: dict[str, list[Evidence]] = {}
    for _, case in sorted(ranked, key=lambda one: one[0]):
        bundle = bundle_of(case, folder)
        if bundle is None:
            continue
        found = read(bundle)
        size = sum(len(one.words) for one in found)
        if found and size <= budget:
            budget -= size
            made[case.anchor] = found
    return made

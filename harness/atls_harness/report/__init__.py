# SPDX-License-Identifier: Apache-2.0
"""`./atls report`: what a run's results.json says, as files that people and machines read.

values.py reads the result, view.py has what it says (cases.py, cells.py, clauses.py), sequence.py
lays out the diagrams, evidence.py looks into the bundles, render.py writes; publish.py makes what
goes into results/. Nothing is run anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from .. import usage
from ..document import first_problem, where_of
from ..errors import HarnessError, UsageError
from ..paths import RESULT_SCHEMA, ROOT, shown
from . import evidence, publish, render, view
from .values import load

# Of decoded messages results/ has examples only.
PUBLISHED_EVIDENCE = 30_000
ATTACKS_PAGE = "attacks.html"


@dataclass(frozen=True)
class Attacks:
    """What a run of attacks came to, for the report of a run (attacks/page.py makes it)."""

    section: Mapping[str, Any]  # of the page
    summary: str  # in Markdown
    page: str  # all of it, a file of its own


def write(result: Path, target: Path, attacks: Attacks | None = None) -> list[Path]:
    """The report on RESULT in the folder TARGET; returns what was written."""
    raw = load(result)
    report = view.make(raw)
    folder = result if result.is_dir() else result.parent
    made = {
        "report.md": render.markdown(report) + _summary(attacks),
        "badge.json": json.dumps(render.badge(report)) + "\n",
        **_page(attacks),
    }
    if not (target / "junit.xml").exists() or target.resolve() != folder.resolve():
        made["junit.xml"] = render.junit(report)
    pages = render.pages(report, folder, target, attacks=_section(attacks))
    return _save(pages, target) + _save(made.items(), target)


def write_published(result: Path, target: Path, attacks: Attacks | None = None) -> list[Path]:
    """The report that is published in the folder TARGET."""
    raw = publish.trim(load(result))
    problem = first_problem(raw, RESULT_SCHEMA)
    if problem is not None:
        raise HarnessError(f"{result}: not published: {where_of(problem)}: {problem.message}")
    report = view.make(raw)
    # The trimmed result names no bundles; what is in them is looked up by the one that was given.
    folder = result if result.is_dir() else result.parent
    kept = evidence.gather(view.make(load(result)).cases, folder, PUBLISHED_EVIDENCE)
    made = {
        "summary.md": render.markdown(report) + _summary(attacks),
        "badge.json": json.dumps(render.badge(report)) + "\n",
        "results.json": publish.dump(publish.data(raw)),
        **_page(attacks),
    }
    pages = render.pages(report, target, target, kept, _section(attacks))
    return _save(pages, target) + _save(made.items(), target)


def _section(attacks: Attacks | None) -> Mapping[str, Any] | None:
    return {**attacks.section, "page": ATTACKS_PAGE} if attacks else None


def _summary(attacks: Attacks | None) -> str:
    return "\n" + attacks.summary if attacks else ""


def _page(attacks: Attacks | None) -> dict[str, str]:
    return {ATTACKS_PAGE: attacks.page} if attacks else {}


def _save(made: Iterable[tuple[str, str]], target: Path) -> list[Path]:
    """Each as it is made: there may be many pages."""
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, words in made:
        path = target / name
        path.write_text(words, encoding="utf-8", errors="replace")
        paths.append(path)
    return paths


def main(given: Sequence[str]) -> int:
    """The command."""
    options = usage.report().parse_args(given)
    result: Path = options.result
    folder = result if result.is_dir() else result.parent
    output: Path = options.output or (ROOT / "results" if options.publish else folder.resolve())
    attacks = None
    if options.attacks:
        from ..attacks import page  # which draws with this package

        known = page.load(options.attacks)
        attacks = page.part_of_report(publish.scrubbed(known) if options.publish else known)
    try:
        paths = (write_published if options.publish else write)(result, output, attacks)
    except OSError as problem:
        raise UsageError(f"--output: {output} cannot be written: {problem.strerror}") from problem
    for path in paths:
        print(shown(path))
    return 0

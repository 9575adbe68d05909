# SPDX-License-Identifier: Apache-2.0
"""The stage `mutants` of `./atls test`: on demand and nightly, for it takes an hour or more.

harness/ci/mutants.yaml names the files, and the changes that no test can notice, each with a
reason.
Whatever else survives is a hole in the tests, and fails the stage.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from ..document import Document
from ..errors import HarnessError, InputError
from ..paths import ROOT, SCHEMAS
from .judge import Mutant, Verdict, judge_all, mutants_of, sample
from .reach import Reach, measure
from .workshop import Workshop

DATA = ROOT / "harness" / "ci" / "mutants.yaml"
SCHEMA = SCHEMAS / "mutants.schema.json"
SHARE = 0.02  # of all that was played: so many may survive, each with a reason


@dataclass(frozen=True)
class Excuse:
    """A change that no test can notice."""

    file: str
    kind: str
    source: str
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Whether it is about this one; the line may have moved."""
        change = mutant.change
        return (self.file, self.kind, self.source) == (mutant.file, change.kind, change.source)


@dataclass(frozen=True)
class Plan:
    """harness/ci/mutants.yaml."""

    patterns: tuple[str, ...]
    excuses: tuple[Excuse, ...]

    def files(self, tracked: Sequence[str]) -> list[str]:
        """The files that are changed."""
        found = [
            name
            for name in tracked
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)
            and not Path(name).name.startswith(("test-", "fuzz-"))
        ]
        return sorted(found)


def load(path: Path = DATA) -> Plan:
    """The plan; every excuse is about a line that is there."""
    document = Document(path, InputError)
    document.check(SCHEMA)
    excuses = []
    for index, entry in enumerate(document.value.get("equivalent", [])):
        excuse = Excuse(entry["file"], entry["change"], entry["line"], entry["reason"])
        file = ROOT / excuse.file
        if not file.is_file() or not any(
            excuse.fits(mutant) for mutant in mutants_of(ROOT, [excuse.file])
        ):
            raise document.fail(
                ("equivalent", index),
                f"expected a line of {excuse.file} that reads {excuse.source!r} and a change "
                f"{excuse.kind!r} of it, came none: take the entry out, or mend it",
            )
        excuses.append(excuse)
    return Plan(tuple(document.value["files"]), tuple(excuses))


def run(
    tracked: Sequence[str],
    folder: Path,
    jobs: int,
    say: Callable[[str], None],
    count: int = 0,
    seed: int = 1,
    only: Sequence[str] = (),
) -> str:
    """Plays COUNT changes (0: all) of the plan's files, or of those that fit ONLY, with copies of
    TRACKED under FOLDER. What came of it, in a sentence; raises what survived without a reason."""
    plan = load()
    files = [
        name
        for name in plan.files(tracked)
        if not only or any(fnmatch.fnmatchcase(name, pattern) for pattern in only)
    ]
    if not files:
        raise HarnessError(f"no file of {DATA.name} fits {', '.join(only)}")
    chosen = sample(mutants_of(ROOT, files), count, seed)
    say(f"{len(chosen)} changes of {len(files)} files; measuring which test runs which line")
    covering = Workshop(folder / "reach", tracked, ("-Db_coverage=true",))
    reach = measure(covering, files, folder / "counters", jobs)
    shops = [Workshop(folder / f"shop-{number}", tracked) for number in range(jobs)]
    for shop in shops:
        if not shop.compile():
            raise HarnessError(f"{shop.source} does not compile: ninja -C {shop.build} says why")
    verdicts = judge_all(chosen, shops, reach, lambda verdict: _tell(verdict, say))
    return _conclude(verdicts, plan, reach, folder, say)


def _tell(verdict: Verdict, say: Callable[[str], None]) -> None:
    if verdict.outcome in ("survived", "not-reached"):
        say(f"{verdict.outcome:<12} {verdict.mutant}")


def _conclude(
    verdicts: Sequence[Verdict],
    plan: Plan,
    reach: Sequence[Reach],
    folder: Path,
    say: Callable[[str], None],
) -> str:
    played = [one for one in verdicts if one.outcome != "not-C"]
    left = [one for one in played if one.outcome != "noticed"]
    holes = [one for one in left if not any(excuse.fits(one.mutant) for excuse in plan.excuses)]
    (folder / "mutants.json").write_text(
        json.dumps([_row(one) for one in verdicts], indent=1) + "\n", encoding="utf-8"
    )
    words = (
        f"{len(played)} changes played against {len(reach)} unit tests: "
        f"{len(played) - len(left)} noticed, {len(left)} survived, "
        f"{len(left) - len(holes)} of these with a reason; all: {folder / 'mutants.json'}"
    )
    say(words)
    for one in holes:
        say(f"hole: {one.mutant} ({one.outcome})")
    if holes:
        raise HarnessError(
            f"{len(holes)} of {len(played)} changed lines are noticed by no test: write one, or "
            f"a reason in harness/ci/{DATA.name}"
        )
    if len(left) > SHARE * len(played):
        raise HarnessError(
            f"expected at most {SHARE:.0%} of {len(played)} changes to survive, came {len(left)}"
        )
    return words


def _row(verdict: Verdict) -> dict[str, Any]:
    change = verdict.mutant.change
    return {
        "file": verdict.mutant.file,
        "line": change.line,
        "change": change.kind,
        "source": change.source,
        "outcome": verdict.outcome,
        "by": verdict.by,
    }

# SPDX-License-Identifier: Apache-2.0
"""The stage `mutants` of `./atls test`: on demand and nightly, for the whole takes hours.

harness/ci/mutants.yaml names the files, and the changes that no test can notice, each with a
reason. Whatever else survives is a hole in the tests, and fails the stage.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from ..build import alone
from ..document import Document
from ..errors import HarnessError, InputError
from ..paths import ROOT, SCHEMAS
from .bench import PLAIN, SANITIZED, Bench
from .judge import Judge, Mutant, Verdict, mutants_of, sample
from .ledger import Ledger, row
from .reach import measure
from .workshop import Workshop

DATA = ROOT / "harness" / "ci" / "mutants.yaml"
SCHEMA = SCHEMAS / "mutants.schema.json"
SHARE = 0.02  # of all that was tried: so many may survive, each with a reason
# Changes that are played to their verdicts before the next are: that one survives is known only
# when the last test has been played, and a run that is cut off shall have told what it can.
AT_ONCE = 1000
TESTS = 10  # at once for each processor: many wait, for a time limit or for somebody's answer


@dataclass(frozen=True)
class Excuse:
    """A change that no test can notice."""

    file: str
    function: str
    kind: str
    source: str
    which: int  # of several that are told alike; 0: there is only one
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Whether it is about this one; the line may have moved."""
        change = mutant.change
        place = (self.file, self.function, self.kind, self.source)
        if place != (mutant.file, change.function, change.kind, change.source):
            return False
        return self.which in (0, change.which)


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
            and not Path(name).name.startswith(("test-", "fuzz-", "peer-"))
        ]
        return sorted(found)

    def excused(self, mutant: Mutant) -> bool:
        """Whether there is a reason why no test can notice it."""
        return any(excuse.fits(mutant) for excuse in self.excuses)


def load(path: Path = DATA) -> Plan:
    """The plan; every excuse is about one change that is there."""
    document = Document(path, InputError)
    document.check(SCHEMA)
    excuses = []
    for index, entry in enumerate(document.value.get("equivalent", [])):
        excuse = Excuse(
            entry["file"],
            entry["function"],
            entry["change"],
            entry["line"],
            entry.get("which", 0),
            entry["reason"],
        )
        there = ROOT / excuse.file
        mutants = mutants_of(ROOT, [excuse.file]) if there.is_file() else []
        count = sum(1 for mutant in mutants if excuse.fits(mutant))
        if count != 1:
            raise document.fail(
                ("equivalent", index),
                f"expected one line of {excuse.function}() in {excuse.file} that reads "
                f"{excuse.source!r} and a change {excuse.kind!r} of it, came {count or 'none'}: "
                f"{'which: N says which' if count else 'take the entry out, or mend it'}",
            )
        excuses.append(excuse)
    return Plan(tuple(document.value["files"]), tuple(excuses))


@dataclass(frozen=True)
class Draw:
    """Which changes are played."""

    count: int = 0  # 0: all
    seed: int = 1
    only: tuple[str, ...] = ()  # patterns of files; none: all of the plan

    def files(self, plan: Plan, tracked: Sequence[str]) -> list[str]:
        """The files that are changed."""
        files = [
            name
            for name in plan.files(tracked)
            if not self.only or any(fnmatch.fnmatchcase(name, one) for one in self.only)
        ]
        if not files:
            raise HarnessError(f"no file of {DATA.name} fits {', '.join(self.only)}")
        return files


def run(
    tracked: Sequence[str],
    folder: Path,
    out: Path,
    jobs: int,
    say: Callable[[str], None],
    draw: Draw = Draw(),
) -> str:
    """Plays the changes that DRAW draws of the plan's files, and those of earlier runs that nothing
    noticed, with copies of TRACKED under FOLDER. What came of all of them goes to OUT; returned is
    what came of it in a sentence, raised what survived without a reason."""
    with alone(folder):
        plan = load()
        files = draw.files(plan, tracked)
        everything = mutants_of(ROOT, files)
        ledger = Ledger(folder / "verdicts.jsonl")
        chosen = _to_play(sample(everything, draw.count, draw.seed), everything, ledger, plan)
        say(f"{len(chosen)} changes of {len(files)} files to play")
        if not os.environ.get("ATLS_VECTORS"):
            say("ATLS_VECTORS is not set: tests that want vectors skip, and notice nothing")
        if chosen:
            _play(chosen, tracked, folder, jobs, say, ledger)
        return _conclude(ledger.of(everything), plan, out, say)


def _to_play(
    drawn: Sequence[Mutant], everything: Sequence[Mutant], ledger: Ledger, plan: Plan
) -> list[Mutant]:
    known = {one.mutant.key: one for one in ledger.of(everything)}
    again = {key for key, one in known.items() if one.lives and not plan.excused(one.mutant)}
    wanted = {mutant.key for mutant in drawn} - set(known) | again
    return [mutant for mutant in everything if mutant.key in wanted]


def _play(
    chosen: Sequence[Mutant],
    tracked: Sequence[str],
    folder: Path,
    jobs: int,
    say: Callable[[str], None],
    ledger: Ledger,
) -> None:
    files = sorted({mutant.file for mutant in chosen})
    bad: dict[str, set[int]] = {}
    for verdict in ledger.of(mutants_of(ROOT, files)):
        if verdict.outcome == "not-C":
            bad.setdefault(verdict.mutant.file, set()).add(verdict.mutant.number)
    # All copies first: the tree may be worked on while they are played with. Without sanitizers a
    # test takes a third of its time; what no test notices so is played with them.
    plain = Bench(folder / "plain", PLAIN, tracked, files, bad)
    sanitized = Bench(folder / "sanitized", SANITIZED, tracked, files, bad)
    covering = Workshop(folder / "reach", tracked, ("-Db_coverage=true",))
    reach = measure(covering, folder / "counters", folder / "reached", jobs)
    say(f"{len(reach)} unit tests")
    plain.compile()
    sanitized.leave_out(plain.wrong)
    sanitized.compile()

    def told(verdict: Verdict) -> None:
        ledger.add(verdict)
        if verdict.lives:
            say(f"{verdict.outcome:<12} {verdict.mutant}")

    judge = Judge(plain, sanitized, reach, TESTS * jobs, told)
    for begin in range(0, len(chosen), AT_ONCE):
        judge.all(chosen[begin : begin + AT_ONCE])


def summary(verdicts: Sequence[Verdict], plan: Plan) -> str:
    """N changes tried, S survived (P %), E excused."""
    lives = [one for one in verdicts if one.lives]
    excused = sum(1 for one in lives if plan.excused(one.mutant))
    share = 100 * len(lives) / len(verdicts) if verdicts else 0
    return (
        f"{len(verdicts)} changes tried, {len(lives)} survived ({share:.1f} %), {excused} excused"
    )


def _conclude(
    verdicts: Sequence[Verdict], plan: Plan, out: Path, say: Callable[[str], None]
) -> str:
    tried = [one for one in verdicts if one.outcome != "not-C"]
    lives = [one for one in tried if one.lives]
    out.write_text(json.dumps([row(one) for one in verdicts], indent=1) + "\n", encoding="utf-8")
    for room in sorted(Counter(_room(one) for one in tried)):
        say(f"{room}: {summary([one for one in tried if _room(one) == room], plan)}")
    words = f"{summary(tried, plan)}; all: {out}"
    say(words)
    for one in tried:
        if not one.lives and plan.excused(one.mutant):
            say(f"not equivalent, {one.by} notices it: {one.mutant}")
    holes = [one for one in lives if not plan.excused(one.mutant)]
    for one in holes:
        say(f"hole: {one.mutant} ({one.outcome})")
    if holes:
        raise HarnessError(
            f"{len(holes)} of {len(tried)} changed lines are noticed by no test: write one, or "
            f"a reason in harness/ci/{DATA.name}"
        )
    if len(lives) > SHARE * len(tried):
        raise HarnessError(
            f"expected at most {SHARE:.0%} of {len(tried)} changes to survive, came {len(lives)}"
        )
    return words


def _room(verdict: Verdict) -> str:
    return verdict.mutant.file.partition("/")[0]

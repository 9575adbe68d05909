# SPDX-License-Identifier: Apache-2.0
"""`./atls merge`: the parts of a run (--shard), joined to one result.

A part may come from another machine, and nothing in it is trusted: it is held to the schema, and
to the other parts. What must be alike in all of them is listed in ALIKE; that every case is there,
and once, follows from the digest that each part has of all of them (shard.py).
"""

from __future__ import annotations

import datetime
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from . import baseline, extent, matrix, report, results, table, usage
from .document import first_problem, where_of
from .errors import HarnessError
from .outcome import GOOD, Record
from .paths import PEERS, RESULT_SCHEMA, shown
from .peer import load_peers
from .report.values import load
from .run import make_results
from .shard import digest

# Of `run`, and of its `shard`: what it is called, where the parts differ in it.
ALIKE = {
    "atls": "version of atls",
    "revision": "revision",
    "seed": "seed",
    "repeat": "number of repetitions",
    "peers": "peers",
    "programs": "versions of the programs",
}
ALIKE_OF_SHARD = {
    "count": "number of parts",
    "options": "options",
    "cases": "number of cases of all parts",
    "digest": "choice of cases",
}
NAMED_MAX = 8


@dataclass(frozen=True)
class Part:
    """A results.json with `shard`."""

    place: Path
    result: Mapping[str, Any]

    @property
    def run(self) -> Mapping[str, Any]:
        run: Mapping[str, Any] = self.result["run"]
        return run

    @property
    def shard(self) -> Mapping[str, Any]:
        shard: Mapping[str, Any] = self.run["shard"]
        return shard

    @property
    def folder(self) -> Path:
        return self.place if self.place.is_dir() else self.place.parent


def read(place: Path) -> Part:
    """One part. HarnessError where it is none."""
    result = load(place)
    problem = first_problem(result, RESULT_SCHEMA)
    if problem is not None:
        words = f"breaks the schema of a result: {where_of(problem)}: {problem.message}"
        raise HarnessError(f"{shown(place)}: {words}")
    if "shard" not in result["run"]:
        raise HarnessError(f"{shown(place)}: not a part of a run: it was played without --shard")
    return Part(place, result)


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def check(parts: Sequence[Part]) -> None:
    """HarnessError where they are not the parts of one run, each once, with every case once."""
    first = parts[0]
    for other in parts[1:]:
        for fields, of in ((ALIKE, "run"), (ALIKE_OF_SHARD, "shard")):
            for name, what in fields.items():
                one, two = getattr(first, of).get(name), getattr(other, of).get(name)
                if one != two:
                    raise HarnessError(
                        f"{shown(first.place)} and {shown(other.place)} are no parts of one run: "
                        f"expected the same {what}, came {one!r} and {two!r}"
                    )
    count = first.shard["count"]
    seen: dict[int, Part] = {}
    for part in parts:
        index = part.shard["index"]
        if index in seen:
            raise HarnessError(
                f"part {index}/{count} is there twice: {shown(seen[index].place)} and "
                f"{shown(part.place)}"
            )
        seen[index] = part
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in seen]
    if missing:
        raise HarnessError(
            f"missing: {_named(missing)}; the same command with --shard {missing[0]} plays it"
        )
    ids = Counter(case["id"] for part in parts for case in part.result["cases"])
    doubled = sorted(name for name, times in ids.items() if times > 1)
    if doubled:
        raise HarnessError(f"in more than one part: {_named(doubled)}")
    if len(ids) != first.shard["cases"] or digest(ids) != first.shard["digest"]:
        raise HarnessError(
            f"expected the {first.shard['cases']} cases that were chosen, came {len(ids)}, and not "
            "the same ones: a results.json was changed, or a part is not whole"
        )


def _moment(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError as problem:
        raise HarnessError(
            f"expected a time as 2026-01-31T12:00:00+00:00, came {text!r}"
        ) from problem


def _stacks(parts: Sequence[Part]) -> dict[str, Any]:
    """The peers of all parts. A part in which no case fell to a peer tells of it all the same."""
    made: dict[str, Any] = {}
    for part in parts:
        for name, stack in part.run.get("stacks", {}).items():
            if made.setdefault(name, stack) != stack:
                raise HarnessError(
                    f"{shown(part.place)}: expected the same peer {name} as in the other parts, "
                    f"came {stack['programs']}, and there {made[name]['programs']}"
                )
    return made


def join(parts: Sequence[Part], command: str) -> tuple[dict[str, Any], list[Record]]:
    """The run of all parts, which check() has seen, and its cases; bundles are where carry() puts
    them."""
    cases = sorted(
        (dict(case) for part in parts for case in part.result["cases"]),
        key=lambda one: str(one["id"]),
    )
    began = {part.shard["index"]: _moment(part.run["started"]) for part in parts}
    ended = [
        began[part.shard["index"]] + datetime.timedelta(seconds=part.run["seconds"])
        for part in parts
    ]
    extents = [extent.of(part.result) for part in parts]
    run = {key: value for key, value in parts[0].run.items() if key != "shard"}
    run["command"] = command
    run["started"] = min(began.values()).isoformat(timespec="seconds")
    run["seconds"] = round((max(ended) - min(began.values())).total_seconds(), 3)
    run["system"] = ", ".join(dict.fromkeys(part.run["system"] for part in parts))
    run["cpus"] = max(part.run["cpus"] for part in parts)
    run["stacks"] = _stacks(parts)
    run["extent"] = {
        "all": max((one["all"] for one in extents if one), default=len(cases)),
        "chosen": len(cases),
        "played": sum(one["played"] for one in extents if one),
        "ended": next((str(one["ended"]) for one in extents if one and one["ended"]), ""),
    }
    run["shards"] = [
        {
            "index": part.shard["index"],
            "started": part.run["started"],
            "seconds": part.run["seconds"],
            "system": part.run["system"],
            "cpus": part.run["cpus"],
            "cases": len(part.result["cases"]),
        }
        for part in sorted(parts, key=lambda one: int(one.shard["index"]))
    ]
    return run, cases


def carry(parts: Sequence[Part], folder: Path) -> None:
    """The bundles of all parts. A part names them beside itself, and nowhere else."""
    for part in parts:
        beside = part.folder.resolve()
        for case in part.result["cases"]:
            if not case["bundle"]:
                continue
            source = (beside / case["bundle"]).resolve()
            if not source.is_relative_to(beside) or source == beside:
                raise HarnessError(f"{shown(part.place)}: {case['id']}: its bundle is elsewhere")
            if source.is_dir():
                shutil.copytree(source, folder / source.relative_to(beside), symlinks=True)


def write(
    places: Sequence[Path], out: Path, command: str, before: Path | None, required: Path | None
) -> tuple[dict[str, Any], Path]:
    """Joins the parts, and writes what a run writes into a new folder below OUT."""
    parts = [read(place) for place in places]
    check(parts)
    run, cases = join(parts, command)
    cells: Sequence[Mapping[str, Any]] = ()
    if required:
        cells = matrix.held(matrix.load_required(required, load_peers([PEERS])), cases)
    made = results.complete(run, cases, baseline.load_baseline(before) if before else None, cells)
    folder = make_results(out)
    carry(parts, folder)
    results.write(made, folder)
    report.write(folder, folder)
    return made, folder


def is_well(made: Mapping[str, Any]) -> bool:
    """Would the whole run have ended with 0?"""
    return (
        all(case["outcome"] in GOOD for case in made["cases"])
        and not made["run"]["extent"]["ended"]
        and all(cell["green"] for cell in made.get("required", ()))
        and not ("baseline" in made and baseline.regressed(made["baseline"]))
    )


def tell(made: Mapping[str, Any], folder: Path) -> None:
    """The joined result, for a person."""
    count = len(made["run"]["shards"])
    for case in made["cases"]:
        if case["outcome"] not in GOOD:
            print(table.story(case))
    part = extent.words(extent.of(made))
    print(table.footer(made["cases"], shown(folder), part, f"{count} parts joined").rstrip())
    if "required" in made:
        print("\n".join(matrix.required_lines(made["required"])))
    if "baseline" in made:
        print("\n".join(baseline.lines(made["baseline"])))


def main(given: Sequence[str]) -> int:
    """The command."""
    options = usage.merge().parse_args(given)
    command = " ".join(["./atls merge", *given])
    made, folder = write(options.part, options.out, command, options.baseline, options.required)
    tell(made, folder)
    return 0 if is_well(made) else 1

# SPDX-License-Identifier: Apache-2.0
"""What is kept of a run: results.json (results/result.schema.json) and summary.md."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from . import RESULT_VERSION, ROOT_OF_TRUST, ambiguities, baseline, coverage, extent, matrix
from .document import first_problem, where_of
from .errors import HarnessError, InfrastructureError
from .markdown import code, plain
from .outcome import GOOD, OUTCOMES, Record
from .paths import RESULT_SCHEMA, ROOT
from .peer import Peer
from .process import to_its_end
from .release import version as release
from .run import Run, point_latest
from .shown_by import texts
from .untrusted import cut, write_lines

VERDICT_MARKS = {"not-asked": "–", "unknown": "?"}


VERSION_LIMIT = 20.0
VERSION_MAX = 200


def version(peer: Peer, program: str, run: Run) -> str:
    """What a program calls itself: a line."""
    lack = peer.missing(program, run.build)
    if lack:
        return f"missing: {lack}"
    try:
        done = to_its_end([*peer.command(program, run.build), "--version"], program, VERSION_LIMIT)
    except InfrastructureError as problem:
        return f"unknown: {problem}"
    return cut((done.stdout.strip().splitlines() or ["unknown"])[0], VERSION_MAX)


def stacks(run: Run) -> dict[str, dict[str, Any]]:
    """Every peer of the run: what it is, and what its programs call themselves."""
    made: dict[str, dict[str, Any]] = {}
    roles = ("client", "server", "device", "verifier")
    for name in run.used:
        peer = run.peers[name]
        played = {role for role in roles if run.chosen[role] == name}
        for place, role in enumerate(("client", "server")):
            played |= {role} if any(pair[place] == name for pair in run.pairs) else set()
        made[name] = {
            "description": peer.description,
            "programs": {role: version(peer, role, run) for role in roles if role in played},
            "alerts": {
                profile: names for profile, names in peer.capabilities.get("alerts", {}).items()
            },
        }
    return made


def program_versions(run: Run, known: Mapping[str, Any]) -> dict[str, str]:
    """What each program of the run calls itself; of a matrix, device and verifier."""
    roles = ("device", "verifier") if run.pairs else ("client", "server", "device", "verifier")
    return {role: known[run.chosen[role]]["programs"][role] for role in roles}


def revision() -> str:
    """The commit that was run, "+" behind it where the tree differs; "" outside a clone."""
    try:
        head = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return head.stdout.strip()


def totals(records: Iterable[Record]) -> dict[str, int]:
    """How many cases had each outcome."""
    counted = Counter(record["outcome"] for record in records)
    return {outcome: counted.get(outcome, 0) for outcome in OUTCOMES}


def make(
    run: Run,
    records: Sequence[Record],
    started: datetime.datetime,
    seconds: float,
    argv: str,
    before: Mapping[str, Any] | None = None,
    required: Sequence[Mapping[str, Any]] = (),
    covers: Mapping[str, Any] | None = None,
    shard: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole result, checked against its schema; BEFORE is an earlier one, with its file."""
    cases = []
    known = stacks(run)
    for record in sorted(records, key=lambda one: str(one["id"])):
        case = dict(record)
        if case["bundle"]:
            case["bundle"] = os.path.relpath(case["bundle"], run.results)
        cases.append(case)
    told: dict[str, Any] = {
        "command": argv,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "seed": run.seed,
        "repeat": run.repeat,
        "atls": release(),
        "revision": revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count() or 1,
        "peers": dict(run.chosen),
        "programs": program_versions(run, known),
        "stacks": known,
    }
    if covers is not None:
        told["extent"] = dict(covers)
    if shard is not None:
        told["shard"] = dict(shard)
    return complete(told, cases, before, required)


def complete(
    run: Mapping[str, Any],
    cases: Sequence[Record],
    before: Mapping[str, Any] | None,
    required: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """A result of a RUN and its CASES, with what follows from them. HarnessError where it breaks
    its schema."""
    made: dict[str, Any] = {
        "version": RESULT_VERSION,
        "root_of_trust": ROOT_OF_TRUST,
        "run": run,
        "totals": totals(cases),
        "clauses": coverage.clause_results(cases),
        "cases": cases,
    }
    if required:
        made["required"] = list(required)
    if before is not None:
        made["baseline"] = baseline.compare(before, cases)
    problem = first_problem(made, RESULT_SCHEMA)
    if problem is not None:
        raise HarnessError(
            f"the result breaks its own schema: {where_of(problem)}: {problem.message}"
        )
    return made


def write(result: Mapping[str, Any], folder: Path) -> None:
    """results.json and summary.md."""
    (folder / "results.json").write_text(write_lines(result), encoding="utf-8")
    (folder / "summary.md").write_text(summary(result), encoding="utf-8")
    point_latest(folder)


def tally(cases: Sequence[Mapping[str, Any]], column: str) -> str:
    """ "k/n" of a column of some cases, or a mark where it was not asked."""
    kinds = Counter(case["columns"][column] for case in cases)
    asked = kinds["pass"] + kinds["fail"] + kinds["not-reached"]
    if not asked:
        return VERDICT_MARKS["unknown" if kinds["unknown"] else "not-asked"]
    return f"{kinds['pass']}/{asked}"


def not_reached(cases: Iterable[Mapping[str, Any]]) -> int:
    """In how many cases nobody came as far as what had to be refused."""
    return sum(case["columns"]["withstood"] == "not-reached" for case in cases)


def missed(cases: Sequence[Mapping[str, Any]]) -> str:
    """That, for people; "" where there is none."""
    count = not_reached(cases)
    if not count:
        return ""
    return (
        f"{count} of {len(cases)} cases: not reached; who had to refuse did not get as far as what "
        "it had to refuse, and has refused nothing"
    )


def by_scenario(cases: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Any]]:
    """Cases by group and scenario, in order."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for case in cases:
        groups.setdefault((case["group"], case["scenario"]), []).append(case)
    return dict(sorted(groups.items()))


def outcomes(cases: Iterable[Mapping[str, Any]]) -> str:
    """ "24 pass, 1 fail" """
    return ", ".join(f"{count} {name}" for name, count in totals(map(dict, cases)).items() if count)


def _who(run: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> str:
    """Who played, in a few words."""
    found = matrix.pairs(cases)
    if len(found) > 1:
        return f"{len(found)} pairs of {len({name for pair in found for name in pair})} stacks"
    client, server = next(iter(found), (run["peers"]["client"], run["peers"]["server"]))
    return f"client {client}, server {server}"


def _short(cases: Sequence[Mapping[str, Any]]) -> str:
    count = not_reached(cases)
    return f" ({count} not reached)" if count else ""


def _required(result: Mapping[str, Any]) -> list[str]:
    """What --required came to."""
    if "required" not in result:
        return []
    first, *rest = matrix.required_lines(result["required"])
    return ["", "## Required cells", "", f"{first}.", ""] + [f"- {plain(line)}" for line in rest]


def summary(result: Mapping[str, Any]) -> str:
    """The Markdown summary, for a CI job's page."""
    run, part = result["run"], extent.words(extent.of(result))
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "# Attested TLS interop run",
        "",
        f"**{outcomes(result['cases']) or 'no cases'}** in {run['seconds']:.1f} s, "
        f"atls {run['atls']}, revision {run['revision'] or 'unknown'}, seed {run['seed']}, "
        f"{_who(run, result['cases'])}.",
        "",
        *([f"**{part[0].upper()}{part[1:]}.**", ""] if part else []),
        result["root_of_trust"],
        "",
        "| scenario | cases | conforms on the wire | refused as it must |",
        "|---|---|---|---|",
    ]
    for (group, name), cases in by_scenario(result["cases"]).items():
        lines.append(
            f"| {plain(f'{group}/{name}')}: {plain(cases[0]['title'])} | {outcomes(cases)} "
            f"| {tally(cases, 'conforms')} | {tally(cases, 'withstood')}{_short(cases)} |"
        )
    lines += ["", f"{missed(result['cases'])}."] if missed(result["cases"]) else []
    lines += matrix.markdown(result["cases"]) + _required(result)
    bad = [case for case in result["cases"] if case["outcome"] not in GOOD]
    if "baseline" in result:
        lines += baseline.markdown(result["baseline"])
    if bad:
        lines += ["", "## What did not pass", ""]
    for case in bad:
        lines += [f"- **{plain(case['id'])}** ({case['outcome']}): {plain(case['reason'])}"]
        lines += [f"  {code(case['repeat'])}"]
        lines += [f"  - {plain(words)}" for words in texts(case, result["clauses"])]
    others = [case for case in result["cases"] if case["outcome"] in GOOD[1:-1]]
    if len(matrix.pairs(result["cases"])) > 1:
        others = []  # the matrix has told them, each reason once
    if others:
        lines += ["", "## Not counted as passed", ""]
    lines += [
        f"- {plain(case['id'])} ({case['outcome']}): {plain(case['reason'])}" for case in others
    ]
    lines += coverage.markdown(result["clauses"])
    lines += ambiguities.markdown(result["cases"])
    return "\n".join(lines) + "\n"

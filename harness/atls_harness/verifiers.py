# SPDX-License-Identifier: Apache-2.0
"""Verifiers that are not the stub: what a case can ask of one, and where their answers differ.

A verifier in use knows platform tokens, and no CABs; its results say how good, not why. peer.yaml
says so in `capabilities.verifier`. The same scenarios hold for it: the relying party checks the KAT
itself, and where a story expects a reason that only a verifier knows, the tier will do.

`./atls verifiers A B` sets two runs of the same cases with different verifiers side by side, and
plays them first where A and B are URLs of verifiers.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from . import ROOT_OF_TRUST, roots, usage
from .contract import contract
from .deployment.description import is_deployment
from .errors import HarnessError, UsageError
from .paths import ROOT
from .peer import ALL, BY_DEFAULT, Peer
from .run import Run
from .scenario import SIDES, Case, merge, other

# Reasons that only a verifier can know, and the tier that its results have for them.
TIERS = {
    "reference-value-mismatch": "tier-warning",
    "unknown-component": "tier-warning",
    "version-not-endorsed": "tier-warning",
    "unknown-attestation-key": "tier-contraindicated",
    "pat-signature-invalid": "tier-contraindicated",
    "lifecycle-not-secured": "tier-contraindicated",
}

TOKEN = "psa"
# How a result that names no key is tied to its connection (H10), for who makes it and who takes it.
BOUND = {"attester": "result-nonce=required", "relying-party": "result-key=bound"}


def evidence_formats(peer: Peer) -> list[str]:
    """What evidence its sessions take."""
    default = BY_DEFAULT["evidence-formats"]
    declared = peer.capabilities.get("verifier", {}).get("evidence-formats", default)
    return [str(name) for name in (contract().evidence_formats if declared == ALL else declared)]


def says_why(peer: Peer) -> bool:
    """Do its results say why they are not affirming?"""
    return bool(peer.capabilities.get("verifier", {}).get("reasons", True))


def lacks(case: Case, run: Run) -> str:
    """What the run's verifier cannot do of what CASE wants, or ""."""
    peer = run.peer("verifier")
    for side in SIDES:
        if "attester" not in case.roles(side):
            continue
        evidence = str(case.flags(side).get("evidence-format", "cab"))
        # A relying party may do without for a CAB: it checks the KAT itself, and hands on the PAT.
        if case.model(side) == "background-check" and evidence in BY_DEFAULT["evidence-formats"]:
            continue
        if evidence not in evidence_formats(peer):
            why = ""
            if evidence == "cab" and TOKEN in evidence_formats(peer):
                why = (
                    f" (and {case.profile_of(side)} ties no result about a platform token to a key)"
                )
            return (
                f"{peer.name} (verifier) makes no results about evidence of format {evidence}{why}"
            )
    return ""


def as_appraised(case: Case, run: Run) -> Case:
    """CASE with a platform token in the passport model, where the story names no evidence, the
    verifier knows no CABs, and the profile can tie a result without a key to the connection."""
    taken = evidence_formats(run.peer("verifier"))
    if "cab" in taken or TOKEN not in taken or run.root != roots.PSA:
        return case
    for side in SIDES:
        profile = contract().profiles.get(case.profile_of(side))
        named = profile.variants if profile else ()
        if (
            not case.attests(side)
            or case.model(side) != "passport"
            or "evidence-format" in case.flags(side)
            or "result-key" not in named
        ):
            continue
        changes: dict[str, Any] = {side: {"evidence-format": TOKEN}}
        for party, role in ((side, "attester"), (other(side), "relying-party")):
            name = BOUND[role].split("=")[0]
            given = list(case.flags(party).get("variant", []))
            if name in named and not any(one.startswith(f"{name}=") for one in given):
                changes.setdefault(party, {})["variant"] = [*given, BOUND[role]]
        case = dataclasses.replace(case, story=merge(case.story, changes))
    return case


def as_told(case: Case, run: Run) -> Case:
    """CASE with what this verifier's results can tell, in place of what the stub's do."""
    if says_why(run.peer("verifier")):
        return case
    story = copy.deepcopy(case.story)
    expect = story["expect"]
    expect.pop("mismatches", None)
    _widen(expect)
    return dataclasses.replace(case, story=story)


def _widen(block: Any) -> None:
    if isinstance(block, list):
        for entry in block:
            _widen(entry)
    elif isinstance(block, dict):
        for key, value in block.items():
            if key == "reason" and value in TIERS:
                block[key] = {"one-of": [value, TIERS[value]]}
            else:
                _widen(value)


NOT_PLAYED_SHOWN = 5  # reasons
NOT_PLAYED = ("unsupported", "skipped", "error", "not-played")


def answer(case: Mapping[str, Any]) -> str:
    """What a verifier said in a case of results.json, and what a relying party made of it."""
    said = {
        event["status"] + (f" ({event['reason']})" if event["reason"] != "ok" else "")
        for party in case["observed"].values()
        for event in party.get("appraisal", [])
    }
    judged = {
        "accepted" if verdict["accepted"] else f"refused, {verdict['reason']}"
        for side in SIDES
        for verdict in case["observed"].get(side, {}).get("verdict", [])
    }
    return f"{', '.join(sorted(said)) or 'not asked'}: {', '.join(sorted(judged)) or 'no verdict'}"


@dataclasses.dataclass
class Comparison:
    """Two runs of the same cases: what differs, and what only one of them could play."""

    both: int = 0  # cases that were played with either
    same: int = 0
    differ: dict[tuple[str, str], list[str]] = dataclasses.field(default_factory=dict)
    not_played: Counter[str] = dataclasses.field(default_factory=Counter)


def compared(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> Comparison:
    """The answers of two runs, case by case; `differ` has the scenarios, one for each case."""
    made = Comparison()
    others = {case["id"]: case for case in second}
    for case in first:
        other = others.get(case["id"])
        if other is None:
            continue
        for one in (case, other):
            if one["outcome"] in NOT_PLAYED:
                made.not_played[f"{one['peers']['verifier']}: {one['reason']}"] += 1
        if case["outcome"] in NOT_PLAYED or other["outcome"] in NOT_PLAYED:
            continue
        made.both += 1
        answers = answer(case), answer(other)
        if answers[0] == answers[1]:
            made.same += 1
        else:
            made.differ.setdefault(answers, []).append(str(case["scenario"]))
    return made


def _played(which: str, options: argparse.Namespace) -> Path:
    """The results of a run: those that WHICH names, or of one with the verifier that it names."""
    if not is_deployment(which):
        return Path(which)
    argv = ["run", "--verifier", which, *options.case]
    for name in ("verifier_ca", "verifier_auth", "build", "out"):
        value = getattr(options, name)
        if value and not (name.startswith("verifier") and "://" not in which):
            argv += [f"--{name.replace('_', '-')}", str(value.resolve())]
    print(f"./atls {shlex.join(argv)}", flush=True)
    began = time.time()
    done = subprocess.run([sys.executable, "-m", __package__, *argv])
    made = (options.out or ROOT / "out") / "latest"
    file = made / "results.json"
    # Cases that fail are what is compared; a run that wrote nothing is none.
    if done.returncode not in (0, 1) or not file.exists() or os.path.getmtime(file) < began:
        raise HarnessError(f"{which} could not be played with (see above)")
    return made.resolve()


def _load(path: Path) -> tuple[str, list[Mapping[str, Any]]]:
    """The verifier of a run, and its cases."""
    path = path / "results.json" if path.is_dir() else path
    try:
        cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
        names = {str(case["peers"]["verifier"]) for case in cases}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise HarnessError(f"{path}: expected a results.json, with cases: {problem}") from problem
    if len(names) != 1:
        raise HarnessError(f"{path}: expected a run with one verifier, it has {len(names)}")
    return names.pop(), cases


def main(given: Sequence[str]) -> int:
    """The table of `./atls verifiers`."""
    options = usage.verifiers().parse_args(given)
    both = (options.first, options.second)
    if options.case and not any(is_deployment(one) for one in both):
        raise UsageError("--case is for verifiers with a URL: of results there is what was played")
    (one, cases), (two, others) = (_load(_played(which, options)) for which in both)
    made = compared(cases, others)
    table = Table(pad_edge=False, show_edge=False, show_lines=True)
    for name in (one, two, "cases", "scenarios"):
        table.add_column(name, overflow="fold", justify="right" if name == "cases" else "left")
    for answers, scenarios in sorted(made.differ.items(), key=lambda row: -len(row[1])):
        table.add_row(*answers, str(len(scenarios)), ", ".join(sorted(set(scenarios))))
    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    console = Console(file=sys.stdout, width=width, highlight=False)
    console.print(table)
    for reason, count in made.not_played.most_common(NOT_PLAYED_SHOWN):
        console.print(f"{count} cases not played by {reason}", markup=False)
    hidden = sum(made.not_played.values()) - sum(
        count for _, count in made.not_played.most_common(NOT_PLAYED_SHOWN)
    )
    if hidden:
        print(f"{hidden} cases not played for other reasons")
    print(f"{made.both} cases played with both: the same answer in {made.same}")
    print(ROOT_OF_TRUST)
    return 0

# SPDX-License-Identifier: Apache-2.0
"""./atls bench: measures, prints, keeps, compares."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from .. import ROOT_OF_TRUST, usage
from ..build import build_programs
from ..document import hold
from ..errors import ContractError, InfrastructureError, Unsupported, UsageError
from ..paths import BENCHMARK_SCHEMA, ROOT, default_build
from ..release import version as release
from ..results import revision
from ..run import make_results, point_latest
from ..usage import SECTIONS
from . import (
    capacity_page,
    compare,
    curves,
    goals,
    machine,
    network,
    page,
    published,
    sections,
    stacks,
    tables,
)
from .plan import FULL, QUICK, Plan, attests, baseline_of

VERSION = 2
FAILED = "failed: "  # before the reason of a section that is not measured, and should have been


def _plan(options: argparse.Namespace) -> Plan:
    plan = FULL if options.full else QUICK
    changed: dict[str, Any] = {}
    if options.samples:
        changed["samples"] = options.samples
    if options.mode:
        changed["modes"] = options.mode
        needed = [baseline_of(mode) for mode in options.mode if attests(mode)]
        changed["baselines"] = list(dict.fromkeys([*plan.baselines, *needed]))
    changed["fast"] = options.crypto == "fast"
    return Plan(**{**vars(plan), **changed})


def measure(
    build: Path, plan: Plan, wanted: Sequence[str], shards: int, scheduler: str
) -> dict[str, Any]:
    """Section after section, each alone on the machine. One that fails is told as
    that, and does not take with it what others measured."""
    result: dict[str, Any] = {"not_measured": {}}
    steps: dict[str, Callable[[], Any]] = {
        "pair": lambda: sections.pair(build, plan),
        "crypto": lambda: sections.crypto(build, plan),
        "instructions": lambda: sections.instructions(build, plan),
        "devices": lambda: sections.devices(build, plan),
        "verifier": lambda: sections.verifier(build, plan),
        "load": lambda: sections.load(build, plan),
        "fleet": lambda: sections.fleet(build, plan),
        "shards": lambda: sections.shards(build, plan, scheduler, shards),
        "network": lambda: network.measure(build, plan, plan.network_modes),
        "stacks": lambda: stacks.measure(build, plan),
        "cases": lambda: sections.cases(build, ROOT),
        "curves": lambda: curves.measure(build, plan),
    }
    for name in SECTIONS:
        if name not in wanted:
            continue
        began = time.monotonic()
        try:
            result[name] = steps[name]()
        except Unsupported as problem:
            result["not_measured"][name] = str(problem)
        except (ContractError, InfrastructureError) as problem:
            result["not_measured"][name] = f"{FAILED}{problem}"
            print(f"FAILED {name}: {problem}", file=sys.stderr)
        if name == "devices" and (reason := sections.without_qemu(build)):
            result["not_measured"]["devices, firmware in QEMU"] = reason
        if name == "crypto" and name in result:
            for library, reason in sections.without_crypto(result[name], build).items():
                result["not_measured"][f"crypto, {library}"] = reason
        if name == "pair" and name in result and (reason := sections.without_openssl(build, plan)):
            result["not_measured"]["pair, OpenSSL"] = reason
        print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    return result


def _check_tools(wanted: Sequence[str]) -> None:
    if "instructions" in wanted and shutil.which("valgrind") is None:
        raise InfrastructureError("valgrind is not there; ./atls setup bench installs it")


def _recorded(path: Path, result: dict[str, Any]) -> int:
    problems, reason = compare.instructions(result, json.loads(path.read_text(encoding="utf-8")))
    if reason:
        print(f"instruction counts not compared: other tools ({reason})")
    for problem in problems:
        print(f"FAILED {problem}")
    if not problems and not reason:
        print(f"instruction counts are within 5 % of those in {path.name}")
    return 1 if problems else 0


def _record(path: Path, result: dict[str, Any]) -> None:
    kept = {
        mode: {what: one[what] for what in ("total", "crypto", "gnutls", "own")}
        for mode, one in result["instructions"].items()
    }
    text = json.dumps({"machine": result["machine"], "instructions": kept}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def main(given: Sequence[str]) -> int:
    """Measures, prints, keeps."""
    options = usage.bench().parse_args(given)
    if options.plan:
        return capacity_page.main(options, given)
    if options.source:
        raise UsageError("--from FILE is what --plan computes from: expected --plan FILE beside it")
    before = None
    if options.compare:
        try:
            before = json.loads(options.compare.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise UsageError(f"--compare {options.compare}: {problem}") from problem
        reason = machine.difference(machine.describe(), before.get("machine", {}))
        if reason:
            raise UsageError(f"--compare {options.compare}: figures of another machine ({reason})")
    build = (options.build or default_build()).resolve()
    wanted = options.only or list(SECTIONS)
    _check_tools(wanted)
    build_programs(build)
    began = time.monotonic()
    result: dict[str, Any] = {
        "version": VERSION,
        "root_of_trust": ROOT_OF_TRUST,
        "command": shlex.join(["./atls", "bench", *given]),
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "atls": release(),
        "revision": revision(),
        "full": options.full,
        "machine": machine.describe(),
        **measure(build, _plan(options), wanted, options.shards, options.scheduler),
        "published": published.figures(),
    }
    result["seconds"] = round(time.monotonic() - began, 1)
    result["goals"] = goals.judge(result)
    return _tell(options, result, before)


def _tell(
    options: argparse.Namespace, result: dict[str, Any], before: dict[str, Any] | None
) -> int:
    width = shutil.get_terminal_size((130, 40)).columns
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(tables.render(result, max(width, 100), color))
    if before is not None:
        rows = compare.compare(result, before)
        result["comparison"] = rows
        print(tables.render_comparison(rows, max(width, 100), color))
    folder = make_results(options.out, "bench")
    path = folder / "benchmark.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    hold(result, BENCHMARK_SCHEMA, f"{path}: the figures are not as their schema has them")
    page.write(result, folder)
    point_latest(folder, "latest-bench")
    code = _recorded(options.instructions_of, result) if options.instructions_of else 0
    if any(reason.startswith(FAILED) for reason in result["not_measured"].values()):
        code = 1
    if options.record and "instructions" in result:
        _record(options.record, result)
    elif options.record:
        print(f"FAILED --record {options.record}: instructions were not counted", file=sys.stderr)
        code = 1
    print(ROOT_OF_TRUST)
    print(f"measured in {result['seconds']:.0f} s: {folder} (benchmark.json, benchmark.html)")
    return code

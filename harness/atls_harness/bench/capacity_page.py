# SPDX-License-Identifier: Apache-2.0
"""./atls bench --plan FILE: tables for the terminal, a page and JSON of what many devices cost."""

from __future__ import annotations

import argparse
import datetime
import io
import json
import os
import shlex
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from .. import ROOT_OF_TRUST
from ..blocks import within
from ..document import first_problem, hold, where_of
from ..errors import UsageError
from ..paths import BENCHMARK_SCHEMA, CAPACITY_RESULT_SCHEMA, RECORDED_BENCHMARK, ROOT, shown
from ..release import version as release
from ..results import revision
from ..run import make_results, point_latest
from . import page, published, tables
from .capacity import Assumptions, compute
from .units import CORE, FLEET, RELYING

VERSION = 1
MEASURING = ("full", "only", "samples", "mode", "compare", "instructions_of", "record", "scheduler")
Listing = tuple[str, Sequence[str], list[list[str]]]  # title, columns, rows


def _scaled(value: float, unit: str) -> str:
    """With a prefix of the SI."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if value < 999.5 or prefix == "P":
            break
        value /= 1000
    return f"{_number(value)} {prefix}{unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _cores(found: Mapping[str, float]) -> str:
    return f"{_number(found['value'])} ({_number(found['low'])}–{_number(found['high'])})"


def sizes(one: Mapping[str, Any]) -> Listing:
    """What a deployment needs at the peak, by number of devices."""
    columns = ["devices", "connections /s", "appraisals /s", "relying party: cores", "network"]
    rows = [
        [
            f"{row['devices']:,}",
            _number(row["connections_per_second"]),
            _number(row["appraisals_per_second"]),
            _cores(row["relying_party_cores"]),
            _scaled(row["relying_party_bits_per_second"], "bit/s"),
            _cores(row["verifier_cores"]),
            _scaled(row["verifier_bits_per_second"], "bit/s"),
        ]
        for row in one["sizes"]
    ]
    return f"{one['name']}: {one['mode']}", [*columns, "verifier: cores", "network"], rows


def storage(one: Mapping[str, Any]) -> Listing:
    """What a deployment's verifier keeps."""
    rows = [
        [
            f"{row['devices']:,}",
            *(
                _scaled(row[f"{what}_bytes"], "B")
                for what in ("anchor", "reference_value", "result")
            ),
        ]
        for row in one["sizes"]
    ]
    return f"{one['name']}: storage", ["devices", "keys", "reference values", "results"], rows


def costs(one: Mapping[str, Any]) -> Listing:
    """What those figures stand on."""
    rows = [
        [cost["what"], f"{_number(cost['value'])} {cost['unit']}".strip(), cost["basis"]]
        for cost in one["costs"]
    ]
    return f"{one['name']}: what it stands on", ["cost", "", "stands on"], rows


def _corrected(kind: str, off: float, correction: float) -> str:
    """The same once the relying party's cost is corrected; "" of what the correction is not for."""
    if kind not in (CORE, RELYING):
        return ""
    return f"{(1 + off) * (1 / correction if kind == CORE else correction) - 1:+.0%}"


def checked(found: Sequence[Mapping[str, Any]], correction: float) -> Listing:
    """How far off the costs are, by kind of point."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for point in found:
        kinds.setdefault(point["kind"], []).append(point)
    rows = []
    for kind, points in kinds.items():
        offs = sorted(point["off"] for point in points)
        cells = [f"{statistics.median(offs):+.0%}", f"{offs[0]:+.0%} to {offs[-1]:+.0%}"]
        cells.append(_corrected(kind, statistics.median(offs), correction))
        rows.append([kind, str(len(points)), *cells])
    columns = ["against what was measured", "points", "computed is off by, median"]
    columns += ["least to greatest", "corrected, median"]
    return "Costs of one connection in memory, against processes and sockets", columns, rows


def points(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Each point of the check."""
    rows = [
        [f"{one['kind']}: {one['what']}", _number(one["measured"]), _number(one["computed"])]
        + [f"{one['off']:+.0%}"]
        for one in found
    ]
    return "Each point", ["", "measured", "computed", "off by"], rows


def assumed(given: Mapping[str, Any]) -> Listing:
    """What the file has for all deployments."""
    rows = [[name, str(value)] for name, value in given.items() if not isinstance(value, list)]
    return "Assumed, unless a deployment has its own", ["assumption", "value"], rows


def notes(given: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """What a reader must know before believing any of it."""
    busy = given["utilisation-percent"]
    longer = f"takes {1 / (1 - busy / 100):.3g} times as long" if busy < 100 else "never ends"
    made = [
        f"Cores are those of the peak ({given['peak-over-mean']:g} times the mean rate), busy for "
        f"{busy:g} % of the time. With arrivals at random (M/M/1) a handshake on such a core "
        f"{longer}{' as it would alone' if busy < 100 else ''}.",
        "In brackets: the relying party with the least and the greatest factor by which a process "
        "with sockets cost more than was computed; the verifier without and with what the fleet's "
        "store cost.",
        "Costs are taken to be the same for each connection, whatever their number. Memory, "
        "operating systems and the devices themselves are left out; so are retries and failures.",
    ]
    if result["correction"]["high"] == result["correction"]["low"]:
        words = "Neither load nor stacks were measured: a relying party costs what it does in "
        made.append(f"{words}memory.")
    made += [
        f"A fleet was onboarded at {one['measured']:,.0f} a second where the costs of one "
        f"connection allow {one['computed']:,.0f}: {one['what']}. The verifier's upper bound has "
        "that."
        for one in result["check"]
        if one["kind"] == FLEET and one["off"] > 0.1
    ]
    return made


def _benchmark(given: Path | None) -> tuple[Path, dict[str, Any]]:
    """The figures: as told, else of this machine, else those of a recorded run."""
    latest = ROOT / "out" / "latest-bench" / "benchmark.json"
    path = given or (latest if latest.is_file() else RECORDED_BENCHMARK)
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UsageError(f"--from {path}: {problem}") from problem
    wrong = first_problem(result, BENCHMARK_SCHEMA)
    if wrong is not None:
        where = where_of(wrong) or "the file"
        words = f"expected a benchmark.json, came at {where}: {wrong.message[:200]}"
        raise UsageError(f"--from {path}: {words}")
    return path, result


def make(file: Path, source: Path | None, command: str) -> dict[str, Any]:
    """The whole answer, as its schema has it."""
    given = Assumptions(file)
    path, benchmark = _benchmark(source)
    result = compute(benchmark, given)
    made = {
        "version": VERSION,
        "root_of_trust": ROOT_OF_TRUST,
        "command": command,
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "atls": release(),
        "revision": revision(),
        "from": {
            "file": shown(path),
            **{
                name: benchmark[name] for name in ("started", "atls", "revision", "full", "machine")
            },
        },
        "assumptions": given.value,
        **result,
        "notes": notes(given.value, result),
    }
    hold(made, CAPACITY_RESULT_SCHEMA, "the figures are not as their schema has them")
    return made


def render(made: Mapping[str, Any], width: int, color: bool) -> str:
    """For people at a terminal: what each deployment costs, and how far that is to be believed."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color)
    listings = [part(one) for one in made["deployments"] for part in (sizes, storage)]
    listings.append(checked(made["check"], made["correction"]["value"]))
    for title, columns, rows in listings:
        # A name is a person's: what looks like rich's markup is no markup.
        for part in within(tables.table(escape(title), columns, rows), width):
            console.print(part)
            console.print()
    for line in made["notes"]:
        console.print(f"- {line}", highlight=False, markup=False)
    origin = made["from"]
    machine = origin["machine"]
    words = f"{origin['started']}, {machine['processor']}, {machine['cpus']} processors"
    console.print(f"from {origin['file']}: {words}", highlight=False, markup=False)
    return out.getvalue()


def write(made: Mapping[str, Any], folder: Path) -> None:
    """capacity.json and capacity.html in FOLDER."""
    (folder / "capacity.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    text = page.fill(
        "capacity.html.j2",
        made=made,
        deployments=[(sizes(one), storage(one), costs(one)) for one in made["deployments"]],
        checked=checked(made["check"], made["correction"]["value"]),
        points=points(made["check"]),
        assumed=assumed(made["assumptions"]),
        published=(published.TITLE, published.COLUMNS, published.rows()),
    )
    (folder / "capacity.html").write_text(text, encoding="utf-8")


def main(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Computes, prints, keeps; measures nothing."""
    for name in MEASURING:
        if getattr(options, name):
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"--plan computes and measures nothing: it does not go with {flag}")
    made = make(options.plan, options.source, shlex.join(["./atls", "bench", *given]))
    width = shutil.get_terminal_size((130, 40)).columns
    print(render(made, max(width, 100), sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    folder = make_results(options.out, "capacity")
    write(made, folder)
    point_latest(folder, "latest-capacity")
    print(ROOT_OF_TRUST)
    print(f"{folder} (capacity.json, capacity.html)")
    return 0

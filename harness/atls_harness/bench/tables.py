# SPDX-License-Identifier: Apache-2.0
"""A benchmark for people at a terminal."""

from __future__ import annotations

import io
from typing import Any, Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from ..blocks import within
from . import published

Row = Sequence[str]


def micro(ns: float) -> str:
    """Microseconds, without a fraction."""
    return f"{ns / 1000:,.0f}"


def ratio(value: Mapping[str, float]) -> str:
    """A ratio with its interval."""
    return f"{value['value']:.2f} ({value['low']:.2f}–{value['high']:.2f})"


def table(title: str, columns: Sequence[str], rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left", pad_edge=False, show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


# What a connection is held against; not every run has all.
RATIOS = {
    "ratio_to_plain": "÷ plain (95 %)",
    "ratio_to_floor": "÷ floor (95 %)",
    "ratio_to_best": "÷ best crypto",
    "ratio_to_openssl": "÷ OpenSSL (95 %)",
    "ratio_to_without": "÷ without fast",
}


def _pair(found: Mapping[str, Any]) -> list[Table]:
    rows = []
    ratios = [name for name in RATIOS if any(name in row for row in found["modes"])]
    for row in found["modes"]:
        wall = row["wall_ns"]
        rows.append(
            [
                row["mode"],
                micro(wall["min"]),
                micro(wall["median"]),
                micro(wall["p95"]),
                micro(wall["p99"]),
                *(ratio(row[name]) if name in row else "" for name in ratios),
                f"{sum(row['bytes'].values()):,}",
                str(row["credential_bytes"] or ""),
            ]
        )
    columns = ["a connection in memory, µs", "min", "median", "p95", "p99"]
    columns += [*(RATIOS[name] for name in ratios), "bytes", "credential"]
    samples = found["modes"][0]["wall_ns"]["samples"]
    title = f"Both endpoints in one thread, {samples} samples each, in turn"
    if "built_with" in found:
        title += f"; crypto adapter: {found['built_with']}"
    if "openssl" in found:
        title += f"; openssl: {found['openssl']}"
    made = [table(title, columns, rows)]
    phases = list(found["modes"][0]["phases_ns"])
    rows = [
        [row["mode"], *(micro(row["phases_ns"][name]) for name in phases)] for row in found["modes"]
    ]
    made.append(table("Where the time goes, µs (mean)", ["mode", *phases], rows))
    rows = [
        [name, *(f"{one[what] / 1000:,.1f}" for what in ("min", "median", "p95"))]
        for name, one in found["operations_ns"].items()
    ]
    made.append(
        table("Single operations, µs: the floor", ["operation", "min", "median", "p95"], rows)
    )
    rows = [
        [name, one["library"], f"{one['median'] / 1000:,.1f}"]
        for name, one in found.get("best", {}).items()
    ]
    if rows:
        title = "Best crypto of this machine, in the same run, µs"
        made.append(table(title, ["operation", "library", "median"], rows))
    return made


def _crypto(found: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            name,
            f"{one['library']} {one['version']}".strip(),
            f"{ns['min'] / 1000:,.1f}",
            f"{ns['p10'] / 1000:,.1f}",
            f"{ns['median'] / 1000:,.1f}",
            ratio(ns["ratio_to_gnutls"]),
        ]
        for name in found["libraries"][0]["operations_ns"]
        for one in found["libraries"]
        for ns in [one["operations_ns"][name]]
    ]
    columns = ["operation", "adapter over", "min", "p10", "median µs", "÷ GnuTLS (95 %)"]
    title = "Crypto by library, through the adapter: the key comes as numbers each time"
    return [table(f"{title}; built with: {found['built_with']}", columns, rows)]


def _instructions(found: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            mode,
            f"{one['total']:,}",
            f"{one['crypto']:,}",
            f"{one['gnutls']:,}",
            f"{sum(one['own'].values()):,}",
            f"{one['own_share']:.1%}",
            f"{one['endpoint_share']:.1%}",
        ]
        for mode, one in found.items()
    ]
    columns = ["mode", "all", "crypto", "GnuTLS", "own", "own share", "without verifier"]
    return [table("Instructions of a connection (callgrind)", columns, rows)]


def _devices(found: Sequence[Mapping[str, Any]]) -> list[Table]:
    rows = [
        [
            row["mode"],
            row["device"],
            row["verifier"],
            micro(row["wall_ns"]["median"]),
            micro(row["phases_ns"]["evidence"]),
            micro(row["phases_ns"]["signature"]),
            micro(row["phases_ns"]["verifier"]),
        ]
        for row in found
    ]
    columns = ["mode", "device", "verifier", "median", "evidence", "signature", "verifier µs"]
    return [table("Where device and verifier are, µs", columns, rows)]


def _verifier(found: Sequence[Mapping[str, Any]]) -> list[Table]:
    rows = [
        [
            row["verifier"],
            f"{row['appraisals']:,}",
            micro(row["wall_ns"]["median"]),
            micro(row["cpu_ns_each"]),
            f"{row['per_second_and_core']:,.0f}",
            micro(row["signatures_ns_each"]),
            f"{row['of_what_signatures_allow']:.2f}",
        ]
        for row in found
    ]
    columns = [
        "verifier",
        "appraisals",
        "median µs",
        "CPU µs each",
        "a second and core",
        "signatures µs",
    ]
    return [table("The verifier over HTTP, 16 at once", [*columns, "of what they allow"], rows)]


def _load(found: Sequence[Mapping[str, Any]]) -> list[Table]:
    rows = [
        [
            row["mode"],
            str(row["at_once"]),
            f"{row['per_second']:,.0f}",
            f"{row['per_second_and_server_core']:,.0f}",
            f"{row['per_second_and_client_core']:,.0f}",
            f"{row['wall_ns']['median'] / 1e6:,.1f}",
            f"{row['wall_ns']['p99'] / 1e6:,.1f}",
            f"{row['server_peak_bytes'] / 1e6:,.1f}",
            str(row["failed"]),
        ]
        for row in found
    ]
    columns = ["mode", "at once", "a second", "per server core", "per client core"]
    columns += ["median ms", "p99 ms", "server MB", "failed"]
    return [
        table("Clients at once over loopback, client and server on this machine", columns, rows)
    ]


def _fleet(found: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            f"{found['devices']:,}",
            f"{found['booted_per_second']:,.0f}",
            f"{found['onboarded_per_second']:,.0f}",
            micro(found["onboard_ns"]["median"]),
            f"{found['bytes_each'] / 1e3:,.1f}",
            f"{found['peak_bytes'] / 1e6:,.0f}",
        ]
    ]
    columns = [
        "devices",
        "booted a second",
        "onboarded a second",
        "median µs",
        "kB each",
        "peak MB",
    ]
    return [table("A fleet in one process, all alive", columns, rows)]


def _shards(found: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            f"{found['shards']} ({found['machines']})",
            f"{found['one_per_second']:,.0f}",
            f"{found['all_per_second']:,.0f}",
            f"{found['speed_up']:.2f}",
            f"{found['plain_speed_up']:.2f}",
        ]
    ]
    columns = ["shards", "one alone, a second", "all, a second", "speed-up", "of plain TLS"]
    return [table(f"Shards of {found['mode']}", columns, rows)]


def _network(found: Mapping[str, Any]) -> list[Table]:
    settings = sorted({(row["delay_ms"], row["loss_percent"]) for row in found["rows"]})
    median = {
        (row["mode"], row["delay_ms"], row["loss_percent"]): row["wall_ns"]["median"]
        for row in found["rows"]
    }
    rows = [
        [
            mode,
            f"{trips:.1f}",
            *(f"{median[mode, delay, loss] / 1e6:,.1f}" for delay, loss in settings),
        ]
        for mode, trips in found["round_trips"].items()
    ]
    columns = ["mode", "round trips"]
    columns += [
        f"{delay:g} ms" + (f", {loss:g} % lost" if loss else "") for delay, loss in settings
    ]
    title = "Over a network: TCP, handshake, a line each way; ms by round-trip time"
    return [table(title, columns, rows)]


def _stack_cell(cell: Mapping[str, Any]) -> list[str]:
    if "reason" in cell:
        return ["–", "–", ""]
    cpu = cell["cpu_ns"]
    return [micro(cpu["min"]), micro(cpu["median"]), ratio(cell["ratio_to_plain"])]


def _stacks(found: Mapping[str, Any]) -> list[Table]:
    made = []
    columns = ["stack", "client min", "median", "÷ its plain TLS", "verifier asked"]
    columns += ["server min", "median", "÷ its plain TLS", "verifier asked"]
    for one in found["modes"]:
        rows = []
        for row in one["rows"]:
            cells = []
            for side in ("client", "server"):
                asked = row[side].get("asked", {}).get("verifier", "")
                cells += [*_stack_cell(row[side]), str(asked)]
            rows.append([row["stack"], *cells])
        roles = ", ".join(f"{side} {one['rows'][0][side]['role']}" for side in ("client", "server"))
        title = f"{one['mode']} by stack, each against atls ({roles}): processor time, µs"
        made.append(table(title, columns, rows))
    return made


def _agreed(found: Mapping[str, Any]) -> list[str]:
    """Which stacks agree with atls on which suite and group."""
    names: dict[str, dict[str, None]] = {}
    for one in found["modes"]:
        for row in one["rows"]:
            for side in ("client", "server"):
                agreed = row[side].get("agreed")
                if agreed:
                    retry = ", after HelloRetryRequest" if agreed["hello_retry"] else ""
                    what = f"{agreed['suite']}, {agreed['group']}{retry}"
                    names.setdefault(what, {})[f"{row['stack']} as {side}"] = None
    return [f"{what}: {', '.join(whose)}" for what, whose in names.items()]


def stack_notes(found: Mapping[str, Any]) -> list[str]:
    """How stacks were measured, which they are, what is left out and why."""
    samples: dict[str, dict[str, None]] = {}
    for one in found["modes"]:
        for row in one["rows"]:
            for side in ("client", "server"):
                if "cpu_ns" in row[side]:
                    count, each = row[side]["cpu_ns"]["samples"], row[side]["connections"]
                    words = f"{count} samples of {each} connections"
                    samples.setdefault(words, {})[f"{row['stack']} as {side}"] = None
    lines = [*found["how"]]
    lines += [f"{words}: {', '.join(whose)}" for words, whose in samples.items()]
    lines += _agreed(found)
    lines += [f"{name}: {version}" for name, version in found["stacks"].items()]
    lines += [
        f"{one['mode']}: {row['stack']} as {side} not measured: {row[side]['reason']}"
        for one in found["modes"]
        for row in one["rows"]
        for side in ("client", "server")
        if "reason" in row[side]
    ]
    lines += [f"not measured: {reason}" for reason in found["not_set_up"].values()]
    return lines


def _cases(found: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            str(found["cases"]),
            f"{found['seconds_each'] * 1000:.0f}",
            f"{found['seconds_beyond'] * 1000:.0f}",
        ]
    ]
    return [table("The scenario runner", ["cases", "ms each", "ms beyond the handshake"], rows)]


def told(value: float, unit: str) -> str:
    """A point's value for people."""
    return f"{value / 1000:,.1f} µs" if unit == "ns" else f"{value:,.3g} {unit}"


def steepness(one: Mapping[str, Any]) -> str:
    """What the exponent of a curve says."""
    if not one["at_most_linear"]:
        return "steeper than linear"
    if one["flat"]:
        return f"{one['largest_over_smallest'] - 1:+.1%} from the smallest"
    return "at most linear"


def curve_rows(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for each point; the first of each curve has what is said of all of it."""
    rows = []
    for one in found:
        said = [f"{one['exponent']:.2f}", f"{one['exponent_at_end']:.2f}", steepness(one)]
        for index, point in enumerate(one["points"]):
            counted = point.get("instructions")
            rows.append(
                [
                    one["title"] if index == 0 else "",
                    f"{point['size']:,}",
                    told(point["value"], one["unit"]),
                    f"{counted:,}" if counted else "",
                    *(said if index == 0 else ["", "", ""]),
                ]
            )
    return rows


CURVE_COLUMNS = ("curve", "size", "each", "instructions", "exponent", "at the end", "")


def _curves(found: Sequence[Mapping[str, Any]]) -> list[Table]:
    title = "What one costs, by how much there is: processor time, 10th percentile"
    return [table(title, CURVE_COLUMNS, curve_rows(found))]


def _goals(found: Sequence[Mapping[str, Any]]) -> list[Table]:
    rows = [
        [one["goal"], one["wanted"], f"{one['measured']:.3g}", "met" if one["met"] else "missed"]
        for one in found
        if one["measured"] is not None
    ]
    return [table("Goals", ["goal", "wanted", "measured", ""], rows)] if rows else []


SECTIONS: dict[str, Callable[[Any], list[Table]]] = {
    "pair": _pair,
    "crypto": _crypto,
    "instructions": _instructions,
    "devices": _devices,
    "verifier": _verifier,
    "load": _load,
    "fleet": _fleet,
    "shards": _shards,
    "network": _network,
    "stacks": _stacks,
    "cases": _cases,
    "curves": _curves,
    "goals": _goals,
}


def render(result: Mapping[str, Any], width: int, color: bool) -> str:
    """All that was measured."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color)
    for name, make in SECTIONS.items():
        if name in result:
            for one in make(result[name]):
                for part in within(one, width):
                    console.print(part)
                    console.print()
        if name == "stacks" and name in result:
            for line in stack_notes(result[name]):
                console.print(f"- {line}", highlight=False, markup=False)
            console.print()
    for part in within(table(published.TITLE, published.COLUMNS, published.rows()), width):
        console.print(part)
        console.print()
    for name, reason in result["not_measured"].items():
        console.print(f"not measured: {name}: {reason}")
    return out.getvalue()


def render_comparison(rows: Sequence[Mapping[str, Any]], width: int, color: bool) -> str:
    """What compare.compare() found."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color)
    lines = [[row["mode"], ratio({**row, "value": row["ratio"]}), row["verdict"]] for row in rows]
    for part in within(
        table("Now over before, medians", ["mode", "ratio (95 %)", ""], lines), width
    ):
        console.print(part)
    return out.getvalue()

# SPDX-License-Identifier: Apache-2.0
"""A benchmark as one self-contained HTML page: plots, and beside each its figures as a table.

Colours in a plot stand for variables of the page's style, so that it is legible light and dark;
what they mean is said in HTML below the plot, where it covers nothing and is never cut.
"""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

import jinja2
from markupsafe import Markup

from ..paths import PACKAGE
from . import published, tables
from .plan import attests

TEMPLATES = PACKAGE / "bench" / "templates"
STYLE = PACKAGE / "report" / "templates" / "style.css"
QUIET, FAINT = "#010203", "#010204"  # of text, and of lines behind the figures
SERIES = tuple(f"#0a0b{number:02x}" for number in range(10))
VARIABLES = {QUIET: "var(--muted)", FAINT: "var(--line)"} | {
    color: f"var(--s{number})" for number, color in enumerate(SERIES)
}
MARKERS = "os^Dv*"


@dataclass(frozen=True)
class Plot:
    """A plot, what its colours mean, and its figures."""

    caption: str
    words: str
    svg: Markup
    legend: Sequence[tuple[int, str]]  # number of the series, what it is
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def _figure(width: float, height: float) -> tuple[Any, Any]:
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # Text stays text, and nothing in the file depends on when it was made.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "atls", "font.size": 10})
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_edgecolor(FAINT)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(QUIET)
    axes.tick_params(which="both", color=FAINT, labelcolor=QUIET)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Any) -> Markup:
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    out = io.StringIO()
    kept = {"Date": None, "Creator": None, "Format": None, "Type": None}
    # Wider than it seems to need: the reader's font may be wider than that it was measured with.
    figure.savefig(out, format="svg", metadata=kept, bbox_inches="tight", pad_inches=0.15)
    pyplot.close(figure)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for color, variable in VARIABLES.items():
        text = text.replace(color, variable)
    # The table has the same for those who do not see it.
    text = text.replace("<svg ", '<svg aria-hidden="true" ', 1)
    return Markup(text)  # nosec: made here, of numbers and names of modes


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of modes that are alike but for who attests, the first; none that is a variant of another."""
    chosen: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        parts = row["mode"].split("/")
        attested = attests(row["mode"])
        if len(parts) == (3 if attested else 2):
            chosen.setdefault("/".join(parts[:2]), row)
    return list(chosen.values())


def latencies(rows: Sequence[Mapping[str, Any]]) -> Plot:
    """How long a connection of each mode takes: a row each, so that none lies on another."""
    figure, axes = _figure(9, 0.34 * len(rows) + 1.2)
    names = [row["mode"] for row in rows]
    found = [
        [row["wall_ns"][what] / 1e6 for what in ("min", "median", "p95", "p99")] for row in rows
    ]
    axes.hlines(
        names, [x[0] for x in found], [x[3] for x in found], colors=SERIES[0], linewidth=1.2
    )
    axes.hlines(names, [x[0] for x in found], [x[2] for x in found], colors=SERIES[0], linewidth=7)
    axes.plot([x[1] for x in found], names, "o", color=SERIES[1], markersize=6, zorder=3)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.7)
    axes.set_xlabel("ms for a connection")
    return Plot(
        "How long a connection takes",
        f"Both endpoints in one thread, {rows[0]['wall_ns']['samples']} connections of each mode.",
        _svg(figure),
        [(0, "from the fastest to the 95th percentile; thin, to the 99th"), (1, "median")],
        ["mode", "fastest, µs", "median, µs", "95 %, µs", "99 %, µs"],
        [
            [
                row["mode"],
                *(tables.micro(row["wall_ns"][w]) for w in ("min", "median", "p95", "p99")),
            ]
            for row in rows
        ],
    )


def breakdown(rows: Sequence[Mapping[str, Any]]) -> Plot:
    """Where the time of each mode goes."""
    figure, axes = _figure(9, 0.34 * len(rows) + 1.2)
    names = [row["mode"] for row in rows]
    left = [0.0] * len(rows)
    phases = [name for name in rows[0]["phases_ns"] if any(row["phases_ns"][name] for row in rows)]
    for number, phase in enumerate(phases):
        parts = [row["phases_ns"][phase] / 1e6 for row in rows]
        axes.barh(names, parts, left=left, height=0.7, color=SERIES[number % len(SERIES)])
        left = [one + more for one, more in zip(left, parts)]
    axes.invert_yaxis()
    axes.grid(axis="x", color=FAINT, linewidth=0.7)
    axes.set_xlabel("ms of a connection, mean")
    return Plot(
        "Where the time goes",
        "The time of both endpoints together, by what it was spent on.",
        _svg(figure),
        [(number % len(SERIES), phase) for number, phase in enumerate(phases)],
        ["mode", *(f"{phase}, µs" for phase in phases)],
        [[row["mode"], *(tables.micro(row["phases_ns"][p]) for p in phases)] for row in rows],
    )


def _lines(axes: Any, number: int, x: Sequence[float], y: Sequence[float]) -> None:
    mark = MARKERS[number % len(MARKERS)]
    axes.plot(x, y, f"{mark}-", color=SERIES[number % len(SERIES)], linewidth=1.8, markersize=6)


def scaling(rows: Sequence[Mapping[str, Any]]) -> Plot:
    """Connections a second as clients grow in number."""
    figure, axes = _figure(9, 3.8)
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    numbers = sorted({row["at_once"] for row in rows})
    for index, mode in enumerate(modes):
        own = [row for row in rows if row["mode"] == mode]
        _lines(axes, index, [row["at_once"] for row in own], [row["per_second"] for row in own])
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.set_xlabel("clients at once")
    axes.set_ylabel("connections a second")
    by = {(row["mode"], row["at_once"]): f"{row['per_second']:,.0f}" for row in rows}
    return Plot(
        "As clients grow in number",
        "Connections a second over loopback, client and server on the same machine.",
        _svg(figure),
        list(enumerate(modes)),
        ["mode", *(f"{number} at once" for number in numbers)],
        [[mode, *(by.get((mode, number), "–") for number in numbers)] for mode in modes],
    )


def _alike(round_trips: Mapping[str, float]) -> dict[int, list[str]]:
    """Modes by their whole number of round trips: their lines lie on each other."""
    made: dict[int, list[str]] = {}
    for mode, trips in sorted(round_trips.items(), key=lambda one: one[1]):
        made.setdefault(round(trips), []).append(mode)
    return made


def distance(found: Mapping[str, Any]) -> Plot:
    """Time of a connection over the delay, a line for each number of round trips."""
    figure, axes = _figure(9, 4.2)
    medians: dict[str, dict[float, float]] = {}
    for row in found["rows"]:
        if not row["loss_percent"]:
            own = medians.setdefault(row["mode"], {})
            own[row["delay_ms"]] = row["wall_ns"]["median"] / 1e6
    delays = sorted({delay for own in medians.values() for delay in own})
    groups = _alike(found["round_trips"])
    for index, modes in enumerate(groups.values()):
        of = {d: [medians[m][d] for m in modes if d in medians.get(m, {})] for d in delays}
        of = {delay: values for delay, values in of.items() if values}
        _lines(axes, index, list(of), [sum(values) / len(values) for values in of.values()])
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.set_xlabel("ms of a round trip")
    axes.set_ylabel("ms for a connection, median")
    return Plot(
        "What distance costs",
        "Modes with the same number of round trips are one line, the mean of their medians.",
        _svg(figure),
        [
            (index, f"{trips} round trips ({len(modes)} mode{'s' if len(modes) > 1 else ''})")
            for index, (trips, modes) in enumerate(groups.items())
        ],
        ["mode", "round trips", *(f"at {delay:g} ms, ms" for delay in delays)],
        [
            [mode, f"{found['round_trips'][mode]:.2f}"]
            + [f"{medians[mode][d]:,.1f}" if d in medians.get(mode, {}) else "–" for d in delays]
            for modes in groups.values()
            for mode in modes
        ],
    )


def growth(found: Sequence[Mapping[str, Any]], whose: str) -> Plot:
    """Each curve over its smallest point, both axes logarithmic: parallel to the diagonal is
    linear, level is the same at any size."""
    figure, axes = _figure(9, 5.2)
    for index, one in enumerate(found):
        first = one["points"][0]
        x = [point["size"] / first["size"] for point in one["points"]]
        _lines(axes, index, x, [point["value"] / first["value"] for point in one["points"]])
    most = max(one["points"][-1]["size"] / one["points"][0]["size"] for one in found)
    axes.plot([1, most], [1, most], "--", color=FAINT, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_xlabel("size over the smallest")
    axes.set_ylabel("cost over that at the smallest")
    return Plot(
        f"What size costs {whose}",
        "The broken line is linear. The exponent is the slope of a straight line through the "
        "logarithms: 0 is the same cost at any size, 1 is linear.",
        _svg(figure),
        [
            (index % len(SERIES), f"{one['title']}: exponent {one['exponent']:.2f}")
            for index, one in enumerate(found)
        ],
        list(tables.CURVE_COLUMNS),
        tables.curve_rows(found),
    )


def _listings(result: Mapping[str, Any]) -> Iterable[tuple[str, list[str], list[list[str]]]]:
    """All that the terminal has, as title, columns and rows."""
    for name, make in tables.SECTIONS.items():
        for table in make(result[name]) if name in result else ():
            columns = [list(map(str, column.cells)) for column in table.columns]
            heads = [str(column.header) for column in table.columns]
            yield str(table.title), heads, [list(row) for row in zip(*columns)]


def fill(template: str, **values: Any) -> str:
    """A template with its values, and the style of the report."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(STYLE.read_text(encoding="utf-8").strip())
    return environment.get_template(template).render(style=style, **values)


def write(result: Mapping[str, Any], folder: Path) -> None:
    """benchmark.html in FOLDER."""
    plots = []
    if "pair" in result:
        some = _shown(result["pair"]["modes"])
        plots += [latencies(some), breakdown(some)]
    if "load" in result:
        plots.append(scaling(result["load"]))
    if "network" in result:
        plots.append(distance(result["network"]))
    if result.get("curves"):
        in_verifier = [one for one in result["curves"] if one["verifier"]]
        others = [one for one in result["curves"] if not one["verifier"]]
        plots += [growth(in_verifier, "in the verifier"), growth(others, "elsewhere")]
    text = fill(
        "benchmark.html.j2",
        result=result,
        plots=plots,
        listings=list(_listings(result)),
        published=(published.TITLE, published.COLUMNS, published.rows()),
        notes=tables.stack_notes(result["stacks"]) if "stacks" in result else [],
    )
    (folder / "benchmark.html").write_text(text, encoding="utf-8")

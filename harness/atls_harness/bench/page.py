# SPDX-License-Identifier: Apache-2.0
"""A benchmark as one self-contained HTML page with plots."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any, Mapping, Sequence

import jinja2
from markupsafe import Markup

from ..paths import PACKAGE
from . import tables
from .histogram import Histogram

TEMPLATES = PACKAGE / "bench" / "templates"
STYLE = PACKAGE / "report" / "templates" / "style.css"


def _figure(width: float, height: float) -> tuple[Any, Any]:
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # Text stays text, and nothing in the file depends on when it was made.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "atls", "font.size": 9})
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for part in (*axes.spines.values(), axes.title, axes.xaxis.label, axes.yaxis.label):
        (part.set_edgecolor if hasattr(part, "set_edgecolor") else part.set_color)("#808080")
    axes.tick_params(colors="#808080")
    return figure, axes


def _svg(figure: Any) -> Markup:
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    text = out.getvalue()
    return Markup(text[text.index("<svg") :])  # nosec: made here, of numbers and names of modes


def _legend(axes: Any, **where: Any) -> None:
    axes.legend(frameon=False, labelcolor="#808080", fontsize=8, **where)


def latencies(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Distribution of each mode: how many connections took at most so long."""
    figure, axes = _figure(9, 4.5)
    for row in rows:
        whole = Histogram.from_json(row["wall_ns"]["histogram"])
        seen, x, y = 0, [], []
        for low in sorted(whole.counts):
            seen += whole.counts[low]
            x.append(low / 1000)
            y.append(100 * seen / len(whole))
        dashed = "--" if row["mode"].startswith("plain") else "-"
        axes.step(x, y, dashed, where="post", label=row["mode"], linewidth=1.2)
    axes.set_xscale("log")
    axes.set_xlabel("µs for a connection")
    axes.set_ylabel("% of connections")
    _legend(axes, loc="lower right")
    return _svg(figure)


def breakdown(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Where the time of each mode goes."""
    figure, axes = _figure(9, 0.32 * len(rows) + 1.4)
    names = [row["mode"] for row in rows]
    left = [0.0] * len(rows)
    for phase in rows[0]["phases_ns"]:
        parts = [row["phases_ns"][phase] / 1000 for row in rows]
        axes.barh(names, parts, left=left, label=phase, height=0.7)
        left = [one + more for one, more in zip(left, parts)]
    axes.invert_yaxis()
    axes.set_xlabel("µs, mean")
    _legend(axes, loc="lower right")
    return _svg(figure)


def scaling(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Connections a second as clients grow in number."""
    figure, axes = _figure(9, 3.5)
    for mode in dict.fromkeys(row["mode"] for row in rows):
        own = [row for row in rows if row["mode"] == mode]
        x = [row["at_once"] for row in own]
        axes.plot(x, [row["per_second"] for row in own], "o-", label=mode)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("clients at once")
    axes.set_ylabel("connections a second")
    _legend(axes, loc="lower right")
    return _svg(figure)


def distance(found: Mapping[str, Any]) -> Markup:
    """Time of a connection over the delay."""
    figure, axes = _figure(9, 4.5)
    for mode in found["round_trips"]:
        own = [row for row in found["rows"] if row["mode"] == mode and not row["loss_percent"]]
        x = [row["delay_ms"] for row in own]
        axes.plot(x, [row["wall_ns"]["median"] / 1e6 for row in own], "o-", label=mode, linewidth=1)
    axes.set_xlabel("ms of a round trip")
    axes.set_ylabel("ms for a connection")
    _legend(axes, loc="upper left")
    return _svg(figure)


def write(result: Mapping[str, Any], folder: Path) -> None:
    """benchmark.html in FOLDER."""
    plots = []
    if "pair" in result:
        rows = result["pair"]["modes"]
        some = [row for row in rows if row["mode"].count("/") <= 2][:14]
        plots.append(("How long a connection takes", latencies(some)))
        plots.append(("Where the time goes", breakdown(some)))
    if "load" in result:
        plots.append(("As clients grow in number", scaling(result["load"])))
    if "network" in result:
        plots.append(("What distance costs", distance(result["network"])))
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template("benchmark.html.j2").render(
        result=result,
        plots=plots,
        style=Markup(STYLE.read_text(encoding="utf-8")),
        listing=tables.render(result, 150, False),
    )
    (folder / "benchmark.html").write_text(text, encoding="utf-8")

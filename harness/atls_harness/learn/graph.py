# SPDX-License-Identifier: Apache-2.0
"""A learnt machine as a graph: DOT, and SVG where graphviz is there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Mapping

from ..errors import InfrastructureError
from ..process import to_its_end
from .model import alert_of, plain

LIMIT = 60  # seconds
RED, GREY = "#b00020", "#666666"


def _quoted(text: str) -> str:
    """A string of DOT; lines are divided as it does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _broken(answer: str) -> str:
    """A long answer in lines."""
    return answer.replace("+", " +\n")


def dot(machine: Mapping[str, Any]) -> str:
    """The graph. What ends a connection with the alert that is due stands once for each alert; what
    is not as expected is red."""
    states = machine["states"]
    wrong = {tuple(one["word"]) for one in machine["differences"]}
    wrong |= {tuple(one["word"]) for one in machine["paths"] if not one["expected"]}
    lines = [
        f"digraph {_quoted(machine['name'])} {{",
        "  rankdir=TB; node [shape=box, style=rounded, fontname=sans]; edge [fontname=sans, "
        "fontsize=10];",
        '  begin [shape=point]; begin -> "0";',
    ]
    for number, state in enumerate(states):
        lines.append(f"  {_quoted(str(number))} [label={_quoted(state['name'])}];")
    for number, state in enumerate(states):
        if state["name"] == "ended":
            continue
        joined: dict[tuple[int, str, bool], list[str]] = {}
        for name, step in state["transitions"].items():
            bad = (*state["word"], name) in wrong
            joined.setdefault((step["to"], plain(step["answer"]), bad), []).append(name)
        for (to, answer, bad), names in joined.items():
            ends = states[to]["name"] == "ended" and bool(alert_of(answer))
            colour = RED if bad else GREY if ends else "black"
            words = _quoted("\n".join(names) + "\n/ " + _broken(answer))
            settings = f"label={words}, color={_quoted(colour)}, fontcolor={_quoted(colour)}"
            lines.append(f"  {_quoted(str(number))} -> {_quoted(str(to))} [{settings}];")
    return "\n".join([*lines, "}"]) + "\n"


def svg(source: Path) -> Path | None:
    """The drawing of a DOT file beside it; None where there is no graphviz."""
    if shutil.which("dot") is None:
        return None
    made = source.with_suffix(".svg")
    done = to_its_end(["dot", "-Tsvg", "-o", str(made), str(source)], "dot", LIMIT)
    if done.returncode != 0:
        raise InfrastructureError(f"dot: {source.name}: {done.stderr.strip()[:200]}")
    return made

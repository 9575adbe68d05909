# SPDX-License-Identifier: Apache-2.0
"""`./atls attacks`: the catalogue, one attack, and playing them."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Sequence

from _pytest.mark.expression import Expression, ParseError

from .. import release, usage
from ..build import build_programs, jobs
from ..document import hold
from ..errors import InfrastructureError, UsageError
from ..nearest import meant
from ..paths import ATTACK_RESULT_SCHEMA, PEERS, default_build
from ..peer import load_peers
from ..prediction import disagreements
from ..run import Run, make_results, point_latest
from . import page, table
from .catalogue import NOT_CARRIED_OUT, catalogue
from .run import play_all
from .cell import Cell
from .story import NO_BARE_TOKEN, Play, plays, stories

VERSION = 1
WIDTH = 100
# Plays mostly wait for processes.
WORKERS = 3


def _listed() -> int:
    played = {one.attack.id for one in stories()}
    for one in catalogue().values():
        mark = "played" if one.id in played else "known"
        print(f"{one.id}  {mark:<7} {one.name}  ({', '.join(one.capabilities)})")
    return 0


def _told(name: str) -> int:
    """One attack, whole."""
    known = catalogue()
    if name not in known:
        raise UsageError(f"no attack {name!r}{meant(name, known)}")
    value = known[name].value
    print(f"{name}: {value['name']}")
    print(f"capabilities: {', '.join(value['capabilities'])}; goals {', '.join(value['goals'])}")
    for key in ("targeted-assurance", "preconditions", "why-validation-succeeds", "mitigation"):
        print(
            textwrap.fill(f"{key.replace('-', ' ')}: {value[key]}", WIDTH, subsequent_indent="  ")
        )
    for source in value["sources"]:
        words = f"{source['source']} ({source['kind']}): {source['says']}"
        print(textwrap.fill(f"- {words}", WIDTH, subsequent_indent="  "))
    if "reading" in value:
        print(textwrap.fill(value["reading"], WIDTH))
    told = [play for one in stories() if one.attack.id == name for play in plays(one)]
    if not told:
        print(f"not played: {value['not-played']}")
        return 0
    print("\nWhat is known, and held to by ./atls attacks run -k " + name + ":")
    as_known = [_as_known(play) for play in told]
    for row in table.grid(as_known):
        cells = zip(table.COLUMNS, row[1:])
        print(f"  {row[0]}: " + "; ".join(f"{column} {words}" for column, words in cells if words))
    for place, sets in table.by_column(as_known).items():
        print(f"  {place}: {' or '.join(sets)}")
    print(page.LEGEND)
    return 0


def _as_known(play: Play) -> dict[str, Any]:
    """What came of a play, were it as it is known."""
    known = play.story.attack.known(play.cell, play.held)
    return {
        "attack": play.story.attack.id,
        **play.cell.axes(),
        "held": list(play.held),
        "honest": False,
        "outcome": known.outcome if known else NOT_CARRIED_OUT,
    }


def _chosen(expression: str) -> list[Play]:
    """The plays that match, with their controls: the honest run, and fewer capabilities."""
    try:
        compiled = Expression.compile(expression) if expression else None
    except ParseError as problem:
        raise UsageError(f"-k {expression!r}: {problem}") from problem

    def wanted(play: Play) -> bool:
        text = f"{play.story.name} {play.cell.name}"
        return compiled is None or bool(compiled.evaluate(lambda word: word in text))

    found = [play for story in stories() for play in plays(story) if wanted(play)]
    if not found:
        raise UsageError(f"-k {expression!r}: no play is left; ./atls attacks list has the attacks")
    honest: dict[Cell, Play] = {}
    for play in found:
        cell = _plain(play)
        honest.setdefault(cell, Play(play.story, cell, (), True))
    return [*honest.values(), *found]


def _plain(play: Play) -> Cell:
    """The cell of the honest run that belongs to a play. Where bare tokens are not taken, an
    honest attester sends another kind of evidence."""
    cell = dataclasses.replace(play.cell, case="")
    return dataclasses.replace(cell, format="cab") if cell.defence == NO_BARE_TOKEN else cell


def _play(options: Any) -> int:
    began = time.monotonic()
    started = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    chosen = _chosen(options.keyword)
    peers = load_peers([PEERS, *options.peers])
    victim = options.victim
    if victim not in peers:
        raise UsageError(f"--victim: no peer {victim!r}{meant(victim, peers)}")
    build = (options.build or default_build()).resolve()
    build_programs(build)
    for side in ("client", "server"):
        lack = peers[victim].missing(side, build)
        if lack:
            raise InfrastructureError(f"--victim {lack}")
    roles = {"client": victim, "server": victim, "device": "atls", "verifier": "atls"}
    folder = make_results(options.out, "attacks")
    run = Run(Path(os.devnull), folder, build, options.seed, options.keep, 1, roles, peers, "")
    count = [0]

    def tell(record: dict[str, Any]) -> None:
        count[0] += 1
        words = table.complaint(record)
        if words or options.verbose:
            print(f"{record['id']}: {words or record['outcome']} {record['reason']}", flush=True)
        elif count[0] % 50 == 0:
            print(f"{count[0]} of {len(chosen)} played", flush=True)

    workers = options.numprocesses or WORKERS * jobs()
    records = play_all(chosen, run, workers, tell)
    # Another stack than the project's own is compared, too; what it does otherwise is a finding.
    changed = [words for words in map(table.complaint, records) if words]
    changed += disagreements(records)
    value = {
        "version": VERSION,
        "run": {
            **release.told_of("attacks", options.given, started, began),
            "seed": options.seed,
            "victim": victim,
        },
        "plays": records,
        "smallest": table.by_column(records),
        "goals": table.goal_rows(records),
        "monitor": table.monitor_rows(records),
        "changed": changed,
    }
    hold(value, ATTACK_RESULT_SCHEMA, "attacks.json is not as its schema says")
    (folder / "attacks.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(page.markdown(value), encoding="utf-8")
    (folder / "index.html").write_text(page.html(value), encoding="utf-8")
    point_latest(folder, "latest-attacks")
    print(page.text(value))
    print(f"report: {folder / 'index.html'}")
    return 1 if changed and victim == "atls" else 0


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = usage.attacks()
    options = parser.parse_args(argv)
    options.given = list(argv)
    if options.what == "list":
        return _listed()
    if options.what == "run":
        return _play(options)
    try:
        return _told(options.what)
    finally:
        sys.stdout.flush()

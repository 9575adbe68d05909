# SPDX-License-Identifier: Apache-2.0
"""`./atls learn`: the command."""

from __future__ import annotations

import dataclasses
import datetime
import re
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from .. import patience, release, usage
from ..build import build_programs
from ..document import hold
from ..errors import InfrastructureError, Unsupported, UsageError
from ..nearest import meant
from ..paths import LEARN_RESULT_SCHEMA, PEERS, default_build
from ..peer import Peer, load_peers
from ..probe.command import own_ca
from ..probe.look import address_of
from ..run import Run, make_results, make_work, point_latest, remove_work
from ..setup import renew
from ..untrusted import write_json
from . import graph, page, servers
from .model import Beside, machines

VERSION = 1
SERVERS = 8  # of a peer
# Of options: least and most. At once 0: as many as is usual.
BOUNDS = (
    ("limit", 1, 100_000),
    ("time", 1, 86_400),
    ("pace", 0, 60),
    ("quiet", 0.01, 60),
    ("at-once", 0, 64),
)
HANDSHAKE = 20.0  # seconds for a connection to come about


def _learn(options: Any, run: Run, server: str, profile: str) -> dict[str, Any]:
    """One machine."""
    expected = machines()[profile]
    made: dict[str, Any] = {
        "name": re.sub(r"[^A-Za-z0-9.-]", "-", f"{server}-{profile}"),
        "server": server,
        "profile": profile,
        "document": expected.document,
    }
    try:
        found = _asked(options, run, server, profile)
    except Unsupported as problem:
        return {**made, "outcome": "unsupported", "words": str(problem)}
    words = "the same messages had different answers"
    if found.pop("spent"):
        words = f"--limit {options.limit} or --time {options.time:g} came first"
    if not found["states"]:
        for one in found["differing"][:1]:
            words += f": {page.word(one['word'])}: {', then '.join(one['answers'])}"
        return {**made, "outcome": "not-learnt", "words": words, "differing": found["differing"]}
    beside = Beside(found["states"], expected)
    for state, name in zip(found["states"], beside.names()):
        state["name"] = name
    made.update(found, paths=beside.paths(), differences=beside.differences(), words="")
    made["outcome"] = "differs" if made["differences"] else "expected"
    if found["differing"]:
        made.update(outcome="not-learnt", words=words)
    elif page.findings(made):
        made["outcome"] = "finding"
    return made


def _asked(options: Any, run: Run, server: str, profile: str) -> dict[str, Any]:
    """What the learner makes of a server: of a peer's programs, or one that is somewhere."""
    elsewhere = ":" in server
    case = servers.story(profile)
    if not elsewhere:
        lacks = run.peers[server].lacks(case, "server")
        if lacks:
            raise Unsupported(lacks)
        run = dataclasses.replace(run, chosen={**run.chosen, "server": server})
    folder = run.work / f"learn-{server.replace(':', '-')}-{profile}"
    with servers.Servers(case, run, folder) as play:
        play.start_helpers()
        if elsewhere:
            addresses = [address_of(server)] * (options.at_once or 1)
        else:
            addresses = play.start_servers(options.at_once or SERVERS, _flags(options.flag))
        points, alerts = servers.code_points(options.code_points)
        task = {
            "addresses": addresses,
            "profile": profile,
            "points": points,
            "alerts": alerts,
            "alphabet": list(machines()[profile].alphabet),
            "quiet": options.quiet * patience.factor(),
            "pace": options.pace if elsewhere else 0,
            "limit": options.limit,
            "time": options.time,
            "seed": run.seed,
            "patience": HANDSHAKE * patience.factor(),
            **play.credentials(),
        }
        return servers.ask(run, folder / "learner", task)


def _flags(told: Sequence[str]) -> Mapping[str, str]:
    """--flag NAME=VALUE, as the server takes it."""
    made = {}
    for one in told:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"--flag: expected NAME=VALUE, came {one!r}")
        made[name] = value
    return made


def _check(options: Any, peers: Mapping[str, Peer]) -> None:
    for name in options.profile:
        if name not in machines():
            words = f"--profile: no machine is expected of {name!r}{meant(name, machines())}"
            raise UsageError(f"{words}; there are: {', '.join(machines())}")
    _flags(options.flag)
    for name in options.server:
        if ":" in name:
            address_of(name)
            if options.flag:
                raise UsageError(
                    "--flag is for servers of peers: one that is somewhere has its own"
                )
        elif name not in peers:
            raise UsageError(f"--server: no peer {name!r}{meant(name, peers)}, and no HOST:PORT")
    if options.code_points is not None and not options.code_points.is_file():
        raise UsageError(f"--code-points: there is no file {options.code_points}")
    usage.check_numbers(options, BOUNDS)


def _prepare(options: Any, peers: Mapping[str, Peer], build: Path) -> None:
    build_programs(build)
    servers.prepared(build)
    named = [peers[name] for name in options.server if name in peers]
    renew([one for one in named if one.name != "atls"], build)
    for one in [peers["atls"], *named]:
        missing = one.missing("server", build)
        if missing:
            raise InfrastructureError(missing)


def _draw(folder: Path, machine: Mapping[str, Any]) -> bool:
    """Its DOT and its SVG; False where there is no graphviz."""
    source = folder / f"{machine['name']}.dot"
    source.write_text(graph.dot(machine), encoding="utf-8")
    return graph.svg(source) is not None


def _play(options: Any, peers: Mapping[str, Peer]) -> int:
    began = time.monotonic()
    started = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    build = (options.build or default_build()).resolve()
    _prepare(options, peers, build)
    folder = make_results(options.out, "learn")
    work = make_work()
    learnt, drawn = [], True
    try:
        own_ca(work, options.client_ca)
        run = Run.of_own(work, folder, build, options.seed, peers)
        corim = folder / "device.corim"
        corim.write_bytes(run.endorsements(servers.device_of(run)).read_bytes())
        for server in dict.fromkeys(options.server):
            for profile in dict.fromkeys(options.profile or machines()):
                one = _learn(options, run, server, profile)
                learnt.append(one)
                if "paths" in one:
                    drawn = _draw(folder, one) and drawn
                print(page.text(one), flush=True)
    finally:
        remove_work(work)
    found = [words for one in learnt for words in page.findings(one)]
    if all(one["outcome"] == "unsupported" for one in learnt):
        found.append("nothing was learnt")
    value = {
        "version": VERSION,
        "run": {
            **release.told_of("learn", options.given, started, began),
            "seed": options.seed,
        },
        "machines": learnt,
        "findings": found,
    }
    hold(value, LEARN_RESULT_SCHEMA, "learn.json is not as its schema says")
    (folder / "learn.json").write_text(write_json(value), encoding="utf-8")
    (folder / "summary.md").write_text(page.markdown(value), encoding="utf-8")
    point_latest(folder, "latest-learn")
    for words in found:
        print(f"FINDING {words}")
    if not drawn:
        print("no SVG: graphviz draws it (apt-get install graphviz); dot -Tsvg reads the DOT file")
    if any(":" in one for one in options.server):
        print(f"this side's device, for the server's verifier: {corim}")
    print(f"results: {folder} (learn.json, summary.md; NAME.dot and NAME.svg)")
    return 1 if found else 0


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = usage.learn().parse_args(argv)
    options.given = list(argv)
    peers = load_peers([PEERS, *options.peers])
    _check(options, peers)
    return _play(options, peers)

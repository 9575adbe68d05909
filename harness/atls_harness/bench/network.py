# SPDX-License-Identifier: Apache-2.0
"""What distance costs: client, server and verifier each in a network namespace, with netem's delay
(and loss) between any two of them. Needs root and iproute2.

How many round trips a mode takes follows from how its time grows with the delay.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator, Sequence

from ..errors import InfrastructureError, Unsupported
from ..process import Process
from . import program
from .histogram import Histogram, summary
from .plan import Plan

PLACES = ("client", "server", "verifier")
SUBNET = "10.201.77"
PROBE_MS = (20, 100)  # the two delays whose difference tells the round trips


def _call(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise InfrastructureError(f"{' '.join(argv)}: {done.stderr.strip()}")


def available() -> str:
    """Why there can be no namespaces here, or ""."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "tc"):
        if shutil.which(tool) is None:
            return f"{tool} is not there (iproute2); ./atls setup bench"
    name = f"atls-probe-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if done.returncode != 0:
        return f"no network namespace: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return ""


@contextlib.contextmanager
def places() -> Iterator[dict[str, tuple[str, str]]]:
    """Three namespaces on one bridge in a fourth; gives each one's name and address."""
    stem = f"atls-{os.getpid()}"
    names = {place: f"{stem}-{place}" for place in PLACES}
    bridge = f"{stem}-bridge"
    made: list[str] = []
    try:
        for name in (*names.values(), bridge):
            _call("ip", "netns", "add", name)
            made.append(name)
            _call("ip", "-n", name, "link", "set", "lo", "up")
        _call("ip", "-n", bridge, "link", "add", "br0", "type", "bridge")
        _call("ip", "-n", bridge, "link", "set", "br0", "up")
        found = {}
        for number, (place, name) in enumerate(names.items(), 1):
            link, address = f"to{number}", f"{SUBNET}.{number}"
            _call(
                *("ip", "-n", bridge, "link", "add", link, "type", "veth"),
                *("peer", "name", "eth0", "netns", name),
            )
            _call("ip", "-n", bridge, "link", "set", link, "master", "br0", "up")
            _call("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            _call("ip", "-n", name, "link", "set", "eth0", "up")
            found[place] = (name, address)
        yield found
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def _impair(found: dict[str, tuple[str, str]], delay_ms: float, loss: float) -> None:
    """DELAY_MS for a way there and back, half of it each way; LOSS per cent of packets each way."""
    for name, _ in found.values():
        argv = ["tc", "-n", name, "qdisc", "replace", "dev", "eth0", "root", "netem"]
        argv += ["delay", f"{delay_ms / 2}ms"]
        _call(*argv, *(["loss", f"{loss}%"] if loss else []))


@contextlib.contextmanager
def _verifier(build: Path, folder: Path, place: tuple[str, str]) -> Iterator[str]:
    name, address = place
    argv = ["ip", "netns", "exec", name, str(build / "verifier-stub" / "atls-verifier")]
    argv += ["--listen", f"{address}:0", "--events", str(folder / "verifier.events.jsonl")]
    for seed in (1, 2):
        argv += ["--endorsements", program.endorse(build, folder, seed)]
    process = Process("verifier", "verifier", argv, folder, listening=True)
    try:
        yield f"http://{process.ready()['address']}"
    finally:
        process.stop()


def _measure(
    build: Path, found: dict[str, tuple[str, str]], url: str, mode: str, count: int
) -> dict[str, Any]:
    client, server = found["client"], found["server"]
    argv = ["load", "--mode", mode, "--at-once", "1", "--count", str(count)]
    argv += ["--address", server[1], "--server-namespace", server[0], "--verifier", url]
    raw = program.run(build, argv, ["ip", "netns", "exec", client[0]])
    return {**summary(Histogram(raw["wall_ns"])), "failed": raw["failed"]}


def measure(build: Path, plan: Plan, modes: Sequence[str]) -> dict[str, Any]:
    """Every mode at every delay, and the round trips that follow."""
    reason = available()
    if reason:
        raise Unsupported(reason)
    rows: list[dict[str, Any]] = []
    settings = [(float(delay), 0.0) for delay in sorted({*plan.delays_ms, *PROBE_MS})]
    settings += [(20.0, loss) for loss in plan.loss_percent]
    with tempfile.TemporaryDirectory(prefix="atls-") as name, places() as found:
        folder = Path(name)
        with _verifier(build, folder, found["verifier"]) as url:
            for delay, loss in settings:
                _impair(found, delay, loss)
                # Where packets are lost, chance has a word: more connections.
                count = plan.network_connections * (5 if loss else 1)
                for mode in modes:
                    wall = _measure(build, found, url, mode, count)
                    rows.append(
                        {"mode": mode, "delay_ms": delay, "loss_percent": loss, "wall_ns": wall}
                    )
    return {"rows": rows, "round_trips": _round_trips(rows, modes)}


def _round_trips(rows: Sequence[dict[str, Any]], modes: Sequence[str]) -> dict[str, float]:
    """Of a whole connection: TCP's own, the handshake, a line each way."""
    near, far = PROBE_MS
    found = {}
    for mode in modes:
        at = {
            row["delay_ms"]: row["wall_ns"]["median"]
            for row in rows
            if row["mode"] == mode and not row["loss_percent"]
        }
        found[mode] = round((at[far] - at[near]) / ((far - near) * 1e6), 2)
    return found

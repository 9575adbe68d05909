# SPDX-License-Identifier: Apache-2.0
"""What distance costs: client, server and verifier each in a network namespace, with delay and loss
between any two of them (relay.py). Needs root and iproute2.

How many round trips a mode takes follows from how its time grows with the delay.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
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
    if shutil.which("ip") is None:
        return "ip is not there (iproute2); ./atls setup bench"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    name = f"atls-probe-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if done.returncode != 0:
        return f"no network namespace: {done.stderr.strip()}"
    # To go there mounts /sys anew, which a root that is no mount point (chroot) does not allow.
    done = subprocess.run(
        ["ip", "-n", name, "link", "set", "lo", "up"], capture_output=True, text=True
    )
    if done.returncode == 0:
        inside = ["ip", "netns", "exec", name, "true"]
        done = subprocess.run(inside, capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    if done.returncode != 0:
        return f"no program can be started in a network namespace: {done.stderr.strip()}"
    return ""


class Network:
    """Three namespaces with a relay between them, which delays and loses packets."""

    def __init__(self) -> None:
        stem = f"atls-{os.getpid()}"
        self.places = {
            place: (f"{stem}-{place}", f"{SUBNET}.{number}")
            for number, place in enumerate(PLACES, 1)
        }
        self._relay: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Network":
        try:
            for name, _ in self.places.values():
                _call("ip", "netns", "add", name)
                _call("ip", "-n", name, "link", "set", "lo", "up")
            argv = [sys.executable, "-m", "atls_harness.bench.relay"]
            argv += [f"{name}={address}/24" for name, address in self.places.values()]
            self._relay = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._await()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes all of it."""
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait()
        for name, _ in self.places.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def _await(self) -> None:
        assert self._relay is not None and self._relay.stdout is not None
        if self._relay.stdout.readline().strip() != "ready":
            raise InfrastructureError("the relay between the namespaces did not start")

    def impair(self, round_trip_ms: float, loss_percent: float) -> None:
        """ROUND_TRIP_MS there and back between any two; LOSS_PERCENT of packets each way."""
        assert self._relay is not None and self._relay.stdin is not None
        self._relay.stdin.write(f"{round_trip_ms / 2} {loss_percent}\n")
        self._relay.stdin.flush()
        self._await()


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
    with tempfile.TemporaryDirectory(prefix="atls-") as name, Network() as net:
        folder = Path(name)
        with _verifier(build, folder, net.places["verifier"]) as url:
            for delay, loss in settings:
                net.impair(delay, loss)
                # Where packets are lost, chance has a word: more connections.
                count = plan.network_connections * (5 if loss else 1)
                for mode in modes:
                    wall = _measure(build, net.places, url, mode, count)
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

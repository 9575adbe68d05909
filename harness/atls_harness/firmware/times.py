# SPDX-License-Identifier: Apache-2.0
"""How long firmware takes, beside the device in a process: boot to ready, single requests, and the
handshakes of a server that attests itself, split into the signatures, the serial line, and TLS."""

from __future__ import annotations

import os
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Callable, Sequence

from ..errors import ContractError
from ..events import select
from ..peer import load_peers
from ..paths import PEERS
from ..process import DONE, Process
from . import line
from .board import Board, Tools, provision
from .judge import Judge

INFO, CREATE, DESTROY, ATTEST_KEY, SIGN = 1, 2, 3, 4, 6
P256 = 1


def spread(values: Sequence[float]) -> str:
    """Milliseconds, for people."""
    ordered = sorted(values)
    return (
        f"median {statistics.median(ordered):7.1f} ms, "
        f"least {ordered[0]:7.1f}, most {ordered[-1]:7.1f} ({len(ordered)} times)"
    )


def measure(call: Callable[[], bytes], count: int) -> tuple[list[float], int]:
    """Milliseconds of each call, and bytes of the last answer."""
    took: list[float] = []
    size = 0
    for _ in range(count):
        began = time.monotonic()
        size = len(call())
        took.append((time.monotonic() - began) * 1000)
    return took, size


def requests(path: str, count: int) -> dict[str, tuple[float, int]]:
    """Median of each kind of request, and the size of its answer."""
    ask = partial(line.ask, path)
    handle = ask(bytes([CREATE, P256]))[:4]
    digest = os.urandom(32)
    calls = {
        "no crypto, small": partial(ask, bytes([INFO])),
        "no crypto, large": partial(ask, bytes([line.BOOT_RECORD])),
        "create key": partial(ask, bytes([CREATE, P256])),
        "sign": partial(ask, bytes([SIGN]) + handle + bytes([32]) + digest),
        "evidence": partial(ask, bytes([ATTEST_KEY]) + handle + bytes([32]) + digest),
    }
    found = {}
    for what, call in calls.items():
        took, size = measure(call, count)
        found[what] = (statistics.median(took), size)
    return found


def handshakes(tools: Tools, judge: Judge, path: str, folder: Path, count: int) -> list[float]:
    """Milliseconds of each of COUNT handshakes, as the client sees them."""
    peer = load_peers([PEERS])["atls"]
    common = ["--profile", "ta-07"]
    flags = [*common, "--listen", "127.0.0.1:0", "--max-connections", str(count)]
    flags += ["--attester", "background-check", "--device", f"unix:{path}"]
    events = folder / "server.events.jsonl"
    events.unlink(missing_ok=True)
    command = peer.command("server", tools.build)
    server = Process("server", "server", [*command, *flags, "--events", str(events)], folder, True)
    try:
        address = str(server.ready()["address"])
        told = folder / "client.events.jsonl"
        told.unlink(missing_ok=True)
        flags = [*common, "--connect", address, "--connections", str(count)]
        flags += ["--relying-party", "background-check", "--verifier", judge.base]
        command = peer.command("client", tools.build)
        client = Process(
            "client", "client", [*command, *flags, "--events", str(told)], folder, False
        )
        if not client.wait(60.0 + 5 * count) or client.exit != DONE:
            client.stop()
            raise ContractError(f"the client ended with {client.exit}: {client.stderr()}")
        return [float(event["seconds"]) * 1000 for event in select(client.events(), "handshake")]
    finally:
        server.stop()


def one_device(
    what: str, tools: Tools, process: Process, path: str, judge: Judge, folder: Path, count: int
) -> None:
    """Requests and handshakes of one device."""
    process.ready()
    found = requests(path, count)
    print(what)
    for name, (median, size) in found.items():
        print(f"  {name:18} median {median:7.1f} ms, answer of {size} bytes")
    seconds = handshakes(tools, judge, path, folder, count)
    whole = statistics.median(seconds)
    small, large = found["no crypto, small"], found["no crypto, large"]
    byte = max(0.0, (large[0] - small[0]) / max(1, large[1] - small[1]))
    device = found["evidence"][0] + found["sign"][0]
    moved = small[0] * 2 + byte * (found["evidence"][1] + found["sign"][1] - 2 * small[1])
    print(f"  handshake          {spread(seconds)}")
    print(
        f"    of it, by the medians above: line {moved:.1f} ms ({byte * 1000:.0f} us a byte), "
        f"three signatures {max(0.0, device - moved):.1f} ms, "
        f"TLS, verifier and processes {max(0.0, whole - device):.1f} ms"
    )


def show(tools: Tools, seed: Sequence[str], more: Sequence[str], work: Path, count: int) -> int:
    """All of it."""
    boots = []
    for _ in range(count):
        with Board(tools, work, [*seed, *more]) as board:
            board.wait()
            boots.append(board.boot_ms())
    print(f"boot to ready, with QEMU's own start: {spread(boots)}")
    corim = provision(tools, [*seed, *more], work / "device.corim")
    with Judge(tools.build, corim, work) as judge:
        with Board(tools, work, [*seed, *more]) as board:
            one_device("firmware on QEMU", tools, board.process, board.path, judge, work, count)
    host = load_peers([PEERS])["atls"]
    path = str(work / "host.sock")
    argv = [*host.command("device", tools.build), *seed, "--listen", f"unix:{path}"]
    argv += ["--provision", str(work / "host.corim")]
    argv += ["--events", str(work / "host.events.jsonl")]
    process = Process("host", "device", argv, work, True)
    try:
        process.ready()
        (work / "verifier.events.jsonl").unlink()
        with Judge(tools.build, work / "host.corim", work) as judge:
            one_device("device in a process", tools, process, path, judge, work, count)
    finally:
        process.stop()
    return 0

# SPDX-License-Identifier: Apache-2.0
"""The sections of a benchmark: each runs programs and returns figures, none prints."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Mapping, Sequence

from .. import dask
from ..errors import InfrastructureError, Unsupported
from ..events import read_events
from ..paths import PEERS
from ..peer import load_peers
from . import callgrind, program
from .histogram import Histogram, ratio_summary, summary
from .plan import FAST, MUTUAL, SERVER, Plan, attests, baseline_of, yardstick_of

AWS_LC, LIBRARY = "aws-lc", "library"  # the peer, and its program
COUNTED = "bench_counted"  # the function of atls-bench within which callgrind counts
SIMULATED_QUOTE_MS = 39  # what a quote of Intel TDX was seen to take: data/published.yaml


def _modes(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in ("--mode", name)]


def _row(raw: Mapping[str, Any]) -> dict[str, Any]:
    """One mode's figures, without ratios."""
    phases = raw["phases_ns"]
    return {
        "mode": raw["mode"],
        "wall_ns": summary(Histogram(raw["wall_ns"])),
        "cpu_ns": summary(Histogram(raw["cpu_ns"])),
        "phases_ns": phases,
        "phases_of_whole": round(sum(phases.values()) / raw["mean_wall_ns"], 4),
        "operations": raw["operations"],
        "hashed_bytes": raw["hashed_bytes"],
        "bytes": raw["bytes"],
        "flights": raw["flights"],
        "credential_bytes": raw["credential_bytes"],
    }


def _floor_parts(
    row: Mapping[str, Any],
    base: Mapping[str, Any],
    plain: Histogram,
    floor: Mapping[str, Histogram],
) -> list[tuple[float, Histogram]]:
    """The floor of a mode: PLAIN, its baseline, and the crypto that it has beyond that: signatures,
    verifications and key exchanges, hashes of evidence, and the bytes that the connection itself
    must encrypt, decrypt and put into two transcripts."""
    parts = [(1.0, plain)]
    names = set(row["operations"]) | set(base["operations"])
    for name in sorted(names):
        more = row["operations"].get(name, 0) - base["operations"].get(name, 0)
        if more:
            parts.append((float(more), floor[name]))
    size = 65536
    parts.append((row["hashed_bytes"] / size, floor["sha256-64k"]))
    sent = sum(row["bytes"].values()) - sum(base["bytes"].values())
    if sent > 0:
        parts.append((2 * sent / size, floor["sha384-64k"]))
        parts.append((2 * sent / size, floor["aes-256-gcm-64k"]))
    return parts


Libraries = dict[str, dict[str, Histogram]]  # by name: the operations of a crypto library


def _libraries(raw: Mapping[str, Any]) -> Libraries:
    return {
        one["library"]: {name: Histogram(ns) for name, ns in one["operations_ns"].items()}
        for one in raw["libraries"]
    }


def _best(floor: Mapping[str, Histogram], libraries: Libraries) -> dict[str, tuple[str, Histogram]]:
    """Each public-key operation at the best price of the run: whose it is, and its samples."""
    made = {}
    for name in sorted({name for one in libraries.values() for name in one}):
        prices = {library: one[name] for library, one in libraries.items() if name in one}
        prices["GnuTLS, key ready"] = floor[name]
        made[name] = min(prices.items(), key=lambda item: item[1].percentile(0.5))
    return made


def _best_parts(
    row: Mapping[str, Any],
    parts: Sequence[tuple[float, Histogram]],
    floor: Mapping[str, Histogram],
    best: Mapping[str, tuple[str, Histogram]],
) -> list[tuple[float, Histogram]]:
    """PARTS, the floor of a mode, with each public-key operation at its best price, those of the
    baseline too."""
    made = list(parts)
    for name, (_, cheap) in best.items():
        count = float(row["operations"].get(name, 0))
        if count:
            made += [(-count, floor[name]), (count, cheap)]
    return made


def crypto(build: Path, plan: Plan) -> dict[str, Any]:
    """Public-key operations through the crypto adapter over each library, one of each in turn."""
    raw = program.run(build, ["crypto", "--samples", str(plan.samples), *_aws_lc(build)])
    found = _libraries(raw)
    reference = found["GnuTLS"]
    rng = random.Random(1)
    made = []
    for one in raw["libraries"]:
        operations = {}
        for name, samples in found[one["library"]].items():
            operations[name] = {
                **summary(samples),
                "p10": samples.percentile(0.1),
                "ratio_to_gnutls": ratio_summary(samples, [(1.0, reference[name])], rng),
            }
        made.append(
            {"library": one["library"], "version": one["version"], "operations_ns": operations}
        )
    return {"built_with": raw["built_with"], "libraries": made}


def _aws_lc(build: Path) -> list[str]:
    """The flag that has AWS-LC measured too, where it is set up."""
    peer = load_peers([PEERS])[AWS_LC]
    if peer.missing(LIBRARY, build):
        return []
    return ["--library", *peer.command(LIBRARY, build)]


def without_crypto(result: Mapping[str, Any], build: Path) -> dict[str, str]:
    """Why libraries are not in the section, by name."""
    known = {one["library"] for one in result["libraries"]}
    reasons = {
        "OpenSSL": "built without it: its headers (libssl-dev) were not found",
        "BearSSL": "built without it: its headers (libbearssl-dev) were not found",
        "AWS-LC": load_peers([PEERS])[AWS_LC].missing(LIBRARY, build),
    }
    return {name: why for name, why in reasons.items() if name not in known}


def without_openssl(build: Path, plan: Plan) -> str:
    """Why there is no TLS of OpenSSL to hold others against, or ""."""
    try:
        program.run(
            build, ["pair", "--samples", "1", "--warm-up", "0", *_modes(plan.yardsticks[:1])]
        )
    except Unsupported as problem:
        return str(problem)
    return ""


def pair(build: Path, plan: Plan) -> dict[str, Any]:
    """Connections in memory: every mode, in turn with the plain ones, with those of OpenSSL, and
    with single operations."""
    yardsticks = [] if without_openssl(build, plan) else plan.yardsticks
    names = [*plan.baselines, *yardsticks, *plan.modes, *plan.fast_modes]
    argv = ["pair", "--samples", str(plan.samples), "--floor", *_aws_lc(build), *_modes(names)]
    raw = program.run(build, argv)
    floor = {name: Histogram(values) for name, values in raw["floor_ns"].items()}
    best = _best(floor, _libraries(raw))
    rows = {one["mode"]: _row(one) for one in raw["modes"]}
    # Processor time is the whole of it here, and does not count what others do meanwhile.
    cpu = {name: Histogram.from_json(row["cpu_ns"]["histogram"]) for name, row in rows.items()}
    rng = random.Random(1)
    for name in filter(attests, [*plan.modes, *plan.fast_modes]):
        row, base = rows[name], rows[baseline_of(name)]
        plain = cpu[base["mode"]]
        parts = _floor_parts(row, base, plain, floor)
        row["baseline"] = base["mode"]
        row["floor_ns"] = round(sum(weight * one.percentile(0.5) for weight, one in parts))
        row["ratio_to_floor"] = ratio_summary(cpu[name], parts, rng)
        row["ratio_to_best"] = ratio_summary(cpu[name], _best_parts(row, parts, floor, best), rng)
        row["ratio_to_plain"] = ratio_summary(cpu[name], [(1.0, plain)], rng)
    for name in [*plan.baselines, *plan.modes]:
        if other := cpu.get(yardstick_of(name)):
            rows[name]["ratio_to_openssl"] = ratio_summary(cpu[name], [(1.0, other)], rng)
    for name in plan.fast_modes:
        without = cpu[name.removesuffix(FAST)]
        rows[name]["ratio_to_without"] = ratio_summary(cpu[name], [(1.0, without)], rng)
    return {
        **({"openssl": raw["openssl"]} if yardsticks else {}),
        "built_with": raw["built_with"],
        "best": {
            name: {"library": library, "median": samples.percentile(0.5)}
            for name, (library, samples) in best.items()
        },
        "modes": list(rows.values()),
        "operations_ns": {name: summary(one) for name, one in floor.items()},
    }


def instructions(build: Path, plan: Plan) -> dict[str, Any]:
    """Instructions of one connection, by whose code they are (valgrind's callgrind)."""
    made: dict[str, Any] = {}
    for mode in plan.instruction_modes:
        argv = ["pair", "--samples", str(plan.instruction_samples), "--warm-up", "2"]
        functions = program.counted(build, [*argv, "--mode", mode], COUNTED)
        charged = callgrind.charge(functions)
        del charged["measuring"]
        per = {name: count // plan.instruction_samples for name, count in charged.items()}
        total = sum(per.values())
        own = {name: per.get(name, 0) for name in callgrind.ROOMS}
        endpoint = sum(own.values()) - own["verifier-stub"]
        made[mode] = {
            "total": total,
            "crypto": per.get("crypto", 0),
            "gnutls": per.get("gnutls", 0),
            "own": own,
            "own_share": sum(own.values()) / total,
            "endpoint_share": endpoint / total,
            "heaviest": [
                {"instructions": cost // plan.instruction_samples, "room": room, "function": name}
                for cost, room, name in callgrind.heaviest(functions, 10)
            ],
        }
    return made


def without_qemu(build: Path) -> str:
    """Why there is no device in QEMU, or ""."""
    return load_peers([PEERS])["qemu"].missing("device", build)


def _in_qemu(build: Path, plan: Plan) -> list[dict[str, Any]]:
    """The same with the device as firmware on an emulated processor, where that was set up. An
    emulator's time is no device's: the figure says what a run of scenarios with it costs."""
    qemu = load_peers([PEERS])["qemu"]
    if without_qemu(build):
        return []
    made = []
    with tempfile.TemporaryDirectory(prefix="atls-") as name:
        folder = Path(name)
        corim = program.endorse(build, folder, 1, qemu.command("provision", build))
        command = qemu.command("device", build)
        with (
            program.device(build, folder, 1, "client-device", command) as client,
            program.verifier(build, folder, [], ["--endorsements", corim]) as (url, _),
        ):
            argv = ["pair", "--samples", str(plan.qemu_samples), "--warm-up", "1"]
            argv += ["--client-device", client, "--verifier", url, *_modes(plan.device_modes)]
            for one in program.run(build, argv)["modes"]:
                row = _row(one)
                made.append({"device": "firmware in QEMU", "verifier": "over HTTP", **row})
    return made


def devices(build: Path, plan: Plan) -> list[dict[str, Any]]:
    """The same modes with the device and the verifier in this process, in their own, and with the
    latency of a real quoting device."""
    made = _in_qemu(build, plan)
    with tempfile.TemporaryDirectory(prefix="atls-") as name:
        folder = Path(name)
        samples = ["pair", "--samples", str(plan.device_samples), *_modes(plan.device_modes)]
        with (
            program.device(build, folder, 1, "client-device") as client,
            program.verifier(build, folder, [1, 2]) as (url, _),
        ):
            socket = ["--client-device", client]
            settings: list[tuple[str, str, list[str]]] = [
                ("in process", "in process", []),
                ("over its socket", "in process", [*socket, "--endorse", "1"]),
                ("in process", "over HTTP", ["--verifier", url]),
                ("over its socket", "over HTTP", [*socket, "--verifier", url]),
                (
                    f"in process, {SIMULATED_QUOTE_MS} ms injected",
                    "in process",
                    ["--device-latency", str(SIMULATED_QUOTE_MS)],
                ),
            ]
            for device, verifier, flags in settings:
                raw = program.run(build, [*samples, *flags])
                for one in raw["modes"]:
                    made.append({"device": device, "verifier": verifier, **_row(one)})
    return made


def _appraisals(build: Path, plan: Plan, flags: Sequence[str]) -> tuple[list[int], float]:
    """Wall time of each appraisal by a verifier of its own, and its processor seconds."""
    with tempfile.TemporaryDirectory(prefix="atls-") as name:
        folder = Path(name)
        with program.verifier(build, folder, [1], ["--terse", "--quiet", *flags]) as (url, pid):
            warm = ["appraisals", "--verifier", url, "--count"]
            program.run(build, [*warm, "50"])
            before = program.cpu_seconds(pid)
            raw = program.run(build, [*warm, str(plan.appraisals), "--at-once", "16"])
            return raw["wall_ns"], program.cpu_seconds(pid) - before


def verifier(build: Path, plan: Plan) -> list[dict[str, Any]]:
    """Appraisals by a verifier in a process of its own, over connections that are kept. The
    signatures alone are measured before and after, and the machine may not be the same in between.
    """
    made = []
    # A CAB: the signatures of KAT and PAT are verified, the result is signed.
    settings: list[tuple[str, list[str], int]] = [
        ("looks at each token", [], 2),
        ("remembers platform tokens", ["--cache", "300"], 1),
    ]
    for name, flags, verified in settings:
        floors = [_operations(build)]
        wall, used = _appraisals(build, plan, flags)
        floors.append(_operations(build))
        signatures = sum(
            verified * floor["verify-p256"].percentile(0.5) + floor["sign-p256"].percentile(0.5)
            for floor in floors
        ) / len(floors)
        per_core = plan.appraisals / used
        made.append(
            {
                "verifier": name,
                "appraisals": plan.appraisals,
                "wall_ns": summary(Histogram(wall)),
                "cpu_ns_each": round(used / plan.appraisals * 1e9),
                "per_second_and_core": per_core,
                "signatures_ns_each": round(signatures),
                "of_what_signatures_allow": per_core * signatures / 1e9,
            }
        )
    return made


def _operations(build: Path) -> dict[str, Histogram]:
    """Single operations, measured by themselves."""
    raw = program.run(build, ["pair", "--samples", "100", "--floor", *_modes([SERVER])])
    return {name: Histogram(values) for name, values in raw["floor_ns"].items()}


def load(build: Path, plan: Plan) -> list[dict[str, Any]]:
    """Clients at once against one server, over loopback; client and server share the machine."""
    made = []
    for mode in plan.load_modes:
        for at_once in plan.at_once:
            count = max(plan.connections, at_once)
            argv = ["load", "--mode", mode, "--at-once", str(at_once), "--count", str(count)]
            raw = program.run(build, argv)
            done = count - raw["failed"]
            made.append(
                {
                    "mode": mode,
                    "at_once": at_once,
                    "connections": count,
                    "failed": raw["failed"],
                    "wall_ns": summary(Histogram(raw["wall_ns"])),
                    "per_second": done / raw["total_wall_ns"] * 1e9,
                    "per_second_and_server_core": done / raw["server_cpu_ns"] * 1e9,
                    "per_second_and_client_core": done / raw["client_cpu_ns"] * 1e9,
                    "server_peak_bytes": raw["server_peak_rss_bytes"],
                }
            )
    return made


def fleet(build: Path, plan: Plan) -> dict[str, Any]:
    """Simulated devices, all alive in one process, each onboarded by an attested handshake."""
    raw = program.run(build, ["fleet", "--devices", str(plan.devices)])
    count = raw["devices"]
    return {
        "devices": count,
        "mode": raw["mode"],
        "boot_ns": summary(Histogram(raw["boot_ns"])),
        "onboard_ns": summary(Histogram(raw["onboard_ns"])),
        "booted_per_second": count / raw["boot_wall_ns"] * 1e9,
        "onboarded_per_second": count / raw["onboard_wall_ns"] * 1e9,
        "bytes_each": raw["bytes_of_devices"] // count,
        "peak_bytes": raw["peak_rss_bytes"],
    }


def _shard(build: str, mode: str, samples: int, core: int | None) -> dict[str, Any]:
    """One shard, on whatever machine it is run: a histogram, and how long it took."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    argv = ["pair", "--samples", str(samples), "--mode", mode]
    wall = program.run(Path(build), argv)["modes"][0]["wall_ns"]
    return {"histogram": Histogram(wall).to_json(), "seconds": sum(wall) / 1e9}


def _round(
    client: Any, ask: Sequence[Any], cores: Sequence[int | None], count: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Each shard alone, then all of them at once."""
    workers = list(client.scheduler_info()["workers"])

    def start(index: int) -> Any:
        return client.submit(
            _shard,
            *ask,
            cores[index % len(cores)],
            pure=False,
            workers=[workers[index % len(workers)]],
        )

    alone = [start(index).result() for index in range(count)]
    return alone, client.gather([start(index) for index in range(count)])


def shards(build: Path, plan: Plan, scheduler: str, count: int) -> dict[str, Any]:
    """The same work by shards alone and by COUNT at once, through dask.distributed: locally, or on
    the machines behind SCHEDULER ("tcp://HOST:PORT"), where the programs are built in the same
    place. In rounds, of which the speed-up is the median, beside the same of TLS without
    attestation: cores are not at all times alike, and what they share is the machine's affair."""
    library = dask.distributed()
    mode = "ta-07/background-check/client"
    cores: list[int | None] = [None] if scheduler else [*sorted(os.sched_getaffinity(0))]
    where: Any = scheduler or library.LocalCluster(
        n_workers=count, threads_per_worker=1, dashboard_address=None
    )
    rounds: dict[str, list[Any]] = {mode: [], MUTUAL: []}
    with dask.connect(scheduler) if scheduler else library.Client(where) as client:
        for _ in range(plan.shard_rounds):
            for name, found in rounds.items():
                ask = [str(build), name, plan.shard_samples]
                found.append(_round(client, ask, cores, count))
    if not scheduler:
        where.close()
    merged = Histogram()
    for _, at_once in rounds[mode]:
        for shard in at_once:
            merged.merge(Histogram.from_json(shard["histogram"]))
    rates = {
        name: [
            tuple(sum(plan.shard_samples / shard["seconds"] for shard in part) for part in one)
            for one in found
        ]
        for name, found in rounds.items()
    }
    speed_up = {
        name: statistics.median(at_once / (alone / count) for alone, at_once in found)
        for name, found in rates.items()
    }
    return {
        "mode": mode,
        "shards": count,
        "rounds": plan.shard_rounds,
        "machines": scheduler or "this one",
        "one_per_second": statistics.median(alone / count for alone, _ in rates[mode]),
        "all_per_second": statistics.median(at_once for _, at_once in rates[mode]),
        "speed_up": speed_up[mode],
        "plain_speed_up": speed_up[MUTUAL],
        "wall_ns": summary(merged),
    }


def cases(build: Path, root: Path) -> dict[str, Any]:
    """What the scenario runner needs for a case beyond the handshake itself: cases one after the
    other, each with its processes, against the handshakes that their events tell of."""
    with tempfile.TemporaryDirectory(prefix="atls-") as name:
        argv = ["./atls", "run", "scenarios/handshakes/nonce-sizes.yaml", "-n", "1", "-q", "--keep"]
        argv += ["--out", name, "--build", str(build)]
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise InfrastructureError(f"{' '.join(argv)}: {done.stdout[-2000:]}")
        results = (Path(name) / "latest").resolve()
        played = json.loads((results / "results.json").read_text(encoding="utf-8"))["cases"]
        whole = [float(case["seconds"]) for case in played]
        beyond = [
            seconds - _handshakes(results / case["bundle"]) for case, seconds in zip(played, whole)
        ]
    return {
        "cases": len(whole),
        "seconds_each": sorted(whole)[len(whole) // 2],
        "seconds_beyond": sorted(beyond)[len(beyond) // 2],
    }


def _handshakes(bundle: Path) -> float:
    """Seconds that the client's handshakes of a case took, by its own events."""
    found = 0.0
    for path in bundle.rglob("client*.events.jsonl"):
        for event in read_events(path):
            if event["event"] == "handshake":
                found += float(event["seconds"])
    return found

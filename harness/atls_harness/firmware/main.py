# SPDX-License-Identifier: Apache-2.0
"""`./atls device`: boots a device on QEMU, shows what it measured and what a verifier makes of its
evidence; lets a person tamper with it, and runs campaigns of faults."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Callable, Sequence

from .. import usage
from ..build import build_programs
from ..nearest import meant
from ..paths import PEERS, default_build
from ..peer import load_peers
from . import faults, line, times
from .board import Board, Tools, find_tools, provision
from .judge import Judge


def parse(given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command line; what is not known here is for atls-device."""
    parser = usage.device()
    command, rest = "show", list(given)
    if given and not given[0].startswith("-"):
        command, rest = given[0], list(given[1:])
    if command not in COMMANDS:
        parser.error(f"no command {command!r}{meant(command, COMMANDS)}")
    arguments, more = parser.parse_known_args(rest)
    arguments.command = command
    return arguments, more


def show(arguments: argparse.Namespace, more: Sequence[str], tools: Tools, work: Path) -> int:
    """One boot, for a person."""
    seed = ["--seed", str(arguments.seed)]
    untampered = _without(more, ("--tamper", "--update", "--flash"))
    corim = provision(tools, [*seed, *untampered], work / "device.corim")
    flags = [*seed, "--boot-policy", arguments.boot_policy, *more]
    with Board(tools, work, flags) as board, Judge(tools.build, corim, work) as judge:
        board.wait()
        print("boot log")
        print("".join(f"  {text}\n" for text in board.log().splitlines()), end="")
        if board.failure():
            print(f"\nThe device does not answer: {board.failure()}.")
            print("Who notices: the device itself. A TLS peer that asks it for evidence gets none.")
            return 1
        print(f"\nready after {board.boot_ms():.0f} ms\n\nboot record")
        _decode(tools, work / "record.cbor", line.boot_record(board.path))
        evidence: list[bytes] = []

        def attest(nonce: bytes) -> bytes:
            evidence.append(board.attest(nonce))
            return evidence[-1]

        verdict = judge.appraise(attest)
        print("\nevidence, a PSA token over the verifier's nonce")
        _decode(tools, work / "token.cbor", evidence[0])
    print(f"\nverdict of a verifier that knows the untampered device: {verdict.tier}")
    if verdict.reason:
        print(f"Who notices: the verifier. {verdict.reason}: {verdict.detail}")
    return 0 if verdict.tier == "affirming" else 1


def _without(flags: Sequence[str], options: Sequence[str]) -> list[str]:
    """Flags for the endorser: what was done to the device is not known to him."""
    kept = []
    words = iter(flags)
    for word in words:
        if word in options:
            next(words, None)
        elif word.partition("=")[0] not in options:
            kept.append(word)
    return kept


def _decode(tools: Tools, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    argv = load_peers([PEERS])["atls"].command("decode", tools.build)
    done = subprocess.run([*argv, str(path)], capture_output=True, text=True, timeout=30)
    print("".join(f"  {text}\n" for text in (done.stdout or done.stderr).splitlines()), end="")


def _progress(total: int) -> Callable[[faults.Trial], None]:
    done = [0]

    def each(trial: faults.Trial) -> None:
        done[0] += 1
        if trial.broken() or trial.outcome == "error":
            print(f"  {trial.what}: {trial.outcome}: {trial.words}", flush=True)
        elif done[0] % 100 == 0:
            print(f"  {done[0]} of {total}", flush=True)

    return each


def tell(campaign: faults.Campaign, seconds: float, path: Path | None) -> int:
    """The result table."""
    print(f"\n{campaign.title}")
    for outcome, count in campaign.counts():
        print(f"  {count:7d}  {outcome}")
    wrong = campaign.failures()
    rule = "must be affirmed or refuse to boot" if campaign.affirming_is_right else "none affirmed"
    print(f"  {len(campaign.trials):7d}  trials in {seconds:.0f} s; {rule}: ", end="")
    print(f"{len(wrong)} broke it" if wrong else "holds")
    if path:
        told = [vars(trial) for trial in campaign.trials]
        path.write_text(json.dumps({"title": campaign.title, "trials": told}, indent=1) + "\n")
    return 1 if wrong else 0


def flip(arguments: argparse.Namespace, more: Sequence[str], tools: Tools, work: Path) -> int:
    """Flipped bits."""
    bits = faults.chosen_bits(
        tools, arguments.image, arguments.region, arguments.sample, arguments.seed
    )
    began = time.monotonic()
    with faults.Bench(tools, arguments.seed, work) as bench:
        calls = faults.flips(bench, arguments.image, bits, arguments.boot_policy)
        trials = bench.all(arguments.jobs, calls, _progress(len(bits)))
    which = f"{len(bits)} bits" if arguments.sample else f"every bit ({len(bits)})"
    title = f"{which} of {arguments.image}'s {arguments.region}, policy {arguments.boot_policy}"
    return tell(faults.Campaign(title, trials), time.monotonic() - began, arguments.json)


def glitch(arguments: argparse.Namespace, more: Sequence[str], tools: Tools, work: Path) -> int:
    """Skipped instructions, on a device with a tampered secure image that must not boot."""
    points = faults.glitch_points(tools, arguments.stage)
    if arguments.sample:
        points = random.Random(arguments.seed).sample(points, min(arguments.sample, len(points)))
    component = "FW" if arguments.stage == "bootloader" else "BL"
    flags = ["--boot-policy", "enforce", "--tamper", f"flip:{component}:0", *more]
    began = time.monotonic()
    with faults.Bench(tools, arguments.seed, work) as bench:
        calls = faults.glitches(bench, points, flags)
        trials = bench.all(arguments.jobs, calls, _progress(len(points)))
    title = f"one instruction of {arguments.stage} skipped ({len(points)}), {component} tampered"
    return tell(faults.Campaign(title, trials), time.monotonic() - began, arguments.json)


def power(arguments: argparse.Namespace, more: Sequence[str], tools: Tools, work: Path) -> int:
    """Power cuts: while the bootloader's state is written, and while an update is."""
    began = time.monotonic()
    with faults.Bench(tools, arguments.seed, work) as bench:
        trials = [
            faults.power_cut(bench, written, more) for written in range(faults.STATE_SIZE + 1)
        ]
    first = faults.Campaign("power cut while the bootloader writes its state", trials)
    first.affirming_is_right = True
    code = tell(first, time.monotonic() - began, arguments.json)
    began = time.monotonic()
    size = faults.stored_bits(tools, "FW") // 8
    places = sorted({0, 1, 4, 64, 127, 128, 129, size // 2, size - 136, size - 64, size - 1})
    with faults.Bench(tools, arguments.seed, work, ["--release", "FW:2.5.0"]) as bench:
        calls = [
            partial(
                bench.trial,
                f"update cut after {at} of {size} bytes",
                ["--update", f"FW:2.5.0:2:{at}"],
            )
            for at in places
        ]
        trials = bench.all(arguments.jobs, calls, _progress(len(places)))
        whole = bench.trial("update written whole", ["--update", "FW:2.5.0:2"])
    second = faults.Campaign("power cut during an update; only the new version is endorsed", trials)
    code |= tell(second, time.monotonic() - began, None)
    print(f"  the update written whole: {whole.outcome}")
    return code | (whole.outcome != "evidence: affirming")


def replay(arguments: argparse.Namespace, more: Sequence[str], tools: Tools, work: Path) -> int:
    """An attacker puts an old image back, then an old state with it."""
    flash = work / "flash"
    keep = ["--flash", str(flash)]
    began = time.monotonic()
    with faults.Bench(tools, arguments.seed, work, ["--release", "FW:2.5.0"]) as bench:
        old = bench.trial("the old version, before any update", keep)
        state = flash.read_bytes()[faults.STATE : faults.STATE + 2 * faults.PAGE]
        new = bench.trial("updated to 2.5.0", [*keep, "--update", "FW:2.5.0:2"])
        trials = [
            old,
            bench.trial("old image, the state as it is", keep),
            bench.trial(
                "old image, the state as it is, policy enforce", [*keep, "--boot-policy", "enforce"]
            ),
        ]
        with flash.open("r+b") as file:
            file.seek(faults.STATE)
            file.write(state)
        trials.append(bench.trial("old image, old state", keep))
        trials.append(
            bench.trial("old image, old state, policy enforce", [*keep, "--boot-policy", "enforce"])
        )
        with flash.open("r+b") as file:
            file.seek(faults.STATE)
            file.write(b"\xff" * 64 + bytes(faults.PAGE - 64) + b"\xff" * 64)
        trials.append(bench.trial("old image, no state that is whole", keep))
    for trial in [new, *trials]:
        print(f"  {trial.what}: {trial.outcome} ({trial.words.strip()})")
    campaign = faults.Campaign("rollback and replay; only version 2.5.0 is endorsed", trials)
    code = tell(campaign, time.monotonic() - began, arguments.json)
    return code | (new.outcome != "evidence: affirming")


def measure_times(
    arguments: argparse.Namespace, more: Sequence[str], tools: Tools, work: Path
) -> int:
    """Boot to ready, requests and handshakes, beside the device in a process."""
    return times.show(tools, ["--seed", str(arguments.seed)], more, work, arguments.repeat)


COMMANDS = {
    "show": show,
    "flip": flip,
    "glitch": glitch,
    "power": power,
    "replay": replay,
    "times": measure_times,
}


def main(given: Sequence[str]) -> int:
    """The command."""
    arguments, more = parse(given)
    build = (arguments.build or default_build()).resolve()
    build_programs(build)
    tools = find_tools(build)
    with tempfile.TemporaryDirectory(prefix="atls-") as work:
        return COMMANDS[arguments.command](arguments, more, tools, Path(work))

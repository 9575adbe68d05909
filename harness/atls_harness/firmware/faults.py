# SPDX-License-Identifier: Apache-2.0
"""Fault injection, the way MCUboot tests itself: each trial does one thing to a device, boots it,
and says what became of it. A trial may end in a refused boot, in a device that stops, or in
evidence that a verifier does not affirm; a device that is not as its maker made it must never be
affirmed.
"""

from __future__ import annotations

import collections
import random
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Callable, Iterable, Iterator, Sequence

from ..errors import ContractError
from .board import Board, Tools, provision
from .gdb import Debugger, Instruction, instructions
from .judge import Judge, Verdict
from .line import DeviceSaysNo

HEADER, TRAILER = 128, 136  # bytes: sim/boot/image.h, sim/boot/slots.h
BODIES = {"BL": "bootloader.bin", "FW": "secure.bin", "APP": "application.bin"}
BOOT_TIMEOUT = 8000
# What decides in the bootloader whether an image may run, and in which the compares are.
DECIDING = [
    "atls_slot_choose",
    "check_slot",
    "check_signature",
    "check_key",
    "copy_image",
    "verify",
]
DECIDING += ["parse_trailer", "measure_slot", "load", "atls_boot_measure", "atls_image_parse"]
STATE, PAGE, STATE_SIZE = 0x1000, 0x1000, 20  # sim/boot/flash.h
FLASH = 0x80000000


@dataclass(frozen=True)
class Trial:
    """One thing done, and its end."""

    what: str
    outcome: str
    words: str
    seconds: float = 0.0

    def broken(self) -> bool:
        """Is it affirmed?"""
        return self.outcome == "evidence: affirming"


@dataclass
class Campaign:
    """Trials of one kind."""

    title: str
    trials: list[Trial] = field(default_factory=list)
    affirming_is_right: bool = False

    def failures(self) -> list[Trial]:
        """Trials that ended as none may."""
        wrong = [trial for trial in self.trials if trial.outcome == "error"]
        return wrong if self.affirming_is_right else wrong + [t for t in self.trials if t.broken()]

    def counts(self) -> list[tuple[str, int]]:
        """How many ended how, the most frequent first."""
        return collections.Counter(trial.outcome for trial in self.trials).most_common()


def outcome_of(failure: str) -> str:
    """A word for what a device says that did not boot."""
    if "refused to boot (ROM" in failure:
        return "boot refused by ROM"
    if "refused to boot (BL" in failure:
        return "boot refused by bootloader"
    if "refused to boot" in failure:
        return "boot refused by secure image"
    if "with a fault" in failure:
        return "fault"
    if "Lockup" in failure:
        return "fault (the processor locked up)"
    if "hangs" in failure:
        return "hang"
    return "stopped"


class Bench:
    """Where trials are made: tools, a seed, a verifier that knows the untampered device."""

    def __init__(self, tools: Tools, seed: int, work: Path, genuine: Sequence[str] = ()) -> None:
        self.tools = tools
        self.seed = ["--seed", str(seed)]
        self.work = Path(tempfile.mkdtemp(dir=work))
        corim = provision(tools, [*self.seed, *genuine], self.work / "device.corim")
        self.judge = Judge(tools.build, corim, self.work)

    def __enter__(self) -> "Bench":
        self.judge.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        self.judge.process.stop()

    def trial(
        self,
        what: str,
        flags: Sequence[str],
        disturb: Callable[[Path, Board], None] | None = None,
    ) -> Trial:
        """Boots a device with FLAGS; DISTURB gets the path of its debugger's socket."""
        folder = Path(tempfile.mkdtemp(dir=self.work))
        try:
            return self._trial(what, flags, disturb, folder)
        except ContractError as problem:
            return Trial(what, "error", str(problem))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _trial(
        self,
        what: str,
        flags: Sequence[str],
        disturb: Callable[[Path, Board], None] | None,
        folder: Path,
    ) -> Trial:
        debug = folder / "g"
        more = ["--boot-timeout", str(BOOT_TIMEOUT)]
        more += ["--debug", str(debug)] if disturb else []
        with Board(self.tools, folder, [*self.seed, *more, *flags]) as board:
            if disturb:
                disturb(debug, board)
            board.wait()
            verdict: Verdict | None = None
            if not board.failure():
                try:
                    verdict = self.judge.appraise(board.attest)
                except DeviceSaysNo as problem:
                    if not board.failure():
                        return Trial(what, "no evidence: the device says no", str(problem))
                except ContractError as problem:
                    if not board.failure():
                        raise problem
            if verdict is None:
                return Trial(what, outcome_of(board.failure()), board.failure())
            return Trial(what, f"evidence: {verdict.tier}", f"{verdict.reason} {verdict.detail}")

    def all(
        self, jobs: int, calls: Iterable[Callable[[], Trial]], each: Callable[[Trial], None]
    ) -> list[Trial]:
        """Makes trials, some at a time."""
        with ThreadPoolExecutor(jobs) as pool:
            made = []
            for future in [pool.submit(call) for call in calls]:
                made.append(future.result())
                each(made[-1])
            return made


def stored_bits(tools: Tools, component: str) -> int:
    """Bits of an image as it is stored: header, body, trailer."""
    body = (tools.firmware() / BODIES[component]).stat().st_size
    return 8 * ((HEADER + body + 3) // 4 * 4 + TRAILER)


def chosen_bits(tools: Tools, component: str, region: str, sample: int, seed: int) -> list[int]:
    """Which bits to flip: all of the header or the trailer, or a sample of the whole."""
    whole = stored_bits(tools, component)
    bits = {
        "header": range(8 * HEADER),
        "trailer": range(whole - 8 * TRAILER, whole),
        "all": range(whole),
    }[region]
    if not sample or sample >= len(bits):
        return list(bits)
    return sorted(random.Random(seed).sample(bits, sample))


def flips(
    bench: Bench, component: str, bits: Sequence[int], policy: str
) -> Iterator[Callable[[], Trial]]:
    """One bit of a stored image."""
    for bit in bits:
        flags = ["--boot-policy", policy, "--tamper", f"stored:{component}:{bit}"]
        yield partial(bench.trial, f"{component} bit {bit}", flags)


def glitch_points(tools: Tools, stage: str) -> list[Instruction]:
    """The instructions that decide whether an image may run."""
    return instructions(tools.firmware() / f"{stage}.elf", DECIDING)


def glitches(
    bench: Bench, points: Sequence[Instruction], flags: Sequence[str]
) -> Iterator[Callable[[], Trial]]:
    """One instruction that is not executed, the first time that it would be."""
    for point in points:

        def disturb(path: Path, board: Board, point: Instruction = point) -> None:
            debugger = Debugger(path)
            ends = time.monotonic() + BOOT_TIMEOUT / 1000
            try:
                if debugger.run_to(
                    point.address, lambda: board.settled() or time.monotonic() > ends
                ):
                    debugger.skip(point)
                    debugger.let_go()
            finally:
                debugger.close()

        what = f"{point.function} 0x{point.address:x}: {point.text}"
        yield partial(bench.trial, what, flags, disturb)


def power_cut(bench: Bench, written: int, flags: Sequence[str]) -> Trial:
    """The power goes when the bootloader has written so many bytes of its state; then it comes
    back."""
    folder = Path(tempfile.mkdtemp(dir=bench.work))
    flash = folder / "flash"
    debug = folder / "g"
    kept = [*bench.seed, *flags, "--flash", str(flash)]
    what = f"power cut after {written} of {STATE_SIZE} bytes of state"
    try:
        with Board(bench.tools, folder, [*kept, "--debug", str(debug)], "cut") as board:
            debugger = Debugger(debug)
            # Between two bytes: before the one that would be next is written.
            if written < STATE_SIZE:
                if not debugger.run_to_write(FLASH + STATE + PAGE + written, 1, board.settled):
                    return Trial(what, "error", "the state was not written")
            else:
                debugger.let_go()
                board.wait()
            board.cut_power()
            debugger.close()
        state = flash.read_bytes()[STATE + PAGE : STATE + PAGE + STATE_SIZE]
        after = bench.trial(what, [*flags, "--flash", str(flash)])
        whole = "new state was whole" if written >= STATE_SIZE else f"{state[:written].hex()}..."
        return Trial(what, after.outcome, f"{whole}; {after.words}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

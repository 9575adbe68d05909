# SPDX-License-Identifier: Apache-2.0
"""The device as firmware on QEMU (sim/firmware): the same device as the one in a process, byte for
byte; what refuses to boot; what the non-secure world cannot have; what becomes of power, line and
parent. Skipped, with the reason, where the firmware was not built (./atls setup --peer qemu).

Clauses: R-KAT-03
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Iterator, Sequence

import pytest

from atls_harness.errors import Unsupported
from atls_harness.firmware import faults, line
from atls_harness.firmware.board import Board, Tools, find_tools
from atls_harness.firmware.gdb import Debugger
from atls_harness.peer import load_peers
from atls_harness.paths import PEERS
from atls_harness.process import DONE, Process, to_its_end
from atls_harness.run import Run

INFO, CREATE, DESTROY, ATTEST_KEY, SIGN, KEEP_KEY = 1, 2, 3, 4, 6, 9
SEED = ["--seed", "5"]


@pytest.fixture
def tools(real: Run) -> Tools:
    try:
        return find_tools(real.build)
    except Unsupported as problem:
        pytest.skip(str(problem))


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="atls-") as folder:
        yield Path(folder)


def host_twin(tools: Tools, folder: Path) -> Process:
    """The device in a process, with the same images as the firmware."""
    images = folder / "images"
    emulated = tools.peer.command("device", tools.build)
    argv = [emulated[0], "images", *emulated[1:], *SEED, "--output", str(images)]
    done = to_its_end(argv, "images", 30)
    assert done.returncode == DONE, done.stderr
    host = load_peers([PEERS])["atls"].command("device", tools.build)
    flags = ["--listen", f"unix:{folder / 'h.sock'}", *SEED, "--images", str(images)]
    events = ["--events", str(folder / "host.events.jsonl")]
    return Process("host", "device", [*host, *flags, *events], folder, True)


def test_one_seed_makes_the_same_device(tools: Tools, short: Path) -> None:
    """Keys, tokens, bundles and signatures by GnuTLS in a process and by BearSSL in firmware."""
    requests = [(bytes([INFO]),), (bytes([line.BOOT_RECORD]),)]
    for size in (32, 48, 64):
        requests.append((bytes([line.ATTEST_PLATFORM, size]) + bytes(range(size)),))
    for handle, curve, size in ((1, 1, 32), (2, 2, 48), (3, 1, 32)):
        named = handle.to_bytes(4, "big")
        create, keep = bytes([CREATE, curve]), bytes([KEEP_KEY]) + named
        # over one connection, whose own the key is until it is kept
        requests.append((create, keep))
        requests.append((bytes([ATTEST_KEY]) + named + bytes([32]) + os.urandom(32),))
        requests.append((bytes([SIGN]) + named + bytes([size]) + os.urandom(size),))
    host = host_twin(tools, short)
    try:
        host.ready()
        with Board(tools, short, SEED) as board:
            board.wait()
            assert board.failure() == ""
            for asked in requests:
                expected = line.ask(str(short / "h.sock"), *asked)
                assert line.ask(board.path, *asked) == expected, asked
            for bad in (
                b"",
                b"\x63",
                bytes([CREATE, 9]),
                bytes([SIGN, 0, 0, 0, 9, 32]) + bytes(32),
            ):
                told = []
                for path in (str(short / "h.sock"), board.path):
                    with pytest.raises(line.DeviceSaysNo) as caught:
                        line.ask(path, bad)
                    told.append(str(caught.value))
                assert told[0] == told[1]
    finally:
        host.stop()


REFUSED = [
    (["--tamper", "flip:BL:0", "--boot-policy", "enforce"], "ROM: refused: no bootloader"),
    (["--tamper", "flip:FW:1234", "--boot-policy", "enforce"], "BL: refused: FW: ECDSA signature"),
    (["--tamper", "flip:APP:1234", "--boot-policy", "enforce"], "BL: refused: APP: ECDSA"),
    (["--tamper", "stored:FW:800", "--boot-policy", "enforce"], "BL: refused: FW: "),
    (["--tamper", "stored:BL:3"], "ROM: refused: no bootloader: expected an image"),
    (["--tamper", "stored:APP:7"], "BL: refused: APP: expected an image"),
]


@pytest.mark.parametrize("flags, words", REFUSED)
def test_refused_boot(tools: Tools, short: Path, flags: Sequence[str], words: str) -> None:
    with Board(tools, short, [*SEED, *flags]) as board:
        board.wait()
        assert "refused to boot" in board.failure() and words in board.failure()
        assert "APP: ready" not in board.log()
        with pytest.raises(line.DeviceSaysNo, match="refused to boot"):
            board.attest(bytes(32))


def test_unverified_signature_is_told(tools: Tools, short: Path) -> None:
    """A bit of the signature alone: the image is the endorsed one, but nobody is known to have
    signed it, and where the policy is to measure the evidence must say so."""
    with faults.Bench(tools, 5, short) as bench:
        for component in ("BL", "FW", "APP"):
            last = faults.stored_bits(tools, component) - 1
            trial = bench.trial("signature", ["--tamper", f"stored:{component}:{last}"])
            assert trial.outcome == "evidence: warning", trial


@pytest.mark.parametrize("application", ["intruder", "intruder-alias", "intruder-flash"])
def test_intruder(tools: Tools, short: Path, application: str) -> None:
    with Board(tools, short, [*SEED, "--application", application]) as board:
        board.wait()
        log = board.log()
        assert log.count(": refused\n") == 5 and "NOT REFUSED" not in log
        assert "SecureFault in the non-secure world" in board.failure()
        assert "an access to memory of the secure world" in board.failure()
        assert "READ 0x" not in log
        # What it writes is one line, and marked: not the bootloader's refusal.
        forged = "APP: first.BL: refused: a line of another.FW: fault: none..[2J\n"
        assert forged in log and "refused to boot" not in board.failure()
        lines = log.splitlines()
        assert all(each.startswith(("ROM: ", "BL: ", "FW: ", "APP: ")) for each in lines)


def test_a_request_in_the_middle_of_another(tools: Tools, short: Path) -> None:
    with Board(tools, short, [*SEED, "--application", "reenter"]) as board:
        board.wait()
        assert board.failure() == ""
        counts = r"(\d+) refused, (\d+) lines refused; 0 answers wrong"
        told = re.search(f"APP: in the middle of 20 requests: {counts}", board.log())
        assert told and int(told[1]) > 0 and told[1] == told[2], board.log()


def test_application_asks_for_itself(tools: Tools, short: Path) -> None:
    with Board(tools, short, [*SEED, "--application", "thing"]) as board:
        board.wait()
        assert board.failure() == ""
        assert "APP: identity key 1, evidence of 9" in board.log()
        assert "signature of 64 bytes" in board.log()


def test_rollback(tools: Tools, short: Path) -> None:
    keep = [*SEED, "--flash", str(short / "flash")]
    with Board(tools, short, [*keep, "--update", "FW:2.5.0:2"]) as board:
        board.wait()
        assert "measured FW 2.5.0" in board.log()
        assert "security counters are now 2, 1" in board.log()
    with Board(tools, short, keep) as board:
        board.wait()
        assert "rollback: expected a security counter of 2 or more, came 1" in board.failure()


def test_power_cut_between_two_bytes_of_state(tools: Tools, short: Path) -> None:
    with faults.Bench(tools, 5, short) as bench:
        for written in (1, 11):
            trial = faults.power_cut(bench, written, [])
            assert trial.outcome == "evidence: affirming", trial


def test_skipped_instructions(tools: Tools, short: Path) -> None:
    """The branches behind the compares of the bootloader, one after the other."""
    conditional = ("beq", "bne", "bhi", "bls", "bcc", "bcs", "cbz", "cbnz")
    points = [
        point
        for point in faults.glitch_points(tools, "bootloader")
        if point.function == "check_slot" and point.text.startswith(conditional)
    ]
    assert len(points) >= 8
    flags = ["--boot-policy", "enforce", "--tamper", "flip:FW:1234"]
    with faults.Bench(tools, 5, short) as bench:
        trials = bench.all(2, faults.glitches(bench, points, flags), lambda trial: None)
    assert [t for t in trials if t.broken() or t.outcome == "error"] == []


def test_hang_is_told(tools: Tools, short: Path) -> None:
    debug = short / "g"
    flags = [*SEED, "--debug", str(debug), "--boot-timeout", "1500"]
    with Board(tools, short, flags) as board:
        debugger = Debugger(debug)
        try:
            board.wait()
            assert "the firmware hangs: nothing for 1500 ms" in board.failure()
        finally:
            debugger.close()


def test_noise_on_the_line(tools: Tools, short: Path) -> None:
    with Board(tools, short, [*SEED, "--fault", "line-noise-every=2"]) as board:
        board.wait()
        for _ in range(6):
            assert len(line.boot_record(board.path)) > 300
        assert board.failure() == ""


def emulators() -> set[int]:
    """QEMU's processes of this user that run, as far as they can be seen."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            name, state = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            if name.startswith("qemu-system-arm"[:15]) and state.split()[0] != "Z":
                found.add(int(entry.name))
    return found


def children(pid: int) -> set[int]:
    """Processes whose parent is PID."""
    found = set()
    for child in emulators():
        with contextlib.suppress(OSError):
            stat = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) == pid:
                found.add(child)
    return found


def test_ends_with_its_parent_and_several_at_once(tools: Tools, short: Path) -> None:
    with contextlib.ExitStack() as stack:
        boards = [
            stack.enter_context(Board(tools, short, ["--seed", str(n)], f"d{n}")) for n in range(3)
        ]
        for board in boards:
            board.wait()
        assert len({board.attest(bytes(32)) for board in boards}) == 3
        started = children(boards[0].process.pid)
        assert len(started) == 1
        os.kill(boards[0].process.pid, 9)
        deadline = time.monotonic() + 10
        while started & emulators() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not started & emulators()
        assert len(line.boot_record(boards[1].path)) > 300

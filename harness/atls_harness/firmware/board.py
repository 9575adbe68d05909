# SPDX-License-Identifier: Apache-2.0
"""One emulated device: started, asked, its power cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from ..errors import InfrastructureError, Unsupported
from ..events import read_events, select
from ..paths import PEERS, default_build
from ..peer import Peer, load_peers
from ..process import Process, to_its_end
from . import line

READY_TIMEOUT = 60.0
PEER = "qemu"


@dataclass(frozen=True)
class Tools:
    """Where the programs are."""

    build: Path
    peer: Peer

    def firmware(self) -> Path:
        """The folder of the firmware's ELF files."""
        return self.peer.home(self.build) / "build" / "sim" / "firmware"


def find_tools(build: Path | None = None) -> Tools:
    """The peer's programs. Unsupported, with what helps, where they are not there."""
    where = build or default_build()
    peer = load_peers([PEERS])[PEER]
    missing = peer.missing("device", where)
    if missing:
        raise Unsupported(missing)
    return Tools(where, peer)


class Board:
    """A device; a context manager that leaves no process behind."""

    def __init__(
        self, tools: Tools, folder: Path, flags: Sequence[str], name: str = "device"
    ) -> None:
        self.folder = folder
        self.name = name
        self.path = str(folder / f"{name}.sock")
        self.log_path = folder / f"{name}.log"
        for stale in (self.log_path, folder / f"{name}.events.jsonl"):
            stale.unlink(missing_ok=True)
        argv = [*tools.peer.command("device", tools.build), "--listen", f"unix:{self.path}"]
        argv += ["--boot-log", str(self.log_path), *flags]
        argv += ["--events", str(folder / f"{name}.events.jsonl")]
        self.process = Process(name, "device", argv, folder, True)

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def wait(self) -> None:
        """Until it has booted, or not."""
        self.process.ready(READY_TIMEOUT)

    def failure(self) -> str:
        """Why it cannot be asked, or ""."""
        told = select(read_events(self.process.events_path, complete=False), "fault")
        return str(told[-1]["detail"]) if told else ""

    def settled(self) -> bool:
        """Has the boot ended, one way or another, as far as the log tells?"""
        lines = self.log().splitlines() if self.log_path.exists() else []
        return any(
            line.startswith("APP: ready")
            or not line.startswith("APP: ")  # which say whatever the application says
            and (": refused: " in line or ": fault: " in line)
            for line in lines
        )

    def boot_ms(self) -> float:
        """Milliseconds from the start of QEMU to the application's line."""
        (boot,) = select(read_events(self.process.events_path, complete=False), "boot")
        return float(boot["x_boot_ms"])

    def log(self) -> str:
        """What the boot stages logged."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def attest(self, nonce: bytes) -> bytes:
        """A PSA token."""
        return line.attest(self.path, nonce)

    def cut_power(self) -> None:
        """Ends it at once; its flash stays as it is."""
        self.process.kill()


def provision(tools: Tools, flags: Sequence[str], output: Path) -> Path:
    """What the endorser says of the untampered device."""
    argv = [*tools.peer.command("provision", tools.build), *flags, "--output", str(output)]
    done = to_its_end(argv, "provision", READY_TIMEOUT)
    if done.returncode != 0:
        raise InfrastructureError(f"provisioning: {done.stderr.strip()}")
    return output

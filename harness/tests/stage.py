# SPDX-License-Identifier: Apache-2.0
"""Real programs that a test starts one by one, each with its events and its key log."""

from __future__ import annotations

import hashlib
from pathlib import Path

from atls_harness.credentials import make_credentials
from atls_harness.enrol import Enrolment, enrol
from atls_harness.parties import Party
from atls_harness.process import Process
from atls_harness.run import Run


class Stage:
    """Real programs, each with its events and its key log."""

    def __init__(self, real: Run, folder: Path) -> None:
        self.real, self.folder = real, folder
        self.running: list[Process] = []
        make_credentials(folder)

    def start(self, name: str, who: str, program: str, *flags: str, listening: bool = True) -> str:
        """Its address, where it listens."""
        argv = [*self.real.command("device", program), *flags]
        if who in ("client", "server"):
            artifacts = self.folder / f"{name}.artifacts"
            artifacts.mkdir()
            argv += ["--keylog", str(self.folder / f"{name}.keylog")]
            argv += ["--artifacts", str(artifacts)]
        argv += ["--events", str(self.folder / f"{name}.events.jsonl")]
        process = Process(name, who, argv, self.folder, listening)
        self.running.append(process)
        return str(process.ready()["address"]) if listening else ""

    def ended(self, name: str) -> Party:
        (process,) = [one for one in self.running if one.name == name]
        assert process.wait(60), f"{name} did not end"
        return Party(name, process.who, process.argv, process.exit, False, process.events())


def enrolled(
    stage: Stage, *flags: str, own_key: bool = False, seed: int = 21
) -> tuple[Enrolment, str, str]:
    """A key and its certificate, the device that knows it, and the URL of a verifier."""
    short = hashlib.sha256(str(stage.folder).encode()).hexdigest()[:12]
    address = f"unix:{stage.real.work / short}.sock"
    corim = stage.folder / "corim"
    device = ["--listen", address, "--provision", str(corim), "--seed", str(seed)]
    stage.start("device", "device", "device", *device)
    judging = ["--listen", "127.0.0.1:0", "--endorsements", str(corim)]
    url = stage.start("verifier", "verifier", "verifier", *judging)
    command = stage.real.command("device", "enroll")
    made = enrol(command, address, stage.folder, stage.folder, "leaf", flags, own_key)
    return made, address, f"http://{url}"

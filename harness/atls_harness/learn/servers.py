# SPDX-License-Identifier: Apache-2.0
"""Servers to learn from: those of a peer, several that are alike, or one that is somewhere; and
what a client needs to be attested to them, its device and its certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from .. import tools
from ..contract import contract
from ..errors import InfrastructureError
from ..flags import device_seed, endpoint_flags, plain
from ..parties import Play
from ..paths import ROOT
from ..process import DONE, last_words, to_its_end
from ..run import Run
from ..scenario import Case, invented

LEARNER = ROOT / "harness" / "learner"
TOO_LONG = 60  # seconds beyond the learner's own bound
HANDSHAKE = 120  # seconds that a server waits for a message, on an idle machine


def story(profile: str) -> Case:
    """A client that attests itself to a server, in the background-check model."""
    told = {
        "profile": profile,
        "attester": "client",
        "model": "background-check",
        "expect": {"outcome": "complete"},
    }
    return invented("learnt", told, "learnt")


def device_of(run: Run) -> list[str]:
    """The flags of the client's device, by which it is endorsed."""
    return plain({"seed": device_seed(run, "client-device")})


class Servers(Play):
    """Device, verifier and servers. Each server is asked one connection after the other."""

    def start_servers(self, count: int, flags: Mapping[str, Any]) -> list[tuple[str, int]]:
        """COUNT of them, with more FLAGS than a story gives; where they listen."""
        told = {
            "max-connections": 0,
            **endpoint_flags(self.case, self.run, "server", self.addresses),
            "timeout": HANDSHAKE,
            **flags,
        }
        names = [f"server-{number}" for number in range(1, count + 1)]
        return [("127.0.0.1", port) for port in self.listen(names, told)]

    def credentials(self) -> dict[str, Any]:
        """What the client presents: files, and the handle of its device's key."""
        enrolled = self.addresses.enrolled.get("client")
        return {
            "device": self.addresses.devices["client"],
            "enrolled": str(enrolled.certificate) if enrolled else "",
            "handle": int(enrolled.key.partition(":")[2]) if enrolled else None,
            "certificate": str(self.run.work / "client.pem"),
            "key": str(self.run.work / "client.key"),
        }


def code_points(path: Path | None) -> tuple[dict[str, int], dict[int, str]]:
    """Extensions by name, alerts by number; of the contract but for what a file says."""
    known = contract()
    told = json.loads(path.read_text(encoding="utf-8")) if path else {}
    values = {name: int(told.get(name, one.value)) for name, one in known.code_points.items()}
    alerts = {values[name] if name in values else code: name for name, code in known.alerts.items()}
    return values, alerts


def prepared(build: Path) -> Path:
    """The learner's Python, with AALpy; made where it is not there. Unsupported where PyPI cannot
    be reached."""
    place = build.parent / f"{build.name}-learner"
    return tools.prepare(place, LEARNER / "requirements.txt", True) / "python"


def ask(run: Run, folder: Path, task: Mapping[str, Any]) -> dict[str, Any]:
    """What the learner makes of servers."""
    python = prepared(run.build)
    folder.mkdir(parents=True, exist_ok=True)
    told, answer = folder / "task.json", folder / "learnt.json"
    told.write_text(json.dumps(task), encoding="utf-8")
    argv: Sequence[str] = [str(python), "-B", str(LEARNER / "learner.py"), str(told), str(answer)]
    done = to_its_end(argv, "the learner", task["time"] + TOO_LONG)
    if done.returncode != DONE:
        raise InfrastructureError(f"the learner ended: {last_words(done.stderr)}")
    result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result

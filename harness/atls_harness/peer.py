# SPDX-License-Identifier: Apache-2.0
"""Peers: what peer.yaml says of a stack, and what a case would ask of it."""

from __future__ import annotations

import fnmatch
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping

from .document import Document
from .errors import PeerError
from .paths import PEER_SCHEMA
from .scenario import SIDES, Case


@dataclass(frozen=True)
class Peer:
    """A stack under test."""

    name: str
    description: str
    path: Path
    programs: Mapping[str, list[str]]
    capabilities: Mapping[str, Any]
    install: str = ""
    known_failures: list[Mapping[str, str]] = field(default_factory=list)

    def command(self, program: str, build: Path) -> list[str]:
        """The argv of a program of this peer."""
        places = {"{build}": str(build), "{peer}": str(self.path.parent)}
        argv = []
        for part in self.programs[program]:
            for name, place in places.items():
                part = part.replace(name, place)
            argv.append(part)
        return argv

    def missing(self, program: str, build: Path) -> str:
        """Why a program cannot be started, or ""."""
        if program not in self.programs:
            return f"{self.name} has no {program}"
        executable = self.command(program, build)[0]
        if shutil.which(executable) is None:
            hint = f"; {self.install}" if self.install else ""
            return f"{self.name}: {executable} is not there{hint}"
        return ""

    def lacks(self, case: Case, side: str) -> str:
        """What CASE asks of this peer as SIDE and peer.yaml does not declare, or ""."""
        can = self.capabilities
        flags = case.flags(side)
        roles = [role for role in ("attester", "relying-party") if side in case.sides(role)]
        models = {case.model(s) for s in SIDES} - {"none"} if roles else set()
        serialization = flags.get("serialization", case.story.get("serialization", "cbor"))
        curve = flags.get("curve", case.story.get("curve", "p256"))
        faults = [fault.partition("=")[0] for fault in flags.get("fault", [])]
        variants = [variant.partition("=")[0] for variant in flags.get("variant", [])]
        asked: list[tuple[str, Iterable[str], Iterable[str]]] = [
            ("profile", [str(flags.get("profile", case.profile))], can.get("profiles", [])),
            ("role", roles, can.get("roles", {}).get(side, [])),
            ("model", sorted(models), can.get("models", [])),
            ("fault", faults, can.get("faults", [])),
            ("variant", variants, can.get("variants", [])),
        ]
        if "attester" in roles:
            asked.append(("serialization", [serialization], can.get("serializations", [])))
            asked.append(("curve", [curve], can.get("curves", [])))
        if case.story.get("hrr", "none") == side:
            asked.append(("HelloRetryRequest as", [side], can.get("hrr", [])))
        for what, wanted, declared in asked:
            for value in wanted:
                if value not in declared:
                    return f"{self.name} ({side}) declares no {what} {value}"
        return ""

    def known_failure(self, case: Case) -> str:
        """The reason for which this peer is expected to fail CASE, or ""."""
        for entry in self.known_failures:
            if fnmatch.fnmatchcase(case.id, entry["case"]):
                return entry["reason"]
        return ""


def load_peer(path: Path) -> Peer:
    """Reads a peer.yaml."""
    document = Document(path, PeerError)
    document.check(PEER_SCHEMA)
    value = document.value
    if value["name"] != path.parent.name:
        raise document.fail(("name",), f"the folder is named {path.parent.name!r}")
    return Peer(
        value["name"],
        value["description"],
        path,
        value["programs"],
        value["capabilities"],
        value.get("install", ""),
        value.get("known-failures", []),
    )


def load_peers(folders: Iterable[Path]) -> dict[str, Peer]:
    """All peers below some folders, by name."""
    peers: dict[str, Peer] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/peer.yaml")):
            peer = load_peer(path)
            if peer.name in peers:
                raise PeerError(path, 1, f"a peer {peer.name!r} is in {peers[peer.name].path}")
            peers[peer.name] = peer
    return peers

# SPDX-License-Identifier: Apache-2.0
"""Peers: what peer.yaml says of a stack, and what a case would ask of it."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Iterator

from . import prepared
from .contract import contract
from .document import Document
from .errors import PeerError
from .paths import PEER_SCHEMA, ROOT
from .scenario import SIDES, Case, other

ENDPOINT_PROGRAMS = SIDES
# Where peer.yaml does not say: what came before these fields were there can do all that was there.
BY_DEFAULT = {
    "evidence-formats": ("cab", "psa"),
    "cmw-forms": tuple(contract().names("cmw-forms")),
}
ALL = "all"  # of a capability: every name that the contract has


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
    setup: Mapping[str, Any] = field(default_factory=dict)

    def home(self, build: Path) -> Path:
        """Where everything is that is built or downloaded for it."""
        return build / "peers" / self.name

    def argv(self, parts: Iterable[str], build: Path) -> list[str]:
        """PARTS with their places filled in."""
        places = {"build": build, "peer": self.path.parent, "home": self.home(build), "root": ROOT}
        made = []
        for part in parts:
            for name, place in places.items():
                part = part.replace(f"{{{name}}}", str(place))
            made.append(part)
        return made

    def command(self, program: str, build: Path) -> list[str]:
        """The argv of a program of this peer."""
        return self.argv(self.programs[program], build)

    def missing(self, program: str, build: Path) -> str:
        """Why a program cannot be started, or ""."""
        return self.unplayable(program, build) or self.broken(program, build)

    def unplayable(self, program: str, build: Path) -> str:
        """What is still to be done before a program can be started, and nobody's mistake; or ""."""
        if program not in self.programs:
            return f"{self.name} has no {program}"
        if self.setup:
            problem = prepared.problem(self.name, self.path.parent, self.setup, self.home(build))
            return f"{self.name}: {problem}" if problem else ""
        problem = self.broken(program, build) if self.install else ""
        return f"{problem}; {self.install}" if problem else ""

    def broken(self, program: str, build: Path) -> str:
        """What of a program is not there, though nothing is left to be set up; or ""."""
        executable, *rest = self.command(program, build)
        path = Path(executable)
        if "/" not in executable:
            if shutil.which(executable) is None:
                return f"{self.name}: no program {executable} on PATH"
        elif not path.exists():
            return f"{self.name}: {executable} is not there"
        elif path.is_dir() or not os.access(path, os.X_OK):
            kind = "is a folder" if path.is_dir() else "is there, and not executable (chmod +x)"
            return f"{self.name}: {executable} {kind}"
        own = (f"{self.path.parent}/", f"{self.home(build)}/")
        for name in rest:
            if name.startswith(own) and not Path(name).exists():
                return f"{self.name}: {name} is not there"
        return ""

    def declared(self, capability: str, side: str = "", role: str = "") -> list[str]:
        """The values that it declares of a capability, for a side or a role where that matters."""
        values = self.capabilities.get(capability, BY_DEFAULT.get(capability, ()))
        if isinstance(values, Mapping):
            values = values.get(role or side, ())
        return [str(value) for value in values]

    def profiles(self, side: str) -> list[str]:
        """The profiles that it plays; of a stack that knows nothing of attestation and says none,
        all that such a stack can play."""
        if self.unaware and "profiles" not in self.capabilities:
            return [one.name for one in contract().profiles.values() if one.plain]
        return self.declared("profiles", side)

    @property
    def device_keys(self) -> bool:
        """Can its library sign with a key that stays in a device?"""
        return bool(self.capabilities.get("device-keys", True))

    def serves_cases(self, program: str) -> bool:
        """Does one process of this program play many cases, if asked to (warm.py)?"""
        return program in self.capabilities.get("serve-cases", ())

    def other_alerts(self, profile: str) -> list[str]:
        """What it sends, in a profile, in place of an alert that it cannot choose."""
        return [str(name) for name in self.capabilities.get("alerts", {}).get(profile, ())]

    @property
    def unaware(self) -> bool:
        """Does it know nothing of attestation?"""
        return bool(self.capabilities.get("unaware", False))

    @property
    def adversary(self) -> bool:
        """Is it there to be refused? Then no cell of it says how two stacks get on."""
        return bool(self.capabilities.get("adversary", False))

    def lacks(self, case: Case, side: str) -> str:
        """What CASE asks of this peer as SIDE and peer.yaml does not declare, or ""."""
        if self.adversary and "fault" not in case.flags(side):
            return f"{self.name} ({side}) is an adversary: it plays only what asks a fault of it"
        for what, wanted, declared in self._asked(case, side):
            if wanted not in declared:
                return f"{self.name} ({side}) declares no {what} {wanted}"
        if "attester" in case.roles(side) and case.beside_x509(side) and not self.device_keys:
            flags = case.flags(side)
            if "fault" in flags and case.profile_of(side) != "x509-cmw":
                return f"{self.name} ({side}) has no device key for the fault {flags['fault'][0]}"
        return ""

    def _asked(self, case: Case, side: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        """What it is, the value that the case asks for, and the values that are declared."""
        flags = case.flags(side)
        roles = case.roles(side)
        profile = case.profile_of(side)
        if self.unaware:
            yield from (("role", role, ()) for role in roles)
        yield "profile", profile, self.profiles(side)
        for role in roles:
            yield "role", role, self.capabilities.get("roles", {}).get(side, ())
            model = case.model(side if role == "attester" else other(side))
            yield "model", model, self.declared("models", side, role)
            yield from self._credential(case, side, role)
        for judgement in _judged(case, side):
            yield "judgement", judgement, self.capabilities.get("judgements", ())
        for name in ("fault", "variant"):
            # A fault in x509-cmw is a fault of the enrolment, which is no program of this peer.
            if name == "fault" and profile == "x509-cmw" and "attester" in roles:
                continue
            for value in flags.get(name, []):
                yield name, value.partition("=")[0], self.declared(f"{name}s", side)
        kind = flags.get("credential-kind", "attestation")
        if roles and profile == "ta-07":
            kinds = self.capabilities.get("credential-kinds", ["attestation"])
            yield "credential kind", str(kind), kinds
        if case.story.get("hrr", "none") == side:
            yield "HelloRetryRequest as", side, self.declared("hrr", side)

    def _credential(
        self, case: Case, side: str, role: str
    ) -> Iterator[tuple[str, str, Iterable[str]]]:
        """The same of the bytes that an attester sends, at both ends."""
        sender = side if role == "attester" else other(side)
        flags = case.flags(sender)
        serialization = flags.get("serialization", case.story.get("serialization", "cbor"))
        yield "serialization", serialization, self.declared("serializations", side, role)
        curve = flags.get("curve", case.story.get("curve", "p256"))
        yield "curve", curve, self.declared("curves", side, role)
        evidence = flags.get("evidence-format", "cab")
        yield "evidence format", evidence, self.declared("evidence-formats", side, role)
        if evidence == "psa" or case.model(sender) == "passport":
            form = flags.get("cmw-form", "record")
            yield "form of CMW", form, self.declared("cmw-forms", side, role)

    def known_failure(self, case: Case, role: str) -> str:
        """The reason for which this peer, as ROLE, is expected to fail CASE, or ""."""
        plain = case.id.removesuffix(f"@{case.pair}")
        for entry in self.known_failures:
            # Brackets are part of ids; whoever knows how escapes them.
            globs = (entry["case"], entry["case"].replace("[", "[[]"))
            names = (case.id, plain)
            means = any(fnmatch.fnmatchcase(name, glob) for name in names for glob in globs)
            if means and entry.get("side", role) == role:
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
        {
            name: contract().names(name) if given == ALL else given
            for name, given in value["capabilities"].items()
        },
        value.get("install", ""),
        value.get("known-failures", []),
        value.get("setup", {}),
    )


def _judged(case: Case, side: str) -> Iterator[str]:
    """What beyond the drafts SIDE, as a relying party, has to judge in CASE."""
    flags, peer = case.flags(side), case.flags(other(side))
    if flags.get("result-serialization") == "cwt":
        yield "cwt-results"
    if "relying-party" not in case.roles(side) or flags.get("relying-party") == "none":
        return
    if "audience" in flags or "audience" in case.story.get("verifier", {}):
        yield "aud"
    if peer.get("cmw-critical"):
        yield "critical-cmw"
    checks_itself = case.model(other(side)) == "background-check"
    if checks_itself and "non-secure-pat" in peer.get("fault", []):
        yield "platform-token-caller"


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

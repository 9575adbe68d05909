# SPDX-License-Identifier: Apache-2.0
"""One connection to the server that is probed: device, verifier and client as in any case, and what
the client saw.

The only address that anybody here reaches for is the server's, and that of a verifier that was
named with --verifier; all else is on loopback.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

from .. import patience
from ..errors import ContractError, InfrastructureError
from ..events import Event, scan, select
from ..flags import (
    Addresses,
    device_flags,
    device_names,
    endpoint_flags,
    plain,
    verifier_flags,
)
from ..markdown import visible
from ..parties import Listening, Party, Play, credentials_in
from ..process import REFUSED, UNSUPPORTED, Process, to_its_end
from ..run import Run
from ..untrusted import cut, read
from .plan import Step, offer

SERVER_DEVICE = "server-device"
DECODE_LIMIT = 30.0


@dataclass(frozen=True)
class Target:
    """The server, and how it is met."""

    address: str  # HOST:PORT
    ca: Path
    variants: Sequence[str] = ()
    code_points: Path | None = None
    certificate: tuple[Path, Path] | None = None  # the client's, with its key
    endorsements: Sequence[Path] = ()
    verifier: str = ""  # URL
    trusted: Sequence[str] = ()  # ID=SOURCE
    timeout: int = 5


@dataclass
class Seen:
    """What the client saw."""

    exit: int | None = None
    words: str = ""
    complete: bool = False
    reason: str = ""
    detail: str = ""
    clause: str = ""
    alert: Mapping[str, Any] | None = None
    hrr: bool = False
    negotiated: list[Event] = field(default_factory=list)
    challenge: str = ""  # of the server, in hexadecimal
    selected: list[str] = field(default_factory=list)
    sent: bool = False  # a credential
    received: list[dict[str, Any]] = field(default_factory=list)
    misbehaved: bool = False
    answered: bool = False  # with an authenticator, or a request for one
    verdict: Event | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def refused_there(self) -> bool:
        """Did the server end it?"""
        return not self.complete and self.reason in ("peer-alert", "peer-closed")


class Meeting(Play):
    """A case whose server is somewhere else."""

    def __init__(self, step: Step, run: Run, folder: Path, target: Target) -> None:
        super().__init__(step.case, run, folder)
        self.target = target

    def start_helpers(self) -> None:
        """The client's devices, and a verifier where none was named."""
        names = [name for name in device_names(self.case) if name != SERVER_DEVICE]
        devices = self.start_devices(names)
        started: dict[str, Process] = {}
        known: dict[str, str] = {}
        flags = patience.stretched(
            verifier_flags(self.case, "verifier", self.folder), self._patience
        )
        if self.target.verifier:
            known["main"] = self.target.verifier
        else:
            own = [
                self.run.endorsements(plain(device_flags(self.case, self.run, name)))
                for name in names
            ]
            flags["endorsements"] = [str(path) for path in (*own, *self.target.endorsements)]
            started["main"] = self.start("verifier", "verifier", "verifier", plain(flags))
        verifiers = Listening(known, started)
        for process in self.processes.values():
            process.ready()
        enrolled = {}
        if self.case.beside_x509("client"):
            enrolled["client"] = self._enrol("client", devices, verifiers)
        keys = {"main": Path(flags["public-key"])}
        self.addresses = Addresses(self.folder, verifiers, keys, devices, enrolled)

    def client_flags(self) -> dict[str, Any]:
        """Those of a client on its way to the server."""
        target = self.target
        flags = endpoint_flags(self.case, self.run, "client", self.addresses)
        flags.update({"connect": target.address, "ca": str(target.ca), "timeout": target.timeout})
        if "client" not in self.addresses.enrolled and target.certificate:
            flags["cert"], flags["key"] = map(str, target.certificate)
        relies = flags["relying-party"]
        if relies == "background-check" and self.case.profile != "poc-mbedtls":
            flags["evidence-type"] = offer()
        if relies == "passport" and target.trusted:
            flags["trust-verifier"] = list(target.trusted)
        if target.variants:
            flags["variant"] = list(target.variants)
        if target.code_points:
            flags["code-points"] = str(target.code_points)
        return flags

    def meet(self, keep: Path, name: str) -> Seen:
        """The whole connection; what the server sent is copied to KEEP."""
        self.start_helpers()
        self.finish_client(self.start_client())
        observed = self.observe()
        party = observed.parties["client"]
        seen = _seen(party)
        seen.problems += observed.problems
        for event, path in credentials_in(party):
            if event["event"] == "credential" and event["direction"] == "received":
                seen.received.append(self._kept(event, path, keep / f"{name}.cmw"))
        return seen

    def _kept(self, event: Event, path: Path, kept: Path) -> dict[str, Any]:
        """What is told of a credential, with where its bytes are and what the decoder says."""
        number = 1
        while kept.exists():
            number += 1
            kept = kept.with_name(f"{kept.stem.partition('+')[0]}+{number}.cmw")
        made = {"file": kept.name, "bytes": event["bytes"], "sha256": event["sha256"]}
        for word in ("form", "serialization"):
            if word in event:
                made[word] = event[word]
        try:
            kept.write_bytes(read(path))
        except (OSError, ContractError) as problem:
            return {**made, "file": "", "format": "unknown", "decoded": cut(str(problem))}
        return {**made, **decoded(self.run, kept)}


def decoded(run: Run, path: Path) -> dict[str, str]:
    """What the decoder makes of a file: which format, and its first line. The tree is beside it."""
    events = path.with_suffix(".jsonl")
    argv = run.command("device", "decode") + ["--events", str(events), str(path)]
    try:
        done = to_its_end(argv, "the decoder", DECODE_LIMIT)
        told = select(scan(events)[0], "decoded")
    except InfrastructureError as problem:
        return {"format": "unknown", "decoded": cut(str(problem))}
    finally:
        events.unlink(missing_ok=True)
    path.with_suffix(".txt").write_text(visible(done.stdout + done.stderr), encoding="utf-8")
    first = cut(done.stdout.strip().partition("\n")[0], 200) or "nothing"
    words = first if done.returncode == 0 else f"{first} (not well-formed)"
    return {"format": cut(str(told[0].get("format")), 40) if told else "unknown", "decoded": words}


def _seen(party: Party) -> Seen:
    """From events, which are visible text and as their schema says (events.sound)."""
    events = party.events
    seen = Seen(party.exit, party.words, problems=list(party.problems))
    ends = select(events, "handshake") + select(events, "closed")
    seen.complete = bool(ends) and all(one["outcome"] == "complete" for one in ends)
    failed = [one for one in ends if one["outcome"] == "failed"]
    for one in failed[:1]:
        seen.reason, seen.detail = str(one.get("reason", "")), cut(str(one.get("detail", "")))
        seen.clause = str(one.get("clause") or "")
    seen.alert = next((one["alert"] for one in failed if one.get("alert")), None)
    for one in select(events, "handshake"):
        seen.hrr = bool(one["hrr"])
    seen.negotiated = select(events, "negotiated")
    for one in select(events, "challenge", direction="received")[:1]:
        seen.challenge = str(one["nonce"])
    for one in select(events, "selected", direction="received"):
        seen.selected += [str(name) for name in one["extensions"]]
    seen.sent = bool(select(events, "credential", direction="sent"))
    seen.answered = bool(select(events, "authenticator", direction="received"))
    seen.misbehaved = bool(select(events, "fault"))
    seen.verdict = next(iter(select(events, "verdict")), None)
    if party.exit not in (0, REFUSED, UNSUPPORTED) and not seen.problems:
        seen.problems.append(f"the client ended with {party.exit}: {party.words}")
    return seen


def meet(step: Step, run: Run, number: int, target: Target, keep: Path) -> Seen:
    """One connection, and nothing of it left behind."""
    folder = run.work / f"p{number}"
    try:
        meeting = Meeting(step, run, folder, target)
        with meeting:
            return meeting.meet(keep, step.name if not step.fault else f"{number}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

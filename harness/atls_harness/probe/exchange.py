# SPDX-License-Identifier: Apache-2.0
"""One connection with the peer that is probed: device, verifier and our endpoint as in any case,
and what our endpoint saw.

The only address that anybody here reaches for is that of the server that is probed, and that of a
verifier that was named with --verifier; all else is on loopback.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from .. import patience, roots
from ..contract import contract
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
from ..scenario import Case
from ..untrusted import cut, read
from .plan import TOKEN, UNATTESTED, Step, offer

DECODE_LIMIT = 30.0
WRAPPER, RESULT, RESULT_TYPE = "cmw", "ear", "application/eat+jwt"  # as the decoder names them
TOKEN_WORDS = "PSA attestation token"


@dataclass(frozen=True)
class Target:
    """The peer, and how it is met."""

    address: str  # HOST:PORT of the server: the peer's, or where we listen for it
    ca: Path
    variants: Sequence[str] = ()
    code_points: Path | None = None
    certificate: tuple[Path, Path] | None = None  # ours where we do not attest, with its key
    endorsements: Sequence[Path] = ()
    verifier: str = ""  # URL
    trusted: Sequence[str] = ()  # ID=SOURCE
    timeout: int = 5
    sni: str = ""  # the name that is asked for; "": HOST


@dataclass
class Seen:
    """What our endpoint saw."""

    exit: int | None = None
    words: str = ""
    complete: bool = False
    handshaken: bool = False  # the handshake of TLS itself was complete
    reason: str = ""
    detail: str = ""
    clause: str = ""
    alert: Mapping[str, Any] | None = None
    diagnosis: str = ""  # what a mismatch turned out to be
    likely: list[str] = field(default_factory=list)  # NAME=READING, as it was diagnosed
    hrr: bool = False
    offered: list[str] = field(default_factory=list)  # extensions in the peer's hello
    negotiated: list[Event] = field(default_factory=list)
    challenge: str = ""  # of the peer, in hexadecimal
    selected: list[str] = field(default_factory=list)
    sent: bool = False  # a credential
    received: list[dict[str, Any]] = field(default_factory=list)
    misbehaved: bool = False
    answered: bool = False  # with an authenticator, or a request for one
    problems: list[str] = field(default_factory=list)

    @property
    def refused_there(self) -> bool:
        """Did the peer end it?"""
        return not self.complete and self.reason in ("peer-alert", "peer-closed")


class Meeting(Play):
    """A case whose other side is somewhere else."""

    def __init__(self, step: Step, run: Run, folder: Path, target: Target) -> None:
        super().__init__(step.case, run, folder)
        self.step = step
        self.target = target

    def start_helpers(self) -> None:
        """Our side's devices, and a verifier where none was named."""
        names = [name for name in device_names(self.case) if name != f"{self.step.probed}-device"]
        devices = self.start_devices(names)
        started: dict[str, Process] = {}
        known: dict[str, str] = {}
        flags = patience.stretched(
            verifier_flags(self.case, "verifier", self.folder), self._patience
        )
        if self.target.verifier:
            known["main"] = self.target.verifier
        else:
            flags["endorsements"] = [str(path) for path in self._endorsements(names)]
            started["main"] = self.start("verifier", "verifier", "verifier", plain(flags))
        verifiers = Listening(known, started)
        for process in self.processes.values():
            process.ready()
        enrolled = {}
        own = self.step.own
        if self.case.beside_x509(own):
            enrolled[own] = self._enrol(own, devices, verifiers)
        keys = {"main": Path(flags["public-key"])}
        self.addresses = Addresses(self.folder, verifiers, keys, devices, enrolled)

    def _endorsements(self, names: Sequence[str]) -> list[Path]:
        """Of our devices, and what was named."""
        own = [
            self.run.endorsements(plain({**device_flags(self.case, self.run, name), **part}))
            for name in names
            for part in parts_of(self.case, self.run)
        ]
        return [*own, *self.target.endorsements]

    def own_flags(self) -> dict[str, Any]:
        """Those of our endpoint, whichever side it is."""
        target, side = self.target, self.step.own
        flags = endpoint_flags(self.case, self.run, side, self.addresses)
        flags.update({"ca": str(target.ca), "timeout": target.timeout})
        if side not in self.addresses.enrolled and target.certificate:
            flags["cert"], flags["key"] = map(str, target.certificate)
        relies = flags["relying-party"]
        if relies == "background-check" and not contract().profiles[self.case.profile].prototype:
            flags["evidence-type"] = offer()
        if relies == "passport" and target.trusted:
            flags["trust-verifier"] = list(target.trusted)
        variants = [*flags.get("variant", []), *target.variants, *self.step.variants]
        if variants:
            flags["variant"] = variants
        if target.code_points:
            flags["code-points"] = str(target.code_points)
        return flags

    def client_flags(self) -> dict[str, Any]:
        """Those of a client on its way to the server."""
        named = {"server-name": self.target.sni} if self.target.sni else {}
        return {**self.own_flags(), "connect": self.target.address, **named}

    def meet(self, keep: Path, name: str) -> Seen:
        """The whole connection; what the peer sent is copied to KEEP."""
        self.start_helpers()
        self.finish_client(self.start_client())
        return self.seen(keep, name)

    def seen(self, keep: Path, name: str) -> Seen:
        """What our endpoint saw, once it has ended."""
        observed = self.observe()
        party = observed.parties[self.step.own]
        seen = _seen(party)
        seen.misbehaved |= self.step.fault == UNATTESTED and bool(seen.reason or seen.complete)
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
    lines = done.stdout.strip().split("\n", 3)
    first = cut(lines[0], 200) or "nothing"
    words = first if done.returncode == 0 else f"{first} (not well-formed, or a check of it failed)"
    kind = cut(str(told[0].get("format")), 40) if told else "unknown"
    kind = _inside("\n".join(lines[1:3])) if kind == WRAPPER else kind
    return {"format": kind, "decoded": words}


def _inside(line: str) -> str:
    """What a single CMW holds: by the media type that its line of the tree names, or by the line
    behind it, for a PSA token goes as any EAT does."""
    if RESULT_TYPE in line:
        return RESULT
    if TOKEN_WORDS in line:
        return TOKEN
    for name, row in contract().evidence_formats.items():
        if any(str(one) in line for one in row["media-types"]):
            return name
    return WRAPPER


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
        seen.diagnosis, seen.likely = _diagnosis(one)
    seen.alert = next((one["alert"] for one in failed if one.get("alert")), None)
    for one in select(events, "handshake"):
        seen.hrr = bool(one["hrr"])
        seen.handshaken = one["outcome"] == "complete"
    for one in select(events, "offer", direction="received"):
        seen.offered += [str(name) for name in one["extensions"]]
    seen.negotiated = select(events, "negotiated")
    for one in select(events, "challenge", direction="received")[:1]:
        seen.challenge = str(one["nonce"])
    for one in select(events, "selected", direction="received"):
        seen.selected += [str(name) for name in one["extensions"]]
    seen.sent = bool(select(events, "credential", direction="sent"))
    seen.answered = bool(select(events, "authenticator", direction="received"))
    seen.misbehaved = bool(select(events, "fault"))
    if party.exit not in (0, REFUSED, UNSUPPORTED) and not seen.problems:
        seen.problems.append(f"our {party.who} ended with {party.exit}: {party.words}")
    return seen


def _diagnosis(event: Event) -> tuple[str, list[str]]:
    """What an endpoint found out about a mismatch, and the readings that would explain it."""
    told = event.get("diagnosis")
    if not isinstance(told, Mapping):
        return "", []
    sets = [str(one.get("set", "")) for one in told.get("readings", [])]
    return cut(str(told.get("text", ""))), [name for name in sets if "=" in name]


def parts_of(case: Case, run: Run) -> list[dict[str, str]]:
    """The parts of what is endorsed of a device, as flags: a CoRIM each."""
    return [{} if part == "all" else {"part": part} for part in roots.endorsements(case, run)]


def meet(
    step: Step,
    run: Run,
    number: int,
    target: Target,
    keep: Path,
    make: Callable[[Step, Run, Path, Target], Meeting] = Meeting,
) -> Seen:
    """One connection, and nothing of it left behind."""
    folder = run.work / f"p{number}"
    try:
        with make(step, run, folder, target) as meeting:
            return meeting.meet(keep, step.name if not step.fault else f"{number}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

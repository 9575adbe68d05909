# SPDX-License-Identifier: Apache-2.0
"""Probes of the peer contract: is a peer honest about what it does not support?

A peer that takes an unknown profile for a known one would make every later result worthless. The
probes run the peer's programs with flags that nobody supports and look at the exit code, and that
no packet was sent.
"""

from __future__ import annotations

import select
import socket
import subprocess
from dataclasses import dataclass
from typing import Iterator

from .contract import contract
from .peer import Peer
from .process import SANITIZERS, USAGE, UNSUPPORTED
from .run import Run

PROBE_TIMEOUT = 20.0
ROLES = ("client", "server", "device", "verifier")


@dataclass(frozen=True)
class Probe:
    """One question to one program."""

    name: str
    roles: tuple[str, ...]
    flags: tuple[str, ...]
    exit: int


ENDPOINTS = ("client", "server")
PROBES = (
    Probe("version", ROLES, ("--version",), 0),
    Probe("help", ROLES, ("--help",), 0),
    Probe("unknown-flag", ROLES, ("--no-such-flag",), USAGE),
    Probe("unknown-profile", ENDPOINTS, ("--profile", "no-such-profile"), UNSUPPORTED),
    Probe("unknown-model", ENDPOINTS, ("--attester", "no-such-model"), UNSUPPORTED),
    Probe("unknown-fault", ENDPOINTS, ("--fault", "no-such-fault"), UNSUPPORTED),
    Probe("unknown-serialization", ENDPOINTS, ("--serialization", "xml"), UNSUPPORTED),
    Probe("unknown-fault", ("device", "verifier"), ("--fault", "no-such-fault"), UNSUPPORTED),
)


def undeclared(peer: Peer, role: str) -> list[Probe]:
    """One question for each thing that peer.yaml does not declare: is it really refused? What is
    told as unsupported without being tried is honest only if it is."""
    if role not in ENDPOINTS:
        return []
    made: list[Probe] = []
    flags: tuple[str, ...]
    profiles = peer.declared("profiles", role)
    if profiles or not peer.unaware:
        for name in sorted(set(contract().profiles) - set(profiles)):
            flags = ("--profile", name)
            made.append(Probe(f"undeclared-{name}", (role,), flags, UNSUPPORTED))
    if not profiles:
        return made
    roles = peer.capabilities.get("roles", {}).get(role, ())
    for one in ("attester", "relying-party"):
        models = peer.declared("models", role, one) if one in roles else []
        for model in sorted(set(contract().words["models"]) - set(models)):
            flags = ("--profile", profiles[0], f"--{one}", model)
            made.append(Probe(f"undeclared-{one}-{model}", (role,), flags, UNSUPPORTED))
    return made


def probes_of(peer: Peer) -> Iterator[tuple[str, str, Probe]]:
    """All that is asked of a peer: the name of each probe, the role, and the probe."""
    for probe in [*PROBES, *(one for role in peer.programs for one in undeclared(peer, role))]:
        for role in probe.roles:
            if role in peer.programs:
                yield f"{role}-{probe.name}", role, probe


def ask(peer: Peer, role: str, probe: Probe, run: Run) -> list[str]:
    """Puts the question; returns what is wrong with the answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        flags = list(probe.flags)
        if role in ENDPOINTS and "--profile" not in flags and probe.exit == UNSUPPORTED:
            flags = ["--profile", "ta-07"] + flags
        if probe.exit == UNSUPPORTED:
            listen = f"unix:{run.work}/probe-{role}-{probe.name}.sock"
            flags += {
                "client": ["--connect", f"127.0.0.1:{port}"],
                "server": ["--listen", "127.0.0.1:0"],
                "device": ["--listen", listen],
                "verifier": ["--listen", "127.0.0.1:0"],
            }[role]
        try:
            done = subprocess.run(
                peer.command(role, run.build) + flags,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROBE_TIMEOUT,
                env={**SANITIZERS, "PATH": "/usr/bin:/bin"},
            )
        except subprocess.TimeoutExpired:
            return [f"{' '.join(flags)}: still runs after {PROBE_TIMEOUT:g} s"]
        problems = []
        if done.returncode != probe.exit:
            words = done.stderr.decode(errors="replace").strip()
            problems.append(
                f"{' '.join(flags)}: expected exit code {probe.exit}, observed "
                f"{done.returncode}: {words[-500:]}"
            )
        if probe.exit == 0 and not done.stdout.strip():
            problems.append(f"{' '.join(flags)}: nothing on standard output")
        if select.select([listener], [], [], 0)[0]:
            problems.append(f"{' '.join(flags)}: it sent a packet")
        return problems

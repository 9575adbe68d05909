# SPDX-License-Identifier: Apache-2.0
"""Certificates for keys that stay in a device, or in a file where a library needs one.

The device's enrolment program (atls-enroll; flags in harness/peers/README.md) makes the key and the
request, the run's CA signs, and an endpoint gets the certificate and the name of the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from . import untrusted
from .credentials import sign_request
from .errors import ContractError, InfrastructureError, Unsupported
from .events import Event, check_stream, read_events
from .process import DONE, KNOWN_EXITS, UNSUPPORTED, last_words, sanitizer_report, to_its_end

TIMEOUT = 30.0
REQUEST_MAX = 1 << 20
KEY = re.compile(r"device:[1-9][0-9]*\Z")


@dataclass(frozen=True)
class Enrolment:
    """What an endpoint is given, beside --device: --cert CERTIFICATE --key KEY."""

    certificate: Path
    key: str
    request: Path
    argv: list[str]
    events: list[Event]


def enrol(
    command: Sequence[str],
    device: str,
    credentials: Path,
    folder: Path,
    name: str,
    flags: Sequence[str] = (),
    own_key: bool = False,
    elsewhere: bool = False,
    serves: bool = False,
) -> Enrolment:
    """Enrols a new key of the device at DEVICE ("unix:PATH", running).

    Writes NAME.pem, NAME.csr and NAME.events.jsonl in FOLDER. COMMAND is the program,
    run.command("device", "enroll"); CREDENTIALS is where ca.pem and ca.key are, run.work; FLAGS are
    passed on ("--cmw", "auto", ...). OWN_KEY: the key is not made in the device but in NAME.key,
    for a library that cannot have its signatures made elsewhere. ELSEWHERE: the certificate is for
    another host. SERVES: by way of a program that serves cases.

    Unsupported: the program says 77. ContractError: it crashed, or its request or its events are
    not as they should be. InfrastructureError: it refused, or there is no such program.
    """
    request = folder / f"{name}.csr"
    events_path = folder / f"{name}.events.jsonl"
    argv = [*command, "--device", device, "--csr", str(request), "--subject", f"atls test {name}"]
    argv += ["--events", str(events_path), *flags]
    if own_key:
        argv += ["--private-key", str(folder / f"{name}.key")]
    said = _run(argv, name, serves)
    events = read_events(events_path)
    problems = check_stream(events, "enroll")
    if problems:
        raise ContractError(f"{name}: {'; '.join(problems)}")
    key = said.strip()
    told = [event.get("key") for event in events if event["event"] == "enrolled"]
    expected = key == argv[-1] if own_key else KEY.match(key)
    if not expected or told != [key]:
        wanted = argv[-1] if own_key else "device:HANDLE"
        raise ContractError(
            f"{name}: {wanted} was expected, it said {untrusted.quoted(key)} and {told}"
        )
    try:
        pem = untrusted.read(request, REQUEST_MAX)
    except FileNotFoundError as problem:
        raise ContractError(f"{name} wrote no request: {problem}") from problem
    certificate = folder / f"{name}.pem"
    certificate.write_bytes(sign_request(credentials, pem, elsewhere))
    return Enrolment(certificate, key, request, argv, events)


def _run(argv: Sequence[str], name: str, serves: bool) -> str:
    """What it writes to standard output."""
    done = to_its_end(argv, name, TIMEOUT, serves=serves)
    words = last_words(done.stderr)
    crash = sanitizer_report(done.stderr)
    if crash or done.returncode not in KNOWN_EXITS:
        raise ContractError(f"{name} crashed: {crash or done.returncode}: {words}")
    if done.returncode == UNSUPPORTED:
        raise Unsupported(f"{name}: {words}")
    if done.returncode != DONE:
        raise InfrastructureError(f"{name} ended with {done.returncode}: {words}")
    return done.stdout

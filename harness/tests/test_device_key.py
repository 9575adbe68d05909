# SPDX-License-Identifier: Apache-2.0
"""An endpoint whose private key stays in its device: it presents the certificate that was enrolled,
the device signs, and where it attests itself it is that very key that is attested.

Clauses: R-TA-04
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from atls_harness.credentials import make_credentials
from atls_harness.enrol import Enrolment, enrol
from atls_harness.events import Event, select
from atls_harness.process import DONE, REFUSED, Process
from atls_harness.run import Run

TIMEOUT = 20.0


class Parties:
    """A device and a verifier that knows it, and endpoints on demand."""

    def __init__(self, run: Run, folder: Path, work: Path) -> None:
        self.run = run
        self.folder = folder
        self.credentials = folder / "credentials"
        self.credentials.mkdir()
        make_credentials(self.credentials)
        self.anchors = ["--ca", str(self.credentials / "ca.pem")]
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        self.device = f"unix:{work / name}.sock"
        self.processes: list[Process] = []
        self.start("device", "device", "device", ["--listen", self.device, "--seed", "23"]).ready()
        endorsements = str(run.endorsements(["--seed", "23"]))
        flags = ["--listen", "127.0.0.1:0", "--endorsements", endorsements]
        verifier = self.start("verifier", "verifier", "verifier", flags)
        self.verifier = f"http://{verifier.ready()['address']}"

    def start(self, name: str, who: str, program: str, flags: list[str]) -> Process:
        """Starts a program of the run."""
        path = self.folder / f"{name}.events.jsonl"
        path.unlink(missing_ok=True)
        events = ["--events", str(path)]
        argv = [*self.run.command(who, program), *flags, *events]
        process = Process(name, who, argv, self.folder, name not in ("client",))
        self.processes.append(process)
        return process

    def enrol(self, name: str, *flags: str) -> Enrolment:
        """A new key of the device and its certificate."""
        command = self.run.command("device", "enroll")
        return enrol(command, self.device, self.credentials, self.folder, name, flags)

    def meet(self, server_flags: list[str], client_flags: list[str]) -> tuple[Event, Event]:
        """One handshake that succeeds on both sides: the handshake events of server and client."""
        listen = ["--profile", "ta-07", "--listen", "127.0.0.1:0", "--max-connections", "1"]
        server = self.start("server", "server", "server", [*listen, *server_flags])
        address = str(server.ready()["address"])
        flags = ["--profile", "ta-07", "--connect", address, *self.anchors, *client_flags]
        client = self.start("client", "client", "client", flags)
        for process in (client, server):
            assert process.wait(TIMEOUT)
            assert process.exit == DONE, (process.stderr(), process.events())
        (told_by_server,) = select(server.events(), "handshake")
        (told_by_client,) = select(client.events(), "handshake")
        return told_by_server, told_by_client

    def refuses(self, flags: list[str]) -> str:
        """What a client says that ends before any packet."""
        common = ["--profile", "ta-07", "--connect", "127.0.0.1:1"]
        client = self.start("client", "client", "client", [*common, *flags])
        assert client.wait(TIMEOUT)
        assert client.exit == REFUSED
        assert not client.events()
        return client.stderr()

    def credential(self, enrolled: Enrolment) -> list[str]:
        """The flags of an endpoint with that certificate."""
        files = ["--cert", str(enrolled.certificate), "--key", enrolled.key]
        return [*files, "--device", self.device]


@pytest.fixture
def parties(real: Run, tmp_path: Path) -> Iterator[Parties]:
    """Device and verifier."""
    made = Parties(real, tmp_path, real.work)
    try:
        yield made
    finally:
        for process in made.processes:
            process.stop()


def spki_of(enrolled: Enrolment) -> str:
    """The certificate's key, as events write it."""
    key = x509.load_pem_x509_certificate(enrolled.certificate.read_bytes()).public_key()
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ).hex()


@pytest.mark.parametrize("curve", ["p256", "p384"])
def test_plain_x509_on_both_sides(parties: Parties, curve: str) -> None:
    """Nobody attests; both sign in the device, with keys of their own."""
    server = parties.enrol("server-leaf", "--curve", curve)
    client = parties.enrol("client-leaf", "--curve", curve)
    seen, mine = parties.meet(
        [*parties.credential(server), *parties.anchors], parties.credential(client)
    )
    assert mine["verified_with"] == spki_of(server)
    assert seen["verified_with"] == spki_of(client)
    assert spki_of(client) != spki_of(server)


@pytest.mark.parametrize("curve", ["p256", "p384"])
def test_the_enrolled_key_is_attested(parties: Parties, curve: str) -> None:
    """As an attester it presents evidence for the key of its certificate, on that key's curve."""
    server = parties.enrol("leaf", "--curve", curve)
    _, mine = parties.meet(
        [*parties.credential(server), "--attester", "background-check"],
        ["--relying-party", "background-check", "--verifier", parties.verifier],
    )
    assert mine["peer_attested"] == "background-check"
    assert mine["verified_with"] == spki_of(server)


def test_a_device_that_goes_away(parties: Parties) -> None:
    """The handshake fails closed, and says whose fault that is."""
    listen = ["--profile", "ta-07", "--listen", "127.0.0.1:0", "--max-connections", "1"]
    server = parties.start(
        "server", "server", "server", [*listen, *parties.credential(parties.enrol("leaf"))]
    )
    address = str(server.ready()["address"])
    parties.processes[0].stop()
    flags = ["--profile", "ta-07", "--connect", address, *parties.anchors]
    client = parties.start("client", "client", "client", flags)
    for process in (client, server):
        assert process.wait(TIMEOUT)
        assert process.exit == REFUSED
    (told,) = select(server.events(), "handshake")
    assert told["reason"] == "device-unavailable"
    assert told["alert"] == {"direction": "sent", "code": 80, "name": "internal_error"}
    (told,) = select(client.events(), "handshake")
    assert told["alert"]["direction"] == "received"


def test_the_key_outlives_the_endpoint(parties: Parties) -> None:
    """It is still there for the next one."""
    server = parties.enrol("leaf")
    for _ in range(2):
        _, mine = parties.meet(parties.credential(server), [])
        assert mine["verified_with"] == spki_of(server)


Change = Callable[[Parties, Enrolment], list[str]]
WRONG: list[tuple[str, Change, str]] = [
    (
        "another key of the device",
        lambda parties, leaf: [
            *["--cert", str(leaf.certificate), "--key", parties.enrol("other").key],
            *["--device", parties.device],
        ],
        "not the key of the certificate",
    ),
    (
        "a handle that is none",
        lambda parties, leaf: [
            *["--cert", str(leaf.certificate), "--key", "device:999"],
            *["--device", parties.device],
        ],
        "999",
    ),
    (
        "the certificate of a key in a file",
        lambda parties, leaf: [
            *["--cert", str(parties.credentials / "client.pem"), "--key", leaf.key],
            *["--device", parties.device],
        ],
        "not the key of the certificate",
    ),
    (
        "a device that is not there",
        lambda parties, leaf: [
            *["--cert", str(leaf.certificate), "--key", leaf.key],
            *["--device", "unix:/nonexistent/device"],
        ],
        "no device",
    ),
]


@pytest.mark.parametrize("change, words", [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_mistake_is_told_before_any_packet(parties: Parties, change: Change, words: str) -> None:
    """The certificate and the key behind the handle must be a pair."""
    said = parties.refuses(change(parties, parties.enrol("leaf")))
    assert words in said

# SPDX-License-Identifier: Apache-2.0
"""Parsec services: one, with a simulated TPM behind it, for each device with the root of trust
parsec, ended with its case.

parsec-service comes by `./atls setup --peer parsec`. Its client library for TPMs reaches a swtpm
by TCP alone, on two ports one behind the other.
"""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path
from typing import Mapping, Sequence

from . import tpm
from .errors import InfrastructureError, Unsupported
from .peer import Peer
from .process import Process

PEER = "parsec"  # whose program it is, and what that is called in peer.yaml:
SERVICE = "service"
# Below the ports that a kernel gives to clients (ip(7), ip_local_port_range).
PORTS = range(20000, 32000, 2)
TRIES = 20
HOST = "127.0.0.1"
CONFIGURATION = """\
[core_settings]
allow_root = true
log_level = "info"
idle_listener_sleep_duration = 1

[listener]
listener_type = "DomainSocket"
timeout = {timeout}
socket_path = "{socket}"

[authenticator]
auth_type = "UnixPeerCredentials"

[[key_manager]]
name = "sqlite-manager"
manager_type = "SQLite"
sqlite_db_path = "{home}/keys.sqlite3"

[[provider]]
name = "tpm-provider"
provider_type = "Tpm"
key_info_manager = "sqlite-manager"
tcti = "swtpm:host={host},port={port}"
owner_hierarchy_auth = ""
endorsement_hierarchy_auth = ""
"""
REQUEST_TIMEOUT = 10000  # milliseconds that a client may take to say what it wants


def command(peers: Mapping[str, Peer], build: Path) -> list[str]:
    """The service's argv. Unsupported, with what to do, where it has not been set up."""
    missing = peers[PEER].missing(SERVICE, build)
    if missing:
        raise Unsupported(missing)
    return peers[PEER].command(SERVICE, build)


class Parsec(Process):
    """A parsec-service with a TPM of its own, both with their files in FOLDER."""

    def __init__(self, command: Sequence[str], folder: Path, name: str, state: Path) -> None:
        self.home = folder / f"{name}.d"
        self.home.mkdir(mode=0o700)
        self.socket = folder / f"{name}.sock"
        self.tpm, port, self._claim = _tpm(self.home, state)
        places = {"home": self.home, "socket": self.socket, "host": HOST, "port": port}
        configuration = self.home / "config.toml"
        words = CONFIGURATION.format(timeout=REQUEST_TIMEOUT, **places)
        configuration.write_text(words, encoding="utf-8")
        configuration.chmod(0o600)
        argv = [*command, "--config", str(configuration)]
        try:
            super().__init__(name, "parsec", argv, folder, listening=True)
        except InfrastructureError:
            self._end_tpm()
            raise

    def await_socket(self) -> None:
        """Returns when it can be asked."""
        self.await_start("parsec-service", lambda: tpm.listening(str(self.socket)))

    def stop(self) -> None:
        """Ends it, and its TPM behind it."""
        super().stop()
        self._end_tpm()

    def _end_tpm(self) -> None:
        self.tpm.stop()
        self._claim.close()


def _claim(port: int) -> socket.socket | None:
    """Keeps all other harnesses of this machine from PORT and the next one, as long as it is open;
    None where one of them is taken."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0atls-swtpm-{port}")
        for where in (port, port + 1):
            with socket.socket() as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind((HOST, where))
    except OSError:
        claim.close()
        return None
    return claim


def _tpm(folder: Path, state: Path) -> tuple[tpm.Tpm, int, socket.socket]:
    """A TPM, its port, and the claim on that."""
    chance = random.Random(os.urandom(8))
    for number in range(TRIES):
        port = chance.choice(PORTS)
        claim = _claim(port)
        if claim is None:
            continue
        made = tpm.Tpm(folder, f"tpm-{number}", state, (HOST, port))
        try:
            made.await_sockets()
        except InfrastructureError:
            made.stop()
            claim.close()
            continue
        return made, port, claim
    raise InfrastructureError(f"no swtpm began on any of {TRIES} ports of {HOST}")

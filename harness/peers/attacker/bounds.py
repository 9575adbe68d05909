# SPDX-License-Identifier: Apache-2.0
"""Whom an attacker may talk to: parties of its own run, on this machine, and nobody else.

Every connection that an attacker makes goes through connect(). An address has to be a loopback
address written as a number (no name is ever looked up), or a socket in the run's folder; and some
party of that run must have said in its event `ready` that it listens there. The harness knows no
flag that would change this, and there is none.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from pathlib import Path

UNIX = "unix:"


class OutOfBounds(Exception):
    """An address that is none of a party of this run."""


def _announced(folder: Path) -> set[str]:
    """The addresses at which the parties of a run say that they listen."""
    found: set[str] = set()
    for path in folder.glob("*.events.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # the last line may still be written
                continue
            if isinstance(event, dict) and event.get("event") == "ready":
                found.add(str(event.get("address")))
    return found


def loopback(address: str) -> tuple[str, int]:
    """HOST:PORT as numbers. OutOfBounds where that is not of this machine alone."""
    host, _, port = address.rpartition(":")
    try:
        number = ipaddress.ip_address(host.strip("[]"))
    except ValueError as problem:
        raise OutOfBounds(f"expected a loopback address as a number, came {host!r}") from problem
    if not number.is_loopback:
        raise OutOfBounds(f"expected a loopback address (RFC 1122 3.2.1.3), came {host}")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise OutOfBounds(f"expected a port from 0 to 65535, came {port!r}")
    return str(number), int(port)


def _socket(address: str, folder: Path) -> Path:
    """The path of unix:PATH. OutOfBounds where that is not in FOLDER."""
    path = Path(address.removeprefix(UNIX)).resolve()
    if folder.resolve() not in path.parents:
        raise OutOfBounds(f"expected a socket in {folder}, came {path}")
    return path


def check(address: str, folder: Path) -> None:
    """OutOfBounds where ADDRESS is not one of a party of the run in FOLDER."""
    if address.startswith(UNIX):
        _socket(address, folder)
    else:
        loopback(address)
    if address not in _announced(folder):
        raise OutOfBounds(f"expected the address of a party of this run, came {address}")


def connect(address: str, folder: Path, timeout: float) -> socket.socket:
    """A connection to a party of the run in FOLDER."""
    check(address, folder)
    if address.startswith(UNIX):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout)
        made.connect(address.removeprefix(UNIX))
        return made
    return socket.create_connection(loopback(address), timeout)


def listen(address: str, folder: Path) -> tuple[socket.socket, str]:
    """A listening socket on loopback, or in FOLDER, and its address."""
    if address.startswith(UNIX):
        path = _socket(address, folder)
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(path))
        made.listen(8)
        return made, address
    made = socket.create_server(loopback(address))
    return made, f"127.0.0.1:{made.getsockname()[1]}"

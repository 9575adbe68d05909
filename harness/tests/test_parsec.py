# SPDX-License-Identifier: Apache-2.0
"""Parsec services of devices: their ports, their files, their end; the real one where it is set up
(./atls setup --peer parsec)."""

from __future__ import annotations

import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from atls_harness import bundle, parsec, tpm
from atls_harness.errors import InfrastructureError, Unsupported
from atls_harness.paths import PEERS, default_build
from atls_harness.peer import load_peers

PING = struct.pack("<IHBBHBQBBBIHIHBB", 0x5EC0A710, 30, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
PONG = PING[:22] + struct.pack("<I", 2) + PING[26:] + b"\x08\x01"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name, as that of a run does (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="atls-", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture
def state(short: Path) -> Path:
    if shutil.which(tpm.PROGRAM) is None:
        pytest.skip("swtpm is not installed (./atls setup --root tpm)")
    return tpm.state_of(short, ["1"])


def asked(path: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.sendall(request)
        return b"".join(iter(lambda: line.recv(4096), b""))


def test_two_ports_are_one_service_s_alone() -> None:
    port = next(one for one in parsec.PORTS if (claim := parsec._claim(one)) is not None)
    assert claim is not None
    assert parsec._claim(port) is None  # another harness
    claim.close()
    for taken in (port, port + 1):  # another program
        with socket.socket() as other:
            other.bind((parsec.HOST, taken))
            assert parsec._claim(port) is None
    again = parsec._claim(port)
    assert again is not None
    again.close()


def test_a_program_that_is_not_there_leaves_no_tpm_behind(
    short: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tpm.Tpm] = []

    class Kept(tpm.Tpm):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(tpm, "Tpm", Kept)
    with pytest.raises(InfrastructureError, match="No such file"):
        parsec.Parsec(["/nonexistent/parsec"], short, "one", state)
    assert [one.exit for one in made] == [0]


def test_a_program_that_ends_is_told_with_its_words(short: Path, state: Path) -> None:
    made = parsec.Parsec(
        ["/bin/sh", "-c", "echo no such provider >&2; exit 1"], short, "one", state
    )
    try:
        with pytest.raises(InfrastructureError, match="did not begin: .*no such provider"):
            made.await_socket()
    finally:
        made.stop()


def test_one_that_is_not_set_up_is_unsupported_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="setup --peer parsec"):
        parsec.command(load_peers([PEERS]), tmp_path)


def test_the_real_one_answers_and_ends(short: Path, state: Path) -> None:
    try:
        command = parsec.command(load_peers([PEERS]), default_build().resolve())
    except Unsupported as problem:
        pytest.skip(str(problem))
    made = parsec.Parsec(command, short, "one", state)
    try:
        made.await_socket()
        assert asked(made.socket, PING) == PONG
        assert (made.home / "keys.sqlite3").exists()
        port = made.tpm.channels[0]
        assert tpm.listening(port)
    finally:
        made.stop()
    assert made.exit == 0
    assert not tpm.listening(port)


def test_no_bundle_has_the_secrets_of_a_tpm_or_of_parsec(tmp_path: Path) -> None:
    played, kept = tmp_path / "played", tmp_path / "kept"
    home = played / "client-device.parsec.d"
    home.mkdir(parents=True)
    secrets = [tpm.STATE, "keys.sqlite3", "keys.sqlite3-wal"]
    for name in [*secrets, "config.toml"]:
        (home / name).write_text("x", encoding="utf-8")
    bundle._copy(played, kept)
    assert [one.name for one in kept.rglob("*") if one.is_file()] == ["config.toml"]

# SPDX-License-Identifier: Apache-2.0
"""Simulated TPMs (swtpm): one for each device with the root of trust tpm, ended with its case.

A TPM's identity is in its state, which no seed can make: the state of a device's TPM is made once a
run, and each case has a copy of it. So a device is the same one in all cases of a run, as it is
with the other roots, and what endorses it is written once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Iterator, Sequence

from .errors import Unsupported
from .process import Process

PROGRAM = "swtpm"
STATE = "tpm2-00.permall"
Address = str | tuple[str, int]  # of a unix socket, or host and port


class Tpm(Process):
    """A TPM that was reset now: its PCRs are zero."""

    def __init__(
        self, folder: Path, name: str, state: Path | None, place: tuple[str, int] | None = None
    ) -> None:
        self.home = folder / f"{name}.d"
        self.home.mkdir()
        self.socket = folder / f"{name}.sock"
        if state is not None:
            shutil.copy(state, self.home / STATE)
        argv = [PROGRAM, "socket", "--tpm2", "--tpmstate", f"dir={self.home}"]
        # libtss2 looks for the control channel there: beside the socket, or at the next port.
        if place is None:
            self.channels: tuple[Address, ...] = (str(self.socket), f"{self.socket}.ctrl")
            argv += ["--server", f"type=unixio,path={self.channels[0]}"]
            argv += ["--ctrl", f"type=unixio,path={self.channels[1]}"]
        else:
            host, port = place
            self.channels = (place, (host, port + 1))
            argv += ["--server", f"type=tcp,port={port},bindaddr={host}"]
            argv += ["--ctrl", f"type=tcp,port={port + 1},bindaddr={host}"]
        argv += ["--flags", "not-need-init,startup-clear"]
        super().__init__(name, "tpm", argv, folder, listening=True)

    def __enter__(self) -> Tpm:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def tcti(self) -> str:
        """How a device finds it."""
        return f"swtpm:path={self.socket}"

    def await_sockets(self) -> None:
        """Returns when it can be asked."""
        self.await_start(
            PROGRAM,
            lambda: all(map(listening, self.channels)) and (self.home / STATE).exists(),
        )


def listening(where: Address) -> bool:
    """Does somebody listen at a unix socket, or at a host's port?"""
    family = socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX
    with socket.socket(family) as tried:
        return tried.connect_ex(where) == 0


def check_there() -> None:
    """Unsupported, with what to do, where there is no program."""
    if shutil.which(PROGRAM) is None:
        raise Unsupported(f"{PROGRAM} is not installed: ./atls setup --root tpm installs it")


def state_of(work: Path, which: Sequence[str]) -> Path:
    """The state of the TPM of the device that WHICH tells from others, made on first use."""
    check_there()
    name = hashlib.sha256("\0".join(which).encode()).hexdigest()[:16]
    state = work / f"tpm-{name}.state"
    with (work / f"tpm-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not state.exists():
            folder = work / f"tpm-{name}"
            folder.mkdir()
            with Tpm(folder, "tpm", None) as tpm:
                tpm.await_sockets()
            new = state.with_suffix(".new")
            shutil.copy(tpm.home / STATE, new)
            new.replace(state)
            shutil.rmtree(folder)
    return state


def which(flags: Sequence[str]) -> list[str]:
    """What tells the device with these flags from others."""
    return [value for name, value in zip(flags, flags[1:]) if name in ("--seed", "--product")]


@contextlib.contextmanager
def beside(work: Path, flags: Sequence[str]) -> Iterator[list[str]]:
    """FLAGS of `provision` with the TPM of its device, where it has one, while that runs."""
    if ("--root", "tpm") not in zip(flags, flags[1:]):
        yield list(flags)
        return
    state = state_of(work, which(flags))
    folder = work / f"endorsed-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    try:
        with Tpm(folder, "tpm", state) as tpm:
            tpm.await_sockets()
            yield [*flags, "--tcti", tpm.tcti]
    finally:
        shutil.rmtree(folder, ignore_errors=True)

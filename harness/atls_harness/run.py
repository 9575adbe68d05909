# SPDX-License-Identifier: Apache-2.0
"""One run: what all of its cases share, in however many processes they are played.

The working directory is short-lived and its path short, because unix socket addresses are; the
results are in another one, which is never overwritten. Credentials and endorsements are made once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Self

from . import tpm
from .credentials import make_credentials
from .errors import InfrastructureError, Unsupported
from .expected import ExpectedFailure
from .peer import Peer
from .process import UNSUPPORTED, to_its_end
from .usage import ROLES

SOCKET_PATH_MAX = 100
PROVISION_LIMIT = 60.0
WORK_PREFIX = "atls-"
OWNER = "owner"  # a file in the working directory: the process that made it, and when that began


@dataclass(frozen=True)
class Run:
    """A run, as each worker sees it."""

    work: Path
    results: Path
    build: Path
    seed: int
    keep: bool
    repeat: int
    chosen: Mapping[str, str]  # role (client, server, device, verifier) to peer's name
    peers: Mapping[str, Peer]
    options: str  # what a command must repeat, beside the case
    expected: tuple[ExpectedFailure, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()  # of a matrix: client, server
    root: str = "psa"  # of trust, of every device: a row of the contract
    product: str = ""  # of all devices of the run, where the verifier is a deployment
    serving: bool = True  # programs that serve cases (warm.py) are asked to

    @classmethod
    def of_own(
        cls,
        work: Path,
        results: Path,
        build: Path,
        seed: int,
        peers: Mapping[str, Peer],
        root: str = "psa",
    ) -> Self:
        """One in which the project's own peer has every role."""
        roles = dict.fromkeys(ROLES, "atls")
        return cls(work, results, build, seed, False, 1, roles, peers, "", root=root)

    def of_pair(self, client: str, server: str) -> "Run":
        """The same run, as one pair of its matrix sees it."""
        chosen = {**self.chosen, "client": client, "server": server}
        options = f" --pair {client}:{server}{self.options}"
        return dataclasses.replace(self, chosen=chosen, options=options)

    @property
    def used(self) -> list[str]:
        """The peers that play, by name."""
        named = [name for pair in self.pairs for name in pair]
        sides = ("device", "verifier") if self.pairs else tuple(self.chosen)
        return list(dict.fromkeys(named + [self.chosen[side] for side in sides]))

    def expected_failure(self, case: str) -> str:
        """The reason for which a case is expected to fail, or ""."""
        return next((one.reason for one in self.expected if one.means(case)), "")

    def peer(self, role: str) -> Peer:
        """The peer that plays ROLE."""
        return self.peers[self.chosen[role]]

    def command(self, role: str, program: str) -> list[str]:
        """The argv of a program."""
        return self.peer(role).command(program, self.build)

    def serves_cases(self, role: str, program: str) -> bool:
        """Is a program to be one of many cases that one process plays?"""
        return self.serving and self.peer(role).serves_cases(program)

    def repeat_command(self, nodeid: str) -> str:
        """The one line that plays a case again."""
        return f"./atls run {shlex.quote(nodeid)} --seed {self.seed}{self.options}"

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        with (self.work / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def endorsements(self, flags: list[str]) -> Path:
        """The CoRIM of a device with these flags, made on first use."""
        name = hashlib.sha256(json.dumps(flags).encode()).hexdigest()[:24]
        path = self.work / f"{name}.corim"
        with self._lock(name):
            if not path.exists():
                with tpm.beside(self.work, flags) as whole:
                    argv = self.command("device", "provision") + whole + ["--output", str(path)]
                    serves = self.serves_cases("device", "provision")
                    done = to_its_end(argv, "provisioning", PROVISION_LIMIT, serves=serves)
                if done.returncode == UNSUPPORTED:
                    raise Unsupported(f"provisioning: {done.stderr.strip()}")
                if done.returncode != 0 or not path.exists():
                    raise InfrastructureError(
                        f"provisioning ended with {done.returncode}: {done.stderr.strip()}"
                    )
        return path


def make_work() -> Path:
    """A working directory with the run's credentials, below $TMPDIR where that is short."""
    base: str | None = tempfile.gettempdir()
    if len(str(base)) > SOCKET_PATH_MAX // 2:
        base = "/tmp"
    remove_leftovers(Path(str(base)))
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=base))
    (work / OWNER).write_text(f"{os.getpid()} {started(os.getpid())}\n", encoding="ascii")
    make_credentials(work)
    return work


def started(pid: int) -> str:
    """When a process began (field 22 of proc_pid_stat(5)); "" where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def remove_leftovers(base: Path) -> None:
    """Removes the working directories, keys and all, of runs that were killed."""
    for owner in base.glob(f"{WORK_PREFIX}*/{OWNER}"):
        try:
            if owner.parent.stat().st_uid != os.getuid() or owner.parent.is_symlink():
                continue
            pid, _, began = owner.read_text(encoding="ascii").strip().partition(" ")
            alive = started(int(pid)) == began
        except (OSError, ValueError):
            continue
        if not alive:
            remove_work(owner.parent)


def check_writable(folder: Path) -> None:
    """InfrastructureError where no results can be written to FOLDER."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        text = f"cannot write results to {folder} ({problem.strerror}); --out DIR is another place"
        raise InfrastructureError(text) from problem


def make_results(folder: Path, kind: str = "run") -> Path:
    """A new directory for the results of a run, or of another KIND of measuring."""
    stamp = time.strftime(f"{kind}-%Y%m%d-%H%M%S")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(100):
            results = folder / (f"{stamp}-{attempt}" if attempt else stamp)
            try:
                results.mkdir()
            except FileExistsError:
                continue
            return results
    except OSError as problem:
        text = f"cannot write results to {folder} ({problem.strerror}); --out DIR is another place"
        raise InfrastructureError(text) from problem
    raise InfrastructureError(f"no free name for results in {folder}")


def point_latest(results: Path, name: str = "latest") -> None:
    """Makes the link `latest` (or NAME) beside the results lead to them."""
    link = results.parent / f".latest-{os.getpid()}"
    link.symlink_to(results.name)
    link.replace(results.parent / name)


def remove_work(work: Path) -> None:
    """Removes what make_work() made."""
    shutil.rmtree(work, ignore_errors=True)

# SPDX-License-Identifier: Apache-2.0
"""`./atls setup --peer NAME`: what a peer needs is installed and built, once.

Packages come from Debian, by the launcher, which says which and why; tools that no package brings
are looked for on PATH and asked for their version; then the peer's own steps run, each with an
end. What is done is written down with a digest of what it was made from (prepared.py): to do it
again does nothing, and a run can tell a peer that was never set up from one that is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Sequence

from . import usage
from . import prepared
from .build import build_programs
from .contract import contract
from .errors import HarnessError, InfrastructureError, UsageError
from .nearest import meant
from .paths import PEERS, ROOT, default_build
from .peer import Peer, load_peers
from .prepared import LOG, STAMP, digest, read_stamp
from .process import to_its_end
from .scenario import SIDES

STEP_LIMIT = 1800.0
ASK_LIMIT = 60.0
TAIL = 40
NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*")
ASK = {"go": ["version"], "openssl": ["version"]}


class ToolMissing(HarnessError):
    """A program is not on PATH, or too old: a person has to get it."""


class SetupFailed(HarnessError):
    """Something of it did not work."""


@dataclass(frozen=True)
class Done:
    """What became of one peer."""

    peer: str
    how: str  # done, already, nothing, lacks (a tool), failed
    words: str = ""

    @property
    def good(self) -> bool:
        return self.how in ("done", "already", "nothing")


def numbers(text: str) -> tuple[int, ...]:
    """The first version in some words: "go version go1.24.1 linux/amd64" is (1, 24, 1)."""
    found = NUMBERS.search(text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def satisfies(version: tuple[int, ...], wanted: str) -> bool:
    """Is a version all that WANTED (">=1.24,<3") asks for? Missing numbers count as 0."""
    for one in wanted.split(","):
        operator = next(sign for sign in (">=", "<=", "==", ">", "<") if one.startswith(sign))
        want = numbers(one)
        have = version + (0,) * (len(want) - len(version))
        order = (have > want) - (have < want)
        means = {">=": order >= 0, "<=": order <= 0, ">": order > 0, "<": order < 0}
        means["=="] = have[: len(want)] == want
        if not means[operator]:
            return False
    return True


def check_tools(peer: Peer) -> dict[str, str]:
    """What each tool calls itself. ToolMissing with what a person can do."""
    told = {}
    for tool, wanted in peer.setup.get("tools", {}).items():
        version = wanted.get("version", "")
        needs = f"{tool} {version}".strip() + f" is needed ({wanted['why']})"
        if shutil.which(tool) is None:
            raise ToolMissing(f"{needs} and not there: {wanted['get']}")
        try:
            argv = [tool, *wanted.get("ask", ASK.get(tool, ["--version"]))]
            done = to_its_end(argv, tool, ASK_LIMIT)
        except InfrastructureError as problem:
            raise ToolMissing(f"{needs}, but {problem}: {wanted['get']}") from problem
        words = (done.stdout.strip() or done.stderr.strip()).splitlines()
        told[tool] = words[0] if words else ""
        if version and not satisfies(numbers(told[tool]), version):
            have = told[tool] or "it tells no version"
            raise ToolMissing(f"{needs}, but there is {have!r}: {wanted['get']}")
    return told


def install_packages(peer: Peer) -> None:
    """Debian's packages, by the launcher: it says which are missing and why, and installs them."""
    packages = peer.setup.get("packages", {})
    if not packages:
        return
    lines = "".join(f"peer {name} - {' '.join(why.split())}\n" for name, why in packages.items())
    done = subprocess.run(
        [str(ROOT / "atls"), "need", f"the peer {peer.name}"], input=lines, text=True
    )
    if done.returncode != 0 and os.environ.get("ATLS_NO_INSTALL"):
        raise ToolMissing("Debian packages are missing, and --no-install was said: see above")
    if done.returncode != 0:
        raise SetupFailed(f"Debian packages: {', '.join(packages)}: see above")


def run_step(argv: Sequence[str], folder: Path, log: Path, limit: float = STEP_LIMIT) -> None:
    """One step, with its output in LOG; whatever it started ends with it."""
    words = shlex.join(argv)
    start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as file:
        file.write(f"$ {words}\n".encode())
        file.flush()
        try:
            step = subprocess.Popen(
                argv,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as problem:
            raise SetupFailed(f"{argv[0]}: {problem.strerror}") from problem
        try:
            code = step.wait(limit)
        except subprocess.TimeoutExpired as problem:
            raise SetupFailed(f"{words}: still runs after {limit:g} s; {log}") from problem
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(step.pid, signal.SIGKILL)
            step.wait()
    if code != 0:
        with log.open("rb") as file:
            file.seek(start)
            said = file.read().decode(errors="replace").splitlines()
        tail = "\n".join("    " + line for line in said[-TAIL:])
        raise SetupFailed(f"{words} ended with {code} (all of it: {log}):\n{tail}")


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One setup of a peer at a time."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_stamp(home: Path, stamp: Mapping[str, object]) -> None:
    new = home / f"{STAMP}.new"
    new.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    new.replace(home / STAMP)


def _versions(peer: Peer, build: Path) -> dict[str, str]:
    """What its programs call themselves, now that they are there."""
    told = {}
    for side in SIDES:
        if side not in peer.programs:
            continue
        argv = [*peer.command(side, build), "--version"]
        done = to_its_end(argv, f"{peer.name} {side}", ASK_LIMIT)
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines:
            said = " ".join((done.stderr or done.stdout).split())[-400:]
            raise SetupFailed(f"{shlex.join(argv)} ended with {done.returncode}: {said}")
        told[side] = lines[0]
    return told


def set_up(peer: Peer, build: Path, again: bool = False) -> Done:
    """All of it for one peer; tells what became of it, and raises nothing that a peer can cause."""
    if not peer.setup:
        return Done(peer.name, "nothing", "there is nothing to set up")
    home = peer.home(build)
    folder = peer.path.parent
    with _alone(home):
        inputs = tuple(Path(name) for name in peer.argv(peer.setup.get("inputs", []), build))
        stamp: dict[str, object] = {"inputs": [str(path) for path in inputs]}
        try:
            install_packages(peer)
            stamp["tools"] = check_tools(peer)
            stamp["digest"] = digest(folder, peer.setup, inputs)
            before = read_stamp(home)
            same = all(before.get(key) == stamp[key] for key in stamp)
            if same and not before.get("problem") and not again:
                return Done(peer.name, "already", str(before.get("seconds", "")))
            (home / LOG).unlink(missing_ok=True)
            began = time.monotonic()
            for step in peer.setup.get("steps", []):
                run_step(peer.argv(step, build), folder, home / LOG)
            stamp["programs"] = _versions(peer, build)
            stamp["seconds"] = round(time.monotonic() - began, 1)
        except (HarnessError, OSError) as problem:
            stamp["problem"] = str(problem).splitlines()[0]
            _write_stamp(home, stamp)
            lacks = isinstance(problem, ToolMissing)
            return Done(peer.name, "lacks" if lacks else "failed", str(problem))
        _write_stamp(home, stamp)
        return Done(peer.name, "done", f"{stamp['seconds']} s")


def renew(peers: Iterable[Peer], build: Path) -> None:
    """Sets those of some peers up again that were set up and have changed since: so that whoever
    works on an adapter edits, and runs. InfrastructureError where that fails."""
    for peer in peers:
        if prepared.changed(peer.name, peer.path.parent, peer.setup, peer.home(build)):
            print(f"{peer.name} has changed since it was set up; set up again:", flush=True)
            done = set_up(peer, build)
            say(done, build)
            if not done.good:
                words = prepared.command(peer.name, peer.path.parent)
                raise InfrastructureError(f"{peer.name} could not be set up again; {words}")
    prepared.forget()


def choose(names: Sequence[str], peers: Mapping[str, Peer]) -> list[Peer]:
    """The peers of some names ("all", or several with commas)."""
    chosen: dict[str, Peer] = {}
    for name in (part for text in names for part in text.split(",")):
        if name != "all" and name not in peers:
            raise UsageError(f"--peer: no peer {name!r}{meant(name, peers)}")
        chosen.update(peers if name == "all" else {name: peers[name]})
    return list(chosen.values())


def say(done: Done, build: Path) -> None:
    """A line for a person, and what a failure left."""
    words = {
        "done": f"set up in {done.words}: {build / 'peers' / done.peer}",
        "already": "is set up, nothing has changed",
        "nothing": "has nothing to set up",
        "lacks": f"NOT SET UP: {done.words}",
        "failed": f"FAILED: {done.words}",
    }
    print(f"{done.peer}: {words[done.how]}", flush=True)


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = usage.setup().parse_args(argv)
    build = (options.build or default_build()).resolve()
    peers = load_peers([PEERS, *(folder.resolve() for folder in options.peers)])
    service = contract().roots[options.root].get("service")
    chosen = choose([*options.peer, *([service] if service else [])], peers)
    build_programs(build)
    print(f"built in {build}", flush=True)
    bad = []
    for peer in chosen:
        done = set_up(peer, build, options.again)
        say(done, build)
        if not done.good:
            bad.append(peer.name)
    if bad:
        print(f"not set up: {', '.join(bad)}; a run tells them as unsupported, with the reason")
    return 1 if bad else 0

# SPDX-License-Identifier: Apache-2.0
"""Has a peer been set up, and from what is there now?

`./atls setup --peer NAME` leaves a stamp in the peer's home with a digest of all that went into it.
A peer whose files have changed since would be played from what they were: it is not played at all.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any, Iterator, Mapping

from .paths import PEERS

STAMP = "setup.json"
LOG = "setup.log"
CHANGED = "changed since it was set up"
LEFT_OUT = ("__pycache__", "node_modules", "target")
BLOCK = 1 << 20


def _files(root: Path) -> Iterator[Path]:
    """The files of a folder, or the file itself; what tools leave behind is no source."""
    if root.is_file():
        yield root
        return
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name not in LEFT_OUT and name[0] != ".")
        for name in sorted(names):
            if name[0] != ".":
                yield Path(folder) / name


def digest(folder: Path, setup: Mapping[str, Any], inputs: tuple[Path, ...] = ()) -> str:
    """Of the peer's folder, of what its peer.yaml says of setup, and of other INPUTS. Where nothing
    is built, what is in the folder is played as it is, and may change."""
    found = hashlib.sha256(json.dumps(setup, sort_keys=True).encode())
    for root in (folder, *inputs) if setup.get("steps") else ():
        found.update(str(root.exists()).encode())
        for path in _files(root):
            if path.name == "peer.yaml":  # what else it says is nothing that is built
                continue
            found.update(str(path.relative_to(root)).encode() + b"\0")
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    found.update(block)
            found.update(b"\0")
    return found.hexdigest()


def read_stamp(home: Path) -> dict[str, Any]:
    """What the last setup left, or nothing."""
    try:
        stamp = json.loads((home / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def command(name: str, folder: Path) -> str:
    """What sets a peer up."""
    elsewhere = "" if folder.parent == PEERS else f" --peers {shlex.quote(str(folder.parent))}"
    return f"./atls setup --peer {name}{elsewhere}"


def changed(name: str, folder: Path, setup: Mapping[str, Any], home: Path) -> bool:
    """Was it set up, and is that all that is wrong with it: that its files have changed since?"""
    return problem(name, folder, setup, home).startswith(CHANGED)


def forget() -> None:
    """What was found so far may have changed."""
    _problem.cache_clear()


def problem(name: str, folder: Path, setup: Mapping[str, Any], home: Path) -> str:
    """Why it cannot be played as it is, with what helps; or ""."""
    return _problem(name, folder, json.dumps(setup, sort_keys=True), home)


@functools.lru_cache(maxsize=None)
def _problem(name: str, folder: Path, setup_text: str, home: Path) -> str:
    setup = json.loads(setup_text)
    helps = command(name, folder)
    stamp = read_stamp(home)
    for tool, wanted in setup.get("tools", {}).items():
        if shutil.which(tool) is None:
            version = f" {wanted['version']}" if "version" in wanted else ""
            return f"{tool}{version} is not there ({wanted['why']}): {wanted['get']}; then {helps}"
    if not stamp:
        return f"not set up; {helps}"
    if stamp.get("problem"):
        return f"its setup failed: {stamp['problem']}; {helps}"
    inputs = tuple(Path(name) for name in stamp.get("inputs", []))
    if stamp.get("digest") != digest(folder, setup, inputs):
        return f"{CHANGED}; {helps}"
    return ""

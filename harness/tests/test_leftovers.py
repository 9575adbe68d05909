# SPDX-License-Identifier: Apache-2.0
"""The keys of a run that was killed do not stay: the next run removes them, and no other's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from atls_harness.run import OWNER, WORK_PREFIX, remove_leftovers, started


def leave(base: Path, name: str, owner: str | None) -> Path:
    folder = base / f"{WORK_PREFIX}{name}"
    folder.mkdir()
    (folder / "ca.key").write_text("a key")
    if owner is not None:
        (folder / OWNER).write_text(owner)
    return folder


def test_only_what_a_dead_run_left_is_removed(tmp_path: Path) -> None:
    own = os.getpid()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = leave(tmp_path, "dead", f"{dead.pid} 1\n")
    reused = leave(tmp_path, "reused", f"{own} 1\n")  # the number came to another process
    alive = leave(tmp_path, "alive", f"{own} {started(own)}\n")
    strange = leave(tmp_path, "strange", "no number\n")
    without = leave(tmp_path, "without", None)
    link = tmp_path / f"{WORK_PREFIX}link"
    link.symlink_to(leave(elsewhere, "target", f"{dead.pid} 1\n"))
    remove_leftovers(tmp_path)
    assert not gone.exists() and not reused.exists()
    assert alive.exists() and strange.exists() and without.exists()
    assert (link / "ca.key").exists(), "what a link leads to is not ours to remove"

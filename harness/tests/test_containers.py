# SPDX-License-Identifier: Apache-2.0
"""Containerfile and devcontainer, held to the launcher's list: there is no container engine here to
build them with, so that their steps are played as far as they are shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from atls_harness.paths import ROOT

CONTAINERFILE = ROOT / "Containerfile"
PACKAGES = ROOT / "harness" / "packages.txt"


def steps(instruction: str) -> list[str]:
    text = re.sub(r"\\\n", " ", CONTAINERFILE.read_text(encoding="utf-8"))
    return re.findall(rf"^{instruction} +(.*)$", text, re.MULTILINE)


def fake(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_the_image_installs_what_the_launcher_would(tmp_path: Path) -> None:
    """Its steps, in order, with an apt-get that writes down what it hears."""
    tools, place = tmp_path / "tools", tmp_path / "setup"
    tools.mkdir()
    place.mkdir()
    log = tmp_path / "apt.log"
    fake(tools, "dpkg-query", "echo installed nothing")
    fake(tools, "apt-cache", "shift; for p; do printf '%s:\\n  Candidate: 1\\n' $p; done")
    hears = f'case "$*" in -s*|*print-uris*) ;; *) echo "$@" >> {log} ;; esac'
    fake(tools, "apt-get", hears)
    fake(tools, "git", "exit 0")
    fake(tools, "id", "echo 0")
    for words in steps("COPY"):
        *sources, target = words.split()
        (place / target).mkdir(exist_ok=True)
        for source in sources:
            shutil.copy(ROOT / source, place / target)
    for step in steps("RUN"):
        done = subprocess.run(
            ["sh", "-ec", step],
            cwd=place,
            env={**os.environ, "PATH": f"{tools}:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    asked = {word for line in log.read_text().splitlines() for word in line.split()}
    rows = [line.split() for line in PACKAGES.read_text().splitlines()]
    wanted = {re.split("[|/]", row[1])[0] for row in rows if row and row[0] in ("python", "run")}
    assert wanted and wanted <= asked
    others = {re.split("[|/]", row[1])[0] for row in rows if row and row[0] in ("test", "bench")}
    assert not (others - wanted) & asked


def test_the_image_is_of_a_release_that_the_stage_fresh_looks_at() -> None:
    from atls_harness.fresh import RELEASES

    assert steps("FROM") == [f"debian:{max(one.number for one in RELEASES)}"]


def test_the_devcontainer_is_made_of_it() -> None:
    path = ROOT / ".devcontainer" / "devcontainer.json"
    made = json.loads(path.read_text(encoding="utf-8"))
    assert (path.parent / made["build"]["dockerfile"]).resolve() == CONTAINERFILE
    assert (path.parent / made["build"]["context"]).resolve() == ROOT
    assert made["workspaceFolder"] == steps("WORKDIR")[-1]
    assert made["postCreateCommand"] == "./atls setup"


def test_the_launcher_names_the_image() -> None:
    text = (ROOT / "atls").read_text(encoding="utf-8")
    assert "podman build -t atls" in text and f":{steps('WORKDIR')[-1]} atls ./atls" in text

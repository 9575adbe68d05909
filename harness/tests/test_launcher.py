# SPDX-License-Identifier: Apache-2.0
"""The launcher: what it says before it installs anything, and what it refuses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from atls_harness.paths import ROOT

LAUNCHER = ROOT / "atls"
PACKAGES = ROOT / "harness" / "packages.txt"


def launch(*arguments: str, path: str = "/usr/bin:/bin") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(LAUNCHER), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": path},
    )


@pytest.mark.parametrize(
    "arguments, code, stream, words",
    [
        (["--help"], 0, "stdout", "usage: ./atls COMMAND"),
        ([], 2, "stderr", "usage: ./atls COMMAND"),
        (["fly"], 2, "stderr", "usage: ./atls COMMAND"),
        (["test", "--list"], 0, "stdout", "scenarios-sanitized"),
        (["test", "--only", "nothing"], 2, "stderr", "no stage 'nothing'"),
        (["run", "--list", "-k", "("], 2, "stderr", "-k '('"),
        (["run", "--list", "--seed", "x"], 2, "stderr", "--seed: expected a number or random"),
        (["run", "--list", "--repeat", "0"], 2, "stderr", "--repeat: expected a number from 1"),
        (["run", "--list", "--client", "none"], 2, "stderr", "no peer 'none'"),
        (["run", "--list", "--nonsense"], 2, "stderr", "unrecognized arguments: --nonsense"),
        (["run", "--list", "-k", "nothing_matches"], 2, "stderr", "no case is left"),
        (["run", "scenarios/none.yaml"], 2, "stderr", "no such scenario or folder"),
    ],
)
def test_commands(arguments: list[str], code: int, stream: str, words: str) -> None:
    done = launch(*arguments)
    assert done.returncode == code, done.stderr
    assert words in getattr(done, stream)


def fake_tools(folder: Path, installed: list[str]) -> str:
    """A path on which dpkg-query knows some packages, and apt-get writes down what it hears."""
    tools = {
        "dpkg-query": "printf 'installed %s\\n' " + (" ".join(installed) or "nothing"),
        "apt-cache": "exit 0",
        "apt-get": f'echo "$@" >> {folder}/apt.log',
        "sudo": f'echo "sudo $1" >> {folder}/apt.log; exec "$@"',
    }
    for name, body in tools.items():
        tool = folder / name
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def packages(purpose: str) -> list[str]:
    rows = [line.split() for line in PACKAGES.read_text().splitlines()]
    return [row[1].split("|")[0] for row in rows if row and row[0] == purpose]


def test_no_install_refuses_and_says_what_is_missing_and_why(tmp_path: Path) -> None:
    path = fake_tools(tmp_path, [name for name in packages("run") if name != "libcbor-dev"])
    done = launch("run", "--no-install", "--list", path=path)
    assert done.returncode == 1
    assert "libcbor-dev                CBOR decoding" in done.stderr
    assert "apt-get install libcbor-dev" in done.stderr
    assert "libgnutls28-dev" not in done.stderr
    assert not (tmp_path / "apt.log").exists()


def test_it_says_why_and_installs_only_what_is_missing(tmp_path: Path) -> None:
    path = fake_tools(tmp_path, [n for n in packages("run") if n not in ("meson", "ninja-build")])
    done = launch("run", "--list", "-q", path=path)
    log = (tmp_path / "apt.log").read_text()
    assert "install -y -q --no-install-recommends meson ninja-build" in log
    assert "configures the build" in done.stderr
    assert done.returncode == 0, done.stderr
    assert "flipped-firmware.yaml::client-passport-firmware" in done.stdout


def test_alternatives_count(tmp_path: Path) -> None:
    names = [n for n in packages("run") if n != "libcurl4-gnutls-dev"] + ["libcurl4-openssl-dev"]
    done = launch("run", "--no-install", "--list", "-q", path=fake_tools(tmp_path, names))
    assert done.returncode == 0, done.stderr


def test_test_needs_more_than_run(tmp_path: Path) -> None:
    done = launch("test", "--no-install", "--list", path=fake_tools(tmp_path, packages("run")))
    assert done.returncode == 1
    missing = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")]
    assert missing == list(dict.fromkeys(packages("test") + packages("bench")))


def test_results_that_cannot_be_written_are_told_before_a_key_is_made(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    argv = ["/usr/bin/python3", "-m", "pytest", "-p", "atls_harness.plugin", "-q", "scenarios"]
    done = subprocess.run(
        [*argv, "--out", str(blocked / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness"), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 4
    assert "cannot write results to" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.glob("atls-*")), "no keys of a run that never was"

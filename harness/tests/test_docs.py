# SPDX-License-Identifier: Apache-2.0
"""What docs/ shows is what works: its scenario loads, its C compiles; and the flags that the peer
contract names for a verifier are those of the stub."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from atls_harness.paths import ROOT
from atls_harness.run import Run
from atls_harness.scenario import cases, load

BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
FLAGS = "-std=c17 -fsyntax-only -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE".split()


def blocks(name: str, language: str) -> list[str]:
    """The blocks of a page that are of some language."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    return [textwrap.dedent(code) for kind, code in BLOCK.findall(text) if kind == language]


def test_the_scenario_is_one(tmp_path: Path) -> None:
    (code,) = blocks("adding-a-scenario.md", "yaml")
    path = tmp_path / "mine.yaml"
    path.write_text(code, encoding="utf-8")
    assert [case.name for case in cases(*load(path))] == ["client", "server"]


@pytest.mark.parametrize("page", ["adding-a-profile.md", "adding-an-evidence-format.md"])
def test_the_c_of_a_page_compiles(page: str, real: Run, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler")
    found = blocks(page, "c")
    assert found
    path = tmp_path / "example.c"
    path.write_text("\n".join(found), encoding="utf-8")
    where = [f"-I{ROOT}", f"-I{real.build}"]
    done = subprocess.run([compiler, *FLAGS, *where, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_contract_has_the_verifiers_flags(real: Run) -> None:
    text = (ROOT / "harness/peers/README.md").read_text("utf-8")
    section = text.partition("## The verifier program\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"--([a-z][a-z-]+)", section))
    argv = [*real.peers["atls"].command("verifier", real.build), "--help"]
    given = subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout
    here = set(re.findall(r"--([a-z][a-z-]+)", given)) - {"usage", "cache", "terse", "quiet"}
    assert told - {"verifier"} == here  # what is left out is told in verifier-stub/README.md

# SPDX-License-Identifier: Apache-2.0
"""Bring your own stack, or verifier: the templates, copied elsewhere under another name, have green
cells, and the steps of their READMEs lead to more."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from atls_harness.paths import INTEROP, ROOT
from atls_harness.peer import load_peers
from atls_harness.run import Run
from atls_harness.setup import set_up

TEMPLATE = ROOT / "harness" / "template" / "mystack"
VERIFIER = ROOT / "harness" / "template" / "myverifier"
PSA = "background-check-psa"


def test_from_a_copy_to_a_green_cell(
    real: Run,
    harness: Callable[..., "subprocess.CompletedProcess[str]"],
    latest: Callable[[], dict[str, Any]],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "peers" / "another"
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / "peer.yaml").read_text().replace("name: mystack", "name: another")
    (folder / "peer.yaml").write_text(text)
    peer = load_peers([folder.parent])["another"]
    assert set_up(peer, real.build).how in ("done", "already")
    try:
        named = ["--peers", str(folder.parent), "--build", str(real.build), "-n", "0"]
        both = ["--pair", "atls:another", "--pair", "another:atls"]
        stories = [INTEROP / "interop-x509-cmw.yaml", INTEROP / "interop-tampered-firmware.yaml"]
        given = [*map(str, stories), str(folder / "peer.yaml"), "-k", "x509-cmw or another"]
        done = harness(*named, *both, *given)
    finally:
        shutil.rmtree(peer.home(real.build))
    assert done.returncode == 0, done.stdout
    passed = {case["id"] for case in latest()["cases"] if case["outcome"] == "pass"}
    assert passed == {
        "interop-x509-cmw[client-background-check-psa]@another:atls",
        "interop-x509-cmw[server-background-check-psa]@atls:another",
        "interop-tampered-firmware[x509-cmw-client-background-check-psa]@another:atls",
        "interop-tampered-firmware[x509-cmw-server-background-check-psa]@atls:another",
    }
    assert all(case["reason"] for case in latest()["cases"] if case["outcome"] != "pass")


@pytest.fixture(name="verifier")
def another_verifier(real: Run, tmp_path: Path) -> Iterator[Path]:
    """The template of a verifier under the name `judge`, set up."""
    folder = tmp_path / "peers" / "judge"
    shutil.copytree(VERIFIER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / "peer.yaml").read_text().replace("name: myverifier", "name: judge")
    (folder / "peer.yaml").write_text(text)
    peer = load_peers([folder.parent])["judge"]
    assert set_up(peer, real.build).how in ("done", "already")
    yield folder
    shutil.rmtree(peer.home(real.build))


def reasons(cases: list[dict[str, Any]]) -> set[str]:
    """What relying parties said of the evidence."""
    verdicts = [
        one
        for case in cases
        for side in ("client", "server")
        for one in case["observed"].get(side, {}).get("verdict", [])
    ]
    return {"accepted" if one["accepted"] else one["reason"] for one in verdicts}


def test_a_copied_verifier_refuses_forgeries_and_affirms_nothing(
    real: Run,
    harness: Callable[..., "subprocess.CompletedProcess[str]"],
    latest: Callable[[], dict[str, Any]],
    verifier: Path,
) -> None:
    given = ["--peers", str(verifier.parent), "--verifier", "judge", "--build", str(real.build)]
    words = "(x509-cmw and psa) or verifier-"
    stories = [INTEROP / "interop-unknown-key.yaml", verifier / "peer.yaml"]
    done = harness(*given, "-n", "2", *map(str, stories), "-k", words)
    assert done.returncode == 0, done.stdout
    assert reasons(latest()["cases"]) == {"tier-contraindicated"}
    assert len(latest()["cases"]) == 2 and " 4 pass" in done.stdout  # the checks of the contract
    done = harness(*given, "-n", "2", str(INTEROP / "interop-x509-cmw.yaml"), "-k", PSA)
    assert done.returncode == 1 and reasons(latest()["cases"]) == {"tier-none"}, done.stdout


def test_the_steps_of_its_readme_make_it_affirm_what_is_endorsed_alone(
    real: Run,
    harness: Callable[..., "subprocess.CompletedProcess[str]"],
    latest: Callable[[], dict[str, Any]],
    verifier: Path,
) -> None:
    found = re.search(
        r"^   ```python\n(.*?)^   ```", (VERIFIER / "README.md").read_text(), re.M | re.S
    )
    assert found is not None
    program = verifier / "myverifier.py"
    text = program.read_text("utf-8")
    start, end = text.index("def software("), text.index("class Verifier:")
    program.write_text(text[:start] + textwrap.dedent(found[1]) + "\n\n" + text[end:])
    given = ["--peers", str(verifier.parent), "--verifier", "judge", "--build", str(real.build)]
    stories = [INTEROP / f"interop-{name}.yaml" for name in ("x509-cmw", "tampered-firmware")]
    done = harness(*given, "-n", "2", *map(str, stories), "-k", f"x509-cmw and {PSA}")
    assert done.returncode == 0, done.stdout
    assert reasons(latest()["cases"]) == {"accepted", "tier-warning"}
    assert {case["columns"]["withstood"] for case in latest()["cases"]} == {"pass", "not-asked"}
    done = harness(*given, "-n", "2", str(ROOT / "scenarios/refused-evidence/lifecycle.yaml"))
    assert done.returncode == 1  # the step that is left to whoever writes it

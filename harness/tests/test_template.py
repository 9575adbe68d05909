# SPDX-License-Identifier: Apache-2.0
"""Bring your own stack: the template, copied elsewhere under another name, has green cells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable

from atls_harness.paths import INTEROP, ROOT
from atls_harness.peer import load_peers
from atls_harness.run import Run
from atls_harness.setup import set_up

TEMPLATE = ROOT / "harness" / "template" / "mystack"


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

# SPDX-License-Identifier: Apache-2.0
"""What a person sees of the real programs: a tampered component told in full, bundles with text."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Callable

from atls_harness.paths import SCENARIOS
from atls_harness.run import Run

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
FLIPPED = SCENARIOS / "refused-evidence" / "flipped-firmware.yaml"


def test_a_flipped_bit_is_told_in_full(real: Run, harness: Harness) -> None:
    case = f"{FLIPPED}::client-background-check-firmware"
    done = harness("--build", str(real.build), "--seed", "7", case)
    assert done.returncode == 0, done.stdout
    out = done.stdout
    assert "component FW does not match" in out
    expected = re.search(r"expected ([0-9a-f]{64})\n", out)
    measured = re.search(r"measured ([0-9a-f]{64})\n", out)
    assert expected and measured and expected.group(1) != measured.group(1)
    assert (
        "server: handshake failed, reference-value-mismatch, alert attestation_failed (226)" in out
    )
    assert "client: handshake failed, peer-alert, alert attestation_failed (226) received" in out
    nodeid = "scenarios/refused-evidence/flipped-firmware.yaml::client-background-check-firmware"
    assert f"repeat: ./atls run {nodeid} --seed 7" in out


def test_a_case_is_repeated_as_it_was_played(real: Run, harness: Harness) -> None:
    case = f"{FLIPPED}::client-background-check-firmware"
    for given in ([], ["--no-serve-cases"]):
        out = harness("--build", str(real.build), *given, case).stdout
        repeats = [line for line in out.splitlines() if "repeat: ./atls run " in line]
        assert repeats and all(("--no-serve-cases" in line) is bool(given) for line in repeats)


def test_one_seed_one_digest(real: Run, harness: Harness) -> None:
    seen = []
    for seed in ("7", "7", "8"):
        case = f"{FLIPPED}::server-background-check-bootloader"
        out = harness("--build", str(real.build), "--seed", seed, case).stdout
        seen.append(re.findall(r"(?:expected|measured) ([0-9a-f]{64})\n", out))
    assert len(seen[0]) >= 2
    assert seen[0] == seen[1] != seen[2]


def test_a_bundle_holds_credentials_as_text(
    real: Run, harness: Harness, latest: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    case = f"{FLIPPED}::client-passport-configuration"
    done = harness("--build", str(real.build), "--keep", case)
    assert done.returncode == 0, done.stdout
    (record,) = latest()["cases"]
    bundle = tmp_path / "latest" / record["bundle"]
    manifest = json.loads((bundle / "manifest.json").read_text())
    texts = [name for name in manifest["files"] if name.endswith(".txt")]
    artifacts = [n for n in manifest["files"] if ".artifacts/" in n and not n.endswith(".txt")]
    assert artifacts
    assert {f"{name}.txt" for name in artifacts} <= set(texts)
    assert any("ear" in (bundle / name).read_text().lower() for name in texts)
    keylog = (bundle / "server.keylog").read_text()
    assert "SERVER_HANDSHAKE_TRAFFIC_SECRET" in keylog

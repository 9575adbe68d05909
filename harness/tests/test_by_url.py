# SPDX-License-Identifier: Apache-2.0
"""`--verifier URL`, whole: cases against the stub as a deployment of somebody else, over HTTPS
with a private CA and a bearer token, and which keeps what earlier cases and runs have left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from atls_harness.credentials import make_credentials
from atls_harness.paths import SCENARIOS
from atls_harness.process import Process
from atls_harness.run import Run

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
TOKEN = "a-token-of-the-tests-0123456789"


@pytest.fixture
def deployed(real: Run, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The flags of a run against it."""
    make_credentials(tmp_path)
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    argv = [*real.command("verifier", "verifier"), "--listen", "127.0.0.1:0", "--quiet"]
    argv += ["--identity", "deployed.example", "--token", str(token)]
    argv += ["--provisioning-token", str(token)]
    argv += ["--tls-certificate", str(tmp_path / "server.pem")]
    argv += ["--tls-key", str(tmp_path / "server.key")]
    argv += ["--events", str(tmp_path / "deployed.events.jsonl")]
    process = Process("deployed", "verifier", argv, tmp_path, True)
    try:
        yield {
            "--verifier": f"https://{process.ready()['address']}",
            "--verifier-ca": str(tmp_path / "ca.pem"),
            "--verifier-auth": str(token),
            "--build": str(real.build),
        }
    finally:
        process.stop()


def words(flags: dict[str, str]) -> list[str]:
    return [word for pair in flags.items() for word in pair]


PLAYED = [
    "verifiers/platform-token-alone.yaml::expat-04-client",
    "outages/verifier-error.yaml::client-passport-session",
    "outages/verifier-down.yaml::server-passport-key",
    "refused-results/result-for-another-key.yaml::server-veraison",
    "handshakes/large-evidence.yaml::client-2k",
    "handshakes/large-evidence.yaml::client-20k",
    "handshakes/endorsement-dialects.yaml::main-rfc9783-memory",
    "interop/interop-unknown-key.yaml::expat-04-client-cab",
    "refused-evidence/unknown-component.yaml::server-passport",
]
NOT_PLAYED = {
    "refused-results/expired.yaml::client-veraison": "is not ours to set result-lifetime",
    "handshakes/verifier-choice.yaml::client": "is one verifier, and the case has two",
    "refused-results/result-for-another-key.yaml::server-draft-03": "has ear-dialect veraison",
    "handshakes/passport.yaml::client-cbor-veraison-jwk": "verifier.example in bytes",
    "handshakes/endorsement-dialects.yaml::main-arm-2-sqlite": "has a store of its own",
}


def test_cases_against_a_deployment(
    deployed: dict[str, str],
    harness: Harness,
    latest: Callable[[], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Twice, on the same store: no case and no run sees what another left."""
    products = set()
    for _ in range(2):
        chosen = [str(SCENARIOS / name) for name in [*PLAYED, *NOT_PLAYED]]
        done = harness(*words(deployed), "--keep", *chosen)
        assert done.returncode == 0, done.stdout + done.stderr
        result = latest()
        assert result["totals"]["pass"] == len(PLAYED), done.stdout
        reasons = [one["reason"] for one in result["cases"] if one["outcome"] == "unsupported"]
        assert len(reasons) == len(NOT_PLAYED)
        for expected in NOT_PLAYED.values():
            assert any(expected in reason for reason in reasons), (expected, reasons)
        left = json.loads((tmp_path / "latest" / "provisioned.json").read_text())
        assert all(one["new"] for one in left)
        assert {one["url"] for one in left} == {deployed["--verifier"]}
        assert not products & {one["sha256"] for one in left}
        products |= {one["sha256"] for one in left}
        assert f"left at {deployed['--verifier']}: {len(left)} CoRIMs" in done.stdout
        manifest = next((tmp_path / "latest").glob("bundles/*/manifest.json")).read_text()
        for flag in ("--verifier", "--verifier-ca", "--verifier-auth"):
            assert f"{flag} {deployed[flag]}" in manifest  # of the command that repeats a case
        assert TOKEN not in done.stdout + done.stderr
        for path in (tmp_path / "latest").rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def test_two_deployments_side_by_side(
    deployed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same one twice has the same answers; each by a file, the second with another name."""
    monkeypatch.setenv("ATLS_NO_INSTALL", "1")
    port = deployed["--verifier"].rpartition(":")[2]
    for name in ("127.0.0.1", "localhost"):
        (tmp_path / f"{name}.yaml").write_text(
            f"verification: https://{name}:{port}\nca: ca.pem\ntoken: token\n"
        )
    argv = ["verifiers", *(str(tmp_path / f"{one}.yaml") for one in ("127.0.0.1", "localhost"))]
    argv += ["--build", deployed["--build"], "--out", str(tmp_path / "out")]
    for one in (PLAYED[0], PLAYED[-1]):
        argv += ["--case", str(SCENARIOS / one)]
    done = subprocess.run(
        [sys.executable, "-m", "atls_harness", *argv],
        env={**os.environ, "ATLS_BUILD": deployed["--build"]},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 cases played with both: the same answer in 2" in done.stdout
    assert f"localhost:{port}" in done.stdout and TOKEN not in done.stdout


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"--verifier": "https://127.0.0.1:1"}, "Connection refused"),
        ({"--verifier-ca": "strange"}, "a CA that is not known here"),
        ({"--verifier-auth": "wrong"}, "came 401"),
        ({"--verifier": "http"}, "https://127.0.0.1"),
    ],
)
def test_deployments_that_cannot_be_played_with(
    deployed: dict[str, str],
    harness: Harness,
    tmp_path: Path,
    changed: dict[str, str],
    expected: str,
) -> None:
    """It is told before any case is played, in one line, with what is wrong."""
    (tmp_path / "wrong").write_text("another-token-of-the-tests\n")
    flags = {**deployed, **changed}
    if changed.get("--verifier") == "http":
        flags["--verifier"] = deployed["--verifier"].replace("https", "http")
        expected = flags["--verifier"]
    if "--verifier-ca" in changed:
        flags["--verifier-ca"] = str(tmp_path / "stranger.pem")
    if "--verifier-auth" in changed:
        flags["--verifier-auth"] = str(tmp_path / "wrong")
    done = harness(*words(flags), str(SCENARIOS / PLAYED[0]))
    assert done.returncode == 1, done.stdout + done.stderr
    assert expected in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr

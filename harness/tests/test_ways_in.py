# SPDX-License-Identifier: Apache-2.0
"""Ways into a deployment, held to what nobody here wrote: tokens by OAuth2 from oauthlib's server,
a client certificate demanded by stunnel; and two suites at once in one deployment.

RFC 6749 sections 2.3.1, 4.4 and 5; RFC 8446 section 4.4.2.4 (certificate_required).
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import pytest

from atls_harness.credentials import make_credentials
from atls_harness.paths import ROOT, SCENARIOS
from atls_harness.process import Process
from atls_harness.run import Run

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
TOKEN = "a-token-of-the-tests-0123456789"
CLIENT, SECRET = "atls:client", "a secret, with blanks & signs"
PLAYED = [
    str(SCENARIOS / "verifiers/platform-token-alone.yaml::expat-04-client"),
    str(SCENARIOS / "refused-evidence/unknown-component.yaml::server-passport"),
]


@pytest.fixture
def stub(real: Run, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts one with some flags; its address."""
    running: list[Process] = []

    def start(*flags: str) -> str:
        name = f"stub-{len(running)}"
        argv = [*real.command("verifier", "verifier"), *flags, "--quiet"]
        argv += ["--events", str(tmp_path / f"{name}.events.jsonl")]
        process = Process(name, "verifier", argv, tmp_path, True)
        running.append(process)
        return str(process.ready()["address"])

    yield start
    for one in running:
        one.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def gate(folder: Path, address: str) -> Iterator[str]:
    """stunnel in front of a verifier: nobody comes in without a certificate of the run's CA."""
    program = shutil.which("stunnel4") or shutil.which("stunnel")
    if not program:
        pytest.skip("stunnel is not installed (Debian: stunnel4)")
    port = free_port()
    text = f"foreground = yes\npid =\n[verifier]\naccept = 127.0.0.1:{port}\nconnect = {address}\n"
    text += f"cert = {folder}/server.pem\nkey = {folder}/server.key\nCAfile = {folder}/ca.pem\n"
    text += "verifyChain = yes\nrequireCert = yes\n"
    (folder / "stunnel.conf").write_text(text)
    with open(folder / "stunnel.log", "wb") as log:
        process = subprocess.Popen([program, str(folder / "stunnel.conf")], stdout=log, stderr=log)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        assert process.poll() is None, (folder / "stunnel.log").read_text()
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def described(folder: Path, **members: Any) -> str:
    """The file of a deployment."""
    path = folder / "deployment.yaml"
    path.write_text(json.dumps(members))
    return str(path)


def played(harness: Harness, file: str, real: Run) -> "subprocess.CompletedProcess[str]":
    return harness("--verifier", file, "--build", str(real.build), *PLAYED)


def test_a_client_certificate(
    real: Run, stub: Callable[..., str], harness: Harness, tmp_path: Path
) -> None:
    """Presented where it is asked for; without one, or with a stranger's, it is told so."""
    make_credentials(tmp_path)
    with gate(tmp_path, stub()) as url:
        own = {"verification": url, "ca": "ca.pem"}
        with_one = described(tmp_path, **own, certificate="client.pem", key="client.key")
        done = played(harness, with_one, real)
        assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr
        for more, words in (
            ({}, "wants a client certificate"),
            ({"certificate": "stranger.pem", "key": "stranger.key"}, "does not take the client"),
        ):
            done = played(harness, described(tmp_path, **own, **more), real)
            assert done.returncode != 0 and words in done.stdout + done.stderr, done.stderr


@contextlib.contextmanager
def authorization_server(lifetime: int = 300) -> Iterator[tuple[str, list[str]]]:
    """oauthlib's server for the client credentials grant; what it granted."""
    oauth2 = pytest.importorskip("oauthlib.oauth2")
    granted: list[str] = []

    class Validator(oauth2.RequestValidator):  # type: ignore[name-defined, misc]
        """One client, who names itself by Basic; its name and secret are form-encoded."""

        def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
            kind, _, value = request.headers.get("Authorization", "").partition(" ")
            name, _, secret = base64.b64decode(value).decode("ascii").partition(":")
            request.client = SimpleNamespace(client_id=CLIENT)
            given = urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(secret)
            return kind == "Basic" and given == (CLIENT, SECRET)

        def validate_grant_type(self, client_id: str, grant_type: str, *more: Any) -> bool:
            return grant_type == "client_credentials"

        def validate_scopes(self, client_id: str, scopes: Any, *more: Any) -> bool:
            return set(scopes) <= {"endorse", "appraise"}

        def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
            return ["appraise"]

        def save_bearer_token(self, token: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            granted.append(str(token["scope"]))

    server = oauth2.BackendApplicationServer(
        Validator(), token_generator=lambda request: TOKEN, token_expires_in=lifetime
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
            headers, text, status = server.create_token_response(
                f"https://login.example{self.path}", "POST", body, dict(self.headers)
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode("ascii"))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/token", granted
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.mark.parametrize(
    "secret, scope, words",
    [
        (SECRET, "endorse appraise", ""),
        (SECRET, None, ""),
        ("another", None, "came 401"),
        (SECRET, "everything", "came 400"),
    ],
)
def test_a_token_by_oauth2(
    real: Run,
    stub: Callable[..., str],
    harness: Harness,
    tmp_path: Path,
    secret: str,
    scope: str | None,
    words: str,
) -> None:
    """Asked for once a run, and borne to both APIs, which refuse all else."""
    (tmp_path / "secret").write_text(f"{secret}\n")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    token = str(tmp_path / "token")
    url = f"http://{stub('--token', token, '--provisioning-token', token)}"
    with authorization_server() as (token_url, granted):
        oauth2 = {"token-url": token_url, "client-id": CLIENT, "client-secret": "secret"}
        oauth2 |= {"scope": scope} if scope else {}
        done = played(harness, described(tmp_path, verification=url, oauth2=oauth2), real)
        said = done.stdout + done.stderr
        assert TOKEN not in said and secret not in said
        if words:
            assert done.returncode != 0 and words in said, said
        else:
            assert done.returncode == 0 and "2 passed" in done.stdout, said
            assert granted == [scope or "appraise"]


def test_two_suites_at_once(real: Run, stub: Callable[..., str], tmp_path: Path) -> None:
    """In one deployment: neither sees what the other endorses, and both are green."""
    url = f"http://{stub()}"
    chosen = [*PLAYED, str(SCENARIOS / "interop/interop-unknown-key.yaml")]
    argv = [sys.executable, "-m", "pytest", "-p", "atls_harness.plugin", "-q"]
    argv += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *chosen]
    argv += ["--verifier", url, "--build", str(real.build), "--out"]
    running = [
        subprocess.Popen(
            [*argv, str(tmp_path / name)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("one", "other")
    ]
    said = [one.communicate(timeout=900)[0] for one in running]
    assert [one.returncode for one in running] == [0, 0], "\n".join(said)
    left = [
        json.loads((tmp_path / name / "latest" / "provisioned.json").read_text())
        for name in ("one", "other")
    ]
    first, second = ({one["sha256"] for one in made} for made in left)
    assert first and second and not first & second


@pytest.mark.parametrize(
    "ca, words", [("ca.pem", ""), ("stranger.pem", "not known"), ("", "not known")]
)
def test_the_benchmark_too(
    real: Run, stub: Callable[..., str], tmp_path: Path, ca: str, words: str
) -> None:
    """atls-bench at a verifier over HTTPS, with a token."""
    bench = real.build / "tls" / "bench" / "atls-bench"
    if not bench.exists():
        pytest.skip("atls-bench has not been built")
    make_credentials(tmp_path)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    device = real.command("device", "device")
    corim = tmp_path / "device.cbor"
    subprocess.run([*device, "provision", "--seed", "1", "--output", str(corim)], check=True)
    flags = ["--endorsements", str(corim), "--token", str(tmp_path / "token")]
    flags += ["--tls-certificate", str(tmp_path / "server.pem")]
    address = stub(*flags, "--tls-key", str(tmp_path / "server.key"))
    argv = [str(bench), "appraisals", "--verifier", f"https://{address}", "--count", "2"]
    argv += ["--verifier-auth", str(tmp_path / "token")]
    argv += ["--verifier-ca", str(tmp_path / ca)] if ca else []
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    if words:
        assert done.returncode != 0 and "certificate" in done.stderr, done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["appraisals"] == 2

# SPDX-License-Identifier: Apache-2.0
"""The gateway before a deployment that is played here: what it passes on, to whom it shows a token,
what it says where the deployment cannot be trusted, and the faults that it makes itself.

RFC 9110 sections 4.3.4 and 7.6.1; RFC 6749 sections 2.3.1, 4.3, 4.4 and 5.1; RFC 6750.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import ssl
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from atls_harness.contract import contract
from atls_harness.credentials import make_credentials
from atls_harness.deployment import asking
from atls_harness.deployment.description import PROVISIONING, VERIFICATION, Deployment
from atls_harness.errors import InfrastructureError
from atls_harness.events import read_events, select, sound
from atls_harness.process import Process

TOKEN = "a-token-of-the-tests-0123456789"
SUBMIT = "/endorsement-provisioning/v1/submit"
NEW = "/challenge-response/v1/newSession?nonceSize=32"
ONE = "/challenge-response/v1/session/1"
DISCOVERY = "/.well-known/veraison/verification"
KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}


def ear(status: str) -> str:
    part = json.dumps({"submods": {"PSA_IOT": {"ear.status": status}}, "iss": "its.example"})
    return f"e30.{base64.urlsafe_b64encode(part.encode()).decode().rstrip('=')}.e30"


class Upstream:
    """A deployment: it writes down what came, and answers as it was told."""

    def __init__(self, folder: Path, certificate: str | None) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.submitted = (200, {"status": "success"})
        self.location = "session/1"
        self.token_answer: tuple[int, Any] = (200, {"access_token": TOKEN, "token_type": "Bearer"})
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream.seen.append((self.command, self.path, dict(self.headers), body))
                status, made, more = upstream.answer(self.command, self.path)
                text = json.dumps(made).encode()
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", 'application/json; odd="Blank  s"')
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that trust it not hang up."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, method: str, path: str) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/token"):
            return *self.token_answer, {}
        if path == SUBMIT:
            return *self.submitted, {}
        if path.startswith(NEW.partition("?")[0]):
            return 201, {"nonce": "A" * 43, "status": "waiting"}, {"Location": self.location}
        if path == ONE and method == "POST":
            return 200, {"status": "complete", "result": ear("warning")}, {}
        return 200, {"ear-verification-key": KEY}, {}

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials")
    make_credentials(folder)
    (folder / "token").write_text(f"{TOKEN}\n")
    return folder


@pytest.fixture
def upstream(authority: Path) -> Iterator[Upstream]:
    made = Upstream(authority, "server")
    yield made
    made.stop()


@pytest.fixture
def gateway(
    upstream: Upstream, authority: Path, tmp_path: Path
) -> Iterator[Callable[..., tuple[Process, http.client.HTTPConnection]]]:
    started: list[Process] = []

    def start(*flags: str, path: str = "") -> tuple[Process, http.client.HTTPConnection]:
        given = Deployment(
            upstream.url + path,
            upstream.url + path,
            ca=str(authority / "ca.pem"),
            token=str(authority / "token"),
        )
        learnt = {
            "version": "9",
            "nonce-dialect": "base64url",
            "corim-type": 'application/rim+cbor; profile="p"',
            "reasons": list(contract().names("reasons")),
        }
        file = tmp_path / "deployment.json"
        file.write_text(json.dumps({"deployment": given.as_json(), "learnt": learnt}))
        argv = [sys.executable, "-m", "atls_harness.deployment.gateway", "--deployment", str(file)]
        argv += [*flags, "--events", str(tmp_path / "gateway.events.jsonl")]
        process = Process("gateway", "verifier", argv, tmp_path, True)
        started.append(process)
        port = int(process.ready()["port"])
        return process, http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    yield start
    for process in started:
        process.stop()


def test_bytes_pass_as_they_come(
    gateway: Callable[..., tuple[Process, http.client.HTTPConnection]],
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    """Media types above all: Veraison looks them up byte for byte."""
    process, client = gateway()
    kind = 'application/eat-cwt;  profile="http://arm.com/psa/2.0.0" ; x'
    client.request("POST", ONE, b"\x00\xff evidence", {"Content-Type": kind, "Accept": "a/b"})
    answer = client.getresponse()
    assert json.loads(answer.read())["status"] == "complete"
    assert answer.getheader("Content-Type") == 'application/json; odd="Blank  s"'
    (method, path, headers, body) = upstream.seen[-1]
    assert (method, path, body) == ("POST", ONE, b"\x00\xff evidence")
    assert (headers["Content-Type"], headers["Accept"]) == (kind, "a/b")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    process.stop()
    events, problems = sound(read_events(tmp_path / "gateway.events.jsonl"), "verifier")
    assert not problems
    (appraisal,) = select(events, "appraisal")
    assert (appraisal["status"], appraisal["reason"]) == ("warning", "tier-warning")
    assert (appraisal["media_type"], appraisal["x_issuer"]) == (kind, "its.example")
    assert select(events, "request")[0]["status"] == 200
    assert TOKEN not in (tmp_path / "gateway.events.jsonl").read_text()


@pytest.mark.parametrize(
    "path, location, expected",
    [
        ("", "session/1", "session/1"),
        ("", "/challenge-response/v1/session/1", "/challenge-response/v1/session/1"),
        ("", "{url}/challenge-response/v1/session/1", "/challenge-response/v1/session/1"),
        ("", "https://elsewhere.example/session/1", "https://elsewhere.example/session/1"),
    ],
)
def test_sessions_stay_at_the_gateway(
    gateway: Callable[..., tuple[Process, http.client.HTTPConnection]],
    upstream: Upstream,
    path: str,
    location: str,
    expected: str,
) -> None:
    upstream.location = location.format(url=upstream.url)
    _, client = gateway(path=path)
    client.request("POST", NEW)
    answer = client.getresponse()
    answer.read()
    assert answer.getheader("Location") == expected


@pytest.mark.parametrize(
    "submitted, words",
    [
        ((200, {"status": "success"}), ""),
        ((200, {"status": "failed", "failure-reason": "token already in store"}), ""),
        ((200, {"status": "failed", "failure-reason": "no such profile"}), "no such profile"),
        ((200, {}), "expected status success"),
        ((401, {"title": "Unauthorized"}), "came 401"),
        ((415, {"detail": "of another type"}), "of another type"),
        ((500, {}), "came 500"),
    ],
)
def test_endorsements(
    gateway: Callable[..., tuple[Process, http.client.HTTPConnection]],
    upstream: Upstream,
    tmp_path: Path,
    submitted: tuple[int, dict[str, str]],
    words: str,
) -> None:
    """What is there already will do; what is refused is told with the deployment's own words."""
    upstream.submitted = submitted
    corim = tmp_path / "corim"
    corim.write_bytes(b"\xd9 atls-simulated-device-0123456789abcdef and more")
    flags = ("--endorsements", str(corim), "--public-key", str(tmp_path / "key"))
    if words:
        with pytest.raises(Exception, match=words):
            gateway(*flags)
        assert not (tmp_path / "provisioned.jsonl").exists()
        return
    gateway(*flags)
    (sent,) = [one for one in upstream.seen if one[1] == SUBMIT]
    assert sent[3] == corim.read_bytes()
    assert sent[2]["Content-Type"] == 'application/rim+cbor; profile="p"'
    assert json.loads((tmp_path / "key").read_text()) == KEY
    (line,) = (tmp_path / "provisioned.jsonl").read_text().splitlines()
    left = json.loads(line)
    assert (left["url"], left["id"]) == (upstream.url, "atls-simulated-device-0123456789abcdef")
    assert left["new"] == (submitted[1]["status"] == "success")


@pytest.mark.parametrize(
    "fault, status", [("status=503", 503), ("delay=1", 200), ("garbage", 200), ("close", 0)]
)
def test_faults_are_made_here(
    gateway: Callable[..., tuple[Process, http.client.HTTPConnection]],
    upstream: Upstream,
    tmp_path: Path,
    fault: str,
    status: int,
) -> None:
    """At the endpoint that was named, and at no other."""
    process, client = gateway("--fault", fault)
    client.request("POST", NEW)
    assert client.getresponse().read().startswith(b"{")
    client.request("POST", ONE, b"x", {"Content-Type": "a/b"})
    if status == 0:
        with pytest.raises((http.client.HTTPException, OSError)):
            client.getresponse()
    else:
        answer = client.getresponse()
        assert answer.status == status
        assert answer.read().startswith(b"\xff") == (fault == "garbage")
    assert upstream.seen[-1][1] == ONE
    process.stop()
    told = select(read_events(tmp_path / "gateway.events.jsonl"), "fault")
    assert [one["name"] for one in told] == [fault.partition("=")[0]]


@pytest.mark.parametrize(
    "flags",
    [
        ["--result-lifetime", "60"],
        ["--session-lifetime", "60"],
        ["--audience", "a.example"],
        ["--ear-dialect", "draft-03"],
        ["--nonce-dialect", "base64"],
        ["--store", "sqlite:x"],
        ["--fault", "no-such-fault"],
        ["--key", "x"],
    ],
)
def test_what_only_its_owner_can_set(tmp_path: Path, flags: list[str]) -> None:
    file = tmp_path / "deployment.json"
    given = Deployment("http://127.0.0.1:1", "http://127.0.0.1:1")
    learnt = {"nonce-dialect": "base64url"}
    file.write_text(json.dumps({"deployment": given.as_json(), "learnt": learnt}))
    argv = [sys.executable, "-m", "atls_harness.deployment.gateway", "--deployment", str(file)]
    done = subprocess.run([*argv, *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 77 and "not supported by a deployment" in done.stderr


@pytest.mark.parametrize(
    "certificate, ca, words",
    [
        ("server", "ca.pem", ""),
        ("server", "", "CA that is not known here"),
        ("stranger", "ca.pem", "CA that is not known here"),
        ("elsewhere", "ca.pem", "for another address"),
        (None, "ca.pem", "expected TLS"),
    ],
)
def test_whom_it_trusts(
    authority: Path, tmp_path: Path, certificate: str | None, ca: str, words: str
) -> None:
    made = Upstream(authority, certificate)
    url = made.url.replace("http:", "https:")
    given = Deployment(url, url, ca=str(authority / ca) if ca else "")
    asker = asking.Asker(given, tmp_path)
    try:
        if words:
            with pytest.raises(InfrastructureError, match=words):
                asker.ask(VERIFICATION, "GET", DISCOVERY)
            assert not made.seen
        else:
            assert asker.ask(VERIFICATION, "GET", DISCOVERY).status == 200
    finally:
        made.stop()


def test_expired_certificates_are_told_apart() -> None:
    """OpenSSL's own numbers (openssl/x509_vfy.h)."""
    names = {9: "CERT_NOT_YET_VALID", 10: "CERT_HAS_EXPIRED", 62: "HOSTNAME_MISMATCH"}
    for number, words in ((9, "not valid yet"), (10, "expired"), (62, "another name")):
        problem = ssl.SSLCertVerificationError(names[number])
        problem.verify_code, problem.verify_message = number, names[number]
        assert words in asking.why(problem)


@pytest.mark.parametrize(
    "problem, over_tls, words",
    [
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), True, "without a word"),
        (ConnectionResetError(104, "Connection reset by peer"), True, "does not take the client"),
        (ConnectionResetError(104, "Connection reset by peer"), False, "Connection reset by peer"),
        (http.client.RemoteDisconnected("closed"), True, "expected HTTP"),
        (http.client.RemoteDisconnected("closed"), False, "expected HTTP"),
    ],
)
def test_an_alert_that_got_lost_is_not_taken_for_another_protocol(
    problem: Exception, over_tls: bool, words: str
) -> None:
    assert words in asking.why(problem, over_tls)


def test_a_token_is_for_its_own_deployment(authority: Path, tmp_path: Path) -> None:
    """Each API has its own; who else is asked sees none."""
    own, other = Upstream(authority, None), Upstream(authority, None)
    (tmp_path / "second").write_text("another-token-of-the-tests\n")
    given = Deployment(
        own.url,
        own.url,
        token=str(authority / "token"),
        provisioning_token=str(tmp_path / "second"),
    )
    asker = asking.Asker(given, tmp_path)
    try:
        asker.ask(VERIFICATION, "GET", DISCOVERY)
        asker.ask(PROVISIONING, "POST", SUBMIT, b"x")
        asker.ask_at(VERIFICATION, other.url + DISCOVERY)
        sent = [one[2].get("Authorization") for one in own.seen + other.seen]
        assert sent == [f"Bearer {TOKEN}", "Bearer another-token-of-the-tests", None]
    finally:
        own.stop()
        other.stop()


@pytest.mark.parametrize(
    "more, grant, answer, words",
    [
        ({}, {"grant_type": "client_credentials"}, {}, ""),
        ({"scope": "a b"}, {"grant_type": "client_credentials", "scope": "a b"}, {}, ""),
        (
            {"username": "me", "password": "secret"},
            {"grant_type": "password", "username": "me", "password": "of the tests"},
            {},
            "",
        ),
        ({}, {}, {"token_type": "mac"}, "expected a bearer token"),
        ({}, {}, {"access_token": None}, "expected a bearer token"),
        ({}, {}, {"expires_in": "soon"}, "expected a bearer token"),
    ],
)
def test_oauth2(
    authority: Path,
    tmp_path: Path,
    more: dict[str, str],
    grant: dict[str, str],
    answer: dict[str, Any],
    words: str,
) -> None:
    made = Upstream(authority, None)
    (tmp_path / "secret").write_text("of the tests\n")
    oauth2 = {"token-url": f"{made.url}/token", "client-id": "a:b"}
    oauth2 |= {"client-secret": str(tmp_path / "secret"), **more}
    if "password" in oauth2:
        oauth2["password"] = str(tmp_path / "secret")
    made.token_answer = (200, {"access_token": TOKEN, "token_type": "Bearer", **answer})
    made.token_answer[1].setdefault("expires_in", 300)
    asker = asking.Asker(Deployment(made.url, made.url, oauth2=oauth2), tmp_path)
    try:
        if words:
            with pytest.raises(InfrastructureError, match=words):
                asker.ask(VERIFICATION, "GET", DISCOVERY)
            return
        for _ in range(2):
            asker.ask(VERIFICATION, "GET", DISCOVERY)
        asked = [one for one in made.seen if one[1] == "/token"]
        assert len(asked) == 1  # it is kept
        assert dict(urllib.parse.parse_qsl(asked[0][3].decode())) == grant
        basic = base64.b64decode(asked[0][2]["Authorization"].removeprefix("Basic ")).decode()
        assert basic == "a%3Ab:of+the+tests"
        assert {one[2]["Authorization"] for one in made.seen if one not in asked} == {
            f"Bearer {TOKEN}"
        }
        (kept,) = tmp_path.glob("oauth2-*")
        assert kept.stat().st_mode & 0o777 == 0o600
    finally:
        made.stop()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""atls-verifier as its clients meet it: the real program, over HTTP, nothing but the standard
library on this side. Usage: test-http.py ATLS-VERIFIER TEST-EVIDENCE-TOOL [unittest options]."""

import base64
import concurrent.futures
import ctypes
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Dict, List, NamedTuple, Optional

VERIFIER = ""
TOOL = ""
SESSION_TYPE = "application/vnd.veraison.challenge-response-session+json"
NEW = "/challenge-response/v1/newSession"
CORIM_TYPE = 'application/rim+cbor; profile="tag:arm.com,2025:psa#1.0.0"'
CAB_TYPE = "application/cmw+cbor"
PSA_TYPE = 'application/eat-cwt; profile="http://arm.com/psa/2.0.0"'


def evidence(kind: str, nonce: Optional[bytes] = None) -> bytes:
    arguments = [TOOL, kind] + ([nonce.hex()] if nonce is not None else [])
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Answer(NamedTuple):
    status: int
    headers: Dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


PATIENCE = 600.0  # with what ends by itself where all is well


class Verifier:
    """The program, started with flags; its events are read from its standard output's file."""

    def __init__(self, *flags: str) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.events_file = pathlib.Path(self.directory.name) / "events"
        self.process = subprocess.Popen(
            [VERIFIER, "--events", str(self.events_file), *flags], stderr=subprocess.PIPE
        )
        self.port = int(self.wait_for("ready")["port"])

    def events(self) -> List[Dict[str, Any]]:
        if not self.events_file.exists():
            return []
        lines = self.events_file.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def wait_for(self, name: str) -> Dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for event in self.events():
                if event["event"] == name:
                    return event
            if self.process.poll() is not None:
                raise RuntimeError(f"the verifier ended with {self.process.returncode}")
            time.sleep(0.01)
        raise RuntimeError(f"no {name} event")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=PATIENCE)
        self.directory.cleanup()
        if errors:
            raise RuntimeError(errors.decode())
        return self.process.returncode

    def connect(self, timeout: float = PATIENCE) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        body: Optional[bytes] = None,
        content_type: Optional[str] = None,
        accept: Optional[str] = None,
        connection: Optional[http.client.HTTPConnection] = None,
        timeout: float = PATIENCE,
    ) -> Answer:
        used = connection or self.connect(timeout)
        headers = {}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if accept is not None:
            headers["Accept"] = accept
        try:
            used.request(method, path, body=body, headers=headers)
            response = used.getresponse()
            answer = Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            if connection is None:
                used.close()
        return answer

    def new_session(self, query: str = "") -> Answer:
        return self.ask("POST", NEW + query)

    def session_path(self, answer: Answer) -> str:
        return "/challenge-response/v1/" + answer.headers["Location"]

    def exchange(self, kind: str, content_type: str) -> Dict[str, Any]:
        """A session, evidence over its nonce, the claims of the result."""
        created = self.new_session()
        nonce = unbase64(created.json()["nonce"])
        posted = self.ask(
            "POST", self.session_path(created), evidence(kind, nonce), content_type, SESSION_TYPE
        )
        if posted.status != 200:
            raise RuntimeError(f"{posted.status}: {posted.body!r}")
        claims: Dict[str, Any] = json.loads(unbase64(posted.json()["result"].split(".")[1]))
        return claims


class WithVerifier(unittest.TestCase):
    flags: List[str] = []

    def setUp(self) -> None:
        self.corim = tempfile.NamedTemporaryFile()
        self.corim.write(evidence("corim"))
        self.corim.flush()
        self.verifier = Verifier("--endorsements", self.corim.name, *self.flags)

    def tearDown(self) -> None:
        self.assertEqual(self.verifier.stop(), 0)
        self.corim.close()


class Appraisal(WithVerifier):
    flags = ["--identity", "urn:test:verifier"]

    def test_cab(self) -> None:
        claims = self.verifier.exchange("cab", CAB_TYPE)
        submod = claims["submods"]["PSA_KAT"]
        self.assertEqual(submod["ear.status"], "affirming")
        self.assertEqual(claims["iss"], "urn:test:verifier")
        self.assertEqual(claims["exp"] - claims["iat"], 300)
        self.assertEqual(claims["eat_profile"], "tag:github.com,2023:veraison/ear")
        self.assertEqual(set(submod["ear.trustworthiness-vector"].values()), {0, 2})
        self.assertEqual(len(submod["ear.trustworthiness-vector"]), 8)
        spki = unbase64(submod["ear.veraison.key-attestation"]["akpub"])
        self.assertEqual(len(spki), 91)
        nonce = self.verifier.wait_for("session")["nonce"]
        self.assertEqual(unbase64(claims["eat_nonce"].rstrip("=")).hex(), nonce)
        event = self.verifier.wait_for("appraisal")
        self.assertEqual((event["status"], event["reason"]), ("affirming", "ok"))
        endorsed = self.verifier.wait_for("endorsed")
        self.assertEqual((endorsed["reference_values"], endorsed["trust_anchors"]), (3, 1))

    def test_psa_token(self) -> None:
        claims = self.verifier.exchange("psa", PSA_TYPE)
        submod = claims["submods"]["PSA_IOT"]
        self.assertEqual(submod["ear.status"], "affirming")
        self.assertNotIn("ear.veraison.key-attestation", submod)
        evidence_claims = submod["ear.veraison.annotated-evidence"]
        self.assertEqual(evidence_claims["eat-profile"], "http://arm.com/psa/2.0.0")

    def test_flipped_component(self) -> None:
        claims = self.verifier.exchange("flipped", CAB_TYPE)
        submod = claims["submods"]["PSA_KAT"]
        self.assertEqual(submod["ear.status"], "warning")
        self.assertEqual(submod["ear.trustworthiness-vector"]["executables"], 33)
        policy = submod["ear.veraison.policy-claims"]
        expected = [{"component": "FW", "expected": ["f2" * 32], "measured": "f3" * 32}]
        self.assertEqual(policy["atls.reason"], "reference-value-mismatch")
        self.assertEqual(policy["atls.mismatches"], expected)
        self.assertEqual(self.verifier.wait_for("appraisal")["mismatches"], expected)

    def test_stale_nonce(self) -> None:
        created = self.verifier.new_session()
        path = self.verifier.session_path(created)
        posted = self.verifier.ask("POST", path, evidence("cab", b"s" * 32), CAB_TYPE)
        self.assertEqual(posted.status, 200)  # the verdict is in the result
        self.assertEqual(self.verifier.wait_for("appraisal")["reason"], "nonce-mismatch")

    def test_given_nonce_and_session(self) -> None:
        nonce = bytes(range(48))
        text = base64.urlsafe_b64encode(nonce).decode()
        created = self.verifier.new_session("?nonce=" + text.replace("=", "%3D"))
        self.assertEqual(created.status, 201)
        self.assertEqual(created.json()["nonce"], text.rstrip("="))
        self.assertRegex(created.headers["Location"], r"^session/[0-9a-f]{8}-([0-9a-f]{4}-){3}")
        path = self.verifier.session_path(created)
        self.assertEqual(self.verifier.ask("GET", path).json(), created.json())
        self.assertEqual(self.verifier.ask("DELETE", path).status, 204)
        self.assertEqual(self.verifier.ask("GET", path).status, 404)

    def test_hidden_zero_byte(self) -> None:
        self.assertEqual(self.verifier.new_session("?nonceSize=32%00").status, 400)
        self.assertEqual(self.verifier.new_session("?nonceSize=%33%32").status, 201)

    def test_provisioning_makes_a_device_known(self) -> None:
        self.verifier.stop()
        self.verifier = Verifier()
        claims = self.verifier.exchange("cab", CAB_TYPE)
        policy = claims["submods"]["PSA_KAT"]["ear.veraison.policy-claims"]
        self.assertEqual(policy["atls.reason"], "unknown-attestation-key")
        submit = "/endorsement-provisioning/v1/submit"
        answer = self.verifier.ask("POST", submit, evidence("corim"), CORIM_TYPE)
        self.assertEqual((answer.status, answer.json()["status"]), (200, "success"))
        claims = self.verifier.exchange("cab", CAB_TYPE)
        self.assertEqual(claims["submods"]["PSA_KAT"]["ear.status"], "affirming")


class Http(WithVerifier):
    def test_keep_alive(self) -> None:
        connection = self.verifier.connect()
        for method, path, status in [
            ("POST", NEW, 201),
            ("GET", "/nowhere", 404),
            ("POST", NEW + "?nonceSize=1", 400),
            ("GET", "/.well-known/veraison/verification", 200),
            ("POST", NEW, 201),
        ]:
            answer = self.verifier.ask(method, path, connection=connection)
            self.assertEqual(answer.status, status)
            self.assertIsNotNone(connection.sock, "the connection must stay")
        connection.close()

    def test_body_limit(self) -> None:
        path = "/challenge-response/v1/session/5c5bd88b-c922-482b-ad9f-097e187b42a1"
        limit = 1 << 20
        for size, status in [(limit, 404), (limit + 1, 413), (4 * limit, 413)]:
            answer = self.verifier.ask("POST", path, b"x" * size, PSA_TYPE)
            self.assertEqual(answer.status, status)
        with self.assertRaises((ConnectionError, http.client.HTTPException, OSError)):
            self.verifier.ask("POST", path, b"x" * (32 * limit), PSA_TYPE)
        self.assertEqual(self.verifier.new_session().status, 201)

    def test_not_http(self) -> None:
        for junk in [
            b"\x00" * 100,
            b"\x16\x03\x01\x02\x00",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
        ]:
            with socket.create_connection(("127.0.0.1", self.verifier.port), timeout=PATIENCE) as s:
                s.sendall(junk)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
        self.assertEqual(self.verifier.new_session().status, 201)

    def test_request_events(self) -> None:
        self.verifier.ask("GET", "/%ff%00%22")
        event = self.verifier.wait_for("request")
        self.assertEqual((event["method"], event["status"]), ("GET", 404))
        self.assertNotIn("invalid", event)
        # What is not printable is shown as everywhere: as \\xNN, and nothing else stands for it.
        self.verifier.ask("GET", "/a%1b%c3%bcb")
        end = time.monotonic() + PATIENCE
        paths: List[str] = []
        while len(paths) < 2 and time.monotonic() < end:
            paths = [one["path"] for one in self.verifier.events() if one["event"] == "request"]
        self.assertIn("/a\\x1b\\xc3\\xbcb", paths)


# One request as it goes over the wire; how many answers come, and the first one's status. A request
# with two readings must be refused, and what could be its body must not be read as another one.
DISCOVERY = "/.well-known/veraison/verification"
SMUGGLED = "DELETE /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
V = " HTTP/1.1\r\n"
X = V + "Host: x\r\n"
TWO_LENGTHS = f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}"
CHUNKED = "Transfer-Encoding: chunked\r\n"
EMPTY = "Content-Length: 0\r\n\r\n"
RAW = [
    # clause, what, request, statuses
    ("RFC 9112 3.2", "Host", f"GET {DISCOVERY}{X}\r\n", [200]),
    ("RFC 9112 3.2", "Host with a port", f"GET {DISCOVERY}{V}Host: [::1]:1\r\n\r\n", [200]),
    ("RFC 9112 3.2", "empty Host", f"GET {DISCOVERY}{V}Host:\r\n\r\n", [200]),
    ("RFC 9112 3.2", "no Host", f"GET {DISCOVERY}{V}\r\n", [400]),
    ("RFC 9112 3.2", "no Host in HTTP/1.0", f"GET {DISCOVERY} HTTP/1.0\r\n\r\n", [200]),
    ("RFC 9112 3.2", "two Hosts", f"GET {DISCOVERY}{X}Host: x\r\n\r\n", [400]),
    ("RFC 9112 3.2", "a path as Host", f"GET {DISCOVERY}{V}Host: x/y\r\n\r\n", [400]),
    ("RFC 9112 3.2", "a blank in Host", f"GET {DISCOVERY}{V}Host: x y\r\n\r\n", [400]),
    ("RFC 9112 3.2", "two ports in Host", f"GET {DISCOVERY}{V}Host: x:1:2\r\n\r\n", [400]),
    ("RFC 9112 3.2.2", "absolute-form", f"GET http://x{DISCOVERY}{X}\r\n", [200]),
    (
        "RFC 9112 3.2.2",
        "its scheme in capitals",
        f"GET HTTP://x:1{DISCOVERY}{V}Host: y\r\n\r\n",
        [200],
    ),
    (
        "RFC 9112 3.2.2",
        "absolute-form and a query",
        f"POST http://x{NEW}?nonceSize=8{X}{EMPTY}",
        [201],
    ),
    ("RFC 9112 3.2.2", "absolute-form without a path", f"GET http://x{X}\r\n", [404]),
    ("RFC 9112 3.2.2", "absolute-form, no Host", f"GET http://x{DISCOVERY}{V}\r\n", [400]),
    ("RFC 3986 2.1", "%00 in the path", f"POST {NEW}%00/x{X}{EMPTY}", [404]),
    ("RFC 3986 2.1", "%00 at its end", f"GET {DISCOVERY}%00{X}\r\n", [404]),
    ("RFC 3986 2.1", "%00 in a parameter", f"POST {NEW}?nonceSize=32%00{X}{EMPTY}", [400]),
    ("RFC 9112 3", "a zero byte in the path", f"GET {DISCOVERY}\0{X}\r\n", [400]),
    ("RFC 9110 5.5", "a zero byte in a field", f"GET {DISCOVERY}{X}X: a\0b\r\n\r\n", [400]),
    ("RFC 9110 5.5", "a zero byte at its end", f"GET {DISCOVERY}{X}X: a\0\r\n\r\n", [400]),
    (
        "RFC 9110 5.5",
        "a zero byte, other fields behind",
        f"GET {DISCOVERY}{V}X: a\0; b\r\nHost: x\r\n\r\n",
        [400],
    ),
    (
        "RFC 9110 5.5",
        "a control character in a field",
        f"GET {DISCOVERY}{X}X: a\x01b\r\n\r\n",
        [400],
    ),
    ("RFC 9110 5.5", "DEL in a field", f"GET {DISCOVERY}{X}X: a\x7fb\r\n\r\n", [400]),
    ("RFC 9110 5.6.2", "a blank before the colon", f"GET {DISCOVERY}{X}X : a\r\n\r\n", [400]),
    ("RFC 9112 5.2", "a folded line", f"GET {DISCOVERY}{X}X: a\r\n b\r\n\r\n", [400]),
    (
        "RFC 9112 5",
        "blanks around a value",
        f"GET {DISCOVERY}{V}Host: \t x \t\r\nAccept:  */*\t \r\n\r\n",
        [200],
    ),
    ("RFC 9112 6.3", "two lengths", f"POST /nope{X}{TWO_LENGTHS}", [400]),
    (
        "RFC 9112 6.3",
        "the same length twice",
        f"POST /nope{X}"
        f"Content-Length: {len(SMUGGLED)}\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
        [400],
    ),
    (
        "RFC 9112 6.3",
        "length and chunks",
        f"POST /nope{X}Content-Length: 5\r\n{CHUNKED}\r\n0\r\n\r\n{SMUGGLED}",
        [400],
    ),
    (
        "RFC 9112 6.3",
        "chunks and length",
        f"POST /nope{X}{CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n{SMUGGLED}",
        [400],
    ),
    ("RFC 9112 6.3", "two lengths of a DELETE", f"DELETE /nope{X}{TWO_LENGTHS}", [400]),
    (
        "RFC 9112 6.1",
        "an unknown coding",
        f"POST /nope{X}Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        [501],
    ),
    (
        "RFC 9112 6.1",
        "gzip before chunked",
        f"POST /nope{X}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        [501],
    ),
    ("RFC 9112 6.1", "chunked twice", f"POST /nope{X}{CHUNKED}{CHUNKED}\r\n0\r\n\r\n", [501]),
    (
        "RFC 9112 6.1",
        "chunked",
        f"POST /nope{X}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        [404],
    ),
    (
        "RFC 9110 5.3",
        "Accept in two lines",
        f"GET {DISCOVERY}{X}Accept: text/html\r\nAccept: */*\r\n\r\n",
        [200],
    ),
    (
        "RFC 9110 5.3",
        "Content-Type in two lines",
        f"POST {NEW}{X}Content-Type: a/b\r\nContent-Type: c/d\r\n{EMPTY}",
        [400],
    ),
    ("RFC 9110 9.3.2", "HEAD", f"HEAD {DISCOVERY}{X}\r\n", [200]),
    ("RFC 9110 9.3.2", "HEAD of nothing", f"HEAD /nope{X}\r\n", [404]),
    ("RFC 9110 9.3.7", "OPTIONS", f"OPTIONS {NEW}{X}\r\n", [204]),
    ("RFC 9110 15.5.6", "another method", f"PUT {NEW}{X}{EMPTY}", [405]),
    ("RFC 9112 9.3", "two requests at once", 2 * f"GET {DISCOVERY}{X}\r\n", [200, 200]),
]
# Refused for what they ask, not for how: the next request may follow.
MEANT = ("%00 in a parameter", "Content-Type in two lines")
# Lengths that libmicrohttpd itself refuses: 0.9.75 writes that head twice, and closes.
BAD_LENGTHS = ["+5", "-1", "5, 5", "0x5", "5 5", "99999999999999999999999", ""]


class Raw(WithVerifier):
    def send(self, request: str) -> bytes:
        """What comes back until the connection ends, or nothing more does."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.verifier.port), timeout=20) as s:
            s.sendall(request.encode("latin-1"))
            s.shutdown(socket.SHUT_WR)
            try:
                while part := s.recv(65536):
                    got += part
            except ConnectionResetError:
                pass
        return got

    def test_heads(self) -> None:
        for clause, what, request, statuses in RAW:
            with self.subTest(clause=clause, what=what):
                if LIBRARY_ANSWERS:
                    statuses = BY_THE_LIBRARY.get(what, statuses)
                got = self.send(request)
                self.assertEqual(
                    [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)], statuses
                )
                if not statuses:
                    continue
                if statuses[0] in (400, 501) and what not in MEANT:
                    self.assertIn(b"Connection: close", got)
                if request.startswith("HEAD"):
                    self.assertTrue(got.endswith(b"\r\n\r\n"))
                    self.assertNotIn(b"Content-Length: 0", got)
                if statuses[0] in (204, 405):
                    self.assertIn(b"Allow: POST, OPTIONS\r\n", got)
        self.assertNotIn("/smuggled", [event.get("path") for event in self.verifier.events()])

    def test_lengths(self) -> None:
        for length in BAD_LENGTHS:
            with self.subTest(length=length):
                got = self.send(f"POST /nope{X}Content-Length: {length}\r\n\r\n{SMUGGLED}")
                codes = set(re.findall(rb"HTTP/1\.1 (\d{3}) ", got))
                self.assertLessEqual(codes, {b"400", b"413"})
                self.assertEqual(len(codes), 1)
        self.assertNotIn("/smuggled", [event.get("path") for event in self.verifier.events()])

    def test_slow_sender(self) -> None:
        """A request has its time as a whole, however often a byte of it comes."""
        self.verifier.stop()
        self.verifier = Verifier("--request-timeout", "1")
        with socket.create_connection(("127.0.0.1", self.verifier.port), timeout=60) as s:
            s.settimeout(0.2)
            s.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(300):
                try:
                    s.sendall(b"x")
                    if s.recv(1) == b"":
                        break
                except (socket.timeout, TimeoutError):
                    continue
                except OSError:
                    break
            else:
                self.fail("the connection is still there")
        self.assertEqual(self.verifier.new_session().status, 201)

    def test_provisioning_token(self) -> None:
        """RFC 6750 sections 2.1 and 3."""
        submit = "/endorsement-provisioning/v1/submit"
        token = "a-token-of-the-tests-0123456789=="
        path = pathlib.Path(self.verifier.directory.name) / "token"
        path.write_text(token + "\n")
        for bad in ("short", "a token with blanks in it", "=====================", ""):
            path.with_name("bad").write_text(bad)
            done = subprocess.run(
                [VERIFIER, "--provisioning-token", str(path.with_name("bad"))],
                stderr=subprocess.PIPE,
                timeout=20,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"--provisioning-token", done.stderr)
            self.assertNotIn(b"blanks", done.stderr)  # it is a secret all the same
        other = Verifier("--provisioning-token", str(path))
        self.addCleanup(other.stop)
        for given, status in [
            (None, 401),
            ("Bearer", 401),
            ("Bearer ", 401),
            (f"Bearer {token[:-1]}", 401),
            (f"Bearer {token}=", 401),
            (f"Basic {token}", 401),
            (f"Bearer{token}", 401),
            (token, 401),
            (f"Bearer {token}", 200),
            (f"bearer  {token}", 200),
        ]:
            with self.subTest(given=given):
                connection = other.connect()
                headers = {"Content-Type": CORIM_TYPE}
                if given is not None:
                    headers["Authorization"] = given
                connection.request("POST", submit, body=evidence("corim"), headers=headers)
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, status)
                challenge = answer.getheader("WWW-Authenticate") or ""
                self.assertEqual(challenge.startswith("Bearer realm="), status == 401)
                self.assertEqual("invalid_token" in challenge, status == 401 and given is not None)
                connection.close()
        self.assertEqual(other.new_session().status, 201)

    def test_token(self) -> None:
        """RFC 6750 section 3: the token of who asks for an appraisal, at all that is about one. The
        keys of results are for everybody, and endorsements have a token of their own."""
        token = "a-token-of-the-tests-0123456789"
        path = pathlib.Path(self.verifier.directory.name) / "token"
        path.write_text(token)
        other = Verifier("--token", str(path))
        self.addCleanup(other.stop)
        right = {"Authorization": f"Bearer {token}"}
        connection = other.connect()
        connection.request("POST", NEW, headers=right)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 201)
        session = "/challenge-response/v1/" + (answer.getheader("Location") or "")
        answer.read()
        corim = {"Content-Type": CORIM_TYPE}
        submit = "/endorsement-provisioning/v1/submit"
        known = "/.well-known/veraison/verification"
        for method, target, headers, body, status in [
            ("POST", NEW, {}, b"", 401),
            ("POST", NEW, {"Accept": "text/plain"}, b"", 401),
            ("POST", NEW, {"Authorization": "Bearer wrong"}, b"", 401),
            ("GET", session, {}, b"", 401),
            ("HEAD", session, {}, b"", 401),
            ("POST", session, {"Content-Type": CAB_TYPE}, b"x", 401),
            ("DELETE", session, {}, b"", 401),
            ("OPTIONS", session, {}, b"", 204),
            ("PUT", session, {}, b"", 405),
            ("GET", known, {}, b"", 200),
            ("POST", submit, corim, evidence("corim"), 200),
            ("GET", session, right, b"", 200),
            ("DELETE", session, right, b"", 204),
        ]:
            with self.subTest(method=method, target=target, headers=headers):
                connection.request(method, target, body=body, headers=headers)
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, status)
                challenge = answer.getheader("WWW-Authenticate") or ""
                expected = 'Bearer realm="challenge-response"' if status == 401 else ""
                self.assertEqual(challenge.partition(",")[0], expected)
                self.assertEqual(
                    "invalid_token" in challenge, status == 401 and "Auth" in str(headers)
                )
        connection.close()


# Which the requests of this test cannot bring about: own faults, and the two limits.
NOT_PROVOKED = {"429", "500", "503"}

# What libmicrohttpd since 0.9.77 answers by itself, before it asks: other codes, no problem
# document. RFC 9112 allows each: a folded line may be read as one with blanks (section 5.2), 400
# stands for any head that is wrong, and a request that is none may be left without an answer.
MICROHTTPD = ctypes.CDLL("libmicrohttpd.so.12")
MICROHTTPD.MHD_get_version.restype = ctypes.c_char_p
LIBRARY_ANSWERS = [int(n) for n in MICROHTTPD.MHD_get_version().split(b".")[:3]] >= [0, 9, 77]
BY_THE_LIBRARY = {
    "a zero byte in the path": [],
    "a folded line": [200],
    "an unknown coding": [400],
    "gzip before chunked": [400],
}
if LIBRARY_ANSWERS:
    NOT_PROVOKED = {*NOT_PROVOKED, "501"}


class Description(unittest.TestCase):
    """GET /.well-known/openapi: every method of every path, asked in the ways that lead to each
    code of the description, and never to another one. (That no path is missing: verifier/api.)"""

    def setUp(self) -> None:
        self.verifier = Verifier()
        self.addCleanup(self.verifier.stop)
        answer = self.verifier.ask("GET", "/.well-known/openapi")
        self.assertEqual(answer.headers["Content-Type"], "application/vnd.oai.openapi+json")
        self.document = answer.json()
        for accept in ("application/json", "application/vnd.oai.openapi+json", "*/*"):
            again = self.verifier.ask("GET", "/.well-known/openapi", accept=accept)
            self.assertEqual((again.status, again.body), (200, answer.body))

    def resolve(self, item: Any) -> Any:
        """What a reference within the document stands for."""
        while "$ref" in item:
            found = self.document
            for name in item["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            item = found
        return item

    def send(self, method: str, path: str, headers: Dict[str, str], body: bytes) -> Answer:
        connection = self.verifier.connect()
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "Transfer-Encoding" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def check(self, method: str, answer: Answer, described: Any) -> None:
        """Headers, media type and the members of a body."""
        for name, header in described.get("headers", {}).items():
            self.assertTrue(self.resolve(header)["required"])
            self.assertRegex(answer.headers[name], self.resolve(header)["schema"]["pattern"])
        if method == "HEAD" or "content" not in described:
            self.assertEqual(answer.body, b"")
            return
        ((media_type, content),) = described["content"].items()
        self.assertEqual(answer.headers["Content-Type"], media_type)
        members = set(answer.json())
        schemas = [self.resolve(content["schema"])]
        schemas += [self.resolve(schema) for schema in schemas[0].get("allOf", [])]
        for schema in schemas:
            self.assertLessEqual(set(schema.get("required", [])), members)
        if media_type != "application/vnd.oai.openapi+json":  # whose other members are not told
            known = {name for schema in schemas for name in schema["properties"]}
            self.assertLessEqual(members, known)

    def ways(self, operation: Any) -> List[Any]:
        """Path parameter, query, headers, body of requests."""
        content = operation.get("requestBody", {}).get("content", {"text/plain": {}})
        other = {"Content-Type": "text/x-other"}
        made = []
        for media_type in content:
            typed = {"Content-Type": media_type}
            made += [("", typed, b""), ("", typed, b"{}"), ("", typed, b"\xff")]
            if "requestBody" in operation:
                good = "corim" if "rim" in media_type else "cab" if "cmw" in media_type else "psa"
                made.append(("", typed, evidence(good, None if good == "corim" else b"n" * 32)))
        return made + [
            ("?nonceSize=1&nonce=1", {}, b""),
            ("", {}, b"x"),
            ("", other, b"x"),
            ("", {"Accept": "text/x-other"}, b"x"),
            ("", {"Content-Type": next(iter(content))}, bytes((1 << 20) + 1)),
            *([] if LIBRARY_ANSWERS else [("", {"Transfer-Encoding": "gzip"}, b"")]),
            ("", {"Host": "another"}, b""),  # the second one
        ]

    def walk(self, path: str, method: str, operation: Any) -> None:
        responses = {code: self.resolve(one) for code, one in operation["responses"].items()}
        seen = set()
        for query, headers, body in self.ways(operation):
            there = self.verifier.new_session().headers["Location"].removeprefix("session/")
            for session in (there, "5c5bd88b-c922-482b-ad9f-097e187b42a1", "no-uuid"):
                target = path.replace("{session}", session) + query
                with self.subTest(method=method, target=target, headers=headers, body=body[:20]):
                    answer = self.send(method, target, headers, body)
                    seen.add(str(answer.status))
                    self.assertIn(str(answer.status), responses)
                    self.check(method, answer, responses[str(answer.status)])
        with self.subTest(method=method, path=path):
            self.assertEqual(seen | NOT_PROVOKED, set(responses) | NOT_PROVOKED)

    def test_each_code_of_each_operation(self) -> None:
        for path, item in self.document["paths"].items():
            for method in item.keys() - {"parameters"}:
                if "security" in item[method]:
                    item[method]["responses"].pop("401")  # test_provisioning_token, test_token
                self.walk(path, method.upper(), item[method])

    def test_other_methods(self) -> None:
        refused = self.document["components"]["responses"]["MethodNotAllowed"]
        for path, item in self.document["paths"].items():
            target = path.replace("{session}", "5c5bd88b-c922-482b-ad9f-097e187b42a1")
            known = {method.upper() for method in item.keys() - {"parameters"}}
            for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - known:
                with self.subTest(method=method, path=path):
                    answer = self.send(method, target, {}, b"")
                    self.assertEqual(answer.status, 405)
                    self.assertEqual(set(answer.headers["Allow"].split(", ")), known)
                    self.check(method, answer, refused)


class Faults(WithVerifier):
    def restart(self, *flags: str) -> None:
        self.verifier.stop()
        self.verifier = Verifier(*flags)

    def test_crowd_is_not_queued(self) -> None:
        self.restart("--fault", "delay=1000@new-session")
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(lambda _: self.verifier.new_session(), range(200)))
        self.assertEqual({answer.status for answer in answers}, {201})
        self.assertEqual(len({answer.headers["Location"] for answer in answers}), 200)
        waiting, most = 0, 0  # one after the other there would be one at a time
        for event in self.verifier.events():
            waiting += {"fault": 1, "request": -1}.get(event["event"], 0)
            most = max(most, waiting)
        self.assertGreaterEqual(most, 4)

    def test_status_and_garbage(self) -> None:
        self.restart("--fault", "status=503@new-session", "--fault", "garbage@discovery")
        answer = self.verifier.new_session()
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.json()["status"], 503)
        answer = self.verifier.ask("GET", "/.well-known/veraison/verification")
        self.assertEqual(answer.status, 200)
        with self.assertRaises(ValueError):
            answer.json()
        self.assertEqual(self.verifier.wait_for("fault")["name"], "status")

    def test_close(self) -> None:
        self.restart("--fault", "close@new-session")
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.verifier.new_session()

    def test_hang_ends_with_the_verifier(self) -> None:
        self.restart("--fault", "hang@new-session")
        with self.assertRaises(socket.timeout):
            self.verifier.ask("POST", NEW, timeout=0.5)
        hanging = self.verifier.connect()
        hanging.request("POST", NEW)
        self.assertEqual(self.verifier.stop(), 0)
        hanging.close()
        self.verifier = Verifier()

    def test_session_is_the_default_endpoint(self) -> None:
        self.restart("--fault", "status=500")
        created = self.verifier.new_session()
        self.assertEqual(created.status, 201)
        self.assertEqual(self.verifier.ask("GET", self.verifier.session_path(created)).status, 500)


class Dialects(unittest.TestCase):
    def test_nonce_as_standard_base64(self) -> None:
        verifier = Verifier("--nonce-dialect", "base64")
        created = verifier.new_session("?nonce=" + "_" * 16)
        self.assertEqual(created.json()["nonce"], "/" * 16)
        created = verifier.new_session("?nonceSize=8")
        self.assertEqual(len(base64.b64decode(created.json()["nonce"], validate=True)), 8)
        self.assertTrue(created.json()["nonce"].endswith("="))
        self.assertEqual(verifier.stop(), 0)


class Keys(unittest.TestCase):
    def test_public_key_and_no_private_key(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            public = pathlib.Path(directory) / "public.jwk"
            verifier = Verifier("--public-key", str(public))
            key = json.loads(public.read_text())
            self.assertEqual(set(key), {"kty", "crv", "x", "y", "alg"})
            discovery = verifier.ask("GET", "/.well-known/veraison/verification").json()
            self.assertEqual(discovery["ear-verification-key"], key)
            events = verifier.events_file.read_text()
            self.assertNotIn('"d"', events)
            self.assertEqual(verifier.stop(), 0)

    def test_sqlite_outlives(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            corim = pathlib.Path(directory) / "corim"
            corim.write_bytes(evidence("corim"))
            store = f"sqlite:{directory}/store"
            verifier = Verifier("--store", store, "--endorsements", str(corim))
            self.assertEqual(verifier.stop(), 0)
            verifier = Verifier("--store", store)
            claims = verifier.exchange("cab", CAB_TYPE)
            self.assertEqual(claims["submods"]["PSA_KAT"]["ear.status"], "affirming")
            self.assertEqual(verifier.stop(), 0)


class CommandLine(unittest.TestCase):
    def test_exit_codes(self) -> None:
        table = [
            (["--help"], 0),
            (["--version"], 0),
            (["--no-such-flag"], 2),
            (["positional"], 2),
            (["--result-lifetime", "0"], 2),
            (["--session-lifetime", "x"], 2),
            (["--fault", "delay=x"], 2),
            (["--fault", "explode"], 77),
            (["--fault", "hang@nowhere"], 77),
            (["--nonce-dialect", "base32"], 77),
            (["--ear-dialect", "draft-99"], 77),
            (["--store", "postgres"], 77),
            (["--endorsements", "/nowhere"], 1),
            (["--endorsements", "/dev/null"], 1),
            (["--key", "/nowhere"], 1),
            (["--listen", "127.0.0.1:99999"], 1),
            (["--listen", "somewhere"], 1),
            (["--listen", "192.0.2.1:0"], 1),
        ]
        for flags, code in table:
            done = subprocess.run(
                [VERIFIER, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE
            )
            self.assertEqual(done.returncode, code, flags)
            if code != 0:
                self.assertTrue(done.stderr, flags)

    def test_version(self) -> None:
        done = subprocess.run([VERIFIER, "--version"], stdout=subprocess.PIPE, check=True)
        self.assertTrue(re.match(rb"atls-verifier \d+\.\d+\.\d+\n$", done.stdout))

    def test_dies_with_its_parent(self) -> None:
        script = (
            "import subprocess, sys, time\n"
            "p = subprocess.Popen([sys.argv[1], '--events', sys.argv[2]])\n"
            "print(p.pid, flush=True)\n"
            "import pathlib\n"
            "while 'ready' not in (pathlib.Path(sys.argv[2]).read_text()"
            " if pathlib.Path(sys.argv[2]).exists() else ''):\n"
            "    time.sleep(0.01)\n"
        )
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                [sys.executable, "-c", script, VERIFIER, f"{directory}/events"],
                stdout=subprocess.PIPE,
                check=True,
                timeout=PATIENCE,
            )
            status = pathlib.Path(f"/proc/{int(done.stdout)}/stat")
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                try:
                    if status.read_text().split(") ")[1][0] == "Z":
                        return
                except (FileNotFoundError, ProcessLookupError):
                    return
                time.sleep(0.02)
        self.fail("the verifier outlives its parent")


if __name__ == "__main__":
    VERIFIER, TOOL = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""atls-verifier as its clients meet it: the real program, over HTTP, nothing but the standard
library on this side."""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import List

from under_test import (
    CAB_TYPE,
    CORIM_TYPE,
    NEW,
    PATIENCE,
    PSA_TYPE,
    VERIFIER,
    Verifier,
    WithVerifier,
    evidence,
    unbase64,
)

DISCOVERY = "/.well-known/veraison/verification"


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
            ("GET", DISCOVERY, 200),
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

    def test_who_came_when_no_descriptor_was_left_gets_in(self) -> None:
        """And the clients that keep their connections need not go for it."""
        kept = [self.verifier.connect() for _ in range(8)]
        for connection in kept:
            self.verifier.ask("GET", DISCOVERY, connection=connection)
        process = self.verifier.process.pid
        used = max(int(name) for name in os.listdir(f"/proc/{process}/fd"))
        before = resource.prlimit(process, resource.RLIMIT_NOFILE)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (used + 1, before[1]))
        late = [self.verifier.connect() for _ in range(4)]
        for connection in late:
            connection.request("GET", DISCOVERY)
        select.select([connection.sock for connection in kept], [], [], PATIENCE)  # one ends
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)
        for connection in late:
            self.assertEqual(connection.getresponse().status, 200)
        self.assertEqual(self.verifier.new_session().status, 201)
        ended = 0
        for connection in kept:
            try:
                self.verifier.ask("GET", DISCOVERY, connection=connection)
            except (ConnectionError, http.client.HTTPException):
                ended += 1
        self.assertIn(
            ended, range(1, len(kept)), "one of each thread makes room, not their idle time"
        )
        for connection in [*kept, *late]:
            connection.close()

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
        answer = self.verifier.ask("GET", DISCOVERY)
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
            discovery = verifier.ask("GET", DISCOVERY).json()
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
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

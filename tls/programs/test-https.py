#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that ask a verifier over HTTPS, with a token: whom they trust, whom they tell what, and
what they say where it does not work.

The certificates are made here with python3-cryptography, and checked by libcurl.
"""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from processes import PATIENCE, Event, Process

CLIENT, SERVER, DEVICE, VERIFIER, ENROLL = sys.argv[1:6]
TOKEN = "a-token-of-the-tests-0123456789"
DAY = datetime.timedelta(days=1)


class Authority:
    """A CA, and the certificates that it issues, as files."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        made = self._signed(self.subject, self.key, True, [], -1, 10)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _signed(
        self, subject: x509.Name, key: Any, is_ca: bool, names: list[str], begin: int, end: int
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin * DAY)
            .not_valid_after(now + end * DAY)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        )
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name: str, names: list[str], begin: int = -1, end: int = 10) -> list[str]:
        """The flags of a server with a certificate for NAMES, valid between days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self.folder / f"{name}.pem"
        private = self.folder / f"{name}.key"
        made = self._signed(subject, key, False, names, begin, end)
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return ["--tls-certificate", str(certificate), "--tls-key", str(private)]


class Https(unittest.TestCase):
    """One device and one CA for all, a verifier for each row."""

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        cls.authority = Authority(cls.folder, "known")
        cls.stranger = Authority(cls.folder, "stranger")
        cls.good = cls.authority.issue("here", ["127.0.0.1", "localhost"])
        cls.token = cls.folder / "token"
        cls.token.write_text(TOKEN + "\nwhat follows is not read\n", encoding="ascii")
        cls.wrong_token = cls.folder / "wrong-token"
        cls.wrong_token.write_text(TOKEN + "-wrong", encoding="ascii")
        cls.corims = []
        cls.devices = {}
        for seed in (1, 2):
            corim = cls.folder / f"endorsements-{seed}"
            provision = [DEVICE, "provision", "--seed", str(seed), "--output", str(corim)]
            subprocess.run(provision, check=True)
            cls.corims += ["--endorsements", str(corim)]
            path = cls.folder / f"device-{seed}"
            flags = ["--listen", f"unix:{path}", "--seed", str(seed)]
            process = Process(cls.folder, f"device-{seed}", [DEVICE, *flags])
            cls.addClassCleanup(process.end)
            process.ready()
            cls.devices[seed] = f"unix:{path}"

    def start(self, name: str, argv: list[str]) -> Process:
        process = Process(self.folder, name, argv)
        self.addCleanup(process.end)
        return process

    def verifier(self, *flags: str) -> str:
        """Host and port."""
        known = ["--listen", "127.0.0.1:0", "--identity", "v.example", *self.corims]
        process = self.start("verifier", [VERIFIER, *known, *flags])
        return str(process.ready()["address"])

    def passport(self, url: str, *flags: str) -> tuple[int, str]:
        """A result fetched from a verifier: exit code, and all that was said."""
        asked = [ENROLL, "--device", self.devices[1], "--csr", str(self.folder / "csr"), "--cmw"]
        asked += ["auto", "--attester", "passport", "--verifier", url, *flags, "--events", "-"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE)
        said = done.stdout + done.stderr
        self.assertNotIn(TOKEN, said)
        return done.returncode, said

    def test_certificates(self) -> None:
        """RFC 9110 sections 4.2.2 and 4.3.4: what a verifier shows, and what is said of it."""
        ca = ["--verifier-ca", str(self.authority.file)]
        issue = self.authority.issue
        here = ["127.0.0.1", "localhost"]
        other = ["--verifier-ca", str(self.stranger.file)]
        rows: list[tuple[str, list[str], str, list[str], str]] = [
            ("by address", self.good, "https://127.0.0.1:{}", ca, ""),
            ("by name", self.good, "https://localhost:{}", ca, ""),
            ("machine's CAs", self.good, "https://127.0.0.1:{}", [], "CA that is not known here"),
            ("unknown CA", self.good, "https://127.0.0.1:{}", other, "CA that is not known here"),
            ("expired", issue("old", here, -9, -2), "https://127.0.0.1:{}", ca, "has expired"),
            ("too early", issue("new", here, 2), "https://127.0.0.1:{}", ca, "is not valid yet"),
            ("other name", issue("far", ["far.example"]), "https://localhost:{}", ca, "far"),
            ("other address", issue("ip", ["127.0.0.9"]), "https://127.0.0.1:{}", ca, "127.0.0.1"),
            ("no name", issue("none", []), "https://127.0.0.1:{}", ca, "127.0.0.1"),
            ("no TLS there", [], "https://127.0.0.1:{}", ca, "expected TLS"),
            ("TLS there", self.good, "http://127.0.0.1:{}", ca, "127.0.0.1"),
        ]
        for name, served, url, flags, expected in rows:
            with self.subTest(name):
                port = self.verifier(*served).rpartition(":")[2]
                code, said = self.passport(url.format(port), *flags)
                self.assertEqual(code, 1 if expected else 0, said)
                self.assertIn(expected, said)

    def test_tokens(self) -> None:
        """RFC 6750: a token in a file, shown to the verifier alone; a 401 says what to do."""
        served = [*self.good, "--token", str(self.token)]
        auth = "--verifier-auth"
        rows = [
            ("right", served, [auth, str(self.token)], ""),
            ("missing", served, [], "came 401 (it wants a token, or another one: --verifier-auth"),
            ("wrong", served, [auth, str(self.wrong_token)], "came 401 (it wants a token"),
            ("not wanted", self.good, [auth, str(self.token)], ""),
        ]
        for name, flags, asked, expected in rows:
            with self.subTest(name):
                url = f"https://{self.verifier(*flags)}"
                code, said = self.passport(url, "--verifier-ca", str(self.authority.file), *asked)
                self.assertEqual(code, 1 if expected else 0, said)
                self.assertIn(expected, said)

    def test_files_and_places(self) -> None:
        """What is wrong before anybody is asked. No row shows what is in a token's file."""
        url = "https://127.0.0.1:1"
        blanks = self.folder / "blanks"
        blanks.write_text("secret with blanks", encoding="ascii")
        empty = self.folder / "empty"
        empty.write_text("")
        auth = ["--verifier-auth", str(self.token)]
        rows: list[tuple[str, list[str], str]] = [
            (url, ["--verifier-ca", "/nonexistent"], "/nonexistent"),
            (url, ["--verifier-ca", str(blanks)], "--verifier-ca"),
            (url, ["--verifier-ca", str(empty)], "--verifier-ca"),
            (url, ["--verifier-auth", "/nonexistent"], "/nonexistent"),
            (url, ["--verifier-auth", str(blanks)], "expected a line of 1 characters or more"),
            (url, ["--verifier-auth", str(empty)], "expected a line of 1 characters or more"),
            ("http://verifier.example", auth, "expected an https verifier"),
            ("https://user:secret@127.0.0.1:1", [], "without a password"),
        ]
        for place, flags, expected in rows:
            with self.subTest(place=place, flags=flags):
                code, said = self.passport(place, *flags)
                self.assertIn(code, (1, 2))
                self.assertIn(expected, said)
                self.assertNotIn("secret", said)

    def test_token_goes_nowhere_else(self) -> None:
        """A session may lie elsewhere (Location); the token is not for there. A redirection is not
        followed."""
        seen: list[tuple[str, str | None]] = []
        elsewhere = self.verifier(*self.good)

        class Leading(http.server.BaseHTTPRequestHandler):
            """A verifier on this machine that sends its clients away."""

            status = 201

            def do_POST(self) -> None:  # pylint: disable=invalid-name
                seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(self.status)
                self.send_header("Location", f"{away}/session/1")
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                nonce = "A" * 43
                self.wfile.write(json.dumps({"status": "waiting", "nonce": nonce}).encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Not here."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Leading)
        second = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Leading)
        for one in (server, second):
            threading.Thread(target=one.serve_forever, daemon=True).start()
            self.addCleanup(one.server_close)
            self.addCleanup(one.shutdown)
        away = f"http://127.0.0.1:{second.server_port}"
        flags = ["--verifier-auth", str(self.token)]
        self.passport(f"http://127.0.0.1:{server.server_port}", *flags)
        at_home = [token for path, token in seen if "newSession" in path]
        abroad = [token for path, token in seen if path == "/session/1"]
        self.assertEqual(at_home, [f"Bearer {TOKEN}"])
        self.assertTrue(all(token is None for token in abroad), abroad)
        away = f"https://{elsewhere}"
        Leading.status = 307
        code, said = self.passport(f"http://127.0.0.1:{server.server_port}", *flags)
        self.assertEqual(code, 1)
        self.assertIn("came 307 (a redirection, which is not followed", said)

    def test_both_models_by_both_sides(self) -> None:
        """Client and server attest each other, and ask over HTTPS with a token."""
        url = f"https://{self.verifier(*self.good, '--token', str(self.token))}"
        ca = ["--verifier-ca", str(self.authority.file)]
        asks = ["--verifier", url, *ca, "--verifier-auth", str(self.token)]
        for model in ("background-check", "passport"):
            with self.subTest(model):
                flags = ["--profile", "ta-07", "--attester", model, "--relying-party", model]
                flags += [*asks, "--verifier-id", "v.example"]
                if model == "passport":
                    flags += ["--trust-verifier", f"v.example={url}"]
                listen = ["--listen", "127.0.0.1:0", "--max-connections", "1"]
                server = self.start(
                    "server", [SERVER, *listen, *flags, "--device", self.devices[2]]
                )
                connect = ["--connect", f"127.0.0.1:{server.ready()['port']}"]
                client = self.start(
                    "client", [CLIENT, *connect, *flags, "--device", self.devices[1]]
                )
                self.assertEqual([client.exit_code(), server.exit_code()], [0, 0])
                said: list[Event] = client.events("handshake") + server.events("handshake")
                self.assertEqual([one["peer_attested"] for one in said], [model, model])

    def test_reason_and_clause(self) -> None:
        """What a relying party tells in its events where it cannot ask."""
        url = f"https://{self.verifier(*self.good, '--token', str(self.token))}"
        ca = ["--verifier-ca", str(self.authority.file)]
        rows = [
            ([], "verifier-unreachable", "RFC 9110 section 4.3.4"),
            (ca, "verifier-error", "Veraison challenge-response API"),
        ]
        for asks, reason, clause in rows:
            with self.subTest(reason):
                flags = ["--profile", "ta-07", "--attester", "background-check"]
                flags += ["--device", self.devices[2], "--listen", "127.0.0.1:0"]
                server = self.start("server", [SERVER, *flags, "--max-connections", "1"])
                flags = ["--profile", "ta-07", "--relying-party", "background-check"]
                flags += ["--connect", f"127.0.0.1:{server.ready()['port']}"]
                client = self.start("client", [CLIENT, *flags, "--verifier", url, *asks])
                self.assertEqual(client.exit_code(), 1)
                (said,) = client.events("handshake")
                self.assertEqual((said["reason"], said["clause"]), (reason, clause))

    def test_server_flags(self) -> None:
        """atls-verifier: certificate and key are looked at before anybody is let in."""
        key = self.good[3]
        foreign = self.authority.issue("foreign", ["127.0.0.1"])[3]
        rows = [
            (["--tls-certificate", self.good[1]], 2, "come together"),
            (["--tls-key", key], 2, "come together"),
            (["--tls-certificate", key, "--tls-key", key], 1, "expected a certificate chain"),
            (["--tls-certificate", self.good[1], "--tls-key", foreign], 1, "do not match"),
            (["--tls-certificate", "/nonexistent", "--tls-key", key], 1, "/nonexistent"),
            (["--token", str(self.folder / "none")], 1, "none"),
        ]
        for flags, code, expected in rows:
            with self.subTest(flags):
                done = subprocess.run(
                    [VERIFIER, *flags], capture_output=True, text=True, timeout=PATIENCE
                )
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(expected, done.stderr)

    def test_nothing_older_than_tls_1_2(self) -> None:
        """RFC 8996 section 5."""
        host, _, port = self.verifier(*self.good).rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as plain:
            hello = bytes.fromhex(
                "160301002f0100002b0301" + "00" * 32 + "000004002f003501000000"
            )  # TLS 1.0, two suites, no extensions
            plain.sendall(hello)
            answer = plain.recv(7)
        self.assertNotEqual(answer[:1], b"\x16", answer.hex())  # no handshake: an alert, or nothing


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[6:])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Client and server with device and verifier, each a process of its own, on loopback.

This is about the programs: flags, exit codes, events, many connections at once. Scenarios are the
harness's.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from processes import PATIENCE, Crowd, Event, Process

PROGRAMS: argparse.Namespace


def connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


CHANGE_CIPHER_SPEC, APPLICATION_DATA = 20, 23  # content types of records, RFC 8446 section 5.1


def kinds_of_records(stream: bytes) -> list[int]:
    kinds = []
    while stream:
        kinds.append(stream[0])
        stream = stream[5 + int.from_bytes(stream[3:5], "big") :]
    return kinds


class Recorder:
    """A relay of one connection that keeps what passes."""

    def __init__(self, server: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = server
        self.sent, self.answered = bytearray(), bytearray()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        with self.listener, self.listener.accept()[0] as client, connected(self.server) as server:
            back = threading.Thread(target=self.pass_on, args=(server, client, self.answered))
            back.start()
            self.pass_on(client, server, self.sent)
            back.join()

    @staticmethod
    def pass_on(source: socket.socket, to: socket.socket, seen: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                seen += data
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def join(self) -> tuple[bytes, bytes]:
        self.thread.join(PATIENCE)
        return bytes(self.sent), bytes(self.answered)


class Endpoints(unittest.TestCase):
    """Every test has its own devices and verifier."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.verifier_url = ""

    def start(self, name: str, argv: list[str]) -> Process:
        process = Process(self.folder, name, argv)
        self.addCleanup(process.end)
        return process

    def device(self, seed: int, *flags: str) -> list[str]:
        path = self.folder / f"device-{seed}"
        argv = [PROGRAMS.device, "--listen", f"unix:{path}", "--seed", str(seed), *flags]
        self.start(f"device-{seed}", argv).ready()
        return ["--device", f"unix:{path}"]

    def verifier(self, *flags: str) -> None:
        argv = [PROGRAMS.verifier, "--listen", "127.0.0.1:0", "--identity", "v.example", *flags]
        for seed in (1, 2):
            corim = self.folder / f"endorsements-{seed}"
            subprocess.run(
                [PROGRAMS.device, "provision", "--seed", str(seed), "--output", str(corim)],
                check=True,
            )
            argv += ["--endorsements", str(corim)]
        process = self.start("verifier", argv)
        self.verifier_url = f"http://{process.ready()['address']}"

    def attester(self, model: str, device: list[str]) -> list[str]:
        flags = ["--attester", model, *device]
        if model == "passport":
            flags += ["--verifier", self.verifier_url, "--verifier-id", "v.example"]
        return flags

    def relying_party(self, model: str) -> list[str]:
        flags = ["--relying-party", model]
        if model == "passport":
            return [*flags, "--trust-verifier", f"v.example={self.verifier_url}"]
        return [*flags, "--verifier", self.verifier_url]

    def mutual(self, client: list[str], server: list[str]) -> tuple[list[str], list[str]]:
        """Both sides' flags; as both attest, nobody needs X.509."""
        wanted = self.relying_party("background-check")
        return (
            self.attester("background-check", client) + wanted,
            self.attester("background-check", server) + wanted,
        )

    def server(self, flags: list[str], connections: int = 1) -> tuple[Process, str]:
        argv = [PROGRAMS.server, "--profile", "ta-07", "--listen", "127.0.0.1:0"]
        server = self.start("server", [*argv, "--max-connections", str(connections), *flags])
        return server, f"127.0.0.1:{server.ready()['port']}"

    def client(self, address: str, flags: list[str]) -> Process:
        argv = [PROGRAMS.client, "--profile", "ta-07", "--connect", address]
        return self.start("client", [*argv, *flags])

    def connect(
        self, client_flags: list[str], server_flags: list[str]
    ) -> tuple[Process, Process, int, int]:
        server, address = self.server(server_flags)
        client = self.client(address, client_flags)
        return client, server, client.exit_code(), server.exit_code()

    def handshake(self, process: Process) -> Event:
        events = process.events("handshake")
        self.assertEqual(len(events), 1, process.path.stem)
        return events[0]

    def test_every_mix_of_models(self) -> None:
        self.verifier()
        first, second = self.device(1), self.device(2)
        for own in ("background-check", "passport"):
            for peer in ("background-check", "passport"):
                with self.subTest(client=own, server=peer):
                    client_flags = self.attester(own, first) + self.relying_party(peer)
                    server_flags = self.attester(peer, second) + self.relying_party(own)
                    client, server, *codes = self.connect(client_flags, server_flags)
                    self.assertEqual(codes, [0, 0])
                    said, heard = self.handshake(client), self.handshake(server)
                    self.assertEqual(said["self_attested"], heard["peer_attested"], own)
                    self.assertEqual(said["signed_with"], heard["verified_with"])
                    self.assertEqual(said["verified_with"], heard["signed_with"])
                    texts = {e["direction"]: e["text"] for e in client.events("application-data")}
                    expected = {"sent": "hello from client", "received": "hello from server"}
                    self.assertEqual(texts, expected)

    def test_a_tampered_device_is_refused(self) -> None:
        self.verifier()
        device = self.device(1, "--tamper", "flip:FW:1")
        client, server, *codes = self.connect(*self.mutual(device, self.device(2)))
        self.assertEqual(codes, [1, 1])
        verdict = server.events("verdict")[0]
        self.assertEqual(verdict["reason"], "reference-value-mismatch")
        self.assertEqual([m["component"] for m in verdict["mismatches"]], ["FW"])
        sent = {"direction": "sent", "code": 226, "name": "attestation_failed"}
        self.assertEqual(self.handshake(server)["alert"], sent)
        self.assertEqual(self.handshake(client)["alert"], {**sent, "direction": "received"})
        self.assertEqual(client.events("application-data")[1:], [])

    def test_nobody_waits_for_anothers_verifier(self) -> None:
        """No evidence is answered before that of all handshakes has come: if one waited for the
        verifier of another, none would ever end."""
        count, patience = 200, ["--timeout", "600", "--verifier-timeout", "600000"]
        self.verifier("--session-lifetime", "600")
        with Crowd(self.verifier_url, count) as crowd:
            self.verifier_url = crowd.url
            client_flags, server_flags = self.mutual(self.device(1), self.device(2))
            server, address = self.server([*server_flags, *patience], count)
            flags = [*client_flags, *patience, "--connections", str(count)]
            client = self.client(address, flags)
            self.assertEqual([client.exit_code(), server.exit_code()], [0, 0])
        self.assertEqual(crowd.came, 2 * count)  # of the servers, then of the clients
        self.assertEqual(len(server.events("handshake", outcome="complete")), count)

    def test_a_passport_is_renewed_before_it_expires(self) -> None:
        self.verifier("--result-lifetime", "4")
        flags = self.attester("passport", self.device(2))
        _, address = self.server(flags, 3)
        verifier_events = Process.__new__(Process)
        verifier_events.path = self.folder / "verifier.events"
        for _ in range(3):
            client = self.client(address, self.relying_party("passport"))
            self.assertEqual(client.exit_code(), 0)
            time.sleep(2)
        self.assertGreaterEqual(len(verifier_events.events("appraisal")), 2)

    def test_hello_retry_request_and_key_log(self) -> None:
        self.verifier()
        keys = self.folder / "keys"
        client_flags, server_flags = self.mutual(self.device(1), self.device(2))
        client_flags += ["--hrr", "--keylog", str(keys)]
        client, _, *codes = self.connect(client_flags, server_flags)
        self.assertEqual(codes, [0, 0])
        self.assertTrue(self.handshake(client)["hrr"])
        offers = [offer["extensions"] for offer in client.events("offer")]
        self.assertEqual(len(offers), 2)
        self.assertEqual(offers[0], offers[1])
        labels = [line.split()[0] for line in keys.read_text(encoding="ascii").splitlines()]
        self.assertIn("CLIENT_HANDSHAKE_TRAFFIC_SECRET", labels)
        self.assertIn("SERVER_TRAFFIC_SECRET_0", labels)

    def test_nobody_is_there(self) -> None:
        self.verifier()
        client = self.client("127.0.0.1:1", self.relying_party("background-check"))
        self.assertEqual(client.exit_code(), 1)
        self.assertEqual(self.handshake(client)["reason"], "peer-closed")

    def test_a_server_ends_when_it_is_told_to(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            server, _ = self.server([], 0)
            server.process.send_signal(number)
            self.assertEqual(server.exit_code(), 0)
            server, _ = self.server([], 1)
            server.process.send_signal(number)
            self.assertEqual(server.exit_code(), 1)

    def test_a_peer_that_falls_silent_times_out(self) -> None:
        for begun in (b"\x16", b"\x16\x03\x01", b"\x16\x03\x01\x00\xf0\x01\x00"):
            server, address = self.server(["--timeout", "1"])
            with connected(address) as peer:
                peer.sendall(begun)
                self.assertEqual(server.exit_code(), 1)
            self.assertEqual(self.handshake(server)["reason"], "timeout", begun)

    def test_a_stranger_is_not_the_peer_that_is_expected(self) -> None:
        """Only who begins as TLS does (RFC 8446 section 5.1) is counted by --max-connections."""
        first_words = {
            "nothing": b"",
            "HTTP": b"GET /.well-known/veraison/verification HTTP/1.1\r\nHost: x\r\n\r\n",
            "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
            "zeros": bytes(64),
            "SSL 2": b"\x80\x2e\x01\x03\x01\x00\x15",
            "another version": b"\x16\x02\x00\x00\x10\x01",
            "another message": b"\x16\x03\x03\x00\x10\x02",
            "data ahead of a handshake": b"\x17\x03\x03\x00\x10\x01",
        }
        self.verifier()
        client_flags, server_flags = self.mutual(self.device(1), self.device(2))
        server, address = self.server(server_flags)
        with connected(address) as silent:  # and one that only waits
            for words in first_words.values():
                with connected(address) as stranger:
                    with contextlib.suppress(OSError):  # it may have been sent away already
                        stranger.sendall(words)
                        stranger.shutdown(socket.SHUT_WR)
                        self.assertEqual(stranger.recv(1), b"", words)
            client = self.client(address, client_flags)
            self.assertEqual([client.exit_code(), server.exit_code()], [0, 0])
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(silent.recv(1), b"")
        self.assertEqual(self.handshake(server)["outcome"], "complete")
        self.assertEqual([e["conn"] for e in server.events("connection")], [1])

    def record_types(self, profile: str, device: list[str]) -> tuple[list[int], list[int]]:
        """What kinds of record a client sent, and a server, seen by a relay between them."""
        server = self.start(
            "server",
            [PROGRAMS.server, "--profile", profile, "--listen", "127.0.0.1:0"]
            + ["--max-connections", "1", *self.relying_party("background-check"), *self.x509()],
        )
        relay = Recorder(f"127.0.0.1:{server.ready()['port']}")
        client = self.start(
            "client",
            [PROGRAMS.client, "--profile", profile, "--connect", relay.address]
            + [
                *self.attester("background-check", device),
                "--ca",
                str(self.folder / "c.pem"),
            ],
        )
        self.assertEqual([client.exit_code(), server.exit_code()], [0, 0])
        sent, answered = relay.join()
        return kinds_of_records(sent), kinds_of_records(answered)

    def x509(self) -> list[str]:
        """A certificate of localhost for whoever does not attest, which is its own authority."""
        key, certificate = self.folder / "k.pem", self.folder / "c.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=IP:127.0.0.1"],
            check=True,
            capture_output=True,
        )
        return ["--cert", str(certificate), "--key", str(key)]

    def test_the_prototype_is_sent_no_change_cipher_spec(self) -> None:
        """RFC 8446 appendix D.4: middlebox compatibility is a choice, which the prototype ends the
        connection on; everybody else is sent one from each side."""
        self.verifier()
        device = self.device(1)
        for profile, expected in (("poc-mbedtls", 0), ("ta-07", 1)):
            with self.subTest(profile=profile):
                for kinds in self.record_types(profile, device):
                    self.assertEqual(kinds.count(CHANGE_CIPHER_SPEC), expected)
                    self.assertIn(APPLICATION_DATA, kinds)

    def test_who_gives_up_before_its_hello_is_the_peer(self) -> None:
        server, address = self.server([])
        with connected(address) as peer:
            peer.sendall(b"\x15\x03\x01\x00\x02\x02\x50")
            self.assertEqual(server.exit_code(), 1)
        self.assertIn(self.handshake(server)["reason"], ("peer-alert", "protocol-error"))

    def test_exit_codes_before_any_packet(self) -> None:
        connect = ["--profile", "ta-07", "--connect", "127.0.0.1:1"]
        trust = ["--trust-verifier", "v=http://127.0.0.1:1"]
        prototype = ["--profile", "poc-mbedtls", *connect[2:]]
        attester = [*connect[2:], "--attester", "background-check", "--device", "unix:/none"]
        cases: list[tuple[int, list[str]]] = [
            (77, ["--profile", "ta-99", "--connect", "127.0.0.1:1"]),
            (77, [*connect, "--attester", "carrier-pigeon"]),
            (77, [*connect, "--attester", "background-check,background-check"]),
            (77, [*connect, "--attester", "none,passport"]),
            (77, [*connect, "--attester", ""]),
            (77, [*connect, "--relying-party", "background-check,"]),
            (77, [*connect, "--policy", "perhaps"]),
            (77, [*connect, "--serialization", "xml"]),
            (77, [*connect, "--curve", "p521"]),
            (77, [*connect, "--evidence-format", "tpm"]),
            (77, [*connect, "--cmw-form", "collection"]),
            (77, [*connect, "--accept-tier", "none"]),
            (77, [*connect, "--evidence-type", "cf:65536"]),
            (77, [*connect, "--fault", "gremlins"]),
            (77, [*connect, "--fault", "nonce-length=256"]),
            (77, [*connect, "--fault", "extension=server_name:00"]),
            (77, [*connect, "--fault", "select-unoffered"]),
            (77, ["--profile", "ta-02", *connect[2:], "--relying-party", "passport"] + trust),
            (77, ["--profile", "ta-03", *connect[2:], "--relying-party", "passport"] + trust),
            (77, ["--profile", "seat-06", *connect[2:], "--credential-kind", "cert"]),
            (77, [*connect, "--credential-kind", "raw-public-key"]),
            # a result would come in place of the certificate that was asked for, and its name
            (77, [*connect, "--relying-party", "passport", *trust, "--credential-kind", "cert"]),
            (
                77,
                [*connect, "--relying-party", "background-check,passport", "--verifier"]
                + ["http://a:1", *trust, "--credential-kind", "cert"],
            ),
            (
                77,
                [*connect, "--attester", "passport", "--device", "unix:/x", "--verifier"]
                + ["http://a:1", "--verifier-id", "v", "--cert", "some.pem", "--key", "some.key"]
                + ["--credential-kind", "cert"],
            ),
            (77, [*connect, "--variant", "hello-retry=message-hash,all"]),
            (77, [*connect, "--variant", "hello-retry=all"]),
            (77, [*connect, "--variant", "hello-retry"]),
            (77, [*connect, "--variant", "mood=good"]),
            (
                77,
                [
                    "--profile",
                    "seat-06",
                    *connect[2:],
                    "--variant",
                    "binder-secret=handshake-secret",
                ],
            ),
            (77, [*connect, "--fault", "entry-twice"]),
            (77, ["--profile", "x509-cmw", *connect[2:], "--fault", "entry-missing"]),
            (77, [*prototype, "--relying-party", "background-check", "--verifier", "http://a:1"]),
            (77, [*prototype[:2], *attester, "--curve", "p384"]),
            (77, [*prototype[:2], *attester, "--serialization", "json"]),
            (
                77,
                [*prototype[:2], *attester, "--evidence-format", "parsec-tpm", "--cmw-form", "tag"],
            ),
            (77, [*prototype[:2], *attester, "--nonce-size", "33"]),
            (77, [*prototype, "--variant", "hello-retry=all"]),
            (77, [*connect, "--variant", "nonce=constant"]),
            (2, [*connect, "--verifier", "ftp://x"]),
            (2, [*connect, "--verifier", "localhost:1"]),
            (2, [*connect, "--verifier", "http://"]),
            (2, [*connect, "--trust-verifier", "v=ftp://x"]),
            (2, ["--profile", "seat-06", *attester]),
            (
                2,
                [
                    "--profile",
                    "seat-04",
                    *attester,
                    "--cert",
                    "some.pem",
                    "--key",
                    "some.key",
                    "--evidence-format",
                    "cab",
                ],
            ),
            (2, ["--profile", "x509-cmw", *attester]),
            (2, ["--profile", "ta-07", *attester, "--credential-kind", "cert"]),
            (2, []),
            (2, ["--profile", "ta-07"]),
            (2, ["--connect", "127.0.0.1:1"]),
            (2, ["--profile", "ta-07", "--connect", "nowhere"]),
            (2, ["--profile", "ta-07", "--connect", "127.0.0.1:65536"]),
            (2, [*connect, "--attester", "background-check"]),
            (2, [*connect, "--relying-party", "background-check"]),
            (2, [*connect, "--relying-party", "passport"]),
            (2, [*connect, "--trust-verifier", "nobody"]),
            (2, [*connect, "--nonce-size", "7"]),
            (2, [*connect, "--nonce-size", "65"]),
            (2, [*connect, "--connections", "0"]),
            (2, [*connect, "--timeout", "0"]),
            (2, [*connect, "--cert", "some.pem"]),
            (2, [*connect, "--message", "two\nlines"]),
            (2, [*connect, "--code-points", "/nonexistent"]),
            (2, [*connect, "--listen", "127.0.0.1:0"]),
            (2, [*connect, "--frobnicate"]),
            (2, [*connect, "stray"]),
            (2, [*connect, "--cert", "some.pem", "--key", "device:1"]),
            (2, [*connect, "--cert", "some.pem", "--key", "device:0", "--device", "unix:/none"]),
            (2, [*connect, "--cert", "some.pem", "--key", "device:x", "--device", "unix:/none"]),
            (2, [*connect, "--key", "device:1", "--device", "unix:/none"]),
            (1, [*connect, "--cert", "/nonexistent", "--key", "/nonexistent"]),
            (1, [*connect, "--cert", "/nonexistent", "--key", "device:1", "--device", "unix:/x"]),
            (1, [*connect, "--attester", "background-check", "--device", "unix:/nonexistent"]),
            (1, [*prototype[:2], *attester, "--evidence-format", "parsec-tpm"]),
            (1, [*prototype[:2], *attester, "--evidence-format", "cab"]),
            (0, ["--help"]),
            (0, ["--version"]),
        ]
        for code, flags in cases:
            with self.subTest(flags=flags):
                done = subprocess.run(
                    [PROGRAMS.client, *flags], capture_output=True, check=False, timeout=PATIENCE
                )
                self.assertEqual(done.returncode, code, done.stderr.decode())
                self.assertTrue(done.stdout if code == 0 else done.stderr)

    def test_the_prototype_names_the_evidence_that_it_has(self) -> None:
        """Its bundle of 2022, and a TPM's in the CMW of 2023: any other is refused with both."""
        flags = ["--profile", "poc-mbedtls", "--connect", "127.0.0.1:1", "--device", "unix:/none"]
        for name in ("psa", "key-binding", "ra-tls", "parsec-cca", "cca"):
            with self.subTest(name=name):
                done = subprocess.run(
                    [PROGRAMS.client, *flags, "--attester", "background-check"]
                    + ["--evidence-format", name],
                    capture_output=True,
                    check=False,
                    timeout=PATIENCE,
                )
                self.assertEqual(done.returncode, 77, done.stderr.decode())
                self.assertIn(
                    "expected --evidence-format cab (the prototype's bundle) or parsec-tpm, "
                    f"came: {name}",
                    done.stderr.decode(),
                )


def main() -> None:
    global PROGRAMS
    parser = argparse.ArgumentParser()
    for name in ("client", "server", "device", "verifier"):
        parser.add_argument(name)
    PROGRAMS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

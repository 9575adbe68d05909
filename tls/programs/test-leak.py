#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What --leak gives away is what it says, and nothing leaks but in an attack.

The Handshake Secret is proved by RFC 8446 section 7.1, computed here over the hellos that passed by
a relay; private keys by python3-cryptography.

Usage: test-leak.py CLIENT SERVER DEVICE VERIFIER
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from processes import PATIENCE, Process

CLIENT, SERVER, DEVICE, VERIFIER = sys.argv[1:5]
HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2


def expand_label(secret: bytes, label: str, context: bytes) -> bytes:
    """HKDF-Expand-Label to the hash's own size, which is one block (RFC 8446 section 7.1)."""
    algorithm = "sha384" if len(secret) == 48 else "sha256"
    name = b"tls13 " + label.encode()
    info = len(secret).to_bytes(2, "big") + bytes([len(name)]) + name
    info += bytes([len(context)]) + context + b"\x01"
    return hmac.new(secret, info, algorithm).digest()


def first_message(stream: bytes, kind: int) -> bytes:
    """The hello that a stream begins with, out of its records."""
    content = b""
    while stream and stream[0] == HANDSHAKE:
        size = int.from_bytes(stream[3:5], "big")
        content += stream[5 : 5 + size]
        stream = stream[5 + size :]
        if len(content) > 4 and len(content) >= 4 + int.from_bytes(content[1:4], "big"):
            break
    assert content[0] == kind
    return content[: 4 + int.from_bytes(content[1:4], "big")]


class Relay:
    """One connection, and what passed in either direction."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.passed = {"up": b"", "down": b""}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._target = (host, int(port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pump, args=(server, client, "down"), daemon=True)
            back.start()
            self._pump(client, server, "up")
            back.join(PATIENCE)

    def _pump(self, source: socket.socket, target: socket.socket, which: str) -> None:
        try:
            while data := source.recv(65536):
                self.passed[which] += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def end(self) -> None:
        self._thread.join(PATIENCE)
        self._listener.close()


def certificate(folder: Path) -> list[str]:
    """The flags of a server that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(hours=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    )
    return ["--cert", str(folder / "ca.pem"), "--key", str(folder / "key.pem")]


class Leaks(unittest.TestCase):
    """Each test has its own folder."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def start(self, name: str, argv: list[str]) -> Process:
        process = Process(self.folder, name, argv)
        self.addCleanup(process.end)
        return process

    def check_secret(self, relay: Relay, log: Path, file: Path) -> None:
        """What is in FILE derives what the library itself has put into the key log."""
        label, random, secret = file.read_text(encoding="ascii").split()
        hello = first_message(relay.passed["up"], CLIENT_HELLO)
        answer = first_message(relay.passed["down"], SERVER_HELLO)
        self.assertEqual(label, "HANDSHAKE_SECRET")
        self.assertEqual(random, hello[6:38].hex())
        algorithm = "sha384" if len(secret) == 96 else "sha256"
        transcript = hashlib.new(algorithm, hello + answer).digest()
        logged = dict(
            (line.split()[0], line.split()[2])
            for line in log.read_text(encoding="ascii").splitlines()
        )
        for name, known in (
            ("c hs traffic", "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
            ("s hs traffic", "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
        ):
            derived = expand_label(bytes.fromhex(secret), name, transcript)
            self.assertEqual(derived.hex(), logged[known])
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)

    def test_handshake_secret(self) -> None:
        for profile in ("ta-07", "seat-06", "expat-04", "x509-cmw"):
            for leaking in ("client", "server"):
                with self.subTest(f"{profile} {leaking}"):
                    self.play(profile, leaking)

    def play(self, profile: str, leaking: str) -> None:
        file, log = self.folder / f"{profile}-{leaking}", self.folder / f"{profile}-{leaking}.log"
        leak = ["--attack", "A02", "--leak", f"handshake-secret={file}", "--keylog", str(log)]
        argv = ["--profile", profile, "--listen", "127.0.0.1:0", "--max-connections", "1"]
        argv += certificate(self.folder) + (leak if leaking == "server" else [])
        server = self.start("server", [SERVER, *argv])
        relay = Relay(str(server.ready()["address"]))
        argv = ["--profile", profile, "--connect", relay.address]
        argv += ["--ca", str(self.folder / "ca.pem")] + (leak if leaking == "client" else [])
        client = self.start("client", [CLIENT, *argv])
        self.assertEqual((client.exit_code(), server.exit_code()), (0, 0))
        relay.end()
        told = (client if leaking == "client" else server).events("leak")
        self.assertEqual([e["what"] for e in told], ["handshake-secret"])
        self.assertEqual((told[0]["conn"], told[0]["file"]), (1, str(file)))
        self.check_secret(relay, log, file)

    def test_private_keys(self) -> None:
        """Those that sign are those in the files, as they are made."""
        files = {name: self.folder / name for name in ("identity-keys", "kak", "pak")}
        argv = ["--listen", f"unix:{self.folder}/d", "--seed", "3", "--attack", "A19"]
        for name, path in files.items():
            argv += ["--leak", f"{name}={path}"]
        device = self.start("device", [DEVICE, *argv])
        device.ready()
        corim = str(self.folder / "corim")
        subprocess.run([DEVICE, "provision", "--seed", "3", "--output", corim], check=True)
        verifier = self.start(
            "verifier", [VERIFIER, "--listen", "127.0.0.1:0", "--endorsements", corim]
        )
        url = f"http://{verifier.ready()['address']}"
        signed = []
        for curve in ("p256", "p384"):
            argv = ["--profile", "ta-07", "--listen", "127.0.0.1:0", "--max-connections", "1"]
            argv += ["--attester", "background-check", "--device", f"unix:{self.folder}/d"]
            server = self.start("server", [SERVER, *argv, "--curve", curve])
            argv = ["--profile", "ta-07", "--connect", str(server.ready()["address"])]
            argv += ["--relying-party", "background-check", "--verifier", url]
            client = self.start("client", [CLIENT, *argv])
            self.assertEqual((client.exit_code(), server.exit_code()), (0, 0))
            signed.append(client.events("handshake")[0]["verified_with"])
        told = {name: device.events("leak", what=name) for name in files}
        self.assertEqual(
            {name: len(of) for name, of in told.items()},
            dict.fromkeys(files, 1) | {"identity-keys": 2},
        )
        self.assertEqual([e["spki"] for e in told["identity-keys"]], signed)
        for name, path in files.items():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            blocks = path.read_bytes().split(b"-----END PRIVATE KEY-----\n")[:-1]
            found = []
            for block in blocks:
                key = serialization.load_pem_private_key(
                    block + b"-----END PRIVATE KEY-----\n", None
                )
                found.append(
                    key.public_key()
                    .public_bytes(
                        serialization.Encoding.DER,
                        serialization.PublicFormat.SubjectPublicKeyInfo,
                    )
                    .hex()
                )
            self.assertEqual(found, [e["spki"] for e in told[name]])

    def test_refused(self) -> None:
        """Exit code, and a word of the sentence. No file is made, and nothing listens."""
        file = self.folder / "leaked"
        device = [DEVICE, "--listen", f"unix:{self.folder}/d"]
        server = [SERVER, "--profile", "ta-07", "--listen", "127.0.0.1:0"]
        client = [CLIENT, "--profile", "ta-07", "--connect", "127.0.0.1:1"]
        attack = ["--attack", "A02"]
        rows: list[tuple[list[str], int, str]] = [
            ([*device, "--leak", f"kak={file}"], 64, "--attack"),
            ([*device, "--leak", f"pak={file}"], 64, "--attack"),
            ([*device, "--leak", f"identity-keys={file}"], 64, "--attack"),
            ([*server, "--leak", f"handshake-secret={file}"], 64, "--attack"),
            ([*client, "--leak", f"handshake-secret={file}"], 64, "--attack"),
            ([*device, *attack, "--leak", f"seed={file}"], 77, "seed"),
            ([*server, *attack, "--leak", f"kak={file}"], 77, "kak"),
            ([*device, *attack, "--root", "tpm", "--leak", f"kak={file}"], 77, "root"),
            ([*device, *attack, "--leak", "kak"], 2, "kak=FILE"),
            ([*device, *attack, "--leak", "kak="], 2, "kak=FILE"),
            ([*device, *attack, "--leak", f"kak={file}", "--leak", f"kak={file}"], 2, "once"),
            ([*device, "--attack", "", "--leak", f"kak={file}"], 2, "id of an attack"),
            ([*device, "--attack", "a b", "--leak", f"kak={file}"], 2, "id of an attack"),
            ([*server, "--attack", "x" * 33], 2, "id of an attack"),
            ([*device, *attack, "--leak", f"kak={self.folder}/no/f"], 1, "No such file"),
            (
                [DEVICE, "provision", "--seed", "1", "--output", str(self.folder / "c")]
                + [*attack, "--leak", f"kak={file}"],
                77,
                "run",
            ),
        ]
        for argv, code, word in rows:
            with self.subTest(" ".join(argv[1:])):
                done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(word, done.stderr)
                self.assertFalse(file.exists())

    def test_a_file_that_others_may_read(self) -> None:
        file = self.folder / "open"
        file.touch(mode=0o644)
        file.chmod(0o644)
        argv = [DEVICE, "--listen", f"unix:{self.folder}/d", "--attack", "A19"]
        done = subprocess.run(
            [*argv, "--leak", f"kak={file}"], capture_output=True, text=True, timeout=PATIENCE
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("its owner alone", done.stderr)
        self.assertEqual(file.read_bytes(), b"")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

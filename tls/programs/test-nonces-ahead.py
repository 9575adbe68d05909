#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A relying party that asks for its nonces ahead of need (--nonces-ahead): what its verifier sees.

Usage: test-nonces-ahead.py CLIENT SERVER DEVICE VERIFIER
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Callable

from processes import PATIENCE, Process

CLIENT, SERVER, DEVICE, VERIFIER = sys.argv[1:5]
AHEAD = 2


class NoncesAhead(unittest.TestCase):
    """Client and server attest each other, each with a verifier of its own."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        corims = []
        self.devices = {}
        for seed in ("1", "2"):
            corim = self.folder / f"corim-{seed}"
            provision = [DEVICE, "provision", "--seed", seed, "--output", str(corim)]
            subprocess.run(provision, check=True)
            corims += ["--endorsements", str(corim)]
            address = f"unix:{self.folder}/device-{seed}"
            self.start(f"device-{seed}", [DEVICE, "--listen", address, "--seed", seed]).ready()
            self.devices[seed] = address
        self.verifiers = {}
        for side in ("client", "server"):
            argv = [VERIFIER, "--listen", "127.0.0.1:0", "--identity", "v.example", *corims]
            self.verifiers[side] = self.start(f"verifier-of-{side}", argv)

    def start(self, name: str, argv: list[str]) -> Process:
        process = Process(self.folder, name, argv)
        self.addCleanup(process.end)
        return process

    def roles(self, side: str) -> list[str]:
        url = f"http://{self.verifiers[side].ready()['address']}"
        device = self.devices["1" if side == "client" else "2"]
        return [
            *("--attester", "background-check", "--device", device, "--relying-party"),
            *("background-check", "--verifier", url, "--verifier-timeout", "60000"),
            *("--timeout", "300"),
        ]

    def server(self, *flags: str) -> Process:
        argv = [SERVER, "--profile", "ta-07", "--listen", "127.0.0.1:0", *self.roles("server")]
        return self.start("server", [*argv, *flags])

    def connect(self, server: Process, number: int, *flags: str) -> Process:
        argv = [CLIENT, "--profile", "ta-07", "--connect", server.ready()["address"]]
        return self.start(f"client-{number}", [*argv, *self.roles("client"), *flags])

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not happened():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)

    def asked(self) -> list[str]:
        return [str(e["nonce"]) for e in self.verifiers["server"].events("session")]

    def deleted(self) -> list[str]:
        requests = self.verifiers["server"].events("request", method="DELETE")
        return [str(e["path"]) for e in requests]

    def sent(self, process: Process) -> list[str]:
        return [str(e["nonce"]) for e in process.events("challenge", direction="sent")]

    def test_a_server(self) -> None:
        """Each connection has one of those that were there before it came; at the end each session
        is deleted, used or not."""
        server = self.server("--nonces-ahead", str(AHEAD))
        server.ready()
        ahead = number = 0
        while ahead < 4:
            # Their answers are with the server once it has been through its loop again, which
            # nobody sees: on a machine with much to do it may ask as ever.
            self.until("sessions ahead", lambda: len(self.asked()) >= AHEAD + number)
            time.sleep(0.5)
            before = self.asked()
            self.assertEqual(self.connect(server, number).exit_code(), 0)
            ahead += self.sent(server)[-1] in before
            number += 1
            self.assertLess(number, 50)
        used = self.sent(server)
        self.assertEqual(len(used), number)
        self.assertEqual(len(set(used)), number)
        server.process.send_signal(signal.SIGTERM)
        server.exit_code()
        self.until("all deleted", lambda: len(self.deleted()) >= len(self.asked()))
        self.assertEqual(len(set(self.deleted())), len(self.asked()))

    def test_default(self) -> None:
        """Nothing is asked of the verifier before a connection comes."""
        server = self.server()
        server.ready()
        time.sleep(0.5)
        self.assertEqual(self.asked(), [])
        self.assertEqual(self.connect(server, 1).exit_code(), 0)
        self.assertEqual(len(self.asked()), 1)

    def test_the_verifier_dies(self) -> None:
        """Nonces of a verifier that is gone let nobody in, and the reason is the verifier's."""
        server = self.server("--nonces-ahead", str(AHEAD))
        server.ready()
        self.until("sessions ahead", lambda: len(self.asked()) >= AHEAD)
        time.sleep(0.5)
        self.verifiers["server"].end()
        for number in (1, 2, 3):
            self.assertEqual(self.connect(server, number).exit_code(), 1)
            events = server.events("handshake")
            self.assertEqual(len(events), number)
            self.assertEqual(events[-1]["reason"], "verifier-unreachable")
        # One that had a nonce failed where evidence was to be appraised, the others earlier.
        self.assertLessEqual(len(self.sent(server)), 1)

    def test_flags(self) -> None:
        verifier = ["--verifier", "http://127.0.0.1:1"]
        asks = ["--relying-party", "background-check", *verifier]
        for code, profile, flags in (
            (77, "seat-06", [*asks, "--nonces-ahead", "1"]),
            (77, "seat-04", [*asks, "--nonces-ahead", "1"]),
            (77, "x509-cmw", [*asks, "--nonces-ahead", "1"]),
            (2, "ta-07", [*asks, "--nonces-ahead", "65"]),
            (2, "ta-07", [*asks, "--nonces-ahead", "-1"]),
            (2, "ta-07", ["--nonces-ahead", "1"]),
        ):
            with self.subTest(profile=profile, flags=flags):
                argv = [CLIENT, "--profile", profile, "--connect", "127.0.0.1:1", *flags]
                done = subprocess.run(argv, capture_output=True, check=False, timeout=PATIENCE)
                self.assertEqual(done.returncode, code, done.stderr.decode())
                self.assertTrue(done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

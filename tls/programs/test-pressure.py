#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The programs where the machine gives out: descriptors, memory, disk.

What cannot be had ends what needs it, says so by its right name, and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from processes import PATIENCE, Process

PROGRAMS: argparse.Namespace
FULL = "/dev/full"


def lowest_free(pid: int) -> int:
    """The number that the process' next descriptor will get."""
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(n for n in range(len(taken) + 1) if n not in taken)


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(path: Path) -> None:
    """Until it is there."""
    until = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)


class Pressure(unittest.TestCase):
    """A client that attests itself to a server, which asks a verifier."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.address = ""
        corim = self.folder / "endorsements"
        subprocess.run(
            [PROGRAMS.device, "provision", "--seed", "1", "--output", str(corim)], check=True
        )
        self.socket = f"unix:{self.folder}/device"
        self.device = self.start(
            "device", [PROGRAMS.device, "--listen", self.socket, "--seed", "1"]
        )
        verifier = self.start("verifier", [PROGRAMS.verifier, "--endorsements", str(corim)])
        self.verifier = ["--verifier", f"http://{verifier.ready()['address']}"]

    def start(self, name: str, argv: list[str]) -> Process:
        process = Process(self.folder, name, argv)
        self.addCleanup(process.end)
        process.ready()
        return process

    def server(self, *before: str) -> Process:
        """Attested both ways, so that nobody needs X.509."""
        argv = [*before, PROGRAMS.server, "--listen", "127.0.0.1:0", "--max-connections", "0"]
        server = self.start("server", [*argv, *self.both()])
        self.address = f"127.0.0.1:{server.ready()['port']}"
        return server

    def both(self) -> list[str]:
        flags = ["--profile", "ta-07", "--attester", "background-check", "--device", self.socket]
        return [*flags, "--relying-party", "background-check", *self.verifier]

    def client(self, *flags: str) -> subprocess.CompletedProcess[bytes]:
        argv = [PROGRAMS.client, "--connect", self.address, *self.both(), *flags]
        return subprocess.run(argv, capture_output=True, check=False, timeout=3 * PATIENCE)

    def test_a_server_hears_again(self) -> None:
        """Without a descriptor for anybody, and then with them again."""
        server = self.server()
        self.assertEqual(self.client().returncode, 0)
        until = time.monotonic() + PATIENCE
        while len(server.events("closed")) == 0 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(1.5)  # a connection that has ended lingers for a second
        pid = server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), before[1]))
        self.assertEqual(self.client("--timeout", "1").returncode, 1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.assertEqual(self.client().returncode, 0)

    def test_more_clients_than_descriptors(self) -> None:
        """They wait; those that are let in have a descriptor to the verifier, too."""
        count = 60
        server = self.server("/usr/bin/prlimit", "--nofile=48:48", "--")
        done = self.client("--connections", str(count), "--timeout", "60")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(server.events("handshake", outcome="complete")), count)

    def test_a_crowd_that_says_nothing(self) -> None:
        """More than the soft limit of descriptors, which the server raises itself: they are no
        work while they wait, and who speaks is served."""
        server = self.server("/usr/bin/prlimit", "--nofile=64:", "--")
        pid = server.process.pid
        host, port = self.address.split(":")
        with contextlib.ExitStack() as crowd:
            for _ in range(300):
                crowd.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            until = time.monotonic() + PATIENCE
            while lowest_free(pid) < 300 and time.monotonic() < until:
                time.sleep(0.01)
            used = cpu_seconds(pid)
            time.sleep(1.0)
            self.assertLess(cpu_seconds(pid) - used, 0.5)
            self.assertEqual(self.client("--connections", "5").returncode, 0)
            self.assertEqual(len(server.events("handshake", outcome="complete")), 5)
        self.assertEqual(self.client().returncode, 0)

    def test_a_device_waits_for_descriptors(self) -> None:
        """A client that cannot be let in stays in the backlog; nobody spins."""
        pid = self.device.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), before[1]))
        argv = [PROGRAMS.client, "--connect", "127.0.0.1:1", *self.both()]
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as client:
            used = cpu_seconds(pid)
            time.sleep(1.5)
            self.assertLess(cpu_seconds(pid) - used, 0.5)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            client.kill()
        self.server()
        self.assertEqual(self.client().returncode, 0)

    def test_little_memory(self) -> None:
        """A crowd that does not fit: some are refused, the server lives and serves the next one."""
        server = self.server()
        pid = server.process.pid
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize()
        if size > 1 << 33:
            self.skipTest("a sanitizer's address space cannot be limited")
        resource.prlimit(pid, resource.RLIMIT_AS, (size + (4 << 20), resource.RLIM_INFINITY))
        self.client("--connections", "400", "--timeout", "20")
        self.assertIsNone(server.process.poll())
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        done = self.client()
        self.assertEqual(done.returncode, 0, server.events("closed", outcome="failed")[-1:])
        for event in server.events("closed", outcome="failed"):
            self.assertTrue(event["reason"])
            self.assertNotEqual(event["reason"], "timeout", event["detail"])

    def test_full_disk(self) -> None:
        """Events and secrets that are not whole are told by the exit code."""
        self.server()
        self.assertEqual(self.client("--events", str(self.folder / "c")).returncode, 0)
        for flag in ("--events", "--keylog"):
            with self.subTest(flag=flag):
                done = self.client(flag, FULL)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"No space left on device", done.stderr)

    def test_full_disk_of_the_others(self) -> None:
        device = [PROGRAMS.device, "--listen", f"unix:{self.folder}/other", "--events", FULL]
        verifier = [PROGRAMS.verifier, "--events", FULL]
        server = [PROGRAMS.server, "--listen", "127.0.0.1:0", "--events", FULL, *self.both()]
        for argv in (device, verifier, server):
            with self.subTest(program=argv[0]):
                with subprocess.Popen(argv, stderr=subprocess.PIPE) as process:
                    assert process.stderr is not None
                    said = process.stderr.readline()
                    if argv is device:  # its first event is told before it listens
                        wait_for(self.folder / "other")
                    process.terminate()
                    self.assertEqual(process.wait(PATIENCE), 1)
                self.assertIn(b"No space left on device", said)

    def test_secrets_are_for_their_owner(self) -> None:
        self.server()
        keys = self.folder / "keys"
        self.assertEqual(self.client("--keylog", str(keys)).returncode, 0)
        self.assertEqual(stat.S_IMODE(keys.stat().st_mode), 0o600)


def main() -> None:
    """CLIENT SERVER DEVICE VERIFIER: the programs."""
    global PROGRAMS  # pylint: disable=global-statement
    parser = argparse.ArgumentParser()
    for name in ("client", "server", "device", "verifier"):
        parser.add_argument(name)
    PROGRAMS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

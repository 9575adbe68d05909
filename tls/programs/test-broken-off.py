#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that break off: at each record, and in the middle of each, in both directions.

A relay between client and server counts records and ends the connection at one of them: by the end
of the stream, by a reset, or by close_notify. Whatever it does, each side that did not get to the
end says that the other side left (peer-closed), never that something of its own failed (internal),
sends no alert to nobody, and has a reason in `closed`.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from processes import PATIENCE, Event, Process

PROGRAMS: argparse.Namespace

CLIENT, SERVER = "client", "server"  # whose records are counted
CLOSE_NOTIFY = bytes.fromhex("15030300020100")
HANDSHAKE_FAILURE = bytes.fromhex("15030300020228")


class Relay:
    """One connection, up to record NUMBER of SENDER: before it, or in the middle, and then HOW."""

    def __init__(self, to: tuple[str, int], sender: str, number: int, at: str, how: str) -> None:
        self.sender, self.number, self.at, self.how = sender, number, at, how
        self.reached = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._to = to
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(PATIENCE)
        self.listener.close()

    def _run(self) -> None:
        with self.listener.accept()[0] as near, socket.create_connection(self._to) as far:
            try:
                self._pass(near, far)
            except OSError:
                pass  # one side is gone: the other one learns of it now

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        came = {CLIENT: b"", SERVER: b""}
        sources, targets = {near: CLIENT, far: SERVER}, {CLIENT: far, SERVER: near}
        count = 0
        while sources:
            for source in select.select(list(sources), [], [], PATIENCE)[0]:
                sender = sources[source]
                data = source.recv(65536)
                if not data:
                    targets[sender].shutdown(socket.SHUT_WR)
                    del sources[source]
                    continue
                came[sender] += data
                while record := self._record(came[sender]):
                    came[sender] = came[sender][len(record) :]
                    if sender == self.sender and count == self.number:
                        self.reached = True
                        self._break(record, targets[sender], (near, far))
                        return
                    targets[sender].sendall(record)
                    count += sender == self.sender

    @staticmethod
    def _record(came: bytes) -> bytes:
        size = 5 + int.from_bytes(came[3:5], "big")
        return came[:size] if len(came) >= max(size, 5) else b""

    def _break(
        self, record: bytes, target: socket.socket, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        cut = {"before": 0, "header": 3, "body": 5 + (len(record) - 5) // 2}[self.at]
        target.sendall(record[:cut])
        if self.how == "close_notify":
            target.sendall(CLOSE_NOTIFY)
        if self.how == "reset":
            time.sleep(0.01)  # so that what was sent is read before the reset throws it away
            for end in ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        for end in ends:
            end.shutdown(socket.SHUT_WR)
        for end in ends:  # closing with unread bytes would be a reset
            end.settimeout(PATIENCE)
            while end.recv(65536):
                pass


class BrokenOff(unittest.TestCase):
    """One device, one verifier and one server serve all tests."""

    folder: Path
    processes: list[Process]
    client_flags: list[str]
    address: tuple[str, int]
    server: Process

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        corim = cls.folder / "endorsements"
        subprocess.run(
            [PROGRAMS.device, "provision", "--seed", "1", "--output", str(corim)], check=True
        )
        socket_path = f"unix:{cls.folder}/device"
        cls._start("device", [PROGRAMS.device, "--listen", socket_path, "--seed", "1"])
        verifier = cls._start("verifier", [PROGRAMS.verifier, "--endorsements", str(corim)])
        both = ["--profile", "ta-07", "--attester", "background-check", "--device", socket_path]
        both += ["--relying-party", "background-check"]
        both += ["--verifier", f"http://{verifier.ready()['address']}"]
        cls.client_flags = both
        cls.server = cls._start(
            "server", [PROGRAMS.server, "--listen", "127.0.0.1:0", "--max-connections", "0", *both]
        )
        cls.address = ("127.0.0.1", cls.server.ready()["port"])

    @classmethod
    def _start(cls, name: str, argv: list[str]) -> Process:
        process = Process(cls.folder, name, argv)
        cls.addClassCleanup(process.end)
        process.ready()
        return process

    def play(self, sender: str, number: int, at: str, how: str) -> bool:
        """Whether there was such a record."""
        conn = len(self.server.events("connection")) + 1
        relay = Relay(self.address, sender, number, at, how)
        argv = [PROGRAMS.client, "--connect", f"127.0.0.1:{relay.port}", *self.client_flags]
        client = Process(self.folder, "client", argv)
        self.addCleanup(client.end)
        code = client.exit_code()
        relay.join()
        self.wait_for_end(conn)
        if not relay.reached:
            self.assertEqual(code, 0)
            return False
        self.check("client", client.events())
        self.check("server", self.server.events(conn=conn))
        return True

    def wait_for_end(self, conn: int) -> None:
        until = time.monotonic() + PATIENCE
        while not self.server.events("closed", conn=conn):
            self.assertLess(time.monotonic(), until, "the server's connection ends")
            time.sleep(0.005)

    def check(self, who: str, events: list[Event]) -> None:
        closed = [e for e in events if e["event"] == "closed"]
        self.assertEqual(len(closed), 1, who)
        failed = [e for e in events if e["event"] in ("handshake", "closed")]
        for event in failed:
            if event["outcome"] == "complete":
                continue
            self.assertEqual(event["reason"], "peer-closed", (who, event))
            self.assertTrue(event["detail"], who)
            alert = event["alert"]
            if alert is not None:
                self.assertEqual((alert["direction"], alert["code"]), ("received", 0), who)

    def test_at_each_record(self) -> None:
        for sender in (CLIENT, SERVER):
            for at, how in (
                ("before", "end"),
                ("header", "end"),
                ("body", "end"),
                ("before", "reset"),
                ("body", "reset"),
            ):
                number = 0
                while True:
                    with self.subTest(sender=sender, record=number, at=at, how=how):
                        if not self.play(sender, number, at, how):
                            break
                    number += 1
                self.assertGreaterEqual(number, 4, "records of a handshake")

    def test_close_notify_ahead_of_the_first_record(self) -> None:
        """Later ones are encrypted: those are the harness' adversary's."""
        for sender in (CLIENT, SERVER):
            with self.subTest(sender=sender):
                self.assertTrue(self.play(sender, 0, "before", "close_notify"))

    def test_an_alert_as_the_first_record_has_one_answer(self) -> None:
        """RFC 8446 section 6.2, whether it is there before the server looks or comes later."""
        for number in range(200):
            conn = len(self.server.events("connection")) + 1
            with socket.create_connection(self.address) as client:
                if number % 2:
                    time.sleep(0.002)
                client.sendall(HANDSHAKE_FAILURE)
                client.settimeout(PATIENCE)
                self.assertEqual(client.recv(100), b"", "an alert is not answered")
            self.wait_for_end(conn)
            event = self.server.events("handshake", conn=conn)[0]
            alert = {"direction": "received", "code": 40, "name": "handshake_failure"}
            self.assertEqual((event["reason"], event["alert"]), ("peer-alert", alert))


def main() -> None:
    """CLIENT SERVER DEVICE VERIFIER: the programs."""
    global PROGRAMS  # pylint: disable=global-statement
    parser = argparse.ArgumentParser()
    for name in ("client", "server", "device", "verifier"):
        parser.add_argument(name)
    PROGRAMS, rest = parser.parse_known_args()
    unittest.main(argv=[os.path.basename(sys.argv[0]), *rest])


if __name__ == "__main__":
    main()

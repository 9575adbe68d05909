# SPDX-License-Identifier: Apache-2.0
"""The packets of a case, as Wireshark wants them: connection.pcapng with the secrets inside.

One dumpcap listens on the loopback interface for the whole run, because to start one for each case
would cost more than most cases do. A bundle cuts out the packets of its own connections: by the
server's port, and by time, since ports come back. Where packets cannot be captured there is a
reason instead, and nothing else changes.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping

from .errors import InfrastructureError
from .events import read_events, select
from .process import to_its_end

NAME = "connection.pcapng"
WHOLE = "loopback.pcapng"
WORDS = "loopback.stderr"
SETTINGS = "loopback.json"
SIZE_MAX_KB = 500_000
# Discard (RFC 863): a datagram to it marks a place in the capture, and troubles nobody.
MARK_PORT = 9
MARK_TIMEOUT = 2.0
START_TIMEOUT = 5.0
GLANCE = 0.02
STOP_TIMEOUT = 5.0
EDITCAP_TIMEOUT = 20.0
CLOCKS_DIFFER = 0.5  # also what passes between a case's end and its bundle
SECTION_HEADER, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
IF_TSRESOL = 9
IPV4, IPV6, TCP = 0x0800, 0x86DD, 6


class Loopback:
    """dumpcap, for as long as a run takes. It captures from soon after it was started."""

    def __init__(self, work: Path, everything: bool) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._work = work
        settings: dict[str, Any] = {"everything": everything, "reason": ""}
        dumpcap = shutil.which("dumpcap")
        if dumpcap is None:
            settings["reason"] = "dumpcap is not installed (Debian: wireshark-common)"
        else:
            argv = [dumpcap, "-q", "-i", "lo", "-f", f"tcp or udp port {MARK_PORT}"]
            argv += ["-a", f"filesize:{SIZE_MAX_KB}", "-w", str(work / WHOLE)]
            setpriv = shutil.which("setpriv")  # so that it ends with this process, come what may
            if setpriv is not None:
                argv = [setpriv, "--pdeathsig", "TERM", *argv]
            with (work / WORDS).open("wb") as words:
                self._process = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words
                )
        (work / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")

    def lack(self) -> str:
        """Why it captures nothing, or "": waits until it has begun to write, or has ended."""
        if self._process is None:
            return "dumpcap is not installed (Debian: wireshark-common)"
        deadline = time.monotonic() + START_TIMEOUT
        while not (self._work / WHOLE).exists() and time.monotonic() < deadline:
            if self._process.poll() is not None:
                words = (self._work / WORDS).read_text(encoding="utf-8", errors="replace")
                return f"dumpcap does not capture here: {' '.join(words.split()) or 'no word'}"
            time.sleep(GLANCE)
        return ""

    def stop(self) -> None:
        """Ends it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class Packet:
    """One packet: its block of the file, when it was seen, and what is in it."""

    block: memoryview
    time: float
    data: memoryview

    def ports(self) -> tuple[int, int] | None:
        """TCP ports, or None where this is no TCP."""
        if len(self.data) < 14 + 40:
            return None
        (kind,) = struct.unpack_from(">H", self.data, 12)
        if kind == IPV4 and self.data[23] == TCP:
            at = 14 + 4 * (self.data[14] & 15)
        elif kind == IPV6 and self.data[20] == TCP:
            at = 14 + 40
        else:
            return None
        if at + 4 > len(self.data):
            return None
        source, target = struct.unpack_from(">HH", self.data, at)
        return int(source), int(target)


@dataclass
class Reader:
    """A capture file that still grows. Blocks are as dumpcap on this machine writes them."""

    file: memoryview
    headers: list[memoryview] = field(default_factory=list)
    tick: float = 1e-6

    def blocks(self) -> Iterator[tuple[int, memoryview]]:
        """Whole blocks (draft-ietf-opsawg-pcapng section 3.1): type and all bytes."""
        at = 0
        while at + 12 <= len(self.file):
            kind, size = struct.unpack_from("=II", self.file, at)
            if size < 12 or size % 4 or at + size > len(self.file):
                return
            yield kind, self.file[at : at + size]
            at += size

    def packets(self) -> Iterator[Packet]:
        """All packets; the blocks that must come before them are collected in HEADERS."""
        for kind, block in self.blocks():
            if kind == ENHANCED_PACKET:
                high, low, size = struct.unpack_from("=III", block, 12)
                yield Packet(block, ((high << 32) + low) * self.tick, block[28 : 28 + size])
            elif kind in (SECTION_HEADER, INTERFACE):
                self.headers.append(block)
                if kind == INTERFACE:
                    self._resolution(block)

    def _resolution(self, block: memoryview) -> None:
        at = 16
        while at + 4 <= len(block) - 4:
            code, size = struct.unpack_from("=HH", block, at)
            if code == IF_TSRESOL and size == 1:
                digits = block[at + 4]
                self.tick = 2.0 ** -(digits & 127) if digits & 128 else 10.0**-digits
            at += 4 + size + -size % 4


def add(record: Mapping[str, Any], work: Path, where: Path) -> str:
    """Puts connection.pcapng into the bundle WHERE of a case that has just been played; returns
    why there is none, or "".
    """
    since = time.time() - float(record["seconds"]) - CLOCKS_DIFFER
    try:
        settings = json.loads((work / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "no packets were captured in this run"
    if settings["reason"]:
        return str(settings["reason"])
    if record["outcome"] == "pass" and not settings["everything"]:
        return "packets of a passed case are kept with --packets only"
    ports = server_ports(where)
    if not ports:
        return "the server had no port"
    if not _written_so_far(work):
        words = (work / WORDS).read_text(encoding="utf-8", errors="replace").split("\n")
        told = " ".join(line.strip() for line in words if line.strip())
        return f"dumpcap does not capture here: {told or 'it says nothing'}"
    plain = where / f"plain-{NAME}"
    try:
        count = cut(work / WHOLE, ports, since, plain)
        if count == 0:
            return f"no packet was seen of port {', '.join(map(str, sorted(ports)))}"
        return _with_secrets(plain, where)
    finally:
        plain.unlink(missing_ok=True)


def server_ports(folder: Path) -> set[int]:
    """The ports that servers of a case said they listen on."""
    found = set()
    for path in folder.glob("server*.events.jsonl"):
        for event in select(read_events(path, complete=False), "ready"):
            if isinstance(event.get("port"), int):
                found.add(int(event["port"]))
    return found


def cut(whole: Path, ports: set[int], since: float, target: Path) -> int:
    """Copies the packets from or to one of PORTS that are not older; returns how many."""
    count = 0
    with whole.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = Reader(memoryview(mapped))
    with target.open("wb") as out:
        for packet in reader.packets():
            pair = packet.ports() if packet.time >= since else None
            if pair is not None and not ports.isdisjoint(pair):
                if count == 0:
                    out.writelines(reader.headers)
                out.write(packet.block)
                count += 1
    return count


def _written_so_far(work: Path) -> bool:
    """Waits until all that was sent before now is in the file."""
    mark = os.urandom(16)
    deadline = time.monotonic() + MARK_TIMEOUT
    path = work / WHOLE
    start = path.stat().st_size if path.exists() else 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(mark, ("127.0.0.1", MARK_PORT))
    while time.monotonic() < deadline:
        if path.exists():
            with path.open("rb") as file:
                file.seek(max(0, start - len(mark)))
                if mark in file.read():
                    return True
        time.sleep(0.02)
    return False


def _with_secrets(plain: Path, where: Path) -> str:
    """Puts the key logs of all sides into the capture."""
    lines = {
        line: None
        for path in sorted(where.glob("*.keylog"))
        for line in path.read_text(encoding="ascii", errors="replace").splitlines()
    }
    if not lines:  # no handshake came so far: there is nothing to decrypt
        shutil.copyfile(plain, where / NAME)
        return ""
    editcap = shutil.which("editcap")
    if editcap is None:
        return "editcap is not installed (Debian: wireshark-common)"
    keylog = where / "all.keylog"
    keylog.write_text("\n".join(lines) + "\n", encoding="ascii", errors="replace")
    argv = [editcap, "--inject-secrets", f"tls,{keylog}", str(plain), str(where / NAME)]
    try:
        done = to_its_end(argv, "editcap", EDITCAP_TIMEOUT)
    except InfrastructureError as problem:
        return str(problem)
    finally:
        keylog.unlink(missing_ok=True)
    if done.returncode != 0:
        return f"editcap ended with {done.returncode}: {done.stderr.strip()}"
    return ""

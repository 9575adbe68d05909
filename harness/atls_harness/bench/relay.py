# SPDX-License-Identifier: Apache-2.0
"""A network of its own: IP packets between namespaces, each delayed, some lost.

Each namespace has a TUN device whose other end is here. (The kernel's netem would do it too, but
not every kernel has it.) Told on standard input, a line at a time: "DELAY_MS LOSS_PERCENT", one
way; answers "ready" when that is so.

Usage: python3 -m atls_harness.bench.relay NAMESPACE=ADDRESS...
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import ipaddress
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "tun0"
PACKET_MAX = 65536
HEADER = 20  # bytes of an IPv4 header without options; the destination is its last four


def _enter(path: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(descriptor)


def attach(namespace: str, address: str) -> int:
    """A TUN device in NAMESPACE with ADDRESS (and prefix length); gives the end that is here."""
    _enter(f"/var/run/netns/{namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for argv in (
        ["ip", "address", "add", address, "dev", DEVICE],
        ["ip", "link", "set", DEVICE, "up"],
    ):
        subprocess.run(argv, check=True)
    return tun


class Relay:
    """Packets on their way."""

    def __init__(self, ends: dict[bytes, int]) -> None:
        self.ends = ends  # by address
        self.delay = 0.0
        self.loss = 0.0
        self.waiting: list[tuple[float, int, bytes, int]] = []
        self.count = 0
        self.random = random.Random(1)

    def take(self, tun: int) -> None:
        """All that one end has to send."""
        while True:
            try:
                packet = os.read(tun, PACKET_MAX)
            except BlockingIOError:
                return
            end = self.ends.get(packet[16:HEADER]) if len(packet) >= HEADER else None
            if end is None or self.random.random() * 100 < self.loss:
                continue
            self.count += 1
            heapq.heappush(self.waiting, (time.monotonic() + self.delay, self.count, packet, end))

    def deliver(self) -> float | None:
        """What is due; gives the seconds until more is."""
        while self.waiting:
            rest = self.waiting[0][0] - time.monotonic()
            if rest > 0:
                return rest
            _, _, packet, end = heapq.heappop(self.waiting)
            try:
                os.write(end, packet)
            except BlockingIOError:
                pass  # a full queue drops, as any router does
        return None


def main(argv: list[str]) -> int:
    """Relays until standard input ends."""
    ends = {}
    for place in argv:
        namespace, _, address = place.partition("=")
        own = ipaddress.ip_interface(address)
        ends[own.ip.packed] = attach(namespace, address)
    relay = Relay(ends)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, *ends.values()], [], [], relay.deliver())
        for one in ready:
            if one is not sys.stdin:
                relay.take(one)
                continue
            line = sys.stdin.readline()
            if not line:
                return 0
            delay, loss = line.split()
            relay.delay, relay.loss = float(delay) / 1000, float(loss)
            print("ready", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

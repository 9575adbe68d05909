# SPDX-License-Identifier: Apache-2.0
"""What went over the wire as Wireshark reads it: pcapng (draft-ietf-opsawg-pcapng) with the TLS
secrets inside.

The relay has seen streams, not packets: so the packets are made here, with the addresses that the
connection had, and say what came when, in which order. Nobody has to be allowed to capture.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Iterable, Sequence

from ..capture import ENHANCED_PACKET, INTERFACE, SECTION_HEADER

SECRETS = 10
TLS_KEY_LOG = 0x544C534B
LINKTYPE_RAW = 101  # a packet begins with its IP header
SEGMENT = 1400
FIN, SYN, PUSH, ACK = 1, 2, 8, 16
COMMENT = "made from the streams that a relay saw: no such packets were captured"

Chunk = tuple[float, bool, bytes]  # seconds since 1970, from the client?, bytes
End = tuple[str, int]


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _sum(data: bytes) -> int:
    """The checksum of RFC 1071."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class _Stream:
    """One connection, from its SYN to its FIN."""

    def __init__(self, client: End, server: End) -> None:
        ends = [ipaddress.ip_address(end[0]) for end in (client, server)]
        if ends[0].version != ends[1].version:
            ends = [ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("192.0.2.2")]
        self.addresses = [end.packed for end in ends]
        self.four = ends[0].version == 4
        self.ports = [client[1], server[1]]
        self.sent = [1000, 5000]

    def packet(self, side: int, flags: int, data: bytes = b"") -> bytes:
        """SIDE 0: from the client."""
        peer = 1 - side
        known = self.sent[peer] if flags & ACK else 0
        ports = (self.ports[side], self.ports[peer])
        head = struct.pack(">HHIIBBHHH", *ports, self.sent[side], known, 0x50, flags, 65535, 0, 0)
        source, target = self.addresses[side], self.addresses[peer]
        pseudo = source + target + struct.pack(">HH", 6, len(head) + len(data))
        checked = head[:16] + struct.pack(">H", _sum(pseudo + head + data)) + head[18:]
        self.sent[side] = (self.sent[side] + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        size = len(head) + len(data)
        if not self.four:
            return struct.pack(">IHBB", 6 << 28, size, 6, 64) + source + target + checked + data
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, 6, 0) + source + target
        return ip[:10] + struct.pack(">H", _sum(ip)) + ip[12:] + checked + data


def _packet(time: float, data: bytes) -> bytes:
    ticks = int(time * 1e6)
    head = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return _block(ENHANCED_PACKET, head + data)


def write(
    chunks: Sequence[Chunk], client: End, server: End, began: float, secrets: Iterable[str] = ()
) -> bytes:
    """The whole file."""
    made = [
        _block(
            SECTION_HEADER,
            struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
            + _option(1, COMMENT.encode())
            + _option(0, b""),
        ),
        _block(INTERFACE, struct.pack("<HHI", LINKTYPE_RAW, 0, 0)),
    ]
    log = "".join(f"{line}\n" for line in secrets).encode("ascii")
    if log:
        made.append(_block(SECRETS, struct.pack("<II", TLS_KEY_LOG, len(log)) + log))
    stream = _Stream(client, server)
    opening = [(0, SYN), (1, SYN | ACK), (0, ACK)]
    made += [_packet(began, stream.packet(side, flags)) for side, flags in opening]
    last = began
    for time, from_client, data in chunks:
        last = max(last, time)
        side = 0 if from_client else 1
        for at in range(0, len(data), SEGMENT):
            part = data[at : at + SEGMENT]
            made.append(_packet(last, stream.packet(side, PUSH | ACK, part)))
    closing = [(1, FIN | ACK), (0, FIN | ACK), (1, ACK)]
    made += [_packet(last, stream.packet(side, flags)) for side, flags in closing]
    return b"".join(made)

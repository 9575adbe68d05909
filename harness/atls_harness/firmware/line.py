# SPDX-License-Identifier: Apache-2.0
"""Requests to a device over its unix socket (sim/device/protocol.h, link.h, frame.h)."""

from __future__ import annotations

import os
import socket
import struct
import zlib

from ..errors import ContractError

ATTEST_PLATFORM, BOOT_RECORD = 5, 7
VERSION, REQUEST, ANSWER = 1, 1, 2
TIMEOUT = 30.0


class DeviceSaysNo(ContractError):
    """The device answered, and the answer is not "done"."""


def stuffed(payload: bytes) -> bytes:
    """COBS: no zero byte is left."""
    out = bytearray()
    for group in (payload).split(b"\0"):
        while len(group) >= 254:
            out += b"\xff" + group[:254]
            group = group[254:]
        out += bytes([len(group) + 1]) + group
    return bytes(out)


def unstuffed(frame: bytes) -> bytes:
    """The reverse."""
    out = bytearray()
    at = 0
    while at < len(frame):
        code = frame[at]
        out += frame[at + 1 : at + code]
        at += code
        if code < 255 and at < len(frame):
            out.append(0)
    return bytes(out)


def ask(path: str, *requests: bytes) -> bytes:
    """The fields of the answer to a request: the last of those that go over one connection."""
    answer = b""
    session = int.from_bytes(os.urandom(4), "big")
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(TIMEOUT)
        try:
            line.connect(path)
            for sequence, request in enumerate(requests, 1):
                answer = _exchange(line, session, sequence, request)
        except OSError as problem:
            raise ContractError(f"the device's line: {problem}") from problem
    return answer


def _exchange(line: socket.socket, session: int, sequence: int, request: bytes) -> bytes:
    header = struct.pack(">BBLL", VERSION, REQUEST, session, sequence)
    payload = header + request
    line.sendall(b"\0" + stuffed(payload + struct.pack(">L", zlib.crc32(payload))) + b"\0")
    received = b""
    while received.count(b"\0") < 2:
        some = line.recv(65536)
        if not some:
            raise ContractError("the device closed the line")
        received += some
    frame = unstuffed(received.split(b"\0")[1])
    body, check = frame[:-4], frame[-4:]
    if struct.pack(">L", zlib.crc32(body)) != check or body[:10] != bytes([1, ANSWER]) + header[2:]:
        raise ContractError("the device's answer is garbled")
    message = body[10:]
    if message[1] != 0:
        size = int.from_bytes(message[2:4], "big")
        raise DeviceSaysNo(message[4 : 4 + size].decode(errors="replace"))
    return message[2:]


def attest(path: str, nonce: bytes) -> bytes:
    """A PSA token over a nonce of 32, 48 or 64 bytes."""
    return ask(path, bytes([ATTEST_PLATFORM, len(nonce)]) + nonce)[3:]


def boot_record(path: str) -> bytes:
    """The software components, in CBOR."""
    return ask(path, bytes([BOOT_RECORD]))[3:]

# SPDX-License-Identifier: Apache-2.0
"""A network of the run's own, with loopback and nothing else, where the kernel lets it be had.

On a loopback that is shared any program of the machine can find a port of a run, and a port that
was another's a moment ago may be a run's now. Whatever is started afterwards is inside as well,
dumpcap too. Where it cannot be had (no root, a container without the right to it) all stays as it
is: a run does not need it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
INTERFACE = struct.Struct("16sh22x")  # struct ifreq of netdevice(7)


def _call(libc: ctypes.CDLL, name: str, *arguments: int) -> None:
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _bring_up(name: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, INTERFACE.pack(name, 0))
        flags = INTERFACE.unpack(answer)[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, INTERFACE.pack(name, flags | IFF_UP))


def isolate() -> str:
    """Moves this process, and what it will start, into a network of its own: "" or why not."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        return f"no network namespace: {problem}"
    try:
        _call(libc, "unshare", CLONE_NEWNET)
        try:
            _bring_up(b"lo")
        except OSError:
            _call(libc, "setns", before, CLONE_NEWNET)
            raise
    except (OSError, AttributeError) as problem:
        return f"no network namespace: {problem}"
    finally:
        os.close(before)
    return ""

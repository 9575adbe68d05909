# SPDX-License-Identifier: Apache-2.0
"""A crowd at a lab: so many connections at once, good and bad, and somebody who sends whatever
comes to hand. Counts what it did, so that what the lab has seen can be held to it.

By hand, for minutes: PYTHONPATH=harness python3 harness/tests/lab_crowd.py SECONDS PORT...
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
import sys
import time
from collections import Counter
from typing import Awaitable, Callable, Sequence

AT_ONCE = 200


def whole_hello() -> bytes:
    """A ClientHello whose lengths are right."""
    return hello_with(
        b"".join(
            struct.pack(">HH", kind, len(body)) + body
            for kind, body in (
                (0, b"\x00\x0d\x00\x00\x0acrowd.fuzz"),
                (10, b"\x00\x02\x00\x1d"),
                (13, b"\x00\x06\x04\x03\x08\x04\x04\x01"),
                (43, b"\x02\x03\x04"),
                (51, b"\x00\x24\x00\x1d\x00\x20" + bytes(range(32))),
                (0xFF11, b"\x04\x00\x00\x01\x11"),
            )
        )
    )


def hello_with(extensions: bytes) -> bytes:
    """One with these bytes where its extensions are."""
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x06\x13\x01\x13\x02\x13\x03" + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def trusting() -> ssl.SSLContext:
    """Of a client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def mutated(data: bytes, dice: random.Random) -> bytes:
    """DATA, and something done to it."""
    made = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(made)) if made else 0
        what = dice.randrange(5)
        if what == 0 and made:
            made[at] ^= 1 << dice.randrange(8)
        elif what == 1:
            made[at:at] = dice.randbytes(dice.randint(1, 20))
        elif what == 2:
            del made[at : at + dice.randint(1, 20)]
        elif what == 3 and made:
            made[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
        else:
            made += made[: dice.randint(1, 400)]
    return bytes(made)


class Crowd:
    """Connections, and how many of each kind there were."""

    def __init__(self, ports: Sequence[int], seed: int = 1) -> None:
        self.ports = list(ports)
        self.dice = random.Random(seed)
        self.made: Counter[str] = Counter()
        self.refused = 0  # the kernel's: nobody was at the port
        self._kinds: list[Callable[[], Awaitable[None]]] = [
            self.good,
            self.good,
            self.good,
            self.old,
            self.silent,
            self.stranger,
            self.half,
            self.reset,
            self.fuzz,
        ]

    @contextlib.asynccontextmanager
    async def _connection(self, kind: str):  # type: ignore[no-untyped-def]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.dice.choice(self.ports))
        self.made[kind] += 1
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _tls(self, kind: str, context: ssl.SSLContext) -> None:
        """A connection as TLS has it; whatever comes of it."""
        port = self.dice.choice(self.ports)
        plain = socket.socket()
        plain.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        except BaseException:
            plain.close()
            raise
        self.made[kind] += 1
        opening = asyncio.open_connection(
            sock=plain, ssl=context, server_hostname=f"{kind}.crowd", ssl_handshake_timeout=60
        )
        reader, writer = await opening
        try:
            writer.write(b"hello\n")
            await asyncio.wait_for(reader.read(200), 60)
        finally:
            writer.transport.abort()

    async def good(self) -> None:
        """Any client of TLS 1.3."""
        await self._tls("good", trusting())

    async def old(self) -> None:
        """One that has no TLS 1.3."""
        context = trusting()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        await self._tls("old", context)

    async def silent(self) -> None:
        """One that says nothing, and goes."""
        async with self._connection("silent"):
            await asyncio.sleep(self.dice.random() * 0.2)

    async def stranger(self) -> None:
        """One that speaks something else."""
        async with self._connection("stranger") as (reader, writer):
            writer.write(b"GET /\x1b[31m HTTP/1.1\r\nHost: <script>\r\n\r\n")
            await asyncio.wait_for(reader.read(), 60)

    async def half(self) -> None:
        """One that stops in its hello."""
        async with self._connection("half") as (_, writer):
            writer.write(whole_hello()[: self.dice.randint(1, 100)])
            await writer.drain()
            await asyncio.sleep(self.dice.random())

    async def reset(self) -> None:
        """One that sends its hello and resets."""
        async with self._connection("reset") as (_, writer):
            writer.write(whole_hello())
            await writer.drain()
            await asyncio.sleep(self.dice.random() * 0.05)
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async def fuzz(self) -> None:
        """Whatever comes to hand."""
        async with self._connection("fuzz") as (reader, writer):
            writer.write(mutated(whole_hello(), self.dice))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(4096), 5)

    async def _one(self, ends: float, work: Callable[[], Awaitable[None]] | None) -> None:
        while time.monotonic() < ends:
            try:
                await (work or self.dice.choice(self._kinds))()
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, asyncio.TimeoutError, EOFError):
                continue

    async def come(self, seconds: float, at_once: int = AT_ONCE) -> None:
        """All of them: most of mixed quality, the rest fuzz."""
        ends = time.monotonic() + seconds
        fuzzing = max(1, at_once // 20)
        await asyncio.gather(
            *(self._one(ends, None) for _ in range(at_once - fuzzing)),
            *(self._one(ends, self.fuzz) for _ in range(fuzzing)),
        )


if __name__ == "__main__":
    crowd = Crowd([int(one) for one in sys.argv[2:]])
    asyncio.run(crowd.come(float(sys.argv[1])))
    print(sum(crowd.made.values()), dict(crowd.made), "refused", crowd.refused)

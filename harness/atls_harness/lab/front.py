# SPDX-License-Identifier: Apache-2.0
"""The ports themselves: who comes is let in within bounds, looked at, and handed to the server
behind, byte for byte. What went over the wire is written down with its times."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from dataclasses import dataclass, field
from typing import Awaitable, Callable

from . import hello
from .backend import Backends, Server, Talk
from .limits import Door, source_of
from .pcapng import Chunk
from .places import Place

CHUNK = 16384
RECORDED_MAX = 384 << 10  # bytes of one connection that are kept
RELAYED_MAX = 4 << 20  # bytes in one direction, after which it is ended
HELLO_LIMIT = 10.0  # seconds for the ClientHello
CONNECTION_LIMIT = 60.0  # for all of it
CLOSED_LIMIT = 5.0  # for the server's last word
SECRETS_PAUSE = 0.05
HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This port speaks TLS with attestation. The lab's page is at its own port.\n"
)


@dataclass
class Visit:
    """One connection, while it lasts."""

    place: Place
    client: tuple[str, int]
    server: tuple[str, int]
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    began: float = field(default_factory=time.time)
    began_at: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    source: str = ""
    participant: str = ""
    chunks: list[Chunk] = field(default_factory=list)
    recorded: int = 0
    cut: int = 0  # bytes that are not kept
    sent: list[int] = field(default_factory=lambda: [0, 0])  # from the client, from the server
    first: bytes = b""  # the peer's, up to its whole ClientHello
    seen: hello.Hello | None = None
    no_tls: str = ""
    problem: str = ""  # of the lab
    reset: bool = False  # by the peer
    talk: Talk | None = None
    secrets: list[str] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    verifier_events: list[object] = field(default_factory=list)

    def note(self, from_client: bool, data: bytes) -> None:
        """Writes down what went by."""
        self.sent[0 if from_client else 1] += len(data)
        room = max(0, RECORDED_MAX - self.recorded)
        if data[:room]:
            self.chunks.append((time.time(), from_client, data[:room]))
            self.recorded += len(data[:room])
        self.cut += len(data[room:])


def participant_of(seen: hello.Hello | None, source: str, own: str) -> str:
    """Who it is: the first label of a server name that has several (team.anything), unless that is
    the lab's own name; else the source."""
    name = seen.server_name if seen is not None else ""
    label, _, rest = name.partition(".")
    if not rest or name == own or name.replace(".", "").isdigit():
        return source
    return label


class Front:
    """All ports."""

    def __init__(
        self,
        backends: Backends,
        door: Door,
        begun: Callable[[Visit], None],
        ended: Callable[[Visit], Awaitable[None]],
        own_name: str = "",
    ) -> None:
        self.backends = backends
        self.door = door
        self.ports: dict[str, int] = {}
        self._begun = begun
        self._ended = ended
        self._own_name = own_name
        self._listening: list[asyncio.AbstractServer] = []
        self._visits: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, first: int) -> None:
        """Opens a port for each place, from FIRST on (0: whichever are free)."""
        for number, place in enumerate(self.backends.places):

            def come(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place = place
            ) -> None:
                task = asyncio.ensure_future(self._come(place, reader, writer))
                self._visits.add(task)
                task.add_done_callback(self._visits.discard)

            port = first + number if first else 0
            server = await asyncio.start_server(come, host, port, limit=CHUNK, backlog=1024)
            self._listening.append(server)
            self.ports[place.name] = int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Closes the ports, and ends what is under way."""
        for server in self._listening:
            server.close()
        for task in list(self._visits):
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _come(
        self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer, here = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        if peer is None or here is None:  # it has gone already
            writer.transport.abort()
            return
        source = source_of(str(peer[0]))
        if not self.door.enter(source):
            writer.transport.abort()
            return
        visit = Visit(place, (str(peer[0]), int(peer[1])), (str(here[0]), int(here[1])))
        visit.source = visit.participant = source
        self._begun(visit)
        try:
            async with asyncio.timeout(CONNECTION_LIMIT):
                await self._serve(visit, reader, writer)
        except TimeoutError:
            visit.problem = f"the lab ended it after {CONNECTION_LIMIT:g} s"
        except asyncio.CancelledError:
            visit.problem = visit.problem or "the lab was stopped"
            raise
        except (OSError, EOFError) as problem:
            visit.problem = visit.problem or f"the lab's own server: {problem}"
        finally:
            if visit.problem:
                writer.transport.abort()
            writer.close()
            self.door.leave(source)
            visit.ended = time.time()
            await asyncio.shield(self._ended(visit))

    async def _serve(
        self, visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not await self._look(visit, reader):
            if visit.no_tls.startswith("HTTP"):
                with contextlib.suppress(OSError):
                    writer.write(HTTP_ANSWER)
                    await writer.drain()
            return
        visit.participant = participant_of(visit.seen, visit.source, self._own_name)
        server = await self.backends.server(visit.participant, visit.place)
        inner_reader, inner_writer, visit.talk = await server.connect()
        try:
            await asyncio.gather(
                _pass(visit, True, reader, inner_writer, visit.first),
                _pass(visit, False, inner_reader, writer),
            )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(visit.talk.closed.wait(), CLOSED_LIMIT)
        finally:
            inner_writer.transport.abort()
            await asyncio.shield(self._gather(visit, server))
            server.forget(visit.talk)

    async def _look(self, visit: Visit, reader: asyncio.StreamReader) -> bool:
        """Reads the peer's first bytes, until they are a ClientHello. False where they are no TLS:
        then nobody behind is troubled."""
        deadline = time.monotonic() + HELLO_LIMIT
        while visit.seen is None:
            try:
                left = max(0.01, deadline - time.monotonic())
                data = await asyncio.wait_for(reader.read(CHUNK), left)
            except asyncio.TimeoutError:
                break
            except OSError:
                visit.reset = True
                break
            if not data:
                break
            visit.note(True, data)
            visit.first += data
            if not hello.begins_as_tls(visit.first):
                visit.no_tls = hello.in_words(visit.first)
                return False
            visit.seen = hello.look(visit.first)
        return bool(visit.first)

    async def _gather(self, visit: Visit, server: Server) -> None:
        """What the server and its verifier said of it."""
        if visit.talk is None:
            return
        if visit.seen is not None and visit.seen.random:
            visit.secrets = server.secrets(visit.seen.random)
            if not visit.secrets and any("random" in event for event in visit.talk.events):
                await asyncio.sleep(SECRETS_PAUSE)  # the other pipe is read a little later
                visit.secrets = server.secrets(visit.seen.random)
        nonces = set()
        for event in visit.talk.events:
            if event.get("event") == "challenge":
                nonces.add(str(event.get("nonce")))
            name = event.get("file")
            if isinstance(name, str) and name not in visit.artifacts:
                data = server.artifact(name)
                if data:
                    visit.artifacts[name] = data
        verifier = self.backends.verifier_of(visit.participant)
        visit.verifier_events = list(verifier.about(nonces))


async def _pass(
    visit: Visit,
    from_client: bool,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    first: bytes = b"",
) -> None:
    """Passes on what comes, and then its end."""
    try:
        data = first or await reader.read(CHUNK)
        while data:
            if not (from_client and data is first):
                visit.note(from_client, data)
            writer.write(data)
            await writer.drain()
            if visit.sent[0 if from_client else 1] > RELAYED_MAX:
                visit.problem = (
                    f"the lab ended it: more than {RELAYED_MAX >> 20} MiB in a direction"
                )
                writer.transport.abort()
                return
            data = await reader.read(CHUNK)
        if writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, socket.error):
        visit.reset = visit.reset or from_client
        writer.transport.abort()

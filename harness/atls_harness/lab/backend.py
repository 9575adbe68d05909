# SPDX-License-Identifier: Apache-2.0
"""The programs behind the ports: servers that stay, their device and their verifier.

What they say is read as they say it, over pipes, so that nothing grows however long they stay: the
events of a connection are kept until it has ended, and then belong to its record. One connection
at a time is handed to a server, and the next when its event `connection` has come: so that number
is known to be that of this one. What ends by itself is started again: a server when somebody comes
to it, the device and a verifier at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Sequence

from .. import untrusted
from ..errors import ContractError, HarnessError, InfrastructureError
from ..events import Event
from ..flags import device_seed, plain
from ..parties import enrolled
from ..process import SANITIZERS, last_words
from ..run import Run
from .places import VERIFIER_ID, Place, server_flags
from .settings import PROVISIONING_TOKEN, VERIFIER_KEY, Settings

LINE_MAX = 2 << 20  # bytes of an event
EVENTS_MAX = 400  # of one connection
KEYS_MAX = 4096  # connections whose secrets wait to be fetched
SECRETS_MAX = 32  # of one connection
READY_LIMIT = 60.0  # seconds
NUMBER_LIMIT = 30.0  # until a server says which connection it took
STOP_LIMIT = 5.0
RESTART_PAUSE = 1.0
RESTART_PAUSE_MAX = 60.0  # it doubles until then, while what is started ends again
ARTIFACT_MAX = 1 << 20
VERIFIER_EVENTS = 4000
PROBLEMS_MAX = 20  # of one program, that are told


@dataclass
class Talk:
    """What a server says of one connection."""

    number: int
    process_began: float  # on time.monotonic(), when the server's clock was 0
    events: list[Event] = field(default_factory=list)
    left_out: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: Event) -> None:
        """One more."""
        if len(self.events) < EVENTS_MAX or event.get("event") in ("handshake", "closed"):
            self.events.append(event)
        else:
            self.left_out += 1
        if event.get("event") == "closed":
            self.closed.set()


@contextlib.asynccontextmanager
async def reading(descriptor: int, limit: int) -> AsyncIterator[asyncio.StreamReader]:
    """A pipe or a terminal, line by line of at most LIMIT bytes; it is closed at the end."""
    reader = asyncio.StreamReader(limit=limit)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: protocol, os.fdopen(descriptor, "rb", 0)
    )
    try:
        yield reader
    finally:
        transport.close()


class Program:
    """One that stays, and is read while it runs."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        folder: Path,
        hear: Callable[[Event], None],
        fell: Callable[[Program], None] = lambda program: None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.folder = folder
        self.starts = 0
        self.problems = 0
        self._hear = hear
        self._fell = fell  # hears that it was ready and has ended by itself
        self._process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[Event] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def descriptors(self) -> Sequence[int]:
        """Those that the program inherits; closed here when it has them."""
        return ()

    def command(self, descriptors: Sequence[int]) -> list[str]:
        """What is started."""
        return [*self.argv, "--events", "-"]

    async def start(self) -> Event:
        """Starts it; its `ready` event."""
        given = self.descriptors()
        self._stopping = False
        self._ready = asyncio.get_running_loop().create_future()
        with (self.folder / f"{self.name}.stderr").open("wb") as words:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(given),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=words,
                limit=LINE_MAX,
                pass_fds=given,
                env={**os.environ, **SANITIZERS},
                start_new_session=True,
            )
        for one in given:
            os.close(one)
        self.starts += 1
        self._tasks = [asyncio.create_task(self._read()), *self.more_tasks()]
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), READY_LIMIT)
        except asyncio.TimeoutError as problem:
            await self.stop()
            raise InfrastructureError(
                f"{self.name} wrote no `ready` event within {READY_LIMIT:g} s"
            ) from problem

    def more_tasks(self) -> list[asyncio.Task[None]]:
        """What else is read from it."""
        return []

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        ready = self._ready
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:  # longer than LINE_MAX: it is skipped
                self.tell(f"{self.name}: an event was longer than {LINE_MAX} bytes")
                continue
            if not line:
                break
            try:
                event = untrusted.parse(line.decode("utf-8"))
            except ValueError as problem:
                self.tell(f"{self.name}: not an event: {problem}")
                continue
            if isinstance(event, dict):
                if event.get("event") == "ready" and ready is not None and not ready.done():
                    ready.set_result(event)
                self._hear(event)
        code = await self._process.wait()
        said = last_words(untrusted.tail(self.folder / f"{self.name}.stderr"))
        words = f"{self.name} ended with {code}: {said or 'no word'}"
        if ready is not None and not ready.done():
            ready.set_exception(InfrastructureError(words))
        elif not self._stopping:
            self.tell(words)
            self._fell(self)
        self.ended(code)

    def tell(self, problem: str) -> None:
        """Something is wrong with it: whoever opened the lab is told, though not for ever."""
        self.problems += 1
        if self.problems <= PROBLEMS_MAX:
            print(f"lab: {problem}", file=sys.stderr, flush=True)

    def ended(self, code: int) -> None:
        """It has ended, whether that was asked of it or not."""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def stopped(self) -> bool:
        """Was its end asked for, since it was started last?"""
        return self._stopping

    async def stop(self) -> None:
        """Ends it."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_LIMIT)
            except asyncio.TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        for task in self._tasks:
            try:
                await asyncio.wait_for(task, STOP_LIMIT)
            except (asyncio.TimeoutError, asyncio.CancelledError):
                task.cancel()


class Server(Program):
    """The server behind one place."""

    def __init__(self, place: Place, argv: Sequence[str], folder: Path, name: str = "") -> None:
        super().__init__(name or place.name, argv, folder, self._heard)
        self.place = place
        self.port = 0
        self.artifacts = folder / f"{self.name}.artifacts"
        self.artifacts.mkdir(exist_ok=True)
        self._talks: dict[int, Talk] = {}
        self._expected: asyncio.Future[Talk] | None = None
        self._turn = asyncio.Lock()
        self._keys: OrderedDict[str, list[str]] = OrderedDict()
        self._keys_pipe = -1

    def descriptors(self) -> Sequence[int]:
        self._keys_pipe, given = os.pipe()
        os.set_blocking(self._keys_pipe, False)
        return (given,)

    def command(self, descriptors: Sequence[int]) -> list[str]:
        made = super().command(descriptors)
        return [*made, "--keylog", f"/dev/fd/{descriptors[0]}", "--artifacts", str(self.artifacts)]

    def more_tasks(self) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._read_keys(self._keys_pipe))]

    async def start(self) -> Event:
        ready = await super().start()
        self.port = int(ready["port"])
        return ready

    async def _read_keys(self, pipe: int) -> None:
        async with reading(pipe, 1 << 16) as reader:
            while line := await reader.readline():
                words = line.decode("ascii", "replace").split()
                if len(words) == 3:
                    lines = self._keys.setdefault(words[1], [])
                    if len(lines) < SECRETS_MAX:
                        lines.append(" ".join(words))
                    while len(self._keys) > KEYS_MAX:
                        self._keys.popitem(last=False)

    def _heard(self, event: Event) -> None:
        number = event.get("conn")
        if event.get("event") == "connection" and isinstance(number, int):
            since = event.get("t")
            began = time.monotonic() - (float(since) if isinstance(since, (int, float)) else 0.0)
            talk = self._talks[number] = Talk(number, began)
            if self._expected is not None and not self._expected.done():
                self._expected.set_result(talk)
        talk_of = self._talks.get(number) if isinstance(number, int) else None
        if talk_of is not None:
            talk_of.add(event)

    def ended(self, code: int) -> None:
        for talk in self._talks.values():
            talk.closed.set()
        if self._expected is not None and not self._expected.done():
            self._expected.set_exception(ConnectionError(f"{self.name} ended with {code}"))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Talk]:
        """A connection to it, and what it says of that. OSError where it takes none."""
        async with self._turn:
            if not self.running:
                await self._again()
            self._expected = asyncio.get_running_loop().create_future()
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    talk = await asyncio.wait_for(self._expected, NUMBER_LIMIT)
                except BaseException:
                    writer.transport.abort()
                    raise
            except asyncio.TimeoutError as problem:
                # Its number would be taken for that of the next one: begin anew.
                await self.stop()
                raise ConnectionError(f"{self.name} did not take a connection") from problem
            finally:
                self._expected = None
            return reader, writer, talk

    async def _again(self) -> None:
        """Starts it once more."""
        await asyncio.sleep(RESTART_PAUSE if self.starts else 0)
        self._talks.clear()
        try:
            await self.start()
        except HarnessError as problem:
            raise ConnectionError(str(problem)) from problem

    def forget(self, talk: Talk) -> None:
        """The connection's record has been written."""
        self._talks.pop(talk.number, None)

    def secrets(self, random: str) -> list[str]:
        """The lines of the key log for a ClientHello's random; they are forgotten here."""
        return self._keys.pop(random, [])

    def artifact(self, name: str) -> bytes:
        """A credential or result that an event names; it is removed. b"" where it is none."""
        path = self.artifacts / Path(name).name
        try:
            return untrusted.read(path, ARTIFACT_MAX)
        except (OSError, ContractError):
            return b""
        finally:
            path.unlink(missing_ok=True)


class Verifier(Program):
    """A verifier, and the newest of what it said."""

    def __init__(
        self, name: str, argv: Sequence[str], folder: Path, fell: Callable[[Program], None]
    ) -> None:
        super().__init__(name, argv, folder, self._heard, fell)
        self.events: deque[Event] = deque(maxlen=VERIFIER_EVENTS)
        self.address = ""

    async def start(self) -> Event:
        ready = await super().start()
        self.address = str(ready["address"])
        # Where it is started again it is where it was: servers and visitors know it by that.
        self.argv[self.argv.index("--listen") + 1] = self.address
        return ready

    def _heard(self, event: Event) -> None:
        self.events.append(event)

    def about(self, nonces: set[str]) -> list[Event]:
        """What it said of sessions over these nonces."""
        sessions = {
            event.get("session")
            for event in self.events
            if event.get("event") == "session" and event.get("nonce") in nonces
        }
        return [event for event in self.events if event.get("session") in sessions]


class Backends:
    """All programs of a lab."""

    def __init__(self, run: Run, settings: Settings, places: Sequence[Place], listen: str) -> None:
        self.run = run
        self.settings = settings
        self.state = settings.state
        self.places = list(places)
        self.folder = Path(tempfile.mkdtemp(prefix="lab", dir=run.work))
        self.device_path = str(self.folder / "device.sock")
        self.corim = self.folder / "device.corim"
        self.prober_corim = self.folder / "prober.corim"
        self.device = self._device()
        self._listen = listen
        self._endorsements: dict[str, list[Path]] = {}
        self.verifiers: dict[str, Verifier] = {}  # by participant, "" is everybody's
        self._servers: dict[tuple[str, str], Server] = {}  # by participant and place
        self._starting = asyncio.Lock()
        self._reviving: set[asyncio.Task[None]] = set()
        self._numbered = -1

    def _device(self) -> Program:
        argv = self.run.command("device", "device")
        argv += ["--listen", f"unix:{self.device_path}", "--seed", str(self.run.seed)]
        argv += ["--provision", str(self.corim)]
        return Program("device", argv, self.folder, lambda event: None, self._revive)

    def _revive(self, program: Program) -> None:
        task = asyncio.create_task(self._start_again(program))
        self._reviving.add(task)
        task.add_done_callback(self._reviving.discard)

    async def _start_again(self, program: Program) -> None:
        """A device or a verifier that has ended by itself. Nobody is answered by half of the lab
        meanwhile: a server that is not there yet waits."""
        async with self._starting:
            if program.stopped:
                return  # another took its place meanwhile
            while True:
                pause = RESTART_PAUSE * 2 ** min(program.starts - 1, 10)
                await asyncio.sleep(min(pause, RESTART_PAUSE_MAX))
                if program is self.device:
                    Path(self.device_path).unlink(missing_ok=True)
                try:
                    await program.start()
                    break
                except HarnessError as problem:
                    program.tell(f"{program.name} could not be started again: {problem}")
            if program is not self.device:
                program.tell(
                    f"{program.name} was started again; what was endorsed over its API has to be "
                    "endorsed once more"
                )
            else:
                program.tell(f"{program.name} was started again, and servers will be")
                # The keys of servers that attest themselves were in it.
                servers, self._servers = list(self._servers.values()), {}
                await asyncio.gather(*(one.stop() for one in servers))

    async def start(self) -> None:
        """Device, verifier and the servers of all places."""
        await self.device.start()
        await asyncio.to_thread(self._endorse_prober)
        await self._verifier("")
        await asyncio.gather(*(self._server("", place) for place in self.places))

    def _endorse_prober(self) -> None:
        """The device of `./atls probe` is known to the lab's verifier, too."""
        made = self.run.endorsements(plain({"seed": device_seed(self.run, "client-device")}))
        shutil.copy2(made, self.prober_corim)

    async def _verifier(self, participant: str) -> Verifier:
        self._numbered += 1
        name = f"verifier-{self._numbered}"
        files = [self.corim, self.prober_corim, *self._endorsements.get(participant, [])]
        key = self.state / VERIFIER_KEY
        listen = self._listen if not participant else "127.0.0.1:0"
        flags: dict[str, Any] = {
            "listen": listen,
            "identity": VERIFIER_ID,
            "key": str(key),
            "public-key": str(self.folder / f"{name}.jwk"),
            "provisioning-token": str(self.state / PROVISIONING_TOKEN),
            "endorsements": [str(path) for path in files],
        }
        argv = self.run.command("verifier", "verifier") + plain(flags)
        made = Verifier(name, argv, self.folder, self._revive)
        await made.start()
        self.verifiers[participant] = made
        return made

    def verifier_of(self, participant: str) -> Verifier:
        """The one that judges what a participant shows."""
        return self.verifiers.get(participant) or self.verifiers[""]

    async def _server(self, participant: str, place: Place) -> Server:
        verifier = self.verifier_of(participant)
        host, _, port = verifier.address.rpartition(":")
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host.replace('[::]', '[::1]')}:{port}"
        device = f"unix:{self.device_path}"
        flags = server_flags(place, device, url, self.state)
        self._numbered += 1
        name = place.name if not participant else f"{place.name}-{self._numbered}"
        if place.enrols:
            more = ["--cmw", "auto"] if place.known.carrier == "leaf" else []
            for one in self.settings.names:
                more += ["--dns", one]
            for one in self.settings.certified:
                more += ["--ip", one]
            where = (device, self.folder, f"{name}-enrolment")
            enrolment = await asyncio.to_thread(
                enrolled, self.run, *where, more, credentials=self.state
            )
            flags.update({"cert": str(enrolment.certificate), "key": enrolment.key})
        argv = self.run.command("server", "server")
        argv += plain({**flags, "listen": "127.0.0.1:0"})
        server = Server(place, argv, self.folder, name)
        await server.start()
        self._servers[participant, place.name] = server
        return server

    async def server(self, participant: str, place: Place) -> Server:
        """The server for a participant: everybody's, unless there are endorsements of its own."""
        who = participant if participant in self.verifiers and place.attests == "client" else ""
        found = self._servers.get((who, place.name))
        if found is not None:
            return found
        async with self._starting:
            found = self._servers.get((who, place.name))
            return found or await self._server(who, place)

    async def endorse(self, participant: str, files: Sequence[bytes]) -> None:
        """A participant's own endorsements, all of them: a verifier of its own knows them beside
        those of the lab's device. HarnessError where the verifier does not take them."""
        paths = []
        for number, data in enumerate(files):
            path = Path(tempfile.mkstemp(prefix=f"endorsed{number}-", dir=self.folder)[1])
            path.write_bytes(data)
            paths.append(path)
        async with self._starting:
            before = self._endorsements.get(participant, [])
            self._endorsements[participant] = paths
            old = self.verifiers.get(participant)
            try:
                await self._verifier(participant)
            except HarnessError:
                self._endorsements[participant] = before
                raise
            for who, place in [key for key in self._servers if key[0] == participant]:
                await self._servers.pop((who, place)).stop()
            if old is not None:
                await old.stop()

    async def stop(self) -> None:
        """Ends them all."""
        for task in self._reviving:
            task.cancel()
        await asyncio.gather(*self._reviving, return_exceptions=True)
        await asyncio.gather(*(one.stop() for one in self._servers.values()))
        await asyncio.gather(*(one.stop() for one in self.verifiers.values()))
        await self.device.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

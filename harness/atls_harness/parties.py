# SPDX-License-Identifier: Apache-2.0
"""The parties of a case: started in the order in which they need each other, and stopped.

Verifiers and devices come first, then the server, then the client. All are real processes on
loopback; nothing is known of them but what the peer contract says.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Collection, Iterable, Iterator, Mapping, Self, Sequence

from . import family, parsec, patience, tpm
from .enrol import Enrolment, enrol
from .errors import ContractError, Unsupported
from .events import Event, read_events, scan, select, sound
from .flags import (
    Addresses,
    device_flags,
    device_names,
    endorsement_flags,
    endpoint_flags,
    enrolment_flags,
    plain,
    verifier_flags,
)
from .process import Process
from .run import Run
from .scenario import SIDES, Case

CASE_TIMEOUT = 40.0
SETTLE = 0.3


@dataclass
class Party:
    """What became of one program."""

    name: str
    who: str
    argv: list[str]
    exit: int | None
    stopped: bool
    events: list[Event]
    problems: list[str] = field(default_factory=list)
    started: float = 0.0  # seconds since the case began
    words: str = ""  # the end of its standard error

    @classmethod
    def of(cls, process: Process, began: float) -> Self:
        """What a program that has ended said, held to the schema of events."""
        written, problems = scan(process.events_path)
        events, wrong = sound(written, process.who)
        ended = process.verdict_on_exit()
        return cls(
            process.name,
            process.who,
            process.argv,
            process.exit,
            process.stopped,
            events,
            problems + wrong + ([ended] if ended else []),
            process.started - began,
            process.last_words(),
        )


@dataclass
class Observation:
    """All that was seen of a case."""

    folder: Path
    parties: dict[str, Party]
    seconds: float
    problems: list[str] = field(default_factory=list)

    def of(self, who: str) -> list[Party]:
        """The parties of a kind (client, server, device, verifier)."""
        return [party for party in self.parties.values() if party.who == who]


class Listening(Mapping[str, str]):
    """Where verifiers listen; who asks for one waits until it does."""

    def __init__(self, known: Mapping[str, str], started: Mapping[str, Process]) -> None:
        self._known = dict(known)
        self._started = dict(started)

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            self._known[name] = f"http://{self._started[name].ready()['address']}"
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known.keys() | self._started.keys())

    def __len__(self) -> int:
        return len(self._known.keys() | self._started.keys())


class Play:
    """A case being played; a context manager that leaves no process behind."""

    def __init__(self, case: Case, run: Run, folder: Path) -> None:
        self.case = case
        self.run = run
        self.folder = folder
        self.processes: dict[str, Process] = {}
        self.port = 0
        self._down: socket.socket | None = None
        self.addresses = Addresses(folder, {}, {}, {})
        self._began = time.monotonic()
        self._patience = patience.factor()
        self._limit = float(case.story.get("timeout", CASE_TIMEOUT)) * self._patience
        self._deadline = self._began + self._limit
        self._problems: list[str] = []
        self._before: set[int] = set()
        self._helpers: list[Process] = []  # of devices: what their roots of trust are behind

    def __enter__(self) -> Self:
        family.become_reaper()
        self._before = family.children()
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(
        self, name: str, who: str, program: str, argv: list[str], listening: bool = True
    ) -> Process:
        """Starts one program with flags of the contract."""
        events = ["--events", str(self.folder / f"{name}.events.jsonl")]
        command = self.run.command(who, program) + argv + events
        serves = self.run.serves_cases(who, program)
        process = Process(name, who, command, self.folder, listening, serves)
        self.processes[name] = process
        return process

    def start_devices(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the case that are named; where they will listen, without "-device"."""
        devices = {}
        for name in names:
            flags = device_flags(self.case, self.run, name)
            if flags.get("root") == "tpm":
                flags = self._with_tpm(name, flags)
            if flags.get("root") == "parsec":
                flags = self._with_parsec(name, flags)
            address = f"unix:{self.folder / name}.sock"
            self.start(name, "device", "device", plain({"listen": address, **flags}))
            devices[name.removesuffix("-device")] = address
        return devices

    def start_helpers(self) -> None:
        """Verifiers and devices, all at once. Returns when the devices listen."""
        devices = self.start_devices(device_names(self.case))
        keys = {}
        started = {}
        for which, name in (("main", "verifier"), ("other", "other-verifier")):
            if which == "other" and name not in self.case.story:
                continue
            known = patience.stretched(verifier_flags(self.case, name, self.folder), self._patience)
            if "pause" in self.case.flags("client") and "result-lifetime" in known:
                known["result-lifetime"] = int(known["result-lifetime"]) * self._patience
            keys[which] = Path(known["public-key"])
            known["endorsements"] = [
                str(self.run.endorsements(wanted))
                for wanted in endorsement_flags(self.case, self.run, name)
            ]
            started[which] = self.start(name, "verifier", "verifier", plain(known))
        self._down = socket.socket()
        self._down.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{self._down.getsockname()[1]}"
        verifiers = Listening({"down": down}, started)
        for process in self.processes.values():
            if process.who == "device":
                process.ready()
        enrolled = {
            side: self._enrol(side, devices, verifiers)
            for side in SIDES
            if self.case.beside_x509(side)
        }
        self.addresses = Addresses(self.folder, verifiers, keys, devices, enrolled)

    def _with_tpm(self, name: str, flags: dict[str, Any]) -> dict[str, Any]:
        """A device's flags, with a TPM of its own."""
        state = tpm.state_of(self.run.work, tpm.which(plain(flags)))
        made = tpm.Tpm(self.folder, f"{name}.tpm", state)
        self._helpers.append(made)
        made.await_sockets()
        return {**flags, "tcti": made.tcti}

    def _with_parsec(self, name: str, flags: dict[str, Any]) -> dict[str, Any]:
        """A device's flags, with a Parsec of its own, and a TPM behind that."""
        command = parsec.command(self.run.peers, self.run.build)
        state = tpm.state_of(self.run.work, tpm.which(plain(flags)))
        made = parsec.Parsec(command, self.folder, f"{name}.parsec", state)
        self._helpers.append(made)
        made.await_socket()
        return {**flags, "parsec-socket": str(made.socket)}

    def _enrol(
        self, side: str, devices: Mapping[str, str], verifiers: Mapping[str, str]
    ) -> Enrolment:
        """A key of a side's device, and a certificate for it from the run's CA."""
        missing = self.run.peer("device").missing("enroll", self.run.build)
        if missing:
            raise Unsupported(missing)
        flags: dict[str, Any] = {"curve": self.case.story.get("curve", "p256")}
        flags.update(enrolment_flags(self.case, side, devices, verifiers))
        own_key = not self.run.peer(side).device_keys
        elsewhere = self.case.flags(side).get("certificate") == "other-name"
        where = (devices[side], self.folder, f"{side}-enrolment")
        return enrolled(self.run, *where, plain(flags), own_key, elsewhere)

    def start_server(self) -> None:
        """The server; returns once it listens, and every verifier, which it may not have needed."""
        story = self.case.flags("client")
        count = int(story.get("runs", 1)) * int(story.get("connections", 1))
        own = endpoint_flags(self.case, self.run, "server", self.addresses)
        (self.port,) = self.listen(["server"], {"max-connections": count, **own})

    def listen(self, names: Sequence[str], flags: Mapping[str, Any]) -> list[int]:
        """Servers that are alike; their ports, once they and every verifier listen."""
        told = {"listen": "127.0.0.1:0", **flags}
        argv = plain(patience.of_endpoint(told, self._patience))
        servers = [self.start(name, "server", "server", argv + self._files(name)) for name in names]
        for process in self.processes.values():
            process.ready()
        ports = []
        for server in servers:
            port = server.ready().get("port")
            if not isinstance(port, int):
                raise ContractError("the server's ready event has no port")
            ports.append(port)
        return ports

    def client_flags(self) -> dict[str, Any]:
        """What the client is told, but for events and files."""
        return {
            "connect": f"127.0.0.1:{self.port}",
            **endpoint_flags(self.case, self.run, "client", self.addresses),
        }

    def start_client(self, number: int = 1) -> Process:
        """The client."""
        name = "client" if number == 1 else f"client-{number}"
        flags = patience.of_endpoint(self.client_flags(), self._patience)
        argv = plain(flags) + self._files(name)
        return self.start(name, "client", "client", argv, listening=False)

    def _files(self, name: str) -> list[str]:
        artifacts = self.folder / f"{name}.artifacts"
        artifacts.mkdir(exist_ok=True)
        keylog = self.folder / f"{name}.keylog"
        return ["--keylog", str(keylog), "--artifacts", str(artifacts)]

    def remaining(self) -> float:
        """Seconds that the case still has."""
        return max(0.0, self._deadline - time.monotonic())

    def finish_client(self, client: Process) -> None:
        """Waits for a client's end."""
        if not client.wait(self.remaining()):
            self._problems.append(f"{client.name} did not end within {self._limit:g} s")
            client.stop()

    def finish_server(self) -> None:
        """Waits for the server's end; stops it where a client never came to it."""
        server = self.processes["server"]
        story = self.case.flags("client")
        expected = int(story.get("runs", 1)) * int(story.get("connections", 1))
        clients_ended = time.monotonic()
        while not server.wait(min(self.remaining(), 0.1)):
            events = read_events(server.events_path, complete=False)
            came = len(select(events, "connection"))
            open_now = came - len(select(events, "closed"))
            if self.remaining() <= 0:
                self._problems.append(f"server did not end within {self._limit:g} s")
                break
            missing = came < expected and open_now == 0
            if missing and time.monotonic() - clients_ended > SETTLE * self._patience:
                break
        server.stop()

    def stop(self) -> None:
        """Stops whatever still runs."""
        self._problems += end_all(self.processes.values(), self._before, self._helpers)
        if self._down is not None:
            self._down.close()
            self._down = None

    def play(self) -> Observation:
        """The whole case."""
        self.start_helpers()
        self.start_server()
        story = self.case.flags("client")
        for number in range(1, int(story.get("runs", 1)) + 1):
            if number > 1:
                time.sleep(float(story.get("pause", 0)) * self._patience)
            self.finish_client(self.start_client(number))
        self.finish_server()
        return self.observe()

    def observe(self) -> Observation:
        """Stops everything and collects what was said."""
        self.stop()
        seconds = time.monotonic() - self._began
        observation = Observation(self.folder, {}, seconds, list(self._problems))
        for process in self.processes.values():
            observation.parties[process.name] = Party.of(process, self._began)
        return observation


def end_all(
    processes: Collection[Process], before: set[int], helpers: Iterable[Process] = ()
) -> list[str]:
    """Ends what still runs, HELPERS behind it, and every child that was not there BEFORE. What was
    left behind, a sentence each."""
    found = []
    for process in processes:
        process.ask_to_end()
    for process in processes:
        process.stop()
        if process.left_behind():
            found.append(f"{process.name} left a process behind")
    for helper in helpers:
        helper.stop()
    for name in family.end_strangers(before):
        found.append(f"a process was left behind in a session of its own: {name}")
    return found


def enrolled(
    run: Run,
    device: str,
    folder: Path,
    name: str,
    flags: Sequence[str],
    own_key: bool = False,
    elsewhere: bool = False,
    credentials: Path | None = None,
) -> Enrolment:
    """A key of the device at DEVICE, and a certificate for it from the run's CA, or from that of
    CREDENTIALS (see enrol). The CA's own certificate comes along, so that there is an entry behind
    the first."""
    folder_of_ca = credentials or run.work
    command = run.command("device", "enroll")
    serves = run.serves_cases("device", "enroll")
    made = enrol(command, device, folder_of_ca, folder, name, flags, own_key, elsewhere, serves)
    with made.certificate.open("ab") as chain:
        chain.write((folder_of_ca / "ca.pem").read_bytes())
    return made


def credentials_in(party: Party) -> list[tuple[Event, Path]]:
    """The artifacts that a party's events name: credentials and results."""
    folder = Path(party.argv[party.argv.index("--artifacts") + 1])
    found: list[tuple[Event, Path]] = []
    for event in party.events:
        name: Any = event.get("file")
        if event.get("event") in ("credential", "result") and isinstance(name, str):
            found.append((event, folder / Path(name).name))
    return found

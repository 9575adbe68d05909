# SPDX-License-Identifier: Apache-2.0
"""Plays the cast of a story: each member starts when what its flags speak of is there.

A member is a program on loopback (verifier, device, endpoint, attacker), a certificate, or
something that an attacker is told. "{X.address}" in a field stands for what the party X has said,
and makes the member wait for it: so the order follows from the data, and an attacker in the
middle can wait for a message of one connection before another begins.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping

from .. import family, patience, untrusted
from ..enrol import Enrolment
from ..errors import ContractError, Unsupported, UsageError
from ..events import Event, scan, select
from ..flags import SEEDS_PER_RUN, plain
from ..parties import Party, end_all, enrolled
from ..paths import PEERS
from ..process import UNSUPPORTED, Process
from ..run import Run
from .cell import Cell
from .references import REFERENCE, Waiting, filled
from .story import OF_VICTIMS, Play

LIMIT = 40.0  # seconds of a play, on an idle machine
GLANCE = 0.01
SETTLE = 0.5
TOOLS = {"wire": "wire.py", "path": "path.py", "attacker-device": "device.py"}
SEEDS = {"genuine": 1, "attacker": 2, "other": 3}
IDENTITY = "verifier.example"
ENDPOINTS = ("attester", "relying-party", "both")
OF_OTHERS = "background-check"  # the model of those who speak another profile than the cell's


@dataclass
class Seen(Party):
    """What became of a member."""

    by: str = ""  # victim, attacker, genuine, bystander; nobody's where it only serves


class Stage:
    """A play being played; a context manager that leaves no process behind."""

    def __init__(self, play: Play, run: Run, folder: Path) -> None:
        self.play = play
        self.run = run
        self.folder = folder
        self.cast = play.cast()
        self.processes: dict[str, Process] = {}
        self.enrolled: dict[str, Enrolment] = {}
        # A device may wait for something that another member has to do first.
        self._enrolling: dict[str, concurrent.futures.Future[Enrolment]] = {}
        self._threads = concurrent.futures.ThreadPoolExecutor()
        self.told: set[str] = set()
        self._events: dict[str, tuple[int, list[Event]]] = {}
        self._patience = patience.factor()
        self._began = time.monotonic()
        self._before: set[int] = set()
        self._problems: list[str] = []

    def __enter__(self) -> "Stage":
        family.become_reaper()
        self._before = family.children()
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What members say of each other.

    def events(self, name: str) -> list[Event]:
        """What a member has said so far."""
        if name in self.enrolled:
            return self.enrolled[name].events
        if name not in self.processes:
            raise Waiting(name)
        path = self.processes[name].events_path
        size = path.stat().st_size if path.exists() else 0
        before = self._events.get(name, (-1, []))
        if before[0] != size:
            before = (size, scan(path, complete=False)[0])
            self._events[name] = before
        return before[1]

    def said(self, party: str, event: str, /, **fields: Any) -> Event:
        """The first event of that kind; Waiting where it has not come."""
        process = self.processes.get(party)
        ended = process is not None and process.wait(0)
        found = select(self.events(party), event, **fields)
        if not found and process is not None and ended:
            words = f"{party} ended before its event `{event}`: {process.last_words()}"
            raise Unsupported(words) if process.exit == UNSUPPORTED else ContractError(words)
        if not found:
            raise Waiting(f"{party}: {event}")
        return found[0]

    def credential(self, name: str, direction: str) -> str:
        """The bytes of a credential that an endpoint sent or received, in hexadecimal."""
        event = self.said(name, "credential", direction=direction)
        path = self.folder / f"{name}.artifacts" / Path(str(event["file"])).name
        return untrusted.read(path).hex()

    def value(self, name: str, what: str) -> str:
        """{NAME.WHAT} of a field."""
        if what.startswith("size."):
            return f"{len(bytes.fromhex(self.value(name, what.removeprefix('size.')))):02x}"
        if what == "address":
            return str(self.said(name, "ready")["address"])
        if what == "url":
            return f"http://{self.said(name, 'ready')['address']}"
        if what in ("received", "sent"):
            return self.credential(name, what)
        if what in ("key", "certificate"):
            if name not in self.enrolled:
                raise Waiting(name)
            return str(getattr(self.enrolled[name], what))
        if what == "told":
            if name not in self.told:
                raise Waiting(f"{name}: that it is told")
            return ""
        if what == "ended":
            if name not in self.processes or not self.processes[name].wait(0):
                raise Waiting(f"{name}: its end")
            return ""
        if what.startswith("leak."):
            return str(self.folder / f"{name}.{what}")
        if what.startswith("event."):
            self.said(name, what.removeprefix("event."))
            return ""
        return str(self.said(name, "step", name=what)["data"])

    # Members.

    def start(self, name: str, member: Mapping[str, Any]) -> None:
        """Starts a member. Waiting where something that it speaks of is not there yet."""
        kind = member["is"]
        starters: Mapping[str, Callable[[str, Mapping[str, Any]], None]] = {
            "verifier": self._verifier,
            "device": self._device,
            "enrolment": self._enrolment,
            "told": self._told,
        }
        for one in member.get("after", []):
            filled("{" + one + "}", self.value)
        if kind in ENDPOINTS:
            self._endpoint(name, member)
        elif kind in TOOLS:
            self._tool(name, member)
        else:
            starters[kind](name, member)

    def _run(self, name: str, who: str, argv: list[str], listening: bool = True) -> None:
        events = ["--events", str(self.folder / f"{name}.events.jsonl")]
        self.processes[name] = Process(name, who, argv + events, self.folder, listening)

    def _flags(self, member: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = filled(member.get("flags", {}), self.value)
        return {name: value for name, value in made.items() if value is not None}

    def _seed(self, which: str) -> dict[str, Any]:
        """Which device of the run it is, for whoever makes or endorses one."""
        return {"seed": self.run.seed * SEEDS_PER_RUN + SEEDS[which]}

    def _device(self, name: str, member: Mapping[str, Any]) -> None:
        flags = {"listen": f"unix:{self.folder / name}.sock", **self._seed(member["seed"])}
        flags.update(self._flags(member))
        self._run(name, "device", self.run.command("device", "device") + plain(flags))

    def _verifier(self, name: str, member: Mapping[str, Any]) -> None:
        flags: dict[str, Any] = {
            "listen": "127.0.0.1:0",
            "public-key": str(self.folder / f"{name}.jwk"),
            "identity": IDENTITY,
            "endorsements": [
                str(self.run.endorsements(plain(self._seed(one)))) for one in member["endorses"]
            ],
        }
        flags = patience.stretched({**flags, **self._flags(member)}, self._patience)
        self._run(name, "verifier", self.run.command("verifier", "verifier") + plain(flags))

    def _enrolment(self, name: str, member: Mapping[str, Any]) -> None:
        if not self.play.cell.beside_x509 and not member.get("always"):
            return
        if name not in self._enrolling:
            where = (self.value(member["device"], "address"), self.folder, name)
            own_key, elsewhere = bool(member.get("software")), member.get("names") == "elsewhere"
            rest = (plain(self._enrolment_flags(member)), own_key, elsewhere)
            made = self._threads.submit(enrolled, self.run, *where, *rest)
            self._enrolling[name] = made
        if not self._enrolling[name].done():
            raise Waiting(f"{name}: its certificate")
        self.enrolled[name] = self._enrolling[name].result()

    def _enrolment_flags(self, member: Mapping[str, Any]) -> dict[str, Any]:
        cell = self.play.cell
        flags: dict[str, Any] = {"curve": "p256"}
        if cell.profile == "x509-cmw":
            flags.update({"cmw": "auto", "attester": cell.model})
            if cell.model == "passport":
                flags["verifier"] = self.value(member.get("verifier", "verifier"), "url")
            if cell.format != "cab":
                flags["evidence-format"] = cell.format
        flags.update(self._flags(member))
        return flags

    def _told(self, name: str, member: Mapping[str, Any]) -> None:
        value = filled(member["value"], self.value)
        if member["to"] not in self.processes:
            raise Waiting(member["to"])
        path = self.folder / f"{member['to']}.told.{member['as']}"
        temporary = path.with_suffix(".new")
        temporary.write_text(str(value), encoding="ascii")
        temporary.rename(path)
        self.told.add(name)

    def _tool(self, name: str, member: Mapping[str, Any]) -> None:
        unix = f"unix:{self.folder / name}.sock"
        flags = {
            "listen": unix if member["is"] == "attacker-device" else "127.0.0.1:0",
            "run-folder": str(self.folder),
            "told": str(self.folder / f"{name}.told"),
            "timeout": LIMIT / 2 * self._patience,
            "began": time.monotonic(),
            **self._flags(member),
        }
        program = str(PEERS / "attacker" / TOOLS[member["is"]])
        self._run(name, "attacker", [sys.executable, "-B", program, member["mode"], *plain(flags)])

    def _endpoint(self, name: str, member: Mapping[str, Any]) -> None:
        cell = self.play.cell
        if "profile" in member:
            cell = dataclasses.replace(cell, column=member["profile"], model=OF_OTHERS)
        attests = member["is"] in ("attester", "both")
        relies = member["is"] in ("relying-party", "both")
        side = member.get("side") or (
            cell.side if attests else ("client" if cell.side == "server" else "server")
        )
        flags: dict[str, Any] = {"profile": cell.profile}
        if cell.kind:
            flags["credential-kind"] = cell.kind
        flags["attester"] = cell.model if attests else "none"
        flags["relying-party"] = cell.model if relies else "none"
        if relies or side == "client":
            flags["ca"] = str(self.run.work / "ca.pem")
        if side == "server" or not attests:
            flags["cert"] = str(self.run.work / f"{side}.pem")
            flags["key"] = str(self.run.work / f"{side}.key")
        if attests:
            flags.update(self._attester(cell, member))
        if relies:
            flags.update(self._relying_party(cell.model, member))
        if side == "server":
            flags.update({"listen": "127.0.0.1:0", "max-connections": 1})
        else:
            flags["connect"] = self.value(member["meets"], "address")
        flags.update(self._flags(member))
        defence = cell.defence
        if defence and (member["by"] != "attacker" or not defence.startswith(OF_VICTIMS)):
            flags["variant"] = [*flags.get("variant", []), defence]
        artifacts = self.folder / f"{name}.artifacts"
        artifacts.mkdir(exist_ok=True)
        flags.update({"keylog": str(self.folder / f"{name}.keylog"), "artifacts": str(artifacts)})
        role = side if member["by"] == "victim" else "device"  # what is no victim is our own
        flags = patience.of_endpoint(flags, self._patience)
        self._run(name, side, self.run.command(role, side) + plain(flags), side == "server")

    def _attester(self, cell: Cell, member: Mapping[str, Any]) -> dict[str, Any]:
        flags: dict[str, Any] = {"device": self.value(member["device"], "address")}
        if cell.beside_x509:
            identity = filled(member["identity"], self.value)
            certificate, _, key = str(identity).partition("+")
            flags["cert"] = self.value(certificate, "certificate")
            flags["key"] = self.value(key or certificate, "key")
        if cell.format != "cab" and cell.profile != "x509-cmw":
            flags["evidence-format"] = cell.format
        if cell.model == "passport":
            flags["verifier"] = self.value(member.get("verifier", "verifier"), "url")
            flags["verifier-id"] = IDENTITY
        return flags

    def _relying_party(self, model: str, member: Mapping[str, Any]) -> dict[str, Any]:
        verifier = member.get("verifier", "verifier")
        url = self.value(verifier, "url")
        if model == "background-check":
            return {"verifier": url}
        return {"trust-verifier": [f"{IDENTITY}={self.folder / verifier}.jwk"]}

    # The play.

    def perform(self) -> dict[str, Seen]:
        """The whole play: every member started, every endpoint that is a victim come to its end."""
        waiting = dict(self.cast)
        limit = self._began + LIMIT * self._patience
        reason = ""
        while waiting and time.monotonic() < limit:
            started = False
            for name in list(waiting):
                try:
                    self.start(name, waiting[name])
                except Waiting as what:
                    reason = f"{name} waits for {what}"
                    continue
                except ContractError as problem:
                    self._unsupported(SETTLE * self._patience)  # may be why
                    self._problems.append(str(problem))
                    return self.observe()
                del waiting[name]
                started = True
            if not started:
                self._unsupported()
                if self._victims_ended():
                    break
                time.sleep(GLANCE)
        self._unsupported()
        if waiting:
            self._problems.append(reason)
        quiet_since = time.monotonic()
        while time.monotonic() < limit:
            ended, settled = self._victims_ended(), self._settled()
            if ended and settled:
                break
            # A server whose client never comes; who stands between ends that have both gone.
            if not (ended or settled):
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > SETTLE * self._patience:
                break
            time.sleep(GLANCE)
        self._unsupported()
        return self.observe()

    def _unsupported(self, patience: float = 0.0) -> None:
        """Unsupported where a victim cannot play this at all."""
        for name in self._victims():
            process = self.processes.get(name)
            if process is not None and process.wait(patience) and process.exit == UNSUPPORTED:
                raise Unsupported(f"{name}: {process.last_words()}")

    def _victims(self) -> list[str]:
        return [name for name, member in self.cast.items() if member.get("by") == "victim"]

    def _victims_ended(self) -> bool:
        victims = self._victims()
        there = [name for name in victims if name in self.processes]
        return len(there) == len(victims) and all(self.processes[one].wait(0) for one in there)

    def _settled(self) -> bool:
        """Have all ended that begin a connection: clients, and who stands between?"""
        for name, process in self.processes.items():
            begins = process.who == "client" or self.cast[name]["is"] == "wire"
            if begins and not process.wait(0):
                return False
        return True

    def observe(self) -> dict[str, Seen]:
        """Stops everything and collects what was said."""
        self.stop()
        made: dict[str, Seen] = {}
        for name, process in self.processes.items():
            made[name] = Seen.of(process, self._began)
            made[name].by = self._by(name)
        return made

    def _by(self, name: str) -> str:
        """Whose it is."""
        tool = self.cast[name]["is"] in TOOLS
        return str(self.cast[name].get("by") or ("attacker" if tool else ""))

    @property
    def problems(self) -> list[str]:
        return list(self._problems)

    def stop(self) -> None:
        """Stops whatever still runs."""
        self._problems += end_all(self.processes.values(), self._before)
        self._threads.shutdown()


def check(cast: Mapping[str, Mapping[str, Any]]) -> None:
    """UsageError where a member speaks of one that is not in the cast."""
    for name, member in cast.items():
        for field in ("device", "meets", "verifier", "to"):
            one = member.get(field)
            if one is not None and one not in cast:
                raise UsageError(f"{name}.{field}: there is no member {one!r}")
        for reference in REFERENCE.findall(repr(member)):
            if reference.partition(".")[0] not in cast:
                raise UsageError(f"{name}: there is no member for {{{reference}}}")

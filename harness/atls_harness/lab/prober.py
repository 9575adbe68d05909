# SPDX-License-Identifier: Apache-2.0
"""The form "probe my server": `./atls probe`, run on an address that somebody gave.

It reaches for this machine's loopback only where who asks is on this machine, and for the networks
that --allow-probe names. A name is looked up once, here; what is connected to is the address that
was checked. One probe of a source at a time, a few of all, each within bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import pty
import re
import secrets
import shutil
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from .. import untrusted
from ..contract import contract
from ..errors import ContractError, UsageError
from ..markdown import visible
from ..paths import ROOT
from ..probe.look import address_of
from .backend import reading
from .hello import HOST
from .live import Hub
from .settings import Network

if TYPE_CHECKING:
    from .table import Lab

AT_ONCE = 4
CONNECTIONS = 400
SECONDS = 300
PATIENCE = 5
LINES_MAX = 2000
LINE_MAX = 1 << 16
RESULT_MAX = 8 << 20
LOOKUP_LIMIT = 5.0
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # of a terminal (ECMA-48 section 5.4)
REFUSED = "expected an address that this lab may probe"


def unwrapped(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address of IPv4 that is written as one of IPv6 is that of IPv4 (RFC 4291 section 2.5.5);
    so is one that a translator would make of it (RFC 6052, RFC 3056)."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(address.packed[12:])
    return address


def may_probe(text: str, asker: str, allowed: Sequence[Network]) -> str:
    """Why an address may not be probed, or "". ASKER: who asks, as an address."""
    try:
        address = unwrapped(ipaddress.ip_address(text))
    except ValueError:
        return f"{REFUSED}, came {untrusted.quoted(text, 60)}, which is none"
    nobody = address.is_unspecified or address.is_multicast
    if nobody or (address.version == 4 and address.is_reserved):
        return f"{REFUSED}, came {address}, which is nobody's"
    if any(address in network for network in allowed if network.version == address.version):
        return ""
    if not address.is_loopback:
        return f"{REFUSED}, came {address}: --allow-probe CIDR of ./atls lab allows its network"
    try:
        here = unwrapped(ipaddress.ip_address(asker)).is_loopback
    except ValueError:
        here = False
    if here:
        return ""
    return f"{REFUSED}, came {address}: the lab's own machine is for those who are on it"


@dataclass
class Job:
    """A probe under way."""

    id: str
    source: str
    address: str = ""  # that is connected to, once it is known
    lines: list[str] = field(default_factory=list)
    hub: Hub = field(default_factory=Hub)
    task: "asyncio.Task[None] | None" = None

    def say(self, line: str) -> None:
        """One more line, for all who look on."""
        if len(self.lines) < LINES_MAX:
            self.lines.append(line)
            self.hub.send("line", line)


class Prober:
    """All probes of a lab."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self.jobs: dict[str, Job] = {}

    async def begin(self, text: str, asker: str, source: str, options: Sequence[str]) -> Job:
        """Begins one. UsageError says why not."""
        host, port = address_of(text.strip())
        if len(self.jobs) >= AT_ONCE:
            raise UsageError(f"{AT_ONCE} probes are under way, which is all there may be: wait")
        if any(job.source == source for job in self.jobs.values()):
            raise UsageError("a probe of yours is under way: wait until it has ended")
        job = Job(secrets.token_hex(6), source)
        self.jobs[job.id] = job  # it counts from here on, while its name is looked up
        try:
            address = await self._resolved(host, port, asker)
            job.address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            if host != address:
                job.say(f"{host} is {address}")
                if HOST.match(host):
                    options = [*options, "--sni", host]  # it was meant by this name
            await self._lab.stored(self._lab.store.probe_begins, job.id, source, text.strip()[:300])
        except BaseException:
            del self.jobs[job.id]
            raise
        job.task = asyncio.create_task(self._run(job, options))
        return job

    async def _resolved(self, host: str, port: int, asker: str) -> str:
        """The address that is connected to: all that a name has must be allowed."""
        loop = asyncio.get_running_loop()
        try:
            found = await asyncio.wait_for(
                loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), LOOKUP_LIMIT
            )
        except (OSError, UnicodeError, asyncio.TimeoutError) as problem:
            raise UsageError(f"{host} has no address: {problem}") from problem
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        for address in addresses:
            why = may_probe(address, asker, self._lab.settings.allowed)
            if why:
                raise UsageError(why)
        return addresses[0]

    def _command(self, job: Job, folder: Path, options: Sequence[str]) -> list[str]:
        made = [sys.executable, "-m", "atls_harness", "probe", "--json", str(folder / "probe.json")]
        made += ["--out", str(folder), "--build", str(self._lab.run.build)]
        made += ["--client-ca", str(self._lab.settings.state), "--seed", str(self._lab.run.seed)]
        made += ["--limit", str(CONNECTIONS), "--time", str(SECONDS), "--patience", str(PATIENCE)]
        return [*made, *options, job.address]

    async def _run(self, job: Job, options: Sequence[str]) -> None:
        folder = self._lab.run.work / f"probe-{job.id}"
        folder.mkdir()
        process = progress = None
        code = -1
        try:
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "harness")}
            environment["ATLS_NO_INSTALL"] = "1"
            master, terminal = pty.openpty()  # to a terminal it says how far it is
            progress = asyncio.create_task(_progress(master, job))
            process = await asyncio.create_subprocess_exec(
                *self._command(job, folder, options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=terminal,
                env=environment,
                cwd=folder,
                limit=LINE_MAX,
                start_new_session=True,
            )
            os.close(terminal)
            async with asyncio.timeout(SECONDS + 120):
                await self._listen(process, job, str(folder))
                code = await process.wait()
                await progress
        except TimeoutError:
            job.say("the lab ended it: it took too long")
        finally:
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            if progress is not None:
                progress.cancel()
            value: dict[str, Any] = {"lines": job.lines, "probe": _result(folder)}
            shutil.rmtree(folder, ignore_errors=True)
            self.jobs.pop(job.id, None)
            await self._lab.stored(self._lab.store.probe_ends, job.id, code, value)
            job.hub.send("again", "")

    async def _listen(self, process: asyncio.subprocess.Process, job: Job, folder: str) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip("\n").replace(folder, "(the lab)")
            job.say(visible(text)[:400])

    def end(self) -> None:
        """Those who look on go."""
        for job in self.jobs.values():
            job.hub.end()

    async def stop(self) -> None:
        """Ends all of them."""
        tasks = [job.task for job in self.jobs.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _progress(master: int, job: Job) -> None:
    """Says which connection is being tried, as the probe tells a terminal."""
    rest = ""
    async with reading(master, LINE_MAX) as reader:
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while data := await reader.read(4096):
                said = (rest + data.decode("utf-8", "replace"))[-LINE_MAX:]
                *whole, rest = re.split(r"[\r\n]+", said)
                for one in whole:
                    words = CONTROL.sub("", one).strip()
                    if words:
                        job.say(visible(words)[:200])


def options_of(form: Any) -> list[str]:
    """What a form asks for, beside the address. UsageError where it is nothing that is known."""
    made = []
    profile = str(form.get("profile", ""))
    if profile:
        if profile not in contract().profiles:
            raise UsageError(f"expected a profile, came {untrusted.quoted(profile, 40)}")
        made += ["--profile", profile]
    return made


def _result(folder: Path) -> Any:
    """probe.json, where there is one."""
    try:
        return json.loads(untrusted.read(folder / "probe.json", RESULT_MAX))
    except (OSError, ValueError, ContractError):
        return None

# SPDX-License-Identifier: Apache-2.0
"""The lab as a whole: its programs, its ports, what it keeps, and who looks on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, TypeVar

from aiohttp import web

from .. import ROOT_OF_TRUST
from ..run import Run
from . import record
from .backend import Backends
from .front import Front, Visit
from .limits import Door
from .live import Hub
from .places import Place, places
from .prober import Prober
from .settings import Settings
from .store import Row, Store, packed

TICK = 0.3  # seconds between two commits, and two messages to who looks on
TRIM = 10.0
ROWS_SENT = 100  # of the rows that changed between two messages, the newest
Result = TypeVar("Result")


class Lab:
    """All of it."""

    def __init__(self, settings: Settings, run: Run) -> None:
        self.settings = settings
        self.run = run
        self.page_port = 0
        self.places = {place.name: place for place in places()}
        self.store = Store(settings.state / "lab.db", settings.limits)
        self.door = Door(settings.at_once, settings.per_source)
        listen = settings.host if ":" not in settings.host else f"[{settings.host}]"
        verifier = f"{listen}:{settings.port + 1 if settings.port else 0}"
        self.backends = Backends(run, settings, list(self.places.values()), verifier)
        self.front = Front(self.backends, self.door, self._begun, self._ended, settings.name)
        self.hub = Hub()
        self.prober = Prober(self)
        self._changed: dict[str, None] = {}
        self._thread = ThreadPoolExecutor(1)  # the store's
        self._ticker: asyncio.Task[None] | None = None
        from .web import application

        self.app: web.Application = application(self)

    async def stored(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Asks the store, in the thread that is its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, functools.partial(call, *arguments))

    async def start(self) -> None:
        """Programs and ports."""
        await asyncio.gather(self.backends.start(), asyncio.to_thread(record.honest))
        for participant in await self.stored(self.store.endorsed):
            kept = await self.stored(self.store.endorsements, participant)
            await self.backends.endorse(participant, [one["data"] for one in kept])
        first = self.settings.port + 2 if self.settings.port else 0
        await self.front.listen(self.settings.host, first)
        self._ticker = asyncio.create_task(self._tick())

    def greeting(self) -> str:
        """What is printed when it is ready."""
        lines = [f"the lab is open: {self.url()}"]
        for name, port in self.front.ports.items():
            lines.append(f"  {port:<6} {self.places[name].title}")
        return "\n".join([*lines, ROOT_OF_TRUST])

    def url(self) -> str:
        """The page's."""
        return f"http://{self.host()}:{self.page_port}/"

    def host(self) -> str:
        """As it stands in URLs and commands."""
        shown = self.settings.shown
        return f"[{shown}]" if ":" in shown else shown

    def verifier_url(self) -> str:
        """That of everybody's verifier, for those who come from elsewhere."""
        port = self.backends.verifiers[""].address.rpartition(":")[2]
        return f"http://{self.host()}:{port}"

    def stopping(self) -> None:
        """Those who look on go."""
        self.app["stopping"].set()
        self.hub.end()
        self.prober.end()

    async def stop(self) -> None:
        """All of it ends, and nothing of it is lost."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await self.prober.stop()
        await self.front.stop()
        await self.backends.stop()
        await self.stored(self.store.close)
        self._thread.shutdown()

    # Connections.

    def _begun(self, visit: Visit) -> None:
        self.store.begin(visit.id, visit.source, visit.place.name, visit.began)
        self._changed[visit.id] = None

    async def _ended(self, visit: Visit) -> None:
        told = record.summary_of(visit)
        body = await asyncio.to_thread(lambda: packed(record.body_of(visit)))
        self.store.end(visit.id, visit.ended, told, body)
        self._changed[visit.id] = None

    async def _tick(self) -> None:
        """Commits, tells who looks on, and forgets what is too much."""
        trimmed = time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            changed, self._changed = list(self._changed), {}
            await self.stored(self.store.flush)
            if changed and self.hub.watched:
                rows = await self.stored(self.store.rows_of, changed[-ROWS_SENT:])
                self.hub.send("rows", await self.message(rows))
            if time.monotonic() - trimmed > TRIM:
                trimmed = time.monotonic()
                await self.stored(self.store.trim)

    async def message(self, rows: list[Row]) -> dict[str, Any]:
        """What those who look on are sent."""
        from .web import row_markup

        counts = await self.stored(self.store.counts)
        return {
            "rows": [row_markup(self, row) for row in reversed(rows)],
            "counts": self.counted(counts),
        }

    def counted(self, counts: dict[str, int]) -> str:
        """How many of what, in words."""
        parts = [f"{number} {record.WORDS[name]}" for name, number in counts.items()]
        away = sum(self.door.turned_away.values())
        parts += [f"{away} turned away at the limits"] if away else []
        return ", ".join(parts) or "none so far"

    def place(self, name: str) -> Place | None:
        """By its name."""
        return self.places.get(name)

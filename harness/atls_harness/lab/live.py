# SPDX-License-Identifier: Apache-2.0
"""What happens, as it happens: server-sent events (HTML Living Standard section 9.2) to whoever
looks at a page. Rows are sent together, a few times a second, however many connections there are;
who cannot keep up is told to load the page anew."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Iterator

from aiohttp import web

WATCHERS_MAX = 256
WAITING_MAX = 64  # messages to one watcher
HEARTBEAT = 15.0  # seconds


class Hub:
    """Those who watch one thing."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[str]] = set()

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def send(self, kind: str, value: Any) -> None:
        """Tells all of them."""
        message = f"event: {kind}\ndata: {json.dumps(value)}\n\n"
        for watcher in self._watchers:
            if watcher.full():
                while not watcher.empty():
                    watcher.get_nowait()
                watcher.put_nowait('event: again\ndata: ""\n\n')
            else:
                watcher.put_nowait(message)

    @contextlib.contextmanager
    def _watching(self) -> Iterator[asyncio.Queue[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue(WAITING_MAX)
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """One watcher, until it goes."""
        if len(self._watchers) >= WATCHERS_MAX:
            raise web.HTTPServiceUnavailable(text="too many watch already\n")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with self._watching() as queue, contextlib.suppress(ConnectionError):
            await response.write(b"retry: 2000\n\n")
            while not request.app["stopping"].is_set():
                try:
                    message = await asyncio.wait_for(queue.get(), HEARTBEAT)
                except asyncio.TimeoutError:
                    message = ":\n\n"
                await response.write(message.encode("utf-8"))
        return response

    def end(self) -> None:
        """Wakes all of them."""
        self.send("end", "")

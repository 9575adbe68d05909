# SPDX-License-Identifier: Apache-2.0
"""A program and its events file, for the tests of real processes beside it (test-endpoints.py,
test-expat.py). The harness has its own: these tests run without it."""

from __future__ import annotations

import http.client
import http.server
import json
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

PATIENCE = (
    600.0  # it costs nothing where all goes well; meson and the harness have an end of theirs
)

Event = dict[str, Any]


class Process:
    """A program with an events file."""

    def __init__(self, folder: Path, name: str, argv: list[str]) -> None:
        self.path = folder / f"{name}.events"
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen([*argv, "--events", str(self.path)])

    def events(self, name: str | None = None, **fields: Any) -> list[Event]:
        """All events, or those with this name and these values."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        wanted = fields if name is None else {"event": name, **fields}
        return [e for e in map(json.loads, lines) if wanted.items() <= e.items()]

    def ready(self) -> Event:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := self.events("ready"):
                return found[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"{self.path.stem} is not ready, exit code {self.process.poll()}")

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)


class Crowd:
    """A verifier's front door: evidence is let in COUNT at a time, when so much of it stands there,
    and not before. Everything else passes as it comes."""

    def __init__(self, url: str, count: int) -> None:
        self.came = 0
        self._count = count
        self._changed = threading.Condition()
        behind = urllib.parse.urlsplit(url)
        crowd = self

        class Door(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command == "POST" and "/session/" in self.path:
                    crowd.gather()
                inside = http.client.HTTPConnection(behind.hostname or "", behind.port or 0)
                headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                inside.request(self.command, self.path, body, headers)
                answer = inside.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                inside.close()

            do_GET = do_POST = do_DELETE = _pass

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever hangs up with a session's end under way has what it came for."""

            request_queue_size = 1024

        self._server = Server(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def gather(self) -> None:
        with self._changed:
            wanted = (self.came // self._count + 1) * self._count
            self.came += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.came >= wanted, PATIENCE)

    def __enter__(self) -> "Crowd":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

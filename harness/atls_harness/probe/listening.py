# SPDX-License-Identifier: Apache-2.0
"""`./atls probe --listen`: a client somewhere connects again and again, and each time another
server of ours answers.

The address that the client knows is held open here from one connection to the next; what comes is
passed on to the server of the moment, which listens on loopback. Nobody is connected to.
"""

from __future__ import annotations

import select
import socket
from pathlib import Path
from types import TracebackType

from .. import patience
from ..errors import InfrastructureError
from ..events import read_events
from ..events import select as select_events
from ..process import Process
from ..run import Run
from .exchange import Meeting, Seen, Target
from .plan import Step

WAITING = 32  # clients that may wait while a server starts
BLOCK = 65536
POLL = 0.2  # seconds
SETTLE = 10.0  # until a server that has had its connection has ended
LINGER = 1.0  # for a client that stays when the server is gone
STUCK = 30.0  # of one that reads nothing


class Door:
    """Where clients connect."""

    def __init__(self, host: str, port: int) -> None:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listening = socket.create_server((host, port), family=kind, backlog=WAITING)
        except OSError as problem:
            why = problem.strerror or str(problem)
            raise InfrastructureError(f"--listen: {host}:{port}: {why}") from problem
        name, number = self._listening.getsockname()[:2]
        self.address = f"[{name}]:{number}" if kind == socket.AF_INET6 else f"{name}:{number}"

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.close()

    def serve(self, port: int, server: Process) -> None:
        """Passes clients on to SERVER, one at a time, until it has had the one it waits for: a
        stranger that speaks no TLS does not count."""
        while not server.wait(0):
            if not select.select([self._listening], [], [], POLL)[0]:
                continue
            client, _ = self._listening.accept()
            with client:
                try:
                    own = socket.create_connection(("127.0.0.1", port), STUCK)
                except OSError:
                    continue  # it has just ended
                with own:
                    carry(client, own)
            events = read_events(server.events_path, complete=False)
            if select_events(events, "connection"):
                server.wait(SETTLE * patience.factor())


def carry(client: socket.socket, server: socket.socket) -> None:
    """Bytes both ways, until both ends are done; or the server is, and the client stays."""
    other = {client: server, server: client}
    left = [client, server]
    for end in left:
        end.settimeout(STUCK)
    while left:
        ready = select.select(left, [], [], LINGER)[0]
        if not ready and server not in left:
            return
        for source in ready:
            try:
                data = source.recv(BLOCK)
                if data:
                    other[source].sendall(data)
                    continue
                left.remove(source)
                other[source].shutdown(socket.SHUT_WR)
            except OSError:
                return


class Hosting(Meeting):
    """A case whose client is somewhere else, and comes to DOOR."""

    def __init__(self, door: Door, step: Step, run: Run, folder: Path, target: Target) -> None:
        super().__init__(step, run, folder, target)
        self.door = door

    def meet(self, keep: Path, name: str) -> Seen:
        """The whole connection, whenever the client comes."""
        self.start_helpers()
        (port,) = self.listen(["server"], {"max-connections": 1, **self.own_flags()})
        self.door.serve(port, self.processes["server"])
        return self.seen(keep, name)

# SPDX-License-Identifier: Apache-2.0
"""A relay between a command-line tool and its peer, which sees what no tool tells: which connection
is whose, and whether there was a HelloRetryRequest. It changes nothing."""

from __future__ import annotations

import socket
import threading
import time

# RFC 8446 section 4.1.3: the random of a ServerHello that is a HelloRetryRequest.
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
HANDSHAKE, SERVER_HELLO = 22, 2
HEAD = 5 + 4 + 2 + 32  # record, message, version, random
PATIENCE = 5.0  # seconds until a tool listens


def is_retry(first: bytes) -> bool:
    """Are these the first bytes of a server whose first message is a HelloRetryRequest?"""
    return (
        len(first) >= HEAD
        and first[0] == HANDSHAKE
        and first[5] == SERVER_HELLO
        and first[11:HEAD] == RETRY
    )


class Relay:
    """Between CLIENT, connected already, and the server at PORT on loopback."""

    def __init__(self, client: socket.socket, address: tuple[str, int]) -> None:
        self.hrr = False
        self._client = client
        self._server = _connect(address)
        self._threads = [
            threading.Thread(target=self._pump, args=ends, daemon=True)
            for ends in ((client, self._server, False), (self._server, client, True))
        ]
        for thread in self._threads:
            thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, of_server: bool) -> None:
        first = b""
        try:
            while data := source.recv(65536):
                if of_server and len(first) < HEAD:
                    first += data
                    self.hrr = is_retry(first)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # either end is gone; the other hears of it
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def finish(self, seconds: float) -> None:
        """Waits for both directions' ends, so that an alert on its way arrives."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for end in (self._client, self._server):
            end.close()


def _connect(address: tuple[str, int]) -> socket.socket:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(address, timeout=None)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def free_port() -> int:
    """A port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

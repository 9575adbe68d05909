# SPDX-License-Identifier: Apache-2.0
"""What two libraries agree on, read off one connection that goes through here: the cipher suite and
the group of the key exchange. Nobody's events tell, and figures of two groups are not alike.
"""

from __future__ import annotations

import select
import selectors
import socket
import threading

from ..errors import ContractError

HANDSHAKE_RECORD, SERVER_HELLO, KEY_SHARE = 22, 2, 51
RANDOM_BYTES = 32
# The random of a ServerHello that is a HelloRetryRequest: SHA-256 of that name, RFC 8446 4.1.3.
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
SUITES = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
}
GROUPS = {
    0x0017: "secp256r1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001D: "x25519",
    0x001E: "x448",
    0x0100: "ffdhe2048",
    0x11EC: "X25519MLKEM768",
}
KEPT = 1 << 16  # bytes of the server that are looked at: its hello comes first
LIMIT = 20.0


class Reader:
    """Numbers and vectors of TLS, one behind the other; ContractError where they end early."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def bytes(self, count: int) -> bytes:
        """COUNT bytes."""
        if len(self._data) < count:
            raise ContractError("the server's hello ends early")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self, size: int) -> int:
        """A number of SIZE bytes."""
        return int.from_bytes(self.bytes(size), "big")

    def vector(self, size: int) -> "Reader":
        """What a length of SIZE bytes stands before."""
        return Reader(self.bytes(self.number(size)))


def _messages(data: bytes) -> Reader:
    """Handshake messages in the clear: those of TLS 1.3 are the hellos alone."""
    found = b""
    records = Reader(data)
    while records:
        kind = records.number(1)
        records.number(2)
        try:
            body = records.bytes(records.number(2))
        except ContractError:  # the last one that was kept
            break
        if kind == HANDSHAKE_RECORD:
            found += body
    return Reader(found)


def parse(data: bytes) -> dict[str, object]:
    """The suite, the group, and whether a HelloRetryRequest came before, of what a server sent."""
    messages = _messages(data)
    retry = False
    while messages:
        kind = messages.number(1)
        body = messages.vector(3)
        if kind != SERVER_HELLO:
            continue
        body.number(2)
        if body.bytes(RANDOM_BYTES) == RETRY:
            retry = True
            continue
        body.vector(1)
        suite = body.number(2)
        body.number(1)
        extensions = body.vector(2)
        while extensions:
            name, extension = extensions.number(2), extensions.vector(2)
            if name == KEY_SHARE:
                group = extension.number(2)
                return {
                    "suite": SUITES.get(suite, f"0x{suite:04x}"),
                    "group": GROUPS.get(group, f"0x{group:04x}"),
                    "hello_retry": retry,
                }
    raise ContractError("no ServerHello of TLS 1.3 came")


class Relay:
    """Takes connections to itself on to a port of this machine, one after the other and as many as
    are admitted, and keeps what the server says in the first; a context manager."""

    def __init__(self, port: int, admitted: int = 1) -> None:
        self._target = port
        self._said = bytearray()
        self._first = threading.Event()  # the first has ended
        self._ended = False
        self._admitted = threading.Semaphore(admitted)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.name = f"relay {self.port}"
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._admitted.release()
        # Whoever accepts no more when its listener is shut down does not wait for a client.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(LIMIT)
        self._listener.close()

    def admit(self, count: int) -> None:
        """Lets so many more through."""
        self._admitted.release(count)

    def wait_for_next(self) -> None:
        """Until a client stands before the gate."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        if not poll.poll(LIMIT * 1000):
            raise ContractError("its client does not begin the next connection")

    def agreed(self) -> dict[str, object]:
        """What was agreed on; once the first connection has ended."""
        self._first.wait(LIMIT)
        return parse(bytes(self._said))

    def _run(self) -> None:
        while True:
            self._admitted.acquire()
            if self._ended:
                return
            try:
                near, _ = self._listener.accept()
                with near, socket.create_connection(("127.0.0.1", self._target), LIMIT) as far:
                    for one in (near, far):
                        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._pump(near, far)
            except OSError:
                pass  # who waits for this connection tells what became of it
            self._first.set()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while selector.get_map():
                ready = selector.select(LIMIT)
                if not ready:
                    return
                for key, _ in ready:
                    source, sink = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    block = _received(source)
                    if source is far and len(self._said) < KEPT and not self._first.is_set():
                        self._said += block
                    if block:
                        sink.sendall(block)
                    else:
                        selector.unregister(source)
                        sink.shutdown(socket.SHUT_WR)


def _received(source: socket.socket) -> bytes:
    """What came; nothing where it has ended, however it did."""
    try:
        return source.recv(65536)
    except ConnectionError:
        return b""

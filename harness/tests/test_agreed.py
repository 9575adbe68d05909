# SPDX-License-Identifier: Apache-2.0
"""What a relay reads of a connection's hellos: suite, group, HelloRetryRequest."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given, strategies

from atls_harness.bench import agreed
from atls_harness.errors import ContractError

RANDOM = bytes(range(32))


def _extension(name: int, body: bytes) -> bytes:
    return name.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def _hello(suite: int, extensions: bytes, random: bytes = RANDOM) -> bytes:
    body = b"\x03\x03" + random + b"\x20" + bytes(32) + suite.to_bytes(2, "big") + b"\x00"
    body += len(extensions).to_bytes(2, "big") + extensions
    return b"\x02" + len(body).to_bytes(3, "big") + body


def _record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


VERSION = _extension(43, b"\x03\x04")
SHARE = _extension(51, b"\x00\x1d\x00\x20" + bytes(32))
HELLO = _hello(0x1302, VERSION + SHARE)
RETRIED = _hello(0x1302, VERSION + _extension(51, b"\x00\x18"), agreed.RETRY)
CHANGE = _record(20, b"\x01")
ENCRYPTED = _record(23, bytes(100))

READ = (
    (_record(22, HELLO) + CHANGE + ENCRYPTED, "TLS_AES_256_GCM_SHA384", "x25519", False),
    (_record(22, HELLO[:20]) + _record(22, HELLO[20:]), "TLS_AES_256_GCM_SHA384", "x25519", False),
    (
        _record(22, RETRIED) + CHANGE + _record(22, HELLO) + ENCRYPTED,
        "TLS_AES_256_GCM_SHA384",
        "x25519",
        True,
    ),
    (
        _record(22, _hello(0x1301, _extension(51, b"\x00\x17\x00\x00") + VERSION)),
        "TLS_AES_128_GCM_SHA256",
        "secp256r1",
        False,
    ),
    (
        _record(22, _hello(0xC02B, _extension(51, b"\xfe\x01\x00\x00"))),
        "0xc02b",
        "0xfe01",
        False,
    ),
    (_record(22, HELLO) + ENCRYPTED[:50], "TLS_AES_256_GCM_SHA384", "x25519", False),
)


@pytest.mark.parametrize("data, suite, group, retry", READ)
def test_a_hello_tells_suite_and_group(data: bytes, suite: str, group: str, retry: bool) -> None:
    assert agreed.parse(data) == {"suite": suite, "group": group, "hello_retry": retry}


NOT_READ = (
    b"",
    CHANGE + ENCRYPTED,
    _record(22, HELLO)[:-1],
    _record(22, HELLO[:40]),
    _record(22, _hello(0x1302, VERSION)),  # TLS 1.2 has no key_share there
    _record(22, RETRIED),
    _record(22, b"\x0b" + HELLO[1:]),
    _record(22, _hello(0x1302, SHARE[:-1])),
    _record(22, _hello(0x1302, _extension(51, b"\x00"))),
    _record(21, b"\x02\x28"),
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


@pytest.mark.parametrize("data", NOT_READ)
def test_what_is_no_hello_is_said(data: bytes) -> None:
    with pytest.raises(ContractError):
        agreed.parse(data)


@given(strategies.binary(max_size=300))
def test_nothing_else_comes_of_bytes(data: bytes) -> None:
    for whole in (data, _record(22, data), _record(22, b"\x02" + data)):
        try:
            agreed.parse(whole)
        except ContractError:
            pass


def _answer(listener: socket.socket, reply: bytes, asked: list[bytes]) -> None:
    near, _ = listener.accept()
    with near:
        near.sendall(reply)
        while block := near.recv(4096):
            asked.append(block)


def test_the_relay_changes_nothing_and_reads_one_connection() -> None:
    reply = _record(22, HELLO) + bytes(200_000)
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, reply, asked))
        thread.start()
        with agreed.Relay(listener.getsockname()[1]) as relay:
            with socket.create_connection(("127.0.0.1", relay.port), 10) as client:
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                came = b""
                while block := client.recv(65536):
                    came += block
            assert relay.agreed()["group"] == "x25519"
        thread.join(10)
    assert came == reply and b"".join(asked) == b"hello"


def test_a_relay_that_nobody_comes_to_ends_at_once() -> None:
    with agreed.Relay(1) as relay:
        assert relay.port > 0
    assert not any(thread.name == relay.name for thread in threading.enumerate())


def test_a_server_that_is_not_there_leaves_nothing_to_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    with agreed.Relay(free) as relay:
        with socket.create_connection(("127.0.0.1", relay.port), 10) as client:
            assert client.recv(10) == b""
        with pytest.raises(ContractError, match="no ServerHello"):
            relay.agreed()

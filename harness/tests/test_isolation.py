# SPDX-License-Identifier: Apache-2.0
"""A run's own loopback: nobody outside reaches it, and where it cannot be had nothing breaks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from atls_harness import isolation

INSIDE = """
import socket, sys
from atls_harness.isolation import isolate
sys.exit(77) if isolate() else None
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
socket.create_connection(("127.0.0.1", listener.getsockname()[1])).close()
sys.stdin.read()
"""


def test_a_stranger_does_not_find_it() -> None:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    with subprocess.Popen(
        [sys.executable, "-c", INSIDE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        line = process.stdout.readline()
        if not line and process.wait() == 77:
            pytest.skip("there can be no network namespace here")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(line)))
        process.stdin.close()
        assert process.wait() == 0


def test_where_it_is_refused_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = os.readlink("/proc/self/ns/net")
    monkeypatch.setattr(isolation, "_call", refused)
    assert "Operation not permitted" in isolation.isolate()
    assert os.readlink("/proc/self/ns/net") == before

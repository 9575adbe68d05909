# SPDX-License-Identifier: Apache-2.0
"""Workers of pytest that are forks of one process: as xdist's own, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import execnet
import pytest
from execnet import gateway_io

from atls_harness import family, forked
from atls_harness.forked import Nursery
from conftest import OUTCOMES

PATIENCE = 60.0
Harness = Callable[..., "subprocess.CompletedProcess[str]"]
ASKS_WHO = """
import os, signal, sys
told = os.environ.get("ATLS_TOLD")
control_c = signal.getsignal(signal.SIGINT) is signal.default_int_handler
channel.send((os.getpid(), os.getppid(), told, sys.argv[:1], sys.stdin.read(), control_c))
"""


@pytest.fixture
def nursery(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nursery]:
    # pytest-timeout and execnet have threads in the process that the tests are in.
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    made = Nursery.start(lambda: os.environ.update(ATLS_TOLD="read"))
    assert made is not None
    made.take_over()
    yield made
    made.stop()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while family._status(pid) is not None and family._status(pid)[0] != "Z":  # type: ignore[index]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def asked(group: Any) -> tuple[Any, ...]:
    answer: tuple[Any, ...] = group.makegateway("popen").remote_exec(ASKS_WHO).receive(PATIENCE)
    return answer


def test_a_worker_is_a_fork_of_what_has_read_all(nursery: Nursery) -> None:
    group = execnet.Group()
    first, second = asked(group), asked(group)
    assert first[0] != second[0]
    # Whoever runs the tests in the background ignores Ctrl-C, and so do the forks.
    control_c = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert first[1:] == second[1:] == (nursery.pid, "read", ["-c"], "", control_c)
    group.terminate(PATIENCE)
    assert gone(first[0]) and gone(second[0])


def test_a_worker_that_does_not_end_is_ended(nursery: Nursery) -> None:
    group = execnet.Group()
    gateway = group.makegateway("popen")
    channel = gateway.remote_exec(
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "channel.send(os.getpid())\n"
        "while True: time.sleep(1)"
    )
    pid = channel.receive(PATIENCE)
    gateway._io.kill()
    assert gateway._io.wait() == 0 and gone(pid)


def test_who_kills_the_process_ends_its_workers_and_the_next_ones_are_started(
    nursery: Nursery,
) -> None:
    group = execnet.Group()
    pid, parent = asked(group)[:2]
    assert parent == nursery.pid
    os.kill(nursery.pid, signal.SIGKILL)
    assert gone(pid)
    assert asked(execnet.Group())[1:3] == (os.getpid(), None)


def test_workers_do_not_outlive_their_nursery() -> None:
    code = "\n".join(
        (
            "import os, signal, execnet",
            "from atls_harness.forked import Nursery",
            "nursery = Nursery.start(lambda: None)",
            "nursery.take_over()",
            "gateway = execnet.Group().makegateway('popen')",
            "channel = gateway.remote_exec('import os, time; channel.send(os.getpid());'",
            "                              'time.sleep(600)')",
            "print(nursery.pid, channel.receive(), flush=True)",
            "os.kill(os.getpid(), signal.SIGKILL)",
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(forked.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == -signal.SIGKILL
    assert all(gone(int(pid)) for pid in done.stdout.split()), done.stdout


def test_nothing_that_was_open_stays_open_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of a run knows of the run's end by the end of a pipe."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    reads, writes = os.pipe()
    nursery = Nursery.start(lambda: None)
    assert nursery is not None
    nursery.take_over()
    group = execnet.Group()
    asked(group)
    os.close(writes)
    assert os.read(reads, 1) == b""
    os.close(reads)
    group.terminate(PATIENCE)
    nursery.stop()


def test_it_is_given_back_and_is_not_had_beside_threads() -> None:
    before = gateway_io.create_io
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    assert Nursery.start(lambda: None) is None
    ended.set()
    thread.join()
    assert gateway_io.create_io is before


def test_a_run_is_played_by_forks_of_one_process(harness: Harness, tmp_path: Path) -> None:
    """And pytest's tests in Python as well, which say whose children they are."""
    test = tmp_path / "test_who.py"
    test.write_text(
        "import os, pathlib, pytest, time\n"
        "@pytest.mark.parametrize('number', range(6))\n"
        "def test_who(number):\n"
        f"    (pathlib.Path({str(tmp_path)!r}) / f'who-{{os.getpid()}}').write_text(\n"
        "        str(os.getppid()))\n"
        "    time.sleep(0.2)\n"
    )
    done = harness(str(test), str(OUTCOMES / "skipped.yaml"), "-n", "2", "--allow-empty")
    assert done.returncode == 0, done.stdout
    parents = {path.read_text() for path in tmp_path.glob("who-*")}
    assert len(parents) == 1 and len(list(tmp_path.glob("who-*"))) == 2

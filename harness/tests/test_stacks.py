# SPDX-License-Identifier: Apache-2.0
"""The benchmark of stacks: what is counted, what is left out and why. No time is asserted."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest

from atls_harness.bench import agreed, goals, machine, main, meter, page, plan, stacks, tables
from atls_harness.document import first_problem
from atls_harness.errors import ContractError, CrashError, InfrastructureError, Unsupported
from atls_harness.paths import BENCHMARK_SCHEMA, PEERS
from atls_harness.peer import Peer, load_peers
from atls_harness.plugin import RUN
from atls_harness.process import Process

OWN = load_peers([PEERS])["atls"]
SMALL = plan.Plan(
    **{
        **vars(plan.QUICK),
        "stack_modes": ("x509-cmw/passport/client", "seat-06/background-check/server"),
        "stack_rounds": 2,
        "stack_connections": 3,
        "stack_warm_up": 1,
    }
)


def _stack(name: str, **changes: Any) -> Peer:
    return dataclasses.replace(OWN, name=name, **changes)


@pytest.fixture(name="build", scope="module")
def built(request: pytest.FixtureRequest) -> Path:
    """Where the project's programs have been built."""
    build: Path = request.config.stash[RUN].build
    if OWN.missing("client", build):
        pytest.skip("the programs have not been built")
    return build


@pytest.fixture(name="found", scope="module")
def measured(build: Path) -> Mapping[str, Any]:
    """The project's own programs; a stack that fails, one that lacks a profile, one that is not
    set up; and one with programs of the project that say less than they should."""
    false = {side: ["/bin/false"] for side in ("client", "server")}
    some = dict(OWN.capabilities, profiles=["x509-cmw"])
    peers = [
        OWN,
        _stack("broken", programs={**OWN.programs, **false}),
        _stack("little", capabilities=some),
        _stack("absent", setup={"steps": [["true"]]}),
        _stack("plain", capabilities={"unaware": True}),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "load_peers", lambda _: {peer.name: peer for peer in peers})
        return stacks.measure(build, SMALL)


def _row(found: Mapping[str, Any], mode: str, stack: str) -> Mapping[str, Any]:
    rows = next(one["rows"] for one in found["modes"] if one["mode"] == mode)
    return next(row for row in rows if row["stack"] == stack)


def test_client_and_server_are_measured_apart(found: Mapping[str, Any]) -> None:
    for mode in SMALL.stack_modes:
        row = _row(found, mode, "atls")
        attester = mode.rpartition("/")[2]
        for side in ("client", "server"):
            cell = row[side]
            assert cell["role"] == ("attester" if side == attester else "relying-party")
            if "reason" in cell:  # of few samples on a busy machine
                assert side == "client" and "no difference to rely on" in cell["reason"]
                continue
            assert cell["cpu_ns"]["samples"] == cell["plain_cpu_ns"]["samples"] == 2
            assert cell["cpu_ns"]["min"] > 0 and cell["plain_cpu_ns"]["min"] > 0
            assert ("start_ns" in cell) == (side == "client")
            assert cell["agreed"]["suite"].startswith("TLS_") and not cell["agreed"]["hello_retry"]
    # Its clients may tell nothing here; of its servers each is measured, and its device asked.
    asked = _row(found, "seat-06/background-check/server", "atls")["server"]["asked"]
    assert asked["verifier"] > 0 and asked["device"] > 0
    asked = _row(found, "x509-cmw/passport/client", "atls")["server"]["asked"]
    assert asked["verifier"] == 0, "a result in the certificate needs nobody to be asked"


def test_what_is_not_measured_has_a_reason(found: Mapping[str, Any]) -> None:
    for mode in SMALL.stack_modes:
        for side in ("client", "server"):
            cell = _row(found, mode, "broken")[side]
            ended = {"client": "ended with 1", "server": "(exit code 1)"}[side]
            assert ended in cell["reason"] and "cpu_ns" not in cell
            cell = _row(found, "seat-06/background-check/server", "little")[side]
            assert cell["reason"] == f"little ({side}) declares no profile seat-06"
    assert "./atls setup --peer absent" in found["not_set_up"]["absent"]
    assert set(found["stacks"]) == {"atls", "broken", "little"}


def test_the_section_is_as_the_schema_has_it(found: Mapping[str, Any], tmp_path: Path) -> None:
    result: dict[str, Any] = {
        "version": main.VERSION,
        "root_of_trust": "simulated",
        "command": "./atls bench --only stacks",
        "started": "2026-01-01T00:00:00+00:00",
        "atls": "1.2.3",
        "revision": "0",
        "full": False,
        "seconds": 1.0,
        "machine": machine.describe(),
        "not_measured": {},
        "stacks": found,
    }
    result["goals"] = goals.judge(result)
    assert first_problem(result, BENCHMARK_SCHEMA) is None
    text = tables.render(result, 200, False)
    for words in (
        "seat-06/background-check/server by stack",
        "broken as server not measured",
        "./atls setup --peer absent",
        "2 samples of 3 connections",
        "not counted: device and verifier",
    ):
        assert words in text
    page.write(result, tmp_path)
    assert "by stack" in (tmp_path / "benchmark.html").read_text(encoding="utf-8")


def test_a_cell_is_measured_or_has_a_reason_never_both() -> None:
    rng = random.Random(1)
    cell = stacks.Cell(OWN, "server", 1, 15)
    cell.attested.cpu_ns, cell.plain.cpu_ns = [1_500_000] * 4, [1_000_000] * 4
    told = stacks.told(cell, "attester", rng)
    assert told["ratio_to_plain"]["value"] == pytest.approx(1.5, rel=0.02)
    cell.reason = "it does not talk"
    assert stacks.told(cell, "attester", rng) == {
        "role": "attester",
        "reason": "it does not talk",
    }


STARTS = (
    # what clients with few connections took, what a connection takes by difference, is it fair?
    ([10_000_000, 10_100_000, 9_900_000, 10_050_000], [1_000_000] * 4, True),
    ([10_000_000, 19_000_000, 11_000_000, 18_000_000], [1_000_000] * 4, False),
    ([10_000_000] * 4, [1_000_000, -5, 1_000_000, 1_000_000], False),
    ([10_000_000] * 4, [0, 1_000_000, 1_000_000, 1_000_000], False),
)


@pytest.mark.parametrize("starts, each, fair", STARTS)
def test_a_start_that_dwarfs_the_connections_is_no_measurement(
    starts: list[int], each: list[int], fair: bool
) -> None:
    cell = stacks.Cell(OWN, "client", 1, 15)
    for samples in (cell.attested, cell.plain):
        samples.cpu_ns, samples.starts_ns = [1_000_000] * 4, [10_000_000] * 4
    cell.plain.cpu_ns, cell.plain.starts_ns = each, starts
    told = stacks.told(cell, "relying-party", random.Random(1))
    assert ("reason" not in told) == fair


def test_java_is_known_by_what_starts_it() -> None:
    peers = load_peers([PEERS])
    jit = {name for name, peer in peers.items() if "server" in peer.programs}
    jit = {name for name in jit if stacks.compiles_as_it_runs(peers[name], Path("/nowhere"))}
    assert jit == {"bouncycastle", "jsse"}


def test_a_client_that_compiles_as_it_runs_must_hold_its_connections() -> None:
    peers = load_peers([PEERS])
    assert stacks.in_turn(peers["jsse"]) and stacks.in_turn(peers["bouncycastle"])
    assert not stacks.in_turn(OWN)


ENDS = (
    ("import sys; sys.exit('words of it')", ContractError, "ended with 1: words of it"),
    ("import sys; sys.exit(77)", Unsupported, "client"),
    ("import os; os.abort()", CrashError, "SIGABRT"),
)


@pytest.mark.parametrize("script, error, words", ENDS)
def test_a_client_that_fails_is_no_sample(script: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        meter.run_client([sys.executable, "-c", script], "a stack")


def test_a_client_that_is_not_there_is_said() -> None:
    with pytest.raises(InfrastructureError, match="no-such-program"):
        meter.run_client(["/no-such-program"], "a stack")


def test_a_client_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "CLIENT_LIMIT", 0.2)
    with pytest.raises(ContractError, match="did not end"):
        meter.run_client(["sleep", "60"], "a stack")


SPIN = "import time\nwhile time.process_time() < 0.2: pass\n"


def test_time_of_a_client_has_that_of_its_children_in_it() -> None:
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN!r}])"
    assert meter.run_client([sys.executable, "-c", script], "a stack") >= 200_000_000


def test_the_clock_is_that_of_the_other_process_and_of_all_its_threads() -> None:
    script = "import threading\n"
    script += f"thread = threading.Thread(target=exec, args=({SPIN!r},)); thread.start()\n"
    script += "thread.join(); print('done', flush=True); input()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"done\n"
        one = meter.process_ns(child.pid)
        time.sleep(0.05)
        assert meter.process_ns(child.pid) - one < 40_000_000, "it waits, and its clock stands"
        assert one >= 200_000_000
        assert not meter.has_children(child.pid)
        assert meter.has_children(os.getpid())
        child.communicate(b"\n")
    with pytest.raises(ContractError, match="has ended"):
        meter.process_ns(child.pid)


def test_events_are_read_once_and_in_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "a"}\n{"event": ', encoding="utf-8")
    tail = meter.Tail(path)
    assert tail.more() == [{"event": "a"}]
    assert tail.more() == []
    with path.open("a", encoding="utf-8") as file:
        file.write('"b"}\n')
    assert tail.more() == [{"event": "b"}]


IN_TURN = """
import json, socket, sys
port, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with open(path, "w", encoding="utf-8") as file:
    for conn in range(1, count + 1):
        with socket.create_connection(("127.0.0.1", port)) as tcp:
            tcp.sendall(b"x")
            tcp.recv(1)
        file.write(json.dumps({"event": "closed", "conn": conn}) + chr(10))
        file.flush()
"""


@contextlib.contextmanager
def _held(tmp_path: Path, count: int) -> Iterator[tuple[meter.Held, list[int]]]:
    """A client that makes COUNT connections in turn, and how many have come to its server."""
    came: list[int] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                with near:
                    came.append(len(near.recv(1)))
                    near.sendall(b"y")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        with agreed.Relay(listener.getsockname()[1], 0) as relay:
            argv = [sys.executable, "-c", IN_TURN, str(relay.port), str(count)]
            argv.append(str(tmp_path / "client.events.jsonl"))
            process = Process("client", "client", argv, tmp_path, listening=False)
            try:
                yield meter.Held(process, relay), came
            finally:
                process.kill()
        listener.shutdown(socket.SHUT_RDWR)


def test_a_held_client_makes_those_connections_that_it_is_let(tmp_path: Path) -> None:
    with _held(tmp_path, 6) as (held, came):
        for number, total in ((1, 1), (3, 4), (1, 5)):
            before = held.cpu_ns()
            assert len(held.let(number)) == number and len(came) == total
            assert held.cpu_ns() >= before


def test_a_held_client_that_ends_too_early_is_said(tmp_path: Path) -> None:
    with _held(tmp_path, 2) as (held, _):
        with pytest.raises(ContractError, match="did not end 3 connections"):
            held.let(3)


def _handshake(**fields: Any) -> list[Mapping[str, Any]]:
    whole = {"outcome": "complete", "self_attested": "passport", "peer_attested": "none"}
    return [
        {"event": "handshake", **whole, **fields},
        {"event": "closed", "outcome": "complete"},
    ]


CLAIMS = (
    (_handshake(), ""),
    (_handshake(self_attested="none"), "self_attested is none in place of passport"),
    (_handshake(self_attested="background-check"), "in place of passport"),
    (_handshake(peer_attested="passport"), "peer_attested is passport in place of none"),
    (_handshake(outcome="failed", reason="timeout"), "refused .timeout"),
    (_handshake()[:1], "1 handshakes came"),
    (_handshake() + _handshake(), "2 handshakes came"),
    ([], "0 handshakes came"),
)


@pytest.mark.parametrize("events, words", CLAIMS)
def test_a_fallback_does_not_pass_for_the_mode(
    tmp_path: Path, events: list[Mapping[str, Any]], words: str
) -> None:
    setting = meter.Setting(None, "x509-cmw/passport/client", True, tmp_path)  # type: ignore
    if not words:
        setting.check("client", events, 1)
        return
    with pytest.raises(ContractError, match=words):
        setting.check("client", events, 1)


def test_plain_tls_must_not_be_attested(tmp_path: Path) -> None:
    setting = meter.Setting(None, "x509-cmw/passport/client", False, tmp_path)  # type: ignore
    setting.check("client", _handshake(self_attested="none"), 1)
    with pytest.raises(ContractError, match="in place of none"):
        setting.check("client", _handshake(), 1)

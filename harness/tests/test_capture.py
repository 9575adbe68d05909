# SPDX-License-Identifier: Apache-2.0
"""The packets in a bundle: those of the case and no others, readable without a key log at hand; a
reason where there are none. And the event of the decoder, which a bundle's texts come from.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness import capture
from atls_harness.events import check_event, read_events
from atls_harness.run import Run

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
MUTUAL = "scenarios/handshakes/mutual.yaml::background-check-background-check-cbor"
OUTCOMES = Path(__file__).parent / "outcomes"


def block(kind: int, body: bytes) -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    size = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", kind) + size + body + size


def tcp(source: int, target: int, version: int = 4, protocol: int = 6) -> bytes:
    """A TCP segment on loopback."""
    ports = struct.pack(">HH", source, target) + bytes(16)
    if version == 4:
        options = bytes(4)  # so that the header's length is looked at
        ip = bytes([0x46]) + bytes(8) + bytes([protocol]) + bytes(10) + options
        return bytes(12) + b"\x08\x00" + ip + ports
    return bytes(12) + b"\x86\xdd" + bytes(6) + bytes([protocol]) + bytes(33) + ports


def enhanced(seconds: float, data: bytes, tick: float) -> bytes:
    """An Enhanced Packet Block."""
    stamp = round(seconds / tick)
    head = struct.pack("=IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data)


@pytest.mark.parametrize(("digits", "tick"), [(None, 1e-6), (9, 1e-9), (0x80 | 20, 2.0**-20)])
def test_cut_takes_the_ports_and_the_time(tmp_path: Path, digits: int | None, tick: float) -> None:
    options = b"" if digits is None else struct.pack("=HHBxxxHH", 9, 1, digits, 0, 0)
    headers = block(0x0A0D0D0A, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))
    headers += block(1, struct.pack("=HHI", 1, 0, 0) + options)
    wanted = [
        enhanced(100.5, tcp(4000, 50), tick),
        enhanced(101.0, tcp(50, 4000), tick),
        enhanced(102.0, tcp(4001, 60, version=6), tick),
    ]
    others = [
        enhanced(99.0, tcp(4000, 50), tick),  # an earlier case had the port
        enhanced(101.0, tcp(4000, 51), tick),
        enhanced(101.0, tcp(4000, 50, protocol=17), tick),
        enhanced(101.0, tcp(60, 4000, version=6, protocol=58), tick),
        enhanced(101.0, b"\0" * 20, tick),
        enhanced(101.0, bytes(12) + b"\x08\x06" + bytes(60), tick),
    ]
    whole = tmp_path / "whole.pcapng"
    mixed = [others[0], wanted[0], *others[1:3], wanted[1], *others[3:], wanted[2]]
    # It is still being written: its last block is not whole.
    whole.write_bytes(headers + b"".join(mixed) + enhanced(103.0, tcp(1, 50), tick)[:-3])
    target = tmp_path / "cut.pcapng"
    assert capture.cut(whole, {50, 60}, 100.0, target) == len(wanted)
    assert target.read_bytes() == headers + b"".join(wanted)
    assert capture.cut(whole, {61}, 100.0, target) == 0


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b"\6\0\0\0\5\0\0\0" * 4, b"\xff" * 64])
def test_cut_of_something_else_takes_nothing(tmp_path: Path, damage: bytes) -> None:
    whole = tmp_path / "whole.pcapng"
    whole.write_bytes(damage + b"\0")
    assert capture.cut(whole, {50}, 0.0, tmp_path / "cut.pcapng") == 0


def reason(tmp_path: Path, settings: dict[str, Any] | None, outcome: str = "fail") -> str:
    """What capture.add() says of a bundle with no port."""
    if settings is not None:
        (tmp_path / capture.SETTINGS).write_text(json.dumps(settings))
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    return capture.add({"outcome": outcome, "seconds": 1.0}, tmp_path, bundle)


def test_reasons(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any] | None, str, str]] = [
        (None, "fail", "no packets were captured"),
        ({"reason": "dumpcap is not installed", "everything": True}, "fail", "not installed"),
        ({"reason": "", "everything": False}, "pass", "--packets only"),
        ({"reason": "", "everything": False}, "fail", "the server had no port"),
        ({"reason": "", "everything": True}, "pass", "the server had no port"),
    ]
    for number, (settings, outcome, words) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert words in reason(folder, settings, outcome)


def test_no_dumpcap_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    loopback = capture.Loopback(tmp_path, everything=True)
    loopback.stop()
    assert "not installed" in reason(tmp_path, None)


def test_a_dumpcap_that_may_not_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "dumpcap"
    refusing.write_text("#!/bin/sh\necho You do not have permission >&2\nexit 2\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(shutil, "which", {"dumpcap": str(refusing)}.get)
    monkeypatch.setattr(capture, "MARK_TIMEOUT", 0.2)
    loopback = capture.Loopback(tmp_path, everything=True)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    ready = {"t": 0.1, "who": "server", "event": "ready", "address": "127.0.0.1:5", "port": 5}
    (bundle / "server.events.jsonl").write_text(json.dumps(ready) + "\n")
    told = capture.add({"outcome": "fail", "seconds": 1.0}, tmp_path, bundle)
    loopback.stop()
    assert "does not capture here" in told and "You do not have permission" in told


def packets_of(folder: Path) -> tuple[str, Path]:
    """What the manifest says of the packets of the one bundle in a folder of results."""
    (bundle,) = (folder / "latest" / "bundles").iterdir()
    manifest = json.loads((bundle / "manifest.json").read_text())
    path = bundle / capture.NAME
    assert path.exists() == (manifest["packets"] == capture.NAME)
    assert path.exists() == (capture.NAME in manifest["files"])
    return manifest["packets"], path


def test_a_bundle_can_be_decrypted_by_itself(real: Run, harness: Harness, tmp_path: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    done = harness("--packets", "--build", str(real.build), MUTUAL)
    assert done.returncode == 0, done.stdout
    told, path = packets_of(tmp_path)
    if told != capture.NAME:
        pytest.skip(told)
    fields = ["-T", "fields", "-e", "tls.handshake.type", "-e", "tcp.stream", "-Y", "tls.handshake"]
    shown = subprocess.run(
        ["tshark", "-r", str(path), *fields], capture_output=True, text=True, check=True
    )
    rows = [line.split("\t") for line in shown.stdout.splitlines()]
    kinds = ",".join(kind for kind, _ in rows).split(",")
    # ClientHello to Finished of both, which nobody reads without the secrets inside.
    assert kinds == ["1", "2", "8", "13", "11", "15", "20", "11", "15", "20"]
    assert {stream for _, stream in rows} == {"0"}, "no connection but this one"


def test_a_kept_bundle_of_a_passed_case_has_none(fake: Harness, tmp_path: Path) -> None:
    done = fake("--keep", str(OUTCOMES / "accepted.yaml"), "-k", "client")
    assert done.returncode == 0, done.stdout
    told, _ = packets_of(tmp_path)
    assert "--packets" in told or "dumpcap" in told


def test_a_failed_case_has_its_packets(fake: Harness, tmp_path: Path) -> None:
    done = fake(str(OUTCOMES / "wrong-alert.yaml"))
    assert done.returncode == 1, done.stdout
    told, path = packets_of(tmp_path)
    if told != capture.NAME:
        pytest.skip(told)
    assert path.stat().st_size > 500


def test_the_decoders_event(real: Run, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    for given, form, size in ((b"\x82\x01\x41\x00", "binary", 4), (b"82014100\n", "hex", 4)):
        message = tmp_path / form
        message.write_bytes(given)
        events.unlink(missing_ok=True)
        command = real.command("device", "decode") + ["--events", str(events), str(message)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=30)
        (event,) = read_events(events)
        assert check_event(event, "decode") is None
        assert (event["event"], event["form"], event["size"]) == ("decoded", form, size)
        assert check_event({**event, "form": "morse"}, "decode") is not None

# SPDX-License-Identifier: Apache-2.0
"""Private keys are in the device's process and nowhere else.

While a handshake waits for its verifier, all parties are alive and have done their part. The test
knows the public keys (from the evidence and the endorsements) and finds each private one in the
device's memory by trying what is there; that is the proof that it would see one. Then it looks for
the very same bytes, in both byte orders, in every other party's memory and on the device's socket.

Clauses: R-TA-04, R-KAT-10
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from atls_harness.events import read_events, select
from atls_harness.parties import Play
from atls_harness.run import Run
from atls_harness.scenario import Case, cases, load

import wire

SIZE = 32
STORY = Path(__file__).parent / "stories" / "waiting.yaml"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def memory(pid: int, permissions: str) -> list[bytes]:
    """The memory of a process that has these permissions (r for all, rw for what can change);
    none where it has ended meanwhile."""
    regions = []
    with contextlib.suppress(ProcessLookupError, FileNotFoundError), open(
        f"/proc/{pid}/maps", encoding="utf-8"
    ) as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, granted, *_ = line.split()
            if not granted.startswith(permissions) or "[v" in line:
                continue
            start, end = (int(text, 16) for text in span.split("-"))
            try:
                mem.seek(start)
                regions.append(mem.read(end - start))
            except OSError:  # a guard page, or a mapping behind the end of its file
                continue
    return regions


def scalars(regions: list[bytes], points: set[bytes]) -> dict[bytes, bytes]:
    """For each public point whose private scalar is in memory, that scalar, big-endian."""
    found: dict[bytes, bytes] = {}
    tried: set[bytes] = set()
    for region in regions:
        for at in range(0, len(region) - SIZE + 1, 4):
            window = region[at : at + SIZE]
            if window in tried or len(set(window)) < 16:
                continue
            tried.add(window)
            for candidate in (window, window[::-1]):
                number = int.from_bytes(candidate, "big")
                if not 0 < number < ORDER:
                    continue
                numbers = ec.derive_private_key(number, ec.SECP256R1()).public_key()
                public = numbers.public_numbers()
                made = public.x.to_bytes(SIZE, "big") + public.y.to_bytes(SIZE, "big")
                if made in points:
                    found[made] = candidate
            if len(found) == len(points):
                return found
    return found


def endorsed_points(corim: Path) -> set[bytes]:
    """The trust anchors in a CoRIM, as points."""
    points = set()
    pattern = rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----"
    for pem in re.findall(pattern, corim.read_bytes(), re.DOTALL):
        key = serialization.load_pem_public_key(pem + b"\n")
        assert isinstance(key, ec.EllipticCurvePublicKey)
        numbers = key.public_numbers()
        points.add(numbers.x.to_bytes(SIZE, "big") + numbers.y.to_bytes(SIZE, "big"))
    return points


class Tap:
    """A relay on a unix socket that keeps all that passes."""

    def __init__(self, target: str, path: Path) -> None:
        self.address = f"unix:{path}"
        self.passed: list[bytes] = []
        self._target = target.removeprefix("unix:")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either side may go first
            while data := source.recv(65536):
                self.passed.append(data)
                sink.sendall(data)
        sink.close()

    def line(self) -> bytes:
        """All bytes so far, both directions."""
        return b"".join(self.passed)


def story_cases(path: Path) -> dict[str, Case]:
    """The cases of a story, by name."""
    return {case.name: case for case in cases(*load(path))}


@pytest.mark.parametrize("attester", ["client", "server"])
def test_private_keys_are_in_the_device_only(real: Run, attester: str) -> None:
    case = story_cases(STORY)[attester]
    with Play(case, real, real.work / f"keys-{attester}") as play:
        play.start_helpers()
        device = play.processes[f"{attester}-device"]
        tap = Tap(play.addresses.devices[attester], play.folder / "tap.sock")
        devices = {**play.addresses.devices, attester: tap.address}
        play.addresses = dataclasses.replace(play.addresses, devices=devices)
        play.start_server()
        play.start_client()
        credential = wait_for_evidence(play)
        verifier = play.processes["verifier"]
        points = set(wire.cab_keys(credential))
        for flag, value in zip(verifier.argv, verifier.argv[1:]):
            if flag == "--endorsements":
                points |= endorsed_points(Path(value))
        assert len(points) == 3, "IK, KAK and PAK"

        found = scalars(memory(device.pid, "rw"), points)
        assert set(found) == points, "the test must be able to see a key where there is one"

        line = tap.line()
        assert any(credential in frame for frame in wire.frames(line)), "the tap sees evidence"
        line += b"\n".join(wire.frames(line))
        others = {name: p for name, p in play.processes.items() if p is not device}
        assert set(others) >= {"client", "server", "verifier"}
        for scalar in found.values():
            for form in (scalar, scalar[::-1], scalar.hex().encode()):
                assert form not in line, "a private key crossed the device's socket"
                for name, process in others.items():
                    regions = memory(process.pid, "r")
                    assert regions, f"nothing to read of {name}: it has ended"
                    assert not any(form in region for region in regions), f"a key is in {name}"


def wait_for_evidence(play: Play) -> bytes:
    """Waits until the verifier has the evidence and is silent; returns the evidence."""
    side = play.case.sides("attester")[0]
    deadline = time.monotonic() + 600
    events = play.folder / "verifier.events.jsonl"
    while not select(read_events(events, complete=False), "fault"):
        assert time.monotonic() < deadline, "no evidence came to the verifier"
        time.sleep(0.02)
    sent = select(
        read_events(play.folder / f"{side}.events.jsonl", complete=False),
        "credential",
        direction="sent",
    )
    (event,) = sent
    return (play.folder / f"{side}.artifacts" / str(event["file"])).read_bytes()

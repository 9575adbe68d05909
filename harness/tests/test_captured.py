# SPDX-License-Identifier: Apache-2.0
"""What is on the wire, seen by others: tshark decrypts a case with its key log, and the bytes of
the extensions and of Certificate are those of the draft, worked out here from its presentation
language and not by the C code.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from atls_harness.events import Event, select
from atls_harness.expectation import compare
from atls_harness.parties import Play
from atls_harness.run import Run

import wire
from test_keys_stay import story_cases

STORY = Path(__file__).parent / "stories" / "captured.yaml"
CLIENT_HELLO, ENCRYPTED_EXTENSIONS, CERTIFICATE, FINISHED = 1, 8, 11, 20
EVIDENCE_REQUEST, EVIDENCE_PROPOSAL = 0xFF10, 0xFF11
RESULTS_REQUEST, RESULTS_PROPOSAL = 0xFF12, 0xFF13
# EvidenceType of TA-07: credential_kind ATTESTATION, type_encoding CONTENT_FORMAT, u16 273.
EVIDENCE_TYPE = bytes([0, 0]) + (273).to_bytes(2, "big")
OFFER = bytes([len(EVIDENCE_TYPE)]) + EVIDENCE_TYPE


class Capture:
    """dumpcap on the loopback interface, for one port."""

    def __init__(self, path: Path, port: int) -> None:
        self.path = path
        argv = ["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", str(path)]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert self._process.stderr is not None
        words = b""
        while b"File:" not in words:
            data = os.read(self._process.stderr.fileno(), 4096)
            if not data:
                self._process.wait()
                pytest.skip(f"dumpcap cannot capture here: {words.decode().strip()}")
            words += data
        time.sleep(0.3)  # it has said which file, and begins to read

    def stop(self) -> None:
        """Ends it once the last packets have been written."""
        time.sleep(0.5)
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=20)


def raw(value: Any, name: str) -> Iterator[bytes]:
    """All values of a field in tshark's jsonraw, wherever they stand."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key == name:
                entries = below if isinstance(below[0], list) else [below]
                for entry in entries:
                    yield bytes.fromhex(entry[0])
            else:
                yield from raw(below, name)
    elif isinstance(value, list):
        for below in value:
            yield from raw(below, name)


def decrypted(capture: Path, keylog: Path) -> list[tuple[int, bytes]]:
    """All handshake messages of a capture, in order."""
    command = ["tshark", "-r", str(capture), "-o", f"tls.keylog_file:{keylog}", "-T", "jsonraw"]
    command += ["--no-duplicate-keys", "-Y", "tls"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    found: list[tuple[int, bytes]] = []
    for packet in json.loads(done.stdout):
        for message in raw(packet, "tls.handshake_raw"):
            found += wire.messages(message)
    return found


@pytest.mark.parametrize("attester", ["client", "server"])
def test_tshark_sees_the_bytes_of_the_draft(real: Run, attester: str) -> None:
    for tool in ("dumpcap", "tshark"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    case = story_cases(STORY)[attester]
    with Play(case, real, real.work / f"captured-{attester}") as play:
        play.start_helpers()
        play.start_server()
        capture = Capture(play.folder / "wire.pcapng", play.port)
        play.finish_client(play.start_client())
        play.finish_server()
        capture.stop()
        seen = play.observe()
        assert compare(case, seen) == []
        found = decrypted(capture.path, play.folder / "server.keylog")
        files = {side: play.folder / f"{side}.artifacts" for side in ("client", "server")}
        credential = only(seen.parties[attester].events, "credential", direction="sent")
        cmw = (files[attester] / str(credential["file"])).read_bytes()
    assert hashlib.sha256(cmw).hexdigest() == credential["sha256"]
    relying_party = "server" if attester == "client" else "client"
    challenge = only(seen.parties[relying_party].events, "challenge", direction="sent")
    check_messages(attester, found, cmw, bytes.fromhex(challenge["nonce"]))


def only(events: list[Event], name: str, **fields: Any) -> Event:
    """The one event of that name."""
    (event,) = select(events, name, **fields)
    return event


def check_messages(attester: str, found: list[tuple[int, bytes]], cmw: bytes, nonce: bytes) -> None:
    """ClientHello, EncryptedExtensions and Certificate, as the draft's structures say."""
    kinds = [kind for kind, _ in found]
    assert kinds.count(FINISHED) == 2, f"both Finished are readable, so all is decrypted: {kinds}"
    (hello,) = [body for kind, body in found if kind == CLIENT_HELLO]
    (encrypted,) = [body for kind, body in found if kind == ENCRYPTED_EXTENSIONS]
    offered = wire.client_hello_extensions(hello)
    selected = wire.extensions(encrypted)
    with_nonce = bytes([len(nonce)]) + nonce
    if attester == "client":
        code, other, offer, choice = (
            EVIDENCE_PROPOSAL,
            EVIDENCE_REQUEST,
            OFFER,
            EVIDENCE_TYPE + with_nonce,
        )
    else:
        code, other, offer, choice = (
            EVIDENCE_REQUEST,
            EVIDENCE_PROPOSAL,
            OFFER + with_nonce,
            EVIDENCE_TYPE,
        )
    assert offered[code] == offer
    assert selected[code] == choice
    for absent in (other, RESULTS_REQUEST, RESULTS_PROPOSAL):
        assert absent not in offered and absent not in selected
    # certificate_request_context, certificate_list<0..2^24-1> of one entry: cert_data<1..2^24-1>,
    # extensions<0..2^16-1>. The server's Certificate comes first.
    certificates = [body for kind, body in found if kind == CERTIFICATE]
    body = certificates[0 if attester == "server" else -1]
    assert len(certificates) == 2, "each side sent one; the other side's is X.509"
    entry = len(cmw).to_bytes(3, "big") + cmw + b"\0\0"
    context = body[: 1 + body[0]]
    assert body == context + len(entry).to_bytes(3, "big") + entry
    if attester == "server":
        assert context == b"\0"
    # The KAT carries the nonce of the wire: key 10, a byte string.
    assert b"\x0a\x58" + bytes([len(nonce)]) + nonce in cmw

# SPDX-License-Identifier: Apache-2.0
"""./atls lab with real programs: servers of all profiles, the project's client, OpenSSL's, and
whoever else comes; its page, its store, and what it refuses to do."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zipfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lab_meeting import LIMIT, OPENER, Lab, ended

from atls_harness.contract import contract
from atls_harness.paths import ROOT
from atls_harness.run import Run

pytest.importorskip("aiohttp", reason="unsupported: python3-aiohttp is not there; ./atls setup lab")


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="atls-lab-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Any]]:
    """The one lab of this module, where it has been started."""
    found: dict[str, Any] = {}
    yield found
    if "lab" in found:
        assert found["lab"].stop() == 0


@pytest.fixture
def lab(real: Run, kept: Path, opened: dict[str, Any]) -> Lab:
    if "lab" not in opened:
        opened["lab"] = Lab(real, kept)
    made: Lab = opened["lab"]
    return made


@pytest.fixture
def device(real: Run, tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """Starts a device with a seed; its address."""
    with contextlib.ExitStack() as stack:

        def start(seed: int) -> str:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atls-d")))
            argv = real.command("device", "device")
            argv += ["--seed", str(seed), "--listen", f"unix:{folder}/d", "--events", "-"]
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert any('"ready"' in line for line in iter(process.stdout.readline, ""))
            return f"unix:{folder}/d"

        yield start


PROFILES = [name for name, one in contract().profiles.items() if not one.prototype]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_relying_party_comes_to_every_profile(lab: Lab, profile: str) -> None:
    place = f"{profile}-server-attests"
    flags = ["--relying-party", "background-check", "--verifier", lab.verifier()]
    done = lab.client(place, *flags)
    assert done.returncode == 0, done.stderr
    told = lab.last("127.0.0.1")
    row = told["connection"]
    assert (row["place"], row["outcome"]) == (place, "attested")
    assert told["hello"]["random"] and not told["hello"]["problem"]
    assert told["showed"], "an honest connection shows requirements"
    page = lab.page(f"connection/{row['id']}")
    assert "<svg" in page and "the client went on" in page
    if profile != "x509-cmw":  # there no event names the credential that is in the certificate
        assert "CMW" in page and "eat_nonce" in page


def attester(lab: Lab, profile: str, address: str, folder: Path) -> list[str]:
    """The flags of a client that attests, with a key that the lab's CA has certified."""
    flags = ["--attester", "background-check", "--device", address]
    known = contract().profiles[profile]
    if not known.beside_x509:
        return flags
    request = folder / "key.csr"
    more = ["--cmw", "auto"] if known.carrier == "leaf" else []
    argv = lab.run.command("device", "enroll")
    argv += ["--device", address, "--csr", str(request), *more]
    handle = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    code, pem = lab.status("enrol", request.read_bytes())
    assert code == 200, pem
    (folder / "key.pem").write_text(pem)
    return [*flags, "--cert", str(folder / "key.pem"), "--key", handle]


@pytest.mark.parametrize("profile", contract().profiles)
def test_an_attester_comes_to_every_profile(
    lab: Lab, profile: str, device: Callable[[int], str], tmp_path: Path
) -> None:
    place = f"{profile}-client-attests"
    done = lab.client(place, *attester(lab, profile, device(1), tmp_path))
    assert done.returncode == 0, done.stderr
    told = lab.last("127.0.0.1")
    assert (told["connection"]["place"], told["connection"]["outcome"]) == (place, "attested")
    assert any(one["event"] == "appraisal" for one in told["verifier"])


def test_another_reading_of_the_draft_is_diagnosed(
    lab: Lab, device: Callable[[int], str], tmp_path: Path
) -> None:
    flags = attester(lab, "seat-06", device(1), tmp_path)
    flags += ["--hrr", "--variant", "hello-retry=second-hello"]
    assert lab.client("seat-06-client-attests", *flags).returncode == 1
    told = lab.last("127.0.0.1")
    row = told["connection"]
    assert (row["outcome"], row["reason"]) == ("refused", "binder-mismatch")
    assert "H5" in told["diagnosis"] and told["diagnosis"] in row["summary"]
    assert "H5" in lab.page("/") and "Diagnosis" in lab.page(f"connection/{row['id']}")


def test_openssl_as_it_comes_is_told_what_is_missing(lab: Lab) -> None:
    lab.s_client("ta-07-client-attests", "lacks.client")
    told = lab.last("lacks")
    row = told["connection"]
    assert (row["outcome"], row["reason"]) == ("refused", "attestation-missing")
    assert told["hello"]["server_name"] == "lacks.client" and not told["hello"]["attestation"]
    assert any("Try next" == name for name, _ in told["facts"])
    said = lab.s_client("ta-07-server-attests", "plain.client")
    assert "hello from the lab, ta-07-server-attests" in said
    assert lab.last("plain")["connection"]["outcome"] == "plain"


def unzipped(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        found.extractall(folder)
        (first, *_) = found.namelist()
    return folder / first.partition("/")[0]


def test_with_the_kit_openssl_attests_itself(lab: Lab, tmp_path: Path) -> None:
    kit = unzipped(lab.get("kit.zip"), tmp_path)
    files = ["-cert", str(kit / "attester.pem"), "-key", str(kit / "attester.key")]
    said = lab.s_client("x509-cmw-client-attests", "kit.client", *files)
    assert "hello from the lab" in said
    assert lab.last("kit")["connection"]["outcome"] == "attested"
    words = (kit / "README.md").read_text()
    for place in lab.ports.values():
        assert str(place) in words
    assert "PRIVATE" not in words


def test_evidence_for_a_nonce(lab: Lab, tmp_path: Path) -> None:
    nonce = os.urandom(32).hex()
    (tmp_path / "evidence.cmw").write_bytes(lab.get(f"evidence?nonce={nonce}"))
    (tmp_path / "device.corim").write_bytes(lab.get("kit/device.corim"))
    argv = lab.run.command("device", "decode")
    argv += ["-n", nonce, "-k", str(tmp_path / "device.corim"), str(tmp_path / "evidence.cmw")]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0 and "PSA attestation token" in done.stdout, done.stdout
    for wrong in ("", "00", "zz" * 32, nonce[:-1], nonce * 3, f"{nonce}&form=x"):
        code, words = lab.status(f"evidence?nonce={wrong}")
        assert (code, words[:8]) == (400, "expected"), wrong


def test_a_device_of_their_own_is_known_to_their_connections_alone(
    lab: Lab, device: Callable[[int], str], tmp_path: Path
) -> None:
    """Participants are told apart by the server name: so is whose endorsements count."""
    path = tmp_path / "own.corim"
    argv = lab.run.command("device", "provision") + ["--seed", "4711", "--output", str(path)]
    subprocess.run(argv, check=True, capture_output=True)
    address = device(4711)
    flags = ["--attester", "background-check", "--device", address]
    assert lab.client("ta-07-client-attests", *flags).returncode == 1
    assert lab.last("127.0.0.1")["connection"]["reason"] == "unknown-attestation-key"
    code, words = lab.status("participant/127.0.0.1/endorsements", b"\xa1\x01")
    assert code == 400 and "was not taken" in words
    assert lab.status("participant/other/endorsements", path.read_bytes())[0] == 200
    assert lab.client("ta-07-client-attests", *flags).returncode == 1
    assert lab.status("participant/127.0.0.1/endorsements", path.read_bytes())[0] == 200
    assert lab.client("ta-07-client-attests", *flags).returncode == 0
    assert lab.last("127.0.0.1")["connection"]["outcome"] == "attested"


STRANGERS = [
    (b"", "no-tls", "before it sent anything"),
    (b"GET / HTTP/1.1\r\n\r\n", "no-tls", "HTTP"),
    (b"\x1b]0;owned\x07<script>alert(1)</script>\r\n", "no-tls", "no TLS"),
    (b"\x16\x03\x01\x00\x00", "refused", "record of 1 to"),
    (b"\x16\x03\x01\x40\x00" + bytes(16384), "refused", "expected a ClientHello"),
    (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "refused", "legacy_version"),
    (b"\x16\x03\x01\x00", "left", "not whole"),
]


@pytest.mark.parametrize("sent, outcome, words", STRANGERS)
def test_who_speaks_otherwise_is_shown_as_text(
    lab: Lab, sent: bytes, outcome: str, words: str
) -> None:
    before = {one["connection"]["id"] for one in lab.rows("127.0.0.1")}
    lab.raw("seat-06-client-attests", sent)
    told = lab.await_(
        lambda: [
            row
            for row in lab.rows("127.0.0.1")
            if ended(row) and row["connection"]["id"] not in before
        ]
    )[0]
    assert told["connection"]["outcome"] == outcome, told["connection"]
    page = lab.page(f"connection/{told['connection']['id']}")
    assert words in page
    assert "<script>alert" not in page and "\x1b" not in page and "\x07" not in page


def test_bundle_and_packets_are_what_they_say(lab: Lab, tmp_path: Path) -> None:
    flags = ["--relying-party", "background-check", "--verifier", lab.verifier()]
    lab.client("ta-07-server-attests", *flags)
    row = lab.last("127.0.0.1")["connection"]
    folder = unzipped(lab.get(f"connection/{row['id']}.zip"), tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["outcome"] == "attested" and manifest["link"].endswith(row["id"])
    assert {"connection.pcapng", "server.keylog", "server.events.jsonl"} <= set(manifest["files"])
    assert not any(path.suffix == ".key" for path in folder.rglob("*"))
    assert (folder / "connection.pcapng").read_bytes() == lab.get(f"connection/{row['id']}.pcapng")
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("unsupported: no program tshark")
    argv = [tshark, "-r", str(folder / "connection.pcapng"), "-o", "tcp.check_checksum:TRUE"]
    argv += ["-d", f"tcp.port=={lab.ports['ta-07-server-attests']},tls", "-T", "fields"]
    argv += ["-e", "tls.handshake.type", "-e", "tcp.checksum.status", "-e", "data.data"]
    said = subprocess.run(argv, capture_output=True, text=True).stdout
    kinds = set(re.findall(r"[0-9]+", " ".join(line.split("\t")[0] for line in said.splitlines())))
    assert {"1", "2", "8", "11", "15", "20"} <= kinds, "decrypted (RFC 8446 section 4)"
    assert {line.split("\t")[1] for line in said.splitlines()} == {"1"}, "checksums are good"


def test_the_page_tells_browsers_to_be_careful(lab: Lab) -> None:
    with OPENER.open(lab.url) as answer:
        headers = answer.headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and "Set-Cookie" not in headers
    assert lab.status("/", Host="evil.example")[0] == 421
    assert lab.status("/", Host="localhost")[0] == 200
    form = b"address=127.0.0.1:1"
    assert lab.status("probe", form, Origin="http://evil.example")[0] == 403
    assert lab.status("probe", form, Sec_Fetch_Site="cross-site")[0] == 403
    for path in ("connection/ffffffffffff", "connection/../../etc/passwd", "port/x", "kit/ca.key"):
        assert lab.status(path)[0] == 404, path


def program_of(lab: Lab, *words: str) -> int:
    """The process of the lab whose command has all of WORDS."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_text().split("\0")
            if parent == lab.process.pid and all(
                any(one in had for had in command) for one in words
            ):
                return int(path.name)
    return 0


def test_a_device_or_verifier_that_ends_is_started_again(
    lab: Lab, device: Callable[[int], str], tmp_path: Path
) -> None:
    verifier, address = lab.verifier(), device(1)
    for words, place in (
        (("device.sock", "--provision"), "seat-06-server-attests"),
        (("--provisioning-token",), "seat-06-client-attests"),
    ):
        before = program_of(lab, *words)
        assert before
        os.kill(before, signal.SIGKILL)
        lab.await_(lambda: program_of(lab, *words) not in (0, before))
        if place == "seat-06-client-attests":
            flags = attester(lab, "seat-06", address, tmp_path)
        else:
            flags = ["--relying-party", "background-check", "--verifier", verifier]
        # The program is there before it listens; what comes meanwhile may be refused.
        lab.await_(lambda: lab.client(place, *flags).returncode == 0)
        assert lab.last("127.0.0.1")["connection"]["outcome"] == "attested"
    assert lab.verifier() == verifier


def test_nothing_is_lost_when_it_starts_again(lab: Lab) -> None:
    lab.s_client("seat-06-client-attests", "before.client")
    before = lab.last("before")
    # One that is under way when it is killed is known to have been.
    with socket.create_connection(("127.0.0.1", lab.ports["seat-06-client-attests"])):
        lab.await_(lambda: "under way" in lab.page("/"))
        time.sleep(1)  # it commits several times a second
        lab.stop(signal.SIGKILL)
    lab.again()
    identity = before["connection"]["id"]
    assert json.loads(lab.get(f"connection/{identity}.json")) == before
    assert "the lab was stopped before this connection ended" in lab.page("/")
    lab.s_client("seat-06-client-attests", "behind.client")
    assert lab.last("behind")["connection"]["number"] > before["connection"]["number"]


def test_a_second_lab_is_refused_the_same_folder(lab: Lab, real: Run) -> None:
    argv = [sys.executable, "-m", "atls_harness", "lab", "--state", str(lab.state)]
    argv += ["--build", str(real.build), "--listen", "127.0.0.1:0"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1 and "another lab runs on" in done.stderr


def test_a_server_is_probed_and_the_page_shows_it(lab: Lab) -> None:
    port = lab.ports["ta-03-client-attests"]
    form = urllib.parse.urlencode({"address": f"127.0.0.1:{port}", "profile": "ta-03"}).encode()
    code, page = lab.status("probe", form)
    assert code == 200, page
    found = re.search(r"/probe/([0-9a-f]{12})", page) or re.search(
        r"/probe/([0-9a-f]{12})", lab.page("probe")
    )
    assert found is not None
    lab.await_(lambda: ">Done<" in lab.page(f"probe/{found[1]}"))
    page = lab.page(f"probe/{found[1]}")
    assert "client background-check" in page
    assert "ta-03-client-attests-background-check-cab-stale-nonce" in page.partition("As it was")[2]
    value = json.loads(lab.get(f"probe/{found[1]}.json"))
    assert value["speaks"] == {"ta-03": ["client background-check"]}

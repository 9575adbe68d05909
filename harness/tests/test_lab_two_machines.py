# SPDX-License-Identifier: Apache-2.0
"""The walk-through of harness/README.md: two people, two machines, which are network namespaces
here. The second has curl, unzip and OpenSSL, and nothing of this project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Iterator, Sequence

import pytest
from lab_meeting import LIMIT, Lab

from atls_harness.run import Run

FIRST, SECOND = "192.0.2.1", "192.0.2.2"  # RFC 5737
PAGE = f"http://{FIRST}:8600/"


def ip(*words: str) -> None:
    """Has ip(8) do something; a skip where it may not."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"unsupported: ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture
def machines() -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Two, on one network: what a command stands behind on each."""
    for program in ("ip", "curl", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"unsupported: no program {program}")
    if os.geteuid() != 0:
        pytest.skip("unsupported: network namespaces are root's")
    tag = uuid.uuid4().hex[:6]
    names = [f"atls-{tag}-1", f"atls-{tag}-2"]
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", f"v{tag}1", "type", "veth", "peer", "name", f"v{tag}2")
        for number, (name, address) in enumerate(zip(names, (FIRST, SECOND)), 1):
            ip("link", "set", f"v{tag}{number}", "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", f"v{tag}{number}")
            ip("-n", name, "link", "set", f"v{tag}{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield (["ip", "netns", "exec", names[0]], ["ip", "netns", "exec", names[1]])
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="atls-lab-") as made:
        yield Path(made)


def test_two_people_two_machines(
    real: Run, folder: Path, machines: tuple[Sequence[str], Sequence[str]]
) -> None:
    first, second = machines
    began = time.monotonic()
    arguments = ["--allow-probe", f"{FIRST}/32", "--allow-probe", f"{SECOND}/32"]
    lab = Lab(real, folder / "state", *arguments, listen="0.0.0.0", within=first)
    opened = time.monotonic() - began

    def there(*words: str, given: str = "") -> str:
        done = subprocess.run(
            [*second, *words],
            input=given,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        return done.stdout + done.stderr

    try:
        assert lab.url == PAGE and lab.ports["seat-06-client-attests"] == 8611
        assert lab.ports["x509-cmw-client-attests"] == 8615  # as harness/README.md has it
        began = time.monotonic()
        there("curl", "-sO", f"{PAGE}kit.zip")
        shutil.unpack_archive(folder / "kit.zip", folder)
        kit = folder / "atls-lab-kit"

        def s_client(port: int, *more: str) -> str:
            argv = ["openssl", "s_client", "-quiet", "-connect", f"{FIRST}:{port}"]
            argv += ["-servername", "ada.client", "-CAfile", str(kit / "ca.pem"), *more]
            return there(*argv, given="hello\n")

        def page_that_has(words: str) -> "re.Match[str]":
            """Ada's page, once a connection that has ended stands there."""

            def look() -> "re.Match[str] | None":
                return re.search(words, there("curl", "-s", f"{PAGE}participant/ada"), re.DOTALL)

            found: "re.Match[str]" = lab.await_(look)
            return found

        s_client(8611)
        page_that_has("refused by the lab.*attestation-missing")
        answered = time.monotonic() - began
        print(f"open after {opened:.1f} s; first answer after {answered:.1f} s")
        said = s_client(
            8615,
            *("-cert", str(kit / "attester.pem"), "-key", str(kit / "attester.key")),
            *("-verify_return_error", "-verify_ip", FIRST),
        )
        assert "hello from the lab" in said, said
        found = page_that_has(r'connection/([0-9a-f]{12})">attested')
        value = json.loads(there("curl", "-s", f"{PAGE}connection/{found[1]}.json"))
        assert value["connection"]["source"] == SECOND
        # The lab's own machine is not for those who come from elsewhere.
        for address in ("127.0.0.1:8611", "localhost:22", "[::1]:8600", "10.0.0.1:443"):
            said = there("curl", "-s", "-d", f"address={address}", f"{PAGE}probe")
            assert "expected an address that this lab may probe" in said, address
    finally:
        lab.process.terminate()
        assert lab.process.wait(60) == 0

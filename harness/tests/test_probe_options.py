# SPDX-License-Identifier: Apache-2.0
"""What ./atls probe can be told: a root of trust, a name, other numbers; and its page."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness.errors import InfrastructureError
from atls_harness.parties import Play
from atls_harness.probe.look import first_look
from atls_harness.probe.plan import CLIENT, SERVER
from atls_harness.run import Run

Start = Callable[..., Play]
Probe = Callable[..., tuple[int, dict[str, Any]]]
NAME = "attested.example"


@pytest.mark.parametrize("root, evidence", [("cca", {"parsec-cca", "cca"}), ("tpm", set())])
def test_a_device_with_another_root_of_trust(
    root: str, evidence: set[str], started: Start, probe: Probe
) -> None:
    if root == "tpm" and shutil.which("swtpm") is None:
        pytest.skip("unsupported: no program swtpm")
    play = started("seat-06", CLIENT, device={"root": root})
    code, value = probe(play.port, "--profile", "seat-06", "--honest", "--root", root)
    assert code == 0 and value["speaks"]["seat-06"] == ["client background-check"]
    found = value["capabilities"].get("seat-06", {"evidence-formats": {}})["evidence-formats"]
    # A TPM's identity is no seed's: the server's verifier knows another one, and refuses this one.
    assert set(found.get("relying-party", [])) == evidence
    tried = {one["format"] for one in value["connections"] if one["attests"] == CLIENT}
    assert tried == evidence or tried == {"parsec-tpm"}


def test_other_numbers(started: Start, probe: Probe, tmp_path: Path) -> None:
    numbers = {"remoteAttestation": 0xFF77}
    play = started("seat-06", SERVER, server={"code-points": numbers})
    code, value = probe(play.port, "--profile", "seat-06", "--honest")
    assert code == 1 and value["speaks"]["seat-06"] == []
    file = tmp_path / "numbers.json"
    file.write_text(json.dumps(numbers), encoding="utf-8")
    told = ["--code-points", str(file)]
    code, value = probe(play.port, "--profile", "seat-06", "--honest", *told)
    assert code == 0 and value["speaks"]["seat-06"] == ["server background-check"]


def test_the_name_that_is_asked_for(real: Run) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(real.work / "server.pem", real.work / "server.key")
    context.sni_callback = lambda _object, name, _context: asked.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        words, certificate = first_look("127.0.0.1", listening.getsockname()[1], 30, NAME)
        thread.join()
    assert asked == [NAME] and words == "TLSv1.3" and certificate


def test_the_client_asks_for_that_name_too(started: Start, probe: Probe) -> None:
    """The server's certificate is for another one, and that is told."""
    play = started("seat-06", SERVER)
    told = ["--profile", "seat-06", "--honest", "--limit", "1"]
    code, value = probe(play.port, *told)
    assert value["connections"][0]["outcome"] == "pass"
    code, value = probe(play.port, *told, "--sni", NAME, "--ca", str(play.run.work / "ca.pem"))
    (only,) = value["connections"]
    assert only["reason"] == "certificate-untrusted" and only["outcome"] != "pass"


def test_the_page_needs_no_script_and_shows_a_peers_words_as_text(
    started: Start, probe: Probe, tmp_path: Path
) -> None:
    play = started("seat-06", SERVER, server={"fault": ["stale-nonce"]})
    page = tmp_path / "page.html"
    told = ["--profile", "seat-06", "--honest", "--limit", "2", "--html", str(page)]
    code, value = probe(play.port, *told)
    text = page.read_text(encoding="utf-8")
    assert code == 1 and "binder-mismatch" in text and "What failed" in text
    assert "<script" not in text and "default-src &#39;none&#39;" in text
    assert 'lang="en"' in text and not re.search(r"\son[a-z]+=", text)
    assert "SPDX" not in text.partition("<style>")[0]
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert {one[1:] for one in re.findall(r'href="(#[^"]+)"', text)} <= set(ids)


def test_a_mismatch_is_shown_as_it_was_diagnosed(
    started: Start, probe: Probe, tmp_path: Path
) -> None:
    play = started("seat-06", SERVER, server={"variant": ["binder-role=separate"]})
    page = tmp_path / "page.html"
    code, value = probe(play.port, "--profile", "seat-06", "--honest", "--html", str(page))
    told = [one["diagnosis"] for one in value["connections"] if one["diagnosis"]]
    assert told and any("H9" in words for words in told), value["connections"][0]["words"]
    assert "<dt>Diagnosis</dt>" in page.read_text(encoding="utf-8")
    # It is tried at once, before any other reading.
    assert value["capabilities"]["seat-06"]["variants"] == {"binder-role": "separate"}
    assert value["connections"][1]["variants"] == ["binder-role=separate"]


def test_nothing_is_listening() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        with pytest.raises(InfrastructureError, match="nothing answers"):
            first_look("127.0.0.1", one.getsockname()[1], 5)

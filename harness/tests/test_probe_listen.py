# SPDX-License-Identifier: Apache-2.0
"""./atls probe --listen: clients of the project's own, and one that breaks TLS, which connect again
and again until it has seen enough. How long anything takes is never asked."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from typing import Any, Callable, Iterator

import pytest

from atls_harness.contract import contract
from atls_harness.errors import UsageError
from atls_harness.parties import Play
from atls_harness.paths import PEERS, ROOT
from atls_harness.peer import load_peers
from atls_harness.flags import plain
from atls_harness.probe import command, plan
from atls_harness.probe.look import listen_of
from atls_harness.probe.plan import CLIENT, SERVER
from atls_harness.scenario import Case, cases, load

Probe = Callable[..., tuple[int, dict[str, Any]]]
ADVERSARY = ROOT / "harness" / "adversary"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Again:
    """A client that connects again and again, as soon as it has ended."""

    def __init__(self, play: Play, port: int) -> None:
        play.port = self.port = port
        self.argv = [*play.run.command("client", "client"), *plain(play.client_flags())]
        self.argv += ["--events", str(play.folder / "again.jsonl")]
        self.url = ""
        self.enough = threading.Event()
        self.runs = 0
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self.enough.is_set():
            try:  # a stranger comes first, who says nothing
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        while not self.enough.is_set():
            began = time.monotonic()
            subprocess.run(
                self.argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False
            )
            time.sleep(max(0.0, 0.05 - (time.monotonic() - began)))

    def end(self) -> None:
        self.enough.set()
        self._thread.join()


@pytest.fixture
def again(begun: Callable[..., Play]) -> Iterator[Callable[..., Again]]:
    """Starts such a client, with its device and its verifier."""
    with contextlib.ExitStack() as stack:

        def start(
            port: int, profile: str, attester: str, peer: str = "atls", **story: Any
        ) -> Again:
            play = begun("client", peer, profile, attester, **story)
            for process in play.processes.values():
                process.ready()
            made = Again(play, port)
            made.url = play.addresses.verifiers["main"]
            stack.callback(made.end)
            return made

        yield start


@pytest.mark.parametrize("profile", ["ta-07", "seat-06", "expat-04", "x509-cmw", "poc-mbedtls"])
@pytest.mark.parametrize("attests", [SERVER, CLIENT])
def test_a_client_is_found_out(
    profile: str,
    attests: str,
    again: Callable[..., Again],
    probe: Probe,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if contract().profiles[profile].prototype and attests == SERVER:
        pytest.skip("only a client attests in it")
    port = free_port()
    client = again(port, profile, attests)
    known = ["--verifier", client.url]
    leaf = profile == "x509-cmw"  # where misbehaviours alone show that anybody looks
    known += ["--profile", profile] if leaf else ["--honest"]
    code, value = probe(0, "--listen", str(port), *known)
    spoken = {name for name, ways in value["speaks"].items() if ways}
    mine = set(contract().profiles[profile].extensions)
    for name in spoken - {profile}:  # the same offer has the same bytes there
        assert mine.intersection(contract().profiles[name].extensions), value["speaks"]
    assert value["speaks"][profile] == [f"{attests} background-check"]
    assert leaf or code == 0, value["failed"]
    role = "attester" if attests == CLIENT else "relying-party"
    found = value["capabilities"][profile]
    assert found["models"] == {role: ["background-check"]}
    assert "cab" in found["evidence-formats"][role] and value["probe"]["probed"] == "client"
    shown = capsys.readouterr().out
    assert f"clients are awaited at 127.0.0.1:{port}" in shown
    assert f"connect now: {profile}, {attests} attests, background-check" in shown


def test_a_relying_party_that_refuses_as_it_must_passes(
    again: Callable[..., Again], probe: Probe
) -> None:
    port = free_port()
    client = again(port, "ta-07", SERVER)
    code, value = probe(0, "--listen", str(port), "--profile", "ta-07", "--verifier", client.url)
    assert (code, value["failed"]) == (0, [])
    wrong = [one for one in value["connections"] if one["fault"] and one["attests"] == SERVER]
    assert {one["outcome"] for one in wrong} == {"pass"} and len(wrong) > 25
    assert {"kat-signature", "stale-nonce", "cmw-truncated", plan.UNATTESTED} <= {
        one["fault"] for one in wrong
    }


def test_a_client_that_goes_on_without_attestation_is_found(
    again: Callable[..., Again], probe: Probe
) -> None:
    """It falls back to X.509, and so takes an authenticator that is empty. Clauses: R-EX-08."""
    port = free_port()
    client = again(port, "expat-04", SERVER, client={"policy": "optional"})
    known = ["--profile", "expat-04", "--verifier", client.url]
    code, value = probe(0, "--listen", str(port), *known)
    passed = [one for one in value["connections"] if one["fault"] == "empty-certificate"]
    assert passed and passed[0]["outcome"] == "fail" and code == 1


WRONG = [
    case
    for name in ("client.yaml", "closing.yaml")
    for case in cases(*load(ADVERSARY / name))
    if case.parameters.get("policy") != "optional"
]
NO_FAILURE = {"wire-client-close-notify": "RFC 8446 section 6.1: a client may close at any time"}


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_a_client_that_breaks_tls_is_found(
    case: Case, again: Callable[..., Again], probe: Probe
) -> None:
    (fault,) = case.flags("client")["fault"]
    port = free_port()
    again(port, case.profile, "none", "adversary", client={"fault": [fault]})
    code, value = probe(0, "--listen", str(port), "--profile", case.profile)
    assert code == 1
    failed = [one for one in value["connections"] if one["outcome"] == "fail"]
    if fault in NO_FAILURE:
        assert not failed
        return
    alerts = {one["alert"]["name"] for one in failed if one["alert"]["direction"] == "sent"}
    due = case.story["expect"]["alert"]
    assert due in alerts, [one["words"] for one in value["connections"]]


def test_each_fault_of_an_adversary_that_is_a_client_is_tried() -> None:
    tried = {case.flags("client")["fault"][0] for case in WRONG}
    declared = load_peers([PEERS])["adversary"].declared("faults")
    assert tried == {name for name in declared if "client" in name or "-hello-" in name} - {
        "wire-server-hello-extension"
    }


def test_control_c_ends_it_with_the_report_of_what_was_seen(
    again: Callable[..., Again],
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = free_port()
    again(port, "ta-07", SERVER)
    meeting = command._awaited

    def interrupted(session: Any, meet: Any, step: Any, number: int) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return meeting(session, meet, step, number)

    monkeypatch.setattr(command, "_awaited", interrupted)
    code, value = probe(0, "--listen", str(port), "--profile", "ta-07")
    assert len(value["connections"]) == 2 and value["speaks"]["ta-07"]
    assert any("ended by control-C" in note for note in value["notes"])
    assert code == 0 and "ended by control-C" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text, found",
    [
        ("4433", ("127.0.0.1", 4433)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:4433", ("0.0.0.0", 4433)),
        ("[::1]:4433", ("::1", 4433)),
        ("65536", None),
        ("-1", None),
        ("host:", None),
        ("", None),
    ],
)
def test_where_to_listen(text: str, found: tuple[str, int] | None) -> None:
    if found is None:
        with pytest.raises(UsageError, match="expected HOST:PORT"):
            listen_of(text)
    else:
        assert listen_of(text) == found


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "expected either HOST:PORT of a server, or --listen PORT"),
        (["--listen", "1", "localhost:1"], "expected either HOST:PORT"),
        (["--listen", "1", "--sni", "a.example"], "--sni is what a client asks a server for"),
        (["--root", "tmp", "localhost:1"], "no root of trust 'tmp'"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError) as told:
        command.main(arguments)
    assert words in str(told.value)

# SPDX-License-Identifier: Apache-2.0
"""./atls probe: servers of the project's own, one that is OpenSSL's as it comes, and what is none.

Real programs on loopback. How long anything takes is never asked.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from atls_harness.contract import contract
from atls_harness.errors import InfrastructureError, UsageError
from atls_harness.flags import device_flags, plain
from atls_harness.parties import Play
from atls_harness.probe import judge, plan, show
from atls_harness.probe.capabilities import settled
from atls_harness.probe.command import main
from atls_harness.probe.exchange import Seen
from atls_harness.probe.look import address_of, first_look
from atls_harness.probe.plan import BOTH, CLIENT, SERVER
from atls_harness.requirements import requirements
from atls_harness.run import Run

PATIENCE = 10


def of(value: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return [
        one
        for one in value["connections"]
        if all(one[name] == wanted for name, wanted in fields.items())
    ]


@pytest.mark.parametrize("profile", contract().profiles)
def test_the_profile_of_a_server_is_found_and_another_is_not(
    profile: str, started: Callable[..., Play], probe: Callable[..., Any]
) -> None:
    prototype = contract().profiles[profile].prototype
    play = started(profile, CLIENT if prototype else BOTH)
    other = "x509-cmw" if profile != "x509-cmw" else "seat-06"
    url = play.addresses.verifiers["main"]
    named = ["--profile", other, "--profile", profile]
    code, value = probe(play.port, *named, "--verifier", url, "--limit", "16")
    who = CLIENT if prototype else BOTH
    assert value["speaks"][profile] and value["speaks"][other] == [], value["speaks"]
    (first,) = of(
        value,
        profile=profile,
        attests=who,
        fault="",
        hrr=False,
        format="cab",
        model="background-check",
    )[:1]
    assert (first["outcome"], first["spoken"]) == ("pass", True), first["words"]
    assert [text for text in value["failed"] if other in text] == value["failed"]
    assert code == 1, "a profile that was named is not spoken"


def test_a_relying_party_that_refuses_as_it_must_passes(
    started: Callable[..., Play], probe: Callable[..., Any], tmp_path: Path
) -> None:
    play = started("ta-07", CLIENT)
    report = tmp_path / "junit.xml"
    code, value = probe(play.port, "--profile", "ta-07", "--junit", str(report))
    assert (code, value["failed"], value["left_out"]) == (0, [], 0)
    assert value["speaks"] == {"ta-07": ["client background-check"]}
    wrong = [one for one in of(value, attests=CLIENT, model="background-check") if one["fault"]]
    assert {one["outcome"] for one in wrong} == {"pass"} and len(wrong) > 40
    assert {"kat-signature", "stale-nonce", "cmw-truncated", "empty-certificate"} <= {
        one["fault"] for one in wrong
    }
    assert all(one["alert"]["name"] == one["due"] for one in wrong)
    assert value["requirements"]["R-KAT-04"] == "pass"
    (retried,) = of(value, attests=CLIENT, fault="", hrr=True)
    assert retried["outcome"] == "pass"
    suite = ElementTree.parse(report).getroot()
    assert suite.get("failures") == "0" and suite.get("tests") == str(len(value["connections"]))


def test_who_does_not_know_the_device_shows_nothing_by_refusing_it(
    started: Callable[..., Play], probe: Callable[..., Any]
) -> None:
    play = started("ta-07", CLIENT, verifier={"endorse": []})
    code, value = probe(play.port, "--profile", "ta-07", "--limit", "30")
    (first,) = of(value, attests=CLIENT, fault="", model="background-check", hrr=False)[:1]
    assert first["outcome"] == "not observable" and "device.corim" in first["words"]
    hidden = [
        one for one in value["connections"] if one["fault"] and one["due"] == first["alert"]["name"]
    ]
    assert hidden and all(one["outcome"] == "not observable" for one in hidden)
    # An alert of its own is seen even so: decode_error, before any evidence is there.
    seen = [one for one in value["connections"] if one["due"] == "decode_error"]
    assert seen and {one["outcome"] for one in seen} == {"pass"}
    assert code == 0


def test_evidence_is_shown_and_signatures_are_not_checked_without_endorsements(
    started: Callable[..., Play], probe: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    play = started("ta-07", SERVER)
    code, value = probe(play.port, "--profile", "ta-07", "--limit", "3")
    (first,) = of(value, attests=SERVER, model="background-check", fault="", hrr=False)[:1]
    assert code == 0 and first["outcome"] == "pass"
    assert first["checks"] == {
        judge.STRUCTURE: "passed",
        judge.FRESHNESS: "passed",
        judge.SIGNATURES: "not checked",
        judge.KEY: "not checked",
    }
    (presented,) = first["presented"]
    assert presented["form"] == "collection" and presented["decoded"]
    shown = capsys.readouterr().out
    assert "signatures of evidence: not checked" in shown and presented["decoded"] in shown
    corim = play.run.endorsements(plain(device_flags(play.case, play.run, "server-device")))
    url = play.addresses.verifiers["main"]
    for known in (["--verifier", url], ["--endorsements", str(corim)]):
        code, value = probe(play.port, "--profile", "ta-07", "--limit", "3", *known)
        (first,) = of(value, attests=SERVER, model="background-check", fault="", hrr=False)[:1]
        assert code == 0 and set(first["checks"].values()) == {"passed"}, known
    stranger = play.run.endorsements(plain({"seed": 4242}))
    known = ["--endorsements", str(stranger)]
    code, value = probe(play.port, "--profile", "ta-07", "--limit", "1", *known)
    (only,) = value["connections"]
    assert (code, only["reason"]) == (1, "unknown-attestation-key")
    assert only["checks"][judge.SIGNATURES] == "failed"


@pytest.mark.parametrize(
    "profile, fault, reason, check",
    [
        ("ta-07", "stale-nonce", "nonce-mismatch", judge.FRESHNESS),
        ("ta-07", "cmw-truncated", "malformed-cmw", judge.STRUCTURE),
        ("seat-06", "entry-twice", "malformed-extension", judge.STRUCTURE),
        ("expat-04", "stale-nonce", "binder-mismatch", judge.FRESHNESS),
    ],
)
def test_an_attester_that_misbehaves_is_found_without_endorsements(
    profile: str,
    fault: str,
    reason: str,
    check: str,
    started: Callable[..., Play],
    probe: Callable[..., Any],
) -> None:
    play = started(profile, SERVER, server={"fault": [fault]})
    code, value = probe(play.port, "--profile", profile, "--limit", "1")
    (only,) = value["connections"]
    assert (code, only["outcome"], only["reason"]) == (1, "fail", reason), only["words"]
    assert only["checks"].get(check, "failed") == "failed"
    assert any(reason in text for text in value["failed"])


def test_a_server_that_goes_on_without_attestation_is_found(
    started: Callable[..., Play], probe: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """An authenticator that is empty declines, and where attestation is required that is to be
    refused: here it is not, and the connection goes on, unattested. Clauses: R-EX-08."""
    play = started("expat-04", CLIENT, server={"policy": "optional"})
    code, value = probe(play.port, "--profile", "expat-04")
    (passed,) = of(value, fault="empty-certificate", model="background-check")
    assert (passed["outcome"], passed["due"]) == ("fail", "certificate_required")
    assert code == 1 and value["requirements"]["R-EX-08"] == "fail"
    assert {one["outcome"] for one in of(value, fault="stale-nonce")} == {"pass"}
    assert any("empty-certificate" in text and "let this pass" in text for text in value["failed"])
    assert "let this pass" in " ".join(capsys.readouterr().out.split())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def openssl(real: Run) -> Iterator[int]:
    """`openssl s_server -rev` as it comes: its port."""
    if shutil.which("openssl") is None:
        pytest.skip("unsupported: no program openssl")
    files = ["-cert", str(real.work / "server.pem"), "-key", str(real.work / "server.key")]
    process = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-rev", *files],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ACCEPT"):
                yield int(line.rpartition(":")[2])
                break
    finally:
        process.kill()
        process.wait()


def test_openssl_as_it_comes_speaks_no_profile(
    openssl: int, probe: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code, value = probe(openssl, "--patience", "1")
    assert set(value["speaks"]) == set(contract().profiles)
    assert not any(value["speaks"].values())
    assert not any(one["fault"] for one in value["connections"])
    assert code == 1 and len(value["failed"]) == 1
    assert "speaks no profile of attested TLS" in capsys.readouterr().out


def test_nothing_answers() -> None:
    with pytest.raises(InfrastructureError, match="nothing answers at 127.0.0.1"):
        first_look("127.0.0.1", free_port(), PATIENCE)


@pytest.mark.parametrize(
    "said, words",
    [
        (b"HTTP/1.1 400 Bad\x1b[31mRequest\r\n\r\n", "is no TLS"),
        (b"\x1b]0;owned\x07" * 20, "is no TLS"),
        (b"\x17\x03\x03\x00\x01\x00", "is no TLS"),  # a record, and not one that begins TLS
        (b"", "closes it"),
    ],
)
def test_what_is_no_tls_is_told_in_a_printable_sentence(said: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1)
                connection.sendall(said)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(InfrastructureError, match=words) as told:
            first_look("127.0.0.1", listening.getsockname()[1], PATIENCE)
        thread.join()
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    "text, found",
    [
        ("localhost:443", ("localhost", 443)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("localhost", None),
        ("localhost:", None),
        (":443", None),
        ("localhost:0", None),
        ("localhost:65536", None),
        ("localhost:-1", None),
        ("2001:db8::1:443", None),
        ("[]:443", None),
        ("a b:443", None),
        ("https://localhost:443", None),
        ("", None),
    ],
)
def test_addresses(text: str, found: tuple[str, int] | None) -> None:
    if found is None:
        with pytest.raises(UsageError, match="expected HOST:PORT"):
            address_of(text)
    else:
        assert address_of(text) == found


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--profile", "ta-7"], "no profile 'ta-7'; did you mean ta-07?"),
        (["--variant", "helo-retry=all"], "no variant 'helo-retry'; did you mean hello-retry?"),
        (["--variant", "hello-retry"], "hello-retry: no reading ''"),
        (["--client-cert", __file__], "--client-cert and --client-key go together"),
        (["--ca", "/no/such/file"], "--ca: there is no file"),
        (["--endorsements", "/no/such/file"], "--endorsements: there is no file"),
        (["--limit", "0"], "--limit: expected a number from 1"),
        (["--pace", "-1"], "--pace: expected a number from 0"),
        (["--pace", "nan"], "--pace: expected a number from 0"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError) as told:
        main([*arguments, "localhost:1"])
    assert words in str(told.value)


def alert(name: str, direction: str = "received") -> dict[str, Any]:
    return {"direction": direction, "code": contract().alerts[name], "name": name}


def refused(name: str = "") -> Seen:
    came = alert(name) if name else None
    return Seen(1, reason="peer-alert" if name else "peer-closed", alert=came, misbehaved=True)


LET_PASS = Seen(0, complete=True, misbehaved=True)
TOOK = Seen(0, complete=True, sent=True)


@pytest.mark.parametrize(
    "before, seen, outcome",
    [
        (TOOK, refused("attestation_failed"), "pass"),
        (TOOK, refused("handshake_failure"), "fail"),  # another alert than is due
        (TOOK, refused(), "fail"),  # none at all
        (TOOK, LET_PASS, "fail"),
        (refused("bad_certificate"), LET_PASS, "fail"),
        (refused("attestation_failed"), refused("attestation_failed"), "not observable"),
        (refused("bad_certificate"), refused("attestation_failed"), "pass"),
        (refused("bad_certificate"), refused("bad_certificate"), "not observable"),
        (TOOK, Seen(1, reason="timeout", misbehaved=True), "not observable"),
        (TOOK, Seen(1, reason="attestation-missing"), "not observable"),  # it never came to it
        (TOOK, Seen(77, words="no such thing"), "unsupported"),
        (TOOK, Seen(1, problems=["the client crashed"], misbehaved=True), "not observable"),
    ],
)
def test_what_a_misbehaviour_shows(before: Seen, seen: Seen, outcome: str) -> None:
    (step,) = [
        one
        for one in plan.misbehaviours("ta-07", CLIENT, "background-check")
        if one.fault == "kat-signature" and one.format == "cab"
    ]
    assert step.due == "attestation_failed"
    assert judge.of_misbehaviour(step, seen, before).outcome == outcome


def test_misbehaviours_are_there_for_each_profile_with_what_is_due() -> None:
    for profile in contract().profiles.values():
        found = plan.misbehaviours(profile.name, CLIENT, "background-check")
        assert len(found) >= 5, profile.name
        for one in found:
            assert one.due in contract().alerts or not one.due
            assert set(one.clauses) <= set(requirements())
            assert one.case.flags("server") == {}, one.name
    assert "R-SE-10" not in plan.clauses_of("ta-07", ["R-TA-14", "R-SE-10"])
    assert plan.misbehaviours("ta-07", SERVER, "background-check"), "nonces out of bounds"


def test_a_server_that_takes_any_certificate_may_not_look_into_it() -> None:
    """x509-cmw negotiates nothing: only one that refuses something has shown that it looks."""
    one = {"profile": "x509-cmw", "attests": CLIENT, "model": "passport", "fault": "kat-signature"}
    one |= {"presented": [], "complete": True}
    passed = {**one, "outcome": "fail", "words": "it let this pass"}
    assert [row["outcome"] for row in settled([passed], SERVER)] == ["not spoken"]
    looked = {**one, "outcome": "pass", "words": "refused", "complete": False}
    assert [row["outcome"] for row in settled([passed, looked], SERVER)] == ["fail", "pass"]
    otherwise = {**looked, "outcome": "fail", "words": "refused with another alert"}
    assert [row["outcome"] for row in settled([passed, otherwise], SERVER)] == ["fail", "fail"]


def test_requirements_are_broken_by_one_failure() -> None:
    rows = [
        {"fault": "x", "outcome": outcome, "requirements": names}
        for outcome, names in (
            ("pass", ["R-TA-01", "R-TA-02"]),
            ("fail", ["R-TA-01"]),
            ("not observable", ["R-TA-02", "R-TA-03"]),
            ("unsupported", ["R-TA-04"]),
        )
    ]
    found = {"R-TA-01": "fail", "R-TA-02": "pass", "R-TA-03": "not observable"}
    assert show.requirements(rows) == found

# SPDX-License-Identifier: Apache-2.0
"""The monitor of the goals G1 to G3: real programs, honest and with a stolen key, and made-up ends.

Clauses: RFC 8446 sections 4.2.8 and 7.1; draft-ietf-seat-use-cases-01 sections 3.3.2 and 4.1.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from atls_harness import bindings
from atls_harness.expectation import WITHSTOOD, compare
from atls_harness.parties import Party
from atls_harness.paths import PEERS
from atls_harness.run import Run
from stage import Stage, enrolled
from test_expectation import COMPLETE, case_of, observed

sys.path.insert(0, str(PEERS / "attacker"))
import tls13  # noqa: E402

SHA, OTHER = "22" * 32, "44" * 32
SHARES, OTHERS = ("aa" * 32, "bb" * 32), ("cc" * 32, "dd" * 32)
LABELS = (*bindings.HANDSHAKE, *bindings.APPLICATION)


def events(sent: bool, sha: str = SHA, **changes: Any) -> list[dict[str, Any]]:
    """One connection of a party that sent a credential, or accepted one."""
    conn = changes.pop("conn", 1)
    outcome, accepted = changes.pop("outcome", "complete"), changes.pop("accepted", True)
    direction = "sent" if sent else "received"
    made: list[dict[str, Any]] = [
        {"event": "credential", "conn": conn, "direction": direction, "sha256": sha}
    ]
    if not sent:
        made.append({"event": "verdict", "conn": conn, "accepted": accepted})
    shown = {"random": f"{conn:064x}", "key_shares": list(SHARES)} | changes
    shown = {key: value for key, value in shown.items() if value is not None}
    return [*made, {"event": "handshake", "conn": conn, "outcome": outcome, **shown}]


def party(folder: Path, who: str, log: dict[int, str] | None, *lists: Any, name: str = "") -> Party:
    """LOG: by connection the secrets of its labels, a word each: the same word, the same secret."""
    path = folder / f"{name or who}.keylog"
    lines = [
        f"{label} {conn:064x} {hashlib.sha256((label + word).encode()).hexdigest()}"
        for conn, words in (log or {}).items()
        for label, word in zip(LABELS, words.split())
    ]
    if log is not None:
        path.write_text("# made up\n" + "".join(f"{line}\n" for line in lines), encoding="ascii")
    made = [event for one in lists for event in one]
    return Party(name or who, who, [who, "--keylog", str(path)], 0, False, made)


HONEST = {1: "a b c d"}
TABLE: dict[str, tuple[Any, Any, list[dict[str, bool | None]]]] = {
    "one connection": (
        (HONEST, [events(False)]),
        (HONEST, [events(True)]),
        [{"G1": True, "G2": True, "G3": True}],
    ),
    "relayed: nothing is the same": (
        (HONEST, [events(False)]),
        ({2: "e f g h"}, [events(True, conn=2, key_shares=list(OTHERS))]),
        [{"G1": False, "G2": False, "G3": False}],
    ),
    "spliced behind ServerHello: only the application secrets differ": (
        (HONEST, [events(False)]),
        ({1: "a b g h"}, [events(True)]),
        [{"G1": True, "G2": True, "G3": False}],
    ),
    "another hello over the same shares": (
        (HONEST, [events(False)]),
        ({2: "e f g h"}, [events(True, conn=2)]),
        [{"G1": True, "G2": False, "G3": False}],
    ),
    "one direction alone differs": (
        (HONEST, [events(False)]),
        ({1: "a f c d"}, [events(True)]),
        [{"G1": True, "G2": False, "G3": True}],
    ),
    "a result in two connections": (
        ({1: "a b c d", 2: "e f g h"}, [events(False), events(False, conn=2)]),
        ({1: "a b c d", 2: "e f g h"}, [events(True), events(True, conn=2)]),
        [{"G1": True, "G2": True, "G3": True}] * 2,
    ),
    "no key shares told": (
        (HONEST, [events(False, key_shares=None)]),
        (HONEST, [events(True)]),
        [{"G1": True, "G2": True, "G3": True}],
    ),
    "no key shares told, and other secrets": (
        (HONEST, [events(False, key_shares=None)]),
        ({2: "e f g h"}, [events(True, conn=2)]),
        [{"G1": None, "G2": False, "G3": False}],
    ),
    "no random told, one connection in the log": (
        (HONEST, [events(False, random=None)]),
        ({2: "e f g h"}, [events(True, conn=2)]),
        [{"G1": True, "G2": False, "G3": False}],
    ),
    "no random told, two connections in the log": (
        ({1: "a b c d", 2: "e f g h"}, [events(False, random=None)]),
        (HONEST, [events(True)]),
        [{"G1": True, "G2": None, "G3": None}],
    ),
    "no key log": (
        (None, [events(False)]),
        (HONEST, [events(True, key_shares=list(OTHERS))]),
        [{"G1": False, "G2": None, "G3": None}],
    ),
    "another credential": ((HONEST, [events(False)]), (HONEST, [events(True, sha=OTHER)]), []),
    "not accepted": ((HONEST, [events(False, accepted=False)]), ({2: "e"}, [events(True)]), []),
    "accepted, but not completed": (
        (HONEST, [events(False, outcome="failed")]),
        ({2: "e f g h"}, [events(True, conn=2)]),
        [],
    ),
    "the sender did not complete": (
        (HONEST, [events(False)]),
        ({2: "e f g h"}, [events(True, conn=2, outcome="failed")]),
        [],
    ),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("who", ["client", "server"])
def test_goals(tmp_path: Path, name: str, who: str) -> None:
    accepts, sends, expected = TABLE[name]
    other = "server" if who == "client" else "client"
    ends = [party(tmp_path, who, accepts[0], *accepts[1])]
    ends.append(party(tmp_path, other, sends[0], *sends[1]))
    found = bindings.observe(ends)
    assert [one.holds for one in found] == expected
    sentences = bindings.violations(ends)
    assert len(sentences) == sum(False in one.values() for one in expected)
    for one, sentence in zip(found, sentences):
        assert f"{who} accepted a credential that {other} sent" in sentence
        assert all(f"{goal} ({bindings.WHAT[goal]})" in sentence for goal in one.broken)


def test_two_ends_of_one_side_are_no_pair(tmp_path: Path) -> None:
    ends = [party(tmp_path, "client", HONEST, events(False))]
    ends.append(party(tmp_path, "client", {2: "e f g h"}, events(True, conn=2), name="client-2"))
    assert bindings.observe(ends) == []


RELAYED = {
    "the sender did not complete": ("server", [events(True, conn=2, outcome="failed")]),
    "it is on the side of who accepts": ("client", [events(True, conn=2)]),
}


@pytest.mark.parametrize("name", RELAYED)
def test_of_an_attack_more_is_asked(tmp_path: Path, name: str) -> None:
    """Whoever has a credential from its sender to give it to another need not complete there."""
    who, sends = RELAYED[name]
    ends = [party(tmp_path, "client", HONEST, events(False), name="victim")]
    ends.append(party(tmp_path, who, {2: "e f g h"}, *sends, name="genuine"))
    assert bindings.observe(ends) == []
    (found,) = bindings.observe(ends, relayed=True)
    assert (found.accepted.party, found.sent.party) == ("victim", "genuine")
    assert found.holds == {"G1": True, "G2": False, "G3": False}
    # Who accepts must have completed all the same, and nobody is another end of itself.
    refused = party(tmp_path, "client", HONEST, events(False, outcome="failed"), name="victim")
    assert bindings.observe([refused, ends[1]], relayed=True) == []
    own = party(tmp_path, "client", HONEST, events(False), events(True))
    assert bindings.observe([own], relayed=True) == []


@pytest.mark.parametrize("suite", [0x1301, 0x1302])
def test_a_value_of_the_exporter_is_that_of_its_secret(tmp_path: Path, suite: int) -> None:
    """RFC 8446 section 7.5, beside the key schedule that is held to RFC 8448 (test_attacks.py)."""
    schedule = tls13.SUITES[suite]
    secret = bytes(range(schedule.size))
    derived = schedule.derive(secret, bindings.EXPORTER_LABEL, b"")
    value = schedule.expand(derived, b"exporter", schedule.hash(b""), 32).hex()
    assert bindings.exported(secret.hex()) == value
    # So an end that gives the value alone is compared with one that gives the secret.
    ends = []
    for who, line in (("client", f"EXPORTER_VALUE 01 {value}"), ("server", secret.hex())):
        ends.append(party(tmp_path, who, {}, events(who == "server")))
        line = line if who == "client" else f"EXPORTER_SECRET 01 {line}"
        (tmp_path / f"{who}.keylog").write_text(line + "\n", encoding="ascii")
        ends[-1].events[-1].pop("random")
    (found,) = bindings.observe(ends)
    assert found.holds == {"G1": True, "G2": None, "G3": True}
    (tmp_path / "client.keylog").write_text(f"EXPORTER_VALUE 01 {'00' * 32}\n", encoding="ascii")
    (found,) = bindings.observe(ends)
    assert found.broken == ["G3"]


@pytest.mark.parametrize("secret", ["", "00", "zz" * 32, "00" * 33, "00" * 31 + "0"])
def test_what_is_no_secret_of_an_exporter(secret: str) -> None:
    assert bindings.exported(secret) is None


@pytest.mark.parametrize("bad", [b"\xff\x00 1 2\n", b"LABEL one\n", b"", b"a b c d\n"])
def test_a_key_log_that_is_none(tmp_path: Path, bad: bytes) -> None:
    one = party(tmp_path, "client", None, events(False))
    (tmp_path / "client.keylog").write_bytes(bad)
    (found,) = bindings.observe([one, party(tmp_path, "server", HONEST, events(True))])
    assert found.holds == {"G1": True, "G2": None, "G3": None}
    (tmp_path / "client.keylog").unlink()
    (tmp_path / "client.keylog").mkdir()
    assert bindings.keylog_of(one) == {}


def test_an_ordinary_case_fails(tmp_path: Path) -> None:
    """Both complete, all events as they must be, and the shares are not the same."""
    case, seen = case_of(tmp_path, COMPLETE), observed(False)
    for who, shares in (("client", SHARES), ("server", OTHERS)):
        for event in seen.parties[who].events:
            if event["event"] == "handshake":
                event["key_shares"] = list(shares)  # type: ignore[index]
    (found,) = compare(case, seen)
    assert (found.what, found.column) == ("binding", WITHSTOOD)
    assert str(found).startswith("server accepted a credential that client sent, both completed")
    assert "G1 (key exchange)" in str(found)


@pytest.fixture
def stage(real: Run, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(real, tmp_path)
    try:
        yield made
    finally:
        for process in made.running:
            process.stop()


@pytest.mark.parametrize("stolen", [False, True])
def test_real_programs(stage: Stage, stolen: bool) -> None:
    """RFC 9999 in a certificate binds to the key alone: whoever has the key stands between. The
    honest run, and the same with a second server of the same key, which the client takes for the
    first."""
    leaf, _, url = enrolled(stage, "--cmw", "auto", "--evidence-format", "psa", own_key=True)
    serving = ["--profile", "x509-cmw", "--listen", "127.0.0.1:0", "--max-connections", "1"]
    serving += ["--attester", "background-check", "--evidence-format", "psa"]
    serving += ["--cert", str(leaf.certificate), "--key", str(leaf.key)]
    asking = ["--profile", "x509-cmw", "--relying-party", "background-check", "--verifier", url]
    asking += ["--ca", str(stage.folder / "ca.pem")]
    genuine = stage.start("server", "server", "server", *serving)
    target = stage.start("thief", "server", "server", *serving) if stolen else genuine
    stage.start("client", "client", "client", *asking, "--connect", target, listening=False)
    client = stage.ended("client")
    if stolen:
        stage.start("bystander", "client", "client", *asking, "--connect", genuine, listening=False)
        assert stage.ended("bystander").exit == 0
    server = stage.ended("server")
    assert (client.exit, server.exit) == (0, 0)
    (found,) = bindings.observe([client, server])
    assert found.holds == dict.fromkeys(bindings.GOALS, not stolen)

# SPDX-License-Identifier: Apache-2.0
"""The attack lab: attackers that reach nobody but their own run, outcomes that are earned, tables.

Judgements are made of events and key logs that stand here, so that each way to be wrong about an
outcome has a row; that the stories themselves come out as it is known is the stage `attacks`.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from atls_harness import report
from atls_harness.attacks import main
from atls_harness.attacks import cast, catalogue, diagram, judge, page, story, table
from atls_harness.attacks.cast import Seen
from atls_harness.attacks.catalogue import NOT_CARRIED_OUT, SUCCEEDED, WITHSTOOD, Known
from atls_harness.attacks.story import Cell, Play, Story
from atls_harness.errors import HarnessError, UsageError
from atls_harness.paths import ATTACKS, PEERS, ROOT

sys.path.insert(0, str(PEERS / "attacker"))
import bounds  # noqa: E402
import device  # noqa: E402
import tls13  # noqa: E402
import messages  # noqa: E402  (of peers/python, where tls13 has it from)

EVERY = story.stories()
CELL = Cell("seat-06", "server", "background-check", "cab")


# Whom an attacker reaches.


def announced(folder: Path, address: str) -> None:
    """A party of the run says that it listens there."""
    line = json.dumps({"t": 0, "who": "server", "event": "ready", "address": address})
    (folder / "server.events.jsonl").write_text(line + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.1:443",  # RFC 5737
        "[2001:db8::1]:443",  # RFC 3849
        "0.0.0.0:443",
        "localhost:443",  # no name is looked up
        "example.com:443",
        "127.0.0.1.example.com:443",
        "127.1:443",
        "2130706433:443",
        "[::ffff:192.0.2.1]:443",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1",
        "",
        "unix:/etc/passwd",
        "unix:../elsewhere.sock",
    ],
)
def test_an_attacker_reaches_nothing_but_this_machine(tmp_path: Path, address: str) -> None:
    announced(tmp_path, address)  # not even where somebody claims to be there
    with pytest.raises(bounds.OutOfBounds):
        bounds.connect(address, tmp_path, 1)
    with pytest.raises(bounds.OutOfBounds):
        bounds.listen(address, tmp_path)


def test_an_attacker_reaches_parties_of_its_own_run_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(bounds.OutOfBounds):  # on loopback, and a stranger's
            bounds.connect(address, tmp_path, 1)
        announced(tmp_path, address)
        bounds.connect(address, tmp_path, 1).close()


def test_every_connection_of_an_attacker_is_checked() -> None:
    """No attacker opens a socket but through bounds.py; HTTP's are checked where they are made."""
    for path in (PEERS / "attacker").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "bounds.py":
            assert ".connect((" not in text and "create_connection" not in text, path
        if "HTTPConnection(" in text:
            before = text[: text.index("HTTPConnection(")].splitlines()[-3:]
            assert any("check(" in line for line in before), path


# What attackers do to bytes.


@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 300, 508, 907, 5000])
def test_frames_go_through(size: int) -> None:
    for data in (bytes(size), bytes(i % 255 + 1 for i in range(size)), bytes(range(256)) * 4):
        assert b"\0" not in device.encoded(data)
        assert device.decoded(device.encoded(data)) == data


def test_a_hello_without_an_extension() -> None:
    body = b"\3\3" + bytes(32) + b"\0" + messages.vector(2, b"\x13\x01") + b"\1\0"
    hello = messages.message(messages.CLIENT_HELLO, body + messages.vector(2, b""))
    wanted = [(43, b"\2\3\4"), (0xFF16, b"offer")]
    made = tls13.with_extensions(hello, wanted)
    assert list(tls13.extensions(made)) == wanted
    assert tls13.with_extensions(made, []) == hello


def test_key_schedule_of_rfc_8448() -> None:
    """RFC 8448 section 3: from the handshake secret to traffic secrets and keys."""
    suite = tls13.SUITES[0x1301]
    secret = bytes.fromhex("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac")
    master = bytes.fromhex("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919")
    assert suite.master(secret) == master
    traffic = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
    key = suite.expand(traffic, b"key", b"", 16)
    assert key.hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert suite.expand(traffic, b"iv", b"", 12).hex() == "5d313eb2671276ee13000b30"


# Stories and catalogue.


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_a_story_is_whole(one: Story) -> None:
    """Every member that is spoken of is there, and something is known of every play."""
    assert one.name.startswith(f"{one.attack.id}-")
    for play in story.plays(one):
        members = play.cast()
        cast.check(members)
        assert any(member.get("by") == "victim" for member in members.values())
        assert len(members) > 2
        known = one.attack.known(play.cell, play.held)
        assert known is not None, play.id
        assert (known.outcome == WITHSTOOD) == bool(known.reasons), play.id
        assert known.outcome == SUCCEEDED or not known.broken, play.id
        step = one.last_step(play.cell, frozenset(play.held))
        assert step["party"] in members, play.id


def test_every_play_with_less_is_a_control() -> None:
    """Each attack is played with one capability less, and with at most eight sets."""
    for one in EVERY:
        held = {play.held for play in story.plays(one)}
        assert len(held) == 2 ** len(one.varied) <= 8
        if one.varied:
            assert any(len(names) == len(one.varied) - 1 for names in held)


def test_what_is_in_the_catalogue() -> None:
    known = catalogue.catalogue()
    assert list(known) == sorted(known)
    assert {f"A{number:02}" for number in range(1, 34)} <= set(known)
    played = {one.attack.id for one in EVERY}
    for attack in known.values():
        assert (attack.id in played) == bool(attack.value.get("known")), attack.id
        assert (attack.id in played) != bool(attack.value.get("not-played")), attack.id
        assert set(attack.capabilities) <= set(catalogue.capabilities())
        assert set(attack.goals) <= set(catalogue.goals())
        assert attack.id not in played or attack.value.get("reading"), attack.id
    for claim in catalogue.published():
        assert claim["attack"] in played and set(claim["goals"]) <= set(catalogue.goals())


def test_rows_of_the_catalogue_are_reached() -> None:
    """A row that no play comes to says nothing, and hides that it is wrong."""
    for attack in catalogue.catalogue().values():
        rows = attack.value.get("known", [])
        plays = [play for one in EVERY if one.attack is attack for play in story.plays(one)]
        used = set()
        for play in plays:
            of = [
                play.cell.defence in row.get("defence", [""])
                and story.applies(row, play.cell, play.held)
                for row in rows
            ]
            used.add(of.index(True))
        assert used == set(range(len(rows))), f"{attack.id}: rows {set(range(len(rows))) - used}"


def test_attackers_are_named_where_the_stories_are() -> None:
    assert sorted(path.stem for path in ATTACKS.glob("*.yaml")) == [one.name for one in EVERY]


# What is judged.


def party(name: str, by: str, who: str, *events: dict[str, Any], secret: str = "") -> Seen:
    """One that has said these."""
    said = [{"t": 0.0, "who": who, **event} for event in events]
    return Seen(name, who, [], 0, False, said, by=by)


def keylog(
    tmp_path: Path, seen: Seen, random: str, secret: str, label: str = judge.APPLICATION[0]
) -> Seen:
    path = tmp_path / f"{seen.name}.keylog"
    path.write_text(f"{label} {random} {secret}\n", encoding="ascii")
    seen.argv = ["--keylog", str(path)]
    return seen


ACCEPTED = {"event": "verdict", "conn": 1, "accepted": True, "reason": "ok"}
COMPLETE = {"event": "handshake", "conn": 1, "outcome": "complete", "reason": "ok", "alert": None}
GOT = {"event": "application-data", "conn": 1, "direction": "received", "text": "hello"}
GIVEN = {"event": "credential", "conn": 1, "direction": "received", "sha256": "ab" * 32}
WENT_ON = [GIVEN, ACCEPTED, COMPLETE, GOT]
SENT = {**GIVEN, "direction": "sent"}
REFUSED = {
    "event": "handshake",
    "conn": 1,
    "outcome": "failed",
    "reason": "binder-mismatch",
    "detail": "",
    "alert": {"direction": "sent", "code": 42, "name": "bad_certificate"},
}
RELAY = Play(next(one for one in EVERY if one.attack.id == "A01"), CELL, ("tik",))
ALLOWED = Known(WITHSTOOD, ("binder-mismatch",), ())


@pytest.mark.parametrize(
    "victim, attacker, genuine, allowed, outcome",
    [
        pytest.param(WENT_ON, [SENT], "", ALLOWED, SUCCEEDED, id="goes-on"),
        pytest.param(WENT_ON, [], "", ALLOWED, SUCCEEDED, id="whatever-he-says"),
        pytest.param(WENT_ON, [SENT], "aa", ALLOWED, NOT_CARRIED_OUT, id="genuine"),
        pytest.param(WENT_ON, [SENT], "bb", ALLOWED, SUCCEEDED, id="other-secrets"),
        pytest.param([ACCEPTED, COMPLETE], [SENT], "", ALLOWED, NOT_CARRIED_OUT, id="no-data"),
        pytest.param([COMPLETE, GOT], [SENT], "", ALLOWED, NOT_CARRIED_OUT, id="no-verdict"),
        pytest.param([REFUSED], [SENT], "", ALLOWED, WITHSTOOD, id="refused"),
        pytest.param([REFUSED], [], "", ALLOWED, NOT_CARRIED_OUT, id="last-step-not-reached"),
        pytest.param(
            [REFUSED],
            [SENT],
            "",
            Known(WITHSTOOD, ("nonce-mismatch",), ()),
            NOT_CARRIED_OUT,
            id="another-reason",
        ),
        pytest.param(
            [REFUSED],
            [SENT],
            "",
            Known(WITHSTOOD, ("binder-mismatch",), ("decrypt_error",)),
            NOT_CARRIED_OUT,
            id="another-alert",
        ),
        pytest.param([], [SENT], "", ALLOWED, NOT_CARRIED_OUT, id="silence"),
    ],
)
def test_outcomes_are_earned(
    tmp_path: Path,
    victim: list[dict[str, Any]],
    attacker: list[dict[str, Any]],
    genuine: str,
    allowed: Known,
    outcome: str,
) -> None:
    parties = {
        "victim": keylog(tmp_path, party("victim", "victim", "client", *victim), "01", "aa"),
        "attacker": party("attacker", "attacker", "server", *attacker),
        "genuine": party("genuine", "genuine", "server", SENT, COMPLETE),
    }
    if genuine:
        keylog(tmp_path, parties["genuine"], "01", genuine)
    found = judge.judge(RELAY, parties, [], allowed)
    assert found.outcome == outcome
    # What the monitor says is of genuine parties: nothing of the attacker's.
    assert {one.sent.party for one in found.bindings} <= {"genuine"}
    goals = {"aa": True, "bb": False}
    assert [one.holds["G3"] for one in found.bindings if genuine] == (
        [goals[genuine]] if genuine and victim == WENT_ON else []
    )
    # Without the victim's key log nobody can tell who is at the other end: no success is earned.
    parties["victim"].argv = []
    bare = judge.judge(RELAY, parties, [], allowed)
    assert bare.outcome == (NOT_CARRIED_OUT if outcome == SUCCEEDED else outcome)


SHARE = Play(next(one for one in EVERY if one.attack.id == "A30"), CELL, ())
BAD_SHARE = Known(WITHSTOOD, ("protocol-error",), ("illegal_parameter",))
ILLEGAL = {"direction": "sent", "code": 47, "name": "illegal_parameter"}
SHARE_REFUSED = {**REFUSED, "reason": "protocol-error", "alert": ILLEGAL}
BOTH_SHARES = {**REFUSED, "reason": "peer-closed", "alert": None, "key_shares": ["aa", "bb"]}


@pytest.mark.parametrize(
    "who, event, label, outcome",
    [
        pytest.param("server", SHARE_REFUSED, "", WITHSTOOD, id="refused"),
        pytest.param("server", BOTH_SHARES, "", SUCCEEDED, id="a-server-that-answers"),
        pytest.param("server", SHARE_REFUSED, judge.HANDSHAKE[0], SUCCEEDED, id="secrets"),
        # A client has both shares before it looks at the server's.
        pytest.param(
            "client",
            {**SHARE_REFUSED, "key_shares": ["aa", "bb"]},
            "",
            WITHSTOOD,
            id="a-client-that-refuses",
        ),
        pytest.param("client", BOTH_SHARES, "", NOT_CARRIED_OUT, id="a-client-that-says-nothing"),
    ],
)
def test_who_takes_a_degenerate_share(
    tmp_path: Path, who: str, event: dict[str, Any], label: str, outcome: str
) -> None:
    """RFC 8446 sections 4.2.8.2 and 7.4.2, of a victim with and without secrets in its key log."""
    step = {"event": "step", "name": "share-sent", "detail": "", "data": ""}
    parties = {
        "victim": party("victim", "victim", who, event),
        "wire": party("wire", "attacker", "attacker", step),
    }
    if label:
        keylog(tmp_path, parties["victim"], "01", "aa", label)
    assert judge.judge(SHARE, parties, [], BAD_SHARE).outcome == outcome


def test_an_honest_run_has_to_complete_with_the_genuine_party(tmp_path: Path) -> None:
    play = Play(RELAY.story, CELL, (), True)
    victim = keylog(tmp_path, party("victim", "victim", "client", *WENT_ON), "01", "aa")
    genuine = party("genuine", "genuine", "server", SENT, COMPLETE)
    parties = {"victim": victim, "genuine": genuine}
    assert judge.judge(play, parties, [], None).outcome == NOT_CARRIED_OUT
    keylog(tmp_path, genuine, "01", "aa")
    assert judge.judge(play, parties, [], None).outcome == judge.HONEST


# Tables.


def record(outcome: str, held: tuple[str, ...], known: str | None, **more: Any) -> dict[str, Any]:
    made = {
        "id": "x",
        "attack": "A02",
        **CELL.axes(),
        "held": list(held),
        "honest": False,
        "outcome": outcome,
        "reason": "binder-mismatch" if outcome == WITHSTOOD else "",
        "detail": "",
        "known": {"outcome": known, "reasons": [], "alerts": [], "broken": []} if known else None,
        "bindings": [],
    }
    return {**made, **more}


@pytest.mark.parametrize(
    "outcome, known, words",
    [
        (SUCCEEDED, SUCCEEDED, ""),
        (WITHSTOOD, WITHSTOOD, ""),
        (SUCCEEDED, WITHSTOOD, "known as withstood; now it succeeded"),
        (WITHSTOOD, SUCCEEDED, "known as succeeded; now it is withstood (binder-mismatch)"),
        (NOT_CARRIED_OUT, SUCCEEDED, "known as succeeded; now it was not carried out"),
        (SUCCEEDED, None, "nothing is known of this cell; it succeeded"),
        ("unsupported", SUCCEEDED, ""),
    ],
)
def test_a_change_is_a_sentence_that_names_the_cell(
    outcome: str, known: str | None, words: str
) -> None:
    said = table.complaint(record(outcome, ("tik",), known))
    assert said.endswith(words)
    if words:
        assert said.startswith("A02 in seat-06, server attests, background-check, cab with {tik}:")


def bound(*holds: Any) -> list[dict[str, Any]]:
    """What the monitor said of one credential."""
    goals = dict(zip(("G1", "G2", "G3"), holds))
    return [{"credential": "ab" * 32, "accepted": "victim", "sent": "genuine", **goals}]


@pytest.mark.parametrize(
    "expected, bindings, words",
    [
        pytest.param([], [], "", id="nothing-genuine"),
        pytest.param(["G3"], bound(True, True, False), "", id="as-known"),
        pytest.param(["G1", "G2", "G3"], bound(None, False, False), "", id="what-is-not-told"),
        pytest.param([], bound(True, True, None), "", id="holds-as-far-as-told"),
        pytest.param(
            [], bound(True, True, False), "break none of G1 to G3; now it breaks G3", id="new"
        ),
        pytest.param(["G3"], bound(True, True, True), "break G3; now it breaks none", id="gone"),
        pytest.param(["G3"], [], "break G3; now it breaks none", id="no-such-credential"),
        pytest.param(
            ["G3"], bound(False, False, False), "G3; now it breaks G1 and G2 and G3", id="more"
        ),
        pytest.param(
            ["G1", "G2", "G3"],
            bound(True, True, False),
            "G1 and G2 and G3; now it breaks G3",
            id="less",
        ),
    ],
)
def test_what_the_monitor_sees_is_part_of_a_cell(
    expected: list[str], bindings: list[dict[str, Any]], words: str
) -> None:
    """A violation that nobody knew of fails, and one that is gone as well."""
    one = record(SUCCEEDED, ("tik",), SUCCEEDED, bindings=bindings)
    one["known"]["broken"] = expected
    said = table.complaint(one)
    assert words in said and bool(words) == bool(said)


def test_goals_of_the_models_by_column() -> None:
    """G1 to G3: broken by whom with what, held, or not played."""
    both = ("tik", "handshake-secret")
    records = [
        record(SUCCEEDED, both, SUCCEEDED, bindings=bound(True, True, False)),
        record(SUCCEEDED, (*both, "kak"), SUCCEEDED, bindings=bound(True, True, False)),
        record(WITHSTOOD, ("tik",), WITHSTOOD),
    ]
    rows = {(one["goal"], one["column"]): one for one in table.monitor_rows(records)}
    assert rows["G3", "seat-06"]["broken"] == {"A02": ["{tik, handshake-secret}"]}
    assert rows["G1", "seat-06"]["verdict"] == "held"
    assert rows["G3", "expat-04"]["verdict"] == "not shown"


def test_smallest_sets() -> None:
    both, one = ("tik", "handshake-secret"), ("tik",)
    records = [
        record(SUCCEEDED, both, SUCCEEDED),
        record(WITHSTOOD, one, WITHSTOOD),
        record(WITHSTOOD, ("handshake-secret",), WITHSTOOD),
        record(WITHSTOOD, (), WITHSTOOD),
    ]
    (sets,) = table.smallest(records).values()
    assert sets == [both]
    found = table.by_column(records)
    assert found == {"seat-06, server attests": {"{tik, handshake-secret}": ["A02"]}}
    records[1] = record(SUCCEEDED, one, SUCCEEDED)
    (sets,) = table.smallest(records).values()
    assert sets == [one]


def test_goals_say_what_was_published_beside_them() -> None:
    held = {"attack": "A01"}
    rows = {
        (row["goal"], row["column"]): row
        for row in table.goal_rows([record(WITHSTOOD, ("tik",), WITHSTOOD, **held)])
    }
    row = rows["4.1", "seat-06"]
    assert row["verdict"] == "withstood what was tried"
    said = {one["source"]: one["execution"] for one in row["published"]}
    assert said["draft-intra-handshake-fail-03"] == "disagrees"
    assert rows["4.10", "seat-06"]["verdict"] == "not shown"
    broken = table.goal_rows([record(SUCCEEDED, ("tik",), SUCCEEDED, **held)])
    row = next(one for one in broken if (one["goal"], one["column"]) == ("4.1", "seat-06"))
    assert (row["verdict"], row["broken"]) == ("broken", {"A01": ["{tik}"]})


def result(*records: dict[str, Any]) -> dict[str, Any]:
    """What attacks.json holds, of some plays."""
    return {
        "version": 1,
        "run": {
            "command": "./atls attacks run",
            "started": "2026-11-29T22:00:00+00:00",
            "seconds": 1.0,
            "atls": "0.2.0",
            "seed": 1,
            "victim": "<b>atls</b>",
            "root_of_trust": "Simulated.",
        },
        "plays": list(records),
        "smallest": table.by_column(records),
        "goals": table.goal_rows(records),
        "monitor": table.monitor_rows(records),
        "changed": ["a cell <script>changed</script>"],
    }


PLAYED = record(
    SUCCEEDED,
    ("tik", "handshake-secret"),
    SUCCEEDED,
    story="A02-splice",
    parties=[
        {"name": "victim", "who": "client", "by": "victim", "exit": 0, "peer": "wire"},
        {"name": "wire", "who": "attacker", "by": "attacker", "exit": 0, "peer": ""},
        {"name": "genuine", "who": "server", "by": "genuine", "exit": 0, "peer": "wire"},
    ],
    timeline=[
        {"at": 0.1, "party": "victim", "event": "offer", "direction": "sent"},
        {"at": 0.2, "party": "wire", "event": "step", "name": "x", "detail": "<img src=x>"},
        {"at": 0.3, "party": "victim", "event": "verdict", "accepted": True, "reason": "ok"},
        {"at": 0.4, "party": "victim", "event": "handshake", "outcome": "complete"},
    ],
)


def test_a_diagram_has_a_lane_for_each_party() -> None:
    drawn = diagram.draw(PLAYED)
    assert drawn is not None
    assert [lane.name for lane in drawn.lanes] == ["victim", "wire", "genuine"]
    arrow, note, verdict, _ = drawn.steps
    assert (arrow.x, arrow.x2) == (drawn.lanes[0].x, drawn.lanes[1].x)
    assert (note.x2, note.tone) == (None, "warn")
    assert verdict.tone == "bad"  # that the victim accepts is what must not be
    assert diagram.draw({**PLAYED, "timeline": []}) is None


def test_the_page_and_what_is_beside_it() -> None:
    value = result(PLAYED)
    shown = page.html(value)
    for name in catalogue.catalogue():
        assert f'id="{name}"' in shown
    assert "<svg" in shown and "<script>" not in shown and "<img" not in shown
    assert "<b>atls</b>" not in shown
    for words in (page.markdown(value), page.text(value)):
        assert "tik, handshake-secret" in words and "(A02)" in words
    assert "## Goals of draft-ietf-seat-use-cases-01" in page.markdown(value)


def whole(*records: dict[str, Any]) -> dict[str, Any]:
    """What attacks.json holds, with nothing left out."""
    more = {"variants": [], "alert": "", "reached": True, "problems": [], "predicted": None}
    more |= {"attempts": [SUCCEEDED], "seconds": 1.0}
    return result(*({**more, **one} for one in records))


def test_attacks_are_a_part_of_the_report_of_a_run(tmp_path: Path) -> None:
    """./atls report --attacks: the same data as in the page and the summary of the attacks."""
    value = whole(PLAYED)
    (tmp_path / "attacks.json").write_text(json.dumps(value), encoding="utf-8")
    out = tmp_path / "report"
    given = [str(ROOT / "results" / "smoke"), "--output", str(out)]
    assert report.main([*given, "--attacks", str(tmp_path)]) == 0
    shown = (out / "report.html").read_text(encoding="utf-8")
    assert '<section id="attacks">' in shown and 'href="attacks.html#A02"' in shown
    assert "<script>changed" not in shown and "<b>atls</b>" not in shown
    assert (out / "attacks.html").read_text(encoding="utf-8") == page.html(value)
    summary = (out / "report.md").read_text(encoding="utf-8")
    lines = page.markdown(value).split("\n")
    own = [one for one in lines if one.startswith(("| ", "- ")) and not one.startswith("| attack")]
    assert own and all(one in summary for one in own)
    for line in summary.splitlines():
        assert not line.startswith("# ") or line == "# Attested TLS interop report"
    assert report.main([*given, "--publish", "--attacks", str(tmp_path / "attacks.json")]) == 0
    assert summary.split("## Attacks")[1] in (out / "summary.md").read_text(encoding="utf-8")


def test_a_report_without_attacks_says_nothing_of_them(tmp_path: Path) -> None:
    assert report.main([str(ROOT / "results" / "smoke"), "--output", str(tmp_path)]) == 0
    assert 'id="attacks"' not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "attacks.html").exists()


@pytest.mark.parametrize(
    "change, words",
    [
        pytest.param(None, "there is none", id="no-file"),
        pytest.param("{", "attacks.json: ", id="no-json"),
        pytest.param("[" * 100000, "attacks.json: ", id="deep"),
        pytest.param("[]", "expected what ./atls attacks run writes", id="no-object"),
        pytest.param({"version": 2}, "version", id="another-version"),
        pytest.param({"plays": [{}]}, "plays", id="an-empty-play"),
        pytest.param({"plays": [{**PLAYED, "outcome": "won"}]}, "plays", id="a-strange-outcome"),
        pytest.param({"run": {"command": ["rm"]}}, "run", id="a-run-of-another-kind"),
        pytest.param({"cases": []}, "cases", id="a-result-of-atls-run"),
    ],
)
def test_what_is_no_result_of_attacks_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    """The file may come from anywhere."""
    text = json.dumps({**whole(PLAYED), **change}) if isinstance(change, dict) else change
    if text is not None:
        (tmp_path / "attacks.json").write_text(text, encoding="utf-8")
    with pytest.raises(HarnessError, match=words):
        page.load(tmp_path)


@pytest.mark.parametrize("name", ["A02", "A18"])
def test_one_attack_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{name}: ") and "mitigation" in said
    assert ("seat-06, server attests: {tik, handshake-secret}" in said) == (name == "A02")
    assert ("not played" in said) == (name == "A18")


def test_every_attack_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue.catalogue())


def test_a_strange_attack_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="no attack 'A99'"):
        main(["A99"])
    with pytest.raises(UsageError, match="no play is left"):
        main(["run", "-k", "nothing-of-that-name"])


def test_a_leaked_key_signs(tmp_path: Path) -> None:
    """python3-cryptography verifies what the attacker's device makes of the newest key."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    file = tmp_path / "keys"
    kind = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = [key.private_bytes(serialization.Encoding.PEM, *kind) for key in keys]
    file.write_bytes(b"".join(pem))
    key = device.leaked_key(file)
    assert key.private_numbers() == keys[1].private_numbers()
    made = device.signature(key, hashlib.sha256(b"data").digest())
    r, s = (int.from_bytes(made[at : at + 32], "big") for at in (0, 32))
    der = encode_dss_signature(r, s)
    keys[1].public_key().verify(der, b"data", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("tags", ["", "d2", "d83dd2"])
def test_a_kat_is_signed_by_a_key_that_leaked(tags: str) -> None:
    """RFC 9052 section 4.4, by python3-cryptography; draft-bft-rats-kat-06 section 4: kak-pub."""
    key = ec.generate_private_key(ec.SECP256R1())
    protected, nonce, other = "43a10126", "0a48" + "11" * 8, "1909c4a20102" + "0300"
    payload = bytes.fromhex("a3" + "08a0" + nonce + other)
    token = bytes.fromhex(tags + "84" + protected + "a0") + device.byte_string(payload)
    made = device.signed_anew(token + device.byte_string(bytes(64)), key)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    x, y = point[1:33].hex(), point[33:].hex()
    kak = f"a401022001215820{x}225820{y}"  # RFC 9053 section 7.1.1
    expected = bytes.fromhex("a308a0" + nonce + "1909c4" + kak)
    head = bytes.fromhex(tags + "84" + protected + "a0") + device.byte_string(expected)
    assert made.startswith(head) and len(made) == len(head) + 66
    r, s = (int.from_bytes(made[at : at + 32], "big") for at in (len(made) - 64, len(made) - 32))
    signed = bytes.fromhex("846a" + b"Signature1".hex() + protected + "40")
    signed += device.byte_string(expected)
    key.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))


def test_a_leak_is_a_file_of_the_run() -> None:
    """Who has a stolen key has it from a leak; only machines that stand for what a genuine machine
    has become share its seed."""
    for one in EVERY:
        for play in story.plays(one):
            seeds = [
                (name, member.get("flags", {}))
                for name, member in play.cast().items()
                if member["is"] == "device" and member["seed"] == "genuine"
            ]
            assert len([name for name, flags in seeds if "tamper" not in flags]) <= 1, play.id


def test_an_outcome_that_is_not_deduced_is_told() -> None:
    from atls_harness.prediction import disagreements

    assert disagreements([record(SUCCEEDED, ("tik", "handshake-secret"), SUCCEEDED)]) == []
    (said,) = disagreements([record(SUCCEEDED, ("tik",), SUCCEEDED)])
    assert "A02 in seat-06" in said


def test_readme_says_who_is_reached() -> None:
    text = (ROOT / "harness" / "peers" / "attacker" / "README.md").read_text(encoding="utf-8")
    assert "loopback" in text and "parties of their own run" in " ".join(text.split())

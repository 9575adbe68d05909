# SPDX-License-Identifier: Apache-2.0
"""What the drafts leave open: the data, its scenarios, and the table of reading against reading."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness.ambiguities import (
    Ambiguity,
    Reading,
    ambiguities,
    broke,
    load_ambiguities,
    markdown,
    problems,
    render,
    rows,
    unseen,
)
from atls_harness.errors import InputError, ScenarioError
from atls_harness.paths import AMBIGUITIES, PEERS, SCENARIOS, story_files
from atls_harness.peer import load_peers
from atls_harness.scenario import Case, cases, load

Harness = Callable[..., "subprocess.CompletedProcess[str]"]


def shown() -> list[Case]:
    """The cases of the project that are about an ambiguity."""
    made = [case for path in story_files() for case in cases(*load(path))]
    return [case for case in made if case.scenario.ambiguity]


def test_every_ambiguity_is_there_and_shown_or_excused() -> None:
    assert list(ambiguities()) == [f"H{number}" for number in range(1, 34)]
    names = {case.scenario.ambiguity for case in shown()}
    capabilities = load_peers([PEERS])["atls"].capabilities
    assert problems(ambiguities(), names, capabilities) == []


def test_scenarios_about_ambiguities_stand_together_and_set_readings_apart() -> None:
    for case in shown():
        assert case.scenario.group == "ambiguities"
        number = int(case.scenario.ambiguity[1:])
        assert case.scenario.name.startswith(f"h{number:02}-")
        readings = case.story["readings"]
        assert set(readings) == {"client", "server"}, case.id
        assert readings["client"] != readings["server"], case.id


def ambiguity(**change: Any) -> Ambiguity:
    readings = {"A": Reading("one", {}), "B": Reading("two", {})}
    fields: dict[str, Any] = {"reason": "", "needs": None, **change}
    return Ambiguity("H3", "a title", "a message", readings, **fields)


NEEDS = {"reason": "It is not there.", "needs": ("variants", "x")}


@pytest.mark.parametrize(
    "change, shown_by, variants, complaint",
    [
        ({}, [], [], "no scenario and no reason"),
        ({}, ["H3"], [], None),
        ({"reason": "Nobody can."}, [], [], None),
        ({"reason": "Nobody can."}, ["H3"], [], "has a scenario, but"),
        (NEEDS, [], ["y"], None),
        (NEEDS, [], ["x"], "out of date: the peer declares x"),
        (NEEDS, ["H3"], ["x"], "has a scenario, but"),
    ],
)
def test_what_is_wrong(
    change: dict[str, Any], shown_by: list[str], variants: list[str], complaint: str | None
) -> None:
    found = problems({"H3": ambiguity(**change)}, shown_by, {"variants": variants})
    assert len(found) == (complaint is not None)
    assert complaint is None or complaint in found[0]


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ("id: H2\n", "id: H1\n", "stands here for the second time"),
        ("id: H1\n", "id: X1\n", "does not match"),
        ("    message: lists in ClientHello\n", "", "'message' is a required property"),
        ('      B: {text: "elements"}\n', "", "not have enough properties|too few|non-empty"),
        ('A: {text: "bare"}', 'A: {says: "bare"}', "unknown field 'says'"),
        ('A: {text: "bare"}', "A: {text: " + "x" * 61 + "}", "too long"),
    ],
)
def test_the_schema_refuses_what_it_should(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    text = AMBIGUITIES.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "ambiguities.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_ambiguities(path)
    assert any(words in str(raised.value) for words in complaint.split("|")), raised.value


STORY = """\
title: A story about two readings
clauses: [R-TA-09]
ambiguity: H19
readings: {client: B, server: A}
attester: client
expect: {outcome: complete}
"""


def made_of(tmp_path: Path, text: str) -> Case:
    path = tmp_path / "story.yaml"
    path.write_text(text)
    (case,) = cases(*load(path))
    return case


def test_a_reading_sets_the_flags_of_its_side_and_the_story_has_the_last_word(
    tmp_path: Path,
) -> None:
    case = made_of(tmp_path, STORY)
    assert case.flags("client") == {"evidence-type": ["cf:263"]}
    assert case.flags("server") == {}
    case = made_of(tmp_path, STORY + "client: {evidence-type: ['cf:1']}\n")
    assert case.flags("client") == {"evidence-type": ["cf:1"]}
    other = "roles: {attester: {evidence-type: ['cf:2']}}\n"
    assert made_of(tmp_path, STORY + other).flags("client") == {"evidence-type": ["cf:263"]}


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ("H19", "H99", "there is no ambiguity 'H99'"),
        ("ambiguity: H19\n", "", "ambiguity and readings go together"),
        ("readings: {client: B, server: A}\n", "", "ambiguity and readings go together"),
        ("client: B", "client: Z", "H19 has no reading 'Z'"),
        ("client: B", "device: B", "unknown field 'device'"),
    ],
)
def test_mistakes_in_a_scenario(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        made_of(tmp_path, STORY.replace(old, new))
    assert complaint in str(raised.value)


def test_what_a_peer_does_not_declare_is_unsupported(tmp_path: Path) -> None:
    peer = load_peers([PEERS])["atls"]
    case = made_of(tmp_path, STORY + "client: {variant: [no-such=thing]}\n")
    assert peer.lacks(case, "client") == "atls (client) declares no variant no-such"
    assert peer.lacks(case, "server") == ""
    flags = made_of(tmp_path, STORY + "server: {profile: seat-04}\n").flags("server")
    assert flags == {"profile": "seat-04"}


ALERT = {"direction": "sent", "name": "decode_error", "code": 50}
FAILED = {"outcome": "failed", "reason": "malformed-extension", "detail": "one | two"}
RECORD: dict[str, Any] = {
    "id": "h03[x]",
    "ambiguity": "H3",
    "readings": {"client": "B", "server": "A"},
    "outcome": "pass",
    "reason": "",
    "observed": {
        "client": {"handshake": [{"outcome": "failed", "reason": "peer-alert", "alert": ALERT}]},
        "server": {"handshake": [{**FAILED, "alert": ALERT}]},
    },
}


def record(**change: Any) -> dict[str, Any]:
    return {**RECORD, **change}


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, ("malformed-extension: one | two", "server", "decode_error (50)")),
        (
            {"observed": {"client": {"handshake": [{"outcome": "complete"}]}, "server": {}}},
            ("nothing: the handshake completes", "–", "none"),
        ),
        (
            {"observed": {"client": {"handshake": [{**FAILED, "alert": None}]}}},
            ("malformed-extension: one | two", "client", "none"),
        ),
        (
            {"observed": {}, "outcome": "unsupported", "reason": "no such"},
            ("unsupported: no such", "–", "–"),
        ),
    ],
)
def test_what_broke(change: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert broke(record(**change)) == expected


def test_rows_are_in_order_and_each_way_to_break_is_there_once() -> None:
    other = record(id="h10", ambiguity="H10", outcome="fail")
    made = rows([other, record(), record(id="h03[y]"), {"id": "z", "ambiguity": ""}])
    assert [row[0] for row in made] == ["H3", "H10"]
    assert made[0][1] == "client B, server A"
    assert made[1][2].startswith("NOT AS EXPECTED (fail): malformed-extension")


def test_the_table_says_what_is_not_shown() -> None:
    printed = render([record()], 100, False)
    assert "H3  What the length of a list counts (lists in ClientHello)" in printed
    assert "A: bytes (RFC 8446 3.4); B: elements" in printed
    assert "decode_error (50)" in printed and "\x1b" not in printed
    left = unseen([record()])
    numbered = sum(len(text.split(", ")) if "not in this run" in text else 1 for text in left)
    assert numbered == 32 and "not in this run: H1, H2, H4" in left[-1]
    assert "Not shown:" in printed and "H32 Certificate compression" in printed
    text = "\n".join(markdown([record()]))
    assert "malformed-extension: one \\| two" in text and "- H32 Certificate compression" in text
    assert markdown([record(ambiguity="")]) == []


def test_only_ambiguities_are_played_when_asked(fake: Harness, tmp_path: Path) -> None:
    done = fake(str(SCENARIOS / "handshakes"), "--ambiguities", "--list")
    assert "::" not in done.stdout
    done = fake(str(SCENARIOS / "ambiguities"), "--ambiguities", "--list")
    assert "h24-selected-element.yaml::evidence-request" in done.stdout
    story = tmp_path / "h25-story.yaml"
    story.write_text(STORY.replace("H19", "H25"))
    done = fake(str(story), "--ambiguities")
    assert done.returncode == 0, done.stdout
    assert "H25  Evidence and results both offered for one peer" in done.stdout
    assert "client B, server A" in done.stdout
    assert "Not shown:" in done.stdout


def detailed(detail: str, **change: Any) -> dict[str, Any]:
    failed = {**FAILED, "reason": "binder-mismatch", "detail": detail, "alert": ALERT}
    return record(observed={"server": {"handshake": [failed]}}, **change)


def test_digests_are_cut_and_do_not_set_rows_apart() -> None:
    digests = ["ab" * 48, "cd" * 48, "ef" * 32]
    made = rows([detailed(f"expected {one}", id=one) for one in digests])
    assert [row[2] for row in made] == ["binder-mismatch: expected abababab…abab"]
    assert rows([detailed("came 0123456789abcdef0123")])[0][2].endswith("0123456789abcdef0123")


def test_rows_with_the_same_readings_say_what_sets_them_apart() -> None:
    def one(attester: str, kind: str, detail: str) -> dict[str, Any]:
        parameters = {"attester": attester, "type": kind, "same": "x"}
        return detailed(detail, id=f"{attester}-{kind}", parameters=parameters)

    cases = [
        *(one(side, "media", "one") for side in ("client", "server")),
        *(one(side, "format", "two") for side in ("client", "server")),
    ]
    assert [row[1] for row in rows(cases)] == [
        "client B, server A, type format",
        "client B, server A, type media",
    ]
    assert [row[1] for row in rows(cases[:2])] == ["client B, server A"]


@pytest.mark.parametrize("width", [100, 80])
def test_the_table_fits_and_breaks_no_word(width: int) -> None:
    cases = []
    for case in shown():
        alert = {**ALERT, "name": "unsupported_verifiers", "code": 225}
        cases.append(
            detailed(
                f"expected {'0a' * 48}, came {'b1' * 48}: this is no common verifier",
                id=case.id,
                ambiguity=case.scenario.ambiguity,
                readings=case.story["readings"],
                parameters=case.parameters,
            )
        )
        cases[-1]["observed"]["server"]["handshake"][0]["alert"] = alert
    printed = render(cases, width, False)
    assert max(map(len, printed.splitlines())) <= width
    assert "…0a0a" in printed and printed.count("unsupported_verifiers") > 20

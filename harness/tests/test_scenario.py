# SPDX-License-Identifier: Apache-2.0
"""Scenarios: what is wrong with one is said with file and line; a matrix makes the right cases."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from atls_harness.contract import contract
from atls_harness.errors import PeerError, ScenarioError
from atls_harness.paths import PEERS, story_files
from atls_harness.peer import load_peer, load_peers
from atls_harness.requirements import requirements
from atls_harness.scenario import Case, cases, load, merge, substitute

GOOD = """\
title: A title of some length
clauses: [R-TA-02]
expect: {outcome: complete}
"""

# what is changed or added, the line of the complaint, a part of it
BAD = [
    ("tilte: twice\n" + GOOD, 1, "unknown field 'tilte'"),
    (
        GOOD + "serverr: {}\n",
        4,
        "unknown field 'serverr' in the file; did you mean 'server'?; known: ambiguity, attester",
    ),
    (
        GOOD + "server:\n  policy: required\n  polcy: required\n",
        6,
        "unknown field 'polcy' in server",
    ),
    (GOOD + "attester: nobody\n", 4, "attester: 'nobody' is not one of client, server, both, none"),
    (GOOD.replace("R-TA-02", "R-TA-99"), 2, "there is no requirement 'R-TA-99'"),
    (GOOD.replace("R-TA-02", "TA-02"), 2, "'TA-02' does not match"),
    (GOOD.replace("clauses: [R-TA-02]\n", ""), 1, "'clauses' is a required property"),
    (GOOD + "title: Again, and once more\n", 4, "'title' stands here for the second time"),
    (GOOD + "\tx: 1\n", 4, "not YAML"),
    (GOOD + "matrix: {curve: []}\n", 4, "matrix.curve: [] is too short"),
    (GOOD + "variants: [{when: {model: passport}}]\n", 4, "there is no axis 'model'"),
    (GOOD + "exclude: [{model: passport}]\n", 4, "there is no axis 'model'"),
    (GOOD + "client: {nonce-size: $(size)}\n", 1, "there is no axis for the variable 'size'"),
    (GOOD + "matrix: {curve: [p256, p256]}\n", 4, "two cases are named 'p256'"),
    (GOOD + "matrix: {curve: [p521]}\n", 1, "case p521: curve: 'p521' is not one of p256, p384"),
    (GOOD.replace("complete", "refused"), 3, "refused, but expect.by is missing"),
    (
        GOOD.replace("complete", "complete, by: client"),
        3,
        "expect.by stands beside outcome complete",
    ),
    (
        GOOD.replace("complete", "refused, by: attester, reason: ok") + "attester: both\n",
        3,
        "refused by 'attester', which is not exactly one side",
    ),
    (
        GOOD.replace("complete", "refused, by: client, reason: because"),
        3,
        "'because' is not one of",
    ),
    (GOOD.replace("complete", "complete, alert: oops"), 3, "'oops' is not one of"),
    (GOOD + "client: {fault: []}\n", 4, "client.fault: [] is too short"),
    (GOOD + "device: {components: -1}\n", 4, "device.components: -1 is less than the minimum of 0"),
]


def story(tmp_path: Path, text: str) -> list[Case]:
    path = tmp_path / "story.yaml"
    path.write_text(text)
    return list(cases(*load(path)))


@pytest.mark.parametrize("text, line, complaint", BAD, ids=range(len(BAD)))
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, complaint: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        story(tmp_path, text)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'story.yaml'}:{line}:")


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "nothing.yaml")


def test_matrix(tmp_path: Path) -> None:
    text = (
        GOOD
        + """\
matrix:
  attester: [client, server]
  size: [8, 64]
  bad:
    - {id: none}
    - {id: key, roles: {attester: {fault: [other-key]}}}
exclude: [{attester: server, size: 8}]
variants:
  - when: {size: [64], bad: key}
    policy-free: 1
roles: {relying-party: {nonce-size: $(size), message: "$(size) bytes"}}
"""
    )
    made = story(tmp_path, text.replace("    policy-free: 1\n", "    client: {timeout: 7}\n"))
    assert [case.name for case in made] == [
        "client-8-none",
        "client-8-key",
        "client-64-none",
        "client-64-key",
        "server-64-none",
        "server-64-key",
    ]
    last = made[-1]
    assert last.id == "story[server-64-key]"
    assert last.flags("server") == {"fault": ["other-key"]}
    assert last.flags("client") == {"nonce-size": 64, "message": "64 bytes", "timeout": 7}
    assert made[0].flags("client") == {}
    assert (last.model("server"), last.model("client")) == ("background-check", "none")
    with pytest.raises(ScenarioError, match="'policy-free'"):
        story(tmp_path, text)


@pytest.mark.parametrize(
    "attester, attesters, relying_parties",
    [
        ("client", ["client"], ["server"]),
        ("server", ["server"], ["client"]),
        ("both", ["client", "server"], ["client", "server"]),
        ("none", [], []),
    ],
)
def test_roles(
    tmp_path: Path, attester: str, attesters: list[str], relying_parties: list[str]
) -> None:
    (case,) = story(tmp_path, GOOD + f"attester: {attester}\n")
    assert case.sides("attester") == attesters
    assert sorted(case.sides("relying-party")) == relying_parties


def all_cases() -> list[Case]:
    return [case for path in story_files() for case in cases(*load(path))]


def test_every_scenario_loads_and_names_requirements_that_exist() -> None:
    made = all_cases()
    assert len({case.id for case in made}) == len(made) >= 300
    assert len({case.scenario.name for case in made}) >= 40
    assert {clause for case in made for clause in case.scenario.clauses} <= set(requirements())


def test_no_scenario_knows_a_peer_by_name() -> None:
    names = {*load_peers([PEERS])} - {*contract().names("roots")}  # a root of trust may be a peer's
    for path in story_files():
        told = dict(load(path)[1].value)
        for prose in ("title", "description"):  # "go" is a word, too
            told.pop(prose, None)
        words = re.findall(r"[\w-]+", json.dumps(told))
        assert not set(words) & names, path


def test_more_is_refused_than_let_in() -> None:
    refused = sum(case.refused for case in all_cases())
    assert refused > len(all_cases()) / 2


PEER = """\
name: peer
description: a peer
programs: {client: [x]}
capabilities: {profiles: [ta-07]}
"""


@pytest.mark.parametrize(
    "text, line, complaint",
    [
        (PEER.replace("name: peer", "name: other"), 1, "the folder is named 'peer'"),
        (PEER + "colour: red\n", 5, "unknown field 'colour'"),
        (PEER.replace("[x]", "x"), 3, "is not of type 'array'"),
        (PEER.replace("ta-07", "1.0"), 4, "1.0 is not one of ta-02, ta-03"),
    ],
)
def test_a_peers_mistake_is_named(tmp_path: Path, text: str, line: int, complaint: str) -> None:
    path = tmp_path / "peer" / "peer.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(PeerError) as caught:
        load_peer(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}:")


def test_two_peers_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        path = tmp_path / folder / "peer" / "peer.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(PEER)
    with pytest.raises(PeerError, match="a peer 'peer' is in"):
        load_peers([tmp_path / "a", tmp_path / "b"])


LACKS = [
    ("model: passport\n", "declares no model passport"),
    ("profile: ta-07\nserialization: json\n", "declares no serialization json"),
    ("curve: p384\n", "declares no curve p384"),
    ("hrr: client\n", "declares no HelloRetryRequest as client"),
    ("client: {fault: [other-key]}\n", "declares no fault other-key"),
    ("client: {fault: [pat-signature]}\n", ""),
    ("server: {fault: [other-key]}\n", ""),
    ("verifier: {audience: [rp]}\nattester: server\n", "declares no judgement aud"),
    ("attester: server\nclient: {audience: [rp]}\n", "declares no judgement aud"),
    ("verifier: {audience: [rp]}\nattester: client\n", ""),
    (
        "attester: server\nserver: {fault: [non-secure-pat]}\n",
        "declares no judgement platform-token-caller",
    ),
]


@pytest.mark.parametrize("text, reason", LACKS, ids=range(len(LACKS)))
def test_what_a_peer_does_not_declare(tmp_path: Path, text: str, reason: str) -> None:
    peer = load_peers([Path(__file__).parent])["fake"]
    (case,) = story(tmp_path, GOOD + text)
    lack = peer.lacks(case, "client")
    assert reason in lack and bool(reason) == bool(lack)


VALUES = strategies.recursive(
    strategies.integers() | strategies.text(alphabet="abc"),
    lambda below: strategies.dictionaries(strategies.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)
MAPPINGS = strategies.dictionaries(strategies.sampled_from("abc"), VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS)
def test_merge_keeps_what_the_change_does_not_name(base: Any, change: Any) -> None:
    merged = merge(base, change)
    assert set(merged) == set(base) | set(change)
    assert merge(merged, change) == merged
    assert all(merged[key] == value for key, value in base.items() if key not in change)


@given(MAPPINGS)
def test_substitution_changes_nothing_without_variables(value: Any) -> None:
    assert substitute(value, {}) == value

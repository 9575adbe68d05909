# SPDX-License-Identifier: Apache-2.0
"""Client against server: which pairs are played, what a cell says, and what must be green."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from atls_harness import ci, matrix, pairs, profiles, table
from atls_harness.bench import published, tables
from atls_harness.errors import InputError, UsageError
from atls_harness.paths import INTEROP, PEERS, SCENARIOS
from atls_harness.peer import Peer, load_peers
from atls_harness.scenario import Case, cases, load
from atls_harness.selection import Chooser

HERE = Path(__file__).parent
ADVERSARY = HERE.parent / "adversary"


def peer(name: str, *programs: str, **capabilities: Any) -> Peer:
    return Peer(name, name, Path(f"{name}/peer.yaml"), {p: [p] for p in programs}, capabilities)


KNOWN = {
    "a": peer("a", "client", "server"),
    "b": peer("b", "client", "server"),
    "c": peer("c", "client"),
    "v": peer("v", "verifier"),
    "w": peer("w", "client", "server", adversary=True),
}


@pytest.mark.parametrize(
    "values, given, client, server, wanted",
    [
        ([], [], None, None, ""),
        (["a"], [], None, None, "a:a"),
        (["a,b"], [], None, None, "a:a a:b b:a b:b"),
        (["a", "b"], [], "a", None, "a:a a:b"),
        (["all"], [], None, None, "a:a a:b b:a b:b c:a c:b"),
        ([], ["a:b"], None, None, "a:b"),
        ([], ["a:all", "all:a"], None, None, "a:a a:b b:a c:a"),
        (["a"], ["c:b"], None, None, "a:a c:b"),
        (["all"], [], None, "b", "a:b b:b c:b"),
        (["b", "w"], [], None, None, "b:b b:w w:b w:w"),
        ([], ["all:w"], None, None, "a:w b:w c:w"),
    ],
)
def test_which_pairs(
    values: list[str], given: list[str], client: str | None, server: str | None, wanted: str
) -> None:
    found = pairs.chosen(KNOWN, values, given, client, server)
    assert [pairs.shown(pair) for pair in found] == wanted.split()


@pytest.mark.parametrize(
    "values, given, words",
    [
        (["x"], [], "--peers: no peer 'x'"),
        ([], ["a"], "--pair: expected CLIENT:SERVER, came 'a'"),
        ([], ["a:x"], "--pair: no peer 'x'"),
        (["v"], [], "no pair of a client and a server is left"),
    ],
)
def test_no_such_pair(values: list[str], given: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        pairs.chosen(KNOWN, values, given)


def test_a_folder_of_peers_is_no_name() -> None:
    assert pairs.folders([str(HERE), "all", "fake"]) == [HERE.resolve()]
    assert not pairs.asked([str(HERE)], []) and pairs.asked([str(HERE), "fake"], [])


def record(client: str, server: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"case@{client}:{server}",
        "peers": {"client": client, "server": server},
        "profile": "x509-cmw",
        "attested": {"client": "passport", "server": "none"},
        "outcome": outcome,
        "reason": "" if outcome == "pass" else f"{outcome} of {client}",
        **more,
    }


RECORDS = [
    record("a", "b", "pass"),
    record("a", "b", "unsupported"),
    record("b", "a", "fail"),
    record("b", "a", "pass"),
    record("b", "b", "unsupported"),
]


def test_cells() -> None:
    found = matrix.cells(RECORDS, "client", "server")
    assert {key: cell.words for key, cell in found.items()} == {
        ("a", "b"): "1/1 +1",
        ("b", "a"): "1/2",
        ("b", "b"): "–",
    }
    assert [cell.green for cell in found.values()] == [True, False, False]
    assert matrix.key(RECORDS[0]) == ("a", "b", "x509-cmw", "passport", "client")


def test_every_cell_that_is_not_green_has_its_reason() -> None:
    lines = matrix.reasons(RECORDS)
    assert lines[0] == "RED: fail of b (1: x509-cmw b:a)"
    assert "not played: unsupported of b (1: x509-cmw b:b)" in lines
    text = "\n".join(matrix.markdown(RECORDS))
    assert "| b | **1/2** ✗ | – |" in text and "fail of b" in text
    assert matrix.markdown([RECORDS[0]]) == []


def required(tmp_path: Path, entries: list[dict[str, Any]]) -> tuple[matrix.Required, ...]:
    path = tmp_path / "required.yaml"
    path.write_text(yaml.safe_dump({"required": entries}), encoding="utf-8")
    return matrix.load_required(path)


@pytest.mark.parametrize(
    "entry, green, words",
    [
        ({"client": "a", "server": "b"}, True, ""),
        ({"client": "b", "server": "a"}, False, "fail of b"),
        ({"client": "b", "server": "b"}, False, "unsupported of b"),
        ({"client": "a", "server": "nobody"}, False, "not in this run"),
        ({"client": "a", "server": "b", "model": "background-check"}, False, "not in this run"),
        ({"client": "a", "server": "b", "passes": 2}, False, "1 passed, at least 2 must"),
        ({"client": "?", "server": "b", "profile": "x509-*", "attester": "client"}, False, "of b"),
    ],
)
def test_required_cells(tmp_path: Path, entry: dict[str, Any], green: bool, words: str) -> None:
    found = matrix.held(required(tmp_path, [entry]), RECORDS)
    assert all(one["green"] for one in found) is green
    assert words in "; ".join(one["reason"] for one in found)


def test_of_a_list_none_may_be_missing(tmp_path: Path) -> None:
    found = matrix.held(required(tmp_path, [{"client": "a", "server": ["b", "x"]}]), RECORDS)
    assert [one["green"] for one in found] == [True, False]
    assert "NOT GREEN client a, server x" in "\n".join(matrix.required_lines(found))


def test_a_wrong_file_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="required.yaml:2: .*'server' is a required property"):
        required(tmp_path, [{"client": "a"}])


def story(name: str, case: str) -> Case:
    return next(one for one in cases(*load(INTEROP / f"{name}.yaml")) if one.name == case)


CAN = {
    "profiles": {"client": ["x509-cmw"], "server": []},
    "roles": {"client": ["attester"], "server": ["attester"]},
    "models": ["background-check"],
    "serializations": ["cbor"],
    "curves": ["p256"],
    "evidence-formats": {"attester": ["psa"], "relying-party": ["cab", "psa"]},
    "device-keys": False,
}


@pytest.mark.parametrize(
    "name, case, side, words",
    [
        ("interop-x509-cmw", "client-background-check-psa", "client", ""),
        ("interop-x509-cmw", "client-background-check-cab", "client", "no evidence format cab"),
        ("interop-x509-cmw", "server-background-check-psa", "server", "no profile x509-cmw"),
        ("interop-x509-cmw", "server-background-check-psa", "client", "no role relying-party"),
        ("interop-x509-cmw", "client-passport-cab", "client", "no model passport"),
        ("interop-seat", "seat-06-client-background-check-psa", "client", "no profile seat-06"),
    ],
)
def test_what_a_peer_lacks(name: str, case: str, side: str, words: str) -> None:
    found = peer("p", "client", "server", **CAN).lacks(story(name, case), side)
    assert (words in found) if words else found == ""


def test_who_knows_nothing_of_attestation_is_asked_nothing() -> None:
    plain = peer("p", "client", "server", unaware=True)
    assert plain.lacks(story("interop-plain", "x509-cmw"), "client") == ""
    assert plain.lacks(story("interop-unaware", "ta-07-client-asks"), "client") == ""
    assert "no role" in plain.lacks(story("interop-unaware", "ta-07-server-asks"), "client")
    assert "no profile expat-04" in plain.lacks(story("interop-plain", "expat-04"), "client")


def test_an_adversary_plays_what_asks_a_fault_of_it() -> None:
    """It is told from other stacks by what it declares, not by its name."""
    fault = "wire-certificate-twice"
    villain = peer("p", "client", "server", unaware=True, adversary=True, faults=[fault])
    for side in ("client", "server"):
        assert "is an adversary" in villain.lacks(story("interop-plain", "x509-cmw"), side)
    server = ADVERSARY / "server.yaml"
    broken = next(one for one in cases(*load(server)) if one.name == "x509-cmw-certificate-twice")
    assert villain.lacks(broken, "server") == ""
    assert "is an adversary" in villain.lacks(broken, "client")
    assert [name for name, one in load_peers([PEERS]).items() if one.adversary] == ["adversary"]


def test_an_id_carries_the_pair(fake: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = fake(str(HERE / "outcomes" / "accepted.yaml"), "--pair", "fake:fake", "--list")
    assert "accepted.yaml::client@fake:fake" in done.stdout, done.stdout + done.stderr


PLAIN = INTEROP / "interop-plain.yaml"


@pytest.mark.parametrize(
    "argument, pairs_of_it",
    [
        (f"{PLAIN}::x509-cmw", "a:a a:b"),
        (f"{PLAIN}::x509-cmw@a:b", "a:b"),
        ("scenarios/interop/interop-plain.yaml::x509-cmw", "a:a a:b"),
        ("interop-plain[x509-cmw]", "a:a a:b"),
        ("interop/interop-plain[x509-cmw]@a:a", "a:a"),
    ],
)
def test_a_case_named_without_a_pair_is_that_of_every_pair(argument: str, pairs_of_it: str) -> None:
    chooser = Chooser((("a", "a"), ("a", "b")), False, "", False, {})
    found = chooser.select([argument])
    assert [case.name for case in found.cases.values()] == ["x509-cmw"] * len(pairs_of_it.split())
    assert [case.pair for case in found.cases.values()] == pairs_of_it.split()
    assert found.arguments == tuple(found.cases) and found.items == len(found.cases)


def test_a_pair_that_is_not_played_is_told() -> None:
    with pytest.raises(UsageError, match="has no case 'x509-cmw@b:b'"):
        Chooser((("a", "b"),), False, "", False, {}).select([f"{PLAIN}::x509-cmw@b:b"])


@pytest.mark.parametrize("pairs_asked", [["--pair", "fake:fake"], ["--peers", "fake"]])
def test_a_case_named_without_a_pair_is_played(
    fake: Callable[..., "subprocess.CompletedProcess[str]"],
    latest: Callable[[], dict[str, Any]],
    pairs_asked: list[str],
) -> None:
    done = fake(f"{HERE / 'outcomes' / 'accepted.yaml'}::server", *pairs_asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [case["id"] for case in latest()["cases"]] == ["accepted[server]@fake:fake"]


def test_a_matrix_of_the_fake_peer(
    fake: Callable[..., "subprocess.CompletedProcess[str]"],
    latest: Callable[[], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """A cell that is not green fails the run, though every case passed."""
    wanted = tmp_path / "required.yaml"
    wanted.write_text("required: [{client: fake, server: atls}]\n")
    story = str(HERE / "outcomes" / "accepted.yaml")
    done = fake(story, "--pair", "fake:fake", "--required", str(wanted))
    assert done.returncode == 1, done.stdout
    assert "NOT GREEN client fake, server atls" in done.stdout and "2 passed" in done.stdout
    result = latest()
    assert [case["id"] for case in result["cases"]] == [
        "accepted[client]@fake:fake",
        "accepted[server]@fake:fake",
    ]
    assert "--pair fake:fake" in result["cases"][0]["repeat"]
    assert result["run"]["stacks"]["fake"]["programs"]["client"] == "fake-client 1"
    assert result["required"][0]["green"] is False


def test_names_of_scenarios_are_unique() -> None:
    """An id names a scenario by its file alone, in whatever folder that is."""
    seen: dict[str, Path] = {}
    for path in sorted(SCENARIOS.rglob("*.yaml")):
        assert path.stem not in seen, f"{path} and {seen[path.stem]} have one name"
        seen[path.stem] = path


def test_required_cells_of_ci_are_of_peers_that_there_are() -> None:
    known = load_peers([PEERS])
    assert set(ci.stacks(ci.required_cells())) <= set(known)


def test_the_stage_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    every = required(tmp_path, [{"client": "atls", "server": ["b", "c"], "profile": "x509-cmw"}])
    left = ci.playable(every, ["c"])
    assert [one.patterns[1] for one in left] == ["c"]
    given = ci.arguments(left, tmp_path)
    assert given[:4] == ["--pair", "atls:c", "--pair", "c:atls"]
    assert matrix.load_required(tmp_path / "required.yaml")[0].patterns == left[0].patterns


STACKS = (
    "adversary atls boringssl bouncycastle gnutls-cli go jsse nss nss-cli openssl openssl-cli "
    "rustls wolfssl"
).split()


def record(client: str, server: str, profile: str, outcome: str = "pass") -> dict[str, Any]:
    reason = "" if outcome == "pass" else f"{client} (client) declares no profile {profile}"
    made = {"peers": {"client": client, "server": server}, "profile": profile, "outcome": outcome}
    return {**made, "reason": reason, "id": "x", "attested": {"client": "none", "server": "none"}}


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_wide_matrix_breaks_no_number_and_no_name(width: int) -> None:
    records = [record(a, b, "x509-cmw") for a in STACKS for b in STACKS for _ in range(26)]
    printed = table.matrices(records, width, False)
    rows = [line for line in printed.splitlines() if "│" in line]
    assert max(len(line) for line in printed.splitlines() if "┃" in line or "│" in line) <= width
    cells = [cell.strip() for line in rows for cell in line.split("│")[1:]]
    assert cells == ["26/26"] * len(STACKS) ** 2
    assert {line.split("│")[0].strip() for line in rows} == set(STACKS)
    heads = [
        cell.strip() for line in printed.splitlines() if "┃" in line for cell in line.split("┃")
    ]
    assert [name for name in heads if name != "client \\ server"] == STACKS


def test_only_what_was_played_has_a_table_and_the_rest_is_summed_up() -> None:
    profiles = ("ta-02", "ta-03", "ta-07", "seat-04", "seat-06", "expat-04")
    records = [record("a", "b", "x509-cmw")] * 2
    records += [record(c, "b", one, "unsupported") for one in profiles for c in ("a", "c")]
    printed = table.matrices(records, 100, False, details=False)
    assert printed.count("client \\ server") == 1
    assert "nothing was played in ta-07, seat-06, expat-04, seat-04, ta-03, ta-02" in printed
    assert printed.count("declares no profile") == matrix.NOT_PLAYED_SHOWN
    more = len(profiles) * 2 - matrix.NOT_PLAYED_SHOWN
    assert f"{more} cases more, for {more} other reasons: -v tells each" in printed
    everything = table.matrices(records, 100, False)
    assert everything.count("declares no profile") == len(profiles) * 2


def test_headings_of_figures_do_not_break_inside_words() -> None:
    result = json.loads((Path(__file__).parent / "benchmark.json").read_text(encoding="utf-8"))
    for width in (100, 130):
        printed = tables.render(result, width, False)
        rows = [line for line in printed.splitlines() if "┃" in line or "│" in line]
        assert max(map(len, rows)) <= width
        measured = printed.partition(published.TITLE)[0]  # what others published are sentences
        for word in ("signature-verification", "credential", "certificates", "median"):
            assert word in printed
        for line in measured.splitlines():
            for cell in line.split("│")[1:]:
                assert not cell.strip().endswith(","), line


def test_current_drafts_stand_first_and_the_prototype_last() -> None:
    given = ["x509-cmw", "poc-mbedtls", "ta-02", "mine", "seat-06", "ta-07", "expat-04", "ta-07"]
    wanted = ["ta-07", "seat-06", "expat-04", "x509-cmw", "ta-02", "mine", "poc-mbedtls"]
    assert profiles.ordered(given) == wanted
    assert profiles.document("ta-07") == "draft-fossati-tls-attestation-07"
    assert profiles.document("mine") == ""

# SPDX-License-Identifier: Apache-2.0
"""./atls learn: servers that have one fault each in their state machine, and one that has none; the
machines that are expected; and what is said of a difference.

The project's own server is the affair of the stage `learn` of ./atls test.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import pytest

import faulty
from atls_harness.contract import contract
from atls_harness.errors import Unsupported, UsageError
from atls_harness.learn import command, graph, page
from atls_harness.learn.command import main
from atls_harness.learn.model import Beside, Machine, MachineError, load, machines, plain
from atls_harness.learn.servers import prepared
from atls_harness.paths import MACHINES
from atls_harness.run import Run

HELLO, EVIDENCE, VERIFY = "client_hello_attested", "certificate_attested", "certificate_verify"
DATA = "application_data"
# What each fault opens, beside the way that is expected.
OPENED = {
    "without-finished": (HELLO, EVIDENCE, VERIFY, "application_data_unfinished"),
    "without-verify": (HELLO, EVIDENCE, "finished", DATA),
    "forged-verify": (HELLO, EVIDENCE, "certificate_verify_forged", "finished", DATA),
    "forged-finished": (HELLO, EVIDENCE, VERIFY, "finished_forged", DATA),
    "plain-credential": (HELLO, "certificate_plain", VERIFY, "finished", DATA),
    "empty-credential": (HELLO, "certificate_empty", "finished", DATA),
    "stale-evidence": (HELLO, "certificate_stale", VERIFY, "finished", DATA),
    "unattested": ("client_hello", "certificate_plain", VERIFY, "finished", DATA),
    "skipped-certificate": (HELLO, "finished", DATA),
}
GOOD = (HELLO, EVIDENCE, VERIFY, "finished", DATA)


@pytest.fixture
def learn(
    real: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, dict[str, Any]]]]:
    """Learns from a server with a fault, and reads what came of it."""
    monkeypatch.setattr(command, "build_programs", lambda build: None)
    try:
        prepared(real.build)
    except Unsupported as problem:
        pytest.skip(str(problem))
    servers = []

    def call(fault: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        servers.append(faulty.Server(fault))
        given = ["--server", servers[-1].address, "--profile", "ta-07", "--at-once", "16"]
        # What is asked again since a busy machine was late counts, too; the bound has its own test.
        given += ["--pace", "0", "--time", "3000", "--quiet", "0.05", "--limit", "20000"]
        given += ["--build", str(real.build), "--out", str(tmp_path)]
        code = main([*given, *arguments])
        text = (tmp_path / "latest-learn" / "learn.json").read_text(encoding="utf-8")
        (machine,) = json.loads(text)["machines"]
        return code, machine

    yield call
    for one in servers:
        one.close()


def words(machine: Mapping[str, Any], expected: bool) -> set[tuple[str, ...]]:
    return {tuple(one["word"]) for one in machine["paths"] if one["expected"] == expected}


def test_a_server_without_a_fault_has_the_machine_that_is_expected(
    learn: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    code, machine = learn("")
    assert (code, machine["outcome"]) == (0, "expected"), machine["differences"]
    assert GOOD in words(machine, True) and not words(machine, False)
    names = [one["name"] for one in machine["states"]]
    assert sorted(names) == [
        "certificate",
        "certificate-verify",
        "ended",
        "finished",
        "open",
        "start",
    ]
    folder = tmp_path / "latest-learn"
    assert "-> " in (folder / f"{machine['name']}.dot").read_text(encoding="utf-8")
    assert "| `client_hello_attested, certi" in (folder / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", OPENED)
def test_the_path_that_a_fault_opens_is_found(
    fault: str, learn: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    code, machine = learn(fault)
    assert (code, machine["outcome"]) == (1, "finding")
    assert GOOD in words(machine, True)
    assert OPENED[fault] in words(machine, False)
    assert all(one["confirmed"] for one in machine["paths"])


def test_an_end_without_an_alert_is_named_and_is_no_failure(
    learn: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    code, machine = learn("closes-silently")
    assert (code, machine["outcome"]) == (0, "differs")
    assert {one["came"] for one in machine["differences"]} == {"closed"}
    assert "RFC 8446 section 4" in {one["clause"] for one in machine["differences"]}


def test_answers_that_are_not_always_the_same_are_named(
    learn: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    code, machine = learn("wavering")
    assert (code, machine["outcome"]) == (1, "not-learnt")
    (first, *_) = machine["differing"]
    assert len(set(first["answers"])) == 2 and "different answers" in machine["words"]


@pytest.mark.parametrize("limit", ["20", "140"])  # learning, and playing each transition again
def test_what_is_asked_is_bounded(
    limit: str, learn: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    code, machine = learn("", "--limit", limit)
    assert (code, machine["outcome"]) == (1, "not-learnt")
    assert f"--limit {limit}" in machine["words"]


# Without a server.

FLIGHT = "server_hello+encrypted_extensions+certificate_request+certificate+certificate_verify"


def ideal(machine: Machine) -> list[dict[str, Any]]:
    """The expected machine as it would be learnt: of several answers the first."""
    names = list(machine.states)
    made = []
    for state in names:
        transitions = {}
        for one in machine.alphabet:
            row = (machine.due(state, one) or [None])[0]
            answer = "closed" if row is None else row.answer or f"alert:{row.alerts[0]}+closed"
            to = names.index(row.to if row else "closed")
            transitions[one] = {"answer": answer, "to": to}
        made.append({"word": [], "transitions": transitions})
    return made


@pytest.mark.parametrize("profile", machines())
def test_a_machine_beside_itself(profile: str) -> None:
    expected = machines()[profile]
    beside = Beside(ideal(expected), expected)
    assert beside.differences() == []
    assert beside.paths() and all(one["expected"] for one in beside.paths())
    for state, name in itertools.product(set(expected.states) - {"closed"}, expected.alphabet):
        assert expected.due(state, name), f"{state}: {name}"


@pytest.mark.parametrize("profile", machines())
def test_each_answer_that_is_changed_is_told(profile: str) -> None:
    """Of whatever state that the expected way goes through: another alert is told, and application
    data in place of it is a path."""
    expected = machines()[profile]
    for number, state in enumerate(ideal(expected)):
        for name, step in state["transitions"].items():
            reached = Beside(ideal(expected), expected).words
            if (number, list(expected.states)[number]) not in reached or "alert" not in step[
                "answer"
            ]:
                continue
            learnt = ideal(expected)
            learnt[number]["transitions"][name] = {
                "answer": "alert:internal_error+closed",
                "to": -1,
            }
            (told,) = Beside(learnt, expected).differences()
            assert (told["word"][-1], told["alert"]) == (name, "internal_error")
            learnt[number]["transitions"][name] = {"answer": "application_data+closed", "to": -1}
            opened = [one for one in Beside(learnt, expected).paths() if not one["expected"]]
            assert {one["word"][-1] for one in opened} == {name}


@pytest.mark.parametrize(
    "answer, meant",
    [
        ("-", "-"),
        ("closed", "closed"),
        ("alert:close_notify+closed", "closed"),  # RFC 8446 6.1: no error
        ("alert:decode_error+closed", "alert:decode_error"),
        ("alert:decode_error", "alert:decode_error"),
        ("new_session_ticket", "-"),  # RFC 8446 4.6.1: at any time behind Finished
        ("application_data+alert:close_notify+closed", "application_data"),
        (f"{FLIGHT}+finished+new_session_ticket", f"{FLIGHT}+finished"),
        ("server_hello+alert:internal_error+closed", "server_hello+alert:internal_error"),
    ],
)
def test_what_no_clause_fixes_is_left_out(answer: str, meant: str) -> None:
    assert plain(answer) == meant


def test_application_data_that_is_taken_in_silence_is_a_path() -> None:
    expected = machines()["ta-07"]
    learnt = ideal(expected)
    at = list(expected.states).index("certificate")
    learnt[at]["transitions"]["application_data_unfinished"] = {"answer": "-", "to": at}
    one, *_ = [path for path in Beside(learnt, expected).paths() if not path["expected"]]
    assert one["word"] == [HELLO, "application_data_unfinished"] and not one["confirmed"]
    # Where there is no key yet, nothing can have been taken.
    learnt = ideal(expected)
    learnt[0]["transitions"][DATA] = {"answer": "-", "to": 0}
    assert [DATA] not in [path["word"] for path in Beside(learnt, expected).paths()]
    assert Beside(learnt, expected).differences()[0]["came"] == "-"


def test_a_server_that_nobody_can_be_attested_to_is_a_finding() -> None:
    machine = {"server": "x", "profile": "ta-07", "outcome": "expected", "paths": []}
    assert page.findings(machine) == [
        "x, ta-07: the expected path to application data is not there"
    ]


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"from": "strat"}, "no 'strat'"),
        ({"input": "client_helo"}, "no 'client_helo'"),
        ({"to": "opne"}, "no 'opne'"),
        ({"clause": "somewhere"}, "somewhere"),
        ({"alerts": ["no_such_alert"]}, "alerts"),
    ],
)
def test_a_machine_that_is_wrong_is_told(
    changed: Mapping[str, Any], told: str, tmp_path: Path
) -> None:
    row = {"from": "start", "input": "client_hello", "answer": "-", "to": "start"}
    row |= {"clause": "RFC 8446 section 4", **changed}
    value = {
        "document": "RFC 8446",
        "alphabet": {"client_hello": "a ClientHello"},
        "states": {"start": "a ClientHello"},
        "transitions": [row],
    }
    path = tmp_path / "machine.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(MachineError, match=told):
        load(path)


def test_each_machine_is_of_a_profile_and_named_after_it() -> None:
    assert set(machines()) <= set(contract().profiles)
    assert {path.stem for path in MACHINES.glob("*.yaml")} == {*machines(), "tls13"}


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--server", "atsl"], "no peer 'atsl'"),
        (["--server", "atls", "--profile", "ta-70"], "ta-70"),
        (["--server", "atls", "--profile", "expat-04"], "no machine is expected"),
        (["--server", "127.0.0.1:0"], "HOST:PORT"),
        (["--server", "127.0.0.1:1", "--flag", "policy=optional"], "has its own"),
        (["--server", "atls", "--quiet", "0"], "from 0.01"),
        (["--server", "atls", "--limit", "0"], "from 1"),
        (["--server", "atls", "--flag", "policy"], "NAME=VALUE"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        main(arguments)


def test_a_graph_says_what_is_wrong_in_red() -> None:
    expected = machines()["ta-07"]
    learnt = ideal(expected)
    learnt[1]["transitions"]["finished"] = {"answer": "alert:decode_error+closed", "to": 7}
    beside = Beside(learnt, expected)
    for state, name in zip(learnt, beside.names()):
        state["name"] = name
    for (number, _), word in beside.words.items():
        learnt[number]["word"] = list(word)
    machine = {
        "name": 'a "name"',
        "states": learnt,
        "differences": beside.differences(),
        "paths": beside.paths(),
    }
    drawn = graph.dot(machine)
    assert drawn.startswith('digraph "a \\"name\\"" {') and drawn.count(graph.RED) == 2
    assert '"1" -> "7" [label="finished\\n/ alert:decode_error"' in drawn

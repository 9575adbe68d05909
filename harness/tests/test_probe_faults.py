# SPDX-License-Identifier: Apache-2.0
"""./atls probe finds what is wrong with a server: every fault of the adversary, by the check that
names it; and every fault of an attester that a scenario is about. What cannot be seen from a client
is listed, with the reason."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest

from atls_harness.contract import contract
from atls_harness.parties import Play
from atls_harness.paths import PEERS, ROOT
from atls_harness.peer import load_peers
from atls_harness.probe import plan
from atls_harness.probe.plan import CLIENT, SERVER, UNATTESTED
from atls_harness.scenario import Case, cases, load

Start = Callable[..., Play]
Probe = Callable[..., tuple[int, dict[str, Any]]]
ADVERSARY = ROOT / "harness" / "adversary"
FAULTS = load_peers([PEERS])["adversary"].declared("faults")

# Of the adversary's faults: why no probe calls it a failure.
NO_FAILURE = {
    "wire-server-close-notify": "RFC 8446 section 6.1: either side may close at any time",
}


def adversary(*names: str) -> Iterator[Case]:
    for name in names:
        yield from cases(*load(ADVERSARY / name))


WRONG = [
    case
    for case in adversary("server.yaml", "unasked.yaml")
    # What is no extension of the profile is the scenario's affair; the profile is not the fault's.
    if case.profile == "ta-07" or "unasked" in case.scenario.name
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_a_server_that_breaks_tls_is_found(case: Case, started: Start, probe: Probe) -> None:
    (fault,) = case.flags("server")["fault"]
    play = started(case.profile, "none", "adversary", server={"fault": [fault]})
    code, value = probe(play.port, "--profile", case.profile)
    assert code == 1
    failed = [one for one in value["connections"] if one["outcome"] == "fail"]
    if fault.partition("=")[0] in NO_FAILURE:
        assert not failed
        assert all("peer-closed" in one["words"] for one in value["connections"])
        return
    alerts = {one["alert"]["name"] for one in failed if one["alert"]["direction"] == "sent"}
    assert case.story["expect"]["alert"] in alerts, [one["words"] for one in value["connections"]]


def test_each_fault_of_the_adversary_is_tried() -> None:
    """Those of a client are in test_probe_listen.py."""
    tried = {case.flags("server")["fault"][0].partition("=")[0] for case in WRONG}
    assert tried == {name for name in FAULTS if not _of_a_client(name)}
    assert set(NO_FAILURE) <= tried


def _of_a_client(fault: str) -> bool:
    names = {
        case.flags("client")["fault"][0].partition("=")[0]
        for case in adversary("client.yaml", "closing.yaml")
    }
    return fault in names


def wrong_servers() -> list[Any]:
    """One story of each fault, in which all that is wrong is wrong at a server."""
    found: dict[str, Any] = {}
    for profile in contract().profiles:
        for attests in (SERVER, CLIENT):
            for model in contract().profiles[profile].models:
                for step in plan.misbehaviours(profile, attests, model, probed=CLIENT):
                    name = step.fault.partition("=")[0]
                    if step.fault != UNATTESTED:
                        found.setdefault(name, step)
    return list(found.values())


# Faults of a server that no client can tell from honest behaviour, or that it does not see: why.
UNSEEN: dict[str, str] = {}


@pytest.mark.parametrize("step", wrong_servers(), ids=lambda step: f"{step.profile}-{step.fault}")
def test_a_server_that_misbehaves_is_found_by_name(
    step: plan.Step, started: Start, probe: Probe
) -> None:
    known = ("expect", "profile", "attester")
    story = {name: value for name, value in step.case.story.items() if name not in known}
    play = started(step.profile, step.attests, **_of_many(story))
    url = play.addresses.verifiers["main"]
    trusts = ["--verifier", url, "--trust-verifier", f"verifier.example={url}"]
    code, value = probe(play.port, "--profile", step.profile, "--honest", "--limit", "8", *trusts)
    expect = step.case.story["expect"]
    failed = [one for one in value["connections"] if one["outcome"] == "fail"]
    if step.fault in UNSEEN:
        assert not failed
        return
    reasons = {one["reason"] for one in failed}
    assert code == 1 and expect["reason"] in reasons, [one["words"] for one in value["connections"]]


def _of_many(story: dict[str, Any]) -> dict[str, Any]:
    """The story, for a server that many connect to."""
    return {**story, "client": {**story.get("client", {}), "connections": 1000}}

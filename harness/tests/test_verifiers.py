# SPDX-License-Identifier: Apache-2.0
"""Verifiers that are not the stub: what is not asked of one, what its results tell, the table."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atls_harness import verifiers
from atls_harness.errors import HarnessError
from atls_harness.peer import load_peer
from atls_harness.scenario import Case, cases, load

STORY = """\
title: A story about a verifier
clauses: [R-KAT-03]
attester: client
profile: x509-cmw
"""
REFUSED = """\
expect:
  outcome: refused
  by: relying-party
  reason: REASON
  mismatches: [FW]
  verifier: {required: [{event: appraisal, reason: REASON}]}
"""
PLATFORM_ONLY = "{evidence-formats: [psa], reasons: false}"


def story(tmp_path: Path, more: str) -> Case:
    path = tmp_path / "story.yaml"
    path.write_text(STORY + more)
    (case,) = cases(*load(path))
    return case


def run_with(tmp_path: Path, declared: str) -> Any:
    """As much of a run as these functions look at."""
    path = tmp_path / "other" / "peer.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "name: other\ndescription: A verifier\nprograms: {verifier: [none]}\ncapabilities:\n"
        + (f"  verifier: {declared}\n" if declared else "  roles: {}\n")
    )
    peer = load_peer(path)
    return SimpleNamespace(peer=lambda role: peer)


COMPLETE = "expect: {outcome: complete}\n"


@pytest.mark.parametrize(
    "declared, more, able",
    [
        ("", "model: passport\n", True),
        (PLATFORM_ONLY, "model: background-check\n", True),  # the relying party checks the KAT
        (PLATFORM_ONLY, "model: passport\n", False),
        (PLATFORM_ONLY, "model: passport\nroles: {attester: {evidence-format: psa}}\n", True),
        (PLATFORM_ONLY, "model: passport\nroles: {attester: {attester: none}}\n", True),
    ],
)
def test_what_is_not_asked_of_a_verifier(
    tmp_path: Path, declared: str, more: str, able: bool
) -> None:
    lack = verifiers.lacks(story(tmp_path, more + COMPLETE), run_with(tmp_path, declared))
    assert (lack == "") == able, lack
    assert able or lack.startswith("other (verifier) makes no results about evidence of format cab")


@pytest.mark.parametrize("reason", sorted(verifiers.TIERS))
def test_a_tier_does_where_results_do_not_say_why(tmp_path: Path, reason: str) -> None:
    case = story(tmp_path, "model: background-check\n" + REFUSED.replace("REASON", reason))
    told = verifiers.as_told(case, run_with(tmp_path, PLATFORM_ONLY)).story["expect"]
    either = {"one-of": [reason, verifiers.TIERS[reason]]}
    assert told["reason"] == either and "mismatches" not in told
    assert told["verifier"]["required"] == [{"event": "appraisal", "reason": either}]
    assert case.story["expect"]["reason"] == reason  # the story itself is as it was
    assert verifiers.as_told(case, run_with(tmp_path, "")) is case


def test_what_the_relying_party_knows_itself_it_still_says(tmp_path: Path) -> None:
    for reason in ("binder-mismatch", "kat-signature-invalid", "linkage-mismatch", "key-mismatch"):
        case = story(tmp_path, "model: background-check\n" + REFUSED.replace("REASON", reason))
        told = verifiers.as_told(case, run_with(tmp_path, PLATFORM_ONLY))
        assert told.story["expect"]["reason"] == reason


def record(name: str, verifier: str, status: str, reason: str, accepted: bool) -> dict[str, Any]:
    verdict = {"accepted": accepted, "reason": "ok" if accepted else reason, "tier": status}
    return {
        "id": f"{name}[a]",
        "scenario": name,
        "peers": {"verifier": verifier},
        "outcome": "pass",
        "reason": "",
        "observed": {
            "verifier": {"appraisal": [{"status": status, "reason": reason}]},
            "server": {"verdict": [verdict]},
        },
    }


def test_the_table_of_two_verifiers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    unplayed = {
        **record("not-played", "two", "none", "ok", True),
        "outcome": "unsupported",
        "reason": "two cannot",
    }
    runs = {
        "one": [
            record("same", "one", "affirming", "ok", True),
            record("stranger", "one", "warning", "unknown-component", False),
            record("not-played", "one", "affirming", "ok", True),
            record("only-here", "one", "affirming", "ok", True),
        ],
        "two": [
            record("same", "two", "affirming", "ok", True),
            record("stranger", "two", "affirming", "ok", True),
            unplayed,
        ],
    }
    for name, listed in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"cases": listed}))
    assert verifiers.main([str(tmp_path / "one"), str(tmp_path / "two" / "results.json")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "warning (unknown-component): refused, unknown-component" in shown
    assert "affirming: accepted │ 1 │ stranger" in shown
    assert "1 cases not played by two: two cannot" in shown
    assert "2 cases played with both: the same answer in 1" in shown


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cases": [{}]}', '{"cases": []}'])
def test_what_is_no_result_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(HarnessError, match="results.json"):
        verifiers.main([str(path), str(path)])

# SPDX-License-Identifier: Apache-2.0
"""The list of ./atls run --smoke touches every program, profile and model, and has refusals."""

from __future__ import annotations

import subprocess

import pytest

from atls_harness import smoke
from atls_harness.paths import PEERS, ROOT
from atls_harness.peer import load_peers
from atls_harness.scenario import Case, cases, load

# Of a whole run, so that it stays a smoke test: about 1,300 cases.
MOST = 120


def chosen() -> list[Case]:
    found = []
    for line in smoke.paths():
        path, _, name = line.partition("::")
        assert (ROOT / path).is_file(), f"{smoke.LIST}: there is no {path}"
        if path.startswith("scenarios/"):
            all_of_it = [one for one in cases(*load(ROOT / path)) if name in ("", one.name)]
            assert all_of_it, f"{smoke.LIST}: {line} is no case"
            found += all_of_it
    return found


CASES = chosen()
ATLS = load_peers([PEERS])["atls"]


@pytest.mark.parametrize("profile", ATLS.capabilities["profiles"])
def test_every_profile_is_attested_by_either_side(profile: str) -> None:
    attesters = {
        side
        for case in CASES
        if case.profile == profile and not case.refused
        for side in case.sides("attester")
    }
    # The prototype attests the client only.
    wanted = {"client"} if profile == "poc-mbedtls" else {"client", "server"}
    assert attesters == wanted, f"data/smoke.txt: a scenario has to attest either side in {profile}"


@pytest.mark.parametrize("model", ATLS.capabilities["models"])
def test_every_model_is_played(model: str) -> None:
    assert any(case.model("client") == model for case in CASES)
    assert any(case.model("server") == model for case in CASES)


def test_refusals_are_played_and_so_is_a_handshake_without_attestation() -> None:
    refused = {case.scenario.group for case in CASES if case.refused}
    assert {"refused-evidence", "refused-results", "negotiation", "outages"} <= refused
    assert any(not case.sides("attester") for case in CASES)


def test_every_program_starts() -> None:
    """Device and verifier with the first attested case, the enrolment program with x509-cmw; the
    decoder is asked by the stage fresh for what a case left."""
    assert "harness/peers/atls/peer.yaml" in smoke.paths(), "the probes of the programs"
    assert any("x509-cmw" in case.profile for case in CASES), "enroll"
    assert any(case.model(side) != "none" for case in CASES for side in ("client", "server"))
    others = set(ATLS.programs) - {"client", "server", "device", "provision", "verifier"}
    assert others == {"enroll", "decode"}, "a new program: let a case of the smoke test start it"


def test_it_is_small() -> None:
    assert 40 <= len(CASES) <= MOST


def test_the_option_chooses_the_list() -> None:
    done = subprocess.run(
        [str(ROOT / "atls"), "run", "--smoke", "--list", "-q"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    listed = [line.strip() for line in done.stdout.splitlines() if ".yaml::" in line]
    played = [line for line in listed if line.startswith("scenarios/")]
    assert len(played) == len(CASES)
    assert {line.partition("::")[0] for line in listed} == {
        line.partition("::")[0] for line in smoke.paths()
    }

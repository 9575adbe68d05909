# SPDX-License-Identifier: Apache-2.0
"""Readings set against each other, with the real programs: whoever refuses names the other's.

The stories about ambiguities are played as they are, and what is asked of them here is the field
`diagnosis`: in each, one side has one reading and its peer another, so that the side which meets
what does not match must name the reading of its peer; and what is no reading it must call unknown.
"""

from __future__ import annotations

import subprocess
from typing import Any, Callable, Mapping

import pytest
from atls_harness.ambiguities import ambiguities
from atls_harness.contract import contract
from atls_harness.paths import SCENARIOS
from atls_harness.run import Run

Harness = Callable[..., "subprocess.CompletedProcess[str]"]
STORIES = SCENARIOS / "ambiguities"
# Ambiguities whose readings are told apart by bytes, and named by their letters.
NAMED = ("h03", "h05", "h06", "h07", "h08", "h09", "h14", "h15", "h16", "h17", "h24", "h27", "h33")


def diagnoses(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By party, what it says of what did not match."""
    return {
        party: event["diagnosis"]
        for party, entry in record["observed"].items()
        for event in entry.get("handshake", [])
        if "diagnosis" in event
    }


@pytest.mark.parametrize("name", NAMED)
def test_the_reading_of_the_peer_is_named(
    real: Run, harness: Harness, latest: Callable[[], dict[str, Any]], name: str
) -> None:
    (story,) = STORIES.glob(f"{name}-*.yaml")
    done = harness("--build", str(real.build), str(story))
    assert done.returncode == 0, done.stdout
    records = latest()["cases"]
    assert records
    for record in records:
        said = diagnoses(record)
        assert len(said) == 1, f"{record['id']}: expected one diagnosis, came {said}"
        ((party, one),) = said.items()
        peer = "server" if party == "client" else "client"
        assert one["known"], f"{record['id']}: {one['text']}"
        (reading,) = one["readings"]
        letter = record["readings"][peer]
        assert (reading["question"], reading["reading"]) == (record["ambiguity"], letter), one
        wanted = ambiguities()[record["ambiguity"]].readings[letter].flags.get("variant")
        assert [reading["set"]] == (wanted or [""])
        # a person reads it in the story
        words = " ".join(done.stdout.split())
        assert f"{party}: diagnosis: it {one['text']}" in words


@pytest.mark.parametrize(
    "story",
    ["refused-evidence/foreign-nonce.yaml", "ambiguities/h22-linkage-hash.yaml"],
)
def test_what_is_no_reading_is_unknown(
    real: Run, harness: Harness, latest: Callable[[], dict[str, Any]], story: str
) -> None:
    done = harness("--build", str(real.build), str(SCENARIOS / story))
    assert done.returncode == 0, done.stdout
    records = latest()["cases"]
    said = [one for record in records for one in diagnoses(record).values()]
    assert said
    for one in said:
        assert not one["known"] and one["readings"] == [] and "known" in one["text"]


def test_letters_are_those_of_the_ambiguities() -> None:
    for variant in contract().variants.values():
        known = ambiguities().get(variant.question)
        if not variant.told or not known:
            assert not variant.letters
            continue
        for reading, letter in zip(variant.readings, variant.letters):
            set_by = [
                one
                for one, entry in known.readings.items()
                if f"{variant.name}={reading}" in entry.flags.get("variant", [])
            ]
            assert [letter] == (set_by or [""]), f"{variant.name}={reading}"

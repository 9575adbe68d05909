# SPDX-License-Identifier: Apache-2.0
"""Profiles whose credential is beside, or in, an X.509 certificate: what is enrolled, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atls_harness.flags import enrolment_flags
from atls_harness.scenario import Case, cases, load

STORY = """\
title: A story about certificates
clauses: [R-TA-11]
profile: PROFILE
attester: client
expect: {outcome: complete}
"""
DEVICES = {"client": "unix:a", "server": "unix:b"}
VERIFIERS = {"main": "http://one", "other": "http://two", "down": "http://none"}


def story(tmp_path: Path, profile: str, more: str = "") -> Case:
    path = tmp_path / "story.yaml"
    path.write_text(STORY.replace("PROFILE", profile) + more)
    (case,) = cases(*load(path))
    return case


@pytest.mark.parametrize(
    "profile, more, expected",
    [
        ("ta-07", "", {}),
        ("ta-07", "client: {credential-kind: cert}\n", {"client"}),
        ("ta-07", "server: {credential-kind: cert}\n", {}),  # it attests nothing
        ("ta-03", "", {}),
        ("seat-04", "", {"client"}),
        ("seat-06", "", {"client"}),
        ("expat-04", "", {"client"}),
        ("x509-cmw", "", {"client"}),
        ("seat-06", "roles: {attester: {attester: none}}\n", {}),
        ("ta-07", "client: {profile: seat-06}\n", {"client"}),
        ("seat-06", "client: {profile: ta-07}\n", {}),
    ],
)
def test_who_needs_a_certificate_for_its_key(
    tmp_path: Path, profile: str, more: str, expected: set[str]
) -> None:
    case = story(tmp_path, profile, more)
    assert {side for side in ("client", "server") if case.beside_x509(side)} == set(expected)


@pytest.mark.parametrize(
    "profile, more, expected",
    [
        ("seat-06", "", {}),
        ("ta-07", "client: {credential-kind: cert}\n", {}),
        (
            "x509-cmw",
            "",
            {"cmw": "auto", "attester": "background-check", "serialization": "cbor"},
        ),
        (
            "x509-cmw",
            "serialization: json\nmodel: passport\n",
            {
                "cmw": "auto",
                "attester": "passport",
                "serialization": "json",
                "verifier": "http://one",
            },
        ),
        (
            "x509-cmw",
            "model: passport\nother-verifier: {}\nroles: {attester: {verifier: other}}\n",
            {
                "cmw": "auto",
                "attester": "passport",
                "serialization": "cbor",
                "verifier": "http://two",
            },
        ),
        (
            "x509-cmw",
            "client: {cmw-oid: tcg, evidence-format: psa, fault: [linkage], message: hello}\n",
            {
                "cmw": "auto",
                "attester": "background-check",
                "serialization": "cbor",
                "cmw-oid": "tcg",
                "evidence-format": "psa",
                "fault": ["linkage"],
            },
        ),
    ],
)
def test_what_goes_into_the_certificate(
    tmp_path: Path, profile: str, more: str, expected: dict[str, Any]
) -> None:
    case = story(tmp_path, profile, more)
    assert enrolment_flags(case, "client", DEVICES, VERIFIERS) == expected

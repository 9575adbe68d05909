# SPDX-License-Identifier: Apache-2.0
"""The bounded checker against what was executed by hand, and against what provers have found.

EXECUTED was written down before the checker was: attacks carried out with the programs of this
project, server attested and client attested, with all capabilities and with one less. PROVED: the
binders in the published ProVerif model (github.com/CCC-Attestation, intra-handshake.fail), asked
whether an attacker with the leaked identity key gets the victim's application key.
"""

from __future__ import annotations

import itertools
import importlib.util
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from atls_harness import prediction
from atls_harness.attacks.story import plays, stories
from atls_harness.contract import contract
from atls_harness.paths import PEERS
from atls_harness.prediction import SUCCEEDED, WITHSTOOD, disagreements, predict


def _wire_of_the_attacker() -> Any:
    """Its module of that name: the tests have one of their own."""
    sys.path.append(str(PEERS / "attacker"))  # of what it imports
    spec = importlib.util.spec_from_file_location("attacker_wire", PEERS / "attacker" / "wire.py")
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wire = _wire_of_the_attacker()

COLUMNS = ("ta-07", "ta-07-cert", "seat-04", "seat-06", "expat-04", "x509-cmw")
# attack, model, format, held: by column what comes of it, server attested and client attested
# (S succeeded, w withstood, - not played).
EXECUTED: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    ("A01", "background-check", "cab", "tik", ("SS", "ww", "ww", "ww", "ww", "SS")),
    ("A01", "background-check", "cab", "", ("ww", "ww", "ww", "ww", "ww", "ww")),
    (
        "A02",
        "background-check",
        "cab",
        "tik handshake-secret",
        ("--", "S-", "S-", "S-", "w-", "--"),
    ),
    ("A02", "background-check", "cab", "tik", ("--", "w-", "w-", "w-", "w-", "--")),
    ("A03", "background-check", "cab", "own-device", ("SS", "wS", "wS", "wS", "wS", "wS")),
    ("A03", "passport", "cab", "own-device", ("SS", "--", "wS", "wS", "wS", "wS")),
    ("A03", "background-check", "cab", "", ("ww", "ww", "ww", "ww", "ww", "ww")),
    ("A04", "background-check", "psa", "tik own-device", ("--", "SS", "SS", "SS", "SS", "--")),
    ("A04", "passport", "psa", "tik own-device", ("--", "--", "SS", "SS", "SS", "--")),
    ("A04", "background-check", "cab", "tik own-device", ("--", "ww", "ww", "ww", "ww", "--")),
    ("A04", "passport", "cab", "tik own-device", ("--", "--", "ww", "ww", "ww", "--")),
    ("A04", "background-check", "cab", "tik", ("--", "ww", "ww", "ww", "ww", "--")),
    ("A05", "background-check", "psa", "oracle host-name", ("--", "SS", "SS", "SS", "SS", "SS")),
    ("A05", "passport", "psa", "oracle host-name", ("--", "--", "SS", "SS", "SS", "SS")),
    ("A05", "background-check", "psa", "host-name", ("--", "ww", "ww", "ww", "ww", "ww")),
    ("A06", "background-check", "cab", "tik old-credential", ("ww", "ww", "ww", "ww", "ww", "SS")),
    ("A06", "background-check", "cab", "old-credential", ("ww", "ww", "ww", "ww", "ww", "ww")),
    ("A07", "passport", "cab", "tik old-credential", ("SS", "--", "ww", "SS", "SS", "SS")),
    ("A07", "passport", "cab", "old-credential", ("ww", "--", "ww", "ww", "ww", "ww")),
    ("A08", "background-check", "cab", "tik", ("--", "-w", "-S", "-S", "-w", "-S")),
    ("A08", "background-check", "cab", "", ("--", "-w", "-w", "-w", "-w", "-w")),
    ("A11", "background-check", "cab", "old-credential tik", ("ww", "ww", "ww", "ww", "ww", "SS")),
    ("A11", "background-check", "cab", "old-credential", ("ww", "ww", "ww", "ww", "ww", "ww")),
    ("A12", "background-check", "cab", "oracle", ("ww", "--", "--", "--", "--", "--")),
    ("A13", "background-check", "cab", "network", ("ww", "ww", "ww", "ww", "--", "--")),
    ("A19", "background-check", "cab", "kak old-credential", ("SS", "SS", "SS", "SS", "SS", "SS")),
    ("A19", "background-check", "cab", "old-credential", ("ww", "ww", "ww", "ww", "ww", "ww")),
    (
        "A20",
        "background-check",
        "psa",
        "malicious-peer host-name",
        ("--", "SS", "SS", "SS", "SS", "SS"),
    ),
    (
        "A20",
        "background-check",
        "cab",
        "malicious-peer host-name",
        ("--", "ww", "ww", "ww", "ww", "ww"),
    ),
    ("A20", "background-check", "psa", "host-name", ("--", "ww", "ww", "ww", "ww", "ww")),
    ("A29", "background-check", "cab", "co-resident", ("SS", "wS", "wS", "wS", "wS", "wS")),
    (
        "A29",
        "background-check",
        "cab",
        "co-resident host-name",
        ("SS", "SS", "SS", "SS", "SS", "SS"),
    ),
    ("A29", "passport", "cab", "host-name", ("ww", "--", "ww", "ww", "ww", "ww")),
    ("A33", "background-check", "cab", "verifier-path", ("ww", "ww", "ww", "ww", "ww", "ww")),
    ("A31", "background-check", "cab", "oracle", ("ww", "ww", "ww", "ww", "ww", "ww")),
]
SIDES = ("server", "client")
WORDS = {"S": SUCCEEDED, "w": WITHSTOOD}


@pytest.mark.parametrize("row", EXECUTED, ids=lambda row: " ".join(row[:4]))
def test_what_was_executed(row: Any) -> None:
    attack, model, form, held, cells = row
    for column, cell in zip(COLUMNS, cells):
        for side, letter in zip(SIDES, cell):
            if letter in WORDS:
                found = predict(attack, column, side, model, form, held.split())
                assert found == WORDS[letter], f"{attack} {column} {side}"


@pytest.mark.parametrize("column", ["ta-02", "ta-03"])
def test_older_versions_are_as_ta_07(column: str) -> None:
    for side in SIDES:
        assert predict("A01", column, side, "background-check", "cab", ["tik"]) == SUCCEEDED
        assert predict("A01", column, side, "background-check", "cab", []) == WITHSTOOD


# Secrecy of the client's application key with the identity and the certificate key leaked, unless a
# weak group, a bad share or the attestation key is at fault: binder, the column that has it.
PROVED = [
    ("b6: nonce and key", "ta-07", False),
    ("b4: key alone", "x509-cmw", False),
    ("handshake exporter and nonce", "ta-07-cert", True),
    ("hash of the hellos and key", "seat-06", True),
    ("exporter and key", "expat-04", True),
]


@pytest.mark.parametrize("binder, column, secret", PROVED, ids=lambda one: str(one))
def test_what_provers_have_found(binder: str, column: str, secret: bool) -> None:
    found = predict("A01", column, "server", "background-check", "cab", ["tik"])
    assert (found == WITHSTOOD) == secret, binder


# What closes what: attack, column, model, format, held, and the reading that does.
DEFENCES = [
    ("A08", "seat-04", "background-check", "cab", "tik", "binder-role=separate"),
    ("A08", "seat-06", "background-check", "cab", "tik", "binder-role=separate"),
    ("A08", "seat-06", "background-check", "cab", "tik", "own-key=refused"),
    ("A08", "x509-cmw", "background-check", "cab", "tik", "own-key=refused"),
    ("A07", "seat-06", "passport", "cab", "tik old-credential", "result-nonce=required"),
    ("A07", "expat-04", "passport", "cab", "tik old-credential", "result-nonce=required"),
    ("A04", "seat-06", "background-check", "psa", "tik own-device", "bare-token=off"),
    ("A04", "expat-04", "passport", "psa", "tik own-device", "bare-token=off"),
    ("A05", "x509-cmw", "background-check", "psa", "oracle host-name", "bare-token=off"),
    ("A05", "seat-04", "passport", "psa", "oracle host-name", "bare-token=off"),
]


@pytest.mark.parametrize("row", DEFENCES, ids=lambda row: f"{row[0]} {row[1]} {row[5]}")
def test_defences(row: tuple[str, ...]) -> None:
    attack, column, model, form, held, reading = row
    name, _, value = reading.partition("=")
    assert value in contract().variants[name].readings
    assert predict(attack, column, "client", model, form, held.split()) == SUCCEEDED
    with_it = predict(attack, column, "client", model, form, held.split(), {name: value})
    assert with_it == WITHSTOOD


@pytest.mark.parametrize("column", COLUMNS)
def test_a_pat_over_the_verifiers_nonce_does_not_live_for_ever(column: str) -> None:
    """draft-reddy-rats-key-binding-02 section 4.1, step 2."""
    held = ["kak", "old-credential"]
    for side, form, expected in itertools.product(
        SIDES, ("cab", "key-binding"), (SUCCEEDED, WITHSTOOD)
    ):
        if (form == "cab") == (expected == SUCCEEDED):
            assert predict("A19", column, side, "background-check", form, held) == expected


def test_more_capabilities_never_help_the_victim() -> None:
    """Deduction is monotonous: what succeeds with some succeeds with more; but where a story says
    which key the attacker tries."""
    names = (
        "tik",
        "handshake-secret",
        "kak",
        "own-device",
        "oracle",
        "old-credential",
        "host-name",
        "malicious-peer",
        "co-resident",
        "network",
    )
    attacks = [name for name, told in prediction.ATTACKS.items() if prediction.MOVED not in told]
    for attack, column, side in itertools.product(attacks, COLUMNS, SIDES):
        for form, model in itertools.product(("cab", "psa"), ("background-check", "passport")):
            for size in range(3):
                for held in itertools.combinations(names, size):
                    if predict(attack, column, side, model, form, held) != SUCCEEDED:
                        continue
                    for more in set(names) - set(held):
                        bigger = predict(attack, column, side, model, form, [*held, more])
                        assert bigger == SUCCEEDED, (attack, column, side, form, model, held, more)


def test_what_it_knows_nothing_of() -> None:
    assert predict("A30", "seat-06", "server", "background-check", "cab", []) is None
    assert predict("A01", "poc-mbedtls", "client", "background-check", "cab", []) is None
    assert predict("A01", "ta-07", "client", "background-check", "ra-tls", []) is None
    known = {column.removesuffix("-cert") for column in prediction.PROFILES}
    assert known == set(contract().profiles) - {"poc-mbedtls"}


def test_what_is_known_of_every_play_is_deduced() -> None:
    """data/attacks.yaml, row by row: one of the two would have to be told why not."""
    compared = 0
    for story in stories():
        for play in plays(story):
            known = story.attack.known(play.cell, play.held)
            if known is None or known.outcome not in (SUCCEEDED, WITHSTOOD):
                continue
            cell, variants = play.cell, {}
            defence = getattr(cell, "defence", "")
            if defence:
                variants = dict([defence.split("=", 1)])
            where = (cell.column, cell.side, cell.model, cell.format)
            deduced = predict(story.attack.id, *where, play.held, variants, cell.case)
            compared += 1
            assert deduced == known.outcome, play.id
    assert compared > 700


def taken(share: bytes) -> bool:
    """Does another library agree on a key with it?"""
    try:
        if len(share) == 32:
            X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(share))
        else:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), share)
    except ValueError:
        return False
    return True


def test_degenerate_shares_are_degenerate() -> None:
    """RFC 8446 sections 4.2.8.2 and 7.4.2, as OpenSSL keeps them."""
    assert set(wire.SHARES) == prediction.DEGENERATE
    assert not any(taken(share) for _, share in wire.SHARES.values())
    assert taken((9).to_bytes(32, "little"))  # the base point (RFC 7748 section 4.1)


def record(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"attack": "A01", "column": "seat-06", "side": "server"}
    made |= {"model": "background-check", "format": "cab", "held": ["tik"], "honest": False}
    return made | {"outcome": WITHSTOOD} | changes


@pytest.mark.parametrize(
    "changes, complains",
    [
        ({}, False),
        ({"outcome": SUCCEEDED}, True),
        ({"outcome": "not carried out"}, False),
        ({"outcome": "unsupported"}, False),
        ({"outcome": SUCCEEDED, "honest": True}, False),
        ({"attack": "A30", "outcome": SUCCEEDED}, False),
        ({"column": "ta-07"}, True),
        ({"column": "ta-07", "outcome": SUCCEEDED}, False),
        ({"attack": "A08", "side": "client"}, True),
        ({"attack": "A08", "side": "client", "variants": ["binder-role=separate"]}, False),
        ({"attack": "A08", "side": "client", "variants": {"own-key": "refused"}}, False),
    ],
)
def test_where_play_and_prediction_differ(changes: dict[str, Any], complains: bool) -> None:
    found = disagreements([record(**changes)])
    assert len(found) == complains
    if complains:
        one = record(**changes)
        assert found[0].startswith(f"{one['attack']} in {one['column']}, {one['side']} attests")
        assert "one of play and prediction is wrong" in found[0]

# SPDX-License-Identifier: Apache-2.0
"""./atls probe by address alone: servers of every stack that is set up here. What it finds out must
be what their peer.yaml declares. How long anything takes is never asked."""

from __future__ import annotations

from typing import Any, Callable, Mapping

import pytest

from atls_harness.contract import contract
from atls_harness.parties import Play
from atls_harness.paths import PEERS
from atls_harness.peer import Peer, load_peers
from atls_harness.probe import plan
from atls_harness.probe.plan import CLIENT, SERVER
from atls_harness.roots import PSA, formats

Start = Callable[..., Play]
Probe = Callable[..., tuple[int, dict[str, Any]]]
STACKS = {
    name: peer
    for name, peer in load_peers([PEERS]).items()
    if "server" in peer.programs and not peer.unaware
}
SPOKEN = [(name, profile) for name, peer in STACKS.items() for profile in peer.profiles("server")]
UNAWARE = [
    name
    for name, peer in load_peers([PEERS]).items()
    if "server" in peer.programs and peer.unaware and not peer.adversary
]
BOTH_MODELS = "background-check,passport"
MODELS = contract().names("models")


# Nothing in them ties a token without a key to the connection, and they have no results.
NO_BINDER = ("ta-02", "ta-03")


def declared(peer: Peer, profile: str, role: str) -> dict[str, set[str]]:
    """What peer.yaml says of a server in a role, as far as the profile has it."""
    known = contract().profiles[profile]
    made = {
        name: set(peer.declared(name, SERVER, role))
        for name in ("models", "evidence-formats", "serializations", "curves", "cmw-forms")
    }
    made["models"] &= set(known.models)
    made["evidence-formats"] &= set(formats(PSA))
    if profile != "x509-cmw":
        made["evidence-formats"] -= {"ra-tls"}
    if profile in NO_BINDER:
        made["evidence-formats"] -= {"psa"}
        made["cmw-forms"] = set()
    if known.prototype:
        # Its bundle is no CMW, of one curve, and as it is: nothing of it can be chosen.
        made.update({"evidence-formats": {"cab"}, "serializations": {"cbor"}, "curves": {"p256"}})
        made["cmw-forms"] = set()
    return made


def speaks_only(value: Mapping[str, Any], profile: str) -> None:
    """Nothing else; but for versions in which the same offer has the same bytes."""
    spoken = {name for name, ways in value["speaks"].items() if ways}
    mine = set(contract().profiles[profile].extensions)
    for name in spoken - {profile}:
        assert mine.intersection(contract().profiles[name].extensions), value["speaks"]
    assert profile in spoken and set(value["capabilities"]) <= spoken
    assert value["left_out"] == 0


@pytest.mark.parametrize("name, profile", SPOKEN)
def test_what_a_relying_party_takes_is_what_its_stack_declares(
    name: str, profile: str, started: Start, probe: Probe
) -> None:
    peer, known = STACKS[name], contract().profiles[profile]
    models = BOTH_MODELS if known.results else MODELS[0]
    server: dict[str, Any] = {"relying-party": models}
    if known.results:
        server.update({"trust-verifier": [{"source": "main"}], "verifier": "main"})
    leaf = known.carrier == "leaf"  # there misbehaviours alone show that anybody looks
    wanted = [] if leaf else ["--honest"]
    due = declared(peer, profile, "relying-party")
    seen: dict[str, set[str]] = {what: set() for what in due}
    for kind in _kinds(peer, profile):
        told = {**server, "credential-kind": kind} if kind == "cert" else server
        if kind == "cert":  # with results it is unsupported
            told = {"credential-kind": kind}
        play = started(profile, CLIENT, name, server=told)
        url = play.addresses.verifiers["main"]
        code, value = probe(play.port, *wanted, "--verifier", url)
        speaks_only(value, profile)
        found = value["capabilities"][profile]
        for what in due:
            seen[what] |= set(found[what].get("relying-party", []))
            assert not found[what].get("attester")
        assert found["credential-kinds"] == ([kind] if kind else [])
        assert found["variants"] == {}
        assert found["hello-retry-request"] or "client" not in peer.declared("hrr")
        assert leaf or code == 0, value["failed"]
    assert seen == due


def _kinds(peer: Peer, profile: str) -> list[str]:
    """A server has one of them: that of evidence beside X.509 is another server."""
    if profile != "ta-07":
        return [""]
    return [str(one) for one in peer.capabilities.get("credential-kinds", ["attestation"])]


@pytest.mark.parametrize("name, profile", SPOKEN)
def test_what_an_attester_makes_is_what_its_stack_declares(
    name: str, profile: str, started: Start, probe: Probe
) -> None:
    peer, known = STACKS[name], contract().profiles[profile]
    if known.prototype:
        pytest.skip("only a client attests in it")
    due = declared(peer, profile, "attester")
    seen: dict[str, set[str]] = {what: set() for what in due}
    shapes: list[dict[str, Any]] = [{"model": model} for model in sorted(due["models"])]
    for evidence in sorted(due["evidence-formats"] - {"cab"}):
        server = {"evidence-format": evidence}
        # In place of a certificate there has to be a key in it.
        server.update({"credential-kind": "cert"} if profile == "ta-07" else {})
        shapes.append({"model": MODELS[0], "server": server})
    shapes.append({"model": MODELS[0], "serialization": "json"})
    for shape in shapes:
        play = started(profile, SERVER, name, **shape)
        corim = play.addresses.verifiers["main"]
        code, value = probe(play.port, "--honest", "--profile", profile, "--verifier", corim)
        assert code == 0, (shape, value["failed"])
        assert value["speaks"][profile] == [f"server {shape['model']}"]
        found = value["capabilities"][profile]
        for what in seen:
            seen[what] |= set(found[what].get("attester", []))
            assert not found[what].get("relying-party")
        assert found["hello-retry-request"] or "client" not in peer.declared("hrr")
    for what in ("models", "evidence-formats", "serializations"):
        assert seen[what] == due[what], what


@pytest.mark.parametrize("name", UNAWARE)
def test_a_stack_as_it_comes_speaks_no_profile(name: str, started: Start, probe: Probe) -> None:
    play = started("x509-cmw", "none", name)
    code, value = probe(play.port, "--patience", "2")
    assert code == 1 and value["capabilities"] == {}
    assert not any(value["speaks"].values())
    assert not any(one["fault"] for one in value["connections"])
    assert value["failed"] == ["the server speaks no profile of attested TLS that was tried"]


# Of another implementation's wire, under the same profile: nothing is understood until it is asked
# for (--variant framing=cocos).
UNASKED = {"framing"}


def readings() -> list[Any]:
    """Each reading, other than the default, of each server that declares it, where it changes
    something that a client can see."""
    found = []
    for name, profile in SPOKEN:
        for variant in STACKS[name].declared("variants"):
            known = contract().variants[variant]
            if variant in UNASKED:
                continue
            if variant in contract().profiles[profile].variants and variant not in plan.STRICTNESS:
                found += [(name, profile, variant, reading) for reading in known.readings[1:]]
    return found


# Comes to the same as the default: a nonce has 32 bytes, and what a draft says is one of these.
ALIKE = {
    ("ta-07", "binder-length=advertised-size"),
    ("ta-07", "payload-prefix=none"),
    ("seat-04", "payload-prefix=u24"),
    ("seat-06", "payload-prefix=u24"),
    ("expat-04", "payload-prefix=u16"),
}


@pytest.mark.parametrize("name, profile, variant, reading", readings())
def test_a_reading_of_a_draft_is_found_out(
    name: str, profile: str, variant: str, reading: str, started: Start, probe: Probe
) -> None:
    server: dict[str, Any] = {"variant": [f"{variant}={reading}"]}
    if profile == "ta-07":
        server["credential-kind"] = "cert"
    attests = CLIENT if profile in ("ta-07", "poc-mbedtls") else SERVER
    play = started(profile, attests, name, server=server)
    url = play.addresses.verifiers["main"]
    code, value = probe(play.port, "--honest", "--profile", profile, "--verifier", url)
    found = value["capabilities"][profile]["variants"]
    wanted = {} if (profile, f"{variant}={reading}") in ALIKE else {variant: reading}
    assert found == wanted, [one["words"] for one in value["connections"]]
    assert code == 0, value["failed"]

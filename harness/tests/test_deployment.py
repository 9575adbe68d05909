# SPDX-License-Identifier: Apache-2.0
"""Deployments: what a person says of one, what its answers say, what is not asked of it.

RFC 6750 section 5.3 (tokens over TLS), RFC 9110 section 4.2.4 (no user information in a URL).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Mapping

import pytest

from atls_harness.contract import contract
from atls_harness.deployment import answers, description, faults, served
from atls_harness.deployment.asking import Answer
from atls_harness.errors import HarnessError
from atls_harness.events import check_event
from atls_harness.scenario import Case, cases, load

IDENTITY = served.IDENTITY
REASONS = list(contract().names("reasons"))
DEEP = 100_000 * "["  # RFC 8259 section 9: how deep one reads is one's own choice


@pytest.mark.parametrize(
    "text, deployment",
    [
        ("https://host:8443", True),
        ("http://127.0.0.1:1", True),
        ("mine.yaml", True),
        ("folder/mine.yml", True),
        ("veraison-libs", False),
        ("atls", False),
    ],
)
def test_what_is_a_deployment(text: str, deployment: bool) -> None:
    assert description.is_deployment(text) == deployment


@pytest.mark.parametrize(
    "text, words",
    [
        ("https://", "expected http://HOST:PORT"),
        ("ftp://host", "expected http://HOST:PORT"),
        ("https://host:0", "expected http://HOST:PORT"),
        ("https://host:99999", "expected http://HOST:PORT"),
        ("https://host:x", "expected http://HOST:PORT"),
        ("https://host/?q=1", "expected http://HOST:PORT"),
        ("https://host/#here", "expected http://HOST:PORT"),
        ("https://me:secret@host", "no place for a name or a password"),
        ("https://me@host", "no place for a name or a password"),
    ],
)
def test_urls_refused(text: str, words: str) -> None:
    with pytest.raises(HarnessError) as problem:
        description.read(text)
    assert words in str(problem.value)


def test_a_url_and_its_files(tmp_path: Path) -> None:
    for name in ("ca", "token"):
        (tmp_path / name).write_text("x\n")
    made = description.read("https://host:8443/sub/", tmp_path / "ca", tmp_path / "token")
    assert made.name == "host:8443"
    assert made.base("verification") == made.base("provisioning") == "https://host:8443/sub"
    assert (made.ca, made.token) == (str(tmp_path / "ca"), str(tmp_path / "token"))
    with pytest.raises(HarnessError, match="over https only"):
        description.read("http://elsewhere.example", None, tmp_path / "token")
    assert description.read("http://127.0.0.1:1", None, tmp_path / "token").token
    with pytest.raises(HarnessError, match="there is no file"):
        description.read("https://host", tmp_path / "none")


WHOLE = """\
verification: https://verify.example:8443
provisioning: https://provision.example:9443
discovery: https://discover.example
ca: ca.pem
certificate: client.pem
key: client.key
provisioning-token: token
oauth2: {token-url: https://login.example/token, client-id: atls, client-secret: secret}
"""


def test_a_file(tmp_path: Path) -> None:
    for name in ("ca.pem", "client.pem", "client.key", "token", "secret"):
        (tmp_path / name).write_text("x\n")
    path = tmp_path / "mine.yaml"
    path.write_text(WHOLE)
    made = description.read(str(path))
    assert made.base("provisioning") == "https://provision.example:9443"
    assert made.discovery_base("verification") == "https://discover.example"
    assert made.oauth2["client-secret"] == str(tmp_path / "secret")
    written = tmp_path / "deployment.json"
    written.write_text(json.dumps({"deployment": made.as_json(), "learnt": {"version": "1"}}))
    assert description.from_json(written) == (made, {"version": "1"})
    with pytest.raises(HarnessError, match="a file says both itself"):
        description.read(str(path), tmp_path / "ca.pem")


@pytest.mark.parametrize(
    "text, words",
    [
        ("ca: ca.pem\n", "verification"),
        ("verification: https://host\nverfication: x\n", "verfication"),
        ("verification: ftp://host\n", "expected http://HOST:PORT"),
        ("verification: https://host\nprovisioning: nowhere\n", "provisioning"),
        ("verification: https://host\nca: none.pem\n", "there is no file"),
        ("verification: https://host\ncertificate: here\n", "go together"),
        ("verification: https://host\noauth2: {client-id: x}\n", "token-url"),
        ("verification: https://host\noauth2: {token-url: x, client-id: y}\n", "oauth2: token-url"),
        (
            "verification: https://host\n"
            "oauth2: {token-url: 'https://host', client-id: y, username: z}\n",
            "username and password go together",
        ),
        ("verification: http://host\ntoken: mine.yaml\n", "over https only"),
        (
            "verification: https://host\noauth2: {token-url: 'http://host', client-id: y}\n",
            "over https only",
        ),
        ("- verification\n", "object"),
        ("", ""),
    ],
)
def test_files_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(HarnessError) as problem:
        description.read(str(path))
    assert words in str(problem.value) and "mine.yaml" in str(problem.value)


@pytest.mark.parametrize(
    "text, made",
    [
        ("delay=3000", faults.Fault("delay", 3000, "session")),
        ("delay=1@new-session", faults.Fault("delay", 1, "new-session")),
        ("status=503@discovery", faults.Fault("status", 503, "discovery")),
        ("garbage", faults.Fault("garbage", 0, "session")),
        ("hang@session", faults.Fault("hang", 0, "session")),
        ("close@new-session", faults.Fault("close", 0, "new-session")),
        ("delay", None),
        ("delay=0", None),
        ("delay=-1", None),
        ("delay=600001", None),
        ("status=200", None),
        ("status=600", None),
        ("garbage=1", None),
        ("hang@elsewhere", None),
        ("no-such-fault", None),
        ("", None),
    ],
)
def test_faults(text: str, made: faults.Fault | None) -> None:
    """Those of the stub, and no other."""
    if made is None:
        with pytest.raises(ValueError):
            faults.parse(text)
    else:
        assert faults.parse(text) == made
        names = {"new-session": "newSession", "session": "session/1"}
        path = f"/challenge-response/v1/{names.get(made.endpoint, '')}"
        path = "/.well-known/veraison/verification" if made.endpoint == "discovery" else path
        assert faults.at([made], path) == {made.name: made}
        assert faults.at([made], "/elsewhere") == {}


@pytest.mark.parametrize(
    "nonce, dialect",
    [
        ("A" * 43, "base64url"),
        ("-_" * 21 + "A", "base64url"),
        ("A" * 43 + "=", "base64"),
        ("+/" * 21 + "A", "base64"),
    ],
)
def test_nonce_dialects(nonce: str, dialect: str) -> None:
    assert answers.nonce_dialect(nonce) == dialect
    assert len(answers.unbase64(nonce)) == 32


def session(claims: Any, status: int = 200) -> Answer:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Answer(status, [], json.dumps({"result": f"e30.{part}.e30"}).encode())


def ear(*statuses: str, **more: Any) -> dict[str, Any]:
    return {"submods": {str(i): {"ear.status": one, **more} for i, one in enumerate(statuses)}}


def mismatching(expected: Any) -> Answer:
    row = {"component": "M", "expected": expected, "measured": "00"}
    return session(ear("warning", **{"ear.veraison.policy-claims": {"atls.mismatches": [row]}}))


@pytest.mark.parametrize(
    "body, words",
    [
        (b'{"title": "Bad Request", "detail": "no\\u001bnonce"}', "Bad Request no?nonce"),
        (b'{"title": 7, "detail": "nonce"}', "nonce"),
        (b"<html>", "<html>"),
        (b"[1]", "[1]"),
        (b"7", "7"),
        (b"\xff", "?"),
        (DEEP.encode(), DEEP[:120]),
    ],
)
def test_problems(body: bytes, words: str) -> None:
    assert Answer(400, [], body).problem() == words


@pytest.mark.parametrize(
    "answer, expected",
    [
        (session(ear("affirming")), ("affirming", "ok")),
        (session(ear("affirming", "warning")), ("warning", "tier-warning")),
        (session(ear("contraindicated", "warning")), ("contraindicated", "tier-contraindicated")),
        (session(ear("none")), ("none", "tier-none")),
        (session(ear("superb")), ("none", "tier-none")),
        (session({}), None),
        (session([]), None),
        (session({"submods": []}), ("none", "tier-none")),
        (session({"submods": {"a": 1}}), ("none", "tier-none")),
        (session(ear("affirming"), 500), None),
        (Answer(200, [], b"\xff"), None),
        (Answer(200, [], b'{"result": 1}'), None),
        (Answer(200, [], b'{"result": "a.!.c"}'), None),
        (
            session(ear("warning", **{"ear.veraison.policy-claims": {"atls.reason": "made-up"}})),
            ("warning", "tier-warning"),
        ),
        (
            session(
                ear("warning", **{"ear.veraison.policy-claims": {"atls.reason": "nonce-mismatch"}})
            ),
            ("warning", "nonce-mismatch"),
        ),
        (session(ear("warning", **{"ear.veraison.policy-claims": 7})), ("warning", "tier-warning")),
        *(
            (mismatching(one), ("warning", "tier-warning"))
            for one in (None, 7, "ab", [7], {"a": 1})
        ),
        (Answer(200, [], DEEP.encode()), None),
        (Answer(200, [], f'{{"result": {DEEP}'.encode()), None),
        (Answer(200, [], b'{"result": 1, "result": 2}'), None),
    ],
)
def test_appraisals(answer: Answer, expected: tuple[str, str] | None) -> None:
    """Whatever a verifier says, what is told of it is an event of the contract."""
    made = answers.appraisal_event(answer, "1", "application/cmw+cbor", REASONS)
    assert (made and (made["status"], made["reason"])) == expected
    if made:
        line = {"t": 0.1, "who": "verifier", "event": "appraisal", **made}
        assert not check_event(line, "verifier")


def story(tmp_path: Path, more: str) -> Case:
    path = tmp_path / "story.yaml"
    path.write_text(
        "title: A story about a verifier\nclauses: [R-KAT-03]\nattester: client\n"
        f"profile: ta-07\nmodel: background-check\nexpect: {{outcome: complete}}\n{more}"
    )
    (case,) = cases(*load(path))
    return case


def run_with(declared: Mapping[str, Any], product: str = "atls-1") -> Any:
    peer = SimpleNamespace(name="host:8443", capabilities={"verifier": declared})
    return SimpleNamespace(peer=lambda role: peer, product=product)


OWN = {"dialects": ["main"], "issuer": "its.example", "nonce-dialect": "base64url"}
EXTRA = 'device: {tamper: ["extra:SPY"]}\n'


@pytest.mark.parametrize(
    "declared, more, words",
    [
        (OWN, "", ""),
        (OWN, "other-verifier: {}\n", "the case has two"),
        (OWN, "verifier: {result-lifetime: 60}\n", "set result-lifetime"),
        (OWN, "verifier: {session-lifetime: 60}\n", "set session-lifetime"),
        (OWN, "verifier: {audience: [a.example]}\n", "set audience"),
        (OWN, "verifier: {ear-dialect: draft-03}\n", "has ear-dialect veraison"),
        (OWN, "verifier: {ear-dialect: veraison}\n", ""),
        (OWN, "verifier: {nonce-dialect: base64}\n", "has nonce-dialect base64url"),
        (OWN, "verifier: {store: sqlite}\n", "a store of its own"),
        (OWN, "verifier: {dialect: v0.0.2608}\n", "takes endorsements in main"),
        ({"dialects": ["main", "v0.0.2608"]}, "verifier: {dialect: v0.0.2608}\n", ""),
        (OWN, "verifier: {identity: other.example}\n", "has identity its.example"),
        (OWN, "verifier: {identity: its.example}\n", ""),
        (OWN, "verifier: {identity: verifier.example}\n", ""),  # whoever it is
        (OWN, f'device: {{tamper: ["version:FW:{IDENTITY.encode().hex()}"]}}\n', "in bytes"),
        ({"issuer": ""}, "verifier: {identity: other.example}\n", ""),
        (OWN, "verifier: {fault: [garbage]}\n", ""),  # the gateway's doing
        ({"psa-profiles": ["arm-2"]}, "", ""),
        ({"psa-profiles": ["arm-2"]}, "device: {psa-profile: rfc9783}\n", "profile rfc9783"),
        ({"psa-profiles": ["rfc9783"]}, "", "profile arm-2"),
        ({"unknown-component": False}, EXTRA, "a component that nobody endorsed"),
        ({"unknown-component": True}, EXTRA, ""),
        ({"missing-component": False}, "verifier: {endorse-components: 1}\n", "was not measured"),
        ({"missing-component": False}, "", ""),
    ],
)
def test_what_is_not_asked(
    tmp_path: Path, declared: Mapping[str, Any], more: str, words: str
) -> None:
    lack = served.lacks(story(tmp_path, more), run_with(declared))
    assert (words in lack) if words else lack == "", lack


def test_what_a_peer_is_not_held_to(tmp_path: Path) -> None:
    """The harness starts it, and so can set all of it."""
    case = story(tmp_path, "verifier: {result-lifetime: 60, ear-dialect: draft-03}\n")
    assert served.lacks(case, run_with({}, "")) == ""
    assert served.as_served(case, run_with(OWN, "")) is case


def test_identity_and_counts(tmp_path: Path) -> None:
    counted = "{event: endorsed, reference_values: 3, trust_anchors: 1}"
    case = story(tmp_path, "verifier: {endorse: [device]}\n")
    seen = served.as_served(case, run_with(OWN))
    assert seen.story["verifier"] == {"endorse": ["device"], "identity": "its.example"}
    named = "roles: {relying-party: {trust-verifier: [{id: verifier.example, source: main}]}}\n"
    seen = served.as_served(story(tmp_path, named), run_with(OWN))
    (trusted,) = seen.story["roles"]["relying-party"]["trust-verifier"]
    assert trusted == {"id": "its.example", "source": "main"}
    path = tmp_path / "story.yaml"
    path.write_text(
        path.read_text().replace("complete}", f"complete, verifier: {{required: [{counted}]}}}}")
    )
    (case,) = cases(*load(path))
    told = served.as_counted(case, run_with({"counts": False})).story["expect"]["verifier"]
    assert told == {"required": [{"event": "endorsed"}]}
    assert served.as_counted(case, run_with({})) is case

# SPDX-License-Identifier: Apache-2.0
"""What was asked of Veraison's services when they were recorded, asked again of another verifier:
evidence, requests at the edges of the APIs, and CoRIMs (folder recorded)."""

from __future__ import annotations

import base64
import copy
import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

import cbor2
import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

FOLDER = Path(__file__).parent / "recorded"
PSA = "application/psa-attestation-token"
CORIM = 'application/rim+cbor; profile="tag:arm.com,2025:psa#1.0.0"'
SIGNED = CORIM.replace("rim+cbor", "rim+cose")
TFM = "tag:psacertified.org,2023:psa#tfm"
CLAIMS = ("instance-identity", "executables", "hardware", "runtime-opaque", "storage-opaque")
IMPLEMENTATION = b"acme-implementation-id-000000001"
INSTANCE = b"\x01" + bytes(range(32))
SIGNER = b"\x05" * 32
NONCE = bytes(range(32))
KEY, OTHER = (ec.derive_private_key(number, ec.SECP256R1()) for number in (7, 8))

Answer = tuple[int, dict[str, str], bytes]
Claims = dict[Any, Any]


def answers(name: str) -> dict[str, dict[str, Any]]:
    """What was recorded."""
    read: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return read


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


@dataclass(frozen=True)
class Verifier:
    """One to be asked: both APIs on one port. PADDED: nonces in a query are."""

    address: str
    padded: bool = False

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, names, answer.read()
        finally:
            connection.close()

    def session(self, query: str, headers: Mapping[str, str] | None = None) -> Answer:
        target = "/challenge-response/v1/newSession" + (f"?{query}" if query else "")
        return self.ask("POST", target, b"", headers)

    def submit(
        self, where: str, body: bytes, kind: str | None, headers: Mapping[str, str | None]
    ) -> Answer:
        target = f"/challenge-response/v1/{where}"
        return self.ask("POST", target, body, {"Content-Type": kind, **headers})

    def provision(
        self, body: bytes, kind: str | None, headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        target = "/endorsement-provisioning/v1/submit"
        return self.ask("POST", target, body, {"Content-Type": kind, **(headers or {})})


def components() -> list[dict[int, Any]]:
    return [
        {1: name, 2: bytes([i + 1]) * 32, 4: f"{i + 1}.0.0", 5: SIGNER}
        for i, name in enumerate(("BL", "PRoT", "ARoT"))
    ]


def corim(
    identity: str = "recorded",
    dialect: str = "main",
    more: Claims | None = None,
    implementation: bytes = IMPLEMENTATION,
) -> bytes:
    """Of the one device, in Veraison's form; MORE is what else it says."""
    pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    environment = {0: {0: cbor2.CBORTag(560, implementation)}}
    measured = [
        {
            0: "psa.software-component",
            1: {
                0: {0: one[4]},
                2: [[1, one[2]]],
                11: one[1],
                13: [cbor2.CBORTag(560, one[5])],
            },
        }
        for one in components()
    ]
    anchored = {**environment, 1: cbor2.CBORTag(550, INSTANCE)}
    triples = {
        0: [[environment, measured]],
        3: [[anchored, [cbor2.CBORTag(554, pem.decode("ascii"))]]],
    }
    comid = cbor2.dumps({1: {0: b"\x11" * 16}, 4: triples})
    name = "tag:arm.com,2025:psa#1.0.0"
    profile = cbor2.CBORTag(32, name) if dialect == "main" else name
    body = {0: identity, 1: [cbor2.CBORTag(506, comid)], 3: profile, **(more or {})}
    return cbor2.dumps(cbor2.CBORTag(501, body))


def claims(nonce: Any = NONCE, **changes: Any) -> Claims:
    """Those of a good token; cN=VALUE sets one, None takes it out."""
    made: Claims = {
        265: "http://arm.com/psa/2.0.0",
        2394: 1,
        2395: 0x3000,
        2396: IMPLEMENTATION,
        2397: b"\xde\xad\xbe\xef" * 8,
        2398: "1234567890123-12345",
        2399: components(),
        10: nonce,
        256: INSTANCE,
        2400: "https://veraison.example/v1/challenge-response",
    }
    for name, value in changes.items():
        made[int(name[1:])] = value
    return {key: value for key, value in made.items() if value is not None}


def sign(
    payload: bytes,
    key: ec.EllipticCurvePrivateKey = KEY,
    alg: int = -7,
    prot: bytes | None = None,
    unprot: Any = None,
    tag: int | None = 18,
    flip: bool = False,
    detached: bool = False,
) -> bytes:
    """A COSE_Sign1, wrong in some way."""
    protected = cbor2.dumps({1: alg}) if prot is None else prot
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    signature = bytearray(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    if flip:
        signature[40] ^= 1
    message = [protected, unprot or {}, None if detached else payload, bytes(signature)]
    return cbor2.dumps(message if tag is None else cbor2.CBORTag(tag, message))


def token(
    nonce: Any = NONCE,
    key: ec.EllipticCurvePrivateKey = KEY,
    sg: Mapping[str, Any] | None = None,
    **changes: Any,
) -> bytes:
    return sign(cbor2.dumps(claims(nonce, **changes)), key, **dict(sg or {}))


@dataclass(frozen=True)
class Submission:
    """One piece of evidence, and perhaps another in the same session."""

    body: bytes
    kind: str | None = PSA
    nonce: bytes = NONCE
    accept: str | None = None
    second: bytes | None = None


def _changed(index: int, **members: Any) -> list[dict[int, Any]]:
    made = copy.deepcopy(components())
    for name, value in members.items():
        made[index][int(name[1:])] = value
    return [{key: value for key, value in one.items() if value is not None} for one in made]


def _component_cases() -> Iterator[tuple[str, list[dict[int, Any]]]]:
    wrong = b"\7" * 32
    yield "flipped component", _changed(1, m2=wrong)
    yield "missing component", components()[:2]
    yield "unknown component", components() + [{1: "EXTRA", 2: wrong, 4: "1", 5: SIGNER}]
    yield "other version", _changed(0, m4="9.9.9")
    yield "other name", _changed(0, m1="XX")
    yield "other signer", _changed(0, m5=wrong)
    yield "component without version", _changed(0, m4=None)
    yield "component without type", _changed(0, m1=None)
    yield "component without signer", _changed(0, m5=None)
    yield "component twice", components() + components()[:1]
    yield "components reordered", components()[::-1]
    yield "component with description", _changed(0, m6="sha-256")
    yield "component with unknown key", _changed(0, m99="x")


def _claim_cases() -> Iterator[tuple[str, Submission]]:
    for label, made in _component_cases():
        yield label, Submission(token(c2399=made))
    states = (0x0000, 0x00FF, 0x1000, 0x2000, 0x3000, 0x30FF, 0x4000, 0x40AA)
    for state in (*states, 0x5000, 0x6000, 0x0100, 0x7000, 0x13000):
        yield f"lifecycle {state:#x}", Submission(token(c2395=state))
    for client in (-1, 0, -2147483648, 2147483647, 2147483648, -2147483649):
        yield f"client id {client}", Submission(token(c2394=client))
    names = {2394: "client id", 2395: "lifecycle", 2396: "implementation id", 2397: "boot seed"}
    names.update({2399: "components", 10: "nonce", 256: "instance", 2400: "vsi", 265: "profile"})
    for claim, name in names.items():
        yield f"without {name}", Submission(token(**{f"c{claim}": None}))
    yield "boot seed 8 bytes", Submission(token(c2397=b"\1" * 8))
    yield "boot seed 33 bytes", Submission(token(c2397=b"\1" * 33))
    yield "certification reference 13", Submission(token(c2398="1234567890123"))
    yield "certification reference 13-5", Submission(token(c2398="1234567890123-12345"))
    yield "certification reference bad", Submission(token(c2398="bad"))
    yield "empty components", Submission(token(c2399=[]))
    yield "unknown claim", Submission(token(c70000="x"))
    yield "text claim", Submission(sign(cbor2.dumps({**claims(), "x": 1})))
    yield "vsi empty", Submission(token(c2400=""))
    yield "vsi not URL", Submission(token(c2400="not a url"))
    for size in (8, 16, 32, 48, 64, 33):
        nonce = bytes(range(size))
        yield f"nonce of {size} bytes", Submission(token(nonce), nonce=nonce)
    yield "nonce array of one", Submission(token(c10=[NONCE]))
    yield "nonce array of two", Submission(token(c10=[NONCE, b"\2" * 32]))
    yield "profile tfm", Submission(token(c265=TFM))
    kind = f'application/eat+cwt; eat_profile="{TFM}"'
    yield "profile tfm with its media type", Submission(token(c265=TFM), kind)
    yield "profile garbage", Submission(token(c265="garbage"))
    yield from _first_profile()


def _first_profile() -> Iterator[tuple[str, Submission]]:
    made: Claims = {
        -75000: "PSA_IOT_PROFILE_1",
        -75001: 1,
        -75002: 0x3000,
        -75003: IMPLEMENTATION,
        -75004: b"\1" * 32,
        -75006: components(),
        -75008: NONCE,
        -75009: INSTANCE,
    }
    good = sign(cbor2.dumps(made))
    yield "profile 1", Submission(good)
    kind = 'application/eat+cwt; eat_profile="tag:psacertified.org,2019:psa#legacy"'
    yield "profile 1 legacy type", Submission(good, kind)
    none = {key: value for key, value in made.items() if key != -75006}
    yield "profile 1 no measurements", Submission(sign(cbor2.dumps({**none, -75007: 1})))


def _cose_cases() -> Iterator[tuple[str, Submission]]:
    good = token()
    yield "untagged COSE", Submission(token(sg={"tag": None}))
    twice = cbor2.dumps(cbor2.CBORTag(61, cbor2.loads(good)))
    yield "tag 61(18)", Submission(twice)
    headers = {
        "alg in unprotected": {"prot": b"", "unprot": {1: -7}},
        "alg ES384 with P-256": {"alg": -35},
        "kid in unprotected": {"unprot": {4: b"1"}},
        "content type header": {"prot": cbor2.dumps({1: -7, 3: "application/x"})},
        "crit header": {"prot": cbor2.dumps({1: -7, 2: [99], 99: 1})},
    }
    for label, made in headers.items():
        yield label, Submission(token(sg=made))
    yield "trailing byte", Submission(good + b"\0")
    yield "detached", Submission(token(sg={"detached": True}))
    yield "truncated", Submission(good[:-1])
    yield "garbage", Submission(b"garbage")
    yield "one zero", Submission(b"\0")
    plain = cbor2.dumps(claims())
    yield "indefinite map in payload", Submission(sign(b"\xbf" + plain[1:] + b"\xff"))
    again = bytes([plain[0] + 1]) + plain[1:] + cbor2.dumps(10) + cbor2.dumps(NONCE)
    yield "duplicate nonce claim", Submission(sign(again))
    client = cbor2.dumps(2394)
    yield "payload not shortest", Submission(
        sign(plain.replace(client + b"\1", client + b"\x18\1"))
    )


BARE = (
    "application/psa-attestation-token",
    "Application/PSA-Attestation-Token",
    "application/psa-attestation-token; x=y",
    "application/psa-attestation-token;",
    'application/eat-cwt; profile="http://arm.com/psa/2.0.0"',
    'application/eat-cwt;profile="http://arm.com/psa/2.0.0"',
    "application/eat-cwt; profile=http://arm.com/psa/2.0.0",
    f'application/eat+cwt; eat_profile="{TFM}"',
    'application/eat+cwt; eat_profile="tag:psacertified.org,2019:psa#legacy"',
    "application/eat+cwt",
    'application/eat+cwt; eat_profile="http://arm.com/psa/2.0.0"',
    "application/octet-stream",
    "text/plain",
    "garbage",
    "",
    None,
    "application/cmw",
    "application/cmw+cbor",
    "application/cmw+json",
)


def _type_cases() -> Iterator[tuple[str, Submission]]:
    good = token()
    for kind in BARE:
        yield f"bare token as {kind!r}", Submission(good, kind)
    format_number = 10003
    tag = 1668546817 + (format_number // 255) * 256 + format_number % 255
    record = cbor2.dumps([PSA, good])
    typed = {"__cmwc_t": "tag:x.example,2026:y", "psa": [PSA, good]}
    padded = base64.urlsafe_b64encode(good).decode("ascii")
    tfm = f'application/eat+cwt; eat_profile="{TFM}"'
    wrapped = {
        "CBOR record": record,
        "CBOR record with indicator 4": cbor2.dumps([PSA, good, 4]),
        "record of 4": cbor2.dumps([PSA, good, 4, 5]),
        "record cf 10003": cbor2.dumps([format_number, good]),
        "JSON record": json.dumps([PSA, b64(good)]).encode(),
        "JSON record padded": json.dumps([PSA, padded]).encode(),
        "JSON record std base64": json.dumps(
            [PSA, base64.b64encode(good).decode("ascii")]
        ).encode(),
        "CBOR tag cf 10003": cbor2.dumps(cbor2.CBORTag(tag, good)),
        "CBOR collection": cbor2.dumps({"psa": [PSA, good]}),
        "typed CBOR collection": cbor2.dumps(typed),
        "record of a record": cbor2.dumps(["application/cmw+cbor", record]),
        "record of text/plain": cbor2.dumps(["text/plain", good]),
        "record of garbage type": cbor2.dumps(["garbage", good]),
        "record with empty value": cbor2.dumps([PSA, b""]),
        "record of tfm type": cbor2.dumps([tfm, good]),
        "record, type with odd case": cbor2.dumps(["Application/PSA-attestation-token", good]),
        "record trailing": record + b"\0",
        "record, value text": cbor2.dumps([PSA, "x"]),
        "record indicator 0": cbor2.dumps([PSA, good, 0]),
        "JSON garbage": b'["x"',
        "empty array": b"\x80",
    }
    several = ("CBOR record", "JSON record", "CBOR tag cf 10003")
    kinds = ("application/cmw+cbor", "application/cmw+json", "application/cmw")
    for name, body in wrapped.items():
        for kind in (*kinds, "application/vnd.veraison.cmw") if name in several else kinds[2:]:
            yield f"{name} as {kind}", Submission(body, kind)
    for kind in (
        "application/cmw+cbor; charset=utf-8",
        "APPLICATION/CMW",
        "application/cmw;",
        "application/vnd.veraison.cmw+cbor",
        "application/vnd.veraison.cmw+json",
    ):
        yield f"CBOR record as {kind}", Submission(record, kind)


def submissions() -> dict[str, Submission]:
    """All of them, by the names of the recording."""
    good, stale = token(), token(b"\1" * 32)
    made = {
        "good": Submission(good),
        "wrong nonce": Submission(stale),
        "flipped signature": Submission(token(sg={"flip": True})),
        "flipped signature and wrong nonce": Submission(token(b"\1" * 32, sg={"flip": True})),
        "other key": Submission(token(key=OTHER)),
        "unknown instance": Submission(token(c256=b"\1" + b"\2" * 32)),
        "unknown implementation": Submission(token(c2396=b"x" * 32)),
        **dict(_claim_cases()),
        **dict(_cose_cases()),
        **dict(_type_cases()),
        "empty body": Submission(b""),
        "Accept text/html": Submission(good, accept="text/html"),
        "Accept application/json": Submission(good, accept="application/json"),
        "same evidence twice": Submission(good, second=good),
        "bad then good": Submission(stale, second=good),
        "good then bad": Submission(good, second=stale),
        "good then text/plain... (same type)": Submission(good, second=b"garbage"),
        "2 MiB": Submission(b"\xd2" + b"\0" * (2 << 20)),
    }
    return made


def _result(session: dict[str, Any]) -> dict[str, Any]:
    part = session["result"].split(".")[1]
    result = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    ((name, submod),) = result["submods"].items()
    vector = submod.get("ear.trustworthiness-vector", {})
    made = {
        "status": 200,
        "submod": name,
        "tier": submod["ear.status"],
        "vector": [vector.get(claim, 0) for claim in CLAIMS],
    }
    why = submod.get("ear.veraison.policy-claims", {})
    return {**made, "problem": why["problem"]} if "problem" in why else made


def appraised(verifier: Verifier, given: Submission) -> dict[str, Any]:
    """What becomes of it, in the form of the recording."""
    nonce = b64(given.nonce)
    nonce += "=" * (-len(nonce) % 4) if verifier.padded else ""
    status, headers, body = verifier.session(f"nonce={nonce}")
    assert status == 201, body
    for one in filter(lambda one: one is not None, (given.body, given.second)):
        accept = {"Accept": given.accept}
        status, _, body = verifier.submit(headers["location"], one or b"", given.kind, accept)
    if status == 200:
        return _result(json.loads(body))
    detail = json.loads(body)["detail"]
    if "unknown start symbol" in detail:  # and then all of what came
        detail = detail.split(": [")[0]
    return {"status": status, "detail": detail}


SESSION = "application/vnd.veraison.challenge-response-session+json"
QUERY = "QUp8F0FBs9DpodKK8xUg8NQimf6sQAfe2J1ormzZLxk"
QUERIES = [
    "",
    *(f"nonceSize={size}" for size in ("32", "8", "7", "64", "65", "0", "256", "abc", "032")),
    "nonceSize=%2B32",
    "nonceSize=0x20",
    "nonceSize=",
    "nonce=",
    "nonce=&nonceSize=16",
    f"nonce={QUERY}",
    f"nonce={QUERY}=",
    f"nonce={QUERY}==",
    "nonce=deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdea=",
    "nonce=deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdea",
    "nonce=Ppfdfe2JzZLOk=",
    "nonce=%2B%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F",
    "nonce=-_______________",
    "nonce=AAAAAAAAAA",
    "nonce=" + "A" * 88,
    "nonce=" + "A" * 86,
    f"nonce={QUERY}&nonceSize=32",
    "nonce=QUp8F0FBs9Dp%0AodKK8xUg8NQimf6sQAfe2J1ormzZLxk",
    f"nonce={QUERY}&nonce={QUERY}",
    "foo=bar",
]
ACCEPTS = ["*/*", "application/*", "application/json", SESSION, f"{SESSION};q=0"]
ACCEPTS += ["text/html, */*;q=0.1", "text/html", SESSION.upper(), f"{SESSION}; v=1", "", " "]
ACCEPTS += [f"text/html,{SESSION}", "*", "garbage"]
NEW, ONE = "/challenge-response/v1/newSession", "/challenge-response/v1/session/"
KNOWN = "/.well-known/veraison/"
NOBODY = "00000000-0000-4000-8000-000000000000"
PATHS = [
    ("GET", NEW),
    ("PUT", NEW),
    ("POST", f"{NEW}/"),
    ("POST", "/challenge-response//v1/newSession"),
    ("GET", "/"),
    ("OPTIONS", NEW),
    ("HEAD", f"{KNOWN}verification"),
    ("GET", f"{KNOWN}verification/"),
    ("POST", f"{KNOWN}verification"),
    ("GET", ONE),
    *((method, ONE + NOBODY) for method in ("PUT", "GET", "DELETE")),
    ("DELETE", f"{ONE}x"),
    ("GET", f"{ONE}x"),
    ("GET", f"{ONE}1111-2222-3333"),
]
DISCOVERY = "application/vnd.veraison.discovery+json"
CORIM_TYPES = [
    None,
    "",
    "garbage",
    "application/rim+cbor",
    'application/rim+cbor; profile="x"',
    "application/rim+cbor; profile=tag:arm.com,2025:psa#1.0.0",
    CORIM.replace("rim+cbor", "RIM+CBOR"),
    CORIM.replace("; ", ";"),
    CORIM.replace("profile", "PROFILE"),
    CORIM.replace("tag:", "TAG:"),
    f"{CORIM}; x=y",
    'application/corim-unsigned+cbor; profile="http://arm.com/psa/iot/1"',
    SIGNED,
    CORIM.replace("psa#", "cca_platform#"),
]


def _at_provisioning(verifier: Verifier, dialect: str) -> Iterator[tuple[str, Answer]]:
    made = corim("edges", dialect)
    for kind in CORIM_TYPES:
        yield f"submit CT {kind!r}", verifier.provision(made, kind)
    yield "submit again", verifier.provision(made, CORIM)
    yield "submit empty", verifier.provision(b"", CORIM)
    yield "submit empty & unknown type", verifier.provision(b"", "text/plain")
    yield "submit Accept text/html", verifier.provision(made, CORIM, {"Accept": "text/html"})
    yield "submit Accept json", verifier.provision(made, CORIM, {"Accept": "application/json"})
    yield "submit garbage", verifier.provision(b"garbage", CORIM)
    yield "submit trailing byte", verifier.provision(made + b"\0", CORIM)
    yield "GET submit", verifier.ask("GET", "/endorsement-provisioning/v1/submit")
    large = b"\xd9\x01\xf5" + b"\0" * (2 << 20)
    yield "submit 2 MiB", verifier.provision(large, CORIM)


def _asked(verifier: Verifier, dialect: str) -> Iterator[tuple[str, Answer]]:
    for query in QUERIES:
        yield f"newSession?{query}", verifier.session(query)
    for accept in ACCEPTS:
        label = f"newSession Accept: {accept!r}"
        yield label, verifier.session("nonceSize=32", {"Accept": accept})
    for method, path in PATHS:
        yield f"{method} {path}", verifier.ask(method, path)
    for accept in ("*/*", "application/json", DISCOVERY, "text/plain", "application/*"):
        for label, name in (("", "verification"), ("prov ", "provisioning")):
            answer = verifier.ask("GET", KNOWN + name, None, {"Accept": accept})
            yield f"{label}discovery Accept {accept}", answer
    yield "discovery", verifier.ask("GET", f"{KNOWN}verification")
    padding = "=" if verifier.padded else ""
    yield "session doc", verifier.session(f"nonce={QUERY}{padding}")
    yield from _at_provisioning(verifier, dialect)


def requested(
    verifier: Verifier, recorded: Mapping[str, Any], dialect: str = "main"
) -> dict[str, dict[str, Any]]:
    """What the verifier answers to all of them, in the form of the recording."""
    made = {}
    for label, (status, headers, body) in _asked(verifier, dialect):
        try:
            given = json.loads(body)
            detail = given.get("detail") if isinstance(given, dict) else given
        except ValueError:
            detail = body.decode("utf-8", errors="replace")[:160]
        made[label] = {"status": status, "type": headers.get("content-type")}
        if detail:
            made[label]["detail"] = detail
        if "headers" in recorded[label]:
            names = headers.keys() - {"date", "content-length", "connection"}
            made[label]["headers"] = sorted(names)
    return made


# Dependent RIMs, validity, and an entity, as in a CoRIM that Veraison's own tests make.
FULL: Claims = {
    2: [{0: cbor2.CBORTag(32, "https://parent.example/rims/1.corim"), 1: [1, b"\xab" * 32]}],
    4: {0: cbor2.CBORTag(1, 1640995200), 1: cbor2.CBORTag(1, 4102444800)},
    5: [{0: "ACME Ltd.", 1: cbor2.CBORTag(32, "https://acme.example"), 2: [1]}],
}


def corim_bytes(name: str) -> bytes | None:
    """A CoRIM of Veraison's repositories: those of its PSA scheme are among the test vectors, the
    others in checkouts below ATLS_VERAISON, where there are any."""
    checkouts, vectors = (os.environ.get(one) for one in ("ATLS_VERAISON", "ATLS_VECTORS"))
    places = [Path(checkouts) / name] if checkouts else []
    if name == "vec/psa-mini.cbor":
        return corim("mini")
    if name == "vec/psa-full.cbor":
        return corim("full", more=FULL)
    if vectors and "/psa-iot/" in name:
        places.append(Path(vectors) / "corim" / "main" / Path(name).name)
    return next((place.read_bytes() for place in places if place.is_file()), None)


def endorsed(verifier: Verifier, body: bytes) -> dict[str, Any]:
    """What becomes of a CoRIM, in the form of the recording."""
    status, _, answer = verifier.provision(body, SIGNED if body[:1] == b"\xd2" else CORIM)
    given = json.loads(answer)
    made = {"http": status, "status": given["status"] if status == 200 else given["detail"]}
    if "failure-reason" in given:
        made["reason"] = given["failure-reason"]
    return made

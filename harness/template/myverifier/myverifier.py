#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A verifier to begin with: its flags, its events, its exit codes, Veraison's HTTP interfaces.

Each request of a relying party has a method below; appraise() is the verdict. It knows whose key
signed a platform token, and for which nonce. What software runs it does not look at, and so it
affirms nothing: that is yours to write (README.md). The root of trust is simulated.
"""

import argparse
import base64
import hmac
import http.server
import json
import os
import re
import secrets
import sys
import threading
import time
import urllib.parse
import uuid

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

DONE, REFUSED, UNSUPPORTED = 0, 1, 77
BEGAN = time.monotonic()
SESSION = "application/vnd.veraison.challenge-response-session+json"
DISCOVERY = "application/vnd.veraison.discovery+json"
NEW, ONE = "/challenge-response/v1/newSession", re.compile("/challenge-response/v1/session/([^/]+)")
EVIDENCE = (
    "application/psa-attestation-token",
    'application/eat-cwt; profile="http://arm.com/psa/2.0.0"',
    'application/eat+cwt; eat_profile="tag:psacertified.org,2023:psa#tfm"',
)
BODY_MAX, SESSIONS_MAX = 1 << 20, 4096
NONCE_MIN, NONCE_MAX, NONCE_SIZE = 8, 64, 32
# Trust claims and tiers (AR4SI, draft-ietf-rats-ar4si; draft-ietf-rats-ear section 3).
CLAIMS = ("instance-identity", "executables", "hardware", "runtime-opaque", "storage-opaque")
FORGED = 99  # cryptography failed: of this attester nothing can be believed
# Numbers of claims (RFC 9783 section 4), and of tags: COSE_Sign1 (RFC 9052), and those of a CoRIM.
CLIENT_ID, NONCE, INSTANCE, IMPLEMENTATION, COMPONENTS = 2394, 10, 256, 2396, 2399
SIGN1, CORIM, COMID, ES256 = 18, 501, 506, -7


def unsupported(what):
    """Says what this verifier does not do. Always before `ready`."""
    print(f"myverifier: not supported: {what}", file=sys.stderr)
    sys.exit(UNSUPPORTED)


def parse(argv):
    """The flags of harness/peers/README.md. An unknown flag is wrong usage (argparse exits with 2);
    one that is known, and asks for something that is not here, is not supported."""
    flags = argparse.ArgumentParser(prog="myverifier", allow_abbrev=False)
    flags.add_argument(
        "--version", action="version", version=f"myverifier 1 (cbor2 {cbor2_version()})"
    )
    flags.add_argument("--listen", default="127.0.0.1:0")
    flags.add_argument("--endorsements", action="append", default=[], help="a CoRIM; repeatable")
    flags.add_argument("--identity", default="myverifier.example", help="iss of the results")
    flags.add_argument("--public-key", help="where the public JWK is written")
    flags.add_argument("--result-lifetime", type=float, default=300)
    flags.add_argument("--session-lifetime", type=float, default=150)
    flags.add_argument("--events", help="a file; - is standard output")
    for name, only in (
        ("store", "memory"),
        ("nonce-dialect", "base64url"),
        ("ear-dialect", "veraison"),
    ):
        flags.add_argument(f"--{name}", default=only)
    refused = ("audience", "endorser-key", "fault", "key", "provisioning-token", "request-timeout")
    for name in refused:
        flags.add_argument(f"--{name}", action="append")
    given = flags.parse_args(argv)
    for name in refused:
        if getattr(given, name.replace("-", "_")):
            unsupported(f"--{name}")
    for name, value in (
        ("store", given.store),
        ("nonce-dialect", given.nonce_dialect),
        ("ear-dialect", given.ear_dialect),
    ):
        if value != flags.get_default(name.replace("-", "_")):
            unsupported(f"--{name} {value}")
    return given


def cbor2_version():
    from importlib import metadata

    return metadata.version("cbor2")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Events:
    """One JSON object a line; t never goes back."""

    def __init__(self, path):
        self.file = sys.stdout if path == "-" else open(path or os.devnull, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def say(self, event, **fields):
        with self.lock:
            line = {"t": time.monotonic() - BEGAN, "who": "verifier", "event": event, **fields}
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()


class Store:
    """What CoRIMs endorse: keys by implementation and instance, and reference values."""

    def __init__(self):
        self.anchors = {}  # (implementation id, instance id): public key
        self.references = {}  # implementation id: [{name, version, digest, signer}]

    def add(self, corim):
        """Takes a CoRIM (draft-ietf-rats-corim, PSA profile); returns how much it endorsed."""
        values = anchors = 0
        for tag in tagged(cbor2.loads(corim), CORIM)[1]:
            triples = cbor2.loads(tagged(tag, COMID))[4]
            for environment, measurements in triples.get(0, []):
                known = self.references.setdefault(environment[0][0].value, [])
                known += [reference(one[1]) for one in measurements]
                values += len(measurements)
            for environment, keys in triples.get(3, []):
                key = serialization.load_pem_public_key(keys[0].value.encode())
                self.anchors[environment[0][0].value, environment[1].value] = key
                anchors += 1
        return values, anchors


def reference(measured):
    """What one component should be; None for what the CoRIM does not say."""
    version, signer = measured.get(0), measured.get(13)
    return {
        "name": measured.get(11),
        "version": version[0] if version else None,
        "digest": dict(map(tuple, measured[2]))[1],  # 1: SHA-256
        "signer": signer[0].value if signer else None,
    }


def tagged(item, number):
    if not isinstance(item, cbor2.CBORTag) or item.tag != number:
        raise ValueError(f"expected CBOR tag {number}, came {str(item)[:60]}")
    return item.value


class Refused(Exception):
    """A verdict: reason (a word of the peer contract), detail, and what becomes of the claims."""

    def __init__(self, reason, detail, vector=None):
        super().__init__(detail)
        self.reason = reason
        self.vector = vector if vector is not None else dict.fromkeys(CLAIMS, FORGED)


def appraise(store, token, nonce):
    """Judges a platform token: returns the trust vector of one that may be relied on, or raises.

    A claim that is not in the vector is none; nothing may be in it that was not checked."""
    try:
        protected, _, payload, signature = tagged(cbor2.loads(token), SIGN1)
        headers, claims = cbor2.loads(protected), cbor2.loads(payload)
        who = claims[IMPLEMENTATION], claims[INSTANCE]
        signed = cbor2.dumps(["Signature1", protected, b"", payload])  # RFC 9052 section 4.4
        raw = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        if headers[1] != ES256 or len(signature) != 64:
            raise ValueError(
                f"expected ES256 and its 64 bytes, came {headers[1]}, {len(signature)}"
            )
    except Exception as problem:  # whatever hostile bytes make of cbor2 and of what it gives
        raise Refused("malformed-cose", f"no PSA token: {type(problem).__name__}: {problem}")
    if who not in store.anchors:
        raise Refused("unknown-attestation-key", f"no trust anchor for instance {who[1].hex()}")
    came = claims.get(NONCE)
    if not isinstance(came, bytes) or not hmac.compare_digest(came, nonce):
        raise Refused("nonce-mismatch", "the token answers another nonce than the session's")
    try:
        key = store.anchors[who]
        key.verify(utils.encode_dss_signature(*raw), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("pat-signature-invalid", "the trust anchor's key did not sign this token")
    return software(claims[COMPONENTS], store.references.get(who[0], []))


def software(components, references):
    """Does what was measured match what is endorsed? Yours to write: see README.md."""
    raise Refused("tier-none", "nothing here looks at the software yet", {})


class Verifier:
    """Sessions, and the key that signs results."""

    def __init__(self, given, events):
        self.given, self.events, self.store = given, events, Store()
        self.lock, self.sessions = threading.Lock(), {}
        self.key = ec.generate_private_key(ec.SECP256R1())  # of this run; never written
        point = self.key.public_key().public_numbers()
        x, y = (base64url(one.to_bytes(32, "big")) for one in (point.x, point.y))
        self.jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig"}

    def open(self, nonce):
        """A session with this nonce; None where too many wait."""
        made = {"id": str(uuid.uuid4()), "nonce": nonce, "result": None}
        made["ends"] = time.monotonic() + self.given.session_lifetime
        with self.lock:
            for old in [one for one in self.sessions.values() if one["ends"] < time.monotonic()]:
                del self.sessions[old["id"]]
            if len(self.sessions) >= SESSIONS_MAX:
                return None
            self.sessions[made["id"]] = made
        self.events.say("session", session=made["id"], nonce=nonce.hex())
        return made

    def find(self, name):
        with self.lock:
            found = self.sessions.get(name)
        return found if found and found["ends"] >= time.monotonic() else None

    def judge(self, session, media_type, token):
        """Appraises, tells, and signs what it came to into the session."""
        reason, detail = "ok", "every check passed"
        try:
            vector = appraise(self.store, token, session["nonce"])
        except Refused as verdict:
            reason, detail, vector = verdict.reason, str(verdict), verdict.vector
        status = tier(vector)
        told = {"status": status, "reason": reason, "detail": detail, "mismatches": []}
        self.events.say("appraisal", session=session["id"], media_type=media_type, **told)
        submod = {"ear.status": status, "ear.appraisal-policy-id": "policy:myverifier"}
        if vector:
            submod["ear.trustworthiness-vector"] = vector
        session["result"] = self.sign(session["nonce"], submod)

    def sign(self, nonce, submod):
        """An attestation result: EAR in Veraison's dialect, as a JWT (RFC 7515, RFC 7519)."""
        now = int(time.time())
        claims = {
            "eat_profile": "tag:github.com,2023:veraison/ear",
            "ear.verifier-id": {"build": "myverifier 1", "developer": "simulated root of trust"},
            "iss": self.given.identity,
            "iat": now,
            "exp": now + int(self.given.result_lifetime),
            "eat_nonce": base64url(nonce),
            "submods": {"PSA_IOT": submod},
        }
        parts = [json.dumps(one).encode() for one in ({"alg": "ES256", "typ": "JWT"}, claims)]
        signed = ".".join(map(base64url, parts)).encode()
        r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return f"{signed.decode()}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def tier(vector):
    """The status that a trust vector comes to: that of its worst claim."""
    worst = max(vector.values(), default=0)
    bounds = ((96, "contraindicated"), (32, "warning"), (2, "affirming"))
    return next((name for least, name in bounds if worst >= least), "none")


class Handler(http.server.BaseHTTPRequestHandler):
    """One request. self.server.verifier has the state."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def reply(self, status, kind=None, value=None, headers=()):
        body = json.dumps(value).encode() if kind else b""
        self.send_response(status)
        for name, words in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            if words and not (status == 204 and name == "Content-Length"):
                self.send_header(name, words)
        self.end_headers()
        self.wfile.write(body)
        path = self.path.partition("?")[0]
        self.server.verifier.events.say("request", method=self.command, path=path, status=status)

    def problem(self, status, detail, headers=()):
        self.close_connection = True  # what is left of a body is not read
        self.reply(
            status, "application/problem+json", {"status": status, "detail": detail}, headers
        )

    def show(self, status, session, headers=()):
        waiting = session["result"] is None
        document = {"status": "waiting" if waiting else "complete", "accept": list(EVIDENCE)}
        document["nonce"] = base64.urlsafe_b64encode(session["nonce"]).rstrip(b"=").decode()
        ends = time.time() + session["ends"] - time.monotonic()
        document["expiry"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
        if not waiting:
            document["result"] = session["result"]
        self.reply(status, SESSION, document, headers)

    def session(self):
        """The session that the path names, or None: then it has been answered."""
        named = ONE.fullmatch(self.path)
        found = named and self.server.verifier.find(named[1])
        if not found:
            self.problem(404, "expected the path of a session that is open")
        return found

    def do_GET(self):
        if self.path != "/.well-known/veraison/verification":
            found = self.session()
            return found and self.show(200, found)
        endpoints = {"newChallengeResponseSession": NEW}
        known = {"ear-verification-key": self.server.verifier.jwk, "media-types": list(EVIDENCE)}
        known |= {"version": "1", "service-state": "READY", "api-endpoints": endpoints}
        return self.reply(200, DISCOVERY, known)

    def do_DELETE(self):
        named = ONE.fullmatch(self.path)
        with self.server.verifier.lock:
            self.server.verifier.sessions.pop(named and named[1], None)
        self.reply(204)

    def do_POST(self):
        where = urllib.parse.urlsplit(self.path)
        if where.path == NEW:
            return self.new(urllib.parse.parse_qs(where.query))
        found = self.session()
        if not found:
            return None
        kind, size = self.headers.get("Content-Type", ""), self.headers.get("Content-Length", "")
        if kind.replace(" ", "") not in [one.replace(" ", "") for one in EVIDENCE]:
            return self.problem(415, "expected a PSA token", [("Accept", ", ".join(EVIDENCE))])
        if not size.isascii() or not size.isdigit() or not 0 < int(size) <= BODY_MAX:
            return self.problem(400, f"expected evidence of 1 to {BODY_MAX} bytes, with its length")
        self.server.verifier.judge(found, kind, self.rfile.read(int(size)))
        return self.show(200, found)

    def new(self, asked):
        """A session with the nonce that is given, or with one of the size that is asked for."""
        try:
            if "nonce" in asked:
                text = asked["nonce"][0].rstrip("=")
                nonce = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            else:
                size = int(asked.get("nonceSize", [NONCE_SIZE])[0])
                nonce = secrets.token_bytes(size if NONCE_MIN <= size <= NONCE_MAX else 0)
            if not NONCE_MIN <= len(nonce) <= NONCE_MAX:
                raise ValueError(len(nonce))
        except ValueError:
            return self.problem(
                400, f"expected a nonce of {NONCE_MIN} to {NONCE_MAX} bytes, in base64url"
            )
        made = self.server.verifier.open(nonce)
        if made is None:
            return self.problem(503, "too many sessions wait")
        return self.show(201, made, [("Location", f"session/{made['id']}")])

    def log_message(self, *_):
        """The events say what was asked."""


def end_with_parent():
    """Whoever started us is gone: so are we."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(REFUSED)

    threading.Thread(target=watch, daemon=True).start()


def main():
    given = parse(sys.argv[1:])
    events = Events(given.events)
    verifier = Verifier(given, events)
    for path in given.endorsements:
        with open(path, "rb") as file:
            values, anchors = verifier.store.add(file.read())
        events.say("endorsed", source=path, reference_values=values, trust_anchors=anchors)
    if given.public_key:
        with open(given.public_key, "w", encoding="utf-8") as file:
            json.dump(verifier.jwk, file)
    host, _, port = given.listen.rpartition(":")
    end_with_parent()
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    server.daemon_threads = True
    server.verifier = verifier
    host, port = server.server_address[:2]
    events.say("ready", address=f"{host}:{port}", port=port)
    server.serve_forever()
    return DONE


if __name__ == "__main__":
    sys.exit(main())

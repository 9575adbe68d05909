# SPDX-License-Identifier: Apache-2.0
"""The verifier of a case that is a deployment somewhere: a program that keeps the peer contract.

It stands on loopback, posts the endorsements of the case to the deployment, passes every request on
byte by byte, and tells what it saw. TLS, client certificate and tokens are between it and the
deployment, so that stacks which know nothing of them can be played. It judges nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import os
import re
import signal
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any, NoReturn, Sequence

from ..errors import HarnessError, InfrastructureError
from ..untrusted import json_object
from . import answers, faults
from .asking import Answer, Asker
from .description import (
    PROVISIONING,
    SESSION,
    SUBMIT,
    VERIFICATION,
    WELL_KNOWN,
    Deployment,
    from_json,
)

DONE, REFUSED, UNSUPPORTED = 0, 1, 77
DISCOVERY = WELL_KNOWN + VERIFICATION
KNOWN_ALREADY = "already in store"
PROVISIONED = "provisioned.jsonl"  # in the run's folder: what was left at the deployment
BODY_MAX = 1 << 20
HOP_BY_HOP = ("host", "connection", "content-length", "accept-encoding", "transfer-encoding")
OWN_ANSWER = ("connection", "content-length", "transfer-encoding", "date", "server", "keep-alive")


def unsupported(what: str) -> NoReturn:
    """Always before `ready`."""
    print(f"not supported by a deployment: {what}", file=sys.stderr)
    sys.exit(UNSUPPORTED)


def parse(given: Sequence[str]) -> argparse.Namespace:
    """The flags of a verifier; those that only whoever runs one can set are unsupported."""
    flags = argparse.ArgumentParser(prog="gateway", allow_abbrev=False)
    flags.add_argument("--deployment", type=Path, required=True)
    flags.add_argument("--version", action="store_true")
    flags.add_argument("--listen", default="127.0.0.1:0")
    flags.add_argument("--endorsements", action="append", default=[], type=Path)
    flags.add_argument("--public-key", type=Path)
    flags.add_argument("--identity")
    flags.add_argument("--events", type=Path)
    flags.add_argument("--store", default="memory")
    flags.add_argument("--nonce-dialect")
    flags.add_argument("--ear-dialect", default="veraison")
    flags.add_argument("--fault", action="append", default=[])
    for name in SET_BY_OTHERS:
        flags.add_argument(f"--{name}", action="append")
    return flags.parse_args(given)


SET_BY_OTHERS = (
    "audience",
    "cache",
    "endorser-key",
    "key",
    "provisioning-token",
    "request-timeout",
    "result-lifetime",
    "session-lifetime",
    "token",
)


class Events:
    """The events file of the contract."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def tell(self, event: str, **fields: Any) -> None:
        """One line."""
        if self._file is None:
            return
        with self._lock:
            now = round(time.monotonic() - self._began, 6)
            line = {"t": now, "who": "verifier", "event": event, **fields}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


class Gateway:
    """What the handlers of all connections share."""

    def __init__(
        self,
        deployment: Deployment,
        learnt: dict[str, Any],
        state: Path,
        events: Events,
        wanted: Sequence[faults.Fault],
    ) -> None:
        self.deployment = deployment
        self.learnt = learnt
        self.state = state
        self.events = events
        self.asker = Asker(deployment, state)
        self.faults = wanted

    def endorse(self, path: Path) -> None:
        """Posts a CoRIM; one that is there already will do."""
        corim = path.read_bytes()
        kinds = {"Content-Type": self.learnt["corim-type"]}
        answer = self.asker.ask(PROVISIONING, "POST", SUBMIT, corim, kinds)
        said = json_object(answer.body)
        known = KNOWN_ALREADY in answer.problem()
        if answer.status != 200 or (said.get("status") != "success" and not known):
            raise InfrastructureError(
                f"{self.deployment.base(PROVISIONING)} did not take the endorsements: expected "
                f"status success, came {answer.status} {said.get('status', '')}: {answer.problem()}"
            )
        line = {
            "url": self.deployment.base(PROVISIONING),
            "id": _corim_id(corim),
            "sha256": hashlib.sha256(corim).hexdigest(),
            "bytes": len(corim),
            "new": not known,
        }
        with (self.state / PROVISIONED).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.events.tell("endorsed", source=str(path), reference_values=0, trust_anchors=0)

    def write_key(self, path: Path) -> None:
        """The public key of its results, by discovery."""
        url = self.deployment.discovery_base(VERIFICATION) + DISCOVERY
        answer = self.asker.ask_at(VERIFICATION, url, headers={"Accept": DISCOVERY_TYPE})
        key = json_object(answer.body).get("ear-verification-key")
        if answer.status != 200 or not isinstance(key, dict):
            raise InfrastructureError(
                f"{url}: expected ear-verification-key, came {answer.status}: {answer.problem()}"
            )
        path.write_text(json.dumps(key, indent=2) + "\n", encoding="utf-8")

    def passed_on(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        """The deployment's answer, or 502 where it has none."""
        api = PROVISIONING if target.startswith("/endorsement-provisioning/") else VERIFICATION
        base = self.deployment.base(api)
        if target.startswith("/.well-known/"):
            kind = PROVISIONING if target.endswith("/provisioning") else VERIFICATION
            base = self.deployment.discovery_base(kind)
        try:
            return self.asker.ask_at(api, base + target, method, body, headers)
        except InfrastructureError as problem:
            print(problem, file=sys.stderr, flush=True)
            said = {"type": "about:blank", "title": "Bad Gateway", "status": 502}
            text = json.dumps({**said, "detail": str(problem)}).encode("ascii")
            return Answer(502, [("Content-Type", "application/problem+json")], text)

    def home(self, location: str) -> str:
        """A Location at the deployment, as one of this gateway."""
        base = self.deployment.base(VERIFICATION)
        prefix = urllib.parse.urlsplit(base).path
        if location.startswith(base + "/"):
            return location[len(base) :]
        return location[len(prefix) :] if prefix and location.startswith(prefix + "/") else location


def _corim_id(corim: bytes) -> str:
    """As atls-device makes it."""
    found = re.search(rb"atls-simulated-device-[0-9a-f]{16}", corim)
    return found.group().decode("ascii") if found else "of another device"


DISCOVERY_TYPE = "application/vnd.veraison.discovery+json"


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def log_message(self, format: str, *args: Any) -> None:  # pylint: disable=redefined-builtin
        """The events tell."""

    def _pass(self) -> None:
        gateway = self.gateway
        path = self.path.partition("?")[0]
        size = int(self.headers.get("Content-Length") or 0)
        if size > BODY_MAX or "Transfer-Encoding" in self.headers:
            self.send_error(413)
            self.close_connection = True
            return
        body = self.rfile.read(size) if size else None
        kept = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
        answer = gateway.passed_on(self.command, self.path, body, kept)
        self._tell(path, answer)
        ordered = faults.at(gateway.faults, path)
        for one in ordered.values():
            gateway.events.tell("fault", name=one.name, detail=one.detail())
        if "delay" in ordered:
            time.sleep(ordered["delay"].value / 1000)
        if "hang" in ordered:
            threading.Event().wait()
        if "close" in ordered:
            self.close_connection = True
            return
        if "status" in ordered:
            value = ordered["status"].value
            text = json.dumps({"title": "Fault", "status": value, "detail": "was asked for"})
            answer = Answer(value, [("Content-Type", "application/problem+json")], text.encode())
        if "garbage" in ordered:
            answer = Answer(answer.status, answer.headers, faults.GARBAGE)
        gateway.events.tell("request", method=self.command, path=path[:256], status=answer.status)
        self._answer(answer)

    def _tell(self, path: str, answer: Answer) -> None:
        events = self.gateway.events
        if self.command != "POST":
            return
        made = None
        if faults.endpoint_of(path) == "new-session":
            made = answers.session_event(answer)
            if made:
                events.tell("session", **made)
        elif path.startswith(SESSION):
            kind = self.headers.get("Content-Type", "")
            reasons = self.gateway.learnt["reasons"]
            made = answers.appraisal_event(answer, path[len(SESSION) :], kind, reasons)
            if made:
                events.tell("appraisal", **made)

    def _answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for key, value in answer.headers:
            if key.lower() == "location":
                value = self.gateway.home(value)
            if key.lower() not in OWN_ANSWER:
                self.send_header(key, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_DELETE = do_HEAD = do_OPTIONS = do_PUT = do_PATCH = _pass


class Server(http.server.ThreadingHTTPServer):
    """A thread a connection; a crowd may come at once."""

    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up has what it came for."""


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(DONE)

    threading.Thread(target=watch, daemon=True).start()


def _checked(given: argparse.Namespace, learnt: dict[str, Any]) -> list[faults.Fault]:
    for name in SET_BY_OTHERS:
        if getattr(given, name.replace("-", "_")) is not None:
            unsupported(f"--{name}, which is for whoever runs it to set")
    for name, own in (("ear-dialect", "veraison"), ("nonce-dialect", learnt["nonce-dialect"])):
        if getattr(given, name.replace("-", "_")) not in (None, own):
            unsupported(f"--{name}: it has {own}")
    if given.store != "memory":
        unsupported("--store: it has its own")
    try:
        return [faults.parse(text) for text in given.fault]
    except ValueError as problem:
        unsupported(str(problem))


def main(argv: Sequence[str]) -> int:
    """Until SIGTERM."""
    given = parse(argv)
    try:
        deployment, learnt = from_json(given.deployment)
        if given.version:
            print(f"{deployment.name}: {learnt['version']}")
            return DONE
        wanted = _checked(given, learnt)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(DONE))
        _end_with_parent()
        events = Events(given.events)
        gateway = Gateway(deployment, learnt, given.deployment.parent, events, wanted)
        for path in given.endorsements:
            gateway.endorse(path)
        if given.public_key:
            gateway.write_key(given.public_key)
    except (HarnessError, OSError) as problem:
        print(problem, file=sys.stderr)
        return REFUSED
    host, _, port = given.listen.rpartition(":")
    server = Server((host, int(port)), type("Bound", (Handler,), {"gateway": gateway}))
    port = server.server_address[1]
    events.tell("ready", address=f"127.0.0.1:{port}", port=port)
    server.serve_forever()
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

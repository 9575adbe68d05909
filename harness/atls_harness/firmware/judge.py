# SPDX-License-Identifier: Apache-2.0
"""The verifier, asked over its challenge-response interface, for campaigns and for people."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..errors import ContractError
from ..peer import load_peers
from ..paths import PEERS
from ..process import Process

NEW_SESSION = "/challenge-response/v1/newSession?nonceSize=32"
SESSION_TYPE = "application/vnd.veraison.challenge-response-session+json"
TOKEN_TYPE = 'application/eat-cwt; profile="http://arm.com/psa/2.0.0"'
TIERS = {2: "affirming", 32: "warning", 96: "contraindicated", 0: "none"}
CLAIMS = "ear.veraison.policy-claims"


@dataclass(frozen=True)
class Verdict:
    """What the verifier makes of evidence."""

    tier: str
    reason: str
    detail: str


def unbase64(text: str) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Judge:
    """A verifier that knows one device as its maker made it."""

    def __init__(self, build: Path, endorsements: Path, folder: Path) -> None:
        peer = load_peers([PEERS])["atls"]
        argv = [*peer.command("verifier", build), "--listen", "127.0.0.1:0"]
        argv += ["--endorsements", str(endorsements)]
        argv += ["--events", str(folder / "verifier.events.jsonl")]
        self.process = Process("verifier", "verifier", argv, folder, True)
        self.base = ""

    def __enter__(self) -> "Judge":
        self.base = f"http://{self.process.ready()['address']}"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def _post(self, path: str, body: bytes, media_type: str) -> tuple[Any, str]:
        headers = {"Accept": SESSION_TYPE}
        if media_type:
            headers["Content-Type"] = media_type
        request = urllib.request.Request(self.base + path, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer), str(answer.headers.get("Location", ""))
        except (urllib.error.URLError, ValueError) as problem:
            raise ContractError(f"the verifier: {problem}") from problem

    def appraise(self, attest: Callable[[bytes], bytes]) -> Verdict:
        """The verdict on a PSA token that ATTEST makes over the session's nonce."""
        session, location = self._post(NEW_SESSION, b"", "")
        token = attest(unbase64(session["nonce"]))
        path = "/challenge-response/v1/" + location
        result, _ = self._post(path, token, TOKEN_TYPE)
        payload = json.loads(unbase64(result["result"].split(".")[1]))
        (submod,) = payload["submods"].values()
        status = submod["ear.status"]
        said = submod.get(CLAIMS, {})
        tier = TIERS.get(status, str(status)) if isinstance(status, int) else str(status)
        return Verdict(tier, str(said.get("atls.reason", "")), str(said.get("atls.detail", "")))

# SPDX-License-Identifier: Apache-2.0
"""What a person says of a deployment: a URL, or a YAML file with more (deployment.schema.json).

Secrets are in files, and stay there: what is written down here are the files' names.
"""

from __future__ import annotations

import dataclasses
import json
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from ..errors import HarnessError, UsageError

VERIFICATION, PROVISIONING = "verification", "provisioning"
# The paths of both APIs, below their endpoints.
NEW_SESSION = "/challenge-response/v1/newSession"
SESSION = "/challenge-response/v1/session/"
SUBMIT = "/endorsement-provisioning/v1/submit"
WELL_KNOWN = "/.well-known/veraison/"
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Deployment:
    """Where it is, and how one gets in; files are absolute paths, "" where there is none."""

    verification: str
    provisioning: str
    discovery: str = ""  # "": each API's is at its own URL
    ca: str = ""
    certificate: str = ""
    key: str = ""
    token: str = ""
    provisioning_token: str = ""
    oauth2: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For people, and in results: host and port."""
        return urllib.parse.urlsplit(self.verification).netloc

    def base(self, api: str) -> str:
        """The URL of an API, without a slash at its end."""
        url = self.provisioning if api == PROVISIONING else self.verification
        return url.rstrip("/")

    def discovery_base(self, api: str) -> str:
        """The URL at which an API's discovery document is."""
        return (self.discovery or self.base(api)).rstrip("/")

    def as_json(self) -> dict[str, Any]:
        """For the gateway, which is another process."""
        return dataclasses.asdict(self)


def is_deployment(text: str) -> bool:
    """Does --verifier name a deployment, and no peer?"""
    return "://" in text or text.endswith((".yaml", ".yml"))


def check_url(url: str, where: str) -> str:
    """URL, or UsageError."""
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = None
    if not good or parts.query or parts.fragment:
        raise UsageError(f"{where}: expected http://HOST:PORT or https://HOST:PORT, came {url!r}")
    if parts.username is not None:
        raise UsageError(f"{where}: a URL is no place for a name or a password: use a token's file")
    return url


def _check(made: Deployment, where: str) -> Deployment:
    """UsageError where a token would go out in the clear (RFC 6750 section 5.3)."""
    secret = made.token or made.provisioning_token or made.oauth2
    for url in filter(None, (made.verification, made.provisioning, made.oauth2.get("token-url"))):
        parts = urllib.parse.urlsplit(url)
        if secret and parts.scheme == "http" and parts.hostname not in LOCAL:
            raise UsageError(f"{where}: a token goes over https only (RFC 6750 5.3), not to {url}")
    for path in (made.ca, made.certificate, made.key, made.token, made.provisioning_token):
        if path and not Path(path).is_file():
            raise UsageError(f"{where}: there is no file {path}")
    return made


def read(text: str, ca: Path | None = None, auth: Path | None = None) -> Deployment:
    """The deployment that a URL or a file names. HarnessError."""
    if "://" in text:
        url = check_url(text, "--verifier")
        made = Deployment(
            url,
            url,
            ca=str(ca.resolve()) if ca else "",
            token=str(auth.resolve()) if auth else "",
        )
        return _check(made, "--verifier")
    if ca or auth:
        raise UsageError("--verifier-ca and --verifier-auth go with a URL: a file says both itself")
    return _of_file(Path(text))


def _of_file(path: Path) -> Deployment:
    from ..document import Document
    from ..errors import InputError
    from ..paths import DEPLOYMENT_SCHEMA

    document = Document(path, InputError)
    document.check(DEPLOYMENT_SCHEMA)
    given = document.value

    def file_of(name: str, block: Mapping[str, Any] = given) -> str:
        return str((path.parent / block[name]).resolve()) if name in block else ""

    verification = check_url(given["verification"], f"{path}: verification")
    oauth2 = dict(given.get("oauth2", {}))
    for block, pair in ((given, ("certificate", "key")), (oauth2, ("username", "password"))):
        if len(block.keys() & set(pair)) == 1:
            raise UsageError(f"{path}: {' and '.join(pair)} go together")
    if oauth2:
        check_url(oauth2["token-url"], f"{path}: oauth2: token-url")
    for name in ("client-secret", "password"):
        if name in oauth2:
            oauth2[name] = file_of(name, oauth2)
    made = Deployment(
        verification,
        check_url(given.get("provisioning", verification), f"{path}: provisioning"),
        check_url(given["discovery"], f"{path}: discovery") if "discovery" in given else "",
        ca=file_of("ca"),
        certificate=file_of("certificate"),
        key=file_of("key"),
        token=file_of("token"),
        provisioning_token=file_of("provisioning-token"),
        oauth2=oauth2,
    )
    return _check(made, str(path))


def from_json(path: Path) -> tuple[Deployment, dict[str, Any]]:
    """What learning.py wrote: the deployment, and what was learnt of it."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        return Deployment(**given["deployment"]), given["learnt"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise HarnessError(f"{path}: expected what was learnt of a deployment: {problem}") from None

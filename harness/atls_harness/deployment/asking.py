# SPDX-License-Identifier: Apache-2.0
"""Requests to a deployment: TLS with its CA and a client certificate, a bearer token or one by
OAuth2. Certificates and names are verified, redirections are not followed, tokens are never shown.

Python's own library only: the gateway is started for every case.
"""

from __future__ import annotations

import base64
import fcntl
import http.client
import json
import os
import socket
import ssl
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

from ..errors import InfrastructureError
from ..untrusted import json_object
from .description import PROVISIONING, Deployment

TIMEOUT = 60.0
BODY_MAX = 16 << 20
TOKEN_SPARE = 30  # seconds before its end at which a token is asked for anew
# X509_V_ERR_* of openssl/x509_vfy.h, in words.
UNKNOWN_CA = (
    "its certificate was issued by a CA that is not known here (name that CA's certificate: "
    "--verifier-ca, or ca in the file)"
)
REFUSALS = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: UNKNOWN_CA,
    19: UNKNOWN_CA,
    20: UNKNOWN_CA,
    21: UNKNOWN_CA,
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
# Alerts about a client's certificate, as OpenSSL names them.
ALERTS = frozenset(
    "CERTIFICATE_REQUIRED BAD_CERTIFICATE UNSUPPORTED_CERTIFICATE CERTIFICATE_REVOKED "
    "CERTIFICATE_EXPIRED CERTIFICATE_UNKNOWN UNKNOWN_CA ACCESS_DENIED".split()
)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The first header of a name, or ""."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def problem(self) -> str:
        """What it says is wrong (RFC 9457), or how it begins; printable."""
        given = json_object(self.body)
        words = self.body[:120].decode("ascii", errors="replace")
        if given:
            said = [given.get(key) for key in ("title", "detail", "failure-reason")]
            words = " ".join(one for one in said if isinstance(one, str))
        return "".join(one if one.isascii() and one.isprintable() else "?" for one in words)


def first_line(path: str) -> str:
    """Of a file that holds a secret. InfrastructureError."""
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeError):
        raise InfrastructureError(f"{path} cannot be read as a line of ASCII") from None
    if not lines or not lines[0].strip():
        raise InfrastructureError(f"{path}: expected a secret in its first line, it is empty")
    return lines[0].strip()


def why(problem: Exception, over_tls: bool = False) -> str:
    """What is wrong with a connection, for people."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        words = REFUSALS.get(problem.verify_code, problem.verify_message)
        return f"the server cannot be trusted: {words} (RFC 9110 section 4.3.4)"
    alert = str(getattr(problem, "reason", "")).rpartition("_ALERT_")[2]
    if isinstance(problem, ssl.SSLError) and alert in ALERTS:
        wants = "wants a" if alert == "CERTIFICATE_REQUIRED" else "does not take the"
        return (
            f"the server {wants} client certificate (certificate and key in the file; alert "
            f"{alert.lower()}, RFC 8446 section 6.2)"
        )
    is_http = isinstance(problem, http.client.HTTPException)
    is_end = isinstance(problem, (ssl.SSLEOFError, ConnectionResetError)) and not is_http
    if over_tls and is_end:
        # An alert may get lost where a server closes with the request unread.
        return (
            "the server ended the connection without a word: it wants a client certificate, does "
            "not take the client certificate that it was given, or does not speak TLS here"
        )
    if isinstance(problem, ssl.SSLError):
        return f"expected TLS (is it https there, or http?): {problem.reason or problem}"
    if isinstance(problem, (socket.timeout, TimeoutError)):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(problem, http.client.HTTPException):
        return f"expected HTTP (is it http there, or https?), came {type(problem).__name__}"
    if isinstance(problem, OSError):
        return problem.strerror or str(problem)
    return str(problem)


class Asker:
    """Asks a deployment. STATE is a folder of the run, for what is asked for once."""

    def __init__(self, deployment: Deployment, state: Path) -> None:
        self._deployment = deployment
        self._state = state
        self._context: ssl.SSLContext | None = None

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                context = ssl.create_default_context(cafile=self._deployment.ca or None)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                if self._deployment.certificate:
                    context.load_cert_chain(self._deployment.certificate, self._deployment.key)
            except (OSError, ssl.SSLError) as problem:
                words = f"{problem.strerror or problem}"
                raise InfrastructureError(f"CA, client certificate or its key: {words}") from None
            self._context = context
        return self._context

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """InfrastructureError where nobody answers whom one may believe."""
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = self._tls()
            connection = http.client.HTTPSConnection(
                host, parts.port, timeout=TIMEOUT, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, target or "/", body=body, headers=dict(headers))
            answer = connection.getresponse()
            read = answer.read(BODY_MAX + 1)
            if len(read) > BODY_MAX:
                raise InfrastructureError(f"{url}: the answer has more than {BODY_MAX} bytes")
            return Answer(answer.status, answer.getheaders(), read)
        except (OSError, http.client.HTTPException) as problem:
            place = urllib.parse.urlunsplit(parts._replace(query=""))
            raise InfrastructureError(f"{place}: {why(problem, parts.scheme == 'https')}") from None
        finally:
            connection.close()

    def _authorization(self, api: str) -> str:
        given = self._deployment
        if api == PROVISIONING and given.provisioning_token:
            return f"Bearer {first_line(given.provisioning_token)}"
        if given.token:
            return f"Bearer {first_line(given.token)}"
        return f"Bearer {self._granted()}" if given.oauth2 else ""

    def _granted(self) -> str:
        """A token of the authorization server, kept for the run in a file of its own."""
        path = self._state / "oauth2-token.json"
        flags = os.O_RDWR | os.O_CREAT
        with os.fdopen(os.open(path, flags, 0o600), "r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = file.read()
            kept = json.loads(text) if text else {}
            if kept.get("until", 0) > time.time():
                return str(kept["token"])
            token, lifetime = self._grant()
            file.seek(0)
            file.truncate()
            json.dump({"token": token, "until": time.time() + lifetime - TOKEN_SPARE}, file)
            return token

    def _grant(self) -> tuple[str, float]:
        """RFC 6749 sections 4.4 and 4.3; the client names itself by Basic (section 2.3.1)."""
        given = self._deployment.oauth2
        form = {"grant_type": "client_credentials"}
        if "username" in given:
            form = {"grant_type": "password", "username": given["username"]}
            form["password"] = first_line(given["password"])
        if "scope" in given:
            form["scope"] = given["scope"]
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        quoted = urllib.parse.quote_plus(given["client-id"])
        if "client-secret" in given:
            secret = urllib.parse.quote_plus(first_line(given["client-secret"]))
            basic = base64.b64encode(f"{quoted}:{secret}".encode("ascii")).decode("ascii")
            headers["Authorization"] = f"Basic {basic}"
        else:
            form["client_id"] = given["client-id"]
        url = given["token-url"]
        body = urllib.parse.urlencode(form).encode("ascii")
        answer = self._request("POST", url, body, headers)
        made = json_object(answer.body)
        token, kind = made.get("access_token"), str(made.get("token_type"))
        try:
            lifetime = float(made.get("expires_in", 60))
        except (ValueError, TypeError):
            token = None
        if answer.status != 200 or not isinstance(token, str) or kind.lower() != "bearer":
            raise InfrastructureError(
                f"{url}: expected a bearer token (RFC 6749 section 5.1), came {answer.status}"
            )
        return token, lifetime

    def ask(
        self,
        api: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request to an API. PATH begins with a slash."""
        return self.ask_at(api, self._deployment.base(api) + path, method, body, headers)

    def ask_at(
        self,
        api: str,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The same at a URL; the token goes along where that is one of the deployment's own."""
        made = {"User-Agent": "atls", **(headers or {})}
        authorization = self._authorization(api) if self._is_own(url) else ""
        if authorization:
            made["Authorization"] = authorization
        return self._request(method, url, body, made)

    def _is_own(self, url: str) -> bool:
        def origin(one: str) -> tuple[str, str, int | None]:
            parts = urllib.parse.urlsplit(one)
            return parts.scheme, parts.hostname or "", parts.port

        given = self._deployment
        own = (given.verification, given.provisioning, given.discovery)
        return origin(url) in [origin(one) for one in own if one]

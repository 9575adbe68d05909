# SPDX-License-Identifier: Apache-2.0
"""What every request to the page passes: who may ask, by which name, and what a browser is told
to leave alone. No cookies: a token is asked for by HTTP (RFC 7617, RFC 6750)."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import Any, Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from .settings import Settings

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
ASK = {"WWW-Authenticate": 'Basic realm="atls lab: any name, the token as the password"'}
READING = ("GET", "HEAD")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(settings: Settings) -> Any:
    """The guard of a lab."""

    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _check(request, settings)
            return await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update(HEADERS)
            raise

    return web.middleware(guard)


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer has these headers."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "atls-lab"


def _check(request: web.Request, settings: Settings) -> None:
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    if not _known(host, settings):
        raise web.HTTPMisdirectedRequest(
            text=f"expected this lab's address or its name ({', '.join(settings.names)}), came "
            "another name in Host (RFC 9110 section 7.2); --name NAME makes one known\n"
        )
    if request.method not in READING:
        _check_origin(request)
    if settings.token and not _has_token(request, settings.token):
        raise web.HTTPUnauthorized(text="a token is asked for\n", headers=ASK)


def _known(host: str, settings: Settings) -> bool:
    """An address is: only a name can be pointed here by somebody else's DNS."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower() in settings.names
    return True


def _check_origin(request: web.Request) -> None:
    """A form is sent from a page of the lab, or by a program; not from somebody else's page."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("Host", "")
    if site not in ("same-origin", "none") or not own:
        raise web.HTTPForbidden(
            text="expected a form of this lab's own page, came another site's\n"
        )


def _has_token(request: web.Request, token: str) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            decoded = base64.b64decode(given, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return False
        _, _, given = decoded.partition(":")
    elif kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())

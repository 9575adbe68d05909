# SPDX-License-Identifier: Apache-2.0
"""The ports of the lab: for each profile one where the server attests, and one where the client
does. Their order is that of the contract, so that a port means the same tomorrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..contract import Profile, contract
from ..probe.plan import offer

SERVER, CLIENT = "server", "client"
VERIFIER_ID = "verifier.example"


@dataclass(frozen=True)
class Place:
    """What one port is for."""

    profile: str
    attests: str  # server or client

    @property
    def name(self) -> str:
        return f"{self.profile}-{self.attests}-attests"

    @property
    def known(self) -> Profile:
        """Its row of the contract."""
        return contract().profiles[self.profile]

    @property
    def models(self) -> tuple[str, ...]:
        """Those that a peer may choose from. A certificate holds evidence or a result, not both."""
        if self.known.carrier == "leaf" and self.attests == SERVER:
            return self.known.models[:1]
        return self.known.models

    @property
    def title(self) -> str:
        return f"{self.profile}: the {self.attests} attests"

    @property
    def enrols(self) -> bool:
        """Does this server need a certificate for a key of the device?"""
        return self.attests == SERVER and self.known.beside_x509


def places() -> list[Place]:
    """All of them. Of the prototype only a client attests."""
    return [
        Place(profile.name, attests)
        for profile in contract().profiles.values()
        for attests in (SERVER, CLIENT)
        if attests == CLIENT or not profile.prototype
    ]


def server_flags(place: Place, device: str, verifier: str, credentials: Any) -> dict[str, Any]:
    """What the server behind a place is told, but for where it listens and writes. CREDENTIALS is
    the folder of the lab's CA."""
    models = ",".join(place.models)
    flags: dict[str, Any] = {
        "profile": place.profile,
        "cert": str(credentials / "server.pem"),
        "key": str(credentials / "server.key"),
        "verifier": verifier,
        "message": f"hello from the lab, {place.name}",
    }
    if place.attests == SERVER:
        flags.update({"attester": models, "device": device})
        if "passport" in place.models:
            flags["verifier-id"] = VERIFIER_ID
        return flags
    flags.update({"relying-party": models, "ca": str(credentials / "ca.pem")})
    if "passport" in place.models:
        flags["trust-verifier"] = f"{VERIFIER_ID}={verifier}"
    if not place.known.prototype:
        flags["evidence-type"] = offer()
    return flags

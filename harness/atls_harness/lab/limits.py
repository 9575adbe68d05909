# SPDX-License-Identifier: Apache-2.0
"""Who may come: how many connections at once, of all and of one source, and how many are turned
away, which is counted and shown."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field

SOURCES_MAX = 10_000  # sources of which it is remembered that they were turned away


def source_of(address: str) -> str:
    """Who counts as one: an address of IPv4, a /64 of IPv6 (RFC 4291 section 2.5.1)."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(one, ipaddress.IPv6Address):
        if one.ipv4_mapped is not None:
            return str(one.ipv4_mapped)
        if not one.is_loopback:
            return str(ipaddress.ip_network((one, 64), strict=False))
    return str(one)


@dataclass
class Door:
    """Counts those that are in."""

    at_once: int
    per_source: int
    inside: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)

    def enter(self, source: str) -> bool:
        """May one more come in? It then has to leave()."""
        if sum(self.inside.values()) >= self.at_once or self.inside[source] >= self.per_source:
            if source in self.turned_away or len(self.turned_away) < SOURCES_MAX:
                self.turned_away[source] += 1
            if not self.inside[source]:
                del self.inside[source]
            return False
        self.inside[source] += 1
        return True

    def leave(self, source: str) -> None:
        """It has gone."""
        self.inside[source] -= 1
        if self.inside[source] <= 0:
            del self.inside[source]

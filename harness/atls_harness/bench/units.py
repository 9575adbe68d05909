# SPDX-License-Identifier: Apache-2.0
"""What one connection and one appraisal cost each party, from the figures of a benchmark; and how
far those costs are from what was measured where parties had processes and sockets of their own.

A connection of the section `pair` is that of both endpoints, device and verifier in one thread. Its
phases say whose a part is: evidence is the device's, appraisal the verifier's, results and
credentials are the relying party's to check. What both endpoints do (records, key shares) is
halved; so are signatures and verifications where both have keys. Where only the attester has one,
it signs and the other verifies.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from .plan import SERVER

Row = Mapping[str, Any]
REFERENCE = "ta-07/background-check/client"  # of which the section `verifier` has its evidence
SATURATED = 10  # clients at once from which a server has always something to do
KINDS = {"looks at each token": "", "remembers platform tokens": "/cached"}  # of the section's rows
CORE, MACHINE, RELYING, APPRAISAL, SHARDS, FLEET = (
    "load: connections a second and core of the server",
    "load: connections a second on this machine",
    "stacks: processor time of the relying party, µs",
    "verifier: appraisals a second and core, over HTTP",
    "shards: connections a second on all cores",
    "fleet: devices onboarded a second",
)
RATES = (CORE, MACHINE, APPRAISAL, SHARDS, FLEET)  # the others are times


@dataclass(frozen=True)
class Point:
    """A measured figure, and what the unit costs say it should be."""

    kind: str
    what: str
    measured: float
    computed: float

    @property
    def off(self) -> float:
        """How far off the computed figure is, as a part of the measured one."""
        return self.computed / self.measured - 1

    @property
    def dearer(self) -> float:
        """The measured cost over the computed one."""
        rate = self.kind in RATES
        return self.computed / self.measured if rate else self.measured / self.computed


def modes(result: Row) -> dict[str, Row]:
    """The rows of the section `pair`, by mode."""
    return {row["mode"]: row for row in result.get("pair", {}).get("modes", [])}


def phase_ns(row: Row, *names: str) -> float:
    """Processor time in some phases: their part of the whole, of the median connection."""
    phases = row["phases_ns"]
    part = sum(phases[name] for name in names) / sum(phases.values())
    return float(part * row["cpu_ns"]["median"])


def keys(mode: str) -> bool:
    """Whether both sides have a key: a client that is not attested has none."""
    words = mode.split("/")
    return words[1] == "mutual" if words[0] == "plain" else words[2] != "server"


def sides_ns(row: Row) -> tuple[float, float]:
    """Processor time of two endpoints, without device and verifier: of the attester (or, of plain
    TLS, the server) and of the relying party (the client)."""
    shared = phase_ns(row, "tls", "key-share") / 2
    signing = phase_ns(row, "signature")
    checking = phase_ns(row, "signature-verification", "certificates")
    results = phase_ns(row, "result", "credential")
    if keys(row["mode"]):
        return shared + (signing + checking) / 2, shared + (signing + checking) / 2 + results
    return shared + signing, shared + checking + results


def verifier_ns(row: Row) -> float:
    """Processor time of the verifier, in the same process."""
    return phase_ns(row, "verifier")


def relying_ns(row: Row) -> float:
    """Processor time of the relying party, which has an attester on the other side."""
    return sides_ns(row)[1]


def _load(result: Row, known: Mapping[str, Row]) -> Iterator[Point]:
    """Server and client are a process each; each has device and verifier within itself."""
    cpus = result["machine"]["cpus"]
    for one in result.get("load", []):
        mode = one["mode"]
        if one["at_once"] < SATURATED or mode not in known:
            continue
        if mode != SERVER and mode.split("/")[2] != "client":
            continue  # its server is no relying party
        first, second = sides_ns(known[mode])
        asked, evidence = verifier_ns(known[mode]), phase_ns(known[mode], "evidence")
        server, client = first, second
        if mode != SERVER:
            server, client = second + asked, first + evidence
        both = server + client
        total = max(server, client, both / cpus)
        what = f"{mode}, {one['at_once']} at once"
        yield Point(CORE, what, one["per_second_and_server_core"], 1e9 / server)
        yield Point(MACHINE, what, one["per_second"], 1e9 / total)


def _stacks(result: Row, known: Mapping[str, Row]) -> Iterator[Point]:
    for one in result.get("stacks", {}).get("modes", []):
        for row in one["rows"]:
            for side in ("client", "server"):
                cell = row[side]
                if row["stack"] != "atls" or cell["role"] != "relying-party":
                    continue
                if "cpu_ns" in cell and one["mode"] in known:
                    computed = relying_ns(known[one["mode"]]) / 1000
                    median = cell["cpu_ns"]["median"] / 1000
                    yield Point(RELYING, f"{one['mode']}, {side}", median, computed)


def points(result: Row) -> list[Point]:
    """All that was measured of what the unit costs speak of."""
    known = modes(result)
    found = [*_load(result, known), *_stacks(result, known)]
    for one in result.get("verifier", []):
        mode = f"{REFERENCE}{KINDS.get(one['verifier'], '/')}"
        if mode in known:
            computed = 1e9 / verifier_ns(known[mode])
            rate = one["per_second_and_core"]
            found.append(Point(APPRAISAL, one["verifier"], rate, computed))
    shards = result.get("shards")
    if shards and shards.get("mode") in known:
        rate = shards["shards"] * 1e9 / known[shards["mode"]]["cpu_ns"]["median"]
        what = f"{shards['mode']}, {shards['shards']} shards"
        found.append(Point(SHARDS, what, shards["all_per_second"], rate))
    fleet = result.get("fleet")
    if fleet and fleet.get("mode") in known:
        rate = 1e9 / known[fleet["mode"]]["cpu_ns"]["median"]
        what = f"{fleet['mode']}, {fleet['devices']:,} devices in one verifier's store"
        found.append(Point(FLEET, what, fleet["onboarded_per_second"], rate))
    return found


def correction(found: Sequence[Point]) -> tuple[float, float, float]:
    """What a relying party with a process and sockets of its own costs over what was computed from
    memory: median, least and greatest of the attested points. All 1 where none was measured."""
    ratios = [
        one.dearer
        for one in found
        if one.kind == RELYING or (one.kind == CORE and not one.what.startswith("plain/"))
    ]
    if not ratios:
        return 1.0, 1.0, 1.0
    return statistics.median(ratios), min(ratios), max(ratios)


def fleet_excess_ns(found: Sequence[Point]) -> float:
    """What a device of the fleet took beyond a connection in memory: how much dearer an appraisal
    can be for what the verifier's store holds."""
    return max(
        [0.0, *(1e9 / one.measured - 1e9 / one.computed for one in found if one.kind == FLEET)]
    )

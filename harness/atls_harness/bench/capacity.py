# SPDX-License-Identifier: Apache-2.0
"""What many devices cost: computed from a benchmark's figures and a file of assumptions. Every
figure says which measured value it stands on; what nobody measured is an assumption."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from ..document import Document
from ..errors import InputError
from ..nearest import meant
from ..paths import CAPACITY_SCHEMA
from . import units
from .units import KINDS, REFERENCE, Row

DAY = 86400
OWN = ("connection-interval-seconds", "result-lifetime-seconds", "verifier", "evidence-bytes")
MEASURE = "./atls bench --full measures all of them, --from FILE takes another benchmark.json"


@dataclass(frozen=True)
class Figure:
    """A cost of one thing, and what it stands on."""

    what: str
    value: float
    unit: str
    basis: str


@dataclass(frozen=True)
class Range:
    """A figure with its least and its greatest."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Range:
        """Each of the three, times FACTOR."""
        return Range(self.value * factor, self.low * factor, self.high * factor)


class Assumptions(Document):
    """The file: checked, with the deployments' own values beside those for all."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, InputError)
        self.check(CAPACITY_SCHEMA)
        self.by_name("deployments")

    def by_name(self, field: str) -> None:
        """Raises the first name that stands there twice."""
        seen: set[str] = set()
        for index, entry in enumerate(self.value[field]):
            if entry["name"] in seen:
                where = (field, index, "name")
                raise self.fail(where, f"{entry['name']!r} stands here for the second time")
            seen.add(entry["name"])

    def get(self, index: int, field: str) -> Any:
        """What deployment INDEX assumes: its own value, or that for all."""
        own = self.value["deployments"][index]
        return own.get(field, self.value.get(field))

    def told(self, index: int, field: str) -> str:
        """Where a person finds an assumption."""
        own = ("deployments", index, field)
        line = self.line(own if own in self.lines else (field,))
        return f"assumed: {field} ({self.path.name}:{line})"


class Costs:
    """The costs of one connection and one appraisal of a deployment."""

    def __init__(self, result: Row, given: Assumptions, index: int) -> None:
        self.result, self.given, self.index = result, given, index
        self.known = units.modes(result)
        self.mode: str = given.value["deployments"][index]["mode"]
        self.row = self._row(self.mode)
        if len(self.mode.split("/")) < 3 or self.mode.split("/")[2] not in ("client", "server"):
            words = "expected PROFILE/MODEL/ATTESTER with client or server as attester, "
            raise self._fail(
                "mode", f"{words}came {self.mode}: whose cost is whose is not measured"
            )
        self.passport = self.mode.split("/")[1] == "passport"
        # Some profiles ask the verifier in each connection even so.
        self.asks = self.row["phases_ns"]["verifier"] > 0
        found = units.points(result)
        self.correction = units.correction(found)
        self.excess_ns = units.fleet_excess_ns(found)
        self.evidence_bytes = self._evidence_bytes()
        self.figures: list[Figure] = []
        self.relying_ns = self._relying()
        self.appraisal_ns = self._appraisal()
        self.connection_bytes, self.appraisal_bytes, self.result_bytes = self._bytes()

    def _fail(self, field: str, words: str) -> InputError:
        return self.given.fail(("deployments", self.index, field), words)

    def _row(self, mode: str) -> Row:
        if mode not in self.known:
            words = f"expected a mode that the benchmark measured in memory, came {mode}"
            words += f"{meant(mode, list(self.known))}; {MEASURE}"
            raise self._fail("mode", words)
        return self.known[mode]

    def _sizes(self, mode: str) -> list[Row]:
        """The rows that are MODE but for how many components are measured, by size of evidence."""
        wanted = _without_size(mode)
        rows = [row for name, row in self.known.items() if _without_size(name) == wanted]
        return sorted(rows, key=lambda row: int(row["credential_bytes"]))

    def _appraised(self) -> str:
        """The mode whose verifier has such evidence to appraise: the verifier knows no profiles."""
        cached = KINDS[self.given.get(self.index, "verifier")]
        words = self.mode.split("/")
        words[1] = "background-check"
        options = "".join(f"/{word}" for word in words[3:] if word != "cached") + cached
        own, other = "/".join(words[:3]) + options, REFERENCE + options
        return max((own, other), key=lambda mode: len(self._sizes(mode)))

    def _evidence_bytes(self) -> int:
        wanted = self.given.get(self.index, "evidence-bytes")
        carried = self.mode if self.asks and not self.passport else self._appraised()
        rows = self._sizes(carried)
        if not rows:
            words = f"expected a benchmark with the mode {carried}, which has none; {MEASURE}"
            raise self._fail("mode", words)
        same = [row for row in rows if _size_of(row["mode"]) == _size_of(self.mode)]
        if wanted is None:
            return int((same or rows)[0]["credential_bytes"])
        least, most = rows[0]["credential_bytes"], rows[-1]["credential_bytes"]
        if not least <= wanted <= most:
            words = f"expected a size of evidence between those measured of {carried}, "
            words += f"{least:,} to {most:,} bytes, came {wanted:,}"
            raise self._fail("evidence-bytes", words)
        return int(wanted)

    def _at_size(self, mode: str, cost: Callable[[Row], float]) -> tuple[float, str]:
        """A cost of MODE with evidence of that size: measured, or between two sizes that were."""
        rows = self._sizes(mode)
        size = self.evidence_bytes
        # A size that this mode does not quite have: evidence in another format, say.
        size = min(max(size, rows[0]["credential_bytes"]), rows[-1]["credential_bytes"])
        for row in rows:
            if row["credential_bytes"] == size:
                return cost(row), f"mode {row['mode']}"
        above = next(i for i, row in enumerate(rows) if row["credential_bytes"] > size)
        low, high = rows[above - 1], rows[above]
        part = (size - low["credential_bytes"]) / (
            high["credential_bytes"] - low["credential_bytes"]
        )
        value = cost(low) + part * (cost(high) - cost(low))
        return value, f"between modes {low['mode']} and {high['mode']}"

    def _carried(self, cost: Callable[[Row], float]) -> tuple[float, str]:
        """A cost of the connection, which has evidence in it only in background check."""
        if self.passport:
            return cost(self.row), f"mode {self.mode}"
        return self._at_size(self.mode, cost)

    def _relying(self) -> Range:
        value, where = self._carried(units.relying_ns)
        basis = f"measured: section pair, {where}: phases_ns as parts of cpu_ns.median"
        self.figures.append(
            Figure("relying party, a connection, in memory", value / 1000, "µs", basis)
        )
        middle, low, high = self.correction
        basis = "measured over computed, median of load and stacks: "
        basis += f"{low:.2f} to {high:.2f}" if high > 1 else "neither was measured"
        self.figures.append(Figure("... with a process and sockets of its own", middle, "×", basis))
        return Range(value * middle, value * low, value * high)

    def _appraisal(self) -> Range:
        kind = self.given.get(self.index, "verifier")
        found = [one for one in self.result.get("verifier", []) if one["verifier"] == kind]
        if not found:
            words = f"expected a benchmark whose section verifier has {kind!r}; {MEASURE}"
            raise self._fail("mode", words)
        base = float(found[0]["cpu_ns_each"])
        self.figures.append(
            Figure(
                "verifier, an appraisal over HTTP",
                base / 1000,
                "µs",
                f"measured: section verifier, {kind}: cpu_ns_each",
            )
        )
        reference = self._row(REFERENCE + KINDS[kind])
        value, where = self._at_size(self._appraised(), units.verifier_ns)
        more = value - units.verifier_ns(reference)
        basis = f"measured: section pair, phase verifier: {where}, beyond mode {reference['mode']}"
        self.figures.append(Figure("... for this evidence beyond that", more / 1000, "µs", basis))
        if self.excess_ns:
            fleet = self.result["fleet"]
            basis = f"measured: section fleet, {fleet['devices']:,} devices in one store, beyond "
            basis += f"section pair, mode {fleet['mode']}; in the upper bound only"
            excess = self.excess_ns / 1000
            self.figures.append(Figure("... at most, for a full store", excess, "µs", basis))
        base = max(base + more, 0.0)
        return Range(base, base, base + self.excess_ns)

    def _bytes(self) -> tuple[float, float, float]:
        on_wire, where = self._carried(lambda row: float(sum(row["bytes"].values())))
        basis = f"measured: section pair, {where}: bytes"
        self.figures.append(Figure("TLS, a connection, both ways", on_wire, "bytes", basis))
        result_mode = "/".join([self.mode.split("/")[0], "passport", *self.mode.split("/")[2:3]])
        if result_mode not in self.known:
            result_mode = "ta-07/passport/client"
        kept = float(self._row(result_mode)["credential_bytes"])
        self.figures.append(
            Figure(
                "an attestation result",
                kept,
                "bytes",
                f"measured: section pair, mode {result_mode}: credential_bytes",
            )
        )
        asked = self.given.get(self.index, "evidence-bytes")
        basis = "measured: section pair, credential_bytes"
        if asked is not None:
            basis = self.given.told(self.index, "evidence-bytes")
        self.figures.append(Figure("evidence", self.evidence_bytes, "bytes", basis))
        transport = self.given.get(self.index, "transport-bytes-per-connection")
        http = self.given.get(self.index, "http-bytes-per-appraisal")
        return on_wire + transport, self.evidence_bytes + kept + http, kept


def _size_of(mode: str) -> list[str]:
    return [word for word in mode.split("/")[3:] if word.startswith("components=")]


def _without_size(mode: str) -> list[str]:
    return [word for word in mode.split("/") if not word.startswith("components=")]


def appraisals_per_connection(costs: Costs) -> float:
    """How many appraisals a connection needs. A device that comes every so many seconds uses a
    result until it has expired, and has a new one made the next time that it comes."""
    if costs.asks:
        return 1.0
    interval = float(costs.given.get(costs.index, "connection-interval-seconds"))
    lifetime = float(costs.given.get(costs.index, "result-lifetime-seconds"))
    return 1.0 / max(math.ceil(lifetime / interval), 1)


def at(costs: Costs, devices: int) -> dict[str, Any]:
    """What so many devices cost: cores and bits at the peak, storage in all."""
    given = costs.given
    everywhere = given.value
    interval = given.get(costs.index, "connection-interval-seconds")
    peak = everywhere["peak-over-mean"]
    cores = 1e-9 / (everywhere["utilisation-percent"] / 100)
    connections = devices / interval
    appraisals = connections * appraisals_per_connection(costs)
    between = appraisals * costs.appraisal_bytes
    relying_bytes = connections * costs.connection_bytes + (
        between if costs.asks and not costs.passport else 0
    )
    firmwares = math.ceil(devices / everywhere["devices-per-firmware"])
    references = everywhere["reference-values-per-firmware"] * everywhere["reference-value-bytes"]
    return {
        "devices": devices,
        "connections_per_second": connections,
        "appraisals_per_second": appraisals,
        "relying_party_cores": asdict(costs.relying_ns.times(connections * peak * cores)),
        "verifier_cores": asdict(costs.appraisal_ns.times(appraisals * peak * cores)),
        "relying_party_bits_per_second": 8 * peak * relying_bytes,
        "verifier_bits_per_second": 8 * peak * between,
        "anchor_bytes": devices * everywhere["anchor-bytes"],
        "reference_value_bytes": firmwares * references,
        "result_bytes": appraisals * DAY * everywhere["keep-results-days"] * costs.result_bytes,
    }


def deployment(result: Row, given: Assumptions, index: int) -> dict[str, Any]:
    """One deployment: costs of one thing, and those of each number of devices."""
    own = given.value["deployments"][index]
    costs = Costs(result, given, index)
    rate = appraisals_per_connection(costs)
    basis = "measured: section pair: the verifier is asked in each connection"
    if not costs.asks:
        basis = given.told(index, "connection-interval-seconds")
        basis += "; " + given.told(index, "result-lifetime-seconds")
    costs.figures.append(Figure("appraisals, a connection", rate, "", basis))
    for field, what, unit in (
        ("connection-interval-seconds", "a device connects every", "s"),
        ("transport-bytes-per-connection", "TCP and IP, a connection", "bytes"),
        ("http-bytes-per-appraisal", "HTTP, JSON, TLS to the verifier, an appraisal", "bytes"),
    ):
        value = float(given.get(index, field))
        costs.figures.append(Figure(what, value, unit, given.told(index, field)))
    return {
        "name": own["name"],
        "mode": own["mode"],
        **{field: given.get(index, field) for field in OWN if given.get(index, field) is not None},
        "costs": [asdict(one) for one in costs.figures],
        "sizes": [at(costs, devices) for devices in given.value["devices"]],
    }


def check(result: Row) -> list[dict[str, Any]]:
    """Each measured point beside what the unit costs say of it."""
    return [{**asdict(one), "off": one.off} for one in units.points(result)]


def compute(result: Mapping[str, Any], given: Assumptions) -> dict[str, Any]:
    """All deployments, and how far the costs are to be believed."""
    middle, low, high = units.correction(units.points(result))
    names: Sequence[Any] = given.value["deployments"]
    return {
        "deployments": [deployment(result, given, index) for index in range(len(names))],
        "check": check(result),
        "correction": {"value": middle, "low": low, "high": high},
    }

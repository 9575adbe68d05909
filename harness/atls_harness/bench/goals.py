# SPDX-License-Identifier: Apache-2.0
"""The goals that the project has set itself, and how far a run meets them."""

from __future__ import annotations

import re
from typing import Any, Mapping

from .plan import SIZES

GIB = 1 << 30


def _ratio(result: Mapping[str, Any], modes: str) -> float | None:
    """The largest of the modes that the pattern is for."""
    found = [
        float(row["ratio_to_floor"]["value"])
        for row in result.get("pair", {}).get("modes", [])
        if re.fullmatch(modes, row["mode"])
    ]
    return max(found, default=None)


def judge(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each goal with what was measured; measured is null where the run did not measure it."""
    large = f"seat-06/background-check/client/components={SIZES[60000]}"
    found: list[tuple[str, str, float, float | None, bool]] = [
        (
            "attested over plain TLS and the extra crypto, background check, any profile",
            "at most",
            1.05,
            _ratio(result, "[^/]+/background-check/[^/]+"),
            True,
        ),
        (
            "the same, passport, any profile",
            "at most",
            1.05,
            _ratio(result, "[^/]+/passport/[^/]+"),
            True,
        ),
        ("the same, 60 kB of evidence", "at most", 1.25, _ratio(result, large), True),
    ]
    counted = result.get("instructions", {}).get("ta-07/background-check/client")
    found.append(
        (
            "attestation code of the endpoints and the device, of all instructions",
            "at most",
            0.03,
            counted["endpoint_share"] if counted else None,
            True,
        )
    )
    verifier = result.get("verifier")
    found.append(
        (
            "appraisals, of what their signatures alone would allow, over HTTP",
            "at least",
            0.9,
            verifier[0]["of_what_signatures_allow"] if verifier else None,
            False,
        )
    )
    shards = result.get("shards")
    two = shards["speed_up"] if shards and shards["shards"] == 2 else None
    found.append(("throughput of two cores over that of one", "at least", 1.8, two, False))
    fleet = result.get("fleet")
    memory = fleet["bytes_each"] * 10000 / GIB if fleet else None
    found.append(("memory of 10,000 devices, GiB", "at most", 1.0, memory, True))
    runner = result.get("cases")
    beyond = runner["seconds_beyond"] * 1000 if runner else None
    found.append(("a case beyond its handshake, ms", "at most", 50.0, beyond, True))
    curves = {one["name"]: one for one in result.get("curves", ())}
    for name, what in (("references", "reference values"), ("devices", "devices")):
        over = curves[name]["largest_over_smallest"] if name in curves else None
        goal = f"an appraisal among the most {what} over one among the fewest"
        found.append((goal, "at most", 1.1, over, True))
    steepest = max((one["exponent"] for one in curves.values()), default=None)
    found.append(("exponent of the steepest curve", "at most", 1.1, steepest, True))
    return [
        {
            "goal": goal,
            "wanted": f"{sense} {wanted:g}",
            "measured": measured,
            "met": None if measured is None else (measured <= wanted) == less,
        }
        for goal, sense, wanted, measured, less in found
    ]

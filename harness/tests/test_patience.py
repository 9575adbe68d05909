# SPDX-License-Identifier: Apache-2.0
"""Times that grow with the machine's load, and stay in proportion."""

from __future__ import annotations

from typing import Any

import pytest

from atls_harness import patience


@pytest.mark.parametrize(
    "load, workers, work, wanted",
    [
        (0.1, "1", 1.0, 1),
        (2.0, "2", 1.2, 1),  # the run's own
        (20.0, "2", 1.0, 9),
        (1.0, "1", 9.0, 5),  # not in the average yet
        (900.0, "1", 1.0, patience.MOST),
    ],
)
def test_the_factor(
    monkeypatch: pytest.MonkeyPatch, load: float, workers: str, work: float, wanted: int
) -> None:
    monkeypatch.setattr(patience.os, "getloadavg", lambda: (load, load, load))
    monkeypatch.setattr(patience.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(patience, "measured", lambda: work)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", workers)
    assert patience.factor() == wanted


@pytest.mark.parametrize(
    "flags, wanted",
    [
        ({"verifier-timeout": 500}, {"verifier-timeout": 1500, "timeout": 60}),
        (
            {"timeout": 1, "verifier": "u"},
            {"timeout": 3, "verifier": "u", "verifier-timeout": 15000},
        ),
        ({"fault": ["delay=300@session"]}, {"fault": ["delay=900@session"], "timeout": 60}),
        ({"fault": ["delay=7", "hang"]}, {"fault": ["delay=21", "hang"], "timeout": 60}),
        (
            {"fault": ["delay=x", "exit-after=2"]},
            {"fault": ["delay=x", "exit-after=2"], "timeout": 60},
        ),
        ({"nonce-size": 32}, {"nonce-size": 32, "timeout": 60}),
    ],
)
def test_all_times_of_a_case_are_multiplied(flags: Any, wanted: Any) -> None:
    assert patience.of_endpoint(flags, 3) == wanted
    assert patience.of_endpoint(flags, 1) == patience.stretched(flags, 1) == flags

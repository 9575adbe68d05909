# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest that loses a case: it is played, and nobody tells what became of it."""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if not item.nodeid.endswith("refused.yaml::server"):
        return None
    runtestprotocol(item, log=False, nextitem=nextitem)
    return True

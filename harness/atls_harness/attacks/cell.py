# SPDX-License-Identifier: Apache-2.0
"""Where an attack is played, and what is of which cell.

A cell is a column (a profile, and of ta-07 its credential kind), the side that attests, a model and
an evidence format; with the name of what a story changes, and with a defence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Collection, Mapping

from ..contract import contract

AXES = ("column", "side", "model", "format")
# An axis of a story's own (what is changed in it has a name), and NAME=READING of a variant that no
# draft has, and that closes an attack.
MORE_AXES = ("case", "defence")
CERT = "-cert"  # behind ta-07: evidence beside the certificate


@dataclass(frozen=True)
class Cell:
    """Where an attack is played."""

    column: str
    side: str  # that attests
    model: str
    format: str
    case: str = ""
    defence: str = ""

    @property
    def profile(self) -> str:
        return self.column.removesuffix(CERT)

    @property
    def kind(self) -> str:
        """--credential-kind, where the profile has one."""
        return "cert" if self.column.endswith(CERT) else ""

    @property
    def beside_x509(self) -> bool:
        """Is there a certificate for the attested key?"""
        return bool(self.kind) or contract().profiles[self.profile].beside_x509

    @property
    def name(self) -> str:
        return "-".join(word for word in self.axes().values() if word)

    def axes(self) -> dict[str, str]:
        """As tables and results have it."""
        return {name: getattr(self, name) for name in (*AXES, *MORE_AXES)}


def applies(change: Mapping[str, Any], cell: Cell, held: Collection[str]) -> bool:
    """Is a change, or a row, of this cell, where the attacker has HELD? An axis that it does not
    name is any; `held` is all of it, `has` and `lacks` are some."""
    if "held" in change and set(change["held"]) != set(held):
        return False
    if any(name not in held for name in change.get("has", ())):
        return False
    if any(name in held for name in change.get("lacks", ())):
        return False
    for axis, value in cell.axes().items():
        if axis in change:
            wanted = change[axis] if isinstance(change[axis], list) else [change[axis]]
            if value not in wanted:
                return False
    return True

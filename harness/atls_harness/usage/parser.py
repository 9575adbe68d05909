# SPDX-License-Identifier: Apache-2.0
"""What all parsers share: how they fail, and the options that several commands take."""

from __future__ import annotations

import argparse
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, NoReturn, Sequence

from ..errors import UsageError
from ..nearest import meant, nearest
from ..paths import ROOT

USAGE = 2
WIDTH = 88
SIMULATED = "The root of trust is simulated: nothing here says anything about real hardware."


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with a command line, and what may have been meant."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        paragraphs = str(settings["description"]).split("\n\n")
        settings["description"] = "\n\n".join(textwrap.fill(one, WIDTH) for one in paragraphs)
        super().__init__(allow_abbrev=False, **settings)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(unknown(rest[0], self.options()))
        return found

    def options(self) -> list[str]:
        """All options, as they are typed."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n{self.prog} --help lists what it takes\n")


def unknown(word: str, options: Sequence[str]) -> str:
    """What to say of a word that a command does not take."""
    if not word.startswith("-"):
        return f"{word!r} is one word too many"
    name = word.partition("=")[0]
    long = {one.lstrip("-"): one for one in options if one.startswith("--")}
    found = nearest(name.lstrip("-"), long)
    return f"no option {name}" + (f"; did you mean {long[found[0]]}?" if found else "")


def one_of(kind: str, known: Sequence[str]) -> Callable[[str], str]:
    """A type for argparse: one of some names, or the nearest of them is suggested."""

    def check(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"no {kind} {text!r}{meant(text, known)}")
        return text

    return check


def check_numbers(options: Any, bounds: Iterable[tuple[str, float, float | None]]) -> None:
    """UsageError where an option has a number that is less than its least, or more than its most;
    one that was not given is as it should be."""
    for name, least, most in bounds:
        value = getattr(options, name.replace("-", "_"))
        if value is not None and not least <= value <= (math.inf if most is None else most):
            up_to = "" if most is None else f" to {most}"
            raise UsageError(f"--{name}: expected a number from {least}{up_to}")


@dataclass(frozen=True)
class Option:
    """An option, for argparse and for pytest, which takes the same settings."""

    names: tuple[str, ...]
    settings: Mapping[str, Any]


def option(*names: str, **settings: Any) -> Option:
    """One, as add_argument() takes it."""
    return Option(names, settings)


def add(to: "argparse._ActionsContainer", *options: Option) -> None:
    """Has a parser, or a group of one, take OPTIONS."""
    for one in options:
        to.add_argument(*one.names, **one.settings)


BUILD = option("--build", type=Path, default=None, metavar="DIR", help="build directory")
OUT = option(
    "--out",
    type=Path,
    default=ROOT / "out",
    metavar="DIR",
    help="where results go (default: out)",
)
MORE_PEERS = option(
    "--peers",
    type=Path,
    action="append",
    default=[],
    metavar="DIR",
    help="another folder of peers",
)

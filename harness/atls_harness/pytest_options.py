# SPDX-License-Identifier: Apache-2.0
"""What pytest, its plugins and this one take on the command line, before pytest itself is started:
a typing error is told at once, and not by each of its workers."""

from __future__ import annotations

import argparse
from typing import Any, Iterable, Mapping, NoReturn, Sequence

from _pytest.config import get_config

from .errors import UsageError
from .usage import unknown


def _fail(message: str) -> NoReturn:
    raise UsageError(message)


class Options:
    """The options, as pytest knows them here."""

    def __init__(self) -> None:
        config = get_config()
        config.pluginmanager.load_setuptools_entrypoints("pytest11")
        config.pluginmanager.import_plugin("atls_harness.plugin")
        self._parser = config._parser._getparser()
        setattr(self._parser, "error", _fail)  # pytest's own prints its usage
        self._known: Mapping[str, Any] = self._parser._option_string_actions

    def takes_value(self, word: str) -> bool:
        """Is the word after the option WORD its value?"""
        return word in self._known and self._known[word].nargs in (None, 1)

    def split(self, given: Iterable[str]) -> tuple[list[str], list[str]]:
        """Options with their values, and paths."""
        options: list[str] = []
        paths: list[str] = []
        words = iter(given)
        for word in words:
            if not word.startswith("-") or word == "-":
                paths.append(word)
                continue
            options.append(word)
            if self.takes_value(word):
                options += [value for value in [next(words, None)] if value is not None]
        return options, paths

    def parse(self, options: Sequence[str]) -> argparse.Namespace:
        """What they say. UsageError with the nearest option where one is not known."""
        found, rest = self._parser.parse_known_args(list(options))
        if rest:
            raise UsageError(unknown(rest[0], list(self._known)))
        return found

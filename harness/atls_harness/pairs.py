# SPDX-License-Identifier: Apache-2.0
"""Which client against which server: --peers, --pair, --client and --server, read together.

Every pair is in order, and a peer against itself is one: a stack that cannot talk to itself will
not talk to others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Mapping, Sequence

from .errors import UsageError
from .nearest import meant
from .peer import Peer

ALL = "all"
MARK = "@"  # between a case's name and its pair

Pair = tuple[str, str]


def is_folder(value: str) -> bool:
    """Is a value of --peers a folder that has peers in it?"""
    return value != ALL and any(Path(value).glob("*/peer.yaml"))


def folders(values: Iterable[str]) -> list[Path]:
    """The folders among the values of --peers."""
    return [Path(value).resolve() for value in values if is_folder(value)]


def asked(peers: Iterable[str], pairs: Iterable[str]) -> bool:
    """Is it a matrix that is asked for?"""
    return any(True for _ in pairs) or any(not is_folder(value) for value in peers)


def _names(text: str, side: str, option: str, peers: Mapping[str, Peer]) -> list[str]:
    """Peers by name, or all that can play SIDE (client, server; "" for either). An adversary is
    named, or not there: it is no stack that others are to get on with."""
    made: list[str] = []
    for name in text.split(","):
        if name == ALL:
            playing = [side] if side else ["client", "server"]
            made += [
                one
                for one, peer in peers.items()
                if not peer.adversary and any(s in peer.programs for s in playing)
            ]
        elif name in peers:
            made.append(name)
        else:
            what = (
                f"no peer {name!r}, and no folder with peers"
                if "/" in name
                else f"no peer {name!r}"
            )
            raise UsageError(f"{option}: {what}{meant(name, peers)}")
    return made


def chosen(
    peers: Mapping[str, Peer],
    values: Sequence[str],
    pairs: Sequence[str],
    client: str | None = None,
    server: str | None = None,
) -> list[Pair]:
    """The pairs of a run; none where no matrix is asked for. --client and --server narrow them."""
    named = [
        name
        for value in values
        if not is_folder(value)
        for name in _names(value, "", "--peers", peers)
    ]
    made: dict[Pair, None] = {}
    for one in dict.fromkeys(named):
        if "client" in peers[one].programs:
            others = [other for other in named if "server" in peers[other].programs]
            made.update({(one, other): None for other in others})
    for text in pairs:
        left, colon, right = text.partition(":")
        if not colon:
            raise UsageError(f"--pair: expected CLIENT:SERVER, came {text!r}")
        for one in _names(left, "client", "--pair", peers):
            made.update({(one, o): None for o in _names(right, "server", "--pair", peers)})
    found = [pair for pair in made if client in (None, pair[0]) and server in (None, pair[1])]
    if (named or pairs) and not found:
        raise UsageError("--peers, --pair: no pair of a client and a server is left")
    return found


def shown(pair: Pair) -> str:
    """A pair as it stands in ids and after --pair."""
    return ":".join(pair)

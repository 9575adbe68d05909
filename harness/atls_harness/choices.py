# SPDX-License-Identifier: Apache-2.0
"""What the options of `./atls run` come to: looked at before anything is built or played."""

from __future__ import annotations

import argparse
import functools
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from _pytest.mark.expression import Expression, ParseError

from . import pairs, shard
from .baseline import load_baseline
from .contract import contract
from .deployment import description, learning
from .errors import InfrastructureError, UsageError
from .expected import ExpectedFailure, load_expected
from .matrix import Required, load_required
from .nearest import meant
from .paths import PARSEC, PEERS, default_build
from .peer import Peer, load_peers
from .selection import Chooser
from .shown_by import meant_by
from .usage import ROLES

DEFAULT_PEER = "atls"


@dataclass(frozen=True)
class Choices:
    """What a person asked for."""

    folders: Sequence[Path]  # of peers, beside the project's own
    peers: Mapping[str, Peer]
    roles: Mapping[str, str]
    pairs: tuple[pairs.Pair, ...]
    seed: int
    root: str
    build: Path
    required: tuple[Required, ...]
    expected: tuple[ExpectedFailure, ...]
    before: dict[str, Any] | None
    chooser: Chooser
    deployment: description.Deployment | None = None  # that --verifier names by its URL

    @property
    def plays_atls(self) -> bool:
        """Does any role fall to the project's own peer, which must be built?"""
        return DEFAULT_PEER in _used(self.roles, self.pairs)

    @property
    def others(self) -> list[Peer]:
        """The peers that play and are none of the project's own."""
        used = (self.peers[name] for name in _used(self.roles, self.pairs))
        return [peer for peer in used if PEERS not in peer.path.parents]

    def check_helpers(self) -> None:
        """InfrastructureError where the device or the verifier was never set up: without them there
        is no case that could be played."""
        for role in ("device", "verifier"):
            peer = self.peers[self.roles[role]]
            problem = peer.setup and peer.missing(role, self.build)
            if problem:
                raise InfrastructureError(f"--{role} {problem}")


@functools.lru_cache(maxsize=None)
def _peers(folders: tuple[Path, ...]) -> dict[str, Peer]:
    return load_peers([PEERS, *folders])


def settle(option: argparse.Namespace) -> Choices:
    """Looks at all options. HarnessError (UsageError where a person mistyped)."""
    part = _shard(option)
    folders = tuple(pairs.folders(option.peers))
    peers = dict(_peers(folders))
    roles = {role: getattr(option, role) or DEFAULT_PEER for role in ROLES}
    deployment = _deployment(option)
    if deployment is not None:
        peers[deployment.name] = learning.placeholder(deployment)
        roles["verifier"] = deployment.name
    for role, name in roles.items():
        if name not in peers:
            raise UsageError(f"--{role}: no peer {name!r}{meant(name, peers)}")
    matrix = pairs.chosen(peers, option.peers, option.pair, option.client, option.server)
    if option.repeat < 1:
        raise UsageError(f"--repeat: expected a number from 1, came {option.repeat}")
    try:
        Expression.compile(option.keyword)
    except ParseError as problem:  # told once, here; a worker of xdist would only crash
        raise UsageError(f"-k {option.keyword!r}: {problem}") from problem
    build = (option.build or default_build()).resolve()
    used = _used(roles, matrix)
    looked_at = {
        peer.path: peer
        for name, peer in peers.items()
        if peer.path != learning.PLACE and (name in used or (not matrix and _is_there(peer, build)))
    }
    return Choices(
        folders,
        peers,
        roles,
        tuple(matrix),
        _seed(option.seed),
        _root(option.root),
        build,
        load_required(option.required, peers) if option.required else (),
        load_expected(option.expected_failures) if option.expected_failures else (),
        load_baseline(option.baseline) if option.baseline else None,
        Chooser(
            tuple(matrix),
            roles["device"] != DEFAULT_PEER,
            option.keyword,
            option.ambiguities,
            looked_at,
            meant_by(option.clause, option.section),
            build,
            part,
            option.root == PARSEC.name,
        ),
        deployment,
    )


def _deployment(option: argparse.Namespace) -> description.Deployment | None:
    """What --verifier names, where that is no peer."""
    if option.verifier and description.is_deployment(option.verifier):
        return description.read(option.verifier, option.verifier_ca, option.verifier_auth)
    if option.verifier_ca or option.verifier_auth:
        raise UsageError("--verifier-ca and --verifier-auth are for a --verifier with a URL")
    return None


def _shard(option: argparse.Namespace) -> shard.Shard | None:
    """The part that is played; what is said of a whole run is said where the parts are joined."""
    part = shard.read(option.shard)
    whole = [name for name in ("required", "baseline") if part and getattr(option, name)]
    if whole:
        raise UsageError(f"--{whole[0]} is said of a whole run: give it to ./atls merge")
    return part


def _used(roles: Mapping[str, str], matrix: Sequence[pairs.Pair]) -> list[str]:
    """The peers that play, by name."""
    named = [name for pair in matrix for name in pair]
    sides = ("device", "verifier") if matrix else ROLES
    return list(dict.fromkeys(named + [roles[side] for side in sides]))


def _is_there(peer: Peer, build: Path) -> bool:
    return any(role in peer.programs and not peer.missing(role, build) for role in ROLES)


def _root(name: str) -> str:
    known = contract().roots
    if name not in known:
        raise UsageError(f"--root: no root of trust {name!r}{meant(name, known)}")
    return name


def _seed(text: str) -> int:
    if text == "random":
        return random.SystemRandom().randrange(1, 1 << 24)
    try:
        return int(text)
    except ValueError as problem:
        raise UsageError(f"--seed: expected a number or random, came {text!r}") from problem

# SPDX-License-Identifier: Apache-2.0
"""What is measured: quickly (under three minutes) or in full."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..contract import contract

SERVER, MUTUAL = "plain/server", "plain/mutual"
YARDSTICK = "openssl"  # another library's, in place of "plain"

FAST = "/fast"

# components= beside the standard ones, for evidence of about so many bytes (a PSA token in a CAB)
SIZES = {2000: 13, 10000: 97, 60000: 590}

_KNOWN = contract().profiles.values()
PROFILES = {one.name: one.models for one in _KNOWN if not one.prototype}
CURRENT = tuple(one.name for one in _KNOWN if one.status == "current")
ATTESTERS = ("client", "server", "both")


def _modes_quick() -> list[str]:
    modes = []
    for profile in CURRENT:
        for model in PROFILES[profile]:
            modes.append(f"{profile}/{model}/client")
    modes += ["ta-07/background-check/server", "ta-07/passport/both"]
    large = f"seat-06/background-check/client/components={SIZES[60000]}"
    modes += ["ta-07/background-check/client/cached", large, f"{large}/cached"]
    return modes


def _modes_full() -> list[str]:
    modes = []
    for profile, models in PROFILES.items():
        for model in models:
            for attester in ATTESTERS:
                modes.append(f"{profile}/{model}/{attester}")
    modes += ["ta-07/background-check/client/cert", "ta-07/passport/client/cert"]
    modes += ["seat-06/background-check/client/psa", "x509-cmw/background-check/client/psa"]
    for profile in ("ta-07", "seat-06"):
        modes.append(f"{profile}/background-check/client/p384")
        modes.append(f"{profile}/passport/client/p384")
        modes.append(f"{profile}/background-check/client/cwt")
        modes.append(f"{profile}/passport/client/cwt")
        modes.append(f"{profile}/background-check/client/cached")
        for components in SIZES.values():
            modes.append(f"{profile}/background-check/client/components={components}")
            modes.append(f"{profile}/background-check/client/components={components}/cached")
            modes.append(f"{profile}/passport/client/components={components}")
    return modes


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    modes: list[str]
    samples: int
    instruction_modes: list[str]
    instruction_samples: int
    device_modes: list[str]
    device_samples: int
    qemu_samples: int  # each takes half a second
    appraisals: int
    at_once: tuple[int, ...]
    connections: int
    load_modes: tuple[str, ...]
    devices: int
    delays_ms: tuple[int, ...]
    loss_percent: tuple[float, ...]
    network_connections: int
    network_modes: list[str]
    shard_samples: int
    shard_rounds: int
    stack_modes: tuple[str, ...]
    stack_rounds: int
    stack_connections: int  # of a sample
    stack_warm_up: int
    stack_warm_up_jit: int  # of a stack that compiles as it runs
    curve_samples: int
    curve_sizes: dict[str, tuple[int, ...]]
    curve_instructions: int  # sizes up to this are counted too: callgrind is slow
    curve_mode: str
    curve_large: str  # a mode whose evidence may be large: seat's has at most 64 kB
    curve_evidence: tuple[int, ...]  # components
    curve_connections: tuple[int, ...]
    curve_cases: tuple[int, ...]
    curve_collected: tuple[int, ...]
    baselines: list[str] = field(default_factory=lambda: [SERVER, MUTUAL])
    fast: bool = False  # each mode once more with OpenSSL's ECDSA inside of GnuTLS (tls/fast)

    @property
    def yardsticks(self) -> list[str]:
        """The baselines, by OpenSSL."""
        return [yardstick_of(name) for name in self.baselines]

    @property
    def fast_modes(self) -> list[str]:
        """Modes that are measured once more: those whose keys are of P-256."""
        some = [name for name in (*self.baselines, *self.modes) if "p384" not in name.split("/")]
        return [f"{name}{FAST}" for name in some] if self.fast else []


INSTRUCTIONS = [
    SERVER,
    MUTUAL,
    "ta-07/background-check/client",
    "ta-07/passport/client",
    "seat-06/background-check/client",
    "seat-06/passport/client",
    "x509-cmw/passport/client",
    "expat-04/passport/client",
]
DEVICES = ["ta-07/background-check/client", "seat-06/background-check/client"]
NETWORK = [
    f"{profile}/{model}/{attester}"
    for profile in CURRENT
    for model in PROFILES[profile]
    for attester in ("client", "server")
]
# a nonce that was asked for ahead of need: shown apart
AHEAD = [
    f"{profile}/background-check/{attester}/ahead"
    for profile in ("ta-07", "expat-04")
    for attester in ("client", "server")
]
STACKS = (
    "x509-cmw/passport/client",
    "x509-cmw/passport/server",
    "expat-04/passport/client",
    "seat-06/passport/client",
    "seat-06/background-check/client",
    "seat-06/background-check/server",
    "ta-07/passport/client",
)

CURVES = {
    "references": (1000, 10000, 100000, 1000000),
    "names": (1000, 10000, 100000),
    "devices": (300, 10000, 100000),
    "provisioning": (300, 10000, 100000),
    "components": (10, 100, 1000, 9990),
    "sessions": (100, 1000, 10000, 100000),
    "sessions-full": (100, 1000, 10000, 65536),
}
CURVES_QUICK = {
    name: tuple(size for size in sizes if size <= 10000) for name, sizes in CURVES.items()
}

QUICK = Plan(
    modes=_modes_quick(),
    samples=150,
    instruction_modes=INSTRUCTIONS[:4],
    instruction_samples=4,
    device_modes=DEVICES[:1],
    device_samples=60,
    qemu_samples=5,
    appraisals=1000,
    at_once=(1, 10, 100),
    connections=400,
    load_modes=(SERVER, "ta-07/background-check/client"),
    devices=300,
    delays_ms=(20,),
    loss_percent=(),
    network_connections=5,
    network_modes=NETWORK[:8] + AHEAD[:1],
    shard_samples=150,
    shard_rounds=5,
    stack_modes=STACKS[:1],
    stack_rounds=4,
    stack_connections=15,
    stack_warm_up=4,
    stack_warm_up_jit=50,
    curve_samples=50,
    curve_sizes=CURVES_QUICK,
    curve_instructions=1000,
    curve_mode="seat-06/background-check/client",
    curve_large="ta-07/background-check/client",
    curve_evidence=(3, 100, 600),
    curve_connections=(10, 100, 300),
    curve_cases=(300, 1000),
    curve_collected=(300, 2000),
)
FULL = Plan(
    modes=_modes_full(),
    samples=1000,
    instruction_modes=INSTRUCTIONS,
    instruction_samples=10,
    device_modes=DEVICES,
    device_samples=300,
    qemu_samples=30,
    appraisals=5000,
    at_once=(1, 3, 10, 30, 100, 300, 1000),
    connections=3000,
    load_modes=(SERVER, "ta-07/background-check/client", "ta-07/passport/client"),
    devices=10000,
    delays_ms=(1, 20, 100),
    loss_percent=(1.0,),
    network_connections=20,
    network_modes=NETWORK + AHEAD,
    shard_samples=500,
    shard_rounds=9,
    stack_modes=STACKS,
    stack_rounds=10,
    stack_connections=25,
    stack_warm_up=8,
    stack_warm_up_jit=400,
    curve_samples=300,
    curve_sizes=CURVES,
    curve_instructions=100000,
    curve_mode="seat-06/background-check/client",
    curve_large="ta-07/background-check/client",
    curve_evidence=(3, 10, 100, 1000, 5000),
    curve_connections=(10, 100, 1000, 10000),
    curve_cases=(1000, 10000, 100000),
    curve_collected=(1000, 3000, 10000),
    baselines=[SERVER, MUTUAL, f"{SERVER}/p384", f"{MUTUAL}/p384"],
)


def attests(mode: str) -> bool:
    """Whether a mode is more than TLS of a library."""
    return mode.split("/")[0] not in ("plain", YARDSTICK)


def baseline_of(mode: str) -> str:
    """The TLS without attestation that a mode is held against: keys on the same sides. A side that
    is attested has a key, the server has one anyway."""
    words = mode.split("/")
    plain = SERVER if words[2:3] == ["server"] else MUTUAL
    return f"{plain}/p384" if "p384" in words[3:] else plain


def yardstick_of(mode: str) -> str:
    """The same TLS without attestation, by OpenSSL."""
    plain = baseline_of(mode) if attests(mode) else mode
    return plain.replace("plain", YARDSTICK, 1)

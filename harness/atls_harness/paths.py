# SPDX-License-Identifier: Apache-2.0
"""Where things are in the project's tree."""

from __future__ import annotations

import functools
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent.parent
SCHEMAS = PACKAGE / "schemas"
EVENT_SCHEMA = SCHEMAS / "event.schema.json"
SCENARIO_SCHEMA = SCHEMAS / "scenario.schema.json"
PEER_SCHEMA = SCHEMAS / "peer.schema.json"
DEPLOYMENT_SCHEMA = SCHEMAS / "deployment.schema.json"
MACHINES = PACKAGE / "data" / "machines"  # of servers, by profile: ./atls learn
MACHINE_SCHEMA = SCHEMAS / "machine.schema.json"
LEARN_RESULT_SCHEMA = ROOT / "results" / "learn.schema.json"
PROBE_SCHEMA = SCHEMAS / "probe.schema.json"
RESULT_SCHEMA = ROOT / "results" / "result.schema.json"
BENCHMARK_SCHEMA = ROOT / "results" / "benchmark.schema.json"
CAPACITY_SCHEMA = SCHEMAS / "capacity.schema.json"
CAPACITY_RESULT_SCHEMA = ROOT / "results" / "capacity.schema.json"
PUBLISHED = PACKAGE / "data" / "published.yaml"
PUBLISHED_SCHEMA = SCHEMAS / "published.schema.json"
RECORDED_BENCHMARK = ROOT / "harness" / "tests" / "benchmark.json"
CONTRACT = PACKAGE / "data" / "contract.yaml"
CONTRACT_SCHEMA = SCHEMAS / "contract.schema.json"
REQUIREMENTS = PACKAGE / "data" / "requirements.yaml"
REQUIREMENT_SCHEMA = SCHEMAS / "requirements.schema.json"
REQUIRED_SCHEMA = SCHEMAS / "required.schema.json"
EXPECTED_SCHEMA = SCHEMAS / "expected-failures.schema.json"
AMBIGUITIES = PACKAGE / "data" / "ambiguities.yaml"
AMBIGUITY_SCHEMA = SCHEMAS / "ambiguities.schema.json"
ATTACK_CATALOGUE = PACKAGE / "data" / "attacks.yaml"
ATTACK_SCHEMA = SCHEMAS / "attacks.schema.json"
ATTACK_STORY_SCHEMA = SCHEMAS / "attack-story.schema.json"
ATTACK_RESULT_SCHEMA = ROOT / "results" / "attacks.schema.json"
SCENARIOS = ROOT / "scenarios"
ATTACKS = SCENARIOS / "attacks"  # stories with a cast of their own: ./atls attacks
INTEROP = SCENARIOS / "interop"  # what any two stacks are played with
FIRMWARE = SCENARIOS / "firmware"  # what only a device that is firmware can do: --device qemu
PARSEC = SCENARIOS / "parsec"  # what needs a parsec-service, which is built for it: --root parsec
PEERS = ROOT / "harness" / "peers"


def default_build() -> Path:
    """The build directory: $ATLS_BUILD, else build/ in the tree."""
    return Path(os.environ.get("ATLS_BUILD") or ROOT / "build").resolve()


def story_files() -> list[Path]:
    """The project's scenarios, but for attacks, whose stories are of another kind."""
    return sorted(path for path in SCENARIOS.glob("*/*.yaml") if path.parent != ATTACKS)


def shown(path: Path) -> str:
    """PATH as a person would type it from the project's root."""
    return _shown(path if path.is_absolute() else Path.cwd() / path, path)


@functools.lru_cache(maxsize=1 << 14)
def _shown(place: Path, given: Path) -> str:
    try:
        return str(place.resolve().relative_to(ROOT))
    except ValueError:
        return str(given)

# SPDX-License-Identifier: Apache-2.0
"""From a story to the flags of the peer contract (harness/peers/README.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from . import roots
from .deployment.learning import PARTS
from .enrol import Enrolment
from .run import Run
from .scenario import SIDES, Case, other

IDENTITIES = {"main": "verifier.example", "other": "other-verifier.example"}
SEED_OFFSETS = {"client-device": 1, "server-device": 2, "second-device": 3}
SEEDS_PER_RUN = 16
# What the story says beside flags of the same name.
NOT_FLAGS = {
    "verifier",
    "verifier-id",
    "trust-verifier",
    "certificate",
    "code-points",
    "runs",
    "pause",
}
# What is settled when the key of x509-cmw is enrolled, and not by the endpoint.
ENROLLED_FLAGS = ("evidence-format", "cmw-form", "cmw-oid", "cmw-slot", "cmw-critical", "fault")


@dataclass(frozen=True)
class Addresses:
    """Where the parties of a case are, as far as they have been started."""

    folder: Path
    verifiers: Mapping[str, str]  # main, other, down: URL
    public_keys: Mapping[str, Path]  # main, other
    devices: Mapping[str, str]  # client, server, second
    enrolled: Mapping[str, Enrolment] = field(default_factory=dict)  # client, server


def plain(flags: Mapping[str, Any]) -> list[str]:
    """--NAME VALUE for each; a list is repeated, true stands alone, false is left out."""
    argv: list[str] = []
    for name, value in flags.items():
        if isinstance(value, bool):
            argv += [f"--{name}"] if value else []
        elif isinstance(value, list):
            for one in value:
                argv += [f"--{name}", str(one)]
        else:
            argv += [f"--{name}", str(value)]
    return argv


def identity(case: Case, which: str) -> str:
    """The identity of a verifier."""
    block = case.story.get("verifier" if which == "main" else f"{which}-verifier", {})
    return str(block.get("identity", IDENTITIES.get(which, "verifier.example")))


def device_names(case: Case) -> list[str]:
    """The devices of a case."""
    names = [f"{side}-device" for side in SIDES if case.attests(side)]
    return names + (["second-device"] if "second-device" in case.story else [])


def device_seed(run: Run, name: str) -> int:
    """The seed by which a device of the run is made, and endorsed."""
    return run.seed * SEEDS_PER_RUN + SEED_OFFSETS[name]


def device_flags(case: Case, run: Run, name: str) -> dict[str, Any]:
    """A device's flags, but for where it listens."""
    block = dict(case.story.get("second-device" if name == "second-device" else "device", {}))
    more = 4 * int(block.pop("seed-offset", 0))
    flags: dict[str, Any] = {
        "seed": device_seed(run, name) + more,
        **block,
        **roots.flags(case, run),
    }
    if run.product:  # on a verifier that keeps what it has, each case has devices of its own
        flags["product"] = f"{run.product}/{case.id}"
    return flags


def endorsement_flags(case: Case, run: Run, verifier: str) -> list[list[str]]:
    """For each device that a verifier knows, the flags of its provisioning."""
    block = case.story.get(verifier, {})
    endorsed = block.get("endorse", ["device", "second-device"])
    made = []
    for name in device_names(case):
        if ("second-device" if name == "second-device" else "device") not in endorsed:
            continue
        flags = device_flags(case, run, name)
        kept = {
            key: value
            for key, value in flags.items()
            if key not in ("tamper", "fault", "token-time")
        }
        if "endorse-components" in block:
            kept["components"] = block["endorse-components"]
        if "dialect" in block:
            kept["dialect"] = block["dialect"]
        parts = roots.endorsements(case, run)
        if not run.product:
            made += [plain(kept if part == "all" else {**kept, "part": part}) for part in parts]
            continue
        kept.setdefault("dialect", run.peer("verifier").capabilities["verifier"]["dialects"][0])
        for part in (*PARTS, *(part for part in parts if part != "all")):
            made.append(plain({**kept, "part": part}))
    return made


def verifier_flags(case: Case, name: str, folder: Path) -> dict[str, Any]:
    """A verifier's flags, but for its endorsements."""
    block = dict(case.story.get(name, {}))
    for key in ("endorse", "endorse-components", "dialect"):
        block.pop(key, None)
    if block.get("store") == "sqlite":
        block["store"] = f"sqlite:{folder / name}.db"
    which = "main" if name == "verifier" else "other"
    block.setdefault("identity", identity(case, which))
    return {"listen": "127.0.0.1:0", "public-key": str(folder / f"{name}.jwk"), **block}


def endpoint_flags(case: Case, run: Run, side: str, where: Addresses) -> dict[str, Any]:
    """A client's or a server's flags, but for host and port, events and number of connections."""
    story = case.flags(side)
    own, peer = case.model(side), case.model(other(side))
    flags: dict[str, Any] = {"profile": case.profile, "attester": own, "relying-party": peer}
    if own != "none":
        flags["device"] = where.devices[side]
        if "second" in where.devices:
            flags["second-device"] = where.devices["second"]
        flags["serialization"] = case.story.get("serialization", "cbor")
        flags["curve"] = case.story.get("curve", "p256")
    asks = own == "passport" or peer == "background-check" or "verifier" in story
    if asks and where.verifiers:
        flags["verifier"] = where.verifiers[story.get("verifier", "main")]
    if own == "passport" or "verifier-id" in story:
        issuer = story.get("verifier", "main")
        flags["verifier-id"] = story.get("verifier-id", identity(case, issuer))
    if peer == "passport" or "trust-verifier" in story:
        flags["trust-verifier"] = [
            f"{trusted.get('id', identity(case, trusted['source']))}=" + _source(trusted, where)
            for trusted in story.get("trust-verifier", [{"source": "main"}])
        ]
    certificate = story.get("certificate", "trusted")
    if certificate != "none":
        name = {"trusted": side, "other-name": "elsewhere"}.get(certificate, "stranger")
        flags["cert"] = str(run.work / f"{name}.pem")
        flags["key"] = str(run.work / f"{name}.key")
    if side in where.enrolled and certificate in ("trusted", "other-name"):
        flags["cert"] = str(where.enrolled[side].certificate)
        flags["key"] = where.enrolled[side].key
    flags["ca"] = str(run.work / "ca.pem")
    if "code-points" in story:
        path = where.folder / f"{side}-code-points.json"
        path.write_text(json.dumps(story["code-points"]), encoding="utf-8")
        flags["code-points"] = str(path)
    if case.story.get("hrr", "none") == side:
        flags["hrr"] = True
    flags.update({key: value for key, value in story.items() if key not in NOT_FLAGS})
    if story.get("profile", case.profile) == "x509-cmw" and own != "none":
        for name in (*ENROLLED_FLAGS, "serialization", "curve"):
            flags.pop(name, None)
    return flags


def enrolment_flags(
    case: Case, side: str, devices: Mapping[str, str], verifiers: Mapping[str, str]
) -> dict[str, Any]:
    """What the certificate of SIDE's key is to hold; nothing where evidence goes beside it."""
    story = case.flags(side)
    if story.get("profile", case.profile) != "x509-cmw":
        return {}
    flags: dict[str, Any] = {"cmw": "auto", "attester": case.model(side)}
    flags["serialization"] = story.get("serialization", case.story.get("serialization", "cbor"))
    if case.model(side) == "passport":
        flags["verifier"] = verifiers[story.get("verifier", "main")]
        if "result-serialization" in story:
            flags["result-serialization"] = story["result-serialization"]
    if "second" in devices:
        flags["second-device"] = devices["second"]
    flags.update({name: story[name] for name in ENROLLED_FLAGS if name in story})
    if "variant" in story:  # an endpoint has readings of its own besides
        flags["variant"] = story["variant"]
    return flags


def _source(trusted: Mapping[str, str], where: Addresses) -> str:
    url = where.verifiers[trusted["source"]]  # a verifier that listens has written its key, too
    return str(where.public_keys[trusted["source"]]) if trusted.get("by") == "jwk" else url

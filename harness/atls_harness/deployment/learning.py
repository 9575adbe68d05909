# SPDX-License-Identifier: Apache-2.0
"""What a deployment can do: read from its discovery documents and from a session, and tried with
devices of a product of this run's own, which are endorsed at it first.

The result goes into deployment.json in the run's folder, for the gateway and for the workers.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..contract import contract
from ..errors import ContractError, HarnessError, InfrastructureError, Unsupported
from ..events import read_events, select
from ..paths import shown
from ..peer import Peer
from ..process import Process, to_its_end
from ..untrusted import json_object
from . import answers
from .asking import Asker
from .description import NEW_SESSION, PROVISIONING, VERIFICATION, Deployment, from_json
from .gateway import DISCOVERY, DISCOVERY_TYPE, PROVISIONED

FILE = "deployment.json"
PLACE = Path(__file__)
LIMIT = 60.0
SESSION_TYPE = "application/vnd.veraison.challenge-response-session+json"
NONCE = "?nonceSize=32"
PSA_CORIM = 'application/rim+cbor; profile="tag:arm.com,2025:psa#1.0.0"'
DIALECTS = ("main", "v0.0.2608")  # of a CoRIM's profile: as a URI, or as text
PSA_PROFILES = ("arm-2", "rfc9783")
PARTS = ("reference-values", "trust-anchor")


@dataclasses.dataclass(frozen=True)
class Programs:
    """Of the device's peer."""

    device: Sequence[str]
    provision: Sequence[str]
    enroll: Sequence[str]


def _formats() -> list[str]:
    """The contract's evidence formats, a bare PSA token first: most deployments take one."""
    return sorted(contract().evidence_formats, key=lambda one: one != "psa")


def placeholder(deployment: Deployment) -> Peer:
    """The peer that stands for a deployment, before anything is known of it."""
    return Peer(
        deployment.name,
        f"a deployment at {deployment.verification}",
        PLACE,
        {"verifier": [sys.executable, "-m", "atls_harness.deployment.gateway"]},
        {"verifier": {}},
    )


def learnt_peer(work: Path) -> tuple[Peer, str]:
    """The same with what was learnt, from the run's folder; and the name of the run's products."""
    path = work / FILE
    deployment, learnt = from_json(path)
    peer = placeholder(deployment)
    argv = [*peer.programs["verifier"], "--deployment", str(path)]
    made = dataclasses.replace(
        peer, programs={"verifier": argv}, capabilities={"verifier": learnt["capabilities"]}
    )
    return made, str(learnt["product"])


def learn(deployment: Deployment, programs: Programs, work: Path) -> None:
    """Asks and tries; writes what was learnt. InfrastructureError where it is of no use."""
    folder = work / "deployment"
    folder.mkdir()
    asker = Asker(deployment, work)
    known = _discovered(deployment, asker)
    known["product"] = f"atls-{secrets.token_hex(8)}"
    known["reasons"] = list(contract().names("reasons"))
    trial = Trial(deployment, programs, work, folder, known)
    known["dialects"] = trial.dialects()
    appraised = {one: trial.appraised(one, (), ()) for one in _formats()}
    formats = [one for one, said in appraised.items() if said.get("status") == "affirming"]
    if not formats:
        said = "; ".join(f"{one}: {trial.words(came)}" for one, came in appraised.items())
        raise InfrastructureError(
            f"{deployment.name} took the endorsements of a device and affirms no evidence of it: "
            f"{said}"
        )
    first = appraised[formats[0]]
    known["issuer"] = str(first.get("x_issuer", ""))
    known["capabilities"] = {
        "evidence-formats": [one for one in contract().evidence_formats if one in formats],
        "reasons": bool(first.get("x_says_why")),
        "counts": False,
        "dialects": known["dialects"],
        "issuer": known["issuer"],
        "nonce-dialect": known["nonce-dialect"],
        "psa-profiles": [one for one in PSA_PROFILES if trial.affirms(("--psa-profile", one))],
        "missing-component": not trial.affirms((), ("--components", "1")),
        "unknown-component": not trial.affirms(("--tamper", "extra:SPY"), ()),
    }
    trial.write()


def _discovered(deployment: Deployment, asker: Asker) -> dict[str, Any]:
    """What it says of itself. InfrastructureError where it says nothing that can be used."""
    url = deployment.discovery_base(VERIFICATION) + DISCOVERY
    answer = asker.ask_at(VERIFICATION, url, headers={"Accept": DISCOVERY_TYPE})
    said = json_object(answer.body)
    if answer.status != 200 or "ear-verification-key" not in said:
        raise InfrastructureError(
            f"{url}: expected a verifier's discovery document with ear-verification-key, came "
            f"{answer.status}: {answer.problem()}"
        )
    url = deployment.discovery_base(PROVISIONING) + DISCOVERY.replace("verification", PROVISIONING)
    answer = asker.ask_at(PROVISIONING, url, headers={"Accept": DISCOVERY_TYPE})
    offered = json_object(answer.body).get("media-types") if answer.status == 200 else None
    corims = [one for one in answers.texts(offered) if _is_psa_corim(one)]
    if offered and not corims:
        raise InfrastructureError(f"{url}: no CoRIM of the PSA profile is taken there: {offered}")
    accept = {"Accept": SESSION_TYPE}
    opened = asker.ask(VERIFICATION, "POST", NEW_SESSION + NONCE, b"", accept)
    session = json_object(opened.body)
    if opened.status != 201 or not session.get("nonce"):
        wanted = " (it wants a token, or another one)" if opened.status == 401 else ""
        raise InfrastructureError(
            f"{deployment.base(VERIFICATION)}: expected a session (201), came {opened.status}"
            f"{wanted}: {opened.problem()}"
        )
    return {
        "version": str(said.get("version", "of no version")),
        "schemes": said.get("attestation-scheme", said.get("schemes", [])),
        "media-types": said.get("media-types", []),
        "accept": session.get("accept", []),
        "nonce-dialect": answers.nonce_dialect(str(session["nonce"])),
        "corim-type": corims[0] if corims else PSA_CORIM,
    }


def _is_psa_corim(kind: str) -> bool:
    plain = kind.lower().replace(" ", "")
    return plain.startswith("application/rim+cbor") and "tag:arm.com,2025:psa" in plain


class Trial:
    """Devices of the run's product, and what the deployment says of their evidence."""

    def __init__(
        self,
        deployment: Deployment,
        programs: Programs,
        work: Path,
        folder: Path,
        known: dict[str, Any],
    ) -> None:
        self._deployment = deployment
        self._programs = programs
        self._work = work
        self._folder = folder
        self._known = known
        self._count = 0

    def write(self) -> None:
        """What is known so far, for the gateway."""
        text = json.dumps({"deployment": self._deployment.as_json(), "learnt": self._known})
        (self._work / FILE).write_text(text, encoding="utf-8")

    def words(self, said: Mapping[str, Any]) -> str:
        """An appraisal, or why there is none, for people."""
        return f"{said.get('status', 'no result')} ({said.get('detail', '')})"

    def _corims(self, product: str, dialect: str, flags: Sequence[str]) -> list[Path]:
        made = []
        for part in PARTS:
            path = self._folder / f"{part}@{product.replace('/', '-')}"
            argv = [*self._programs.provision, "--seed", "1", "--product", product, *flags]
            argv += ["--part", part, "--dialect", dialect, "--output", str(path)]
            done = to_its_end(argv, "provisioning", LIMIT)
            if done.returncode != 0:
                raise InfrastructureError(f"provisioning: {done.stderr.strip()}")
            made.append(path)
        return made

    def _gateway(self, name: str, corims: Sequence[Path]) -> Process:
        self.write()
        argv = [sys.executable, "-m", "atls_harness.deployment.gateway"]
        argv += ["--deployment", str(self._work / FILE)]
        argv += [word for path in corims for word in ("--endorsements", str(path))]
        argv += ["--events", str(self._folder / f"{name}.events.jsonl")]
        return Process(name, "verifier", argv, self._folder, True)

    def dialects(self) -> list[str]:
        """The dialects of CoRIM that it takes."""
        said, taken = [], []
        for dialect in DIALECTS:
            product = f"{self._known['product']}/dialect-{dialect}"
            gateway = self._gateway(f"dialect-{dialect}", self._corims(product, dialect, ()))
            try:
                gateway.ready()
                taken.append(dialect)
            except (ContractError, Unsupported):
                said.append(f"{dialect}: {gateway.last_words()}")
            finally:
                gateway.stop()
        if not taken:
            raise InfrastructureError(f"no dialect of CoRIM is taken: {'; '.join(said)}")
        return taken

    def affirms(self, device: Sequence[str], endorsed: Sequence[str] | None = None) -> bool:
        """Does it affirm a PSA token (or, of one that takes none, a CAB) of such a device?"""
        for one in _formats():
            if self.appraised(one, device, device if endorsed is None else endorsed):
                said = self._last
                return bool(said.get("status") == "affirming")
        return False

    def appraised(
        self, evidence: str, device: Sequence[str], endorsed: Sequence[str]
    ) -> Mapping[str, Any]:
        """What it says of a device with some flags, endorsed with others; {}: no result."""
        self._count += 1
        name = f"trial-{self._count}"
        product = f"{self._known['product']}/{name}"
        gateway = self._gateway(name, self._corims(product, self._known["dialects"][0], endorsed))
        socket = self._folder / f"{name}.sock"
        argv = [*self._programs.device, "--listen", f"unix:{socket}", "--seed", "1"]
        argv += ["--product", product, *device, "--events"]
        events = self._folder / f"{name}-device.events.jsonl"
        attester = Process(f"{name}-device", "device", [*argv, str(events)], self._folder, True)
        try:
            attester.ready()
            url = f"http://{gateway.ready()['address']}"
            asked = [*self._programs.enroll, "--device", f"unix:{socket}", "--cmw", "auto"]
            asked += ["--attester", "passport", "--evidence-format", evidence, "--verifier", url]
            asked += ["--csr", str(self._folder / f"{name}.csr"), "--verifier-timeout", "30000"]
            to_its_end(asked, "a device's attestation", LIMIT)
        except HarnessError as problem:
            raise InfrastructureError(f"{self._deployment.name} was tried: {problem}") from problem
        finally:
            attester.stop()
            gateway.stop()
        found = select(read_events(gateway.events_path), "appraisal")
        self._last: Mapping[str, Any] = found[-1] if found else {}
        return self._last


def provisioned(work: Path) -> list[dict[str, Any]]:
    """What the run has left at the deployment."""
    path = work / PROVISIONED
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def summary(left: Sequence[Mapping[str, Any]], path: Path) -> str:
    """What of it is still there, and where it is listed."""
    new = [one for one in left if one["new"]]
    urls = ", ".join(sorted({str(one["url"]) for one in left}))
    return (
        f"left at {urls}: {len(new)} CoRIMs of products of this run alone, listed in "
        f"{shown(path)}\n"
    )

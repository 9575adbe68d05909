# SPDX-License-Identifier: Apache-2.0
"""The stage `http-api` of `./atls test`: schemathesis against the verifier stub, by the description
that the stub itself serves. It makes requests that keep to the description and ones that do not,
and holds the answers to it: harness/http-api has its settings, and what it is told beside them."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections import Counter

from . import tools
from .paths import ROOT
from .process import DONE, Process
from .stage import Checks, StageFailed

PLACE = ROOT / "harness" / "http-api"
DESCRIPTION = "/.well-known/openapi"
LIMIT = 900  # seconds; idle it is well below one minute
# A run in which one of these never came has not looked at what it is for.
MUST_COME = {200, 201, 204, 400, 401, 404, 405, 415}


def check(checks: Checks) -> None:
    """The verifier under the sanitizers, with a token for endorsements."""
    python = tools.prepare(
        checks.plain.parent / f"{checks.plain.name}-http-tools", PLACE / "requirements.txt"
    )
    folder = checks.logs / "http-api"
    folder.mkdir(parents=True, exist_ok=True)
    tool = checks.sanitized / "verifier-stub" / "test-evidence-tool"
    endorsed = folder / "device.corim"
    made = subprocess.run([str(tool), "corim"], stdin=subprocess.DEVNULL, capture_output=True)
    if made.returncode != 0:
        raise StageFailed(f"{tool.name} corim ended with {made.returncode}")
    endorsed.write_bytes(made.stdout)
    token = secrets.token_urlsafe(24)
    (folder / "token").write_text(token + "\n", encoding="utf-8")
    argv = [str(checks.sanitized / "verifier-stub" / "atls-verifier"), "--listen", "127.0.0.1:0"]
    argv += ["--endorsements", str(endorsed), "--provisioning-token", str(folder / "token")]
    argv += ["--events", str(folder / "verifier.events.jsonl")]
    verifier = Process("verifier", "verifier", argv, folder, listening=True)
    try:
        port = verifier.ready()["port"]
        command = [str(python / "st"), "--config-file", str(PLACE / "schemathesis.toml"), "run"]
        command.append(f"http://127.0.0.1:{port}{DESCRIPTION}")
        environment = {
            "ATLS_EVIDENCE_TOOL": str(tool),
            "ATLS_TOKEN": token,
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(PLACE), str(ROOT / "harness")]),
            "SCHEMATHESIS_HOOKS": "hooks",
        }
        checks.call(command, environment, limit=LIMIT)
    finally:
        verifier.stop()
    _judge_verifier(checks, verifier)


def _judge_verifier(checks: Checks, verifier: Process) -> None:
    """It ended as it should, said nothing, and was asked enough."""
    if verifier.exit != DONE or verifier.stderr():
        raise StageFailed(f"the verifier ended with {verifier.exit}: {verifier.last_words()}")
    came = Counter(event["status"] for event in verifier.events() if event["event"] == "request")
    checks.say(f"answers: {', '.join(f'{n} of {status}' for status, n in sorted(came.items()))}")
    missing = sorted(MUST_COME - set(came))
    if missing:
        raise StageFailed(f"expected answers of every kind, never came: {missing}")
    checks.tell(f"{sum(came.values())} requests")

# SPDX-License-Identifier: Apache-2.0
"""What schemathesis cannot know by the description alone: what bodies look like. They are those of
the unit tests' device, whole, cut short or with a byte of them changed, and any bytes at all.
ATLS_EVIDENCE_TOOL is the program that makes them."""

import os
import subprocess
from typing import Any, Dict

import schemathesis
from hypothesis import strategies as st

TOOL = os.environ["ATLS_EVIDENCE_TOOL"]
NONCE = "6e" * 32


def made(*arguments: str) -> bytes:
    """One sample."""
    return subprocess.run([TOOL, *arguments], check=True, stdout=subprocess.PIPE).stdout


@st.composite
def damaged(draw: st.DrawFn, sample: bytes) -> bytes:
    """Cut short, or one byte changed."""
    at = draw(st.integers(0, len(sample) - 1))
    if draw(st.booleans()):
        return sample[: at + 1]
    return sample[:at] + bytes([draw(st.integers(0, 255))]) + sample[at + 1 :]


def like(sample: bytes) -> st.SearchStrategy[bytes]:
    """Bodies of a media type whose sample this is; never empty, for a body is required."""
    return st.one_of(st.just(sample), damaged(sample), st.binary(min_size=1, max_size=300))


PSA = like(made("psa", NONCE))
CAB = like(made("cab", NONCE))
CORIM = like(made("corim"))
BODIES = {
    "application/psa-attestation-token": PSA,
    'application/eat-cwt; profile="http://arm.com/psa/2.0.0"': PSA,
    'application/eat+cwt; eat_profile="tag:psacertified.org,2023:psa#tfm"': PSA,
    "application/cmw": CAB,
    "application/cmw+cbor": CAB,
    "application/cmw+json": CAB,
    "application/vnd.veraison.cmw": CAB,
    "application/vnd.veraison.cmw+cbor": CAB,
    "application/vnd.veraison.cmw+json": CAB,
    'application/rim+cbor; profile="tag:arm.com,2025:psa#1.0.0"': CORIM,
    'application/rim+cose; profile="tag:arm.com,2025:psa#1.0.0"': CORIM,
}

for name, strategy in BODIES.items():
    schemathesis.openapi.media_type(name, strategy)


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    """nonce and nonceSize exclude each other, which a description in OpenAPI 3.1 can only say in
    words: each is tried by itself."""
    return not (query and query.get("nonce") and query.get("nonceSize"))


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Dict[str, Any]) -> None:
    """Here the verifier has a token, so that nobody may endorse without. And a new session leads to
    what can be done with it: a link of OpenAPI itself cannot take the id out of Location."""
    paths = raw_schema["paths"]
    paths["/endorsement-provisioning/v1/submit"]["post"]["security"].remove({})
    created = paths["/challenge-response/v1/newSession"]["post"]["responses"]["201"]
    created["links"] = {
        name: {
            "operationId": name,
            "parameters": {"session": "$response.header.Location#regex:^session/(.+)$"},
        }
        for name in ("getSession", "headSession", "submitEvidence", "deleteSession")
    }

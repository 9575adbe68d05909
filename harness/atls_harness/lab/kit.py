# SPDX-License-Identifier: Apache-2.0
"""What the lab hands out, so that a foreign attester or relying party has something to work with at
once: certificates, endorsements, evidence for a nonce, and how to come to each port."""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping

from ..contract import contract
from ..credentials import sign_request
from ..enrol import enrol
from ..errors import UsageError
from ..firmware import line as device_line
from ..untrusted import quoted
from .places import CLIENT, SERVER, VERIFIER_ID, Place
from .settings import issue

if TYPE_CHECKING:
    from .table import Lab

CORIM_MAX = 1 << 20
CORIMS_MAX = 16  # of one participant
ENDORSED_MAX = 64 << 20  # bytes of all
PARTICIPANTS_MAX = 48  # that have a verifier of their own
REQUEST_MAX = 1 << 16
NONCE_SIZES = (32, 48, 64)  # RFC 9783 section 4.1.1
ATTEST_PLATFORM = "psa"
CMW = "application/cmw+cbor"


@dataclass(frozen=True)
class Evidence:
    """What is answered for a nonce."""

    data: bytes
    media_type: str


@dataclass
class Instructions:
    """How to come to a port."""

    place: Place
    port: int
    what: str
    commands: list[tuple[str, str]] = field(default_factory=list)


def too_large(most: int) -> UsageError:
    """An upload beyond its bounds."""
    return UsageError(f"expected at most {most >> 10} KiB, came more")


def nothing_uploaded() -> UsageError:
    """A form without its file."""
    return UsageError("expected a file in the form's field `corim`, came none")


def instructions(lab: "Lab", place: Place) -> Instructions:
    """Commands that anybody can paste; TEAM is for them to fill in."""
    port = lab.front.ports.get(place.name, 0)
    where = f"{lab.host()}:{port}"
    made = Instructions(place, port, _what(place))
    openssl = f"openssl s_client -quiet -connect {where} -servername TEAM.client -CAfile ca.pem"
    own = f"atls-client --profile {place.profile} --connect {where} --ca ca.pem"
    verifier = lab.verifier_url()
    if place.attests == SERVER:
        made.commands.append((_openssl_words(place), f"echo hello | {openssl}"))
        own += f" --relying-party {','.join(place.models)} --verifier {verifier}"
        if "passport" in place.models:
            own += f" --trust-verifier {VERIFIER_ID}={verifier}"
        made.commands.append(("The project's own client, as relying party:", own))
        return made
    if place.known.carrier == "leaf":
        openssl += " -cert attester.pem -key attester.key"
    made.commands.append((_openssl_words(place), f"echo hello | {openssl}"))
    seed = lab.run.seed
    made.commands.append(
        (
            "A device that the lab's verifier knows, on your machine:",
            f"atls-device --seed {seed} --listen unix:device.sock &",
        )
    )
    own += " --attester background-check --device unix:device.sock"
    if place.known.beside_x509:
        cmw = " --cmw auto" if place.known.carrier == "leaf" else ""
        enrolment = (
            f"atls-enroll --device unix:device.sock --csr key.csr{cmw} > handle\n"
            f"curl --data-binary @key.csr {lab.url()}enrol > key.pem"
        )
        made.commands.append(("A certificate of the lab's CA for a key of it:", enrolment))
        own += ' --cert key.pem --key "$(cat handle)"'
    made.commands.append(("The project's own client, as attester:", own))
    return made


def _what(place: Place) -> str:
    known = place.known
    models = " or ".join(place.models)
    who = "The lab's server" if place.attests == SERVER else "Your client"
    types = ""
    if place.attests == CLIENT and not known.prototype:
        types = " Every evidence type of the project is asked for."
    return (
        f"{who} attests itself ({models}). The profile is that of {known.document}: {known.title}. "
        f"The credential goes {known.credential}, and answers the {known.challenge}.{types}"
    )


def _openssl_words(place: Place) -> str:
    if place.known.carrier == "leaf":
        what = "shows a certificate with evidence" if place.attests == CLIENT else "is shown one"
        return f"OpenSSL as it comes, which {what} and knows nothing of it:"
    if place.attests == SERVER:
        return "OpenSSL as it comes: no attestation, but TLS is seen to work:"
    return "OpenSSL as it comes, to see what is missing:"


async def evidence(lab: "Lab", query: Mapping[str, str]) -> Evidence:
    """A PSA token of the lab's device over a nonce, bare or in a CMW record."""
    given = query.get("nonce", "")
    try:
        nonce = bytes.fromhex(given) if given.isalnum() else b""
    except ValueError:
        nonce = b""
    if len(nonce) not in NONCE_SIZES:
        sizes = ", ".join(map(str, NONCE_SIZES))
        raise UsageError(
            f"expected nonce=HEX of {sizes} bytes (RFC 9783 section 4.1.1), came "
            f"{quoted(given, 40)}"
        )
    form = query.get("form", "cmw")
    if form not in ("cmw", "token"):
        raise UsageError(f"expected form=cmw or form=token, came {quoted(form, 40)}")
    token = await asyncio.to_thread(device_line.attest, lab.backends.device_path, nonce)
    media_type = str(contract().evidence_formats[ATTEST_PLATFORM]["media-types"][0])
    if form == "token":
        return Evidence(token, "application/eat+cwt")
    record = b"\x82" + _head(3, len(media_type)) + media_type.encode() + _head(2, len(token))
    return Evidence(record + token, CMW)


def _head(kind: int, size: int) -> bytes:
    """The head of a CBOR item (RFC 8949 section 3)."""
    if size < 24:
        return bytes([kind << 5 | size])
    width, short = (1, 24) if size < 1 << 8 else (2, 25) if size < 1 << 16 else (4, 26)
    return bytes([kind << 5 | short]) + size.to_bytes(width, "big")


def public_file(lab: "Lab", name: str) -> bytes | None:
    """What the kit has and is nobody's secret, by its name."""
    files = {
        "ca.pem": lab.settings.state / "ca.pem",
        "device.corim": lab.backends.corim,
        "prober.corim": lab.backends.prober_corim,
        "verifier.jwk": lab.backends.folder / "verifier-0.jwk",
    }
    return files[name].read_bytes() if name in files else None


def certificate(lab: "Lab", request: bytes) -> bytes:
    """A certificate of the lab's CA for a request: what it asks for, byte for byte, a CMW in it
    included. ContractError where it is none."""
    return sign_request(lab.settings.state, request)


async def make(lab: "Lab") -> bytes:
    """A kit: its private keys are made for it, and kept nowhere."""
    return await asyncio.to_thread(_make, lab)


def _make(lab: "Lab") -> bytes:
    out = io.BytesIO()
    state = lab.settings.state
    with tempfile.TemporaryDirectory(dir=lab.run.work, prefix="kit") as name:
        folder = Path(name)
        issue(lab.settings, "tls", folder)
        flags = ["--cmw", "auto", "--evidence-format", "psa"]
        command = lab.run.command("device", "enroll")
        device = f"unix:{lab.backends.device_path}"
        enrol(command, device, state, folder, "attester", flags, own_key=True)
        files = {
            one: (folder / one).read_bytes()
            for one in ("tls.pem", "tls.key", "attester.pem", "attester.key")
        }
    for one in ("ca.pem", "device.corim", "prober.corim", "verifier.jwk"):
        files[one] = public_file(lab, one) or b""
    files["README.md"] = read_me(lab).encode("utf-8")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for one, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"atls-lab-kit/{one}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o600 if one.endswith(".key") else 0o644) << 16
            made.writestr(entry, data)
    return out.getvalue()


FILES = {
    "ca.pem": "whom to trust for X.509 here",
    "tls.pem, tls.key": "an ordinary certificate by that CA, for a client or a server",
    "attester.pem, attester.key": "a certificate with evidence of the lab's device about this very "
    "key inside (x509-cmw): any TLS stack can show it",
    "device.corim": "endorsements of the lab's device, for a verifier of your own",
    "prober.corim": "endorsements of the device with which the lab probes your server",
    "verifier.jwk": "the key that signs the lab's attestation results",
}


def read_me(lab: "Lab") -> str:
    """The kit's instructions."""
    url = lab.url()
    lines = ["# The lab's kit", "", f"The lab is at {url}. The root of trust is simulated.", ""]
    lines += [f"- `{name}`: {what}" for name, what in FILES.items()]
    lines += [
        "",
        f"Verifier: {lab.verifier_url()}, identity `{VERIFIER_ID}` (Veraison's HTTP interfaces).",
        f"Evidence for a nonce: `curl '{url}evidence?nonce=HEX'` (32, 48 or 64 bytes; a CMW record;"
        " `&form=token` is the bare PSA token).",
        f"A certificate for a key of yours: `curl --data-binary @key.csr {url}enrol`.",
        "",
        "Put your team's name in place of TEAM: the page goes by it.",
    ]
    for place in lab.places.values():
        how = instructions(lab, place)
        lines += ["", f"## {how.port}: {place.title}", "", how.what]
        for words, command in how.commands:
            lines += ["", words, "", "```", command, "```"]
    return "\n".join(lines) + "\n"


async def endorse(lab: "Lab", participant: str, source: str, upload: tuple[str, bytes]) -> None:
    """Endorsements of a participant's own device: read by the verifier, which knows no mercy, and
    kept where it takes them."""
    name, data = upload
    if not data:
        raise nothing_uploaded()
    kept = await lab.stored(lab.store.endorsements, participant)
    known = await lab.stored(lab.store.endorsed)
    if len(kept) >= CORIMS_MAX:
        raise UsageError(f"expected at most {CORIMS_MAX} CoRIMs of a participant, came one more")
    if participant not in known and len(known) >= PARTICIPANTS_MAX:
        raise UsageError(
            f"{PARTICIPANTS_MAX} participants have endorsements, which is all there may be"
        )
    if await lab.stored(lab.store.endorsed_bytes) + len(data) > ENDORSED_MAX:
        raise UsageError(f"the lab keeps {ENDORSED_MAX >> 20} MiB of endorsements, and has them")
    if any(one["data"] == data for one in kept):
        raise UsageError("these endorsements are there already")
    await lab.backends.endorse(participant, [*(one["data"] for one in kept), data])
    await lab.stored(lab.store.endorse, participant, name, source, "taken by the verifier", data)


def about(lab: "Lab") -> dict[str, Any]:
    """What the kit's page says."""
    return {"files": FILES, "verifier": lab.verifier_url(), "identity": VERIFIER_ID}

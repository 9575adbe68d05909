# SPDX-License-Identifier: Apache-2.0
"""The Wireshark dissector, by tshark: what it shows of real handshakes is what their events say; of
messages that no endpoint of ours sends it shows what is in them; and nothing makes it stumble.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence

import cbor2
import pytest

from atls_harness.events import read_events, select
from atls_harness.run import Run

import dissected
import sealed
from dissected import (
    CCA,
    CCA_KINDS,
    CCA_SEEDS,
    ATTESTATION,
    ATTESTATION_EVIDENCE,
    CF_273,
    CMW_ATTESTATION,
    DISSECTOR,
    EVIDENCE_REQUEST,
    KAT,
    LEGACY,
    MISTAKES,
    NONCE,
    PAT,
    RECORD,
    REMOTE_ATTESTATION,
    SEEDS,
    TPM,
    TPM_EVIDENCE,
    X509,
    damaged_connection,
    der,
    evidence_type,
    no_superuser,
    run_tshark,
    self_signed,
)
from sealed import Connection, certificate, certificate_request, extension, proof, vector

Harness = Callable[..., subprocess.CompletedProcess[str]]
Packets = list[dict[str, list[str]]]
SEPARATOR = "\x1f"
# An expert info of Wireshark 4.4's own, on every ClientHello of TLS 1.3 (RFC 8446 section 4.1.2).
OF_WIRESHARK = "This legacy_version field MUST be ignored."


def tshark(path: Path, *arguments: str) -> str:
    """tshark's standard output, with the dissector; no mistake of the dissector may show."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    done = run_tshark(path, *arguments)
    assert done.returncode == 0, done.stderr
    for word in MISTAKES:
        assert word not in done.stdout + done.stderr, (word, done.stdout[-2000:], done.stderr)
    return done.stdout


def dissect(path: Path, names: Iterable[str], *options: str) -> Packets:
    """The values of fields, packet by packet, of packets that have any of them."""
    wanted = [*names, "_ws.expert.message", "_ws.col.Info"]
    arguments = ["-T", "fields", "-E", f"aggregator={SEPARATOR}", *options]
    for name in wanted:
        arguments += ["-e", name]
    found: Packets = []
    for line in tshark(path, *arguments).splitlines():
        cells = [cell.split(SEPARATOR) if cell else [] for cell in line.split("\t")]
        cells[-2] = [info for info in cells[-2] if not info.startswith(OF_WIRESHARK)]
        if any(cells[:-1]):
            found.append(dict(zip(wanted, cells)))
    return found


def values(packets: Packets, name: str) -> list[str]:
    """All values of a field."""
    return [value for packet in packets for value in packet[name]]


def bundles(harness: Harness, run: Run, tmp_path: Path, *cases: str) -> list[Path]:
    """Plays real cases with --packets; their bundles, in the order of the cases."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    done = harness("--packets", "--build", str(run.build), *cases)
    played = json.loads((tmp_path / "latest" / "results.json").read_text())["cases"]
    for record in played:
        if record["outcome"] != "pass":  # that it should have, its scenario says
            pytest.skip(f"{record['id']}: {record['outcome']}: {record['reason']}")
    assert done.returncode == 0, done.stdout
    found = []
    for case in cases:
        scenario, name = case.split("::")
        where = tmp_path / "latest" / "bundles" / f"{Path(scenario).stem}_{name}"
        packets = json.loads((where / "manifest.json").read_text())["packets"]
        if packets != "connection.pcapng":
            pytest.skip(packets)
        found.append(where)
    return found


def only(where: Path, side: str, name: str, **fields: Any) -> Mapping[str, Any]:
    """The one event of a side."""
    (event,) = select(read_events(where / f"{side}.events.jsonl"), name, **fields)
    return event


def components(where: Path, side: str) -> list[dict[str, str]]:
    """What a side's device says it booted."""
    found: list[dict[str, str]] = only(where, f"{side}-device", "boot")["components"]
    return found


def test_real_handshakes_are_shown_as_their_events_tell_them(
    harness: Harness, real: Run, tmp_path: Path
) -> None:
    handshakes, refused = "scenarios/handshakes/", "scenarios/refused-evidence/"
    cbor, json_, passport, flipped = bundles(
        harness,
        real,
        tmp_path,
        handshakes + "mutual.yaml::background-check-background-check-cbor",
        handshakes + "mutual.yaml::background-check-background-check-json",
        handshakes + "mutual.yaml::passport-passport-cbor",
        refused + "flipped-firmware.yaml::server-background-check-firmware",
    )
    mutual_evidence(cbor, "cbor")
    mutual_evidence(json_, "json")
    mutual_results(passport)
    refused_evidence(flipped)


def mutual_evidence(where: Path, serialization_: str) -> None:
    """Each side's nonce is in the hello of the one and in the KAT of the other."""
    names = ["atls.nonce", "atls.selected", "atls.kat.nonce", "atls.psa.component.type"]
    names += ["atls.psa.component.value", "atls.cmw.serialization", "atls.cmw.form", "atls.claims"]
    names += ["atls.kat.kak", "atls.key.x", "tcp.srcport"]
    shown = dissect(where / "connection.pcapng", names)
    challenges = {
        side: only(where, side, "challenge", direction="sent")["nonce"]
        for side in ("client", "server")
    }
    assert values(shown, "atls.nonce") == [challenges["client"], challenges["server"]]
    # The server's Certificate comes first, and answers the client's challenge.
    assert values(shown, "atls.kat.nonce") == [challenges["client"], challenges["server"]]
    assert len(values(shown, "atls.selected")) == 2
    assert all("cf:273" in text for text in values(shown, "atls.selected"))
    assert values(shown, "atls.cmw.serialization") == [serialization_] * 2
    assert values(shown, "atls.cmw.form") == ["collection", "record", "record"] * 2
    assert sum("KAT" in text for text in values(shown, "atls.claims")) == 2
    booted = components(where, "server") + components(where, "client")
    assert values(shown, "atls.psa.component.type") == [each["type"] for each in booted]
    assert values(shown, "atls.psa.component.value") == [each["value"] for each in booted]
    for side in ("client", "server"):
        key = only(where, side, "handshake")["signed_with"]
        assert any(point in key for point in values(shown, "atls.key.x")), "the key that signed"


def mutual_results(where: Path) -> None:
    """Both results are decoded down to the tier."""
    names = ["atls.selected", "atls.ear.status", "atls.ear.iss", "atls.ear.key", "json.key"]
    names += ["atls.content_format", "atls.media_type", "atls.jwt.alg"]
    shown = dissect(where / "connection.pcapng", names)
    assert values(shown, "atls.ear.status") == ["affirming", "affirming"]
    assert values(shown, "atls.jwt.alg") == ["ES256", "ES256"]
    keys = {only(where, side, "handshake")["signed_with"] for side in ("client", "server")}
    assert set(values(shown, "atls.ear.key")) == keys
    for side in ("client", "server"):
        chosen = only(where, side, "negotiated", role="relying-party")["verifier_id"]
        assert chosen in values(shown, "atls.selected")
        assert chosen in values(shown, "atls.ear.iss")
    assert "submods" in values(shown, "json.key"), "Wireshark's own JSON dissector has it too"
    columns = [packet["_ws.col.Info"][0] for packet in shown if packet["atls.ear.status"]]
    # The JSON dissector writes into the columns, and nothing of it stays.
    assert columns[-1] == "Certificate, Certificate Verify, Finished [CMW]", columns


def refused_evidence(where: Path) -> None:
    """The alert has its name."""
    shown = dissect(where / "connection.pcapng", ["atls.alert", "tls.alert_message.desc"])
    (alert,) = [packet for packet in shown if packet["atls.alert"]]
    assert alert["atls.alert"] == ["attestation_failed"]
    assert alert["tls.alert_message.desc"] == ["226"]
    assert "[attestation_failed]" in alert["_ws.col.Info"][0]
    assert only(where, "client", "handshake")["alert"]["code"] == 226


STORY = "harness/tests/stories/dissected.yaml"
LAYOUTS = ("ta-02", "ta-03", "ta-07", "seat-04")  # of EvidenceType: a preference
PROFILES = {  # where the evidence is, by profile: the filter that finds it
    "ta-02": 'atls.message == "Certificate" and not atls.extension == "attestation"',
    "ta-03": 'atls.message == "Certificate" and not atls.extension == "attestation"',
    "ta-07": 'atls.message == "Certificate" and not atls.extension == "attestation"',
    "seat-04": 'atls.extension == "attestation"',
    "seat-06": 'atls.extension == "remoteAttestation"',
    "x509-cmw": "atls_x509",
    "expat-04": 'atls_authenticator and atls.extension == "cmw_attestation"',
    "poc-mbedtls": 'atls.message == "Certificate" and atls.cmw.form == "bundle of a prototype"',
}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_of_real_endpoints(
    harness: Harness, real: Run, tmp_path: Path, profile: str
) -> None:
    (where,) = bundles(harness, real, tmp_path, f"{STORY}::{profile}")
    options = ["-Y", f"atls.cmw and ({PROFILES[profile]})"]
    if profile in LAYOUTS:
        options += ["-o", f"atls.profile:{profile}"]
    names = ["atls.kat.nonce", "atls.psa.component.type", "atls.psa.component.value"]
    shown = dissect(where / "connection.pcapng", names, *options)
    # Of the prototype only a client attests.
    attester, asker = ("client", "server") if profile == "poc-mbedtls" else ("server", "client")
    booted = components(where, attester)
    assert values(shown, "atls.psa.component.type") == [each["type"] for each in booted]
    assert values(shown, "atls.psa.component.value") == [each["value"] for each in booted]
    (nonce,) = values(shown, "atls.kat.nonce")
    if profile.startswith(("ta", "poc")):
        assert nonce == only(where, asker, "challenge", direction="sent")["nonce"]
        hello = dissect(where / "connection.pcapng", ["atls.nonce", "atls.selected"], *options[2:])
        assert values(hello, "atls.nonce") == [nonce]
        assert len(values(hello, "atls.selected")) == 1
    everything = dissect(where / "connection.pcapng", ["atls.malformed"], *options[2:])
    assert values(everything, "atls.malformed") == [], everything


@pytest.mark.parametrize("port", [443, 34980, 44321, 44818, 48049, 48898, 57000])
def test_a_port_that_has_an_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: int
) -> None:
    # Those of Wireshark's table tcp.port that the kernel may give to a server or a client.
    monkeypatch.setattr(sealed, "PORT", port)
    record = cbor2.dumps({"kat": ["application/eat+cwt", KAT], "pat": [263, PAT]})
    server = certificate([(record, b"")]) + proof(True)
    path = sealed.write(tmp_path / "port.pcapng", [Connection(server=server)])
    assert values(dissect(path, ["atls.kat.nonce"]), "atls.kat.nonce") == [NONCE.hex()]


MALFORMED = {
    "scenarios/malformed/cose.yaml::server-background-check-cose-three-elements": (
        "COSE_Sign1 is an array of four"
    ),
    "scenarios/malformed/cose.yaml::client-background-check-cose-detached": "no byte string",
    "scenarios/malformed/claims.yaml::client-background-check-no-cnf": "a KAT has cnf",
    "scenarios/malformed/encoding.yaml::client-cbor-duplicate-key-claims": "twice",
    "scenarios/malformed/encoding.yaml::client-cbor-indefinite-claims": "indefinite length",
    "scenarios/malformed/extension-of-server.yaml::proposal-cut-nonce": "nonce: 32 bytes expected",
    "scenarios/malformed/extension-of-client.yaml::proposal-empty-list": "without an evidence type",
}


def test_real_malformed_messages_get_expert_infos(
    harness: Harness, real: Run, tmp_path: Path
) -> None:
    for where, words in zip(bundles(harness, real, tmp_path, *MALFORMED), MALFORMED.values()):
        infos = values(dissect(where / "connection.pcapng", []), "_ws.expert.message")
        assert any(words in info for info in infos), (where.name, words, infos)


def test_layouts_of_older_drafts(tmp_path: Path) -> None:
    layouts = {  # profile: the octets before content format 273, and whether there is a nonce
        "ta-07": (bytes([1, 0]), True),
        "ta-03": (bytes([0, 1]), True),
        "ta-02": (bytes([0]), True),
        "seat-04": (bytes([0]), False),
    }
    for profile, (octets, nonce) in layouts.items():
        element = evidence_type(*octets, tail=CF_273)
        offer = vector(element * 2, 1) + (vector(NONCE, 1) if nonce else b"")
        path = sealed.write(
            tmp_path / f"{profile}.pcapng",
            [
                Connection(
                    hello=extension(EVIDENCE_REQUEST, offer),
                    encrypted=extension(EVIDENCE_REQUEST, element),
                )
            ],
        )
        names = ["atls.offered", "atls.selected", "atls.nonce", "atls.content_format"]
        names += ["atls.evidence_type.credential_kind"]
        shown = dissect(path, names, "-o", f"atls.profile:{profile}")
        assert len(values(shown, "atls.offered")) == 2
        assert len(values(shown, "atls.selected")) == 1
        assert values(shown, "atls.content_format") == ["273"] * 3
        assert values(shown, "atls.nonce") == ([NONCE.hex()] if nonce else [])
        kinds = ["1"] * 3 if profile in ("ta-07", "ta-03") else []
        assert values(shown, "atls.evidence_type.credential_kind") == kinds
        assert values(shown, "_ws.expert.message") == []
    # Nothing on the wire tells the versions apart: as another one it is something else.
    misread = dissect(tmp_path / "ta-03.pcapng", names, "-o", "atls.profile:ta-07")
    assert values(misread, "atls.content_format") == []
    assert values(misread, "_ws.expert.message") != []


def test_code_points_are_preferences(tmp_path: Path) -> None:
    hello = extension(0xFF77, vector(evidence_type(0, 0, tail=CF_273), 1) + vector(NONCE, 1))
    alert = (sealed.SERVER, sealed.ALERT, bytes([2, 199]))
    path = sealed.write(tmp_path / "moved.pcapng", [Connection(hello=hello, after=[alert])])
    names = ["atls.nonce", "atls.alert"]
    assert dissect(path, names, "-Y", "atls") == []
    moved = dissect(
        path, names, "-o", "atls.evidence_request:65399", "-o", "atls.alert_attestation_failed:199"
    )
    assert values(moved, "atls.nonce") == [NONCE.hex()]
    assert values(moved, "atls.alert") == ["attestation_failed"]


def test_remote_attestation_in_all_its_messages(tmp_path: Path) -> None:
    evidence = b"\x00" + evidence_type(1, tail=vector(b"application/cmw+cbor", 2))
    result = b"\x01" + vector(b"verifier.example", 2)
    entry = extension(REMOTE_ATTESTATION, vector(RECORD, 3))
    connection = Connection(
        hello=extension(REMOTE_ATTESTATION, vector(evidence + result, 2) + vector(result, 2)),
        encrypted=extension(REMOTE_ATTESTATION, evidence),
        request=certificate_request(extension(REMOTE_ATTESTATION, result)),
        server=certificate([(X509, entry), (X509, b"")]) + proof(),
        client=certificate([(X509, b""), (X509, entry)]) + proof(),
    )
    path = sealed.write(tmp_path / "seat.pcapng", [connection])
    names = ["atls.offered", "atls.selected", "atls.scheme.mechanism", "atls.kat.nonce"]
    names += ["atls.extension", "atls.cmw.indicator"]
    shown = dissect(path, names)
    assert values(shown, "atls.extension") == ["remoteAttestation"] * 5
    assert values(shown, "atls.scheme.mechanism") == ["0", "1", "1", "0", "1"]
    offered = ["evidence application/cmw+cbor", *["result verifier.example"] * 2]
    assert values(shown, "atls.offered") == offered
    assert values(shown, "atls.selected") == offered[:2]
    assert values(shown, "atls.kat.nonce") == [NONCE.hex()] * 2
    assert values(shown, "atls.cmw.indicator") == ["4: evidence"] * 2
    infos = values(shown, "_ws.expert.message")
    assert [info for info in infos if "only the first CertificateEntry" in info]


@pytest.mark.parametrize(
    ("kind", "name", "size"),
    [(ATTESTATION_EVIDENCE, "attestation_evidence", 0), (ATTESTATION, "attestation", 3)],
)
def test_evidence_beside_the_certificate(tmp_path: Path, kind: int, name: str, size: int) -> None:
    cab: dict[str, Any] = {"kat": ["application/eat+cwt", KAT], "pat": ["application/eat+cwt", PAT]}
    cmw = cbor2.dumps({**cab, "__cmwc_t": "tag:ietf.org,2024-02-29:rats/kat"})
    body = vector(cmw, size) if size else cmw
    connection = Connection(server=certificate([(X509, extension(kind, body))]) + proof())
    path = sealed.write(tmp_path / "entry.pcapng", [connection])
    names = ["atls.extension", "atls.cmw.label", "atls.cmw.collection_type", "atls.kat.nonce"]
    names += ["atls.psa.component", "atls.psa.lifecycle", "atls.cose.alg"]
    shown = dissect(path, names)
    assert values(shown, "atls.extension") == [name]
    assert values(shown, "atls.cmw.label") == ["kat", "pat"]
    assert values(shown, "atls.cmw.collection_type") == ["tag:ietf.org,2024-02-29:rats/kat"]
    assert values(shown, "atls.kat.nonce") == [NONCE.hex()]
    assert values(shown, "atls.psa.component") == ["BL"]
    assert values(shown, "atls.psa.lifecycle") == ["12288"]
    assert values(shown, "atls.cose.alg") == ["ES256 (-7)"] * 2


def test_other_lengths_in_front_of_the_payload_are_told(tmp_path: Path) -> None:
    """H15: what stands in front of the CMW is what stacks disagree on."""
    kinds = {ATTESTATION_EVIDENCE: 0, REMOTE_ATTESTATION: 3, CMW_ATTESTATION: 2}
    cases = [(kind, right, size) for kind, right in kinds.items() for size in (0, 2, 3)]
    made = [
        Connection(
            server=certificate([(X509, extension(kind, vector(RECORD, size) if size else RECORD))])
        )
        for kind, _, size in cases
    ]
    path = sealed.write(tmp_path / "lengths.pcapng", made)
    shown = dissect(path, ["atls.kat.nonce"], "-Y", "atls.cmw")
    assert len(shown) == len(cases)
    for (_, right, size), packet in zip(cases, shown):
        assert packet["atls.kat.nonce"] == [NONCE.hex()]
        told = any("was expected in front" in info for info in packet["_ws.expert.message"])
        assert told is (size != right)


TAGS = {  # by RFC 9277: the tag of a content format, or what it is not
    1668547081: "263",
    1668547091: "273",
    1668576935: "30001",
    1668612070: "64999",
    1668576818: "29884",  # the sum that old examples print for 30001: another format's tag
    0x63740200: None,
    0x63750101: None,
}


def in_place_of_the_certificate(path: Path, *cmws: bytes) -> Path:
    """A capture of one connection for each CMW."""
    made = [Connection(server=certificate([(cmw, b"")]) + proof()) for cmw in cmws]
    return sealed.write(path, made)


def test_tags_name_content_formats(tmp_path: Path) -> None:
    cmws = [cbor2.dumps(cbor2.CBORTag(tag, KAT)) for tag in TAGS]
    path = in_place_of_the_certificate(tmp_path / "tags.pcapng", *cmws)
    shown = dissect(
        path, ["atls.cmw.tag", "atls.content_format", "atls.cmw.form"], "-Y", "atls.cmw"
    )
    assert len(shown) == len(TAGS)
    for (tag, expected), packet in zip(TAGS.items(), shown):
        assert packet["atls.cmw.form"][0] == "tag"
        assert packet["atls.content_format"][:1] == ([expected] if expected else []), tag
        wrong = any("no content format" in info for info in packet["_ws.expert.message"])
        assert wrong is (expected is None)


def test_other_things_in_a_wrapper(tmp_path: Path) -> None:
    bundle = b"\x01" + vector(KAT, 2) + vector(PAT, 2)
    cases = {
        cbor2.dumps([263, LEGACY]): ("atls.psa.profile", ["PSA_IOT_PROFILE_1"]),
        bundle: ("atls.kat.nonce", [NONCE.hex()]),
        cbor2.dumps({1: [273, RECORD]}): ("atls.kat.nonce", [NONCE.hex()]),
        b'["application/eat-ucs+json", "e30"]': ("atls.media_type", ["application/eat-ucs+json"]),
        cbor2.dumps([267, cbor2.dumps({10: NONCE})]): ("atls.eat.nonce", [NONCE.hex()]),
    }
    path = in_place_of_the_certificate(tmp_path / "others.pcapng", *cases)
    names = {name for name, _ in cases.values()}
    shown = dissect(path, names, "-Y", "atls.cmw")
    assert len(shown) == len(cases)
    for (name, expected), packet in zip(cases.values(), shown):
        assert packet[name] == expected


def test_evidence_of_a_tpm(tmp_path: Path) -> None:
    torn = cbor2.loads(TPM_EVIDENCE)
    torn["pat"]["attestInfo"] = torn["pat"]["attestInfo"][:-1]
    torn["kat"]["certInfo"] = b"\x00" + torn["kat"]["certInfo"][1:]
    kind = "application/vnd.parallaxsecond.key-attestation.tpm"
    path = in_place_of_the_certificate(
        tmp_path / "tpm.pcapng", TPM, cbor2.dumps([kind, cbor2.dumps(torn)])
    )
    names = ("type", "extra_data", "name", "pcrs", "pcr_digest", "attributes")
    whole, broken = dissect(path, [f"atls.tpm.{name}" for name in names], "-Y", "atls.tpm")
    nonce = "041fcfadcf04a503e0dfae1380ec06eec0716c1460ccec336e98a502009b26a3"
    assert whole["atls.tpm.type"] == ["certify (0x8017)", "quote (0x8018)"]
    assert whole["atls.tpm.extra_data"] == [nonce, nonce]
    assert whole["atls.tpm.pcrs"] == ["sha256: 0, 1, 2"]
    assert whole["atls.tpm.name"][0].startswith("000bbf499aab")
    assert whole["atls.tpm.pcr_digest"][0].startswith("cebd6365")
    shown = "0x00040072 fixedTPM fixedParent sensitiveDataOrigin userWithAuth sign"
    assert whole["atls.tpm.attributes"] == [shown]
    assert all("BER" in info for info in whole["_ws.expert.message"])  # of Wireshark's own
    assert any("magic" in info for info in broken["_ws.expert.message"])
    assert any("pcrDigest" in info for info in broken["_ws.expert.message"])


def _claims_of_cca(name: str) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
    """Platform's and realm's claims of a seed and Parsec's KAT (or none), as cbor2 reads them."""
    read = cbor2.loads((CCA_SEEDS / name).read_bytes())
    kat, tokens = ({}, read) if name != "parsec" else (read["kat"].value, read["pat"])
    signed = [tokens.value[label] for label in (44234, 44241)]
    payloads = [cbor2.loads(one[1] if isinstance(one, list) else one).value[2] for one in signed]
    return cbor2.loads(payloads[0]), cbor2.loads(payloads[1]), kat


@pytest.mark.parametrize("name", list(CCA))
def test_evidence_of_arm_cca(name: str, tmp_path: Path) -> None:
    """Claims of both tokens by draft-ffm-rats-cca-token, and of Parsec's KAT."""
    platform, realm, kat = _claims_of_cca(name)
    path = in_place_of_the_certificate(tmp_path / "cca.pcapng", CCA[name])
    expected = {
        "atls.cca.challenge": [realm[10].hex()],
        "atls.cca.personalization": [realm[44235].hex()],
        "atls.cca.initial_measurement": [realm[44238].hex()],
        "atls.cca.extensible_measurement": [one.hex() for one in realm[44239]],
        "atls.cca.hash_algorithm": [platform[2402], realm[44236]],
        "atls.cca.platform_config": [platform[2401].hex()],
        "atls.psa.nonce": [platform[10].hex()],
        "atls.psa.implementation_id": [platform[2396].hex()],
        "atls.kat.nonce": [kat[10].hex()] if kat else [],
    }
    (shown,) = dissect(path, [*expected, "_ws.expert.message"], "-Y", "atls.cca")
    assert {field: shown[field] for field in expected} == expected
    assert all("BER" in info for info in shown["_ws.expert.message"])  # of Wireshark's own


@pytest.mark.parametrize(
    "changed, complaint",
    [
        (cbor2.CBORTag(907, [1, 2]), "a collection is a map"),
        (cbor2.CBORTag(399, {44234: 1, 44241: b""}), "a token in a byte string was expected"),
        (cbor2.CBORTag(907, {44234: [263, b"\x80"]}), "COSE_Sign1 is an array of four"),
        (
            cbor2.CBORTag(907, {44241: [263, dissected.token({44239: 1})]}),
            "measurements are an array",
        ),
        (cbor2.CBORTag(907, {44241: [263, dissected.token({44237: 1})]}), "a COSE_Key is a map"),
    ],
    ids=["no-map", "no-token", "no-cose", "no-measurements", "no-key"],
)
def test_evidence_of_arm_cca_that_is_none(
    changed: cbor2.CBORTag, complaint: str, tmp_path: Path
) -> None:
    made = cbor2.dumps([CCA_KINDS["token-907"], cbor2.dumps(changed)])
    path = in_place_of_the_certificate(tmp_path / "torn.pcapng", made)
    (shown,) = dissect(path, ["_ws.expert.message"], "-Y", "atls.cca")
    assert any(complaint in info for info in shown["_ws.expert.message"])


WRONG = {  # RFC 9999: what a reader must refuse, and what the expert info says of it
    b"": "cert_data<1..2^24-1> is empty",
    b"\x82": "2 items at byte 0",
    b"\x82\x01": "is missing",
    b"\x81\x01": "two or three elements",
    b"\x84\x01\x41\x00\x04\x04": "two or three elements",
    b"\x82\x01\x61\x61": "the value is a byte string",
    b"\x83\x01\x41\x00\x00": "the indicator is a number from 1",
    b"\xa0": "a collection has a member",
    cbor2.dumps({"__cmwc_t": "relative", "a": [1, b"x"]}): "absolute URI",
    b"\x82\x01\x41\x00\x00": "1 bytes follow the item",
    b"\x01\x00\x01": "kat: 1 bytes expected",
    b'["application/cmw+cbor", "Zg=="]': "none of base64url",
    b'[263, "Zg"]': "in JSON the type is a media type",
    b'["a/b", "Zg"': "JSON",
    b"\x82\x61\x61\x41\x00": "this is no media type",
    b"\xf6": "a record, a tag or a collection",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff": "items at byte 0",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff": "JSON",
    b"\x82\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xff": "a string of",
    b"\x81" * 3000: "nested deeper",
}


def test_malformed_wrappers_get_expert_infos(tmp_path: Path) -> None:
    path = in_place_of_the_certificate(tmp_path / "wrong.pcapng", *WRONG)
    shown = dissect(path, ["tcp.stream"], "-Y", "atls.malformed")
    infos = {int(packet["tcp.stream"][0]): packet["_ws.expert.message"] for packet in shown}
    for number, (cmw, words) in enumerate(WRONG.items()):
        assert any(words in info for info in infos.get(number, [])), (cmw[:40], infos.get(number))


def test_wrapper_in_x509(tmp_path: Path) -> None:
    pe_cmw, tcg = "1.3.6.1.5.5.7.1.35", "2.23.133.5.4.9"
    text = json.dumps(["application/eat-ucs+json", "e30"] + [4] * 1).encode().ljust(200)
    certificates = [
        (self_signed(pe_cmw, der(4, RECORD)), "cbor", ""),
        (self_signed(tcg, der(4, RECORD)), "cbor", ""),
        (self_signed(pe_cmw, der(12, text)), "json", ""),
        (self_signed(tcg, cbor2.dumps(cbor2.CBORTag(1668547081, KAT))), "cbor", "bare CBOR"),
        (self_signed(pe_cmw, der(12, RECORD)), "cbor", "JSON is in UTF8String"),
        (self_signed(pe_cmw, b"\x02\x01\x05"), "", "UTF8String or OCTET STRING"),
        (self_signed(pe_cmw, b"\x04\x7f\x00"), "", "content: 127 bytes expected"),
    ]
    made = [Connection(server=certificate([(data, b"")]) + proof()) for data, _, _ in certificates]
    path = sealed.write(tmp_path / "x509.pcapng", made)
    names = ["atls.cmw.serialization", "atls.kat.nonce"]
    shown = dissect(path, names, "-Y", "atls_x509")
    assert len(shown) == len(certificates)
    for (_, encoding, words), packet in zip(certificates, shown):
        assert packet["atls.cmw.serialization"] == ([encoding] if encoding else [])
        assert packet["atls.kat.nonce"] == ([NONCE.hex()] if encoding == "cbor" else [])
        infos = packet["_ws.expert.message"]
        assert any(words in info for info in infos) if words else infos == []


def framed(kind: int, body: bytes) -> bytes:
    """A frame of harness/peers/README.md."""
    return bytes([kind]) + vector(body, 3)


@pytest.mark.parametrize("frames", [True, False])
def test_exported_authenticators_in_application_data(tmp_path: Path, frames: bool) -> None:
    offer = extension(CMW_ATTESTATION, b"")
    entry = extension(CMW_ATTESTATION, vector(RECORD, 2))
    long_entry = extension(CMW_ATTESTATION, vector(cbor2.dumps([263, bytes(40000)]), 2))
    request = certificate_request(offer, b"context", kind=17)
    answer = certificate([(X509, entry)], b"context") + proof(finished=True)
    unasked = certificate([(X509, long_entry)], b"other") + proof(finished=True)
    if frames:
        request, answer, unasked = framed(1, request), framed(2, answer), framed(2, unasked)
    records = [(sealed.CLIENT, request), (sealed.SERVER, answer), (sealed.SERVER, unasked)]
    if frames:
        records += [(sealed.CLIENT, framed(4, b"") + framed(3, b"hello"))]
        records += [(sealed.CLIENT, framed(4, b"") + b"hello")]  # something else
        records += [(sealed.CLIENT, framed(5, bytes([226]))), (sealed.CLIENT, b"\x04\0\0\1")]
    records += [(sealed.CLIENT, b"hello from client")]
    after = [(side, sealed.APPLICATION_DATA, data) for side, data in records]
    path = sealed.write(tmp_path / "expat.pcapng", [Connection(after=after)])
    names = ["atls.message", "atls.certificate_request_context", "atls.kat.nonce", "atls.extension"]
    names += ["atls.authenticator", "atls.line", "atls.alert"]
    shown = dissect(path, names, "-Y", "atls_authenticator")
    messages = ["ClientCertificateRequest", *["Certificate", "CertificateVerify", "Finished"] * 2]
    assert [text for text in values(shown, "atls.message") if text != "Frame"] == messages
    contexts = [text.hex() for text in (b"context", b"context", b"other")]
    assert values(shown, "atls.certificate_request_context") == contexts
    assert values(shown, "atls.extension") == ["cmw_attestation"] * 3
    assert values(shown, "atls.kat.nonce") == [NONCE.hex()]
    kinds = ["request", "authenticator", "authenticator", "done", "line", "alert"]
    assert values(shown, "atls.authenticator") == (kinds if frames else [])
    assert values(shown, "atls.line") == (["hello"] if frames else [])
    assert values(shown, "atls.alert") == (["attestation_failed"] if frames else [])


def test_alerts_have_names(tmp_path: Path) -> None:
    expected = {
        224: "unsupported_evidence",
        225: "unsupported_verifiers",
        226: "attestation_failed",
        227: "unsupported_attestation_schemes",
        228: "attestation_required",
    }
    alerts = [(sealed.SERVER, sealed.ALERT, bytes([2, code])) for code in (*expected, 40)]
    path = sealed.write(tmp_path / "alerts.pcapng", [Connection(after=alerts)])
    shown = dissect(path, ["atls.alert"])
    assert values(shown, "atls.alert") == list(expected.values())


def test_other_connections_are_left_alone(tmp_path: Path) -> None:
    ordinary = Connection(
        hello=extension(0, b"\x00\x05\x00\x00\x02ab"),
        server=certificate([(X509, extension(18, b"\x00\x00"))]) + proof(),
        after=[(sealed.CLIENT, sealed.APPLICATION_DATA, b"GET / HTTP/1.1\r\n\r\n")],
    )
    path = sealed.write(tmp_path / "ordinary.pcapng", [ordinary])
    assert tshark(path, "-Y", "atls or atls_x509 or atls_authenticator") == ""


def test_installed_as_a_plugin_it_works_and_only_once(tmp_path: Path) -> None:
    plugins = tmp_path / ".local" / "lib" / "wireshark" / "plugins"
    path = in_place_of_the_certificate(tmp_path / "one.pcapng", RECORD)
    shutil.copytree(DISSECTOR.parent, plugins)
    for script in (DISSECTOR, os.devnull):  # with -X as well, and without
        command = [*no_superuser(), "tshark", "-X", f"lua_script:{script}", "-r", str(path)]
        command += ["-T", "fields"]
        command += ["-e", "atls.kat.nonce", "-Y", "atls.cmw"]
        done = subprocess.run(
            command,
            env=dict(os.environ, HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.strip() == NONCE.hex(), done.stderr
        assert not any(word in done.stderr for word in MISTAKES)


def test_no_bytes_make_it_stumble(tmp_path: Path) -> None:
    """Every message, damaged in many ways; the same ones each time. Others each time:
    harness/fuzz/dissector.py."""
    dice = random.Random(9999)
    made = [damaged_connection(SEEDS[number % len(SEEDS)], dice) for number in range(250)]
    path = sealed.write(tmp_path / "damaged.pcapng", made)
    shown = tshark(path, "-V", "-Y", "tls")
    assert shown.count("Attested TLS") > 500
    assert shown.count("Malformed") > 100
    # Wireshark shows with two passes, and in colour: the same code runs more often.
    tshark(path, "-2", "-T", "pdml", "-Y", "atls")


def test_a_stumble_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """harness/fuzz/dissector.py looks by this function: a mistake in one branch is seen."""
    copy = tmp_path / "wireshark"
    shutil.copytree(DISSECTOR.parent, copy)
    script = copy / DISSECTOR.name
    text = script.read_text("utf-8")
    branch = "    elseif kind == CERTIFICATE then\n"
    assert text.count(branch) == 1
    script.write_text(text.replace(branch, branch + "        local _ = (nil).x\n"), "utf-8")
    made = [damaged_connection(SEEDS[0], random.Random(1))]
    assert dissected.stumbles(made, tmp_path / "a.pcapng", "-V", "-Y", "tls") == ""
    monkeypatch.setattr(dissected, "DISSECTOR", script)
    assert dissected.stumbles(made, tmp_path / "a.pcapng", "-V", "-Y", "tls") in MISTAKES


@pytest.mark.parametrize("alone", [True, False])
def test_a_tshark_that_falls_is_no_stumble(
    alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A capture that ends tshark without the dissector says nothing of it, and hides nothing that
    stands beside it; one that ends it with the dissector alone is a finding."""

    def run(path: Path, *_: str, dissector: bool = True) -> subprocess.CompletedProcess[str]:
        count = path.read_bytes().count(b"falls")
        falls = count > 0 and (alone or dissector)
        shown = MISTAKES[0] if dissector and b"stumbles" in path.read_bytes() else ""
        return subprocess.CompletedProcess([], -11 if falls else 0, "" if falls else shown, "")

    def write(path: Path, made: Sequence[str]) -> Path:
        path.write_text(" ".join(made), "utf-8")
        return path

    monkeypatch.setattr(dissected, "run_tshark", run)
    monkeypatch.setattr(dissected.sealed, "write", write)
    path = tmp_path / "a.pcapng"
    look: Any = dissected.stumbles  # a word stands for a connection
    assert bool(look(["falls"], path, "-V")) is not alone
    assert bool(look(["whole", "falls"], path, "-V")) is not alone
    assert look(["whole", "falls", "stumbles"], path, "-V") != ""
    assert ("ends with -11 too" in capsys.readouterr().err) is alone

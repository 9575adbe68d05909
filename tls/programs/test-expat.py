#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""expat-04 with real processes: device, enrolment, verifier, client and server on loopback.

Usage: test-expat.py CLIENT SERVER DEVICE VERIFIER ENROLL
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from processes import PATIENCE, Process

PROGRAMS: argparse.Namespace
LOOPBACK = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


class Authority:
    """Signs what devices and their enrolments ask for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        own = self._builder(self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._write(own, self.path)

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        return builder.not_valid_before(now - hour).not_valid_after(now + hour)

    def _write(self, builder: x509.CertificateBuilder, path: Path) -> None:
        certificate = builder.sign(self._key, hashes.SHA256())
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, request: Path, path: Path) -> None:
        csr = x509.load_pem_x509_csr(request.read_bytes())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = self._builder(csr.subject, csr.public_key())
        builder = builder.add_extension(LOOPBACK, critical=False)
        self._write(builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False), path)

    def plain(self, folder: Path, name: str) -> list[str]:
        """X.509 with a key in a file, as flags."""
        key: Any = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key.public_key()).add_extension(LOOPBACK, critical=False)
        self._write(builder, folder / f"{name}.pem")
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return ["--cert", str(folder / f"{name}.pem"), "--key", str(folder / f"{name}.key")]


class Expat(unittest.TestCase):
    """Two devices, an authority, a verifier for each test."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.authority = Authority(self.folder)
        self.verifier_url = self.verifier()

    def start(self, name: str, argv: list[str]) -> Process:
        process = Process(self.folder, name, argv)
        self.addCleanup(process.end)
        return process

    def verifier(self) -> str:
        argv = [PROGRAMS.verifier, "--listen", "127.0.0.1:0", "--identity", "v.example"]
        for seed in ("1", "2"):
            corim = self.folder / f"endorsements-{seed}"
            provision = [PROGRAMS.device, "provision", "--seed", seed, "--output", str(corim)]
            subprocess.run(provision, check=True)
            argv += ["--endorsements", str(corim)]
        return f"http://{self.start('verifier', argv).ready()['address']}"

    def enrolled(self, seed: str, *flags: str, curve: str = "p256") -> list[str]:
        """A device with an enrolled key, as flags of an endpoint."""
        address = f"unix:{self.folder}/device-{seed}"
        argv = [PROGRAMS.device, "--listen", address, "--seed", seed, *flags]
        self.start(f"device-{seed}", argv).ready()
        request, certificate = self.folder / f"{seed}.csr", self.folder / f"{seed}.pem"
        asked = [PROGRAMS.enroll, "--device", address, "--csr", str(request), "--curve", curve]
        handle = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        self.authority.issue(request, certificate)
        return ["--device", address, "--cert", str(certificate), "--key", handle]

    def attester(self, model: str, identity: list[str]) -> list[str]:
        flags = ["--attester", model, *identity]
        if model == "passport":
            flags += ["--verifier", self.verifier_url, "--verifier-id", "v.example"]
        return flags

    def relying_party(self, model: str) -> list[str]:
        flags = ["--relying-party", model, "--ca", str(self.authority.path)]
        if model == "passport":
            return [*flags, "--trust-verifier", f"v.example={self.verifier_url}"]
        return [*flags, "--verifier", self.verifier_url]

    def connect(
        self, client: list[str], server: list[str], profile: str = "expat-04"
    ) -> tuple[Process, Process, list[int]]:
        shared = ["--profile", profile]
        argv = [PROGRAMS.server, *shared, "--listen", "127.0.0.1:0", "--max-connections", "1"]
        listening = self.start("server", [*argv, *server])
        address = f"127.0.0.1:{listening.ready()['port']}"
        connecting = self.start("client", [PROGRAMS.client, *shared, "--connect", address, *client])
        return connecting, listening, [connecting.exit_code(), listening.exit_code()]

    def check_attested(self, attester: Process, party: Process, model: str) -> None:
        told, heard = attester.events("handshake")[0], party.events("handshake")[0]
        self.assertEqual((told["self_attested"], heard["peer_attested"]), (model, model))
        self.assertEqual(told["signed_with"], heard["verified_with"])
        for verdict in party.events("verdict"):
            self.assertEqual((verdict["accepted"], verdict["reason"]), (True, "ok"))

    def test_every_mix_of_models(self) -> None:
        first, second = self.enrolled("1"), self.enrolled("2", curve="p384")
        for own in ("background-check", "passport"):
            for peer in ("background-check", "passport"):
                with self.subTest(client=own, server=peer):
                    client, server, codes = self.connect(
                        self.attester(own, first) + self.relying_party(peer),
                        self.attester(peer, second) + self.relying_party(own),
                    )
                    self.assertEqual(codes, [0, 0])
                    self.check_attested(client, server, own)
                    self.check_attested(server, client, peer)
                    texts = {e["direction"]: e["text"] for e in client.events("application-data")}
                    expected = {"sent": "hello from client", "received": "hello from server"}
                    self.assertEqual(texts, expected)

    def test_a_bare_token_is_bound_by_its_nonce_alone(self) -> None:
        flags = self.attester("background-check", self.enrolled("1"))
        flags += ["--evidence-format", "psa", "--ca", str(self.authority.path)]
        client, server, codes = self.connect(
            flags,
            [*self.authority.plain(self.folder, "s"), *self.relying_party("background-check")],
        )
        self.assertEqual(codes, [0, 0])
        self.check_attested(client, server, "background-check")
        self.assertEqual(server.events("verdict")[0]["key_from"], "binder")

    def outside(self, seed: str, *more: str) -> tuple[list[str], subprocess.CompletedProcess[str]]:
        """A key that is no device's, with flags for its enrolment; flags of an endpoint."""
        address = f"unix:{self.folder}/device-{seed}"
        self.start(f"device-{seed}", [PROGRAMS.device, "--listen", address, "--seed", seed]).ready()
        request, certificate = self.folder / f"{seed}.csr", self.folder / f"{seed}.pem"
        key = self.folder / f"{seed}.key"
        argv = [PROGRAMS.enroll, "--csr", str(request), "--private-key", str(key)]
        done = subprocess.run([*argv, *more], check=True, capture_output=True, text=True)
        self.authority.issue(request, certificate)
        return ["--device", address, "--cert", str(certificate), "--key", str(key)], done

    def test_a_key_outside_the_device(self) -> None:
        """Its evidence is a bare token, tied to the key by the nonce alone."""
        identity, done = self.outside("1")
        self.assertEqual(done.stdout.strip(), identity[-1])
        plain, ca = self.authority.plain(self.folder, "s"), ["--ca", str(self.authority.path)]
        for profile in ("expat-04", "seat-06", "seat-04"):
            with self.subTest(profile=profile):
                client, server, codes = self.connect(
                    [*self.attester("background-check", identity), *ca],
                    [*plain, *self.relying_party("background-check")],
                    profile,
                )
                self.assertEqual(codes, [0, 0])
                self.check_attested(client, server, "background-check")
                self.assertEqual(server.events("verdict")[0]["key_from"], "binder")
        for more, code in ((["--evidence-format", "cab"], 2), (["--fault", "kat-signature"], 77)):
            argv = [PROGRAMS.client, "--profile", "expat-04", "--connect", "127.0.0.1:1", *more]
            ended = subprocess.run(
                [*argv, *self.attester("background-check", identity)],
                check=False,
                capture_output=True,
                text=True,
            )
            self.assertEqual(ended.returncode, code, ended.stderr)
        other = self.authority.plain(self.folder, "other")
        mixed = [*identity[:-1], other[-1]]  # another key than the certificate's
        argv = [PROGRAMS.client, "--profile", "expat-04", "--connect", "127.0.0.1:1"]
        ended = subprocess.run(
            [*argv, *self.attester("background-check", mixed)],
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual(ended.returncode, 1)
        self.assertIn("not the key of the certificate", ended.stderr)

    def test_rounds(self) -> None:
        """R-EX-07: each with a context, a binding and evidence of its own."""
        server_flags = self.attester("background-check", self.enrolled("1"))
        client_flags = [*self.relying_party("background-check"), "--reattest", "3"]
        client, server, codes = self.connect([*client_flags, "--hrr"], server_flags)
        self.assertEqual(codes, [0, 0])
        self.check_attested(server, client, "background-check")
        asked = client.events("authenticator", direction="sent", message="request")
        answers = client.events("authenticator", direction="received", message="authenticator")
        self.assertEqual([e["round"] for e in asked], [1, 2, 3, 4])
        self.assertEqual([e["context"] for e in asked], [e["context"] for e in answers])
        nonces = [e["nonce"] for e in client.events("challenge", direction="sent")]
        self.assertEqual([e["context"] for e in asked], nonces)
        computed = [e["nonce"] for e in client.events("challenge", direction="computed")]
        self.assertEqual(
            computed, [e["nonce"] for e in server.events("challenge", direction="computed")]
        )
        self.assertEqual(len(set(nonces)), 4)
        self.assertEqual(len(set(computed)), 4)
        self.assertEqual(len({e["sha256"] for e in client.events("credential")}), 4)
        self.assertEqual(len(client.events("verdict", accepted=True)), 4)

    def refused(self, server: list[str], client: list[str], reason: str, alert: int) -> Process:
        """The client, a relying party, refuses; the server hears the same alert."""
        connecting, listening, codes = self.connect(client, server)
        self.assertEqual(codes, [1, 1])
        said, heard = connecting.events("handshake")[0], listening.events("handshake")[0]
        self.assertEqual((said["outcome"], said["reason"]), ("failed", reason), said["detail"])
        self.assertEqual((said["alert"]["direction"], said["alert"]["code"]), ("sent", alert))
        self.assertEqual((heard["reason"], heard["alert"]["code"]), ("peer-alert", alert))
        self.assertEqual(connecting.events("application-data", direction="received"), [])
        self.assertEqual(listening.events("application-data", direction="received"), [])
        return connecting

    def test_faults(self) -> None:
        identity, second = self.enrolled("1"), self.enrolled("2")
        cases = [
            ("background-check", "authenticator-finished", "authenticator-finished", 51),
            ("background-check", "authenticator-context-reuse", "authenticator-context", 47),
            ("background-check", "authenticator-other-connection", "binder-mismatch", 49),
            ("background-check", "authenticator-second-entry", "malformed-extension", 47),
            ("background-check", "authenticator-unsolicited", "malformed-extension", 110),
            ("background-check", "application-data-early", "application-data-early", 10),
            ("background-check", "empty-certificate", "attestation-missing", 116),
            ("background-check", "stale-nonce", "binder-mismatch", 49),
            ("background-check", "kat-signature", "kat-signature-invalid", 49),
            ("background-check", "pat-signature", "pat-signature-invalid", 49),
            ("background-check", "linkage", "linkage-mismatch", 49),
            ("background-check", "attested-other-key", "key-mismatch", 49),
            ("background-check", "other-key", "key-mismatch", 51),
            ("background-check", "cmw-truncated", "malformed-cmw", 42),
            ("passport", "result-signature", "result-signature-invalid", 49),
            ("passport", "result-without-key", "result-without-key", 49),
            ("passport", "authenticator-finished", "authenticator-finished", 51),
        ]
        for model, fault, reason, alert in cases:
            with self.subTest(fault=fault, model=model):
                server = [*self.attester(model, identity), "--fault", fault]
                self.refused(server, self.relying_party(model), reason, alert)
        with self.subTest(fault="foreign-pat"):
            server = [*self.attester("background-check", identity), "--fault", "foreign-pat"]
            server += ["--second-device", second[1]]
            client = self.relying_party("background-check")
            self.refused(server, client, "linkage-mismatch", 49)

    def test_old_evidence_in_a_later_round(self) -> None:
        server = self.attester("background-check", self.enrolled("1"))
        server += ["--fault", "authenticator-old-evidence"]
        client = [*self.relying_party("background-check"), "--reattest", "1"]
        connecting = self.refused(server, client, "binder-mismatch", 49)
        self.assertEqual([e["accepted"] for e in connecting.events("verdict")], [True, False])

    def test_a_tampered_device(self) -> None:
        server = self.attester("background-check", self.enrolled("1", "--tamper", "flip:FW:1"))
        client = self.relying_party("background-check")
        connecting = self.refused(server, client, "reference-value-mismatch", 49)
        mismatches = connecting.events("verdict")[0]["mismatches"]
        self.assertEqual([m["component"] for m in mismatches], ["FW"])

    def test_nothing_to_attest_with(self) -> None:
        plain = self.authority.plain(self.folder, "s")
        client = self.relying_party("background-check")
        self.refused(plain, client, "attestation-missing", 109)
        _, listening, codes = self.connect([*client, "--policy", "optional"], plain)
        self.assertEqual(codes, [0, 0])
        self.assertEqual(listening.events("handshake")[0]["self_attested"], "none")

    def test_readings(self) -> None:
        """H6, H7 and H8 set against each other."""
        identity = self.attester("background-check", self.enrolled("1"))
        client = self.relying_party("background-check")
        for reading, reason, alert in (
            ("public-key=raw-point", "binder-mismatch", 49),
            ("exporter-label=Attestation", "binder-mismatch", 49),
            ("cmw-code-point=0xFFFF", "attestation-missing", 109),
            ("payload-prefix=none", "malformed-extension", 50),
        ):
            with self.subTest(reading=reading):
                self.refused([*identity, "--variant", reading], client, reason, alert)
                both = ["--variant", reading]
                _, _, codes = self.connect([*client, *both], [*identity, *both])
                self.assertEqual(codes, [0, 0])

    def test_what_is_not_supported(self) -> None:
        device = ["--device", "unix:/nonexistent", "--cert", "c", "--key", "device:1"]
        verifier = ["--verifier", "http://127.0.0.1:1"]
        attests = ["--attester", "background-check", *device]
        passport = ["--attester", "passport", *device, *verifier, "--verifier-id", "v"]
        asks = ["--relying-party", "background-check", *verifier]
        cases: list[tuple[int, str, list[str]]] = [
            (77, "expat-04", [*asks, "--fault", "authenticator-finished"]),
            (77, "expat-04", [*asks, "--fault", "nonce-length=8"]),
            (77, "expat-04", [*asks, "--fault", "extension=evidence_request:00"]),
            (77, "expat-04", [*attests, "--fault", "entry-second"]),
            (77, "expat-04", [*passport, "--fault", "authenticator-other-connection"]),
            (77, "expat-04", ["--variant", "hello-retry=all"]),
            (77, "expat-04", ["--variant", "public-key=none"]),
            (77, "ta-07", [*asks, "--reattest", "1"]),
            (77, "ta-07", ["--fault", "application-data-early"]),
            (77, "seat-06", [*attests, "--fault", "authenticator-second-entry"]),
            (77, "ta-07", ["--variant", "exporter-label=Attestation"]),
            (2, "expat-04", [*asks, "--reattest", "101"]),
            (2, "expat-04", ["--attester", "background-check", "--device", "unix:/nonexistent"]),
        ]
        for code, profile, flags in cases:
            with self.subTest(profile=profile, flags=flags):
                argv = [PROGRAMS.client, "--profile", profile, "--connect", "127.0.0.1:1", *flags]
                done = subprocess.run(argv, capture_output=True, check=False, timeout=PATIENCE)
                self.assertEqual(done.returncode, code, done.stderr.decode())
                self.assertTrue(done.stderr)


def main() -> None:
    global PROGRAMS
    parser = argparse.ArgumentParser()
    for name in ("client", "server", "device", "verifier", "enroll"):
        parser.add_argument(name)
    PROGRAMS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

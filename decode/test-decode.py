# SPDX-License-Identifier: Apache-2.0
"""Runs atls-decode as a program: forms of input, keys, exit codes, events; samples and vectors.

Usage: test-decode.py ATLS_DECODE MAKE_SAMPLES. With ATLS_VECTORS unset the vectors are left out.
"""

import base64
import json
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

DONE, REFUSED, USAGE = 0, 1, 2


class Case(NamedTuple):
    """Arguments, standard input, what must come."""

    name: str
    arguments: Sequence[str]
    stdin: bytes
    status: int
    lines: Sequence[str]


def hex_forms(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The habits in which people write bytes."""
    text = data.hex()
    pairs = [text[i : i + 2] for i in range(0, len(text), 2)]
    yield "binary", data
    yield "hex", text.encode()
    yield "hex with newline", text.encode() + b"\r\n"
    yield "upper-case hex", text.upper().encode()
    yield "hex with colons", ":".join(pairs).encode()
    yield "hex in lines", "\n".join(
        " ".join(pairs[i : i + 16]) for i in range(0, len(pairs), 16)
    ).encode()
    yield "hex with 0x", ("0x" + text).encode()
    yield "a C array", ", ".join("0x" + pair for pair in pairs).encode()
    yield "diagnostic notation", f"h'{text}'".encode()
    yield "base64", base64.b64encode(data)
    yield "base64 in lines", base64.encodebytes(data)
    yield "base64url", base64.urlsafe_b64encode(data)
    yield "base64url without padding", base64.urlsafe_b64encode(data).rstrip(b"=")
    armour = b"-----BEGIN CMW-----\n" + base64.encodebytes(data) + b"-----END CMW-----\n"
    yield "armour", armour


def form_cases(samples: Path) -> Iterator[Case]:
    """Every binary sample in every form is printed alike."""
    for name, line in (
        ("cab.cbor", "key attestation bundle (CAB)"),
        ("pat.cose", "PSA attestation token"),
        ("corim-main.cbor", "unsigned CoRIM"),
        ("boot-record.cbor", "boot record"),
    ):
        data = (samples / name).read_bytes()
        for form, text in hex_forms(data):
            yield Case(f"{name} as {form}", [], text, DONE, [line, f"{len(data)} bytes"])
    cab = (samples / "cab.cbor").read_bytes()
    yield Case("forced hex", ["--format", "hex"], cab.hex().encode(), DONE, ["CAB"])
    yield Case("forced base64", ["--format=base64"], base64.b64encode(cab), DONE, ["CAB"])
    yield Case("forced binary", ["--format=binary"], cab, DONE, ["CAB"])
    yield Case("hex is not base64", ["--format=base64"], cab, REFUSED, ["base64"])
    yield Case("binary is not hex", ["--format=hex"], cab, REFUSED, ["hexadecimal"])
    yield Case("odd hex", ["--format=hex"], b"d28", REFUSED, ["even number"])


def key_cases(samples: Path) -> Iterator[Case]:
    """Keys in all their files; the challenge; wrong ones."""

    def at(name: str) -> str:
        return str(samples / name)

    nonce = (samples / "nonce.hex").read_text()
    verified = "ok          signature of PAT (PSA token) verifies with key 1"
    yield Case("PEM key", ["--key", at("pak.pem"), at("cab.cbor")], b"", DONE, [verified])
    yield Case("CoRIM as key", ["-k", at("corim-main.cbor"), at("cab.cbor")], b"", DONE, [verified])
    yield Case(
        "second key",
        ["-k", at("verifier.jwk"), "-k", at("pak.pem"), at("cab.cbor")],
        b"",
        DONE,
        ["verifies with key 2"],
    )
    yield Case("wrong key", ["-k", at("verifier.jwk"), at("cab.cbor")], b"", REFUSED, ["FAILED"])
    yield Case("nonce", ["--nonce", nonce, at("cab.json")], b"", DONE, ["nonce of KAT is the"])
    yield Case(
        "wrong nonce", ["-n", "00" * 32, at("kat.cose")], b"", REFUSED, ["FAILED      nonce"]
    )
    yield Case("linkage", [at("bad-linkage.cbor")], b"", REFUSED, ["FAILED      linkage"])
    yield Case(
        "KAT", [at("bad-kat-signature.cbor")], b"", REFUSED, ["FAILED      signature of KAT"]
    )
    yield Case("cut PAT", [at("bad-pat.cbor")], b"", REFUSED, ["! malformed"])
    result = "ok          signature of JWT verifies with the verifier's key"
    for dialect in ("veraison", "draft-03", "draft-04"):
        arguments = ["-v", at("verifier.jwk"), at(f"ear-{dialect}.jwt")]
        yield Case(f"EAR {dialect}", arguments, b"", DONE, [result, "contraindicated"])
    discovery = samples / "discovery.json"
    key = json.loads((samples / "verifier.jwk").read_text())
    discovery.write_text(json.dumps({"ear-verification-key": key, "service-state": "READY"}))
    yield Case("discovery", ["-v", str(discovery), at("ear-veraison.jwt")], b"", DONE, [result])
    yield Case(
        "EAR with another key",
        ["-v", at("pak.pem"), at("ear-veraison.jwt")],
        b"",
        REFUSED,
        ["FAILED      signature of JWT"],
    )
    yield Case(
        "bad EAR", ["-v", at("verifier.jwk"), at("bad-signature.jwt")], b"", REFUSED, ["FAILED"]
    )
    # What a JWK is for (RFC 7517 sections 4.2 to 4.4) counts as it does for an endpoint.
    purposes: list[tuple[dict[str, object], int, str]] = [
        ({"use": "sig", "key_ops": ["verify"], "alg": "ES256"}, DONE, result),
        ({"use": "enc"}, REFUSED, "its use is enc"),
        ({"use": 5}, REFUSED, "JWK use: expected a string"),
        ({"key_ops": ["sign"]}, REFUSED, 'its key_ops has no "verify"'),
        ({"key_ops": "verify"}, REFUSED, "JWK key_ops: expected an array"),
        ({"alg": "ES384"}, REFUSED, "expected a key for alg ES256"),
    ]
    for number, (members, code, said) in enumerate(purposes):
        path = samples / f"purpose-{number}.jwk"
        path.write_text(json.dumps({**key, **members}))
        yield Case(f"{members}", ["-v", str(path), at("ear-veraison.jwt")], b"", code, [said])
        if code == REFUSED:
            arguments = ["-k", str(path), at("ear-veraison.jwt")]
            yield Case(f"{members} of any key", arguments, b"", REFUSED, [said])


def usage_cases(samples: Path) -> Iterator[Case]:
    """Help, version, and what is no use."""
    cab = str(samples / "cab.cbor")
    yield Case("help", ["--help"], b"", DONE, ["--verifier-key", "Exit status"])
    yield Case("version", ["--version"], b"", DONE, ["atls-decode 0."])
    yield Case("standard input by name", ["-"], b"\xf6", DONE, ["null"])
    yield Case("unknown option", ["--colour-me"], b"", USAGE, ["unrecognized option"])
    yield Case("unknown form", ["--format", "morse"], b"", USAGE, ["morse"])
    yield Case("two files", [cab, cab], b"", USAGE, ["one FILE"])
    yield Case("nonce no hex", ["--nonce", "xyz"], b"", USAGE, ["--nonce"])
    yield Case("no key file", ["--key", "/nonexistent"], b"", USAGE, ["cannot open"])
    yield Case("no key in file", ["--key", cab], b"", USAGE, ["expected JSON"])
    yield Case("no file", ["/nonexistent"], b"", REFUSED, ["cannot open /nonexistent"])
    yield Case("nothing", [], b"", REFUSED, ["not recognised"])
    yield Case("noise", [], b"\xff\xfe\xfd", REFUSED, ["! malformed"])
    yield Case("prose", [], b"To be, or not to be", REFUSED, ["not recognised"])
    yield Case("whole", ["--whole", str(samples / "pak.pem")], b"", DONE, ["curve: P-256"])


def text_cases(_: Path) -> Iterator[Case]:
    """Text that quotes armour is no armour; a certificate is shown with what is in it."""
    quoted = {"note": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}
    yield Case("JSON with PEM in a string", ["-"], json.dumps(quoted).encode(), DONE, ["JSON, "])
    record = bytes.fromhex("8263612f6242a161")
    extension = f"1.3.6.1.5.5.7.1.35=DER:04{len(record):02x}{record.hex()}"
    for form in ("DER", "PEM"):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:P-256", "-nodes", "-keyout", os.devnull, "-outform", form]
        command += ["-subj", "/CN=x", "-addext", extension]
        certificate = subprocess.run(command, capture_output=True, check=True).stdout
        lines = ["X.509 certificate, ", 'subject: "CN=x"', "1.3.6.1.5.5.7.1.35", "h'a161'"]
        yield Case(f"certificate with a CMW in {form}", ["-"], certificate, DONE, lines)


def vector_cases(vectors: Path) -> Iterator[Case]:
    """What other implementations made."""

    def at(name: str) -> str:
        return str(vectors / name)

    ok = "ok          signature of PSA token verifies with key 1"
    yield Case(
        "TF-M",
        ["-k", at("psa/tf-m/public.pem"), at("psa/tf-m/psa-2_0_0_sign1.bin")],
        b"",
        DONE,
        [ok],
    )
    yield Case(
        "TF-M profile 1",
        ["-k", at("psa/tf-m/public.pem"), at("psa/tf-m/psa-iot-1_sign1.bin")],
        b"",
        DONE,
        [ok],
    )
    good = at("psa/services/psa.good.cose")
    yield Case("Veraison", ["-k", at("psa/services/ec.p256.jwk"), good], b"", DONE, [ok])
    yield Case(
        "Veraison CoRIM", ["-k", at("corim/main/corim-psa-valid.cbor"), good], b"", DONE, [ok]
    )
    jwt = ["-v", at("ear/c-ear/pkey.pem"), at("ear/c-ear/ear.jwt")]
    yield Case("c-ear", jwt, b"", DONE, ["signature of JWT verifies", "tier is affirming"])
    bad = at("corim/main/corim-psa-bad-instance.cbor")
    yield Case("bad CoRIM", [bad], b"", REFUSED, ["expected tag 550, came tag 37"])
    yield Case("parsec", [at("parsec/tpm/evidence.cbor")], b"", DONE, ["TPMS_ATTEST", "extraData"])
    for path in sorted(vectors.rglob("*")):
        if path.suffix in (".cbor", ".cose", ".bin", ".jwk", ".json", ".jwt", ".pem", ".diag"):
            yield Case(f"survives {path.name}", [str(path)], b"", -1, [])


def run_case(decode: str, case: Case) -> list[str]:
    """What is wrong, as lines."""
    result = subprocess.run(
        [decode, *case.arguments], input=case.stdin, capture_output=True, timeout=60, check=False
    )
    text = (result.stdout + result.stderr).decode("utf-8", "replace")
    wrong = [f"{line!r} is missing" for line in case.lines if line not in text]
    allowed = (DONE, REFUSED) if case.status < 0 else (case.status,)
    if result.returncode not in allowed:
        wrong.append(f"exit status {result.returncode}, not {case.status}")
    if "\x1b" in text:
        wrong.append("escape sequences where there is no terminal")
    return [f"{case.name}: {problem}\n{text}" for problem in wrong]


def on_terminal(command: Sequence[str], environment: dict[str, str]) -> bytes:
    """Output of a program whose standard output is a terminal."""
    parent, child = pty.openpty()
    with subprocess.Popen(command, stdout=child, env=environment) as process:
        os.close(child)
        chunks = []
        try:
            while chunk := os.read(parent, 65536):
                chunks.append(chunk)
        except OSError:  # Linux reports the other end's closing so
            pass
        process.wait(timeout=60)
    os.close(parent)
    return b"".join(chunks)


def check_colour(decode: str, samples: Path) -> list[str]:
    """Colour on a terminal, unless NO_COLOR or TERM says no."""
    command = [decode, str(samples / "kat.cose")]
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    wrong = []
    for variables, coloured in (
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ):
        if (b"\x1b[" in on_terminal(command, {**clean, **variables})) != coloured:
            wrong.append(f"colour with {variables}: {not coloured}")
    return wrong


def check_events(decode: str, samples: Path) -> list[str]:
    """One event, with the outcome."""
    events = samples / "events.jsonl"
    wrong = []
    for name, outcome in (("cab.cbor", "ok"), ("bad-linkage.cbor", "mismatch")):
        command = [decode, "--events", str(events), str(samples / name)]
        subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, check=False)
        lines = [json.loads(line) for line in events.read_text().splitlines()]
        expected = {"who": "decode", "event": "decoded", "format": "cab", "outcome": outcome}
        if len(lines) != 1 or not expected.items() <= lines[0].items():
            wrong.append(f"events of {name}: {lines}")
    return wrong


def main() -> int:
    """Runs all; prints what is wrong."""
    decode, make_samples = sys.argv[1:3]
    wrong: list[str] = []
    count = 0
    with tempfile.TemporaryDirectory() as directory:
        samples = Path(directory)
        subprocess.run([make_samples, directory], check=True)
        sources: list[Callable[[Path], Iterator[Case]]] = [
            form_cases,
            key_cases,
            usage_cases,
            text_cases,
        ]
        for source in sources:
            for case in source(samples):
                wrong += run_case(decode, case)
                count += 1
        wrong += check_colour(decode, samples) + check_events(decode, samples)
    vectors = os.environ.get("ATLS_VECTORS")
    if not vectors:
        print("vectors left out: ATLS_VECTORS is not set")
    for case in vector_cases(Path(vectors)) if vectors else ():
        wrong += run_case(decode, case)
        count += 1
    for problem in wrong:
        print(problem)
    print(f"{count} cases, {len(wrong)} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What peers written in Python share of the peer contract (harness/peers/README.md): exit codes,
the flags that mean nothing to a stack without attestation. Events are events.py."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

import yaml

DONE, FAILED, USAGE, UNSUPPORTED = 0, 1, 2, 77
# The names of the contract, where everybody has them from.
DATA = Path(__file__).resolve().parents[2] / "atls_harness" / "data" / "contract.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
with DATA.open(encoding="utf-8") as _file:
    CONTRACT = yaml.load(_file, Loader=LOADER)
# What a stack can play that attests and asks for nothing: no frames, and not the prototype.
PROFILES = tuple(
    row["name"]
    for row in CONTRACT["profiles"]
    if row["carrier"] != "authenticator" and row["status"] != "prototype"
)
ALERTS = {row["code"]: row["name"] for row in CONTRACT["alerts"]}
ALERTS |= {row["value"]: row["name"] for row in CONTRACT["code-points"] if row["kind"] == "alert"}
MESSAGE_MAX = 4000  # bytes


def unsupported(what: str) -> NoReturn:
    """Says that this is not done here, before any packet."""
    print(f"not supported: {what}", file=sys.stderr)
    sys.exit(UNSUPPORTED)


def flags_of(side: str, program: str, version: str, meant: tuple[str, ...]) -> Any:
    """A parser of the contract's flags. Those that are MEANT are left to the caller; any other that
    is not here by name means nothing to a stack that attests and asks for nothing."""
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument("--profile", required=True)
    for flag in ("attester", "relying-party"):
        parser.add_argument(f"--{flag}", default="none")
    parser.add_argument("--events")
    for flag in ("cert", "key", "serialization", "credential-kind"):
        parser.add_argument(f"--{flag}", default="")
    parser.add_argument("--message", default=f"hello from {side}")
    parser.add_argument("--timeout", type=float, default=20.0)
    for flag in ("fault", "variant"):
        parser.add_argument(f"--{flag}", action="append", default=[])
    parser.add_argument("--reattest", default="0")
    parser.add_argument("--hrr", action="store_true")
    if side == "client":
        parser.add_argument("--connect", required=True)
        parser.add_argument("--connections", type=int, default=1)
    else:
        parser.add_argument("--listen", required=True)
        parser.add_argument("--max-connections", type=int, default=0)
    for row in CONTRACT["flags"]:
        name = f"--{row['name']}"
        known = name in parser._option_string_actions or row["name"] in meant
        if not known and not row.get("optional") and row["of"] in ("both", side):
            parser.add_argument(name, action="append" if row["value"] else "store_true")
    return parser


def check_plain(parser: Any, side: str, options: argparse.Namespace) -> None:
    """Ends with 2 or 77 where more is asked than X.509 and a line each way. Faults are the caller's
    affair."""
    if options.profile not in PROFILES:
        unsupported(f"profile {options.profile}")
    for flag, wanted in (("attester", "none"), ("relying_party", "none"), ("reattest", "0")):
        if getattr(options, flag) != wanted:
            unsupported(f"--{flag.replace('_', '-')} {getattr(options, flag)}")
    if options.serialization not in ("", "cbor", "json"):
        unsupported(f"--serialization {options.serialization}")
    if options.credential_kind not in ("", "attestation", "cert"):
        unsupported(f"--credential-kind {options.credential_kind}")
    for value in options.variant:
        unsupported(f"--variant {value}")
    if options.hrr:
        unsupported("--hrr")
    if options.key.startswith("device:"):
        unsupported("a key in a device")
    if bool(options.cert) != bool(options.key):
        parser.error("--cert and --key come together")
    if side == "server" and not options.cert:
        parser.error("a server needs --cert and --key")
    if "\n" in options.message or len(options.message.encode()) > MESSAGE_MAX:
        parser.error(f"--message is one line of at most {MESSAGE_MAX} bytes")


def address_of(text: str) -> tuple[str, int]:
    """HOST:PORT"""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        print(f"HOST:PORT was expected, not {text}", file=sys.stderr)
        sys.exit(USAGE)
    return host.strip("[]"), int(port)

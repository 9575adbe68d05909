# SPDX-License-Identifier: Apache-2.0
"""The attacker on the wire, between a client and a server.

  hold    reads the victim's ClientHello and keeps it until it is told where to lead the connection
  strip   takes extensions out of the ClientHello, and relays the rest as it is
  share   puts a degenerate key share into a hello of its own, towards a client or a server
  splice  relays the hellos as they are; behind ServerHello everything is its own (splice.py)
"""

from __future__ import annotations

import os
import select
import socket
import sys
from typing import Callable, Mapping, Sequence

import tls13
from bounds import connect, listen
from party import Party, begin, parser

import messages  # of peers/python, where tls13 has it from

QUIET = 10.0  # seconds without a byte after which a relay ends
X25519, P256 = 0x1D, 0x17
# Points that no key agreement may take: RFC 8446 4.2.8.2, 7.4.2; RFC 7748 6.1.
SHARES: Mapping[str, tuple[int, bytes]] = {
    "x25519-zero": (X25519, bytes(32)),
    "x25519-one": (X25519, b"\1" + bytes(31)),
    "x25519-p-minus-1": (X25519, (2**255 - 20).to_bytes(32, "little")),
    "p256-zero": (P256, b"\4" + bytes(64)),
    "p256-off-curve": (P256, b"\4" + b"\1" * 64),
    "p256-infinity": (P256, b"\0"),
    "p256-short": (P256, b"\4" + bytes(10)),
}


def relay(one: socket.socket, other: socket.socket, quiet: float) -> None:
    """Passes bytes in both directions until one side ends."""
    while True:
        readable, _, _ = select.select([one, other], [], [], quiet)
        if not readable:
            return
        for source in readable:
            try:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)
            except OSError:  # a reset is an end, too
                return


def hello_of(party: Party, client: socket.socket, named: Sequence[str]) -> tuple[bytes, bytes]:
    """The victim's ClientHello, and its records; what it offers is told by name."""
    hello, records = tls13.read_hello(client, messages.CLIENT_HELLO)
    party.step("client-hello", f"read the ClientHello, {len(hello)} bytes", hello)
    offered = dict(tls13.extensions(hello))
    for one in named:
        name, _, code = one.partition("=")
        if int(code) in offered:
            party.step(name, f"the ClientHello asks with {name}", offered[int(code)])
    return hello, records


def hold(party: Party, client: socket.socket, target: str, named: Sequence[str]) -> None:
    """Leads the connection somewhere once it is known where."""
    _, records = hello_of(party, client, named)
    where = target or party.told("target")
    server = connect(where, party.folder, party.timeout)
    server.sendall(records)
    party.step("relayed", f"leads the client to {where}")
    relay(client, server, QUIET)
    server.close()


def strip(party: Party, client: socket.socket, target: str, named: Sequence[str]) -> None:
    """The offer is taken out of the ClientHello."""
    hello, _ = hello_of(party, client, named)
    removed = {int(one.partition("=")[2]) for one in named}
    kept = [pair for pair in tls13.extensions(hello) if pair[0] not in removed]
    changed = tls13.with_extensions(hello, kept)
    server = connect(target or party.told("target"), party.folder, party.timeout)
    server.sendall(b"\x16\x03\x01" + messages.vector(2, changed))
    if len(changed) < len(hello):
        party.step("stripped", f"ClientHello of {len(hello)} bytes is now one of {len(changed)}")
    relay(client, server, QUIET)
    server.close()


def answer_of(party: Party, victim: socket.socket) -> None:
    """What the victim says to a degenerate share."""
    victim.settimeout(party.timeout)
    try:
        record = tls13.read_record(victim)
    except OSError:
        record = None
    if record is None:
        party.step("answer", "the victim ended without a word", b"")
    else:
        party.step("answer", f"the victim answers with a record of type {record[0]}", record[:64])


def share_to_client(party: Party, client: socket.socket, name: str) -> None:
    """A ServerHello with a degenerate share."""
    hello, _ = tls13.read_hello(client, messages.CLIENT_HELLO)
    group, share = SHARES[name]
    offered = dict(tls13.extensions(hello))[tls13.KEY_SHARE][2:]
    groups = []
    while offered:
        size = int.from_bytes(offered[2:4], "big")
        groups.append(int.from_bytes(offered[:2], "big"))
        offered = offered[4 + size :]
    if group not in groups:
        party.step("not-offered", f"the client has no share of the group 0x{group:04x}")
        return
    sent = [(43, b"\3\4"), (tls13.KEY_SHARE, group.to_bytes(2, "big") + messages.vector(2, share))]
    body = b"\3\3" + os.urandom(32) + messages.vector(1, tls13.session_id(hello))
    body += tls13.first_suite(hello) + b"\0" + messages.vector(2, b"")
    made = tls13.with_extensions(messages.message(messages.SERVER_HELLO, body), sent)
    client.sendall(b"\x16\x03\x03" + messages.vector(2, made))
    party.step("share-sent", f"ServerHello with the share {name}", share)
    answer_of(party, client)


def share_to_server(party: Party, target: str, name: str) -> None:
    """A ClientHello with a degenerate share."""
    group, share = SHARES[name]
    number = group.to_bytes(2, "big")
    sent = [
        (43, b"\2\3\4"),
        (10, messages.vector(2, number)),
        (13, messages.vector(2, bytes.fromhex("040308040805"))),
        (tls13.KEY_SHARE, messages.vector(2, number + messages.vector(2, share))),
    ]
    body = b"\3\3" + os.urandom(32) + b"\0" + messages.vector(2, bytes.fromhex("13011302"))
    made = messages.message(messages.CLIENT_HELLO, body + b"\1\0" + messages.vector(2, b""))
    made = tls13.with_extensions(made, sent)
    server = connect(target, party.folder, party.timeout)
    server.sendall(b"\x16\x03\x01" + messages.vector(2, made))
    party.step("share-sent", f"ClientHello with the share {name}", share)
    answer_of(party, server)
    server.close()


def splice(party: Party, client: socket.socket, target: str, keys: Sequence[str]) -> None:
    """See splice.py."""
    from splice import Splice

    server = connect(target or party.told("target"), party.folder, party.timeout)
    Splice(party, client, server, *keys).run()
    server.close()


def main(argv: Sequence[str]) -> int:
    made = parser("The attacker between a client and a server.")
    made.add_argument("mode", choices=("hold", "strip", "share", "splice"))
    made.add_argument("--target", default="", metavar="ADDRESS", help="the server, where known")
    made.add_argument("--extension", action="append", default=[], metavar="NAME=CODE")
    made.add_argument("--share", choices=tuple(SHARES))
    made.add_argument("--identity-key", default="", metavar="FILE", help="splice: signs with it")
    made.add_argument("--handshake-secret", default="", metavar="FILE", help="splice: leaked")
    party, options = begin(made, argv)
    if options.mode == "share" and options.target:
        share_to_server(party, options.target, options.share)
        return 0
    server, address = listen(options.listen, party.folder)
    party.ready(address)
    server.settimeout(party.timeout)
    client, _ = server.accept()
    client.settimeout(party.timeout)
    modes: Mapping[str, Callable[[], None]] = {
        "hold": lambda: hold(party, client, options.target, options.extension),
        "strip": lambda: strip(party, client, options.target, options.extension),
        "share": lambda: share_to_client(party, client, options.share),
        "splice": lambda: splice(
            party, client, options.target, (options.identity_key, options.handshake_secret)
        ),
    }
    modes[options.mode]()
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""An address, and what answers there to a plain TLS client (Python's, which is OpenSSL's)."""

from __future__ import annotations

import re
import socket
import ssl

from ..errors import InfrastructureError, UsageError
from ..untrusted import cut, quoted

PORT_MAX = 65535
CHUNK = 4096
LOOPBACK = "127.0.0.1"


def address_of(text: str) -> tuple[str, int]:
    """HOST:PORT, or [ADDRESS]:PORT of IPv6. UsageError where it is neither."""
    host, colon, port = text.rpartition(":")
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]", host)
    name = bracketed.group(1) if bracketed else host
    good = colon and re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) <= PORT_MAX
    if not good or not re.fullmatch(r"[A-Za-z0-9._-]+" if not bracketed else r".+", name):
        raise UsageError(f"expected HOST:PORT (of IPv6 [ADDRESS]:PORT), came {cut(repr(text), 80)}")
    return name, int(port)


def listen_of(text: str) -> tuple[str, int]:
    """[HOST:]PORT, where port 0 picks one; without HOST it is loopback."""
    if re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= PORT_MAX:
        return LOOPBACK, int(text)
    return address_of(text)


def first_look(host: str, port: int, timeout: float, name: str = "") -> tuple[str, bytes]:
    """What answers at an address (asked for NAME), in words, and the certificate (DER) that it
    shows to anybody, where it shows one. InfrastructureError where nothing answers, or not in TLS.
    """
    where = f"{host}:{port}"
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise InfrastructureError(f"nothing answers at {where}: {why}") from problem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name or host)
    said = b""
    try:
        with connection:
            while True:
                try:
                    tls.do_handshake()
                    return str(tls.version()), tls.getpeercert(True) or b""
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                data = connection.recv(CHUNK)
                said = (said + data)[:CHUNK]
                if not data:
                    raise InfrastructureError(f"{where} takes a connection, and closes it")
                if len(said) > 1 and not _record(said):
                    words = f"what answers at {where} is no TLS; it says {quoted(said, 40)}"
                    raise InfrastructureError(words)
                incoming.write(data)
    except ssl.SSLError as problem:
        why = cut(str(problem.reason or "an alert that it has no name for"), 80)
        refused = "alert" in why.lower()
        who = "which refuses a plain client" if refused else "which a plain client refuses"
        return f"TLS, {who} ({why})", _shown(tls)
    except TimeoutError as problem:
        words = f"{where} takes a connection, and does not answer TLS within {timeout:g} s"
        raise InfrastructureError(words) from problem
    except (OSError, ValueError) as problem:
        words = f"{where} takes a connection, and closes it: {cut(str(problem), 100)}"
        raise InfrastructureError(words) from problem


def _shown(tls: ssl.SSLObject) -> bytes:
    """The certificate that came before a handshake failed, where Python can tell."""
    inner = getattr(tls, "_sslobj", None)
    ask = getattr(inner, "get_unverified_chain", None)  # public from Python 3.13 on
    chain = ask() if ask else None
    try:
        return ssl.PEM_cert_to_DER_cert(chain[0].public_bytes()) if chain else b""
    except (AttributeError, ValueError, ssl.SSLError):
        return b""


def _record(data: bytes) -> bool:
    """Does it begin as a server's TLS does: an alert or a handshake (RFC 8446 section 5.1)?"""
    return data[0] in (21, 22) and data[1] == 3

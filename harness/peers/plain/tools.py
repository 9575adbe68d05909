# SPDX-License-Identifier: Apache-2.0
"""The command-line tools: how each is started for one connection, and what its words mean."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

TLS13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3"


@dataclass(frozen=True)
class Wanted:
    """What one connection needs."""

    host: str  # of the server's certificate
    port: int
    folder: Path
    cert: str
    key: str
    ca: str
    keylog: str


@dataclass(frozen=True)
class Started:
    """argv and environment; MARK, where it is given, stands ahead of each received line."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""
    log: str = ""  # a file with more of its words
    merged: bool = False  # lines come on standard error
    echoes: bool = False  # sends each line back as it came, and no other


class Tool:
    """A tool; a side that it has not is None."""

    library = ""
    sides: tuple[str, ...] = ("client", "server")

    def version(self) -> str:
        """Library and version."""
        raise NotImplementedError

    def client(self, wanted: Wanted) -> Started:
        """A client that connects to the port on loopback, and takes lines from standard input."""
        raise NotImplementedError

    def server(self, wanted: Wanted) -> Started:
        """A server of one connection on the port."""
        raise NotImplementedError

    def alert(self, words: str) -> int | None:
        """The alert that came, as the tool tells it."""
        raise NotImplementedError


def ask(*argv: str) -> str:
    """The first line that a program says."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""


class OpenSSL(Tool):
    """openssl s_client and s_server."""

    # OpenSSL 3.0's own. That of 3.5 prefers X25519MLKEM768 and asks for it with HelloRetryRequest.
    GROUPS = "X25519:P-256:X448:P-521:P-384"

    def version(self) -> str:
        return ask("openssl", "version").partition(" (Library")[0]

    def client(self, wanted: Wanted) -> Started:
        argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{wanted.port}", "-tls1_3", "-quiet"]
        argv += ["-verify_return_error", "-verify_ip", wanted.host]
        argv += ["-CAfile", wanted.ca] if wanted.ca else []
        argv += ["-cert", wanted.cert, "-key", wanted.key] if wanted.cert else []
        argv += ["-keylogfile", wanted.keylog] if wanted.keylog else []
        return Started(argv)

    def server(self, wanted: Wanted) -> Started:
        argv = ["openssl", "s_server", "-accept", f"127.0.0.1:{wanted.port}", "-tls1_3", "-quiet"]
        argv += ["-cert", wanted.cert, "-key", wanted.key, "-naccept", "1", "-num_tickets", "0"]
        argv += ["-groups", self.GROUPS]
        argv += ["-keylogfile", wanted.keylog] if wanted.keylog else []
        return Started(argv)

    def alert(self, words: str) -> int | None:
        found = re.search(r"SSL alert number (\d+)", words)
        return int(found[1]) if found else None


class GnuTLS(Tool):
    """gnutls-cli and gnutls-serv, which echoes what it gets."""

    def version(self) -> str:
        return ask("gnutls-cli", "--version").replace("gnutls-cli", "GnuTLS")

    def client(self, wanted: Wanted) -> Started:
        log = f"{wanted.folder}/gnutls-cli.log"
        argv = ["gnutls-cli", "--priority", TLS13, f"--logfile={log}"]
        argv += ["--sni-hostname=localhost", f"--verify-hostname={wanted.host}"]
        argv += [f"--x509cafile={wanted.ca}"] if wanted.ca else []
        if wanted.cert:
            argv += [f"--x509certfile={wanted.cert}", f"--x509keyfile={wanted.key}"]
        argv += ["-p", str(wanted.port), "127.0.0.1"]
        return Started(argv, self._environment(wanted), log=log)

    def server(self, wanted: Wanted) -> Started:
        # Line by line, for it writes into a pipe; and it names alerts only where it debugs.
        argv = ["stdbuf", "-oL", "gnutls-serv", "--debug", "5", "--echo"]
        argv += ["--disable-client-cert", "--noticket"]
        argv += ["--priority", TLS13, "-p", str(wanted.port)]
        argv += [f"--x509certfile={wanted.cert}", f"--x509keyfile={wanted.key}"]
        return Started(
            argv, self._environment(wanted), mark="received cmd: ", merged=True, echoes=True
        )

    @staticmethod
    def _environment(wanted: Wanted) -> Mapping[str, str]:
        return {"SSLKEYLOGFILE": wanted.keylog} if wanted.keylog else {}

    def alert(self, words: str) -> int | None:
        found = re.search(r"Received alert \[(\d+)\]|Alert\[2\|(\d+)\] .*received", words)
        return int(found[1] or found[2]) if found else None


class NSS(Tool):
    """tstclnt. NSS's selfserv answers nothing but HTTP, so there is no server."""

    sides = ("client",)
    # mozilla/nss: lib/ssl/sslerr.h, by the names that the tool prints
    ALERTS = {
        "SSL_ERROR_HANDSHAKE_UNEXPECTED_ALERT": 10,
        "SSL_ERROR_HANDSHAKE_FAILURE_ALERT": 40,
        "SSL_ERROR_BAD_CERT_ALERT": 42,
        "SSL_ERROR_UNSUPPORTED_CERT_ALERT": 43,
        "SSL_ERROR_CERTIFICATE_UNKNOWN_ALERT": 46,
        "SSL_ERROR_ILLEGAL_PARAMETER_ALERT": 47,
        "SSL_ERROR_UNKNOWN_CA_ALERT": 48,
        "SSL_ERROR_ACCESS_DENIED_ALERT": 49,
        "SSL_ERROR_DECODE_ERROR_ALERT": 50,
        "SSL_ERROR_DECRYPT_ERROR_ALERT": 51,
        "SSL_ERROR_INTERNAL_ERROR_ALERT": 80,
        "SSL_ERROR_MISSING_EXTENSION_ALERT": 109,
        "SSL_ERROR_UNSUPPORTED_EXTENSION_ALERT": 110,
        "SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT": 116,
    }

    def version(self) -> str:
        return "NSS " + ask("dpkg-query", "-W", "-f", "${Version}", "libnss3-tools")

    def client(self, wanted: Wanted) -> Started:
        store = f"sql:{wanted.folder}"
        self._run("certutil", "-N", "-d", store, "--empty-password")
        if wanted.ca:
            self._run("certutil", "-A", "-d", store, "-n", "ca", "-t", "CT,,", "-i", wanted.ca)
        argv = ["tstclnt", "-h", wanted.host, "-p", str(wanted.port), "-d", store]
        if wanted.cert:
            bag = f"{wanted.folder}/credential.p12"
            argv += ["-n", "own"]
            self._import(wanted, bag, store)
        return Started([*argv, "-V", "tls1.3:tls1.3", "-f"])

    def _import(self, wanted: Wanted, bag: str, store: str) -> None:
        export = ["openssl", "pkcs12", "-export", "-in", wanted.cert, "-inkey", wanted.key]
        old = os.umask(0o077)
        try:
            self._run(*export, "-name", "own", "-passout", "pass:", "-out", bag)
            self._run("pk12util", "-i", bag, "-d", store, "-W", "", "-K", "")
        finally:
            os.umask(old)
            Path(bag).unlink(missing_ok=True)

    @staticmethod
    def _run(*argv: str) -> None:
        subprocess.run(argv, check=True, capture_output=True, timeout=20)

    def alert(self, words: str) -> int | None:
        for name, number in self.ALERTS.items():
            if name in words:
                return number
        return None


TOOLS: Mapping[str, Tool] = {"openssl": OpenSSL(), "gnutls": GnuTLS(), "nss": NSS()}

# SPDX-License-Identifier: Apache-2.0
"""A lab that runs, as a person meets it: for the tests of ./atls lab."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Callable, Sequence

import pytest

from atls_harness.paths import ROOT
from atls_harness.run import Run

LIMIT = 120.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Lab:
    """A lab that runs, as a person meets it."""

    def __init__(
        self,
        run: Run,
        state: Path,
        *arguments: str,
        listen: str = "127.0.0.1:0",
        within: Sequence[str] = (),
    ) -> None:
        self.run = run
        self.state = state
        self.arguments = ["--listen", listen, *arguments]
        self.within = list(within)  # what the command stands behind
        self.ports: dict[str, int] = {}
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[str]":
        argv = [*self.within, sys.executable, "-m", "atls_harness", "lab"]
        argv += ["--state", str(self.state), "--build", str(self.run.build), *self.arguments]
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**os.environ, "ATLS_NO_INSTALL": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("the lab is open: "):
                self.url = line.split()[-1]
            found = re.match(r"  ([0-9]+) +(\S+): the (client|server) attests", line)
            if found:
                self.ports[f"{found[2]}-{found[3]}-attests"] = int(found[1])
            if line.startswith("Simulated root of trust"):
                return process
        raise AssertionError("".join(said))

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Ends it."""
        self.process.send_signal(how)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def again(self) -> None:
        """Starts it on what it kept."""
        self.process = self._start()

    def get(self, path: str, **headers: str) -> bytes:
        request = urllib.request.Request(urllib.parse.urljoin(self.url, path), headers=headers)
        with OPENER.open(request, timeout=60) as answer:
            data: bytes = answer.read()
        return data

    def page(self, path: str) -> str:
        return self.get(path).decode("utf-8")

    def status(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Of a request that may be refused."""
        request = urllib.request.Request(
            urllib.parse.urljoin(self.url, path),
            data,
            {name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with OPENER.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode("utf-8", "replace")

    def rows(self, participant: str) -> list[dict[str, Any]]:
        """The connections of a participant, the newest first, with all that is known of each."""
        page = self.page(f"participant/{participant}")
        found = re.findall(r'<tr id="c([0-9a-f]{12})"', page)
        return [json.loads(self.get(f"connection/{one}.json")) for one in found]

    def last(self, participant: str) -> dict[str, Any]:
        """The newest of a participant's connections, when it has ended."""
        return self.await_(lambda: [one for one in self.rows(participant)[:1] if ended(one)])[0]

    def verifier(self) -> str:
        """The URL of everybody's verifier."""
        found = re.search(r"--verifier ([^\s<]+)", self.page("port/ta-07-server-attests"))
        assert found is not None
        return found[1]

    def outcome(self, outcome: str) -> list[str]:
        """The connections that came to something, the newest first."""
        rows = self.rows("127.0.0.1") + self.rows("ada")
        return [row["connection"]["id"] for row in rows if row["connection"]["outcome"] == outcome]

    def probes(self) -> list[str]:
        """Paths of the probes' pages."""
        return re.findall(r"probe/[0-9a-f]{12}", self.page("probe"))

    def client(self, place: str, *flags: str) -> "subprocess.CompletedProcess[str]":
        """The project's own client, at a port of the lab."""
        profile = re.sub(r"-(client|server)-attests\Z", "", place)
        argv = self.run.command("client", "client")
        argv += ["--profile", profile, "--connect", f"127.0.0.1:{self.ports[place]}"]
        argv += ["--ca", str(self.state / "ca.pem"), "--timeout", "60", *flags]
        return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT)

    def s_client(self, place: str, name: str, *flags: str) -> str:
        """`openssl s_client` as it comes."""
        if shutil.which("openssl") is None:
            pytest.skip("unsupported: no program openssl")
        argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports[place]}"]
        argv += ["-servername", name, "-CAfile", str(self.state / "ca.pem"), "-quiet", *flags]
        done = subprocess.run(argv, input="hello\n", capture_output=True, text=True, timeout=LIMIT)
        return done.stdout + done.stderr

    def raw(self, place: str, sent: bytes) -> None:
        """Bytes, and an end; whatever is answered."""
        with socket.create_connection(("127.0.0.1", self.ports[place])) as one:
            one.sendall(sent)
            try:
                one.shutdown(socket.SHUT_WR)
                while one.recv(4096):
                    pass
            except OSError:
                pass

    @staticmethod
    def await_(look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + LIMIT
        while not (found := look()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return found


def ended(one: dict[str, Any]) -> bool:
    return bool(one["connection"]["state"] == "ended")

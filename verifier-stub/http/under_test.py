# SPDX-License-Identifier: Apache-2.0
"""The real program atls-verifier, and how a client asks it. Every test beside this one takes the
same arguments: ATLS-VERIFIER TEST-EVIDENCE-TOOL [unittest options]."""

import base64
import ctypes
import http.client
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Dict, List, NamedTuple, Optional

VERIFIER, TOOL = sys.argv[1:3]  # of whichever test imports this
SESSION_TYPE = "application/vnd.veraison.challenge-response-session+json"
NEW = "/challenge-response/v1/newSession"
CORIM_TYPE = 'application/rim+cbor; profile="tag:arm.com,2025:psa#1.0.0"'
CAB_TYPE = "application/cmw+cbor"
PSA_TYPE = 'application/eat-cwt; profile="http://arm.com/psa/2.0.0"'

# What libmicrohttpd since 0.9.77 answers by itself, before it asks: other codes, no problem
# document. RFC 9112 allows each: a folded line may be read as one with blanks (section 5.2), 400
# stands for any head that is wrong, and a request that is none may be left without an answer.
MICROHTTPD = ctypes.CDLL("libmicrohttpd.so.12")
MICROHTTPD.MHD_get_version.restype = ctypes.c_char_p
LIBRARY_ANSWERS = [int(n) for n in MICROHTTPD.MHD_get_version().split(b".")[:3]] >= [0, 9, 77]
BY_THE_LIBRARY = {
    "a zero byte in the path": [],
    "a folded line": [200],
    "gzip before chunked": [400],
}


def evidence(kind: str, nonce: Optional[bytes] = None) -> bytes:
    arguments = [TOOL, kind] + ([nonce.hex()] if nonce is not None else [])
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Answer(NamedTuple):
    status: int
    headers: Dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


PATIENCE = 600.0  # with what ends by itself where all is well


class Verifier:
    """The program, started with flags; its events are read from its standard output's file."""

    def __init__(self, *flags: str) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.events_file = pathlib.Path(self.directory.name) / "events"
        self.process = subprocess.Popen(
            [VERIFIER, "--events", str(self.events_file), *flags], stderr=subprocess.PIPE
        )
        self.port = int(self.wait_for("ready")["port"])

    def events(self) -> List[Dict[str, Any]]:
        if not self.events_file.exists():
            return []
        lines = self.events_file.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def wait_for(self, name: str) -> Dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for event in self.events():
                if event["event"] == name:
                    return event
            if self.process.poll() is not None:
                raise RuntimeError(f"the verifier ended with {self.process.returncode}")
            time.sleep(0.01)
        raise RuntimeError(f"no {name} event")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=PATIENCE)
        self.directory.cleanup()
        if errors:
            raise RuntimeError(errors.decode())
        return self.process.returncode

    def connect(self, timeout: float = PATIENCE) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        body: Optional[bytes] = None,
        content_type: Optional[str] = None,
        accept: Optional[str] = None,
        connection: Optional[http.client.HTTPConnection] = None,
        timeout: float = PATIENCE,
    ) -> Answer:
        used = connection or self.connect(timeout)
        headers = {}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if accept is not None:
            headers["Accept"] = accept
        try:
            used.request(method, path, body=body, headers=headers)
            response = used.getresponse()
            answer = Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            if connection is None:
                used.close()
        return answer

    def new_session(self, query: str = "") -> Answer:
        return self.ask("POST", NEW + query)

    def session_path(self, answer: Answer) -> str:
        return "/challenge-response/v1/" + answer.headers["Location"]

    def exchange(self, kind: str, content_type: str) -> Dict[str, Any]:
        """A session, evidence over its nonce, the claims of the result."""
        created = self.new_session()
        nonce = unbase64(created.json()["nonce"])
        posted = self.ask(
            "POST", self.session_path(created), evidence(kind, nonce), content_type, SESSION_TYPE
        )
        if posted.status != 200:
            raise RuntimeError(f"{posted.status}: {posted.body!r}")
        claims: Dict[str, Any] = json.loads(unbase64(posted.json()["result"].split(".")[1]))
        return claims


class WithVerifier(unittest.TestCase):
    flags: List[str] = []

    def setUp(self) -> None:
        self.corim = tempfile.NamedTemporaryFile()
        self.corim.write(evidence("corim"))
        self.corim.flush()
        self.verifier = Verifier("--endorsements", self.corim.name, *self.flags)

    def tearDown(self) -> None:
        self.assertEqual(self.verifier.stop(), 0)
        self.corim.close()

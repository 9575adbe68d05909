# SPDX-License-Identifier: Apache-2.0
"""The attacker on the path between a relying party and its verifier: HTTP/1.1, in the clear.

  pass    changes nothing
  replay  the first result is kept, and given in place of every later one
  swap    evidence is exchanged for what it is told, over the same nonce
  forge   the status in a result says affirming; its signature stays as it was
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import sys
from typing import Any, Sequence

from bounds import check, listen
from party import NotTold, Party, begin, parser

BODY_MAX = 1 << 20
HOP = ("host", "content-length", "connection", "transfer-encoding")


def decoded(text: str) -> bytes:
    """Base64 of either alphabet, with or without padding."""
    altchars = b"-_" if set("-_") & set(text) else None
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars)


def forged(result: str) -> str:
    """A JWT whose payload says affirming; header and signature as they were."""
    head, payload, signature = result.split(".")
    claims = decoded(payload)
    for status in ("contraindicated", "warning", "none"):
        claims = claims.replace(f'"ear.status":"{status}"'.encode(), b'"ear.status":"affirming"')
    return f"{head}.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode('ascii')}.{signature}"


class Path:
    """What the attacker knows and does."""

    def __init__(self, party: Party, mode: str, upstream: str) -> None:
        self.party = party
        self.mode = mode
        self.upstream = upstream.removeprefix("http://")
        self.kept = ""

    def request(self, method: str, place: str, body: bytes) -> bytes:
        """The body that goes on to the verifier."""
        if self.mode == "swap" and method == "POST" and body and "/session/" in place:
            other = bytes.fromhex(self.party.told("evidence"))
            words = f"evidence of {len(body)} bytes is exchanged for {len(other)} bytes"
            self.party.step("evidence-exchanged", words, other)
            return other
        return body

    def answer(self, body: bytes) -> bytes:
        """The body that goes back to the relying party."""
        try:
            value = json.loads(body)
        except ValueError:
            return body
        if not isinstance(value, dict):
            return body
        if "nonce" in value and "result" not in value:
            text = str(value["nonce"])
            self.party.step("nonce", "the verifier's nonce of a session", decoded(text))
        if "result" in value:
            return self._result(value) or body
        return body

    def _result(self, value: dict[str, Any]) -> bytes | None:
        came = str(value["result"])
        if self.mode == "replay" and self.kept:
            value["result"] = self.kept
            self.party.step("result-replayed", "an earlier result in place of the new one")
        elif self.mode == "replay":
            self.kept = came
            self.party.step("earlier-result", "a result is kept for later")
        elif self.mode == "forge":
            value["result"] = forged(came)
            if value["result"] != came:
                self.party.step("result-forged", "the result says affirming")
        if value["result"] == came:
            return None
        return json.dumps(value).encode("utf-8")


def handler(path: Path) -> type[http.server.BaseHTTPRequestHandler]:
    """A request of a relying party, handed on."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

        def hand_on(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if not 0 <= size <= BODY_MAX:
                self.send_error(413)
                return
            try:
                body = path.request(self.command, self.path, self.rfile.read(size))
            except NotTold as problem:
                self.send_error(504, str(problem))
                return
            kept = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            check(path.upstream, path.party.folder)
            verifier = http.client.HTTPConnection(path.upstream, timeout=path.party.timeout)
            verifier.request(self.command, self.path, body or None, kept)
            answer = verifier.getresponse()
            data = path.answer(answer.read(BODY_MAX))
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value.replace(f"http://{path.upstream}", ""))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            verifier.close()

        do_GET = do_POST = do_DELETE = hand_on

    return Handler


def main(argv: Sequence[str]) -> int:
    made = parser("The attacker on the path to the verifier.")
    made.add_argument("mode", choices=("pass", "replay", "swap", "forge"))
    made.add_argument("--upstream", required=True, metavar="URL", help="the verifier")
    party, options = begin(made, argv)
    path = Path(party, options.mode, options.upstream)
    check(path.upstream, party.folder)
    taken, address = listen(options.listen, party.folder)
    server = http.server.ThreadingHTTPServer(taken.getsockname()[:2], handler(path), False)
    server.socket.close()
    server.socket = taken
    server.daemon_threads = True
    party.ready(address)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

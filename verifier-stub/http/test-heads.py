#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP as bytes on the wire: heads, lengths, tokens and senders that are wrong or slow."""

import pathlib
import re
import socket
import subprocess
import sys
import unittest

from under_test import (
    BY_THE_LIBRARY,
    CAB_TYPE,
    CORIM_TYPE,
    LIBRARY_ANSWERS,
    NEW,
    VERIFIER,
    Verifier,
    WithVerifier,
    evidence,
)

# One request as it goes over the wire; how many answers come, and the first one's status. A request
# with two readings must be refused, and what could be its body must not be read as another one.
DISCOVERY = "/.well-known/veraison/verification"
SMUGGLED = "DELETE /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
V = " HTTP/1.1\r\n"
X = V + "Host: x\r\n"
TWO_LENGTHS = f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}"
CHUNKED = "Transfer-Encoding: chunked\r\n"
EMPTY = "Content-Length: 0\r\n\r\n"
RAW = [
    # clause, what, request, statuses
    ("RFC 9112 3.2", "Host", f"GET {DISCOVERY}{X}\r\n", [200]),
    ("RFC 9112 3.2", "Host with a port", f"GET {DISCOVERY}{V}Host: [::1]:1\r\n\r\n", [200]),
    ("RFC 9112 3.2", "empty Host", f"GET {DISCOVERY}{V}Host:\r\n\r\n", [200]),
    ("RFC 9112 3.2", "no Host", f"GET {DISCOVERY}{V}\r\n", [400]),
    ("RFC 9112 3.2", "no Host in HTTP/1.0", f"GET {DISCOVERY} HTTP/1.0\r\n\r\n", [200]),
    ("RFC 9110 2.5", "Host in HTTP/1.2", f"GET {DISCOVERY} HTTP/1.2\r\nHost: x\r\n\r\n", [200]),
    ("RFC 9110 2.5", "no Host in HTTP/1.2", f"GET {DISCOVERY} HTTP/1.2\r\n\r\n", [400]),
    ("RFC 9112 3.2", "two Hosts", f"GET {DISCOVERY}{X}Host: x\r\n\r\n", [400]),
    ("RFC 9112 3.2", "a path as Host", f"GET {DISCOVERY}{V}Host: x/y\r\n\r\n", [400]),
    ("RFC 9112 3.2", "a blank in Host", f"GET {DISCOVERY}{V}Host: x y\r\n\r\n", [400]),
    ("RFC 9112 3.2", "two ports in Host", f"GET {DISCOVERY}{V}Host: x:1:2\r\n\r\n", [400]),
    ("RFC 9112 3.2.2", "absolute-form", f"GET http://x{DISCOVERY}{X}\r\n", [200]),
    (
        "RFC 9112 3.2.2",
        "its scheme in capitals",
        f"GET HTTP://x:1{DISCOVERY}{V}Host: y\r\n\r\n",
        [200],
    ),
    (
        "RFC 9112 3.2.2",
        "absolute-form and a query",
        f"POST http://x{NEW}?nonceSize=8{X}{EMPTY}",
        [201],
    ),
    ("RFC 9112 3.2.2", "absolute-form without a path", f"GET http://x{X}\r\n", [404]),
    ("RFC 9112 3.2.2", "absolute-form, no Host", f"GET http://x{DISCOVERY}{V}\r\n", [400]),
    ("RFC 9112 3.2.2", "a query right behind the authority", f"GET http://x?y/z{X}\r\n", [404]),
    ("RFC 9110 4.2.1", "no host in the target", f"GET http://{DISCOVERY}{X}\r\n", [400]),
    ("RFC 9110 4.2.1", "a port alone in the target", f"GET http://:1{DISCOVERY}{X}\r\n", [400]),
    ("RFC 9110 4.2.4", "a user in the target", f"GET http://u@x{DISCOVERY}{X}\r\n", [400]),
    ("RFC 9110 4.2", "another scheme", f"GET ftp://x{DISCOVERY}{X}\r\n", [400]),
    ("RFC 9112 3.2.3", "authority-form", f"CONNECT x:80{X}\r\n", [404]),
    ("RFC 9112 3.2.3", "authority-form of another method", f"GET x:80{X}\r\n", [400]),
    ("RFC 9112 3.2.3", "origin-form of CONNECT", f"CONNECT {DISCOVERY}{X}\r\n", [400]),
    ("RFC 9112 3.2.4", "asterisk-form", f"OPTIONS *{X}\r\n", [404]),
    ("RFC 9112 3.2.4", "asterisk-form of another method", f"GET *{X}\r\n", [400]),
    ("RFC 9112 3.2.1", "no slash", f"GET {DISCOVERY[1:]}{X}\r\n", [400]),
    ("RFC 3986 3.3", "what a path may have", f"GET /a:@!$&'()*+,;=-._~%7e{X}\r\n", [404]),
    ("RFC 3986 3.4", "what a query may have", f"GET {DISCOVERY}?/?:@=%C3%a9{X}\r\n", [200]),
    ("RFC 3986 3.5", "a fragment", f"GET {DISCOVERY}?a#b{X}\r\n", [400]),
    ("RFC 3986 2.1", "half of an encoding", f"GET {DISCOVERY}?a=%4{X}\r\n", [400]),
    ("RFC 3986 2.1", "an encoding of no byte", f"GET {DISCOVERY}?a=%zz{X}\r\n", [400]),
    ("RFC 3986 2", "a byte that is no ASCII", f"GET {DISCOVERY}?a=\xe9{X}\r\n", [400]),
    ("RFC 3986 2", "a backslash", f"GET /a\\b{X}\r\n", [400]),
    ("RFC 9110 9.1", "a method that is no token", f"G(T {DISCOVERY}{X}\r\n", [400]),
    ("RFC 3986 2.1", "%00 in the path", f"POST {NEW}%00/x{X}{EMPTY}", [404]),
    ("RFC 3986 2.1", "%00 at its end", f"GET {DISCOVERY}%00{X}\r\n", [404]),
    ("RFC 3986 2.1", "%00 in a parameter", f"POST {NEW}?nonceSize=32%00{X}{EMPTY}", [400]),
    ("RFC 9112 3", "a zero byte in the path", f"GET {DISCOVERY}\0{X}\r\n", [400]),
    ("RFC 9110 5.5", "a zero byte in a field", f"GET {DISCOVERY}{X}X: a\0b\r\n\r\n", [400]),
    ("RFC 9110 5.5", "a zero byte at its end", f"GET {DISCOVERY}{X}X: a\0\r\n\r\n", [400]),
    (
        "RFC 9110 5.5",
        "a zero byte, other fields behind",
        f"GET {DISCOVERY}{V}X: a\0; b\r\nHost: x\r\n\r\n",
        [400],
    ),
    (
        "RFC 9110 5.5",
        "a control character in a field",
        f"GET {DISCOVERY}{X}X: a\x01b\r\n\r\n",
        [400],
    ),
    ("RFC 9110 5.5", "DEL in a field", f"GET {DISCOVERY}{X}X: a\x7fb\r\n\r\n", [400]),
    ("RFC 9110 5.6.2", "a blank before the colon", f"GET {DISCOVERY}{X}X : a\r\n\r\n", [400]),
    ("RFC 9112 5.2", "a folded line", f"GET {DISCOVERY}{X}X: a\r\n b\r\n\r\n", [400]),
    (
        "RFC 9112 5",
        "blanks around a value",
        f"GET {DISCOVERY}{V}Host: \t x \t\r\nAccept:  */*\t \r\n\r\n",
        [200],
    ),
    ("RFC 9112 6.3", "two lengths", f"POST /nope{X}{TWO_LENGTHS}", [400]),
    (
        "RFC 9112 6.3",
        "the same length twice",
        f"POST /nope{X}"
        f"Content-Length: {len(SMUGGLED)}\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
        [400],
    ),
    (
        "RFC 9112 6.3",
        "length and chunks",
        f"POST /nope{X}Content-Length: 5\r\n{CHUNKED}\r\n0\r\n\r\n{SMUGGLED}",
        [400],
    ),
    (
        "RFC 9112 6.3",
        "chunks and length",
        f"POST /nope{X}{CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n{SMUGGLED}",
        [400],
    ),
    ("RFC 9112 6.3", "two lengths of a DELETE", f"DELETE /nope{X}{TWO_LENGTHS}", [400]),
    (
        "RFC 9112 6.3",
        "an unknown coding",
        f"POST /nope{X}Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        [400],
    ),
    (
        "RFC 9112 6.3",
        "gzip after chunked",
        f"POST /nope{X}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        [400],
    ),
    (
        "RFC 9112 6.3",
        "identity after chunked, in two lines",
        f"POST /nope{X}{CHUNKED}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        [400],
    ),
    (
        "RFC 9110 2.5",
        "chunked in HTTP/1.2",
        f"POST /nope HTTP/1.2\r\nHost: x\r\n{CHUNKED}\r\n0\r\n\r\n",
        [404],
    ),
    (
        "RFC 9112 6.1",
        "chunked in HTTP/1.0",
        f"POST /nope HTTP/1.0\r\nHost: x\r\n{CHUNKED}\r\n0\r\n\r\n",
        [400],
    ),
    (
        "RFC 9112 6.1",
        "gzip before chunked",
        f"POST /nope{X}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        [501],
    ),
    ("RFC 9112 6.1", "chunked twice", f"POST /nope{X}{CHUNKED}{CHUNKED}\r\n0\r\n\r\n", [501]),
    (
        "RFC 9112 6.1",
        "chunked",
        f"POST /nope{X}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        [404],
    ),
    (
        "RFC 9110 5.3",
        "Accept in two lines",
        f"GET {DISCOVERY}{X}Accept: text/html\r\nAccept: */*\r\n\r\n",
        [200],
    ),
    (
        "RFC 9110 5.3",
        "Content-Type in two lines",
        f"POST {NEW}{X}Content-Type: a/b\r\nContent-Type: c/d\r\n{EMPTY}",
        [400],
    ),
    ("RFC 9110 9.3.2", "HEAD", f"HEAD {DISCOVERY}{X}\r\n", [200]),
    ("RFC 9110 9.3.2", "HEAD of nothing", f"HEAD /nope{X}\r\n", [404]),
    ("RFC 9110 9.3.7", "OPTIONS", f"OPTIONS {NEW}{X}\r\n", [204]),
    ("RFC 9110 15.5.6", "another method", f"PUT {NEW}{X}{EMPTY}", [405]),
    ("RFC 9112 9.3", "two requests at once", 2 * f"GET {DISCOVERY}{X}\r\n", [200, 200]),
]
# Refused for what they ask, not for how: the next request may follow.
MEANT = ("%00 in a parameter", "Content-Type in two lines")
# Lengths that libmicrohttpd itself refuses: 0.9.75 writes that head twice, and closes.
BAD_LENGTHS = ["+5", "-1", "5, 5", "0x5", "5 5", "99999999999999999999999", ""]


class Raw(WithVerifier):
    def send(self, request: str) -> bytes:
        """What comes back until the connection ends, or nothing more does."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.verifier.port), timeout=20) as s:
            s.sendall(request.encode("latin-1"))
            s.shutdown(socket.SHUT_WR)
            try:
                while part := s.recv(65536):
                    got += part
            except ConnectionResetError:
                pass
        return got

    def test_heads(self) -> None:
        for clause, what, request, statuses in RAW:
            with self.subTest(clause=clause, what=what):
                if LIBRARY_ANSWERS:
                    statuses = BY_THE_LIBRARY.get(what, statuses)
                got = self.send(request)
                self.assertEqual(
                    [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)], statuses
                )
                if not statuses:
                    continue
                if statuses[0] in (400, 501) and what not in MEANT:
                    self.assertIn(b"Connection: close", got)
                if request.startswith("HEAD"):
                    self.assertTrue(got.endswith(b"\r\n\r\n"))
                    self.assertNotIn(b"Content-Length: 0", got)
                if statuses[0] in (204, 405):
                    self.assertIn(b"Allow: POST, OPTIONS\r\n", got)
        self.assertNotIn("/smuggled", [event.get("path") for event in self.verifier.events()])

    def test_lengths(self) -> None:
        for length in BAD_LENGTHS:
            with self.subTest(length=length):
                got = self.send(f"POST /nope{X}Content-Length: {length}\r\n\r\n{SMUGGLED}")
                codes = set(re.findall(rb"HTTP/1\.1 (\d{3}) ", got))
                self.assertLessEqual(codes, {b"400", b"413"})
                self.assertEqual(len(codes), 1)
        self.assertNotIn("/smuggled", [event.get("path") for event in self.verifier.events()])

    def test_slow_sender(self) -> None:
        """A request has its time as a whole, however often a byte of it comes."""
        self.verifier.stop()
        self.verifier = Verifier("--request-timeout", "1")
        with socket.create_connection(("127.0.0.1", self.verifier.port), timeout=60) as s:
            s.settimeout(0.2)
            s.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(300):
                try:
                    s.sendall(b"x")
                    if s.recv(1) == b"":
                        break
                except (socket.timeout, TimeoutError):
                    continue
                except OSError:
                    break
            else:
                self.fail("the connection is still there")
        self.assertEqual(self.verifier.new_session().status, 201)

    def test_provisioning_token(self) -> None:
        """RFC 6750 sections 2.1 and 3."""
        submit = "/endorsement-provisioning/v1/submit"
        token = "a-token-of-the-tests-0123456789=="
        path = pathlib.Path(self.verifier.directory.name) / "token"
        path.write_text(token + "\n")
        for bad in ("short", "a token with blanks in it", "=====================", ""):
            path.with_name("bad").write_text(bad)
            done = subprocess.run(
                [VERIFIER, "--provisioning-token", str(path.with_name("bad"))],
                stderr=subprocess.PIPE,
                timeout=20,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"--provisioning-token", done.stderr)
            self.assertNotIn(b"blanks", done.stderr)  # it is a secret all the same
        other = Verifier("--provisioning-token", str(path))
        self.addCleanup(other.stop)
        for given, status in [
            (None, 401),
            ("Bearer", 401),
            ("Bearer ", 401),
            (f"Bearer {token[:-1]}", 401),
            (f"Bearer {token}=", 401),
            (f"Basic {token}", 401),
            (f"Bearer{token}", 401),
            (token, 401),
            (f"Bearer {token}", 200),
            (f"bearer  {token}", 200),
        ]:
            with self.subTest(given=given):
                connection = other.connect()
                headers = {"Content-Type": CORIM_TYPE}
                if given is not None:
                    headers["Authorization"] = given
                connection.request("POST", submit, body=evidence("corim"), headers=headers)
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, status)
                challenge = answer.getheader("WWW-Authenticate") or ""
                self.assertEqual(challenge.startswith("Bearer realm="), status == 401)
                self.assertEqual("invalid_token" in challenge, status == 401 and given is not None)
                connection.close()
        self.assertEqual(other.new_session().status, 201)

    def test_token(self) -> None:
        """RFC 6750 section 3: the token of who asks for an appraisal, at all that is about one. The
        keys of results are for everybody, and endorsements have a token of their own."""
        token = "a-token-of-the-tests-0123456789"
        path = pathlib.Path(self.verifier.directory.name) / "token"
        path.write_text(token)
        other = Verifier("--token", str(path))
        self.addCleanup(other.stop)
        right = {"Authorization": f"Bearer {token}"}
        connection = other.connect()
        connection.request("POST", NEW, headers=right)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 201)
        session = "/challenge-response/v1/" + (answer.getheader("Location") or "")
        answer.read()
        corim = {"Content-Type": CORIM_TYPE}
        submit = "/endorsement-provisioning/v1/submit"
        known = "/.well-known/veraison/verification"
        for method, target, headers, body, status in [
            ("POST", NEW, {}, b"", 401),
            ("POST", NEW, {"Accept": "text/plain"}, b"", 401),
            ("POST", NEW, {"Authorization": "Bearer wrong"}, b"", 401),
            ("GET", session, {}, b"", 401),
            ("HEAD", session, {}, b"", 401),
            ("POST", session, {"Content-Type": CAB_TYPE}, b"x", 401),
            ("DELETE", session, {}, b"", 401),
            ("OPTIONS", session, {}, b"", 204),
            ("PUT", session, {}, b"", 405),
            ("GET", known, {}, b"", 200),
            ("POST", submit, corim, evidence("corim"), 200),
            ("GET", session, right, b"", 200),
            ("DELETE", session, right, b"", 204),
        ]:
            with self.subTest(method=method, target=target, headers=headers):
                connection.request(method, target, body=body, headers=headers)
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, status)
                challenge = answer.getheader("WWW-Authenticate") or ""
                expected = 'Bearer realm="challenge-response"' if status == 401 else ""
                self.assertEqual(challenge.partition(",")[0], expected)
                self.assertEqual(
                    "invalid_token" in challenge, status == 401 and "Auth" in str(headers)
                )
        connection.close()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

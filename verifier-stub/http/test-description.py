#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The API against its own description: nothing that it does not say, and all that it says."""

import sys
import unittest
from typing import Any, Dict, List

from under_test import Answer, LIBRARY_ANSWERS, Verifier, evidence

# Which the requests of this test cannot bring about: own faults, and the two limits.
NOT_PROVOKED = {"429", "500", "503"}

if LIBRARY_ANSWERS:
    NOT_PROVOKED = {*NOT_PROVOKED, "501"}


class Description(unittest.TestCase):
    """GET /.well-known/openapi: every method of every path, asked in the ways that lead to each
    code of the description, and never to another one. (That no path is missing: verifier/api.)"""

    def setUp(self) -> None:
        self.verifier = Verifier()
        self.addCleanup(self.verifier.stop)
        answer = self.verifier.ask("GET", "/.well-known/openapi")
        self.assertEqual(answer.headers["Content-Type"], "application/vnd.oai.openapi+json")
        self.document = answer.json()
        for accept in ("application/json", "application/vnd.oai.openapi+json", "*/*"):
            again = self.verifier.ask("GET", "/.well-known/openapi", accept=accept)
            self.assertEqual((again.status, again.body), (200, answer.body))

    def resolve(self, item: Any) -> Any:
        """What a reference within the document stands for."""
        while "$ref" in item:
            found = self.document
            for name in item["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            item = found
        return item

    def send(self, method: str, path: str, headers: Dict[str, str], body: bytes) -> Answer:
        connection = self.verifier.connect()
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "Transfer-Encoding" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def check(self, method: str, answer: Answer, described: Any) -> None:
        """Headers, media type and the members of a body."""
        for name, header in described.get("headers", {}).items():
            self.assertTrue(self.resolve(header)["required"])
            self.assertRegex(answer.headers[name], self.resolve(header)["schema"]["pattern"])
        if method == "HEAD" or "content" not in described:
            self.assertEqual(answer.body, b"")
            return
        media_type = answer.headers["Content-Type"]
        self.assertIn(media_type, described["content"])
        content = described["content"][media_type]
        members = set(answer.json())
        schemas = [self.resolve(content["schema"])]
        schemas += [self.resolve(schema) for schema in schemas[0].get("allOf", [])]
        for schema in schemas:
            self.assertLessEqual(set(schema.get("required", [])), members)
        if media_type != "application/vnd.oai.openapi+json":  # whose other members are not told
            known = {name for schema in schemas for name in schema["properties"]}
            self.assertLessEqual(members, known)

    def ways(self, operation: Any) -> List[Any]:
        """Path parameter, query, headers, body of requests."""
        content = operation.get("requestBody", {}).get("content", {"text/plain": {}})
        other = {"Content-Type": "text/x-other"}
        made = []
        for media_type in content:
            typed = {"Content-Type": media_type}
            made += [("", typed, b""), ("", typed, b"{}"), ("", typed, b"\xff")]
            if "requestBody" in operation:
                good = "corim" if "rim" in media_type else "cab" if "cmw" in media_type else "psa"
                made.append(("", typed, evidence(good, None if good == "corim" else b"n" * 32)))
        return made + [
            ("?nonceSize=1&nonce=1", {}, b""),
            ("", {}, b"x"),
            ("", other, b"x"),
            ("", {"Accept": "text/x-other"}, b"x"),
            ("", {"Content-Type": next(iter(content))}, bytes((1 << 20) + 1)),
            *([] if LIBRARY_ANSWERS else [("", {"Transfer-Encoding": "gzip, chunked"}, b"")]),
            ("", {"Host": "another"}, b""),  # the second one
        ]

    def walk(self, path: str, method: str, operation: Any) -> None:
        responses = {code: self.resolve(one) for code, one in operation["responses"].items()}
        seen = set()
        for query, headers, body in self.ways(operation):
            there = self.verifier.new_session().headers["Location"].removeprefix("session/")
            for session in (there, "5c5bd88b-c922-482b-ad9f-097e187b42a1", "no-uuid"):
                target = path.replace("{session}", session) + query
                with self.subTest(method=method, target=target, headers=headers, body=body[:20]):
                    answer = self.send(method, target, headers, body)
                    seen.add(str(answer.status))
                    self.assertIn(str(answer.status), responses)
                    self.check(method, answer, responses[str(answer.status)])
        with self.subTest(method=method, path=path):
            self.assertEqual(seen | NOT_PROVOKED, set(responses) | NOT_PROVOKED)

    def test_each_code_of_each_operation(self) -> None:
        for path, item in self.document["paths"].items():
            for method in item.keys() - {"parameters"}:
                if "security" in item[method]:
                    item[method]["responses"].pop("401")  # test_provisioning_token, test_token
                self.walk(path, method.upper(), item[method])

    def test_other_methods(self) -> None:
        refused = self.document["components"]["responses"]["MethodNotAllowed"]
        for path, item in self.document["paths"].items():
            target = path.replace("{session}", "5c5bd88b-c922-482b-ad9f-097e187b42a1")
            known = {method.upper() for method in item.keys() - {"parameters"}}
            for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - known:
                with self.subTest(method=method, path=path):
                    answer = self.send(method, target, {}, b"")
                    self.assertEqual(answer.status, 405)
                    self.assertEqual(set(answer.headers["Allow"].split(", ")), known)
                    self.check(method, answer, refused)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

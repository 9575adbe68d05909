# SPDX-License-Identifier: Apache-2.0
"""`./atls lab`: a server for a table at which people try their stacks against each other.

A port for each profile and role. Behind each is the project's own server, which stays; in front of
it stands a relay (front.py), which knows who came, writes down what went over the wire, and bounds
it. What came of a connection is kept (store.py) and shown (web.py), the hello and the evidence
decoded by the project's own programs. Nothing here judges: that is the server's affair, and its
verifier's.
"""

from .main import main

__all__ = ("main",)

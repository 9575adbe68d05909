# SPDX-License-Identifier: Apache-2.0
"""`./atls learn`: the state machine of a server's attested handshake, learnt through its door, and
held to the one that its profile asks for (data/machines).

What asks the server is harness/learner, a program of its own beside AALpy; here it is given
servers, and what it learnt is judged and drawn.
"""

from .command import main

__all__ = ("main",)

# SPDX-License-Identifier: Apache-2.0
"""`./atls probe`: what a server somewhere speaks of attested TLS, and what it lets pass.

The project's own client, device and verifier stub play with it as they play in scenarios; whatever
misbehaviour there is a story of, with what is due for it, is tried on it.
"""

from .command import main

__all__ = ("main",)

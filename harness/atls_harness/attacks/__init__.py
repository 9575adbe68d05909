# SPDX-License-Identifier: Apache-2.0
"""The attack lab: known attacks on a binding of attestation and TLS, carried out.

What is known of each is data (data/attacks.yaml), who plays in it is a story with a cast
(scenarios/attacks/), and what came of it is judged from the victims' events and key logs.
"""

from .main import main

__all__ = ("main",)

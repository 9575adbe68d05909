# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the harness.

HarnessError                    anything that the harness itself finds wrong
├── UsageError                  wrong usage of the command line: exit code 2
├── InputError                  a file that a person wrote is wrong: file, line, message
│   ├── ScenarioError           a scenario (scenarios/*.yaml)
│   └── PeerError               a peer's description (peers/*/peer.yaml)
├── ContractError               a program broke the peer contract: an event against its schema,
│                               an exit code that does not exist, no answer, a process left behind
│   └── CrashError              it ended by a signal or with an unknown exit code
├── Unsupported                 a peer does not support what the case asks (declared, or exit 77)
└── InfrastructureError         the case could not be carried out at all: outcome "error"
    └── BuildError              the programs could not be built
"""

from __future__ import annotations

from pathlib import Path


class Ended(KeyboardInterrupt):
    """SIGTERM: ends a command as control-C does, with its processes and its keys."""


class HarnessError(Exception):
    """Base of all errors of the harness."""


class UsageError(HarnessError):
    """Wrong usage of the command line."""


class InputError(HarnessError):
    """A file that a person wrote is wrong."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line
        self.message = message


class ScenarioError(InputError):
    """A scenario is wrong."""


class PeerError(InputError):
    """A peer's description is wrong."""


class ContractError(HarnessError):
    """A program broke the peer contract."""


class CrashError(ContractError):
    """A program ended by a signal or with an exit code that the contract does not know."""


class Unsupported(HarnessError):
    """A peer does not support what the case asks."""


class InfrastructureError(HarnessError):
    """The case could not be carried out."""


class BuildError(InfrastructureError):
    """The programs could not be built."""

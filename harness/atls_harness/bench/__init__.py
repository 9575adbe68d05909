# SPDX-License-Identifier: Apache-2.0
"""What attestation costs: ./atls bench."""

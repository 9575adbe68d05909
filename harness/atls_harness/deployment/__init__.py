# SPDX-License-Identifier: Apache-2.0
"""A verifier that is running somewhere, named by its URL (harness/README.md).

description.py is what a person says of it, asking.py how it is asked, learning.py what it says of
itself and shows when it is tried, gateway.py the program that stands for it in every case.
"""

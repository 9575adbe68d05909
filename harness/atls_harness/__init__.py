# SPDX-License-Identifier: Apache-2.0
"""atls_harness: plays scenarios with real programs and says what conforms and what does not.

The command line is cli.py, the pytest plugin plugin.py; both are thin. One case goes through
scenario.py (what is to happen), parties.py (who takes part), expectation.py (was it so?) and
results.py (what is kept of it).
"""

RESULT_VERSION = 2
ROOT_OF_TRUST = "Simulated root of trust: nothing here says anything about real hardware."

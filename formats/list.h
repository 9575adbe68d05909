/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of formats. What can be asked for by name (--evidence-format) has its row in
 * harness/atls_harness/data/contract.yaml, of which the header below is made; what a profile alone
 * brings has it here. A row is `const struct atls_evidence_format atls_format_NAME` in a file of
 * its own. The first is what is made and expected where nothing else was said.
 */
#ifndef ATLS_FORMATS_LIST_H
#define ATLS_FORMATS_LIST_H

#include "program/contract.h"

#define ATLS_EVIDENCE_FORMATS_ALL(ROW)                                                             \
    ATLS_CONTRACT_EVIDENCE_FORMATS(ROW)                                                            \
    ROW(prototype, NULL, NULL, {NULL})

#endif

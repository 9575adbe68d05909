/* SPDX-License-Identifier: Apache-2.0 */
/* The two files of one format: the row (parsec-tpm.c) and how it is printed (parsec-tpm-print.c).
 */
#ifndef ATLS_FORMATS_PARSEC_TPM_H
#define ATLS_FORMATS_PARSEC_TPM_H

#include "formats/format.h"

extern const struct atls_evidence_print atls_parsec_tpm_print;

#endif

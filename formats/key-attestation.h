/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KAT and the PAT that vouches for it, whatever they travel in: what the formats cab and
 * prototype have in common.
 */
#ifndef ATLS_FORMATS_KEY_ATTESTATION_H
#define ATLS_FORMATS_KEY_ATTESTATION_H

#include "formats/format.h"

struct atls_key_attestation { /* what atls_evidence_read.parsed is */
    struct atls_cab cab;
    int64_t pat_client; /* client id of its PAT, 0 (which nobody has): none is told */
};

struct atls_key_attestation_pat { /* of the PAT, as its claims are read once: */
    int64_t client;               /* who asked for it, */
    struct atls_cwt_times times;  /* its times, */
    struct atls_bytes nonce;      /* what it answers */
};
/* The word for a collection of the two that its parser has refused: it is none, or at which of its
 * layers does a token break? The error stays the parser's. */
const char *atls_key_attestation_malformed(const struct atls_cmw *cmw);
/* CLAIMS stands before the claims of the PAT. */
int atls_key_attestation_read_pat(struct atls_cbor_reader claims,
                                  struct atls_key_attestation_pat *patp, const char **reasonp);
/* Fills READ from both, which are copied. -ENOMEM with its reason. */
int atls_key_attestation_keep(const struct atls_cab *cab,
                              const struct atls_key_attestation_pat *pat,
                              struct atls_evidence_read *readp, const char **reasonp);
int atls_key_attestation_check(const struct atls_evidence_read *read,
                               const struct atls_evidence_question *question, const char **reasonp);
void atls_key_attestation_recognize(const struct atls_evidence_read *read,
                                    const struct atls_evidence_question *question,
                                    struct atls_diagnosis *diagnosis);
int atls_key_attestation_appraise(struct atls_judge *judge, const struct atls_cab *cab);
/* The PAT's nonce beside the linkage hash, as a check. */
void atls_key_attestation_print_linkage(struct atls_printer *printer, const struct atls_cab *cab);

/* What must be earned beside a key: what Veraison's PSA scheme claims. */
#define ATLS_PSA_CLAIMS                                                                            \
    (1u << ATLS_INSTANCE_IDENTITY | 1u << ATLS_EXECUTABLES | 1u << ATLS_HARDWARE |                 \
     1u << ATLS_RUNTIME_OPAQUE | 1u << ATLS_STORAGE_OPAQUE)

#endif

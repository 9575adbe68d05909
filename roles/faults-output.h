/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw CBOR for messages that are wrong on purpose: the writer of rats refuses to write them. Output
 * is bounded by the size of what is broken plus a fixed allowance, so that no flaw needs more.
 */
#ifndef ATLS_ROLES_FAULTS_OUTPUT_H
#define ATLS_ROLES_FAULTS_OUTPUT_H

#include "rats/base/bytes.h"
#include "roles/faults.h"

#define ATLS_FAULTS_ALLOWANCE 512

enum {
    ATLS_RAW_UINT,
    ATLS_RAW_NINT,
    ATLS_RAW_BYTES,
    ATLS_RAW_TEXT,
    ATLS_RAW_ARRAY,
    ATLS_RAW_MAP,
    ATLS_RAW_TAG
};
void atls_raw_head(struct atls_sink *s, unsigned major, uint64_t argument);
void atls_raw_string(struct atls_sink *s, unsigned major, struct atls_bytes content);
void atls_raw_text(struct atls_sink *s, const char *text);
/* DEPTH arrays in one another. */
void atls_raw_nested(struct atls_sink *s, unsigned depth);

/* Opens a sink with room for SIZE bytes and the allowance; -ENOMEM. */
int atls_fault_output(size_t size, struct atls_sink *sinkp);
/* Closes it: the bytes become the caller's, or are freed where they did not fit. */
int atls_fault_done(struct atls_sink *s, uint8_t **outp, size_t *sizep);

/* The first of the faults whose name is in NAMES (ends with NULL), or NULL. *VALUEP as above. */
const char *atls_faults_first(const struct atls_faults *faults, const char *const *names,
                              const char **valuep);
/* cmw=HEX, cmw-truncated and cmw-trailing-byte, which need to know nothing of the message. TRUE
 * where NAME is one of them. */
bool atls_fault_of_bytes(const char *name, const char *value, struct atls_bytes in,
                         struct atls_sink *out, int *rcp);

#endif

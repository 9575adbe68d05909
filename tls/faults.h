/* SPDX-License-Identifier: Apache-2.0 */
/* Misbehaviour on request: the --fault flags, as data. The list is in harness/peers/README.md. */
#ifndef ATLS_TLS_FAULTS_H
#define ATLS_TLS_FAULTS_H

#include "rats/bytes.h"
#include "rats/cmw.h"

#define ATLS_FAULTS_MAX 8
struct atls_faults {
    size_t count;
    struct {
        const char *name;  /* as in the table, static storage */
        const char *value; /* behind "=", or NULL; borrowed from argv */
    } fault[ATLS_FAULTS_MAX];
};
/* Parses NAME[=VALUE] and adds it. ATLS_E_UNSUPPORTED: no such fault (exit 77). */
int atls_faults_add(struct atls_faults *faults, const char *argument);
/* Is it asked for? *VALUEP (may be NULL) gets its value or NULL. FAULTS may be NULL. */
bool atls_faults_has(const struct atls_faults *faults, const char *name, const char **valuep);
/* Carries out the malformations of evidence (pat-signature, cmw-..., cbor-..., cose-..., claims-...)
 * on a CAB in CBOR. Where one applies *OUTP is allocated and *NAMEP says which; otherwise both are
 * NULL. */
int atls_faults_mutate_cab(const struct atls_faults *faults, struct atls_bytes cab, uint8_t **outp,
                           size_t *sizep, const char **namep);

#endif

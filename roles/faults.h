/* SPDX-License-Identifier: Apache-2.0 */
/* Misbehaviour on request: the --fault flags, as data. The list is in harness/peers/README.md. */
#ifndef ATLS_ROLES_FAULTS_H
#define ATLS_ROLES_FAULTS_H

#include "rats/base/bytes.h"
#include "rats/cmw/cmw.h"

#define ATLS_FAULTS_MAX 8
struct atls_faults {
    size_t count;
    struct {
        const char *name;  /* as in the table, static storage */
        const char *value; /* behind "=", or NULL; borrowed from argv */
    } fault[ATLS_FAULTS_MAX];
};
/* Parses NAME[=VALUE] and adds it. ATLS_E_UNSUPPORTED: no such fault, or it cannot have that value
 * (exit 77); ATLS_E_LIMIT: more than ATLS_FAULTS_MAX. */
int atls_faults_add(struct atls_faults *faults, const char *argument);
/* Is it asked for? *VALUEP (may be NULL) gets its value or NULL. FAULTS may be NULL. */
bool atls_faults_has(const struct atls_faults *faults, const char *name, const char **valuep);
/* Those faults that break the outermost wrapper (cmw, cmw-..., cbor-...=cmw), or all others: the
 * wrapper is broken last, in whatever serialization and of whatever message it is. */
struct atls_faults atls_faults_of_wrapper(const struct atls_faults *faults, bool wrapper);
/* Carries out the malformations of evidence on a CAB in CBOR:
 *   kat-signature, pat-signature: one bit flipped;
 *   cmw=HEX, cmw-...: the wrapper (malformed-cmw at a strict receiver);
 *   cose-...: the KAT's COSE_Sign1 (malformed-cose);
 *   claims-...: the KAT's claims (claims-no-cnf: malformed-claims; claims-cbor: malformed-cbor);
 *   cbor-...[=cmw|cose|claims]: CBOR that a strict receiver refuses, in that layer, by default cose
 *   (malformed-cmw in the wrapper, otherwise malformed-cbor).
 * Everything else stays as it was, signatures included. The first fault that applies is carried
 * out; *OUTP is allocated and *NAMEP says which; where none applies both are NULL. -ENOMEM, or
 * what parsing says of a CAB that is not one. */
int atls_faults_mutate_cab(const struct atls_faults *faults, struct atls_bytes cab, uint8_t **outp,
                           size_t *sizep, const char **namep);
/* The cmw faults on any CMW in JSON, whose wrapper is text. ATLS_E_UNSUPPORTED where there is no
 * such flaw in JSON (cbor-...=cmw, cmw-missing-kat of a record). */
int atls_faults_mutate_json(const struct atls_faults *faults, struct atls_bytes cmw, uint8_t **outp,
                            size_t *sizep, const char **namep);
/* The cmw faults on a record in CBOR: a result, or a bare token. Of a tag only those that need not
 * know what they break. As above. */
int atls_faults_mutate_record(const struct atls_faults *faults, struct atls_bytes cmw,
                              uint8_t **outp, size_t *sizep, const char **namep);
/* result-garbage, result-signature (one bit flipped), result-algorithm-none (of a CWT alg 0, which
 * is reserved) on a compact JWS or a COSE_Sign1. As atls_faults_mutate_cab(). */
int atls_faults_mutate_result(const struct atls_faults *faults, struct atls_bytes token,
                              uint8_t **outp, size_t *sizep, const char **namep);
/* The KAT of CAB with PAT (a token) in place of its own. *OUTP is allocated. */
int atls_faults_splice(struct atls_bytes cab, struct atls_bytes pat, uint8_t **outp, size_t *sizep);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* An appraisal as a signed attestation result, and the key that signs it. */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_RESULT_H
#define ATLS_VERIFIER_STUB_APPRAISAL_RESULT_H

#include "verifier-stub/appraisal/appraisal.h"

struct atls_result_rules {
    enum atls_ear_dialect dialect;
    const char *identity;                         /* iss, NULL: none */
    unsigned lifetime;                            /* seconds from iat to exp; 0: no exp */
    const json_t *signer_jwk;                     /* private */
    json_t *audience;                             /* aud: an array of names, NULL: none */
    const struct atls_appraisal_manners *manners; /* how why is said; NULL: this verifier's own */
};

/* *TOKENP is allocated; a JWT is zero-terminated. NOW in seconds since 1970. TERSE: without claims
 * of 0, and with reasons only where it does not affirm. -ENOMEM, or what atls_ear_write_as() says.
 */
int atls_result_write(const struct atls_evidence_verdict *appraisal, struct atls_bytes nonce,
                      int64_t now, bool terse, const struct atls_result_rules *rules,
                      enum atls_ear_serialization serialization, uint8_t **tokenp, size_t *sizep);

/* A fresh ES256 key, which exists in this process only. -ENOMEM, -EIO. */
int atls_signing_key_make(json_t **jwkp);
/* From a private JWK: EC, P-256, with d; alg ES256 or none. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED
 * (another kind of key), -ENOMEM. */
int atls_signing_key_parse(struct atls_bytes text, json_t **jwkp);
/* The public part alone, with alg and, where the key has one, kid. NULL: no memory. */
json_t *atls_signing_key_public(const json_t *jwk);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results: EAR in a JWT, as Veraison writes it and as draft-ietf-rats-ear-03 has it. */
#ifndef PEER_RESULT_H
#define PEER_RESULT_H

#include <jansson.h>

#include "keys.h"

enum tier { TIER_NONE, TIER_AFFIRMING, TIER_WARNING, TIER_CONTRAINDICATED };
const char *tier_word(enum tier tier);

struct result { /* result_clear() */
    char *issuer;
    int64_t issued, expires, not_before; /* seconds since 1970; 0: not there */
    struct blob nonce;                   /* empty: not there */
    enum tier tier;                      /* the worst of all submods and of their claims */
    bool has_key, has_keys;              /* one key is attested; more than one */
    struct public_key key;
    json_t *policy_claims; /* of the submod that made the tier what it is; or NULL */
};
void result_clear(struct result *result);

/* The claims, whoever signed them. malformed-result. */
int result_read(struct bytes jwt, struct result *resultp, struct why *why);
/* JWK is the verifier's. result-signature-invalid. */
int result_verify(struct bytes jwt, const json_t *jwk, struct why *why);
/* "alg": "none" has a form that is none of a signed result. */
bool result_unsecured(struct bytes jwt);
int result_check_time(const struct result *result, int64_t now, int64_t most_age, struct why *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platform tokens that were found good, for a short time. In a CAB only the KAT answers the
 * challenge; the PAT vouches for the key attestation key, and a device sends the same one for as
 * long as it runs. Whose it is, its signature, and what it says of the platform depend on its bytes
 * and on the endorsements alone, so a verifier need not look again. Only affirmed tokens are kept,
 * by the SHA-256 hash of all their bytes, and all are forgotten once endorsements are added, by
 * this process or another, or cease to be valid. All calls may come from several threads at once.
 */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_PLATFORM_CACHE_H
#define ATLS_VERIFIER_STUB_APPRAISAL_PLATFORM_CACHE_H

#include <jansson.h>

#include "rats/ear/ear.h"
#include "rats/tokens/kat.h"
#include "verifier-stub/appraisal/sessions.h"

struct atls_platform_verdict { /* of one token */
    uint8_t nonce[ATLS_LINKAGE_SIZE];
    int32_t client_id;
    int trust_vector[ATLS_TRUST_CLAIM_COUNT];
    json_t *summary; /* of its claims, or NULL */
};

struct atls_platform_cache;
/* LIFETIME in seconds. -ENOMEM. */
int atls_platform_cache_open(unsigned lifetime, struct atls_clock clock,
                             struct atls_platform_cache **cachep);
void atls_platform_cache_close(struct atls_platform_cache *cache); /* NULL is fine */

/* REVISION is the store's, as it was before anything was looked up in it. The verdict's summary is
 * a reference of the caller's. */
bool atls_platform_cache_find(struct atls_platform_cache *cache,
                              const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE], uint64_t revision,
                              struct atls_platform_verdict *verdictp);
/* Takes a reference to the verdict's summary. It holds for so many SECONDS at most. Another token
 * may be forgotten for this one. */
void atls_platform_cache_keep(struct atls_platform_cache *cache,
                              const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE], uint64_t revision,
                              int64_t seconds, const struct atls_platform_verdict *verdict);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A table of fixed size, a place a digest: what comes to a place that is taken, takes it over. */
#include "verifier-stub/appraisal/platform-cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define PLACES 16384

struct place {
    uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE];
    uint64_t revision;
    int64_t until; /* milliseconds of the steady clock; 0: nothing was ever here */
    struct atls_platform_verdict verdict;
};

struct atls_platform_cache {
    pthread_mutex_t lock;
    struct atls_clock clock;
    int64_t lifetime; /* milliseconds */
    struct place places[PLACES];
};

int atls_platform_cache_open(unsigned lifetime, struct atls_clock clock,
                             struct atls_platform_cache **cachep)
{
    struct atls_platform_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return atls_fail(-ENOMEM, NULL, "no memory for a cache of platform tokens");
    pthread_mutex_init(&cache->lock, NULL);
    cache->clock = clock;
    cache->lifetime = (int64_t)lifetime * 1000;
    *cachep = cache;
    return 0;
}

void atls_platform_cache_close(struct atls_platform_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < PLACES; i++)
        json_decref(cache->places[i].verdict.summary);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static struct place *place_of(struct atls_platform_cache *cache, const uint8_t *digest)
{
    return &cache->places[(digest[0] | (size_t)digest[1] << 8) % PLACES];
}

bool atls_platform_cache_find(struct atls_platform_cache *cache,
                              const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE], uint64_t revision,
                              struct atls_platform_verdict *verdictp)
{
    const struct place *place = place_of(cache, digest);
    int64_t now = cache->clock.steady(cache->clock.context);
    bool found;

    pthread_mutex_lock(&cache->lock);
    found = place->revision == revision && now < place->until &&
            memcmp(place->digest, digest, sizeof place->digest) == 0;
    if (found) {
        *verdictp = place->verdict;
        json_incref(verdictp->summary);
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void atls_platform_cache_keep(struct atls_platform_cache *cache,
                              const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE], uint64_t revision,
                              int64_t seconds, const struct atls_platform_verdict *verdict)
{
    struct place *place = place_of(cache, digest);
    int64_t now = cache->clock.steady(cache->clock.context);
    int64_t lifetime = seconds < cache->lifetime / 1000 ? seconds * 1000 : cache->lifetime;

    pthread_mutex_lock(&cache->lock);
    json_decref(place->verdict.summary);
    *place = (struct place){.revision = revision, .until = now + lifetime, .verdict = *verdict};
    memcpy(place->digest, digest, sizeof place->digest);
    json_incref(place->verdict.summary);
    pthread_mutex_unlock(&cache->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two binary trees behind a lock: of CoRIMs by their id, of trust anchors by their instance. */
#include "verifier-stub/store/manifests.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define DIGEST_SIZE 32

struct manifest {
    char *id;
    uint8_t digest[DIGEST_SIZE];
};
struct anchor {
    uint8_t implementation_id[32], instance_id[33];
    size_t count;
};
struct atls_manifests {
    pthread_mutex_t lock;
    void *manifests, *anchors;
    size_t count, anchor_count;
};

static int compare_manifests(const void *a, const void *b)
{
    return strcmp(((const struct manifest *)a)->id, ((const struct manifest *)b)->id);
}

static int compare_anchors(const void *a, const void *b)
{
    const struct anchor *first = a, *second = b;
    int order = memcmp(first->implementation_id, second->implementation_id,
                       sizeof first->implementation_id);

    return order ? order
                 : memcmp(first->instance_id, second->instance_id, sizeof first->instance_id);
}

int atls_manifests_open(struct atls_manifests **manifestsp)
{
    struct atls_manifests *manifests = calloc(1, sizeof *manifests);

    if (!manifests)
        return atls_fail(-ENOMEM, NULL, "no memory for CoRIMs");
    pthread_mutex_init(&manifests->lock, NULL);
    *manifestsp = manifests;
    return 0;
}

static void free_manifest(void *node)
{
    free(((struct manifest *)node)->id);
    free(node);
}

void atls_manifests_close(struct atls_manifests *manifests)
{
    if (!manifests)
        return;
    tdestroy(manifests->manifests, free_manifest);
    tdestroy(manifests->anchors, free);
    pthread_mutex_destroy(&manifests->lock);
    free(manifests);
}

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for a CoRIM");
}

/* The node of TREE that is equal to WANTED; a copy is put there where there is none. */
static void *node_of(void **tree, const void *wanted, size_t size,
                     int (*compare)(const void *, const void *), size_t *countp)
{
    void **found = tfind(wanted, tree, compare);
    void *node;

    if (found)
        return *found;
    node = malloc(size);
    if (!node)
        return NULL;
    memcpy(node, wanted, size);
    if (!tsearch(node, tree, compare)) {
        free(node);
        return NULL;
    }
    ++*countp;
    return node;
}

static int note_manifest(struct atls_manifests *manifests, const struct manifest *wanted)
{
    void **found = tfind(wanted, &manifests->manifests, compare_manifests);
    struct manifest copy = *wanted;

    if (found && memcmp((*(struct manifest **)found)->digest, wanted->digest, DIGEST_SIZE) == 0)
        return atls_fail(ATLS_E_MISMATCH, NULL, "token already in store");
    if (found)
        return atls_fail(ATLS_E_MISMATCH, NULL,
                         "different token with manifest ID \"%.200s\" already in store",
                         wanted->id);
    if (manifests->count == ATLS_MANIFESTS_MAX)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds %zu CoRIMs already",
                         manifests->count);
    copy.id = strdup(wanted->id);
    if (copy.id &&
        node_of(&manifests->manifests, &copy, sizeof copy, compare_manifests, &manifests->count))
        return 0;
    free(copy.id);
    return no_memory();
}

static int note_anchor(struct atls_manifests *manifests, const struct atls_trust_anchor *noted)
{
    struct anchor wanted = {0}, *anchor;

    memcpy(wanted.implementation_id, noted->implementation_id, sizeof wanted.implementation_id);
    memcpy(wanted.instance_id, noted->instance_id, sizeof wanted.instance_id);
    anchor = node_of(&manifests->anchors, &wanted, sizeof wanted, compare_anchors,
                     &manifests->anchor_count);
    if (!anchor)
        return no_memory();
    anchor->count++;
    return 0;
}

int atls_manifests_add(struct atls_manifests *manifests, const struct atls_crypto *crypto,
                       struct atls_bytes encoded, const struct atls_corim *corim)
{
    struct manifest wanted = {.id = corim->id};
    int result = crypto->hash(ATLS_SHA256, &encoded, 1, wanted.digest);

    if (result != 0)
        return result;
    pthread_mutex_lock(&manifests->lock);
    result = note_manifest(manifests, &wanted);
    for (size_t i = 0; result == 0 && i < corim->trust_anchor_count; i++)
        result = note_anchor(manifests, &corim->trust_anchors[i]);
    pthread_mutex_unlock(&manifests->lock);
    return result;
}

size_t atls_manifests_anchors(struct atls_manifests *manifests, const uint8_t implementation_id[32],
                              const uint8_t instance_id[33])
{
    struct anchor wanted = {0};
    void **found;
    size_t count;

    memcpy(wanted.implementation_id, implementation_id, sizeof wanted.implementation_id);
    memcpy(wanted.instance_id, instance_id, sizeof wanted.instance_id);
    pthread_mutex_lock(&manifests->lock);
    found = tfind(&wanted, &manifests->anchors, compare_anchors);
    count = found ? (*(struct anchor **)found)->count : 0;
    pthread_mutex_unlock(&manifests->lock);
    return count;
}

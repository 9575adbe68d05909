/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in memory: two growing arrays. A simulated fleet has a handful of devices, so a linear
 * search costs less than the signature it goes with.
 */
#include "verifier-stub/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rats/error.h"

struct memory_store {
    struct atls_store head;
    pthread_rwlock_t lock;
    struct atls_reference_set references;
    struct atls_trust_anchor *anchors;
    size_t anchor_count;
};

static struct memory_store *of(struct atls_store *store)
{
    return (struct memory_store *)store;
}

static const struct atls_trust_anchor *find_anchor(const struct memory_store *store,
                                                   const uint8_t implementation_id[32],
                                                   const uint8_t instance_id[33])
{
    for (size_t i = 0; i < store->anchor_count; i++) {
        const struct atls_trust_anchor *anchor = &store->anchors[i];

        if (memcmp(anchor->implementation_id, implementation_id, 32) == 0 &&
            memcmp(anchor->instance_id, instance_id, 33) == 0)
            return anchor;
    }
    return NULL;
}

static bool knows(const struct memory_store *store, const struct atls_reference_value *value)
{
    for (size_t i = 0; i < store->references.count; i++) {
        if (atls_reference_value_equal(&store->references.values[i], value))
            return true;
    }
    return false;
}

/* Room for everything at once, so that nothing can fail half-way but a text's copy. */
static int make_room(struct memory_store *store, const struct atls_corim *corim)
{
    size_t values = store->references.count + corim->reference_value_count;
    size_t anchors = store->anchor_count + corim->trust_anchor_count;
    void *grown;

    if (values > ATLS_STORE_MAX_ENTRIES || anchors > ATLS_STORE_MAX_ENTRIES)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds at most %zu entries",
                         ATLS_STORE_MAX_ENTRIES);
    grown = realloc(store->references.values, (values + 1) * sizeof *store->references.values);
    if (!grown)
        return atls_fail(-ENOMEM, NULL, "no memory for reference values");
    store->references.values = grown;
    grown = realloc(store->anchors, (anchors + 1) * sizeof *store->anchors);
    if (!grown)
        return atls_fail(-ENOMEM, NULL, "no memory for trust anchors");
    store->anchors = grown;
    return 0;
}

static int add_anchors(struct memory_store *store, const struct atls_corim *corim)
{
    for (size_t i = 0; i < corim->trust_anchor_count; i++) {
        const struct atls_trust_anchor *fresh = &corim->trust_anchors[i];
        const struct atls_trust_anchor *known =
            find_anchor(store, fresh->implementation_id, fresh->instance_id);

        if (known && !atls_public_key_equal(&known->key, &fresh->key))
            return atls_fail(ATLS_E_MISMATCH, NULL,
                             "trust anchor: this instance already has another key");
        if (!known)
            store->anchors[store->anchor_count++] = *fresh;
    }
    return 0;
}

static int add_references(struct memory_store *store, const struct atls_corim *corim)
{
    struct atls_reference_set *set = &store->references;

    for (size_t i = 0; i < corim->reference_value_count; i++) {
        const struct atls_reference_value *fresh = &corim->reference_values[i];
        int error;

        if (knows(store, fresh))
            continue;
        error = atls_reference_value_copy(fresh, &set->values[set->count]);
        if (error < 0)
            return error;
        set->count++;
    }
    return 0;
}

static void forget_after(struct memory_store *store, size_t values, size_t anchors)
{
    while (store->references.count > values) {
        struct atls_reference_value *last = &store->references.values[--store->references.count];

        free(last->name);
        free(last->version);
    }
    store->anchor_count = anchors;
}

static int memory_add(struct atls_store *head, const struct atls_corim *corim)
{
    struct memory_store *store = of(head);
    size_t values, anchors;
    int error;

    pthread_rwlock_wrlock(&store->lock);
    values = store->references.count;
    anchors = store->anchor_count;
    error = make_room(store, corim);
    if (error == 0)
        error = add_anchors(store, corim);
    if (error == 0)
        error = add_references(store, corim);
    if (error != 0)
        forget_after(store, values, anchors);
    pthread_rwlock_unlock(&store->lock);
    return error;
}

static int memory_find_trust_anchor(struct atls_store *head, const uint8_t implementation_id[32],
                                    const uint8_t instance_id[33], struct atls_public_key *keyp)
{
    struct memory_store *store = of(head);
    const struct atls_trust_anchor *anchor;
    int error = 0;

    pthread_rwlock_rdlock(&store->lock);
    anchor = find_anchor(store, implementation_id, instance_id);
    if (anchor)
        *keyp = anchor->key;
    else
        error = atls_fail(ATLS_E_MISSING, NULL, "no trust anchor for this instance");
    pthread_rwlock_unlock(&store->lock);
    return error;
}

static int memory_find_reference_values(struct atls_store *head,
                                        const uint8_t implementation_id[32],
                                        struct atls_reference_set *setp)
{
    struct memory_store *store = of(head);
    struct atls_reference_set set = {0};
    int error = 0;

    pthread_rwlock_rdlock(&store->lock);
    set.values = calloc(store->references.count + 1, sizeof *set.values);
    if (!set.values)
        error = atls_fail(-ENOMEM, NULL, "no memory for reference values");
    for (size_t i = 0; error == 0 && i < store->references.count; i++) {
        const struct atls_reference_value *value = &store->references.values[i];

        if (memcmp(value->implementation_id, implementation_id, 32) != 0)
            continue;
        error = atls_reference_value_copy(value, &set.values[set.count]);
        if (error == 0)
            set.count++;
    }
    pthread_rwlock_unlock(&store->lock);
    if (error != 0)
        atls_reference_set_clear(&set);
    else
        *setp = set;
    return error;
}

static void memory_close(struct atls_store *head)
{
    struct memory_store *store = of(head);

    atls_reference_set_clear(&store->references);
    free(store->anchors);
    pthread_rwlock_destroy(&store->lock);
    free(store);
}

static const struct atls_store_ops memory_ops = {
    .add = memory_add,
    .find_trust_anchor = memory_find_trust_anchor,
    .find_reference_values = memory_find_reference_values,
    .close = memory_close,
};

int atls_store_open_memory(struct atls_store **storep)
{
    struct memory_store *store = calloc(1, sizeof *store);

    if (!store)
        return atls_fail(-ENOMEM, NULL, "no memory for a store");
    store->head.ops = &memory_ops;
    pthread_rwlock_init(&store->lock, NULL);
    *storep = &store->head;
    return 0;
}

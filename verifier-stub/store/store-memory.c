/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in memory: balanced trees (POSIX tsearch) of what is known, and for each implementation
 * id an index of its reference values (references.h), which is lent under the lock. What a CoRIM
 * adds is copied before the lock is taken and only hung up under it, so that appraisals hardly
 * wait.
 */
#include "verifier-stub/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

struct implementation { /* and the values that are endorsed for it */
    enum atls_corim_profile profile;
    uint8_t id[32];
    struct atls_reference_index *index;
};

struct memory_store {
    struct atls_store head;
    pthread_rwlock_t lock;
    atomic_ullong revision;
    void *implementations, *anchors; /* trees */
    size_t value_count, anchor_count;
};

static struct memory_store *of(struct atls_store *store)
{
    return (struct memory_store *)store;
}

static int compare_profiles(enum atls_corim_profile a, enum atls_corim_profile b)
{
    return (a > b) - (a < b);
}

static int compare_implementations(const void *left, const void *right)
{
    const struct implementation *a = left, *b = right;
    int order = memcmp(a->id, b->id, sizeof a->id);

    return order ? order : compare_profiles(a->profile, b->profile);
}

static int compare_anchors(const void *left, const void *right)
{
    const struct atls_trust_anchor *a = left, *b = right;
    int order = compare_profiles(a->profile, b->profile);

    if (!order && !atls_corim_found_by_instance(a->profile))
        order = memcmp(a->implementation_id, b->implementation_id, sizeof a->implementation_id);
    order = order ? order : memcmp(a->instance_id, b->instance_id, sizeof a->instance_id);
    return order ? order
                 : (a->instance_id_size > b->instance_id_size) -
                       (a->instance_id_size < b->instance_id_size);
}

static void free_implementation(void *node)
{
    atls_reference_index_close(((struct implementation *)node)->index);
    free(node);
}

/* What a CoRIM may add, copied; what is known already stays here and is freed. */
struct batch {
    struct atls_reference_entry **values;
    size_t value_count;
    struct atls_trust_anchor **anchors;
    size_t anchor_count;
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->value_count; i++)
        atls_reference_entry_free(batch->values[i]);
    for (size_t i = 0; i < batch->anchor_count; i++)
        free(batch->anchors[i]);
    free(batch->values);
    free(batch->anchors);
}

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for endorsements");
}

static int batch_of(const struct atls_corim *corim, struct batch *batch)
{
    batch->value_count = corim->reference_value_count;
    batch->anchor_count = corim->trust_anchor_count;
    batch->values = calloc(batch->value_count + 1, sizeof(struct atls_reference_entry *));
    batch->anchors = calloc(batch->anchor_count + 1, sizeof(struct atls_trust_anchor *));
    if (!batch->values || !batch->anchors) {
        batch->value_count = batch->anchor_count = 0;
        return no_memory();
    }
    for (size_t i = 0; i < batch->value_count; i++) {
        int result = atls_reference_entry_new(&corim->reference_values[i], &batch->values[i]);

        if (result)
            return result;
    }
    for (size_t i = 0; i < batch->anchor_count; i++) {
        batch->anchors[i] = malloc(sizeof **batch->anchors);
        if (!batch->anchors[i])
            return no_memory();
        *batch->anchors[i] = corim->trust_anchors[i];
    }
    return 0;
}

static struct implementation *find_implementation(const struct memory_store *store,
                                                  enum atls_corim_profile profile,
                                                  const uint8_t id[32])
{
    struct implementation key = {.profile = profile}, **found;

    memcpy(key.id, id, sizeof key.id);
    found = tfind(&key, &store->implementations, compare_implementations);
    return found ? *found : NULL;
}

static int open_implementation(struct memory_store *store, const struct atls_reference_value *value,
                               struct implementation **implementationp)
{
    struct implementation *fresh;
    int result;

    *implementationp = find_implementation(store, value->profile, value->implementation_id);
    if (*implementationp)
        return 0;
    fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return no_memory();
    fresh->profile = value->profile;
    memcpy(fresh->id, value->implementation_id, sizeof fresh->id);
    result = atls_reference_index_open(&fresh->index);
    if (!result && !tsearch(fresh, &store->implementations, compare_implementations))
        result = no_memory();
    if (result)
        free_implementation(fresh);
    else
        *implementationp = fresh;
    return result;
}

static int add_values(struct memory_store *store, struct batch *batch, size_t *addedp)
{
    for (size_t i = 0; i < batch->value_count; i++) {
        struct atls_reference_entry *value = batch->values[i];
        struct implementation *implementation;
        bool added = false;
        int result = open_implementation(store, &value->value, &implementation);

        if (!result)
            result = atls_reference_index_add(implementation->index, value, &added);
        if (result)
            return result;
        if (!added)
            continue;
        /* those that the index owns stand at the front, in the order of their coming */
        batch->values[i] = batch->values[*addedp];
        batch->values[(*addedp)++] = value;
    }
    return 0;
}

static int add_anchors(struct memory_store *store, struct batch *batch, size_t *addedp)
{
    for (size_t i = 0; i < batch->anchor_count; i++) {
        struct atls_trust_anchor *anchor = batch->anchors[i];
        struct atls_trust_anchor **place = tsearch(anchor, &store->anchors, compare_anchors);

        if (!place)
            return no_memory();
        if (*place != anchor) { /* it was known */
            int result = atls_trust_anchor_agrees(*place, anchor);

            if (result)
                return result;
            continue;
        }
        batch->anchors[i] = batch->anchors[*addedp];
        batch->anchors[(*addedp)++] = anchor;
    }
    return 0;
}

static int check_limit(const struct memory_store *store, size_t values, size_t anchors)
{
    size_t most = atls_store_most(&store->head);

    if (store->value_count + values > most || store->anchor_count + anchors > most)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds at most %zu entries", most);
    return 0;
}

static void take_back(struct memory_store *store, struct batch *batch, size_t values,
                      size_t anchors)
{
    while (values > 0) {
        const struct atls_reference_value *value = &batch->values[--values]->value;

        /* it was the last of its index: values are taken back in reverse */
        atls_reference_index_take_back(
            find_implementation(store, value->profile, value->implementation_id)->index);
        batch->values[values] = NULL;
    }
    while (anchors > 0)
        tdelete(batch->anchors[--anchors], &store->anchors, compare_anchors);
}

/* Keys that were known already: valid for as long as this CoRIM says, too. */
static void extend_anchors(struct memory_store *store, const struct batch *batch, size_t added)
{
    for (size_t i = added; i < batch->anchor_count; i++) {
        struct atls_trust_anchor **known =
            tfind(batch->anchors[i], &store->anchors, compare_anchors);

        atls_trust_anchor_extend(*known, &batch->anchors[i]->validity);
    }
}

static int memory_add(struct atls_store *head, const struct atls_corim *corim)
{
    struct memory_store *store = of(head);
    size_t values = 0, anchors = 0;
    struct batch batch = {0};
    int result = batch_of(corim, &batch);

    if (result) {
        batch_free(&batch);
        return result;
    }
    pthread_rwlock_wrlock(&store->lock);
    result = add_anchors(store, &batch, &anchors);
    if (!result)
        result = add_values(store, &batch, &values);
    if (!result)
        result = check_limit(store, values, anchors);
    if (result) {
        take_back(store, &batch, values, anchors);
    } else {
        extend_anchors(store, &batch, anchors);
        store->value_count += values;
        store->anchor_count += anchors;
        for (size_t i = 0; i < values; i++)
            batch.values[i] = NULL; /* the index's now */
        for (size_t i = 0; i < anchors; i++)
            batch.anchors[i] = NULL;
    }
    pthread_rwlock_unlock(&store->lock);
    atomic_fetch_add(&store->revision, 1); /* whatever came of it */
    batch_free(&batch);
    return result;
}

static int memory_find_trust_anchor(struct atls_store *head, const struct atls_trust_anchor *sought,
                                    struct atls_trust_anchor *anchorp)
{
    struct memory_store *store = of(head);
    struct atls_trust_anchor **found;
    int result = 0;

    pthread_rwlock_rdlock(&store->lock);
    found = tfind(sought, &store->anchors, compare_anchors);
    if (found)
        *anchorp = **found;
    else
        result = atls_fail(ATLS_E_MISSING, NULL, "no trust anchor for this instance");
    pthread_rwlock_unlock(&store->lock);
    return result;
}

static int memory_find_reference_values(struct atls_store *head, enum atls_corim_profile profile,
                                        const uint8_t implementation_id[32],
                                        struct atls_reference_set *setp)
{
    struct memory_store *store = of(head);
    const struct implementation *found;

    *setp = (struct atls_reference_set){0};
    pthread_rwlock_rdlock(&store->lock);
    found = find_implementation(store, profile, implementation_id);
    if (!found) {
        pthread_rwlock_unlock(&store->lock);
        return 0;
    }
    atls_reference_set_lend(found->index, setp);
    setp->lock = &store->lock;
    return 0;
}

static int memory_revision(struct atls_store *head, uint64_t *revisionp)
{
    *revisionp = atomic_load(&of(head)->revision);
    return 0;
}

static void memory_close(struct atls_store *head)
{
    struct memory_store *store = of(head);

    tdestroy(store->implementations, free_implementation);
    tdestroy(store->anchors, free);
    pthread_rwlock_destroy(&store->lock);
    free(store);
}

static const struct atls_store_ops memory_ops = {
    .add = memory_add,
    .find_trust_anchor = memory_find_trust_anchor,
    .find_reference_values = memory_find_reference_values,
    .revision = memory_revision,
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

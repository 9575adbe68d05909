/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in memory: balanced trees (POSIX tsearch) of what is known, and for each implementation
 * id a list of its reference values in the order of their coming. What a CoRIM adds is copied
 * before the lock is taken and only hung up under it, so that appraisals hardly wait.
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
    struct atls_reference_value **values; /* the tree owns them */
    size_t count, capacity;
};

struct memory_store {
    struct atls_store head;
    pthread_rwlock_t lock;
    atomic_ullong revision;
    void *values, *implementations, *anchors; /* trees */
    size_t value_count, anchor_count;
};

static struct memory_store *of(struct atls_store *store)
{
    return (struct memory_store *)store;
}

static int compare_values(const void *a, const void *b)
{
    return atls_reference_value_compare(a, b);
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

static void free_value(void *node)
{
    struct atls_reference_value *value = node;

    if (!value)
        return;
    free(value->name);
    free(value->version);
    free(value);
}

static void free_implementation(void *node)
{
    free(((struct implementation *)node)->values);
    free(node);
}

/* What a CoRIM may add, copied; what is known already stays here and is freed. */
struct batch {
    struct atls_reference_value **values;
    size_t value_count;
    struct atls_trust_anchor **anchors;
    size_t anchor_count;
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->value_count; i++)
        free_value(batch->values[i]);
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
    batch->values = calloc(batch->value_count + 1, sizeof(struct atls_reference_value *));
    batch->anchors = calloc(batch->anchor_count + 1, sizeof(struct atls_trust_anchor *));
    if (!batch->values || !batch->anchors) {
        batch->value_count = batch->anchor_count = 0;
        return no_memory();
    }
    for (size_t i = 0; i < batch->value_count; i++) {
        batch->values[i] = calloc(1, sizeof **batch->values);
        if (!batch->values[i])
            return no_memory();
        int result = atls_reference_value_copy(&corim->reference_values[i], batch->values[i]);
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

/* Hangs NODE up in TREE. *ADDEDP: it was not known, and is the tree's now. */
static int hang_up(void **tree, void *node, int (*compare)(const void *, const void *),
                   void **foundp, bool *addedp)
{
    void **place = tsearch(node, tree, compare);

    if (!place)
        return no_memory();
    *foundp = *place;
    *addedp = *place == node;
    return 0;
}

static int list_value(struct memory_store *store, struct atls_reference_value *value)
{
    struct implementation *fresh = calloc(1, sizeof *fresh), *known;
    void *found = NULL;
    bool added = false;
    int result;

    if (!fresh)
        return no_memory();
    fresh->profile = value->profile;
    memcpy(fresh->id, value->implementation_id, sizeof fresh->id);
    result = hang_up(&store->implementations, fresh, compare_implementations, &found, &added);
    if (result || !added)
        free(fresh);
    if (result)
        return result;
    known = found;
    if (known->count == known->capacity) {
        size_t capacity = known->capacity ? 2 * known->capacity : 8;
        void *grown = realloc(known->values, capacity * sizeof(struct atls_reference_value *));

        if (!grown)
            return no_memory();
        known->values = grown;
        known->capacity = capacity;
    }
    known->values[known->count++] = value;
    return 0;
}

static int add_values(struct memory_store *store, struct batch *batch, size_t *addedp)
{
    for (size_t i = 0; i < batch->value_count; i++) {
        struct atls_reference_value *value = batch->values[i];
        void *found = NULL;
        bool added = false;
        int result = hang_up(&store->values, value, compare_values, &found, &added);

        if (result)
            return result;
        if (!added)
            continue;
        result = list_value(store, value);
        if (result) {
            tdelete(value, &store->values, compare_values);
            return result;
        }
        /* those that the tree owns stand at the front, in the order of their coming */
        batch->values[i] = batch->values[*addedp];
        batch->values[(*addedp)++] = value;
    }
    return 0;
}

static int add_anchors(struct memory_store *store, struct batch *batch, size_t *addedp)
{
    for (size_t i = 0; i < batch->anchor_count; i++) {
        struct atls_trust_anchor *anchor = batch->anchors[i], *known;
        void *found = NULL;
        bool added = false;
        int result = hang_up(&store->anchors, anchor, compare_anchors, &found, &added);

        if (result)
            return result;
        known = found;
        if (!added) {
            result = atls_trust_anchor_agrees(known, anchor);
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
    if (store->value_count + values > ATLS_STORE_MAX_ENTRIES ||
        store->anchor_count + anchors > ATLS_STORE_MAX_ENTRIES)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds at most %zu entries",
                         ATLS_STORE_MAX_ENTRIES);
    return 0;
}

static void take_back(struct memory_store *store, const struct batch *batch, size_t values,
                      size_t anchors)
{
    while (values > 0) {
        struct atls_reference_value *value = batch->values[--values];
        struct implementation key = {.profile = value->profile};

        memcpy(key.id, value->implementation_id, sizeof key.id);
        struct implementation **of_value =
            tfind(&key, &store->implementations, compare_implementations);
        (*of_value)->count--; /* it was the last: values are taken back in reverse */
        tdelete(value, &store->values, compare_values);
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
            batch.values[i] = NULL; /* the tree's now */
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

static int copy_values(const struct implementation *implementation, struct atls_reference_set *set)
{
    set->values = calloc(implementation->count + 1, sizeof *set->values);
    if (!set->values)
        return no_memory();
    for (size_t i = 0; i < implementation->count; i++) {
        int result = atls_reference_value_copy(implementation->values[i], &set->values[i]);

        if (result)
            return result;
        set->count++;
    }
    return 0;
}

static int memory_find_reference_values(struct atls_store *head, enum atls_corim_profile profile,
                                        const uint8_t implementation_id[32],
                                        struct atls_reference_set *setp)
{
    struct memory_store *store = of(head);
    struct implementation key = {.profile = profile}, **found;
    struct atls_reference_set set = {0};
    int result = 0;

    memcpy(key.id, implementation_id, sizeof key.id);
    pthread_rwlock_rdlock(&store->lock);
    found = tfind(&key, &store->implementations, compare_implementations);
    if (found)
        result = copy_values(*found, &set);
    pthread_rwlock_unlock(&store->lock);
    if (result)
        atls_reference_set_clear(&set);
    else
        *setp = set;
    return result;
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
    tdestroy(store->values, free_value);
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

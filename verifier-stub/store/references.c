/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index of reference values: balanced trees (POSIX tsearch) of groups, a group for each key that
 * values share, and in each group its values from the newest to the oldest. Trees, not hash tables:
 * who may endorse chooses names and digests, and shall not choose what a look-up costs. A group
 * keeps a fingerprint of its key, which is compared first; where fingerprints are equal, keys are.
 */
#include "verifier-stub/store/references.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

struct group { /* values of one key */
    enum atls_reference_by by;
    const struct atls_reference_key *sought; /* what is looked for, or NULL: the key of NEWEST */
    struct atls_reference_entry *newest;
    uint64_t fingerprint; /* of the key */
};

struct span { /* values of one validity */
    struct atls_validity validity;
    size_t count;
};

struct times { /* what is known of them from SINCE up to, but not including, UNTIL */
    int64_t since, until;
    size_t outside;
};

struct list {
    struct atls_reference_entry **entries;
    size_t count, capacity;
};

struct atls_reference_index {
    struct list all, required;
    void *same; /* tree of entries by all that they have */
    void *groups[ATLS_REFERENCE_BYS], *validities;
    struct span **spans; /* those of the tree */
    size_t span_count, span_capacity;
    pthread_mutex_t lock; /* of what follows */
    struct times times;
};

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for reference values");
}

static int compare_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_bytes(struct atls_bytes a, struct atls_bytes b)
{
    return a.size != b.size ? compare_number((int64_t)a.size, (int64_t)b.size)
           : a.size         ? memcmp(a.data, b.data, a.size)
                            : 0;
}

static int compare_validities(const struct atls_validity *a, const struct atls_validity *b)
{
    int order = compare_number(a->not_before, b->not_before);

    return order ? order : compare_number(a->not_after, b->not_after);
}

int atls_reference_value_compare(const struct atls_reference_value *a,
                                 const struct atls_reference_value *b)
{
    int order = memcmp(a->implementation_id, b->implementation_id, sizeof a->implementation_id);

    order = order ? order : compare_number((int64_t)a->profile, (int64_t)b->profile);
    order = order ? order : memcmp(a->set, b->set, sizeof a->set);
    order = order ? order : compare_number(a->pcr, b->pcr);
    order = order ? order
                  : compare_bytes(ATLS_BYTES(a->digest, a->digest_size),
                                  ATLS_BYTES(b->digest, b->digest_size));
    order = order ? order : compare_text(a->name, b->name);
    order = order ? order : compare_text(a->version, b->version);
    order = order ? order : compare_number(a->digest_hash, b->digest_hash);
    order = order ? order
                  : compare_bytes(ATLS_BYTES(a->signer_id, a->signer_id_size),
                                  ATLS_BYTES(b->signer_id, b->signer_id_size));
    return order ? order : compare_validities(&a->validity, &b->validity);
}

int atls_reference_entry_new(const struct atls_reference_value *from,
                             struct atls_reference_entry **entryp)
{
    struct atls_reference_entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return no_memory();
    entry->value = *from;
    entry->value.name = from->name ? strdup(from->name) : NULL;
    entry->value.version = from->version ? strdup(from->version) : NULL;
    if ((from->name && !entry->value.name) || (from->version && !entry->value.version)) {
        atls_reference_entry_free(entry);
        return no_memory();
    }
    entry->name_size = from->name ? strlen(from->name) : 0;
    entry->version_size = from->version ? strlen(from->version) : 0;
    *entryp = entry;
    return 0;
}

void atls_reference_entry_free(struct atls_reference_entry *entry)
{
    if (!entry)
        return;
    free(entry->value.name);
    free(entry->value.version);
    free(entry);
}

static struct atls_reference_key key_of_entry(const struct atls_reference_entry *entry)
{
    return (struct atls_reference_key){
        .what = entry->value.pcr,
        .named = entry->value.name != NULL,
        .versioned = entry->value.version != NULL,
        .name = {(const uint8_t *)entry->value.name, entry->name_size},
        .version = {(const uint8_t *)entry->value.version, entry->version_size},
        .digest = {entry->value.digest, entry->value.digest_size}};
}

static struct atls_reference_key key_of(const struct group *group)
{
    return group->sought ? *group->sought : key_of_entry(group->newest);
}

static int compare_optional(bool has_a, struct atls_bytes a, bool has_b, struct atls_bytes b)
{
    return has_a && has_b ? compare_bytes(a, b) : has_a - has_b;
}

static bool has_digest(enum atls_reference_by by)
{
    return by == ATLS_REFERENCE_BY_DIGEST || by == ATLS_REFERENCE_BY_ALL;
}

/* Of the digest, which is a hash already, or of the name by FNV-1a. It only has to differ mostly:
 * keys that somebody made to have one fingerprint are compared as if there were none. */
static uint64_t fingerprint_of(enum atls_reference_by by, const struct atls_reference_key *key)
{
    uint64_t fingerprint = UINT64_C(0xcbf29ce484222325);

    if (has_digest(by)) {
        if (key->digest.size >= sizeof fingerprint)
            memcpy(&fingerprint, key->digest.data, sizeof fingerprint);
        return fingerprint;
    }
    for (size_t i = 0; key->named && i < key->name.size; i++)
        fingerprint = (fingerprint ^ key->name.data[i]) * UINT64_C(0x100000001b3);
    return fingerprint;
}

static int compare_keys(enum atls_reference_by by, struct atls_reference_key a,
                        struct atls_reference_key b)
{
    int order = compare_number(a.what, b.what);

    if (!order && has_digest(by))
        order = compare_bytes(a.digest, b.digest);
    if (!order && by != ATLS_REFERENCE_BY_DIGEST)
        order = compare_optional(a.named, a.name, b.named, b.name);
    if (!order && (by == ATLS_REFERENCE_BY_VERSION || by == ATLS_REFERENCE_BY_ALL))
        order = compare_optional(a.versioned, a.version, b.versioned, b.version);
    return order;
}

static int compare_groups(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    int order = compare_number((int64_t)a->fingerprint, (int64_t)b->fingerprint);

    return order ? order : compare_keys(a->by, key_of(a), key_of(b));
}

static int compare_entries(const void *left, const void *right)
{
    const struct atls_reference_entry *a = left, *b = right;

    return atls_reference_value_compare(&a->value, &b->value);
}

static int compare_spans(const void *left, const void *right)
{
    const struct span *a = left, *b = right;

    return compare_validities(&a->validity, &b->validity);
}

int atls_reference_index_open(struct atls_reference_index **indexp)
{
    struct atls_reference_index *index = calloc(1, sizeof *index);

    if (!index)
        return no_memory();
    pthread_mutex_init(&index->lock, NULL);
    *indexp = index;
    return 0;
}

static void keep_node(void *node)
{
}

void atls_reference_index_close(struct atls_reference_index *index)
{
    if (!index)
        return;
    for (size_t i = 0; i < ATLS_REFERENCE_BYS; i++)
        tdestroy(index->groups[i], free);
    tdestroy(index->validities, free);
    tdestroy(index->same, keep_node);
    for (size_t i = 0; i < index->all.count; i++)
        atls_reference_entry_free(index->all.entries[i]);
    free(index->all.entries);
    free(index->required.entries);
    free(index->spans);
    pthread_mutex_destroy(&index->lock);
    free(index);
}

static struct group group_of_key(enum atls_reference_by by, const struct atls_reference_key *key)
{
    return (struct group){.by = by, .sought = key, .fingerprint = fingerprint_of(by, key)};
}

static struct group group_of(enum atls_reference_by by, struct atls_reference_entry *entry)
{
    const struct atls_reference_key key = key_of_entry(entry);

    return (struct group){.by = by, .newest = entry, .fingerprint = fingerprint_of(by, &key)};
}

static struct group *find_group(const struct atls_reference_index *index, struct group like)
{
    struct group **found = tfind(&like, &index->groups[like.by], compare_groups);

    return found ? *found : NULL;
}

/* Room for one more of SIZE bytes; false: no memory. */
static bool make_room(void **items, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity ? 2 * *capacity : 8;
    void *grown;

    if (count < *capacity)
        return true;
    grown = realloc(*items, more * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

static bool list_room(struct list *list)
{
    void *items = list->entries;
    bool room =
        make_room(&items, list->count, &list->capacity, sizeof(struct atls_reference_entry *));

    list->entries = items;
    return room;
}

static bool span_room(struct atls_reference_index *index)
{
    void *items = index->spans;
    bool room = make_room(&items, index->span_count, &index->span_capacity, sizeof(struct span *));

    index->spans = items;
    return room;
}

static void forget_times(struct atls_reference_index *index)
{
    index->times = (struct times){0};
}

static int join_span(struct atls_reference_index *index, const struct atls_validity *validity)
{
    const struct span probe = {.validity = *validity};
    struct span **found = tfind(&probe, &index->validities, compare_spans), *span;

    forget_times(index);
    if (found) {
        (*found)->count++;
        return 0;
    }
    span = span_room(index) ? malloc(sizeof *span) : NULL;
    if (!span)
        return no_memory();
    *span = (struct span){*validity, 1};
    if (!tsearch(span, &index->validities, compare_spans)) {
        free(span);
        return no_memory();
    }
    index->spans[index->span_count++] = span;
    return 0;
}

static void leave_span(struct atls_reference_index *index, const struct atls_validity *validity)
{
    const struct span probe = {.validity = *validity};
    struct span *span = *(struct span **)tfind(&probe, &index->validities, compare_spans);

    forget_times(index);
    if (--span->count > 0)
        return;
    index->span_count--; /* it was the newest: values are taken back in reverse */
    tdelete(span, &index->validities, compare_spans);
    free(span);
}

static int join_group(struct atls_reference_index *index, enum atls_reference_by by,
                      struct atls_reference_entry *entry)
{
    struct group *group = find_group(index, group_of(by, entry));

    if (group) {
        entry->older[by] = group->newest;
        group->newest = entry;
        return 0;
    }
    group = malloc(sizeof *group);
    if (!group)
        return no_memory();
    *group = group_of(by, entry);
    if (!tsearch(group, &index->groups[by], compare_groups)) {
        free(group);
        return no_memory();
    }
    return 0; /* nothing older: a new entry has zeros there */
}

static void leave_group(struct atls_reference_index *index, enum atls_reference_by by,
                        struct atls_reference_entry *entry)
{
    struct group *group = find_group(index, group_of(by, entry));

    if (entry->older[by]) {
        group->newest = (struct atls_reference_entry *)(uintptr_t)entry->older[by];
        return;
    }
    tdelete(group, &index->groups[by], compare_groups);
    free(group);
}

static void leave_groups(struct atls_reference_index *index, struct atls_reference_entry *entry,
                         unsigned joined)
{
    while (joined > 0)
        leave_group(index, (enum atls_reference_by)-- joined, entry);
}

static int join_groups(struct atls_reference_index *index, struct atls_reference_entry *entry)
{
    for (unsigned by = 0; by < ATLS_REFERENCE_BYS; by++) {
        int result = join_group(index, (enum atls_reference_by)by, entry);

        if (result) {
            leave_groups(index, entry, by);
            return result;
        }
    }
    return 0;
}

/* Each name must be measured, and each value that has none. */
static void require(struct atls_reference_index *index, struct atls_reference_entry *entry)
{
    const struct atls_reference_entry *older = entry->older[ATLS_REFERENCE_BY_NAME];

    entry->required = SIZE_MAX;
    if (entry->value.pcr != 0)
        return;
    if (entry->value.name && older) {
        entry->required = older->required;
        return;
    }
    entry->required = index->required.count;
    index->required.entries[index->required.count++] = entry;
}

int atls_reference_index_add(struct atls_reference_index *index, struct atls_reference_entry *entry,
                             bool *addedp)
{
    struct atls_reference_entry **place;
    int result;

    if (!list_room(&index->all) || !list_room(&index->required))
        return no_memory();
    place = tsearch(entry, &index->same, compare_entries);
    if (!place)
        return no_memory();
    if (*place != entry) {
        *addedp = false;
        return 0;
    }
    result = join_span(index, &entry->value.validity);
    if (!result) {
        result = join_groups(index, entry);
        if (result)
            leave_span(index, &entry->value.validity);
    }
    if (result) {
        tdelete(entry, &index->same, compare_entries);
        return result;
    }
    require(index, entry);
    entry->place = index->all.count;
    index->all.entries[index->all.count++] = entry;
    *addedp = true;
    return 0;
}

void atls_reference_index_take_back(struct atls_reference_index *index)
{
    struct atls_reference_entry *entry = index->all.entries[--index->all.count];

    if (entry->required != SIZE_MAX && index->required.entries[entry->required] == entry)
        index->required.count--;
    leave_groups(index, entry, ATLS_REFERENCE_BYS);
    leave_span(index, &entry->value.validity);
    tdelete(entry, &index->same, compare_entries);
    atls_reference_entry_free(entry);
}

void atls_reference_set_lend(struct atls_reference_index *index, struct atls_reference_set *setp)
{
    *setp = (struct atls_reference_set){.values = index->all.entries,
                                        .count = index->all.count,
                                        .required = index->required.entries,
                                        .required_count = index->required.count,
                                        .index = index};
}

int atls_reference_set_of(const struct atls_reference_value *values, size_t count,
                          struct atls_reference_set *setp)
{
    struct atls_reference_index *index = NULL;
    int result = atls_reference_index_open(&index);

    if (result || !index) /* no index is an error; the analyzer cannot know it */
        return result;
    for (size_t i = 0; !result && i < count; i++) {
        struct atls_reference_entry *entry = NULL;
        bool added = false;

        result = atls_reference_entry_new(&values[i], &entry);
        if (result || !entry)
            break;
        result = atls_reference_index_add(index, entry, &added);
        if (!added)
            atls_reference_entry_free(entry);
    }
    if (result) {
        atls_reference_index_close(index);
        return result;
    }
    atls_reference_set_lend(index, setp);
    setp->owned = index;
    return 0;
}

void atls_reference_set_clear(struct atls_reference_set *set)
{
    if (set->lock)
        pthread_rwlock_unlock(set->lock);
    atls_reference_index_close(set->owned);
    *set = (struct atls_reference_set){0};
}

bool atls_reference_counts(const struct atls_reference_set *set,
                           const struct atls_reference_entry *entry)
{
    if (set->visits)
        ++*set->visits;
    return !set->times_count || atls_validity_holds(&entry->value.validity, set->now);
}

bool atls_reference_has_key(const struct atls_reference_entry *entry, enum atls_reference_by by,
                            const struct atls_reference_key *key)
{
    return compare_keys(by, key_of_entry(entry), *key) == 0;
}

static const struct atls_reference_entry *
first_that_counts(const struct atls_reference_set *set, enum atls_reference_by by,
                  const struct atls_reference_entry *entry)
{
    while (entry && !atls_reference_counts(set, entry))
        entry = entry->older[by];
    return entry;
}

const struct atls_reference_entry *atls_reference_find(const struct atls_reference_set *set,
                                                       enum atls_reference_by by,
                                                       const struct atls_reference_key *key)
{
    const struct group *group = set->index ? find_group(set->index, group_of_key(by, key)) : NULL;

    return group ? first_that_counts(set, by, group->newest) : NULL;
}

const struct atls_reference_entry *atls_reference_next(const struct atls_reference_set *set,
                                                       enum atls_reference_by by,
                                                       const struct atls_reference_entry *entry)
{
    return first_that_counts(set, by, entry->older[by]);
}

size_t atls_reference_required(const struct atls_reference_set *set,
                               const struct atls_reference_key *key)
{
    const struct group *group =
        set->index ? find_group(set->index, group_of_key(ATLS_REFERENCE_BY_NAME, key)) : NULL;

    return group ? group->newest->required : SIZE_MAX;
}

/* Looks at each validity once: of a million values that is as many looks as there were CoRIMs. */
static struct times times_at(const struct atls_reference_index *index, int64_t now)
{
    struct times times = {now, INT64_MAX, 0};

    for (size_t i = 0; i < index->span_count; i++) {
        const struct atls_validity *validity = &index->spans[i]->validity;
        bool holds = atls_validity_holds(validity, now);
        int64_t until = now < validity->not_before     ? validity->not_before
                        : holds && validity->not_after ? validity->not_after + 1
                                                       : INT64_MAX;

        times.outside += holds ? 0 : index->spans[i]->count;
        times.until = until < times.until ? until : times.until;
    }
    return times;
}

void atls_reference_times(const struct atls_reference_set *set, int64_t now, size_t *outsidep,
                          int64_t *untilp)
{
    struct times times = {now, INT64_MAX, 0};

    if (set->index) {
        pthread_mutex_lock(&set->index->lock);
        if (now < set->index->times.since || now >= set->index->times.until)
            set->index->times = times_at(set->index, now);
        times = set->index->times;
        pthread_mutex_unlock(&set->index->lock);
    }
    *outsidep = times.outside;
    *untilp = times.until;
}

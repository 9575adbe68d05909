/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference values of one class (implementation id), and ways to find one among a million of
 * them without looking at the others. A store keeps an index a class and lends it: nothing is
 * copied for an appraisal, and a look-up costs the same in a small class and in a large one.
 */
#ifndef ATLS_VERIFIER_STUB_STORE_REFERENCES_H
#define ATLS_VERIFIER_STUB_STORE_REFERENCES_H

#include <pthread.h>

#include "rats/corim/corim.h"

/* By what they are found: of one digest; of one name (or of none); of one name and version (or of
 * none); of one name, version and digest. The member WHAT of a key counts in each. */
enum atls_reference_by {
    ATLS_REFERENCE_BY_DIGEST,
    ATLS_REFERENCE_BY_NAME,
    ATLS_REFERENCE_BY_VERSION,
    ATLS_REFERENCE_BY_ALL,
    ATLS_REFERENCE_BYS /* how many */
};
struct atls_reference_key {
    unsigned what; /* atls_reference_value.pcr */
    bool named, versioned;
    struct atls_bytes name, version, digest;
};

struct atls_reference_entry { /* a value in an index */
    struct atls_reference_value value;
    size_t name_size, version_size;                               /* of its texts */
    const struct atls_reference_entry *older[ATLS_REFERENCE_BYS]; /* of the same key, or NULL */
    /* The place in atls_reference_set.required of its name, or its own where it has none; SIZE_MAX
     * of what is no component. */
    size_t required;
    size_t place; /* in atls_reference_set.values */
};
/* An entry with a copy of FROM; -ENOMEM. */
int atls_reference_entry_new(const struct atls_reference_value *from,
                             struct atls_reference_entry **entryp);
void atls_reference_entry_free(struct atls_reference_entry *entry); /* NULL is fine */

struct atls_reference_index;
int atls_reference_index_open(struct atls_reference_index **indexp); /* -ENOMEM */
void atls_reference_index_close(struct atls_reference_index *index); /* NULL is fine */
/* Takes ENTRY over, or leaves it with the caller (*ADDEDP false) where an equal value is there.
 * -ENOMEM: all is as before. In the logarithm of what is there. */
int atls_reference_index_add(struct atls_reference_index *index, struct atls_reference_entry *entry,
                             bool *addedp);
/* Takes out and frees what was added last. */
void atls_reference_index_take_back(struct atls_reference_index *index);

/* What is endorsed of a class, as lent for one appraisal; give it back with
 * atls_reference_set_clear(). Until then no other call of the store may be made by this thread. */
struct atls_reference_set {
    struct atls_reference_entry *const *values; /* in the order of their coming */
    size_t count;
    /* What must be measured of components (WHAT 0): the first value of each name, and each value
     * without a name. */
    struct atls_reference_entry *const *required;
    size_t required_count;
    struct atls_reference_index *index; /* NULL: nothing is known of this class */
    struct atls_reference_index *owned; /* the same where it is this set's own */
    pthread_rwlock_t *lock;             /* held for reading, or NULL */
    bool times_count;                   /* what is outside of its validity at NOW is not found, */
    int64_t now;                        /* seconds since 1970 */
    size_t *visits;                     /* entries that were looked at are counted here, or NULL */
};
void atls_reference_set_clear(struct atls_reference_set *set);
/* A set of an index, as lent; of a fresh index with these values, or -ENOMEM. */
void atls_reference_set_lend(struct atls_reference_index *index, struct atls_reference_set *setp);
int atls_reference_set_of(const struct atls_reference_value *values, size_t count,
                          struct atls_reference_set *setp);

bool atls_reference_counts(const struct atls_reference_set *set,
                           const struct atls_reference_entry *entry);
bool atls_reference_has_key(const struct atls_reference_entry *entry, enum atls_reference_by by,
                            const struct atls_reference_key *key);
/* The newest value of KEY that counts, and the next older one of the same; NULL. */
const struct atls_reference_entry *atls_reference_find(const struct atls_reference_set *set,
                                                       enum atls_reference_by by,
                                                       const struct atls_reference_key *key);
const struct atls_reference_entry *atls_reference_next(const struct atls_reference_set *set,
                                                       enum atls_reference_by by,
                                                       const struct atls_reference_entry *entry);
/* The place in REQUIRED of this name, or of the newest value that has none; SIZE_MAX: there is
 * none. Whether or not it counts. */
size_t atls_reference_required(const struct atls_reference_set *set,
                               const struct atls_reference_key *key);
/* How many values do not count at NOW, and when (seconds) that changes next: INT64_MAX, never. */
void atls_reference_times(const struct atls_reference_set *set, int64_t now, size_t *outsidep,
                          int64_t *untilp);

/* An order over all fields, for trees; the implementation id comes first. */
int atls_reference_value_compare(const struct atls_reference_value *a,
                                 const struct atls_reference_value *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endorsement store: what endorsers said about devices, reference values and trust anchors,
 * behind a small table of functions. The memory backend lives as long as the program, the sqlite
 * backend as long as its file. All calls may come from several threads at once.
 */
#ifndef ATLS_VERIFIER_STORE_H
#define ATLS_VERIFIER_STORE_H

#include <stdatomic.h>

#include "rats/corim.h"

#define ATLS_STORE_MAX_ENTRIES ((size_t)1 << 16) /* reference values, and trust anchors */

/* The reference values of one implementation id; free the members with atls_reference_set_clear().
 */
struct atls_reference_set {
    struct atls_reference_value *values;
    size_t count;
};
void atls_reference_set_clear(struct atls_reference_set *set);

struct atls_store;
struct atls_store_ops {
    /* All of a CoRIM or nothing of it. What is there already is not added again. ATLS_E_MISMATCH:
     * another key is already the trust anchor of that instance. ATLS_E_LIMIT. -errno. */
    int (*add)(struct atls_store *store, const struct atls_corim *corim);
    /* 0, ATLS_E_MISSING, -errno. */
    int (*find_trust_anchor)(struct atls_store *store, const uint8_t implementation_id[32],
                             const uint8_t instance_id[33], struct atls_public_key *keyp);
    /* 0 (an empty set where nothing is known), -errno. */
    int (*find_reference_values)(struct atls_store *store, const uint8_t implementation_id[32],
                                 struct atls_reference_set *setp);
    void (*close)(struct atls_store *store);
};
struct atls_store { /* the head of each backend's own object */
    const struct atls_store_ops *ops;
    atomic_uint revision; /* another one once endorsements were added */
};

/* SPEC: "memory" or "sqlite:PATH". ATLS_E_UNSUPPORTED (another kind), ATLS_E_MALFORMED (a file that
 * is no such database), -errno. */
int atls_store_open(const char *spec, struct atls_store **storep);
int atls_store_open_memory(struct atls_store **storep);
int atls_store_open_sqlite(const char *path, struct atls_store **storep);
void atls_store_close(struct atls_store *store); /* NULL is fine */

struct atls_store_import { /* what a CoRIM held, new or not */
    size_t reference_values, trust_anchors;
};
/* Parses a CoRIM and adds it: the errors of atls_corim_parse() and of add(). */
int atls_store_import_corim(struct atls_store *store, struct atls_bytes corim,
                            struct atls_store_import *importp);

/* For backends. Copies what is borrowed; -ENOMEM. Equality is that of all fields. */
int atls_reference_value_copy(const struct atls_reference_value *from,
                              struct atls_reference_value *top);
bool atls_reference_value_equal(const struct atls_reference_value *a,
                                const struct atls_reference_value *b);

#endif

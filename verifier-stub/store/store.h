/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endorsement store: what endorsers said about devices, reference values and trust anchors,
 * behind a small table of functions. The memory backend lives as long as the program, the sqlite
 * backend as long as its file. All calls may come from several threads at once.
 */
#ifndef ATLS_VERIFIER_STUB_STORE_STORE_H
#define ATLS_VERIFIER_STUB_STORE_STORE_H

#include "verifier-stub/store/references.h"

#define ATLS_STORE_MAX_ENTRIES ((size_t)1 << 20) /* reference values, and trust anchors */

struct atls_store;
struct atls_store_ops {
    /* All of a CoRIM or nothing of it. What is there already is not added again. ATLS_E_MISMATCH:
     * another key is already the trust anchor of that instance. ATLS_E_LIMIT. -errno. */
    int (*add)(struct atls_store *store, const struct atls_corim *corim);
    /* SOUGHT has profile, implementation id (which is not looked at where
     * atls_corim_found_by_instance()) and instance id. 0, ATLS_E_MISSING, -errno. */
    int (*find_trust_anchor)(struct atls_store *store, const struct atls_trust_anchor *sought,
                             struct atls_trust_anchor *anchorp);
    /* 0 (an empty set where nothing is known), -errno. The set is lent, not copied: whoever adds
     * waits until it is given back. */
    int (*find_reference_values)(struct atls_store *store, enum atls_corim_profile profile,
                                 const uint8_t implementation_id[32],
                                 struct atls_reference_set *setp);
    /* Another number once endorsements were added, by whatever process. 0, -errno. */
    int (*revision)(struct atls_store *store, uint64_t *revisionp);
    void (*close)(struct atls_store *store);
};
struct atls_store { /* the head of each backend's own object */
    const struct atls_store_ops *ops;
    size_t most; /* entries of either kind; 0: ATLS_STORE_MAX_ENTRIES */
};

/* SPEC: "memory" or "sqlite:PATH". ATLS_E_UNSUPPORTED (another kind), ATLS_E_MALFORMED (a file that
 * is no such database), -errno. */
int atls_store_open(const char *spec, struct atls_store **storep);
int atls_store_open_memory(struct atls_store **storep);
int atls_store_open_sqlite(const char *path, struct atls_store **storep);
void atls_store_close(struct atls_store *store); /* NULL is fine */

struct atls_import_rules {
    int64_t now; /* seconds since 1970 */
    const struct atls_crypto *crypto;
    const struct atls_public_key *endorsers; /* whose signatures count */
    size_t endorser_count;
    bool signed_only;
    const enum atls_corim_profile *profile; /* what its media type says; NULL: any */
};
struct atls_store_import { /* what a CoRIM held, new or not */
    size_t reference_values, trust_anchors;
    unsigned skipped; /* as in struct atls_corim */
    bool is_signed;
    char signer[128]; /* where it is; in printable characters */
};
/* Parses a CoRIM, signed or not, and adds it: the errors of atls_corim_parse(),
 * atls_corim_signed_parse() and add(); ATLS_E_UNTRUSTED (signed, and no endorser's key is known, or
 * unsigned against the rules), ATLS_E_SIGNATURE (by none of the endorsers), ATLS_E_EXPIRED (outside
 * of its validity), ATLS_E_MISMATCH (another profile than the rules'). */
int atls_store_import_by(struct atls_store *store, const struct atls_import_rules *rules,
                         struct atls_bytes corim, struct atls_store_import *importp);
/* The same by this machine's clock, without any endorser's key. */
int atls_store_import_corim(struct atls_store *store, struct atls_bytes corim,
                            struct atls_store_import *importp);

/* For backends: how many entries of either kind there may be. */
size_t atls_store_most(const struct atls_store *store);
/* What is sought of the PSA profile. */
struct atls_trust_anchor atls_psa_anchor(const uint8_t implementation_id[32],
                                         const uint8_t instance_id[33]);
/* Is it the same endorsement: the same key of the same class? ATLS_E_MISMATCH. */
int atls_trust_anchor_agrees(const struct atls_trust_anchor *known,
                             const struct atls_trust_anchor *anchor);
/* The same key is endorsed again: for as long as either said. */
void atls_trust_anchor_extend(struct atls_trust_anchor *anchor,
                              const struct atls_validity *validity);

#endif

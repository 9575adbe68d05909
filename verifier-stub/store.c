/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's backends share: choosing one, importing a CoRIM, copying reference values. */
#include "verifier-stub/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/error.h"

int atls_store_open(const char *spec, struct atls_store **storep)
{
    static const char sqlite[] = "sqlite:";

    if (strcmp(spec, "memory") == 0)
        return atls_store_open_memory(storep);
    if (strncmp(spec, sqlite, strlen(sqlite)) == 0 && spec[strlen(sqlite)] != 0)
        return atls_store_open_sqlite(spec + strlen(sqlite), storep);
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "store: expected memory or sqlite:PATH, got \"%s\"",
                     spec);
}

void atls_store_close(struct atls_store *store)
{
    if (store)
        store->ops->close(store);
}

int atls_store_import_corim(struct atls_store *store, struct atls_bytes in,
                            struct atls_store_import *importp)
{
    struct atls_corim corim = {0};
    int error = atls_corim_parse(in, &corim);

    if (error != 0)
        return error;
    error = store->ops->add(store, &corim);
    if (error == 0)
        *importp =
            (struct atls_store_import){corim.reference_value_count, corim.trust_anchor_count};
    atomic_fetch_add(&store->revision, 1); /* whatever came of it */
    atls_corim_clear(&corim);
    return error;
}

void atls_reference_set_clear(struct atls_reference_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->values[i].name);
        free(set->values[i].version);
    }
    free(set->values);
    *set = (struct atls_reference_set){0};
}

int atls_reference_value_copy(const struct atls_reference_value *from,
                              struct atls_reference_value *top)
{
    struct atls_reference_value copy = *from;

    copy.name = from->name ? strdup(from->name) : NULL;
    copy.version = from->version ? strdup(from->version) : NULL;
    if ((from->name && !copy.name) || (from->version && !copy.version)) {
        free(copy.name);
        free(copy.version);
        return atls_fail(-ENOMEM, NULL, "no memory for a reference value");
    }
    *top = copy;
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool atls_reference_value_equal(const struct atls_reference_value *a,
                                const struct atls_reference_value *b)
{
    return memcmp(a->implementation_id, b->implementation_id, sizeof a->implementation_id) == 0 &&
           same_text(a->name, b->name) && same_text(a->version, b->version) &&
           a->digest_hash == b->digest_hash &&
           atls_bytes_equal(ATLS_BYTES(a->digest, a->digest_size),
                            ATLS_BYTES(b->digest, b->digest_size)) &&
           atls_bytes_equal(ATLS_BYTES(a->signer_id, a->signer_id_size),
                            ATLS_BYTES(b->signer_id, b->signer_id_size));
}

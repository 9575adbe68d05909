/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a sqlite database, which outlives the program. One connection behind one lock. What
 * is read back is checked like anything from outside: the file may be somebody else's.
 */
#include "verifier-stub/store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "rats/error.h"

#define SCHEMA_VERSION 1

struct sqlite_store {
    struct atls_store head;
    pthread_mutex_t lock;
    sqlite3 *database;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS reference_value ("
    " implementation_id BLOB NOT NULL, name TEXT, version TEXT,"
    " digest BLOB NOT NULL, hash INTEGER NOT NULL, signer_id BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS reference_value_of ON reference_value (implementation_id);"
    "CREATE TABLE IF NOT EXISTS trust_anchor ("
    " implementation_id BLOB NOT NULL, instance_id BLOB NOT NULL,"
    " curve INTEGER NOT NULL, x BLOB NOT NULL, y BLOB NOT NULL,"
    " PRIMARY KEY (implementation_id, instance_id));"
    "PRAGMA user_version = 1;";

static struct sqlite_store *of(struct atls_store *store)
{
    return (struct sqlite_store *)store;
}

static int sqlite_fail(const struct sqlite_store *store, const char *doing)
{
    int code = sqlite3_errcode(store->database);
    int error = code == SQLITE_NOMEM ? -ENOMEM : code == SQLITE_NOTADB ? ATLS_E_MALFORMED : -EIO;

    return atls_fail(error, NULL, "store: %s: %s", doing, sqlite3_errmsg(store->database));
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define STATEMENT __attribute__((cleanup(finalize))) sqlite3_stmt *

static int prepare(struct sqlite_store *store, const char *text, sqlite3_stmt **statementp)
{
    if (sqlite3_prepare_v2(store->database, text, -1, statementp, NULL) != SQLITE_OK)
        return sqlite_fail(store, "prepare");
    return 0;
}

static void bind_blob(sqlite3_stmt *statement, int index, const uint8_t *data, size_t size)
{
    /* an empty blob, not NULL, where there is nothing */
    sqlite3_bind_blob(statement, index, size ? (const void *)data : "", (int)size, SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

/* A column's bytes, which must be of a size within the bounds. */
static int read_blob(struct sqlite_store *store, sqlite3_stmt *statement, int column, size_t least,
                     size_t most, uint8_t *datap, size_t *sizep)
{
    const void *data = sqlite3_column_blob(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);

    if (size < least || size > most)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: %s has %zu bytes, expected %zu to %zu",
                         sqlite3_column_name(statement, column), size, least, most);
    if (size > 0)
        memcpy(datap, data, size);
    if (sizep)
        *sizep = size;
    return 0;
}

static int read_text(sqlite3_stmt *statement, int column, char **textp)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    *textp = NULL;
    if (!text)
        return 0;
    *textp = strdup((const char *)text);
    return *textp ? 0 : atls_fail(-ENOMEM, NULL, "no memory for a reference value");
}

static int read_key(struct sqlite_store *store, sqlite3_stmt *statement,
                    struct atls_public_key *keyp)
{
    struct atls_public_key key = {0};
    int curve = sqlite3_column_int(statement, 0);
    size_t size;
    int error;

    if (curve != ATLS_P256 && curve != ATLS_P384)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: curve %d is unknown", curve);
    key.curve = (enum atls_curve)curve;
    size = atls_curve_size(key.curve);
    error = read_blob(store, statement, 1, size, size, key.x, NULL);
    if (error == 0)
        error = read_blob(store, statement, 2, size, size, key.y, NULL);
    if (error == 0)
        *keyp = key;
    return error;
}

static int find_key(struct sqlite_store *store, const uint8_t *implementation_id,
                    const uint8_t *instance_id, struct atls_public_key *keyp)
{
    STATEMENT statement = NULL;
    int error = prepare(store,
                        "SELECT curve, x, y FROM trust_anchor"
                        " WHERE implementation_id = ?1 AND instance_id = ?2",
                        &statement);
    int step;

    if (error != 0)
        return error;
    bind_blob(statement, 1, implementation_id, 32);
    bind_blob(statement, 2, instance_id, 33);
    step = sqlite3_step(statement);
    if (step == SQLITE_DONE)
        return atls_fail(ATLS_E_MISSING, NULL, "no trust anchor for this instance");
    if (step != SQLITE_ROW)
        return sqlite_fail(store, "find a trust anchor");
    return read_key(store, statement, keyp);
}

static int add_anchor(struct sqlite_store *store, const struct atls_trust_anchor *anchor)
{
    STATEMENT statement = NULL;
    size_t size = atls_curve_size(anchor->key.curve);
    struct atls_public_key known;
    int error = find_key(store, anchor->implementation_id, anchor->instance_id, &known);

    if (error == 0)
        return atls_public_key_equal(&known, &anchor->key)
                   ? 0
                   : atls_fail(ATLS_E_MISMATCH, NULL,
                               "trust anchor: this instance already has another key");
    if (error != ATLS_E_MISSING)
        return error;
    error = prepare(store, "INSERT INTO trust_anchor VALUES (?1, ?2, ?3, ?4, ?5)", &statement);
    if (error != 0)
        return error;
    bind_blob(statement, 1, anchor->implementation_id, 32);
    bind_blob(statement, 2, anchor->instance_id, 33);
    sqlite3_bind_int(statement, 3, (int)anchor->key.curve);
    bind_blob(statement, 4, anchor->key.x, size);
    bind_blob(statement, 5, anchor->key.y, size);
    return sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_fail(store, "add a trust anchor");
}

static int add_reference(struct sqlite_store *store, const struct atls_reference_value *value)
{
    STATEMENT statement = NULL;
    int error = prepare(store,
                        "INSERT INTO reference_value SELECT ?1, ?2, ?3, ?4, ?5, ?6"
                        " WHERE NOT EXISTS (SELECT 1 FROM reference_value"
                        "  WHERE implementation_id = ?1 AND name IS ?2 AND version IS ?3"
                        "  AND digest = ?4 AND hash = ?5 AND signer_id = ?6)",
                        &statement);

    if (error != 0)
        return error;
    bind_blob(statement, 1, value->implementation_id, sizeof value->implementation_id);
    bind_text(statement, 2, value->name);
    bind_text(statement, 3, value->version);
    bind_blob(statement, 4, value->digest, value->digest_size);
    sqlite3_bind_int(statement, 5, (int)value->digest_hash);
    bind_blob(statement, 6, value->signer_id, value->signer_id_size);
    return sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_fail(store, "add a reference value");
}

static int check_limit(struct sqlite_store *store)
{
    STATEMENT statement = NULL;
    int error = prepare(store,
                        "SELECT max((SELECT count(*) FROM reference_value),"
                        " (SELECT count(*) FROM trust_anchor))",
                        &statement);

    if (error != 0)
        return error;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return sqlite_fail(store, "count");
    if ((size_t)sqlite3_column_int64(statement, 0) > ATLS_STORE_MAX_ENTRIES)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds at most %zu entries",
                         ATLS_STORE_MAX_ENTRIES);
    return 0;
}

static int execute(struct sqlite_store *store, const char *text)
{
    if (sqlite3_exec(store->database, text, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_fail(store, text);
    return 0;
}

static int sqlite_add(struct atls_store *head, const struct atls_corim *corim)
{
    struct sqlite_store *store = of(head);
    int error;

    pthread_mutex_lock(&store->lock);
    error = execute(store, "BEGIN IMMEDIATE");
    if (error == 0) {
        for (size_t i = 0; error == 0 && i < corim->trust_anchor_count; i++)
            error = add_anchor(store, &corim->trust_anchors[i]);
        for (size_t i = 0; error == 0 && i < corim->reference_value_count; i++)
            error = add_reference(store, &corim->reference_values[i]);
        if (error == 0)
            error = check_limit(store);
        if (error == 0)
            error = execute(store, "COMMIT");
        if (error != 0)
            sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&store->lock);
    return error;
}

static int sqlite_find_trust_anchor(struct atls_store *head, const uint8_t implementation_id[32],
                                    const uint8_t instance_id[33], struct atls_public_key *keyp)
{
    struct sqlite_store *store = of(head);
    int error;

    pthread_mutex_lock(&store->lock);
    error = find_key(store, implementation_id, instance_id, keyp);
    pthread_mutex_unlock(&store->lock);
    return error;
}

static int read_reference(struct sqlite_store *store, sqlite3_stmt *statement,
                          const uint8_t implementation_id[32], struct atls_reference_value *valuep)
{
    struct atls_reference_value value = {0};
    int hash = sqlite3_column_int(statement, 3);
    int error;

    memcpy(value.implementation_id, implementation_id, 32);
    if (hash != ATLS_SHA256 && hash != ATLS_SHA384 && hash != ATLS_SHA512)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: hash %d is unknown", hash);
    value.digest_hash = (enum atls_hash)hash;
    error =
        read_blob(store, statement, 2, 1, sizeof value.digest, value.digest, &value.digest_size);
    if (error == 0)
        error = read_blob(store, statement, 4, 0, sizeof value.signer_id, value.signer_id,
                          &value.signer_id_size);
    if (error == 0)
        error = read_text(statement, 0, &value.name);
    if (error == 0)
        error = read_text(statement, 1, &value.version);
    if (error != 0) {
        free(value.name);
        free(value.version);
        return error;
    }
    *valuep = value;
    return 0;
}

/* The place for one more value; NULL: no memory. */
static struct atls_reference_value *next_place(struct atls_reference_set *set, size_t *capacity)
{
    struct atls_reference_value *grown;

    if (set->count < *capacity)
        return &set->values[set->count];
    *capacity = *capacity ? *capacity * 2 : 16;
    grown = realloc(set->values, *capacity * sizeof *grown);
    if (!grown)
        return NULL;
    set->values = grown;
    return &grown[set->count];
}

static int read_references(struct sqlite_store *store, const uint8_t implementation_id[32],
                           struct atls_reference_set *set)
{
    STATEMENT statement = NULL;
    size_t capacity = 0;
    int error = prepare(store,
                        "SELECT name, version, digest, hash, signer_id FROM reference_value"
                        " WHERE implementation_id = ?1 ORDER BY rowid",
                        &statement);
    int step;

    if (error != 0)
        return error;
    bind_blob(statement, 1, implementation_id, 32);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct atls_reference_value *place = next_place(set, &capacity);

        if (!place)
            return atls_fail(-ENOMEM, NULL, "no memory for reference values");
        error = read_reference(store, statement, implementation_id, place);
        if (error != 0)
            return error;
        set->count++;
    }
    return step == SQLITE_DONE ? 0 : sqlite_fail(store, "find reference values");
}

static int sqlite_find_reference_values(struct atls_store *head,
                                        const uint8_t implementation_id[32],
                                        struct atls_reference_set *setp)
{
    struct sqlite_store *store = of(head);
    struct atls_reference_set set = {0};
    int error;

    pthread_mutex_lock(&store->lock);
    error = read_references(store, implementation_id, &set);
    pthread_mutex_unlock(&store->lock);
    if (error != 0)
        atls_reference_set_clear(&set);
    else
        *setp = set;
    return error;
}

static void sqlite_close(struct atls_store *head)
{
    struct sqlite_store *store = of(head);

    sqlite3_close(store->database);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static const struct atls_store_ops sqlite_ops = {
    .add = sqlite_add,
    .find_trust_anchor = sqlite_find_trust_anchor,
    .find_reference_values = sqlite_find_reference_values,
    .close = sqlite_close,
};

/* A new file gets the schema; one of another version, or of another program, is refused. */
static int check_schema(struct sqlite_store *store)
{
    STATEMENT statement = NULL;
    int error = prepare(store,
                        "SELECT (SELECT user_version FROM pragma_user_version),"
                        " (SELECT count(*) FROM sqlite_master)",
                        &statement);
    int version, tables;

    if (error != 0)
        return error;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return sqlite_fail(store, "read the schema's version");
    version = sqlite3_column_int(statement, 0);
    tables = sqlite3_column_int(statement, 1);
    if (version == SCHEMA_VERSION || (version == 0 && tables == 0))
        return 0;
    return atls_fail(ATLS_E_MALFORMED, NULL,
                     "store: expected an empty database or schema version %d, got version %d with "
                     "%d tables and indexes",
                     SCHEMA_VERSION, version, tables);
}

int atls_store_open_sqlite(const char *path, struct atls_store **storep)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    int error = 0;

    if (!store)
        return atls_fail(-ENOMEM, NULL, "no memory for a store");
    store->head.ops = &sqlite_ops;
    pthread_mutex_init(&store->lock, NULL);
    if (sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        error = atls_fail(-EIO, NULL, "store: cannot open %s: %s", path,
                          sqlite3_errmsg(store->database));
    if (error == 0) {
        sqlite3_busy_timeout(store->database, 5000);
        error = check_schema(store);
    }
    if (error == 0)
        error = execute(store, schema);
    if (error != 0) {
        sqlite_close(&store->head);
        return error;
    }
    *storep = &store->head;
    return 0;
}

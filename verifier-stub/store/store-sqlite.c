/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a sqlite database, which outlives the program, and which several processes may
 * share. Its journal is a write-ahead log, and additions have a connection of their own, so that
 * appraisals read on while a CoRIM is added, here or elsewhere. What is read back is checked like
 * anything from outside: the file may be somebody else's.
 */
#include "verifier-stub/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define SCHEMA_VERSION 3
#define READ_PATIENCE_MS 5000   /* a reader waits for a check-point only */
#define WRITE_PATIENCE_MS 60000 /* for the transactions of others, which are short */

struct connection {
    pthread_mutex_t lock;
    sqlite3 *database;
};

struct sqlite_store {
    struct atls_store head;
    struct connection reader, writer;
};

#define ANCHOR_TABLE                                                                               \
    "CREATE TABLE IF NOT EXISTS trust_anchor ("                                                    \
    " implementation_id BLOB NOT NULL, instance_id BLOB NOT NULL,"                                 \
    " curve INTEGER NOT NULL, x BLOB NOT NULL, y BLOB NOT NULL,"                                   \
    " not_before INTEGER NOT NULL DEFAULT 0, not_after INTEGER NOT NULL DEFAULT 0,"                \
    " profile INTEGER NOT NULL DEFAULT 0,"                                                         \
    " PRIMARY KEY (profile, instance_id, implementation_id));"

/* Rows are never deleted, so the newest row's number is how many there are. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS reference_value ("
    " implementation_id BLOB NOT NULL, name TEXT, version TEXT,"
    " digest BLOB NOT NULL, hash INTEGER NOT NULL, signer_id BLOB NOT NULL,"
    " not_before INTEGER NOT NULL DEFAULT 0, not_after INTEGER NOT NULL DEFAULT 0,"
    " profile INTEGER NOT NULL DEFAULT 0, pcr INTEGER NOT NULL DEFAULT 0,"
    " pcr_set BLOB NOT NULL DEFAULT x'');"
    "CREATE INDEX IF NOT EXISTS reference_value_of ON reference_value "
    "(implementation_id);" ANCHOR_TABLE;
/* Version 1 knew no validity, and looked for each value among all. */
static const char from_version_1[] =
    "ALTER TABLE reference_value ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE reference_value ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE trust_anchor ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE trust_anchor ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0;";
/* Version 2 knew one profile, that of PSA. */
static const char from_version_2[] =
    "ALTER TABLE reference_value ADD COLUMN profile INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE reference_value ADD COLUMN pcr INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE reference_value ADD COLUMN pcr_set BLOB NOT NULL DEFAULT x'';"
    "DROP INDEX IF EXISTS reference_value_once;"
    "ALTER TABLE trust_anchor RENAME TO trust_anchor_2;" ANCHOR_TABLE
    "INSERT INTO trust_anchor SELECT implementation_id, instance_id, curve, x, y, not_before,"
    " not_after, 0 FROM trust_anchor_2;"
    "DROP TABLE trust_anchor_2;";
/* NULL differs from every text, and in an index from itself too: a blob stands for it. */
static const char once[] =
    "CREATE UNIQUE INDEX IF NOT EXISTS reference_value_once ON reference_value ("
    " digest, implementation_id, ifnull(name, x''), ifnull(version, x''), hash, signer_id,"
    " not_before, not_after, profile, pcr, pcr_set);"
    "PRAGMA user_version = 3;";

static struct sqlite_store *of(struct atls_store *store)
{
    return (struct sqlite_store *)store;
}

static int sqlite_fail(const struct connection *store, const char *doing)
{
    int code = sqlite3_errcode(store->database);
    int result = code == SQLITE_NOMEM ? -ENOMEM : code == SQLITE_NOTADB ? ATLS_E_MALFORMED : -EIO;

    return atls_fail(result, NULL, "store: %s: %s", doing, sqlite3_errmsg(store->database));
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define STATEMENT __attribute__((cleanup(finalize))) sqlite3_stmt *

static int prepare(struct connection *store, const char *text, sqlite3_stmt **statementp)
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
static int read_blob(struct connection *store, sqlite3_stmt *statement, int column, size_t least,
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

static int read_key(struct connection *store, sqlite3_stmt *statement, struct atls_public_key *keyp)
{
    struct atls_public_key key = {0};
    int curve = sqlite3_column_int(statement, 0);
    size_t size;
    int result;

    if (curve != ATLS_P256 && curve != ATLS_P384)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: curve %d is unknown", curve);
    key.curve = (enum atls_curve)curve;
    size = atls_curve_size(key.curve);
    result = read_blob(store, statement, 1, size, size, key.x, NULL);
    if (result == 0)
        result = read_blob(store, statement, 2, size, size, key.y, NULL);
    if (result == 0)
        *keyp = key;
    return result;
}

static int read_validity(sqlite3_stmt *statement, int column, struct atls_validity *validityp)
{
    struct atls_validity validity = {sqlite3_column_int64(statement, column),
                                     sqlite3_column_int64(statement, column + 1)};

    if (validity.not_before < 0 || validity.not_after < 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: a time is negative");
    *validityp = validity;
    return 0;
}

static size_t instance_size(const struct atls_trust_anchor *anchor)
{
    return anchor->instance_id_size ? anchor->instance_id_size : sizeof anchor->instance_id;
}

static int find_anchor(struct connection *store, const struct atls_trust_anchor *sought,
                       struct atls_trust_anchor *anchorp)
{
    STATEMENT statement = NULL;
    int result = prepare(store,
                         "SELECT curve, x, y, not_before, not_after, implementation_id"
                         " FROM trust_anchor"
                         " WHERE profile = ?1 AND instance_id = ?2"
                         " AND (?3 IS NULL OR implementation_id = ?3)",
                         &statement);
    struct atls_trust_anchor anchor = *sought;
    int step;

    if (result != 0)
        return result;
    sqlite3_bind_int(statement, 1, (int)sought->profile);
    bind_blob(statement, 2, sought->instance_id, instance_size(sought));
    if (!atls_corim_found_by_instance(sought->profile))
        bind_blob(statement, 3, sought->implementation_id, sizeof sought->implementation_id);
    step = sqlite3_step(statement);
    if (step == SQLITE_DONE)
        return atls_fail(ATLS_E_MISSING, NULL, "no trust anchor for this instance");
    if (step != SQLITE_ROW)
        return sqlite_fail(store, "find a trust anchor");
    result = read_key(store, statement, &anchor.key);
    if (result == 0)
        result = read_blob(store, statement, 5, sizeof anchor.implementation_id,
                           sizeof anchor.implementation_id, anchor.implementation_id, NULL);
    if (result == 0)
        result = read_validity(statement, 3, &anchor.validity);
    if (result == 0)
        *anchorp = anchor;
    return result;
}

static int put_anchor(struct connection *store, const struct atls_trust_anchor *anchor)
{
    STATEMENT statement = NULL;
    size_t size = atls_curve_size(anchor->key.curve);
    int result = prepare(store, "REPLACE INTO trust_anchor VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                         &statement);

    if (result != 0)
        return result;
    bind_blob(statement, 1, anchor->implementation_id, 32);
    bind_blob(statement, 2, anchor->instance_id, instance_size(anchor));
    sqlite3_bind_int(statement, 3, (int)anchor->key.curve);
    bind_blob(statement, 4, anchor->key.x, size);
    bind_blob(statement, 5, anchor->key.y, size);
    sqlite3_bind_int64(statement, 6, anchor->validity.not_before);
    sqlite3_bind_int64(statement, 7, anchor->validity.not_after);
    sqlite3_bind_int(statement, 8, (int)anchor->profile);
    return sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_fail(store, "add a trust anchor");
}

static int extend_anchor(struct connection *store, const struct atls_trust_anchor *anchor)
{
    STATEMENT statement = NULL;
    int result = prepare(store,
                         "UPDATE trust_anchor SET not_before = ?3, not_after = ?4"
                         " WHERE implementation_id = ?1 AND instance_id = ?2 AND profile = ?5",
                         &statement);

    if (result != 0)
        return result;
    bind_blob(statement, 1, anchor->implementation_id, 32);
    bind_blob(statement, 2, anchor->instance_id, instance_size(anchor));
    sqlite3_bind_int(statement, 5, (int)anchor->profile);
    sqlite3_bind_int64(statement, 3, anchor->validity.not_before);
    sqlite3_bind_int64(statement, 4, anchor->validity.not_after);
    return sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_fail(store, "extend a trust anchor");
}

static int add_anchor(struct connection *store, const struct atls_trust_anchor *anchor)
{
    struct atls_trust_anchor known;
    int result = find_anchor(store, anchor, &known);

    if (result == ATLS_E_MISSING)
        return put_anchor(store, anchor);
    if (result == 0)
        result = atls_trust_anchor_agrees(&known, anchor);
    if (result != 0)
        return result;
    atls_trust_anchor_extend(&known, &anchor->validity);
    return extend_anchor(store, &known);
}

/* Zeros: it is of no set. */
static size_t set_size(const struct atls_reference_value *value)
{
    static const uint8_t none[sizeof value->set];

    return memcmp(value->set, none, sizeof none) == 0 ? 0 : sizeof value->set;
}

static int add_references(struct connection *store, const struct atls_corim *corim)
{
    STATEMENT statement = NULL;
    int result = prepare(
        store,
        "INSERT OR IGNORE INTO reference_value VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
        " ?11)",
        &statement);

    for (size_t i = 0; result == 0 && i < corim->reference_value_count; i++) {
        const struct atls_reference_value *value = &corim->reference_values[i];

        bind_blob(statement, 1, value->implementation_id, sizeof value->implementation_id);
        bind_text(statement, 2, value->name);
        bind_text(statement, 3, value->version);
        bind_blob(statement, 4, value->digest, value->digest_size);
        sqlite3_bind_int(statement, 5, (int)value->digest_hash);
        bind_blob(statement, 6, value->signer_id, value->signer_id_size);
        sqlite3_bind_int64(statement, 7, value->validity.not_before);
        sqlite3_bind_int64(statement, 8, value->validity.not_after);
        sqlite3_bind_int(statement, 9, (int)value->profile);
        sqlite3_bind_int(statement, 10, (int)value->pcr);
        bind_blob(statement, 11, value->set, set_size(value));
        if (sqlite3_step(statement) != SQLITE_DONE)
            result = sqlite_fail(store, "add a reference value");
        sqlite3_reset(statement);
    }
    return result;
}

static int check_limit(struct connection *store)
{
    STATEMENT statement = NULL;
    int result = prepare(store,
                         "SELECT max(ifnull((SELECT max(rowid) FROM reference_value), 0),"
                         " ifnull((SELECT max(rowid) FROM trust_anchor), 0))",
                         &statement);

    if (result != 0)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return sqlite_fail(store, "count");
    if ((size_t)sqlite3_column_int64(statement, 0) > ATLS_STORE_MAX_ENTRIES)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds at most %zu entries",
                         ATLS_STORE_MAX_ENTRIES);
    return 0;
}

static int execute(struct connection *store, const char *text)
{
    if (sqlite3_exec(store->database, text, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_fail(store, text);
    return 0;
}

/* One transaction, which waits for those of other processes. */
static int add_all(struct connection *store, const struct atls_corim *corim)
{
    int result = execute(store, "BEGIN IMMEDIATE");

    if (result != 0)
        return result;
    for (size_t i = 0; result == 0 && i < corim->trust_anchor_count; i++)
        result = add_anchor(store, &corim->trust_anchors[i]);
    if (result == 0)
        result = add_references(store, corim);
    if (result == 0)
        result = check_limit(store);
    if (result == 0)
        result = execute(store, "COMMIT");
    if (result != 0)
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

static int sqlite_add(struct atls_store *head, const struct atls_corim *corim)
{
    struct sqlite_store *store = of(head);
    int result;

    pthread_mutex_lock(&store->writer.lock);
    result = add_all(&store->writer, corim);
    pthread_mutex_unlock(&store->writer.lock);
    return result;
}

static int sqlite_find_trust_anchor(struct atls_store *head, const struct atls_trust_anchor *sought,
                                    struct atls_trust_anchor *anchorp)
{
    struct sqlite_store *store = of(head);
    int result;

    pthread_mutex_lock(&store->reader.lock);
    result = find_anchor(&store->reader, sought, anchorp);
    pthread_mutex_unlock(&store->reader.lock);
    return result;
}

static int read_pcr(struct connection *store, sqlite3_stmt *statement,
                    struct atls_reference_value *value)
{
    sqlite3_int64 pcr = sqlite3_column_int64(statement, 7);

    if (pcr < 0 || pcr >= ATLS_PCRS_MAX)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: PCR %lld is none", (long long)pcr);
    value->pcr = (unsigned)pcr;
    return read_blob(store, statement, 8, 0, sizeof value->set, value->set, NULL);
}

static int read_reference(struct connection *store, sqlite3_stmt *statement,
                          enum atls_corim_profile profile, const uint8_t implementation_id[32],
                          struct atls_reference_value *valuep)
{
    struct atls_reference_value value = {.profile = profile};
    int hash = sqlite3_column_int(statement, 3);
    int result;

    memcpy(value.implementation_id, implementation_id, 32);
    if (hash != ATLS_SHA256 && hash != ATLS_SHA384 && hash != ATLS_SHA512)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: hash %d is unknown", hash);
    value.digest_hash = (enum atls_hash)hash;
    result =
        read_blob(store, statement, 2, 1, sizeof value.digest, value.digest, &value.digest_size);
    if (result == 0)
        result = read_blob(store, statement, 4, 0, sizeof value.signer_id, value.signer_id,
                           &value.signer_id_size);
    if (result == 0)
        result = read_text(statement, 0, &value.name);
    if (result == 0)
        result = read_text(statement, 1, &value.version);
    if (result == 0)
        result = read_validity(statement, 5, &value.validity);
    if (result == 0)
        result = read_pcr(store, statement, &value);
    if (result != 0) {
        free(value.name);
        free(value.version);
        return result;
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

static int read_references(struct connection *store, enum atls_corim_profile profile,
                           const uint8_t implementation_id[32], struct atls_reference_set *set)
{
    STATEMENT statement = NULL;
    size_t capacity = 0;
    int result = prepare(store,
                         "SELECT name, version, digest, hash, signer_id, not_before, not_after,"
                         " pcr, pcr_set FROM reference_value"
                         " WHERE implementation_id = ?1 AND profile = ?2 ORDER BY rowid",
                         &statement);
    int step;

    if (result != 0)
        return result;
    bind_blob(statement, 1, implementation_id, 32);
    sqlite3_bind_int(statement, 2, (int)profile);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct atls_reference_value *place = next_place(set, &capacity);

        if (!place)
            return atls_fail(-ENOMEM, NULL, "no memory for reference values");
        result = read_reference(store, statement, profile, implementation_id, place);
        if (result != 0)
            return result;
        set->count++;
    }
    return step == SQLITE_DONE ? 0 : sqlite_fail(store, "find reference values");
}

static int sqlite_find_reference_values(struct atls_store *head, enum atls_corim_profile profile,
                                        const uint8_t implementation_id[32],
                                        struct atls_reference_set *setp)
{
    struct sqlite_store *store = of(head);
    struct atls_reference_set set = {0};
    int result;

    pthread_mutex_lock(&store->reader.lock);
    result = read_references(&store->reader, profile, implementation_id, &set);
    pthread_mutex_unlock(&store->reader.lock);
    if (result != 0)
        atls_reference_set_clear(&set);
    else
        *setp = set;
    return result;
}

/* As the reader sees it: each commit of another connection, here or elsewhere, changes it. */
static int sqlite_revision(struct atls_store *head, uint64_t *revisionp)
{
    struct connection *reader = &of(head)->reader;
    STATEMENT statement = NULL;
    int result;

    pthread_mutex_lock(&reader->lock);
    result = prepare(reader, "PRAGMA data_version", &statement);
    if (result == 0 && sqlite3_step(statement) != SQLITE_ROW)
        result = sqlite_fail(reader, "read the data's version");
    if (result == 0)
        *revisionp = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    statement = NULL;
    pthread_mutex_unlock(&reader->lock);
    return result;
}

static void sqlite_close(struct atls_store *head)
{
    struct sqlite_store *store = of(head);

    sqlite3_close(store->reader.database);
    sqlite3_close(store->writer.database);
    pthread_mutex_destroy(&store->reader.lock);
    pthread_mutex_destroy(&store->writer.lock);
    free(store);
}

static const struct atls_store_ops sqlite_ops = {
    .add = sqlite_add,
    .find_trust_anchor = sqlite_find_trust_anchor,
    .find_reference_values = sqlite_find_reference_values,
    .revision = sqlite_revision,
    .close = sqlite_close,
};

static int read_versions(struct connection *store, int *versionp, int *tablesp)
{
    STATEMENT statement = NULL;
    int result = prepare(store,
                         "SELECT (SELECT user_version FROM pragma_user_version),"
                         " (SELECT count(*) FROM sqlite_master)",
                         &statement);

    if (result != 0)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return sqlite_fail(store, "read the schema's version");
    *versionp = sqlite3_column_int(statement, 0);
    *tablesp = sqlite3_column_int(statement, 1);
    return 0;
}

/* A new file gets the schema, an older one is brought up to it; one of a later version, or of
 * another program, is refused. */
static int make_schema(struct connection *store)
{
    int version = 0, tables = 0;
    int result = read_versions(store, &version, &tables);

    if (result != 0)
        return result;
    if (version < 0 || version > SCHEMA_VERSION || (version == 0 && tables != 0))
        return atls_fail(ATLS_E_MALFORMED, NULL,
                         "store: expected an empty database or schema version 1 to %d, came "
                         "version %d with %d tables and indexes",
                         SCHEMA_VERSION, version, tables);
    if (version == 1)
        result = execute(store, from_version_1);
    if (result == 0 && (version == 1 || version == 2))
        result = execute(store, from_version_2);
    if (result == 0)
        result = execute(store, schema);
    return result == 0 ? execute(store, once) : result;
}

/* Under the lock of a writer: several processes may open the same new file at once. */
static int set_up(struct connection *store)
{
    int result = execute(store, "BEGIN IMMEDIATE");

    if (result != 0)
        return result;
    result = make_schema(store);
    if (result == 0)
        result = execute(store, "COMMIT");
    if (result != 0)
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

static int connect_to(const char *path, int patience, struct connection *store)
{
    if (sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        return atls_fail(-EIO, NULL, "store: cannot open %s: %s", path,
                         sqlite3_errmsg(store->database));
    sqlite3_busy_timeout(store->database, patience);
    return 0;
}

int atls_store_open_sqlite(const char *path, struct atls_store **storep)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    int result;

    if (!store)
        return atls_fail(-ENOMEM, NULL, "no memory for a store");
    store->head.ops = &sqlite_ops;
    pthread_mutex_init(&store->reader.lock, NULL);
    pthread_mutex_init(&store->writer.lock, NULL);
    result = connect_to(path, WRITE_PATIENCE_MS, &store->writer);
    if (result == 0)
        result = set_up(&store->writer);
    /* Where the file system cannot have it, the old journal stays, and readers wait for writers. */
    if (result == 0)
        sqlite3_exec(store->writer.database, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if (result == 0)
        result = connect_to(path, READ_PATIENCE_MS, &store->reader);
    if (result != 0) {
        sqlite_close(&store->head);
        return result;
    }
    *storep = &store->head;
    return 0;
}

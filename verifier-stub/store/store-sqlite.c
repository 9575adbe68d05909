/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a sqlite database, which outlives the program, and which several processes may
 * share. Its journal is a write-ahead log, and additions have a connection of their own, so that
 * appraisals read on while a CoRIM is added, here or elsewhere. What is read back is checked like
 * anything from outside: the file may be somebody else's. The reference values of a class are read
 * once, when they are first asked for, into an index (references.h); after that only rows that came
 * since, unless rows were changed or removed, which the database notes, whoever does it.
 */
#include "verifier-stub/store/store-sqlite-private.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define READ_PATIENCE_MS 5000   /* a reader waits for a check-point only */
#define WRITE_PATIENCE_MS 60000 /* for the transactions of others, which are short */

/* A class as it was read. */
struct kept {
    enum atls_corim_profile profile;
    uint8_t id[32];
    struct atls_reference_index *index;    /* NULL: to be read from the start */
    sqlite3_int64 row;                     /* up to this one, */
    sqlite3_int64 revision, edits, schema; /* when these were the database's */
};

struct sqlite_store {
    struct atls_store head;
    struct atls_sqlite_connection reader, writer;
    pthread_rwlock_t lock; /* of the indexes, within the reader's */
    void *kept;            /* tree */
};

static struct sqlite_store *of(struct atls_store *store)
{
    return (struct sqlite_store *)store;
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
static int read_blob(struct atls_sqlite_connection *store, sqlite3_stmt *statement, int column,
                     size_t least, size_t most, uint8_t *datap, size_t *sizep)
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

/* Of the statement's row, while it stands there; NULL where there is none. */
static char *borrow_text(sqlite3_stmt *statement, int column)
{
    return (char *)(uintptr_t)sqlite3_column_text(statement, column);
}

static int read_key(struct atls_sqlite_connection *store, sqlite3_stmt *statement,
                    struct atls_public_key *keyp)
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

static int find_anchor(struct atls_sqlite_connection *store, const struct atls_trust_anchor *sought,
                       struct atls_trust_anchor *anchorp)
{
    STATEMENT statement = NULL;
    int result = atls_sqlite_prepare(store,
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
        return atls_sqlite_fail(store, "find a trust anchor");
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

static int put_anchor(struct atls_sqlite_connection *store, const struct atls_trust_anchor *anchor)
{
    STATEMENT statement = NULL;
    size_t size = atls_curve_size(anchor->key.curve);
    int result = atls_sqlite_prepare(
        store, "REPLACE INTO trust_anchor VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &statement);

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
    return sqlite3_step(statement) == SQLITE_DONE ? 0
                                                  : atls_sqlite_fail(store, "add a trust anchor");
}

static int extend_anchor(struct atls_sqlite_connection *store,
                         const struct atls_trust_anchor *anchor)
{
    STATEMENT statement = NULL;
    int result =
        atls_sqlite_prepare(store,
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
    return sqlite3_step(statement) == SQLITE_DONE
               ? 0
               : atls_sqlite_fail(store, "extend a trust anchor");
}

static int add_anchor(struct atls_sqlite_connection *store, const struct atls_trust_anchor *anchor)
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

static int add_references(struct atls_sqlite_connection *store, const struct atls_corim *corim)
{
    STATEMENT statement = NULL;
    int result = atls_sqlite_prepare(
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
            result = atls_sqlite_fail(store, "add a reference value");
        sqlite3_reset(statement);
    }
    return result;
}

static int check_limit(struct atls_sqlite_connection *store, size_t most)
{
    STATEMENT statement = NULL;
    int result =
        atls_sqlite_prepare(store,
                            "SELECT max(ifnull((SELECT max(rowid) FROM reference_value), 0),"
                            " ifnull((SELECT max(rowid) FROM trust_anchor), 0))",
                            &statement);

    if (result != 0)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return atls_sqlite_fail(store, "count");
    if ((size_t)sqlite3_column_int64(statement, 0) > most)
        return atls_fail(ATLS_E_LIMIT, NULL, "the store holds at most %zu entries", most);
    return 0;
}

/* One transaction, which waits for those of other processes. */
static int add_all(struct atls_sqlite_connection *store, const struct atls_corim *corim,
                   size_t most)
{
    int result = atls_sqlite_execute(store, "BEGIN IMMEDIATE");

    for (size_t i = 0; result == 0 && i < corim->trust_anchor_count; i++)
        result = add_anchor(store, &corim->trust_anchors[i]);
    if (result == 0)
        result = add_references(store, corim);
    if (result == 0)
        result = check_limit(store, most);
    if (result == 0)
        result = atls_sqlite_execute(store, "COMMIT");
    if (result != 0)
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

static int sqlite_add(struct atls_store *head, const struct atls_corim *corim)
{
    struct sqlite_store *store = of(head);
    int result;

    pthread_mutex_lock(&store->writer.lock);
    result = add_all(&store->writer, corim, atls_store_most(head));
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

static int read_pcr(struct atls_sqlite_connection *store, sqlite3_stmt *statement,
                    struct atls_reference_value *value)
{
    sqlite3_int64 pcr = sqlite3_column_int64(statement, 7);

    if (pcr < 0 || pcr >= ATLS_PCRS_MAX)
        return atls_fail(ATLS_E_MALFORMED, NULL, "store: PCR %lld is none", (long long)pcr);
    value->pcr = (unsigned)pcr;
    return read_blob(store, statement, 8, 0, sizeof value->set, value->set, NULL);
}

/* Its texts are borrowed from the row. */
static int read_reference(struct atls_sqlite_connection *store, sqlite3_stmt *statement,
                          enum atls_corim_profile profile, const uint8_t implementation_id[32],
                          struct atls_reference_value *valuep)
{
    struct atls_reference_value value = {.profile = profile,
                                         .name = borrow_text(statement, 0),
                                         .version = borrow_text(statement, 1)};
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
        result = read_validity(statement, 5, &value.validity);
    if (result == 0)
        result = read_pcr(store, statement, &value);
    if (result == 0)
        *valuep = value;
    return result;
}

static int read_number(struct atls_sqlite_connection *store, const char *text,
                       sqlite3_int64 *numberp)
{
    STATEMENT statement = NULL;
    int result = atls_sqlite_prepare(store, text, &statement);

    if (result != 0)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return atls_sqlite_fail(store, text);
    *numberp = sqlite3_column_int64(statement, 0);
    return 0;
}

static int keep_reference(struct kept *kept, const struct atls_reference_value *value)
{
    struct atls_reference_entry *entry;
    bool added = false;
    int result = atls_reference_entry_new(value, &entry);

    if (result != 0)
        return result;
    result = atls_reference_index_add(kept->index, entry, &added);
    if (!added)
        atls_reference_entry_free(entry);
    return result;
}

/* Those that came after the row that was read last. */
static int read_references(struct atls_sqlite_connection *store, struct kept *kept)
{
    STATEMENT statement = NULL;
    int result =
        atls_sqlite_prepare(store,
                            "SELECT name, version, digest, hash, signer_id, not_before, not_after,"
                            " pcr, pcr_set, rowid FROM reference_value"
                            " WHERE implementation_id = ?1 AND rowid > ?3 AND profile = ?2"
                            " ORDER BY rowid",
                            &statement);
    int step;

    if (result != 0)
        return result;
    bind_blob(statement, 1, kept->id, sizeof kept->id);
    sqlite3_bind_int(statement, 2, (int)kept->profile);
    sqlite3_bind_int64(statement, 3, kept->row);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct atls_reference_value value = {.name = NULL};

        result = read_reference(store, statement, kept->profile, kept->id, &value);
        if (result == 0)
            result = keep_reference(kept, &value);
        if (result != 0)
            return result;
        kept->row = sqlite3_column_int64(statement, 9);
    }
    return step == SQLITE_DONE ? 0 : atls_sqlite_fail(store, "find reference values");
}

static int compare_kept(const void *left, const void *right)
{
    const struct kept *a = left, *b = right;
    int order = memcmp(a->id, b->id, sizeof a->id);

    return order ? order : (a->profile > b->profile) - (a->profile < b->profile);
}

static int find_kept(struct sqlite_store *store, enum atls_corim_profile profile,
                     const uint8_t id[32], struct kept **keptp)
{
    struct kept key = {.profile = profile}, *fresh, **found;

    memcpy(key.id, id, sizeof key.id);
    found = tfind(&key, &store->kept, compare_kept);
    if (found) {
        *keptp = *found;
        return 0;
    }
    fresh = malloc(sizeof *fresh);
    if (fresh)
        *fresh = key;
    if (!fresh || !tsearch(fresh, &store->kept, compare_kept)) {
        free(fresh);
        return atls_fail(-ENOMEM, NULL, "no memory for reference values");
    }
    *keptp = fresh;
    return 0;
}

/* VACUUM gives rows other numbers, and the schema another version. */
static int read_state(struct atls_sqlite_connection *store, struct kept *statep)
{
    int result = read_number(store, "PRAGMA data_version", &statep->revision);

    if (result == 0)
        result = read_number(store, "SELECT max(count) FROM reference_edit", &statep->edits);
    return result == 0 ? read_number(store, "PRAGMA schema_version", &statep->schema) : result;
}

static void forget(struct kept *kept)
{
    atls_reference_index_close(kept->index);
    kept->index = NULL;
    kept->row = 0;
}

/* Brings what is kept up to what the database has now: under the lock for writing. */
static int refresh(struct atls_sqlite_connection *store, struct kept *kept)
{
    struct kept state = {.row = 0};
    int result = read_state(store, &state);

    if (result == 0 && (kept->edits != state.edits || kept->schema != state.schema))
        forget(kept);
    if (result == 0 && !kept->index)
        result = atls_reference_index_open(&kept->index);
    if (result == 0)
        result = read_references(store, kept);
    if (result != 0)
        return result; /* lend() keeps nothing of it */
    kept->revision = state.revision;
    kept->edits = state.edits;
    kept->schema = state.schema;
    return 0;
}

static bool is_current(struct atls_sqlite_connection *store, const struct kept *kept)
{
    sqlite3_int64 revision = 0;

    return kept->index && read_number(store, "PRAGMA data_version", &revision) == 0 &&
           kept->revision == revision;
}

static void free_kept(void *node)
{
    atls_reference_index_close(((struct kept *)node)->index);
    free(node);
}

static void drop(struct sqlite_store *store, struct kept *kept)
{
    tdelete(kept, &store->kept, compare_kept);
    free_kept(kept);
}

/* Whoever makes evidence chooses the class, as the initial measurement of a realm: what nobody has
 * endorsed is not kept. */
static int lend(struct sqlite_store *store, enum atls_corim_profile profile, const uint8_t id[32],
                struct atls_reference_set *setp)
{
    struct kept *kept = NULL;
    int result = find_kept(store, profile, id, &kept);

    if (result != 0 || !kept) /* none is an error; the analyzer cannot know it */
        return result;
    if (!is_current(&store->reader, kept)) {
        pthread_rwlock_wrlock(&store->lock);
        result = refresh(&store->reader, kept);
        pthread_rwlock_unlock(&store->lock);
    }
    if (result != 0) {
        drop(store, kept);
        return result;
    }
    atls_reference_set_lend(kept->index, setp);
    if (setp->count == 0) {
        *setp = (struct atls_reference_set){0};
        drop(store, kept);
        return 0;
    }
    pthread_rwlock_rdlock(&store->lock); /* nobody writes: the reader's is held */
    setp->lock = &store->lock;
    return 0;
}

static int sqlite_find_reference_values(struct atls_store *head, enum atls_corim_profile profile,
                                        const uint8_t implementation_id[32],
                                        struct atls_reference_set *setp)
{
    struct sqlite_store *store = of(head);
    int result;

    pthread_mutex_lock(&store->reader.lock);
    result = lend(store, profile, implementation_id, setp);
    pthread_mutex_unlock(&store->reader.lock);
    return result;
}

/* As the reader sees it: each commit of another connection, here or elsewhere, changes it. */
static int sqlite_revision(struct atls_store *head, uint64_t *revisionp)
{
    struct atls_sqlite_connection *reader = &of(head)->reader;
    sqlite3_int64 revision = 0;
    int result;

    pthread_mutex_lock(&reader->lock);
    result = read_number(reader, "PRAGMA data_version", &revision);
    pthread_mutex_unlock(&reader->lock);
    if (result == 0)
        *revisionp = (uint64_t)revision;
    return result;
}

static void sqlite_close(struct atls_store *head)
{
    struct sqlite_store *store = of(head);

    sqlite3_close(store->reader.database);
    sqlite3_close(store->writer.database);
    pthread_mutex_destroy(&store->reader.lock);
    pthread_mutex_destroy(&store->writer.lock);
    tdestroy(store->kept, free_kept);
    pthread_rwlock_destroy(&store->lock);
    free(store);
}

static const struct atls_store_ops sqlite_ops = {
    .add = sqlite_add,
    .find_trust_anchor = sqlite_find_trust_anchor,
    .find_reference_values = sqlite_find_reference_values,
    .revision = sqlite_revision,
    .close = sqlite_close,
};

static int connect_to(const char *path, int patience, struct atls_sqlite_connection *store)
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
    pthread_rwlock_init(&store->lock, NULL);
    result = connect_to(path, WRITE_PATIENCE_MS, &store->writer);
    if (result == 0)
        result = atls_sqlite_set_up(&store->writer);
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

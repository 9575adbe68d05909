/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the sqlite store, of this version and how older ones are brought up to it. */
#include "verifier-stub/store/store-sqlite-private.h"

#include <errno.h>

#include "rats/base/error.h"

#define SCHEMA_VERSION 3

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
/* NULL differs from every text, and in an index from itself too: a blob stands for it. What others
 * change or remove is counted: whoever has read it must read it again. */
static const char once[] =
    "CREATE UNIQUE INDEX IF NOT EXISTS reference_value_once ON reference_value ("
    " digest, implementation_id, ifnull(name, x''), ifnull(version, x''), hash, signer_id,"
    " not_before, not_after, profile, pcr, pcr_set);"
    "CREATE TABLE IF NOT EXISTS reference_edit (count INTEGER NOT NULL);"
    "INSERT INTO reference_edit SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM reference_edit);"
    "CREATE TRIGGER IF NOT EXISTS reference_updated AFTER UPDATE ON reference_value"
    " BEGIN UPDATE reference_edit SET count = count + 1; END;"
    "CREATE TRIGGER IF NOT EXISTS reference_deleted AFTER DELETE ON reference_value"
    " BEGIN UPDATE reference_edit SET count = count + 1; END;"
    "PRAGMA user_version = 3;";

int atls_sqlite_fail(const struct atls_sqlite_connection *store, const char *doing)
{
    int code = sqlite3_errcode(store->database);
    int result = code == SQLITE_NOMEM ? -ENOMEM : code == SQLITE_NOTADB ? ATLS_E_MALFORMED : -EIO;

    /* of a script so much that the reason behind it has room */
    return atls_fail(result, NULL, "store: %.80s: %s", doing, sqlite3_errmsg(store->database));
}

void atls_sqlite_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

int atls_sqlite_prepare(struct atls_sqlite_connection *store, const char *text,
                        sqlite3_stmt **statementp)
{
    if (sqlite3_prepare_v2(store->database, text, -1, statementp, NULL) != SQLITE_OK)
        return atls_sqlite_fail(store, "prepare");
    return 0;
}

int atls_sqlite_execute(struct atls_sqlite_connection *store, const char *text)
{
    if (sqlite3_exec(store->database, text, NULL, NULL, NULL) != SQLITE_OK)
        return atls_sqlite_fail(store, text);
    return 0;
}

static int read_versions(struct atls_sqlite_connection *store, int *versionp, int *tablesp)
{
    STATEMENT statement = NULL;
    int result = atls_sqlite_prepare(store,
                                     "SELECT (SELECT user_version FROM pragma_user_version),"
                                     " (SELECT count(*) FROM sqlite_master)",
                                     &statement);

    if (result != 0)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return atls_sqlite_fail(store, "read the schema's version");
    *versionp = sqlite3_column_int(statement, 0);
    *tablesp = sqlite3_column_int(statement, 1);
    return 0;
}

/* A new file gets the schema, an older one is brought up to it; one of a later version, or of
 * another program, is refused. */
static int make_schema(struct atls_sqlite_connection *store)
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
        result = atls_sqlite_execute(store, from_version_1);
    if (result == 0 && (version == 1 || version == 2))
        result = atls_sqlite_execute(store, from_version_2);
    if (result == 0)
        result = atls_sqlite_execute(store, schema);
    return result == 0 ? atls_sqlite_execute(store, once) : result;
}

/* Under the lock of a writer: several processes may open the same new file at once. */
int atls_sqlite_set_up(struct atls_sqlite_connection *store)
{
    int result = atls_sqlite_execute(store, "BEGIN IMMEDIATE");

    if (result == 0)
        result = make_schema(store);
    return result ? result : atls_sqlite_execute(store, "COMMIT"); /* else closing it rolls back */
}

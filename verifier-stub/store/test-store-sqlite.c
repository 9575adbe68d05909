/* SPDX-License-Identifier: Apache-2.0 */
/* What only a store in a file can get wrong: others have it open, wrote it, or changed it. */
#include "verifier-stub/store/test-store.h"

#include <errno.h>
#include <sqlite3.h>

#include "program/program.h"

/* Two stores on one file, as two processes have them. */
static void test_sqlite_shared(void **state)
{
    struct atls_store *one = test_open_fresh(test_sqlite_spec), *other;
    uint64_t before;

    assert_int_equal(atls_store_open(test_sqlite_spec, &other), 0);
    before = test_revision_of(one);
    test_import(other, test_devices, 2);
    assert_int_not_equal(test_revision_of(one), before);
    test_check_known(one, 2);
    test_import(one, test_devices, 2);
    test_check_known(other, 2);
    atls_store_close(one);
    atls_store_close(other);
}

static void test_sqlite_outlives(void **state)
{
    struct atls_store *store = test_open_fresh(test_sqlite_spec);

    test_import(store, test_devices, 2);
    atls_store_close(store);
    assert_int_equal(atls_store_open(test_sqlite_spec, &store), 0);
    test_check_known(store, 2);
    atls_store_close(store);
}

static void execute(const char *statement)
{
    sqlite3 *database;

    assert_int_equal(sqlite3_open(test_path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void test_sqlite_of_others(void **state)
{
    struct atls_store *store;

    assert_int_equal(
        atls_write_file(test_path, ATLS_BYTES("not a database, but long enough to see", 38)), 0);
    assert_int_equal(atls_store_open(test_sqlite_spec, &store), ATLS_E_MALFORMED);
    assert_int_equal(truncate(test_path, 0), 0);
    execute("CREATE TABLE something (else_ TEXT)");
    assert_int_equal(atls_store_open(test_sqlite_spec, &store), ATLS_E_MALFORMED);
    assert_int_equal(truncate(test_path, 0), 0);
    execute("PRAGMA user_version = 4");
    assert_int_equal(atls_store_open(test_sqlite_spec, &store), ATLS_E_MALFORMED);
    for (int version = 1; version < 3; version++) { /* one that cannot be brought up to date */
        assert_int_equal(truncate(test_path, 0), 0);
        execute(version == 1 ? "CREATE TABLE something (else_ TEXT); PRAGMA user_version = 1"
                             : "CREATE TABLE something (else_ TEXT); PRAGMA user_version = 2");
        assert_int_equal(atls_store_open(test_sqlite_spec, &store), -EIO);
        assert_non_null(strstr(atls_error_text(), "no such table: reference_value"));
    }
}

/* What was read of a class is not read again while nobody changes the file. */
static void test_sqlite_reads_once(void **state)
{
    struct atls_store *store = test_open_fresh(test_sqlite_spec);
    const struct atls_reference_index *first = NULL;

    test_import(store, test_devices, 1);
    for (int i = 0; i < 3; i++) {
        struct atls_reference_set set;

        assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                           test_devices[0].implementation_id, &set),
                         0);
        assert_non_null(set.index);
        if (first)
            assert_ptr_equal(set.index, first);
        first = set.index;
        atls_reference_set_clear(&set);
    }
    atls_store_close(store);
}

/* A file that was written before there were validities is brought up to date, and nothing is lost.
 */
static void test_sqlite_of_version_1(void **state)
{
    struct atls_store *store;

    assert_int_equal(truncate(test_path, 0), 0);
    execute("CREATE TABLE reference_value (implementation_id BLOB NOT NULL, name TEXT,"
            " version TEXT, digest BLOB NOT NULL, hash INTEGER NOT NULL, signer_id BLOB NOT NULL);"
            "CREATE INDEX reference_value_of ON reference_value (implementation_id);"
            "CREATE TABLE trust_anchor (implementation_id BLOB NOT NULL,"
            " instance_id BLOB NOT NULL, curve INTEGER NOT NULL, x BLOB NOT NULL, y BLOB NOT NULL,"
            " PRIMARY KEY (implementation_id, instance_id));"
            "INSERT INTO reference_value VALUES (zeroblob(32), NULL, '1', zeroblob(32), 0,"
            " zeroblob(32));"
            "PRAGMA user_version = 1;");
    for (int twice = 0; twice < 2; twice++) {
        struct atls_reference_set set;
        uint8_t implementation_id[32] = {0};

        assert_int_equal(atls_store_open(test_sqlite_spec, &store), 0);
        test_import(store, test_devices, 2);
        test_check_known(store, 2);
        assert_int_equal(
            store->ops->find_reference_values(store, ATLS_CORIM_PSA, implementation_id, &set), 0);
        assert_int_equal(set.count, 1);
        assert_string_equal(set.values[0]->value.version, "1");
        atls_reference_set_clear(&set);
        atls_store_close(store);
    }
}

/* What was read before is no longer believed when somebody changes or removes it, or when rows get
 * other numbers: with sqlite3 on the file, say. */
static void test_sqlite_edited(void **state)
{
    static const struct {
        const char *edit;
        size_t left; /* of the three values */
    } table[] = {
        {"DELETE FROM reference_value WHERE name = 'BL'", 2},
        {"DELETE FROM reference_value", 0},
        {"UPDATE reference_value SET implementation_id = zeroblob(32) WHERE name = 'BL'", 2},
        {"DELETE FROM reference_value WHERE name = 'BL'; VACUUM", 2},
        {"VACUUM", 3},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = test_open_fresh(test_sqlite_spec);
        struct atls_corim more = test_many_values(1, 1);
        struct atls_reference_set set;

        test_import(store, test_devices, 1);
        test_check_known(store, 1);
        execute(table[i].edit);
        for (size_t added = 0; added < 2; added++) { /* and once more has come after that */
            assert_int_equal(store->ops->find_reference_values(
                                 store, ATLS_CORIM_PSA, test_devices[0].implementation_id, &set),
                             0);
            if (set.count != table[i].left + added)
                fail_msg("%s: expected %zu values, came %zu", table[i].edit, table[i].left + added,
                         set.count);
            atls_reference_set_clear(&set);
            memcpy(more.reference_values[0].implementation_id, test_devices[0].implementation_id,
                   32);
            assert_int_equal(store->ops->add(store, &more), 0);
        }
        free(more.reference_values);
        atls_store_close(store);
    }
}

/* What sqlite cannot do at all is told as what was being done: the failure that comes first. */
static void test_sqlite_words(void **state)
{
#define VIEW(table, columns)                                                                       \
    "ALTER TABLE " table " RENAME TO t; CREATE VIEW " table " AS SELECT " columns " FROM t"
#define TAKES_ROWS "; CREATE TRIGGER takes INSTEAD OF INSERT ON reference_value BEGIN SELECT 1; END"
    static const struct {
        const char *damage;
        enum { ANCHOR, VALUES, ADD_NEW, ADD_KNOWN } what;
        const char *words;
    } table[] = {
        {"DROP TABLE trust_anchor", ANCHOR, "store: prepare: no such table: trust_anchor"},
        {VIEW("trust_anchor", "implementation_id, instance_id, abs(-9223372036854775808) AS curve,"
                              " x, y, not_before, not_after, profile"),
         ANCHOR, "store: find a trust anchor: "},
        {"DROP TABLE reference_edit", VALUES, "store: prepare: no such table: reference_edit"},
        {"DROP TABLE reference_edit;"
         "CREATE VIEW reference_edit AS SELECT abs(-9223372036854775808) AS count",
         VALUES, "store: SELECT max(count) FROM reference_edit: integer overflow"},
        {"DROP TABLE reference_value", VALUES, "store: prepare: no such table: reference_value"},
        {VIEW("trust_anchor", "*"), ADD_NEW, "store: prepare: cannot modify trust_anchor"},
        {VIEW("trust_anchor", "*"), ADD_KNOWN, "store: prepare: cannot modify trust_anchor"},
        {VIEW("reference_value", "*"), ADD_NEW, "store: prepare: cannot modify reference_value"},
        {"CREATE TABLE a AS SELECT * FROM trust_anchor; DROP TABLE trust_anchor;"
         "CREATE TABLE trust_anchor (implementation_id, instance_id, curve, x, y, not_before,"
         " not_after, profile, PRIMARY KEY (profile, instance_id, implementation_id))"
         " WITHOUT ROWID",
         ADD_NEW, "store: prepare: no such column: rowid"},
        {"CREATE TRIGGER refuses BEFORE INSERT ON reference_value"
         " BEGIN SELECT RAISE(ABORT, 'no more'); END",
         ADD_NEW, "store: add a reference value: no more"},
        {VIEW("reference_value",
              "implementation_id, name, version, digest, hash, signer_id, not_before, not_after,"
              " profile, pcr, abs(-9223372036854775808) AS rowid") TAKES_ROWS,
         ADD_NEW, "store: count: integer overflow"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = test_open_fresh(test_sqlite_spec);
        struct atls_reference_set set;
        struct atls_public_key key;
        struct atls_store_import counts;
        uint8_t *corim;
        size_t size =
            test_corim(&test_devices[table[i].what == ADD_NEW], 1, ATLS_CORIM_MAIN, &corim);
        int result;

        test_import(store, test_devices, 1);
        execute(table[i].damage);
        result = table[i].what == ANCHOR ? test_find_anchor(store, &test_devices[0], &key)
                 : table[i].what == VALUES
                     ? store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                         test_devices[0].implementation_id, &set)
                     : atls_store_import_corim(store, ATLS_BYTES(corim, size), &counts);
        if (result >= 0 || !strstr(atls_error_text(), table[i].words))
            fail_msg("%s: expected \"%s\", came %d, \"%s\"", table[i].damage, table[i].words,
                     result, atls_error_text());
        free(corim);
        atls_store_close(store);
    }
}

/* Readers do not wait for who writes. */
static void test_sqlite_journal(void **state)
{
    struct atls_store *store = test_open_fresh(test_sqlite_spec);
    sqlite3 *database;
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_open(test_path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA journal_mode", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "wal");
    sqlite3_finalize(statement);
    sqlite3_close(database);
    atls_store_close(store);
}

/* Damage inside a database must be an error, never a key or a digest. */
static void test_sqlite_damaged(void **state)
{
    static const struct {
        const char *damage;
        bool anchor; /* which look-up fails */
    } table[] = {
        {"UPDATE trust_anchor SET x = x'00'", true},
        {"UPDATE trust_anchor SET y = zeroblob(33)", true},
        {"UPDATE trust_anchor SET curve = 3", true},
        {"UPDATE reference_value SET digest = x''", false},
        {"UPDATE reference_value SET digest = zeroblob(65)", false},
        {"UPDATE reference_value SET signer_id = zeroblob(65)", false},
        {"UPDATE reference_value SET hash = 9", false},
        {"UPDATE reference_value SET not_after = -1", false},
        {"UPDATE reference_value SET pcr = 32", false},
        {"UPDATE reference_value SET pcr = -1", false},
        {"UPDATE reference_value SET pcr_set = zeroblob(33)", false},
        {"UPDATE trust_anchor SET not_before = -1", true},
        {"DROP TABLE reference_value", false},
        {"DROP TABLE trust_anchor", true},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = test_open_fresh(test_sqlite_spec);
        struct atls_reference_set set;
        struct atls_public_key key;
        int result;

        test_import(store, test_devices, 1);
        execute(table[i].damage);
        result = table[i].anchor
                     ? test_find_anchor(store, &test_devices[0], &key)
                     : store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                         test_devices[0].implementation_id, &set);
        if (result == 0 || result == ATLS_E_MISSING)
            fail_msg("%s was not noticed", table[i].damage);
        atls_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sqlite_shared),     cmocka_unit_test(test_sqlite_of_version_1),
        cmocka_unit_test(test_sqlite_outlives),   cmocka_unit_test(test_sqlite_of_others),
        cmocka_unit_test(test_sqlite_edited),     cmocka_unit_test(test_sqlite_damaged),
        cmocka_unit_test(test_sqlite_words),      cmocka_unit_test(test_sqlite_journal),
        cmocka_unit_test(test_sqlite_reads_once),
    };

    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Both backends of the store, held to the same behaviour; and what only a file can get wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "program/program.h"
#include "rats/error.h"
#include "rats/test-support.h"
#include "verifier-stub/store.h"
#include "verifier-stub/test-evidence.h"

static char path[] = P_tmpdir "/atls-test-store-XXXXXX";
static char sqlite_spec[64];
static struct test_device devices[3];

static int set_up(void **state)
{
    int fd = mkstemp(path);

    if (fd < 0)
        return -1;
    close(fd);
    snprintf(sqlite_spec, sizeof sqlite_spec, "sqlite:%s", path);
    for (size_t i = 0; i < 3; i++)
        test_device_make(&devices[i], (uint8_t)(1 + i));
    return 0;
}

static int tear_down(void **state)
{
    return unlink(path);
}

static struct atls_store *open_fresh(const char *spec)
{
    struct atls_store *store;

    if (strcmp(spec, "memory") != 0 && truncate(path, 0) != 0)
        fail_msg("cannot truncate %s", path);
    if (atls_store_open(spec, &store) != 0)
        fail_msg("%s: %s", spec, atls_error_text());
    return store;
}

static void import(struct atls_store *store, const struct test_device *first, size_t count)
{
    struct atls_store_import counts = {0};
    uint8_t *corim;
    size_t size = test_corim(first, count, ATLS_CORIM_V0_2608, &corim);

    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES(corim, size), &counts), 0);
    assert_int_equal(counts.reference_values, TEST_COMPONENTS);
    assert_int_equal(counts.trust_anchors, count);
    free(corim);
}

static int find_anchor(struct atls_store *store, const struct test_device *device,
                       struct atls_public_key *keyp)
{
    return store->ops->find_trust_anchor(store, device->implementation_id, device->instance_id,
                                         keyp);
}

static void check_known(struct atls_store *store, size_t known)
{
    struct atls_reference_set set;
    struct atls_public_key key;

    for (size_t i = 0; i < 3; i++) {
        int error = find_anchor(store, &devices[i], &key);

        assert_int_equal(error, i < known ? 0 : ATLS_E_MISSING);
        if (error == 0)
            assert_true(atls_public_key_equal(&key, &devices[i].pak.public_key));
    }
    assert_int_equal(store->ops->find_reference_values(store, devices[0].implementation_id, &set),
                     0);
    assert_int_equal(set.count, known ? TEST_COMPONENTS : 0);
    for (size_t i = 0; i < set.count; i++) {
        assert_string_equal(set.values[i].name, test_components[i].name);
        assert_string_equal(set.values[i].version, test_components[i].version);
        assert_int_equal(set.values[i].digest_size, 32);
        assert_int_equal(set.values[i].digest[31], test_components[i].fill);
        assert_int_equal(set.values[i].signer_id_size, 32);
        assert_int_equal(set.values[i].signer_id[0], test_components[i].signer);
        assert_int_equal(set.values[i].digest_hash, ATLS_SHA256);
    }
    atls_reference_set_clear(&set);
}

static void test_import_and_find(void **state)
{
    struct atls_store *store = open_fresh(*state);

    check_known(store, 0);
    import(store, devices, 1);
    check_known(store, 1);
    import(store, devices, 1); /* once more: nothing doubles */
    check_known(store, 1);
    import(store, devices, 2);
    check_known(store, 2);
    atls_store_close(store);
}

static void test_keys_are_whole(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct test_device other = devices[0];
    struct atls_reference_set set;
    struct atls_public_key key;

    import(store, devices, 1);
    other.instance_id[32] ^= 1;
    assert_int_equal(find_anchor(store, &other, &key), ATLS_E_MISSING);
    other = devices[0];
    other.implementation_id[31] ^= 1;
    assert_int_equal(find_anchor(store, &other, &key), ATLS_E_MISSING);
    assert_int_equal(store->ops->find_reference_values(store, other.implementation_id, &set), 0);
    assert_int_equal(set.count, 0);
    atls_reference_set_clear(&set);
    atls_store_close(store);
}

/* Whoever may endorse may not quietly replace the key of a known device; and all of a refused CoRIM
 * is refused, what came before the conflict too. */
static void test_conflict(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct test_device conflicting[2] = {devices[1], devices[0]};
    struct atls_store_import counts;
    uint8_t *corim;
    size_t size;

    import(store, devices, 1);
    conflicting[1].pak = devices[2].pak;
    size = test_corim(conflicting, 2, ATLS_CORIM_MAIN, &corim);
    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES(corim, size), &counts),
                     ATLS_E_MISMATCH);
    check_known(store, 1);
    free(corim);
    atls_store_close(store);
}

static void test_odd_values(void **state)
{
    struct atls_store *store = open_fresh(*state);
    char empty[] = "", name[] = "FW";
    struct atls_reference_value values[] = {
        {.name = NULL, .version = NULL, .digest_size = 64, .digest_hash = ATLS_SHA512},
        {.name = empty, .version = NULL, .digest_size = 64, .digest_hash = ATLS_SHA512},
        {.name = name, .version = empty, .digest_size = 48, .digest_hash = ATLS_SHA384},
    };
    struct atls_corim corim = {.reference_values = values, .reference_value_count = 3};
    uint8_t implementation_id[32] = {0};
    struct atls_reference_set set;

    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(store->ops->add(store, &corim), 0);
    assert_int_equal(store->ops->find_reference_values(store, implementation_id, &set), 0);
    assert_int_equal(set.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(atls_reference_value_equal(&set.values[i], &values[i]));
    assert_false(atls_reference_value_equal(&set.values[0], &set.values[1]));
    atls_reference_set_clear(&set);
    atls_store_close(store);
}

static void test_bad_corim(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct atls_store_import counts;

    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES("junk", 4), &counts),
                     ATLS_E_MALFORMED);
    check_known(store, 0);
    atls_store_close(store);
}

static void test_vectors_of_veraison(void **state)
{
    static const struct {
        const char *name;
        int error;
    } table[] = {
        {"corim/main/corim-psa-valid.cbor", 0},
        {"corim/v0.0.2608/corim-psa-valid.cbor", 0},
        {"corim/main/corim-psa-bad-class.cbor", 1},
        {"corim/main/corim-psa-bad-instance.cbor", 1},
        {"corim/main/corim-psa-bad-ta-no-instance.cbor", 1},
        {"corim/main/corim-psa-bad-ta-cert.cbor", 1},
        {"corim/main/corim-parsec-tpm-valid.cbor", 1}, /* another profile */
    };
    struct atls_store *store;
    struct atls_store_import counts;

    test_vectors(); /* skips before anything is open */
    store = open_fresh(*state);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_bytes corim = test_vector(table[i].name);
        int error = atls_store_import_corim(store, corim, &counts);

        if ((error != 0) != (table[i].error != 0))
            fail_msg("%s gave %d: %s", table[i].name, error, atls_error_text());
        if (error == 0) {
            assert_true(counts.reference_values > 0);
            assert_true(counts.trust_anchors > 0);
        }
        test_vector_free(corim);
    }
    atls_store_close(store);
}

static void test_sqlite_outlives(void **state)
{
    struct atls_store *store = open_fresh(sqlite_spec);

    import(store, devices, 2);
    atls_store_close(store);
    assert_int_equal(atls_store_open(sqlite_spec, &store), 0);
    check_known(store, 2);
    atls_store_close(store);
}

static void execute(const char *statement)
{
    sqlite3 *database;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void test_sqlite_of_others(void **state)
{
    struct atls_store *store;

    assert_int_equal(
        atls_write_file(path, ATLS_BYTES("not a database, but long enough to see", 38)), 0);
    assert_int_equal(atls_store_open(sqlite_spec, &store), ATLS_E_MALFORMED);
    assert_int_equal(truncate(path, 0), 0);
    execute("CREATE TABLE something (else_ TEXT)");
    assert_int_equal(atls_store_open(sqlite_spec, &store), ATLS_E_MALFORMED);
    assert_int_equal(truncate(path, 0), 0);
    execute("PRAGMA user_version = 2");
    assert_int_equal(atls_store_open(sqlite_spec, &store), ATLS_E_MALFORMED);
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
        {"DROP TABLE reference_value", false},
        {"DROP TABLE trust_anchor", true},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = open_fresh(sqlite_spec);
        struct atls_reference_set set;
        struct atls_public_key key;
        int error;

        import(store, devices, 1);
        execute(table[i].damage);
        error = table[i].anchor
                    ? find_anchor(store, &devices[0], &key)
                    : store->ops->find_reference_values(store, devices[0].implementation_id, &set);
        if (error == 0 || error == ATLS_E_MISSING)
            fail_msg("%s was not noticed", table[i].damage);
        atls_store_close(store);
    }
}

static void test_kinds(void **state)
{
    static const char *const bad[] = {"", "sqlite", "sqlite:", "Memory", "postgres:x", "memory:"};
    struct atls_store *store;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(atls_store_open(bad[i], &store), ATLS_E_UNSUPPORTED);
    assert_true(atls_store_open("sqlite:/nowhere/at/all", &store) < 0);
    atls_store_close(NULL);
}

#define BOTH(function)                                                                             \
    {.name = #function " (memory)", .test_func = function, .initial_state = memory},               \
    {                                                                                              \
        .name = #function " (sqlite)", .test_func = function, .initial_state = sqlite_spec         \
    }

int main(void)
{
    static char memory[] = "memory";
    const struct CMUnitTest tests[] = {
        BOTH(test_import_and_find),
        BOTH(test_keys_are_whole),
        BOTH(test_conflict),
        BOTH(test_odd_values),
        BOTH(test_bad_corim),
        BOTH(test_vectors_of_veraison),
        cmocka_unit_test(test_sqlite_outlives),
        cmocka_unit_test(test_sqlite_of_others),
        cmocka_unit_test(test_sqlite_damaged),
        cmocka_unit_test(test_kinds),
    };

    return test_done(cmocka_run_group_tests(tests, set_up, tear_down));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsements of several profiles in one store: kept apart, found by what each profile is found
 * by, and refused where they contradict what is known. In both backends; and a file of the time
 * when there was one profile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "rats/base/error.h"
#include "verifier-stub/appraisal/test-evidence.h"
#include "verifier-stub/store/store.h"

static char path[] = P_tmpdir "/atls-test-profiles-XXXXXX";
static char sqlite_spec[64];

static int set_up(void **state)
{
    int fd = mkstemp(path);

    if (fd < 0)
        return -1;
    close(fd);
    snprintf(sqlite_spec, sizeof sqlite_spec, "sqlite:%s", path);
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

static struct atls_public_key key_of(uint8_t number)
{
    uint8_t seed[32] = {number};
    struct atls_private_key key;

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &key), 0);
    return key.public_key;
}

/* Two PCRs and an AK of one class, as a CoRIM says them. */
struct endorsed {
    uint8_t class_id, kid[33], digest;
    size_t kid_size;
    uint8_t key;
};

static int import(struct atls_store *store, const struct endorsed *of)
{
    char id[] = "tpm";
    struct atls_reference_value values[2] = {{.pcr = 0}, {.pcr = 1}};
    struct atls_trust_anchor anchor = {.profile = ATLS_CORIM_PARSEC_TPM,
                                       .implementation_id = {of->class_id},
                                       .instance_id_size = of->kid_size,
                                       .key = key_of(of->key)};
    struct atls_corim corim = {.profile = ATLS_CORIM_PARSEC_TPM,
                               .id = id,
                               .reference_values = values,
                               .reference_value_count = 2,
                               .trust_anchors = &anchor,
                               .trust_anchor_count = 1};
    struct atls_store_import counts;
    uint8_t *out;
    size_t size;
    int result;

    memcpy(anchor.instance_id, of->kid, of->kid_size);
    for (size_t i = 0; i < 2; i++) {
        values[i].profile = ATLS_CORIM_PARSEC_TPM;
        values[i].implementation_id[0] = of->class_id;
        memset(values[i].digest, of->digest, 32);
        values[i].digest_size = 32;
    }
    assert_int_equal(atls_corim_write(&corim, &out, &size), 0);
    result = atls_store_import_corim(store, ATLS_BYTES(out, size), &counts);
    free(out);
    return result;
}

static int find(struct atls_store *store, const struct endorsed *of,
                struct atls_trust_anchor *anchorp)
{
    struct atls_trust_anchor sought = {.profile = ATLS_CORIM_PARSEC_TPM,
                                       .instance_id_size = of->kid_size};

    memcpy(sought.instance_id, of->kid, of->kid_size);
    return store->ops->find_trust_anchor(store, &sought, anchorp);
}

static size_t count_values(struct atls_store *store, enum atls_corim_profile profile,
                           uint8_t class_id)
{
    uint8_t id[32] = {class_id};
    struct atls_reference_set set = {0};
    size_t count;

    assert_int_equal(store->ops->find_reference_values(store, profile, id, &set), 0);
    for (size_t i = 0; i < set.count; i++) {
        assert_int_equal(set.values[i]->value.profile, profile);
        assert_int_equal(set.values[i]->value.pcr, profile == ATLS_CORIM_PSA ? 0 : i % 2);
        assert_memory_equal(set.values[i]->value.set, set.values[i - i % 2]->value.set, 32);
    }
    count = set.count;
    atls_reference_set_clear(&set);
    return count;
}

static const struct endorsed one = {1, {1, 7}, 0xaa, 33, 1};

static void finds_by_instance(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct atls_public_key key = key_of(1);
    struct atls_trust_anchor anchor;
    struct endorsed shorter = one, other = one;

    assert_int_equal(find(store, &one, &anchor), ATLS_E_MISSING);
    assert_int_equal(import(store, &one), 0);
    assert_int_equal(import(store, &one), 0); /* again: nothing new */
    assert_int_equal(find(store, &one, &anchor), 0);
    assert_int_equal(anchor.implementation_id[0], 1);
    assert_true(atls_public_key_equal(&anchor.key, &key));
    assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 1), 2);
    assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 2), 0);
    shorter.kid_size = 17; /* with zeros behind it, it is the same */
    assert_int_equal(find(store, &shorter, &anchor), ATLS_E_MISSING);
    other.kid[32] = 1;
    assert_int_equal(find(store, &other, &anchor), ATLS_E_MISSING);
    atls_store_close(store);
}

/* Another release of the same class stands beside the first one. */
static void keeps_alternatives(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct endorsed next = one;

    next.digest = 0xbb;
    assert_int_equal(import(store, &one), 0);
    assert_int_equal(import(store, &next), 0);
    assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 1), 4);
    atls_store_close(store);
}

static void refuses_contradictions(void **state)
{
    static const struct {
        const char *what;
        struct endorsed of;
    } table[] = {{"another key", {1, {1, 7}, 0xbb, 33, 2}},
                 {"another class", {2, {1, 7}, 0xbb, 33, 1}}};

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = open_fresh(*state);
        struct atls_trust_anchor anchor;

        assert_int_equal(import(store, &one), 0);
        if (import(store, &table[i].of) != ATLS_E_MISMATCH)
            fail_msg("%s was taken", table[i].what);
        assert_int_equal(find(store, &one, &anchor), 0);
        assert_int_equal(anchor.implementation_id[0], 1);
        assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 1), 2);
        assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 2), 0);
        atls_store_close(store);
    }
}

/* The same bytes as id mean nothing in another profile. */
static void keeps_profiles_apart(void **state)
{
    struct atls_store *store = open_fresh(*state);
    static struct test_device device;
    struct endorsed same = {.digest = 0xaa, .kid_size = 33, .key = 9};
    struct atls_store_import counts;
    struct atls_trust_anchor anchor, sought;
    uint8_t *corim;
    size_t size;

    test_device_make(&device, 1);
    memset(device.implementation_id, 0, sizeof device.implementation_id);
    device.implementation_id[0] = 1;
    same.class_id = 1;
    memcpy(same.kid, device.instance_id, 33);
    sought = atls_psa_anchor(device.implementation_id, device.instance_id);
    assert_int_equal(import(store, &same), 0);
    assert_int_equal(store->ops->find_trust_anchor(store, &sought, &anchor), ATLS_E_MISSING);
    assert_int_equal(count_values(store, ATLS_CORIM_PSA, 1), 0);
    size = test_corim(&device, 1, ATLS_CORIM_MAIN, &corim);
    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES(corim, size), &counts), 0);
    free(corim);
    assert_int_equal(store->ops->find_trust_anchor(store, &sought, &anchor), 0);
    assert_true(atls_public_key_equal(&anchor.key, &device.pak.public_key));
    assert_int_equal(count_values(store, ATLS_CORIM_PSA, 1), TEST_COMPONENTS);
    assert_int_equal(find(store, &same, &anchor), 0);
    assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 1), 2);
    atls_store_close(store);
}

/* Anchors of both profiles, mixed: each of them is found, whichever stand beside it. */
static void finds_each_of_many(void **state)
{
    enum { EACH = 12 };
    struct atls_store *store = open_fresh(*state);
    struct atls_trust_anchor anchors[2 * EACH] = {0}, known;

    for (size_t i = 0; i < 2 * EACH; i++) {
        struct atls_corim corim = {.trust_anchors = &anchors[i], .trust_anchor_count = 1};

        anchors[i].profile = i < EACH ? ATLS_CORIM_PARSEC_TPM : ATLS_CORIM_PSA;
        anchors[i].implementation_id[0] = (uint8_t)(1 + i);
        anchors[i].instance_id[0] = (uint8_t)(1 + i % EACH);
        anchors[i].instance_id_size = i < EACH ? 33 : 0;
        anchors[i].key = key_of((uint8_t)(1 + i));
        assert_int_equal(store->ops->add(store, &corim), 0);
    }
    for (size_t i = 0; i < 2 * EACH; i++) {
        struct atls_trust_anchor sought = anchors[i];

        memset(&sought.key, 0, sizeof sought.key);
        assert_int_equal(store->ops->find_trust_anchor(store, &sought, &known), 0);
        assert_true(atls_public_key_equal(&known.key, &anchors[i].key));
    }
    atls_store_close(store);
}

static void execute(const char *sql)
{
    sqlite3 *database;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

/* A file of version 2, which knew the PSA profile alone, keeps what it has and takes both. */
static void opens_version_2(void **state)
{
    struct atls_store *store;
    const struct atls_trust_anchor sought = {.profile = ATLS_CORIM_PSA, .instance_id = {1}};
    struct atls_trust_anchor anchor;

    assert_int_equal(truncate(path, 0), 0);
    execute("CREATE TABLE reference_value (implementation_id BLOB NOT NULL, name TEXT,"
            " version TEXT, digest BLOB NOT NULL, hash INTEGER NOT NULL, signer_id BLOB NOT NULL,"
            " not_before INTEGER NOT NULL DEFAULT 0, not_after INTEGER NOT NULL DEFAULT 0);"
            "CREATE INDEX reference_value_of ON reference_value (implementation_id);"
            "CREATE TABLE trust_anchor (implementation_id BLOB NOT NULL,"
            " instance_id BLOB NOT NULL, curve INTEGER NOT NULL, x BLOB NOT NULL, y BLOB NOT NULL,"
            " not_before INTEGER NOT NULL DEFAULT 0, not_after INTEGER NOT NULL DEFAULT 0,"
            " PRIMARY KEY (implementation_id, instance_id));"
            "CREATE UNIQUE INDEX reference_value_once ON reference_value ("
            " digest, implementation_id, ifnull(name, x''), ifnull(version, x''), hash, signer_id,"
            " not_before, not_after);"
            "INSERT INTO reference_value VALUES (zeroblob(32), NULL, '1', zeroblob(32), 0,"
            " zeroblob(32), 0, 0);"
            "INSERT INTO trust_anchor VALUES (zeroblob(32), x'01' || zeroblob(32), 1,"
            " zeroblob(32), zeroblob(32), 0, 77);"
            "UPDATE trust_anchor SET instance_id = CAST(instance_id AS BLOB);"
            "PRAGMA user_version = 2;");
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(atls_store_open(sqlite_spec, &store), 0);
        assert_int_equal(import(store, &one), 0);
        assert_int_equal(count_values(store, ATLS_CORIM_PSA, 0), 1);
        assert_int_equal(count_values(store, ATLS_CORIM_PARSEC_TPM, 1), 2);
        assert_int_equal(store->ops->find_trust_anchor(store, &sought, &anchor), 0);
        assert_int_equal(anchor.validity.not_after, 77);
        atls_store_close(store);
    }
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
        BOTH(finds_by_instance),    BOTH(keeps_alternatives), BOTH(refuses_contradictions),
        BOTH(keeps_profiles_apart), BOTH(finds_each_of_many), cmocka_unit_test(opens_version_2),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

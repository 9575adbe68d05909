/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of stores share: a file, three devices, and what is endorsed of them. */
#ifndef ATLS_VERIFIER_STUB_STORE_TEST_STORE_H
#define ATLS_VERIFIER_STUB_STORE_TEST_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "verifier-stub/appraisal/test-evidence.h"
#include "verifier-stub/store/store.h"

static char test_path[] = P_tmpdir "/atls-test-store-XXXXXX";
static char test_sqlite_spec[64];
static struct test_device test_devices[3];

static inline int test_set_up(void **state)
{
    int fd = mkstemp(test_path);

    if (fd < 0)
        return -1;
    close(fd);
    snprintf(test_sqlite_spec, sizeof test_sqlite_spec, "sqlite:%s", test_path);
    for (size_t i = 0; i < 3; i++)
        test_device_make(&test_devices[i], (uint8_t)(1 + i));
    return 0;
}

static inline int test_tear_down(void **state)
{
    return unlink(test_path);
}

static inline struct atls_store *test_open_fresh(const char *spec)
{
    struct atls_store *store;

    if (strcmp(spec, "memory") != 0 && truncate(test_path, 0) != 0)
        fail_msg("cannot truncate %s", test_path);
    if (atls_store_open(spec, &store) != 0)
        fail_msg("%s: %s", spec, atls_error_text());
    return store;
}

static inline void test_import(struct atls_store *store, const struct test_device *first,
                               size_t count)
{
    struct atls_store_import counts = {0};
    uint8_t *corim;
    size_t size = test_corim(first, count, ATLS_CORIM_V0_2608, &corim);

    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES(corim, size), &counts), 0);
    assert_int_equal(counts.reference_values, TEST_COMPONENTS);
    assert_int_equal(counts.trust_anchors, count);
    free(corim);
}

static inline int test_find_anchor(struct atls_store *store, const struct test_device *device,
                                   struct atls_public_key *keyp)
{
    const struct atls_trust_anchor sought =
        atls_psa_anchor(device->implementation_id, device->instance_id);
    struct atls_trust_anchor anchor;
    int result = store->ops->find_trust_anchor(store, &sought, &anchor);

    if (result == 0)
        *keyp = anchor.key;
    return result;
}

static inline void test_check_known(struct atls_store *store, size_t known)
{
    struct atls_reference_set set;
    struct atls_public_key key;

    for (size_t i = 0; i < 3; i++) {
        int result = test_find_anchor(store, &test_devices[i], &key);

        assert_int_equal(result, i < known ? 0 : ATLS_E_MISSING);
        if (result == 0)
            assert_true(atls_public_key_equal(&key, &test_devices[i].pak.public_key));
    }
    assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                       test_devices[0].implementation_id, &set),
                     0);
    assert_int_equal(set.count, known ? TEST_COMPONENTS : 0);
    for (size_t i = 0; i < set.count; i++) {
        assert_memory_equal(set.values[i]->value.implementation_id,
                            test_devices[0].implementation_id, 32);
        assert_string_equal(set.values[i]->value.name, test_components[i].name);
        assert_string_equal(set.values[i]->value.version, test_components[i].version);
        assert_int_equal(set.values[i]->value.digest_size, 32);
        assert_int_equal(set.values[i]->value.digest[31], test_components[i].fill);
        assert_int_equal(set.values[i]->value.signer_id_size, 32);
        assert_int_equal(set.values[i]->value.signer_id[0], test_components[i].signer);
        assert_int_equal(set.values[i]->value.digest_hash, ATLS_SHA256);
    }
    atls_reference_set_clear(&set);
}

/* COUNT reference values that are all different, from number FIRST on. */
static inline struct atls_corim test_many_values(size_t first, size_t count)
{
    struct atls_corim corim = {.reference_values = calloc(count, sizeof *corim.reference_values),
                               .reference_value_count = count};

    assert_non_null(corim.reference_values);
    for (size_t i = 0; i < count; i++) {
        struct atls_reference_value *value = &corim.reference_values[i];
        size_t number = first + i;

        value->digest_size = value->signer_id_size = 32;
        memcpy(value->digest, &number, sizeof number);
    }
    return corim;
}

static inline uint64_t test_revision_of(struct atls_store *store)
{
    uint64_t revision = 0;

    assert_int_equal(store->ops->revision(store, &revision), 0);
    return revision;
}

#endif

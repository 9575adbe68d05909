/* SPDX-License-Identifier: Apache-2.0 */
/* Both backends of the store, held to the same behaviour. */
#include "verifier-stub/store/test-store.h"

#include <pthread.h>

#include "rats/cbor/cbor-write.h"
#include "rats/test/test-support.h"

static void test_import_and_find(void **state)
{
    struct atls_store *store = test_open_fresh(*state);

    test_check_known(store, 0);
    test_import(store, test_devices, 1);
    test_check_known(store, 1);
    test_import(store, test_devices, 1); /* once more: nothing doubles */
    test_check_known(store, 1);
    test_import(store, test_devices, 2);
    test_check_known(store, 2);
    atls_store_close(store);
}

static void test_keys_are_whole(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct test_device other = test_devices[0];
    struct atls_reference_set set;
    struct atls_public_key key;

    test_import(store, test_devices, 1);
    other.instance_id[32] ^= 1;
    assert_int_equal(test_find_anchor(store, &other, &key), ATLS_E_MISSING);
    other = test_devices[0];
    other.implementation_id[31] ^= 1;
    assert_int_equal(test_find_anchor(store, &other, &key), ATLS_E_MISSING);
    assert_int_equal(
        store->ops->find_reference_values(store, ATLS_CORIM_PSA, other.implementation_id, &set), 0);
    assert_int_equal(set.count, 0);
    atls_reference_set_clear(&set);
    atls_store_close(store);
}

/* Whoever may endorse may not quietly replace the key of a known device; and all of a refused CoRIM
 * is refused, what came before the conflict too. */
static void test_conflict(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct test_device conflicting[2] = {test_devices[1], test_devices[0]};
    struct atls_store_import counts;
    uint8_t *corim;
    size_t size;

    test_import(store, test_devices, 1);
    conflicting[1].pak = test_devices[2].pak;
    size = test_corim(conflicting, 2, ATLS_CORIM_MAIN, &corim);
    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES(corim, size), &counts),
                     ATLS_E_MISMATCH);
    test_check_known(store, 1);
    free(corim);
    atls_store_close(store);
}

static void test_odd_values(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
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
    assert_int_equal(
        store->ops->find_reference_values(store, ATLS_CORIM_PSA, implementation_id, &set), 0);
    assert_int_equal(set.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(atls_reference_value_compare(&set.values[i]->value, &values[i]), 0);
    assert_int_not_equal(atls_reference_value_compare(&set.values[0]->value, &set.values[1]->value),
                         0);
    atls_reference_set_clear(&set);
    atls_store_close(store);
}

static void test_bad_corim(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct atls_store_import counts;

    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES("junk", 4), &counts),
                     ATLS_E_MALFORMED);
    test_check_known(store, 0);
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
        {"corim/main/corim-parsec-cca-valid.cbor", 0}, /* of another profile */
    };
    struct atls_store *store;
    struct atls_store_import counts;

    test_vectors(); /* skips before anything is open */
    store = test_open_fresh(*state);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_bytes corim = test_vector(table[i].name);
        int result = atls_store_import_corim(store, corim, &counts);

        if ((result != 0) != (table[i].error != 0))
            fail_msg("%s gave %d: %s", table[i].name, result, atls_error_text());
        if (result == 0) {
            assert_true(counts.reference_values > 0);
            assert_true(counts.trust_anchors > 0);
        }
        test_vector_free(corim);
    }
    atls_store_close(store);
}

/* Of a class that nobody endorsed nothing is lent, and so nothing kept; once it is endorsed it is
 * found. */
static void test_unknown_classes(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct atls_corim corim = test_many_values(0, 1);
    struct atls_reference_set set;
    uint8_t id[32] = {1};

    memcpy(corim.reference_values[0].implementation_id, id, sizeof id);
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            assert_int_equal(store->ops->add(store, &corim), 0);
        for (id[0] = 0; id[0] < 8; id[0]++) {
            bool known = i == 2 && id[0] == 1;

            assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA, id, &set), 0);
            assert_int_equal(set.count, known);
            assert_int_equal(set.index != NULL, known);
            assert_int_equal(set.lock != NULL, known);
            atls_reference_set_clear(&set);
        }
    }
    free(corim.reference_values);
    atls_store_close(store);
}

/* As many as there may be, at once and one by one; one more is refused whole. */
static void test_limit(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    enum { MOST = 20000 };
    struct atls_corim most = test_many_values(0, MOST - 1);
    struct atls_corim last = test_many_values(MOST - 1, 2);
    struct atls_reference_set set;
    uint8_t implementation_id[32] = {0};

    store->most = MOST;
    assert_int_equal(store->ops->add(store, &most), 0);
    assert_int_equal(store->ops->add(store, &last), ATLS_E_LIMIT);
    last.reference_value_count = 1;
    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(store->ops->add(store, &last), 0);
    assert_int_equal(
        store->ops->find_reference_values(store, ATLS_CORIM_PSA, implementation_id, &set), 0);
    assert_int_equal(set.count, MOST);
    for (size_t i = 0; i < set.count; i += 4099) /* in the order of their coming */
        assert_memory_equal(set.values[i]->value.digest, &i, sizeof i);
    atls_reference_set_clear(&set);
    free(most.reference_values);
    free(last.reference_values);
    atls_store_close(store);
}

/* The same of trust anchors, which are counted by themselves. */
static void test_limit_of_anchors(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct atls_trust_anchor anchors[4] = {0};
    struct atls_corim corim = {.trust_anchors = anchors, .trust_anchor_count = 2};

    for (size_t i = 0; i < 4; i++) {
        anchors[i].instance_id[0] = (uint8_t)(1 + i);
        anchors[i].key = test_devices[0].pak.public_key;
    }
    store->most = 3;
    assert_int_equal(store->ops->add(store, &corim), 0);
    corim.trust_anchors = anchors + 2;
    assert_int_equal(store->ops->add(store, &corim), ATLS_E_LIMIT);
    corim.trust_anchor_count = 1;
    assert_int_equal(store->ops->add(store, &corim), 0);
    assert_int_equal(store->ops->add(store, &corim), 0); /* it is there already */
    corim.trust_anchors = anchors + 3;
    assert_int_equal(store->ops->add(store, &corim), ATLS_E_LIMIT);
    corim.trust_anchors = anchors;
    assert_int_equal(store->ops->add(store, &corim), 0);
    atls_store_close(store);
}

/* What is skipped of a CoRIM is told, whether it is signed or not. */
static void test_skipped_is_told(void **state)
{
    static uint8_t out[TEST_EVIDENCE_MAX];
    const struct atls_import_rules rules = {
        1000, &atls_crypto_hosted, &test_devices[1].pak.public_key, 1, false, NULL};

    for (int i = 0; i < 4; i++) {
        struct atls_store *store = test_open_fresh(*state);
        struct atls_store_import counts = {0};
        struct atls_bytes corim =
            test_corim_with(&test_devices[0], i & 1, false, i & 2 ? &test_devices[1].pak : NULL,
                            "a100a1006141", out);

        assert_int_equal(atls_store_import_by(store, &rules, corim, &counts), 0);
        assert_int_equal(counts.skipped, i & 1 ? 1u << ATLS_SKIPPED_DEPENDENT_RIMS : 0);
        assert_int_equal(counts.trust_anchors, 1);
        atls_store_close(store);
    }
}

/* A signed CoRIM that is none: nothing of it is looked at. */
static void test_signed_junk(void **state)
{
    static const uint8_t junk[][4] = {{0xd2}, {0xd2, 0x80}, {0xd2, 0x83, 0x40, 0xa0}};
    const struct atls_import_rules rules = {
        1000, &atls_crypto_hosted, &test_devices[1].pak.public_key, 1, false, NULL};
    struct atls_store *store = test_open_fresh(*state);

    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        struct atls_store_import counts;

        assert_int_equal(atls_store_import_by(store, &rules, ATLS_BYTES(junk[i], 1 + i), &counts),
                         ATLS_E_MALFORMED);
    }
    test_check_known(store, 0);
    atls_store_close(store);
}

static void test_validity_is_kept(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct atls_corim corim = test_many_values(7, 1);
    struct atls_trust_anchor anchor = {.instance_id = {1}, .key = test_devices[0].pak.public_key};
    static const struct {
        struct atls_validity added, anchor; /* what is then known of the key */
    } table[] = {
        {{100, 200}, {100, 200}}, {{150, 250}, {100, 250}}, {{50, 60}, {50, 250}},
        {{60, 0}, {50, 0}},       {{0, 10}, {0, 0}},
    };

    corim.trust_anchors = &anchor;
    corim.trust_anchor_count = 1;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_trust_anchor known;
        struct atls_reference_set set;

        corim.reference_values[0].validity = anchor.validity = table[i].added;
        for (int twice = 0; twice < 2; twice++)
            assert_int_equal(store->ops->add(store, &corim), 0);
        assert_int_equal(store->ops->find_trust_anchor(store, &anchor, &known), 0);
        assert_int_equal(known.validity.not_before, table[i].anchor.not_before);
        assert_int_equal(known.validity.not_after, table[i].anchor.not_after);
        assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                           anchor.implementation_id, &set),
                         0);
        assert_int_equal(set.count, i + 1); /* the same value for another time is another one */
        assert_int_equal(set.values[i]->value.validity.not_before, table[i].added.not_before);
        assert_int_equal(set.values[i]->value.validity.not_after, table[i].added.not_after);
        atls_reference_set_clear(&set);
    }
    free(corim.reference_values);
    atls_store_close(store);
}

/* A key that was known counts for longer where a new one stands behind it in the CoRIM, too. */
static void test_validity_of_known_and_new(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    struct atls_trust_anchor anchors[3] = {0}, known;
    struct atls_corim corim = {.trust_anchors = anchors};

    for (size_t i = 0; i < 3; i++) {
        anchors[i].instance_id[0] = (uint8_t)(1 + i);
        anchors[i].key = test_devices[0].pak.public_key;
    }
    for (size_t i = 1; i <= 3; i++) { /* one new one a time, behind those that are known */
        corim.trust_anchor_count = i;
        for (size_t j = 0; j < i; j++)
            anchors[j].validity.not_after = (int64_t)(100 * i);
        assert_int_equal(store->ops->add(store, &corim), 0);
        for (size_t j = 0; j < 3; j++) {
            int result = store->ops->find_trust_anchor(store, &anchors[j], &known);

            assert_int_equal(result, j < i ? 0 : ATLS_E_MISSING);
            if (result == 0)
                assert_int_equal(known.validity.not_after, 100 * i);
        }
    }
    atls_store_close(store);
}

static void test_revision(void **state)
{
    struct atls_store *store = test_open_fresh(*state);
    uint64_t first = test_revision_of(store);

    assert_int_equal(test_revision_of(store), first);
    test_import(store, test_devices, 1);
    assert_int_not_equal(test_revision_of(store), first);
    atls_store_close(store);
}

struct adder {
    struct atls_store *store;
    size_t first;
};

static void *add_many(void *context)
{
    const struct adder *adder = context;

    for (size_t i = 0; i < 20; i++) {
        struct atls_corim corim = test_many_values(adder->first + 100 * i, 100);

        if (adder->store->ops->add(adder->store, &corim) != 0)
            return (void *)(uintptr_t) "failed";
        free(corim.reference_values);
    }
    return NULL;
}

/* All who add at once, through one store or several, succeed: they wait for each other. */
static void test_adding_at_once(void **state)
{
    struct atls_store *store = test_open_fresh(*state), *other = store;
    struct adder adders[4];
    pthread_t threads[4];
    struct atls_reference_set set;
    uint8_t implementation_id[32] = {0};

    if (strcmp(*state, "memory") != 0)
        assert_int_equal(atls_store_open(*state, &other), 0);
    for (size_t i = 0; i < 4; i++) {
        adders[i] = (struct adder){i % 2 ? store : other, i * 100000};
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &adders[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(
        store->ops->find_reference_values(store, ATLS_CORIM_PSA, implementation_id, &set), 0);
    assert_int_equal(set.count, 4 * 20 * 100);
    atls_reference_set_clear(&set);
    if (other != store)
        atls_store_close(other);
    atls_store_close(store);
}

/* draft-ietf-rats-corim sections 4.2 and 7.3: who endorsed, and for how long. */
static void test_endorsers(void **state)
{
    enum { NOW = 1000 };
    static const char plain[] = "a100a1006141";
    static const char strange[] = "a100a10065411b5bc3bc"; /* A, ESC, [, u with two dots */
    static const char until_999[] = "a200a100614101a101c11903e7";
    static const char until_1000[] = "a200a100614101a101c11903e8";
    static const char from_1001[] = "a200a100614101a200c11903e901c1190fff";
    const struct {
        const char *what;
        const char *meta;              /* NULL: unsigned */
        int64_t not_before, not_after; /* rim-validity */
        size_t signer;                 /* whose key signs */
        size_t endorsers;              /* how many keys are known: those of devices 0, 1 */
        bool signed_only, damaged;
        int outcome;
        int64_t known_until; /* of the reference values */
    } table[] = {
        {"unsigned", NULL, 0, 0, 0, 0, false, false, 0, 0},
        {"unsigned beside endorsers' keys", NULL, 0, 0, 0, 1, false, false, 0, 0},
        {"unsigned where signed ones are asked for", NULL, 0, 0, 0, 1, true, false,
         ATLS_E_UNTRUSTED, 0},
        {"signed", plain, 0, 0, 0, 1, true, false, 0, 0},
        {"signed by one of a strange name", strange, 0, 0, 0, 1, true, false, 0, 0},
        {"signed by the second endorser", plain, 0, 0, 1, 2, true, false, 0, 0},
        {"signed, no key known", plain, 0, 0, 0, 0, false, false, ATLS_E_UNTRUSTED, 0},
        {"signed by another", plain, 0, 0, 2, 1, true, false, ATLS_E_SIGNATURE, 0},
        {"signed by one who is not among them", plain, 0, 0, 1, 1, true, false, ATLS_E_SIGNATURE,
         0},
        {"signed by another, two keys known", plain, 0, 0, 2, 2, true, false, ATLS_E_SIGNATURE, 0},
        {"signed, then changed", plain, 0, 0, 0, 1, true, true, ATLS_E_SIGNATURE, 0},
        {"signature expired", until_999, 0, 0, 0, 1, true, false, ATLS_E_EXPIRED, 0},
        {"signature in its last second", until_1000, 0, 0, 0, 1, true, false, 0, 1000},
        {"signature not valid yet", from_1001, 0, 0, 0, 1, true, false, ATLS_E_EXPIRED, 0},
        {"CoRIM expired", NULL, 0, 999, 0, 0, false, false, ATLS_E_EXPIRED, 0},
        {"CoRIM in its last second", NULL, 0, 1000, 0, 0, false, false, 0, 1000},
        {"CoRIM not valid yet", NULL, 1001, 2000, 0, 0, false, false, ATLS_E_EXPIRED, 0},
        {"CoRIM in its first second", NULL, 1000, 2000, 0, 0, false, false, 0, 2000},
        {"signed, the CoRIM expired", plain, 0, 999, 0, 1, true, false, ATLS_E_EXPIRED, 0},
        {"signed, the signature ends first", until_1000, 0, 2000, 0, 1, true, false, 0, 1000},
    };
    const struct atls_public_key keys[] = {test_devices[0].pak.public_key,
                                           test_devices[1].pak.public_key};

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = test_open_fresh("memory");
        struct atls_import_rules rules = {
            NOW, &atls_crypto_hosted, keys, table[i].endorsers, table[i].signed_only, NULL};
        struct atls_store_import counts = {0};
        struct atls_reference_set set;
        struct atls_corim corim;
        uint8_t *made, *encoded, signed_corim[8192];
        size_t size = test_corim(test_devices, 1, ATLS_CORIM_MAIN, &made);

        assert_int_equal(atls_corim_parse(ATLS_BYTES(made, size), &corim), 0);
        corim.validity = (struct atls_validity){table[i].not_before, table[i].not_after};
        assert_int_equal(atls_corim_write(&corim, &encoded, &size), 0);
        if (table[i].meta)
            size = test_corim_sign(ATLS_BYTES(encoded, size), &test_devices[table[i].signer].pak,
                                   table[i].meta, signed_corim, sizeof signed_corim);
        else
            memcpy(signed_corim, encoded, size);
        if (table[i].damaged)
            signed_corim[size - 1] ^= 1;
        int result = atls_store_import_by(store, &rules, ATLS_BYTES(signed_corim, size), &counts);
        if (result != table[i].outcome)
            fail_msg("%s: expected %s, came %s: %s", table[i].what,
                     atls_error_name(table[i].outcome), atls_error_name(result), atls_error_text());
        assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                           test_devices[0].implementation_id, &set),
                         0);
        assert_int_equal(set.count, result ? 0 : TEST_COMPONENTS);
        if (!result) {
            assert_int_equal(counts.is_signed, table[i].meta != NULL);
            assert_string_equal(counts.signer, !table[i].meta             ? ""
                                               : table[i].meta == strange ? "A\\x1b[\\xc3\\xbc"
                                                                          : "A");
            assert_int_equal(set.values[0]->value.validity.not_after, table[i].known_until);
            struct atls_trust_anchor anchor,
                sought =
                    atls_psa_anchor(test_devices[0].implementation_id, test_devices[0].instance_id);

            atls_reference_set_clear(&set); /* until then no other call */
            assert_int_equal(store->ops->find_trust_anchor(store, &sought, &anchor), 0);
            assert_int_equal(anchor.validity.not_after, table[i].known_until);
        }
        atls_reference_set_clear(&set);
        atls_corim_clear(&corim);
        free(made);
        free(encoded);
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
    assert_non_null(strstr(atls_error_text(), "store: cannot open /nowhere/at/all"));
    atls_store_close(NULL);
}

#define BOTH(function)                                                                             \
    {.name = #function " (memory)", .test_func = function, .initial_state = memory},               \
    {                                                                                              \
        .name = #function " (sqlite)", .test_func = function, .initial_state = test_sqlite_spec    \
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
        BOTH(test_unknown_classes),
        BOTH(test_limit),
        BOTH(test_limit_of_anchors),
        BOTH(test_skipped_is_told),
        BOTH(test_signed_junk),
        BOTH(test_validity_is_kept),
        BOTH(test_validity_of_known_and_new),
        BOTH(test_revision),
        BOTH(test_adding_at_once),
        cmocka_unit_test(test_endorsers),
        BOTH(test_vectors_of_veraison),
        cmocka_unit_test(test_kinds),
    };

    return test_done(cmocka_run_group_tests(tests, test_set_up, test_tear_down));
}

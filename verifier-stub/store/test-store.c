/* SPDX-License-Identifier: Apache-2.0 */
/* Both backends of the store, held to the same behaviour; and what only a file can get wrong. */
#include <pthread.h>
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
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-write.h"
#include "rats/test/test-support.h"
#include "verifier-stub/appraisal/test-evidence.h"
#include "verifier-stub/store/store.h"

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
    const struct atls_trust_anchor sought =
        atls_psa_anchor(device->implementation_id, device->instance_id);
    struct atls_trust_anchor anchor;
    int result = store->ops->find_trust_anchor(store, &sought, &anchor);

    if (result == 0)
        *keyp = anchor.key;
    return result;
}

static void check_known(struct atls_store *store, size_t known)
{
    struct atls_reference_set set;
    struct atls_public_key key;

    for (size_t i = 0; i < 3; i++) {
        int result = find_anchor(store, &devices[i], &key);

        assert_int_equal(result, i < known ? 0 : ATLS_E_MISSING);
        if (result == 0)
            assert_true(atls_public_key_equal(&key, &devices[i].pak.public_key));
    }
    assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                       devices[0].implementation_id, &set),
                     0);
    assert_int_equal(set.count, known ? TEST_COMPONENTS : 0);
    for (size_t i = 0; i < set.count; i++) {
        assert_memory_equal(set.values[i]->value.implementation_id, devices[0].implementation_id,
                            32);
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
        {"corim/main/corim-parsec-cca-valid.cbor", 0}, /* of another profile */
    };
    struct atls_store *store;
    struct atls_store_import counts;

    test_vectors(); /* skips before anything is open */
    store = open_fresh(*state);
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

/* COUNT reference values that are all different, from number FIRST on. */
static struct atls_corim many_values(size_t first, size_t count)
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

/* As many as there may be, at once and one by one; one more is refused whole. */
/* Of a class that nobody endorsed nothing is lent, and so nothing kept; once it is endorsed it is
 * found. */
static void test_unknown_classes(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct atls_corim corim = many_values(0, 1);
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

static void test_limit(void **state)
{
    struct atls_store *store = open_fresh(*state);
    enum { MOST = 20000 };
    struct atls_corim most = many_values(0, MOST - 1);
    struct atls_corim last = many_values(MOST - 1, 2);
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

static void test_validity_is_kept(void **state)
{
    struct atls_store *store = open_fresh(*state);
    struct atls_corim corim = many_values(7, 1);
    struct atls_trust_anchor anchor = {.instance_id = {1}, .key = devices[0].pak.public_key};
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

static uint64_t revision_of(struct atls_store *store)
{
    uint64_t revision = 0;

    assert_int_equal(store->ops->revision(store, &revision), 0);
    return revision;
}

static void test_revision(void **state)
{
    struct atls_store *store = open_fresh(*state);
    uint64_t first = revision_of(store);

    assert_int_equal(revision_of(store), first);
    import(store, devices, 1);
    assert_int_not_equal(revision_of(store), first);
    atls_store_close(store);
}

/* Two stores on one file, as two processes have them. */
static void test_sqlite_shared(void **state)
{
    struct atls_store *one = open_fresh(sqlite_spec), *other;
    uint64_t before;

    assert_int_equal(atls_store_open(sqlite_spec, &other), 0);
    before = revision_of(one);
    import(other, devices, 2);
    assert_int_not_equal(revision_of(one), before);
    check_known(one, 2);
    import(one, devices, 2);
    check_known(other, 2);
    atls_store_close(one);
    atls_store_close(other);
}

struct adder {
    struct atls_store *store;
    size_t first;
};

static void *add_many(void *context)
{
    const struct adder *adder = context;

    for (size_t i = 0; i < 20; i++) {
        struct atls_corim corim = many_values(adder->first + 100 * i, 100);

        if (adder->store->ops->add(adder->store, &corim) != 0)
            return (void *)(uintptr_t) "failed";
        free(corim.reference_values);
    }
    return NULL;
}

/* All who add at once, through one store or several, succeed: they wait for each other. */
static void test_adding_at_once(void **state)
{
    struct atls_store *store = open_fresh(*state), *other = store;
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

/* Signed CoRIM: COSE_Sign1 with corim-meta in its protected header, by hand. */
static size_t sign_corim(struct atls_bytes corim, const struct atls_private_key *key,
                         const char *meta, uint8_t *out, size_t capacity)
{
    uint8_t header[128], digest[32], signature[ATLS_SIGNATURE_MAX], *meta_bytes;
    struct atls_bytes encoded, written;
    struct atls_cbor_writer w;
    size_t meta_size;

    assert_int_equal(atls_hex_decode(atls_bytes_of_text(meta), &meta_bytes, &meta_size), 0);
    atls_cbor_write_init(&w, header, sizeof header);
    atls_cbor_write_map(&w, 3);
    atls_cbor_write_uint(&w, 1);
    atls_cbor_write_int(&w, ATLS_COSE_ES256);
    atls_cbor_write_uint(&w, 3);
    atls_cbor_write_text(&w, "application/rim+cbor");
    atls_cbor_write_uint(&w, 8);
    atls_cbor_write_bytes(&w, ATLS_BYTES(meta_bytes, meta_size));
    assert_int_equal(atls_cbor_write_done(&w, &encoded), 0);
    free(meta_bytes);
    assert_int_equal(
        atls_cose_sign1_digest(&atls_crypto_hosted, ATLS_SHA256, encoded, corim, digest), 0);
    assert_int_equal(atls_crypto_hosted.sign(key, ATLS_BYTES(digest, 32), signature), 0);
    atls_cbor_write_init(&w, out, capacity);
    atls_cbor_write_tag(&w, ATLS_TAG_COSE_SIGN1);
    atls_cbor_write_array(&w, 4);
    atls_cbor_write_bytes(&w, encoded);
    atls_cbor_write_map(&w, 0);
    atls_cbor_write_bytes(&w, corim);
    atls_cbor_write_bytes(&w, ATLS_BYTES(signature, 64));
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    return written.size;
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
    const struct atls_public_key keys[] = {devices[0].pak.public_key, devices[1].pak.public_key};

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_store *store = open_fresh("memory");
        struct atls_import_rules rules = {
            NOW, &atls_crypto_hosted, keys, table[i].endorsers, table[i].signed_only, NULL};
        struct atls_store_import counts = {0};
        struct atls_reference_set set;
        struct atls_corim corim;
        uint8_t *made, *encoded, signed_corim[8192];
        size_t size = test_corim(devices, 1, ATLS_CORIM_MAIN, &made);

        assert_int_equal(atls_corim_parse(ATLS_BYTES(made, size), &corim), 0);
        corim.validity = (struct atls_validity){table[i].not_before, table[i].not_after};
        assert_int_equal(atls_corim_write(&corim, &encoded, &size), 0);
        if (table[i].meta)
            size = sign_corim(ATLS_BYTES(encoded, size), &devices[table[i].signer].pak,
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
                                                           devices[0].implementation_id, &set),
                         0);
        assert_int_equal(set.count, result ? 0 : TEST_COMPONENTS);
        if (!result) {
            assert_int_equal(counts.is_signed, table[i].meta != NULL);
            assert_string_equal(counts.signer, !table[i].meta             ? ""
                                               : table[i].meta == strange ? "A\\x1b[\\xc3\\xbc"
                                                                          : "A");
            assert_int_equal(set.values[0]->value.validity.not_after, table[i].known_until);
        }
        atls_reference_set_clear(&set);
        atls_corim_clear(&corim);
        free(made);
        free(encoded);
        atls_store_close(store);
    }
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
    execute("PRAGMA user_version = 4");
    assert_int_equal(atls_store_open(sqlite_spec, &store), ATLS_E_MALFORMED);
}

/* A file that was written before there were validities is brought up to date, and nothing is lost.
 */
static void test_sqlite_of_version_1(void **state)
{
    struct atls_store *store;

    assert_int_equal(truncate(path, 0), 0);
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

        assert_int_equal(atls_store_open(sqlite_spec, &store), 0);
        import(store, devices, 2);
        check_known(store, 2);
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
        struct atls_store *store = open_fresh(sqlite_spec);
        struct atls_corim more = many_values(1, 1);
        struct atls_reference_set set;

        import(store, devices, 1);
        check_known(store, 1);
        execute(table[i].edit);
        for (size_t added = 0; added < 2; added++) { /* and once more has come after that */
            assert_int_equal(store->ops->find_reference_values(store, ATLS_CORIM_PSA,
                                                               devices[0].implementation_id, &set),
                             0);
            if (set.count != table[i].left + added)
                fail_msg("%s: expected %zu values, came %zu", table[i].edit, table[i].left + added,
                         set.count);
            atls_reference_set_clear(&set);
            memcpy(more.reference_values[0].implementation_id, devices[0].implementation_id, 32);
            assert_int_equal(store->ops->add(store, &more), 0);
        }
        free(more.reference_values);
        atls_store_close(store);
    }
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
        struct atls_store *store = open_fresh(sqlite_spec);
        struct atls_reference_set set;
        struct atls_public_key key;
        int result;

        import(store, devices, 1);
        execute(table[i].damage);
        result = table[i].anchor ? find_anchor(store, &devices[0], &key)
                                 : store->ops->find_reference_values(
                                       store, ATLS_CORIM_PSA, devices[0].implementation_id, &set);
        if (result == 0 || result == ATLS_E_MISSING)
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
        BOTH(test_unknown_classes),
        BOTH(test_limit),
        BOTH(test_validity_is_kept),
        BOTH(test_revision),
        BOTH(test_adding_at_once),
        cmocka_unit_test(test_endorsers),
        cmocka_unit_test(test_sqlite_shared),
        cmocka_unit_test(test_sqlite_of_version_1),
        BOTH(test_vectors_of_veraison),
        cmocka_unit_test(test_sqlite_outlives),
        cmocka_unit_test(test_sqlite_of_others),
        cmocka_unit_test(test_sqlite_edited),
        cmocka_unit_test(test_sqlite_damaged),
        cmocka_unit_test(test_kinds),
    };

    return test_done(cmocka_run_group_tests(tests, set_up, tear_down));
}

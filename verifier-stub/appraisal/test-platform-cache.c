/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verifier remembers of platform tokens: verifications are counted, so each row tells
 * whether a token was looked at anew, and what was found all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-table.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define LIFETIME 60

static struct test_device devices[3];
static struct atls_crypto counting;
static unsigned verifications;
static int64_t now;

static int count_and_verify(const struct atls_public_key *key, struct atls_bytes digest,
                            struct atls_bytes signature)
{
    verifications++;
    return atls_crypto_hosted.verify(key, digest, signature);
}

static int64_t tell_now(void *context)
{
    return now;
}

enum before { NOTHING, EXPIRY, ENDORSEMENTS };

struct row {
    const char *name;
    enum before before;                      /* what happens between the two */
    enum test_wrong first_wrong, wrong;      /* the first and the second evidence */
    const struct test_component *components; /* of both; NULL: as endorsed */
    unsigned first_device, device;
    uint16_t first_lifecycle;   /* 0: secured */
    bool stale;                 /* the second has the first one's nonce */
    unsigned verifications;     /* for the second */
    const char *reason;         /* of the second */
    int hardware;               /* its trust claim */
    struct atls_bytes pat_pair; /* one claim more of the PAT, encoded */
};

static const struct test_component patched[TEST_COMPONENTS] = {
    {"BL", "1.0.0", 0x77, 0}, {"M1", "1.0.0", 0x77, 0}, {"M2", "1.0.0", 0x77, 0}};

static const struct row rows[] = {
    {"the same platform again", NOTHING, .verifications = 1, .reason = "ok", .hardware = 2},
    {"another device", NOTHING, .device = 1, .verifications = 2, .reason = "ok", .hardware = 2},
    {"too long ago", EXPIRY, .verifications = 2, .reason = "ok", .hardware = 2},
    {"endorsements were added", ENDORSEMENTS, .verifications = 2, .reason = "ok", .hardware = 2},
    {"remembered, but the KAT answers another challenge", NOTHING, .stale = true,
     .verifications = 1, .reason = "nonce-mismatch", .hardware = 99},
    {"remembered, but the KAT's signature is wrong", NOTHING, .wrong = TEST_KAT_SIGNATURE,
     .verifications = 1, .reason = "kat-signature-invalid", .hardware = 99},
    {"remembered, but the KAT is signed by its IK", NOTHING, .wrong = TEST_KAT_BY_IK,
     .verifications = 1, .reason = "kat-signature-invalid", .hardware = 99},
    {"one bit of the PAT's signature is another", NOTHING, .wrong = TEST_PAT_SIGNATURE,
     .verifications = 1, .reason = "pat-signature-invalid", .hardware = 99},
    {"the PAT vouches for another key", NOTHING, .wrong = TEST_LINKAGE, .verifications = 2,
     .reason = "linkage-mismatch", .hardware = 99},
    {"what failed is not remembered", NOTHING, .first_wrong = TEST_LINKAGE, .wrong = TEST_LINKAGE,
     .verifications = 2, .reason = "linkage-mismatch", .hardware = 99},
    {"what is not endorsed is not remembered", NOTHING, .components = patched, .verifications = 2,
     .reason = "*", .hardware = 2},
    {"nor a PAT with exp (RFC 8392 section 3.1.4)", NOTHING,
     .pat_pair = {(const uint8_t *)"\x04\x01", 2}, .verifications = 2, .reason = "ok",
     .hardware = 2},
    {"nor one with nbf", NOTHING, .pat_pair = {(const uint8_t *)"\x05\x00", 2}, .verifications = 2,
     .reason = "ok", .hardware = 2},
    {"nor one with iat", NOTHING, .pat_pair = {(const uint8_t *)"\x06\x00", 2}, .verifications = 2,
     .reason = "ok", .hardware = 2},
    {"nor a lifecycle that is not secured", NOTHING, .first_lifecycle = ATLS_PSA_ASSEMBLY_AND_TEST,
     .verifications = 2, .reason = "lifecycle-not-secured", .hardware = 2},
    {"an unknown device", NOTHING, .first_device = 2, .device = 2, .verifications = 0,
     .reason = "unknown-attestation-key", .hardware = 99},
};

static void appraise(const struct row *row, bool second, const struct atls_appraiser *appraiser,
                     struct atls_evidence_verdict *appraisalp)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    uint8_t nonces[2][32];
    struct atls_evidence evidence;
    const char *reason;

    memset(nonces[0], 'a', sizeof nonces[0]);
    memset(nonces[1], 'b', sizeof nonces[1]);
    struct test_recipe recipe = {
        .device = &devices[second ? row->device : row->first_device],
        .nonce = ATLS_BYTES(nonces[second && !row->stale], sizeof nonces[0]),
        .components = row->components,
        .component_count = row->components ? TEST_COMPONENTS : 0,
        .lifecycle = row->first_lifecycle ? row->first_lifecycle : ATLS_PSA_SECURED,
        .profile = ATLS_PSA_ARM_2,
        .wrong = second ? row->wrong : row->first_wrong,
        .pat_pair = row->pat_pair,
    };
    size_t size = test_cab(&recipe, cab);

    assert_int_equal(
        atls_evidence_unwrap(ATLS_MT_CMW_CBOR, ATLS_BYTES(cab, size), &evidence, &reason), 0);
    verifications = 0;
    assert_int_equal(
        atls_appraise(appraiser, &evidence, ATLS_BYTES(nonces[second], 32), appraisalp), 0);
    atls_evidence_clear(&evidence);
}

static void endorse(struct atls_store *store, const struct test_device *first, size_t count)
{
    struct atls_store_import imported;
    uint8_t *corim;
    size_t size = test_corim(first, count, ATLS_CORIM_MAIN, &corim);

    assert_int_equal(atls_store_import_corim(store, ATLS_BYTES(corim, size), &imported), 0);
    free(corim);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    struct atls_clock clock = {tell_now, tell_now, NULL};
    struct atls_appraiser appraiser = {.crypto = &counting, .annotates = true};
    struct atls_evidence_verdict appraisal;

    now = 1000;
    assert_int_equal(atls_store_open_memory(&appraiser.store), 0);
    assert_int_equal(atls_platform_cache_open(LIFETIME, clock, &appraiser.cache), 0);
    endorse(appraiser.store, devices, 2);
    appraise(row, false, &appraiser, &appraisal);
    atls_evidence_verdict_clear(&appraisal);
    if (row->before == EXPIRY)
        now += LIFETIME * 1000;
    if (row->before == ENDORSEMENTS)
        endorse(appraiser.store, &devices[1], 1);
    appraise(row, true, &appraiser, &appraisal);
    assert_int_equal(verifications, row->verifications);
    if (strcmp(row->reason, "*") == 0)
        assert_string_not_equal(appraisal.reason, "ok");
    else
        assert_string_equal(appraisal.reason, row->reason);
    assert_int_equal(appraisal.submods[0].trust_vector[ATLS_HARDWARE], row->hardware);
    assert_int_equal(appraisal.tier == ATLS_TIER_AFFIRMING, strcmp(row->reason, "ok") == 0);
    assert_int_equal(appraisal.has_key, row->hardware == 2);
    assert_int_equal(appraisal.submods[0].annotated_evidence != NULL, row->hardware == 2);
    if (appraisal.has_key)
        assert_true(atls_public_key_equal(&appraisal.key, &devices[row->device].ik.public_key));
    atls_evidence_verdict_clear(&appraisal);
    atls_platform_cache_close(appraiser.cache);
    atls_store_close(appraiser.store);
}

/* A verdict is remembered only while its endorsements are valid (draft-ietf-rats-corim section
 * 7.3), not until its own time is over. */
static void test_validity(void **state)
{
    static const struct {
        int64_t key_until, values_until; /* seconds from now; 0: without end */
        unsigned later, verifications;
        const char *reason;
    } table[] = {
        {0, 0, 59, 1, "ok"},
        {9, 0, 9, 1, "ok"},
        {9, 0, 10, 0, "unknown-attestation-key"},
        {0, 9, 9, 1, "ok"},
        {0, 9, 10, 2, "unknown-component"},
        {9, 30, 10, 0, "unknown-attestation-key"},
        {30, 9, 10, 2, "unknown-component"},
    };
    static const struct row row = {.device = 0};
    uint8_t *encoded;
    size_t size = test_corim(devices, 1, ATLS_CORIM_MAIN, &encoded);

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct atls_clock clock = {tell_now, tell_now, NULL};
        struct atls_appraiser appraiser = {.crypto = &counting, .now = 1000};
        struct atls_evidence_verdict appraisal;
        struct atls_corim corim;

        now = 1000000;
        assert_int_equal(atls_corim_parse(ATLS_BYTES(encoded, size), &corim), 0);
        if (table[i].key_until)
            corim.trust_anchors[0].validity.not_after = 1000 + table[i].key_until;
        for (size_t j = 0; table[i].values_until && j < corim.reference_value_count; j++)
            corim.reference_values[j].validity.not_after = 1000 + table[i].values_until;
        assert_int_equal(atls_store_open_memory(&appraiser.store), 0);
        assert_int_equal(atls_platform_cache_open(LIFETIME, clock, &appraiser.cache), 0);
        assert_int_equal(appraiser.store->ops->add(appraiser.store, &corim), 0);
        appraise(&row, false, &appraiser, &appraisal);
        assert_string_equal(appraisal.reason, "ok");
        atls_evidence_verdict_clear(&appraisal);
        now += table[i].later * 1000;
        appraiser.now += table[i].later;
        appraise(&row, true, &appraiser, &appraisal);
        if (strcmp(appraisal.reason, table[i].reason) != 0 ||
            verifications != table[i].verifications)
            fail_msg("row %zu: %s, %u verifications", i, appraisal.reason, verifications);
        atls_evidence_verdict_clear(&appraisal);
        atls_corim_clear(&corim);
        atls_platform_cache_close(appraiser.cache);
        atls_store_close(appraiser.store);
    }
    free(encoded);
}

static int damaged_revision(struct atls_store *store, uint64_t *revisionp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

static int no_hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                   uint8_t *digestp)
{
    return atls_fail(-EIO, NULL, "no hash");
}

/* Where it cannot be known whether a token was seen before, there is no verdict. */
static void test_failures(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    static const uint8_t nonce[32] = {1};
    struct atls_appraiser appraiser = {.crypto = &counting};
    struct atls_evidence_verdict appraisal = {.reason = "untouched"};
    struct atls_crypto unable = atls_crypto_hosted;
    struct atls_evidence evidence;
    const char *reason;
    size_t size = test_cab(&(struct test_recipe){.device = &devices[0],
                                                 .nonce = ATLS_BYTES(nonce, 32),
                                                 .lifecycle = ATLS_PSA_SECURED,
                                                 .profile = ATLS_PSA_ARM_2},
                           cab);

    assert_int_equal(atls_store_open_memory(&appraiser.store), 0);
    assert_int_equal(atls_platform_cache_open(
                         LIFETIME, (struct atls_clock){tell_now, tell_now, NULL}, &appraiser.cache),
                     0);
    endorse(appraiser.store, devices, 1);
    assert_int_equal(
        atls_evidence_unwrap(ATLS_MT_CMW_CBOR, ATLS_BYTES(cab, size), &evidence, &reason), 0);
    const struct atls_store_ops *good = appraiser.store->ops;
    struct atls_store_ops damaged = *good;
    damaged.revision = damaged_revision;
    appraiser.store->ops = &damaged;
    assert_int_equal(atls_appraise(&appraiser, &evidence, ATLS_BYTES(nonce, 32), &appraisal), -EIO);
    appraiser.store->ops = good;
    unable.hash = no_hash;
    appraiser.crypto = &unable;
    assert_int_equal(atls_appraise(&appraiser, &evidence, ATLS_BYTES(nonce, 32), &appraisal), -EIO);
    struct atls_appraiser forgetful = appraiser; /* which hashes for the linkage only */
    forgetful.cache = NULL;
    assert_int_equal(atls_appraise(&forgetful, &evidence, ATLS_BYTES(nonce, 32), &appraisal), -EIO);
    assert_string_equal(appraisal.reason, "untouched");
    atls_evidence_clear(&evidence);
    atls_platform_cache_close(appraiser.cache);
    atls_store_close(appraiser.store);
}

/* Two digests in one place: the later one takes it over, and neither is taken for the other. */
static void test_places(void **state)
{
    uint8_t one[ATLS_EVIDENCE_DIGEST_SIZE] = {1, 2, 3}, other[ATLS_EVIDENCE_DIGEST_SIZE] = {1, 2};
    struct atls_platform_verdict verdict = {.nonce = {7}, .summary = json_object()}, found;
    struct atls_platform_cache *cache;

    now = 1000;
    assert_int_equal(
        atls_platform_cache_open(LIFETIME, (struct atls_clock){tell_now, tell_now, NULL}, &cache),
        0);
    atls_platform_cache_keep(cache, one, 5, 3600, &verdict);
    assert_false(atls_platform_cache_find(cache, other, 5, &found));
    assert_false(atls_platform_cache_find(cache, one, 6, &found));
    assert_true(atls_platform_cache_find(cache, one, 5, &found));
    assert_int_equal(found.nonce[0], 7);
    assert_ptr_equal(found.summary, verdict.summary);
    json_decref(found.summary);
    atls_platform_cache_keep(cache, other, 5, 3600, &verdict);
    assert_false(atls_platform_cache_find(cache, one, 5, &found));
    now += LIFETIME * 1000 - 1;
    assert_true(atls_platform_cache_find(cache, other, 5, &found));
    json_decref(found.summary);
    now++;
    assert_false(atls_platform_cache_find(cache, other, 5, &found));
    json_decref(verdict.summary);
    atls_platform_cache_close(cache);
    atls_platform_cache_close(NULL);
}

int main(void)
{
    struct CMUnitTest tests[sizeof rows / sizeof *rows + 3];
    size_t count = 0;

    for (unsigned i = 0; i < 3; i++)
        test_device_make(&devices[i], (uint8_t)(i + 1));
    counting = atls_crypto_hosted;
    counting.verify = count_and_verify;
    for (; count < sizeof rows / sizeof *rows; count++)
        tests[count] = (struct CMUnitTest){rows[count].name, test_row, NULL, NULL,
                                           (void *)(uintptr_t)&rows[count]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_places);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_failures);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_validity);
    return _cmocka_run_group_tests("platform cache", tests, count, NULL, NULL);
}

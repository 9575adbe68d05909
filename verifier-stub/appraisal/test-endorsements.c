/* SPDX-License-Identifier: Apache-2.0 */
/* What evidence is worth by what is endorsed: for a time, not at all, or by a store that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-support.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct test_device device;
static uint8_t nonce[32];

static int set_up(void **state)
{
    test_device_make(&device, 10);
    memset(nonce, 0x11, sizeof nonce);
    return 0;
}

/* A fake store that fails: no verdict may come of it. */
static int failing_find_trust_anchor(struct atls_store *s, const struct atls_trust_anchor *sought,
                                     struct atls_trust_anchor *anchorp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

static int good_find_trust_anchor(struct atls_store *s, const struct atls_trust_anchor *sought,
                                  struct atls_trust_anchor *anchorp)
{
    *anchorp = (struct atls_trust_anchor){.key = device.pak.public_key};
    return 0;
}

static int failing_find_reference_values(struct atls_store *s, enum atls_corim_profile profile,
                                         const uint8_t implementation_id[32],
                                         struct atls_reference_set *setp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

static void test_broken_store(void **state)
{
    static const struct atls_store_ops broken[] = {
        {.find_trust_anchor = failing_find_trust_anchor},
        {.find_trust_anchor = good_find_trust_anchor,
         .find_reference_values = failing_find_reference_values},
    };
    struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = test_cab(&recipe, cab);
    struct atls_evidence_verdict appraisal = {.reason = "untouched"};

    for (size_t i = 0; i < COUNT(broken); i++) {
        struct atls_store fake = {.ops = &broken[i]};

        assert_true(test_appraise(&fake, "application/cmw", ATLS_BYTES(cab, size),
                                  ATLS_BYTES(nonce, 32), &appraisal) < 0);
        assert_string_equal(appraisal.reason, "untouched");
    }
}

/* Endorsements count while they are valid (draft-ietf-rats-corim section 7.3): one second more or
 * less decides. */
static void test_validity(void **state)
{
    static const struct {
        const char *what;
        struct atls_validity anchor, values;
        const char *reason;
        enum atls_tier tier;
    } table[] = {
        {"no bounds", {0, 0}, {0, 0}, "ok", ATLS_TIER_AFFIRMING},
        {"last second of the values", {0, 0}, {0, TEST_NOW}, "ok", ATLS_TIER_AFFIRMING},
        {"values expired", {0, 0}, {0, TEST_NOW - 1}, "unknown-component", ATLS_TIER_WARNING},
        {"first second of the values", {0, 0}, {TEST_NOW, TEST_NOW + 9}, "ok", ATLS_TIER_AFFIRMING},
        {"values not valid yet", {0, 0}, {TEST_NOW + 1, 0}, "unknown-component", ATLS_TIER_WARNING},
        {"last second of the key", {0, TEST_NOW}, {0, 0}, "ok", ATLS_TIER_AFFIRMING},
        {"key expired",
         {0, TEST_NOW - 1},
         {0, 0},
         "unknown-attestation-key",
         ATLS_TIER_CONTRAINDICATED},
        {"key not valid yet",
         {TEST_NOW + 1, TEST_NOW + 9},
         {0, 0},
         "unknown-attestation-key",
         ATLS_TIER_CONTRAINDICATED},
    };
    struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = test_cab(&recipe, cab);

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_evidence_verdict appraisal;
        struct atls_store *other;
        struct atls_corim corim;
        uint8_t *encoded;
        size_t encoded_size = test_corim(&device, 1, ATLS_CORIM_MAIN, &encoded);

        assert_int_equal(atls_corim_parse(ATLS_BYTES(encoded, encoded_size), &corim), 0);
        for (size_t j = 0; j < corim.reference_value_count; j++)
            corim.reference_values[j].validity = table[i].values;
        corim.trust_anchors[0].validity = table[i].anchor;
        assert_int_equal(atls_store_open("memory", &other), 0);
        assert_int_equal(other->ops->add(other, &corim), 0);
        assert_int_equal(test_appraise(other, "application/cmw", ATLS_BYTES(cab, size),
                                       ATLS_BYTES(nonce, 32), &appraisal),
                         0);
        if (strcmp(appraisal.reason, table[i].reason) != 0)
            fail_msg("%s: %s: %s", table[i].what, appraisal.reason, appraisal.detail);
        assert_int_equal(appraisal.tier, table[i].tier);
        if (appraisal.tier != ATLS_TIER_AFFIRMING)
            assert_non_null(strstr(appraisal.detail, "outside of their validity") ||
                                    strstr(appraisal.detail, "outside of its validity")
                                ? appraisal.detail
                                : NULL);
        atls_evidence_verdict_clear(&appraisal);
        atls_store_close(other);
        atls_corim_clear(&corim);
        free(encoded);
    }
}

/* An empty store affirms nothing: there is no key that vouches for anything. */
static void test_empty_store(void **state)
{
    struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
    static uint8_t evidence[TEST_EVIDENCE_MAX];
    struct atls_store *empty;

    assert_int_equal(atls_store_open("memory", &empty), 0);
    for (size_t psa = 0; psa < 2; psa++) {
        size_t size = psa ? test_psa_token(&recipe, evidence) : test_cab(&recipe, evidence);
        struct atls_evidence_verdict appraisal;

        assert_int_equal(test_appraise(empty, psa ? ATLS_MT_PSA_TOKEN : "application/cmw",
                                       ATLS_BYTES(evidence, size), ATLS_BYTES(nonce, 32),
                                       &appraisal),
                         0);
        assert_string_equal(appraisal.reason, "unknown-attestation-key");
        assert_int_equal(appraisal.tier, ATLS_TIER_CONTRAINDICATED);
        for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++)
            assert_int_equal(appraisal.submods[0].trust_vector[i], 99);
        atls_evidence_verdict_clear(&appraisal);
    }
    atls_store_close(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_store),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_empty_store),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

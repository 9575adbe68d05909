/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of two parts, as a platform and a realm on it: each has a submod of its own in the
 * result, with its own claims, and the worse of them is what the evidence is worth. The format is
 * one of this test: it finds what a row of the table says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/result.h"

enum { PLATFORM, REALM };

static const struct row {
    const char *what;
    int hardware, executables; /* what the platform and the realm claim; 0: nothing */
    const char *reason;        /* that the format gives; NULL: none */
    bool condemned;
    enum atls_tier platform, realm, whole;
} rows[] = {
    {"both good", 2, 2, NULL, false, ATLS_TIER_AFFIRMING, ATLS_TIER_AFFIRMING, ATLS_TIER_AFFIRMING},
    {"the realm unknown", 2, 33, "unknown-component", false, ATLS_TIER_AFFIRMING, ATLS_TIER_WARNING,
     ATLS_TIER_WARNING},
    {"the platform bad", 96, 2, "lifecycle-not-secured", false, ATLS_TIER_CONTRAINDICATED,
     ATLS_TIER_AFFIRMING, ATLS_TIER_CONTRAINDICATED},
    {"the realm says nothing", 2, 0, "unknown-component", false, ATLS_TIER_AFFIRMING,
     ATLS_TIER_NONE, ATLS_TIER_NONE},
    {"condemned", 2, 2, "nonce-mismatch", true, ATLS_TIER_CONTRAINDICATED,
     ATLS_TIER_CONTRAINDICATED, ATLS_TIER_CONTRAINDICATED},
};

static const struct row *now; /* what the format finds */

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    judge->ops->claim(judge, ATLS_HARDWARE, now->hardware);
    judge->ops->submod(judge, REALM);
    judge->ops->claim(judge, ATLS_EXECUTABLES, now->executables);
    if (now->condemned)
        return atls_judge_condemn(judge, now->reason, "a clause", "not what was asked");
    if (now->reason) {
        judge->ops->say(judge, now->reason, "a clause", "the first");
        judge->ops->say(judge, "internal", "", "the second, which nobody hears");
    }
    return 0;
}

static const struct atls_evidence_submod submods[] = {{"PLATFORM", 1u << ATLS_HARDWARE},
                                                      {"REALM", 1u << ATLS_EXECUTABLES}};
static const struct atls_evidence_format two = {
    .name = "two", .submods = submods, .submod_count = 2, .appraise = appraise};

static void read_back(const struct atls_evidence_verdict *verdict, const struct row *row)
{
    struct atls_result_rules rules = {.lifetime = 60, .identity = "verifier.example"};
    struct atls_ear ear;
    json_t *key;
    uint8_t *jwt;
    size_t size;

    assert_int_equal(atls_signing_key_make(&key), 0);
    rules.signer_jwk = key;
    assert_int_equal(atls_result_write(verdict, ATLS_BYTES("12345678", 8), 1700000000, false,
                                       &rules, ATLS_EAR_JWT, &jwt, &size),
                     0);
    assert_int_equal(atls_ear_read_unverified(ATLS_BYTES(jwt, size), &ear), 0);
    assert_int_equal(ear.submod_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct atls_ear_submod *submod = &ear.submods[i];
        bool realm = strcmp(submod->name, "REALM") == 0;
        enum atls_tier expected = realm ? row->realm : row->platform;

        assert_string_equal(submod->name, realm ? "REALM" : "PLATFORM");
        assert_int_equal(submod->status, expected);
        assert_true((expected == row->whole) ==
                    (json_object_get(submod->policy_claims, "atls.reason") != NULL));
    }
    assert_int_equal(atls_ear_worst_tier(&ear), row->whole);
    atls_ear_clear(&ear);
    free(jwt);
    json_decref(key);
}

static void test_two_submods(void **state)
{
    const struct atls_appraiser appraiser = {.crypto = &atls_crypto_hosted, .now = 1700000000};
    const struct atls_evidence evidence = {.format = &two};
    struct atls_evidence_verdict verdict;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        now = &rows[i];
        print_message("%s\n", now->what);
        assert_int_equal(atls_appraise(&appraiser, &evidence, ATLS_BYTES("12345678", 8), &verdict),
                         0);
        assert_int_equal(verdict.submod_count, 2);
        assert_int_equal(verdict.submods[PLATFORM].tier, now->platform);
        assert_int_equal(verdict.submods[REALM].tier, now->realm);
        assert_int_equal(verdict.tier, now->whole);
        assert_string_equal(verdict.reason, now->reason ? now->reason : "ok");
        read_back(&verdict, now);
        atls_evidence_verdict_clear(&verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_submods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

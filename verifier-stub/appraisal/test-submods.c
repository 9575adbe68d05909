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

#include <errno.h>
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
static struct atls_private_key key;

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    judge->ops->claim(judge, ATLS_HARDWARE, now->hardware);
    judge->ops->submod(judge, REALM);
    judge->ops->claim(judge, ATLS_EXECUTABLES, now->executables);
    judge->ops->attest(judge, &key.public_key);
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
    json_t *signer;
    uint8_t *jwt;
    size_t size;

    assert_int_equal(atls_signing_key_make(&signer), 0);
    rules.signer_jwk = signer;
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
        assert_true((expected == row->whole && row->reason) ==
                    (json_object_get(submod->policy_claims, "atls.clause") != NULL));
    }
    assert_int_equal(atls_ear_worst_tier(&ear), row->whole);
    atls_ear_clear(&ear);
    free(jwt);
    json_decref(signer);
}

static void test_two_submods(void **state)
{
    const struct atls_appraiser appraiser = {.crypto = &atls_crypto_hosted, .now = 1700000000};
    const struct atls_evidence evidence = {.format = &two};
    struct atls_evidence_verdict verdict;

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, NULL, &key), 0);
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
        assert_int_equal(verdict.has_key, !now->condemned); /* no key of what is not genuine */
        assert_null(strstr(verdict.detail, "outside of their validity"));
        read_back(&verdict, now);
        atls_evidence_verdict_clear(&verdict);
    }
}

/* A result has room for as many as a format may have. */
static void test_most_submods(void **state)
{
    static const char *const names[ATLS_SUBMODS_MAX] = {"A", "B", "C", "D"};
    struct atls_evidence_verdict verdict = {.submod_count = ATLS_SUBMODS_MAX, .reason = "ok"};
    struct atls_result_rules rules = {.dialect = ATLS_EAR_VERAISON, .lifetime = 300};
    json_t *signer;
    struct atls_ear ear;
    uint8_t *jwt;
    size_t size;

    for (size_t i = 0; i < ATLS_SUBMODS_MAX; i++)
        verdict.submods[i].name = names[i];
    assert_int_equal(atls_signing_key_make(&signer), 0);
    rules.signer_jwk = signer;
    assert_int_equal(atls_result_write(&verdict, ATLS_BYTES("12345678", 8), 1700000000, false,
                                       &rules, ATLS_EAR_JWT, &jwt, &size),
                     0);
    assert_int_equal(atls_ear_read_unverified(ATLS_BYTES(jwt, size), &ear), 0);
    assert_int_equal(ear.submod_count, ATLS_SUBMODS_MAX);
    atls_ear_clear(&ear);
    free(jwt);
    json_decref(signer);
}

/* A format that asks for what no CoRIM can endorse is a fault of this program, and no verdict. */
enum question { ANCHOR, INSTANCE, LONG_INSTANCE, PLATFORM_OF_NONE };
static enum question asked;

static int ask(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    static const uint8_t ids[64];
    struct atls_public_key found;
    uint8_t class_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE];

    switch (asked) {
    case ANCHOR:
        return judge->ops->find_anchor(judge, "no profile", ids, ids, &found);
    case INSTANCE:
        return judge->ops->find_instance(judge, ATLS_CORIM_PARSEC_TPM_PROFILE, ATLS_BYTES(ids, 33),
                                         &found, class_id);
    case LONG_INSTANCE:
        return judge->ops->find_instance(judge, ATLS_CORIM_PARSEC_TPM_PROFILE, ATLS_BYTES(ids, 34),
                                         &found, class_id);
    default:
        return judge->ops->match_platform(judge, "no profile", ids, NULL, 0, ATLS_BYTES(ids, 1));
    }
}

static void test_questions_about_nothing(void **state)
{
    static const struct atls_evidence_format format = {
        .name = "asks", .submods = submods, .submod_count = 1, .appraise = ask};
    struct atls_appraiser appraiser = {.crypto = &atls_crypto_hosted, .now = 1700000000};
    const struct atls_evidence evidence = {.format = &format};

    assert_int_equal(atls_store_open_memory(&appraiser.store), 0);
    for (asked = ANCHOR; asked <= PLATFORM_OF_NONE; asked++) {
        struct atls_evidence_verdict verdict = {.reason = "untouched"};
        int result = atls_appraise(&appraiser, &evidence, ATLS_BYTES("12345678", 8), &verdict);

        if (asked == INSTANCE) { /* as long as one may be: nobody has endorsed it */
            assert_int_equal(result, 0);
            assert_string_equal(verdict.reason, "unknown-attestation-key");
            /* and of a submod that the format does not have nothing is said */
            assert_int_equal(verdict.submods[0].tier, ATLS_TIER_CONTRAINDICATED);
            assert_memory_equal(&verdict.submods[1], &(struct atls_submod_verdict){.tier = 0},
                                sizeof verdict.submods[1]);
            atls_evidence_verdict_clear(&verdict);
        } else {
            assert_int_equal(result, -EINVAL);
            assert_non_null(strstr(atls_error_text(), asked == LONG_INSTANCE
                                                          ? "no such instance can be endorsed"
                                                          : "no CoRIM profile"));
            assert_string_equal(verdict.reason, "untouched");
        }
    }
    atls_store_close(appraiser.store);
}

static int parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    size_t first = message->value.data[0];

    partsp[0] = ATLS_BYTES(message->value.data + 1, first);
    partsp[1] = ATLS_BYTES(message->value.data + 1 + first, message->value.size - 1 - first);
    return 0;
}

static int no_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    return -ENOMEM;
}

/* Where one signed part ends and the other begins counts: the same bytes are other evidence. */
static void test_digests(void **state)
{
    static const struct atls_evidence_format format = {.name = "parts", .signed_parts = parts},
                                             none = {.name = "none", .signed_parts = no_parts};
    uint8_t digests[2][ATLS_EVIDENCE_DIGEST_SIZE];

    for (size_t i = 0; i < 2; i++) {
        const struct atls_evidence evidence = {.format = &format,
                                               .value = ATLS_BYTES(i ? "\2abc" : "\1abc", 4)};

        assert_int_equal(atls_evidence_digest(&evidence, &atls_crypto_hosted, digests[i]), 0);
    }
    assert_memory_not_equal(digests[0], digests[1], ATLS_EVIDENCE_DIGEST_SIZE);
    assert_int_equal(atls_evidence_digest(&(struct atls_evidence){.format = &none},
                                          &atls_crypto_hosted, digests[0]),
                     -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_submods),
        cmocka_unit_test(test_most_submods),
        cmocka_unit_test(test_questions_about_nothing),
        cmocka_unit_test(test_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

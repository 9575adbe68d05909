/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party in the passport model: each reason for which a result that the attester brought
 * is refused, and who is at fault.
 */
#include "roles/test-appraisal.h"

#include "rats/base/error.h"

static void passport(struct test_appraisal *f, const char *verifier_id)
{
    struct atls_public_key key;
    int result;

    while ((result = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    assert_int_equal(result, 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    if (verifier_id) {
        assert_int_equal(
            atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(verifier_id)), 0);
    }
    result = atls_appraisal_credential(f->appraisal,
                                       ATLS_BYTES(f->credential.cmw, f->credential.size), &key);
    if (result == 0) {
        assert_true(atls_public_key_equal(&key, &f->ik));
    }
    test_await_verdict(f);
}

static const struct {
    const char *what, *fault;
    struct test_result result;
    const char *id; /* the verifier that was agreed on */
    bool wrong_key; /* the trusted key file is another one */
    enum atls_tier accept;
    int64_t clock_offset;
    const char *reason;
    enum atls_tier tier;
} passport_rows[] = {
    {"affirming",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "ok",
     ATLS_TIER_AFFIRMING},
    {"key by discovery",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     "other.example",
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "ok",
     ATLS_TIER_AFFIRMING},
    {"its issuer",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .issuer = VERIFIER_ID},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "ok",
     ATLS_TIER_AFFIRMING},
    {"warning, accepted",
     NULL,
     {.tier = ATLS_TIER_WARNING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_WARNING,
     0,
     "ok",
     ATLS_TIER_WARNING},
    {"warning",
     NULL,
     {.tier = ATLS_TIER_WARNING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-warning",
     ATLS_TIER_WARNING},
    {"contraindicated",
     NULL,
     {.tier = ATLS_TIER_CONTRAINDICATED, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_WARNING,
     0,
     "tier-contraindicated",
     ATLS_TIER_CONTRAINDICATED},
    {"none",
     NULL,
     {.tier = ATLS_TIER_NONE, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_WARNING,
     0,
     "tier-none",
     ATLS_TIER_NONE},
    {"the verifier's reason",
     NULL,
     {.tier = ATLS_TIER_WARNING,
      .lifetime = 300,
      .policy_claims = "{\"atls.reason\":\"version-not-endorsed\"}"},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "version-not-endorsed",
     ATLS_TIER_WARNING},
    {"expired",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     400,
     "result-expired",
     ATLS_TIER_NONE},
    {"from the future",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     -400,
     "result-expired",
     ATLS_TIER_NONE},
    {"no exp and too old",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .age = 4000},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "result-expired",
     ATLS_TIER_NONE},
    {"bit flipped in the signature",
     "result-signature",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "result-signature-invalid",
     ATLS_TIER_NONE},
    {"bit flipped, its issuer",
     "result-signature",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .issuer = VERIFIER_ID},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "result-signature-invalid",
     ATLS_TIER_NONE},
    {"another key is trusted",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "result-signature-invalid",
     ATLS_TIER_NONE},
    {"another verifier's, which says so",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .wrong_signer = true, .issuer = "rogue"},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "verifier-untrusted",
     ATLS_TIER_NONE},
    {"another verifier's, which says it is ours",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .wrong_signer = true, .issuer = VERIFIER_ID},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "result-signature-invalid",
     ATLS_TIER_NONE},
    {"good signature, another issuer",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .issuer = "somebody else"},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "verifier-untrusted",
     ATLS_TIER_NONE},
    {"no verifier agreed on",
     NULL,
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     NULL,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "verifier-untrusted",
     ATLS_TIER_NONE},
    {"alg none",
     "result-algorithm-none",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "result-signature-invalid",
     ATLS_TIER_NONE},
    {"garbage",
     "result-garbage",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "malformed-result",
     ATLS_TIER_NONE},
    {"wrapper",
     "cmw-trailing-byte",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     VERIFIER_ID,
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "malformed-cmw",
     ATLS_TIER_NONE},
};

static void test_passport(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof passport_rows / sizeof *passport_rows; i++) {
            f->faults.count = 0;
            if (passport_rows[i].fault) {
                assert_int_equal(atls_faults_add(&f->faults, passport_rows[i].fault), 0);
            }
            f->options.accept_tier = passport_rows[i].accept;
            f->options.clock_offset = passport_rows[i].clock_offset;
            test_write_key(f, passport_rows[i].wrong_key);
            test_renew(f);
            *test_server_result(f->server) = passport_rows[i].result;
            test_server_result(f->server)->key = &f->ik;
            passport(f, passport_rows[i].id);
            test_verdict_explains(f, passport_rows[i].what, passport_rows[i].reason, false);
            assert_int_equal(f->verdict.tier, passport_rows[i].tier);
        }
    }
    test_event_says(&f->party, "credential", 0, "form", "record");
    assert_int_equal(test_event_count(&f->party, "result"), 0); /* the attester's to tell */
}

static void test_passport_without_key(void **state)
{
    struct test_appraisal *f = *state;

    test_renew(f);
    test_server_result(f->server)->key = NULL;
    passport(f, VERIFIER_ID);
    test_verdict_explains(f, "no akpub", "result-without-key", false);
}

static void test_passport_key_unavailable(void **state)
{
    struct test_appraisal *f = *state;

    test_renew(f);
    test_server_result(f->server)->key = &f->ik;
    test_server_answer(f->server, TEST_DISCOVERY)->close = true;
    passport(f, "other.example");
    test_verdict_explains(f, "no key to be had", "verifier-unreachable", true);
}

/* What names another verifier is refused for that, and for what is wrong with it besides. */
static void test_another_verifier_by_its_own_word(void **state)
{
    struct test_appraisal *f = *state;

    test_renew(f);
    *test_server_result(f->server) = (struct test_result){
        .tier = ATLS_TIER_AFFIRMING, .key = &f->ik, .wrong_signer = true, .issuer = "rogue"};
    passport(f, VERIFIER_ID);
    test_verdict_explains(f, "another verifier's", "verifier-untrusted", false);
    assert_string_equal(f->verdict.detail,
                        "expected a result of verifier " VERIFIER_ID ", came one of rogue: "
                        "JWS signature does not verify with the ES256 key given");
}

/* A relying party that asks no verifier for itself fetches the key of the one that was agreed on,
 * and again where a signature does not verify; a key in a file is the only one. */
static void test_key_of_agreed(void **state)
{
    struct test_appraisal *f = *state;
    unsigned before;

    f->options.verifier_url = NULL;
    *test_server_result(f->server) =
        (struct test_result){.tier = ATLS_TIER_AFFIRMING, .lifetime = 300};
    for (int renewed = 0; renewed < 2; renewed++) {
        test_server_result(f->server)->wrong_signer = renewed;
        test_server_publish(f->server, renewed);
        test_renew(f);
        test_server_result(f->server)->key = &f->ik;
        passport(f, "other.example");
        test_verdict_is(f, renewed ? "a new key" : "the key", "ok", false);
        assert_string_equal(f->verdict.detail,
                            "the presented result is affirming: it attests the key");
    }
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), 2);
    before = test_server_count(f->server, TEST_DISCOVERY);
    test_renew(f);
    test_server_result(f->server)->key = &f->ik;
    passport(f, VERIFIER_ID);
    test_verdict_explains(f, "the key in the file", "result-signature-invalid", false);
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passport, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_passport_without_key, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_another_verifier_by_its_own_word, test_set_up_key,
                                        test_tear_down),
        cmocka_unit_test_setup_teardown(test_key_of_agreed, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_passport_key_unavailable, test_set_up_key,
                                        test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

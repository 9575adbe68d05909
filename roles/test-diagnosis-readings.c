/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refused credential that another reading of a draft would have taken: evidence of devices that
 * read a challenge or a quote otherwise, results, and what a verifier says that nothing here bears
 * out.
 */
#include "roles/test-appraisal.h"

#include <stdio.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-table.h"
#include "rats/test/test-tpm.h"

static const uint8_t challenge[32] = "what the relying party has asked";
#define CHALLENGE ATLS_BYTES(challenge, sizeof challenge)

/* What the newest verdict's refusal knows: one reading of this value, or none where it is NULL. */
static void knows(struct test_appraisal *f, const char *what, enum atls_mismatch of,
                  const char *value)
{
    struct atls_diagnosis d;

    atls_appraisal_diagnose(f->appraisal, NULL, NULL, &d);
    if (d.of != of || d.count != (value != NULL))
        fail_msg("%s: expected %d and %d readings, came %d and %zu", what, (int)of, value != NULL,
                 (int)d.of, d.count);
    if (value)
        assert_string_equal(d.readings[0].value ? d.readings[0].value : d.readings[0].name, value);
}

static void judge(struct test_appraisal *f, struct atls_bytes credential)
{
    struct atls_public_key claimed;

    assert_int_equal(atls_appraisal_begin_with_challenge(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK,
                                                         CHALLENGE, &f->appraisal),
                     0);
    assert_int_equal(atls_appraisal_credential(f->appraisal, credential, &claimed), 0);
    test_await_verdict(f);
}

static void judge_evidence(struct test_appraisal *f)
{
    test_renew(f);
    assert_int_equal(atls_attester_bound_evidence(f->attester, 1, CHALLENGE, &f->credential), 0);
    judge(f, ATLS_BYTES(f->credential.cmw, f->credential.size));
}

/* A format that has two readings of the challenge, and a device that has one of them. */
static bool device_hashes;

static int check_challenge(const struct atls_evidence_read *read,
                           const struct atls_evidence_question *question, const char **reasonp)
{
    if (question->challenge_hashed == device_hashes &&
        atls_bytes_equal(question->challenge, CHALLENGE))
        return 0;
    *reasonp = "binder-mismatch";
    return atls_fail(ATLS_E_MISMATCH, "a draft, section 5", "it answers another challenge");
}

static void test_realm_challenge(void **state)
{
    struct test_appraisal *f = *state;
    static struct atls_evidence_format format;

    format = atls_format_prototype;
    format.check = check_challenge;
    f->attester_options.evidence_format = &atls_format_prototype;
    f->options.evidence = &format;
    for (int expected = 0; expected < 2; expected++) {
        f->options.challenge_hashed = expected;
        device_hashes = expected;
        judge_evidence(f);
        test_verdict_is(f, "the same reading", "ok", false);
        device_hashes = !expected;
        judge_evidence(f);
        test_verdict_is(f, "the other reading", "binder-mismatch", false);
        knows(f, "the other reading", ATLS_WRONG_BINDER, expected ? "zero-padded" : "sha-512");
    }
}

static void test_quote(void **state)
{
    struct test_appraisal *f = *state;

    for (int of_nonce = 0; of_nonce < 2; of_nonce++)
        for (int expected = 0; expected < 2; expected++) {
            uint8_t evidence[TEST_TPM_EVIDENCE_MAX], *cmw;
            struct test_tpm tpm;
            size_t size;

            test_tpm_init(&tpm, 1, CHALLENGE);
            if (of_nonce)
                tpm.quoted = CHALLENGE;
            struct atls_cmw record = {.form = ATLS_CMW_RECORD,
                                      .type.media_type = atls_bytes_of_text(ATLS_MT_PARSEC_TPM),
                                      .value = test_tpm_evidence(&tpm, evidence)};
            assert_int_equal(atls_cmw_serialize(&record, ATLS_CBOR, &cmw, &size), 0);
            f->options.quote_of_nonce = expected;
            test_renew(f);
            judge(f, ATLS_BYTES(cmw, size));
            free(cmw);
            test_verdict_is(f, "a quote", of_nonce == expected ? "ok" : "linkage-mismatch", false);
            if (of_nonce != expected)
                knows(f, "a quote", ATLS_WRONG_LINKAGE, of_nonce ? "nonce" : "kat");
        }
}

/* A verifier's word alone: what it says did not match does. */
static void test_word_of_verifier(void **state)
{
    struct test_appraisal *f = *state;

    *test_server_result(f->server) =
        (struct test_result){.tier = ATLS_TIER_WARNING,
                             .lifetime = 300,
                             .policy_claims = "{\"atls.reason\":\"linkage-mismatch\"}"};
    judge_evidence(f);
    test_verdict_is(f, "its word", "linkage-mismatch", false);
    knows(f, "its word", ATLS_MATCHES, NULL);
}

/* The nonce that everybody knows is named also where this side has sent it. */
static void test_constant_nonce(void **state)
{
    struct test_appraisal *f = *state;

    f->attester_options.evidence_format = &atls_format_prototype;
    f->options.evidence = &atls_format_prototype;
    f->options.constant_nonce = &atls_constant_nonce_of_2022;
    f->options.send_constant_nonce = true;
    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "the constant nonce", "nonce-constant", false);
    knows(f, "the constant nonce", ATLS_WRONG_NONCE, "constant");
}

/* A result that the verifier gives here, by the verifier's own key. */
static void test_result_in_der(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_cmw *cmw;
    char *body;

    test_renew(f);
    while (atls_attester_result(f->attester, 1, &f->credential) == ATLS_E_AGAIN)
        test_poll_once(f);
    assert_int_equal(atls_cmw_parse(ATLS_BYTES(f->credential.cmw, f->credential.size), &cmw), 0);
    char *jwt = test_jwt_in_der(cmw->value, 0);
    atls_cmw_free(cmw);
    assert_true(asprintf(&body,
                         "{\"status\":\"complete\",\"nonce\":\"AAECAwQFBgc\",\"result\":\"%s\"}",
                         jwt) > 0);
    free(jwt);
    *test_server_answer(f->server, TEST_POST) = (struct test_answer){.status = 200, .body = body};
    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "a result in DER", "result-signature-invalid", true);
    knows(f, "a result in DER", ATLS_WRONG_SIGNATURE, "another encoding");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PARTIES(test_realm_challenge),  WITH_PARTIES(test_quote),
        WITH_PARTIES(test_word_of_verifier), WITH_PARTIES(test_constant_nonce),
        WITH_PARTIES(test_result_in_der),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

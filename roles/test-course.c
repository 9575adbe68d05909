/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of an appraisal: what may be said to it when, within which bounds, and that nothing is
 * accepted of one that was called in another order. Nobody has to be asked for that.
 */
#include "roles/test-appraisal.h"

#include <errno.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-jwk.h"
#include "rats/test/test-table.h"
#include "roles/relying-party-private.h"

static const uint8_t bytes[65] = "a challenge that both ends computed";
#define CHALLENGE(size) ATLS_BYTES(bytes, size)

static void begin(struct test_appraisal *f, enum atls_model model, size_t size)
{
    atls_appraisal_free(f->appraisal);
    f->appraisal = NULL;
    test_outcome(
        atls_appraisal_begin_with_challenge(f->rp, 1, model, CHALLENGE(size), &f->appraisal), 0,
        NULL);
}

/* RFC 9711 section 4.1: what evidence answers has 8 to 64 bytes. */
static void test_challenge_sizes(void **state)
{
    static const size_t sizes[] = {7, 8, 64, 65};
    struct test_appraisal *f = *state;

    test_renew(f);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        bool good = sizes[i] >= 8 && sizes[i] <= 64;

        begin(f, ATLS_MODEL_PASSPORT, 0);
        atls_fail(0, NULL, "%s", "");
        test_outcome(atls_appraisal_set_challenge(f->appraisal, CHALLENGE(sizes[i])),
                     good ? 0 : ATLS_E_LIMIT, good ? NULL : "RFC 9711 section 4.1");
        test_await_verdict(f);
        test_verdict_explains(f, "size", good ? "attestation-missing" : "nonce-length", false);
        if (good) {
            struct atls_bytes nonce;
            test_outcome(atls_appraisal_challenge(f->appraisal, &nonce), -EINVAL, "");
        }
    }
}

/* What is known of an appraisal is known before its credential, and nothing changes its end. */
static void test_too_late(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key key = test_other_key(), claimed;
    uint8_t garbage[] = {0xff};
    struct atls_bytes credential = ATLS_BYTES(garbage, sizeof garbage);

    test_renew(f);
    begin(f, ATLS_MODEL_PASSPORT, 0);
    test_outcome(atls_appraisal_own_key(f->appraisal, &key), 0, NULL);
    test_outcome(atls_appraisal_own_key(f->appraisal, &key), 0, NULL);
    test_outcome(atls_appraisal_own_key(f->appraisal, &key), -EINVAL, "");
    for (int come = 0; come < 2; come++) { /* concluded without a credential, and with one */
        const char *reason = come ? "malformed-cmw" : "attestation-missing";

        begin(f, ATLS_MODEL_PASSPORT, 0);
        if (come)
            assert_int_equal(atls_appraisal_credential(f->appraisal, credential, &claimed),
                             ATLS_E_MALFORMED);
        test_await_verdict(f);
        test_outcome(atls_appraisal_own_key(f->appraisal, &key), -EINVAL, "");
        test_outcome(atls_appraisal_expect_key(f->appraisal, &key), -EINVAL, "");
        test_outcome(atls_appraisal_set_challenge(f->appraisal, CHALLENGE(32)), -EINVAL, "");
        test_outcome(atls_appraisal_credential(f->appraisal, credential, &claimed), -EINVAL, "");
        test_await_verdict(f);
        test_verdict_explains(f, "the end", reason, false);
    }
    begin(f, ATLS_MODEL_PASSPORT, 32);
    test_outcome(atls_appraisal_set_challenge(f->appraisal, CHALLENGE(32)), -EINVAL, "");
}

/* A result is in, and its verifier's key is still fetched: then, too, it is too late. */
static void test_under_way(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key key = test_other_key(), claimed;
    int result;

    test_renew(f);
    test_server_result(f->server)->key = &f->ik;
    while ((result = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN)
        test_poll_once(f);
    test_outcome(result, 0, NULL);
    struct atls_bytes bytes_of = ATLS_BYTES(f->credential.cmw, f->credential.size);
    begin(f, ATLS_MODEL_PASSPORT, 0);
    test_outcome(atls_appraisal_credential(f->appraisal, bytes_of, &claimed), 0, NULL);
    test_outcome(atls_appraisal_own_key(f->appraisal, &key), -EINVAL, "");
    test_outcome(atls_appraisal_expect_key(f->appraisal, &key), -EINVAL, "");
    test_outcome(atls_appraisal_credential(f->appraisal, bytes_of, &claimed), -EINVAL, "");
    test_await_verdict(f); /* no verifier was agreed on */
    test_verdict_explains(f, "nobody agreed on", "verifier-untrusted", false);
    begin(f, ATLS_MODEL_PASSPORT, 0);
    test_outcome(atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text("nobody.example")),
                 ATLS_E_UNTRUSTED, "draft-fossati-tls-attestation-07");
    test_outcome(atls_appraisal_credential(f->appraisal, bytes_of, &claimed), 0, NULL);
    test_await_verdict(f);
    test_verdict_explains(f, "agreed on a stranger", "verifier-untrusted", false);
}

static const struct {
    const char *what;
    int model;
    bool no_url, long_url;
    size_t nonce_size;
    int begins, begins_with; /* atls_appraisal_begin(), ..._with_challenge() */
} beginnings[] = {
    {"no model", 7, false, false, 32, -EINVAL, -EINVAL},
    {"nobody to ask", ATLS_MODEL_BACKGROUND_CHECK, true, false, 32, -EINVAL, -EINVAL},
    {"nobody to ask for a result", ATLS_MODEL_PASSPORT, true, false, 32, 0, 0},
    {"a nonce of 7 bytes", ATLS_MODEL_BACKGROUND_CHECK, false, false, 7, -EINVAL, 0},
    {"an address that is too long", ATLS_MODEL_BACKGROUND_CHECK, false, true, 32, -EINVAL, -EINVAL},
};

static void test_beginnings(void **state)
{
    struct test_appraisal *f = *state;
    static char address[4096];

    memset(address, 'a', sizeof address - 1);
    memcpy(address, "http://127.0.0.1/", strlen("http://127.0.0.1/"));
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        enum atls_model model = (enum atls_model)beginnings[i].model;
        struct atls_appraisal *a = NULL;

        f->options.nonce_size = beginnings[i].nonce_size;
        f->options.verifier_url = beginnings[i].no_url     ? NULL
                                  : beginnings[i].long_url ? address
                                                           : test_server_url(f->server);
        test_renew(f);
        assert_int_equal(atls_appraisal_begin(f->rp, 1, model, &a), beginnings[i].begins);
        assert_int_equal(a != NULL, beginnings[i].begins == 0);
        atls_appraisal_free(a);
        a = NULL;
        assert_int_equal(atls_appraisal_begin_with_challenge(f->rp, 1, model, CHALLENGE(32), &a),
                         beginnings[i].begins_with);
        assert_int_equal(a != NULL, beginnings[i].begins_with == 0);
        atls_appraisal_free(a);
        if (!beginnings[i].long_url)
            continue;
        begin(f, model, 0); /* it learns its challenge later: the verdict says what was wrong */
        assert_int_equal(atls_appraisal_set_challenge(f->appraisal, CHALLENGE(32)), -EINVAL);
        test_await_verdict(f);
        test_verdict_explains(f, beginnings[i].what, "internal", false);
    }
}

/* While the verifier makes its nonce, its key is fetched. */
static void test_key_meanwhile(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_bytes nonce;

    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    for (int i = 0; i < 200 && (atls_appraisal_challenge(f->appraisal, &nonce) != 0 ||
                                test_server_count(f->server, TEST_DISCOVERY) == 0);
         i++)
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), 1);
    assert_int_equal(nonce.size, 32);
    test_event_says(&f->party, "challenge", 0, "direction", "sent");
    assert_int_equal(atls_appraisal_challenge(f->appraisal, &nonce), 0); /* told once */
    assert_int_equal(test_event_count(&f->party, "challenge"), 1);
}

/* What this side sent itself, or what stands beside a certificate for its own key, came back. */
static void test_own_keys(void **state)
{
    static const struct {
        const char *what;
        int own[2];   /* 1: the attested key, 2: the certificate's, 0: a third one */
        bool beside;  /* there is a certificate, with a key of its own */
        bool refused; /* as own-key */
    } rows[] = {
        {"no key of its own", {0, 0}, false, false},
        {"the first", {1, 0}, false, true},
        {"the second", {0, 1}, false, true},
        {"the second, beside a certificate", {0, 1}, true, true},
        {"the certificate's, first", {2, 0}, true, true},
        {"the certificate's, second", {0, 2}, true, true},
        {"neither of both", {0, 0}, true, false},
    };
    struct test_appraisal *f = *state;
    const struct atls_public_key third = test_other_key();
    struct atls_public_key leaf = third, claimed;

    test_renew(f);
    leaf.x[0] ^= 1; /* nobody looks whether it is a point */
    assert_int_equal(atls_attester_bound_evidence(f->attester, 1, CHALLENGE(32), &f->credential),
                     0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct atls_public_key *keys[] = {&third, &f->credential.key, &leaf};

        begin(f, ATLS_MODEL_BACKGROUND_CHECK, 32);
        for (int k = 0; k < 2; k++)
            assert_int_equal(atls_appraisal_own_key(f->appraisal, keys[rows[i].own[k]]), 0);
        if (rows[i].beside)
            assert_int_equal(atls_appraisal_expect_key(f->appraisal, &leaf), 0);
        int result = atls_appraisal_credential(
            f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &claimed);
        if ((result == ATLS_E_MISMATCH) != rows[i].refused)
            fail_msg("%s: came %s (%s)", rows[i].what, atls_error_name(result), atls_error_text());
        if (rows[i].refused) {
            test_await_verdict(f);
            test_verdict_explains(f, rows[i].what, "own-key", false);
        }
    }
}

/* draft-ietf-rats-ear-03 section 6: a result as a CWT, to who has not asked for any. */
static void test_unasked_cwt(void **state)
{
    struct test_appraisal *f = *state;
    char name[] = "PSA_KAT", developer[] = "test", build[] = "1";
    struct atls_private_key signer;
    uint8_t seed[32] = {3}, *token;
    struct atls_public_key claimed;
    size_t size;

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &signer), 0);
    struct atls_ear_submod submod = {
        .name = name, .status = ATLS_TIER_AFFIRMING, .has_key = true, .key = signer.public_key};
    struct atls_ear ear = {.dialect = ATLS_EAR_VERAISON,
                           .issued_at = 1,
                           .developer = developer,
                           .build = build,
                           .submods = &submod,
                           .submod_count = 1};
    json_t *jwk = test_private_jwk(&signer);
    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, jwk, &token, &size), 0);
    json_decref(jwk);
    struct atls_cmw cmw = {.form = ATLS_CMW_RECORD,
                           .type.media_type = atls_bytes_of_text(ATLS_MT_EAT_CWT),
                           .value = ATLS_BYTES(token, size)};
    assert_int_equal(atls_cmw_serialize(&cmw, ATLS_CBOR, &f->credential.cmw, &f->credential.size),
                     0);
    free(token);
    for (int asked = 0; asked < 2; asked++) {
        struct atls_credential kept = f->credential;

        f->options.result_cwt = asked;
        f->credential.cmw = NULL;
        test_renew(f);
        f->credential = kept;
        begin(f, ATLS_MODEL_PASSPORT, 0);
        test_outcome(atls_appraisal_credential(
                         f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &claimed),
                     asked ? 0 : ATLS_E_UNSUPPORTED,
                     asked ? NULL : "draft-ietf-rats-ear-03 section 6");
        if (asked)
            continue;
        test_await_verdict(f);
        test_verdict_explains(f, "a CWT that nobody asked for", "malformed-result", false);
    }
}

/* Evidence that names no key, over a nonce that a verifier made: nothing binds it to the
 * certificate's key, whatever the verifier would say, which is not asked. */
static void test_key_of_nobody(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key leaf = test_other_key(), claimed;
    struct atls_bytes nonce;
    int result;

    f->attester_options.evidence_format = &atls_format_psa;
    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN)
        test_poll_once(f);
    assert_int_equal(result, 0);
    assert_int_equal(atls_attester_evidence(f->attester, 1, nonce, &f->credential), 0);
    assert_int_equal(atls_appraisal_expect_key(f->appraisal, &leaf), 0);
    assert_int_equal(atls_appraisal_credential(
                         f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &claimed),
                     0);
    test_await_verdict(f);
    test_verdict_explains(f, "a key that nothing names", "key-mismatch", false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
}

/* KAT-06 section 3: evidence that came before the nonce was even handed out answers nothing. */
static void test_before_challenge(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key claimed;

    test_renew(f);
    assert_int_equal(atls_attester_evidence(f->attester, 1, CHALLENGE(32), &f->credential), 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    for (int i = 0; i < 20; i++) /* the verifier's session is open by then */
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    struct atls_bytes credential = ATLS_BYTES(f->credential.cmw, f->credential.size);
    assert_int_equal(atls_appraisal_credential(f->appraisal, credential, &claimed), 0);
    test_await_verdict(f);
    test_verdict_explains(f, "before any challenge", "nonce-mismatch", false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
}

/* A verifier that gives no nonce is the end: no credential is taken any more. */
static void test_no_nonce(void **state)
{
    struct test_appraisal *f = *state;
    uint8_t byte[] = {0xff};
    struct atls_public_key claimed;
    struct atls_bytes nonce;
    int result;

    *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){.status = 500};
    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN)
        test_poll_once(f);
    assert_int_equal(result, ATLS_E_REFUSED);
    test_outcome(atls_appraisal_credential(f->appraisal, ATLS_BYTES(byte, 1), &claimed), -EINVAL,
                 "");
    test_await_verdict(f);
    test_verdict_explains(f, "no nonce", "verifier-error", true);
}

/* The verifier gets the platform's token alone, over another nonce than the evidence answers, and
 * of another size; its result answers that one. */
static void test_pat_alone(void **state)
{
    struct test_appraisal *f = *state;

    f->options.pat_alone = true;
    f->options.nonce_size = 64;
    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "PAT alone", "ok", false);
    test_server_result(f->server)->foreign_nonce = true;
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, "PAT alone, another session", "nonce-mismatch", true);
}

/* The verifier's nonce of one connection, answered in another. */
static void test_nonce_of_another(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_diagnosis diagnosis;
    struct atls_public_key claimed;
    struct atls_bytes nonce;

    test_renew(f);
    for (unsigned conn = 1; conn <= 2; conn++) {
        int result;

        atls_appraisal_free(f->appraisal);
        assert_int_equal(
            atls_appraisal_begin(f->rp, conn, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
        while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN)
            test_poll_once(f);
        assert_int_equal(result, 0);
        if (conn == 1)
            assert_int_equal(atls_attester_evidence(f->attester, 1, nonce, &f->credential), 0);
    }
    assert_int_equal(atls_appraisal_credential(
                         f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &claimed),
                     0);
    test_await_verdict(f);
    test_verdict_explains(f, "another connection's nonce", "nonce-mismatch", false);
    atls_appraisal_diagnose(f->appraisal, NULL, NULL, &diagnosis);
    assert_int_equal(diagnosis.of, ATLS_WRONG_NONCE);
    assert_int_equal(diagnosis.count, 1);
    assert_string_equal(diagnosis.readings[0].name, "another connection");
}

/* RFC 9999 section 3: evidence that is no CMW needs a media type to be sent to a verifier under. */
static void test_no_media_type(void **state)
{
    static struct atls_evidence_format untyped;
    struct test_appraisal *f = *state;

    untyped = atls_format_prototype;
    untyped.media_types = NULL;
    f->attester_options.evidence_format = &atls_format_prototype;
    f->options.evidence = &untyped;
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, "no type", "verifier-error", true);
    assert_string_equal(f->verdict.clause, "RFC 9999 section 3");
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
}

/* A verifier that takes no evidence of this kind has failed: what was asked for ahead is given up,
 * which it hears. */
static void test_given_up(void **state)
{
    struct test_appraisal *f = *state;

    f->options.nonces_ahead = 2;
    test_server_accept(f->server, "[\"text/plain\"]");
    test_renew(f);
    for (int i = 0; i < 200 && atls_nonces_ready(f->rp->nonces) < 2; i++) {
        atls_relying_party_refill(f->rp);
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    }
    assert_int_equal(atls_nonces_ready(f->rp->nonces), 2);
    test_background_check_once(f);
    test_verdict_explains(f, "no such evidence", "verifier-error", true);
    assert_int_equal(atls_nonces_ready(f->rp->nonces), 0);
    for (int i = 0; i < 200 && test_server_count(f->server, TEST_DELETE) == 0; i++)
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    assert_int_not_equal(test_server_count(f->server, TEST_DELETE), 0);
}

/* A verifier that has failed is told as that, where nobody has asked for its nonce and no
 * credential came either. */
static void test_failed_unasked(void **state)
{
    struct test_appraisal *f = *state;

    *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){.status = 500};
    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    test_await_verdict(f);
    test_verdict_explains(f, "nobody asked", "verifier-error", true);
}

/* RFC 9711 section 4.1: a result that answers something else; what that is, the diagnosis knows. */
static void test_result_answers(void **state)
{
    static const uint8_t foreign[32] = {1}; /* as test-server.h has it */
    struct test_appraisal *f = *state;
    struct atls_diagnosis diagnosis;
    struct atls_public_key claimed;

    f->options.result_answers = true;
    for (int row = 0; row < 3; row++) {
        bool passport = row > 0, none = row == 2;
        int result;

        test_server_result(f->server)->foreign_nonce = !none;
        test_server_result(f->server)->no_nonce = none;
        test_renew(f);
        test_server_result(f->server)->key = &f->ik;
        if (passport) {
            while ((result = atls_attester_bound_result(f->attester, 1, CHALLENGE(32),
                                                        &f->credential)) == ATLS_E_AGAIN)
                test_poll_once(f);
            assert_int_equal(result, 0);
            begin(f, ATLS_MODEL_PASSPORT, 32);
            assert_int_equal(
                atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)), 0);
            assert_int_equal(
                atls_appraisal_credential(
                    f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &claimed),
                0);
            test_await_verdict(f);
        } else {
            test_background_check_once(f);
        }
        test_verdict_explains(f, "answers", passport ? "binder-mismatch" : "nonce-mismatch",
                              !passport);
        atls_appraisal_diagnose(f->appraisal, NULL, NULL, &diagnosis);
        assert_int_equal(diagnosis.of, passport ? ATLS_WRONG_BINDER : ATLS_WRONG_NONCE);
        assert_int_equal(diagnosis.count, passport); /* by another reading it need not answer */
        if (passport)
            assert_string_equal(diagnosis.readings[0].variant, "result-nonce");
        assert_int_equal(atls_appraisal_answers(f->appraisal, ATLS_BYTES(foreign, 32)), !none);
        assert_false(atls_appraisal_answers(f->appraisal, CHALLENGE(32)));
        assert_false(atls_appraisal_answers(f->appraisal, CHALLENGE(0)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PARTIES(test_challenge_sizes), WITH_PARTIES(test_too_late),
        WITH_PARTIES(test_under_way),       WITH_PARTIES(test_beginnings),
        WITH_PARTIES(test_key_meanwhile),   WITH_PARTIES(test_own_keys),
        WITH_PARTIES(test_unasked_cwt),     WITH_PARTIES(test_key_of_nobody),
        WITH_PARTIES(test_no_nonce),        WITH_PARTIES(test_no_media_type),
        WITH_PARTIES(test_given_up),        WITH_PARTIES(test_before_challenge),
        WITH_PARTIES(test_result_answers),  WITH_PARTIES(test_failed_unasked),
        WITH_PARTIES(test_pat_alone),       WITH_PARTIES(test_nonce_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

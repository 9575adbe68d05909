/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party: each reason for a refusal in the background check, and who is at fault; and
 * what does not depend on the model. Results in the passport model: test-passport-verdict.c.
 */
#include "roles/test-appraisal.h"

#include <errno.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"

static const struct test_flaw local_rows[] = {
    {"stale-nonce", "nonce-mismatch"},
    {"foreign-nonce=00112233445566778899", "nonce-mismatch"},
    {"foreign-pat", "linkage-mismatch"},
    {"linkage", "linkage-mismatch"},
    {"non-secure-pat", "platform-token-caller"},
    {"kat-signature", "kat-signature-invalid"},
    {"cmw=a0", "malformed-cmw"},
    {"cmw=83", "malformed-cmw"},
};

static void check_local(struct test_appraisal *f, const struct test_flaw *row)
{
    f->faults.count = 0;
    assert_int_equal(atls_faults_add(&f->faults, row->fault), 0);
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, row->fault, row->reason, false);
    assert_int_equal(f->verdict.tier, ATLS_TIER_NONE);
}

/* A verifier that affirms everything does not help bad evidence, and never sees it. */
static void test_local_checks(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof local_rows / sizeof *local_rows; i++) {
            check_local(f, &local_rows[i]);
        }
        for (size_t i = 0; i < TEST_CAB_FLAWS; i++) {
            check_local(f, &test_cab_flaws[i]);
        }
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
    unsigned verdicts = 2 * (sizeof local_rows / sizeof *local_rows + TEST_CAB_FLAWS);
    assert_int_equal(test_event_count(&f->party, "verdict"), verdicts);
    test_event_says(&f->party, "verdict", 0, "reason", "nonce-mismatch");
    test_event_says(&f->party, "verdict", 0, "tier", "none");
}

static const struct {
    const char *what;
    struct test_result result;
    bool own_key; /* the result attests the IK */
    enum atls_tier accept;
    int64_t clock_offset;
    const char *reason;
    enum atls_tier tier;
    bool at_fault;
} check_rows[] = {
    {"affirming",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "ok",
     ATLS_TIER_AFFIRMING,
     false},
    {"no key in the result",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     false,
     ATLS_TIER_AFFIRMING,
     0,
     "ok",
     ATLS_TIER_AFFIRMING,
     false},
    {"no nonce in the result",
     {.tier = ATLS_TIER_AFFIRMING, .no_nonce = true},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "ok",
     ATLS_TIER_AFFIRMING,
     false},
    {"warning, accepted",
     {.tier = ATLS_TIER_WARNING, .lifetime = 300},
     true,
     ATLS_TIER_WARNING,
     0,
     "ok",
     ATLS_TIER_WARNING,
     false},
    {"warning",
     {.tier = ATLS_TIER_WARNING, .lifetime = 300},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-warning",
     ATLS_TIER_WARNING,
     false},
    {"contraindicated",
     {.tier = ATLS_TIER_CONTRAINDICATED, .lifetime = 300},
     true,
     ATLS_TIER_WARNING,
     0,
     "tier-contraindicated",
     ATLS_TIER_CONTRAINDICATED,
     false},
    {"none",
     {.tier = ATLS_TIER_NONE, .lifetime = 300},
     true,
     ATLS_TIER_WARNING,
     0,
     "tier-none",
     ATLS_TIER_NONE,
     false},
    {"the verifier's reason",
     {.tier = ATLS_TIER_CONTRAINDICATED,
      .lifetime = 300,
      .policy_claims = "{\"atls.reason\":\"pat-signature-invalid\",\"atls.detail\":\"why\"}"},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "pat-signature-invalid",
     ATLS_TIER_CONTRAINDICATED,
     false},
    {"a reason that is no word of ours",
     {.tier = ATLS_TIER_CONTRAINDICATED,
      .lifetime = 300,
      .policy_claims = "{\"atls.reason\":\"because\"}"},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-contraindicated",
     ATLS_TIER_CONTRAINDICATED,
     false},
    {"a reason that says ok",
     {.tier = ATLS_TIER_CONTRAINDICATED,
      .lifetime = 300,
      .policy_claims = "{\"atls.reason\":\"ok\"}"},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-contraindicated",
     ATLS_TIER_CONTRAINDICATED,
     false},
    {"a reason that is only the relying party's",
     {.tier = ATLS_TIER_WARNING,
      .lifetime = 300,
      .policy_claims = "{\"atls.reason\":\"verifier-timeout\"}"},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-warning",
     ATLS_TIER_WARNING,
     false},
    {"reasons of other types",
     {.tier = ATLS_TIER_WARNING,
      .lifetime = 300,
      .policy_claims =
          "{\"atls.reason\":7,\"atls.detail\":[],\"atls.mismatches\":{\"component\":1}}"},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-warning",
     ATLS_TIER_WARNING,
     false},
    {"policy claims do not raise a tier",
     {.tier = ATLS_TIER_WARNING,
      .lifetime = 300,
      .policy_claims = "{\"atls.reason\":\"ok\",\"atls.accepted\":true}"},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "tier-warning",
     ATLS_TIER_WARNING,
     false},
    {"another verifier's signature",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .wrong_signer = true},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "result-signature-invalid",
     ATLS_TIER_NONE,
     true},
    {"another session's nonce",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300, .foreign_nonce = true},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "nonce-mismatch",
     ATLS_TIER_NONE,
     true},
    {"expired",
     {.tier = ATLS_TIER_AFFIRMING, .age = 400, .lifetime = 300},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "result-expired",
     ATLS_TIER_NONE,
     true},
    {"expired by this party's clock",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     true,
     ATLS_TIER_AFFIRMING,
     400,
     "result-expired",
     ATLS_TIER_NONE,
     true},
    {"from the future",
     {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300},
     true,
     ATLS_TIER_AFFIRMING,
     -400,
     "result-expired",
     ATLS_TIER_NONE,
     true},
    {"no exp and too old",
     {.tier = ATLS_TIER_AFFIRMING, .age = 4000},
     true,
     ATLS_TIER_AFFIRMING,
     0,
     "result-expired",
     ATLS_TIER_NONE,
     true},
};

static void test_background_check(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof check_rows / sizeof *check_rows; i++) {
            f->options.accept_tier = check_rows[i].accept;
            f->options.clock_offset = check_rows[i].clock_offset;
            test_renew(f);
            *test_server_result(f->server) = check_rows[i].result;
            test_server_result(f->server)->key = check_rows[i].own_key ? &f->ik : NULL;
            test_background_check_once(f);
            test_verdict_explains(f, check_rows[i].what, check_rows[i].reason,
                                  check_rows[i].at_fault);
            assert_int_equal(f->verdict.tier, check_rows[i].tier);
        }
        assert_string_equal(test_server_evidence_type(f->server),
                            s ? ATLS_MT_CMW_JSON : ATLS_MT_CMW_CBOR);
        assert_true(atls_bytes_equal(test_server_evidence(f->server),
                                     ATLS_BYTES(f->credential.cmw, f->credential.size)));
    }
    test_event_says(&f->party, "challenge", 0, "direction", "sent");
    test_event_says(&f->party, "credential", 0, "direction", "received");
    test_event_says(&f->party, "credential", 0, "file", "conn-1-received-credential.cbor");
    test_event_says(&f->party, "result", 0, "source", "verifier");
    test_event_says(&f->party, "result", 0, "file", "conn-1-result.jwt");
    /* how long it holds: by exp, or by its age where it has none (check_rows 0 and 2) */
    for (unsigned i = 0; i <= 2; i += 2) {
        json_t *event = test_event(&f->party, "result", i);
        json_int_t left = json_integer_value(json_object_get(event, "expires_in"));
        assert_in_range(left, i ? 301 : 1, i ? f->options.result_max_age : 300);
        json_decref(event);
    }
    test_event_says(&f->party, "verdict", 0, "reason", "ok");
    test_event_says(&f->party, "verdict", 7, "detail", "why");
    char newest[64];
    snprintf(newest, sizeof newest, "conn-1-%zu-received-credential.json",
             sizeof check_rows / sizeof *check_rows);
    test_artifact_is(&f->party, newest, ATLS_BYTES(f->credential.cmw, f->credential.size));
    assert_int_equal(test_event_count(&f->party, "verdict"),
                     2 * sizeof check_rows / sizeof *check_rows);
}

static void test_key_of_result(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key other;

    test_renew(f);
    other = test_other_key();
    test_server_result(f->server)->key = &other;
    test_background_check_once(f);
    test_verdict_explains(f, "another key", "key-mismatch", true);
}

static void test_mismatches(void **state)
{
    struct test_appraisal *f = *state;

    test_renew(f);
    *test_server_result(f->server) = (struct test_result){
        .tier = ATLS_TIER_WARNING,
        .lifetime = 300,
        .policy_claims = "{\"atls.reason\":\"reference-value-mismatch\",\"atls.mismatches\":["
                         "{\"component\":\"FW\",\"expected\":[\"00\",\"01\"],\"measured\":\"02\"},"
                         "{\"component\":1,\"expected\":[],\"measured\":\"\"},"
                         "{\"component\":\"X\",\"expected\":[1],\"measured\":\"\"}, 7, null]}"};
    test_background_check_once(f);
    test_verdict_explains(f, "mismatches", "reference-value-mismatch", false);
    assert_int_equal(json_array_size(f->verdict.mismatches), 1);
    json_t *event = test_event(&f->party, "verdict", 0);
    const json_t *first = json_array_get(json_object_get(event, "mismatches"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "component")), "FW");
    assert_string_equal(json_string_value(json_object_get(first, "measured")), "02");
    assert_int_equal(json_array_size(json_object_get(first, "expected")), 2);
    json_decref(event);
}

static const struct {
    const char *what;
    enum test_endpoint endpoint;
    struct test_answer answer;
    const char *reason;
} verifier_rows[] = {
    {"no session", TEST_NEW_SESSION, {500, NULL, NULL, "", 0, false}, "verifier-error"},
    {"session garbage", TEST_NEW_SESSION, {201, NULL, "x", "?", 0, false}, "verifier-garbage"},
    {"session late", TEST_NEW_SESSION, {0, NULL, NULL, NULL, 2500, false}, "verifier-timeout"},
    {"session closed", TEST_NEW_SESSION, {0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
    {"evidence: 500", TEST_POST, {500, NULL, NULL, "", 0, false}, "verifier-error"},
    {"evidence: 404", TEST_POST, {404, NULL, NULL, "", 0, false}, "session-expired"},
    {"evidence: garbage", TEST_POST, {200, NULL, NULL, "{}", 0, false}, "verifier-garbage"},
    {"evidence: late", TEST_POST, {0, NULL, NULL, NULL, 2500, false}, "verifier-timeout"},
    {"evidence: closed", TEST_POST, {0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
    {"result is no JWT",
     TEST_POST,
     {200, NULL, NULL, "{\"status\":\"complete\",\"result\":\"no jwt\",\"nonce\":\"AAECAwQFBgc\"}",
      0, false},
     "verifier-garbage"},
    {"result is no EAR",
     TEST_POST,
     {200, NULL, NULL,
      "{\"status\":\"complete\",\"result\":\"e30.e30.c2ln\",\"nonce\":\"AAECAwQFBgc\"}", 0, false},
     "verifier-garbage"},
};

static void test_verifier_failures(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < sizeof verifier_rows / sizeof *verifier_rows; i++) {
        test_renew(f);
        *test_server_answer(f->server, verifier_rows[i].endpoint) = verifier_rows[i].answer;
        test_background_check_once(f);
        test_verdict_explains(f, verifier_rows[i].what, verifier_rows[i].reason, true);
        assert_int_equal(f->verdict.tier, ATLS_TIER_NONE);
        *test_server_answer(f->server, verifier_rows[i].endpoint) =
            (struct test_answer){.status = 0};
    }
}

/* A verifier that has another key than the one that was fetched: it is fetched again, once. */
static void test_discovered_key_changes(void **state)
{
    struct test_appraisal *f = *state;
    unsigned before;

    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "the key of the beginning", "ok", false);
    before = test_server_count(f->server, TEST_DISCOVERY);
    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "the key that is kept", "ok", false);
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), before);
    test_server_result(f->server)->wrong_signer = true; /* it signs with a new key */
    test_server_publish(f->server, true);
    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "a new key", "ok", false);
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), before + 1);
    test_server_result(f->server)->wrong_signer = false; /* now by a key that is not published */
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, "no key of it", "result-signature-invalid", true);
    assert_int_equal(test_server_count(f->server, TEST_DISCOVERY), before + 2);
    *test_server_answer(f->server, TEST_DISCOVERY) = (struct test_answer){.close = true};
    test_renew(f);
    test_background_check_once(f); /* nobody to ask: what is kept decides */
    test_verdict_explains(f, "no discovery", "result-signature-invalid", true);
    test_server_result(f->server)->wrong_signer = true;
    test_renew(f);
    test_background_check_once(f);
    test_verdict_is(f, "the newest key stays", "ok", false);
}

static void test_discovery_failures(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        struct test_answer answer;
        const char *reason;
    } rows[] = {
        {{404, NULL, NULL, "", 0, false}, "verifier-error"},
        {{200, NULL, NULL, "{}", 0, false}, "verifier-garbage"},
        {{0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
        {{0, NULL, NULL, NULL, 2500, false}, "verifier-timeout"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *test_server_answer(f->server, TEST_DISCOVERY) = rows[i].answer;
        test_renew(f);
        test_background_check_once(f);
        test_verdict_explains(f, "discovery", rows[i].reason, true);
        test_release(f);
        atls_verifier_client_free(f->client); /* a failure stands for a second in one client */
        assert_int_equal(atls_verifier_client_new(1500, &f->client), 0);
    }
}

static void test_verifier_down(void **state)
{
    struct test_appraisal *f = *state;

    test_renew(f);
    f->options.verifier_url = test_nobody();
    atls_relying_party_free(f->rp);
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &f->rp), 0);
    test_background_check_once(f);
    test_verdict_explains(f, "nobody there", "verifier-unreachable", true);
}

/* A verifier that takes PSA tokens but no CABs gets the PAT alone, over the linkage hash. */
static void test_pat_alone(void **state)
{
    struct test_appraisal *f = *state;

    test_server_accept(f->server, "[\"application/psa-attestation-token\"]");
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, "PAT alone", "ok", false);
    assert_string_equal(test_server_evidence_type(f->server), ATLS_MT_PSA_TOKEN);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 2);
    test_server_result(f->server)->tier = ATLS_TIER_WARNING;
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, "PAT alone, warning", "tier-warning", false);
    /* and so does one that would take the CAB, where the relying party is to check the KAT */
    test_server_accept(f->server,
                       "[\"application/cmw+cbor\", \"application/psa-attestation-token\"]");
    for (unsigned alone = 0; alone < 2; alone++) {
        f->options.pat_alone = alone;
        test_server_result(f->server)->tier = ATLS_TIER_AFFIRMING;
        test_renew(f);
        test_background_check_once(f);
        test_verdict_explains(f, "CAB or PAT", "ok", false);
        assert_string_equal(test_server_evidence_type(f->server),
                            alone ? ATLS_MT_PSA_TOKEN : ATLS_MT_CMW_CBOR);
    }
    f->options.pat_alone = false;
    test_renew(f);
    test_server_accept(f->server, "[\"application/vnd.other\"]");
    test_renew(f);
    test_background_check_once(f);
    test_verdict_explains(f, "nothing fits", "verifier-error", true);
}

/* Each model wants its own kind of credential. */
static void test_wrong_credential(void **state)
{
    struct test_appraisal *f = *state;
    uint8_t challenge[32] = {2};
    struct atls_public_key key;
    struct atls_bytes nonce;
    int result;

    test_renew(f);
    assert_int_equal(
        atls_attester_evidence(f->attester, 1, ATLS_BYTES(challenge, 32), &f->credential), 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)),
                     0);
    assert_true(atls_appraisal_credential(
                    f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key) > 0);
    test_await_verdict(f);
    test_verdict_explains(f, "evidence as a result", "malformed-result", false);

    test_renew(f);
    test_server_result(f->server)->key = &f->ik;
    while ((result = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    assert_int_equal(result, 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while (atls_appraisal_challenge(f->appraisal, &nonce) == ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    assert_true(atls_appraisal_credential(
                    f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key) > 0);
    test_await_verdict(f);
    test_verdict_explains(f, "a result as evidence", "malformed-cmw", false);
}

/* Calls out of order never end in an acceptance. */
static void test_fails_closed(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key key;
    struct atls_bytes nonce;
    uint8_t challenge[32] = {2};

    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    test_await_verdict(f); /* nothing came */
    test_verdict_explains(f, "no credential", "attestation-missing", false);
    assert_int_equal(atls_appraisal_credential(f->appraisal, atls_bytes_of_text("x"), &key),
                     -EINVAL);
    test_await_verdict(f);
    test_verdict_explains(f, "it stands", "attestation-missing", false);

    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    assert_int_equal(
        atls_attester_evidence(f->attester, 1, ATLS_BYTES(challenge, 32), &f->credential), 0);
    assert_int_equal(atls_appraisal_credential(
                         f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key),
                     0);
    test_await_verdict(f);
    test_verdict_explains(f, "evidence before the challenge", "nonce-mismatch", false);

    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_challenge(f->appraisal, &nonce), -EINVAL);
    assert_int_equal(
        atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text("unknown.example")),
        ATLS_E_UNTRUSTED);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, (struct atls_bytes){NULL, 0}),
                     ATLS_E_UNTRUSTED);
    test_await_verdict(f);
    test_verdict_explains(f, "no result", "attestation-missing", false);
}

/* A verdict is given once: a verifier that has failed fails whoever asks again. */
static void test_refused_once(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_bytes nonce;
    int result;

    test_renew(f);
    *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){.status = 500};
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    assert_int_equal(atls_appraisal_challenge(f->appraisal, &nonce), result);
    test_await_verdict(f);
    test_verdict_is(f, "no session", "verifier-error", true);
    assert_int_equal(test_event_count(&f->party, "verdict"), 1);
}

static void test_options(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_relying_party *none = NULL;
    struct atls_appraisal *no_appraisal = NULL;
    static const char *const keys[] = {
        "",
        "{}",
        "[]",
        "{\"kty\":\"oct\",\"k\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-521\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"kty\":\"EC\"}"};

    f->options.accept_tier = ATLS_TIER_CONTRAINDICATED;
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &none),
                     -EINVAL);
    f->options.accept_tier = ATLS_TIER_AFFIRMING;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(atls_write_file(f->key_file, atls_bytes_of_text(keys[i])), 0);
        assert_true(atls_relying_party_new(&f->options, f->client, f->party.events, &none) != 0);
    }
    f->trusted[0].source = "/nonexistent.jwk";
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &none),
                     -ENOENT);
    assert_null(none);
    f->options.trusted_count = 0;
    f->options.verifier_url = NULL;
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &f->rp), 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &no_appraisal),
                     -EINVAL);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_NONE, &no_appraisal), -EINVAL);
    assert_null(no_appraisal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_local_checks, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_background_check, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_key_of_result, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_mismatches, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_verifier_failures, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_discovered_key_changes, test_set_up_key,
                                        test_tear_down),
        cmocka_unit_test_setup_teardown(test_discovery_failures, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_verifier_down, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_pat_alone, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_credential, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_fails_closed, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_refused_once, test_set_up_key, test_tear_down),
        cmocka_unit_test_setup_teardown(test_options, test_set_up_key, test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The relying party: each reason for a refusal, in both models, and who is at fault. */
#include "tls/test-server.h"

#include <errno.h>

#include "rats/encoding.h"
#include "rats/error.h"
#include "rats/media-types.h"
#include "tls/relying-party.h"
#include "tls/test-party.h"

#define VERIFIER_ID "verifier.example"

struct fixture {
    struct test_server *server;
    struct test_party attester_party, party;
    struct atls_verifier_client *client;
    struct atls_faults faults;
    struct atls_attester_options attester_options;
    struct atls_attester *attester;
    struct atls_credential credential;
    struct atls_public_key ik;
    struct atls_trusted_verifier trusted[2];
    struct atls_relying_party_options options;
    struct atls_relying_party *rp;
    struct atls_appraisal *appraisal;
    struct atls_verdict verdict;
    char key_file[128];
};

static void write_key(struct fixture *f, bool wrong)
{
    json_t *jwk = test_server_key(f->server, wrong);
    char *text = json_dumps(jwk, 0);

    snprintf(f->key_file, sizeof f->key_file, "%s/key.jwk", f->party.directory);
    assert_int_equal(atls_write_file(f->key_file, atls_bytes_of_text(text)), 0);
    json_decref(jwk);
    free(text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->server = test_server_start();
    test_party_open(&f->attester_party);
    test_party_open(&f->party);
    assert_int_equal(atls_verifier_client_new(1500, &f->client), 0);
    f->attester_options = (struct atls_attester_options){.device = "inproc:1",
                                                         .second_device = "inproc:2",
                                                         .device_timeout_ms = 1000,
                                                         .curve = ATLS_P256,
                                                         .verifier_url = test_server_url(f->server),
                                                         .result_max_age = 3600,
                                                         .faults = &f->faults};
    write_key(f, false);
    f->trusted[0] = (struct atls_trusted_verifier){VERIFIER_ID, f->key_file};
    f->trusted[1] = (struct atls_trusted_verifier){"other.example", test_server_url(f->server)};
    f->options = (struct atls_relying_party_options){.verifier_url = test_server_url(f->server),
                                                     .trusted = f->trusted,
                                                     .trusted_count = 2,
                                                     .accept_tier = ATLS_TIER_AFFIRMING,
                                                     .nonce_size = 32,
                                                     .result_max_age = 3600,
                                                     .artifacts = f->party.directory};
    *state = f;
    return 0;
}

static void release(struct fixture *f)
{
    atls_credential_clear(&f->credential);
    atls_appraisal_free(f->appraisal);
    atls_relying_party_free(f->rp);
    atls_attester_free(f->attester);
    f->appraisal = NULL;
    f->rp = NULL;
    f->attester = NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    release(f);
    atls_verifier_client_free(f->client);
    test_server_stop(f->server);
    test_party_close(&f->party);
    test_party_close(&f->attester_party);
    free(f);
    return 0;
}

/* New parties with the options as they are, and the attested key learnt. */
static void renew(struct fixture *f)
{
    uint8_t challenge[32] = {1};

    release(f);
    assert_int_equal(
        atls_attester_new(&f->attester_options, f->client, f->attester_party.events, &f->attester),
        0);
    if (atls_attester_evidence(f->attester, 9, ATLS_BYTES(challenge, 32), &f->credential) == 0) {
        f->ik = f->credential.key;
        atls_credential_clear(&f->credential);
    }
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &f->rp), 0);
}

static void poll_once(struct fixture *f)
{
    assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
}

static void await_verdict(struct fixture *f)
{
    int rc;

    while ((rc = atls_appraisal_verdict(f->appraisal, &f->verdict)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_int_equal(rc, 0);
}

/* A whole background check; what fails on the way ends in the verdict. */
static void background_check(struct fixture *f)
{
    struct atls_bytes nonce;
    struct atls_public_key key;
    int rc;

    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while ((rc = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    if (rc == 0) {
        assert_int_equal(atls_attester_evidence(f->attester, 1, nonce, &f->credential), 0);
        rc = atls_appraisal_credential(f->appraisal,
                                       ATLS_BYTES(f->credential.cmw, f->credential.size), &key);
        assert_true(rc == 0 || rc > 0);
    }
    await_verdict(f);
}

static void passport(struct fixture *f, const char *verifier_id)
{
    struct atls_public_key key;
    int rc;

    while ((rc = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    if (verifier_id) {
        assert_int_equal(
            atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(verifier_id)), 0);
    }
    rc = atls_appraisal_credential(f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size),
                                   &key);
    if (rc == 0) {
        assert_true(atls_public_key_equal(&key, &f->ik));
    }
    await_verdict(f);
}

static void check(const struct fixture *f, const char *what, const char *reason, bool at_fault)
{
    bool accepted = strcmp(reason, "ok") == 0;

    if (strcmp(f->verdict.reason, reason) != 0 || f->verdict.accepted != accepted ||
        f->verdict.verifier_at_fault != at_fault) {
        fail_msg("%s: expected %s%s, came %s%s: %s", what, reason, at_fault ? " (verifier)" : "",
                 f->verdict.reason, f->verdict.verifier_at_fault ? " (verifier)" : "",
                 f->verdict.detail);
    }
    assert_true(f->verdict.detail[0] != '\0');
    assert_non_null(f->verdict.clause);
}

static const struct {
    const char *fault, *reason;
} local_rows[] = {
    {"stale-nonce", "nonce-mismatch"},
    {"foreign-nonce=00112233445566778899", "nonce-mismatch"},
    {"foreign-pat", "linkage-mismatch"},
    {"linkage", "linkage-mismatch"},
    {"kat-signature", "kat-signature-invalid"},
    {"cmw=a0", "malformed-cmw"},
    {"cmw=83", "malformed-cmw"},
    {"cmw-truncated", "malformed-cmw"},
    {"cmw-trailing-byte", "malformed-cmw"},
    {"cmw-empty-collection", "malformed-cmw"},
    {"cmw-relative-type", "malformed-cmw"},
    {"cmw-value-not-bytes", "malformed-cmw"},
    {"cmw-indicator-zero", "malformed-cmw"},
    {"cmw-missing-kat", "malformed-cmw"},
    {"cbor-indefinite", "malformed-cbor"},
    {"cbor-duplicate-key", "malformed-cbor"},
    {"cbor-unpreferred", "malformed-cbor"},
    {"cbor-deep", "malformed-cbor"},
    {"cose-three-elements", "malformed-cose"},
    {"cose-unknown-alg", "malformed-cose"},
    {"cose-detached", "malformed-cose"},
    {"claims-no-cnf", "malformed-claims"},
    {"claims-cbor", "malformed-cbor"},
};

/* A verifier that affirms everything does not help bad evidence, and never sees it. */
static void test_local_checks(void **state)
{
    struct fixture *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof local_rows / sizeof *local_rows; i++) {
            f->faults.count = 0;
            assert_int_equal(atls_faults_add(&f->faults, local_rows[i].fault), 0);
            renew(f);
            background_check(f);
            check(f, local_rows[i].fault, local_rows[i].reason, false);
            assert_int_equal(f->verdict.tier, ATLS_TIER_NONE);
        }
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
    unsigned verdicts = 2 * sizeof local_rows / sizeof *local_rows;
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
    struct fixture *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof check_rows / sizeof *check_rows; i++) {
            f->options.accept_tier = check_rows[i].accept;
            f->options.clock_offset = check_rows[i].clock_offset;
            renew(f);
            *test_server_result(f->server) = check_rows[i].result;
            test_server_result(f->server)->key = check_rows[i].own_key ? &f->ik : NULL;
            background_check(f);
            check(f, check_rows[i].what, check_rows[i].reason, check_rows[i].at_fault);
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
    struct fixture *f = *state;
    struct atls_public_key other;

    renew(f);
    other = f->ik;
    other.x[0] ^= 1;
    test_server_result(f->server)->key = &other;
    background_check(f);
    check(f, "another key", "key-mismatch", true);
}

static void test_mismatches(void **state)
{
    struct fixture *f = *state;

    renew(f);
    *test_server_result(f->server) = (struct test_result){
        .tier = ATLS_TIER_WARNING,
        .lifetime = 300,
        .policy_claims = "{\"atls.reason\":\"reference-value-mismatch\",\"atls.mismatches\":["
                         "{\"component\":\"FW\",\"expected\":[\"00\",\"01\"],\"measured\":\"02\"},"
                         "{\"component\":1,\"expected\":[],\"measured\":\"\"},"
                         "{\"component\":\"X\",\"expected\":[1],\"measured\":\"\"}, 7, null]}"};
    background_check(f);
    check(f, "mismatches", "reference-value-mismatch", false);
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
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof verifier_rows / sizeof *verifier_rows; i++) {
        renew(f);
        *test_server_answer(f->server, verifier_rows[i].endpoint) = verifier_rows[i].answer;
        background_check(f);
        check(f, verifier_rows[i].what, verifier_rows[i].reason, true);
        assert_int_equal(f->verdict.tier, ATLS_TIER_NONE);
        *test_server_answer(f->server, verifier_rows[i].endpoint) =
            (struct test_answer){.status = 0};
    }
}

static void test_discovery_failures(void **state)
{
    struct fixture *f = *state;
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
        renew(f);
        background_check(f);
        check(f, "discovery", rows[i].reason, true);
        release(f);
        atls_verifier_client_free(f->client); /* a failure stands for a second in one client */
        assert_int_equal(atls_verifier_client_new(1500, &f->client), 0);
    }
}

static void test_verifier_down(void **state)
{
    struct fixture *f = *state;

    renew(f);
    f->options.verifier_url = test_nobody();
    atls_relying_party_free(f->rp);
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &f->rp), 0);
    background_check(f);
    check(f, "nobody there", "verifier-unreachable", true);
}

/* A verifier that takes PSA tokens but no CABs gets the PAT alone, over the linkage hash. */
static void test_pat_alone(void **state)
{
    struct fixture *f = *state;

    test_server_accept(f->server, "[\"application/psa-attestation-token\"]");
    renew(f);
    background_check(f);
    check(f, "PAT alone", "ok", false);
    assert_string_equal(test_server_evidence_type(f->server), ATLS_MT_PSA_TOKEN);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 2);
    test_server_result(f->server)->tier = ATLS_TIER_WARNING;
    renew(f);
    background_check(f);
    check(f, "PAT alone, warning", "tier-warning", false);
    test_server_accept(f->server, "[\"application/vnd.other\"]");
    renew(f);
    background_check(f);
    check(f, "nothing fits", "verifier-error", true);
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
    struct fixture *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof passport_rows / sizeof *passport_rows; i++) {
            f->faults.count = 0;
            if (passport_rows[i].fault) {
                assert_int_equal(atls_faults_add(&f->faults, passport_rows[i].fault), 0);
            }
            f->options.accept_tier = passport_rows[i].accept;
            f->options.clock_offset = passport_rows[i].clock_offset;
            write_key(f, passport_rows[i].wrong_key);
            renew(f);
            *test_server_result(f->server) = passport_rows[i].result;
            test_server_result(f->server)->key = &f->ik;
            passport(f, passport_rows[i].id);
            check(f, passport_rows[i].what, passport_rows[i].reason, false);
            assert_int_equal(f->verdict.tier, passport_rows[i].tier);
        }
    }
    test_event_says(&f->party, "credential", 0, "form", "record");
    assert_int_equal(test_event_count(&f->party, "result"), 0); /* the attester's to tell */
}

static void test_passport_without_key(void **state)
{
    struct fixture *f = *state;

    renew(f);
    test_server_result(f->server)->key = NULL;
    passport(f, VERIFIER_ID);
    check(f, "no akpub", "result-without-key", false);
}

static void test_passport_key_unavailable(void **state)
{
    struct fixture *f = *state;

    renew(f);
    test_server_result(f->server)->key = &f->ik;
    test_server_answer(f->server, TEST_DISCOVERY)->close = true;
    passport(f, "other.example");
    check(f, "no key to be had", "verifier-unreachable", true);
}

/* Each model wants its own kind of credential. */
static void test_wrong_credential(void **state)
{
    struct fixture *f = *state;
    uint8_t challenge[32] = {2};
    struct atls_public_key key;
    struct atls_bytes nonce;
    int rc;

    renew(f);
    assert_int_equal(
        atls_attester_evidence(f->attester, 1, ATLS_BYTES(challenge, 32), &f->credential), 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)),
                     0);
    assert_true(atls_appraisal_credential(
                    f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key) > 0);
    await_verdict(f);
    check(f, "evidence as a result", "malformed-result", false);

    renew(f);
    test_server_result(f->server)->key = &f->ik;
    while ((rc = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while (atls_appraisal_challenge(f->appraisal, &nonce) == ATLS_E_AGAIN) {
        poll_once(f);
    }
    assert_true(atls_appraisal_credential(
                    f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key) > 0);
    await_verdict(f);
    check(f, "a result as evidence", "malformed-cmw", false);
}

/* Calls out of order never end in an acceptance. */
static void test_fails_closed(void **state)
{
    struct fixture *f = *state;
    struct atls_public_key key;
    struct atls_bytes nonce;
    uint8_t challenge[32] = {2};

    renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    await_verdict(f); /* nothing came */
    check(f, "no credential", "attestation-missing", false);
    assert_int_equal(atls_appraisal_credential(f->appraisal, atls_bytes_of_text("x"), &key),
                     -EINVAL);
    await_verdict(f);
    check(f, "it stands", "attestation-missing", false);

    renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    assert_int_equal(
        atls_attester_evidence(f->attester, 1, ATLS_BYTES(challenge, 32), &f->credential), 0);
    assert_int_equal(atls_appraisal_credential(
                         f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key),
                     0);
    await_verdict(f);
    check(f, "evidence before the challenge", "nonce-mismatch", false);

    renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_challenge(f->appraisal, &nonce), -EINVAL);
    assert_int_equal(
        atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text("unknown.example")),
        ATLS_E_UNTRUSTED);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, (struct atls_bytes){NULL, 0}),
                     ATLS_E_UNTRUSTED);
    await_verdict(f);
    check(f, "no result", "attestation-missing", false);
}

static void test_options(void **state)
{
    struct fixture *f = *state;
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
        cmocka_unit_test_setup_teardown(test_local_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_background_check, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key_of_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mismatches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verifier_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_discovery_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verifier_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pat_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passport, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passport_without_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passport_key_unavailable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_credential, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fails_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_options, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

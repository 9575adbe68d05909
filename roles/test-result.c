/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a result says, judged in both models: in the background check it comes from the verifier,
 * whose fault it then is, in the passport model the peer brings it. One table, each row tried in
 * both; and what else of a result, of its key and of its wrapper is refused.
 */
#include "roles/test-appraisal.h"

#include <errno.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/json/jws.h"
#include "roles/received.h"

/* A key of its own, that of RFC 7515 appendix A.3.1 */
#define OTHER_KEY                                                                                  \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs" \
    "3-257rn0s2ldbqkLJK2KRiMohYjlrQ"
#define SECOND(members) "{\"submods\":{\"SECOND\":{" members "}}}"
#define BOTH(first, second) "{\"submods\":{\"PSA_KAT\":" first ",\"SECOND\":" second "}}"
#define WARNS(reason)                                                                              \
    "{\"ear.status\":\"warning\",\"ear.veraison.policy-claims\":{\"atls.reason\":\"" reason "\"}}"

struct party {
    const char *audience[3];
    bool unbound; /* result-binding=none */
    enum atls_tier accept;
};

static const struct party plain = {.accept = ATLS_TIER_AFFIRMING};
static const struct party named = {{"rp.example", "rp"}, false, ATLS_TIER_AFFIRMING};
static const struct party named_once = {{"rp.example"}, false, ATLS_TIER_AFFIRMING};
static const struct party lenient = {.unbound = true, .accept = ATLS_TIER_AFFIRMING};
static const struct party easy = {.accept = ATLS_TIER_WARNING};

/* REASON is the background check's, in PASSPORT another one where it differs. The result is
 * affirming and attests the key, but for the claims that are set in it. */
static const struct row {
    const char *name, *claims;
    bool no_nonce, no_key, unsecured;
    const struct party *party;
    const char *reason, *passport;
    enum atls_tier tier;
    const char *says; /* in the background check's detail */
} rows[] = {
    {"as it is", NULL, false, false, false, &plain, "ok", NULL, ATLS_TIER_AFFIRMING,
     "it answers this session and attests the key"},
    /* draft-ietf-rats-ear-03 section 3: the status of the whole */
    {"overall warning", "{\"ear.status\":\"warning\"}", false, false, false, &plain, "tier-warning",
     NULL, ATLS_TIER_WARNING, "by the status of the whole"},
    {"overall warning, which is accepted", "{\"ear.status\":\"warning\"}", false, false, false,
     &easy, "ok", NULL, ATLS_TIER_WARNING, NULL},
    {"overall contraindicated", "{\"ear.status\":\"contraindicated\"}", false, false, false, &easy,
     "tier-contraindicated", NULL, ATLS_TIER_CONTRAINDICATED,
     "is contraindicated, by the status of the whole, policy accepts affirming or warning"},
    {"overall none", "{\"ear.status\":\"none\"}", false, false, false, &easy, "tier-none", NULL,
     ATLS_TIER_NONE, NULL},
    {"overall affirming over a submod that warns",
     "{\"ear.status\":\"affirming\",\"submods\":{\"SECOND\":{\"ear.status\":\"warning\"}}}", false,
     false, false, &plain, "tier-warning", NULL, ATLS_TIER_WARNING, NULL},
    {"overall unknown", "{\"ear.status\":\"fine\"}", false, false, false, &plain,
     "verifier-garbage", "malformed-result", ATLS_TIER_NONE, NULL},
    /* every submod counts */
    {"a second submod warns", SECOND("\"ear.status\":\"warning\""), false, false, false, &plain,
     "tier-warning", NULL, ATLS_TIER_WARNING,
     "the result's tier is warning, policy accepts affirming only"},
    {"a second submod is contraindicated, and says why",
     SECOND("\"ear.status\":\"contraindicated\",\"ear.veraison.policy-claims\":{\"atls.reason\":"
            "\"lifecycle-not-secured\",\"atls.detail\":\"open\"}"),
     false, false, false, &plain, "lifecycle-not-secured", NULL, ATLS_TIER_CONTRAINDICATED, "open"},
    {"a reason beside an affirming submod is not the second one's",
     "{\"submods\":{\"PSA_KAT\":{\"ear.veraison.policy-claims\":{\"atls.reason\":"
     "\"nonce-mismatch\"}},\"SECOND\":{\"ear.status\":\"warning\"}}}",
     false, false, false, &plain, "tier-warning", NULL, ATLS_TIER_WARNING, NULL},
    {"two submods warn, and both say why",
     BOTH(WARNS("nonce-mismatch"), WARNS("unknown-component")), false, false, false, &plain,
     "nonce-mismatch", NULL, ATLS_TIER_WARNING, NULL},
    {"two submods warn, and the second says why",
     BOTH("{\"ear.status\":\"warning\"}", WARNS("unknown-component")), false, false, false, &plain,
     "unknown-component", NULL, ATLS_TIER_WARNING, NULL},
    {"a second submod of an unknown status", SECOND("\"ear.status\":\"good\""), false, false, false,
     &plain, "verifier-garbage", "malformed-result", ATLS_TIER_NONE, NULL},
    {"a trust claim worse than its status",
     "{\"submods\":{\"PSA_KAT\":{\"ear.trustworthiness-vector\":{\"executables\":33}}}}", false,
     false, false, &plain, "tier-warning", NULL, ATLS_TIER_WARNING, NULL},
    {"a trust claim of the second submod",
     SECOND("\"ear.status\":\"affirming\",\"ear.trustworthiness-vector\":{\"hardware\":97}"), false,
     false, false, &easy, "tier-contraindicated", NULL, ATLS_TIER_CONTRAINDICATED, NULL},
    {"a second submod attests another key",
     SECOND("\"ear.status\":\"affirming\",\"ear.veraison.key-attestation\":{\"akpub\":\"" OTHER_KEY
            "\"}"),
     false, false, false, &plain, "key-mismatch", "malformed-result", ATLS_TIER_NONE, NULL},
    /* RFC 7519 section 4.1.3 */
    {"for this party", "{\"aud\":\"rp.example\"}", false, false, false, &named, "ok", NULL,
     ATLS_TIER_AFFIRMING, NULL},
    {"for it among others, by its second name", "{\"aud\":[\"x\",\"rp\"]}", false, false, false,
     &named, "ok", NULL, ATLS_TIER_AFFIRMING, NULL},
    {"no aud, and a party with a name", NULL, false, false, false, &named, "ok", NULL,
     ATLS_TIER_AFFIRMING, NULL},
    {"for another", "{\"aud\":\"other.example\"}", false, false, false, &named, "result-audience",
     NULL, ATLS_TIER_NONE,
     "expected a result for rp.example, or another of --audience, its aud names others"},
    {"for another than a party of one name", "{\"aud\":\"rp\"}", false, false, false, &named_once,
     "result-audience", NULL, ATLS_TIER_NONE,
     "expected a result for rp.example, its aud names others"},
    {"for others", "{\"aud\":[\"a\",\"b\"]}", false, false, false, &named, "result-audience", NULL,
     ATLS_TIER_NONE, NULL},
    {"for nobody", "{\"aud\":[]}", false, false, false, &named, "result-audience", NULL,
     ATLS_TIER_NONE, NULL},
    {"for anybody but a party without a name", "{\"aud\":\"rp.example\"}", false, false, false,
     &plain, "result-audience", NULL, ATLS_TIER_NONE, "give it one with --audience"},
    {"longer by U+0000", "{\"aud\":\"rp\\u0000\"}", false, false, false, &named, "result-audience",
     NULL, ATLS_TIER_NONE, NULL},
    {"aud is a number", "{\"aud\":1}", false, false, false, &named, "verifier-garbage",
     "malformed-result", ATLS_TIER_NONE, NULL},
    {"aud holds a number", "{\"aud\":[\"rp\",1]}", false, false, false, &named, "verifier-garbage",
     "malformed-result", ATLS_TIER_NONE, NULL},
    {"for another, and a warning: it is not read further",
     "{\"aud\":\"x\",\"ear.status\":\"contraindicated\"}", false, false, false, &named,
     "result-audience", NULL, ATLS_TIER_NONE, NULL},
    /* RFC 7519 section 2, RFC 9711 section 4.3.1 */
    {"iat with a fraction", "{\"iat\":1700000000.5}", false, false, false, &plain,
     "verifier-garbage", "malformed-result", ATLS_TIER_NONE, NULL},
    {"exp with a fraction", "{\"exp\":4102444800.5}", false, false, false, &plain, "ok", NULL,
     ATLS_TIER_AFFIRMING, NULL},
    {"nbf to come, with a fraction", "{\"nbf\":4102444800.5}", false, false, false, &plain,
     "result-expired", NULL, ATLS_TIER_NONE, NULL},
    /* RFC 9711 section 4.1: what ties a result to the session */
    {"a nonce, no key", NULL, false, true, false, &plain, "ok", "result-without-key",
     ATLS_TIER_AFFIRMING, "it answers this session; the key is that of the evidence"},
    {"a key, no nonce", NULL, true, false, false, &plain, "ok", NULL, ATLS_TIER_AFFIRMING,
     "it attests the key, and answers no session"},
    {"neither", NULL, true, true, false, &plain, "result-unbound", "result-without-key",
     ATLS_TIER_NONE, NULL},
    {"neither, as result-binding=none takes it", NULL, true, true, false, &lenient, "ok",
     "result-without-key", ATLS_TIER_AFFIRMING, "nothing in it ties it to this session"},
    {"another key is refused in that reading, too",
     "{\"submods\":{\"PSA_KAT\":{\"ear.veraison.key-attestation\":{\"akpub\":\"" OTHER_KEY "\"}}}}",
     true, true, false, &lenient, "key-mismatch", "ok", ATLS_TIER_NONE, NULL},
    /* RFC 8725 section 3.2: one reason in both models */
    {"alg none", NULL, false, false, true, &plain, "result-signature-invalid", NULL, ATLS_TIER_NONE,
     "came one with alg none"},
    /* RFC 8259 section 7 */
    {"U+0000 in a claim that is not understood", "{\"x\":\"a\\u0000b\"}", false, false, false,
     &plain, "ok", NULL, ATLS_TIER_AFFIRMING, NULL},
    {"U+0000 behind a status", "{\"submods\":{\"PSA_KAT\":{\"ear.status\":\"affirming\\u0000\"}}}",
     false, false, false, &plain, "verifier-garbage", "malformed-result", ATLS_TIER_NONE, NULL},
    {"U+0000 in the verifier's words",
     SECOND("\"ear.status\":\"warning\",\"ear.veraison.policy-claims\":{\"atls.reason\":"
            "\"nonce-mismatch\\u0000\",\"atls.detail\":\"a\\u0000b\"}"),
     false, false, false, &plain, "tier-warning", NULL, ATLS_TIER_WARNING, NULL},
};

static void order(struct test_appraisal *f, const struct row *row)
{
    f->options.audience = row->party->audience;
    f->options.audience_count = 0;
    while (row->party->audience[f->options.audience_count])
        f->options.audience_count++;
    f->options.result_unbound = row->party->unbound;
    f->options.accept_tier = row->party->accept;
    test_renew(f);
    *test_server_result(f->server) = (struct test_result){.tier = ATLS_TIER_AFFIRMING,
                                                          .lifetime = 300,
                                                          .key = row->no_key ? NULL : &f->ik,
                                                          .no_nonce = row->no_nonce,
                                                          .unsecured = row->unsecured,
                                                          .claims = row->claims};
}

/* A result that the attester fetches and presents; what is wrong with it is not its affair. */
static void present(struct test_appraisal *f, const char *verifier_id)
{
    struct atls_public_key key;
    int result;

    while ((result = atls_attester_result(f->attester, 1, &f->credential)) == ATLS_E_AGAIN)
        test_poll_once(f);
    assert_int_equal(result, 0);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(verifier_id)),
                     0);
    (void)atls_appraisal_credential(f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size),
                                    &key);
    test_await_verdict(f);
}

static void test_background_check(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool tier_reason = rows[i].tier != ATLS_TIER_NONE || !strcmp(rows[i].reason, "tier-none");
        order(f, &rows[i]);
        test_background_check_once(f);
        test_verdict_is(f, rows[i].name, rows[i].reason, !tier_reason);
        assert_int_equal(f->verdict.tier, rows[i].tier);
        if (rows[i].says && !strstr(f->verdict.detail, rows[i].says))
            fail_msg("%s: expected \"%s\", came \"%s\"", rows[i].name, rows[i].says,
                     f->verdict.detail);
    }
}

static void test_passport(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *reason = rows[i].passport ? rows[i].passport : rows[i].reason;
        order(f, &rows[i]);
        present(f, VERIFIER_ID);
        test_verdict_is(f, rows[i].name, reason, false);
        assert_string_not_equal(f->verdict.detail, "");
    }
}

/* Only a signature that does not verify may mean that the verifier has a new key. */
static void test_key_is_fetched_again_for_a_signature(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        const char *what;
        struct test_result result;
        const char *reason;
        unsigned fetched;
    } cases[] = {
        {"good", {.tier = ATLS_TIER_AFFIRMING, .lifetime = 300}, "ok", 0},
        {"expired",
         {.tier = ATLS_TIER_AFFIRMING, .age = 400, .lifetime = 300},
         "result-expired",
         0},
        {"for another",
         {.tier = ATLS_TIER_AFFIRMING, .claims = "{\"aud\":\"x\"}"},
         "result-audience",
         0},
        {"malformed",
         {.tier = ATLS_TIER_AFFIRMING, .claims = "{\"ear.status\":7}"},
         "verifier-garbage",
         0},
        {"a submod without status",
         {.tier = ATLS_TIER_AFFIRMING, .claims = "{\"submods\":{\"X\":{}}}"},
         "verifier-garbage",
         0},
        {"unsupported",
         {.tier = ATLS_TIER_AFFIRMING, .claims = "{\"eat_profile\":\"tag:example.com,2026:x\"}"},
         "result-signature-invalid",
         0},
        {"unsecured",
         {.tier = ATLS_TIER_AFFIRMING, .unsecured = true},
         "result-signature-invalid",
         0},
        {"warning", {.tier = ATLS_TIER_WARNING, .lifetime = 300}, "tier-warning", 0},
        {"by another key",
         {.tier = ATLS_TIER_AFFIRMING, .wrong_signer = true},
         "result-signature-invalid",
         1},
    };

    f->options.audience_count = 0;
    test_renew(f);
    test_background_check_once(f); /* the key is there */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned before = test_server_count(f->server, TEST_DISCOVERY);
        test_renew(f);
        *test_server_result(f->server) = cases[i].result;
        test_server_result(f->server)->key = &f->ik;
        test_background_check_once(f);
        assert_string_equal(f->verdict.reason, cases[i].reason);
        if (test_server_count(f->server, TEST_DISCOVERY) != before + cases[i].fetched)
            fail_msg("%s: expected the key fetched %u times more", cases[i].what, cases[i].fetched);
    }
}

/* What a verifier lists is bounded where it is taken over. */
static void test_mismatches_are_bounded(void **state)
{
    struct test_appraisal *f = *state;
    char claims[8192];
    size_t used = (size_t)snprintf(claims, sizeof claims,
                                   "{\"atls.reason\":\"unknown-component\",\"atls.mismatches\":[");

    for (unsigned i = 0; i < 70; i++)
        used += (size_t)snprintf(claims + used, sizeof claims - used,
                                 "%s{\"component\":\"C%u\",\"expected\":[],\"measured\":\"00\"}",
                                 i ? "," : "", i);
    snprintf(claims + used, sizeof claims - used, "]}");
    test_renew(f);
    *test_server_result(f->server) =
        (struct test_result){.tier = ATLS_TIER_WARNING, .lifetime = 300, .policy_claims = claims};
    test_background_check_once(f);
    test_verdict_explains(f, "70 mismatches", "unknown-component", false);
    assert_int_equal(json_array_size(f->verdict.mismatches), 64);
}

/* An appraisal takes one credential: a second one is refused, and the first is judged. */
static void test_second_credential(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key key;

    test_renew(f);
    test_server_result(f->server)->key = &f->ik;
    while (atls_attester_result(f->attester, 1, &f->credential) == ATLS_E_AGAIN)
        test_poll_once(f);
    struct atls_bytes cmw = ATLS_BYTES(f->credential.cmw, f->credential.size);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
    assert_int_equal(atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)),
                     0);
    assert_int_equal(atls_appraisal_credential(f->appraisal, cmw, &key), 0);
    assert_int_equal(atls_appraisal_credential(f->appraisal, cmw, &key), -EINVAL);
    assert_int_equal(atls_appraisal_credential(f->appraisal, atls_bytes_of_text("x"), &key),
                     -EINVAL);
    test_await_verdict(f);
    test_verdict_is(f, "the first", "ok", false);
    assert_int_equal(test_event_count(&f->party, "credential"), 1);
}

/* RFC 9999 section 3.1: an indicator says what the record is; a result must be among that. */
static void test_indicator(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        unsigned indicator;
        bool result;
    } cases[] = {{0, true},  {8, true},  {12, true}, {31, true}, {1, false},
                 {2, false}, {4, false}, {7, false}, {16, false}};

    test_renew(f);
    test_server_result(f->server)->key = &f->ik;
    while (atls_attester_result(f->attester, 1, &f->credential) == ATLS_E_AGAIN)
        test_poll_once(f);
    struct atls_cmw *cmw;
    assert_int_equal(atls_cmw_parse(ATLS_BYTES(f->credential.cmw, f->credential.size), &cmw), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned s = 0; s < 2; s++) {
            struct atls_received received;
            const char *reason = "ok";
            uint8_t *out;
            size_t size;
            cmw->indicator = cases[i].indicator;
            assert_int_equal(atls_cmw_serialize(cmw, s ? ATLS_JSON : ATLS_CBOR, &out, &size), 0);
            int result =
                atls_received_parse(ATLS_MODEL_PASSPORT, ATLS_BYTES(out, size), &received, &reason);
            assert_string_equal(reason, cases[i].result ? "ok" : "malformed-result");
            if (result == 0)
                atls_received_clear(&received);
            free(out);
        }
    }
    atls_cmw_free(cmw);
}

/* Where a verifier's key comes from: a URL is not opened as a file, whatever its scheme. */
static void test_sources(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        const char *source;
        int outcome;
    } cases[] = {{"http://127.0.0.1:1", 0},
                 {"https://127.0.0.1:1", 0},
                 {"https://verifier.example/base", 0},
                 {"ftp://verifier.example", -ENOENT},
                 {"httpsx://verifier.example", -ENOENT},
                 {"/nonexistent.jwk", -ENOENT}};

    f->options.trusted_count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_relying_party *rp = NULL;
        f->trusted[0].source = cases[i].source;
        assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &rp),
                         cases[i].outcome);
        atls_relying_party_free(rp);
    }
}

/* RFC 7517: a key file is refused for what it says, not where it is first used. */
static void test_key_files(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        const char *what, *members;
        int outcome;
    } cases[] = {
        {"as it is", "", 0},
        {"more members (section 4)", "\"kid\":\"k\",\"x\\u0079\":1,", 0},
        {"a member twice (section 4)", "\"kty\":\"EC\",", ATLS_E_MALFORMED},
        {"an unknown member twice", "\"a\":1,\"a\":1,", ATLS_E_MALFORMED},
        {"use", "\"use\":\"sig\",", 0},
        {"use of another type (section 4.2)", "\"use\":5,", ATLS_E_MALFORMED},
        {"use enc", "\"use\":\"enc\",", ATLS_E_UNTRUSTED},
        {"key_ops", "\"key_ops\":[\"verify\"],", 0},
        {"key_ops without verify (section 4.3)", "\"key_ops\":[\"sign\"],", ATLS_E_UNTRUSTED},
        {"an operation twice", "\"key_ops\":[\"verify\",\"verify\"],", ATLS_E_MALFORMED},
        {"alg of the other curve (section 4.4)", "\"alg\":\"ES384\",", ATLS_E_UNTRUSTED},
        {"a private key (section 9.2)", "\"d\":\"AA\",", ATLS_E_MALFORMED},
    };
    json_t *jwk = test_server_key(f->server, false);
    char *text = json_dumps(jwk, JSON_COMPACT), *made;

    f->options.trusted_count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_relying_party *rp = NULL;
        assert_true(asprintf(&made, "\t{%s%s", cases[i].members, text + 1) > 0);
        assert_int_equal(atls_write_file(f->key_file, atls_bytes_of_text(made)), 0);
        int result = atls_relying_party_new(&f->options, f->client, f->party.events, &rp);
        if (result != cases[i].outcome)
            fail_msg("%s: expected %s, came %s (%s)", cases[i].what,
                     atls_error_name(cases[i].outcome), atls_error_name(result), atls_error_text());
        atls_relying_party_free(rp);
        free(made);
    }
    free(text);
    json_decref(jwk);
}

/* A result that cannot be read is told all the same, and why it was refused is said although its
 * copy could not be written. */
static void test_unread_is_told(void **state)
{
    struct test_appraisal *f = *state;

    f->options.artifacts = "/nonexistent";
    test_renew(f);
    *test_server_result(f->server) =
        (struct test_result){.tier = ATLS_TIER_AFFIRMING, .unsecured = true};
    test_background_check_once(f);
    test_verdict_is(f, "alg none", "result-signature-invalid", true);
    assert_string_equal(f->verdict.clause, "RFC 8725 section 3.2");
    assert_non_null(strstr(f->verdict.detail, "came one with alg none"));
    assert_int_equal(test_event_count(&f->party, "result"), 1);
}

#define WITH_KEY(test) cmocka_unit_test_setup_teardown(test, test_set_up_key, test_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KEY(test_background_check),
        WITH_KEY(test_passport),
        WITH_KEY(test_key_is_fetched_again_for_a_signature),
        WITH_KEY(test_mismatches_are_bounded),
        WITH_KEY(test_second_credential),
        WITH_KEY(test_indicator),
        WITH_KEY(test_sources),
        WITH_KEY(test_key_files),
        WITH_KEY(test_unread_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers a binder: both roles in the profiles that put a certificate over the attested key
 * and let the evidence answer a value that each endpoint computes. Evidence in either format,
 * results over the binder and results from before it.
 */
#include "roles/test-appraisal.h"

#include <errno.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CLAUSE "a draft, section 5"

static const uint8_t binder_bytes[64] =
    "what both ends compute of hellos and key; no verifier made this";
#define BINDER(count) ATLS_BYTES(binder_bytes, count)

static int set_up(void **state)
{
    test_set_up(state);

    struct test_appraisal *f = *state;
    f->options.trusted_count = 1;
    f->options.artifacts = NULL;
    f->options.binder_clause = CLAUSE;
    *test_server_result(f->server) =
        (struct test_result){.tier = ATLS_TIER_AFFIRMING, .lifetime = 300};
    return 0;
}

static int new_attester(struct test_appraisal *f)
{
    atls_attester_free(f->attester);
    f->attester = NULL;
    return atls_attester_new(&f->attester_options, f->client, f->attester_party.events,
                             &f->attester);
}

/* New parties with the options as they are, and one fault, or none. */
static void renew(struct test_appraisal *f, const char *fault)
{
    test_release(f);
    f->faults.count = 0;
    if (fault) {
        assert_int_equal(atls_faults_add(&f->faults, fault), 0);
    }
    assert_int_equal(new_attester(f), 0);
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &f->rp), 0);
}

static int evidence(struct test_appraisal *f, size_t binder_size)
{
    atls_credential_clear(&f->credential);
    return atls_attester_bound_evidence(f->attester, 1, BINDER(binder_size), &f->credential);
}

static void begin(struct test_appraisal *f, enum atls_model model, struct atls_bytes challenge)
{
    atls_appraisal_free(f->appraisal);
    f->appraisal = NULL;
    assert_int_equal(atls_appraisal_begin_with_challenge(f->rp, 1, model, challenge, &f->appraisal),
                     0);
    if (model == ATLS_MODEL_PASSPORT) {
        assert_int_equal(
            atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)), 0);
    }
}

static void take_credential(struct test_appraisal *f)
{
    struct atls_public_key key;
    int result = atls_appraisal_credential(f->appraisal,
                                           ATLS_BYTES(f->credential.cmw, f->credential.size), &key);

    assert_true(result >= 0);
}

static void check(const struct test_appraisal *f, const char *what, const char *reason,
                  bool at_fault)
{
    test_verdict_is(f, what, reason, at_fault);
    if (strcmp(reason, "binder-mismatch") == 0) {
        assert_string_equal(f->verdict.clause, CLAUSE);
    }
}

static const size_t token_sizes[] = {32, 48, 64};

/* Every format in every form and serialization, as bytes. */
static void test_forms(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        const struct atls_evidence_format *format;
        enum atls_cmw_form form, seen;
        enum atls_serialization serialization;
        unsigned indicator;
        bool no_indicator;
    } rows[] = {
        {&atls_format_cab, ATLS_CMW_RECORD, ATLS_CMW_COLLECTION, ATLS_CBOR, 0, false},
        {&atls_format_cab, ATLS_CMW_RECORD, ATLS_CMW_COLLECTION, ATLS_JSON, 0, false},
        {&atls_format_cab, ATLS_CMW_TAG, ATLS_CMW_COLLECTION, ATLS_CBOR, 0, false},
        {&atls_format_psa, ATLS_CMW_RECORD, ATLS_CMW_RECORD, ATLS_CBOR, ATLS_IND_EVIDENCE, false},
        {&atls_format_psa, ATLS_CMW_RECORD, ATLS_CMW_RECORD, ATLS_CBOR, 0, true},
        {&atls_format_psa, ATLS_CMW_RECORD, ATLS_CMW_RECORD, ATLS_JSON, ATLS_IND_EVIDENCE, false},
        {&atls_format_psa, ATLS_CMW_TAG, ATLS_CMW_TAG, ATLS_CBOR, 0, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_cmw *cmw;
        f->attester_options.evidence_format = rows[i].format;
        f->attester_options.cmw_form = rows[i].form;
        f->attester_options.serialization = rows[i].serialization;
        f->attester_options.no_indicator = rows[i].no_indicator;
        renew(f, NULL);
        for (size_t s = 0; s < COUNT(token_sizes); s++) {
            assert_int_equal(evidence(f, token_sizes[s]), 0);
            assert_int_equal(atls_cmw_parse_as(rows[i].serialization,
                                               ATLS_BYTES(f->credential.cmw, f->credential.size),
                                               &cmw),
                             0);
            assert_int_equal(cmw->form, rows[i].seen);
            assert_int_equal(cmw->indicator, rows[i].indicator);
            if (rows[i].seen != ATLS_CMW_COLLECTION) {
                assert_true(atls_cmw_type_is(cmw, ATLS_MT_EAT_CWT));
                assert_int_equal(cmw->type.is_content_format, rows[i].seen == ATLS_CMW_TAG);
            }
            atls_cmw_free(cmw);
        }
    }
    assert_memory_equal(f->credential.cmw, "\xda\x63\x74\x02\x09", 5); /* TN(263) */
    test_event_says(&f->attester_party, "challenge", 0, "direction", "computed");
    f->attester_options.serialization = ATLS_JSON;
    assert_int_equal(new_attester(f), ATLS_E_UNSUPPORTED); /* no tags in JSON */
    assert_null(f->attester);
}

static void test_token_sizes(void **state)
{
    struct test_appraisal *f = *state;
    static const size_t sizes[] = {0, 7, 8, 16, 31, 33, 40, 47, 49, 63};

    f->attester_options.evidence_format = &atls_format_psa;
    renew(f, NULL);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(evidence(f, sizes[i]), ATLS_E_LIMIT);
        assert_string_equal(atls_attester_reason(f->attester), "nonce-length");
        assert_null(f->credential.cmw);
    }
    assert_int_equal(test_event_count(&f->attester_party, "credential"), 0);
}

static void test_faults_without_meaning(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        enum atls_cmw_form form;
        const char *fault;
        bool meaning;
    } rows[] = {
        {ATLS_CMW_RECORD, "kat-signature", false},
        {ATLS_CMW_RECORD, "linkage", false},
        {ATLS_CMW_RECORD, "attested-other-key", false},
        {ATLS_CMW_RECORD, "claims-no-cnf", false},
        {ATLS_CMW_RECORD, "claims-cbor", false},
        {ATLS_CMW_RECORD, "cose-detached", false},
        {ATLS_CMW_RECORD, "cose-three-elements", false},
        {ATLS_CMW_RECORD, "cose-unknown-alg", false},
        {ATLS_CMW_RECORD, "cbor-indefinite", false},
        {ATLS_CMW_RECORD, "cbor-deep", false},
        {ATLS_CMW_RECORD, "cbor-duplicate-key=cose", false},
        {ATLS_CMW_RECORD, "cmw-missing-kat", false},
        {ATLS_CMW_RECORD, "cbor-duplicate-key=cmw", false},
        {ATLS_CMW_RECORD, "cbor-deep=cmw", false},
        {ATLS_CMW_RECORD, "cbor-indefinite=cmw", true},
        {ATLS_CMW_RECORD, "cmw-indicator-zero", true},
        {ATLS_CMW_TAG, "cbor-indefinite=cmw", false},
        {ATLS_CMW_TAG, "cmw-indicator-zero", false},
        {ATLS_CMW_TAG, "cmw-relative-type", false},
        {ATLS_CMW_TAG, "cmw-value-not-bytes", false},
        {ATLS_CMW_TAG, "cmw-missing-kat", false},
        {ATLS_CMW_TAG, "cmw-truncated", true},
        {ATLS_CMW_TAG, "cmw-trailing-byte", true},
        {ATLS_CMW_TAG, "cmw-empty-collection", true},
        {ATLS_CMW_TAG, "cmw=a0", true},
    };

    f->attester_options.evidence_format = &atls_format_psa;
    for (size_t i = 0; i < COUNT(rows); i++) {
        f->attester_options.cmw_form = rows[i].form;
        f->faults.count = 0;
        assert_int_equal(atls_faults_add(&f->faults, rows[i].fault), 0);
        assert_int_equal(new_attester(f), rows[i].meaning ? 0 : ATLS_E_UNSUPPORTED);
        assert_int_equal(f->attester != NULL, rows[i].meaning);
        if (rows[i].meaning) { /* then it is carried out */
            assert_int_equal(evidence(f, 32), 0);
        }
    }
    assert_int_equal(test_event_count(&f->attester_party, "fault"), 6);
}

#define FOREIGN "foreign-nonce=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

#define RECORD_OF(value, indicator)                                                                \
    "cmw=8373 6170706c69636174696f6e2f6561742b637774" value indicator
#define ZEROS_16 "00000000000000000000000000000000"
#define TOKEN_WITHOUT_CLAIMS "584a 84 43a10126 a0 41a0 5840" ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16

static const struct {
    const struct atls_evidence_format *format;
    const char *fault, *reason;
} check_rows[] = {
    {&atls_format_cab, NULL, "ok"},
    {&atls_format_cab, FOREIGN, "binder-mismatch"},
    {&atls_format_cab, "foreign-nonce=7768617420626f7468", "binder-mismatch"}, /* a prefix */
    {&atls_format_cab, "stale-nonce", "binder-mismatch"},
    {&atls_format_cab, "attested-other-key", "key-mismatch"},
    {&atls_format_cab, "kat-signature", "kat-signature-invalid"},
    {&atls_format_cab, "linkage", "linkage-mismatch"},
    {&atls_format_cab, "foreign-pat", "linkage-mismatch"},
    {&atls_format_cab, "claims-no-cnf", "malformed-claims"},
    {&atls_format_cab, "cose-detached", "malformed-cose"},
    {&atls_format_cab, "cbor-deep", "malformed-cbor"},
    {&atls_format_cab, "cmw-missing-kat", "malformed-cmw"},
    {&atls_format_cab, "cmw-truncated", "malformed-cmw"},
    {&atls_format_psa, NULL, "ok"},
    {&atls_format_psa, FOREIGN, "binder-mismatch"},
    {&atls_format_psa, "stale-nonce", "binder-mismatch"},
    {&atls_format_ra_tls, NULL, "ok"},
    {&atls_format_ra_tls, FOREIGN, "binder-mismatch"},
    {&atls_format_ra_tls, "stale-nonce", "binder-mismatch"},
    {&atls_format_ra_tls, "quote-report-data", "linkage-mismatch"},
    {&atls_format_ra_tls, "quote-size", "malformed-claims"},
    {&atls_format_ra_tls, "cmw-truncated", "malformed-cmw"},
    {&atls_format_psa, "cmw-truncated", "malformed-cmw"},
    {&atls_format_psa, "cmw-trailing-byte", "malformed-cmw"},
    {&atls_format_psa, "cmw-empty-collection", "malformed-cmw"},
    {&atls_format_psa, "cmw-relative-type", "malformed-cmw"},
    {&atls_format_psa, "cmw-value-not-bytes", "malformed-cmw"},
    {&atls_format_psa, "cmw-indicator-zero", "malformed-cmw"},
    /* clang-format off */
    {&atls_format_psa, RECORD_OF("41ff", "04"), "malformed-cbor"},
    {&atls_format_psa, RECORD_OF("41a0", "04"), "malformed-cose"},
    {&atls_format_psa, RECORD_OF(TOKEN_WITHOUT_CLAIMS, "04"), "malformed-claims"},
    {&atls_format_psa, RECORD_OF(TOKEN_WITHOUT_CLAIMS, "08"), "malformed-cmw"}, /* a result, it says */
    {&atls_format_psa, "cmw=8373 6170706c69636174696f6e2f6561742b6a7774 4165 04", "malformed-cmw"},
    /* clang-format on */
};

static const char *packed(const char *fault)
{
    static char text[512];
    size_t used = 0;

    for (; fault && *fault; fault++) {
        if (*fault != ' ') {
            text[used++] = *fault;
        }
    }
    text[used] = '\0';
    return used ? text : NULL;
}

/* The verifier affirms everything and sees only what is good: evidence that answers another binder
 * or attests another key never gets there (R-SE-13, R-SE-08 for both serializations). */
static void test_background_check(void **state)
{
    struct test_appraisal *f = *state;
    unsigned posts = 0;

    for (unsigned s = 0; s < 2; s++) {
        f->attester_options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < COUNT(check_rows); i++) {
            bool hex = check_rows[i].fault && strncmp(check_rows[i].fault, "cmw=", 4) == 0;
            if (hex && s == ATLS_JSON) {
                continue;
            }
            f->attester_options.evidence_format = check_rows[i].format;
            renew(f, packed(check_rows[i].fault));
            assert_int_equal(evidence(f, 32), 0);
            begin(f, ATLS_MODEL_BACKGROUND_CHECK, (struct atls_bytes){NULL, 0});
            assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
            assert_int_equal(atls_appraisal_set_challenge(f->appraisal, BINDER(32)), 0);
            take_credential(f);
            test_await_verdict(f);
            check(f, check_rows[i].fault ? check_rows[i].fault : "good evidence",
                  check_rows[i].reason, false);
            posts += f->verdict.accepted;
        }
    }
    assert_int_equal(posts, 6);
    /* Said of all evidence that could be read and is RA-TLS's. */
    assert_int_equal(test_event_count(&f->party, "defect"), 8);
    assert_int_equal(test_server_count(f->server, TEST_POST), posts);
    test_event_says(&f->party, "challenge", 0, "direction", "computed");
    test_event_says(&f->party, "verdict", 0, "key_from", "evidence");
    test_event_says(&f->party, "verdict", 13, "key_from", "binder");
    json_t *event = test_event(&f->party, "verdict", 13);
    assert_non_null(strstr(json_string_value(json_object_get(event, "detail")), "names no key"));
    json_decref(event);
    event = test_event(&f->party, "verdict", 1);
    assert_null(json_object_get(event, "key_from"));
    json_decref(event);
}

/* What proves itself, and is not taken (own-key=refused, bare-token=off): the verifier never hears
 * of it. */
static void test_what_is_not_wanted(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        const char *what;
        const struct atls_evidence_format *format;
        bool named_only, own, foreign;
        const char *reason;
    } rows[] = {
        {"a CAB", &atls_format_cab, true, false, true, "ok"},
        {"a PSA token", &atls_format_psa, false, false, true, "ok"},
        {"a PSA token that names no key", &atls_format_psa, true, false, false,
         "evidence-without-key"},
        {"a CAB of the own key", &atls_format_cab, false, true, false, "own-key"},
        {"a token beside the own key", &atls_format_psa, false, true, false, "own-key"},
        /* all the own keys that one may have */
        {"the own key is the second one", &atls_format_cab, false, true, true, "own-key"},
    };
    unsigned posts = test_server_count(f->server, TEST_POST);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_public_key other;
        f->attester_options.evidence_format = rows[i].format;
        f->options.named_only = rows[i].named_only;
        renew(f, NULL);
        assert_int_equal(evidence(f, 32), 0);
        other = f->credential.key;
        other.x[0] ^= 1;
        begin(f, ATLS_MODEL_BACKGROUND_CHECK, BINDER(32));
        assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
        if (rows[i].foreign) {
            assert_int_equal(atls_appraisal_own_key(f->appraisal, &other), 0);
        }
        if (rows[i].own) {
            assert_int_equal(atls_appraisal_own_key(f->appraisal, &f->credential.key), 0);
        }
        take_credential(f);
        assert_int_equal(atls_appraisal_own_key(f->appraisal, &other), -EINVAL);
        test_await_verdict(f);
        check(f, rows[i].what, rows[i].reason, false);
        posts += f->verdict.accepted;
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), posts);
}

/* The verifier is asked for a session over the binder, and gets the evidence in its type (R-SE-14).
 */
static void test_what_the_verifier_gets(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned format = 0; format < 2; format++) {
        for (size_t s = 0; s < COUNT(token_sizes); s++) {
            f->attester_options.evidence_format = atls_evidence_formats[format];
            renew(f, NULL);
            assert_int_equal(evidence(f, token_sizes[s]), 0);
            begin(f, ATLS_MODEL_BACKGROUND_CHECK, BINDER(token_sizes[s]));
            assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
            take_credential(f);
            test_await_verdict(f);
            check(f, "any size", "ok", false);
            assert_string_equal(test_server_evidence_type(f->server),
                                format ? ATLS_MT_PSA_TOKEN : ATLS_MT_CMW_CBOR);
            struct atls_bytes sent = ATLS_BYTES(f->credential.cmw, f->credential.size);
            struct atls_cmw *cmw;
            assert_int_equal(atls_cmw_parse(sent, &cmw), 0);
            assert_true(
                atls_bytes_equal(test_server_evidence(f->server), format ? cmw->value : sent));
            atls_cmw_free(cmw);
        }
    }
}

static const struct {
    const char *what;
    const struct atls_evidence_format *format;
    struct test_result result;
    unsigned key; /* in the result: 0 none, 1 the leaf's, 2 another */
    const char *reason;
    bool at_fault;
} result_rows[] = {
    /* clang-format off */
    {"the leaf's key in it", &atls_format_psa, {.tier = ATLS_TIER_AFFIRMING}, 1, "ok", false},
    {"another key in it", &atls_format_psa, {.tier = ATLS_TIER_AFFIRMING}, 2, "key-mismatch", true},
    {"another key in a CAB's", &atls_format_cab, {.tier = ATLS_TIER_AFFIRMING}, 2, "key-mismatch", true},
    {"another session's", &atls_format_psa, {.tier = ATLS_TIER_AFFIRMING, .foreign_nonce = true}, 0, "nonce-mismatch", true},
    {"warning", &atls_format_psa, {.tier = ATLS_TIER_WARNING}, 0, "tier-warning", false},
    {"none", &atls_format_psa, {.tier = ATLS_TIER_NONE}, 0, "tier-none", false},
    {"contraindicated", &atls_format_psa, {.tier = ATLS_TIER_CONTRAINDICATED}, 0, "tier-contraindicated", false},
    {"wrong signer", &atls_format_psa, {.tier = ATLS_TIER_AFFIRMING, .wrong_signer = true}, 0, "result-signature-invalid", true},
    {"expired", &atls_format_psa, {.tier = ATLS_TIER_AFFIRMING, .age = 100, .lifetime = 50}, 0, "result-expired", true},
    /* clang-format on */
};

static void test_results(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key other;

    for (size_t i = 0; i < COUNT(result_rows); i++) {
        f->attester_options.evidence_format = result_rows[i].format;
        renew(f, NULL);
        assert_int_equal(evidence(f, 32), 0);
        other = test_other_key();
        *test_server_result(f->server) = result_rows[i].result;
        test_server_result(f->server)->key = result_rows[i].key == 0   ? NULL
                                             : result_rows[i].key == 1 ? &f->credential.key
                                                                       : &other;
        begin(f, ATLS_MODEL_BACKGROUND_CHECK, BINDER(32));
        assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
        take_credential(f);
        test_await_verdict(f);
        check(f, result_rows[i].what, result_rows[i].reason, result_rows[i].at_fault);
    }
}

/* A verifier that fails while it is asked for a session over the binder. */
static void test_verifier_fails(void **state)
{
    struct test_appraisal *f = *state;
    static const struct {
        struct test_answer answer;
        const char *reason;
    } rows[] = {
        {{500, NULL, NULL, "", 0, false}, "verifier-error"},
        {{0, NULL, NULL, NULL, 2500, false}, "verifier-timeout"},
        {{0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
        {{201, NULL, "x", "?", 0, false}, "verifier-garbage"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        *test_server_answer(f->server, TEST_NEW_SESSION) = rows[i].answer;
        renew(f, NULL);
        assert_int_equal(evidence(f, 32), 0);
        begin(f, ATLS_MODEL_BACKGROUND_CHECK, BINDER(32));
        take_credential(f);
        test_await_verdict(f);
        check(f, "new session", rows[i].reason, true);
    }
}

/* ta-07 CERT_ATTESTATION: the verifier's nonce goes to the peer, the evidence answers what is made
 * of it. */
static void test_nonce_then_binder(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_bytes nonce;
    int result;

    for (unsigned over_binder = 0; over_binder < 2; over_binder++) {
        renew(f, NULL);
        assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal),
                         0);
        while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN) {
            test_poll_once(f);
        }
        assert_int_equal(result, 0);
        assert_int_equal(atls_attester_bound_evidence(
                             f->attester, 1, over_binder ? BINDER(32) : nonce, &f->credential),
                         0);
        assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
        assert_int_equal(atls_appraisal_set_challenge(f->appraisal, BINDER(32)), 0);
        assert_int_equal(atls_appraisal_challenge(f->appraisal, &nonce), 0);
        assert_true(atls_bytes_equal(nonce, BINDER(32)));
        take_credential(f);
        test_await_verdict(f);
        check(f, "nonce, then binder", over_binder ? "ok" : "binder-mismatch", false);
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), 1); /* the one over the binder */
}

/* A token that answers the verifier's nonce alone is bound to no key, and is refused. */
static void test_token_without_binder(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_bytes nonce;

    f->attester_options.evidence_format = &atls_format_psa;
    for (unsigned with_key = 0; with_key < 2; with_key++) {
        renew(f, NULL);
        assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal),
                         0);
        while (atls_appraisal_challenge(f->appraisal, &nonce) == ATLS_E_AGAIN) {
            test_poll_once(f);
        }
        assert_int_equal(atls_attester_evidence(f->attester, 1, nonce, &f->credential), 0);
        if (with_key) {
            assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
        }
        take_credential(f);
        test_await_verdict(f);
        check(f, "a token and a nonce", with_key ? "key-mismatch" : "malformed-cmw", false);
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
}

static void test_misuse(void **state)
{
    struct test_appraisal *f = *state;
    static const size_t sizes[] = {0, 1, 7, 65, 255};
    uint8_t bytes[255] = {0};
    struct atls_bytes nonce;

    renew(f, NULL);
    assert_int_equal(evidence(f, 32), 0);
    for (size_t i = 0; i < COUNT(sizes); i++) { /* fails closed */
        begin(f, ATLS_MODEL_BACKGROUND_CHECK, (struct atls_bytes){NULL, 0});
        assert_int_equal(atls_appraisal_set_challenge(f->appraisal, ATLS_BYTES(bytes, sizes[i])),
                         ATLS_E_LIMIT);
        test_await_verdict(f);
        check(f, "binder of impossible size", "nonce-length", false);
        assert_int_equal(atls_appraisal_set_challenge(f->appraisal, BINDER(32)), -EINVAL);
    }
    assert_int_equal(atls_appraisal_begin_with_challenge(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK,
                                                         ATLS_BYTES(bytes, 7), &f->appraisal),
                     ATLS_E_LIMIT);
    begin(f, ATLS_MODEL_BACKGROUND_CHECK, (struct atls_bytes){NULL, 0});
    assert_int_equal(atls_appraisal_challenge(f->appraisal, &nonce), -EINVAL);
    take_credential(f); /* and no challenge: */
    assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), -EINVAL);
    test_await_verdict(f);
    check(f, "no binder", "internal", false);
    begin(f, ATLS_MODEL_BACKGROUND_CHECK, BINDER(32));
    assert_int_equal(atls_appraisal_set_challenge(f->appraisal, BINDER(48)), -EINVAL);
    test_await_verdict(f);
    check(f, "no credential", "attestation-missing", false);
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
}

static int result(struct test_appraisal *f, bool bound, struct atls_bytes binder, unsigned conn)
{
    int result;

    atls_credential_clear(&f->credential);
    while ((result = bound ? atls_attester_bound_result(f->attester, conn, binder, &f->credential)
                           : atls_attester_result(f->attester, conn, &f->credential)) ==
           ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    return result;
}

static const struct {
    const char *what;
    bool required, bound;
    struct atls_bytes answered, expected; /* the binder of the result, and the relying party's */
    unsigned key;                         /* as above */
    bool no_nonce;
    const struct atls_evidence_format *format;
    const char *reason;
    bool unnamed; /* a result without a key will do where it answers the binder (H10) */
} passport_rows[] = {
    /* clang-format off */
    {"H11 ignored, a kept result", false, false, {NULL, 0}, BINDER(32), 1, false, &atls_format_cab, "ok", false},
    {"H11 ignored, one over the binder", false, true, BINDER(32), BINDER(32), 1, false, &atls_format_cab, "ok", false},
    {"H11 ignored, one over another binder", false, true, BINDER(48), BINDER(32), 1, false, &atls_format_cab, "ok", false},
    {"H11 required, a kept result", true, false, {NULL, 0}, BINDER(32), 1, false, &atls_format_cab, "binder-mismatch", false},
    {"H11 required, one over the binder", true, true, BINDER(32), BINDER(32), 1, false, &atls_format_cab, "ok", false},
    {"H11 required, 48 bytes", true, true, BINDER(48), BINDER(48), 1, false, &atls_format_cab, "ok", false},
    {"H11 required, one over another binder", true, true, BINDER(48), BINDER(32), 1, false, &atls_format_cab, "binder-mismatch", false},
    {"H11 required, one without a nonce", true, true, BINDER(32), BINDER(32), 1, true, &atls_format_cab, "binder-mismatch", false},
    {"H11 required, no binder computed", true, true, BINDER(32), {NULL, 0}, 1, false, &atls_format_cab, "internal", false},
    {"another key than the leaf's", false, false, {NULL, 0}, BINDER(32), 2, false, &atls_format_cab, "key-mismatch", false},
    {"another key, though over the binder", true, true, BINDER(32), BINDER(32), 2, false, &atls_format_cab, "key-mismatch", false},
    {"no key", false, false, {NULL, 0}, BINDER(32), 0, false, &atls_format_cab, "result-without-key", false},
    {"of a bare token: no key", false, false, {NULL, 0}, BINDER(32), 0, false, &atls_format_psa, "result-without-key", false},
    {"of a bare token, over the binder: no key", true, true, BINDER(32), BINDER(32), 0, false, &atls_format_psa, "result-without-key", false},
    {"H10 bound, no key, over the binder", false, true, BINDER(32), BINDER(32), 0, false, &atls_format_psa, "ok", true},
    {"H10 bound, no key, of a CAB", false, true, BINDER(48), BINDER(48), 0, false, &atls_format_cab, "ok", true},
    {"H10 bound, no key, over another binder", false, true, BINDER(48), BINDER(32), 0, false, &atls_format_psa, "result-without-key", true},
    {"H10 bound, no key, over nothing of this connection", false, false, {NULL, 0}, BINDER(32), 0, false, &atls_format_psa, "result-without-key", true},
    {"H10 bound, no key, no nonce", false, true, BINDER(32), BINDER(32), 0, true, &atls_format_psa, "result-without-key", true},
    {"H10 bound, no key, no binder computed", false, true, BINDER(32), {NULL, 0}, 0, false, &atls_format_psa, "result-without-key", true},
    {"H10 bound, another key, though over the binder", false, true, BINDER(32), BINDER(32), 2, false, &atls_format_cab, "key-mismatch", true},
    {"H10 bound, the key, over another binder", false, true, BINDER(48), BINDER(32), 1, false, &atls_format_cab, "ok", true},
    /* clang-format on */
};

/* A result that must answer the binder: draft -04 (R-SE-04-02), and where it need not: -05 and
 * later. */
static void test_passport(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < COUNT(passport_rows); i++) {
        struct atls_public_key leaf, other;
        f->options.result_answers = passport_rows[i].required;
        f->options.result_bound = passport_rows[i].unnamed;
        f->attester_options.evidence_format = passport_rows[i].format;
        renew(f, NULL);
        assert_int_equal(evidence(f, 32), 0);
        leaf = f->credential.key;
        other = test_other_key();
        test_server_result(f->server)->key = passport_rows[i].key == 0   ? NULL
                                             : passport_rows[i].key == 1 ? &leaf
                                                                         : &other;
        test_server_result(f->server)->no_nonce = passport_rows[i].no_nonce;
        assert_int_equal(result(f, passport_rows[i].bound, passport_rows[i].answered, 1), 0);
        begin(f, ATLS_MODEL_PASSPORT, passport_rows[i].expected);
        assert_int_equal(atls_appraisal_expect_key(f->appraisal, &leaf), 0);
        take_credential(f);
        test_await_verdict(f);
        check(f, passport_rows[i].what, passport_rows[i].reason, false);
        if (passport_rows[i].no_nonce && strcmp(f->verdict.reason, "binder-mismatch") == 0) {
            assert_non_null(strstr(f->verdict.detail, "came none"));
        }
        if (f->verdict.accepted) { /* what ties it to the connection */
            bool named = passport_rows[i].key != 0;
            assert_int_equal(strstr(f->verdict.detail, "it attests the key") != NULL, named);
            assert_int_equal(strstr(f->verdict.detail, "it names no key") != NULL, !named);
            assert_int_equal(strstr(f->verdict.detail, "and answers the binder") != NULL,
                             named && passport_rows[i].required);
        }
    }
}

/* A result of before is told as such, whatever the size of what it answers. */
static void test_result_of_before(void **state)
{
    struct test_appraisal *f = *state;

    f->options.result_answers = true;
    for (size_t i = 0; i < COUNT(token_sizes); i++) {
        struct atls_diagnosis diagnosis;
        char text[ATLS_DIAGNOSIS_TEXT];
        renew(f, NULL);
        assert_int_equal(evidence(f, 32), 0);
        struct atls_public_key leaf = f->credential.key;
        test_server_result(f->server)->key = &leaf;
        assert_int_equal(result(f, true, BINDER(token_sizes[i]), 1), 0);
        begin(f, ATLS_MODEL_PASSPORT, BINDER(token_sizes[i]));
        begin(f, ATLS_MODEL_PASSPORT, BINDER(40));
        take_credential(f);
        test_await_verdict(f);
        check(f, "a result of before", "binder-mismatch", false);
        atls_appraisal_diagnose(f->appraisal, NULL, NULL, &diagnosis);
        atls_diagnosis_say(&diagnosis, text);
        assert_non_null(strstr(text, "an earlier request: it was asked in this connection before"));
    }
}

/* Each connection has its own fetch, and none of them is kept. */
static void test_bound_results(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_credential first, second;

    f->attester_options.cmw_form = ATLS_CMW_TAG;
    renew(f, NULL);
    assert_int_equal(atls_attester_bound_result(f->attester, 1, BINDER(7), &first), ATLS_E_LIMIT);
    assert_string_equal(atls_attester_reason(f->attester), "nonce-length");
    assert_int_equal(atls_attester_bound_result(f->attester, 1, BINDER(32), &first), ATLS_E_AGAIN);
    assert_int_equal(atls_attester_bound_result(f->attester, 2, BINDER(32), &second), ATLS_E_AGAIN);
    assert_int_equal(atls_attester_bound_result(f->attester, 3, BINDER(32), &second), ATLS_E_AGAIN);
    atls_attester_forget(f->attester, 3);
    atls_attester_forget(f->attester, 4); /* never asked: nothing happens */
    int got;
    while ((got = atls_attester_bound_result(f->attester, 1, BINDER(32), &first)) == ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    assert_int_equal(got, 0);
    assert_memory_equal(first.cmw, "\xda\x63\x74\x02\x0a", 5); /* TN(264) */
    while ((got = atls_attester_bound_result(f->attester, 2, BINDER(32), &second)) ==
           ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    assert_int_equal(got, 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 2);
    atls_credential_clear(&first);
    atls_credential_clear(&second);
    assert_int_equal(result(f, true, BINDER(32), 1), 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 3);
    test_event_says(&f->attester_party, "result", 2, "source", "verifier");
    test_event_says(&f->attester_party, "challenge", 0, "direction", "computed");
    assert_int_equal(test_event_count(&f->attester_party, "challenge"), 4);
    /* one that fails leaves nothing behind that would answer for it */
    *test_server_answer(f->server, TEST_POST) = (struct test_answer){.status = 415, .body = ""};
    assert_int_equal(result(f, true, BINDER(48), 5), ATLS_E_REFUSED);
    assert_string_equal(atls_attester_reason(f->attester), "verifier-error");
    *test_server_answer(f->server, TEST_POST) = (struct test_answer){.status = 0};
    assert_int_equal(result(f, true, BINDER(48), 5), 0);
    assert_int_equal(atls_attester_bound_result(f->attester, 6, BINDER(32), &first), ATLS_E_AGAIN);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, test_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_forms),
        TEST(test_token_sizes),
        TEST(test_faults_without_meaning),
        TEST(test_background_check),
        TEST(test_what_is_not_wanted),
        TEST(test_what_the_verifier_gets),
        TEST(test_results),
        TEST(test_verifier_fails),
        TEST(test_nonce_then_binder),
        TEST(test_token_without_binder),
        TEST(test_misuse),
        TEST(test_passport),
        TEST(test_result_of_before),
        TEST(test_bound_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

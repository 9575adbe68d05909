/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemes ARM_CCA and PARSEC_CCA. Evidence and endorsements are others' or were taken by
 * Veraison's services, which affirmed them: what is said of them is what Veraison said, but where a
 * row names the difference. And platforms and realms of which one thing is not endorsed.
 */
#include "rats/test/test-table.h"

#include "rats/base/media-types.h"
#include "rats/tokens/cca.h"
#include "verifier-stub/appraisal/appraisal.h"

#define FAILED 99
#define NOW 1700000000

struct row {
    const char *name, *media_type, *evidence;
    const char *corims[4];
    bool other_nonce;
    const char *reason;
    enum atls_tier platform, realm;
    int executables, configuration, realm_executables;
};

#define OURS "cca/platform.corim", "cca/realm.corim"
#define PARSEC "cca/parsec.corim", "cca/realm.corim"

/* clang-format off */
static const struct row rows[] = {
    {"a token in a CMW", ATLS_MT_CCA_TOKEN, "cca/cca-907.cbor", {OURS}, false, "ok", ATLS_TIER_AFFIRMING, ATLS_TIER_AFFIRMING, 2, 2, 2},
    {"a token in the older collection", ATLS_MT_CCA_TOKEN, "cca/cca-399.cbor", {OURS}, false, "ok", ATLS_TIER_AFFIRMING, ATLS_TIER_AFFIRMING, 2, 2, 2},
    {"another nonce, as at Veraison", ATLS_MT_CCA_TOKEN, "cca/cca-907.cbor", {OURS}, true, "nonce-mismatch", ATLS_TIER_CONTRAINDICATED, ATLS_TIER_CONTRAINDICATED, FAILED, FAILED, FAILED},
    {"a realm that nobody endorsed, as at Veraison", ATLS_MT_CCA_TOKEN, "cca/cca-907.cbor", {"cca/platform.corim"}, false, "unknown-component", ATLS_TIER_AFFIRMING, ATLS_TIER_WARNING, 2, 2, 33},
    {"a platform that nobody endorsed", ATLS_MT_CCA_TOKEN, "cca/cca-907.cbor", {"cca/realm.corim"}, false, "unknown-attestation-key", ATLS_TIER_CONTRAINDICATED, ATLS_TIER_CONTRAINDICATED, FAILED, FAILED, FAILED},
    {"endorsed for Parsec alone", ATLS_MT_CCA_TOKEN, "cca/cca-907.cbor", {PARSEC}, false, "unknown-attestation-key", ATLS_TIER_CONTRAINDICATED, ATLS_TIER_CONTRAINDICATED, FAILED, FAILED, FAILED},
    {"Parsec evidence", ATLS_MT_PARSEC_CCA, "cca/parsec-cca.cbor", {PARSEC}, false, "ok", ATLS_TIER_AFFIRMING, ATLS_TIER_AFFIRMING, 2, 2, 2},
    {"another nonce, which Veraison does not look at", ATLS_MT_PARSEC_CCA, "cca/parsec-cca.cbor", {PARSEC}, true, "nonce-mismatch", ATLS_TIER_CONTRAINDICATED, ATLS_TIER_CONTRAINDICATED, FAILED, FAILED, FAILED},
    {"a realm under Parsec, which Veraison does not look at", ATLS_MT_PARSEC_CCA, "cca/parsec-cca.cbor", {"cca/parsec.corim"}, false, "unknown-component", ATLS_TIER_AFFIRMING, ATLS_TIER_WARNING, 2, 2, 33},
    {"endorsed for others than Parsec", ATLS_MT_PARSEC_CCA, "cca/parsec-cca.cbor", {OURS}, false, "unknown-attestation-key", ATLS_TIER_CONTRAINDICATED, ATLS_TIER_CONTRAINDICATED, FAILED, FAILED, FAILED},
    {"Veraison's, whose signers are not those that it endorses", ATLS_MT_PARSEC_CCA, "parsec/cca/evidence.cbor", {"corim/main/corim-parsec-cca-valid.cbor"}, false, "reference-value-mismatch", ATLS_TIER_WARNING, ATLS_TIER_WARNING, 33, 2, 33},
    {"the same in the dialect of v0.0.2608", ATLS_MT_PARSEC_CCA, "parsec/cca/evidence.cbor", {"corim/v0.0.2608/corim-parsec-cca-valid.cbor"}, false, "reference-value-mismatch", ATLS_TIER_WARNING, ATLS_TIER_WARNING, 33, 2, 33},
};
/* clang-format on */

static struct atls_store *store_of(const char *const *corims)
{
    struct atls_store_import import;
    struct atls_store *store;

    test_vectors(); /* skips before anything is open */
    assert_int_equal(atls_store_open_memory(&store), 0);
    for (size_t i = 0; corims[i]; i++) {
        struct atls_bytes corim = test_vector(corims[i]);

        test_outcome(atls_store_import_corim(store, corim, &import), 0, NULL);
        test_vector_free(corim);
    }
    return store;
}

/* What the evidence answers, copied. */
static struct atls_bytes nonce_of(struct atls_bytes evidence, bool parsec, uint8_t nonce[64])
{
    struct atls_psa_component components[8];
    struct atls_parsec_cca read = {.kat = {NULL, 0}};
    struct atls_bytes found;

    if (parsec)
        test_outcome(atls_parsec_cca_parse(evidence, components, 8, &read), 0, NULL);
    else
        test_outcome(atls_cca_token_parse(evidence, components, 8, &read.token), 0, NULL);
    found = parsec ? read.nonce : read.token.realm_claims.challenge;
    memcpy(nonce, found.data, found.size);
    return ATLS_BYTES(nonce, found.size);
}

static int appraise(struct atls_store *store, const char *media_type, struct atls_bytes body,
                    struct atls_bytes nonce, struct atls_evidence_verdict *verdictp)
{
    const struct atls_appraiser appraiser = {
        .store = store, .crypto = &atls_crypto_hosted, .now = NOW};
    struct atls_evidence evidence;
    const char *reason = NULL;
    int result;

    test_outcome(atls_evidence_unwrap(media_type, body, &evidence, &reason), 0, NULL);
    result = atls_appraise(&appraiser, &evidence, nonce, verdictp);
    atls_evidence_clear(&evidence);
    return result;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    bool parsec = strcmp(row->media_type, ATLS_MT_PARSEC_CCA) == 0;
    struct atls_store *store = store_of(row->corims);
    struct atls_bytes evidence = test_vector(row->evidence), nonce;
    struct atls_evidence_verdict verdict;
    uint8_t bytes[64];

    nonce = nonce_of(evidence, parsec, bytes);
    bytes[0] ^= row->other_nonce;
    assert_int_equal(appraise(store, row->media_type, evidence, nonce, &verdict), 0);
    assert_string_equal(verdict.reason, row->reason);
    assert_int_equal(verdict.submod_count, 2);
    assert_string_equal(verdict.submods[0].name, parsec ? "PARSEC_CCA" : "CCA_SSD_PLATFORM");
    assert_string_equal(verdict.submods[1].name, parsec ? "PARSEC_CCA_REALM" : "CCA_REALM");
    assert_int_equal(verdict.submods[0].tier, row->platform);
    assert_int_equal(verdict.submods[1].tier, row->realm);
    assert_int_equal(verdict.tier, row->realm); /* the worse of the two in each row */
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES], row->executables);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_CONFIGURATION], row->configuration);
    assert_int_equal(verdict.submods[1].trust_vector[ATLS_EXECUTABLES], row->realm_executables);
    assert_true(verdict.has_key == (parsec && row->realm_executables != FAILED));
    atls_evidence_verdict_clear(&verdict);
    test_vector_free(evidence);
    atls_store_close(store);
}

struct match {
    const char *name;
    size_t values;    /* of the realm's state: rim, rem0 to rem3, rpv */
    unsigned changed; /* one of enum atls_cca_measured, or ATLS_CCA_MEASURED */
    bool expired;     /* what was changed is of another time */
    bool two_states;  /* another one, which fits */
    size_t extended;  /* extensible measurements that the realm has */
    int executables;
    const char *reason, *listed;
};

static const struct match matches[] = {
    {"all fits", 6, ATLS_CCA_MEASURED, false, false, 4, 2, NULL, NULL},
    {"the initial measurement alone is endorsed", 1, ATLS_CCA_MEASURED, false, false, 4, 2, NULL,
     NULL},
    {"nothing is endorsed", 0, ATLS_CCA_MEASURED, false, false, 4, 33, "unknown-component",
     "cca.rim"},
    {"the first extensible measurement differs", 6, ATLS_CCA_REM, false, false, 4, 33,
     "reference-value-mismatch", "cca.rem0"},
    {"an extensible measurement differs", 6, ATLS_CCA_REM + 2, false, false, 4, 33,
     "reference-value-mismatch", "cca.rem2"},
    {"the last extensible measurement is not there", 6, ATLS_CCA_MEASURED, false, false, 3, 33,
     "reference-value-mismatch", "cca.rem3"},
    {"the personalization value differs", 6, ATLS_CCA_RPV, false, false, 4, 96,
     "reference-value-mismatch", "cca.rpv"},
    {"the personalization value differed before", 6, ATLS_CCA_RPV, true, false, 4, 2, NULL, NULL},
    {"one of two states fits", 6, ATLS_CCA_REM, false, true, 4, 2, NULL, NULL},
};

static void check_match(void **state)
{
    const struct match *match = *state;
    static const uint8_t bytes[64] = {3};
    const struct atls_bytes measurement = {bytes, 32};
    const struct atls_bytes extensible[4] = {measurement, measurement, measurement, measurement};
    const struct atls_judge_realm realm = {measurement, {bytes, 64}, extensible, match->extended};
    struct atls_reference_value values[12] = {{.pcr = 0}};
    const size_t count = match->values * (match->two_states ? 2 : 1);
    struct atls_reference_set set;
    struct atls_evidence_verdict verdict;

    for (size_t i = 0; i < count; i++) {
        unsigned which = ATLS_CCA_RIM + (unsigned)(i % match->values);
        bool first = i < match->values;

        values[i].pcr = which;
        values[i].set[0] = first;
        values[i].digest_size = which == ATLS_CCA_RPV ? 64 : 32;
        memcpy(values[i].digest, bytes, 64);
        values[i].digest[1] = first && which == match->changed;
        if (values[i].digest[1] && match->expired)
            values[i].validity.not_after = NOW - 1;
    }
    assert_int_equal(atls_reference_set_of(values, count, &set), 0);
    set.times_count = true;
    set.now = NOW;
    atls_evidence_verdict_open(&atls_format_cca, &verdict);
    verdict.submod = 1;
    assert_int_equal(atls_match_realm(&realm, &set, &verdict), 0);
    assert_int_equal(verdict.submods[1].trust_vector[ATLS_EXECUTABLES], match->executables);
    assert_int_equal(!verdict.reason, !match->reason);
    if (match->reason)
        assert_string_equal(verdict.reason, match->reason);
    assert_int_equal(json_array_size(verdict.mismatches), match->listed ? 1 : 0);
    if (match->listed)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(verdict.mismatches, 0), "component")),
            match->listed);
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

/* A configuration is compared as a whole, and is no component. */
static void matches_the_configuration(void **state)
{
    static const uint8_t bytes[32] = {5}, config[4] = {0, 0, 0, 1};
    const struct atls_psa_component component = {.value = {bytes, 32}, .signer_id = {bytes, 32}};
    const struct atls_psa_claims claims = {.components = &component, .component_count = 1};
    struct atls_reference_value values[2] = {
        {.pcr = ATLS_CCA_CONFIG, .digest_size = 4, .digest = {0, 0, 0, 1}},
        {.pcr = ATLS_CCA_COMPONENT, .digest_size = 32, .digest = {5}, .signer_id = {5}}};
    struct atls_reference_set set;
    struct atls_evidence_verdict verdict;

    values[1].signer_id_size = 32;
    assert_int_equal(atls_reference_set_of(values, 2, &set), 0);
    atls_evidence_verdict_open(&atls_format_cca, &verdict);
    assert_int_equal(atls_match_cca_platform(&claims, ATLS_BYTES(config, 4), &set, &verdict), 0);
    assert_null(verdict.reason);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_CONFIGURATION], 2);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES], 2);
    assert_int_equal(atls_match_cca_platform(&claims, ATLS_BYTES(config, 3), &set, &verdict), 0);
    assert_string_equal(verdict.reason, "reference-value-mismatch");
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_CONFIGURATION], 32);
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

/* Of many configurations that would have fitted a result names so many. */
static void lists_few_configurations(void **state)
{
    struct atls_reference_value values[ATLS_MISMATCHES_LISTED + 2] = {{.pcr = ATLS_CCA_CONFIG}};
    static const uint8_t config[4] = {0xff};
    const struct atls_psa_claims claims = {.component_count = 0};
    struct atls_reference_set set;
    struct atls_evidence_verdict verdict;
    const json_t *mismatch;

    for (size_t i = 0; i < COUNT(values); i++) {
        values[i].pcr = ATLS_CCA_CONFIG;
        values[i].digest_size = 4;
        values[i].digest[0] = (uint8_t)i;
    }
    assert_int_equal(atls_reference_set_of(values, COUNT(values), &set), 0);
    atls_evidence_verdict_open(&atls_format_cca, &verdict);
    assert_int_equal(atls_match_cca_platform(&claims, ATLS_BYTES(config, 4), &set, &verdict), 0);
    assert_int_equal(json_array_size(verdict.mismatches), 1);
    mismatch = json_array_get(verdict.mismatches, 0);
    assert_string_equal(json_string_value(json_object_get(mismatch, "component")),
                        "cca.platform-config");
    assert_int_equal(json_array_size(json_object_get(mismatch, "expected")),
                     ATLS_MISMATCHES_LISTED);
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_row, rows);
    TEST_ADD_ROWS(&list, check_match, matches);
    TEST_ADD(&list, matches_the_configuration);
    TEST_ADD(&list, lists_few_configurations);
    return test_run("cca", &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCRs of a quote beside sets of endorsed ones (TPM 2.0 Part 2, section 10.12.1): one of the
 * sets has to be the quoted one, in its PCRs and in their digest.
 */
#include "rats/test/test-table.h"

#include "program/events.h"
#include "verifier-stub/appraisal/appraisal.h"

#define NOW 1000
enum { SHA256_BANK = 0x000b, SETS = ATLS_MISMATCHES_LISTED + 2 };

struct endorsed { /* a value: SET is all that tells sets apart */
    uint8_t set;
    unsigned pcr;
    uint8_t digest;
    enum atls_hash hash;
    int64_t not_after;
};

#define P(set, pcr, digest)                                                                        \
    {                                                                                              \
        set, pcr, digest, ATLS_SHA256, 0                                                           \
    }

static const struct row {
    const char *name;
    struct endorsed values[6];
    size_t count;
    const char *reason; /* of a quote of PCRs 0 and 1, which hold 1 and 2; "ok": it fits */
    const char *detail; /* a part of it */
} rows[] = {
    {"the set", {P(1, 0, 1), P(1, 1, 2)}, 2, "ok", ""},
    {"an alternative behind it", {P(1, 0, 1), P(1, 1, 2), P(2, 0, 7), P(2, 1, 7)}, 4, "ok", ""},
    {"an alternative before it", {P(2, 0, 7), P(2, 1, 7), P(1, 0, 1), P(1, 1, 2)}, 4, "ok", ""},
    {"nothing", {P(0, 0, 0)}, 0, "unknown-component", "no reference value of this bank"},
    {"another digest",
     {P(1, 0, 1), P(1, 1, 3)},
     2,
     "reference-value-mismatch",
     "PCRs 0, 1 of bank sha256: their digest is that of no endorsed state"},
    {"another bank",
     {{1, 0, 1, ATLS_SHA384, 0}, {1, 1, 2, ATLS_SHA384, 0}},
     2,
     "unknown-component",
     "no reference value of this bank"},
    {"beside another bank", {{1, 0, 9, ATLS_SHA384, 0}, P(1, 0, 1), P(1, 1, 2)}, 3, "ok", ""},
    {"one that is not quoted",
     {P(1, 0, 1), P(1, 1, 2), P(1, 7, 3)},
     3,
     "reference-value-mismatch",
     "PCRs 7 of bank sha256 are endorsed but were not quoted"},
    {"one that is not endorsed",
     {P(1, 0, 1)},
     1,
     "unknown-component",
     "PCRs 1 of bank sha256 were quoted, and there is no reference value"},
    {"both",
     {P(1, 0, 1), P(1, 7, 3)},
     2,
     "reference-value-mismatch",
     "PCRs 7 of bank sha256 are endorsed but were not quoted"},
    {"of two that are equally far the first is told",
     {P(1, 0, 1), P(1, 1, 2), P(1, 7, 3), P(2, 0, 1), P(2, 1, 2), P(2, 8, 3)},
     6,
     "reference-value-mismatch",
     "PCRs 7 of bank"},
    {"the nearer one is told",
     {P(1, 5, 1), P(1, 6, 2), P(2, 0, 1)},
     3,
     "unknown-component",
     "PCRs 1 of bank sha256 were quoted"},
    {"the nearer one, first",
     {P(2, 0, 1), P(1, 5, 1), P(1, 6, 2)},
     3,
     "unknown-component",
     "PCRs 1 of bank sha256 were quoted"},
    {"a set that is not valid any more",
     {{1, 0, 1, ATLS_SHA256, 9}, {1, 1, 2, ATLS_SHA256, 9}},
     2,
     "unknown-component",
     "no reference value of this bank"},
    {"one of the set is not valid any more",
     {P(1, 0, 1), P(1, 1, 2), {1, 7, 3, ATLS_SHA256, 9}},
     3,
     "ok",
     ""},
    {"values that are no PCRs", {P(1, 0, 1), P(1, 1, 2), P(1, ATLS_PCRS_MAX, 3)}, 3, "ok", ""},
};

static struct atls_tpm_attest quote_of(uint8_t digestp[32])
{
    static const uint8_t first[32] = {1}, second[32] = {2};
    const struct atls_bytes parts[] = {ATLS_BYTES(first, 32), ATLS_BYTES(second, 32)};

    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, parts, 2, digestp), 0);
    return (struct atls_tpm_attest){.banks = {{.alg = SHA256_BANK, .pcrs = 3}},
                                    .bank_count = 1,
                                    .pcr_digest = ATLS_BYTES(digestp, 32)};
}

static void open_set(const struct endorsed *endorsed, size_t count, struct atls_reference_set *setp)
{
    static struct atls_reference_value values[3 * SETS];

    memset(values, 0, sizeof values);
    for (size_t i = 0; i < count; i++) {
        values[i].profile = ATLS_CORIM_PARSEC_TPM;
        values[i].set[0] = endorsed[i].set;
        values[i].pcr = endorsed[i].pcr;
        values[i].digest_hash = endorsed[i].hash;
        values[i].digest_size = 32;
        values[i].digest[0] = endorsed[i].digest;
        values[i].validity.not_after = endorsed[i].not_after;
    }
    assert_int_equal(atls_reference_set_of(values, count, setp), 0);
    setp->times_count = true;
    setp->now = NOW;
}

static void one_quote(void **state)
{
    const struct row *row = *state;
    bool fits = strcmp(row->reason, "ok") == 0;
    struct atls_evidence_verdict verdict = {.reason = NULL};
    struct atls_reference_set set;
    uint8_t digest[32];
    struct atls_tpm_attest quote = quote_of(digest);

    open_set(row->values, row->count, &set);
    assert_int_equal(atls_match_pcrs(&quote, &set, &atls_crypto_hosted, &verdict), 0);
    if (strcmp(verdict.reason ? verdict.reason : "ok", row->reason) != 0 ||
        !strstr(verdict.detail, row->detail))
        fail_msg("expected %s, \"%s\", came %s, \"%s\"", row->reason, row->detail,
                 verdict.reason ? verdict.reason : "ok", verdict.detail);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES], fits ? 2 : 33);
    assert_int_equal(verdict.mismatches != NULL, !fits);
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

/* What was wrong before stays the reason. */
static void the_first_reason_stays(void **state)
{
    struct atls_evidence_verdict verdict = {.reason = "nonce-mismatch"};
    struct atls_reference_set set;
    uint8_t digest[32];
    struct atls_tpm_attest quote = quote_of(digest);

    open_set(NULL, 0, &set);
    assert_int_equal(atls_match_pcrs(&quote, &set, &atls_crypto_hosted, &verdict), 0);
    assert_string_equal(verdict.reason, "nonce-mismatch");
    assert_string_equal(verdict.detail, "");
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

/* A result names so many of the digests that would have fitted. */
static void the_list_is_bounded(void **state)
{
    static struct endorsed endorsed[2 * SETS];
    struct atls_evidence_verdict verdict = {.reason = NULL};
    struct atls_reference_set set;
    uint8_t digest[32];
    struct atls_tpm_attest quote = quote_of(digest);

    for (size_t i = 0; i < COUNT(endorsed); i++)
        endorsed[i] = (struct endorsed){
            .set = (uint8_t)(1 + i / 2), .pcr = i % 2, .digest = (uint8_t)(10 + i / 2)};
    open_set(endorsed, COUNT(endorsed), &set);
    assert_int_equal(atls_match_pcrs(&quote, &set, &atls_crypto_hosted, &verdict), 0);
    assert_int_equal(
        json_array_size(json_object_get(json_array_get(verdict.mismatches, 0), "expected")),
        ATLS_MISMATCHES_LISTED);
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

static int no_hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                   uint8_t *digestp)
{
    return atls_fail(-5, NULL, "no hash");
}

/* Without a digest there is no verdict, and none of a bank of an unknown hash. */
static void what_cannot_be_computed(void **state)
{
    struct atls_evidence_verdict verdict = {.reason = NULL};
    struct atls_crypto unable = atls_crypto_hosted;
    struct atls_reference_set set;
    uint8_t digest[32];
    struct atls_tpm_attest quote = quote_of(digest);

    unable.hash = no_hash;
    open_set(rows[0].values, rows[0].count, &set);
    assert_int_equal(atls_match_pcrs(&quote, &set, &unable, &verdict), -5);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES], 33);
    quote.banks[0].alg = 0x0004; /* TPM_ALG_SHA1 */
    assert_true(atls_match_pcrs(&quote, &set, &atls_crypto_hosted, &verdict) > 0);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES], 33);
    atls_reference_set_clear(&set);
    atls_evidence_verdict_clear(&verdict);
}

int main(void)
{
    struct test_list list = {.count = 0};

    TEST_ADD_ROWS(&list, one_quote, rows);
    TEST_ADD(&list, the_first_reason_stays);
    TEST_ADD(&list, the_list_is_bounded);
    TEST_ADD(&list, what_cannot_be_computed);
    return test_run("reference PCRs", &list);
}

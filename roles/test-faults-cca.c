/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of Arm CCA evidence that need no second device: each makes the flaw that it is named for
 * and leaves the rest as it was; the relying party refuses what it can tell without the platform's
 * key; and no fault of one kind of evidence is taken for another.
 */
#include "rats/test/test-table.h"

#include "rats/tokens/cca.h"
#include "roles/attester-private.h"
#include "roles/test-faults-of.h"

static const struct row {
    const char *name;
    const struct atls_evidence_format *format;
    const char *file;
    const char *faults[2];
    bool kat, platform, realm; /* which part is another than before */
    const char *reason;        /* of the relying party; NULL: only a verifier can tell */
} rows[] = {
    {"platform's signature",
     &atls_format_cca,
     "cca/cca-907.cbor",
     {"pat-signature"},
     false,
     true,
     false,
     NULL},
    {"realm's signature",
     &atls_format_cca,
     "cca/cca-399.cbor",
     {"realm-signature"},
     false,
     false,
     true,
     "pat-signature-invalid"},
    {"both signatures",
     &atls_format_cca,
     "cca/cca-907.cbor",
     {"pat-signature", "realm-signature"},
     false,
     true,
     true,
     "pat-signature-invalid"},
    {"platform's signature under a KAT",
     &atls_format_parsec_cca,
     "cca/parsec-cca.cbor",
     {"pat-signature"},
     false,
     true,
     false,
     NULL},
    {"realm's signature under a KAT",
     &atls_format_parsec_cca,
     "cca/parsec-cca.cbor",
     {"realm-signature"},
     false,
     false,
     true,
     "pat-signature-invalid"},
    {"a KAT that nobody vouches for",
     &atls_format_parsec_cca,
     "cca/parsec-cca.cbor",
     {"linkage"},
     true,
     false,
     false,
     "linkage-mismatch"},
    {"such a KAT, and the realm's signature",
     &atls_format_parsec_cca,
     "cca/parsec-cca.cbor",
     {"realm-signature", "linkage"},
     true,
     false,
     true,
     "pat-signature-invalid"},
};

struct parts {
    struct atls_bytes kat, platform, realm;
    struct atls_bytes answered;
};

static void take_apart(const struct row *row, struct atls_bytes in, struct parts *parts)
{
    struct atls_psa_component components[8];
    struct atls_parsec_cca read = {.kat = {NULL, 0}};

    if (row->format->key_in)
        test_outcome(atls_parsec_cca_parse(in, components, COUNT(components), &read), 0, NULL);
    else
        test_outcome(atls_cca_token_parse(in, components, COUNT(components), &read.token), 0, NULL);
    parts->kat = read.kat;
    parts->platform = read.token.platform_bytes;
    parts->realm = read.token.realm_bytes;
    parts->answered = read.nonce.size ? read.nonce : read.token.realm_claims.challenge;
}

static void check_reason(const struct row *row, struct atls_bytes in, struct atls_bytes challenge,
                         const char *expected)
{
    const struct atls_evidence_message message = {.value = in};
    const struct atls_evidence_question question = {
        .crypto = &atls_crypto_hosted, .challenge = challenge, .now = 1700000000};
    struct atls_evidence_read read = {.format = row->format, .value = in};
    const char *reason = NULL;

    test_outcome(row->format->read(&message, &read, &reason), 0, NULL);
    if (row->format->check(&read, &question, &reason) == 0)
        reason = NULL;
    free(read.parsed);
    if (!reason != !expected || (reason && strcmp(reason, expected) != 0))
        fail_msg("expected %s, came %s", expected ? expected : "none", reason ? reason : "none");
}

/* Of a token whose signature was broken, all but its last byte is as it was. */
static void check_part(struct atls_bytes before, struct atls_bytes after, bool broken)
{
    assert_int_equal(before.size, after.size);
    if (broken) {
        assert_int_equal(before.data[before.size - 1] ^ 1, after.data[after.size - 1]);
        before.size = after.size = before.size - 1;
    }
    assert_memory_equal(before.data, after.data, before.size);
}

static void breaks_row(void **state)
{
    const struct row *row = *state;
    struct atls_attester attester = {.format = row->format};
    struct atls_bytes in = test_vector(row->file);
    uint8_t *evidence = malloc(in.size);
    size_t size = in.size;
    struct parts before, after;

    assert_non_null(evidence);
    memcpy(evidence, in.data, in.size);
    take_apart(row, in, &before);
    check_reason(row, in, before.answered, NULL);
    for (size_t i = 0; i < COUNT(row->faults) && row->faults[i]; i++)
        assert_int_equal(atls_faults_add(&attester.inner, row->faults[i]), 0);
    attester.breaks = atls_evidence_faults_of(attester.format);
    test_outcome(atls_attester_check_faults(&attester), 0, NULL);
    test_outcome(attester.breaks->carry_out(&attester, 1, before.answered, &evidence, &size), 0,
                 NULL);
    take_apart(row, ATLS_BYTES(evidence, size), &after);
    check_part(before.platform, after.platform, row->platform);
    check_part(before.realm, after.realm, row->realm);
    assert_int_equal(atls_bytes_equal(before.kat, after.kat), !row->kat);
    check_reason(row, ATLS_BYTES(evidence, size), before.answered, row->reason);
    free(evidence);
    test_vector_free(in);
}

static void knows_whose_faults_they_are(void **state)
{
    static const struct test_fault_of table[] = {
        {&atls_format_cca, "foreign-pat", 0},
        {&atls_format_cca, "stale-nonce", 0},
        {&atls_format_cca, "linkage", ATLS_E_UNSUPPORTED}, /* there is no KAT */
        {&atls_format_cca, "attested-other-key", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_cca, "attested-other-key", 0},
        {&atls_format_parsec_cca, "foreign-pat", 0},
        {&atls_format_parsec_cca, "kat-signature", ATLS_E_UNSUPPORTED}, /* nobody signs it */
        {&atls_format_parsec_cca, "non-secure-pat", ATLS_E_UNSUPPORTED},
        {&atls_format_cca, "claims-no-cnf", ATLS_E_UNSUPPORTED},
        {&atls_format_cca, "cose-detached", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_cca, "cbor-deep=claims", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_cca, "tpm-name", ATLS_E_UNSUPPORTED},
        {&atls_format_psa, "realm-signature", ATLS_E_UNSUPPORTED},
        {&atls_format_cab, "realm-signature", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_tpm, "realm-signature", ATLS_E_UNSUPPORTED},
    };

    test_faults_of(table, COUNT(table));
}

/* What is no evidence of CCA is not broken further. */
static void refuses_other_evidence(void **state)
{
    static const char *const faults[] = {"linkage", "pat-signature", "realm-signature"};

    for (size_t i = 0; i < COUNT(faults); i++) {
        struct atls_attester attester = {.format = &atls_format_parsec_cca};
        uint8_t *evidence = calloc(1, 4);
        size_t size = 4;

        assert_non_null(evidence);
        assert_int_equal(atls_faults_add(&attester.inner, faults[i]), 0);
        assert_true(atls_faults_break_cca(&attester, 1, ATLS_BYTES(evidence, 4), &evidence, &size) >
                    0);
        assert_int_equal(size, 4);
        free(evidence);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, breaks_row, rows);
    TEST_ADD(&list, knows_whose_faults_they_are);
    TEST_ADD(&list, refuses_other_evidence);
    return test_run("faults-cca", &list);
}

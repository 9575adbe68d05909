/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of a TPM's evidence that need no second device: each makes the flaw that it is named for,
 * which the relying party or, where only the attestation key could tell, a verifier refuses with
 * the reason that is meant; and no fault of one kind of evidence is taken for another.
 */
#include "rats/test/test-table.h"

#include "rats/test/test-tpm.h"
#include "roles/attester-private.h"
#include "roles/test-faults-of.h"

static const uint8_t challenge_bytes[32] = {0x63};
static const struct atls_bytes challenge = {challenge_bytes, sizeof challenge_bytes};

static const struct {
    const char *name;
    bool kat_holds, pat_holds; /* signatures by the AK */
    const char *reason;        /* of the relying party, for the quote answers the kat map */
    const char *of_nonce;      /* and where it answers the challenge; NULL: it cannot tell */
} rows[] = {
    {"kat-signature", false, true, "linkage-mismatch", NULL},
    {"pat-signature", true, false, NULL, NULL},
    {"tpm-cert-info", false, true, "linkage-mismatch", NULL},
    {"tpm-attributes", true, true, "key-unprotected", "key-unprotected"},
};

static const char *judge(struct atls_bytes in, bool of_nonce)
{
    const struct atls_evidence_message message = {NULL, in};
    const struct atls_evidence_question question = {
        .crypto = &atls_crypto_hosted, .challenge = challenge, .quote_of_nonce = of_nonce};
    struct atls_evidence_read read = {.format = &atls_format_parsec_tpm, .value = in};
    const char *reason = NULL;

    test_outcome(atls_format_parsec_tpm.read(&message, &read, &reason), 0, NULL);
    if (atls_format_parsec_tpm.check(&read, &question, &reason) == 0)
        reason = NULL;
    free(read.parsed);
    return reason;
}

static void check_reason(const char *came, const char *expected)
{
    if (!came != !expected || (came && strcmp(came, expected) != 0))
        fail_msg("expected %s, came %s", expected ? expected : "none", came ? came : "none");
}

static void breaks_row(void **state)
{
    const __typeof__(rows[0]) *row = *state;

    for (int of_nonce = 0; of_nonce < 2; of_nonce++) {
        struct atls_attester attester = {.format = &atls_format_parsec_tpm};
        uint8_t *evidence = malloc(TEST_TPM_EVIDENCE_MAX);
        struct atls_tpm_evidence e;
        struct test_tpm tpm;
        size_t size;

        assert_non_null(evidence);
        assert_int_equal(atls_faults_add(&attester.inner, row->name), 0);
        attester.breaks = atls_evidence_faults_of(attester.format);
        test_outcome(atls_attester_check_faults(&attester), 0, NULL);
        test_tpm_init(&tpm, 1, challenge);
        if (of_nonce)
            tpm.quoted = challenge;
        size = test_tpm_evidence(&tpm, evidence).size;
        check_reason(judge(ATLS_BYTES(evidence, size), of_nonce), NULL);
        test_outcome(attester.breaks->carry_out(&attester, 1, challenge, &evidence, &size), 0,
                     NULL);
        check_reason(judge(ATLS_BYTES(evidence, size), of_nonce),
                     of_nonce ? row->of_nonce : row->reason);
        test_outcome(atls_tpm_evidence_parse(ATLS_BYTES(evidence, size), &e), 0, NULL);
        assert_int_equal(atls_tpm_signature_verify(&e.kat_signature, &atls_crypto_hosted,
                                                   e.kat.cert_info, &tpm.ak.public_key) == 0,
                         row->kat_holds);
        assert_int_equal(atls_tpm_signature_verify(&e.pat_signature, &atls_crypto_hosted,
                                                   e.pat.attest_info, &tpm.ak.public_key) == 0,
                         row->pat_holds);
        free(evidence);
    }
}

static void knows_whose_faults_they_are(void **state)
{
    static const struct test_fault_of table[] = {
        {&atls_format_parsec_tpm, "linkage", 0},
        {&atls_format_parsec_tpm, "foreign-pat", 0},
        {&atls_format_parsec_tpm, "tpm-name", 0},
        {&atls_format_parsec_tpm, "attested-other-key", 0},
        {&atls_format_parsec_tpm, "stale-nonce", 0},
        {&atls_format_parsec_tpm, "non-secure-pat", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_tpm, "claims-no-cnf", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_tpm, "cose-detached", ATLS_E_UNSUPPORTED},
        {&atls_format_parsec_tpm, "cbor-deep=claims", ATLS_E_UNSUPPORTED},
        {&atls_format_cab, "tpm-name", ATLS_E_UNSUPPORTED},
        {&atls_format_psa, "tpm-cert-info", ATLS_E_UNSUPPORTED},
        {&atls_format_prototype, "tpm-attributes", ATLS_E_UNSUPPORTED},
    };

    test_faults_of(table, COUNT(table));
}

/* What is no evidence of a TPM is not broken further. */
static void refuses_other_evidence(void **state)
{
    struct atls_attester attester = {.format = &atls_format_parsec_tpm};
    uint8_t *evidence = calloc(1, 4);
    size_t size = 4;

    assert_non_null(evidence);
    assert_int_equal(atls_faults_add(&attester.inner, "kat-signature"), 0);
    assert_true(atls_attester_break_tpm(&attester, 1, challenge, &evidence, &size) > 0);
    assert_string_equal(attester.reason, "device-unavailable");
    free(evidence);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, breaks_row, rows);
    TEST_ADD(&list, knows_whose_faults_they_are);
    TEST_ADD(&list, refuses_other_evidence);
    return test_run("faults-tpm", &list);
}

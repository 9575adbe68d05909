/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relying party checks of a TPM's evidence without knowing its attestation key: rows with
 * one thing wrong at a time, and the replays that Veraison's scheme affirms.
 */
#include "rats/test/test-table.h"

#include "formats/format.h"
#include "rats/test/test-tpm.h"

#define CERTIFY ATLS_TPM_CLAUSE_CERTIFY
#define QUOTE ATLS_TPM_CLAUSE_QUOTE
#define OBJECT ATLS_TPM_CLAUSE_OBJECT
#define ATTEST ATLS_TPM_CLAUSE_ATTEST
#define EVIDENCE ATLS_TPM_CLAUSE_EVIDENCE
#define BINDER "draft-fossati-seat-early-attestation-06 section 5"

static const uint8_t asked_bytes[48] = {0x61}, other_bytes[48] = {0x62};
static const struct atls_bytes asked = {asked_bytes, sizeof asked_bytes},
                               other = {other_bytes, sizeof other_bytes};

/* clang-format off */
#define CHANGE(name, what) static void name(struct test_tpm *tpm) { what }
CHANGE(nothing, )
CHANGE(quote_of_nonce, tpm->quoted = asked;)
CHANGE(quote_replayed, tpm->quoted = other;)
CHANGE(quote_cut, tpm->quoted = ATLS_BYTES(asked_bytes, 47);)
CHANGE(certification_replayed, tpm->nonce = other;)
CHANGE(both_replayed, tpm->nonce = other; tpm->quoted = other;)
CHANGE(certification_of_nothing, tpm->nonce = ATLS_BYTES(NULL, 0);)
CHANGE(other_kid, tpm->quote_kid[9] ^= 1;)
CHANGE(other_signer, test_tpm_key(7, 1, &tpm->quote_ak);)
CHANGE(foreign_name, tpm->other_name = true;)
CHANGE(unfixed, tpm->attributes &= ~2u;)
CHANGE(imported, tpm->attributes &= ~0x20u;)
CHANGE(restricted, tpm->attributes |= 0x10000u;)
CHANGE(decrypts, tpm->attributes |= 0x20000u;)
CHANGE(no_sign, tpm->attributes &= ~0x40000u;)
CHANGE(no_pcr, tpm->selected = 0;)
CHANGE(reserved, tpm->attributes |= 1;)

static const struct {
    const char *name;
    void (*change)(struct test_tpm *tpm);
    bool of_nonce, computed;
    const char *reason, *clause; /* NULL: accepted */
} rows[] = {
    {"as it should be", nothing, false, false, NULL, NULL},
    {"as it should be, over a binder", nothing, false, true, NULL, NULL},
    {"tpm-quote=nonce", quote_of_nonce, true, false, NULL, NULL},
    {"tpm-quote=nonce, where kat was agreed", quote_of_nonce, false, false, "linkage-mismatch", QUOTE},
    {"tpm-quote=kat, where nonce was agreed", nothing, true, false, "linkage-mismatch", QUOTE},
    {"replayed quote", quote_replayed, false, false, "linkage-mismatch", QUOTE},
    {"replayed quote, tpm-quote=nonce", quote_replayed, true, false, "linkage-mismatch", QUOTE},
    {"quote of a part of the challenge", quote_cut, true, false, "linkage-mismatch", QUOTE},
    {"replayed certification", certification_replayed, false, false, "nonce-mismatch", CERTIFY},
    {"replayed certification, over a binder", certification_replayed, false, true, "binder-mismatch", BINDER},
    {"replayed whole, which Veraison affirms", both_replayed, true, false, "nonce-mismatch", CERTIFY},
    {"certification of no challenge", certification_of_nothing, false, false, "nonce-mismatch", CERTIFY},
    {"another key id in the quote", other_kid, false, false, "attestation-key-mismatch", EVIDENCE},
    {"the quote is by another AK", other_signer, false, false, "attestation-key-mismatch", ATTEST},
    {"foreign Name", foreign_name, false, false, "key-name-mismatch", CERTIFY},
    {"key not fixed to its TPM", unfixed, false, false, "key-unprotected", OBJECT},
    {"key from outside", imported, false, false, "key-unprotected", OBJECT},
    {"restricted key", restricted, false, false, "key-unprotected", OBJECT},
    {"key that decrypts", decrypts, false, false, "key-unprotected", OBJECT},
    {"key that does not sign", no_sign, false, false, "key-unprotected", OBJECT},
    {"quote of no PCR", no_pcr, false, false, "malformed-claims", ATLS_TPM_CLAUSE_SELECTION},
    {"reserved attribute", reserved, false, false, "malformed-claims", OBJECT},
};
/* clang-format on */

static int read_and_check(struct atls_bytes in, const struct atls_evidence_question *question,
                          struct atls_public_key *keyp, const char **reasonp)
{
    const struct atls_evidence_format *format = &atls_format_parsec_tpm;
    const struct atls_evidence_message message = {NULL, in};
    struct atls_evidence_read read = {.format = format, .value = in};
    int result = format->read(&message, &read, reasonp);

    if (result)
        return result;
    *keyp = read.key;
    result = format->check(&read, question, reasonp);
    free(read.parsed);
    return result;
}

static void judges_row(void **state)
{
    const __typeof__(rows[0]) *row = *state;
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge = asked,
                                                    .computed = row->computed,
                                                    .binder_clause = BINDER,
                                                    .quote_of_nonce = row->of_nonce};
    uint8_t buffer[TEST_TPM_EVIDENCE_MAX];
    struct atls_public_key key;
    const char *reason = NULL;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, asked);
    row->change(&tpm);
    int result = read_and_check(test_tpm_evidence(&tpm, buffer), &question, &key, &reason);
    if (!row->reason) {
        test_outcome(result, 0, NULL);
        assert_true(atls_public_key_equal(&key, &tpm.ik.public_key));
        return;
    }
    assert_true(result > 0);
    if (strcmp(reason, row->reason) != 0)
        fail_msg("expected %s, came %s: %s", row->reason, reason, atls_error_text());
    assert_string_equal(atls_error_clause(), row->clause);
}

/* Evidence that Veraison's library and service affirm, whatever challenge there was: here it is
 * taken with its own alone, and by the reading that its quote has. */
static void refuses_replays(void **state)
{
    static const char *const files[] = {"parsec/tpm/evidence.cbor", "tpm/ev.cbor", "tpm/n8.cbor",
                                        "tpm/n48.cbor", "tpm/n64.cbor"};

    for (size_t i = 0; i < COUNT(files); i++) {
        struct atls_bytes in = test_vector(files[i]);
        struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                  .quote_of_nonce = true};
        struct atls_tpm_evidence parsed;
        struct atls_public_key key;
        const char *reason = NULL;

        test_outcome(atls_tpm_evidence_parse(in, &parsed), 0, NULL);
        question.challenge = parsed.certify.extra;
        test_outcome(read_and_check(in, &question, &key, &reason), 0, NULL);
        question.quote_of_nonce = false;
        assert_int_equal(read_and_check(in, &question, &key, &reason), ATLS_E_MISMATCH);
        assert_string_equal(reason, "linkage-mismatch");
        question.challenge = other;
        assert_int_equal(read_and_check(in, &question, &key, &reason), ATLS_E_MISMATCH);
        assert_string_equal(reason, "nonce-mismatch");
        test_vector_free(in);
    }
}

/* What breaks the maps is no claim: the reason says at which layer. */
static void tells_layers(void **state)
{
    static const struct {
        const char *hex, *reason;
    } table[] = {{"", "malformed-cbor"},
                 {"a2", "malformed-cbor"},
                 {"bfff", "malformed-cbor"},
                 {"a0", "malformed-claims"},
                 {"a1636b6174a0", "malformed-claims"}};
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge = asked};

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_bytes in = test_bytes(table[i].hex);
        struct atls_public_key key;
        const char *reason = NULL;

        assert_true(read_and_check(in, &question, &key, &reason) > 0);
        assert_string_equal(reason, table[i].reason);
        test_vector_free(in);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, judges_row, rows);
    TEST_ADD(&list, refuses_replays);
    TEST_ADD(&list, tells_layers);
    return test_run("parsec-tpm", &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheme PARSEC_TPM: evidence of a TPM with one thing wrong at a time, of what is endorsed and
 * of what is attested; and what others made, Veraison's evidence under Veraison's endorsements, and
 * a software TPM's.
 */
#include "rats/test/test-table.h"

#include "rats/base/media-types.h"
#include "rats/crypto/pem.h"
#include "rats/test/test-tpm.h"
#include "verifier-stub/appraisal/appraisal.h"

#define CERTIFY ATLS_TPM_CLAUSE_CERTIFY
#define QUOTE ATLS_TPM_CLAUSE_QUOTE
#define OBJECT ATLS_TPM_CLAUSE_OBJECT
#define FAILED 99

static const uint8_t nonce_bytes[32] = {0x4e};
static const struct atls_bytes nonce = {nonce_bytes, sizeof nonce_bytes};
static const uint8_t other_nonce_bytes[32] = {0x4f};

/* What is endorsed: a class, an AK, PCRs; changed by a row. */
struct endorsed {
    struct atls_reference_value values[2 * TEST_TPM_PCRS];
    size_t value_count;
    struct atls_trust_anchor anchor;
    bool no_anchor;
    int64_t until;
};

static void endorse(const struct test_tpm *tpm, struct endorsed *endorsed)
{
    memset(endorsed, 0, sizeof *endorsed);
    endorsed->anchor = (struct atls_trust_anchor){.profile = ATLS_CORIM_PARSEC_TPM,
                                                  .implementation_id = {1},
                                                  .instance_id_size = sizeof tpm->kid,
                                                  .key = tpm->ak.public_key};
    memcpy(endorsed->anchor.instance_id, tpm->kid, sizeof tpm->kid);
    for (size_t i = 0; i < TEST_TPM_PCRS; i++) {
        struct atls_reference_value *value = &endorsed->values[endorsed->value_count++];

        value->profile = ATLS_CORIM_PARSEC_TPM;
        value->implementation_id[0] = 1;
        value->pcr = (unsigned)i;
        value->digest_size = 32;
        memcpy(value->digest, tpm->pcrs[i], 32);
    }
}

static struct atls_store *store_of(struct endorsed *endorsed)
{
    char id[] = "tpm";
    struct atls_corim corim = {.profile = ATLS_CORIM_PARSEC_TPM,
                               .id = id,
                               .reference_values = endorsed->values,
                               .reference_value_count = endorsed->value_count,
                               .trust_anchors = &endorsed->anchor,
                               .trust_anchor_count = !endorsed->no_anchor,
                               .validity = {0, endorsed->until}};
    const struct atls_import_rules rules = {.now = 1};
    struct atls_store_import counts;
    struct atls_store *store;
    uint8_t *out;
    size_t size;

    assert_int_equal(atls_store_open_memory(&store), 0);
    test_outcome(atls_corim_write(&corim, &out, &size), 0, NULL);
    test_outcome(atls_store_import_by(store, &rules, ATLS_BYTES(out, size), &counts), 0, NULL);
    free(out);
    return store;
}

static bool annotates = true; /* a summary is asked for */

static struct atls_evidence_verdict appraise(struct atls_store *store, const char *type,
                                             struct atls_bytes in, struct atls_bytes asked)
{
    const struct atls_appraiser with = {
        .store = store, .crypto = &atls_crypto_hosted, .annotates = annotates, .now = 1700000000};
    struct atls_evidence_verdict verdict;
    struct atls_evidence evidence;
    const char *reason;

    test_outcome(atls_evidence_unwrap(type, in, &evidence, &reason), 0, NULL);
    assert_string_equal(evidence.format->name, "parsec-tpm");
    test_outcome(atls_appraise(&with, &evidence, asked, &verdict), 0, NULL);
    atls_evidence_clear(&evidence);
    assert_string_equal(verdict.submods[0].name, "PARSEC_TPM");
    assert_int_equal(verdict.submod_count, 1);
    return verdict;
}

static void check_affirmed(const struct atls_evidence_verdict *verdict,
                           const struct atls_public_key *key)
{
    const int *vector = verdict->submods[0].trust_vector;

    assert_string_equal(verdict->reason, "ok");
    assert_int_equal(verdict->tier, ATLS_TIER_AFFIRMING);
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++)
        assert_int_equal(
            vector[i],
            i == ATLS_HARDWARE || i == ATLS_EXECUTABLES || i == ATLS_INSTANCE_IDENTITY ? 2 : 0);
    assert_true(verdict->has_key && atls_public_key_equal(&verdict->key, key));
    assert_string_equal(
        json_string_value(json_object_get(verdict->submods[0].annotated_evidence, "pcr-bank")),
        "sha256");
    assert_true(json_array_size(json_object_get(verdict->submods[0].annotated_evidence, "pcrs")));
    assert_non_null(json_object_get(verdict->submods[0].annotated_evidence, "pcr-digest"));
}

/* clang-format off */
#define CHANGE(name, what) static void name(struct test_tpm *tpm, struct endorsed *endorsed) { what }
CHANGE(nothing, )
CHANGE(quote_of_nonce, tpm->quoted = nonce;)
CHANGE(other_pcr, tpm->pcrs[1][0] ^= 1;)
CHANGE(pcr_unquoted, tpm->selected = 3;)
CHANGE(pcr_unendorsed, endorsed->value_count--;)
CHANGE(one_pcr_alone, tpm->selected = 1; endorsed->value_count = 1;)
CHANGE(bank_unendorsed, for (size_t i = 0; i < 3; i++) { endorsed->values[i].digest_hash = ATLS_SHA512; endorsed->values[i].digest_size = 64; })
CHANGE(class_unknown, for (size_t i = 0; i < 3; i++) endorsed->values[i].implementation_id[0] = 2;)
CHANGE(nothing_endorsed, endorsed->value_count = 0;)
CHANGE(ak_unknown, endorsed->no_anchor = true;)
CHANGE(other_kid, tpm->kid[5] ^= 1; tpm->quote_kid[5] ^= 1;)
CHANGE(other_ak, test_tpm_key(9, 1, &tpm->ak); tpm->quote_ak = tpm->ak;)
CHANGE(quote_by_other_ak, test_tpm_key(9, 1, &tpm->quote_ak);)
CHANGE(kat_by_other_ak, test_tpm_key(9, 1, &tpm->ak);)
CHANGE(quote_names_other_ak, tpm->quote_kid[5] ^= 1;)
CHANGE(kat_flipped, tpm->flip_kat = true;)
CHANGE(quote_flipped, tpm->flip_quote = true;)
CHANGE(foreign_name, tpm->other_name = true;)
CHANGE(unfixed, tpm->attributes &= ~2u;)
CHANGE(unfixed_parent, tpm->attributes &= ~0x10u;)
CHANGE(imported, tpm->attributes &= ~0x20u;)
CHANGE(restricted, tpm->attributes |= 0x10000u;)
CHANGE(decrypts, tpm->attributes |= 0x20000u;)
CHANGE(other_challenge, tpm->nonce = ATLS_BYTES(other_nonce_bytes, 32);)
CHANGE(no_challenge, tpm->nonce = ATLS_BYTES(NULL, 0);)
CHANGE(challenge_cut, tpm->nonce.size--;)
CHANGE(quote_replayed, tpm->quoted = ATLS_BYTES(other_nonce_bytes, 32);)
CHANGE(ended, endorsed->until = 1600000000;)

static const struct {
    const char *name;
    void (*change)(struct test_tpm *tpm, struct endorsed *endorsed);
    const char *reason, *clause;
    int executables, hardware;
    bool mismatch;
} rows[] = {
    {"as it should be", nothing, "ok", "", 2, 2, false},
    {"the quote answers the challenge", quote_of_nonce, "ok", "", 2, 2, false},
    {"one PCR, and one endorsed", one_pcr_alone, "ok", "", 2, 2, false},
    {"wrong PCR", other_pcr, "reference-value-mismatch", QUOTE, 33, 2, true},
    {"an endorsed PCR is left out", pcr_unquoted, "reference-value-mismatch", QUOTE, 33, 2, true},
    {"a PCR that is not endorsed", pcr_unendorsed, "unknown-component", QUOTE, 33, 2, true},
    {"a bank that is not endorsed", bank_unendorsed, "unknown-component", QUOTE, 33, 2, true},
    {"values of another class", class_unknown, "unknown-component", QUOTE, 33, 2, true},
    {"no values", nothing_endorsed, "unknown-component", QUOTE, 33, 2, true},
    {"unknown AK", ak_unknown, "unknown-attestation-key", "", FAILED, FAILED, false},
    {"another key id", other_kid, "unknown-attestation-key", "", FAILED, FAILED, false},
    {"endorsement has ended", ended, "unknown-attestation-key", "draft-ietf-rats-corim section 7.3", FAILED, FAILED, false},
    {"another AK under a known key id", other_ak, "kat-signature-invalid", NULL, FAILED, FAILED, false},
    {"quote by another AK", quote_by_other_ak, "pat-signature-invalid", NULL, FAILED, FAILED, false},
    {"certification by another AK", kat_by_other_ak, "kat-signature-invalid", NULL, FAILED, FAILED, false},
    {"quote names another AK", quote_names_other_ak, "attestation-key-mismatch", ATLS_TPM_CLAUSE_EVIDENCE, FAILED, FAILED, false},
    {"tampered certInfo", kat_flipped, "kat-signature-invalid", NULL, FAILED, FAILED, false},
    {"tampered quote", quote_flipped, "pat-signature-invalid", NULL, FAILED, FAILED, false},
    {"foreign Name", foreign_name, "key-name-mismatch", CERTIFY, FAILED, FAILED, false},
    {"key not fixed to the TPM", unfixed, "key-unprotected", OBJECT, FAILED, FAILED, false},
    {"key not fixed to its parent", unfixed_parent, "key-unprotected", OBJECT, FAILED, FAILED, false},
    {"key from outside", imported, "key-unprotected", OBJECT, FAILED, FAILED, false},
    {"restricted key", restricted, "key-unprotected", OBJECT, FAILED, FAILED, false},
    {"key that decrypts", decrypts, "key-unprotected", OBJECT, FAILED, FAILED, false},
    {"answers another challenge", other_challenge, "nonce-mismatch", CERTIFY, FAILED, FAILED, false},
    {"answers nothing", no_challenge, "nonce-mismatch", CERTIFY, FAILED, FAILED, false},
    {"answers a part of the challenge", challenge_cut, "nonce-mismatch", CERTIFY, FAILED, FAILED, false},
    {"replayed quote", quote_replayed, "linkage-mismatch", QUOTE, FAILED, FAILED, false},
};
/* clang-format on */

static void judges_row(void **state)
{
    const __typeof__(rows[0]) *row = *state;
    uint8_t buffer[TEST_TPM_EVIDENCE_MAX];
    struct atls_evidence_verdict verdict;
    struct endorsed endorsed;
    struct atls_store *store;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, nonce);
    endorse(&tpm, &endorsed);
    row->change(&tpm, &endorsed);
    store = store_of(&endorsed);
    verdict = appraise(store, ATLS_MT_PARSEC_TPM, test_tpm_evidence(&tpm, buffer), nonce);
    if (strcmp(verdict.reason, row->reason) != 0)
        fail_msg("expected %s, came %s: %s", row->reason, verdict.reason, verdict.detail);
    if (row->clause)
        assert_string_equal(verdict.clause, row->clause);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES], row->executables);
    assert_int_equal(verdict.submods[0].trust_vector[ATLS_HARDWARE], row->hardware);
    assert_int_equal(json_array_size(verdict.mismatches), row->mismatch);
    assert_int_equal(verdict.submods[0].annotated_evidence != NULL, row->hardware == 2);
    if (strcmp(row->reason, "ok") == 0)
        check_affirmed(&verdict, &tpm.ik.public_key);
    else
        assert_true(verdict.tier > ATLS_TIER_AFFIRMING);
    atls_evidence_verdict_clear(&verdict);
    atls_store_close(store);
}

/* A quote is repeated for who asks. */
static void repeats_on_request(void **state)
{
    uint8_t buffer[TEST_TPM_EVIDENCE_MAX];
    struct atls_evidence_verdict verdict;
    struct endorsed endorsed;
    struct atls_store *store;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, nonce);
    endorse(&tpm, &endorsed);
    store = store_of(&endorsed);
    for (int asked = 0; asked < 2; asked++) {
        annotates = asked;
        verdict = appraise(store, ATLS_MT_PARSEC_TPM, test_tpm_evidence(&tpm, buffer), nonce);
        assert_string_equal(verdict.reason, "ok");
        assert_int_equal(verdict.submods[0].annotated_evidence != NULL, asked);
        atls_evidence_verdict_clear(&verdict);
    }
    atls_store_close(store);
}

/* Two releases of a class are alternatives as a whole: their PCRs cannot be mixed. */
static void judges_whole_states(void **state)
{
    static const struct {
        uint8_t pcr0, pcr1;
        const char *reason;
    } table[] = {{1, 1, "ok"},
                 {2, 2, "ok"},
                 {1, 2, "reference-value-mismatch"},
                 {2, 1, "reference-value-mismatch"}};
    uint8_t buffer[TEST_TPM_EVIDENCE_MAX];
    struct endorsed endorsed;
    struct atls_store *store;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, nonce);
    tpm.selected = 3;
    endorse(&tpm, &endorsed);
    endorsed.value_count = 4;
    endorsed.values[2] = endorsed.values[0];
    endorsed.values[3] = endorsed.values[1];
    for (size_t i = 0; i < 4; i++) {
        memset(endorsed.values[i].digest, (int)(1 + i / 2), 32);
        endorsed.values[i].set[0] = (uint8_t)(i / 2);
    }
    store = store_of(&endorsed);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_evidence_verdict verdict;

        memset(tpm.pcrs[0], table[i].pcr0, 32);
        memset(tpm.pcrs[1], table[i].pcr1, 32);
        verdict = appraise(store, ATLS_MT_PARSEC_TPM, test_tpm_evidence(&tpm, buffer), nonce);
        assert_string_equal(verdict.reason, table[i].reason);
        if (verdict.mismatches) {
            const json_t *first = json_array_get(verdict.mismatches, 0);

            assert_string_equal(json_string_value(json_object_get(first, "component")),
                                "PCR 0, 1 (sha256)");
            assert_int_equal(json_array_size(json_object_get(first, "expected")), 2);
        }
        atls_evidence_verdict_clear(&verdict);
    }
    atls_store_close(store);
}

/* Every shorter message, and every flipped bit, is no trust. */
static void condemns_damage(void **state)
{
    uint8_t buffer[TEST_TPM_EVIDENCE_MAX];
    struct endorsed endorsed;
    struct atls_store *store;
    struct atls_bytes whole;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, nonce);
    endorse(&tpm, &endorsed);
    store = store_of(&endorsed);
    whole = test_tpm_evidence(&tpm, buffer);
    for (size_t size = 0; size < whole.size; size++) {
        struct atls_evidence_verdict verdict =
            appraise(store, ATLS_MT_PARSEC_TPM, ATLS_BYTES(whole.data, size), nonce);

        assert_string_equal(verdict.reason, "malformed-cbor");
        atls_evidence_verdict_clear(&verdict);
    }
    for (size_t i = 0; i < whole.size; i++) {
        struct atls_evidence_verdict verdict;

        buffer[i] ^= 1;
        verdict = appraise(store, ATLS_MT_PARSEC_TPM, whole, nonce);
        if (verdict.tier != ATLS_TIER_CONTRAINDICATED || verdict.has_key)
            fail_msg("a flipped bit of byte %zu is %s", i, atls_tier_name(verdict.tier));
        atls_evidence_verdict_clear(&verdict);
        buffer[i] ^= 1;
    }
    atls_store_close(store);
}

/* Veraison's evidence under Veraison's endorsements, in both dialects: what its scheme affirms. */
static void affirms_veraison(void **state)
{
    static const char *const corims[] = {"corim/main/corim-parsec-tpm-valid.cbor",
                                         "corim/v0.0.2608/corim-parsec-tpm-valid.cbor"};
    static const uint8_t asked[] = {0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef};

    for (size_t i = 0; i < COUNT(corims); i++) {
        struct atls_bytes in = test_vector("parsec/tpm/evidence.cbor"),
                          corim = test_vector(corims[i]);
        struct atls_evidence_verdict verdict;
        struct atls_tpm_evidence parsed;
        struct atls_store_import counts;
        struct atls_store *store;

        assert_int_equal(atls_store_open_memory(&store), 0);
        test_outcome(atls_store_import_corim(store, corim, &counts), 0, NULL);
        assert_int_equal(counts.reference_values, 6);
        assert_int_equal(counts.trust_anchors, 1);
        verdict = appraise(store, ATLS_MT_PARSEC_TPM, in, ATLS_BYTES(asked, sizeof asked));
        test_outcome(atls_tpm_evidence_parse(in, &parsed), 0, NULL);
        check_affirmed(&verdict, &parsed.key.key);
        atls_evidence_verdict_clear(&verdict);
        /* a replay, which Veraison affirms */
        verdict = appraise(store, ATLS_MT_PARSEC_TPM, in, nonce);
        assert_string_equal(verdict.reason, "nonce-mismatch");
        atls_evidence_verdict_clear(&verdict);
        atls_store_close(store);
        test_vector_free(in);
        test_vector_free(corim);
    }
}

/* A software TPM's, in a CMW record, with the PCRs that its digest is of left open: signatures,
 * Name, freshness and attributes hold. */
static void knows_swtpm(void **state)
{
    static const char *const names[] = {"ev", "n8", "n48", "n64"};

    for (size_t i = 0; i < COUNT(names); i++) {
        char file[64];
        struct atls_evidence_verdict verdict;
        struct atls_tpm_evidence parsed;
        struct endorsed endorsed;
        struct atls_store *store;
        struct atls_bytes cmw, in, pem;
        struct test_tpm tpm;

        snprintf(file, sizeof file, "tpm/%s.cmw", names[i]);
        cmw = test_vector(file);
        snprintf(file, sizeof file, "tpm/%s.cbor", names[i]);
        in = test_vector(file);
        snprintf(file, sizeof file, "tpm/%s.ak.pem", names[i]);
        pem = test_vector(file);
        test_outcome(atls_tpm_evidence_parse(in, &parsed), 0, NULL);
        test_tpm_init(&tpm, 1, nonce);
        endorse(&tpm, &endorsed);
        memcpy(endorsed.anchor.instance_id, parsed.kat.kid.data, parsed.kat.kid.size);
        pem.size -= pem.data[pem.size - 1] == '\n';
        test_outcome(atls_pem_read_public_key(pem, &endorsed.anchor.key), 0, NULL);
        store = store_of(&endorsed);
        verdict = appraise(store, "application/cmw", cmw, parsed.certify.extra);
        assert_string_equal(verdict.reason, "reference-value-mismatch");
        assert_int_equal(verdict.submods[0].trust_vector[ATLS_HARDWARE], 2);
        assert_int_equal(verdict.submods[0].trust_vector[ATLS_INSTANCE_IDENTITY], 2);
        atls_evidence_verdict_clear(&verdict);
        atls_store_close(store);
        test_vector_free(cmw);
        test_vector_free(in);
        test_vector_free(pem);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, judges_row, rows);
    TEST_ADD(&list, repeats_on_request);
    TEST_ADD(&list, judges_whole_states);
    TEST_ADD(&list, condemns_damage);
    TEST_ADD(&list, affirms_veraison);
    TEST_ADD(&list, knows_swtpm);
    return test_run("parsec-tpm", &list);
}

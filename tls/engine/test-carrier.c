/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which carrier a profile and a credential kind choose, and what each is like: the draft's own
 * words beside what the rest of the engine, the options and the stacks read of it.
 */
#include "rats/base/error.h"
#include "rats/test/test-table.h"
#include "tls/engine/carrier.h"
#include "tls/engine/session-internal.h"

static const struct row {
    const char *name, *clause, *profile;
    enum atls_credential_kind kind;
    bool replaces, in_entries, enrolled, negotiated, bound, later, nonce;
} rows[] = {
    {"the body of the one CertificateEntry", "draft-fossati-tls-attestation-02", "ta-02",
     ATLS_KIND_ATTESTATION, true, false, false, true, false, false, true},
    {"the same a version later", "draft-fossati-tls-attestation-03", "ta-03", ATLS_KIND_ATTESTATION,
     true, false, false, true, false, false, true},
    {"credential kind attestation", "draft-fossati-tls-attestation-07 section 6.1", "ta-07",
     ATLS_KIND_ATTESTATION, true, false, false, true, false, false, true},
    {"credential kind cert", "draft-fossati-tls-attestation-07 section 6.1", "ta-07",
     ATLS_KIND_CERT_ATTESTATION, false, true, false, true, true, false, true},
    {"an extension of the first entry", "draft-fossati-seat-early-attestation-04 section 4",
     "seat-04", ATLS_KIND_ATTESTATION, false, true, false, true, true, false, false},
    {"the same, asked for twice", "draft-fossati-seat-early-attestation-06 section 4.1", "seat-06",
     ATLS_KIND_ATTESTATION, false, true, false, true, true, false, false},
    {"an extension of the leaf", "RFC 9999 section 4.4", "x509-cmw", ATLS_KIND_ATTESTATION, false,
     false, true, false, false, false, false},
    {"an authenticator", "draft-fossati-seat-expat-04 section 3", "expat-04", ATLS_KIND_ATTESTATION,
     false, false, false, false, false, true, true},
    {"a bundle in place of the certificate", "prototype of 2022, ssl_tls13_generic.c",
     "poc-mbedtls", ATLS_KIND_ATTESTATION, true, false, false, true, false, false, true},
};

static void a_carrier(void **state)
{
    const struct row *row = *state;
    const struct atls_profile *profile = atls_profile_by_name(row->profile);
    assert_non_null(profile);
    assert_string_equal(profile->clause, row->clause);
    const struct atls_carrier *carrier = atls_carrier_of(profile, row->kind);
    assert_int_equal(carrier->replaces, row->replaces);
    assert_int_equal(carrier->in_entries, row->in_entries);
    assert_int_equal(carrier->enrolled, row->enrolled);
    assert_int_equal(carrier->negotiated, row->negotiated);
    assert_int_equal(carrier->bound, row->bound);
    assert_int_equal(carrier->after_handshake != NULL, row->later);
    assert_int_equal(carrier->exchange != NULL, row->later);
    assert_int_equal(atls_carrier_sends_nonce(profile), row->nonce);
    /* Whoever has state of its own gives it back; what hellos bring about can be sent and read. */
    assert_int_equal(carrier->prepare != NULL, carrier->clear != NULL);
    if (row->negotiated) {
        assert_non_null(carrier->present);
        assert_non_null(carrier->received);
    }
}

static void of_a_party(void **state)
{
    const struct atls_evidence_type beside = {.credential_kind = ATLS_KIND_CERT_ATTESTATION};
    const struct atls_carrier *carriers[ATLS_CARRIERS_MAX];
    struct atls_party party = {.profile = &atls_profile_ta_07};
    assert_int_equal(atls_carriers(&party, carriers), 1);
    assert_true(carriers[0]->replaces);
    /* The kind is an evidence type's: either may be selected. */
    party.as_attester = (struct atls_abilities){.model = {ATLS_MODEL_BACKGROUND_CHECK},
                                                .model_count = 1,
                                                .types = &beside,
                                                .type_count = 1};
    assert_true(atls_carrier_by_kind(&party));
    assert_int_equal(atls_carriers(&party, carriers), 2);
    assert_true(carriers[0]->replaces && carriers[1]->in_entries);
    /* Types of a role that the party has not are nothing. */
    party.as_attester.model_count = 0;
    assert_false(atls_carrier_by_kind(&party));
    /* And so is one that is behind their count. */
    const struct atls_evidence_type types[] = {{.credential_kind = ATLS_KIND_ATTESTATION}, beside};
    party.as_attester.model_count = 1;
    party.as_attester.types = types;
    assert_false(atls_carrier_by_kind(&party));
    party.as_attester.model_count = 0;
    party.as_relying_party = (struct atls_abilities){.model = {ATLS_MODEL_BACKGROUND_CHECK},
                                                     .model_count = 1,
                                                     .types = &beside,
                                                     .type_count = 1};
    assert_int_equal(atls_carriers(&party, carriers), 2);
}

static int put_raw_key(void *connection, const struct atls_public_key *key, uint8_t *credential,
                       size_t size)
{
    return 0;
}

static int give_secret(void *connection, struct atls_bytes *secretp)
{
    return 0;
}

static bool asked_for_secret;

static int check_secret(bool secret)
{
    asked_for_secret = asked_for_secret || secret;
    return secret ? atls_fail(ATLS_E_UNSUPPORTED, "the stack's", "no secret") : 0;
}

/* What a stack cannot do is told before anybody is spoken to. */
static const struct check_row {
    const char *name, *profile;
    bool relies, leaks;
    enum atls_signature_reading signature;
    struct atls_stack stack;
    int outcome;
    const char *clause;
} check_rows[] = {
    {.name = "r || s, which it cannot verify",
     .profile = "poc-mbedtls",
     .relies = true,
     .outcome = ATLS_E_UNSUPPORTED,
     .clause = "prototype of 2022, ssl_tls13_generic.c"},
    {.name = "the same, and the secret besides",
     .profile = "poc-mbedtls",
     .relies = true,
     .leaks = true,
     .stack = {.handshake_secret = give_secret},
     .outcome = ATLS_E_UNSUPPORTED,
     .clause = "prototype of 2022, ssl_tls13_generic.c"},
    {.name = "r || s, which it can verify",
     .profile = "poc-mbedtls",
     .relies = true,
     .stack = {.put_raw_key = put_raw_key}},
    {.name = "r || s of nobody", .profile = "poc-mbedtls"},
    {.name = "DER", .profile = "poc-mbedtls", .relies = true, .signature = ATLS_SIGNATURE_DER},
    {.name = "DER of a draft", .profile = "ta-07", .relies = true},
    {.name = "a secret that it does not have",
     .profile = "ta-07",
     .leaks = true,
     .outcome = ATLS_E_UNSUPPORTED,
     .clause = ""},
    {.name = "a secret that it has",
     .profile = "ta-07",
     .leaks = true,
     .stack = {.handshake_secret = give_secret}},
    {.name = "a secret that it does not have here",
     .profile = "ta-07",
     .leaks = true,
     .stack = {.handshake_secret = give_secret, .check = check_secret},
     .outcome = ATLS_E_UNSUPPORTED,
     .clause = "the stack's"},
    {.name = "no secret",
     .profile = "ta-07",
     .stack = {.handshake_secret = give_secret, .check = check_secret}},
};

static void checked(void **state)
{
    static const struct atls_leaks leaks = {.leak = {{"handshake-secret", "file"}}, .count = 1};
    static char relying_party; /* nobody looks into it */
    const struct check_row *row = *state;
    const struct atls_party party = {
        .profile = atls_profile_by_name(row->profile),
        .variants = {.signature = row->signature},
        .relying_party = row->relies ? (struct atls_relying_party *)(void *)&relying_party : NULL,
        .leaks = row->leaks ? &leaks : NULL,
        .stack = &row->stack};
    asked_for_secret = false;
    test_outcome(atls_carriers_check(&party), row->outcome, row->clause);
    assert_int_equal(asked_for_secret, row->leaks && row->stack.check);
}

/* H11: must a result answer the binder? As the draft has it, or as somebody reads it. */
static const struct answer_row {
    const char *name, *profile;
    enum atls_result_nonce reading;
    bool answers;
} answer_rows[] = {
    {"a draft of nonces (ta-07 section 7)", "ta-07", ATLS_RESULT_AS_DRAFTED, false},
    {"a draft of signed binders (seat-04 section 4)", "seat-04", ATLS_RESULT_AS_DRAFTED, true},
    {"ta-07, read otherwise", "ta-07", ATLS_RESULT_REQUIRED, true},
    {"ta-07, free of it", "ta-07", ATLS_RESULT_FREE, false},
    {"seat-04, required as well", "seat-04", ATLS_RESULT_REQUIRED, true},
    {"seat-04, read otherwise", "seat-04", ATLS_RESULT_FREE, false},
};

static void a_result_answers(void **state)
{
    const struct answer_row *row = *state;
    const struct atls_party party = {.profile = atls_profile_by_name(row->profile),
                                     .variants = {.result_nonce = row->reading}};
    assert_int_equal(session_result_answers(&party), row->answers);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, a_carrier, rows);
    TEST_ADD(&list, of_a_party);
    TEST_ADD_ROWS(&list, checked, check_rows);
    TEST_ADD_ROWS(&list, a_result_answers, answer_rows);
    return test_run("carrier", &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evidence says of its own time (RFC 8392 section 3.1) is judged by the relying party, too: of
 * a PAT in a CAB and of a PSA token alone. A claim is put into the token that a device made; the
 * token's signature is the verifier's affair, and this verifier affirms everything.
 */
#include "roles/test-appraisal.h"

#include "rats/base/error.h"
#include "rats/cbor/cbor-write.h"
#include "rats/cose/cose.h"
#include "rats/test/test-table.h"

#define PAST "1a 3b9aca00"   /* 2001 */
#define FUTURE "1a f4865700" /* 2100 */

static const struct row {
    const char *name, *claim; /* encoded: key and value */
    const char *reason, *clause;
} rows[] = {
    {"exp to come", "04" FUTURE, "ok", NULL},
    {"exp in the past", "04" PAST, "evidence-expired", "RFC 8392 section 3.1.4"},
    {"nbf in the past", "05" PAST, "ok", NULL},
    {"nbf to come", "05" FUTURE, "evidence-expired", "RFC 8392 section 3.1.5"},
    {"iat in the past", "06" PAST, "ok", NULL},
    {"iat to come", "06" FUTURE, "evidence-expired", "RFC 8392 section 3.1.6"},
    {"exp is a text", "04 6161", "malformed-claims", "RFC 8392 section 2"},
};

/* The token with one claim more, which the caller frees. */
static struct atls_bytes with_claim(struct atls_bytes token, struct atls_bytes claim)
{
    size_t room = token.size + claim.size + 32;
    uint8_t *payload = malloc(room), *out = malloc(room);
    struct atls_cose_sign1 message;
    struct atls_cbor_writer w;
    struct atls_bytes made;

    assert_non_null(payload);
    assert_non_null(out);
    assert_int_equal(atls_cose_sign1_parse(token, ATLS_COSE_TAG_EITHER, NULL, &message), 0);
    size_t size = message.payload.size;
    memcpy(payload, message.payload.data, size);
    assert_in_range(payload[0], 0xa1, 0xb6); /* a map whose head has one byte, with one pair more */
    payload[0]++;
    memcpy(payload + size, claim.data, claim.size);
    atls_cbor_write_init(&w, out, room);
    if (message.tagged)
        atls_cbor_write_tag(&w, 18);
    atls_cbor_write_array(&w, 4);
    atls_cbor_write_bytes(&w, message.protected_header);
    atls_cbor_write_map(&w, 0);
    atls_cbor_write_bytes(&w, ATLS_BYTES(payload, size + claim.size));
    atls_cbor_write_bytes(&w, message.signature);
    assert_int_equal(atls_cbor_write_done(&w, &made), 0);
    free(payload);
    return made;
}

/* The claim in the PAT of the bundle, or in the one token. */
static void put_claim(struct atls_credential *credential, struct atls_bytes claim)
{
    struct atls_cmw *cmw, *record;

    assert_int_equal(atls_cmw_parse(ATLS_BYTES(credential->cmw, credential->size), &cmw), 0);
    record = cmw;
    for (size_t i = 0; i < cmw->entry_count; i++)
        if (atls_bytes_is_text(cmw->entries[i].text_label, "pat"))
            record = cmw->entries[i].cmw;
    assert_int_not_equal(record->form, ATLS_CMW_COLLECTION);
    struct atls_bytes value = with_claim(record->value, claim);
    free((void *)(uintptr_t)record->value.data);
    record->value = value;
    free(credential->cmw);
    assert_int_equal(
        atls_cmw_serialize(cmw, cmw->serialization, &credential->cmw, &credential->size), 0);
    atls_cmw_free(cmw);
}

static void judged(struct test_appraisal *f, const struct row *row, unsigned format)
{
    uint8_t binder[32] = {format};
    struct atls_bytes claim = test_bytes(row->claim);
    struct atls_public_key key;

    f->attester_options.evidence_format = atls_evidence_formats[format];
    test_renew(f);
    assert_int_equal(
        atls_attester_bound_evidence(f->attester, 1, ATLS_BYTES(binder, 32), &f->credential), 0);
    put_claim(&f->credential, claim);
    assert_int_equal(atls_appraisal_begin_with_challenge(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK,
                                                         ATLS_BYTES(binder, 32), &f->appraisal),
                     0);
    assert_int_equal(atls_appraisal_expect_key(f->appraisal, &f->credential.key), 0);
    (void)atls_appraisal_credential(f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size),
                                    &key);
    test_await_verdict(f);
    test_verdict_is(f, row->name, row->reason, false);
    if (row->clause)
        assert_string_equal(f->verdict.clause, row->clause);
    test_vector_free(claim);
}

static void test_times(void **state)
{
    struct test_appraisal *f = *state;
    unsigned posts = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned format = 0; format < 2; format++) {
            print_message("  %s: %s\n", format ? "PSA token" : "CAB", rows[i].name);
            judged(f, &rows[i], format);
            posts += f->verdict.accepted;
        }
    assert_int_equal(test_server_count(f->server, TEST_POST), posts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_times, test_set_up, test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the prototype's client of 2023 sends in place of a bundle: a CMW with a TPM's evidence, told
 * from the bundle by its first byte (RFC 9999 section 3.4), and what else could be in that place.
 */
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-table.h"
#include "rats/test/test-tpm.h"
#include "roles/received.h"

#define CMW_MAX (TEST_TPM_EVIDENCE_MAX + 128)

enum frame { RECORD, JSON_RECORD, BARE, NOTHING, CUT, TRAILING, COLLECTION, LONG_HEAD };

static const struct row {
    const char *name;
    enum frame frame;
    const char *type;
    unsigned indicator;
    bool constant;      /* it answers the prototype's constant nonce, and not what was asked */
    const char *reason; /* NULL: it is taken */
    const char *says;
} rows[] = {
    {"as the client of 2023 sends it", RECORD, ATLS_MT_PARSEC_TPM, 0, false, NULL, NULL},
    {"with an indicator", RECORD, ATLS_MT_PARSEC_TPM, ATLS_IND_EVIDENCE, false, NULL, NULL},
    {"with one which says that it is none", RECORD, ATLS_MT_PARSEC_TPM, ATLS_IND_ENDORSEMENTS,
     false, "malformed-cmw", "the record says that it is none"},
    {"over the constant nonce", RECORD, ATLS_MT_PARSEC_TPM, 0, true, "nonce-constant",
     "0001020304050607"},
    {"of another type", RECORD, ATLS_MT_PSA_TOKEN, 0, false, "malformed-cmw",
     "expected the prototype's bundle, or a CMW of the type " ATLS_MT_PARSEC_TPM},
    {"in a collection", COLLECTION, ATLS_MT_PARSEC_TPM, 0, false, "malformed-cmw",
     "came a CMW of another type"},
    {"in JSON", JSON_RECORD, ATLS_MT_PARSEC_TPM, 0, false, "malformed-cmw",
     "came what begins with the byte 5b"},
    {"without a CMW around it", BARE, NULL, 0, false, "malformed-cmw", "expected a CMW"},
    {"nothing", NOTHING, NULL, 0, false, "malformed-cmw", "came nothing"},
    {"cut short", CUT, ATLS_MT_PARSEC_TPM, 0, false, "malformed-cmw", NULL},
    {"with a byte behind it", TRAILING, ATLS_MT_PARSEC_TPM, 0, false, "malformed-cmw", NULL},
    {"with a longer head than it needs", LONG_HEAD, ATLS_MT_PARSEC_TPM, 0, false, "malformed-cmw",
     NULL},
};

static struct atls_bytes frame(const struct row *row, struct atls_bytes evidence,
                               uint8_t bytes[CMW_MAX])
{
    struct atls_cmw record = {.form = ATLS_CMW_RECORD,
                              .serialization = row->frame == JSON_RECORD ? ATLS_JSON : ATLS_CBOR,
                              .indicator = row->indicator,
                              .value = evidence};
    uint8_t *made = NULL;
    size_t at = 0, size = 0;

    if (row->frame == BARE || row->frame == NOTHING)
        return ATLS_BYTES(evidence.data, row->frame == BARE ? evidence.size : 0);
    record.type.media_type = atls_bytes_of_text(row->type);
    assert_int_equal(atls_cmw_serialize(&record, record.serialization, &made, &size), 0);
    assert_true(size + 4 <= CMW_MAX);
    if (row->frame == COLLECTION) { /* {"a": record} */
        memcpy(bytes, "\xa1\x61\x61", 3);
        at = 3;
    }
    memcpy(bytes + at, made, size);
    if (row->frame == LONG_HEAD) { /* its type's length, in two bytes */
        bytes[1] = made[1] + 1;
        bytes[2] = 0;
        memcpy(bytes + 3, made + 2, size++ - 2);
    }
    free(made);
    bytes[at + size] = 0;
    return ATLS_BYTES(bytes, at + size + (row->frame == TRAILING) - (row->frame == CUT));
}

static void reads_row(void **state)
{
    static const uint8_t asked[32] = {0x63};
    const struct row *row = *state;
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge = ATLS_BYTES(asked, sizeof asked),
                                                    .constant_nonce = &atls_constant_nonce_of_2022};
    uint8_t evidence[TEST_TPM_EVIDENCE_MAX], bytes[CMW_MAX];
    struct atls_received received = {.cmw = NULL};
    const char *reason = NULL;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, row->constant ? atls_constant_nonce_of_2022.nonce : question.challenge);
    const struct atls_bytes in = frame(row, test_tpm_evidence(&tpm, evidence), bytes);
    int result = atls_received_parse_format(&atls_format_prototype, &atls_format_parsec_tpm, in,
                                            &received, &reason);
    if (result == 0) {
        assert_ptr_equal(received.evidence.format, &atls_format_parsec_tpm);
        assert_true(atls_public_key_equal(&received.key, &tpm.ik.public_key));
        assert_non_null(received.cmw);
        result = received.evidence.format->check(&received.evidence, &question, &reason);
    }
    if (!row->reason) {
        if (result)
            fail_msg("expected that it is taken, came %s: %s", reason, atls_error_text());
    } else {
        assert_true(result > 0);
        assert_string_equal(reason, row->reason);
        assert_true(atls_error_clause()[0] != '\0');
        if (row->says && !strstr(atls_error_text(), row->says))
            fail_msg("expected \"%s\", came \"%s\"", row->says, atls_error_text());
    }
    atls_received_clear(&received);
}

/* Where no profile says that somebody always sends it, that nonce is like any other. */
static void takes_that_nonce_elsewhere(void **state)
{
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge = atls_constant_nonce_of_2022.nonce};
    uint8_t bytes[TEST_TPM_EVIDENCE_MAX];
    const char *reason = NULL;
    struct test_tpm tpm;

    test_tpm_init(&tpm, 1, question.challenge);
    const struct atls_evidence_message message = {NULL, test_tpm_evidence(&tpm, bytes)};
    struct atls_evidence_read read = {.format = &atls_format_parsec_tpm, .value = message.value};
    assert_int_equal(read.format->read(&message, &read, &reason), 0);
    assert_int_equal(read.format->check(&read, &question, &reason), 0);
    free(read.parsed);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, reads_row, rows);
    TEST_ADD(&list, takes_that_nonce_elsewhere);
    return test_run("prototype-cmw", &list);
}

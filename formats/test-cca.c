/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relying party checks of Arm CCA evidence by itself, and at a verifier of Veraison nobody
 * does: evidence that its services affirmed, read and checked against what it has to answer, and
 * the same with parts of others in it.
 */
#include "rats/test/test-table.h"

#include "formats/format.h"
#include "rats/tokens/cca.h"

enum part { OWN, OF_ANOTHER };

struct row {
    const char *name;
    const struct atls_evidence_format *format;
    const char *file;
    enum part kat, platform, realm; /* put in place of its own */
    size_t flip;                    /* so many bytes from the end; 0: none */
    size_t challenge_size;          /* that is asked; 0: what was answered, whole */
    bool other_challenge, computed, hashed;
    const char *reason; /* NULL: taken */
};

/* clang-format off */
static const struct row rows[] = {
    {"a token that answers", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 0, 0, false, false, false, NULL},
    {"a binder that it answers", &atls_format_cca, "cca/cca-399.cbor", OWN, OWN, OWN, 0, 0, false, true, false, NULL},
    {"64 bytes are their own in the other reading, too", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 0, 0, false, true, true, NULL},
    {"another challenge", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 0, 0, true, false, false, "nonce-mismatch"},
    {"another binder", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 0, 0, true, true, false, "binder-mismatch"},
    {"its first 32 bytes as challenge, padded", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 0, 32, false, true, false, "binder-mismatch"},
    {"its first 32 bytes as challenge, hashed", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 0, 32, false, true, true, "binder-mismatch"},
    {"a bit of the realm's signature", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, 1, 0, false, false, false, "pat-signature-invalid"},
    {"another platform's token", &atls_format_cca, "cca/cca-907.cbor", OWN, OF_ANOTHER, OWN, 0, 0, false, false, false, "linkage-mismatch"},
    {"another realm's token", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OF_ANOTHER, 0, 0, false, false, false, "nonce-mismatch"},
    {"a byte less", &atls_format_cca, "cca/cca-907.cbor", OWN, OWN, OWN, SIZE_MAX, 0, false, false, false, "malformed-cbor"},
    {"evidence that answers", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OWN, OWN, 0, 0, false, false, false, NULL},
    {"Veraison's evidence that answers", &atls_format_parsec_cca, "parsec/cca/evidence.cbor", OWN, OWN, OWN, 0, 0, false, true, false, NULL},
    {"another challenge than the KAT's", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OWN, OWN, 0, 0, true, false, false, "nonce-mismatch"},
    {"another binder than the KAT's", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OWN, OWN, 0, 0, true, true, false, "binder-mismatch"},
    {"the beginning of the KAT's", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OWN, OWN, 0, 8, false, false, false, "nonce-mismatch"},
    {"a KAT about another key", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OF_ANOTHER, OWN, OWN, 0, 0, false, false, false, "linkage-mismatch"},
    {"another platform's token under a KAT", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OF_ANOTHER, OWN, 0, 0, false, false, false, "linkage-mismatch"},
    {"another realm's token under a KAT", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OWN, OF_ANOTHER, 0, 0, false, false, false, "linkage-mismatch"},
    {"a bit of the signature under a KAT", &atls_format_parsec_cca, "cca/parsec-cca.cbor", OWN, OWN, OWN, 1, 0, false, false, false, "pat-signature-invalid"},
    {"a CCA token as Parsec evidence", &atls_format_parsec_cca, "cca/cca-399.cbor", OWN, OWN, OWN, 0, 0, false, false, false, "malformed-claims"},
    {"Parsec evidence as a CCA token", &atls_format_cca, "cca/parsec-cca.cbor", OWN, OWN, OWN, 0, 0, false, false, false, "malformed-claims"},
};
/* clang-format on */

struct parts {
    struct atls_psa_component components[8];
    struct atls_parsec_cca read;
    struct atls_bytes answered;
};

/* By its first byte: a map is Parsec's. */
static void take_apart(struct atls_bytes in, struct parts *parts)
{
    memset(parts, 0, sizeof *parts);
    if (in.data[0] >> 5 == 5)
        test_outcome(atls_parsec_cca_parse(in, parts->components, 8, &parts->read), 0, NULL);
    else
        test_outcome(atls_cca_token_parse(in, parts->components, 8, &parts->read.token), 0, NULL);
    parts->answered =
        parts->read.nonce.size ? parts->read.nonce : parts->read.token.realm_claims.challenge;
}

static struct atls_bytes put_together(const struct row *row, const struct parts *own,
                                      const struct parts *other, uint8_t *out, size_t size)
{
    const struct atls_cca_token *token = &own->read.token;
    uint8_t collection[4096], kat[256];
    struct atls_bytes written, claims = own->read.kat;
    struct atls_cbor_writer w;

    if (row->kat == OF_ANOTHER) {
        atls_cbor_write_init(&w, kat, sizeof kat);
        assert_int_equal(atls_parsec_cca_kat_write(&w, own->answered, &other->read.key), 0);
        assert_int_equal(atls_cbor_write_done(&w, &claims), 0);
    }
    atls_cbor_write_init(&w, collection, sizeof collection);
    atls_cca_collection_write(&w, token->tag,
                              (row->platform ? &other->read.token : token)->platform_bytes,
                              (row->realm ? &other->read.token : token)->realm_bytes);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    if (!claims.size)
        return ATLS_BYTES(memcpy(out, written.data, written.size), written.size);
    atls_cbor_write_init(&w, out, size);
    atls_parsec_cca_write(&w, claims, written);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    return written;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_vector(row->file),
                      another = test_vector("parsec/cca/evidence.cbor");
    struct parts own, other;
    uint8_t out[4096], challenge[64];
    const char *reason = NULL;
    int result;

    take_apart(in, &own);
    take_apart(another, &other);
    struct atls_bytes evidence = put_together(row, &own, &other, out, sizeof out);
    if (row->flip == SIZE_MAX)
        evidence.size--;
    else if (row->flip)
        out[evidence.size - row->flip] ^= 1;
    memcpy(challenge, own.answered.data, own.answered.size);
    challenge[0] ^= row->other_challenge;
    const struct atls_evidence_message message = {.value = evidence};
    const struct atls_evidence_question question = {
        .crypto = &atls_crypto_hosted,
        .challenge = {challenge, row->challenge_size ? row->challenge_size : own.answered.size},
        .computed = row->computed,
        .challenge_hashed = row->hashed,
        .now = 1700000000};
    struct atls_evidence_read read = {.format = row->format, .value = evidence};
    result = row->format->read(&message, &read, &reason);
    result = result ? result : row->format->check(&read, &question, &reason);
    assert_int_equal(!result, !row->reason);
    if (row->reason)
        assert_string_equal(reason, row->reason);
    else if (row->format->key_in)
        assert_true(atls_public_key_equal(&read.key, &own.read.key));
    free(read.parsed);
    test_vector_free(in);
    test_vector_free(another);
}

/* What makes two posts the same evidence. */
static void same_evidence_has_the_same_parts(void **state)
{
    struct atls_bytes in = test_vector("cca/parsec-cca.cbor"),
                      token = test_vector("cca/cca-907.cbor");
    struct atls_evidence_message message = {.value = in};
    struct atls_bytes parts[2] = {{0}};

    test_outcome(atls_format_parsec_cca.signed_parts(&message, parts), 0, NULL);
    assert_int_equal(parts[0].data[0], 0xd9); /* the KAT, with its tag */
    assert_int_equal(parts[1].data[0], 0xa8); /* the claims of the realm */
    message.value = token;
    test_outcome(atls_format_cca.signed_parts(&message, parts), 0, NULL);
    assert_int_equal(parts[0].data[0], 0xa9); /* the claims of the platform, */
    assert_int_equal(parts[1].data[0], 0xa8); /* and of the realm */
    test_outcome(atls_format_parsec_cca.signed_parts(&message, parts), ATLS_E_MALFORMED, NULL);
    test_vector_free(in);
    test_vector_free(token);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_row, rows);
    TEST_ADD(&list, same_evidence_has_the_same_parts);
    return test_run("cca", &list);
}

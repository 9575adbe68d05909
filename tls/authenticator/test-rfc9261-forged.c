/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported authenticators that must not be accepted: of another direction, another connection or
 * another request, with what nobody asked for, by another key, and with any byte changed.
 */
#include "tls/authenticator/test-rfc9261-ends.h"

/* The one who made it cannot have it accepted as the other's, nor can a request be turned round. */
static void directions(void **state)
{
    struct atls_bytes context = TEXT("context"), request = test_request(&server.ea, context), made,
                      reflected, back;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, NULL);
    struct atls_ea_request parsed;
    struct atls_ea_authenticator a;
    struct test_end twin;

    test_outcome(atls_ea_take_request(&server.ea, request, &parsed), ATLS_E_MALFORMED,
                 "RFC 9261 section 4");
    expect_alert(&server.ea, ATLS_EA_UNEXPECTED_MESSAGE);
    client.ea.request_type = ATLS_EA_CERTIFICATE_REQUEST; /* as one implementation does it */
    back = test_request(&client.ea, TEXT("mine"));
    assert_int_equal(back.data[0], 13);
    test_outcome(atls_ea_take_request(&server.ea, back, &parsed), ATLS_E_MALFORMED,
                 "RFC 9261 section 4");
    expect_alert(&server.ea, ATLS_EA_UNEXPECTED_MESSAGE);

    /* A server that answers its own request: its labels are the server's (section 5.1). */
    take(&client.ea, request);
    made = test_answer(&client.ea, context, &identity);
    test_end_init(&twin, ATLS_EA_CLIENT, ATLS_SHA256, 1, 1);
    take(&twin.ea, request);
    twin.connection.side = ATLS_EA_SERVER; /* and answers with the server's keys */
    reflected = test_answer(&twin.ea, context, &identity);
    test_outcome(atls_ea_validate(&server.ea, reflected, &context, &a), ATLS_E_SIGNATURE,
                 "RFC 9261 section 5.2.2");
    expect_alert(&server.ea, ATLS_EA_DECRYPT_ERROR);
    test_outcome(atls_ea_validate(&server.ea, made, &context, &a), 0, NULL);
    test_vector_free(request);
    test_vector_free(back);
    test_vector_free(made);
    test_vector_free(reflected);
    atls_ea_clear(&twin.ea);
}

static const struct connection_row {
    const char *name;
    uint8_t number, finished_number; /* of the answering end; 1 on the other */
    enum atls_hash hash;
    int outcome;
    const char *clause;
} connection_rows[] = {
    {"the same connection", 1, 1, ATLS_SHA256, 0, NULL},
    {"another connection", 2, 2, ATLS_SHA256, ATLS_E_SIGNATURE, "RFC 9261 section 5.2.2"},
    {"another handshake context", 2, 1, ATLS_SHA256, ATLS_E_SIGNATURE, "RFC 9261 section 5.2.2"},
    {"another finished key", 1, 2, ATLS_SHA256, ATLS_E_MISMATCH, "RFC 9261 section 5.2.3"},
    {"another hash", 1, 1, ATLS_SHA384, ATLS_E_SIGNATURE, "RFC 9261 section 5.2.2"},
};

static void bound_to_the_connection(void **state)
{
    const struct connection_row *row = *state;
    struct atls_bytes context = TEXT("context"), request, made;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, "evidence");
    struct atls_ea_authenticator a;
    struct test_end elsewhere;

    test_end_init(&elsewhere, ATLS_EA_CLIENT, row->hash, row->number, row->finished_number);
    request = test_request(&server.ea, context);
    take(&elsewhere.ea, request);
    made = test_answer(&elsewhere.ea, context, &identity);
    test_outcome(atls_ea_validate(&server.ea, made, &context, &a), row->outcome, row->clause);
    expect_alert(&server.ea, row->outcome ? ATLS_EA_DECRYPT_ERROR : 0);
    test_vector_free(request);
    test_vector_free(made);
    atls_ea_clear(&elsewhere.ea);
}

/* R-EX-07: a request with other extensions than the answered one makes another transcript. */
static void bound_to_the_request(void **state)
{
    struct atls_bytes hello = test_bytes(HELLO_EXTENSIONS), context = TEXT("context"), request,
                      made;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, NULL);
    struct atls_ea_authenticator a;
    uint8_t *changed, *unasked;
    size_t size;

    test_outcome(atls_ea_hello(&client.ea, hello), 0, NULL);
    test_outcome(atls_ea_hello(&server.ea, hello), 0, NULL);
    request = test_request(&client.ea, context);
    changed = malloc(request.size);
    assert_non_null(changed);
    memcpy(changed, request.data, request.size);
    changed[request.size - 1] ^= 1; /* the last scheme offered */
    take(&server.ea, ATLS_BYTES(changed, request.size));
    made = test_answer(&server.ea, context, &identity);
    test_outcome(atls_ea_validate(&client.ea, made, &context, &a), ATLS_E_SIGNATURE, NULL);
    /* An answer is not what nobody asked for, nor the reverse. */
    test_outcome(atls_ea_validate(&client.ea, made, NULL, &a), ATLS_E_MISMATCH,
                 "RFC 9261 section 4");
    server.ea.lax = true;
    test_outcome(atls_ea_volunteer(&server.ea, context, &identity, &unasked, &size), 0, NULL);
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(unasked, size), &context, &a),
                 ATLS_E_SIGNATURE, NULL);
    test_vector_free(made);
    test_vector_free(request);
    test_vector_free(hello);
    free(changed);
    free(unasked);
}

static const struct answer_row {
    const char *name;
    uint16_t type; /* of an extension, where not 0 */
    size_t entry;  /* which has it */
    uint16_t scheme;
    struct test_key *key; /* that signs; the certificate is of p256 */
    int own, outcome;     /* where the maker keeps the rules, and where it does not */
    const char *clause;
    unsigned alert;
} answer_rows[] = {
    {"asked for", CMW_ATTESTATION, 0, 0x0403, &p256, 0, 0, NULL, 0},
    {"R-EX-01 asked for, in the second entry", CMW_ATTESTATION, 1, 0x0403, &p256, 0, 0, NULL, 0},
    {"R-EX-05 an extension not asked for", 0xff01, 0, 0x0403, &p256, -EINVAL, ATLS_E_UNSUPPORTED,
     "RFC 9261 section 5.2.1", ATLS_EA_UNSUPPORTED_EXTENSION},
    {"an extension not asked for in the second entry", 0xff01, 1, 0x0403, &p256, -EINVAL,
     ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.1", ATLS_EA_UNSUPPORTED_EXTENSION},
    {"status_request not asked for", 5, 0, 0x0403, &p256, -EINVAL, ATLS_E_UNSUPPORTED,
     "RFC 9261 section 5.2.1", ATLS_EA_UNSUPPORTED_EXTENSION},
    {"asked for, but none of a Certificate", ATLS_EA_SIGNATURE_ALGORITHMS, 0, 0x0403, &p256,
     -EINVAL, ATLS_E_MALFORMED, "RFC 8446 section 4.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"a scheme not offered", 0, 0, 0x0603, &p256, ATLS_E_UNSUPPORTED, ATLS_E_UNSUPPORTED,
     "RFC 9261 section 5.2.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"rsa_pkcs1_sha256", 0, 0, 0x0401, &p256, ATLS_E_UNSUPPORTED, ATLS_E_UNSUPPORTED,
     "RFC 9261 section 5.2.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"ecdsa_sha1", 0, 0, 0x0203, &p256, ATLS_E_UNSUPPORTED, ATLS_E_UNSUPPORTED,
     "RFC 9261 section 5.2.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"a scheme of another curve", 0, 0, 0x0503, &p384, 0, ATLS_E_SIGNATURE,
     "RFC 8446 section 4.2.3", ATLS_EA_DECRYPT_ERROR},
    {"a scheme of another kind of key", 0, 0, 0x0807, &ed25519, 0, ATLS_E_SIGNATURE,
     "RFC 9261 section 5.2.2", ATLS_EA_DECRYPT_ERROR},
    {"another key than the certificate's", 0, 0, 0x0403, &other, 0, ATLS_E_SIGNATURE,
     "RFC 9261 section 5.2.2", ATLS_EA_DECRYPT_ERROR},
};

/* Signs as the key can, whatever the authenticator is to say. */
static int sign_anyhow(void *context, uint16_t scheme, struct atls_bytes content,
                       uint8_t *signaturep, size_t capacity, size_t *sizep)
{
    const struct test_key *key = context;

    return atls_ea_gnutls_sign(key->key, key->scheme, content, signaturep, capacity, sizep);
}

static void answers(void **state)
{
    const struct answer_row *row = *state;
    struct atls_ea_entry entries[2];
    struct atls_ea_identity identity = test_identity(&p256, &entries[0], NULL);
    struct atls_bytes context = TEXT("context"), request = test_request(&client.ea, context);
    struct atls_ea_authenticator a;
    uint8_t *made;
    size_t size;
    int result;

    test_identity(&other, &entries[1], NULL);
    identity.entry_count = 2;
    identity.scheme = row->scheme;
    identity.sign = sign_anyhow;
    identity.context = row->key;
    if (row->type) {
        entries[row->entry].extensions[0] = (struct atls_ea_extension){row->type, TEXT("x")};
        entries[row->entry].extension_count = 1;
    }
    take(&server.ea, request);
    result = atls_ea_answer(&server.ea, context, &identity, &made, &size);
    if (result != row->own)
        fail_msg("its maker: expected %d, came %d (%s)", row->own, result, atls_error_text());
    if (result != 0) {
        server.ea.lax = true;
        test_outcome(atls_ea_answer(&server.ea, context, &identity, &made, &size), 0, NULL);
    }
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(made, size), &context, &a), row->outcome,
                 row->clause);
    expect_alert(&client.ea, row->alert);
    if (row->outcome == 0 && row->type) {
        struct atls_bytes data;

        test_outcome(atls_ea_leaf_extension(&a, row->type, &data),
                     row->entry ? ATLS_E_MALFORMED : 0, NULL);
    }
    free(made);
    test_vector_free(request);
}

/* No bit of an authenticator may change, none may be missing, none may follow. */
static void every_byte_counts(void **state)
{
    struct atls_bytes context = TEXT("context"), request = test_request(&client.ea, context), made;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, "evidence");
    struct atls_ea_authenticator a;
    uint8_t *changed;

    take(&server.ea, request);
    made = test_answer(&server.ea, context, &identity);
    changed = malloc(made.size + 1);
    assert_non_null(changed);
    for (size_t i = 0; i < made.size; i++) {
        memcpy(changed, made.data, made.size);
        changed[i] ^= (uint8_t)(1u << (i % 8));
        if (atls_ea_validate(&client.ea, ATLS_BYTES(changed, made.size), &context, &a) <= 0)
            fail_msg("byte %zu of %zu may be changed", i, made.size);
        assert_true(client.ea.alert != 0 && client.ea.alert != ATLS_EA_INTERNAL_ERROR);
        if (atls_ea_validate(&client.ea, ATLS_BYTES(made.data, i), &context, &a) !=
            ATLS_E_MALFORMED)
            fail_msg("%zu bytes of %zu are taken for more than a fragment", i, made.size);
        expect_alert(&client.ea, ATLS_EA_DECODE_ERROR);
    }
    memcpy(changed, made.data, made.size);
    changed[made.size] = 0;
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(changed, made.size + 1), &context, &a),
                 ATLS_E_MALFORMED, "RFC 9261 section 5.2");
    test_outcome(atls_ea_validate(&client.ea, made, &context, &a), 0, NULL); /* still asked for */
    free(changed);
    test_vector_free(made);
    test_vector_free(request);
}

static int fail_verify(void *context, uint16_t scheme, struct atls_bytes certificate,
                       struct atls_bytes content, struct atls_bytes signature)
{
    return atls_fail(ATLS_E_SIGNATURE, NULL, "never");
}

/* For a diagnosis: how it would have to be read to be valid. */
static void what_would_fit(void **state)
{
    struct atls_bytes context = TEXT("context"), none = TEXT("none"),
                      request = test_request(&client.ea, context), made;
    int (*verify)(void *, uint16_t, struct atls_bytes, struct atls_bytes, struct atls_bytes) =
        client.connection.verify;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, "evidence");
    struct atls_ea_authenticator a;

    take(&server.ea, request);
    server.ea.headless = true;
    made = test_answer(&server.ea, context, &identity);
    test_outcome(atls_ea_validate(&client.ea, made, &context, &a), ATLS_E_SIGNATURE, NULL);
    assert_true(atls_ea_fits(&client.ea, made, context, true, verify));
    assert_false(atls_ea_fits(&client.ea, made, context, false, verify));
    assert_false(atls_ea_fits(&client.ea, made, context, true, fail_verify));
    assert_false(atls_ea_fits(&client.ea, made, none, true, verify));
    assert_false(atls_ea_fits(&client.ea, EMPTY, context, true, verify));
    assert_false(atls_ea_fits(&client.ea, TEXT("\x14"), context, true, verify));
    assert_false(atls_ea_fits(&server.ea, made, context, true, verify));
    /* Nothing was used up; once it was, nothing fits any more. */
    client.ea.headless = true;
    test_outcome(atls_ea_validate(&client.ea, made, &context, &a), 0, NULL);
    assert_false(atls_ea_fits(&client.ea, made, context, true, verify));
    test_vector_free(made);
    test_vector_free(request);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, directions);
    TEST_ADD_ROWS(&list, bound_to_the_connection, connection_rows);
    TEST_ADD(&list, bound_to_the_request);
    TEST_ADD_ROWS(&list, answers, answer_rows);
    TEST_ADD(&list, every_byte_counts);
    TEST_ADD(&list, what_would_fit);
    return test_ends_run("rfc9261-forged", &list);
}

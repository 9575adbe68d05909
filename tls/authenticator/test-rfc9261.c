/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported authenticators between two ends: exchanges that are accepted, in either direction and in
 * any order, contexts that come once, refusals, versions, limits, and callbacks that fail.
 */
#include "tls/authenticator/rfc9261-messages.h"
#include "tls/authenticator/test-rfc9261-ends.h"

static const struct trip_row {
    const char *name;
    enum atls_ea_side asks;
    enum atls_hash hash;
    struct test_key *key;
    size_t chain; /* certificates */
    const char *context;
    const char *evidence;
} trip_rows[] = {
    {"server asks, SHA-256, P-256", ATLS_EA_SERVER, ATLS_SHA256, &p256, 1, "c0", "evidence"},
    {"client asks, SHA-256, P-256", ATLS_EA_CLIENT, ATLS_SHA256, &p256, 1, "c0", "evidence"},
    {"server asks, SHA-384, P-384", ATLS_EA_SERVER, ATLS_SHA384, &p384, 1, "c0", "evidence"},
    {"client asks, SHA-384, P-384", ATLS_EA_CLIENT, ATLS_SHA384, &p384, 3, "c0", "evidence"},
    {"client asks, SHA-384, P-256", ATLS_EA_CLIENT, ATLS_SHA384, &p256, 2, "c0", "evidence"},
    {"server asks, Ed25519", ATLS_EA_SERVER, ATLS_SHA256, &ed25519, 2, "c0", "evidence"},
    {"no extension", ATLS_EA_SERVER, ATLS_SHA256, &p256, 1, "c0", NULL},
    {"an empty extension", ATLS_EA_SERVER, ATLS_SHA256, &p256, 1, "c0", ""},
    {"an empty context", ATLS_EA_CLIENT, ATLS_SHA256, &p256, 1, "", "evidence"},
    {"the longest chain", ATLS_EA_CLIENT, ATLS_SHA256, &p256, ATLS_EA_ENTRIES, "c0", "e"},
};

static void round_trip(void **state)
{
    const struct trip_row *row = *state;
    struct atls_ea_entry entries[ATLS_EA_ENTRIES];
    struct test_end asking, asked;
    struct atls_bytes request, made, context = test_bytes(row->context), data;
    struct atls_ea_request parsed;
    struct atls_ea_authenticator a;
    struct atls_ea_identity identity = test_identity(row->key, &entries[0], row->evidence);

    for (size_t i = 1; i < row->chain; i++)
        test_identity(&other, &entries[i], NULL);
    identity.entry_count = row->chain;
    test_end_init(&asking, row->asks, row->hash, 7, 7);
    test_end_init(&asked, row->asks == ATLS_EA_CLIENT ? ATLS_EA_SERVER : ATLS_EA_CLIENT, row->hash,
                  7, 7);
    request = test_request(&asking.ea, context);
    assert_int_equal(request.data[0], row->asks == ATLS_EA_CLIENT ? 17 : 13);
    test_outcome(atls_ea_take_request(&asked.ea, request, &parsed), 0, NULL);
    test_same_bytes(parsed.context, context);
    assert_int_equal(parsed.schemes.size, 6);
    test_outcome(atls_ea_requested(&parsed, CMW_ATTESTATION, &data), 0, NULL);
    assert_int_equal(data.size, 0);
    test_outcome(atls_ea_requested(&parsed, 5, &data), ATLS_E_MISSING, NULL);

    made = test_answer(&asked.ea, context, &identity);
    test_outcome(atls_ea_get_context(made, &data), 0, NULL);
    test_same_bytes(data, context);
    test_outcome(atls_ea_get_context(request, &data), 0, NULL);
    test_same_bytes(data, context);
    test_outcome(atls_ea_validate(&asking.ea, made, &context, &a), 0, NULL);
    test_same_bytes(a.context, context);
    assert_int_equal(a.entry_count, row->chain);
    assert_int_equal(a.scheme, row->key->scheme);
    for (size_t i = 0; i < row->chain; i++)
        test_same_bytes(a.entries[i].certificate, entries[i].certificate);
    test_outcome(atls_ea_leaf_extension(&a, CMW_ATTESTATION, &data),
                 row->evidence ? 0 : ATLS_E_MISSING, NULL);
    if (row->evidence)
        test_same_bytes(data, TEXT(row->evidence));
    test_vector_free(request);
    test_vector_free(made);
    test_vector_free(context);
    atls_ea_clear(&asking.ea);
    atls_ea_clear(&asked.ea);
}

/* Section 3: any number of exchanges, in both directions, answered in any order. */
static void several_on_one_connection(void **state)
{
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, "evidence");
    struct atls_bytes requests[12], answers[12];
    struct atls_ea_authenticator a;
    uint8_t contexts[12];

    for (uint8_t i = 0; i < 12; i++) {
        struct test_end *asking = i % 2 ? &client : &server, *asked = i % 2 ? &server : &client;

        contexts[i] = i;
        requests[i] = test_request(&asking->ea, ATLS_BYTES(&contexts[i], 1));
        take(&asked->ea, requests[i]);
    }
    for (int i = 11; i >= 0; i--)
        answers[i] = test_answer(i % 2 ? &server.ea : &client.ea, ATLS_BYTES(&contexts[i], 1),
                                 i % 3 ? &identity : NULL);
    for (int i = 0; i < 12; i++) {
        struct atls_bytes context = ATLS_BYTES(&contexts[i], 1);
        struct atls_bytes wrong = ATLS_BYTES(&contexts[(i + 2) % 12], 1); /* of the same side */

        test_outcome(atls_ea_validate(i % 2 ? &client.ea : &server.ea, answers[i], &wrong, &a),
                     ATLS_E_MISMATCH, NULL);
        test_outcome(atls_ea_validate(i % 2 ? &client.ea : &server.ea, answers[i], &context, &a),
                     i % 3 ? 0 : ATLS_E_REFUSED, NULL);
    }
    for (int i = 0; i < 12; i++) {
        test_vector_free(requests[i]);
        test_vector_free(answers[i]);
    }
}

static void spontaneous(void **state)
{
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p384, &entry, "evidence");
    struct atls_bytes hello = test_bytes(HELLO_EXTENSIONS), context = TEXT("random"), data;
    struct atls_ea_authenticator a;
    uint8_t *made;
    size_t size;

    assert_int_equal(atls_ea_volunteer(&server.ea, context, &identity, &made, &size), -EINVAL);
    assert_int_equal(atls_ea_validate(&client.ea, TEXT("\x14"), NULL, &a), ATLS_E_MALFORMED);
    test_outcome(atls_ea_hello(&server.ea, hello), 0, NULL);
    test_outcome(atls_ea_volunteer(&server.ea, context, &identity, &made, &size), 0, NULL);
    assert_int_equal(atls_ea_validate(&client.ea, ATLS_BYTES(made, size), NULL, &a), -EINVAL);
    test_outcome(atls_ea_hello(&client.ea, hello), 0, NULL);
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(made, size), NULL, &a), 0, NULL);
    test_same_bytes(a.context, context);
    test_outcome(atls_ea_leaf_extension(&a, CMW_ATTESTATION, &data), 0, NULL);
    test_same_bytes(data, TEXT("evidence"));
    /* Section 7.4: not the same once more. */
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(made, size), NULL, &a), ATLS_E_MISMATCH,
                 "RFC 9261 section 4");
    expect_alert(&client.ea, ATLS_EA_ILLEGAL_PARAMETER);
    free(made);
    assert_int_equal(atls_ea_volunteer(&server.ea, context, &identity, &made, &size), -EINVAL);
    assert_string_equal(atls_error_clause(), "RFC 9261 section 4");
    assert_int_equal(atls_ea_volunteer(&server.ea, TEXT("next"), NULL, &made, &size), -EINVAL);
    test_vector_free(hello);
}

/* Section 5: a client never without a request. */
static void no_spontaneous_client(void **state)
{
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, NULL);
    struct atls_bytes hello = test_bytes(HELLO_EXTENSIONS);
    struct atls_ea_authenticator a;
    uint8_t *made;
    size_t size;

    test_outcome(atls_ea_hello(&client.ea, hello), 0, NULL);
    test_outcome(atls_ea_hello(&server.ea, hello), 0, NULL);
    assert_int_equal(atls_ea_volunteer(&client.ea, TEXT("c"), &identity, &made, &size), -EINVAL);
    assert_string_equal(atls_error_clause(), "RFC 9261 section 5");
    client.ea.lax = true;
    test_outcome(atls_ea_volunteer(&client.ea, TEXT("c"), &identity, &made, &size), 0, NULL);
    test_outcome(atls_ea_validate(&server.ea, ATLS_BYTES(made, size), NULL, &a), ATLS_E_MALFORMED,
                 "RFC 9261 section 5");
    expect_alert(&server.ea, ATLS_EA_UNEXPECTED_MESSAGE);
    free(made);
    test_vector_free(hello);
}

/* Section 6. */
static void refusals(void **state)
{
    struct atls_bytes context = TEXT("context"), request = test_request(&server.ea, context), empty;
    struct atls_bytes found;
    struct atls_ea_authenticator a;

    take(&client.ea, request);
    empty = test_answer(&client.ea, context, NULL);
    assert_int_equal(empty.data[0], ATLS_EA_FINISHED);
    assert_int_equal(empty.size, 4 + 32);
    test_outcome(atls_ea_get_context(empty, &found), ATLS_E_MISSING, "RFC 9261 section 6");
    for (size_t i = 0; i < empty.size; i++) {
        uint8_t changed[36];

        memcpy(changed, empty.data, sizeof changed);
        changed[i] ^= 1;
        test_outcome(atls_ea_validate(&server.ea, ATLS_BYTES(changed, 36), &context, &a),
                     i < 4 ? ATLS_E_MALFORMED : ATLS_E_MISMATCH, NULL);
        test_outcome(atls_ea_validate(&server.ea, ATLS_BYTES(empty.data, i), &context, &a),
                     ATLS_E_MALFORMED, NULL);
    }
    test_outcome(atls_ea_validate(&server.ea, empty, NULL, &a), ATLS_E_MALFORMED,
                 "RFC 9261 section 5");
    test_outcome(atls_ea_validate(&server.ea, empty, &context, &a), ATLS_E_REFUSED,
                 "RFC 9261 section 6");
    expect_alert(&server.ea, ATLS_EA_CERTIFICATE_REQUIRED);
    test_outcome(atls_ea_validate(&server.ea, empty, &context, &a), ATLS_E_MISMATCH,
                 "RFC 9261 section 7.4");
    /* A client has nobody to refuse to where nobody asked. */
    test_outcome(atls_ea_validate(&client.ea, empty, NULL, &a), ATLS_E_MALFORMED,
                 "RFC 9261 section 6");
    expect_alert(&client.ea, ATLS_EA_UNEXPECTED_MESSAGE);
    test_vector_free(request);
    test_vector_free(empty);
}

static void contexts_are_used_once(void **state)
{
    static const uint8_t schemes[] = {0, 2, 4, 3};
    const struct atls_ea_extension algorithms = {ATLS_EA_SIGNATURE_ALGORITHMS,
                                                 ATLS_BYTES(schemes, 4)};
    struct atls_bytes context = TEXT("context"), request = test_request(&server.ea, context), made;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, NULL);
    struct atls_ea_authenticator a;
    struct atls_ea_request parsed;
    uint8_t *bytes;
    size_t size;

    /* by the side that asked */
    assert_int_equal(atls_ea_make_request(&server.ea, context, &algorithms, 1, &bytes, &size),
                     -EINVAL);
    assert_string_equal(atls_error_clause(), "RFC 9261 section 4");
    /* by the side that was asked, in a request of its own */
    take(&client.ea, request);
    assert_int_equal(atls_ea_make_request(&client.ea, context, &algorithms, 1, &bytes, &size),
                     -EINVAL);
    /* by a peer that does it nevertheless: the same request, another one, and the other way */
    test_outcome(atls_ea_take_request(&client.ea, request, &parsed), ATLS_E_MISMATCH,
                 "RFC 9261 section 4");
    expect_alert(&client.ea, ATLS_EA_ILLEGAL_PARAMETER);
    client.ea.lax = true;
    test_outcome(atls_ea_make_request(&client.ea, context, &algorithms, 1, &bytes, &size), 0, NULL);
    test_outcome(atls_ea_take_request(&server.ea, ATLS_BYTES(bytes, size), &parsed),
                 ATLS_E_MISMATCH, "RFC 9261 section 4");
    free(bytes);
    client.ea.lax = false;

    made = test_answer(&client.ea, context, &identity);
    assert_int_equal(atls_ea_answer(&client.ea, context, &identity, &bytes, &size), -EINVAL);
    assert_string_equal(atls_error_clause(), "RFC 9261 section 5.2");
    assert_int_equal(atls_ea_answer(&client.ea, TEXT("other"), &identity, &bytes, &size), -EINVAL);
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), -EINVAL);
    assert_int_equal(atls_ea_validate(&server.ea, made, &entry.certificate, &a), -EINVAL);
    assert_int_equal(atls_ea_validate(&client.ea, made, &context, &a), -EINVAL);
    test_outcome(atls_ea_validate(&server.ea, made, &context, &a), 0, NULL);
    test_outcome(atls_ea_validate(&server.ea, made, &context, &a), ATLS_E_MISMATCH,
                 "RFC 9261 section 7.4");
    test_outcome(atls_ea_take_request(&client.ea, request, &parsed), ATLS_E_MISMATCH,
                 "RFC 9261 section 4");
    test_vector_free(request);
    test_vector_free(made);
}

static const struct version_row {
    const char *name;
    uint16_t version;
    bool extended;
    size_t hash_size;
    int outcome;
    const char *clause;
} version_rows[] = {
    {"TLS 1.3", 0x0304, false, 32, 0, NULL},
    {"DTLS 1.3", 0xfefc, false, 32, 0, NULL},
    {"TLS 1.2 with extended master secret", 0x0303, true, 32, 0, NULL},
    {"DTLS 1.2 with extended master secret", 0xfefd, true, 32, 0, NULL},
    {"TLS 1.2 without", 0x0303, false, 32, ATLS_E_UNSUPPORTED, "RFC 9261 section 5.1"},
    {"DTLS 1.2 without", 0xfefd, false, 32, ATLS_E_UNSUPPORTED, "RFC 9261 section 5.1"},
    {"TLS 1.1", 0x0302, true, 32, ATLS_E_UNSUPPORTED, "RFC 9261 section 7"},
    {"DTLS 1.0", 0xfeff, true, 32, ATLS_E_UNSUPPORTED, "RFC 9261 section 7"},
    {"no hash", 0x0304, false, 0, -EINVAL, "RFC 9261 section 5.1"},
    {"a hash of 65 bytes", 0x0304, false, 65, -EINVAL, "RFC 9261 section 5.1"},
};

static void versions(void **state)
{
    const struct version_row *row = *state;
    struct atls_ea_connection connection = client.connection;
    struct atls_ea ea;
    int result;

    connection.version = row->version;
    connection.extended_master_secret = row->extended;
    connection.hash_size = row->hash_size;
    result = atls_ea_init(&ea, &connection);
    assert_int_equal(result, row->outcome);
    if (row->clause)
        assert_string_equal(atls_error_clause(), row->clause);
    atls_ea_clear(&ea);
}

static int fail_export(void *context, const char *label, struct atls_bytes context_value,
                       uint8_t *valuep, size_t size)
{
    return atls_fail(-EIO, NULL, "no exporter");
}

static int fail_hash(void *context, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    return atls_fail(-EIO, NULL, "no hash");
}

static int fail_hmac(void *context, struct atls_bytes key, struct atls_bytes data, uint8_t *macp)
{
    return atls_fail(-EIO, NULL, "no HMAC");
}

static int fail_verify(void *context, uint16_t scheme, struct atls_bytes certificate,
                       struct atls_bytes content, struct atls_bytes signature)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "no certificate");
}

static int fail_sign(void *context, uint16_t scheme, struct atls_bytes content, uint8_t *signaturep,
                     size_t capacity, size_t *sizep)
{
    return atls_fail(-EIO, NULL, "no device");
}

/* A callback's failure comes through, and nothing is used up by it. */
static void failing_callbacks(void **state)
{
    struct atls_bytes context = TEXT("context"), request = test_request(&client.ea, context), made;
    struct atls_ea_connection good_client = client.connection, good_server = server.connection;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, NULL), broken = identity;
    struct atls_ea_authenticator a;
    struct atls_ea ea;
    uint8_t *bytes;
    size_t size;

    client.connection.exporter = fail_export;
    assert_int_equal(atls_ea_init(&ea, &client.connection), -EIO);
    client.connection = good_client;

    take(&server.ea, request);
    broken.sign = fail_sign;
    assert_int_equal(atls_ea_answer(&server.ea, context, &broken, &bytes, &size), -EIO);
    expect_alert(&server.ea, ATLS_EA_INTERNAL_ERROR);
    broken.entry_count = 0;
    assert_int_equal(atls_ea_answer(&server.ea, context, &broken, &bytes, &size), -EINVAL);
    broken.entry_count = ATLS_EA_ENTRIES + 1;
    assert_int_equal(atls_ea_answer(&server.ea, context, &broken, &bytes, &size), -EINVAL);
    server.connection.hash = fail_hash;
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), -EIO);
    server.connection = good_server;
    server.connection.hmac = fail_hmac;
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), -EIO);
    server.connection = good_server;
    made = test_answer(&server.ea, context, &identity);

    client.connection.hash = fail_hash;
    assert_int_equal(atls_ea_validate(&client.ea, made, &context, &a), -EIO);
    client.connection = good_client;
    client.connection.hmac = fail_hmac;
    assert_int_equal(atls_ea_validate(&client.ea, made, &context, &a), -EIO);
    client.connection = good_client;
    client.connection.verify = fail_verify;
    assert_int_equal(atls_ea_validate(&client.ea, made, &context, &a), ATLS_E_MALFORMED);
    expect_alert(&client.ea, ATLS_EA_BAD_CERTIFICATE);
    client.connection = good_client;
    test_outcome(atls_ea_validate(&client.ea, made, &context, &a), 0, NULL);
    test_vector_free(request);
    test_vector_free(made);
}

static void limits(void **state)
{
    static uint8_t big[ATLS_EA_SIZE_MAX + 1];
    struct atls_ea_extension many[ATLS_EA_OFFERS + 1] = {{0}};
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, NULL);
    struct atls_bytes context = TEXT("context"), request;
    struct atls_ea_request parsed;
    struct atls_ea_authenticator a;
    uint8_t *bytes;
    size_t size;

    assert_int_equal(
        atls_ea_make_request(&client.ea, context, many, ATLS_EA_OFFERS + 1, &bytes, &size),
        ATLS_E_LIMIT);
    expect_alert(&client.ea, ATLS_EA_INTERNAL_ERROR);
    many[0] = (struct atls_ea_extension){0xff00, ATLS_BYTES(big, 65532)};
    assert_int_equal(atls_ea_make_request(&client.ea, context, many, 1, &bytes, &size),
                     ATLS_E_LIMIT);
    assert_int_equal(atls_ea_make_request(&client.ea, ATLS_BYTES(big, 256), many, 0, &bytes, &size),
                     ATLS_E_LIMIT);
    test_outcome(atls_ea_take_request(&client.ea, ATLS_BYTES(big, sizeof big), &parsed),
                 ATLS_E_LIMIT, NULL);
    request = test_request(&client.ea, context);
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(big, sizeof big), &context, &a),
                 ATLS_E_LIMIT, NULL);
    take(&server.ea, request);
    entry.certificate = ATLS_BYTES(big, sizeof big);
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), ATLS_E_LIMIT);
    expect_alert(&server.ea, ATLS_EA_INTERNAL_ERROR);
    entry.certificate.size = ATLS_EA_SIZE_MAX;
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), ATLS_E_LIMIT);
    entry.certificate.size = 0;
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), ATLS_E_LIMIT);
    test_identity(&p256, &entry, "x");
    entry.extensions[0].data = ATLS_BYTES(big, 65532);
    assert_int_equal(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), ATLS_E_LIMIT);
    entry.extensions[0].data.size--;
    test_outcome(atls_ea_answer(&server.ea, context, &identity, &bytes, &size), 0, NULL);
    test_outcome(atls_ea_validate(&client.ea, ATLS_BYTES(bytes, size), &context, &a), 0, NULL);
    free(bytes);
    test_vector_free(request);
    for (uint16_t i = 1; i < ATLS_EA_EXCHANGES; i++)
        test_vector_free(test_request(&client.ea, ATLS_BYTES(&i, 2)));
    many[0] = (struct atls_ea_extension){13, ATLS_BYTES("\0\2\4\3", 4)};
    assert_int_equal(atls_ea_make_request(&client.ea, TEXT("more"), many, 1, &bytes, &size),
                     ATLS_E_LIMIT);
    /* and what nobody asked for counts: a context that is not kept could come again (section 4) */
    entry.extension_count = 0;
    test_outcome(atls_ea_hello(&server.ea, ATLS_BYTES("\0\15\0\4\0\2\4\3", 8)), 0, NULL);
    for (uint16_t i = 1; i < ATLS_EA_EXCHANGES; i++) {
        test_outcome(atls_ea_volunteer(&server.ea, ATLS_BYTES(&i, 2), &identity, &bytes, &size), 0,
                     NULL);
        free(bytes);
    }
    bytes = NULL;
    test_outcome(atls_ea_volunteer(&server.ea, TEXT("more"), &identity, &bytes, &size),
                 ATLS_E_LIMIT, NULL);
    assert_null(bytes);
}

/* What nobody asked for, as long as it may be: its chain, beside the most that the rest takes, and
 * its context. */
static void the_longest_unasked(void **state)
{
    static uint8_t big[ATLS_EA_SIZE_MAX];
    struct atls_bytes hello = test_bytes(HELLO_EXTENSIONS);
    size_t rest = ATLS_EA_EMPTY_MAX + ATLS_EA_HEADER + 4 + ATLS_EA_SIGNATURE_MAX + ATLS_EA_HEADER +
                  ATLS_EA_HASH_MAX;
    struct atls_ea_entry entry = {.certificate = ATLS_BYTES(big, sizeof big - rest - 3 - 2 + 1)};
    const struct atls_ea_identity identity = {.entries = &entry,
                                              .entry_count = 1,
                                              .scheme = p256.scheme,
                                              .sign = atls_ea_gnutls_sign,
                                              .context = p256.key};
    uint8_t *made;
    size_t size;

    test_outcome(atls_ea_hello(&server.ea, hello), 0, NULL);
    test_outcome(atls_ea_volunteer(&server.ea, ATLS_BYTES(big, 255), &identity, &made, &size),
                 ATLS_E_LIMIT, NULL);
    expect_alert(&server.ea, ATLS_EA_INTERNAL_ERROR);
    entry.certificate.size--;
    test_outcome(atls_ea_volunteer(&server.ea, ATLS_BYTES(big, 256), &identity, &made, &size),
                 -EINVAL, "RFC 9261 section 6");
    test_outcome(atls_ea_volunteer(&server.ea, ATLS_BYTES(big, 255), &identity, &made, &size), 0,
                 NULL);
    free(made);
    test_vector_free(hello);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, round_trip, trip_rows);
    TEST_ADD(&list, several_on_one_connection);
    TEST_ADD(&list, spontaneous);
    TEST_ADD(&list, no_spontaneous_client);
    TEST_ADD(&list, refusals);
    TEST_ADD(&list, contexts_are_used_once);
    TEST_ADD_ROWS(&list, versions, version_rows);
    TEST_ADD(&list, failing_callbacks);
    TEST_ADD(&list, limits);
    TEST_ADD(&list, the_longest_unasked);
    return test_ends_run("rfc9261", &list);
}

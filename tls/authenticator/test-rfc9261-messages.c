/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of requests and authenticators, message by message, with callbacks that find every
 * signature good, so that nothing hides behind a signature that does not verify.
 */
#include <errno.h>

#include "rats/test/test-table.h"
#include "tls/authenticator/rfc9261-messages.h"
#include "tls/authenticator/rfc9261.h"

/* A hash of two bytes, always zero, keeps the tables short. */
static int no_exporter(void *context, const char *label, struct atls_bytes context_value,
                       uint8_t *valuep, size_t size)
{
    memset(valuep, 0, size);
    return 0;
}

static int no_hash(void *context, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    memset(digestp, 0, 2);
    return 0;
}

static int no_hmac(void *context, struct atls_bytes key, struct atls_bytes data, uint8_t *macp)
{
    memset(macp, 0, 2);
    return 0;
}

static int all_good(void *context, uint16_t scheme, struct atls_bytes certificate,
                    struct atls_bytes content, struct atls_bytes signature)
{
    assert_int_equal(content.size, 64 + 22 + 1 + 2); /* RFC 9261 section 5.2.2 */
    return 0;
}

static const struct atls_ea_connection fake = {
    .side = ATLS_EA_CLIENT,
    .version = 0x0304,
    .hash_size = 2,
    .exporter = no_exporter,
    .hash = no_hash,
    .hmac = no_hmac,
    .verify = all_good,
};

static void expect(const struct atls_ea *ea, int came, int outcome, const char *clause,
                   unsigned alert)
{
    test_outcome(came, outcome, clause);
    if (ea->alert != alert)
        fail_msg("expected alert %u, came %u (%s)", alert, ea->alert, atls_error_text());
}

#define ALGORITHMS "000d 0004 0002 0403"

static const struct request_row {
    const char *name, *message;
    int outcome;
    const char *clause;
    unsigned alert;
} request_rows[] = {
    {"the least", "0d 00000c 01aa 0008" ALGORITHMS, 0, NULL, 0},
    {"an empty context", "0d 00000b 00 0008" ALGORITHMS, 0, NULL, 0},
    {"R-EX-06 an extension of the private range", "0d 000011 01aa 000d ff00 0001 cc" ALGORITHMS, 0,
     NULL, 0},
    {"an extension nobody knows", "0d 000010 01aa 000c 7a7a 0000" ALGORITHMS, 0, NULL, 0},
    {"a ClientCertificateRequest by a server", "11 00000c 01aa 0008" ALGORITHMS, ATLS_E_MALFORMED,
     "RFC 9261 section 4", ATLS_EA_UNEXPECTED_MESSAGE},
    {"a Certificate", "0b 00000c 01aa 000007 000002a1a2 0000", ATLS_E_MALFORMED,
     "RFC 9261 section 4", ATLS_EA_UNEXPECTED_MESSAGE},
    {"nothing", "", ATLS_E_MALFORMED, "RFC 9261 section 4", ATLS_EA_DECODE_ERROR},
    {"a header", "0d 000000", ATLS_E_MALFORMED, "RFC 9261 section 4", ATLS_EA_DECODE_ERROR},
    {"half a header", "0d 00", ATLS_E_MALFORMED, "RFC 9261 section 4", ATLS_EA_DECODE_ERROR},
    {"longer than it is", "0d 00000d 01aa 0008" ALGORITHMS, ATLS_E_MALFORMED, "RFC 9261 section 4",
     ATLS_EA_DECODE_ERROR},
    {"bytes behind it", "0d 00000c 01aa 0008" ALGORITHMS "00", ATLS_E_MALFORMED,
     "RFC 9261 section 4", ATLS_EA_DECODE_ERROR},
    {"two requests", "0d 00000c 01aa 0008" ALGORITHMS "0d 00000c 01ab 0008" ALGORITHMS,
     ATLS_E_MALFORMED, "RFC 9261 section 4", ATLS_EA_DECODE_ERROR},
    {"bytes behind the extensions", "0d 00000d 01aa 0008" ALGORITHMS "00", ATLS_E_MALFORMED,
     "RFC 9261 section 4", ATLS_EA_DECODE_ERROR},
    {"a context beyond the message", "0d 000003 05aaaa", ATLS_E_MALFORMED, "RFC 9261 section 4",
     ATLS_EA_DECODE_ERROR},
    {"no extension block", "0d 000002 01aa", ATLS_E_MALFORMED, "RFC 9261 section 4",
     ATLS_EA_DECODE_ERROR},
    {"an empty extension block", "0d 000004 01aa 0000", ATLS_E_MALFORMED, "RFC 9261 section 4",
     ATLS_EA_DECODE_ERROR},
    {"the extension's name in its place", "0d 000013 01aa 000f 636d775f6174746573746174696f6e",
     ATLS_E_MALFORMED, "RFC 8446 section 4.2", ATLS_EA_DECODE_ERROR},
    {"no signature_algorithms", "0d 000008 01aa 0004 ff00 0000", ATLS_E_MISSING,
     "RFC 9261 section 7.1", ATLS_EA_MISSING_EXTENSION},
    {"signature_algorithms_cert only", "0d 00000c 01aa 0008 0032 0004 0002 0403", ATLS_E_MISSING,
     "RFC 9261 section 7.1", ATLS_EA_MISSING_EXTENSION},
    {"signature_algorithms twice", "0d 000014 01aa 0010" ALGORITHMS ALGORITHMS, ATLS_E_MALFORMED,
     "RFC 8446 section 4.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"another extension twice", "0d 000014 01aa 0010" ALGORITHMS "ff00 0000 ff00 0000",
     ATLS_E_MALFORMED, "RFC 8446 section 4.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"no scheme", "0d 00000a 01aa 0006 000d 0002 0000", ATLS_E_MALFORMED, "RFC 8446 section 4.2.3",
     ATLS_EA_DECODE_ERROR},
    {"one and a half schemes", "0d 00000d 01aa 0009 000d 0005 0003 040305", ATLS_E_MALFORMED,
     "RFC 8446 section 4.2.3", ATLS_EA_DECODE_ERROR},
    {"bytes behind the schemes", "0d 00000d 01aa 0009 000d 0005 0002 0403 00", ATLS_E_MALFORMED,
     "RFC 8446 section 4.2.3", ATLS_EA_DECODE_ERROR},
    {"schemes beyond the extension", "0d 00000c 01aa 0008 000d 0004 0004 0403", ATLS_E_MALFORMED,
     "RFC 8446 section 4.2.3", ATLS_EA_DECODE_ERROR},
    {"an extension beyond the block", "0d 00000c 01aa 0008 000d 0005 0002 0403", ATLS_E_MALFORMED,
     "RFC 8446 section 4.2", ATLS_EA_DECODE_ERROR},
    {"key_share", "0d 000010 01aa 000c 0033 0000" ALGORITHMS, ATLS_E_MALFORMED,
     "RFC 9261 section 4", ATLS_EA_ILLEGAL_PARAMETER},
};

static void requests(void **state)
{
    const struct request_row *row = *state;
    struct atls_bytes in = test_bytes(row->message);
    struct atls_ea_request request;
    struct atls_ea ea;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    expect(&ea, atls_ea_take_request(&ea, in, &request), row->outcome, row->clause, row->alert);
    assert_int_equal(ea.exchange_count, row->outcome ? 0 : 1);
    if (row->outcome == 0) {
        assert_int_equal(request.schemes.size, 2);
        for (size_t cut = 0; cut < in.size; cut++)
            expect(&ea, atls_ea_take_request(&ea, ATLS_BYTES(in.data, cut), &request),
                   ATLS_E_MALFORMED, "RFC 9261 section 4", ATLS_EA_DECODE_ERROR);
    }
    atls_ea_clear(&ea);
    test_vector_free(in);
}

/* A request of whoever is lax may have no schemes, and so may a hello: none are then told of,
 * whatever was there. */
static void a_request_without_schemes(void **state)
{
    struct atls_bytes in = test_bytes("0d 000003 00 0000"), none = ATLS_BYTES(NULL, 0);
    struct atls_ea_request request;
    struct atls_ea ea;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    for (unsigned is_hello = 0; is_hello < 2; is_hello++) {
        memset(&request, 0xff, sizeof request);
        assert_int_equal(is_hello ? atls_ea_read_hello(&ea, none, &request)
                                  : atls_ea_read_request(&ea, in, in.data[0], true, &request),
                         0);
        assert_int_equal(request.schemes.size, 0);
        assert_int_equal(request.extension_count, 0);
        assert_int_equal(request.context.size, 0);
    }
    atls_ea_clear(&ea);
    test_vector_free(in);
}

/* Those that it has are read as everybody's. */
static void a_lax_request_with_schemes(void **state)
{
    struct atls_bytes good = test_bytes("0d 00000c 01aa 0008" ALGORITHMS),
                      bad = test_bytes("0d 00000a 01aa 0006 000d 0002 0000");
    struct atls_ea_request request;
    struct atls_ea ea;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    test_outcome(atls_ea_read_request(&ea, good, good.data[0], true, &request), 0, NULL);
    assert_int_equal(request.schemes.size, 2);
    test_outcome(atls_ea_read_request(&ea, bad, bad.data[0], true, &request), ATLS_E_MALFORMED,
                 "RFC 8446 section 4.2.3");
    atls_ea_clear(&ea);
    test_vector_free(good);
    test_vector_free(bad);
}

/* What is behind a count is not there. */
static void behind_a_count(void **state)
{
    const struct atls_ea_request request = {
        .extensions = {{1, ATLS_BYTES(NULL, 0)}, {2, ATLS_BYTES(NULL, 0)}}, .extension_count = 1};
    const struct atls_ea_authenticator a = {
        .entries = {{.extensions = {{1, ATLS_BYTES("x", 1)}}, .extension_count = 1},
                    {.extensions = {{1, ATLS_BYTES("y", 1)}}, .extension_count = 1}},
        .entry_count = 1};
    struct atls_bytes data;

    test_outcome(atls_ea_requested(&request, 1, &data), 0, NULL);
    test_outcome(atls_ea_requested(&request, 2, &data), ATLS_E_MISSING, NULL);
    test_outcome(atls_ea_leaf_extension(&a, 1, &data), 0, NULL);
    test_same_bytes(data, ATLS_BYTES("x", 1));
}

/* RFC 8446 section 4.2.3: whatever was offered, nothing below 0x0700 but ECDSA. */
static void schemes_of_tls_1_3(void **state)
{
    static const struct {
        uint16_t scheme;
        int outcome;
    } rows[] = {{0x0403, 0},
                {0x0603, 0},
                {0x06ff, ATLS_E_UNSUPPORTED},
                {0x0700, 0},
                {0x0804, ATLS_E_UNSUPPORTED}}; /* not offered */
    static const uint8_t offered[] = {4, 3, 6, 3, 6, 0xff, 7, 0};
    const struct atls_ea_request offer = {.schemes = ATLS_BYTES(offered, sizeof offered)};
    struct atls_ea ea;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    for (size_t i = 0; i < COUNT(rows); i++)
        test_outcome(atls_ea_check_scheme(&ea, rows[i].scheme, &offer), rows[i].outcome,
                     rows[i].outcome ? "RFC 9261 section 5.2.2" : NULL);
    atls_ea_clear(&ea);
}

/* RFC 9261 section 6: nobody sends it, so that both ends could be wrong in the same way. */
static void an_empty_certificate(void **state)
{
    struct atls_bytes expected = test_bytes("0b 000006 02aabb 000000"), made;
    uint8_t buffer[ATLS_EA_EMPTY_MAX];

    assert_int_equal(atls_ea_empty_certificate(ATLS_BYTES("\xaa\xbb", 2), buffer, &made), 0);
    test_same_bytes(made, expected);
    test_vector_free(expected);
}

/* The longest that may be, and a byte more. */
static void sizes(void **state)
{
    static uint8_t big[ATLS_EA_SIZE_MAX + 1];
    struct atls_ea_connection connection = fake;
    struct atls_ea ea;
    struct atls_ea_entry entry = {.certificate = ATLS_BYTES(big, ATLS_EA_SIZE_MAX)};
    const struct atls_ea_identity identity = {.entries = &entry, .entry_count = 1};
    size_t size;

    for (connection.hash_size = 64; connection.hash_size <= 65; connection.hash_size++) {
        test_outcome(atls_ea_init(&ea, &connection), connection.hash_size > 64 ? -EINVAL : 0, NULL);
        atls_ea_clear(&ea);
    }
    test_outcome(atls_ea_check_size(ATLS_BYTES(big, ATLS_EA_SIZE_MAX)), 0, NULL);
    test_outcome(atls_ea_check_size(ATLS_BYTES(big, sizeof big)), ATLS_E_LIMIT, NULL);
    test_outcome(atls_ea_request_size(ATLS_BYTES(big, 255), NULL, 0, &size), 0, NULL);
    assert_int_equal(size, 4 + 1 + 255 + 2);
    test_outcome(atls_ea_request_size(ATLS_BYTES(big, 256), NULL, 0, &size), ATLS_E_LIMIT,
                 "RFC 9261 section 4");
    test_outcome(atls_ea_list_size(&identity, &size), 0, NULL);
    assert_int_equal(size, 3 + ATLS_EA_SIZE_MAX + 2);
    entry.certificate.size++;
    test_outcome(atls_ea_list_size(&identity, &size), ATLS_E_LIMIT, "RFC 8446 section 4.4.2");
}

/* RFC 8446 section 4.2: where CR is in the table, with server_name by RFC 9261 section 8.1. */
static const struct place_row {
    const char *name;
    uint16_t type;
    bool in_request, in_certificate;
} place_rows[] = {
    {"server_name", 0, true, false},
    {"max_fragment_length", 1, false, false},
    {"status_request", 5, true, true},
    {"supported_groups", 10, false, false},
    {"use_srtp", 14, false, false},
    {"heartbeat", 15, false, false},
    {"application_layer_protocol_negotiation", 16, false, false},
    {"signed_certificate_timestamp", 18, true, true},
    {"client_certificate_type", 19, false, false},
    {"server_certificate_type", 20, false, false},
    {"padding", 21, false, false},
    {"compress_certificate", 27, true, false},
    {"pre_shared_key", 41, false, false},
    {"early_data", 42, false, false},
    {"supported_versions", 43, false, false},
    {"cookie", 44, false, false},
    {"psk_key_exchange_modes", 45, false, false},
    {"certificate_authorities", 47, true, false},
    {"oid_filters", 48, true, false},
    {"post_handshake_auth", 49, false, false},
    {"signature_algorithms_cert", 50, true, false},
    {"key_share", 51, false, false},
};

static void places(void **state)
{
    const struct place_row *row = *state;
    const struct atls_ea_extension extensions[] = {
        {row->type, ATLS_BYTES(NULL, 0)},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES("\0\2\4\3", 4)}};
    struct atls_bytes context = ATLS_BYTES("\xaa", 1), in;
    struct atls_ea_authenticator a;
    struct atls_ea ea;
    uint8_t *made;
    char text[200];
    size_t size;
    int result;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    result = atls_ea_make_request(&ea, context, extensions, 2, &made, &size);
    assert_int_equal(result, row->in_request ? 0 : -EINVAL);
    if (result != 0) {
        assert_string_equal(atls_error_clause(), "RFC 9261 section 4");
        ea.lax = true;
        assert_int_equal(atls_ea_make_request(&ea, context, extensions, 2, &made, &size), 0);
    }
    snprintf(text, sizeof text,
             "0b 000010 01aa 00000b 000002a1a2 0004 %04x 0000 0f 000006 0403 0002 b1b2"
             "14 000002 0000",
             row->type);
    in = test_bytes(text);
    expect(&ea, atls_ea_validate(&ea, in, &context, &a), row->in_certificate ? 0 : ATLS_E_MALFORMED,
           NULL, row->in_certificate ? 0 : ATLS_EA_ILLEGAL_PARAMETER);
    free(made);
    test_vector_free(in);
    atls_ea_clear(&ea);
}

#define CERTIFICATE "0b 00000c 01aa 000007 000002a1a2 0000"
#define VERIFY "0f 000006 0403 0002 b1b2"
#define FINISHED "14 000002 0000"
#define REST VERIFY FINISHED

static const struct authenticator_row {
    const char *name, *message;
    int outcome;
    const char *clause;
    unsigned alert;
} authenticator_rows[] = {
    {"an authenticator", CERTIFICATE REST, 0, NULL, 0},
    {"with an extension", "0b 000011 01aa 00000c 000002a1a2 0005 ff00 0001 cc" REST, 0, NULL, 0},
    {"a signature of no bytes", CERTIFICATE "0f 000004 0403 0000" FINISHED, 0, NULL, 0},
    {"nothing at all", "", ATLS_E_MALFORMED, "RFC 9261 section 5.2", ATLS_EA_DECODE_ERROR},
    {"a request instead", "0d 00000c 01aa 0008" ALGORITHMS, ATLS_E_MALFORMED,
     "RFC 9261 section 5.2", ATLS_EA_UNEXPECTED_MESSAGE},
    {"no CertificateVerify", CERTIFICATE FINISHED, ATLS_E_MALFORMED, "RFC 9261 section 5.2",
     ATLS_EA_UNEXPECTED_MESSAGE},
    {"no Finished", CERTIFICATE VERIFY, ATLS_E_MALFORMED, "RFC 9261 section 5.2",
     ATLS_EA_DECODE_ERROR},
    {"no Certificate", REST, ATLS_E_MALFORMED, "RFC 9261 section 5.2", ATLS_EA_UNEXPECTED_MESSAGE},
    {"two Certificates", CERTIFICATE CERTIFICATE REST, ATLS_E_MALFORMED, "RFC 9261 section 5.2",
     ATLS_EA_UNEXPECTED_MESSAGE},
    {"two CertificateVerifys", CERTIFICATE VERIFY REST, ATLS_E_MALFORMED, "RFC 9261 section 5.2",
     ATLS_EA_UNEXPECTED_MESSAGE},
    {"Finished before CertificateVerify", CERTIFICATE FINISHED VERIFY, ATLS_E_MALFORMED,
     "RFC 9261 section 5.2", ATLS_EA_UNEXPECTED_MESSAGE},
    {"two Finisheds", CERTIFICATE REST FINISHED, ATLS_E_MALFORMED, "RFC 9261 section 5.2",
     ATLS_EA_DECODE_ERROR},
    {"a byte behind it", CERTIFICATE REST "00", ATLS_E_MALFORMED, "RFC 9261 section 5.2",
     ATLS_EA_DECODE_ERROR},
    {"a Certificate of no bytes", "0b 000000" REST, ATLS_E_MALFORMED, "RFC 8446 section 4.4.2",
     ATLS_EA_DECODE_ERROR},
    {"R-EX-07 another context", "0b 00000c 01ab 000007 000002a1a2 0000" REST, ATLS_E_MISMATCH,
     "RFC 9261 section 5.2.1", ATLS_EA_ILLEGAL_PARAMETER},
    {"no context", "0b 00000b 00 000007 000002a1a2 0000" REST, ATLS_E_MISMATCH,
     "RFC 9261 section 5.2.1", ATLS_EA_ILLEGAL_PARAMETER},
    {"a longer context", "0b 00000d 02aa00 000007 000002a1a2 0000" REST, ATLS_E_MISMATCH,
     "RFC 9261 section 5.2.1", ATLS_EA_ILLEGAL_PARAMETER},
    {"an empty list", "0b 000005 01aa 000000" REST, ATLS_E_MALFORMED, "RFC 9261 section 6",
     ATLS_EA_DECODE_ERROR},
    {"an empty certificate", "0b 00000a 01aa 000005 000000 0000" REST, ATLS_E_MALFORMED,
     "RFC 8446 section 4.4.2", ATLS_EA_DECODE_ERROR},
    {"an entry without extensions", "0b 00000a 01aa 000005 000002a1a2" REST, ATLS_E_MALFORMED,
     "RFC 8446 section 4.4.2", ATLS_EA_DECODE_ERROR},
    {"a list beyond the message", "0b 00000c 01aa 000008 000002a1a2 0000" REST, ATLS_E_MALFORMED,
     "RFC 8446 section 4.4.2", ATLS_EA_DECODE_ERROR},
    {"bytes behind the list", "0b 00000d 01aa 000007 000002a1a2 0000 00" REST, ATLS_E_MALFORMED,
     "RFC 8446 section 4.4.2", ATLS_EA_DECODE_ERROR},
    {"a certificate beyond the list", "0b 00000c 01aa 000007 000005a1a2 0000" REST,
     ATLS_E_MALFORMED, "RFC 8446 section 4.4.2", ATLS_EA_DECODE_ERROR},
    {"extensions beyond the list", "0b 00000c 01aa 000007 000002a1a2 0001" REST, ATLS_E_MALFORMED,
     "RFC 8446 section 4.4.2", ATLS_EA_DECODE_ERROR},
    {"half an extension", "0b 00000f 01aa 00000a 000002a1a2 0003 ff0000" REST, ATLS_E_MALFORMED,
     "RFC 8446 section 4.2", ATLS_EA_DECODE_ERROR},
    {"an extension beyond the block", "0b 000010 01aa 00000b 000002a1a2 0004 ff000001" REST,
     ATLS_E_MALFORMED, "RFC 8446 section 4.2", ATLS_EA_DECODE_ERROR},
    {"an extension twice", "0b 000014 01aa 00000f 000002a1a2 0008 ff000000 ff000000" REST,
     ATLS_E_MALFORMED, "RFC 8446 section 4.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"R-EX-05 an extension not asked for", "0b 000010 01aa 00000b 000002a1a2 0004 ff010000" REST,
     ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.1", ATLS_EA_UNSUPPORTED_EXTENSION},
    {"one not asked for in the second entry",
     "0b 000016 01aa 000011 000001a1 0000 000002b1b2 0004 ff010000" REST, ATLS_E_UNSUPPORTED,
     "RFC 9261 section 5.2.1", ATLS_EA_UNSUPPORTED_EXTENSION},
    {"a CertificateVerify of no bytes", CERTIFICATE "0f 000000" FINISHED, ATLS_E_MALFORMED,
     "RFC 9261 section 5.2.2", ATLS_EA_DECODE_ERROR},
    {"a CertificateVerify without signature", CERTIFICATE "0f 000002 0403" FINISHED,
     ATLS_E_MALFORMED, "RFC 9261 section 5.2.2", ATLS_EA_DECODE_ERROR},
    {"bytes behind the signature", CERTIFICATE "0f 000007 0403 0002 b1b2 00" FINISHED,
     ATLS_E_MALFORMED, "RFC 9261 section 5.2.2", ATLS_EA_DECODE_ERROR},
    {"a signature beyond the message", CERTIFICATE "0f 000006 0403 0003 b1b2" FINISHED,
     ATLS_E_MALFORMED, "RFC 9261 section 5.2.2", ATLS_EA_DECODE_ERROR},
    {"a scheme that was not offered", CERTIFICATE "0f 000006 0503 0002 b1b2" FINISHED,
     ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"a scheme across two that were offered", CERTIFICATE "0f 000006 0304 0002 b1b2" FINISHED,
     ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"rsa_pkcs1_sha256, though offered", CERTIFICATE "0f 000006 0401 0002 b1b2" FINISHED,
     ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2", ATLS_EA_ILLEGAL_PARAMETER},
    {"a Finished of one byte", CERTIFICATE VERIFY "14 000001 00", ATLS_E_MALFORMED,
     "RFC 9261 section 5.2.3", ATLS_EA_DECODE_ERROR},
    {"a Finished of three bytes", CERTIFICATE VERIFY "14 000003 000000", ATLS_E_MALFORMED,
     "RFC 9261 section 5.2.3", ATLS_EA_DECODE_ERROR},
    {"a Finished of another value", CERTIFICATE VERIFY "14 000002 0001", ATLS_E_MISMATCH,
     "RFC 9261 section 5.2.3", ATLS_EA_DECRYPT_ERROR},
    {"an empty authenticator", FINISHED, ATLS_E_REFUSED, "RFC 9261 section 6",
     ATLS_EA_CERTIFICATE_REQUIRED},
    {"an empty one of another value", "14 000002 0100", ATLS_E_MISMATCH, "RFC 9261 section 5.2.3",
     ATLS_EA_DECRYPT_ERROR},
    {"an empty one and a byte", FINISHED "00", ATLS_E_MALFORMED, "RFC 9261 section 6",
     ATLS_EA_DECODE_ERROR},
};

static void authenticators(void **state)
{
    static const uint8_t schemes[] = {0, 6, 4, 3, 4, 1, 8, 4};
    const struct atls_ea_extension extensions[] = {
        {0xff00, ATLS_BYTES(NULL, 0)},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES(schemes, sizeof schemes)}};
    const struct authenticator_row *row = *state;
    struct atls_bytes in = test_bytes(row->message), context = ATLS_BYTES("\xaa", 1);
    struct atls_ea_authenticator a = {.scheme = 0x1234};
    struct atls_ea ea;
    uint8_t *request;
    size_t size;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    assert_int_equal(atls_ea_make_request(&ea, context, extensions, 2, &request, &size), 0);
    expect(&ea, atls_ea_validate(&ea, in, &context, &a), row->outcome, row->clause, row->alert);
    assert_int_equal(a.scheme, row->outcome ? 0x1234 : 0x0403); /* written on success only */
    free(request);
    test_vector_free(in);
    atls_ea_clear(&ea);
}

/* Counts of elements, one below the bound and one above. */
static void counts(void **state)
{
    const struct atls_ea_extension algorithms = {ATLS_EA_SIGNATURE_ALGORITHMS,
                                                 ATLS_BYTES("\0\2\4\3", 4)};
    struct atls_bytes context = ATLS_BYTES("\xaa", 1), rest = test_bytes(REST), in;
    struct atls_ea_authenticator a;
    struct atls_ea ea;
    uint8_t *request, buffer[1024];
    size_t size;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    assert_int_equal(atls_ea_make_request(&ea, context, &algorithms, 1, &request, &size), 0);
    for (unsigned count = ATLS_EA_ENTRIES + 1; count >= ATLS_EA_ENTRIES; count--) {
        struct atls_sink s = atls_sink_of(buffer, sizeof buffer);

        atls_sink_u8(&s, ATLS_EA_CERTIFICATE);
        atls_sink_u24(&s, 2 + 3 + 6 * count);
        atls_sink_vector(&s, 1, context);
        atls_sink_u24(&s, 6 * count);
        for (unsigned i = 0; i < count; i++) {
            atls_sink_vector(&s, 3, context);
            atls_sink_u16(&s, 0);
        }
        atls_sink_bytes(&s, rest);
        assert_int_equal(atls_sink_done(&s, &in), 0);
        test_outcome(atls_ea_validate(&ea, in, &context, &a),
                     count > ATLS_EA_ENTRIES ? ATLS_E_LIMIT : 0, NULL);
    }
    for (unsigned count = ATLS_EA_EXTENSIONS + 1; count >= ATLS_EA_EXTENSIONS; count--) {
        struct atls_sink s = atls_sink_of(buffer, sizeof buffer);

        atls_sink_u8(&s, ATLS_EA_CERTIFICATE);
        atls_sink_u24(&s, 2 + 3 + 6 + 4 * count);
        atls_sink_vector(&s, 1, ATLS_BYTES("\xbb", 1));
        atls_sink_u24(&s, 6 + 4 * count);
        atls_sink_vector(&s, 3, context);
        atls_sink_u16(&s, (uint16_t)(4 * count));
        for (unsigned i = 0; i < count; i++)
            atls_sink_u32(&s, 0xff000000u + (i << 16));
        atls_sink_bytes(&s, rest);
        assert_int_equal(atls_sink_done(&s, &in), 0);
        assert_int_equal(atls_ea_hello(&ea, ATLS_BYTES("\0\x0d\0\4\0\2\4\3", 8)), 0);
        test_outcome(atls_ea_validate(&ea, in, NULL, &a),
                     count > ATLS_EA_EXTENSIONS ? ATLS_E_LIMIT : ATLS_E_UNSUPPORTED, NULL);
    }
    free(request);
    /* Of a request, whether it comes or is made. */
    for (unsigned count = ATLS_EA_OFFERS + 1; count >= ATLS_EA_OFFERS; count--) {
        struct atls_ea_extension many[ATLS_EA_OFFERS + 1] = {algorithms};
        struct atls_sink s = atls_sink_of(buffer, sizeof buffer);
        struct atls_ea_request parsed;
        int outcome = count > ATLS_EA_OFFERS ? ATLS_E_LIMIT : 0;

        for (unsigned i = 1; i < count; i++)
            many[i].type = (uint16_t)(0xff00 + i);
        atls_ea_write_request(&s, ATLS_EA_CERTIFICATE_REQUEST, ATLS_BYTES("\xcc", 1), many, count);
        assert_int_equal(atls_sink_done(&s, &in), 0);
        test_outcome(atls_ea_take_request(&ea, in, &parsed), outcome, NULL);
        test_outcome(atls_ea_make_request(&ea, ATLS_BYTES("\xdd", 1), many, count, &request, &size),
                     outcome, NULL);
    }
    free(request);
    test_vector_free(rest);
    atls_ea_clear(&ea);
}

static const struct hello_row {
    const char *name, *extensions;
    int outcome;
    const char *clause;
    unsigned alert;
} hello_rows[] = {
    {"a ClientHello's", "0033 0001 00 000d 0004 0002 0403 002b 0003 020304", 0, NULL, 0},
    {"none", "", 0, NULL, 0},
    {"without signature_algorithms", "0033 0000", 0, NULL, 0},
    {"one twice", "0033 0000 0033 0000", ATLS_E_MALFORMED, "RFC 8446 section 4.2",
     ATLS_EA_ILLEGAL_PARAMETER},
    {"a fragment", "0033 00", ATLS_E_MALFORMED, "RFC 8446 section 4.2", ATLS_EA_DECODE_ERROR},
    {"no schemes", "000d 0002 0000", ATLS_E_MALFORMED, "RFC 8446 section 4.2.3",
     ATLS_EA_DECODE_ERROR},
};

static void hellos(void **state)
{
    const struct hello_row *row = *state;
    struct atls_bytes in = test_bytes(row->extensions), message = test_bytes(CERTIFICATE REST);
    struct atls_ea_authenticator a;
    struct atls_ea ea;

    assert_int_equal(atls_ea_init(&ea, &fake), 0);
    expect(&ea, atls_ea_hello(&ea, in), row->outcome, row->clause, row->alert);
    assert_int_equal(!ea.hello, row->outcome != 0);
    if (row->outcome == 0) /* where no scheme was offered, none can be right */
        test_outcome(atls_ea_validate(&ea, message, NULL, &a), in.size > 4 ? 0 : ATLS_E_UNSUPPORTED,
                     NULL);
    atls_ea_clear(&ea);
    test_vector_free(in);
    test_vector_free(message);
}

static const struct context_row {
    const char *name, *message, *context;
    int outcome;
    const char *clause;
} context_rows[] = {
    {"of an authenticator", CERTIFICATE REST, "aa", 0, NULL},
    {"of a request", "0d 00000c 01ab 0008" ALGORITHMS, "ab", 0, NULL},
    {"of a client's request", "11 00000c 01ac 0008" ALGORITHMS, "ac", 0, NULL},
    {"an empty one", "11 00000b 00 0008" ALGORITHMS, "", 0, NULL},
    {"of an empty authenticator", FINISHED, NULL, ATLS_E_MISSING, "RFC 9261 section 6"},
    {"of a CertificateVerify", VERIFY, NULL, ATLS_E_MALFORMED, "RFC 9261 section 7.2"},
    {"of nothing", "", NULL, ATLS_E_MALFORMED, "RFC 9261 section 7.2"},
    {"of a header", "0b 000000", NULL, ATLS_E_MALFORMED, "RFC 9261 section 7.2"},
    {"beyond the message", "0b 000002 02aa", NULL, ATLS_E_MALFORMED, "RFC 9261 section 7.2"},
};

static void contexts(void **state)
{
    const struct context_row *row = *state;
    struct atls_bytes in = test_bytes(row->message), context;

    test_outcome(atls_ea_get_context(in, &context), row->outcome, row->clause);
    if (row->outcome == 0) {
        struct atls_bytes expected = test_bytes(row->context);

        test_same_bytes(context, expected);
        test_vector_free(expected);
    }
    /* Of a message that is cut anywhere there is none, though its own bytes are all there. */
    for (size_t cut = 0; row->outcome == 0 && cut < 4u + in.data[3]; cut++)
        test_outcome(atls_ea_get_context(ATLS_BYTES(in.data, cut), &context), ATLS_E_MALFORMED,
                     "RFC 9261 section 7.2");
    test_vector_free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, requests, request_rows);
    TEST_ADD(&list, a_request_without_schemes);
    TEST_ADD(&list, a_lax_request_with_schemes);
    TEST_ADD(&list, behind_a_count);
    TEST_ADD(&list, schemes_of_tls_1_3);
    TEST_ADD(&list, an_empty_certificate);
    TEST_ADD(&list, sizes);
    TEST_ADD_ROWS(&list, places, place_rows);
    TEST_ADD_ROWS(&list, authenticators, authenticator_rows);
    TEST_ADD(&list, counts);
    TEST_ADD_ROWS(&list, hellos, hello_rows);
    TEST_ADD_ROWS(&list, contexts, context_rows);
    return test_run("rfc9261-messages", &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Certificate message's parser (RFC 8446 section 4.4.2), and certificates made to measure: the
 * library must take each of them, and find in it the key that was put there.
 */
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "rats/test/test-table.h"
#include "tls/profiles/profile.h"
#include "tls/wire/certificate.h"

static const struct parse_row {
    const char *name, *bytes;
    int outcome; /* of the parser */
    size_t entries;
    bool extensions;
    int found; /* of ta-07 looking for its credential */
} parse_rows[] = {
    {"one entry", "00 000007 000002 a1a2 0000", 0, 1, false, 0},
    {"empty list", "00 000000", 0, 0, false, ATLS_E_MISSING},
    {"an entry without bytes", "00 000005 000000 0000", 0, 1, false, ATLS_E_MISSING},
    {"two entries", "00 00000d 000001 a1 0000 000002 b1b2 0000", 0, 2, false, ATLS_E_MALFORMED},
    {"an extension", "00 00000b 000002 a1a2 0004 ff140000", 0, 1, true, ATLS_E_MALFORMED},
    {"an extension in the second", "00 000010 000001 a1 0000 000001 b1 0004 ff140000", 0, 2, true,
     ATLS_E_MALFORMED},
    {"nothing", "", ATLS_E_MALFORMED, 0, false, ATLS_E_MALFORMED},
    {"context only", "00", ATLS_E_MALFORMED, 0, false, ATLS_E_MALFORMED},
    {"a context", "01 aa 000007 000002 a1a2 0000", ATLS_E_MALFORMED, 0, false, ATLS_E_MALFORMED},
    {"list longer than the message", "00 000008 000002 a1a2 0000", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"list shorter than the message", "00 000006 000002 a1a2 0000", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"bytes behind the list", "00 000007 000002 a1a2 0000 00", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"cert_data beyond the list", "00 000007 000005 a1a2 0000", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"no room for extensions", "00 000005 000002 a1a2", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"half an extensions length", "00 000006 000002 a1a2 00", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"extensions beyond the list", "00 000007 000002 a1a2 0001", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
    {"a certificate of TLS 1.2", "000005 000002 a1a2", ATLS_E_MALFORMED, 0, false,
     ATLS_E_MALFORMED},
};

static void parsed(void **state)
{
    const struct parse_row *row = *state;
    struct atls_bytes in = test_bytes(row->bytes), cmw;
    struct atls_certificate_message message;
    size_t at;
    int came = atls_certificate_parse(in, &message);
    test_outcome(came, row->outcome, NULL);
    if (came == 0) {
        assert_int_equal(message.entry_count, row->entries);
        assert_int_equal(message.has_extensions, row->extensions);
        for (size_t cut = 0; cut < in.size; cut++)
            test_outcome(atls_certificate_parse(ATLS_BYTES(in.data, cut), &message),
                         ATLS_E_MALFORMED, NULL);
    }
    came = atls_profile_ta_07.find_credential(&atls_profile_ta_07, in, &cmw, &at);
    test_outcome(came, row->found, NULL);
    if (came == 0) {
        assert_int_equal(cmw.size, 2);
        assert_ptr_equal(cmw.data, in.data + at);
    }
    test_vector_free(in);
}

static void check_certificate(const struct atls_public_key *key, const uint8_t *der, size_t size)
{
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)der, (unsigned)size};
    uint8_t expected[ATLS_SPKI_MAX], came[ATLS_SPKI_MAX];
    size_t expected_size = atls_spki_encode(key, expected), came_size = sizeof came;
    gnutls_pcert_st certificate;
    int result = gnutls_pcert_import_x509_raw(&certificate, &datum, GNUTLS_X509_FMT_DER, 0);
    if (result < 0)
        fail_msg("%zu bytes: %s", size, gnutls_strerror(result));
    result = gnutls_pubkey_export(certificate.pubkey, GNUTLS_X509_FMT_DER, came, &came_size);
    gnutls_pcert_deinit(&certificate);
    assert_int_equal(result, 0);
    test_same_bytes(ATLS_BYTES(came, came_size), ATLS_BYTES(expected, expected_size));
}

/* RFC 5280 section 4.1: of version 3, and valid without end (section 4.1.2.5). */
static void what_a_certificate_says(void **state)
{
    struct atls_private_key key;
    uint8_t der[400], serial[20];
    gnutls_datum_t datum = {der, sizeof der};
    gnutls_x509_crt_t certificate;
    size_t serial_size = sizeof serial;
    char subject[64], issuer[64];
    size_t subject_size = sizeof subject, issuer_size = sizeof issuer;
    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, NULL, &key), 0);
    memset(der, 0xff, sizeof der);
    test_outcome(atls_certificate_synthesize(&key.public_key, der, sizeof der), 0, NULL);
    assert_int_equal(der[sizeof der - 1], 0); /* the signature's last byte */
    assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
    assert_int_equal(gnutls_x509_crt_import(certificate, &datum, GNUTLS_X509_FMT_DER), 0);
    assert_int_equal(gnutls_x509_crt_get_version(certificate), 3);
    assert_int_equal(gnutls_x509_crt_get_serial(certificate, serial, &serial_size), 0);
    for (size_t i = 0; i < serial_size; i++)
        assert_int_equal(serial[i], 0x11);
    assert_int_equal(gnutls_x509_crt_get_dn(certificate, subject, &subject_size), 0);
    assert_int_equal(gnutls_x509_crt_get_issuer_dn(certificate, issuer, &issuer_size), 0);
    assert_string_equal(subject, "CN=attested key");
    assert_string_equal(issuer, subject);
    assert_int_equal(gnutls_x509_crt_get_activation_time(certificate), 0);
    assert_true(gnutls_x509_crt_get_expiration_time(certificate) > 4102444800); /* 2100 */
    assert_int_equal(gnutls_x509_crt_get_signature_algorithm(certificate),
                     GNUTLS_SIGN_ECDSA_SHA256);
    gnutls_x509_crt_deinit(certificate);
}

/* X.690 section 10.1: the length of DER is the shortest one. Two totals have none such. */
static void check_length(const uint8_t *der, size_t size)
{
    size_t octets = der[1] < 0x80 ? 0 : der[1] & 0x7fu, contents = size - 2 - octets;
    size_t least = contents < 0x80 ? 0 : contents <= 0xff ? 1 : contents <= 0xffff ? 2 : 3;
    if (size != 259 && size != 65540 && octets != least)
        fail_msg("%zu bytes: expected a length of %zu octets, came %zu", size, least, octets);
}

static void certificates_of_every_length(void **state)
{
    const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    uint8_t *der = malloc(70002);
    assert_non_null(der);
    for (size_t c = 0; c < 2; c++) {
        struct atls_private_key key;
        assert_int_equal(atls_crypto_hosted.make_key(curves[c], NULL, &key), 0);
        for (size_t size = ATLS_SYNTHETIC_CERTIFICATE_MIN; size <= 70000; size++) {
            der[size] = 0x5a; /* never touched */
            test_outcome(atls_certificate_synthesize(&key.public_key, der, size), 0, NULL);
            assert_int_equal(der[size], 0x5a);
            check_length(der, size);
            /* Each length near a change of DER's length fields, and samples of the others. */
            if (size < 1200 || (size > 65000 && size < 66000) || size % 97 == 0)
                check_certificate(&key.public_key, der, size);
        }
    }
    free(der);
}

/* An Ed25519 key, of which this program has no other shape (RFC 8410 section 10.1). */
static void certificates_around_a_key_of_another_kind(void **state)
{
    struct atls_bytes spki = test_bytes("302a300506032b6570032100"
                                        "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad"
                                        "703166e1");
    uint8_t long_spki[ATLS_SPKI_MAX + 1] = {0}, *der = malloc(1200), came[ATLS_SPKI_MAX];
    assert_non_null(der);
    for (size_t size = ATLS_SYNTHETIC_CERTIFICATE_MIN; size < 1200; size++) {
        gnutls_datum_t datum = {der, (unsigned)size};
        size_t came_size = sizeof came;
        gnutls_pcert_st certificate;
        test_outcome(atls_certificate_around(spki, der, size), 0, NULL);
        assert_int_equal(gnutls_pcert_import_x509_raw(&certificate, &datum, GNUTLS_X509_FMT_DER, 0),
                         0);
        assert_int_equal(
            gnutls_pubkey_export(certificate.pubkey, GNUTLS_X509_FMT_DER, came, &came_size), 0);
        gnutls_pcert_deinit(&certificate);
        test_same_bytes(ATLS_BYTES(came, came_size), spki);
    }
    test_outcome(atls_certificate_around(ATLS_BYTES(long_spki, sizeof long_spki), der, 1000),
                 ATLS_E_LIMIT, NULL);
    test_vector_free(spki);
    free(der);
}

static void certificates_beyond_three_length_bytes(void **state)
{
    struct atls_private_key key;
    size_t size = 0xFFFFFF; /* the largest */
    uint8_t *der = malloc(size);
    assert_non_null(der);
    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, NULL, &key), 0);
    test_outcome(atls_certificate_synthesize(&key.public_key, der, size), 0, NULL);
    check_certificate(&key.public_key, der, size);
    free(der);
}

static void no_certificate_is_shorter_than_its_key(void **state)
{
    struct atls_private_key key;
    uint8_t der[ATLS_SYNTHETIC_CERTIFICATE_MIN], untouched[ATLS_SYNTHETIC_CERTIFICATE_MIN];
    memset(der, 0x5a, sizeof der);
    memset(untouched, 0x5a, sizeof untouched);
    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, NULL, &key), 0);
    for (size_t size = 0; size < ATLS_SYNTHETIC_CERTIFICATE_MIN; size++)
        test_outcome(atls_certificate_synthesize(&key.public_key, der, size), ATLS_E_LIMIT, NULL);
    assert_memory_equal(der, untouched, sizeof der);
    test_outcome(atls_certificate_synthesize(&key.public_key, der, (size_t)1 << 24), ATLS_E_LIMIT,
                 NULL);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, parsed, parse_rows);
    TEST_ADD(&list, what_a_certificate_says);
    TEST_ADD(&list, certificates_of_every_length);
    TEST_ADD(&list, certificates_around_a_key_of_another_kind);
    TEST_ADD(&list, certificates_beyond_three_length_bytes);
    TEST_ADD(&list, no_certificate_is_shorter_than_its_key);
    return test_run("certificate", &list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The CMW in an X.509 extension (R-CMW-12): DER, slots, both object identifiers, certificates. */
#include "rats/test/test-table.h"

#include <time.h>

#include <gnutls/x509.h>

#include "rats/cmw/cmw-x509.h"

#define EAT_CWT "73 6170706c69636174696f6e2f6561742b637774" /* "application/eat+cwt" */
#define RECORD "82" EAT_CWT "42 0102"                       /* 24 bytes */
#define Z16 "00000000000000000000000000000000"
#define LONG_RECORD "82" EAT_CWT "58 80" Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 /* 151 bytes */
#define TAG "da 63740209 42 0102"                                        /* 8 bytes: TN(263) */
#define COLLECTION "a1 6161" RECORD                                      /* 27 bytes */
#define JSON_RECORD "5b 22 6170706c69636174696f6e2f6561742b637774 22 2c 22 415149 22 5d"
#define JSON_SIZE "1d" /* 29 bytes */
#define CLAUSE "RFC 9999 section 4.4"
#define DER_CLAUSE "X.690 section 10.1"
#define PE ATLS_CMW_OID_PE
#define TCG ATLS_CMW_OID_TCG

/* clang-format off */
static const struct refused {
    const char *name;
    enum atls_cmw_oid oid;
    const char *value;
    int outcome;
    const char *clause;
} refused[] = {
    {"R-CMW-12 nothing", PE, "", ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 a tag alone", PE, "04", ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 an empty OCTET STRING", PE, "04 00", ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 an empty UTF8String", PE, "0c 00", ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 CBOR without the CHOICE", PE, RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 a tag without the CHOICE", PE, TAG, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 JSON without the CHOICE", PE, JSON_RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 JSON in the CBOR slot", PE, "04" JSON_SIZE JSON_RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 CBOR in the JSON slot", PE, "0c 18" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 a CBOR tag in the JSON slot", PE, "0c 08" TAG, ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 a CBOR collection in the JSON slot", PE, "0c 1b" COLLECTION, ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 IA5String", PE, "16" JSON_SIZE JSON_RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 BIT STRING", PE, "03 19 00" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 SEQUENCE around the OCTET STRING", PE, "30 1a 04 18" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 context tag around the OCTET STRING", PE, "a0 1a 04 18" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 implicit context tag", PE, "81 18" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 OCTET STRING in an OCTET STRING", PE, "04 1a 04 18" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 constructed OCTET STRING", PE, "24 1a 04 18" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 indefinite length", PE, "24 80 04 18" RECORD "00 00", ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 indefinite length of a primitive", PE, "04 80" RECORD "00 00", ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length in two bytes for one", PE, "04 81 18" RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length in three bytes for one", PE, "04 82 0018" RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length in five bytes for one", PE, "04 84 00000018" RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length of five bytes", PE, "04 85 0000000018" RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 reserved length", PE, "04 ff" RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length cut off", PE, "04 82 01", ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 length in three bytes for two", PE, "04 82 0097" LONG_RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length in four bytes for two", PE, "04 83 000097" LONG_RECORD, ATLS_E_MALFORMED, DER_CLAUSE},
    {"R-CMW-12 length beyond the end", PE, "04 19" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 length of 4 GB", PE, "04 84 ffffffff" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 length short of the end", PE, "04 17" RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 a byte behind", PE, "04 18" RECORD "00", ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 both slots", PE, "04 18" RECORD "0c" JSON_SIZE JSON_RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 a byte behind, inside", PE, "04 19" RECORD "00", ATLS_E_MALFORMED, NULL},
    {"R-CMW-12 no UTF-8", PE, "0c 0d 5b 22 612f62 22 2c 22 4151 c3 22 5d", ATLS_E_MALFORMED, CLAUSE},
    {"R-CMW-12 JSON with a byte order mark in front", PE, "0c 20 efbbbf" JSON_RECORD, ATLS_E_MALFORMED, "RFC 8259 section 8.1"},
    {"R-CMW-12 blank in front of CBOR", PE, "04 19 20" RECORD, ATLS_E_MALFORMED, "RFC 9999 section 3.4"},
    {"R-CMW-03 indicator 0 inside", PE, "04 19 83" EAT_CWT "42 0102 00", ATLS_E_MALFORMED, NULL},
    {"R-CMW-06 empty collection inside", PE, "04 01 a0", ATLS_E_MALFORMED, NULL},
    {"TCG: nothing", TCG, "", ATLS_E_MALFORMED, CLAUSE},
    {"TCG: a collection", TCG, COLLECTION, ATLS_E_UNSUPPORTED, CLAUSE},
    {"TCG: a collection in the CHOICE", TCG, "04 1b" COLLECTION, ATLS_E_UNSUPPORTED, CLAUSE},
    {"TCG: a byte behind", TCG, RECORD "00", ATLS_E_MALFORMED, NULL},
    {"TCG: no CMW", TCG, "30 18" RECORD, ATLS_E_MALFORMED, NULL},
    {"TCG: a tag outside TN", TCG, "da 63740209", ATLS_E_MALFORMED, NULL},
    {"TCG: JSON in the CBOR slot", TCG, "04" JSON_SIZE JSON_RECORD, ATLS_E_MALFORMED, CLAUSE},
    {"TCG: CBOR in the JSON slot", TCG, "0c 18" RECORD, ATLS_E_MALFORMED, NULL},
};

static const struct accepted {
    const char *name;
    enum atls_cmw_oid oid;
    const char *value, *cmw;
    enum atls_serialization serialization;
    bool written; /* is VALUE what is written for it? */
} accepted[] = {
    {"R-CMW-12 a record in CBOR", PE, "04 18" RECORD, RECORD, ATLS_CBOR, true},
    {"R-CMW-12 a record of 151 bytes", PE, "04 81 97" LONG_RECORD, LONG_RECORD, ATLS_CBOR, true},
    {"R-CMW-12 a tag", PE, "04 08" TAG, TAG, ATLS_CBOR, true},
    {"R-CMW-12 a collection in CBOR", PE, "04 1b" COLLECTION, COLLECTION, ATLS_CBOR, true},
    {"R-CMW-12 a record in JSON", PE, "0c" JSON_SIZE JSON_RECORD, JSON_RECORD, ATLS_JSON, true},
    {"TCG: a record", TCG, RECORD, RECORD, ATLS_CBOR, true},
    {"TCG: a tag", TCG, TAG, TAG, ATLS_CBOR, true},
    {"TCG: a record in JSON", TCG, JSON_RECORD, JSON_RECORD, ATLS_JSON, true},
    {"TCG: a record in the CHOICE", TCG, "04 18" RECORD, RECORD, ATLS_CBOR, false},
    {"TCG: JSON in the CHOICE", TCG, "0c" JSON_SIZE JSON_RECORD, JSON_RECORD, ATLS_JSON, false},
};

/* What no writer may put into a certificate. */
static const struct refused unwritable[] = {
    {"encode: nothing", PE, "", ATLS_E_MALFORMED, NULL},
    {"encode: no CMW", PE, "00", ATLS_E_MALFORMED, NULL},
    {"encode: a bare token", PE, "d2 84 40 a0 40 40", ATLS_E_MALFORMED, NULL},
    {"encode: an empty collection", PE, "a0", ATLS_E_MALFORMED, NULL},
    {"encode: a byte behind", PE, RECORD "00", ATLS_E_MALFORMED, NULL},
    {"encode: an extension's value", PE, "04 18" RECORD, ATLS_E_MALFORMED, NULL},
    {"encode: TCG's, a collection", TCG, COLLECTION, ATLS_E_UNSUPPORTED, CLAUSE},
};
/* clang-format on */

static void refuses(void **state)
{
    const struct refused *row = *state;
    struct atls_bytes in = test_bytes(row->value), cmw = {NULL, 0};
    enum atls_serialization serialization;

    test_outcome(atls_cmw_x509_decode(row->oid, in, &cmw, &serialization), row->outcome,
                 row->clause);
    assert_null(cmw.data);
    test_vector_free(in);
}

/* Where an error's clause is the same for several faults: which of them it tells of. */
static void tells(void **state)
{
    static const struct {
        const char *value, *text;
    } rows[] = {
        {"", "CHOICE of id-pe-cmw: expected "},
        {"04", "length: expected "},
        {"04 82 01", "length: expected "},
        {"04 19" RECORD, "CMW: expected 25 bytes, 24 are left"},
        {"04 18" RECORD "00", "id-pe-cmw: expected the end"},
        {"16 18" RECORD, "expected OCTET STRING (04) or UTF8String (0c), came tag 16"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i].value), cmw;
        enum atls_serialization serialization;

        assert_int_equal(atls_cmw_x509_decode(PE, in, &cmw, &serialization), ATLS_E_MALFORMED);
        if (strncmp(atls_error_text(), rows[i].text, strlen(rows[i].text)) != 0)
            fail_msg("%s: expected \"%s\", came \"%s\"", rows[i].value, rows[i].text,
                     atls_error_text());
        test_vector_free(in);
    }
}

static void accepts(void **state)
{
    const struct accepted *row = *state;
    struct atls_bytes in = test_bytes(row->value), expected = test_bytes(row->cmw), cmw;
    enum atls_serialization serialization;
    uint8_t *out;
    size_t size;

    test_outcome(atls_cmw_x509_decode(row->oid, in, &cmw, &serialization), 0, NULL);
    test_same_bytes(cmw, expected);
    assert_int_equal(serialization, row->serialization);
    test_outcome(atls_cmw_x509_encode(row->oid, expected, &out, &size), 0, NULL);
    if (row->written) {
        test_same_bytes(ATLS_BYTES(out, size), in);
    } else {
        assert_int_equal(size, expected.size);
    }
    free(out);
    test_vector_free(in);
    test_vector_free(expected);
}

/* RA-TLS's tags stand in TCG's extension by themselves, inside of the programs as a record: 60000
 * ([h'aa', h'']) as application/vnd.atls.ra-tls+cbor. */
#define BARE "d9ea60 82 41aa 40"
#define BARE_RECORD                                                                                \
    "82 7820 6170706c69636174696f6e2f766e642e61746c732e72612d746c732b63626f72 47" BARE
static const struct bare_row {
    const char *name;
    enum atls_cmw_oid oid;
    const char *cmw, *value;
} bare_rows[] = {
    {"encode: RA-TLS for TCG's extension", TCG, BARE_RECORD, BARE},
    {"encode: RA-TLS for id-pe-cmw, as any record", PE, BARE_RECORD, "04 2b" BARE_RECORD},
    {"encode: its type, and no tag of its own", TCG,
     "82 7820 6170706c69636174696f6e2f766e642e61746c732e72612d746c732b63626f72 41a0",
     "82 7820 6170706c69636174696f6e2f766e642e61746c732e72612d746c732b63626f72 41a0"},
};

static void stands_by_itself(void **state)
{
    const struct bare_row *row = *state;
    struct atls_bytes cmw = test_bytes(row->cmw), value = test_bytes(row->value);
    uint8_t *out;
    size_t size;

    test_outcome(atls_cmw_x509_encode(row->oid, cmw, &out, &size), 0, NULL);
    test_same_bytes(ATLS_BYTES(out, size), value);
    free(out);
    test_vector_free(cmw);
    test_vector_free(value);
}

static const struct tags_row {
    const char *name, *value;
    bool bare;
} tags_rows[] = {
    {"tag 60000", "d9ea60 80", true},           {"tag 60001", "d9ea61 80", true},
    {"tag 60002", "d9ea62 80", true},           {"tag 59999", "d9ea5f 80", false},
    {"tag 60003", "d9ea63 80", false},          {"tag 60000, cut off", "d9ea60", false},
    {"bytes behind it", "d9ea60 80 00", false}, {"no tag", "80", false},
};

static void told_by_its_tag(void **state)
{
    const struct tags_row *row = *state;
    struct atls_bytes value = test_bytes(row->value);
    bool is_bare = !row->bare;

    assert_int_equal(atls_cmw_x509_is_bare(value, &is_bare), 0);
    assert_int_equal(is_bare, row->bare);
    test_vector_free(value);
}

static void does_not_write(void **state)
{
    const struct refused *row = *state;
    struct atls_bytes in = test_bytes(row->value);
    uint8_t *out = NULL;
    size_t size;

    test_outcome(atls_cmw_x509_encode(row->oid, in, &out, &size), row->outcome, row->clause);
    assert_null(out);
    test_vector_free(in);
}

/* A record of any size, around every place where a DER length grows. */
static void lengths(void **state)
{
    static const size_t sizes[] = {90,  103, 104,   105,   228,   229,   230,  231,
                                   232, 233, 65509, 65510, 65511, 65512, 70000};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t capacity = sizes[i] + 64, size;
        uint8_t *buffer = malloc(capacity), *value = calloc(1, sizes[i]), *out;
        struct atls_cbor_writer w;
        struct atls_bytes cmw, again;
        enum atls_serialization serialization;

        atls_cbor_write_init(&w, buffer, capacity);
        atls_cmw_write_record(&w, "application/eat+cwt", ATLS_BYTES(value, sizes[i]), 4);
        assert_int_equal(atls_cbor_write_done(&w, &cmw), 0);
        assert_int_equal(atls_cmw_x509_encode(PE, cmw, &out, &size), 0);
        size_t head = cmw.size < 0x80 ? 2 : cmw.size < 0x100 ? 3 : cmw.size < 0x10000 ? 4 : 5;
        assert_int_equal(size, cmw.size + head);
        assert_int_equal(atls_cmw_x509_decode(PE, ATLS_BYTES(out, size), &again, &serialization),
                         0);
        test_same_bytes(again, cmw);
        free(out);
        free(value);
        free(buffer);
    }
}

/* What is put unchecked has a length of three bytes at most; what needs more is given nothing out
 * for.
 */
static void no_longer_ones(void **state)
{
    size_t most = 0xffffff, size;
    uint8_t *data = calloc(1, most + 1), *out = NULL;

    assert_non_null(data);
    test_outcome(atls_cmw_x509_put(PE, ATLS_CBOR, ATLS_BYTES(data, most + 1), &out, &size),
                 ATLS_E_LIMIT, NULL);
    assert_null(out);
    test_outcome(atls_cmw_x509_put(PE, ATLS_CBOR, ATLS_BYTES(data, most), &out, &size), 0, NULL);
    assert_int_equal(size, most + 5);
    assert_memory_equal(out, "\x04\x83\xff\xff\xff", 5);
    free(out);
    free(data);
}

#define GOOD(call) assert_true((call) >= 0)

struct extension {
    const char *oid, *value;
    bool critical;
};

/* A self-signed certificate with extensions, in DER. Free with gnutls_free(). */
static gnutls_datum_t certificate(gnutls_pk_algorithm_t algorithm, unsigned bits,
                                  const struct extension *extensions, size_t count)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t der;

    GOOD(gnutls_x509_privkey_init(&key));
    GOOD(gnutls_x509_privkey_generate(key, algorithm, bits, 0));
    GOOD(gnutls_x509_crt_init(&crt));
    GOOD(gnutls_x509_crt_set_version(crt, 3));
    GOOD(gnutls_x509_crt_set_key(crt, key));
    GOOD(gnutls_x509_crt_set_serial(crt, "\x01", 1));
    GOOD(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60));
    GOOD(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600));
    for (size_t i = 0; i < count; i++) {
        struct atls_bytes value = test_bytes(extensions[i].value);
        GOOD(gnutls_x509_crt_set_extension_by_oid(crt, extensions[i].oid, value.data, value.size,
                                                  extensions[i].critical));
        test_vector_free(value);
    }
    GOOD(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_UNKNOWN, 0));
    GOOD(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der));
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return der;
}

#define OID_PE "1.3.6.1.5.5.7.1.35"
#define OID_BESIDE "1.3.6.1.5.5.7.1.36"
#define OID_TCG "2.23.133.5.4.9"
#define P256 GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)
#define P384 GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)

static const struct in_certificate {
    const char *name;
    struct extension extensions[2];
    size_t count;
    int outcome;
    enum atls_cmw_oid oid;
    const char *cmw;
    bool critical;
} in_certificates[] = {
    {"certificate: none", {{NULL, NULL, false}}, 0, ATLS_E_MISSING, PE, NULL, false},
    {"certificate: another extension",
     {{OID_BESIDE, "04 18" RECORD, false}},
     1,
     ATLS_E_MISSING,
     PE,
     NULL,
     false},
    {"certificate: id-pe-cmw", {{OID_PE, "04 18" RECORD, false}}, 1, 0, PE, RECORD, false},
    {"certificate: id-pe-cmw, critical", {{OID_PE, "04 08" TAG, true}}, 1, 0, PE, TAG, true},
    {"certificate: TCG's", {{OID_TCG, TAG, false}}, 1, 0, TCG, TAG, false},
    {"certificate: both",
     {{OID_TCG, TAG, false}, {OID_PE, "04 18" RECORD, false}},
     2,
     0,
     PE,
     RECORD,
     false},
    {"certificate: a good one of TCG's does not help",
     {{OID_TCG, TAG, false}, {OID_PE, RECORD, false}},
     2,
     ATLS_E_MALFORMED,
     PE,
     NULL,
     false},
    {"certificate: wrong slot",
     {{OID_PE, "04" JSON_SIZE JSON_RECORD, false}},
     1,
     ATLS_E_MALFORMED,
     PE,
     NULL,
     false},
};

/* What GnuTLS' parser takes, the short way reads the same; what it does not take never gets there.
 */
static void same_when_verified(struct atls_bytes der)
{
    struct atls_x509_cmw found = {.cmw = NULL}, again = {.cmw = NULL};
    struct atls_public_key key, key_again;
    int expected = atls_x509_public_key(der, &key), code = atls_x509_cmw_find(der, &found);

    if (expected == 0) {
        assert_int_equal(atls_x509_verified_key(der, &key_again), 0);
        assert_true(atls_public_key_equal(&key, &key_again));
    }
    if (code == 0 || code == ATLS_E_MISSING) {
        assert_int_equal(atls_x509_cmw_find_verified(der, &again), code);
        test_same_bytes(ATLS_BYTES(again.cmw, again.size), ATLS_BYTES(found.cmw, found.size));
        assert_int_equal(again.oid, found.oid);
        assert_int_equal(again.bare, found.bare);
        assert_int_equal(again.critical, found.critical);
        assert_int_equal(again.serialization, found.serialization);
        assert_int_equal(again.has_key, found.has_key);
        assert_true(!found.has_key || atls_public_key_equal(&again.key, &found.key));
    }
    atls_x509_cmw_clear(&found);
    atls_x509_cmw_clear(&again);
}

/* So do all certificates that are one byte away, of which GnuTLS takes many. */
static void same_around(gnutls_datum_t der)
{
    static const uint8_t changes[] = {0x01, 0x02, 0x20, 0x80, 0xff};

    same_when_verified(ATLS_BYTES(der.data, der.size));
    for (unsigned i = 0; i < der.size; i++)
        for (size_t j = 0; j < COUNT(changes); j++) {
            der.data[i] ^= changes[j];
            same_when_verified(ATLS_BYTES(der.data, der.size));
            der.data[i] ^= changes[j];
        }
}

static void finds(void **state)
{
    const struct in_certificate *row = *state;
    gnutls_datum_t der = certificate(P256, row->extensions, row->count);
    struct atls_x509_cmw found = {.cmw = NULL};

    test_outcome(atls_x509_cmw_find(ATLS_BYTES(der.data, der.size), &found), row->outcome, NULL);
    if (row->outcome == 0) {
        struct atls_bytes expected = test_bytes(row->cmw);
        test_same_bytes(ATLS_BYTES(found.cmw, found.size), expected);
        assert_int_equal(found.oid, row->oid);
        assert_int_equal(found.critical, row->critical);
        assert_int_equal(found.serialization, ATLS_CBOR);
        struct atls_public_key key;
        test_outcome(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &key), 0, NULL);
        assert_true(found.has_key && atls_public_key_equal(&found.key, &key));
        test_vector_free(expected);
    } else {
        assert_null(found.cmw);
        test_outcome(atls_x509_cmw_find_verified(ATLS_BYTES(der.data, der.size), &found),
                     row->outcome, NULL);
        assert_null(found.cmw);
    }
    atls_x509_cmw_clear(&found);
    same_around(der);
    gnutls_free(der.data);
}

#define SPKI                                                                                       \
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d7cc072de2205bdc1537a543d53c60a6acb6"   \
    "2eccd890c7fa27c9e354089bbe13f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e471"   \
    "20"

/* The short way goes by itself: a verified certificate is read without GnuTLS, which would not take
 * this one, for it has neither names nor times. */
static void reads_verified_ones_alone(void **state)
{
    struct atls_bytes in = test_bytes("30 81 9f  30 81 97  a0 03 02 01 02  02 01 01"
                                      "30 00  30 00  30 00  30 00" SPKI
                                      "a3 2a  30 28  30 26  06 08 2b06010505070123"
                                      "04 1a  04 18" RECORD "30 00  03 01 00"),
                      record = test_bytes(RECORD), spki = test_bytes(SPKI);
    struct atls_x509_cmw found;
    struct atls_public_key key, expected;

    test_outcome(atls_x509_cmw_find(in, &found), ATLS_E_MALFORMED, NULL);
    test_outcome(atls_x509_public_key(in, &key), ATLS_E_MALFORMED, NULL);
    test_outcome(atls_spki_decode(spki, &expected), 0, NULL);
    test_outcome(atls_x509_cmw_find_verified(in, &found), 0, NULL);
    test_same_bytes(ATLS_BYTES(found.cmw, found.size), record);
    assert_true(found.has_key && atls_public_key_equal(&found.key, &expected));
    atls_x509_cmw_clear(&found);
    test_outcome(atls_x509_verified_key(in, &key), 0, NULL);
    assert_true(atls_public_key_equal(&key, &expected));
    test_vector_free(in);
    test_vector_free(record);
    test_vector_free(spki);
}

/* What stands in TCG's extension by itself comes out as a record. */
static void finds_what_stands_by_itself(void **state)
{
    static const struct extension bare = {OID_TCG, BARE, false};
    gnutls_datum_t der = certificate(P256, &bare, 1);
    struct atls_bytes record = test_bytes(BARE_RECORD);
    struct atls_x509_cmw found;

    test_outcome(atls_x509_cmw_find(ATLS_BYTES(der.data, der.size), &found), 0, NULL);
    assert_true(found.bare);
    assert_int_equal(found.serialization, ATLS_CBOR);
    test_same_bytes(ATLS_BYTES(found.cmw, found.size), record);
    atls_x509_cmw_clear(&found);
    same_when_verified(ATLS_BYTES(der.data, der.size));
    test_vector_free(record);
    gnutls_free(der.data);
}

/* RFC 5280 section 4.2, in a chain of a leaf and a CA: which critical extensions may be passed over
 * by whoever verifies it. */
#define OID_USAGE "2.5.29.15"
#define OID_CONSTRAINTS "2.5.29.19"
#define OID_INHIBIT "2.5.29.54"           /* inhibitAnyPolicy, of which GnuTLS knows nothing */
#define OID_NOBODYS "1.3.6.1.4.1.32473.1" /* of the number for examples, RFC 5612 */
#define CRITICAL_PE                                                                                \
    {                                                                                              \
        OID_PE, "04 08" TAG, true                                                                  \
    }
#define USAGE                                                                                      \
    {                                                                                              \
        OID_USAGE, "03 02 07 80", true                                                             \
    }
static const struct in_chain {
    const char *name;
    struct extension leaf[3], ca[2];
    bool passed_over;
} in_chains[] = {
    {"chain: nothing", {{NULL, NULL, false}}, {{NULL, NULL, false}}, false},
    {"chain: CMW, not critical", {{OID_PE, "04 08" TAG, false}}, {{NULL, NULL, false}}, false},
    {"chain: CMW, critical", {CRITICAL_PE}, {{NULL, NULL, false}}, true},
    {"chain: TCG's, critical", {{OID_TCG, TAG, true}}, {{NULL, NULL, false}}, true},
    {"chain: CMW and what libraries know, critical", {USAGE, CRITICAL_PE}, {USAGE}, true},
    {"chain: CMW and one of nobody's, critical",
     {CRITICAL_PE, {OID_NOBODYS, "05 00", true}},
     {{NULL, NULL, false}},
     false},
    {"chain: CMW and one that GnuTLS does not know, critical",
     {CRITICAL_PE, {OID_INHIBIT, "02 01 00", true}},
     {{NULL, NULL, false}},
     false},
    {"chain: CMW critical, one of nobody's not",
     {CRITICAL_PE, {OID_NOBODYS, "05 00", false}},
     {{NULL, NULL, false}},
     true},
    {"chain: both, of which TCG's is not read, critical",
     {CRITICAL_PE, {OID_TCG, TAG, true}},
     {{NULL, NULL, false}},
     false},
    {"chain: both, and critical only the one that is not read",
     {{OID_PE, "04 08" TAG, false}, {OID_TCG, TAG, true}},
     {{NULL, NULL, false}},
     false},
    {"chain: both, and critical only the one that is read",
     {CRITICAL_PE, {OID_TCG, TAG, false}},
     {{NULL, NULL, false}},
     true},
    {"chain: critical in the CA, too", {CRITICAL_PE}, {CRITICAL_PE}, false},
    {"chain: critical in the CA only", {{NULL, NULL, false}}, {CRITICAL_PE}, false},
    {"chain: TCG's critical in the CA", {CRITICAL_PE}, {{OID_TCG, TAG, true}}, false},
    {"chain: one of nobody's critical in the CA",
     {CRITICAL_PE},
     {{OID_NOBODYS, "05 00", true}},
     false},
    {"chain: not critical in the CA", {CRITICAL_PE}, {{OID_PE, "04 08" TAG, false}}, true},
    {"chain: what is in it is not looked at yet", {{OID_PE, "05 00", true}}, {USAGE}, true},
};

static size_t extension_count(const struct extension *extensions, size_t most)
{
    size_t count = 0;

    while (count < most && extensions[count].oid)
        count++;
    return count;
}

static void critical_in_chain(void **state)
{
    const struct in_chain *row = *state;
    gnutls_datum_t leaf = certificate(P256, row->leaf, extension_count(row->leaf, 3));
    gnutls_datum_t ca = certificate(P256, row->ca, extension_count(row->ca, 2));
    struct atls_bytes chain[] = {ATLS_BYTES(leaf.data, leaf.size), ATLS_BYTES(ca.data, ca.size)};

    assert_int_equal(atls_x509_cmw_alone_is_critical(chain, 2), row->passed_over);
    assert_false(atls_x509_cmw_alone_is_critical(NULL, 0));
    chain[1].size--; /* what cannot be parsed excuses nothing */
    assert_false(atls_x509_cmw_alone_is_critical(chain, 2));
    gnutls_free(leaf.data);
    gnutls_free(ca.data);
}

static void refuses_an_extension_twice(void **state)
{
    static const struct extension two[] = {{OID_PE, "04 18" RECORD, false},
                                           {OID_BESIDE, "04 08" TAG, false}};
    static const uint8_t beside[] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x24};
    gnutls_datum_t der = certificate(P256, two, 2);
    uint8_t *at = memmem(der.data, der.size, beside, sizeof beside);
    struct atls_x509_cmw found = {.cmw = NULL};

    assert_non_null(at);
    at[sizeof beside - 1] = 0x23;
    test_outcome(atls_x509_cmw_find(ATLS_BYTES(der.data, der.size), &found), ATLS_E_MALFORMED,
                 "RFC 5280 section 4.1");
    assert_non_null(strstr(atls_error_text(), gnutls_strerror(GNUTLS_E_X509_DUPLICATE_EXTENSION)));
    assert_null(found.cmw);
    test_outcome(atls_x509_cmw_find_verified(ATLS_BYTES(der.data, der.size), &found),
                 ATLS_E_MALFORMED, NULL);
    assert_null(found.cmw);
    gnutls_free(der.data);
}

static void no_certificate(void **state)
{
    static const char record[] = RECORD;
    static const char *const rows[] = {"", "00", "30 00", "30 82 0100", "30 80 00 00", record};
    gnutls_datum_t der = certificate(P256, NULL, 0);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i]);
        struct atls_x509_cmw found;
        struct atls_public_key key;
        test_outcome(atls_x509_cmw_find(in, &found), ATLS_E_MALFORMED, "RFC 5280 section 4.1");
        test_outcome(atls_x509_public_key(in, &key), ATLS_E_MALFORMED, "RFC 5280 section 4.1");
        test_vector_free(in);
    }
    struct atls_x509_cmw found; /* nothing is read of what cannot be a certificate's size */
    test_outcome(atls_x509_cmw_find(ATLS_BYTES(der.data, (size_t)UINT32_MAX + 1), &found),
                 ATLS_E_MALFORMED, "RFC 5280 section 4.1");
    assert_string_equal(atls_error_text(), "no certificate is so long");
    test_outcome(atls_x509_cmw_find(ATLS_BYTES(der.data, (size_t)1 << 24), &found),
                 ATLS_E_MALFORMED, "RFC 5280 section 4.1");
    assert_string_equal(atls_error_text(), "no certificate is so long");
    uint8_t *zeroes = calloc(1, ((size_t)1 << 24) - 1); /* RFC 8446 section 4.4.2 */
    assert_non_null(zeroes);
    test_outcome(atls_x509_cmw_find(ATLS_BYTES(zeroes, ((size_t)1 << 24) - 1), &found),
                 ATLS_E_MALFORMED, "RFC 5280 section 4.1");
    assert_string_not_equal(atls_error_text(), "no certificate is so long");
    free(zeroes);
    for (unsigned cut = 1; cut < der.size; cut += 7) {
        struct atls_public_key key;
        test_outcome(atls_x509_public_key(ATLS_BYTES(der.data, der.size - cut), &key),
                     ATLS_E_MALFORMED, NULL);
    }
    gnutls_free(der.data);
}

/* A CMW beside a key that no profile attests is found, and the key is not. */
static void finds_beside_other_keys(void **state)
{
    const struct in_certificate *row = in_certificates;
    struct atls_x509_cmw found = {.has_key = true};

    while (row->outcome != 0)
        row++;
    gnutls_datum_t der = certificate(GNUTLS_PK_EDDSA_ED25519, 0, row->extensions, row->count);
    test_outcome(atls_x509_cmw_find(ATLS_BYTES(der.data, der.size), &found), 0, NULL);
    assert_false(found.has_key);
    atls_x509_cmw_clear(&found);
    same_when_verified(ATLS_BYTES(der.data, der.size));
    gnutls_free(der.data);
}

static void same_key_when_verified(gnutls_datum_t der)
{
    struct atls_bytes in = ATLS_BYTES(der.data, der.size);
    struct atls_public_key key = {.curve = ATLS_P256}, again = {.curve = ATLS_P256};

    assert_int_equal(atls_x509_verified_key(in, &again), atls_x509_public_key(in, &key));
    assert_memory_equal(&again, &key, sizeof key);
}

static void public_keys(void **state)
{
    gnutls_datum_t der = certificate(GNUTLS_PK_RSA, 2048, NULL, 0);
    struct atls_public_key key;

    test_outcome(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &key), ATLS_E_UNSUPPORTED,
                 "RFC 5480 section 2");
    same_key_when_verified(der);
    gnutls_free(der.data);
    der = certificate(GNUTLS_PK_EDDSA_ED25519, 0, NULL, 0);
    test_outcome(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &key), ATLS_E_UNSUPPORTED,
                 NULL);
    same_key_when_verified(der);
    gnutls_free(der.data);
    der = certificate(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1), NULL, 0);
    test_outcome(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &key), ATLS_E_UNSUPPORTED,
                 NULL);
    same_key_when_verified(der);
    gnutls_free(der.data);
    der = certificate(P384, NULL, 0);
    test_outcome(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &key), 0, NULL);
    assert_int_equal(key.curve, ATLS_P384);
    same_key_when_verified(der);
    gnutls_free(der.data);
}

/* The hash of the key with which the binders' known answers were computed (binders.json). */
static void challenge(void **state)
{
    struct atls_bytes spki = test_bytes(SPKI);
    struct atls_bytes expected =
        test_bytes("8adb14e36e119e135ae4d679efd9cd5e1f4c6a0a3e2aea89c59008fd09e89066");
    struct atls_public_key key;
    uint8_t digest[ATLS_HASH_MAX];
    size_t size;

    assert_int_equal(atls_spki_decode(spki, &key), 0);
    assert_int_equal(atls_x509_challenge(&atls_crypto_hosted, &key, digest, &size), 0);
    test_same_bytes(ATLS_BYTES(digest, size), expected);
    key.curve = ATLS_P384;
    assert_int_equal(atls_x509_challenge(&atls_crypto_hosted, &key, digest, &size), 0);
    assert_int_equal(size, 48);
    test_vector_free(spki);
    test_vector_free(expected);
}

int main(void)
{
    struct test_list list = {.count = 0};

    TEST_ADD_ROWS(&list, refuses, refused);
    TEST_ADD_ROWS(&list, accepts, accepted);
    TEST_ADD_ROWS(&list, does_not_write, unwritable);
    TEST_ADD_ROWS(&list, stands_by_itself, bare_rows);
    TEST_ADD_ROWS(&list, told_by_its_tag, tags_rows);
    TEST_ADD_ROWS(&list, finds, in_certificates);
    TEST_ADD_ROWS(&list, critical_in_chain, in_chains);
    TEST_ADD(&list, tells);
    TEST_ADD(&list, lengths);
    TEST_ADD(&list, no_longer_ones);
    TEST_ADD(&list, refuses_an_extension_twice);
    TEST_ADD(&list, no_certificate);
    TEST_ADD(&list, reads_verified_ones_alone);
    TEST_ADD(&list, finds_what_stands_by_itself);
    TEST_ADD(&list, finds_beside_other_keys);
    TEST_ADD(&list, public_keys);
    TEST_ADD(&list, challenge);
    return test_run("cmw-x509", &list);
}

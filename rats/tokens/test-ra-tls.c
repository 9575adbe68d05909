/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RA-TLS's evidence and the quotes in it: what is read, and what is refused with one thing wrong at
 * a time. The evidence in three real certificates (Gramine, Intel SGX SDK, RATS-TLS) is in the test
 * of the decoder, which reads the certificates; here are tables of made-up bytes.
 */
#include <errno.h>

#include "rats/test/test-table.h"
#include "rats/tokens/ra-tls.h"

#define H32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define H16 "202122232425262728292a2b2c2d2e2f"
#define NAME "6b 7075626b65792d68617368"
#define HASH "5824 82 01 5820" H32
#define CLAIMS "5833 a1" NAME HASH
#define RA ATLS_RA_TLS_CLAUSE
#define OF_CLAIMS "Interoperable RA-TLS, evidence custom claims"

static const struct row {
    const char *name, *input;
    int outcome;
    const char *clause;
} rows[] = {
    /* clang-format off */
    {"a quote", "d9ea60 82 41aa" CLAIMS, 0, NULL},
    {"a TEE report", "d9ea61 82 41aa" CLAIMS, 0, NULL},
    {"an SGX report", "d9ea62 82 41aa" CLAIMS, 0, NULL},
    {"a nonce", "d9ea60 82 41aa 583b a2" NAME HASH "65 6e6f6e6365 41bb", 0, NULL},
    {"claims that nobody knows are ignored", "d9ea60 82 41aa 583c a3" NAME HASH "61 61 41bb 61 62 820102", 0, NULL},
    {"an empty quote", "d9ea60 82 40" CLAIMS, 0, NULL},
    {"SHA-384", "d9ea60 82 41aa 5843 a1" NAME "5834 82 07 5830" H32 H16, 0, NULL},
    {"SHA-512", "d9ea60 82 41aa 5853 a1" NAME "5844 82 08 5840" H32 H32, 0, NULL},
    {"a head that is longer than needed", "d9ea60 9802 41aa" CLAIMS, 0, NULL},
    {"nothing", "", ATLS_E_MALFORMED, NULL},
    {"no tag", "82 41aa" CLAIMS, ATLS_E_MALFORMED, RA},
    {"tag 60003", "d9ea63 82 41aa" CLAIMS, ATLS_E_MALFORMED, RA},
    {"tag 59999", "d9ea5f 82 41aa" CLAIMS, ATLS_E_MALFORMED, RA},
    {"a tag in a tag", "d9ea60 d9ea60 82 41aa" CLAIMS, ATLS_E_MALFORMED, RA},
    {"one element", "d9ea60 81 41aa", ATLS_E_MALFORMED, RA},
    {"three elements", "d9ea60 83 41aa" CLAIMS "00", ATLS_E_MALFORMED, RA},
    {"a list of indefinite length", "d9ea60 9f 41aa" CLAIMS "ff", ATLS_E_MALFORMED, NULL},
    {"a quote in chunks", "d9ea60 82 5f 41aa ff" CLAIMS, ATLS_E_MALFORMED, NULL},
    {"a quote that is text", "d9ea60 82 61 61" CLAIMS, ATLS_E_MALFORMED, RA},
    {"claims that are no bytes", "d9ea60 82 41aa a1" NAME HASH, ATLS_E_MALFORMED, RA},
    {"bytes behind", "d9ea60 82 41aa" CLAIMS "00", ATLS_E_MALFORMED, NULL},
    {"cut off", "d9ea60 82 41aa 5833 a1" NAME "5824 82 01 5820" H16, ATLS_E_MALFORMED, NULL},
    {"claims that are no map", "d9ea60 82 41aa 41 80", ATLS_E_MALFORMED, OF_CLAIMS},
    {"claims of indefinite length", "d9ea60 82 41aa 5834 bf" NAME HASH "ff", ATLS_E_MALFORMED, NULL},
    {"bytes behind the claims", "d9ea60 82 41aa 5834 a1" NAME HASH "00", ATLS_E_MALFORMED, NULL},
    {"empty claims", "d9ea60 82 41aa 41 a0", ATLS_E_MISSING, OF_CLAIMS},
    {"no claims at all", "d9ea60 82 41aa 40", ATLS_E_MALFORMED, NULL},
    {"no pubkey-hash", "d9ea60 82 41aa 49 a1 65 6e6f6e6365 41bb", ATLS_E_MISSING, OF_CLAIMS},
    {"pubkey-hash twice", "d9ea60 82 41aa 5865 a2" NAME HASH NAME HASH, ATLS_E_MALFORMED, NULL},
    {"a key that is a number", "d9ea60 82 41aa 43 a1 01 00", ATLS_E_MALFORMED, OF_CLAIMS},
    {"pubkey-hash is the hash itself", "d9ea60 82 41aa 582f a1" NAME "5820" H32, ATLS_E_MALFORMED, NULL},
    {"pubkey-hash is no bytes", "d9ea60 82 41aa 4e a1" NAME "01", ATLS_E_MALFORMED, NULL},
    {"pubkey-hash is an array, not in bytes", "d9ea60 82 41aa 5831 a1" NAME "82 01 5820" H32, ATLS_E_MALFORMED, OF_CLAIMS},
    {"hash-entry of one element", "d9ea60 82 41aa 50 a1" NAME "42 81 01", ATLS_E_MALFORMED, OF_CLAIMS},
    {"hash-entry of a text and a hash", "d9ea60 82 41aa 5834 a1" NAME "5825 82 6131 5820" H32, ATLS_E_MALFORMED, OF_CLAIMS},
    {"hash-entry of a number and a text", "d9ea60 82 41aa 5833 a1" NAME "5824 82 01 7820 6161616161616161616161616161616161616161616161616161616161616161", ATLS_E_MALFORMED, OF_CLAIMS},
    {"hash-entry of three", "d9ea60 82 41aa 5834 a1" NAME "5825 83 01 5820" H32 "00", ATLS_E_MALFORMED, OF_CLAIMS},
    {"SHA-256 of 16 bytes", "d9ea60 82 41aa 5821 a1" NAME "53 82 01 50" H16, ATLS_E_MALFORMED, OF_CLAIMS},
    {"SHA-384 of 32 bytes", "d9ea60 82 41aa 5833 a1" NAME "5824 82 07 5820" H32, ATLS_E_MALFORMED, OF_CLAIMS},
    {"SHA-256 cut to 16 (6: sha-256-32)", "d9ea60 82 41aa 5833 a1" NAME "5824 82 06 5820" H32, ATLS_E_UNSUPPORTED, OF_CLAIMS},
    {"an algorithm by its name", "d9ea60 82 41aa 5839 a1" NAME "582a 82 67 7368612d323536 5820" H32, ATLS_E_MALFORMED, NULL},
    {"a nonce that is text", "d9ea60 82 41aa 583b a2" NAME HASH "65 6e6f6e6365 61 62", ATLS_E_MALFORMED, OF_CLAIMS},
    /* clang-format on */
};

static void parsed(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_ra_tls ra_tls;
    int came = atls_ra_tls_parse(in, &ra_tls);

    test_outcome(came, row->outcome, row->clause);
    if (came == 0) {
        assert_true(atls_ra_tls_is(in));
        assert_int_equal(ra_tls.key_hash.size, atls_hash_size(ra_tls.hash));
        assert_int_equal(ra_tls.has_nonce, strcmp(row->name, "a nonce") == 0);
        assert_int_equal(ra_tls.nonce.size, ra_tls.has_nonce);
        for (size_t cut = 0; cut < in.size; cut++)
            assert_int_not_equal(atls_ra_tls_parse(ATLS_BYTES(in.data, cut), &ra_tls), 0);
    }
    test_vector_free(in);
}

enum { HEADER = 48, SGX = 384, TD10 = 584, TD15 = 648, MOST = 1200 };

/* A quote in which every byte of the body is its place, and a signature of 3 bytes. */
static size_t make_quote(unsigned version, unsigned tee, unsigned type, size_t body,
                         uint8_t quote[MOST])
{
    size_t at = HEADER;

    memset(quote, 0, MOST);
    quote[0] = (uint8_t)version;
    quote[2] = 2;
    quote[4] = (uint8_t)tee;
    if (version == 5) {
        quote[at] = (uint8_t)type;
        quote[at + 2] = (uint8_t)body;
        quote[at + 3] = (uint8_t)(body >> 8);
        at += 6;
    }
    for (size_t i = 0; i < body; i++)
        quote[at + i] = (uint8_t)(i >> 3);
    at += body;
    quote[at] = 3;
    memcpy(quote + at + 4, "sig", 3);
    return at + 7;
}

static const struct quote_row {
    const char *name;
    unsigned version, tee, type;
    size_t body;
    int outcome;
    size_t measured, measured_size, report_data; /* places in the body */
} quote_rows[] = {
    {"SGX quote, version 3", 3, 0, 0, SGX, 0, 64, 32, 320},
    {"SGX quote, version 4", 4, 0, 0, SGX, 0, 64, 32, 320},
    {"TDX quote, version 4", 4, 0x81, 0, TD10, 0, 136, 48, 520},
    {"SGX quote, version 5", 5, 0, 1, SGX, 0, 64, 32, 320},
    {"TDX quote 1.0, version 5", 5, 0x81, 2, TD10, 0, 136, 48, 520},
    {"TDX quote 1.5, version 5", 5, 0x81, 3, TD15, 0, 136, 48, 520},
    {"version 2", 2, 0, 0, SGX, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"version 6", 6, 0, 0, SGX, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"TDX, version 3", 3, 0x81, 0, TD10, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"another TEE", 4, 0x82, 0, SGX, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"a body of SGX in a quote of TDX", 5, 0x81, 1, SGX, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"a body of TDX in a quote of SGX", 5, 0, 2, TD10, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"body type 4", 5, 0x81, 4, TD10, ATLS_E_UNSUPPORTED, 0, 0, 0},
    {"a body of another size", 5, 0x81, 3, TD10, ATLS_E_MALFORMED, 0, 0, 0},
    {"a body cut off", 4, 0x81, 0, SGX, ATLS_E_MALFORMED, 0, 0, 0},
};

/* Whose they are, by Intel's names; MRSIGNER and attributes stand in other places in either. */
static void check_origin(const struct atls_tee_report *report, const uint8_t *body, bool is_tdx,
                         size_t attributes)
{
    struct atls_bytes none = ATLS_BYTES(NULL, 0);

    assert_string_equal(report->measurement_name, is_tdx ? "MRTD" : "MRENCLAVE");
    if (is_tdx)
        assert_null(report->signer_name);
    else
        assert_string_equal(report->signer_name, "MRSIGNER");
    test_same_bytes(report->signer, is_tdx ? none : ATLS_BYTES(body + 128, 32));
    test_same_bytes(report->attributes, ATLS_BYTES(body + attributes, is_tdx ? 8 : 16));
}

static void quoted(void **state)
{
    const struct quote_row *row = *state;
    struct atls_tee_report report;
    uint8_t quote[MOST + 1];
    size_t size = make_quote(row->version, row->tee, row->type, row->body, quote);
    int came = atls_tee_quote_parse(ATLS_BYTES(quote, size), &report);

    test_outcome(came, row->outcome, row->outcome ? ATLS_QUOTE_CLAUSE : NULL);
    if (came)
        return;
    const uint8_t *body = quote + HEADER + (row->version == 5 ? 6 : 0);
    test_same_bytes(report.measurement, ATLS_BYTES(body + row->measured, row->measured_size));
    test_same_bytes(report.report_data, ATLS_BYTES(body + row->report_data, ATLS_REPORT_DATA_SIZE));
    test_same_bytes(report.signature, ATLS_BYTES("sig", 3));
    test_same_bytes(report.signed_part, ATLS_BYTES(quote, size - 7));
    assert_int_equal(report.key_type, 2);
    assert_int_equal(report.version, row->version);
    assert_true(report.is_quote);
    assert_int_equal(strncmp(row->name, report.what, strlen("SGX quote")), 0);
    check_origin(&report, body, row->tee != 0, row->tee ? 120 : 48);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(atls_tee_quote_parse(ATLS_BYTES(quote, cut), &report), 0);
    quote[size] = 0;
    test_outcome(atls_tee_quote_parse(ATLS_BYTES(quote, size + 1), &report), ATLS_E_MALFORMED,
                 ATLS_QUOTE_CLAUSE);
}

/* Version 5: the body has the size of its type, whatever its head says of it. */
static void a_body_is_as_large_as_its_type(void **state)
{
    struct atls_tee_report report;
    uint8_t quote[MOST];
    size_t size = make_quote(5, 0x81, 3, TD15, quote);

    test_outcome(atls_tee_quote_parse(ATLS_BYTES(quote, size), &report), 0, NULL);
    for (int other = -1; other <= 1; other += 2) {
        quote[HEADER + 2] = (uint8_t)(TD15 + other);
        test_outcome(atls_tee_quote_parse(ATLS_BYTES(quote, size), &report), ATLS_E_MALFORMED,
                     ATLS_QUOTE_CLAUSE);
        assert_non_null(strstr(atls_error_text(), "body: expected 648 bytes"));
    }
}

static void reports_of_a_fixed_size(void **state)
{
    static const uint8_t zeros[1025];
    struct atls_tee_report report;
    static const struct {
        enum atls_ra_tls_tag tag;
        size_t size, attributes;
        const char *what;
    } sizes[] = {{ATLS_TAG_TEE_REPORT, 1024, 512, "TDX report"},
                 {ATLS_TAG_SGX_REPORT, 432, 48, "SGX report"}};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        test_outcome(atls_tee_report_parse(sizes[i].tag, ATLS_BYTES(zeros, sizes[i].size), &report),
                     0, NULL);
        assert_int_equal(report.report_data.size, ATLS_REPORT_DATA_SIZE);
        assert_false(report.is_quote);
        assert_string_equal(report.what, sizes[i].what);
        check_origin(&report, zeros, sizes[i].tag == ATLS_TAG_TEE_REPORT, sizes[i].attributes);
        assert_ptr_equal(report.attributes.data, zeros + sizes[i].attributes);
        for (int other = -1; other <= 1; other += 2)
            test_outcome(atls_tee_report_parse(
                             sizes[i].tag,
                             ATLS_BYTES(zeros, sizes[i].size + (size_t)(ptrdiff_t)other), &report),
                         ATLS_E_MALFORMED, ATLS_QUOTE_CLAUSE);
    }
}

/* What is written is read; its key hash, and its report data, are those of nothing else. */
static void what_is_tied_to_what(void **state)
{
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    struct atls_bytes spki = atls_bytes_of_text("not really a key"), claims, evidence;
    uint8_t hash[ATLS_HASH_MAX], claims_buffer[128], quote[MOST], buffer[1400];
    struct atls_tee_report report;
    struct atls_cbor_writer w;
    struct atls_ra_tls ra_tls;

    assert_int_equal(crypto->hash(ATLS_SHA384, &spki, 1, hash), 0);
    atls_cbor_write_init(&w, claims_buffer, sizeof claims_buffer);
    assert_int_equal(atls_ra_tls_claims_write(&w, ATLS_BYTES(hash, 48)), 0);
    assert_int_equal(atls_cbor_write_done(&w, &claims), 0);
    size_t size = make_quote(3, 0, 0, SGX, quote);
    memset(quote + HEADER + 320, 0, ATLS_REPORT_DATA_SIZE);
    assert_int_equal(crypto->hash(ATLS_SHA256, &claims, 1, quote + HEADER + 320), 0);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_ra_tls_write(&w, ATLS_BYTES(quote, size), claims);
    assert_int_equal(atls_cbor_write_done(&w, &evidence), 0);

    test_outcome(atls_ra_tls_parse(evidence, &ra_tls), 0, NULL);
    assert_int_equal(ra_tls.hash, ATLS_SHA384);
    test_outcome(atls_tee_report_parse(ra_tls.tag, ra_tls.evidence, &report), 0, NULL);
    test_outcome(atls_ra_tls_check_key(&ra_tls, crypto, spki), 0, NULL);
    test_outcome(atls_ra_tls_check_report(&ra_tls, crypto, &report), 0, NULL);
    test_outcome(atls_ra_tls_check_key(&ra_tls, crypto, atls_bytes_of_text("another")),
                 ATLS_E_MISMATCH, OF_CLAIMS);
    for (size_t i = 0; i < ATLS_REPORT_DATA_SIZE; i++) { /* the zeros behind the hash, too */
        uint8_t changed[ATLS_REPORT_DATA_SIZE];
        struct atls_tee_report other = report;
        memcpy(changed, report.report_data.data, sizeof changed);
        changed[i] ^= 1;
        other.report_data = ATLS_BYTES(changed, sizeof changed);
        test_outcome(atls_ra_tls_check_report(&ra_tls, crypto, &other), ATLS_E_MISMATCH, RA);
    }
    atls_cbor_write_init(&w, claims_buffer, sizeof claims_buffer);
    assert_int_equal(atls_ra_tls_claims_write(&w, ATLS_BYTES(hash, 20)), -EINVAL);
}

static int hash_of_nobody(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                          uint8_t *digestp)
{
    memset(digestp, 0, atls_hash_size(alg));
    return atls_fail(-EIO, NULL, "no hash");
}

/* A machine that cannot hash has found nothing out: its own error, and no verdict. */
static void says_nothing_without_a_hash(void **state)
{
    static const uint8_t zeros[ATLS_REPORT_DATA_SIZE];
    struct atls_crypto crypto = atls_crypto_hosted;
    const struct atls_ra_tls ra_tls = {.hash = ATLS_SHA256, .key_hash = ATLS_BYTES(zeros, 32)};
    const struct atls_tee_report reports[] = {{.report_data = ATLS_BYTES(zeros, sizeof zeros)},
                                              {.report_data = ATLS_BYTES("other", 5)}};

    crypto.hash = hash_of_nobody;
    assert_int_equal(atls_ra_tls_check_key(&ra_tls, &crypto, atls_bytes_of_text("key")), -EIO);
    for (size_t i = 0; i < COUNT(reports); i++)
        assert_int_equal(atls_ra_tls_check_report(&ra_tls, &crypto, &reports[i]), -EIO);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, parsed, rows);
    TEST_ADD_ROWS(&list, quoted, quote_rows);
    TEST_ADD(&list, a_body_is_as_large_as_its_type);
    TEST_ADD(&list, reports_of_a_fixed_size);
    TEST_ADD(&list, what_is_tied_to_what);
    TEST_ADD(&list, says_nothing_without_a_hash);
    return test_run("ra-tls", &list);
}

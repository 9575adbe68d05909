/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of the fewest bytes that their structure allows, and what is next to them. That real
 * ones are read as GnuTLS reads them is in test-cmw-x509.c. */
#include "rats/cmw/certificate-der.h"

#include "rats/base/error.h"
#include "rats/test/test-table.h"

#define VERSION "a0 03 02 01 02"
#define TO_SUBJECT "02 01 01  30 00  30 00  30 00  30 00"
#define KEY "30 02 05 00"
#define TBS VERSION TO_SUBJECT KEY
#define SIGNATURE "30 00  03 01 00"
#define EXTENSION "06 01 2a  01 01 ff  04 03 01 02 03"
#define STRUCTURE "RFC 5280 section 4.1"
#define EXTENSIONS "RFC 5280 section 4.2"

static const struct opened {
    const char *name, *certificate;
    int outcome;
    const char *clause, *extensions; /* where it opens: what is in Extensions */
} opened_rows[] = {
    {"certificate", "30 1b  30 14" TBS SIGNATURE, 0, NULL, ""},
    {"certificate with an extension", "30 2c  30 25" TBS "a3 0f  30 0d  30 0b" EXTENSION SIGNATURE,
     0, NULL, "30 0b" EXTENSION},
    {"certificate: empty", "", ATLS_E_MALFORMED, STRUCTURE, NULL},
    {"certificate: bytes behind it", "30 1b  30 14" TBS SIGNATURE "00", ATLS_E_MALFORMED, STRUCTURE,
     NULL},
    {"certificate: bytes behind the signature", "30 1c  30 14" TBS SIGNATURE "00", ATLS_E_MALFORMED,
     STRUCTURE, NULL},
    {"certificate: no signature", "30 18  30 14" TBS "30 00", ATLS_E_MALFORMED, STRUCTURE, NULL},
    {"certificate: the length not the shortest", "30 81 1b  30 14" TBS SIGNATURE, ATLS_E_MALFORMED,
     "X.690 section 10.1", NULL},
    {"certificate: indefinite length", "30 80  30 14" TBS SIGNATURE "00 00", ATLS_E_MALFORMED,
     "X.690 section 10.1", NULL},
    {"certificate: version 1", "30 16  30 0f" TO_SUBJECT KEY SIGNATURE, ATLS_E_MALFORMED, STRUCTURE,
     NULL},
    {"certificate: no key", "30 17  30 10" VERSION TO_SUBJECT SIGNATURE, ATLS_E_MALFORMED,
     STRUCTURE, NULL},
    {"certificate: a unique identifier", "30 1e  30 17" TBS "81 01 00" SIGNATURE, ATLS_E_MALFORMED,
     STRUCTURE, NULL},
    {"certificate: bytes behind the extensions",
     "30 2e  30 27" TBS "a3 0f  30 0d  30 0b" EXTENSION "05 00" SIGNATURE, ATLS_E_MALFORMED,
     STRUCTURE, NULL},
    {"certificate: bytes among the extensions",
     "30 2e  30 27" TBS "a3 11  30 0d  30 0b" EXTENSION "05 00" SIGNATURE, ATLS_E_MALFORMED,
     STRUCTURE, NULL},
};

static void opens(void **state)
{
    const struct opened *row = *state;
    struct atls_bytes in = test_bytes(row->certificate);
    struct atls_certificate_der opened;

    test_outcome(atls_certificate_der_open(in, &opened), row->outcome, row->clause);
    if (row->outcome == 0) {
        struct atls_bytes key = test_bytes(KEY), extensions = test_bytes(row->extensions);
        test_same_bytes(opened.spki, key);
        test_same_bytes(opened.extensions, extensions);
        test_vector_free(key);
        test_vector_free(extensions);
    }
    test_vector_free(in);
}

/* Where something is missing, that is what is told. */
static void tells_what_is_missing(void **state)
{
    static const struct {
        const char *certificate, *text;
    } rows[] = {
        {"", "Certificate: expected 1 bytes, 0 are left"},
        {"30", "length: expected 1 bytes, 0 are left"},
        {"30 00", "tbsCertificate: expected 1 bytes, 0 are left"},
        {"30 14 30 03", "Certificate: expected 20 bytes, 2 are left"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i].certificate);
        struct atls_certificate_der opened;

        test_outcome(atls_certificate_der_open(in, &opened), ATLS_E_MALFORMED, NULL);
        assert_string_equal(atls_error_text(), rows[i].text);
        test_vector_free(in);
    }
}

static const struct next {
    const char *name, *extension;
    int outcome;
    const char *clause;
    bool critical;
} next_rows[] = {
    {"extension", "30 08  06 01 2a  04 03 01 02 03", 0, NULL, false},
    {"extension: critical", "30 0b" EXTENSION, 0, NULL, true},
    {"extension: FALSE, which is the default", "30 0b  06 01 2a  01 01 00  04 03 01 02 03",
     ATLS_E_MALFORMED, "X.690 section 11.5", false},
    {"extension: TRUE in BER", "30 0b  06 01 2a  01 01 01  04 03 01 02 03", ATLS_E_MALFORMED,
     "X.690 section 11.5", false},
    {"extension: a truth of two bytes", "30 0c  06 01 2a  01 02 ff ff  04 03 01 02 03",
     ATLS_E_MALFORMED, "X.690 section 11.5", false},
    {"extension: bytes behind the value", "30 0a  06 01 2a  04 03 01 02 03  05 00",
     ATLS_E_MALFORMED, EXTENSIONS, false},
    {"extension: no value", "30 03  06 01 2a", ATLS_E_MALFORMED, EXTENSIONS, false},
    {"extension: no name", "30 05  04 03 01 02 03", ATLS_E_MALFORMED, EXTENSIONS, false},
    {"extension: no SEQUENCE", "31 08  06 01 2a  04 03 01 02 03", ATLS_E_MALFORMED, STRUCTURE,
     false},
};

static void goes_on(void **state)
{
    static const uint8_t oid[] = {0x2a}, value[] = {1, 2, 3};
    const struct next *row = *state;
    struct atls_bytes in = test_bytes(row->extension);
    struct atls_cursor c = atls_cursor_of(in, STRUCTURE);
    struct atls_extension_der next;

    test_outcome(atls_certificate_der_next(&c, &next), row->outcome, row->clause);
    if (row->outcome == 0) {
        test_same_bytes(next.oid, ATLS_BYTES(oid, sizeof oid));
        test_same_bytes(next.value, ATLS_BYTES(value, sizeof value));
        assert_int_equal(next.critical, row->critical);
        assert_int_equal(c.left, 0);
    }
    test_vector_free(in);
}

int main(void)
{
    struct test_list list = {.count = 0};

    TEST_ADD_ROWS(&list, opens, opened_rows);
    TEST_ADD(&list, tells_what_is_missing);
    TEST_ADD_ROWS(&list, goes_on, next_rows);
    return test_run("certificate-der", &list);
}

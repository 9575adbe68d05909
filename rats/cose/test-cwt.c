/* SPDX-License-Identifier: Apache-2.0 */
/* exp, nbf and iat of CBOR Web Tokens: their types, and when a token may be believed. */
#include "rats/test/test-table.h"

#include "rats/cose/cwt.h"

#define NUMERIC_DATE "RFC 8392 section 2"
#define NOW 1700000000 /* 6553f100 */

static const struct row {
    const char *name;
    int64_t key;
    const char *value;
    int outcome; /* of the check at NOW, or of the reading where it fails */
    const char *clause;
    bool is_malformed;
} rows[] = {
    {"exp in a second beyond the leeway", ATLS_CLAIM_EXP, "1a6553f103", 0, NULL, false},
    {"exp within the leeway", ATLS_CLAIM_EXP, "1a6553f0ff", 0, NULL, false},
    {"exp as old as the leeway", ATLS_CLAIM_EXP, "1a6553f0fe", ATLS_E_EXPIRED,
     "RFC 8392 section 3.1.4", false},
    {"exp 0", ATLS_CLAIM_EXP, "00", ATLS_E_EXPIRED, "RFC 8392 section 3.1.4", false},
    {"exp negative", ATLS_CLAIM_EXP, "20", ATLS_E_EXPIRED, "RFC 8392 section 3.1.4", false},
    {"exp in eight bytes", ATLS_CLAIM_EXP, "1b000000006553f103", 0, NULL, false},
    {"exp the year 292 billion", ATLS_CLAIM_EXP, "1b7fffffffffffffff", 0, NULL, false},
    {"exp a double in the future", ATLS_CLAIM_EXP, "fb41d954fc40e00000", 0, NULL, false},
    {"exp a double in the past", ATLS_CLAIM_EXP, "fb41d0000000000000", ATLS_E_EXPIRED,
     "RFC 8392 section 3.1.4", false},
    {"exp a float in the past", ATLS_CLAIM_EXP, "fa3f800000", ATLS_E_EXPIRED,
     "RFC 8392 section 3.1.4", false},
    {"exp a half in the past", ATLS_CLAIM_EXP, "f93c00", ATLS_E_EXPIRED, "RFC 8392 section 3.1.4",
     false},
    {"exp infinity", ATLS_CLAIM_EXP, "f97c00", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp NaN", ATLS_CLAIM_EXP, "f97e00", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp with tag 1", ATLS_CLAIM_EXP, "c11a6553f103", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp a bignum", ATLS_CLAIM_EXP, "c24101", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp a text", ATLS_CLAIM_EXP, "6131", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp bytes", ATLS_CLAIM_EXP, "4131", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp null", ATLS_CLAIM_EXP, "f6", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp false", ATLS_CLAIM_EXP, "f4", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp an array", ATLS_CLAIM_EXP, "8100", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"exp beyond 63 bits", ATLS_CLAIM_EXP, "1bffffffffffffffff", ATLS_E_MALFORMED, NUMERIC_DATE,
     true},
    {"nbf in the past", ATLS_CLAIM_NBF, "00", 0, NULL, false},
    {"nbf within the leeway", ATLS_CLAIM_NBF, "1a6553f102", 0, NULL, false},
    {"nbf beyond the leeway", ATLS_CLAIM_NBF, "1a6553f103", ATLS_E_EXPIRED,
     "RFC 8392 section 3.1.5", false},
    {"nbf a double beyond it", ATLS_CLAIM_NBF, "fb41d954fc40e00000", ATLS_E_EXPIRED,
     "RFC 8392 section 3.1.5", false},
    {"nbf a text", ATLS_CLAIM_NBF, "6131", ATLS_E_MALFORMED, NUMERIC_DATE, true},
    {"iat in the past", ATLS_CLAIM_IAT, "01", 0, NULL, false},
    {"iat within the leeway", ATLS_CLAIM_IAT, "1a6553f102", 0, NULL, false},
    {"iat in the future", ATLS_CLAIM_IAT, "1a6553f103", ATLS_E_EXPIRED, "RFC 8392 section 3.1.6",
     false},
    {"iat a float", ATLS_CLAIM_IAT, "f93c00", ATLS_E_MALFORMED, "RFC 9711 section 4.3.1", true},
    {"iat with tag 1", ATLS_CLAIM_IAT, "c101", ATLS_E_MALFORMED, NUMERIC_DATE, true},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->value);
    struct atls_cwt_times times = {.has_exp = false};
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, &atls_cbor_lenient, "the format's");

    assert_int_equal(result, 0);
    assert_true(atls_cwt_is_time(row->key));
    result = atls_cwt_read_time(&r, row->key, &times);
    assert_string_equal(r.clause, "the format's");
    if (!row->is_malformed) {
        test_outcome(result, 0, NULL);
        assert_int_equal(atls_cbor_close(&r), 0);
        result = atls_cwt_check_times(&times, "KAT", NOW);
    }
    test_outcome(result, row->outcome, row->clause);
    test_vector_free(in);
}

static void times_are_optional(void **state)
{
    struct atls_cwt_times none = {.has_exp = false};

    assert_int_equal(atls_cwt_check_times(&none, "KAT", NOW), 0);
    for (int64_t key = -1000; key < 1000; key++)
        assert_int_equal(atls_cwt_is_time(key), key >= 4 && key <= 6);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_row, rows);
    TEST_ADD(&list, times_are_optional);
    return test_run("cwt", &list);
}

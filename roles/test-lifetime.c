/* SPDX-License-Identifier: Apache-2.0 */
/* Dates in JSON and HTTP: the forms that are read, and those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "roles/lifetime.h"

static const struct {
    const char *text;
    bool http, ok;
    int64_t seconds;
} rows[] = {
    /* RFC 3339 section 5.8, examples; seconds by date(1) */
    {"1985-04-12T23:20:50.52Z", false, true, 482196050},
    {"1996-12-19T16:39:57-08:00", false, true, 851042397},
    {"1990-12-31T23:59:60Z", false, true, 662688000},
    {"1990-12-31T15:59:60-08:00", false, true, 662688000},
    {"1937-01-01T12:00:27.87+00:20", false, true, -1041337173},
    {"2024-02-29t00:00:00z", false, true, 1709164800},
    {"2023-02-29T00:00:00Z", false, false, 0}, /* no leap year */
    {"2024-04-31T00:00:00Z", false, false, 0},
    {"2024-00-10T00:00:00Z", false, false, 0},
    {"2024-13-10T00:00:00Z", false, false, 0},
    {"2024-04-00T00:00:00Z", false, false, 0},
    {"2024-04-10T24:00:00Z", false, false, 0},
    {"2024-04-10T10:60:00Z", false, false, 0},
    {"2024-04-10T10:00:61Z", false, false, 0},
    {"2024-04-10T10:00:00.Z", false, false, 0},
    {"2024-04-10T10:00:00", false, false, 0}, /* section 5.6: time-offset is not optional */
    {"2024-04-10T10:00:00+23:59", false, true, 1712656860},
    {"2024-04-10T10:00:00-23:59", false, true, 1712829540},
    {"2024-04-10T10:00:00+24:00", false, false, 0},
    {"2024-04-10T10:00:00+01:60", false, false, 0},
    {"2024-04-10T10:00:00+0100", false, false, 0},
    {"2024-04-10T10:00:00x01:00", false, false, 0},
    {"2024-04-10T10:00:00Z ", false, false, 0},
    {" 2024-04-10T10:00:00Z", false, false, 0},
    {"2024-04-10 10:00:00Z", false, false, 0},
    {"24-04-10T10:00:00Z", false, false, 0},
    {"+024-04-10T10:00:00Z", false, false, 0},
    {"2024-04-10", false, false, 0},
    {"", false, false, 0},
    /* RFC 9110 section 5.6.7: an IMF-fixdate; the obsolete forms nobody sends */
    {"Sun, 06 Nov 1994 08:49:37 GMT", true, true, 784111777},
    {"Mon, 01 Jan 2024 00:00:00 GMT", true, true, 1704067200},
    {"Sun, 31 Dec 2023 23:59:59 GMT", true, true, 1704067199},
    {"Mon, 01 JanFeb 2024 00:00:00 GMT", true, false, 0},
    {"Mon, 01 ", true, false, 0},
    {"Sunday, 06-Nov-94 08:49:37 GMT", true, false, 0},
    {"Sun Nov  6 08:49:37 1994", true, false, 0},
    {"Sun, 06 nov 1994 08:49:37 GMT", true, false, 0},
    {"Sun, 06 anF 1994 08:49:37 GMT", true, false, 0},
    {"Xun, 06 Nov 1994 08:49:37 GMT", true, false, 0},
    {"Sun, 31 Nov 1994 08:49:37 GMT", true, false, 0},
    {"Sun, 06 Nov 1994 08:49:37 UTC", true, false, 0},
    {"Sun, 06 Nov 1994 08:49:37 GMT+1", true, false, 0},
    {"", true, false, 0},
};

static void test_dates(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t seconds = -1;
        bool ok = rows[i].http ? atls_time_of_http(rows[i].text, &seconds)
                               : atls_time_of_rfc3339(rows[i].text, &seconds);
        if (ok != rows[i].ok || (ok && seconds != rows[i].seconds)) {
            fail_msg("\"%s\": expected %s%lld, came %s%lld", rows[i].text, rows[i].ok ? "" : "no ",
                     (long long)rows[i].seconds, ok ? "" : "no ", (long long)seconds);
        }
    }
}

/* The verifier's clock counts, not that of this machine. */
static void test_lifetime(void **state)
{
    const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";

    assert_int_equal(atls_lifetime("1994-11-06T08:52:07.9Z", date), 150);
    assert_int_equal(atls_lifetime("1994-11-06T09:49:38+01:00", date), 1);
    assert_int_equal(atls_lifetime("1994-11-06T08:49:37Z", date), 0);
    assert_int_equal(atls_lifetime("1994-11-06T08:00:00Z", date), 0);
    assert_int_equal(atls_lifetime("soon", date), 0);
    assert_int_equal(atls_lifetime(NULL, date), 0);
    assert_int_equal(atls_lifetime("1994-11-06T08:52:07Z", NULL), 0);
    assert_int_equal(atls_lifetime("1994-11-06T08:52:07Z", "yesterday"), 0);
    assert_true(atls_lifetime("9999-01-01T00:00:00Z", NULL) > 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_lifetime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

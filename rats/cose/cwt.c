/* SPDX-License-Identifier: Apache-2.0 */
/* Whose claim it is, and when a token may be believed. */
#include "rats/cose/cwt.h"

#include <math.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-item.h"

#define NUMERIC_DATE "RFC 8392 section 2"

int atls_cwt_read_key(struct atls_cbor_reader *r, int64_t *keyp)
{
    enum atls_cbor_type type = atls_cbor_peek(r);

    if ((type == ATLS_CBOR_UINT || type == ATLS_CBOR_NINT) &&
        atls_cbor_read_int(r, "claim key", keyp) == 0)
        return 0;
    *keyp = INT64_MIN;
    return atls_cbor_skip(r);
}

bool atls_cwt_is_time(int64_t key)
{
    return key == ATLS_CLAIM_EXP || key == ATLS_CLAIM_NBF || key == ATLS_CLAIM_IAT;
}

static const char *name_of(int64_t key)
{
    return key == ATLS_CLAIM_EXP ? "exp (4)" : key == ATLS_CLAIM_NBF ? "nbf (5)" : "iat (6)";
}

static int read_float(struct atls_cbor_reader *r, const char *name, double *valuep)
{
    double value = 0;
    int result = atls_cbor_read_float(r, name, &value);

    if (result == 0 && !isfinite(value))
        result =
            atls_fail(ATLS_E_MALFORMED, NUMERIC_DATE, "%s: expected a number of seconds, came %s",
                      name, isnan(value) ? "NaN" : "infinity");
    if (result == 0)
        *valuep = value;
    return result;
}

static int read_date(struct atls_cbor_reader *r, int64_t key, double *valuep)
{
    const char *name = name_of(key);
    int64_t whole = 0;
    int result;

    switch (atls_cbor_peek(r)) {
    case ATLS_CBOR_FLOAT:
        if (key == ATLS_CLAIM_IAT)
            return atls_fail(ATLS_E_MALFORMED, "RFC 9711 section 4.3.1",
                             "%s: expected an integer, came a float", name);
        return read_float(r, name, valuep);
    case ATLS_CBOR_UINT:
    case ATLS_CBOR_NINT:
        result = atls_cbor_read_int(r, name, &whole);
        if (result == 0)
            *valuep = (double)whole;
        return result;
    default:
        return atls_fail(ATLS_E_MALFORMED, NUMERIC_DATE,
                         "%s: expected a number of seconds without a tag, came %s", name,
                         atls_cbor_type_name(atls_cbor_peek(r)));
    }
}

int atls_cwt_read_time(struct atls_cbor_reader *r, int64_t key, struct atls_cwt_times *times)
{
    double value = 0;
    const char *clause = r->clause;
    int result;

    r->clause = NUMERIC_DATE;
    result = read_date(r, key, &value);
    r->clause = clause;
    if (result)
        return result;
    if (key == ATLS_CLAIM_EXP) {
        times->has_exp = true;
        times->exp = value;
    } else if (key == ATLS_CLAIM_NBF) {
        times->has_nbf = true;
        times->nbf = value;
    } else {
        times->has_iat = true;
        times->iat = value;
    }
    return 0;
}

int atls_cwt_check_times(const struct atls_cwt_times *times, const char *what, int64_t now)
{
    double at = (double)now;

    if (times->has_exp && at - ATLS_CWT_LEEWAY >= times->exp)
        return atls_fail(ATLS_E_EXPIRED, "RFC 8392 section 3.1.4",
                         "the %s expired at %.0f (exp), it is %lld", what, times->exp,
                         (long long)now);
    if (times->has_nbf && at + ATLS_CWT_LEEWAY < times->nbf)
        return atls_fail(ATLS_E_EXPIRED, "RFC 8392 section 3.1.5",
                         "the %s is not valid before %.0f (nbf), it is %lld", what, times->nbf,
                         (long long)now);
    if (times->has_iat && at + ATLS_CWT_LEEWAY < times->iat)
        return atls_fail(ATLS_E_EXPIRED, "RFC 8392 section 3.1.6",
                         "the %s was issued in the future, at %.0f (iat), it is %lld", what,
                         times->iat, (long long)now);
    return 0;
}

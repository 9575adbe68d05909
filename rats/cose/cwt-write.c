/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the times of a CWT; nothing here allocates, since it is a device that writes them. */
#include "rats/cose/cwt.h"

#include <stddef.h>

size_t atls_cwt_times_count(const struct atls_cwt_times *times)
{
    return (size_t)times->has_exp + times->has_nbf + times->has_iat;
}

static void write_time(struct atls_cbor_writer *w, unsigned key, bool there, double value)
{
    if (!there)
        return;
    atls_cbor_write_uint(w, key);
    atls_cbor_write_int(w, (int64_t)value);
}

void atls_cwt_write_times(struct atls_cbor_writer *w, const struct atls_cwt_times *times)
{
    write_time(w, ATLS_CLAIM_EXP, times->has_exp, times->exp);
    write_time(w, ATLS_CLAIM_NBF, times->has_nbf, times->nbf);
    write_time(w, ATLS_CLAIM_IAT, times->has_iat, times->iat);
}

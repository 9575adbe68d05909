/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of claims share: keys, and the times of a CBOR Web Token (RFC 8392 section 3.1.4
 * to 3.1.6), as KAT, PAT, PSA and CCA tokens may have them beside their own claims. */
#ifndef ATLS_RATS_COSE_CWT_H
#define ATLS_RATS_COSE_CWT_H

#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"

enum { ATLS_CLAIM_EXP = 4, ATLS_CLAIM_NBF = 5, ATLS_CLAIM_IAT = 6 };

#define ATLS_CWT_LEEWAY 2 /* seconds by which clocks may differ, as for results */

struct atls_cwt_times { /* seconds since 1970; NumericDate may have a fraction */
    bool has_exp, has_nbf, has_iat;
    double exp, nbf, iat;
};

/* Reads the key of a claim. One that is no integer of 64 bits is nobody's here: INT64_MIN stands
 * for it. ATLS_E_MALFORMED, of what is no item. */
int atls_cwt_read_key(struct atls_cbor_reader *r, int64_t *keyp);
/* Is KEY one of the three? Then its value is to be read: an integer or a finite float without tag 1
 * (RFC 8392 section 2); iat an integer (RFC 9711 section 4.3.1). ATLS_E_MALFORMED. */
bool atls_cwt_is_time(int64_t key);
int atls_cwt_read_time(struct atls_cbor_reader *r, int64_t key, struct atls_cwt_times *times);
/* How many of them there are, and writes those as integers: they come first in a map of claims
 * (RFC 8949 section 4.2.1). */
size_t atls_cwt_times_count(const struct atls_cwt_times *times);
void atls_cwt_write_times(struct atls_cbor_writer *w, const struct atls_cwt_times *times);
/* Is the token WHAT to be accepted at NOW? ATLS_E_EXPIRED: on or after exp, before nbf, or issued
 * in the future; each by more than ATLS_CWT_LEEWAY. */
int atls_cwt_check_times(const struct atls_cwt_times *times, const char *what, int64_t now);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of COSE share among themselves: labels, and the headers of a message. */
#ifndef ATLS_RATS_COSE_COSE_READ_H
#define ATLS_RATS_COSE_COSE_READ_H

#include "rats/cose/cose.h"

/* More parameters than any profile has; bounds the comparison of the two headers. */
enum { ATLS_COSE_LABELS_MAX = 32 };

bool atls_cose_label_is(const struct atls_cose_label *label, int64_t number);
int atls_cose_read_label(struct atls_cbor_reader *r, const char *what,
                         struct atls_cose_label *labelp);
/* Is a container of COUNT entries, DONE of which were read, at its end? */
bool atls_cose_at_end(struct atls_cbor_reader *r, size_t count, size_t done);

struct atls_cose_header { /* what was found in the two buckets so far */
    struct atls_cose_label labels[2 * ATLS_COSE_LABELS_MAX];
    size_t count, protected_count;
    bool has_alg, has_iv, has_partial_iv;
    struct atls_cose_label alg;
    unsigned critical, present; /* of the parameters that are understood: which ones crit names, and
                                 * which ones the protected header has; bit N is parameter N */
    bool has_unknown;           /* crit names a parameter that nobody understands here */
    struct atls_cose_label unknown;
    struct atls_bytes key_id, content_type;
    int content_format; /* -1 where absent */
};
/* The next item of R is one bucket; the protected one comes first. Every parameter that RFC 9052
 * or RFC 9360 knows has its type. */
int atls_cose_read_header(struct atls_cbor_reader *r, bool is_protected,
                          struct atls_cose_header *header);
/* The protected bucket in its byte string, which is empty where the map would be. */
int atls_cose_read_protected(struct atls_bytes encoded, const char *clause,
                             struct atls_cose_header *header);

#endif

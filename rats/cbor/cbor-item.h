/* SPDX-License-Identifier: Apache-2.0 */
/* One CBOR item's head, decoded: what the reader and its opening check share. Not for others. */
#ifndef ATLS_RATS_CBOR_CBOR_ITEM_H
#define ATLS_RATS_CBOR_CBOR_ITEM_H

#include "rats/cbor/cbor-read.h"

#define ATLS_CBOR_DEPTH_MAX 64 /* bound of every atls_cbor_rules.max_depth */

struct atls_cbor_item {
    enum atls_cbor_type type;  /* ATLS_CBOR_END is a break */
    bool indefinite;           /* string, array or map of indefinite length */
    uint64_t argument;         /* number, length, count, tag, simple value, bits of the float */
    size_t head_size;          /* bytes before the content */
    size_t size;               /* bytes of the head and, of a definite string, its content */
    struct atls_bytes content; /* of a definite string */
};

/* Decodes the head at AT; says nothing of what is nested in it. ATLS_E_MALFORMED: truncated, or
 * not well-formed (RFC 8949 section 3); *ITEMP is then of no use. */
int atls_cbor_item_decode(struct atls_bytes in, size_t at, struct atls_cbor_item *itemp);
/* Are the head and, for floats, the value in preferred form (RFC 8949 section 4.1)? */
bool atls_cbor_item_is_preferred(const struct atls_cbor_item *item);
/* The bits of a float, of whatever width, as those of the equal binary64 value. */
uint64_t atls_cbor_item_double_bits(const struct atls_cbor_item *item);
const char *atls_cbor_type_name(enum atls_cbor_type type);

/* Where the largest container lies within the outermost one; both 0 where there is none. */
struct atls_cbor_widest {
    size_t at, end;
};
/* Well-formed and as the rules have it, as atls_cbor_open() promises. */
int atls_cbor_check(struct atls_bytes in, const struct atls_cbor_rules *rules,
                    struct atls_cbor_widest *widestp);

#endif

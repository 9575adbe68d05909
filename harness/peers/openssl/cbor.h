/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR (RFC 8949), read in two steps: cbor_check() looks at every byte once, bounded in depth and
 * size; what it has passed can then be walked without further questions. Debian's libcbor would
 * read duplicate keys, and would nest two thousand deep.
 */
#ifndef PEER_CBOR_H
#define PEER_CBOR_H

#include "base.h"

enum cbor_major {
    CBOR_UINT,
    CBOR_NINT,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE
};
struct cbor_rules {
    bool indefinite;  /* arrays and maps of no definite length may be there */
    bool unpreferred; /* and numbers longer than they need be */
};
/* IN is one item, well-formed, with nothing behind it, no map with a key twice, texts in UTF-8. */
int cbor_check(struct bytes in, struct cbor_rules rules, const char *reason, const char *clause,
               struct why *why);

struct cbor_item {
    enum cbor_major major;
    uint64_t argument;    /* the number, or of a negative one -1 - n; the tag; the simple value */
    struct bytes content; /* of a string; of array, map and tag what is inside */
    struct bytes encoded; /* all of it */
    bool indefinite;
};
/* The first item of IN, which must have been checked. IN moves behind it. */
struct cbor_item cbor_item(struct bytes *in);
/* The value of a map under an integer or text key; false where there is none. */
bool cbor_find(const struct cbor_item *map, int64_t key, struct cbor_item *valuep);
bool cbor_find_text(const struct cbor_item *map, const char *key, struct cbor_item *valuep);
bool cbor_is_int(const struct cbor_item *item, int64_t value);

void cbor_put_head(struct blob *blob, enum cbor_major major, uint64_t argument);
void cbor_put_bytes(struct blob *blob, struct bytes bytes);
void cbor_put_text(struct blob *blob, const char *text);

#endif

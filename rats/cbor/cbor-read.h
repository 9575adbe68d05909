/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict CBOR reader over libcbor's streaming decoder. Opening checks the whole input first:
 * well-formed, UTF-8 valid, preferred encodings, no duplicate map keys, no indefinite lengths
 * (unless allowed), depth and item count bounded, nothing behind the first item. Afterwards the
 * items are pulled one by one; a wrong type is ATLS_E_MALFORMED, with the clause.
 */
#ifndef ATLS_RATS_CBOR_CBOR_READ_H
#define ATLS_RATS_CBOR_CBOR_READ_H

#include "rats/base/bytes.h"

struct atls_cbor_rules {
    size_t max_size;        /* bytes of input */
    unsigned max_depth;     /* arrays, maps and tags inside one another; 64 at most is in force */
    size_t max_items;       /* all items together, and the chunks of strings */
    bool allow_indefinite;  /* indefinite lengths, where a format does not forbid them */
    bool allow_unpreferred; /* longer heads, floats and bignums than needed, for what others signed
                             */
    bool allow_repeated_keys; /* which RFC 8949 section 5.6 calls not valid: only to find out what
                               * somebody else makes of it */
    bool skip_unknown; /* for readers above: members of a map that they do not know are skipped, not
                        * refused. CBOR itself is the same */
};
extern const struct atls_cbor_rules atls_cbor_strict;  /* 1 MiB, depth 16, 131072 items */
extern const struct atls_cbor_rules atls_cbor_lenient; /* the same, both allowances */

/* The first seven are the major types 0 to 6. */
enum atls_cbor_type {
    ATLS_CBOR_UINT,
    ATLS_CBOR_NINT,
    ATLS_CBOR_BYTES,
    ATLS_CBOR_TEXT,
    ATLS_CBOR_ARRAY,
    ATLS_CBOR_MAP,
    ATLS_CBOR_TAG,
    ATLS_CBOR_BOOL,
    ATLS_CBOR_NULL,
    ATLS_CBOR_UNDEFINED,
    ATLS_CBOR_SIMPLE,
    ATLS_CBOR_FLOAT,
    ATLS_CBOR_END /* nothing more */
};

struct atls_cbor_reader {
    struct atls_bytes in; /* borrowed: outlives the reader */
    size_t at;
    const struct atls_cbor_rules *rules;
    const char *clause;        /* grammar that the messages name */
    size_t widest, widest_end; /* largest container within the outermost one, as the check met it:
                                  most of what is skipped, and needs no second walk */
};

/* 0, -ENOMEM, ATLS_E_MALFORMED or ATLS_E_LIMIT. RULES NULL means strict. What breaks CBOR itself is
 * reported with the clause of RFC 8949; CLAUSE is for what is read afterwards. Keys are compared by
 * value, not by how they are written. */
int atls_cbor_open(struct atls_cbor_reader *r, struct atls_bytes in,
                   const struct atls_cbor_rules *rules, const char *clause);
enum atls_cbor_type atls_cbor_peek(const struct atls_cbor_reader *r); /* END also at a break */
/* Each reads one item of its type and says in its message WHAT was expected; another type, or a
 * number that VALUEP cannot hold, is ATLS_E_MALFORMED and does not move. A string in more than one
 * chunk cannot be borrowed: ATLS_E_UNSUPPORTED. */
int atls_cbor_read_uint(struct atls_cbor_reader *r, const char *what, uint64_t *valuep);
int atls_cbor_read_int(struct atls_cbor_reader *r, const char *what, int64_t *valuep);
int atls_cbor_read_bytes(struct atls_cbor_reader *r, const char *what, struct atls_bytes *valuep);
int atls_cbor_read_text(struct atls_cbor_reader *r, const char *what, struct atls_bytes *valuep);
int atls_cbor_read_bool(struct atls_cbor_reader *r, const char *what, bool *valuep);
int atls_cbor_read_null(struct atls_cbor_reader *r, const char *what);
/* Of whatever width; infinity and NaN, too. */
int atls_cbor_read_float(struct atls_cbor_reader *r, const char *what, double *valuep);
int atls_cbor_read_tag(struct atls_cbor_reader *r, const char *what, uint64_t *tagp);
/* Heads of containers; SIZE_MAX as the count means indefinite: read until atls_cbor_at_break(). */
int atls_cbor_read_array(struct atls_cbor_reader *r, const char *what, size_t *countp);
int atls_cbor_read_map(struct atls_cbor_reader *r, const char *what, size_t *countp);
bool atls_cbor_at_break(struct atls_cbor_reader *r); /* consumes the break */
/* Is there one more item (in a map: pair) in a container? *LEFT began as its count and is counted
 * down; of an indefinite length the break is consumed. */
bool atls_cbor_next(struct atls_cbor_reader *r, size_t *left);
int atls_cbor_skip(struct atls_cbor_reader *r);
/* The encoded bytes of the next item, and moves behind it. */
int atls_cbor_read_encoded(struct atls_cbor_reader *r, struct atls_bytes *itemp);
int atls_cbor_close(const struct atls_cbor_reader *r); /* everything was read */

/* Checks IN as atls_cbor_open() does, and copies it with definite lengths and each string in one
 * piece (*OUTP is allocated), for readers that count and borrow. The same errors. */
int atls_cbor_make_definite(struct atls_bytes in, const struct atls_cbor_rules *rules,
                            uint8_t **outp, size_t *sizep);

#endif

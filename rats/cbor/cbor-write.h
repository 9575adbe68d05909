/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CBOR writer for deterministic encoding (RFC 8949 4.2.1): shortest heads, definite lengths, map
 * keys in bytewise order of their encodings. It never allocates (firmware uses it), and it checks
 * its caller: too few or too many items, or a key out of order, is an error seen at the end.
 * With NULL as the buffer it only counts.
 */
#ifndef ATLS_RATS_CBOR_CBOR_WRITE_H
#define ATLS_RATS_CBOR_CBOR_WRITE_H

#include "rats/base/bytes.h"

#define ATLS_CBOR_WRITE_DEPTH 12 /* arrays, maps and tags inside one another */
#define ATLS_CBOR_HEAD_MAX 9

struct atls_cbor_writer {
    uint8_t *buffer;
    size_t capacity;
    size_t used;
    int error;
    const char *error_text;
    unsigned depth;
    struct {
        size_t left;         /* items still to come at this level */
        bool is_map, at_key; /* in a map: whether the next item is a key */
        size_t item;         /* where the last one begins; offsets into the buffer */
        size_t previous_key, previous_key_size;
    } level[ATLS_CBOR_WRITE_DEPTH + 1]; /* level 0 holds the one item of the message */
};

/* The shortest head (RFC 8949 4.1) of MAJOR type 0..7 with its argument; returns its size. */
size_t atls_cbor_head(unsigned major, uint64_t argument, uint8_t headp[ATLS_CBOR_HEAD_MAX]);

void atls_cbor_write_init(struct atls_cbor_writer *w, uint8_t *buffer, size_t capacity);
void atls_cbor_write_uint(struct atls_cbor_writer *w, uint64_t value);
void atls_cbor_write_int(struct atls_cbor_writer *w, int64_t value);
void atls_cbor_write_bytes(struct atls_cbor_writer *w, struct atls_bytes value);
void atls_cbor_write_text(struct atls_cbor_writer *w, const char *value);
void atls_cbor_write_text_bytes(struct atls_cbor_writer *w, struct atls_bytes utf8);
void atls_cbor_write_bool(struct atls_cbor_writer *w, bool value);
void atls_cbor_write_null(struct atls_cbor_writer *w);
void atls_cbor_write_tag(struct atls_cbor_writer *w, uint64_t tag); /* the tagged item follows */
/* COUNT items follow (for a map: COUNT pairs); the level closes itself after the last one. */
void atls_cbor_write_array(struct atls_cbor_writer *w, size_t count);
void atls_cbor_write_map(struct atls_cbor_writer *w, size_t count);
/* One item that is already encoded (the caller vouches for its form). */
void atls_cbor_write_encoded(struct atls_cbor_writer *w, struct atls_bytes item);
/* 0 and the bytes; ATLS_E_LIMIT where the buffer is too small; -EINVAL where the caller broke the
 * rules above. With a NULL buffer only the size is meaningful. */
int atls_cbor_write_done(struct atls_cbor_writer *w, struct atls_bytes *bytesp);

#endif

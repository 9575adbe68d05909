/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte strings and the one cursor with which untrusted lengths are read. No other code does
 * pointer arithmetic on bytes that came from outside.
 */
#ifndef ATLS_RATS_BASE_BYTES_H
#define ATLS_RATS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns. An empty string may have a NULL pointer. */
struct atls_bytes {
    const uint8_t *data;
    size_t size;
};

#define ATLS_BYTES(pointer, count) ((struct atls_bytes){(const uint8_t *)(pointer), (count)})
struct atls_bytes atls_bytes_of_text(const char *text);
bool atls_bytes_equal(struct atls_bytes a, struct atls_bytes b);
/* Equal, in time that depends on the sizes only: for nonces, hashes, binders. */
bool atls_bytes_equal_secret(struct atls_bytes a, struct atls_bytes b);
bool atls_bytes_is_text(struct atls_bytes a, const char *text);
/* Is it UTF-8 as RFC 3629 section 4 has it: no overlong forms, no surrogates, up to U+10FFFF? */
bool atls_bytes_is_utf8(struct atls_bytes in);

/* A cursor reads big-endian integers and length-prefixed vectors; it cannot leave its bytes.
 * Every call returns 0, or ATLS_E_MALFORMED without moving. WHAT names the field in the message,
 * CLAUSE (set once) the grammar. */
struct atls_cursor {
    const uint8_t *at;
    size_t left;
    const char *clause;
};

struct atls_cursor atls_cursor_of(struct atls_bytes in, const char *clause);
int atls_cursor_u8(struct atls_cursor *c, const char *what, uint8_t *valuep);
int atls_cursor_u16(struct atls_cursor *c, const char *what, uint16_t *valuep);
int atls_cursor_u24(struct atls_cursor *c, const char *what, uint32_t *valuep);
int atls_cursor_u32(struct atls_cursor *c, const char *what, uint32_t *valuep);
int atls_cursor_take(struct atls_cursor *c, const char *what, size_t size,
                     struct atls_bytes *bytesp);
/* A TLS vector (RFC 8446 3.4): a length of PREFIX bytes (1, 2, 3), from LEAST to MOST bytes, then
 * the bytes. */
int atls_cursor_vector(struct atls_cursor *c, const char *what, unsigned prefix, size_t least,
                       size_t most, struct atls_bytes *bytesp);
/* Nothing may be left. */
int atls_cursor_end(const struct atls_cursor *c, const char *what);

/* A bounded output without allocation; overflow is sticky and is seen by atls_sink_done(). */
struct atls_sink {
    uint8_t *data;
    size_t capacity;
    size_t used;
    bool overflow;
};

struct atls_sink atls_sink_of(uint8_t *data, size_t capacity);
void atls_sink_u8(struct atls_sink *s, uint8_t value);
void atls_sink_u16(struct atls_sink *s, uint16_t value);
void atls_sink_u24(struct atls_sink *s, uint32_t value);
void atls_sink_u32(struct atls_sink *s, uint32_t value);
void atls_sink_bytes(struct atls_sink *s, struct atls_bytes bytes);
void atls_sink_vector(struct atls_sink *s, unsigned prefix, struct atls_bytes bytes);
/* 0 and what was written, or ATLS_E_LIMIT where it did not fit. */
int atls_sink_done(const struct atls_sink *s, struct atls_bytes *bytesp);

#endif

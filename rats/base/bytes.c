/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursor and sink: the only two places where the bounds of outside bytes are checked, so that no
 * parser or writer has to.
 */
#include "rats/base/bytes.h"

#include <string.h>

#include "rats/base/error.h"

struct atls_bytes atls_bytes_of_text(const char *text)
{
    return ATLS_BYTES(text, text ? strlen(text) : 0);
}

bool atls_bytes_equal(struct atls_bytes a, struct atls_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool atls_bytes_equal_secret(struct atls_bytes a, struct atls_bytes b)
{
    volatile uint8_t difference = 0; /* volatile: the compiler must not leave the loop early */

    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

bool atls_bytes_is_text(struct atls_bytes a, const char *text)
{
    return atls_bytes_equal(a, atls_bytes_of_text(text));
}

/* Bytes of the UTF-8 sequence of several bytes at IN (RFC 3629 section 4), 0 where there is no
 * valid one. */
static size_t utf8_sequence(struct atls_bytes in)
{
    uint8_t first = in.data[0];
    uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte: overlong, surrogate, too big */
    size_t size;

    if (first >= 0xc2 && first <= 0xdf)
        size = 2;
    else if (first >= 0xe0 && first <= 0xef)
        size = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        size = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (in.size < size || in.data[1] < low || in.data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((in.data[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

bool atls_bytes_is_utf8(struct atls_bytes in)
{
    for (size_t at = 0, size; at < in.size; at += size) {
        size = in.data[at] < 0x80 ? 1 : utf8_sequence(ATLS_BYTES(in.data + at, in.size - at));
        if (size == 0)
            return false;
    }
    return true;
}

struct atls_cursor atls_cursor_of(struct atls_bytes in, const char *clause)
{
    return (struct atls_cursor){.at = in.data, .left = in.size, .clause = clause};
}

/* Takes a big-endian number of SIZE bytes. */
static int cursor_number(struct atls_cursor *c, const char *what, size_t size, uint32_t *valuep)
{
    struct atls_bytes bytes = {NULL, 0};
    uint32_t value = 0;
    int result = atls_cursor_take(c, what, size, &bytes);

    if (result)
        return result;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    *valuep = value;
    return 0;
}

int atls_cursor_u8(struct atls_cursor *c, const char *what, uint8_t *valuep)
{
    uint32_t value;
    int result = cursor_number(c, what, 1, &value);

    if (result == 0)
        *valuep = (uint8_t)value;
    return result;
}

int atls_cursor_u16(struct atls_cursor *c, const char *what, uint16_t *valuep)
{
    uint32_t value;
    int result = cursor_number(c, what, 2, &value);

    if (result == 0)
        *valuep = (uint16_t)value;
    return result;
}

int atls_cursor_u24(struct atls_cursor *c, const char *what, uint32_t *valuep)
{
    return cursor_number(c, what, 3, valuep);
}

int atls_cursor_u32(struct atls_cursor *c, const char *what, uint32_t *valuep)
{
    return cursor_number(c, what, 4, valuep);
}

int atls_cursor_take(struct atls_cursor *c, const char *what, size_t size,
                     struct atls_bytes *bytesp)
{
    if (size > c->left)
        return atls_fail(ATLS_E_MALFORMED, c->clause, "%s: expected %zu bytes, %zu are left", what,
                         size, c->left);
    *bytesp = ATLS_BYTES(c->at, size);
    if (size > 0) { /* an empty string may have a NULL pointer */
        c->at += size;
        c->left -= size;
    }
    return 0;
}

int atls_cursor_vector(struct atls_cursor *c, const char *what, unsigned prefix, size_t least,
                       size_t most, struct atls_bytes *bytesp)
{
    struct atls_cursor trial = *c;
    uint32_t size;
    int result = cursor_number(&trial, what, prefix, &size);

    if (result)
        return result;
    if (size < least || size > most)
        return atls_fail(ATLS_E_MALFORMED, c->clause,
                         "%s: expected a length of %zu to %zu bytes, came %lu", what, least, most,
                         (unsigned long)size);
    result = atls_cursor_take(&trial, what, size, bytesp);
    if (result == 0)
        *c = trial;
    return result;
}

int atls_cursor_end(const struct atls_cursor *c, const char *what)
{
    if (c->left == 0)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, c->clause, "%s: expected the end, %zu bytes follow", what,
                     c->left);
}

struct atls_sink atls_sink_of(uint8_t *data, size_t capacity)
{
    return (struct atls_sink){.data = data, .capacity = capacity};
}

void atls_sink_bytes(struct atls_sink *s, struct atls_bytes bytes)
{
    if (s->overflow || bytes.size > s->capacity - s->used) {
        s->overflow = true;
        return;
    }
    if (bytes.size > 0)
        memmove(s->data + s->used, bytes.data, bytes.size);
    s->used += bytes.size;
}

/* Puts the SIZE low bytes of VALUE, big-endian; a value that needs more is an overflow. */
static void sink_number(struct atls_sink *s, unsigned size, size_t value)
{
    uint8_t bytes[4];

    if (size > sizeof bytes || (size < sizeof value && value >> (8 * size) != 0)) {
        s->overflow = true;
        return;
    }
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    atls_sink_bytes(s, ATLS_BYTES(bytes, size));
}

void atls_sink_u8(struct atls_sink *s, uint8_t value)
{
    sink_number(s, 1, value);
}

void atls_sink_u16(struct atls_sink *s, uint16_t value)
{
    sink_number(s, 2, value);
}

void atls_sink_u24(struct atls_sink *s, uint32_t value)
{
    sink_number(s, 3, value);
}

void atls_sink_u32(struct atls_sink *s, uint32_t value)
{
    sink_number(s, 4, value);
}

void atls_sink_vector(struct atls_sink *s, unsigned prefix, struct atls_bytes bytes)
{
    sink_number(s, prefix, bytes.size);
    atls_sink_bytes(s, bytes);
}

int atls_sink_done(const struct atls_sink *s, struct atls_bytes *bytesp)
{
    if (s->overflow)
        return atls_fail(ATLS_E_LIMIT, NULL, "output does not fit into %zu bytes", s->capacity);
    *bytesp = ATLS_BYTES(s->data, s->used);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deterministic CBOR writer. A mistake of the caller (a count that is not kept, keys out of
 * order) would give a message that peers refuse far from here, so each item is checked as it is
 * written, and the first mistake is kept until atls_cbor_write_done().
 */
#include "rats/cbor/cbor-write.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

enum {
    MAJOR_UINT,
    MAJOR_NINT,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_ARRAY,
    MAJOR_MAP,
    MAJOR_TAG,
    MAJOR_SIMPLE
};
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22 };

size_t atls_cbor_head(unsigned major, uint64_t argument, uint8_t headp[ATLS_CBOR_HEAD_MAX])
{
    unsigned size; /* bytes of the argument behind the first one */

    if (argument < 24) {
        headp[0] = (uint8_t)(major << 5 | argument);
        return 1;
    }
    if (argument <= UINT8_MAX)
        size = 1;
    else if (argument <= UINT16_MAX)
        size = 2;
    else if (argument <= UINT32_MAX)
        size = 4;
    else
        size = 8;
    headp[0] = (uint8_t)(major << 5 | (size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27));
    for (unsigned i = 0; i < size; i++)
        headp[1 + i] = (uint8_t)(argument >> (8 * (size - 1 - i)));
    return 1 + size;
}

static void refuse(struct atls_cbor_writer *w, const char *text)
{
    if (w->error)
        return;
    w->error = -EINVAL;
    w->error_text = text;
}

/* Counts always, writes only what fits: the size that would be needed stays known. BYTES may
 * overlap the buffer, and may lie in their place already. */
static void put(struct atls_cbor_writer *w, struct atls_bytes bytes)
{
    if (w->buffer && w->used <= w->capacity && bytes.size <= w->capacity - w->used &&
        bytes.size > 0 && bytes.data != w->buffer + w->used)
        memmove(w->buffer + w->used, bytes.data, bytes.size);
    w->used += bytes.size;
}

/* Bytewise lexicographic order of encodings, RFC 8949 section 4.2.1. */
static int compare_keys(struct atls_bytes a, struct atls_bytes b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

    if (order)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* A key has just been completed at this level: it must come behind the one before it. */
static void check_key(struct atls_cbor_writer *w, unsigned depth)
{
    size_t key = w->level[depth].item, size = w->used - key;

    if (w->buffer && w->used <= w->capacity) { /* before the first one is a key of no bytes */
        struct atls_bytes previous = {w->buffer + w->level[depth].previous_key,
                                      w->level[depth].previous_key_size};
        int order = compare_keys(previous, ATLS_BYTES(w->buffer + key, size));

        if (order >= 0)
            refuse(w, order == 0 ? "duplicate map key" : "map keys out of order");
    }
    w->level[depth].previous_key = key;
    w->level[depth].previous_key_size = size;
}

/* Must be called before the first byte of each item; false where none may come. */
static bool begin_item(struct atls_cbor_writer *w)
{
    if (w->error)
        return false;
    if (w->level[w->depth].left == 0) { /* deeper levels close themselves: only level 0 is full */
        refuse(w, "an item behind the end of the message");
        return false;
    }
    w->level[w->depth].item = w->used;
    return true;
}

/* An item is complete, and with it perhaps the containers around it. */
static void end_item(struct atls_cbor_writer *w)
{
    for (;;) {
        unsigned depth = w->depth;

        if (w->level[depth].is_map) {
            if (w->level[depth].at_key)
                check_key(w, depth);
            w->level[depth].at_key = !w->level[depth].at_key;
        }
        w->level[depth].left--;
        if (w->level[depth].left > 0 || depth == 0)
            return;
        w->depth--;
    }
}

static void put_head(struct atls_cbor_writer *w, unsigned major, uint64_t argument)
{
    uint8_t head[ATLS_CBOR_HEAD_MAX];

    put(w, ATLS_BYTES(head, atls_cbor_head(major, argument, head)));
}

static void put_scalar(struct atls_cbor_writer *w, unsigned major, uint64_t argument)
{
    if (!begin_item(w))
        return;
    put_head(w, major, argument);
    end_item(w);
}

static void put_string(struct atls_cbor_writer *w, unsigned major, struct atls_bytes value)
{
    if (!begin_item(w))
        return;
    put_head(w, major, value.size);
    put(w, value);
    end_item(w);
}

/* A container of ITEMS items (keys and values each count); COUNT is what its head says. */
static void open_level(struct atls_cbor_writer *w, unsigned major, uint64_t count, size_t items)
{
    if (!begin_item(w))
        return;
    put_head(w, major, count);
    if (items == 0) {
        end_item(w);
        return;
    }
    if (w->depth == ATLS_CBOR_WRITE_DEPTH) {
        refuse(w, "containers nested too deeply");
        return;
    }
    w->depth++;
    memset(&w->level[w->depth], 0, sizeof w->level[w->depth]);
    w->level[w->depth].left = items;
    w->level[w->depth].is_map = w->level[w->depth].at_key = major == MAJOR_MAP;
}

void atls_cbor_write_init(struct atls_cbor_writer *w, uint8_t *buffer, size_t capacity)
{
    memset(w, 0, sizeof *w);
    w->buffer = buffer;
    w->capacity = capacity;
    w->level[0].left = 1;
}

void atls_cbor_write_uint(struct atls_cbor_writer *w, uint64_t value)
{
    put_scalar(w, MAJOR_UINT, value);
}

void atls_cbor_write_int(struct atls_cbor_writer *w, int64_t value)
{
    if (value < 0)
        put_scalar(w, MAJOR_NINT, (uint64_t)(-1 - value));
    else
        put_scalar(w, MAJOR_UINT, (uint64_t)value);
}

void atls_cbor_write_bytes(struct atls_cbor_writer *w, struct atls_bytes value)
{
    put_string(w, MAJOR_BYTES, value);
}

void atls_cbor_write_text(struct atls_cbor_writer *w, const char *value)
{
    atls_cbor_write_text_bytes(w, atls_bytes_of_text(value));
}

void atls_cbor_write_text_bytes(struct atls_cbor_writer *w, struct atls_bytes utf8)
{
    if (!atls_bytes_is_utf8(utf8))
        refuse(w, "text that is not UTF-8");
    put_string(w, MAJOR_TEXT, utf8);
}

void atls_cbor_write_bool(struct atls_cbor_writer *w, bool value)
{
    put_scalar(w, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void atls_cbor_write_null(struct atls_cbor_writer *w)
{
    put_scalar(w, MAJOR_SIMPLE, SIMPLE_NULL);
}

void atls_cbor_write_tag(struct atls_cbor_writer *w, uint64_t tag)
{
    open_level(w, MAJOR_TAG, tag, 1);
}

void atls_cbor_write_array(struct atls_cbor_writer *w, size_t count)
{
    open_level(w, MAJOR_ARRAY, count, count);
}

void atls_cbor_write_map(struct atls_cbor_writer *w, size_t count)
{
    if (count > SIZE_MAX / 2) {
        refuse(w, "a map of more pairs than there are bytes");
        return;
    }
    open_level(w, MAJOR_MAP, count, 2 * count);
}

void atls_cbor_write_encoded(struct atls_cbor_writer *w, struct atls_bytes item)
{
    if (!begin_item(w))
        return;
    if (item.size == 0) {
        refuse(w, "an encoded item of no bytes");
        return;
    }
    put(w, item);
    end_item(w);
}

int atls_cbor_write_done(struct atls_cbor_writer *w, struct atls_bytes *bytesp)
{
    if (!w->error && (w->depth > 0 || w->level[0].left > 0))
        refuse(w, "fewer items than announced");
    if (w->error)
        return atls_fail(w->error, "RFC 8949 section 4.2.1", "CBOR writer: %s, at byte %zu",
                         w->error_text, w->used);
    if (w->buffer && w->used > w->capacity)
        return atls_fail(ATLS_E_LIMIT, NULL, "CBOR writer: %zu bytes needed, the buffer has %zu",
                         w->used, w->capacity);
    *bytesp = ATLS_BYTES(w->buffer, w->used);
    return 0;
}

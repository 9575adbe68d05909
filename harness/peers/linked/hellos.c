/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hellos, read from what the transport carries: until ServerHello all of TLS is in the open
 * (RFC 8446 section 5.1), so that any library whose transport the adapter brings shows them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/peers/linked/peer.h"
#include "rats/base/error.h"

#define RECORD_HANDSHAKE 22
#define HELLO_MAX (1u << 18) /* bytes of one handshake message */
#define HEADER 4

/* RFC 8446 section 4.1.3: a ServerHello with this random is a HelloRetryRequest. */
static const uint8_t retry_random[32] = {
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

static int append(struct hello_stream *stream, const uint8_t *data, size_t size)
{
    if (stream->size + size > HELLO_MAX)
        return atls_fail(ATLS_E_LIMIT, NULL, "a hello of at most %u bytes was expected", HELLO_MAX);
    if (stream->size + size > stream->capacity) {
        size_t capacity = stream->size + size + 1024;
        uint8_t *bigger = realloc(stream->data, capacity);
        if (bigger == NULL)
            return atls_fail(-ENOMEM, NULL, "no memory for a hello");
        stream->data = bigger;
        stream->capacity = capacity;
    }
    memcpy(stream->data + stream->size, data, size);
    stream->size += size;
    return 0;
}

static bool is_retry(unsigned type, struct atls_bytes body)
{
    return type == ATLS_HS_SERVER_HELLO && body.size >= 34 &&
           memcmp(body.data + 2, retry_random, sizeof retry_random) == 0;
}

/* Every whole message of STREAM goes to the transcript. */
static int take_messages(struct connection *c, struct hello_stream *stream)
{
    while (!c->hellos_over && stream->size >= HEADER) {
        size_t size =
            (size_t)stream->data[1] << 16 | (size_t)stream->data[2] << 8 | stream->data[3];
        if (size > HELLO_MAX - HEADER)
            return atls_fail(ATLS_E_LIMIT, NULL, "a hello of at most %u bytes was expected",
                             HELLO_MAX);
        if (stream->size < HEADER + size)
            return 0;
        unsigned type = stream->data[0];
        struct atls_bytes body = ATLS_BYTES(stream->data + HEADER, size);
        bool retry = is_retry(type, body);
        int result =
            atls_transcript_add(&c->hellos, retry ? ATLS_HS_HELLO_RETRY_REQUEST : type, body);
        if (result != 0)
            return result;
        c->hrr = c->hrr || retry;
        c->hellos_over = type == ATLS_HS_SERVER_HELLO && !retry;
        stream->size -= HEADER + size;
        memmove(stream->data, stream->data + HEADER + size, stream->size);
    }
    return 0;
}

static int take_record(struct connection *c, struct hello_stream *stream, const uint8_t **atp,
                       size_t *leftp)
{
    size_t part = *leftp < stream->record_left ? *leftp : stream->record_left;
    int result = stream->handshake ? append(stream, *atp, part) : 0;
    *atp += part;
    *leftp -= part;
    stream->record_left -= part;
    return result == 0 && stream->handshake ? take_messages(c, stream) : result;
}

int hellos_feed(struct connection *c, bool sent, struct atls_bytes bytes)
{
    struct hello_stream *stream = &c->streams[sent];
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    int result = 0;
    while (result == 0 && left > 0 && !c->hellos_over) {
        if (stream->record_left > 0) {
            result = take_record(c, stream, &at, &left);
            continue;
        }
        stream->record[stream->record_have++] = *at++;
        left--;
        if (stream->record_have < sizeof stream->record)
            continue;
        stream->record_have = 0;
        stream->handshake = stream->record[0] == RECORD_HANDSHAKE;
        stream->record_left = (size_t)stream->record[3] << 8 | stream->record[4];
    }
    /* A broken hello is the library's to refuse; it only has no binder. */
    if (result < 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    if (result != 0)
        c->hellos_over = true;
    return 0;
}

int hellos_client(const struct connection *c, struct atls_bytes *randomp,
                  struct atls_bytes *extensionsp)
{
    const struct atls_transcript *t = &c->hellos;
    size_t which = t->retried && t->count > 2 ? 2 : 0;
    if (t->count <= which)
        return atls_fail(ATLS_E_MISSING, NULL, "a ClientHello was expected, none was seen");
    size_t from = which == 0 ? 0 : t->end[which - 1];
    struct atls_cursor cursor =
        atls_cursor_of(ATLS_BYTES(t->bytes + from + HEADER, t->end[which] - from - HEADER),
                       "RFC 8446 section 4.1.2");
    struct atls_bytes skipped;
    int result = atls_cursor_take(&cursor, "version", 2, &skipped);
    if (result == 0)
        result = atls_cursor_take(&cursor, "random", 32, randomp);
    if (result == 0)
        result = atls_cursor_vector(&cursor, "legacy_session_id", 1, 0, 32, &skipped);
    if (result == 0)
        result = atls_cursor_vector(&cursor, "cipher_suites", 2, 2, UINT16_MAX, &skipped);
    if (result == 0)
        result = atls_cursor_vector(&cursor, "legacy_compression_methods", 1, 1, 255, &skipped);
    if (result == 0)
        result = atls_cursor_vector(&cursor, "extensions", 2, 0, UINT16_MAX, extensionsp);
    return result;
}

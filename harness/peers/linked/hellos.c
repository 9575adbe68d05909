/* SPDX-License-Identifier: Apache-2.0 */
/* Records into messages, up to ServerHello. */
#include "harness/peers/linked/hellos.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define RECORD_HANDSHAKE 22
#define HELLO_MAX (1u << 18) /* bytes of one handshake message */
#define HEADER 4
#define STOPPED INT_MIN /* by the session, which knows why */

/* RFC 8446 section 4.1.3: a ServerHello with this random is a HelloRetryRequest. */
static const uint8_t retry_random[32] = {
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

static int append(struct hello_stream *stream, const uint8_t *data, size_t size)
{
    if (stream->size + size > HELLO_MAX)
        return atls_fail(ATLS_E_LIMIT, NULL, "expected a hello of at most %u bytes", HELLO_MAX);
    if (stream->size + size > stream->capacity) {
        size_t capacity = stream->size + size + 1024;
        uint8_t *bigger = realloc(stream->data, capacity);
        if (!bigger)
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
static int take_messages(struct wire_hellos *hellos, struct hello_stream *stream)
{
    while (!hellos->over && stream->size >= HEADER) {
        size_t size =
            (size_t)stream->data[1] << 16 | (size_t)stream->data[2] << 8 | stream->data[3];
        if (size > HELLO_MAX - HEADER)
            return atls_fail(ATLS_E_LIMIT, NULL, "expected a hello of at most %u bytes", HELLO_MAX);
        if (stream->size < HEADER + size)
            return 0;
        unsigned type = stream->data[0];
        struct atls_bytes body = ATLS_BYTES(stream->data + HEADER, size);
        bool retry = is_retry(type, body);
        enum atls_handshake_type hello =
            retry ? ATLS_HS_HELLO_RETRY_REQUEST : (enum atls_handshake_type)type;
        int result = atls_transcript_add(&hellos->transcript, hello, body);
        if (result != 0)
            return result;
        hellos->clients += type == ATLS_HS_CLIENT_HELLO;
        if (session_hello_message(hellos->s, hello, body) != 0)
            return STOPPED;
        hellos->over = type == ATLS_HS_SERVER_HELLO && !retry;
        stream->size -= HEADER + size;
        memmove(stream->data, stream->data + HEADER + size, stream->size);
    }
    return 0;
}

static int take_record(struct wire_hellos *hellos, struct hello_stream *stream, const uint8_t **atp,
                       size_t *leftp)
{
    size_t part = *leftp < stream->record_left ? *leftp : stream->record_left;
    int result = stream->handshake ? append(stream, *atp, part) : 0;
    *atp += part;
    *leftp -= part;
    stream->record_left -= part;
    return result == 0 && stream->handshake ? take_messages(hellos, stream) : result;
}

int hellos_feed(struct wire_hellos *hellos, bool sent, struct atls_bytes bytes)
{
    struct hello_stream *stream = &hellos->streams[sent];
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    int result = 0;
    while (result == 0 && left > 0 && !hellos->over) {
        if (stream->record_left > 0) {
            result = take_record(hellos, stream, &at, &left);
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
    if (result == STOPPED)
        return -1;
    if (result < 0)
        return session_fail(hellos->s, "internal", -1, NULL, NULL);
    if (result != 0)
        hellos->over = true;
    return 0;
}

int hellos_random(const struct wire_hellos *hellos, struct atls_bytes *randomp)
{
    const struct atls_transcript *t = &hellos->transcript;
    size_t which = t->retried && t->count > 2 ? 2 : 0;
    if (t->count <= which)
        return atls_fail(ATLS_E_MISSING, NULL, "expected a ClientHello, none was seen");
    size_t from = which == 0 ? 0 : t->end[which - 1];
    struct atls_cursor cursor =
        atls_cursor_of(ATLS_BYTES(t->bytes + from + HEADER, t->end[which] - from - HEADER),
                       "RFC 8446 section 4.1.2");
    struct atls_bytes skipped;
    int result = atls_cursor_take(&cursor, "version", 2, &skipped);
    return result == 0 ? atls_cursor_take(&cursor, "random", 32, randomp) : result;
}

void hellos_init(struct wire_hellos *hellos, struct atls_session *s)
{
    *hellos = (struct wire_hellos){.s = s};
    atls_transcript_init(&hellos->transcript, ATLS_TRANSCRIPT_MAX);
}

void hellos_clear(struct wire_hellos *hellos)
{
    for (size_t i = 0; i < 2; i++)
        free(hellos->streams[i].data);
    atls_transcript_clear(&hellos->transcript);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake transcripts: which message may come, and the four readings of a HelloRetryRequest. */
#include "tls/wire/transcript.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define HEADER 4

/* SHA-256 of "HelloRetryRequest": the random by which it is told from a ServerHello (4.1.3). */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static const char *const reading_names[ATLS_RETRY_COUNT] = {
    [ATLS_RETRY_MESSAGE_HASH] = "message-hash",
    [ATLS_RETRY_ALL] = "all",
    [ATLS_RETRY_FIRST_HELLO] = "first-hello",
    [ATLS_RETRY_SECOND_HELLO] = "second-hello",
};

const char *atls_hello_retry_name(enum atls_hello_retry reading)
{
    return (unsigned)reading < ATLS_RETRY_COUNT ? reading_names[reading] : NULL;
}

int atls_hello_retry_parse(const char *name, enum atls_hello_retry *readingp)
{
    for (unsigned i = 0; i < ATLS_RETRY_COUNT; i++)
        if (strcmp(name, reading_names[i]) == 0) {
            *readingp = (enum atls_hello_retry)i;
            return 0;
        }
    return atls_fail(ATLS_E_UNSUPPORTED, "RFC 8446 section 4.4.1",
                     "reading of a HelloRetryRequest: expected message-hash, all, first-hello or "
                     "second-hello, came \"%s\"",
                     name);
}

void atls_transcript_init(struct atls_transcript *t, size_t most)
{
    memset(t, 0, sizeof *t);
    t->most = most;
}

void atls_transcript_clear(struct atls_transcript *t)
{
    free(t->bytes);
    memset(t, 0, sizeof *t);
}

/* Of a ServerHello: its suite, and whether it is a HelloRetryRequest. */
static int read_server_hello(struct atls_bytes body, uint16_t *suitep, bool *retryp)
{
    struct atls_cursor c = atls_cursor_of(body, "RFC 8446 section 4.1.3");
    struct atls_bytes random, session_id;
    uint16_t version;
    int result = atls_cursor_u16(&c, "legacy_version", &version);

    if (!result)
        result = atls_cursor_take(&c, "random", sizeof retry_random, &random);
    if (!result)
        result = atls_cursor_vector(&c, "legacy_session_id_echo", 1, 0, 32, &session_id);
    if (!result)
        result = atls_cursor_u16(&c, "cipher_suite", suitep);
    if (!result)
        *retryp = atls_bytes_equal(random, ATLS_BYTES(retry_random, sizeof retry_random));
    return result;
}

/* The message of TYPE at this place, and what it changes. */
static int check_order(const struct atls_transcript *t, unsigned type, struct atls_bytes body,
                       uint16_t *suitep, bool *retriedp)
{
    size_t hellos = t->retried ? 4 : 2;
    unsigned expected = t->count % 2 == 0 ? ATLS_HS_CLIENT_HELLO : ATLS_HS_SERVER_HELLO;
    bool retry = false;
    int result;

    if (t->count >= hellos) {
        if (type == ATLS_HS_CLIENT_HELLO || type == ATLS_HS_SERVER_HELLO)
            return atls_fail(ATLS_E_MALFORMED, "RFC 8446 section 4.1",
                             "message %zu of the handshake: expected no hello, came type %u",
                             t->count + 1, type);
        return 0;
    }
    if (type != expected)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8446 section 4",
                         "message %zu of the handshake: expected type %u, came %u", t->count + 1,
                         expected, type);
    if (type == ATLS_HS_CLIENT_HELLO)
        return 0;
    result = read_server_hello(body, suitep, &retry);
    if (result)
        return result;
    if (t->retried && retry)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8446 section 4.1.4",
                         "expected a ServerHello, came a second HelloRetryRequest");
    if (t->retried && *suitep != t->suite)
        return atls_fail(ATLS_E_MISMATCH, "RFC 8446 section 4.1.4",
                         "cipher suite: HelloRetryRequest has 0x%04x, ServerHello 0x%04x", t->suite,
                         *suitep);
    *retriedp = t->retried || retry;
    return 0;
}

/* Room for MORE bytes. The buffer grows with what came, never with what is announced. */
static int reserve(struct atls_transcript *t, size_t more)
{
    size_t capacity = t->capacity ? t->capacity : 2048;
    uint8_t *bytes;

    if (t->count == ATLS_TRANSCRIPT_MESSAGES || more > t->most - t->size)
        return atls_fail(ATLS_E_LIMIT, NULL,
                         "handshake transcript: %zu messages of %zu bytes and one of %zu are "
                         "beyond %d messages or %zu bytes",
                         t->count, t->size, more, ATLS_TRANSCRIPT_MESSAGES, t->most);
    while (capacity < t->size + more)
        capacity *= 2;
    if (capacity == t->capacity)
        return 0;
    bytes = realloc(t->bytes, capacity);
    if (!bytes)
        return atls_fail(-ENOMEM, NULL, "handshake transcript: no memory for %zu bytes", capacity);
    t->bytes = bytes;
    t->capacity = capacity;
    return 0;
}

int atls_transcript_add(struct atls_transcript *t, unsigned type, struct atls_bytes body)
{
    uint16_t suite = t->suite;
    bool retried = t->retried;
    uint8_t *at;
    int result;

    if (type == ATLS_HS_NEW_SESSION_TICKET || type == ATLS_HS_KEY_UPDATE)
        return 0;
    if (type == ATLS_HS_HELLO_RETRY_REQUEST)
        type = ATLS_HS_SERVER_HELLO;
    if (type > UINT8_MAX || type == ATLS_HS_MESSAGE_HASH || body.size > 0xffffff)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8446 section 4",
                         "handshake message of type %u and %zu bytes", type, body.size);
    result = check_order(t, type, body, &suite, &retried);
    if (!result)
        result = reserve(t, HEADER + body.size);
    if (result)
        return result;
    at = t->bytes + t->size;
    at[0] = (uint8_t)type;
    at[1] = (uint8_t)(body.size >> 16);
    at[2] = (uint8_t)(body.size >> 8);
    at[3] = (uint8_t)body.size;
    if (body.size)
        memcpy(at + HEADER, body.data, body.size);
    t->size += HEADER + body.size;
    t->end[t->count++] = t->size;
    t->suite = suite;
    t->retried = retried;
    return 0;
}

void atls_transcript_truncate(struct atls_transcript *t, size_t count)
{
    size_t hellos = t->retried ? 4 : 2;

    if (count < hellos)
        count = hellos;
    if (count >= t->count)
        return;
    t->count = count;
    t->size = t->end[count - 1];
}

/* Bytes of the messages FROM to (not with) TO. */
static struct atls_bytes messages(const struct atls_transcript *t, size_t from, size_t to)
{
    size_t start = from ? t->end[from - 1] : 0;

    return ATLS_BYTES(t->bytes + start, t->end[to - 1] - start);
}

int atls_transcript_before(const struct atls_transcript *t, unsigned type, size_t *countp)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->bytes[i ? t->end[i - 1] : 0] == type) {
            *countp = i;
            return 0;
        }
    return atls_fail(ATLS_E_MISSING, NULL, "handshake transcript: no message of type %u", type);
}

int atls_transcript_hellos(const struct atls_transcript *t, size_t *countp)
{
    size_t hellos = t->retried ? 4 : 2;

    if (t->count < hellos)
        return atls_fail(ATLS_E_MISSING, "RFC 8446 section 4.1.3",
                         "handshake transcript: no ServerHello came yet");
    *countp = hellos;
    return 0;
}

int atls_transcript_alg(const struct atls_transcript *t, enum atls_hash *hashp)
{
    if (t->count < 2)
        return atls_fail(ATLS_E_MISSING, "RFC 8446 section 4.4.1",
                         "handshake transcript: no ServerHello came yet that names the hash");
    switch (t->suite) { /* RFC 8446 appendix B.4 */
    case 0x1301:        /* TLS_AES_128_GCM_SHA256 */
    case 0x1303:        /* TLS_CHACHA20_POLY1305_SHA256 */
    case 0x1304:        /* TLS_AES_128_CCM_SHA256 */
    case 0x1305:        /* TLS_AES_128_CCM_8_SHA256 */
        *hashp = ATLS_SHA256;
        return 0;
    case 0x1302: /* TLS_AES_256_GCM_SHA384 */
        *hashp = ATLS_SHA384;
        return 0;
    }
    return atls_fail(ATLS_E_UNSUPPORTED, "RFC 8446 appendix B.4",
                     "cipher suite 0x%04x: its hash is not known", t->suite);
}

int atls_transcript_hash(const struct atls_transcript *t, const struct atls_crypto *crypto,
                         enum atls_hello_retry reading, size_t count, uint8_t *digestp)
{
    uint8_t first[HEADER + ATLS_HASH_MAX] = {ATLS_HS_MESSAGE_HASH};
    struct atls_bytes parts[2];
    enum atls_hash hash = ATLS_SHA256;
    size_t used = 0;
    int result = atls_transcript_alg(t, &hash);

    if (result)
        return result;
    if (count == 0 || count > t->count)
        return atls_fail(-EINVAL, NULL, "handshake transcript: %zu of %zu messages", count,
                         t->count);
    if (count == 1 || !t->retried || reading == ATLS_RETRY_ALL) {
        parts[used++] = messages(t, 0, count);
    } else if (reading == ATLS_RETRY_MESSAGE_HASH) {
        struct atls_bytes hello = messages(t, 0, 1);

        first[3] = (uint8_t)atls_hash_size(hash);
        result = crypto->hash(hash, &hello, 1, first + HEADER);
        if (result)
            return result;
        parts[used++] = ATLS_BYTES(first, HEADER + atls_hash_size(hash));
        parts[used++] = messages(t, 1, count);
    } else {
        if (count < 4 || (unsigned)reading >= ATLS_RETRY_COUNT)
            return atls_fail(-EINVAL, NULL,
                             "handshake transcript: the first %zu messages have no reading %d",
                             count, (int)reading);
        parts[used++] = reading == ATLS_RETRY_FIRST_HELLO ? messages(t, 0, 1) : messages(t, 2, 3);
        parts[used++] = messages(t, 3, count);
    }
    return crypto->hash(hash, parts, used, digestp);
}

int atls_transcript_hash_hellos(const struct atls_transcript *t, const struct atls_crypto *crypto,
                                enum atls_hello_retry reading, uint8_t *digestp)
{
    size_t count = 0;
    int result = atls_transcript_hellos(t, &count);

    return result ? result : atls_transcript_hash(t, crypto, reading, count, digestp);
}

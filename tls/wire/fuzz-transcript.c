/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcripts of whatever messages a peer sends: type, length of 24 bits, body, one behind the
 * other. What was refused must not be in them, and every prefix has its hashes.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/wire/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* Touches every byte, so that a sanitizer sees each that is not there. */
static int sum(enum atls_hash alg, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    memset(digestp, 0, atls_hash_size(alg));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < parts[i].size; k++)
            digestp[k % atls_hash_size(alg)] ^= parts[i].data[k];
    return 0;
}

static const struct atls_crypto fake = {.name = "fake", .hash = sum};

static void check(const struct atls_transcript *t)
{
    size_t hellos = 0, hashed;
    enum atls_hash hash;
    uint8_t digest[ATLS_HASH_MAX];
    bool has_hash = atls_transcript_alg(t, &hash) == 0;
    bool has_hellos = atls_transcript_hellos(t, &hellos) == 0;

    MUST(t->size == (t->count ? t->end[t->count - 1] : 0) && t->size <= t->most);
    MUST(!has_hellos || hellos == (t->retried ? 4 : 2));
    for (unsigned reading = 0; reading < ATLS_RETRY_COUNT; reading++) {
        hashed = 0;
        for (size_t count = 0; count <= t->count + 1; count++)
            if (atls_transcript_hash(t, &fake, (enum atls_hello_retry)reading, count, digest) == 0)
                hashed++;
        if (!has_hash)
            MUST(hashed == 0);
        else if (!t->retried || reading <= ATLS_RETRY_ALL)
            MUST(hashed == t->count);
        else /* none between the hellos */
            MUST(hashed == (t->count < 4 ? 1 : t->count - 2));
        MUST((atls_transcript_hash_hellos(t, &fake, (enum atls_hello_retry)reading, digest) == 0) ==
             (has_hash && has_hellos));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(data, size), NULL);
    struct atls_transcript t;
    struct atls_bytes body;
    uint8_t type;

    atls_transcript_init(&t, 4096);
    while (atls_cursor_u8(&c, "type", &type) == 0 &&
           atls_cursor_vector(&c, "body", 3, 0, 0xffffff, &body) == 0) {
        size_t count = t.count, bytes = t.size;
        int result = atls_transcript_add(&t, type, body);

        MUST(result >= 0);
        if (result != 0 || type == ATLS_HS_NEW_SESSION_TICKET || type == ATLS_HS_KEY_UPDATE)
            MUST(t.count == count && t.size == bytes);
        else
            MUST(t.count == count + 1 && t.size == bytes + 4 + body.size);
    }
    check(&t);
    atls_transcript_truncate(&t, 3);
    check(&t);
    atls_transcript_clear(&t);
    return 0;
}

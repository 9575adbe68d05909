/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells one key exchange from another, for the event of the handshake: the random of the
 * ClientHello, which is the connection's name in key logs, and the hashes of both key shares. Two
 * ends whose shares are the same have the same g^xy (RFC 8446 section 7.4); whoever stands between
 * them with shares of its own is seen by that, whatever it knows. Only read where events are heard;
 * what is no hello is left for the library to refuse.
 */
#include <string.h>

#include "rats/json/json.h"
#include "tls/engine/session-internal.h"

#define KEY_SHARE 51 /* RFC 8446 section 4.2 */
#define CLAUSE "RFC 8446 section 4.2.8"

/* The body of key_share in the extensions that C is at. */
static bool find_key_share(struct atls_cursor *c, struct atls_bytes *bodyp)
{
    struct atls_bytes list, body;
    uint16_t type;
    if (atls_cursor_vector(c, "extensions", 2, 0, 65535, &list) != 0)
        return false;
    struct atls_cursor in = atls_cursor_of(list, CLAUSE);
    while (in.left > 0) {
        if (atls_cursor_u16(&in, "extension_type", &type) != 0 ||
            atls_cursor_vector(&in, "extension_data", 2, 0, 65535, &body) != 0)
            return false;
        if (type == KEY_SHARE) {
            *bodyp = body;
            return true;
        }
    }
    return false;
}

static bool read_share(struct atls_cursor *c, struct hello_share *share)
{
    struct atls_bytes key;
    return atls_cursor_u16(c, "group", &share->group) == 0 &&
           atls_cursor_vector(c, "key_exchange", 2, 1, 65535, &key) == 0 &&
           atls_crypto_hosted.hash(ATLS_SHA256, &key, 1, share->hash) == 0;
}

static void note_client_hello(struct hello_shares *shares, struct atls_bytes message)
{
    struct atls_cursor c = atls_cursor_of(message, CLAUSE);
    struct atls_bytes random, skipped, body, list;
    uint16_t version;
    shares->count = 0;
    if (atls_cursor_u16(&c, "legacy_version", &version) != 0 ||
        atls_cursor_take(&c, "random", sizeof shares->random, &random) != 0 ||
        atls_cursor_vector(&c, "legacy_session_id", 1, 0, 32, &skipped) != 0 ||
        atls_cursor_vector(&c, "cipher_suites", 2, 0, 65535, &skipped) != 0 ||
        atls_cursor_vector(&c, "legacy_compression_methods", 1, 0, 255, &skipped) != 0)
        return;
    memcpy(shares->random, random.data, random.size);
    shares->has_random = true;
    if (!find_key_share(&c, &body))
        return;
    c = atls_cursor_of(body, CLAUSE);
    if (atls_cursor_vector(&c, "client_shares", 2, 0, 65535, &list) != 0)
        return;
    c = atls_cursor_of(list, CLAUSE);
    while (c.left > 0 && shares->count < HELLO_SHARES_MAX &&
           read_share(&c, &shares->client[shares->count]))
        shares->count++;
}

static void note_server_hello(struct hello_shares *shares, struct atls_bytes message)
{
    struct atls_cursor c = atls_cursor_of(message, CLAUSE);
    struct atls_bytes skipped, body;
    uint16_t number;
    uint8_t method;
    shares->has_server = false;
    if (atls_cursor_u16(&c, "legacy_version", &number) != 0 ||
        atls_cursor_take(&c, "random", sizeof shares->random, &skipped) != 0 ||
        atls_cursor_vector(&c, "legacy_session_id_echo", 1, 0, 32, &skipped) != 0 ||
        atls_cursor_u16(&c, "cipher_suite", &number) != 0 ||
        atls_cursor_u8(&c, "legacy_compression_method", &method) != 0 || !find_key_share(&c, &body))
        return;
    c = atls_cursor_of(body, CLAUSE);
    shares->has_server = read_share(&c, &shares->server);
}

void session_note_shares(struct atls_session *s, enum atls_handshake_type type,
                         struct atls_bytes message)
{
    if (!atls_events_heard(s->party->events))
        return;
    if (type == ATLS_HS_CLIENT_HELLO)
        note_client_hello(&s->shares, message);
    else if (type == ATLS_HS_SERVER_HELLO)
        note_server_hello(&s->shares, message);
}

void report_shares(const struct atls_session *s, json_t **fieldsp)
{
    const struct hello_shares *shares = &s->shares;
    if (shares->has_random)
        atls_json_add(fieldsp, "random",
                      atls_json_hex(ATLS_BYTES(shares->random, sizeof shares->random)));
    for (size_t i = 0; shares->has_server && i < shares->count; i++)
        if (shares->client[i].group == shares->server.group) {
            json_t *pair = json_array();
            atls_json_append(&pair, atls_json_hex(ATLS_BYTES(shares->client[i].hash, 32)));
            atls_json_append(&pair, atls_json_hex(ATLS_BYTES(shares->server.hash, 32)));
            atls_json_add(fieldsp, "key_shares", pair);
            return;
        }
}

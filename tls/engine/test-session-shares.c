/* SPDX-License-Identifier: Apache-2.0 */
/* The random and the key shares of hellos, sound and cut: what is noted of them, and told. */
#include <stdlib.h>
#include <string.h>

#include "rats/json/json.h"
#include "rats/test/test-table.h"
#include "tls/engine/session-internal.h"

#define RANDOM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* Of RFC 8446 section 4.1.2 and 4.1.3, up to the extensions. */
#define CLIENT "0303" RANDOM "01 ee 0002 1301 01 00"
#define SERVER "0303" RANDOM "01 ee 1301 00"
#define SERVER_HELLO SERVER "0009 0033 0005 001d 0001 bb"

static const struct share_row {
    const char *name, *client, *server;
    size_t count; /* of the client's */
    bool has_server;
    const char *keys[2]; /* that are told to belong together */
} share_rows[] = {
    {"one", CLIENT "000b 0033 0007 0005 001d 0001 aa", SERVER_HELLO, 1, true, {"aa", "bb"}},
    {"behind another extension",
     CLIENT "0010 002b 0001 00 0033 0007 0005 001d 0001 aa",
     SERVER_HELLO,
     1,
     true,
     {"aa", "bb"}},
    {"the second one",
     CLIENT "0010 0033 000c 000a 0017 0001 cc 001d 0001 aa",
     SERVER_HELLO,
     2,
     true,
     {"aa", "bb"}},
    {"of another group",
     CLIENT "000b 0033 0007 0005 0017 0001 aa",
     SERVER_HELLO,
     1,
     true,
     {NULL, NULL}},
    {"sound ahead of half a one",
     CLIENT "000e 0033 000a 0008 001d 0001 aa 0017 00",
     SERVER_HELLO,
     1,
     true,
     {"aa", "bb"}},
    {"no extensions", CLIENT, SERVER, 0, false, {NULL, NULL}},
    {"none", CLIENT "0004 002b 0000", SERVER "0004 002b 0000", 0, false, {NULL, NULL}},
    {"half an extension", CLIENT "0003 002b 00", SERVER "0003 002b 00", 0, false, {NULL, NULL}},
    {"an extension beyond the block",
     CLIENT "0004 0033 0001",
     SERVER "0004 0033 0001",
     0,
     false,
     {NULL, NULL}},
    {"a list beyond the extension",
     CLIENT "0006 0033 0002 0005",
     SERVER_HELLO,
     0,
     true,
     {NULL, NULL}},
    {"a key of no bytes",
     CLIENT "000a 0033 0006 0004 001d 0000",
     SERVER "0008 0033 0004 001d 0000",
     0,
     false,
     {NULL, NULL}},
    {"of a server alone", CLIENT, SERVER_HELLO, 0, true, {NULL, NULL}},
    {"of a client alone",
     CLIENT "000b 0033 0007 0005 001d 0001 aa",
     SERVER,
     1,
     false,
     {NULL, NULL}},
};

static struct atls_events *events;

static void note(struct atls_session *s, enum atls_handshake_type type, const char *text)
{
    struct atls_bytes message = test_bytes(text);
    session_note_shares(s, type, message);
    test_vector_free(message);
}

static void expect_hash(const json_t *came, const char *key)
{
    struct atls_bytes bytes = test_bytes(key);
    uint8_t digest[ATLS_HASH_MAX];
    char *text;
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &bytes, 1, digest), 0);
    text = atls_hex_encode(ATLS_BYTES(digest, 32));
    assert_non_null(text);
    assert_string_equal(json_string_value(came), text);
    free(text);
    test_vector_free(bytes);
}

static void shares(void **state)
{
    const struct share_row *row = *state;
    const struct atls_party party = {.events = events};
    struct atls_session *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->party = &party;
    /* What was noted before is forgotten: it was of a hello that was answered by a retry. */
    note(s, ATLS_HS_CLIENT_HELLO, share_rows[2].client);
    note(s, ATLS_HS_SERVER_HELLO, share_rows[2].server);
    note(s, ATLS_HS_CLIENT_HELLO, row->client);
    note(s, ATLS_HS_SERVER_HELLO, row->server);
    assert_int_equal(s->shares.count, row->count);
    assert_int_equal(s->shares.has_server, row->has_server);
    json_t *fields = json_object();
    report_shares(s, &fields);
    assert_string_equal(json_string_value(json_object_get(fields, "random")), RANDOM);
    const json_t *pair = json_object_get(fields, "key_shares");
    assert_int_equal(json_array_size(pair), row->keys[0] ? 2 : 0);
    for (size_t i = 0; i < json_array_size(pair); i++)
        expect_hash(json_array_get(pair, i), row->keys[i]);
    json_decref(fields);
    free(s);
}

/* Of a hello that ends ahead of its extensions nothing is noted, wherever that is. */
static void cut(void **state)
{
    struct atls_bytes client = test_bytes(CLIENT), server = test_bytes(SERVER_HELLO);
    const struct atls_party party = {.events = events};
    struct atls_session *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->party = &party;
    for (size_t size = 0; size < client.size; size++)
        session_note_shares(s, ATLS_HS_CLIENT_HELLO, ATLS_BYTES(client.data, size));
    assert_false(s->shares.has_random);
    for (size_t size = 0; size < server.size; size++) {
        session_note_shares(s, ATLS_HS_SERVER_HELLO, ATLS_BYTES(server.data, size));
        assert_false(s->shares.has_server);
    }
    json_t *fields = json_object();
    report_shares(s, &fields);
    assert_int_equal(json_object_size(fields), 0);
    json_decref(fields);
    test_vector_free(client);
    test_vector_free(server);
    free(s);
}

/* As many as there is room for; and none where nobody hears of them. */
static void bounds(void **state)
{
    uint8_t bytes[1024];
    struct atls_sink sink = atls_sink_of(bytes, sizeof bytes);
    struct atls_bytes head = test_bytes(CLIENT), hello;
    const size_t size = 5 * (HELLO_SHARES_MAX + 1);
    atls_sink_bytes(&sink, head);
    atls_sink_u16(&sink, (uint16_t)(size + 6));
    atls_sink_u16(&sink, 51);
    atls_sink_u16(&sink, (uint16_t)(size + 2));
    atls_sink_u16(&sink, (uint16_t)size);
    for (size_t i = 0; i < HELLO_SHARES_MAX + 1; i++) {
        atls_sink_u16(&sink, (uint16_t)i);
        atls_sink_vector(&sink, 2, ATLS_BYTES("k", 1));
    }
    assert_int_equal(atls_sink_done(&sink, &hello), 0);
    for (unsigned heard = 0; heard < 2; heard++) {
        const struct atls_party party = {.events = heard ? events : NULL};
        struct atls_session *s = calloc(1, sizeof *s);
        assert_non_null(s);
        s->party = &party;
        session_note_shares(s, ATLS_HS_CLIENT_HELLO, hello);
        assert_int_equal(s->shares.count, heard ? HELLO_SHARES_MAX : 0);
        assert_int_equal(s->shares.has_random, heard);
        session_note_shares(s, ATLS_HS_FINISHED, head);
        assert_int_equal(s->shares.count, heard ? HELLO_SHARES_MAX : 0);
        free(s);
    }
    test_vector_free(head);
}

int main(void)
{
    struct test_list list = {.count = 0};
    if (atls_events_open("/dev/null", "test", &events) != 0)
        return 2;
    TEST_ADD_ROWS(&list, shares, share_rows);
    TEST_ADD(&list, cut);
    TEST_ADD(&list, bounds);
    int result = test_run("session-shares", &list);
    return atls_events_close(events) == 0 ? result : 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A handshake in memory under each profile of a row, and what has to hold at its end. */
#include "tls/engine/test-profile-rows.h"

#include "rats/base/encoding.h"
#include "tls/engine/carrier-entry.h"
#include "tls/gnutls/stack-internal.h"

void open_connection(struct connection *c, const struct profile_row *row,
                     const struct atls_profile *profile)
{
    struct side client = row->client, server = row->server;
    *c = (struct connection){.there = {NULL, 0, 0}};
    client.profile = server.profile = profile;
    c->client.in = c->server.out = &c->back;
    c->server.in = c->client.out = &c->there;
    c->client.peer_gone = &c->server.gone;
    c->server.peer_gone = &c->client.gone;
    test_roles = row->roles;
    open_end(&c->client, ATLS_CLIENT, &client, row->p384);
    open_end(&c->server, ATLS_SERVER, &server, row->p384);
}

void close_connection(struct connection *c)
{
    close_end(&c->client);
    close_end(&c->server);
    free(c->there.data);
    free(c->back.data);
}

static void check_complete(const struct profile_row *row, const struct connection *c)
{
    struct atls_session *client = c->client.session, *server = c->server.session;
    assert_int_equal(client->hello.hrr, row->client.hrr || row->server.hrr);
    assert_int_equal(server->hello.hrr, client->hello.hrr);
    /* What is in a certificate is there though nobody asks. */
    bool inside = atls_carrier_of_party(client->party)->enrolled;
    if (!inside || row->server.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_equal(client->self.model, server->peer.model);
    if (!inside || row->client.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_equal(server->self.model, client->peer.model);
    if (!row->client.optional && row->client.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_not_equal(client->peer.model, ATLS_MODEL_NONE);
    if (!row->server.optional && row->server.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_not_equal(server->peer.model, ATLS_MODEL_NONE);
    check_keys(client, server);
}

/* The hellos as they were kept are those that the library hashed. */
static void check_transcript(struct atls_session *s)
{
    const struct gnutls_connection *c = atls_session_connection(s);
    struct atls_bytes secret, hellos;
    enum atls_hash hash;
    uint8_t digest[ATLS_HASH_MAX];
    if (!c->watch.secret)
        return;
    assert_int_equal(atls_handshake_secret_get(&c->secret, &hash, &secret, &hellos), 0);
    assert_int_equal(atls_transcript_hash_hellos(&s->entry->transcript, &atls_crypto_hosted,
                                                 ATLS_RETRY_MESSAGE_HASH, digest),
                     0);
    test_same_bytes(ATLS_BYTES(digest, atls_hash_size(hash)), hellos);
}

void a_connection(void **state)
{
    const struct profile_row *row = *state;
    for (size_t i = 0; i < row->profile_count; i++) {
        struct connection c;
        print_message("  %s\n", row->profiles[i]->name);
        open_connection(&c, row, row->profiles[i]);
        pump_ends(&c.client, &c.server);
        check_end("server", &c.server, row->server_reason, row->server_alert);
        check_end("client", &c.client, row->client_reason, row->client_alert);
        if (!row->client_reason && !row->server_reason) {
            check_complete(row, &c);
            check_transcript(c.client.session);
            check_transcript(c.server.session);
        }
        if (row->unjudged)
            assert_int_equal(test_roles.judged, 0);
        close_connection(&c);
    }
}

void a_narrow_connection(void **state)
{
    test_room = 301;
    a_connection(state);
    test_room = 0;
}

void same_body(const struct hello_body *body, const char *expected, struct atls_bytes nonce)
{
    uint8_t *head;
    size_t size;
    assert_true(body->present);
    assert_int_equal(atls_hex_decode(atls_bytes_of_text(expected), &head, &size), 0);
    assert_int_equal(body->size, size + (nonce.size > 0 ? 1 + nonce.size : 0));
    test_same_bytes(ATLS_BYTES(body->data, size), ATLS_BYTES(head, size));
    if (nonce.size > 0) {
        assert_int_equal(body->data[size], nonce.size);
        test_same_bytes(ATLS_BYTES(body->data + size + 1, nonce.size), nonce);
    }
    free(head);
}

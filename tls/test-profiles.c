/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole handshakes in memory under every profile: sides, models, HelloRetryRequest, and what each
 * draft has on the wire, byte for byte.
 */
#include "rats/encoding.h"
#include "tls/test-ends.h"

static const struct atls_profile *const ta_old[] = {&atls_profile_ta_02, &atls_profile_ta_03};

static const struct row {
    const char *name;
    const struct atls_profile *const *profiles; /* the row is for each of them */
    size_t profile_count;
    struct side client, server;
    const char *client_reason, *server_reason; /* NULL: complete */
    int client_alert, server_alert;            /* sent or received */
} rows[] = {
#define TA_OLD .profiles = ta_old, .profile_count = 2
    {.name = "plain X.509", TA_OLD},
    {.name = "client attested",
     TA_OLD,
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}}},
    {.name = "server attested",
     TA_OLD,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}}},
    {.name = "both attested",
     TA_OLD,
     .client = {.attester = {BG}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "HelloRetryRequest",
     TA_OLD,
     .client = {.attester = {BG}, .relying_party = {BG}, .hrr = true},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "falling back at the server",
     TA_OLD,
     .client = {.no_anchors = false},
     .server = {.relying_party = {BG}, .optional = true}},
    {.name = "nothing in common",
     TA_OLD,
     .client = {.attester = {BG}, .type = "cf:9"},
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "no-common-evidence-type",
     .client_alert = 224,
     .server_alert = 224},
    {.name = "required, and nothing proposed",
     TA_OLD,
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "attestation-missing",
     .client_alert = 109,
     .server_alert = 109},
    {.name = "an empty Certificate",
     TA_OLD,
     .client = {.attester = {BG}, .fault = "empty-certificate"},
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "attestation-missing",
     .client_alert = 116,
     .server_alert = 116},
    /* An empty nonce is legal by the older syntax, and no evidence can answer it (H4). */
    {.name = "an empty nonce",
     TA_OLD,
     .client = {.relying_party = {BG}, .fault = "nonce-length=0"},
     .server = {.attester = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "nonce-length",
     .client_alert = 50,
     .server_alert = 50},
};

struct connection {
    struct pipe there, back;
    struct end client, server;
};

static void open_connection(struct connection *c, const struct row *row,
                            const struct atls_profile *profile)
{
    struct side client = row->client, server = row->server;
    *c = (struct connection){.there = {NULL, 0, 0}};
    client.profile = server.profile = profile;
    c->client.in = c->server.out = &c->back;
    c->server.in = c->client.out = &c->there;
    c->client.peer_gone = &c->server.gone;
    c->server.peer_gone = &c->client.gone;
    test_roles = (struct test_roles){.padding = 0};
    open_end(&c->client, ATLS_CLIENT, &client, false);
    open_end(&c->server, ATLS_SERVER, &server, false);
}

static void close_connection(struct connection *c)
{
    close_end(&c->client);
    close_end(&c->server);
    free(c->there.data);
    free(c->back.data);
}

static void check_complete(const struct row *row, const struct connection *c)
{
    const struct atls_session *client = c->client.session, *server = c->server.session;
    assert_int_equal(client->hrr, row->client.hrr || row->server.hrr);
    assert_int_equal(server->hrr, client->hrr);
    assert_int_equal(client->self_model, server->peer_model);
    assert_int_equal(server->self_model, client->peer_model);
    if (!row->client.optional && row->client.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_not_equal(client->peer_model, ATLS_MODEL_NONE);
    if (!row->server.optional && row->server.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_not_equal(server->peer_model, ATLS_MODEL_NONE);
    if (client->self_model != ATLS_MODEL_NONE)
        test_same_bytes(ATLS_BYTES(client->signed_with, client->signed_with_size),
                        ATLS_BYTES(server->verified_with, server->verified_with_size));
    if (server->self_model != ATLS_MODEL_NONE)
        test_same_bytes(ATLS_BYTES(server->signed_with, server->signed_with_size),
                        ATLS_BYTES(client->verified_with, client->verified_with_size));
}

static void a_connection(void **state)
{
    const struct row *row = *state;
    for (size_t i = 0; i < row->profile_count; i++) {
        struct connection c;
        print_message("  %s\n", row->profiles[i]->name);
        open_connection(&c, row, row->profiles[i]);
        pump_ends(&c.client, &c.server);
        check_end("client", &c.client, row->client_reason, row->client_alert);
        check_end("server", &c.server, row->server_reason, row->server_alert);
        if (row->client_reason == NULL && row->server_reason == NULL)
            check_complete(row, &c);
        close_connection(&c);
    }
}

static const struct bytes_row {
    const char *name;
    const struct atls_profile *profile;
    const char *type;
    /* hexadecimal; what follows is a nonce of 32 bytes where the draft has one */
    const char *proposal, *request, *proposal_answer, *request_answer;
} bytes_rows[] = {
    {"ta-02, content format", &atls_profile_ta_02, "cf:263", "03000107", "03000107", "000107",
     "000107"},
    {"ta-03, content format", &atls_profile_ta_03, "cf:263", "0400000107", "0400000107", "00000107",
     "00000107"},
    {"ta-07, content format", &atls_profile_ta_07, "cf:263", "0400000107", "0400000107", "00000107",
     "00000107"},
    {"ta-02, media type", &atls_profile_ta_02, "a/b", "06010003612f62", "06010003612f62",
     "010003612f62", "010003612f62"},
    /* The octets that ta-07 swapped (H1). */
    {"ta-03, media type", &atls_profile_ta_03, "a/b", "0701000003612f62", "0701000003612f62",
     "01000003612f62", "01000003612f62"},
    {"ta-07, media type", &atls_profile_ta_07, "a/b", "0700010003612f62", "0700010003612f62",
     "00010003612f62", "00010003612f62"},
};

/* BODY is EXPECTED, and behind it the nonce where that has a size. */
static void same_body(const struct hello_body *body, const char *expected, struct atls_bytes nonce)
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

static void what_is_on_the_wire(void **state)
{
    const struct bytes_row *row = *state;
    struct row both = {.client = {.attester = {BG}, .relying_party = {BG}, .type = row->type},
                       .server = {.attester = {BG}, .relying_party = {BG}, .type = row->type}};
    const struct atls_bytes none = {NULL, 0};
    struct connection c;
    open_connection(&c, &both, row->profile);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    const struct atls_session *client = c.client.session, *server = c.server.session;
    same_body(&server->received[0], row->proposal, none);
    same_body(&server->received[1], row->request, client->challenge);
    same_body(&client->received[0], row->proposal_answer, server->challenge);
    same_body(&client->received[1], row->request_answer, none);
    close_connection(&c);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, what_is_on_the_wire, bytes_rows);
    int result = test_run("profiles", &list);
    test_pki_remove(&test_pki);
    return result;
}

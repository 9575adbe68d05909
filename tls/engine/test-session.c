/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole handshakes in memory, both sides of this program: every role and model on either side, what
 * may wait, and every failure with its reason and alert at both parties.
 */
#include "rats/test/test-table.h"
#include "tls/engine/test-ends.h"
#include "tls/engine/test-story.h"

static const struct row {
    const char *name;
    struct side client, server;
    struct test_roles roles;
    const char *client_reason, *server_reason; /* NULL: complete */
    int client_alert, server_alert;            /* sent or received */
    bool p384;
} rows[] = {
    {.name = "plain X.509"},
    {.name = "client attested", .client = {.attester = {BG}}, .server = {.relying_party = {BG}}},
    {.name = "server attested", .client = {.relying_party = {BG}}, .server = {.attester = {BG}}},
    {.name = "client, passport", .client = {.attester = {PP}}, .server = {.relying_party = {PP}}},
    {.name = "server, passport", .client = {.relying_party = {PP}}, .server = {.attester = {PP}}},
    {.name = "both, background check",
     .client = {.attester = {BG}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "both, passport",
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}}},
    {.name = "client background check, server passport",
     .client = {.attester = {BG}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {BG}}},
    {.name = "client passport, server background check",
     .client = {.attester = {PP}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {PP}}},
    {.name = "P-384",
     .client = {.attester = {BG}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {BG}},
     .p384 = true},
    {.name = "no X.509 anywhere where both attest",
     .client =
         {.attester = {BG}, .relying_party = {BG}, .no_certificate = true, .no_anchors = true},
     .server =
         {.attester = {BG}, .relying_party = {BG}, .no_certificate = true, .no_anchors = true}},
    {.name = "lists of models, both ways",
     .client = {.attester = {BG, PP}, .relying_party = {PP, BG}},
     .server = {.attester = {PP, BG}, .relying_party = {BG, PP}}},
    {.name = "another evidence type",
     .client = {.attester = {BG}, .type = "application/cmw+cbor"},
     .server = {.relying_party = {BG}}},
    {.name = "HelloRetryRequest by the client, both attested",
     .client = {.attester = {BG}, .relying_party = {BG}, .hrr = true},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "HelloRetryRequest by the server, both attested",
     .client = {.attester = {PP}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {PP}, .hrr = true}},
    {.name = "HelloRetryRequest by both",
     .client = {.attester = {BG}, .relying_party = {PP}, .hrr = true},
     .server = {.attester = {PP}, .relying_party = {BG}, .hrr = true}},
    {.name = "results of 60 kB",
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}},
     .roles = {.padding = 60000}},
    /* The library queues at most 32 records of a flight: some 450 kB are the most it can send. */
    {.name = "results of 400 kB",
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}},
     .roles = {.padding = 400000}},
    /* Waiting. */
    {.name = "everything takes its time",
     .client = {.attester = {PP}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {PP}},
     .roles = {.challenge_after = 3, .result_after = 3, .verdict_after = 3}},
    {.name = "the server's result takes its time",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.result_after = 5}},
    {.name = "nonce and result of the server, after HelloRetryRequest",
     .client = {.attester = {BG}, .relying_party = {PP}, .hrr = true},
     .server = {.attester = {PP}, .relying_party = {BG}},
     .roles = {.challenge_after = 4, .result_after = 7, .verdict_after = 2}},
    {.name = "the server's result, P-384",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.result_after = 5},
     .p384 = true},
    /* Falling back. */
    {.name = "optional at the server",
     .client = {.no_anchors = false},
     .server = {.relying_party = {BG}, .optional = true}},
    {.name = "optional at the client",
     .client = {.relying_party = {BG}, .optional = true},
     .server = {.no_anchors = false}},
    {.name = "optional, no type in common (R-TA-26)",
     .client = {.attester = {BG}, .type = "cf:9"},
     .server = {.relying_party = {BG}, .optional = true}},
    {.name = "optional, and the client's X.509 is a stranger's",
     .client = {.stranger = true},
     .server = {.relying_party = {BG}, .optional = true},
     .client_reason = "peer-alert",
     .server_reason = "certificate-untrusted",
     .client_alert = 48,
     .server_alert = 48},
    {.name = "a server that trusts nobody asks nobody", .server = {.no_anchors = true}},
    {.name = "optional, without anchors",
     .server = {.relying_party = {BG}, .optional = true, .no_anchors = true},
     .client_reason = "peer-alert",
     .server_reason = "certificate-untrusted",
     .client_alert = 48,
     .server_alert = 48},
    {.name = "optional, and the client has nothing to present",
     .client = {.no_certificate = true},
     .server = {.relying_party = {BG}, .optional = true},
     .client_reason = "peer-alert",
     .server_reason = "certificate-untrusted",
     .client_alert = 116,
     .server_alert = 116},
    {.name = "the server's X.509 is a stranger's",
     .server = {.stranger = true},
     .client_reason = "certificate-untrusted",
     .server_reason = "peer-alert",
     .client_alert = 48,
     .server_alert = 48},
    {.name = "a client without anchors trusts nobody",
     .client = {.no_anchors = true},
     .client_reason = "certificate-untrusted",
     .server_reason = "peer-alert",
     .client_alert = 48,
     .server_alert = 48},
    {.name = "a server of attestation only, and a client that wants none",
     .server = {.attester = {BG}, .no_certificate = true},
     .client_reason = "peer-alert",
     .server_reason = "attestation-missing",
     .client_alert = 109,
     .server_alert = 109},
    /* Negotiation refused. */
    {.name = "required at the server, nothing proposed",
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "attestation-missing",
     .client_alert = 109,
     .server_alert = 109},
    {.name = "required at the client, nothing selected",
     .client = {.relying_party = {PP}},
     .client_reason = "attestation-missing",
     .server_reason = "peer-alert",
     .client_alert = 109,
     .server_alert = 109},
    {.name = "no evidence type in common, client attester (R-TA-22)",
     .client = {.attester = {BG}, .type = "cf:9"},
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "no-common-evidence-type",
     .client_alert = 224,
     .server_alert = 224},
    {.name = "no evidence type in common, server attester",
     .client = {.relying_party = {BG}, .type = "cf:9"},
     .server = {.attester = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "no-common-evidence-type",
     .client_alert = 224,
     .server_alert = 224},
    {.name = "no verifier in common (R-TA-33)",
     .client = {.attester = {PP}, .verifier = "w.example"},
     .server = {.relying_party = {PP}},
     .client_reason = "peer-alert",
     .server_reason = "no-common-verifier",
     .client_alert = 225,
     .server_alert = 225},
    {.name = "malformed extension of a ClientHello",
     .client = {.attester = {BG}, .fault = "extension=evidence_proposal:0500000111"},
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "malformed-extension",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "malformed extension, empty",
     .client = {.attester = {PP}, .fault = "extension=results_proposal:"},
     .server = {.relying_party = {PP}},
     .client_reason = "peer-alert",
     .server_reason = "malformed-extension",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "malformed extension that no role here needs",
     .client = {.fault = "extension=results_request:00"},
     .client_reason = "peer-alert",
     .server_reason = "malformed-extension",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "malformed extension of EncryptedExtensions",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .fault = "extension=evidence_request:0400000111"},
     .client_reason = "malformed-extension",
     .server_reason = "peer-alert",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "an extension nobody asked for",
     .server = {.fault = "extension=evidence_request:00000111"},
     .client_reason = "unexpected-selection",
     .server_reason = "peer-alert",
     .client_alert = 110,
     .server_alert = 110},
    {.name = "an unoffered type selected",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .fault = "select-unoffered"},
     .client_reason = "unexpected-selection",
     .server_reason = "peer-alert",
     .client_alert = 47,
     .server_alert = 47},
    {.name = "an unoffered type selected for the client",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .fault = "select-unoffered"},
     .client_reason = "unexpected-selection",
     .server_reason = "peer-alert",
     .client_alert = 47,
     .server_alert = 47},
    {.name = "an unoffered verifier selected",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .fault = "select-unoffered"},
     .client_reason = "unexpected-selection",
     .server_reason = "peer-alert",
     .client_alert = 47,
     .server_alert = 47},
    {.name = "evidence and a result selected for one attester",
     .client = {.relying_party = {BG, PP}},
     .server = {.attester = {BG, PP}, .fault = "extension=results_request:0009762e6578616d706c65"},
     .client_reason = "unexpected-selection",
     .server_reason = "peer-alert",
     .client_alert = 47,
     .server_alert = 47},
    {.name = "the server's nonce is short",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .fault = "nonce-length=7"},
     .client_reason = "nonce-length",
     .server_reason = "peer-alert",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "the server's nonce fits no EAT",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .fault = "nonce-length=65"},
     .client_reason = "nonce-length",
     .server_reason = "peer-alert",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "the client's nonce is empty",
     .client = {.relying_party = {BG}, .fault = "nonce-length=0"},
     .server = {.attester = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "nonce-length",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "the client's nonce fits no EAT",
     .client = {.relying_party = {BG}, .fault = "nonce-length=255"},
     .server = {.attester = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "nonce-length",
     .client_alert = 50,
     .server_alert = 50},
    /* Credentials refused. */
    {.name = "evidence over another nonce, at the client",
     .client = {.relying_party = {BG}, .fault = "nonce-length=31"},
     .server = {.attester = {BG}},
     .client_reason = "nonce-mismatch",
     .server_reason = "peer-alert",
     .client_alert = 226,
     .server_alert = 226},
    {.name = "evidence over another nonce, at the server",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .fault = "nonce-length=33"},
     .client_reason = "peer-alert",
     .server_reason = "nonce-mismatch",
     .client_alert = 226,
     .server_alert = 226},
    {.name = "CertificateVerify of the client by another key (R-TA-37)",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}},
     .roles = {.other_key = true},
     .client_reason = "peer-alert",
     .server_reason = "key-mismatch",
     .client_alert = 51,
     .server_alert = 51},
    {.name = "CertificateVerify of the server by another key",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.other_key = true},
     .client_reason = "key-mismatch",
     .server_reason = "peer-alert",
     .client_alert = 51,
     .server_alert = 51},
    {.name = "an empty Certificate of the client",
     .client = {.attester = {BG}, .fault = "empty-certificate"},
     .server = {.relying_party = {BG}},
     .client_reason = "peer-alert",
     .server_reason = "attestation-missing",
     .client_alert = 116,
     .server_alert = 116},
    {.name = "an empty Certificate of the server",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .fault = "empty-certificate"},
     .client_reason = "attestation-missing",
     .server_reason = "peer-alert",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "an empty Certificate of the server, whose result came late",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .fault = "empty-certificate"},
     .roles = {.result_after = 2},
     .client_reason = "attestation-missing",
     .server_reason = "peer-alert",
     .client_alert = 50,
     .server_alert = 50},
    {.name = "a verdict against the client",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}},
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 1},
     .client_reason = "peer-alert",
     .server_reason = "reference-value-mismatch",
     .client_alert = 226,
     .server_alert = 226},
    {.name = "a verdict against the server",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.verdict_fails = "result-expired"},
     .client_reason = "result-expired",
     .server_reason = "peer-alert",
     .client_alert = 226,
     .server_alert = 226},
    {.name = "no verdict, by the verifier's fault",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}},
     .roles = {.verdict_fails = "session-expired", .verifier_at_fault = true, .verdict_after = 2},
     .client_reason = "peer-alert",
     .server_reason = "session-expired",
     .client_alert = 80,
     .server_alert = 80},
    /* Helpers that fail. */
    {.name = "the server gets no nonce",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}},
     .roles = {.challenge_fails = "verifier-unreachable"},
     .client_reason = "peer-alert",
     .server_reason = "verifier-unreachable",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the server gets no nonce, after a while and HelloRetryRequest",
     .client = {.attester = {BG}, .hrr = true},
     .server = {.relying_party = {BG}},
     .roles = {.challenge_fails = "verifier-timeout", .challenge_after = 3},
     .client_reason = "peer-alert",
     .server_reason = "verifier-timeout",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the client gets no nonce",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}},
     .roles = {.challenge_fails = "verifier-garbage", .challenge_after = 1},
     .client_reason = "verifier-garbage",
     .server_reason = "peer-closed",
     .client_alert = -1,
     .server_alert = -1},
    {.name = "the client gets no nonce, and asks for a result instead",
     .client = {.relying_party = {BG, PP}},
     .server = {.attester = {BG, PP}},
     .roles = {.challenge_fails = "verifier-error"}},
    {.name = "the server gets no result",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.result_fails = "verifier-unreachable"},
     .client_reason = "peer-alert",
     .server_reason = "verifier-unreachable",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the server gets no result, after a while",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.result_fails = "verifier-error", .result_after = 3},
     .client_reason = "peer-alert",
     .server_reason = "verifier-error",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the client gets no result",
     .client = {.attester = {PP}},
     .server = {.relying_party = {PP}},
     .roles = {.result_fails = "verifier-unreachable"},
     .client_reason = "verifier-unreachable",
     .server_reason = "peer-closed",
     .client_alert = -1,
     .server_alert = -1},
    {.name = "the client gets no result, and proposes evidence instead (R-TA-29)",
     .client = {.attester = {PP, BG}},
     .server = {.relying_party = {PP, BG}},
     .roles = {.result_fails = "verifier-unreachable"}},
    {.name = "the client's device makes no evidence",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}},
     .roles = {.evidence_fails = "device-unavailable"},
     .client_reason = "device-unavailable",
     .server_reason = "peer-alert",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the server's device makes no evidence",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}},
     .roles = {.evidence_fails = "device-unavailable"},
     .client_reason = "peer-alert",
     .server_reason = "device-unavailable",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the client's device does not sign",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}},
     .roles = {.sign_fails = "device-unavailable"},
     .client_reason = "device-unavailable",
     .server_reason = "peer-alert",
     .client_alert = 80,
     .server_alert = 80},
    {.name = "the server's device does not sign",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.sign_fails = "device-unavailable"},
     .client_reason = "peer-alert",
     .server_reason = "device-unavailable",
     .client_alert = 80,
     .server_alert = 80},
};

/* What a completed connection must have come to. */
static void check_complete(const struct row *row, const struct end *client,
                           const struct end *server)
{
    struct atls_session *c = client->session, *s = server->session;
    bool retried = row->client.hrr || row->server.hrr;
    assert_int_equal(c->hello.hrr, retried);
    assert_int_equal(s->hello.hrr, retried);
    assert_int_equal(c->self.model, s->peer.model);
    assert_int_equal(s->self.model, c->peer.model);
    if (!row->client.optional && row->client.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_not_equal(c->peer.model, ATLS_MODEL_NONE);
    if (!row->server.optional && row->server.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_not_equal(s->peer.model, ATLS_MODEL_NONE);
    check_keys(c, s);
    if (c->self.model == BG) /* the nonce that crossed is the verifier's */
        test_same_bytes(c->hello.selections[ATLS_CLIENT].nonce, s->peer.challenge);
    if (s->self.model == BG)
        test_same_bytes(s->hello.offers[ATLS_SERVER].nonce, c->peer.challenge);
}

static void a_connection(void **state)
{
    const struct row *row = *state;
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end client = {.in = &back, .out = &there}, server = {.in = &there, .out = &back};
    client.peer_gone = &server.gone;
    server.peer_gone = &client.gone;
    test_roles = row->roles;
    open_end(&client, ATLS_CLIENT, &row->client, row->p384);
    open_end(&server, ATLS_SERVER, &row->server, row->p384);
    pump_ends(&client, &server);
    check_end("client", &client, row->client_reason, row->client_alert);
    check_end("server", &server, row->server_reason, row->server_alert);
    if (!row->client_reason && !row->server_reason)
        check_complete(row, &client, &server);
    assert_true(test_roles.waited >= row->roles.challenge_after || row->roles.challenge_after == 0);
    close_end(&client);
    close_end(&server);
    free(there.data);
    free(back.data);
}

/* The same through pipes that are full all the time. */
static void a_narrow_connection(void **state)
{
    test_room = 301;
    a_connection(state);
    test_room = 0;
}

/* A connection given up from outside: whoever waits for the verifier tells the peer. */
static void a_timeout(void **state)
{
    struct row row = {.client = {.attester = {BG}}, .server = {.relying_party = {BG}}};
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end client = {.in = &back, .out = &there}, server = {.in = &there, .out = &back};
    client.peer_gone = &server.gone;
    server.peer_gone = &client.gone;
    test_roles = (struct test_roles){.verdict_after = UINT32_MAX};
    open_end(&client, ATLS_CLIENT, &row.client, false);
    open_end(&server, ATLS_SERVER, &row.server, false);
    for (int i = 0; i < 50; i++) {
        step_end(&client);
        step_end(&server);
    }
    assert_int_equal(server.want, ATLS_WANT_VERIFIER);
    assert_int_equal(client.want, ATLS_WANT_READ); /* no data came: nothing was accepted */
    atls_session_abort(server.session, "timeout", "long enough");
    server.want = ATLS_WANT_NOTHING;
    server.gone = true;
    pump_ends(&client, &server);
    check_end("server", &server, "timeout", ATLS_ALERT_INTERNAL_ERROR);
    check_end("client", &client, "peer-alert", ATLS_ALERT_INTERNAL_ERROR);
    close_end(&client);
    close_end(&server);
    free(there.data);
    free(back.data);
}

/* Given up from outside, wherever it is: one end, one reason, and an alert where somebody hears it.
 */
static const struct abort_row {
    const char *name, *reason;
    bool client;
    int steps, alert; /* of both ends before; sent: -1: none */
} abort_rows[] = {
    {"a client before its first byte", "timeout", true, 0, -1},
    {"a client that waits for its nonce", "timeout", true, 3, -1},
    {"a server before the first byte", "timeout", false, 1, 80},
    {"a server in the handshake", "timeout", false, 50, 80},
    {"a server whose descriptors are used up", "internal", false, 50, 80},
    {"a server whose client has gone", "peer-closed", false, 50, -1},
    {"a client in the handshake", "timeout", true, 50, 80},
    {"a client whose server has gone", "peer-closed", true, 50, -1},
};

static void given_up(void **state)
{
    const struct abort_row *row = *state;
    struct row both = {.client = {.attester = {BG}, .relying_party = {BG}},
                       .server = {.attester = {BG}, .relying_party = {BG}}};
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end client = {.in = &back, .out = &there}, server = {.in = &there, .out = &back};
    struct end *end = row->client ? &client : &server;
    client.peer_gone = &server.gone;
    server.peer_gone = &client.gone;
    test_roles = (struct test_roles){.challenge_after = row->steps < 50 ? UINT32_MAX : 0,
                                     .verdict_after = UINT32_MAX};
    open_end(&client, ATLS_CLIENT, &both.client, false);
    open_end(&server, ATLS_SERVER, &both.server, false);
    for (int i = 0; i < row->steps; i++) {
        step_end(&client);
        step_end(&server);
    }
    assert_int_not_equal(end->want, ATLS_WANT_NOTHING);
    size_t sent = end->out->size;
    end->session->started -= 1000;          /* the event has the time until it was given up */
    for (int twice = 0; twice < 2; twice++) /* the second time says nothing more */
        atls_session_abort(end->session, twice ? "internal" : row->reason, "as the test wants it");
    end->want = ATLS_WANT_NOTHING;
    end->gone = true;
    check_end(row->name, end, row->reason, row->alert);
    assert_string_equal(end->session->failure.detail, "as the test wants it");
    assert_true(end->session->seconds >= 1000);
    assert_int_equal(end->out->size > sent, row->alert >= 0);
    assert_int_equal(atls_session_step(end->session), ATLS_WANT_NOTHING);
    check_story(end);
    close_end(&client);
    close_end(&server);
    free(there.data);
    free(back.data);
}

/* Who has got no further than to a socket has no session to give back. */
static void no_session(void **state)
{
    atls_session_free(NULL);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, a_narrow_connection, rows);
    TEST_ADD(&list, a_timeout);
    TEST_ADD(&list, no_session);
    TEST_ADD_ROWS(&list, given_up, abort_rows);
    int result = test_run("session", &list);
    test_pki_remove(&test_pki);
    return result;
}

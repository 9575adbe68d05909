/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expat-04 in memory: an ordinary handshake, then authenticators, in all roles and models; and all
 * that must not be accepted.
 */
#include "tls/engine/expat.h"
#include "tls/engine/test-ends.h"
#include "tls/wire/binder.h"

/* The second evidence is shorter than the first. */
static void shorter_later(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    if (test_roles.evidence_made > 0)
        *sizep = ATLS_EAT_NONCE_MIN;
}

static const struct row {
    const char *name;
    struct side client, server;
    struct test_roles roles;
    bool p384;
    const char *client_reason, *server_reason; /* NULL: complete */
    int client_alert, server_alert;            /* sent or received */
    unsigned client_asked, server_asked;       /* requests made; 0: not looked at */
    bool unattested;                           /* nobody is told of as attested */
} rows[] = {
#define CLIENT_ATTESTS .client = {.attester = {BG}}, .server = {.relying_party = {BG}}
#define SERVER_ATTESTS .client = {.relying_party = {BG}}, .server = {.attester = {BG}}
#define BOTH_ATTEST                                                                                \
    .client = {.attester = {BG}, .relying_party = {BG}},                                           \
    .server = {.attester = {BG}, .relying_party = {BG}}
/* Who refuses, and for what. */
#define BY_SERVER(reason, alert)                                                                   \
    .client_reason = "peer-alert", .server_reason = (reason), .client_alert = (alert),             \
    .server_alert = (alert)
#define BY_CLIENT(reason, alert)                                                                   \
    .client_reason = (reason), .server_reason = "peer-alert", .client_alert = (alert),             \
    .server_alert = (alert)
#define FAULTY_CLIENT(what)                                                                        \
    .client = {.attester = {BG}, .fault = (what)}, .server = {.relying_party = {BG}}
#define FAULTY_SERVER(what)                                                                        \
    .client = {.relying_party = {BG}}, .server = {.attester = {BG}, .fault = (what)}
    {.name = "nobody asks"},
    {.name = "client attested (R-EX-03, R-EX-04, R-EX-12)", CLIENT_ATTESTS, .server_asked = 1},
    {.name = "server attested (R-EX-03, R-EX-04, R-EX-12)", SERVER_ATTESTS, .client_asked = 1},
    {.name = "both attested", BOTH_ATTEST, .client_asked = 1, .server_asked = 1},
    {.name = "client, passport",
     .client = {.attester = {PP}},
     .server = {.relying_party = {PP}},
     .server_asked = 1},
    {.name = "server, passport",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .client_asked = 1},
    {.name = "client background check, server passport",
     .client = {.attester = {BG}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {BG}}},
    {.name = "a relying party of both models, evidence comes",
     .client = {.attester = {BG}},
     .server = {.relying_party = {PP, BG}}},
    {.name = "a relying party of both models, a result comes",
     .client = {.relying_party = {BG, PP}},
     .server = {.attester = {PP}}},
    {.name = "P-384", BOTH_ATTEST, .p384 = true},
    {.name = "HelloRetryRequest by the client",
     .client = {.attester = {BG}, .relying_party = {BG}, .hrr = true},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "HelloRetryRequest by the server",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .hrr = true}},
    {.name = "everything takes its time",
     .client = {.attester = {PP}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {PP}},
     .roles = {.challenge_after = 3, .result_after = 4, .verdict_after = 5}},
    {.name = "a credential of 60 kB",
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}},
     .roles = {.padding = 60000}},
    {.name = "re-attestation, three times more, by the server (R-EX-07)",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .reattest = 3},
     .server_asked = 4},
    {.name = "re-attestation both ways, of different length",
     .client = {.attester = {BG}, .relying_party = {PP}, .reattest = 1},
     .server = {.attester = {PP}, .relying_party = {BG}, .reattest = 5},
     .roles = {.verdict_after = 2},
     .client_asked = 2,
     .server_asked = 6},
    /* Who does not know cmw_attestation answers without it. */
    {.name = "falling back at the client: the request is ignored (R-EX-06)",
     .client = {.relying_party = {BG}, .optional = true},
     .client_asked = 1},
    {.name = "falling back at the server: the request is ignored (R-EX-06)",
     .server = {.relying_party = {BG}, .optional = true},
     .server_asked = 1},
    {.name = "falling back at the client: an empty authenticator",
     .client = {.relying_party = {BG}, .optional = true},
     .server = {.attester = {BG}, .fault = "empty-certificate"}},
    {.name = "falling back at the server in the second round: what the first found is void",
     .client = {.unheard = true, .attester = {BG}, .fault = "authenticator-empty-later"},
     .server = {.unheard = true, .relying_party = {BG}, .optional = true, .reattest = 1},
     .server_asked = 2,
     .unattested = true},
    {.name = "falling back at the client in the third round",
     .client = {.unheard = true, .relying_party = {PP}, .optional = true, .reattest = 2},
     .server = {.unheard = true, .attester = {PP}, .fault = "authenticator-empty-later"},
     .client_asked = 2,
     .unattested = true},
    {.name = "required, and the second round is empty (R-EX-08)",
     .client = {.attester = {BG}, .fault = "authenticator-empty-later"},
     .server = {.relying_party = {BG}, .reattest = 1},
     BY_SERVER("attestation-missing", 116)},
    /* RFC 6125: a certificate of a trusted CA for another name. */
    {.name = "evidence beside a certificate for another name",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a result beside a certificate for another name",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a handshake with a certificate for another name",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a handshake with a client's certificate that nobody trusts, and nobody attests",
     .client = {.stranger = true},
     BY_SERVER("certificate-untrusted", 48)},
    {.name = "a client has no name to be compared",
     .client = {.attester = {BG}, .other_name = true},
     .server = {.relying_party = {BG}}},
    {.name = "an authenticator with a critical extension that nobody knows (RFC 5280 section 4.2)",
     .client = {.attester = {BG}, .unknown_critical = true},
     .server = {.relying_party = {BG}},
     BY_SERVER("certificate-untrusted", 42)},
    {.name = "required, and the server has X.509 alone (R-EX-08)",
     .client = {.relying_party = {BG}},
     BY_CLIENT("attestation-missing", 109)},
    {.name = "required, and the client has X.509 alone (R-EX-08)",
     .server = {.relying_party = {PP}},
     BY_SERVER("attestation-missing", 109)},
    {.name = "required, and the client has nothing",
     .client = {.no_certificate = true},
     .server = {.relying_party = {BG}},
     BY_SERVER("attestation-missing", 116)},
    {.name = "required, and the client, an attester, has no certificate to attest beside",
     .client = {.attester = {BG}, .no_certificate = true},
     .server = {.relying_party = {BG}},
     BY_SERVER("attestation-missing", 116)},
    {.name = "not asked for, of a client without a certificate: it cannot",
     .client = {.no_certificate = true, .fault = "authenticator-unsolicited", .unheard = true},
     .server = {.unheard = true, .no_anchors = true},
     BY_CLIENT("internal", 80)},
    {.name = "the client declines",
     FAULTY_CLIENT("empty-certificate"),
     BY_SERVER("attestation-missing", 116)},
    {.name = "the server declines",
     FAULTY_SERVER("empty-certificate"),
     BY_CLIENT("attestation-missing", 116)},
    /* The authenticator. */
    {.name = "Finished, of a client",
     FAULTY_CLIENT("authenticator-finished"),
     BY_SERVER("authenticator-finished", 51)},
    {.name = "Finished, of a server",
     FAULTY_SERVER("authenticator-finished"),
     BY_CLIENT("authenticator-finished", 51)},
    {.name = "a context twice, of a client (R-EX-07)",
     FAULTY_CLIENT("authenticator-context-reuse"),
     .roles = {.verdict_after = 3},
     BY_SERVER("authenticator-context", 47)},
    {.name = "a context twice, of a server (R-EX-07)",
     FAULTY_SERVER("authenticator-context-reuse"),
     .roles = {.verdict_after = 3},
     BY_CLIENT("authenticator-context", 47)},
    {.name = "a context twice, of a relying party",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .fault = "authenticator-context-reuse"},
     BY_CLIENT("authenticator-context", 47)},
    {.name = "in the second entry, of a client (R-EX-01)",
     FAULTY_CLIENT("authenticator-second-entry"),
     BY_SERVER("malformed-extension", 47)},
    {.name = "in the second entry, of a server (R-EX-01)",
     FAULTY_SERVER("authenticator-second-entry"),
     BY_CLIENT("malformed-extension", 47)},
    {.name = "not asked for, of a server (R-EX-05)",
     .server = {.attester = {BG}, .fault = "authenticator-unsolicited"},
     BY_CLIENT("malformed-extension", 110)},
    {.name = "not asked for, of a server that will be asked (R-EX-05)",
     FAULTY_SERVER("authenticator-unsolicited"),
     .roles = {.challenge_after = 3},
     BY_CLIENT("malformed-extension", 110)},
    {.name = "not asked for, of a client (R-EX-05)",
     .client = {.attester = {BG}, .fault = "authenticator-unsolicited"},
     BY_SERVER("malformed-authenticator", 10)},
    {.name = "not asked for, of a client that was asked meanwhile (R-EX-05)",
     FAULTY_CLIENT("authenticator-unsolicited"),
     BY_SERVER("malformed-authenticator", 10)},
    {.name = "evidence for another connection, of a client (R-EX-09)",
     FAULTY_CLIENT("authenticator-other-connection"),
     BY_SERVER("nonce-mismatch", 49)},
    {.name = "evidence for another connection, of a server (R-EX-09)",
     FAULTY_SERVER("authenticator-other-connection"),
     BY_CLIENT("nonce-mismatch", 49)},
    {.name = "evidence of the first round in the second, of a client (R-EX-07)",
     .client = {.attester = {BG}, .fault = "authenticator-old-evidence"},
     .server = {.relying_party = {BG}, .reattest = 1},
     BY_SERVER("nonce-mismatch", 49),
     .server_asked = 2},
    {.name = "evidence of the first round in the third, of a server",
     .client = {.relying_party = {BG}, .reattest = 2},
     .server = {.attester = {BG}, .fault = "authenticator-old-evidence"},
     BY_CLIENT("nonce-mismatch", 49),
     .client_asked = 2},
    {.name = "evidence of the first round in the second, longer than what was made",
     .client = {.attester = {BG}, .fault = "authenticator-old-evidence"},
     .server = {.relying_party = {BG}, .reattest = 1},
     .roles = {.answer = shorter_later},
     BY_SERVER("nonce-mismatch", 49),
     .server_asked = 2},
    /* Application data. */
    {.name = "a line before attestation, of a client (R-EX-19)",
     FAULTY_CLIENT("application-data-early"),
     BY_SERVER("application-data-early", 10)},
    {.name = "a line before attestation, of a server (R-EX-19)",
     FAULTY_SERVER("application-data-early"),
     BY_CLIENT("application-data-early", 10)},
    {.name = "a line of a client before the verdict",
     FAULTY_CLIENT("application-data-early"),
     .roles = {.challenge_after = 5, .verdict_after = 5},
     BY_SERVER("application-data-early", 10)},
    /* What is judged. */
    {.name = "another binding, of a client (R-EX-09, R-EX-15)",
     CLIENT_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_SERVER("nonce-mismatch", 49)},
    {.name = "another binding, of a server (R-EX-09, R-EX-15)",
     SERVER_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_CLIENT("nonce-mismatch", 49)},
    {.name = "the attested key is not the leaf's, of a client (R-EX-13, R-EX-14)",
     CLIENT_ATTESTS,
     .roles = {.attested_other = true},
     BY_SERVER("key-mismatch", 49)},
    {.name = "the attested key is not the leaf's, of a server (R-EX-13, R-EX-14)",
     SERVER_ATTESTS,
     .roles = {.attested_other = true},
     BY_CLIENT("key-mismatch", 49)},
    {.name = "CertificateVerify by another key than the leaf's, of a client",
     CLIENT_ATTESTS,
     .roles = {.other_key = true},
     BY_SERVER("key-mismatch", 51)},
    {.name = "CertificateVerify by another key than the leaf's, of a server",
     SERVER_ATTESTS,
     .roles = {.other_key = true},
     BY_CLIENT("key-mismatch", 51)},
    {.name = "a chain that nobody trusts, of a client (R-EX-08)",
     .client = {.stranger = true},
     .server = {.relying_party = {BG}},
     BY_SERVER("certificate-untrusted", 48)},
    {.name = "evidence does not replace trust anchors (R-EX-08)",
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .no_anchors = true},
     BY_SERVER("certificate-untrusted", 48)},
    {.name = "the verdict is no, of a client (R-EX-10, R-EX-15)",
     CLIENT_ATTESTS,
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 2},
     BY_SERVER("reference-value-mismatch", 49)},
    {.name = "the verdict is no, of a server (R-EX-10, R-EX-15)",
     SERVER_ATTESTS,
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 2},
     BY_CLIENT("reference-value-mismatch", 49)},
    {.name = "no nonce",
     SERVER_ATTESTS,
     .roles = {.challenge_after = 2,
               .challenge_fails = "verifier-timeout",
               .verdict_fails = "verifier-timeout",
               .verifier_at_fault = true},
     BY_CLIENT("verifier-timeout", 80)},
    {.name = "no verdict",
     SERVER_ATTESTS,
     .roles = {.verdict_fails = "verifier-timeout", .verifier_at_fault = true},
     BY_CLIENT("verifier-timeout", 80)},
    {.name = "the client's device makes no evidence",
     CLIENT_ATTESTS,
     .roles = {.evidence_fails = "device-unavailable"},
     BY_CLIENT("device-unavailable", 80)},
    {.name = "the client's device does not sign",
     CLIENT_ATTESTS,
     .roles = {.sign_fails = "device-unavailable"},
     BY_CLIENT("device-unavailable", 80)},
    {.name = "no result for the server",
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.result_after = 2, .result_fails = "verifier-timeout"},
     BY_SERVER("verifier-timeout", 80)},
    /* Readings set against each other. */
    {.name = "H6: the attester takes the raw point",
     .client = {.attester = {BG}, .variants = {.public_key = ATLS_EXPAT_RAW_POINT}},
     .server = {.relying_party = {BG}},
     BY_SERVER("nonce-mismatch", 49)},
    {.name = "H6: the relying party takes the COSE_Key",
     .client = {.relying_party = {BG}, .variants = {.public_key = ATLS_EXPAT_COSE_KEY}},
     .server = {.attester = {BG}},
     BY_CLIENT("nonce-mismatch", 49)},
    {.name = "H6: the raw point at both",
     .client = {.attester = {BG}, .variants = {.public_key = ATLS_EXPAT_RAW_POINT}},
     .server = {.relying_party = {BG}, .variants = {.public_key = ATLS_EXPAT_RAW_POINT}}},
    {.name = "H7: \"Attestation\" against \"EXPORTER-cmw-attestation\"",
     .client = {.attester = {BG}, .variants = {.exporter_label = ATLS_EXPAT_ATTESTATION}},
     .server = {.relying_party = {BG}},
     BY_SERVER("nonce-mismatch", 49)},
    {.name = "H7: \"Attestation Binding\" against \"Attestation\"",
     .client = {.relying_party = {BG}, .variants = {.exporter_label = ATLS_EXPAT_ATTESTATION}},
     .server = {.attester = {BG}, .variants = {.exporter_label = ATLS_EXPAT_ATTESTATION_BINDING}},
     BY_CLIENT("nonce-mismatch", 49)},
    {.name = "H7: \"Attestation Binding\" at both",
     .client = {.relying_party = {BG},
                .variants = {.exporter_label = ATLS_EXPAT_ATTESTATION_BINDING}},
     .server = {.attester = {BG}, .variants = {.exporter_label = ATLS_EXPAT_ATTESTATION_BINDING}}},
    {.name = "H33: the request without its header at the attester",
     .client = {.attester = {BG}, .variants = {.request_transcript = 1}},
     .server = {.relying_party = {BG}},
     BY_SERVER("key-mismatch", 51)},
    {.name = "H33: the request without its header at both",
     .client = {.attester = {BG}, .variants = {.request_transcript = 1}},
     .server = {.relying_party = {BG}, .variants = {.request_transcript = 1}}},
    {.name = "the wire of Cocos",
     .client = {.relying_party = {BG}, .variants = {.framing = 1, .payload = 1}},
     .server = {.attester = {BG}, .variants = {.framing = 1, .payload = 1}}},
    {.name = "the wire of Cocos, and a result",
     .client = {.relying_party = {PP}, .variants = {.framing = 1, .payload = 1}},
     .server = {.attester = {PP}, .variants = {.framing = 1, .payload = 1}}},
    {.name = "the wire of Cocos, and the verdict is no",
     .client = {.relying_party = {BG}, .variants = {.framing = 1, .payload = 1}},
     .server = {.attester = {BG}, .variants = {.framing = 1, .payload = 1}},
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 3},
     BY_CLIENT("reference-value-mismatch", 49)},
    {.name = "Cocos' payload in the contract's frames",
     .client = {.attester = {BG}, .variants = {.payload = 1}},
     .server = {.relying_party = {BG}, .variants = {.payload = 1}}},
    {.name = "Cocos' payload, where a CMW is expected",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .variants = {.payload = 1}},
     BY_CLIENT("malformed-cmw", 42)},
    {.name = "a CMW, where Cocos' payload is expected",
     .client = {.relying_party = {BG}, .variants = {.payload = 1}},
     .server = {.attester = {BG}},
     BY_CLIENT("malformed-cmw", 42)},
    {.name = "Cocos' payload with another label",
     .client = {.relying_party = {BG}, .variants = {.payload = 1}},
     .server = {.attester = {BG},
                .variants = {.payload = 1, .exporter_label = ATLS_EXPAT_ATTESTATION}},
     BY_CLIENT("binder-mismatch", 49)},
    {.name = "H15: no length ahead of the CMW",
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_NONE}},
     BY_CLIENT("malformed-extension", 50)},
    {.name = "H15: no length at both",
     .client = {.relying_party = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_NONE}},
     .server = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_NONE}}},
    {.name = "H15: three bytes at both",
     .client = {.relying_party = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U24}},
     .server = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U24}}},
};

struct connection {
    struct pipe there, back;
    struct end client, server;
};

static void open_connection(struct connection *c, const struct row *row)
{
    struct side client = row->client, server = row->server;
    *c = (struct connection){.there = {NULL, 0, 0}};
    client.profile = server.profile = &atls_profile_expat_04;
    c->client.in = c->server.out = &c->back;
    c->server.in = c->client.out = &c->there;
    c->client.peer_gone = &c->server.gone;
    c->server.peer_gone = &c->client.gone;
    test_roles = row->roles;
    open_end(&c->client, ATLS_CLIENT, &client, row->p384);
    open_end(&c->server, ATLS_SERVER, &server, row->p384);
}

static void close_connection(struct connection *c)
{
    close_end(&c->client);
    close_end(&c->server);
    free(c->there.data);
    free(c->back.data);
}

/* R-EX-16, R-EX-17, R-EX-18: no tickets, no early data, no resumption. */
static void check_fresh(struct atls_session *s)
{
    gnutls_session_t tls = atls_session_tls(s);
    unsigned flags = gnutls_session_get_flags(tls);
    assert_int_equal(gnutls_session_is_resumed(tls), 0);
    assert_int_equal(flags & (GNUTLS_SFLAGS_SESSION_TICKET | GNUTLS_SFLAGS_EARLY_DATA), 0);
}

/* R-EX-17, on the wire: the ClientHello offers neither early_data nor a session to resume. */
static void check_hello(const struct atls_expat *x)
{
    enum { PRE_SHARED_KEY = 41, EARLY_DATA = 42 };
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(x->hello, x->hello_size), "RFC 8446");
    assert_true(c.left > 0);
    while (c.left > 0) {
        struct atls_bytes data;
        uint16_t type;
        assert_int_equal(atls_cursor_u16(&c, "type", &type), 0);
        assert_int_equal(atls_cursor_vector(&c, "data", 2, 0, UINT16_MAX, &data), 0);
        assert_int_not_equal(type, PRE_SHARED_KEY);
        assert_int_not_equal(type, EARLY_DATA);
    }
}

static void check_complete(const struct row *row, const struct connection *c)
{
    struct atls_session *client = c->client.session, *server = c->server.session;
    assert_int_equal(client->hello.hrr, row->client.hrr || row->server.hrr);
    check_fresh(c->client.session);
    check_fresh(c->server.session);
    check_hello(client->expat);
    test_same_bytes(ATLS_BYTES(server->expat->hello, server->expat->hello_size),
                    ATLS_BYTES(client->expat->hello, client->expat->hello_size));
    if (!row->client.optional) {
        assert_int_equal(client->peer.model, server->self.model);
        assert_int_equal(client->peer.model == ATLS_MODEL_NONE,
                         row->client.relying_party[0] == ATLS_MODEL_NONE);
    }
    if (!row->server.optional) {
        assert_int_equal(server->peer.model, client->self.model);
        assert_int_equal(server->peer.model == ATLS_MODEL_NONE,
                         row->server.relying_party[0] == ATLS_MODEL_NONE);
    }
    if (row->unattested) {
        assert_int_equal(client->peer.model, ATLS_MODEL_NONE);
        assert_int_equal(server->peer.model, ATLS_MODEL_NONE);
        assert_int_equal(client->peer.verified_with_size, 0);
        assert_int_equal(server->peer.verified_with_size, 0);
    } else {
        check_keys(client, server);
    }
}

static void a_connection(void **state)
{
    const struct row *row = *state;
    struct connection c;
    open_connection(&c, row);
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, row->server_reason, row->server_alert);
    check_end("client", &c.client, row->client_reason, row->client_alert);
    if (!row->client_reason && !row->server_reason)
        check_complete(row, &c);
    /* Nothing of application data has got through where anything was refused (R-EX-19). */
    assert_int_equal(c.server.session->expat->line_received, !row->server_reason);
    assert_int_equal(c.client.session->expat->line_received, !row->client_reason);
    /* X.509 comes first (R-EX-08). */
    if (row->server_reason && strcmp(row->server_reason, "certificate-untrusted") == 0)
        assert_int_equal(test_roles.judged, 0);
    if (row->client_reason && strcmp(row->client_reason, "certificate-untrusted") == 0)
        assert_int_equal(test_roles.judged, 0);
    /* An alert goes in a frame only where the library cannot send it. */
    if (test_stack->alerts_later) {
        assert_false(c.server.session->expat->alert_queued);
        assert_false(c.client.session->expat->alert_queued);
    }
    /* Nor is anything told as complete before who asked is content. */
    if (row->client.relying_party[0] != ATLS_MODEL_NONE ||
        row->server.relying_party[0] != ATLS_MODEL_NONE) {
        assert_int_equal(c.server.session->told.complete, !row->server_reason);
        assert_int_equal(c.client.session->told.complete, !row->client_reason);
    }
    if (row->client_asked > 0)
        assert_int_equal(c.client.session->expat->asked, row->client_asked);
    if (row->server_asked > 0)
        assert_int_equal(c.server.session->expat->asked, row->server_asked);
    close_connection(&c);
}

/* The same through pipes that are full all the time. */
static void a_narrow_connection(void **state)
{
    test_room = 301;
    a_connection(state);
    test_room = 0;
}

/* The same where the library lets no alert be chosen after the handshake: it goes in a frame. */
static void an_alert_in_a_frame(void **state)
{
    struct atls_stack stack = atls_stack_gnutls;
    stack.alerts_later = false;
    test_stack = &stack;
    a_connection(state);
    test_room = 61;
    a_connection(state);
    test_room = 0;
    test_stack = &atls_stack_gnutls;
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, a_narrow_connection, rows);
    TEST_ADD_ROWS(&list, an_alert_in_a_frame, rows);
    int result = test_run("expat", &list);
    test_pki_remove(&test_pki);
    return result;
}

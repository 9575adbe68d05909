/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expat-04 in memory: an ordinary handshake, then authenticators, in all roles and models; and all
 * that must not be accepted.
 */
#include <errno.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
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

/* What the library finds the library tells, though alerts of other numbers go in frames. */
static void a_broken_record(void **state)
{
    static const struct row row = {.client = {.relying_party = {BG}}, .server = {.attester = {BG}}};
    struct atls_stack stack = atls_stack_gnutls;
    struct connection c;
    bool broken = false;
    stack.alerts_later = false;
    test_stack = &stack;
    open_connection(&c, &row);
    for (int i = 0; i < 100 && !broken; i++) {
        step_end(&c.server);
        step_end(&c.client);
        broken = c.server.session->phase == EXCHANGING && c.there.at < c.there.size;
    }
    assert_true(broken);
    c.there.data[c.there.size - 1] ^= 1;
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, "protocol-error", 20);
    check_end("client", &c.client, "peer-alert", 20);
    assert_false(c.server.session->expat->alert_queued);
    close_connection(&c);
    test_stack = &atls_stack_gnutls;
}

/* R-EX-02: hellos and the handshake's Certificate say nothing of attestation; another number at one
 * side is then no request at all (H8). */
static const struct number_row {
    const char *name;
    struct side server;
    int alert;      /* 109: X.509 alone answers; 116: nothing does, for want of a scheme */
    bool tells;     /* an attester says which number it was */
    uint16_t asked; /* by which number the client asks; 0: the default */
} number_rows[] = {
    {"of an attester", {.attester = {BG}}, 109, true, 0},
    {"of an attester with a leaf of RSA",
     {.attester = {BG}, .key_kind = GNUTLS_PK_RSA},
     109,
     true,
     0},
    {"of an attester with a leaf of Ed25519",
     {.attester = {BG}, .key_kind = GNUTLS_PK_EDDSA_ED25519},
     109,
     true,
     0},
    {"of an attester with a leaf of P-521, which no request has",
     {.attester = {BG}, .key_kind = GNUTLS_PK_ECDSA},
     116,
     true,
     0},
    {"of nobody who attests", {.attester = {ATLS_MODEL_NONE}}, 109, false, 0},
    {"of an attester, by a number that nobody has", {.attester = {BG}}, 109, false, 0xFE7F},
};

static void another_code_point(void **state)
{
    const struct number_row *number = *state;
    const struct row row = {.client = {.relying_party = {BG}}, .server = number->server};
    struct connection c;
    char text[ATLS_DIAGNOSIS_TEXT] = "";
    open_connection(&c, &row);
    c.server.party.code_points.value[ATLS_CP_CMW_ATTESTATION] = 0xFFFF;
    if (number->asked > 0)
        c.client.party.code_points.value[ATLS_CP_CMW_ATTESTATION] = number->asked;
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, "attestation-missing", number->alert);
    check_end("server", &c.server, "peer-alert", number->alert);
    const struct atls_diagnosis *d = c.server.session->failure.diagnosis;
    assert_int_equal(d != NULL, number->tells);
    if (d)
        atls_diagnosis_say(d, text);
    if (d && !strstr(text, "H8 reading A"))
        fail_msg("expected the number of the request, came: it %s", text);
    close_connection(&c);
}

/* R-EX-01: a second entry is made where the chain has none. */
static void a_second_entry_of_a_short_chain(void **state)
{
    static const struct row row = {FAULTY_CLIENT("authenticator-second-entry")};
    struct connection c;
    open_connection(&c, &row);
    unsigned size = c.client.party.chain_size;
    c.client.party.chain_size = 1;
    pump_ends(&c.client, &c.server);
    c.client.party.chain_size = size;
    check_end("server", &c.server, "malformed-extension", 47);
    close_connection(&c);
}

/* The context is the verifier's nonce, and the one of each round is another (R-EX-07). */
static void context_is_the_nonce(void **state)
{
    static const struct row row = {.client = {.relying_party = {BG}, .reattest = 1},
                                   .server = {.attester = {BG}},
                                   .roles = {.verdict_after = 50}};
    struct connection c;
    uint8_t first[ATLS_EXPAT_CONTEXT_MAX];
    open_connection(&c, &row);
    const struct atls_expat *x = c.client.session->expat;
    while (x->stage != EXPAT_JUDGING) {
        step_end(&c.client);
        step_end(&c.server);
    }
    assert_int_equal(x->context_size, 32);
    memcpy(first, x->context, x->context_size);
    test_same_bytes(ATLS_BYTES(c.server.session->expat->open, 32), ATLS_BYTES(first, 32));
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    assert_int_equal(x->asked, 2);
    assert_memory_not_equal(first, x->context, 32);
    close_connection(&c);
}

/* A ClientHello may have more extensions than are kept: that is not this side's fault. RFC 8446
 * section 4.2 bounds only their bytes. */
static void a_long_hello(void **state)
{
    static const struct {
        size_t count;
        bool own; /* of the client: it has only itself to blame */
        const char *server, *client;
        int alert;
    } table[] = {{ATLS_EA_OFFERS, false, NULL, NULL, -1},
                 {ATLS_EA_OFFERS + 1, false, "malformed-extension", "peer-alert", 50},
                 {ATLS_EA_OFFERS, true, NULL, NULL, -1},
                 {ATLS_EA_OFFERS + 1, true, "peer-alert", "internal", 80}};
    static const struct row row = {.name = NULL};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct connection c;
        open_connection(&c, &row);
        while (c.server.session->expat->hello_size == 0) {
            step_end(&c.client);
            step_end(&c.server);
        }
        struct atls_expat *x = (table[i].own ? c.client : c.server).session->expat;
        free(x->hello);
        x->hello_size = 4 * table[i].count;
        x->hello = calloc(table[i].count, 4); /* extensions of other types, without data */
        assert_non_null(x->hello);
        for (size_t j = 0; j < table[i].count; j++) {
            x->hello[4 * j] = 0x7f;
            x->hello[4 * j + 1] = (uint8_t)j;
        }
        pump_ends(&c.client, &c.server);
        check_end("server", &c.server, table[i].server, table[i].alert);
        check_end("client", &c.client, table[i].client, table[i].alert);
        close_connection(&c);
    }
}

static int no_hash(void *connection, enum atls_hash *hashp)
{
    return atls_fail(-EIO, NULL, "the hash is gone");
}

/* Without the hash of the connection there are no authenticators. */
static void a_stack_without_the_hash(void **state)
{
    static const struct row row = {CLIENT_ATTESTS};
    struct atls_stack without = atls_stack_gnutls;
    struct connection c;
    without.hash = no_hash;
    open_connection(&c, &row);
    c.server.party.stack = &without;
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, "internal", ATLS_ALERT_INTERNAL_ERROR);
    assert_string_equal(c.server.session->failure.detail, "the hash is gone");
    check_end("client", &c.client, "peer-alert", ATLS_ALERT_INTERNAL_ERROR);
    close_connection(&c);
}

static int no_binding(void *connection, const char *label, struct atls_bytes context,
                      uint8_t *valuep, size_t size)
{
    if (strcmp(label, atls_expat_label_text(ATLS_EXPAT_CMW_ATTESTATION)) == 0)
        return atls_fail(-EIO, NULL, "the exporter is gone");
    return atls_stack_gnutls.exporter(connection, label, context, valuep, size);
}

/* A binding has the exporter's value, or there is none: at the attester, at the relying party. */
static void a_binding_without_the_exporter(void **state)
{
    static const struct row row = {CLIENT_ATTESTS};
    struct atls_stack without = atls_stack_gnutls;
    without.exporter = no_binding;
    for (int client_lacks = 0; client_lacks < 2; client_lacks++) {
        struct connection c;
        open_connection(&c, &row);
        struct end *own = client_lacks ? &c.client : &c.server;
        own->party.stack = &without;
        pump_ends(&c.client, &c.server);
        check_end("who lacks it", own, "internal", ATLS_ALERT_INTERNAL_ERROR);
        assert_string_equal(own->session->failure.detail, "the exporter is gone");
        assert_int_equal(test_roles.evidence_made, !client_lacks);
        assert_int_equal(test_roles.judged, 0);
        close_connection(&c);
    }
}

/* RFC 8446 section 4.4.2: the extensions of an entry have 16 bits of length, the extension's own
 * head of four bytes in it. The record has 25 bytes more than the stand-in's result of 400. */
static void the_longest_credential(void **state)
{
    static const struct {
        unsigned reading, prefix, more;
    } table[] = {{ATLS_PREFIX_AS_DRAFTED, 2, 0},
                 {ATLS_PREFIX_AS_DRAFTED, 2, 1},
                 {ATLS_PREFIX_U24, 3, 0},
                 {ATLS_PREFIX_U24, 3, 1},
                 {ATLS_PREFIX_NONE, 0, 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct atls_variants variants = {.payload_prefix = table[i].reading};
        size_t most = UINT16_MAX - 4 - table[i].prefix;
        const struct row row = {.client = {.attester = {PP}, .variants = variants},
                                .server = {.relying_party = {PP}, .variants = variants},
                                .roles = {.padding = most - 25 - 400 + table[i].more}};
        struct connection c;
        char detail[128];
        open_connection(&c, &row);
        pump_ends(&c.client, &c.server);
        snprintf(detail, sizeof detail, "expected a CMW of at most %zu bytes, came %zu", most,
                 most + 1);
        check_end("client", &c.client, table[i].more ? "internal" : NULL,
                  table[i].more ? ATLS_ALERT_INTERNAL_ERROR : -1);
        assert_string_equal(c.client.session->failure.detail, table[i].more ? detail : "");
        close_connection(&c);
    }
}

/* What the event says is the time of all of it, not of the handshake alone. */
static void the_time_of_attestation(void **state)
{
    static const struct row row = {CLIENT_ATTESTS, .roles = {.verdict_after = 50}};
    struct connection c;
    open_connection(&c, &row);
    while (c.server.session->expat->stage != EXPAT_JUDGING) {
        step_end(&c.client);
        step_end(&c.server);
    }
    c.client.session->started -= 1000;
    c.server.session->started -= 1000;
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, NULL, -1);
    assert_true(c.server.session->seconds >= 1000);
    assert_true(c.client.session->seconds >= 1000);
    close_connection(&c);
}

/* RFC 9261 section 5.2.2: a scheme that is none of TLS 1.3. That is no extension's fault. */
static void a_scheme_of_tls_1_2(void **state)
{
    static const struct row row = {CLIENT_ATTESTS};
    static const uint8_t rest[] = {
        0,  0, 6, 0, 0, 1, 0x30, 0, 0, /* certificate_list: an entry of a byte */
        15, 0, 0, 5, 4, 1, 0,    1, 0, /* CertificateVerify: rsa_pkcs1_sha256 */
        20, 0, 0, 1, 0};               /* Finished */
    uint8_t bytes[5 + ATLS_EXPAT_CONTEXT_MAX + sizeof rest];
    struct connection c;
    open_connection(&c, &row);
    struct atls_expat *x = c.server.session->expat;
    while (x->stage != EXPAT_ASKED) {
        step_end(&c.client);
        step_end(&c.server);
    }
    struct atls_sink sink = atls_sink_of(bytes, sizeof bytes);
    atls_sink_u8(&sink, 11); /* Certificate */
    atls_sink_u24(&sink, (uint32_t)(1 + x->context_size + 9));
    atls_sink_vector(&sink, 1, ATLS_BYTES(x->context, x->context_size));
    atls_sink_bytes(&sink, ATLS_BYTES(rest, sizeof rest));
    assert_int_not_equal(expat_authenticated(c.server.session, ATLS_BYTES(bytes, sink.used)), 0);
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, "malformed-authenticator", ATLS_ALERT_ILLEGAL_PARAMETER);
    assert_string_equal(c.server.session->failure.detail,
                        "signature scheme 0x0401 is none of TLS 1.3");
    close_connection(&c);
}

/* An EAR that is made by ISSUER, signed by nobody: it is of no use, but says whose it is. */
static void write_ear(const char *issuer, char *textp, size_t size)
{
    static const char claims[] = "{\"eat_profile\":\"tag:github.com,2023:veraison/ear\","
                                 "\"iat\":1700000000,\"iss\":\"%s\","
                                 "\"ear.verifier-id\":{\"build\":\"b\",\"developer\":\"d\"},"
                                 "\"submods\":{\"device\":{\"ear.status\":\"affirming\"}}}";
    char text[512];
    snprintf(text, sizeof text, claims, issuer);
    char *payload = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(text));
    assert_non_null(payload);
    snprintf(textp, size, "eyJhbGciOiJFUzI1NiJ9.%s.AA", payload); /* {"alg":"ES256"} */
    free(payload);
}

/* The verifier that a result is expected of is the trusted one that it names, or else the first:
 * the stand-in has no other than v.example, and finds no key in an EAR. */
static const struct verifier_row {
    const char *name, *issuer, *verifiers[2];
    size_t count; /* of them, that are trusted */
    const char *reason;
    int alert;
} verifier_rows[] = {
    {"the second is named", "v.example", {"other.example", "v.example"}, 2, "malformed-cmw", 42},
    {"one that is not trusted is named",
     "other.example",
     {"v.example", "other.example"},
     1,
     "malformed-cmw",
     42},
    {"another one than v.example is named",
     "other.example",
     {"v.example", "other.example"},
     2,
     "internal",
     80},
    {"none is trusted", "v.example", {"v.example"}, 0, "internal", 80},
};

static void whose_result_it_is(void **state)
{
    const struct verifier_row *verifier = *state;
    struct row row = {.client = {.attester = {PP}}, .server = {.relying_party = {PP}}};
    struct connection c;
    char ear[1024];
    write_ear(verifier->issuer, ear, sizeof ear);
    row.roles.result = ear;
    open_connection(&c, &row);
    const struct atls_bytes trusted[2] = {
        atls_bytes_of_text(verifier->verifiers[0]),
        atls_bytes_of_text(verifier->verifiers[1] ? verifier->verifiers[1] : "")};
    c.server.party.as_relying_party.verifiers = trusted;
    c.server.party.as_relying_party.verifier_count = verifier->count;
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, verifier->reason, verifier->alert);
    check_end("client", &c.client, "peer-alert", verifier->alert);
    close_connection(&c);
}

/* CertificateVerify as IEEE P1363 has ECDSA: r || s, and as many bytes as are behind it. */
static size_t bytes_behind;

static int sign_raw(void *context, uint16_t scheme, struct atls_bytes content, uint8_t *signaturep,
                    size_t capacity, size_t *sizep)
{
    struct atls_attester *attester = context;
    uint8_t digest[ATLS_HASH_MAX];
    int result = atls_crypto_hosted.hash(ATLS_SHA256, &content, 1, digest);
    if (result == 0)
        result =
            atls_attester_sign(attester, test_attester_handle(attester),
                               ATLS_BYTES(digest, atls_hash_size(ATLS_SHA256)), signaturep, sizep);
    memset(signaturep + *sizep, 0, bytes_behind);
    *sizep += bytes_behind;
    return result;
}

static void a_signature_that_is_raw(void **state)
{
    static const struct row row = {.client = {.attester = {PP}}, .server = {.relying_party = {PP}}};
    for (bytes_behind = 0; bytes_behind < 2; bytes_behind++) {
        struct connection c;
        char text[ATLS_DIAGNOSIS_TEXT];
        uint8_t *bytes;
        size_t size;
        open_connection(&c, &row);
        struct atls_expat *x = c.client.session->expat;
        while (c.server.session->expat->stage != EXPAT_ASKED) {
            step_end(&c.client);
            step_end(&c.server);
        }
        test_roles.result_after = 50; /* the request stays open */
        while (!x->answering) {
            step_end(&c.client);
            step_end(&c.server);
        }
        const gnutls_datum_t *leaf = &c.client.party.chain[0].cert;
        const struct atls_ea_entry entry = {.certificate = ATLS_BYTES(leaf->data, leaf->size)};
        const struct atls_ea_identity identity = {.entries = &entry,
                                                  .entry_count = 1,
                                                  .scheme = 0x0403, /* ecdsa_secp256r1_sha256 */
                                                  .sign = sign_raw,
                                                  .context = c.client.party.attester};
        assert_int_equal(
            atls_ea_answer(&x->ea, ATLS_BYTES(x->open, x->open_size), &identity, &bytes, &size), 0);
        assert_int_not_equal(expat_authenticated(c.server.session, ATLS_BYTES(bytes, size)), 0);
        const struct failure *failure = &c.server.session->failure;
        assert_string_equal(failure->reason, "key-mismatch");
        assert_non_null(failure->diagnosis);
        atls_diagnosis_say(failure->diagnosis, text);
        assert_int_equal(failure->diagnosis->count, bytes_behind == 0);
        if (bytes_behind == 0)
            assert_non_null(strstr(text, "expected an Ecdsa-Sig-Value in DER, came r || s"));
        free(bytes);
        close_connection(&c);
    }
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, a_narrow_connection, rows);
    TEST_ADD_ROWS(&list, an_alert_in_a_frame, rows);
    TEST_ADD_ROWS(&list, another_code_point, number_rows);
    TEST_ADD(&list, a_broken_record);
    TEST_ADD_ROWS(&list, whose_result_it_is, verifier_rows);
    TEST_ADD(&list, a_signature_that_is_raw);
    TEST_ADD(&list, a_second_entry_of_a_short_chain);
    TEST_ADD(&list, context_is_the_nonce);
    TEST_ADD(&list, a_long_hello);
    TEST_ADD(&list, a_stack_without_the_hash);
    TEST_ADD(&list, a_scheme_of_tls_1_2);
    TEST_ADD(&list, a_binding_without_the_exporter);
    TEST_ADD(&list, the_longest_credential);
    TEST_ADD(&list, the_time_of_attestation);
    int result = test_run("expat", &list);
    test_pki_remove(&test_pki);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole handshakes in memory under the early profiles, seat-04 and seat-06: sides, models,
 * HelloRetryRequest, payloads of every size, refusals, and what seat-06 has in its hellos, byte for
 * byte. The other profiles are in test-profiles.c.
 */
#include "tls/engine/test-profile-rows.h"

/* Bytes of padding with which the stand-in's result, and three bytes of length, fill an extension:
 * the record has 6 bytes more than the value of the value, which has 400 besides. */
#define FILLING (65531 - 3 - 25 - 400)

static const struct atls_profile *const seat[] = {&atls_profile_seat_04, &atls_profile_seat_06};
static const struct atls_profile *const seat_04[] = {&atls_profile_seat_04};
static const struct atls_profile *const seat_06[] = {&atls_profile_seat_06};

static const struct profile_row rows[] = {
#define SEAT .profiles = seat, .profile_count = 2
#define SEAT_04 .profiles = seat_04, .profile_count = 1
#define SEAT_06 .profiles = seat_06, .profile_count = 1
    {.name = "plain X.509", SEAT},
    {.name = "client attested", SEAT, CLIENT_ATTESTS},
    {.name = "server attested", SEAT, SERVER_ATTESTS},
    {.name = "client, passport",
     SEAT,
     .client = {.attester = {PP}},
     .server = {.relying_party = {PP}}},
    {.name = "server, passport",
     SEAT,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}}},
    {.name = "both, background check",
     SEAT,
     .client = {.attester = {BG}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "both, passport",
     SEAT,
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}}},
    {.name = "client background check, server passport",
     SEAT,
     .client = {.attester = {BG}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {BG}}},
    {.name = "P-384",
     SEAT,
     .client = {.attester = {BG}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {BG}},
     .p384 = true},
    {.name = "lists of models, both ways",
     SEAT,
     .client = {.attester = {BG, PP}, .relying_party = {PP, BG}},
     .server = {.attester = {PP, BG}, .relying_party = {BG, PP}}},
    {.name = "HelloRetryRequest by the client (H5: message_hash)",
     SEAT,
     .client = {.attester = {BG}, .relying_party = {BG}, .hrr = true},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "HelloRetryRequest by the server",
     SEAT,
     .client = {.attester = {PP}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {PP}, .hrr = true}},
    {.name = "everything takes its time",
     SEAT,
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}},
     .roles = {.result_after = 4, .verdict_after = 3}},
    {.name = "the server's result takes its time, after HelloRetryRequest",
     SEAT,
     .client = {.relying_party = {PP}, .hrr = true},
     .server = {.attester = {PP}},
     .roles = {.result_after = 4, .verdict_after = 3}},
    {.name = "a payload of 60 kB",
     SEAT,
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}},
     .roles = {.padding = 60000}},
    {.name = "a payload of 65531 bytes, the most there can be (R-SE-09)",
     SEAT,
     .client = {.attester = {PP}, .relying_party = {PP}},
     .server = {.attester = {PP}, .relying_party = {PP}},
     .roles = {.padding = FILLING}},
    {.name = "one byte more, of a client",
     SEAT,
     .client = {.attester = {PP}},
     .server = {.relying_party = {PP}},
     .roles = {.padding = FILLING + 1},
     BY_CLIENT("internal", 80)},
    {.name = "one byte more, of a server",
     SEAT,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.padding = FILLING + 1},
     BY_SERVER("internal", 80)},
    {.name = "falling back at the server",
     SEAT,
     .client = {.no_anchors = false},
     .server = {.relying_party = {BG}, .optional = true}},
    {.name = "falling back at the client",
     SEAT,
     .client = {.relying_party = {BG}, .optional = true},
     .server = {.no_anchors = false}},
    /* Negotiation refused. */
    {.name = "no evidence type in common (R-SE-27)",
     SEAT_06,
     .client = {.attester = {BG}, .type = "cf:9"},
     .server = {.relying_party = {BG}},
     BY_SERVER("no-common-evidence-type", 227)},
    {.name = "no verifier in common (R-SE-27)",
     SEAT_06,
     .client = {.relying_party = {PP}, .verifier = "w.example"},
     .server = {.attester = {PP}},
     BY_SERVER("no-common-verifier", 227)},
    {.name = "no evidence type in common",
     SEAT_04,
     .client = {.attester = {BG}, .type = "cf:9"},
     .server = {.relying_party = {BG}},
     BY_SERVER("no-common-evidence-type", 224)},
    {.name = "no verifier in common",
     SEAT_04,
     .client = {.relying_party = {PP}, .verifier = "w.example"},
     .server = {.attester = {PP}},
     BY_SERVER("no-common-verifier", 225)},
    {.name = "required at the client, nothing selected (R-SE-34)",
     SEAT_06,
     .client = {.relying_party = {BG}},
     BY_CLIENT("attestation-missing", 228)},
    {.name = "required at the server, nothing offered",
     SEAT_06,
     .server = {.relying_party = {BG}},
     BY_SERVER("attestation-missing", 228)},
    {.name = "required at the client, nothing selected",
     SEAT_04,
     .client = {.relying_party = {BG}},
     BY_CLIENT("attestation-missing", 109)},
    {.name = "both lists empty (R-SE-31)",
     SEAT_06,
     .client = {.relying_party = {BG}, .fault = "extension=remoteAttestation:00000000"},
     .server = {.attester = {BG}},
     BY_SERVER("no-common-evidence-type", 227)},
    {.name = "a scheme of an unknown mechanism",
     SEAT_06,
     .client = {.relying_party = {BG}, .fault = "extension=remoteAttestation:0004020001110000"},
     .server = {.attester = {BG}},
     BY_SERVER("malformed-extension", 50)},
    {.name = "a scheme cut short",
     SEAT_06,
     .client = {.relying_party = {BG}, .fault = "extension=remoteAttestation:00030000010000"},
     .server = {.attester = {BG}},
     BY_SERVER("malformed-extension", 50)},
    {.name = "only one list",
     SEAT_06,
     .client = {.relying_party = {BG}, .fault = "extension=remoteAttestation:000400000111"},
     .server = {.attester = {BG}},
     BY_SERVER("malformed-extension", 50)},
    {.name = "a byte behind the lists",
     SEAT_06,
     .client = {.relying_party = {BG}, .fault = "extension=remoteAttestation:000400000111000000"},
     .server = {.attester = {BG}},
     BY_SERVER("malformed-extension", 50)},
    {.name = "two schemes chosen",
     SEAT_06,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .fault = "extension=remoteAttestation:0000011100000111"},
     BY_CLIENT("malformed-extension", 50)},
    {.name = "a scheme chosen that was not offered (R-SE-30, R-SE-33)",
     SEAT,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .fault = "select-unoffered"},
     BY_CLIENT("unexpected-selection", 47)},
    {.name = "the same in CertificateRequest (R-SE-33)",
     SEAT,
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, .fault = "select-unoffered"},
     BY_CLIENT("unexpected-selection", 47)},
/* The extension in Certificate. */
#define FAULTY_CLIENT(what)                                                                        \
    .client = {.attester = {BG}, .fault = (what)}, .server = {.relying_party = {BG}}
#define FAULTY_SERVER(what)                                                                        \
    .client = {.relying_party = {BG}}, .server = {.attester = {BG}, .fault = (what)}
    {.name = "in the second entry, of a client (R-SE-07)",
     SEAT,
     FAULTY_CLIENT("entry-second"),
     BY_SERVER("malformed-extension", 47)},
    {.name = "in the second entry, of a server (R-SE-07)",
     SEAT,
     FAULTY_SERVER("entry-second"),
     BY_CLIENT("malformed-extension", 47)},
    {.name = "twice, of a client",
     SEAT,
     FAULTY_CLIENT("entry-twice"),
     BY_SERVER("malformed-extension", 47)},
    {.name = "twice, of a server",
     SEAT,
     FAULTY_SERVER("entry-twice"),
     BY_CLIENT("malformed-extension", 47)},
    {.name = "missing, of a client",
     SEAT,
     FAULTY_CLIENT("entry-missing"),
     BY_SERVER("attestation-missing", 226)},
    {.name = "missing, of a server",
     SEAT,
     FAULTY_SERVER("entry-missing"),
     BY_CLIENT("attestation-missing", 226)},
    {.name = "an empty Certificate of a client",
     SEAT,
     FAULTY_CLIENT("empty-certificate"),
     BY_SERVER("attestation-missing", 116)},
    {.name = "not agreed on, of a client",
     SEAT,
     .client = {.fault = "entry-unasked"},
     .server = {.no_anchors = false},
     BY_SERVER("malformed-extension", 110)},
    {.name = "not agreed on, of a server",
     SEAT,
     .client = {.no_anchors = false},
     .server = {.fault = "entry-unasked"},
     BY_CLIENT("malformed-extension", 110)},
    {.name = "a payload without its length",
     SEAT,
     FAULTY_CLIENT("entry-payload=8201410082014100"),
     BY_SERVER("malformed-extension", 50)},
    {.name = "a payload of no bytes",
     SEAT,
     FAULTY_SERVER("entry-payload=000000"),
     BY_CLIENT("malformed-extension", 50)},
    {.name = "a byte behind the payload",
     SEAT,
     FAULTY_SERVER("entry-payload=0000048201410000"),
     BY_CLIENT("malformed-extension", 50)},
    {.name = "a payload that is no CMW (R-SE-12)",
     SEAT,
     FAULTY_SERVER("entry-payload=00000482014100"),
     BY_CLIENT("malformed-cmw", 226)},
    /* What is judged. */
    {.name = "another binder, of a client (R-SE-12)",
     SEAT,
     CLIENT_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_SERVER("nonce-mismatch", 226)},
    {.name = "another binder, of a server (R-SE-12)",
     SEAT,
     SERVER_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_CLIENT("nonce-mismatch", 226)},
    {.name = "the attested key is not the leaf's, of a client (R-SE-01)",
     SEAT,
     CLIENT_ATTESTS,
     .roles = {.attested_other = true},
     BY_SERVER("key-mismatch", 226)},
    {.name = "the attested key is not the leaf's, of a server (R-SE-01)",
     SEAT,
     SERVER_ATTESTS,
     .roles = {.attested_other = true},
     BY_CLIENT("key-mismatch", 226)},
    {.name = "CertificateVerify by another key than the leaf's, of a client",
     SEAT,
     CLIENT_ATTESTS,
     .roles = {.other_key = true},
     BY_SERVER("key-mismatch", 51)},
    {.name = "CertificateVerify by another key than the leaf's, of a server",
     SEAT,
     SERVER_ATTESTS,
     .roles = {.other_key = true},
     BY_CLIENT("key-mismatch", 51)},
    {.name = "a chain that nobody trusts, of a client",
     SEAT,
     .client = {.attester = {BG}, .stranger = true},
     .server = {.relying_party = {BG}},
     BY_SERVER("certificate-untrusted", 48)},
    {.name = "a chain that nobody trusts, of a server",
     SEAT,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .stranger = true},
     BY_CLIENT("certificate-untrusted", 48)},
    {.name = "evidence beside a certificate for another name (RFC 6125)",
     SEAT,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a result beside a certificate for another name",
     SEAT,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a client has no name to be compared",
     SEAT,
     .client = {.attester = {BG}, .other_name = true},
     .server = {.relying_party = {BG}}},
    {.name = "a critical extension that nobody knows (RFC 5280 section 4.2)",
     SEAT,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .unknown_critical = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "evidence does not replace trust anchors",
     SEAT,
     .client = {.relying_party = {BG}, .no_anchors = true},
     .server = {.attester = {BG}},
     BY_CLIENT("certificate-untrusted", 48)},
    {.name = "the verdict is no, of a client",
     SEAT,
     CLIENT_ATTESTS,
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 2},
     BY_SERVER("reference-value-mismatch", 226)},
    {.name = "the verdict is no, of a server",
     SEAT,
     SERVER_ATTESTS,
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 2},
     BY_CLIENT("reference-value-mismatch", 226)},
    {.name = "no verdict, of a server",
     SEAT,
     SERVER_ATTESTS,
     .roles = {.verdict_fails = "verifier-timeout", .verifier_at_fault = true},
     BY_CLIENT("verifier-timeout", 80)},
    {.name = "the server's device makes no evidence",
     SEAT,
     SERVER_ATTESTS,
     .roles = {.evidence_fails = "device-unavailable"},
     BY_SERVER("device-unavailable", 80)},
    {.name = "the client's device makes no evidence",
     SEAT,
     CLIENT_ATTESTS,
     .roles = {.evidence_fails = "device-unavailable"},
     BY_CLIENT("device-unavailable", 80)},
    {.name = "no result for the server",
     SEAT,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}},
     .roles = {.result_after = 2, .result_fails = "verifier-timeout"},
     BY_SERVER("verifier-timeout", 80)},
    /* Readings set against each other. */
    {.name = "H5: the server's binder is of the second hello",
     SEAT,
     .client = {.relying_party = {BG}, .hrr = true},
     .server = {.attester = {BG}, .variants = {.hello_retry = ATLS_RETRY_SECOND_HELLO}},
     BY_CLIENT("nonce-mismatch", 226)},
    {.name = "H5: the client's binder is of the first hello",
     SEAT,
     .client = {.attester = {BG}, .variants = {.hello_retry = ATLS_RETRY_FIRST_HELLO}},
     .server = {.relying_party = {BG}, .hrr = true},
     BY_SERVER("nonce-mismatch", 226)},
    {.name = "H5: without HelloRetryRequest all readings are one",
     SEAT,
     .client = {.attester = {BG}, .variants = {.hello_retry = ATLS_RETRY_ALL}},
     .server = {.relying_party = {BG}}},
    {.name = "H5: both read it in the same way",
     SEAT,
     .client = {.attester = {BG}, .hrr = true, .variants = {.hello_retry = ATLS_RETRY_ALL}},
     .server = {.relying_party = {BG}, .variants = {.hello_retry = ATLS_RETRY_ALL}}},
    {.name = "H15: no length, where one is expected",
     SEAT,
     .client = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_NONE}},
     .server = {.relying_party = {BG}},
     BY_SERVER("malformed-extension", 50)},
    {.name = "H15: a length of two bytes, where one of three is expected",
     SEAT,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U16}},
     BY_CLIENT("malformed-extension", 50)},
    {.name = "H15: a length, where none is expected",
     SEAT,
     .client = {.relying_party = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_NONE}},
     .server = {.attester = {BG}},
     BY_CLIENT("malformed-cmw", 226)},
    {.name = "H15: two bytes, at both",
     SEAT,
     .client = {.relying_party = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U16}},
     .server = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U16}}},
    {.name = "H12: nothing in common is passed over, and attestation is required",
     SEAT_06,
     .client = {.attester = {BG}, .type = "cf:9"},
     .server = {.relying_party = {BG}, .variants = {.no_common = 1}},
     BY_SERVER("attestation-missing", 228)},
    {.name = "H12: nothing in common is passed over, and attestation is optional",
     SEAT,
     .client = {.relying_party = {BG}, .optional = true, .type = "cf:9"},
     .server = {.attester = {BG}, .plain = true, .variants = {.no_common = 1}}},
    {.name = "H12: nothing in common is passed over by a server, and its client minds",
     SEAT_06,
     .client = {.relying_party = {BG}, .type = "cf:9"},
     .server = {.attester = {BG}, .plain = true, .variants = {.no_common = 1}},
     BY_CLIENT("attestation-missing", 228)},
    {.name = "H20: the type is the CMW's",
     SEAT,
     .client = {.relying_party = {BG}, .variants = {.evidence_type_match = 1}},
     .server = {.attester = {BG}}},
    {.name = "H20: the type is not the CMW's, and nobody minds",
     SEAT,
     .client = {.relying_party = {BG}, .type = "cf:263"},
     .server = {.attester = {BG}, .type = "cf:263"}},
    {.name = "H20: the type is not the CMW's, and the relying party minds",
     SEAT,
     .client = {.relying_party = {BG}, .type = "cf:263", .variants = {.evidence_type_match = 1}},
     .server = {.attester = {BG}, .type = "cf:263"},
     BY_CLIENT("malformed-cmw", 226)},
};

/* The bodies of seat-06, which has one extension for everything. */
static const struct scheme_row {
    const char *name;
    struct side client, server;
    const char *offer, *selection; /* in ClientHello and EncryptedExtensions; NULL: none */
} scheme_rows[] = {
    {"evidence of a server",
     {.relying_party = {BG}, .type = "cf:263"},
     {.attester = {BG}, .type = "cf:263"},
     "0004000001070000",
     "00000107"},
    {"evidence of a client, chosen in CertificateRequest only",
     {.attester = {BG}, .type = "cf:263"},
     {.relying_party = {BG}, .type = "cf:263"},
     "0000000400000107",
     NULL},
    {"evidence by media type, of both",
     {.attester = {BG}, .relying_party = {BG}, .type = "a/b"},
     {.attester = {BG}, .relying_party = {BG}, .type = "a/b"},
     "000700010003612f62000700010003612f62",
     "00010003612f62"},
    {"a result of a server",
     {.relying_party = {PP}, .verifier = "v.example"},
     {.attester = {PP}, .verifier = "v.example"},
     "000c010009762e6578616d706c650000",
     "010009762e6578616d706c65"},
    {"results before evidence, evidence chosen",
     {.relying_party = {PP, BG}, .type = "cf:263"},
     {.attester = {BG}, .type = "cf:263"},
     "0010010009762e6578616d706c65000001070000",
     "00000107"},
};

static void what_schemes_are_on_the_wire(void **state)
{
    const struct scheme_row *row = *state;
    struct profile_row both = {.client = row->client, .server = row->server};
    const struct atls_bytes none = {NULL, 0};
    struct connection c;
    open_connection(&c, &both, &atls_profile_seat_06);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    same_body(&c.server.session->hello.received[0], row->offer, none);
    if (row->selection)
        same_body(&c.client.session->hello.received[0], row->selection, none);
    else
        assert_false(c.client.session->hello.received[0].present);
    close_connection(&c);
}

/* RFC 8446 section 4.2: no extension comes in a CertificateRequest that the ClientHello had not. */
static void an_unoffered_request(void **state)
{
    static const struct profile_row row = {.client = {.attester = {BG}},
                                           .server = {.relying_party = {BG}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_seat_06);
    step_end(&c.client); /* the ClientHello is on its way: nothing of it was offered now */
    assert_true(c.client.session->hello.sent[0].present);
    c.client.session->hello.sent[0].present = false;
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, "unexpected-selection", 110);
    check_end("server", &c.server, "peer-alert", 110);
    close_connection(&c);
}

/* Lists of the extension as the shim hands them over: RFC 8446 section 4.2 has it once. */
static void lists_by_hand(void **state)
{
    static const struct profile_row row = {.client = {.attester = {BG}},
                                           .server = {.relying_party = {BG}}};
    static const struct atls_entry_received twice[] = {{.entry = 0}, {.entry = 1}};
    const struct session_certificate certificate = {
        .chain_size = 1, .extensions = twice, .extension_count = 1};
    struct connection c;
    open_connection(&c, &row, &atls_profile_seat_06);
    step_end(&c.client);
    assert_int_not_equal(session_entry_requested(c.client.session, twice, 2), 0);
    assert_string_equal(c.client.session->failure.reason, "malformed-extension");
    assert_int_equal(c.client.session->failure.due, ATLS_ALERT_ILLEGAL_PARAMETER);
    /* What is behind the list is none of it: the first is refused for being empty. */
    assert_int_not_equal(atls_carrier_entry.received(c.server.session, &certificate), 0);
    assert_string_equal(c.server.session->failure.reason, "malformed-extension");
    assert_non_null(strstr(c.server.session->failure.detail, "cmw_payload"));
    close_connection(&c);
}

/* Between the request and the repeated attestation nothing may come. */
static void data_before_repeated_attestation(void **state)
{
    static const struct profile_row row = {
        .client = {.attester = {BG}, .variants = {.post_handshake = 1}},
        .server = {.relying_party = {BG}, .reattest = 1, .variants = {.post_handshake = 1}}};
    for (unsigned early = 0; early < 2; early++) {
        struct connection c;
        open_connection(&c, &row, &atls_profile_seat_06);
        for (int i = 0; i < 1000 && c.server.session->self.rounds == 0; i++) {
            step_end(&c.client);
            step_end(&c.server);
        }
        assert_int_equal(c.server.session->self.rounds, 1);
        /* Who was accepted once is not, until that comes. */
        assert_false(c.server.session->peer.accepted);
        assert_int_equal(c.server.session->peer.verified_with_size, 0);
        if (early)
            assert_int_equal(gnutls_record_send(atls_session_tls(c.client.session), "x", 1), 1);
        pump_ends(&c.client, &c.server);
        check_end("server", &c.server, early ? "application-data-early" : NULL, early ? 10 : -1);
        check_end("client", &c.client, early ? "peer-alert" : NULL, early ? 10 : -1);
        if (!early) /* the second request has its own answer */
            assert_int_equal(test_roles.evidence_made, 2);
        close_connection(&c);
    }
}

/* As often as the server is told to ask, each time for evidence of its own. */
static void attestation_several_times(void **state)
{
    static const struct profile_row row = {
        .client = {.attester = {BG}, .variants = {.post_handshake = 1}},
        .server = {.relying_party = {BG}, .reattest = 3, .variants = {.post_handshake = 1}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_seat_06);
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, NULL, -1);
    check_end("client", &c.client, NULL, -1);
    assert_int_equal(c.server.session->self.rounds, 3);
    assert_int_equal(c.client.session->self.rounds, 3);
    assert_int_equal(test_roles.evidence_made, 4);
    close_connection(&c);
}

/* H28: where the binder is that of the handshake, what answered it once answers it again. */
static void evidence_that_is_presented_again(void **state)
{
    static const struct profile_row row = {
        .client = {.attester = {BG},
                   .fault = "repeated-evidence",
                   .variants = {.post_handshake = 1}},
        .server = {.relying_party = {BG}, .reattest = 1, .variants = {.post_handshake = 1}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_seat_06);
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, NULL, -1);
    check_end("client", &c.client, NULL, -1);
    assert_int_equal(c.server.session->self.rounds, 1);
    assert_int_equal(test_roles.evidence_made, 1);
    close_connection(&c);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, a_narrow_connection, rows);
    TEST_ADD_ROWS(&list, what_schemes_are_on_the_wire, scheme_rows);
    TEST_ADD(&list, an_unoffered_request);
    TEST_ADD(&list, lists_by_hand);
    TEST_ADD(&list, data_before_repeated_attestation);
    TEST_ADD(&list, attestation_several_times);
    TEST_ADD(&list, evidence_that_is_presented_again);
    int result = test_run("profiles-seat", &list);
    test_pki_remove(&test_pki);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole handshakes in memory under ta-02 to ta-07, x509-cmw and poc-mbedtls: sides, models,
 * HelloRetryRequest, refusals, and what each draft has on the wire, byte for byte. The early
 * profiles, which have most of the rows, are in test-profiles-seat.c.
 */
#include <errno.h>

#include "rats/base/error.h"
#include "tls/engine/test-profile-rows.h"

static const struct atls_profile *const ta_old[] = {&atls_profile_ta_02, &atls_profile_ta_03};
static const struct atls_profile *const ta_07[] = {&atls_profile_ta_07};
static const struct atls_profile *const x509[] = {&atls_profile_x509_cmw};

static const struct atls_profile *const poc[] = {&atls_profile_poc_mbedtls};

static const struct atls_profile *const all[] = {&atls_profile_ta_02,   &atls_profile_ta_03,
                                                 &atls_profile_ta_07,   &atls_profile_seat_04,
                                                 &atls_profile_seat_06, &atls_profile_x509_cmw};

static const struct profile_row rows[] = {
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
    /* The type is not the CMW's, and the relying party minds. */
    {.name = "H20: the same in place of the certificate",
     TA_OLD,
     .client = {.attester = {BG}, .type = "cf:263"},
     .server = {.relying_party = {BG}, .type = "cf:263", .variants = {.evidence_type_match = 1}},
     BY_SERVER("malformed-cmw", 226)},
/* ta-07 with a certificate. */
#define TA_07 .profiles = ta_07, .profile_count = 1
#define CERT .certificate_kind = true
#define MATCH .variants = {.evidence_type_match = 1}
    {.name = "H20: evidence of the type, which is the CMW's",
     TA_07,
     .client = {.attester = {BG}},
     .server = {.relying_party = {BG}, MATCH}},
    {.name = "H20: the same beside a certificate",
     TA_07,
     .client = {.relying_party = {BG}, CERT, MATCH},
     .server = {.attester = {BG}, CERT}},
    {.name = "H20: a result has no type that was agreed on",
     TA_07,
     .client = {.attester = {PP}},
     .server = {.relying_party = {PP}, MATCH}},
    {.name = "a result of a verifier that was agreed on and is not trusted",
     TA_07,
     .client = {.attester = {PP}, .verifier = "w.example"},
     .server = {.relying_party = {PP}, .verifier = "w.example"},
     BY_SERVER("internal", 80)},
    {.name = "H20: what is no CMW at all",
     TA_07,
     .client = {.attester = {BG}, CERT, .fault = "entry-payload=ff"},
     .server = {.relying_party = {BG}, CERT, MATCH},
     BY_SERVER("malformed-cmw", 226)},
    {.name = "beside a certificate: client attested",
     TA_07,
     .client = {.attester = {BG}, CERT},
     .server = {.relying_party = {BG}, CERT}},
    {.name = "beside a certificate: server attested",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT}},
    {.name = "beside a certificate: both, everything takes its time",
     TA_07,
     .client = {.attester = {BG}, .relying_party = {BG}, CERT},
     .server = {.attester = {BG}, .relying_party = {BG}, CERT},
     .roles = {.challenge_after = 3, .verdict_after = 3}},
    {.name = "beside a certificate: HelloRetryRequest",
     TA_07,
     .client = {.attester = {BG}, .relying_party = {BG}, CERT, .hrr = true},
     .server = {.attester = {BG}, .relying_party = {BG}, CERT}},
    {.name = "beside a certificate: P-384",
     TA_07,
     .client = {.attester = {BG}, .relying_party = {BG}, CERT},
     .server = {.attester = {BG}, .relying_party = {BG}, CERT},
     .p384 = true},
    {.name = "beside a certificate, and a result in its place",
     TA_07,
     .client = {.attester = {BG}, .relying_party = {PP}, CERT},
     .server = {.attester = {PP}, .relying_party = {BG}, CERT}},
    {.name = "beside a certificate: plain X.509", TA_07, .client = {CERT}, .server = {CERT}},
    {.name = "beside a certificate: falling back",
     TA_07,
     .client = {.relying_party = {BG}, .optional = true, CERT},
     .server = {CERT}},
    {.name = "one credential kind against the other",
     TA_07,
     .client = {.attester = {BG}, CERT},
     .server = {.relying_party = {BG}},
     BY_SERVER("no-common-evidence-type", 224)},
    {.name = "beside a certificate: another binder (R-TA-14)",
     TA_07,
     .client = {.attester = {BG}, CERT},
     .server = {.relying_party = {BG}, CERT},
     .roles = {.wrong_answer = true},
     BY_SERVER("nonce-mismatch", 226)},
    {.name = "beside a certificate: another key attested",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT},
     .roles = {.attested_other = true},
     BY_CLIENT("key-mismatch", 51)},
    {.name = "beside a certificate: no extension",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .fault = "entry-missing"},
     BY_CLIENT("attestation-missing", 226)},
    {.name = "an extension of another draft besides, which is no offer here",
     TA_07,
     .client = {.relying_party = {BG},
                .fault = "also-extension=remoteAttestation:0004000001110000"},
     .server = {.attester = {BG}}},
    {.name = "an extension that nobody asked for has no place without entries",
     TA_07,
     .client = {.fault = "entry-unasked", .unheard = true},
     .server = {.unheard = true}},
    {.name = "beside a certificate: in the second entry",
     TA_07,
     .client = {.attester = {BG}, CERT, .fault = "entry-second"},
     .server = {.relying_party = {BG}, CERT},
     BY_SERVER("malformed-extension", 47)},
    {.name = "evidence of another type",
     TA_OLD,
     .client = {.attester = {BG}, .type = "cf:263"},
     .server = {.relying_party = {BG}, .type = "cf:263", .variants = {.evidence_type_match = 1}},
     BY_SERVER("malformed-cmw", 226),
     .unjudged = true},
    {.name = "beside a certificate: evidence of another type",
     TA_07,
     .client =
         {.relying_party = {BG}, .type = "cf:263", CERT, .variants = {.evidence_type_match = 1}},
     .server = {.attester = {BG}, .type = "cf:263", CERT},
     BY_CLIENT("malformed-cmw", 226),
     .unjudged = true},
    {.name = "beside a certificate: a chain that nobody trusts",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .stranger = true},
     BY_CLIENT("certificate-untrusted", 48),
     .unjudged = true},
    {.name = "beside a certificate: a nonce that no evidence can answer",
     TA_07,
     .client = {.relying_party = {BG}, CERT, .fault = "nonce-length=65"},
     .server = {.attester = {BG}, CERT},
     BY_SERVER("nonce-length", 50)},
    {.name = "H15: a length of three bytes, where none is expected",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .variants = {.payload_prefix = ATLS_PREFIX_U24}},
     BY_CLIENT("malformed-cmw", 226)},
    {.name = "H16: both take the advertised length",
     TA_07,
     .client = {.relying_party = {BG}, CERT, .variants = {.binder_length = 1}},
     .server = {.attester = {BG}, CERT, .variants = {.binder_length = 1}}},
    {.name = "H16: one takes the nonce's length",
     TA_07,
     .client = {.relying_party = {BG}, CERT, .fault = "nonce-length=16"},
     .server = {.attester = {BG}, CERT, .variants = {.binder_length = 1}},
     BY_CLIENT("nonce-mismatch", 226)},
    {.name = "H17: the Handshake Secret at one, its exporter secret at the other",
     TA_07,
     .client = {.attester = {BG}, CERT, .variants = {.binder_secret = 1}},
     .server = {.relying_party = {BG}, CERT},
     BY_SERVER("nonce-mismatch", 226)},
    {.name = "H17: the Handshake Secret at both",
     TA_07,
     .client = {.attester = {BG}, CERT, .variants = {.binder_secret = 1}},
     .server = {.relying_party = {BG}, CERT, .variants = {.binder_secret = 1}}},
    {.name = "H27: both take the nonce as it came",
     TA_07,
     .client = {.attester = {BG}, CERT, .variants = {.certificate_challenge = 1}},
     .server = {.relying_party = {BG}, CERT, .variants = {.certificate_challenge = 1}}},
    {.name = "H27: one takes the channel binder",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .variants = {.certificate_challenge = 1}},
     BY_CLIENT("nonce-mismatch", 226)},
    {.name = "H27: the longest nonce that evidence answers (RFC 9711 section 4.1)",
     TA_07,
     .client = {.attester = {BG}, CERT, .variants = {.certificate_challenge = 1}},
     .server = {.relying_party = {BG},
                CERT,
                .variants = {.certificate_challenge = 1},
                .fault = "nonce-length=64"}},
    {.name = "H27: a longer one",
     TA_07,
     .client = {.attester = {BG}, CERT, .variants = {.certificate_challenge = 1}},
     .server = {.relying_party = {BG},
                CERT,
                .variants = {.certificate_challenge = 1},
                .fault = "nonce-length=65"},
     BY_CLIENT("nonce-length", 50)},
    {.name = "beside a certificate for another name (RFC 6125)",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "beside a certificate: a critical extension that nobody knows (RFC 5280 section 4.2)",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .unknown_critical = true},
     BY_CLIENT("certificate-untrusted", 42)},
/* The prototype's CertificateVerify has r || s, unless both are told otherwise. */
#define POC .profiles = poc, .profile_count = 1
    {.name = "r || s by the attested key", POC, CLIENT_ATTESTS},
    {.name = "r || s by another key",
     POC,
     CLIENT_ATTESTS,
     .roles = {.other_key = true},
     BY_SERVER("key-mismatch", 51)},
    {.name = "DER by the attested key",
     POC,
     .client = {.attester = {BG}, .variants = {.signature = ATLS_SIGNATURE_DER}},
     .server = {.relying_party = {BG}, .variants = {.signature = ATLS_SIGNATURE_DER}}},
/* Plain X.509, whatever was offered. */
#define ALL .profiles = all, .profile_count = sizeof all / sizeof all[0]
    {.name = "plain X.509 for another name (RFC 6125)",
     ALL,
     .server = {.other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "plain X.509 for another name, where attestation is optional",
     ALL,
     .client = {.relying_party = {BG, PP}, .optional = true},
     .server = {.other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a client has no name to be compared",
     ALL,
     .client = {.other_name = true},
     .server = {.relying_party = {BG}, .optional = true}},
/* In the certificate. */
#define X509 .profiles = x509, .profile_count = 1
    {.name = "plain X.509", X509},
    {.name = "client attested", X509, CLIENT_ATTESTS},
    {.name = "server attested", X509, SERVER_ATTESTS},
    {.name = "both, everything takes its time",
     X509,
     .client = {.attester = {BG}, .relying_party = {BG}},
     .server = {.attester = {BG}, .relying_party = {BG}},
     .roles = {.verdict_after = 3}},
    {.name = "client, passport",
     X509,
     .client = {.attester = {PP}},
     .server = {.relying_party = {PP}}},
    {.name = "a result, to who would take either",
     X509,
     .client = {.relying_party = {BG, PP}},
     .server = {.attester = {PP}}},
    {.name = "evidence, to who would take either",
     X509,
     .client = {.relying_party = {PP, BG}},
     .server = {.attester = {BG}}},
    {.name = "HelloRetryRequest",
     X509,
     .client = {.attester = {BG}, .relying_party = {BG}, .hrr = true},
     .server = {.attester = {BG}, .relying_party = {BG}}},
    {.name = "evidence that nobody asked for",
     X509,
     .client = {.no_anchors = false},
     .server = {.attester = {BG}}},
    {.name = "no CMW, and none is required",
     X509,
     .client = {.relying_party = {BG}, .optional = true}},
    {.name = "in a certificate for another name",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42),
     .unjudged = true},
    {.name = "no CMW of an attester, and none is required",
     X509,
     .client = {.relying_party = {BG}, .optional = true},
     .server = {.attester = {BG}, .der = ""}},
    {.name = "no CMW, at the client",
     X509,
     .client = {.relying_party = {BG}},
     BY_CLIENT("attestation-missing", 42)},
    {.name = "no CMW, at the server",
     X509,
     .server = {.relying_party = {BG}},
     BY_SERVER("attestation-missing", 42)},
    {.name = "evidence where a result is wanted",
     X509,
     .client = {.relying_party = {PP}},
     .server = {.attester = {BG}},
     BY_CLIENT("malformed-cmw", 42)},
    {.name = "an extension that is no CHOICE",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .der = "0500"},
     BY_CLIENT("malformed-cmw", 42)},
    {.name = "an extension with JSON in the slot of CBOR",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .der = "04025b5d"},
     BY_CLIENT("malformed-cmw", 42)},
    {.name = "an extension cut short",
     X509,
     .client = {.attester = {BG}, .der = "0410820141"},
     .server = {.relying_party = {BG}},
     BY_SERVER("malformed-cmw", 42)},
    {.name = "TCG's extension, which has no collections",
     X509,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .tcg = true}},
    {.name = "evidence for another certificate's key",
     X509,
     SERVER_ATTESTS,
     .roles = {.attested_other = true},
     BY_CLIENT("key-mismatch", 49)},
    {.name = "evidence that answers something else than the key",
     X509,
     CLIENT_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_SERVER("nonce-mismatch", 49)},
    {.name = "the verdict is no",
     X509,
     SERVER_ATTESTS,
     .roles = {.verdict_fails = "reference-value-mismatch", .verdict_after = 2},
     BY_CLIENT("reference-value-mismatch", 49)},
    {.name = "no verdict",
     X509,
     CLIENT_ATTESTS,
     .roles = {.verdict_fails = "verifier-timeout", .verifier_at_fault = true},
     BY_SERVER("verifier-timeout", 80)},
    {.name = "evidence in a certificate for another name (RFC 6125)",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "a result in a certificate for another name",
     X509,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    /* RFC 5280 section 4.2: what is critical must be known to who reads it. */
    {.name = "the extension is critical, and known here",
     X509,
     .client = {.attester = {BG}, .relying_party = {BG}, .critical = true},
     .server = {.attester = {BG}, .relying_party = {BG}, .critical = true}},
    {.name = "TCG's is critical, and known here",
     X509,
     .client = {.relying_party = {PP}},
     .server = {.attester = {PP}, .tcg = true, .critical = true}},
    {.name = "critical, for another name",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .critical = true, .other_name = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "critical, and no CMW in it",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .critical = true, .der = "0500"},
     BY_CLIENT("malformed-cmw", 42)},
    {.name = "critical, and no trust anchors",
     X509,
     .client = {.relying_party = {BG}, .no_anchors = true},
     .server = {.attester = {BG}, .critical = true},
     BY_CLIENT("certificate-untrusted", 48)},
    {.name = "critical, to who reads no CMW",
     X509,
     .client = {.no_anchors = false},
     .server = {.attester = {BG}, .critical = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "another extension is critical",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .unknown_critical = true},
     BY_CLIENT("certificate-untrusted", 42)},
    {.name = "another extension is critical, too",
     X509,
     .client = {.attester = {BG}, .critical = true, .unknown_critical = true},
     .server = {.relying_party = {BG}},
     BY_SERVER("certificate-untrusted", 42)},
    /* No key was compared: the certificate's is of a kind that no evidence names. */
    {.name = "a leaf with an RSA key",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .key_kind = GNUTLS_PK_RSA},
     BY_CLIENT("certificate-key-unsupported", 43)},
    {.name = "a leaf with an Ed25519 key",
     X509,
     .client = {.attester = {BG}, .key_kind = GNUTLS_PK_EDDSA_ED25519},
     .server = {.relying_party = {BG}},
     BY_SERVER("certificate-key-unsupported", 43)},
    {.name = "a leaf with a key of P-521",
     X509,
     .client = {.relying_party = {BG}},
     .server = {.attester = {BG}, .key_kind = GNUTLS_PK_ECDSA},
     BY_CLIENT("certificate-key-unsupported", 43)},
    {.name = "evidence does not replace trust anchors",
     X509,
     .client = {.relying_party = {BG}, .no_anchors = true},
     .server = {.attester = {BG}},
     BY_CLIENT("certificate-untrusted", 48)},
};

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

static void what_is_on_the_wire(void **state)
{
    const struct bytes_row *row = *state;
    struct profile_row both = {
        .client = {.attester = {BG}, .relying_party = {BG}, .type = row->type},
        .server = {.attester = {BG}, .relying_party = {BG}, .type = row->type}};
    const struct atls_bytes none = {NULL, 0};
    struct connection c;
    open_connection(&c, &both, row->profile);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    const struct atls_session *client = c.client.session, *server = c.server.session;
    same_body(&server->hello.received[0], row->proposal, none);
    same_body(&server->hello.received[1], row->request, client->peer.challenge);
    same_body(&client->hello.received[0], row->proposal_answer, server->peer.challenge);
    same_body(&client->hello.received[1], row->request_answer, none);
    close_connection(&c);
}

/* A certificate with a CMW may be that of who attests nothing: nothing is told of it. */
static void a_certificate_of_no_attester(void **state)
{
    static const struct profile_row row = {.server = {.attester = {BG}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_x509_cmw);
    c.server.party.as_attester.model_count = 0;
    assert_non_null(c.server.party.own.cmw);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    assert_int_equal(c.server.session->self.model, ATLS_MODEL_NONE);
    assert_int_equal(c.server.session->self.signed_with_size, 0);
    close_connection(&c);
}

/* The refusal says which type it was. */
static void the_type_is_named(void **state)
{
    static const struct profile_row row = {.client = {.attester = {BG}, .type = "cf:263"},
                                           .server = {.relying_party = {BG},
                                                      .type = "cf:263",
                                                      .variants = {.evidence_type_match = 1}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_ta_02);
    pump_ends(&c.client, &c.server);
    assert_non_null(strstr(c.server.session->failure.detail, "selected is cf:263"));
    close_connection(&c);
}

static void the_lack_of_anchors_is_named(void **state)
{
    static const struct profile_row row = {.client = {.no_anchors = true}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_ta_07);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, "certificate-untrusted", ATLS_ALERT_UNKNOWN_CA);
    assert_string_equal(c.client.session->failure.detail,
                        "X.509 came, and no trust anchors were given");
    close_connection(&c);
}

/* Nobody is accepted by a verdict on nothing, nor with a key that nobody knows. */
static void nothing_to_judge_by(void **state)
{
    static const struct profile_row row = {CLIENT_ATTESTS, .roles = {.verdict_after = 1000}};
    for (int without = 0; without < 2; without++) {
        struct connection c;
        open_connection(&c, &row, &atls_profile_ta_07);
        struct atls_session *s = c.server.session;
        for (int i = 0; i < 100 && !(s->waiting & WAIT_VERDICT); i++) {
            step_end(&c.client);
            step_end(&c.server);
        }
        assert_true(s->waiting & WAIT_VERDICT);
        assert_true(s->peer.verified_with_size > 0);
        s->waiting = WAIT_RESULT; /* the own one comes first */
        assert_int_equal(session_judge(s), ATLS_E_AGAIN);
        assert_false(s->peer.accepted);
        s->waiting = 0;
        if (without == 0) {
            s->peer.verified_with_size = 0;
        } else {
            atls_appraisal_free(s->peer.appraisal);
            s->peer.appraisal = NULL;
        }
        assert_int_equal(session_judge(s), -1);
        assert_string_equal(s->failure.reason, "internal");
        assert_string_equal(s->failure.detail, "there is nothing to judge the peer by");
        assert_false(s->peer.accepted);
        close_connection(&c);
    }
}

/* RFC 8446 section 4.4.2.4: a client may have no certificate to show, a server must. */
static void an_empty_certificate(void **state)
{
    static const struct profile_row row = {.p384 = false};
    uint8_t empty[] = {0, 0, 0, 0}; /* no context, no entries */
    const struct session_certificate certificate = {.message = empty, .size = sizeof empty};
    struct connection c;
    open_connection(&c, &row, &atls_profile_ta_07);
    assert_int_equal(session_certificate(c.client.session, &certificate), -1);
    assert_string_equal(c.client.session->failure.reason, "protocol-error");
    assert_int_equal(c.client.session->failure.due, ATLS_ALERT_DECODE_ERROR);
    assert_int_equal(session_certificate(c.server.session, &certificate), -1);
    assert_string_equal(c.server.session->failure.reason, "certificate-untrusted");
    assert_int_equal(c.server.session->failure.due, ATLS_ALERT_CERTIFICATE_REQUIRED);
    close_connection(&c);
}

/* The first failure stays what it was, and is told, whatever the peer then says. */
static void an_alert_behind_a_failure(void **state)
{
    static const struct profile_row row = {.p384 = false};
    struct connection c;
    open_connection(&c, &row, &atls_profile_ta_07);
    struct atls_session *s = c.server.session;
    assert_int_equal(session_fail(s, "internal", -1, "", "first"), -1);
    assert_int_equal(session_alert_received(s, 42), -1);
    assert_string_equal(s->failure.reason, "internal");
    assert_string_equal(s->failure.detail, "first");
    assert_int_equal(s->failure.alert, -1);
    assert_false(s->failure.alert_received);
    assert_false(s->failure.by_peer);
    close_connection(&c);
}

/* A body is ordered for the extension of that name, and for no other that is as long. */
static void one_forced_extension(void **state)
{
    static const struct profile_row row = {
        .server = {.fault = "extension=evidence_request:00000111"}};
    struct connection c;
    unsigned sent = 0;
    open_connection(&c, &row, &atls_profile_ta_07);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, "unexpected-selection", 110);
    for (size_t i = 0; i < ATLS_PROFILE_EXTENSIONS_MAX; i++)
        sent += c.server.session->hello.sent[i].present;
    assert_int_equal(sent, 1);
    close_connection(&c);
}

/* A step of an appraisal that fails without a refusal is this machine's. */
static void a_failure_that_no_verdict_has(void **state)
{
    static const struct profile_row row = {CLIENT_ATTESTS};
    struct connection c;
    open_connection(&c, &row, &atls_profile_ta_07);
    pump_ends(&c.client, &c.server);
    check_end("server", &c.server, NULL, -1);
    assert_int_equal(session_appraisal_failed(c.server.session), -1);
    assert_string_equal(c.server.session->failure.reason, "internal");
    /* And what has failed is judged no more, whatever the verdict was. */
    c.server.session->peer.accepted = false;
    assert_int_equal(session_judge(c.server.session), -1);
    assert_false(c.server.session->peer.accepted);
    close_connection(&c);
}

static int no_secret(void *connection, struct atls_bytes *secretp)
{
    return atls_fail(-EIO, NULL, "the secret is gone");
}

/* A binder is made of all its parts, or not at all: by neither role, on neither side. */
static void a_binder_without_the_secret(void **state)
{
    struct atls_stack without = atls_stack_gnutls;
    without.handshake_secret = no_secret;
    for (unsigned way = 0; way < 4; way++) {
        bool client_attests = way & 1, client_lacks = way & 2;
        const struct side attester = {.attester = {BG}, CERT};
        const struct side relying_party = {.relying_party = {BG}, CERT};
        const struct profile_row row = {.client = client_attests ? attester : relying_party,
                                        .server = client_attests ? relying_party : attester};
        struct connection c;
        open_connection(&c, &row, &atls_profile_ta_07);
        struct end *own = client_lacks ? &c.client : &c.server;
        own->party.stack = &without;
        pump_ends(&c.client, &c.server);
        check_end("who lacks it", own, "internal", ATLS_ALERT_INTERNAL_ERROR);
        assert_string_equal(own->session->failure.detail, "the secret is gone");
        assert_int_equal(test_roles.evidence_made, client_attests != client_lacks);
        assert_int_equal(test_roles.judged, 0);
        close_connection(&c);
    }
}

/* A server without a certificate has no handshake in which to miss it. */
static void a_binder_without_a_leaf(void **state)
{
    static const struct profile_row row = {.client = {.attester = {BG}, .no_certificate = true},
                                           .server = {.relying_party = {BG}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_seat_06);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, "internal", ATLS_ALERT_INTERNAL_ERROR);
    assert_string_equal(c.client.session->failure.detail,
                        "expected an X.509 certificate for the identity key, came none");
    assert_int_equal(test_roles.evidence_made, 0);
    close_connection(&c);
}

/* own-key=refused: the keys of the own leaf and of the own credential are none of the peer's. */
static const struct own_row {
    const char *name;
    const struct atls_profile *profile;
    struct side server;
    bool leaf, attested; /* whose keys the server names */
} own_rows[] = {
#define REFUSED .relying_party = {BG}, .variants = {.own_key = 1}
    {"of a leaf and of a credential in its place",
     &atls_profile_ta_07,
     {.attester = {BG}, REFUSED},
     true,
     true},
    {"of a credential alone",
     &atls_profile_ta_07,
     {.attester = {BG}, .no_certificate = true, REFUSED},
     false,
     true},
    {"of a leaf alone", &atls_profile_ta_07, {REFUSED}, true, false},
    {"of a leaf and of a credential beside it",
     &atls_profile_seat_06,
     {.attester = {BG}, REFUSED},
     true,
     true},
    {"of a leaf with a credential in it",
     &atls_profile_x509_cmw,
     {.attester = {BG}, REFUSED},
     true,
     true},
    {"of a leaf, before an authenticator", &atls_profile_expat_04, {REFUSED}, true, false},
    {"of nobody: a leaf of RSA is none that anybody attests",
     &atls_profile_seat_06,
     {.attester = {BG}, .key_kind = GNUTLS_PK_RSA, REFUSED},
     false,
     false},
    {"of nobody: unless told so", &atls_profile_ta_07, {.relying_party = {BG}}, false, false},
};

static void own_keys_are_named(void **state)
{
    const struct own_row *own = *state;
    struct profile_row row = {.client = {.attester = {BG}}, .server = own->server};
    if (own->attested) /* else the server has signed nothing yet */
        row.client.relying_party[0] = BG;
    struct connection c;
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size, at = 0;
    open_connection(&c, &row, own->profile);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    assert_int_equal(test_roles.own_count, own->leaf + own->attested);
    if (own->leaf) {
        assert_int_equal(atls_party_leaf_spki(&c.server.party, spki, &size), 0);
        uint8_t named[ATLS_SPKI_MAX];
        test_same_bytes(ATLS_BYTES(named, atls_spki_encode(&test_roles.own[at++], named)),
                        ATLS_BYTES(spki, size));
    }
    if (own->attested)
        assert_true(
            atls_public_key_equal(&test_roles.own[at], test_attester_key(c.server.party.attester)));
    close_connection(&c);
}

/* H11: a result is fetched for the binder where one is due, and where there is one. */
static const struct bound_row {
    const char *name;
    const struct atls_profile *profile;
    enum atls_result_nonce reading;
    unsigned bound;
} bound_rows[] = {
    {"seat-04, as drafted", &atls_profile_seat_04, ATLS_RESULT_AS_DRAFTED, 2},
    {"seat-04, free of it", &atls_profile_seat_04, ATLS_RESULT_FREE, 0},
    {"seat-06, as drafted", &atls_profile_seat_06, ATLS_RESULT_AS_DRAFTED, 0},
    {"seat-06, required", &atls_profile_seat_06, ATLS_RESULT_REQUIRED, 2},
    {"ta-07, required, but it has no binder", &atls_profile_ta_07, ATLS_RESULT_REQUIRED, 0},
    {"expat-04, as drafted", &atls_profile_expat_04, ATLS_RESULT_AS_DRAFTED, 0},
    {"expat-04, required", &atls_profile_expat_04, ATLS_RESULT_REQUIRED, 2},
};

static void results_that_are_bound(void **state)
{
    const struct bound_row *bound = *state;
    const struct atls_variants variants = {.result_nonce = bound->reading};
    const struct profile_row row = {
        .client = {.attester = {PP}, .relying_party = {PP}, .variants = variants},
        .server = {.attester = {PP}, .relying_party = {PP}, .variants = variants}};
    struct connection c;
    open_connection(&c, &row, bound->profile);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    assert_int_equal(test_roles.bound_results, bound->bound);
    close_connection(&c);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, a_narrow_connection, rows);
    TEST_ADD_ROWS(&list, what_is_on_the_wire, bytes_rows);
    TEST_ADD(&list, a_certificate_of_no_attester);
    TEST_ADD(&list, the_type_is_named);
    TEST_ADD(&list, the_lack_of_anchors_is_named);
    TEST_ADD(&list, nothing_to_judge_by);
    TEST_ADD(&list, an_empty_certificate);
    TEST_ADD(&list, an_alert_behind_a_failure);
    TEST_ADD(&list, one_forced_extension);
    TEST_ADD(&list, a_failure_that_no_verdict_has);
    TEST_ADD(&list, a_binder_without_the_secret);
    TEST_ADD(&list, a_binder_without_a_leaf);
    TEST_ADD_ROWS(&list, own_keys_are_named, own_rows);
    TEST_ADD_ROWS(&list, results_that_are_bound, bound_rows);
    int result = test_run("profiles", &list);
    test_pki_remove(&test_pki);
    return result;
}

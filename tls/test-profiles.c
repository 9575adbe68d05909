/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole handshakes in memory under every profile: sides, models, HelloRetryRequest, and what each
 * draft has on the wire, byte for byte.
 */
#include "rats/encoding.h"
#include "tls/test-ends.h"

/* Bytes of padding with which the stand-in's result, and three bytes of length, fill an extension:
 * the record has 6 bytes more than the value of the value, which has 400 besides. */
#define FILLING (65531 - 3 - 25 - 400)

static const struct atls_profile *const ta_old[] = {&atls_profile_ta_02, &atls_profile_ta_03};

static const struct atls_profile *const seat[] = {&atls_profile_seat_04, &atls_profile_seat_06};
static const struct atls_profile *const seat_04[] = {&atls_profile_seat_04};
static const struct atls_profile *const seat_06[] = {&atls_profile_seat_06};

static const struct atls_profile *const ta_07[] = {&atls_profile_ta_07};
static const struct atls_profile *const x509[] = {&atls_profile_x509_cmw};

static const struct row {
    const char *name;
    const struct atls_profile *const *profiles; /* the row is for each of them */
    size_t profile_count;
    struct side client, server;
    struct test_roles roles;
    bool p384;
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
#define SEAT .profiles = seat, .profile_count = 2
#define SEAT_04 .profiles = seat_04, .profile_count = 1
#define SEAT_06 .profiles = seat_06, .profile_count = 1
#define CLIENT_ATTESTS .client = {.attester = {BG}}, .server = {.relying_party = {BG}}
#define SERVER_ATTESTS .client = {.relying_party = {BG}}, .server = {.attester = {BG}}
/* Who refuses, and for what. */
#define BY_SERVER(reason, alert)                                                                   \
    .client_reason = "peer-alert", .server_reason = (reason), .client_alert = (alert),             \
    .server_alert = (alert)
#define BY_CLIENT(reason, alert)                                                                   \
    .client_reason = (reason), .server_reason = "peer-alert", .client_alert = (alert),             \
    .server_alert = (alert)
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
     .client = {.relying_party = {BG}, .variants = {.type_match = 1}},
     .server = {.attester = {BG}}},
    {.name = "H20: the type is not the CMW's, and nobody minds",
     SEAT,
     .client = {.relying_party = {BG}, .type = "cf:263"},
     .server = {.attester = {BG}, .type = "cf:263"}},
    {.name = "H20: the type is not the CMW's, and the relying party minds",
     SEAT,
     .client = {.relying_party = {BG}, .type = "cf:263", .variants = {.type_match = 1}},
     .server = {.attester = {BG}, .type = "cf:263"},
     BY_CLIENT("malformed-cmw", 226)},
    {.name = "H20: the same in place of the certificate",
     TA_OLD,
     .client = {.attester = {BG}, .type = "cf:263"},
     .server = {.relying_party = {BG}, .type = "cf:263", .variants = {.type_match = 1}},
     BY_SERVER("malformed-cmw", 226)},
/* ta-07 with a certificate. */
#define TA_07 .profiles = ta_07, .profile_count = 1
#define CERT .certificate_kind = true
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
    {.name = "beside a certificate: in the second entry",
     TA_07,
     .client = {.attester = {BG}, CERT, .fault = "entry-second"},
     .server = {.relying_party = {BG}, CERT},
     BY_SERVER("malformed-extension", 47)},
    {.name = "beside a certificate: a chain that nobody trusts",
     TA_07,
     .client = {.relying_party = {BG}, CERT},
     .server = {.attester = {BG}, CERT, .stranger = true},
     BY_CLIENT("certificate-untrusted", 48)},
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
    {.name = "evidence does not replace trust anchors",
     X509,
     .client = {.relying_party = {BG}, .no_anchors = true},
     .server = {.attester = {BG}},
     BY_CLIENT("certificate-untrusted", 48)},
    {.name = "H15: two bytes, at both",
     SEAT,
     .client = {.relying_party = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U16}},
     .server = {.attester = {BG}, .variants = {.payload_prefix = ATLS_PREFIX_U16}}},
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

static void check_complete(const struct row *row, const struct connection *c)
{
    const struct atls_session *client = c->client.session, *server = c->server.session;
    assert_int_equal(client->hrr, row->client.hrr || row->server.hrr);
    assert_int_equal(server->hrr, client->hrr);
    /* What is in a certificate is there though nobody asks. */
    bool inside = client->party->profile->carrier == ATLS_IN_CERTIFICATE;
    if (!inside || row->server.relying_party[0] != ATLS_MODEL_NONE)
        assert_int_equal(client->self_model, server->peer_model);
    if (!inside || row->client.relying_party[0] != ATLS_MODEL_NONE)
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

/* The hellos as they were kept are those that the library hashed. */
static void check_transcript(const struct atls_session *s)
{
    struct atls_bytes secret, hellos;
    enum atls_hash hash;
    uint8_t digest[ATLS_HASH_MAX];
    if (s->watch.secret == NULL)
        return;
    assert_int_equal(atls_handshake_secret_get(&s->secret, &hash, &secret, &hellos), 0);
    assert_int_equal(atls_transcript_hash_hellos(&s->transcript, &atls_crypto_gnutls,
                                                 ATLS_RETRY_MESSAGE_HASH, digest),
                     0);
    test_same_bytes(ATLS_BYTES(digest, atls_hash_size(hash)), hellos);
}

static void a_connection(void **state)
{
    const struct row *row = *state;
    for (size_t i = 0; i < row->profile_count; i++) {
        struct connection c;
        print_message("  %s\n", row->profiles[i]->name);
        open_connection(&c, row, row->profiles[i]);
        pump_ends(&c.client, &c.server);
        check_end("server", &c.server, row->server_reason, row->server_alert);
        check_end("client", &c.client, row->client_reason, row->client_alert);
        if (row->client_reason == NULL && row->server_reason == NULL) {
            check_complete(row, &c);
            check_transcript(c.client.session);
            check_transcript(c.server.session);
        }
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

static void what_schemes_are_on_the_wire(void **state)
{
    const struct scheme_row *row = *state;
    struct row both = {.client = row->client, .server = row->server};
    const struct atls_bytes none = {NULL, 0};
    struct connection c;
    open_connection(&c, &both, &atls_profile_seat_06);
    pump_ends(&c.client, &c.server);
    check_end("client", &c.client, NULL, -1);
    check_end("server", &c.server, NULL, -1);
    same_body(&c.server.session->received[0], row->offer, none);
    if (row->selection != NULL)
        same_body(&c.client.session->received[0], row->selection, none);
    else
        assert_false(c.client.session->received[0].present);
    close_connection(&c);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_connection, rows);
    TEST_ADD_ROWS(&list, what_is_on_the_wire, bytes_rows);
    TEST_ADD_ROWS(&list, what_schemes_are_on_the_wire, scheme_rows);
    int result = test_run("profiles", &list);
    test_pki_remove(&test_pki);
    return result;
}

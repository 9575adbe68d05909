/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expat-04 on the way: connections in memory that are looked at, or meddled with, before they are
 * over. Whole ones, by what both sides are told to do, are in test-expat.c.
 */
#include <errno.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "tls/engine/expat.h"
#include "tls/engine/test-profile-rows.h"
#include "tls/wire/binder.h"

/* What the library finds the library tells, though alerts of other numbers go in frames. */
static void a_broken_record(void **state)
{
    static const struct profile_row row = {.client = {.relying_party = {BG}},
                                           .server = {.attester = {BG}}};
    struct atls_stack stack = atls_stack_gnutls;
    struct connection c;
    bool broken = false;
    stack.alerts_later = false;
    test_stack = &stack;
    open_connection(&c, &row, &atls_profile_expat_04);
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
    const struct profile_row row = {.client = {.relying_party = {BG}}, .server = number->server};
    struct connection c;
    char text[ATLS_DIAGNOSIS_TEXT] = "";
    open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {
        .client = {.attester = {BG}, .fault = "authenticator-second-entry"},
        .server = {.relying_party = {BG}}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {.client = {.relying_party = {BG}, .reattest = 1},
                                           .server = {.attester = {BG}},
                                           .roles = {.verdict_after = 50}};
    struct connection c;
    uint8_t first[ATLS_EXPAT_CONTEXT_MAX];
    open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {.name = NULL};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct connection c;
        open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {CLIENT_ATTESTS};
    struct atls_stack without = atls_stack_gnutls;
    struct connection c;
    without.hash = no_hash;
    open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {CLIENT_ATTESTS};
    struct atls_stack without = atls_stack_gnutls;
    without.exporter = no_binding;
    for (int client_lacks = 0; client_lacks < 2; client_lacks++) {
        struct connection c;
        open_connection(&c, &row, &atls_profile_expat_04);
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
        const struct profile_row row = {.client = {.attester = {PP}, .variants = variants},
                                        .server = {.relying_party = {PP}, .variants = variants},
                                        .roles = {.padding = most - 25 - 400 + table[i].more}};
        struct connection c;
        char detail[128];
        open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {CLIENT_ATTESTS, .roles = {.verdict_after = 50}};
    struct connection c;
    open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {CLIENT_ATTESTS};
    static const uint8_t rest[] = {
        0,  0, 6, 0, 0, 1, 0x30, 0, 0, /* certificate_list: an entry of a byte */
        15, 0, 0, 5, 4, 1, 0,    1, 0, /* CertificateVerify: rsa_pkcs1_sha256 */
        20, 0, 0, 1, 0};               /* Finished */
    uint8_t bytes[5 + ATLS_EXPAT_CONTEXT_MAX + sizeof rest];
    struct connection c;
    open_connection(&c, &row, &atls_profile_expat_04);
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
    struct profile_row row = {.client = {.attester = {PP}}, .server = {.relying_party = {PP}}};
    struct connection c;
    char ear[1024];
    write_ear(verifier->issuer, ear, sizeof ear);
    row.roles.result = ear;
    open_connection(&c, &row, &atls_profile_expat_04);
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
    static const struct profile_row row = {.client = {.attester = {PP}},
                                           .server = {.relying_party = {PP}}};
    for (bytes_behind = 0; bytes_behind < 2; bytes_behind++) {
        struct connection c;
        char text[ATLS_DIAGNOSIS_TEXT];
        uint8_t *bytes;
        size_t size;
        open_connection(&c, &row, &atls_profile_expat_04);
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
    int result = test_run("expat-course", &list);
    test_pki_remove(&test_pki);
    return result;
}

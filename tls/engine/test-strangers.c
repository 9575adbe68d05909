/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that do not play by the draft: a bare GnuTLS session that puts into hellos and Certificate
 * messages what no honest endpoint would, against this program's side. Everything fails closed.
 */
#include <errno.h>

#include "tls/engine/test-ends.h"
#include "tls/engine/test-story.h"

#define STEPS_MAX 200
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP384R1"
#define HRR TLS13 ":-GROUP-ALL:+GROUP-SECP521R1:+GROUP-X25519"

/* ticket_lifetime of an hour, ticket_age_add, ticket_nonce, ticket: what comes before extensions */
#define TICKET "00000e1012345678 020102 0004 01020304 "
#define BROKEN(member) .reason = "protocol-error", .alert = 50, .detail = (member)

enum credential { X509, BLOB, TWO_BLOBS, BLOB_WITH_STATUS, NO_BYTES, NOTHING };

static const struct row {
    const char *name;
    bool stranger_is_server;
    struct side own;
    const char *priorities; /* of the stranger; NULL: TLS13 */
    /* its bodies of evidence_proposal, evidence_request in each of its hellos; NULL: none */
    const char *proposal[2], *request[2];
    enum credential credential;
    bool ask;     /* for a client certificate */
    bool tickets; /* a server that sends them */
    const char *reason;
    int alert;
} rows[] = {
    /* Our client, a strange server. */
    {.name = "X.509 where evidence was negotiated, of a server",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}},
     .request = {"00000111"},
     .credential = X509,
     .reason = "malformed-cmw",
     .alert = 226},
    {.name = "two entries of a server",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}},
     .request = {"00000111"},
     .credential = TWO_BLOBS,
     .reason = "malformed-cmw",
     .alert = 226},
    {.name = "an entry with an extension, of a server",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}},
     .request = {"00000111"},
     .credential = BLOB_WITH_STATUS,
     .reason = "malformed-cmw",
     .alert = 226},
    {.name = "a CMW without any negotiation, of a server",
     .stranger_is_server = true,
     .credential = BLOB,
     .reason = "certificate-untrusted",
     .alert = 42},
    {.name = "an entry without bytes where X.509 is due, of a server (RFC 8446 section 4.4.2)",
     .stranger_is_server = true,
     .credential = NO_BYTES,
     .reason = "protocol-error",
     .alert = 50},
    {.name = "a CMW although it selected nothing, of a server",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}, .optional = true},
     .credential = BLOB,
     .reason = "certificate-untrusted",
     .alert = 42},
    {.name = "a server that knows nothing of attestation",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}},
     .reason = "attestation-missing",
     .alert = 109},
    {.name = "evidence selected without CertificateRequest (R-TA-25)",
     .stranger_is_server = true,
     .own = {.attester = {BG}},
     .proposal = {"00000111200101010101010101010101010101010101010101010101010101010101010101"},
     .reason = "unexpected-selection",
     .alert = 47},
    {.name = "a list where one element belongs",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}},
     .request = {"0400000111"},
     .reason = "malformed-extension",
     .alert = 50},
    {.name = "CERT_ATTESTATION selected, which was not offered",
     .stranger_is_server = true,
     .own = {.relying_party = {BG}},
     .request = {"01000111"},
     .reason = "unexpected-selection",
     .alert = 47},
    {.name = "an answer to what was never asked",
     .stranger_is_server = true,
     .request = {"00000111"},
     .reason = "unexpected-selection",
     .alert = 110},
    {.name = "a server of TLS 1.2",
     .stranger_is_server = true,
     .priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
     .reason = "peer-alert",
     .alert = 40},
    /* Our server, a strange client. */
    {.name = "X.509 where evidence was negotiated, of a client",
     .own = {.relying_party = {BG}},
     .proposal = {"0400000111"},
     .credential = X509,
     .reason = "malformed-cmw",
     .alert = 226},
    {.name = "a CMW without any negotiation, of a client",
     .credential = BLOB,
     .reason = "certificate-untrusted",
     .alert = 42},
    {.name = "an entry without bytes where X.509 is due, of a client (RFC 8446 section 4.4.2)",
     .credential = NO_BYTES,
     .reason = "protocol-error",
     .alert = 50},
    {.name = "two entries of a client",
     .own = {.relying_party = {BG}},
     .proposal = {"0400000111"},
     .credential = TWO_BLOBS,
     .reason = "malformed-cmw",
     .alert = 226},
    {.name = "no entry of a client that proposed evidence",
     .own = {.relying_party = {BG}},
     .proposal = {"0400000111"},
     .credential = NOTHING,
     .reason = "attestation-missing",
     .alert = 116},
    {.name = "no entry of a client that proposed nothing",
     .credential = NOTHING,
     .reason = "certificate-untrusted",
     .alert = 116},
    {.name = "only CERT_ATTESTATION proposed",
     .own = {.relying_party = {BG}},
     .proposal = {"0401000111"},
     .reason = "no-common-evidence-type",
     .alert = 224},
    {.name = "an unknown credential kind proposed, and ours behind it",
     .own = {.relying_party = {BG}},
     .proposal = {"080700011100000111"},
     .credential = X509, /* negotiated, then refused for the X.509 */
     .reason = "malformed-cmw",
     .alert = 226},
    {.name = "the second ClientHello has another nonce",
     .own = {.attester = {BG}},
     .priorities = HRR,
     .request = {"0400000111080001020304050607", "0400000111080001020304050608"},
     .reason = "malformed-extension",
     .alert = 47},
    {.name = "the second ClientHello has lost the extension",
     .own = {.attester = {BG}},
     .priorities = HRR,
     .request = {"0400000111080001020304050607", NULL},
     .reason = "malformed-extension",
     .alert = 47},
    {.name = "the second ClientHello has an extension more",
     .own = {.relying_party = {BG}},
     .priorities = HRR,
     .proposal = {"0400000111", "0400000111"},
     .request = {NULL, "0400000111080001020304050607"},
     .reason = "malformed-extension",
     .alert = 47},
    {.name = "a client of TLS 1.2",
     .priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
     .reason = "protocol-error",
     .alert = 40},
};

struct stranger {
    const struct row *row;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    gnutls_pcert_st chain[2];
    gnutls_privkey_t key;
    gnutls_ocsp_data_st status;
    struct pipe *in, *out;
    const bool *peer_gone;
    unsigned hellos;
    bool gone;
};

/* Not X.509, and long enough to be a CMW; nothing needs to be in it, as it is refused unread. */
static unsigned char blob[600] = {0xa3, 0x63, 'k', 'a', 't'};

static int received(gnutls_session_t tls, const unsigned char *data, size_t size)
{
    return 0;
}

static int send_text(struct stranger *stranger, gnutls_buffer_t buffer, const char *const text[2],
                     unsigned hello)
{
    const char *hex = text[hello < 2 ? hello : 1];
    if (!hex)
        return 0;
    struct atls_bytes body = test_hex(hex);
    assert_int_equal(gnutls_buffer_append_data(buffer, body.data, body.size), 0);
    test_vector_free(body);
    return (int)body.size;
}

static int send_proposal(gnutls_session_t tls, gnutls_buffer_t buffer)
{
    struct stranger *stranger = gnutls_session_get_ptr(tls);
    return send_text(stranger, buffer, stranger->row->proposal, stranger->hellos);
}

static int send_request(gnutls_session_t tls, gnutls_buffer_t buffer)
{
    struct stranger *stranger = gnutls_session_get_ptr(tls);
    return send_text(stranger, buffer, stranger->row->request, stranger->hellos);
}

static int count_hellos(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                        const gnutls_datum_t *message)
{
    struct stranger *stranger = gnutls_session_get_ptr(tls);
    if (!incoming && when == GNUTLS_HOOK_POST)
        stranger->hellos++;
    return 0;
}

static int present(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                   gnutls_pcert_st **chain, unsigned *chain_size, gnutls_ocsp_data_st **ocsp,
                   unsigned *ocsp_size, gnutls_privkey_t *key, unsigned *flags)
{
    struct stranger *stranger = gnutls_session_get_ptr(tls);
    enum credential credential = stranger->row->credential;
    *flags = 0;
    *ocsp = &stranger->status;
    *ocsp_size = credential == BLOB_WITH_STATUS;
    *chain = stranger->chain;
    *chain_size = credential == NOTHING ? 0 : credential == TWO_BLOBS ? 2 : 1;
    *key = stranger->key;
    return 0;
}

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    struct pipe *out = ((struct stranger *)transport)->out;
    out->data = realloc(out->data, out->size + size);
    assert_non_null(out->data);
    memcpy(out->data + out->size, data, size);
    out->size += size;
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct stranger *stranger = transport;
    struct pipe *in = stranger->in;
    if (in->at == in->size) {
        if (*stranger->peer_gone)
            return 0;
        gnutls_transport_set_errno(stranger->tls, EAGAIN);
        return -1;
    }
    size = size < in->size - in->at ? size : in->size - in->at;
    memcpy(data, in->data + in->at, size);
    in->at += size;
    return (ssize_t)size;
}

static void load_credential(struct stranger *stranger)
{
    const char *who = stranger->row->stranger_is_server ? "server" : "client";
    char file[64];
    gnutls_datum_t pem;
    unsigned count = 1;
    snprintf(file, sizeof file, "%s.pem", who);
    TEST_PKI_OK(gnutls_load_file(test_pki_file(&test_pki, file), &pem));
    TEST_PKI_OK(
        gnutls_pcert_list_import_x509_raw(stranger->chain, &count, &pem, GNUTLS_X509_FMT_PEM, 0));
    gnutls_free(pem.data);
    snprintf(file, sizeof file, "%s.key", who);
    TEST_PKI_OK(gnutls_load_file(test_pki_file(&test_pki, file), &pem));
    TEST_PKI_OK(gnutls_privkey_init(&stranger->key));
    TEST_PKI_OK(gnutls_privkey_import_x509_raw(stranger->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0));
    gnutls_free(pem.data);
    if (stranger->row->credential != X509) {
        gnutls_free(stranger->chain[0].cert.data);
        stranger->chain[0].cert = (gnutls_datum_t){
            blob, stranger->row->credential == NO_BYTES ? 0 : (unsigned)sizeof blob};
        stranger->chain[1] =
            (gnutls_pcert_st){.cert = {blob, sizeof blob}, .type = GNUTLS_CRT_X509};
    }
    stranger->status.response = (gnutls_datum_t){blob, 100};
}

static void open_stranger(struct stranger *stranger, const struct row *row)
{
    unsigned flags =
        GNUTLS_NONBLOCK | (row->tickets ? 0 : GNUTLS_NO_TICKETS) |
        (row->stranger_is_server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP);
    unsigned extension = GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE | GNUTLS_EXT_FLAG_TLS |
                         GNUTLS_EXT_FLAG_IGNORE_CLIENT_REQUEST;
    stranger->row = row;
    load_credential(stranger);
    TEST_PKI_OK(gnutls_priority_init(&stranger->priorities,
                                     row->priorities ? row->priorities : TLS13, NULL));
    TEST_PKI_OK(gnutls_certificate_allocate_credentials(&stranger->credentials));
    gnutls_certificate_set_retrieve_function3(stranger->credentials, present);
    TEST_PKI_OK(gnutls_init(&stranger->tls, flags));
    gnutls_session_set_ptr(stranger->tls, stranger);
    TEST_PKI_OK(gnutls_priority_set(stranger->tls, stranger->priorities));
    TEST_PKI_OK(
        gnutls_credentials_set(stranger->tls, GNUTLS_CRD_CERTIFICATE, stranger->credentials));
    if (!row->stranger_is_server)
        gnutls_handshake_set_hook_function(stranger->tls, GNUTLS_HANDSHAKE_CLIENT_HELLO,
                                           GNUTLS_HOOK_POST, count_hellos);
    TEST_PKI_OK(gnutls_session_ext_register(stranger->tls, "proposal", 0xFF11, GNUTLS_EXT_TLS,
                                            received, send_proposal, NULL, NULL, NULL, extension));
    TEST_PKI_OK(gnutls_session_ext_register(stranger->tls, "request", 0xFF10, GNUTLS_EXT_TLS,
                                            received, send_request, NULL, NULL, NULL, extension));
    gnutls_datum_t secret;
    if (row->tickets) {
        TEST_PKI_OK(gnutls_session_ticket_key_generate(&secret));
        TEST_PKI_OK(gnutls_session_ticket_enable_server(stranger->tls, &secret));
        gnutls_free(secret.data);
    }
    gnutls_transport_set_ptr(stranger->tls, stranger);
    gnutls_transport_set_push_function(stranger->tls, push);
    gnutls_transport_set_pull_function(stranger->tls, pull);
}

static void close_stranger(struct stranger *stranger)
{
    gnutls_deinit(stranger->tls);
    gnutls_certificate_free_credentials(stranger->credentials);
    gnutls_priority_deinit(stranger->priorities);
    gnutls_privkey_deinit(stranger->key);
    if (stranger->row->credential != X509)
        stranger->chain[0].cert = (gnutls_datum_t){NULL, 0};
    gnutls_pcert_deinit(&stranger->chain[0]);
}

/* Shakes hands and then waits for the other to hang up. */
static void step_stranger(struct stranger *stranger)
{
    int result = gnutls_handshake(stranger->tls);
    int level;
    if (result == 0 || !gnutls_error_is_fatal(result) || stranger->gone)
        return;
    if (result != GNUTLS_E_FATAL_ALERT_RECEIVED)
        gnutls_alert_send(stranger->tls, GNUTLS_AL_FATAL,
                          (unsigned)gnutls_error_to_alert(result, &level));
    stranger->gone = true;
}

static void a_stranger(void **state)
{
    const struct row *row = *state;
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end own = {.in = &back, .out = &there};
    struct stranger stranger = {.in = &there, .out = &back, .peer_gone = &own.gone};
    own.peer_gone = &stranger.gone;
    test_roles = (struct test_roles){.padding = 0};
    open_end(&own, row->stranger_is_server ? ATLS_CLIENT : ATLS_SERVER, &row->own, false);
    open_stranger(&stranger, row);
    for (int i = 0; i < STEPS_MAX && !own.gone; i++) {
        step_end(&own);
        step_stranger(&stranger);
    }
    check_end("own side", &own, row->reason, row->alert);
    close_stranger(&stranger);
    close_end(&own);
    free(there.data);
    free(back.data);
}

/* What a client does once the server has reported its handshake as complete: it is in `closed`. */
static const struct late_row {
    const char *name;
    int level, alert; /* that it sends; else that it gets */
    const char *reason;
    size_t text; /* bytes of a line instead of an alert */
    bool whole;  /* the last one ends the line */
} late_rows[] = {
    {"a late alert (RFC 8446 section 6.2)", GNUTLS_AL_FATAL, 116, "peer-alert", 0, false},
    {"a late alert, called a warning", GNUTLS_AL_WARNING, 42, "peer-alert", 0, false},
    {"close_notify before any line (RFC 8446 section 6.1)", GNUTLS_AL_WARNING, 0, "peer-closed", 0,
     false},
    {"a line of 4095 bytes", 0, -1, NULL, 4096, true},
    {"a line of 4096 bytes (RFC 8446 section 6.2)", 0, 50, "protocol-error", 4097, true},
    {"4096 bytes that are no line", 0, 50, "protocol-error", 4096, false},
    {"two records that are no line", 0, 50, "protocol-error", 20000, false},
};

static void send_late(const struct stranger *stranger, const struct late_row *row)
{
    char text[20000];
    if (row->text == 0) {
        assert_int_equal(gnutls_alert_send(stranger->tls, (gnutls_alert_level_t)row->level,
                                           (gnutls_alert_description_t)row->alert),
                         0);
        return;
    }
    memset(text, 'x', sizeof text);
    if (row->whole)
        text[row->text - 1] = '\n';
    for (size_t sent = 0; sent < row->text;) {
        ssize_t more = gnutls_record_send(stranger->tls, text + sent, row->text - sent);
        assert_true(more > 0);
        sent += (size_t)more;
    }
}

static void late(void **state)
{
    const struct late_row *row = *state;
    const struct row client = {.credential = X509};
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end own = {.in = &back, .out = &there};
    struct stranger stranger = {.in = &there, .out = &back, .peer_gone = &own.gone};
    own.peer_gone = &stranger.gone;
    test_roles = (struct test_roles){.padding = 0};
    open_end(&own, ATLS_SERVER, &client.own, false);
    open_stranger(&stranger, &client);
    for (int i = 0; i < STEPS_MAX && !own.session->told.complete; i++) {
        step_end(&own);
        step_stranger(&stranger);
    }
    assert_true(own.session->told.complete);
    send_late(&stranger, row);
    for (int i = 0; i < STEPS_MAX && !own.gone; i++)
        step_end(&own);
    check_end("server", &own, row->reason, row->alert);
    assert_int_equal(own.session->failure.alert_received, row->text == 0);
    assert_int_equal(own.session->failure.detail[0] != '\0', row->reason != NULL);
    close_stranger(&stranger);
    close_end(&own);
    free(there.data);
    free(back.data);
}

/* A NewSessionTicket of a GnuTLS server as it comes to the client, and what is wrong with it. It is
 * altered on its way to the hook that looks at messages ahead of the library. */
static const struct ticket_row {
    const char *name, *message; /* hexadecimal; NULL: the server's own */
    size_t cut;                 /* of the server's own: its first bytes alone */
    const char *reason;         /* NULL: complete */
    int alert;
    const char *detail;
} ticket_rows[] = {
    {.name = "the server's own"},
    {.name = "one of another library, without extensions", .message = TICKET "0000"},
    {.name = "for seven days", .message = "00093a8000000000 00 0001aa 0000"},
    {.name = "with an extension that nobody knows", .message = TICKET "0005 aaaa0001bb"},
    {.name = "for a second more than seven days",
     .message = "00093a8100000000 00 0001aa 0000",
     .reason = "protocol-error",
     .alert = 47,
     .detail = "ticket_lifetime"},
    {.name = "nothing", .message = "", BROKEN("ticket_lifetime")},
    {.name = "half a lifetime", .message = "0000", BROKEN("ticket_lifetime")},
    {.name = "no ticket_age_add", .message = "00000e10", BROKEN("ticket_age_add")},
    {.name = "no ticket_nonce", .message = "00000e1000000000", BROKEN("ticket_nonce")},
    {.name = "a nonce longer than the rest",
     .message = "00000e1000000000 ff 00",
     BROKEN("ticket_nonce")},
    {.name = "no ticket", .message = "00000e1000000000 00", BROKEN("ticket")},
    {.name = "an empty ticket", .message = "00000e1000000000 00 0000 0000", BROKEN("ticket")},
    {.name = "a ticket longer than the rest",
     .message = "00000e1000000000 00 0002aa",
     BROKEN("ticket")},
    {.name = "no extensions", .message = TICKET, BROKEN("extensions")},
    {.name = "half an extension", .message = TICKET "0002 002a", BROKEN("extension_data")},
    {.name = "an extension longer than its block",
     .message = TICKET "0005 002a0004 00",
     BROKEN("extension_data")},
    {.name = "a byte behind it", .message = TICKET "0000 00", BROKEN("NewSessionTicket")},
    {.name = "the server's own, cut in its ticket", .cut = 40, BROKEN("ticket")},
};

static struct {
    const struct ticket_row *row;
    unsigned seen;
} altered;

static int alter(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                 const gnutls_datum_t *message)
{
    gnutls_datum_t other = *message;
    struct atls_bytes bytes = {NULL, 0};
    if (type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET && when == GNUTLS_HOOK_PRE) {
        altered.seen++;
        if (altered.row->message) {
            bytes = test_bytes(altered.row->message);
            other = (gnutls_datum_t){(uint8_t *)(uintptr_t)bytes.data, (unsigned)bytes.size};
        } else if (altered.row->cut > 0) {
            assert_true(message->size > altered.row->cut);
            other.size = (unsigned)altered.row->cut;
        }
    }
    int result = atls_gnutls_hook(tls, type, when, incoming, &other);
    test_vector_free(bytes);
    return result;
}

/* A GnuTLS server sends tickets only to a client that names PSK key exchange modes, and this
 * project's does not: here it is made to, by an external PSK that the server does not know. */
static gnutls_psk_client_credentials_t name_psk_modes(gnutls_session_t tls)
{
    static const gnutls_datum_t key = {(unsigned char *)(uintptr_t) "0102030405060708", 16};
    gnutls_psk_client_credentials_t psk;
    TEST_PKI_OK(gnutls_psk_allocate_client_credentials(&psk));
    TEST_PKI_OK(gnutls_psk_set_client_credentials(psk, "nobody", &key, GNUTLS_PSK_KEY_HEX));
    TEST_PKI_OK(gnutls_credentials_set(tls, GNUTLS_CRD_PSK, psk));
    TEST_PKI_OK(gnutls_priority_set_direct(tls, TLS13 ":+DHE-PSK:+ECDHE-PSK:+PSK", NULL));
    return psk;
}

/* RFC 8446 section 4.6.1: a broken one is the server's fault, and the client says so. */
static void a_ticket(void **state)
{
    const struct row server = {.stranger_is_server = true, .credential = X509, .tickets = true};
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end own = {.in = &back, .out = &there};
    struct stranger stranger = {.in = &there, .out = &back, .peer_gone = &own.gone};
    own.peer_gone = &stranger.gone;
    altered.row = *state;
    altered.seen = 0;
    test_roles = (struct test_roles){.padding = 0};
    open_end(&own, ATLS_CLIENT, &server.own, false);
    gnutls_handshake_set_hook_function(atls_session_tls(own.session), GNUTLS_HANDSHAKE_ANY,
                                       GNUTLS_HOOK_BOTH, alter);
    gnutls_psk_client_credentials_t psk = name_psk_modes(atls_session_tls(own.session));
    open_stranger(&stranger, &server);
    int shaken = -1;
    for (int i = 0; i < STEPS_MAX && !own.gone; i++) {
        step_end(&own);
        if (shaken != 0)
            shaken = gnutls_handshake(stranger.tls);
        if (shaken == 0 && altered.seen == 0)
            TEST_PKI_OK(gnutls_session_ticket_send(stranger.tls, 1, 0));
        if (shaken == 0 && altered.seen > 0 && !own.session->failure.reason) {
            char line[64];
            ssize_t size = gnutls_record_recv(stranger.tls, line, sizeof line);
            if (size > 0)
                TEST_PKI_OK(gnutls_record_send(stranger.tls, line, (size_t)size));
        }
    }
    assert_true(altered.seen > 0);
    check_end("client", &own, altered.row->reason, altered.row->alert);
    if (altered.row->reason) {
        assert_false(own.session->failure.alert_received);
        assert_string_equal(own.session->failure.clause, "RFC 8446 section 4.6.1");
        if (!strstr(own.session->failure.detail, altered.row->detail))
            fail_msg("expected %s, came %s", altered.row->detail, own.session->failure.detail);
    }
    check_story(&own);
    close_stranger(&stranger);
    close_end(&own);
    gnutls_psk_free_client_credentials(psk);
    free(there.data);
    free(back.data);
}

/* What is no TLS at all, and what ends in the middle. */
static const struct bytes_row {
    const char *name, *bytes, *reason;
    int alert;
} bytes_rows[] = {
    {"nothing, and gone", "", "peer-closed", -1},
    {"HTTP", "474554202f20485454502f312e310d0a0d0a", "protocol-error", 10},
    {"half a record", "160301", "peer-closed", -1},
    {"a record that is too long", "160301ffff00", "protocol-error", 22},
    {"an empty ClientHello", "160301000401000000", "protocol-error", 50},
    /* RFC 8446 section 6: an alert is what it says, whatever its level and wherever it comes. */
    {"an alert as the first record", "15030300020228", "peer-alert", 40},
    {"the same, called a warning", "15030300020128", "peer-alert", 40},
    {"close_notify as the first record", "15030300020100", "peer-closed", 0},
    {"the same, called fatal", "15030300020200", "peer-closed", 0},
    {"user_canceled, then close_notify", "1503030002015a15030300020100", "peer-alert", 90},
    {"an alert of one byte", "150303000128", "protocol-error", 10},
    {"a record of a ClientHello that goes on", "1603010008010000ff03030000", "peer-closed", -1},
};

static void bytes_that_are_no_handshake(void **state)
{
    const struct bytes_row *row = *state;
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct atls_bytes bytes = test_hex(row->bytes);
    struct side side = {.relying_party = {BG}};
    bool gone = true;
    struct end own = {.in = &back, .out = &there, .peer_gone = &gone};
    test_roles = (struct test_roles){.padding = 0};
    back.data = (uint8_t *)(uintptr_t)bytes.data;
    back.size = bytes.size;
    open_end(&own, ATLS_SERVER, &side, false);
    for (int i = 0; i < STEPS_MAX && !own.gone; i++)
        step_end(&own);
    assert_true(own.gone);
    assert_string_equal(own.session->failure.reason, row->reason);
    assert_int_equal(own.session->failure.alert, row->alert);
    close_end(&own);
    free(there.data);
    test_vector_free(bytes);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_stranger, rows);
    TEST_ADD_ROWS(&list, late, late_rows);
    TEST_ADD_ROWS(&list, a_ticket, ticket_rows);
    TEST_ADD_ROWS(&list, bytes_that_are_no_handshake, bytes_rows);
    int result = test_run("strangers", &list);
    test_pki_remove(&test_pki);
    return result;
}

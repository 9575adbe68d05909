/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim against another stack: OpenSSL, which has an API for extensions in CertificateEntry and
 * CertificateRequest, reads what is sent here and sends what is read here. Two ends of the same
 * make could agree on the wrong bytes; these cannot.
 */
#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tls/shim/test-shim-ends.h"

#define CONTEXTS                                                                                   \
    (SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST | SSL_EXT_TLS1_3_CERTIFICATE)
#define CHAIN 2 /* certificates that either side presents */

struct stranger { /* the OpenSSL end */
    SSL_CTX *context;
    SSL *ssl;
    bool is_server, has_ended;
    bool offers;               /* the extension in its ClientHello */
    struct atls_bytes request; /* a server's, in CertificateRequest; data NULL: none */
    struct atls_bytes send;    /* in CertificateEntry; data NULL: none */
    size_t entry;
    struct atls_bytes received[CHAIN], requested; /* copies */
    size_t received_count;
    int result, alert; /* alert: sent, -1 none */
    uint8_t traffic[ATLS_TLS_HASH_MAX];
};

static struct atls_bytes copy(const unsigned char *data, size_t size)
{
    uint8_t *kept = malloc(size > 0 ? size : 1);
    assert_non_null(kept);
    if (size > 0)
        memcpy(kept, data, size);
    return ATLS_BYTES(kept, size);
}

static int add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *size,
               X509 *certificate, size_t entry, int *alert, void *argument)
{
    const struct stranger *s = argument;
    struct atls_bytes body = {NULL, 0};
    if (context == SSL_EXT_CLIENT_HELLO && s->offers)
        body = ATLS_BYTES("", 0);
    else if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        body = s->request;
    else if (context == SSL_EXT_TLS1_3_CERTIFICATE && entry == s->entry)
        body = s->send;
    *out = body.data;
    *size = body.size;
    return body.data != NULL;
}

static int parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t size,
                 X509 *certificate, size_t entry, int *alert, void *argument)
{
    struct stranger *s = argument;
    if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) {
        s->requested = copy(in, size);
    } else if (context == SSL_EXT_TLS1_3_CERTIFICATE) {
        assert_true(entry < CHAIN);
        s->received[entry] = copy(in, size);
        s->received_count++;
    }
    return 1;
}

static void inform(const SSL *ssl, int where, int value)
{
    struct stranger *s = SSL_get_app_data(ssl);
    if ((where & SSL_CB_ALERT) && (where & SSL_CB_WRITE) && value >> 8 == SSL3_AL_FATAL)
        s->alert = value & 0xFF;
}

static void keep_key(const SSL *ssl, const char *line)
{
    struct stranger *s = SSL_get_app_data(ssl);
    const char *value = strrchr(line, ' ');
    if (strncmp(line, "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", 32) != 0 || !value)
        return;
    struct atls_bytes secret = test_hex(value + 1);
    memcpy(s->traffic, secret.data, secret.size);
    test_vector_free(secret);
}

static void use_credentials(SSL_CTX *context, bool is_server)
{
    struct shim_pem pem = shim_pki_pem(is_server);
    BIO *in = BIO_new_mem_buf(pem.chain.data, (int)pem.chain.size);
    X509 *leaf = PEM_read_bio_X509(in, NULL, NULL, NULL);
    X509 *issuer = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    in = BIO_new_mem_buf(pem.key.data, (int)pem.key.size);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    BIO_free(in);
    in = BIO_new_mem_buf(pem.anchor.data, (int)pem.anchor.size);
    X509 *anchor = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    assert_true(SSL_CTX_use_certificate(context, leaf) == 1);
    assert_true(SSL_CTX_add1_chain_cert(context, issuer) == 1);
    assert_true(SSL_CTX_use_PrivateKey(context, key) == 1);
    assert_true(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), anchor) == 1);
    X509_free(leaf);
    X509_free(issuer);
    X509_free(anchor);
    EVP_PKEY_free(key);
    shim_pem_free(&pem);
}

static void open_stranger(struct stranger *s, bool is_server, bool hrr, unsigned contexts)
{
    s->is_server = is_server;
    s->alert = -1;
    s->context = SSL_CTX_new(TLS_method());
    assert_non_null(s->context);
    SSL_CTX_set_min_proto_version(s->context, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(s->context, 0);
    SSL_CTX_set_max_cert_list(s->context, 300000);
    SSL_CTX_set_verify(s->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_info_callback(s->context, inform);
    SSL_CTX_set_keylog_callback(s->context, keep_key);
    use_credentials(s->context, is_server);
    assert_true(SSL_CTX_set1_groups_list(s->context, hrr ? (is_server ? "P-384" : "X25519:P-384")
                                                         : "X25519:P-384") == 1);
    assert_true(SSL_CTX_add_custom_ext(s->context, ATTESTATION, contexts, add, NULL, s, parse, s) ==
                1);
    s->ssl = SSL_new(s->context);
    assert_non_null(s->ssl);
    SSL_set_app_data(s->ssl, s);
    SSL_set_bio(s->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (is_server)
        SSL_set_accept_state(s->ssl);
    else
        SSL_set_connect_state(s->ssl);
}

static void close_stranger(struct stranger *s)
{
    for (size_t i = 0; i < CHAIN; i++)
        test_vector_free(s->received[i]);
    test_vector_free(s->requested);
    SSL_free(s->ssl);
    SSL_CTX_free(s->context);
}

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    return BIO_write(SSL_get_rbio(transport), data, (int)size);
}

/* The transport is the SSL object; an empty BIO is a wait. */
static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    int came = BIO_read(SSL_get_wbio(transport), data, (int)size);
    if (came > 0)
        return came;
    errno = EAGAIN;
    return -1;
}

static int offer_nothing(gnutls_session_t tls, gnutls_buffer_t buffer)
{
    return GNUTLS_E_INT_RET_0;
}

static int take_anything(gnutls_session_t tls, const unsigned char *data, size_t size)
{
    return 0;
}

static bool step_stranger(struct stranger *s)
{
    if (s->has_ended)
        return false;
    size_t before = BIO_pending(SSL_get_wbio(s->ssl));
    ERR_clear_error();
    s->result = SSL_do_handshake(s->ssl);
    if (s->result != 1 && SSL_get_error(s->ssl, s->result) == SSL_ERROR_WANT_READ)
        return (size_t)BIO_pending(SSL_get_wbio(s->ssl)) != before;
    s->has_ended = true;
    return true;
}

static void join(struct shim_end *own, struct stranger *stranger, bool hrr)
{
    struct atls_memory_end nobody = {.tls = NULL};
    own->end.peer = &nobody; /* what it sends goes elsewhere */
    own->end.result = GNUTLS_E_AGAIN;
    gnutls_transport_set_ptr(own->end.tls, stranger->ssl);
    gnutls_transport_set_push_function(own->end.tls, push);
    gnutls_transport_set_pull_function(own->end.tls, pull);
    for (unsigned i = 0; i < 40; i++) {
        atls_memory_end_step(&own->end);
        step_stranger(stranger);
    }
    own->end.peer = NULL;
    assert_int_equal(own->hrr, hrr);
}

static void open_own(struct shim_end *own, bool is_server, const struct shim_plan *plan, bool hrr)
{
    unsigned flags = GNUTLS_NONBLOCK;
    if (hrr && !is_server)
        flags |= GNUTLS_KEY_SHARE_TOP;
    shim_open(own, is_server, plan, hrr && is_server ? TLS13_HRR : TLS13_TWO_GROUPS, flags);
    if (!is_server) /* OpenSSL sends in CertificateEntry what the ClientHello had */
        assert_int_equal(
            gnutls_session_ext_register(own->end.tls, "attestation", ATTESTATION, GNUTLS_EXT_TLS,
                                        take_anything, offer_nothing, NULL, NULL, NULL,
                                        GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_TLS),
            0);
}

static void check_complete(struct shim_end *own, struct stranger *stranger)
{
    static const char label[] = "EXPORTER-test of one transcript";
    uint8_t ours[32], theirs[32], traffic[ATLS_TLS_HASH_MAX];
    size_t size;
    if (own->end.result != 0 || own->failure != 0 || stranger->result != 1)
        fail_msg("own end: %s, %s; OpenSSL: %d, alert %d, %s", gnutls_strerror(own->end.result),
                 atls_error_name(own->failure), stranger->result, stranger->alert,
                 ERR_error_string(ERR_peek_last_error(), NULL));
    assert_int_equal(own->chain_outcome, 0);
    assert_int_equal(own->status, 0);
    assert_int_equal(SSL_get_verify_result(stranger->ssl), X509_V_OK);
    assert_int_equal(gnutls_prf_rfc5705(own->end.tls, sizeof label - 1, label, 0, NULL, sizeof ours,
                                        (char *)ours),
                     0);
    assert_int_equal(SSL_export_keying_material(stranger->ssl, theirs, sizeof theirs, label,
                                                sizeof label - 1, NULL, 0, 0),
                     1);
    assert_memory_equal(ours, theirs, sizeof ours);
    test_outcome(atls_handshake_secret_derive(&own->secret, "c hs traffic", traffic, &size), 0,
                 NULL);
    assert_memory_equal(traffic, stranger->traffic, size);
}

static const struct row {
    const char *name;
    bool own_is_server, hrr;
    size_t own, stranger; /* bytes of payload; 0: does not attest */
    size_t entry;
} rows[] = {
    {"client here, 300 bytes", false, false, 300, 0, 0},
    {"client here, 20000 bytes", false, false, 20000, 0, 0},
    {"client here, 65531 bytes", false, false, ATLS_ENTRY_PAYLOAD_MAX, 0, 0},
    {"server here, 300 bytes", true, false, 300, 0, 0},
    {"server here, 20000 bytes", true, false, 20000, 0, 0},
    {"server here, 65531 bytes", true, false, ATLS_ENTRY_PAYLOAD_MAX, 0, 0},
    {"client there, 2 bytes", true, false, 0, 2, 0},
    {"client there, 300 bytes", true, false, 0, 300, 0},
    {"client there, 20000 bytes", true, false, 0, 20000, 0},
    {"client there, 65531 bytes", true, false, 0, ATLS_ENTRY_PAYLOAD_MAX, 0},
    {"server there, 2 bytes", false, false, 0, 2, 0},
    {"server there, 300 bytes", false, false, 0, 300, 0},
    {"server there, 20000 bytes", false, false, 0, 20000, 0},
    {"server there, 65531 bytes", false, false, 0, ATLS_ENTRY_PAYLOAD_MAX, 0},
    {"both, client here", false, false, 5000, 7000, 0},
    {"both, server here", true, false, 5000, 7000, 0},
    {"both, client here, HelloRetryRequest", false, true, 5000, 7000, 0},
    {"both, server here, HelloRetryRequest", true, true, 5000, 7000, 0},
    {"both in the second entry, client here", false, false, 500, 700, 1},
    {"both in the second entry, server here", true, false, 500, 700, 1},
    {"neither", false, false, 0, 0, 0},
};

static void both_stacks_agree(void **state)
{
    static const uint8_t scheme[] = {0, 0, 1, 0x11};
    const struct row *row = *state;
    struct shim_plan plan = {.chain = CHAIN};
    struct shim_end own;
    struct stranger stranger = {.offers = true, .entry = row->entry};
    const struct atls_entry_received *list;
    if (row->own > 0)
        plan.send[plan.send_count++] = (struct atls_entry_extension){
            .entry = row->entry, .type = ATTESTATION, .payload = shim_payload(0, row->own)};
    if (row->own_is_server)
        plan.request = (struct atls_entry_extension){.type = ATTESTATION,
                                                     .payload = ATLS_BYTES(scheme, sizeof scheme)};
    else
        stranger.request = ATLS_BYTES(scheme, sizeof scheme);
    if (row->stranger > 0)
        stranger.send = shim_payload(1, row->stranger);
    open_own(&own, row->own_is_server, &plan, row->hrr);
    open_stranger(&stranger, !row->own_is_server, row->hrr, CONTEXTS);
    join(&own, &stranger, row->hrr);
    check_complete(&own, &stranger);

    assert_int_equal(stranger.received_count, row->own > 0 ? 1 : 0);
    if (row->own > 0)
        test_same_bytes(stranger.received[row->entry], plan.send[0].payload);
    assert_int_equal(atls_entry_shim_received(own.watch.shim, &list), row->stranger > 0 ? 1 : 0);
    if (row->stranger > 0) {
        assert_int_equal(list[0].entry, row->entry);
        test_same_bytes(list[0].payload, stranger.send);
    }
    if (row->own_is_server) {
        test_same_bytes(stranger.requested, ATLS_BYTES(scheme, sizeof scheme));
    } else {
        assert_int_equal(atls_entry_shim_requested(own.watch.shim, &list), 1);
        test_same_bytes(list[0].payload, ATLS_BYTES(scheme, sizeof scheme));
    }
    close_stranger(&stranger);
    shim_close(&own);
}

static const struct refused_row {
    const char *name;
    bool own_is_server;
    const char *raw[2]; /* blocks of the first entries */
    int alert;
} refused_rows[] = {
    {"twice in one entry, of a client", false, {"ff16 0001 aa ff16 0001 aa"}, 47},
    {"twice in one entry, of a server", true, {"ff16 0001 aa ff16 0001 aa"}, 47},
    {"extension_data beyond its block, of a client", false, {"ff16 0009 0102"}, 50},
    {"extension_data beyond its block, of a server", true, {"ff16 0009 0102"}, 50},
    {"half an extension, of a client", false, {"", "ff"}, 50},
};

/* What is wrong on purpose is wrong on the wire, and OpenSSL says so. */
static void the_other_stack_refuses(void **state)
{
    const struct refused_row *row = *state;
    struct shim_plan plan = {.chain = CHAIN};
    struct shim_end own;
    struct stranger stranger = {.offers = true, .request = ATLS_BYTES("", 0)};
    char line[8];
    for (size_t i = 0; i < 2; i++)
        if (row->raw[i])
            plan.send[plan.send_count++] = (struct atls_entry_extension){
                .entry = i, .raw = true, .payload = test_bytes(row->raw[i])};
    open_own(&own, row->own_is_server, &plan, false);
    open_stranger(&stranger, !row->own_is_server, false, CONTEXTS);
    join(&own, &stranger, false);
    assert_int_equal(own.failure, 0);
    assert_true(stranger.has_ended && stranger.result != 1);
    assert_int_equal(stranger.alert, row->alert);
    if (own.end.result == 0) /* a client is told behind its handshake */
        own.end.result = (int)gnutls_record_recv(own.end.tls, line, sizeof line);
    assert_true(own.end.result < 0);
    if (!row->own_is_server) { /* OpenSSL's client sends it in the clear, which a server cannot take
                                */
        assert_int_equal(own.end.result, GNUTLS_E_FATAL_ALERT_RECEIVED);
        assert_int_equal(gnutls_alert_get(own.end.tls), row->alert);
    }
    for (size_t i = 0; i < plan.send_count; i++)
        test_vector_free(plan.send[i].payload);
    close_stranger(&stranger);
    shim_close(&own);
}

int main(void)
{
    struct test_list list = {.count = 0};
    shim_pki_make();
    TEST_ADD_ROWS(&list, both_stacks_agree, rows);
    TEST_ADD_ROWS(&list, the_other_stack_refuses, refused_rows);
    int result = test_run("entry-openssl", &list);
    shim_pki_free();
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two contexts of OpenSSL that stay, and for each connection two objects with memory between them:
 * what one writes to is what the other reads from. */
#include "tls/bench/openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "rats/base/error.h"
#include "tls/keys/private-key.h"

#define GROUPS "X25519:P-256:P-384"
#define STEPS_MAX 100 /* of a handshake */

struct bench_openssl {
    SSL_CTX *context[2];
};

static int check(bool ok, const char *what)
{
    char text[256] = "no reason is told";
    unsigned long code = ERR_peek_last_error();
    if (ok)
        return 0;
    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return atls_fail(ATLS_E_REFUSED, NULL, "OpenSSL: %s: %s", what, text);
}

static X509 *certificate_of(const void *der, size_t size)
{
    const unsigned char *at = der;
    return d2i_X509(NULL, &at, (long)size);
}

static int trust(SSL_CTX *context, const struct bench_ca *ca)
{
    gnutls_datum_t der;
    if (gnutls_x509_crt_export2(ca->certificate, GNUTLS_X509_FMT_DER, &der) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for the CA's certificate");
    X509 *anchor = certificate_of(der.data, der.size);
    gnutls_free(der.data);
    int result = check(anchor && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), anchor) == 1,
                       "trust anchor");
    X509_free(anchor);
    return result;
}

static int use_key(SSL_CTX *context, gnutls_privkey_t key)
{
    gnutls_datum_t der;
    int result = atls_private_key_encode(key, &der);
    if (result != 0)
        return result;
    const unsigned char *at = der.data;
    EVP_PKEY *own = d2i_AutoPrivateKey(NULL, &at, (long)der.size);
    gnutls_memset(der.data, 0, der.size);
    gnutls_free(der.data);
    result = check(own && SSL_CTX_use_PrivateKey(context, own) == 1, "key");
    EVP_PKEY_free(own);
    return result;
}

static int present(SSL_CTX *context, const struct bench_ca *ca, enum atls_curve curve)
{
    gnutls_pcert_st chain;
    gnutls_privkey_t key;
    int result = bench_leaf_with_key(ca, curve, &chain, &key);
    if (result != 0)
        return result;
    X509 *leaf = certificate_of(chain.cert.data, chain.cert.size);
    result = check(leaf && SSL_CTX_use_certificate(context, leaf) == 1, "certificate");
    if (result == 0)
        result = use_key(context, key);
    X509_free(leaf);
    gnutls_pcert_deinit(&chain);
    gnutls_privkey_deinit(key);
    return result;
}

static int set_up(const struct bench_ca *ca, const struct bench_mode *mode, enum atls_side side,
                  SSL_CTX *context)
{
    bool checks = side == ATLS_CLIENT || mode->mutual;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN); /* trust anchors need not be sent */
    SSL_CTX_set_verify(context,
                       checks ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                       NULL);
    int result = check(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                           SSL_CTX_set_num_tickets(context, 0) == 1 &&
                           SSL_CTX_set1_groups_list(context, GROUPS) == 1,
                       "settings");
    if (result == 0 && side == ATLS_CLIENT)
        result = check(X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), "127.0.0.1") == 1,
                       "name");
    if (result == 0)
        result = trust(context, ca);
    return result == 0 && (side == ATLS_SERVER || mode->mutual) ? present(context, ca, mode->curve)
                                                                : result;
}

int bench_openssl_new(const struct bench_ca *ca, const struct bench_mode *mode,
                      struct bench_openssl **opensslp)
{
    struct bench_openssl *openssl = calloc(1, sizeof *openssl);
    if (!openssl)
        return atls_fail(-ENOMEM, NULL, "no memory for OpenSSL");
    int result = 0;
    for (size_t i = 0; result == 0 && i < 2; i++) {
        openssl->context[i] =
            SSL_CTX_new(i == ATLS_CLIENT ? TLS_client_method() : TLS_server_method());
        result = check(openssl->context[i] != NULL, "context");
        if (result == 0)
            result = set_up(ca, mode, (enum atls_side)i, openssl->context[i]);
    }
    if (result == 0)
        *opensslp = openssl;
    else
        bench_openssl_free(openssl);
    return result;
}

void bench_openssl_free(struct bench_openssl *openssl)
{
    if (!openssl)
        return;
    for (size_t i = 0; i < 2; i++)
        SSL_CTX_free(openssl->context[i]);
    free(openssl);
}

static int join(SSL *const ends[2], BIO *sent[2])
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < 2; i++) {
        sent[i] = BIO_new(BIO_s_mem());
        result = sent[i] ? 0 : atls_fail(-ENOMEM, NULL, "no memory for a connection");
        if (result == 0) {
            SSL_set0_wbio(ends[i], sent[i]);
            BIO_up_ref(sent[i]); /* the other end's */
            SSL_set0_rbio(ends[1 - i], sent[i]);
        }
    }
    return result;
}

/* Counts what an end has sent since the last time. */
static void count(struct bench_wire *wire, size_t side, BIO *sent)
{
    uint64_t now = BIO_number_written(sent);
    if (now != wire->end[side].sent)
        bench_wire_count(wire, (int)side, now - wire->end[side].sent);
}

static int shake(SSL *const ends[2], BIO *const sent[2], struct bench_wire *wire)
{
    bool done[2] = {false, false};
    for (unsigned steps = 0; steps < STEPS_MAX && !(done[0] && done[1]); steps++)
        for (size_t i = 0; i < 2; i++) {
            int code = done[i] ? 1 : SSL_do_handshake(ends[i]);
            count(wire, i, sent[i]);
            done[i] = code == 1;
            if (!done[i] && SSL_get_error(ends[i], code) != SSL_ERROR_WANT_READ)
                return check(false, "handshake");
        }
    return check(done[0] && done[1], "a handshake that does not end");
}

static int pass_line(SSL *from, SSL *to, const char *line)
{
    char came[64];
    int size = (int)strlen(line);
    return check(SSL_write(from, line, size) == size && SSL_read(to, came, sizeof came) == size,
                 "a line did not come through");
}

static int talk(SSL *const ends[2], BIO *const sent[2], struct bench_wire *wire)
{
    int result = shake(ends, sent, wire);
    if (result == 0)
        result = pass_line(ends[ATLS_CLIENT], ends[ATLS_SERVER], "hello from client\n");
    count(wire, ATLS_CLIENT, sent[ATLS_CLIENT]);
    if (result == 0)
        result = pass_line(ends[ATLS_SERVER], ends[ATLS_CLIENT], "hello from server\n");
    count(wire, ATLS_SERVER, sent[ATLS_SERVER]);
    for (size_t i = 0; result == 0 && i < 2; i++) {
        result = check(SSL_shutdown(ends[i]) >= 0, "close_notify");
        count(wire, i, sent[i]);
    }
    return result;
}

int bench_openssl_connect(struct bench_openssl *openssl, struct bench_wire *wire)
{
    SSL *ends[2] = {NULL, NULL};
    BIO *sent[2] = {NULL, NULL};
    int result = 0;
    bench_wire_restart(wire);
    for (size_t i = 0; result == 0 && i < 2; i++) {
        ends[i] = SSL_new(openssl->context[i]);
        result = check(ends[i] != NULL, "session");
    }
    if (result == 0)
        result = join(ends, sent);
    if (result == 0) {
        SSL_set_connect_state(ends[ATLS_CLIENT]);
        SSL_set_accept_state(ends[ATLS_SERVER]);
        result = talk(ends, sent, wire);
    }
    for (size_t i = 0; i < 2; i++)
        SSL_free(ends[i]);
    return result;
}

const char *bench_openssl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack over wolfSSL. A certificate's key signs by the callback for ECDSA, wherever it is. PKIX
 * and the judgement of the peer are made in the callback for verification, which may wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How wolfSSL was built: ahead of all its headers. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/openssl/x509v3.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfio.h>

#include "harness/peers/linked/credential.h"
#include "program/program.h"
#include "rats/base/error.h"

enum { P256_SIZE = 32, P384_SIZE = 48, P256_SPKI_SIZE = 91 /* RFC 5480 section 2 */ };

struct wolf { /* of a peer */
    WOLFSSL_CTX *context;
    WOLFSSL_CERT_MANAGER *manager; /* the same trust anchors, for authenticators */
};

static void describe_version(char *text, size_t size)
{
    snprintf(text, size, "wolfSSL %s", wolfSSL_lib_version());
}

static const char *text_of(int code)
{
    static _Thread_local char text[WOLFSSL_MAX_ERROR_SZ];
    wolfSSL_ERR_error_string((unsigned long)code, text);
    return text;
}

static int fail_library(const char *what, int code)
{
    return atls_fail(-EIO, NULL, "wolfSSL, %s: %s (%d)", what, text_of(code), code);
}

/* The transport: what is refused here sends nothing more but the alert that is wolfSSL's own. */
static int take(WOLFSSL *ssl, char *buffer, int capacity, void *context)
{
    struct connection *c = context;
    size_t size = 0;
    if (peer_receive(c, buffer, (size_t)capacity, &size) != 0)
        return c->failure.reason != NULL ? WOLFSSL_CBIO_ERR_GENERAL : WOLFSSL_CBIO_ERR_CONN_RST;
    return size > 0 ? (int)size : WOLFSSL_CBIO_ERR_CONN_CLOSE;
}

static int give(WOLFSSL *ssl, char *buffer, int size, void *context)
{
    struct connection *c = context;
    return peer_send(c, ATLS_BYTES(buffer, (size_t)size)) == 0 ? size : WOLFSSL_CBIO_ERR_CONN_RST;
}

static int sign(WOLFSSL *ssl, const unsigned char *in, unsigned in_size, unsigned char *out,
                word32 *size, const unsigned char *key, unsigned key_size, void *context)
{
    struct connection *c = context;
    gnutls_datum_t der;
    if (credential_sign(c->peer, c, ATLS_BYTES(in, in_size), &der) != 0)
        return WC_HW_E;
    bool fits = der.size <= *size;
    if (fits) {
        memcpy(out, der.data, der.size);
        *size = der.size;
    }
    gnutls_free(der.data);
    /* Its Certificate is made, and goes out with this signature. */
    if (c->peer->options.profile->carrier != ATLS_IN_AUTHENTICATOR)
        connection_presented(c);
    return fits ? 0 : BUFFER_E;
}

static int verify_chain(struct connection *c, const struct atls_bytes *chain, size_t count,
                        const char **detailp, int *alertp)
{
    const struct wolf *wolf = c->peer->tls;
    bool of_server = c->peer->options.side == ATLS_CLIENT;
    const char *host = c->peer->options.host;
    *detailp = "a certificate issued by a trust anchor was expected";
    if (count == 0)
        return -1;
    int code = wolfSSL_CertManagerVerifyBuffer(wolf->manager, chain[0].data, (long)chain[0].size,
                                               WOLFSSL_FILETYPE_ASN1);
    if (code != WOLFSSL_SUCCESS) {
        *detailp = text_of(code);
        if (code == ASN_NO_SIGNER_E || code == ASN_SELF_SIGNED_E)
            *alertp = ATLS_ALERT_UNKNOWN_CA;
        return -1;
    }
    WOLFSSL_X509 *leaf = wolfSSL_X509_load_certificate_buffer(chain[0].data, (int)chain[0].size,
                                                              WOLFSSL_FILETYPE_ASN1);
    if (leaf == NULL)
        return -1;
    unsigned usage = wolfSSL_X509_get_extended_key_usage(leaf);
    bool purpose =
        usage == 0 || (usage & (XKU_ANYEKU | (of_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT)));
    bool named = !of_server || wolfSSL_X509_check_host(leaf, host, strlen(host), 0, NULL) == 1 ||
                 wolfSSL_X509_check_ip_asc(leaf, host, 0) == 1;
    wolfSSL_X509_free(leaf);
    if (!purpose || !named)
        *detailp = purpose ? "a certificate for the server's name was expected"
                           : "a certificate for this side of TLS was expected";
    return purpose && named ? 0 : -1;
}

/* wolfSSL asks once for each certificate of the chain, the leaf last. */
static int judge(int verified, WOLFSSL_X509_STORE_CTX *store)
{
    struct connection *c = store->userCtx;
    struct atls_bytes chain[PEER_CERTIFICATES_MAX];
    size_t count = 0;
    if (!verified) {
        bool unknown = store->error == ASN_NO_SIGNER_E || store->error == ASN_SELF_SIGNED_E;
        connection_fail(c, "certificate-untrusted",
                        unknown ? ATLS_ALERT_UNKNOWN_CA : ATLS_ALERT_BAD_CERTIFICATE, NULL,
                        text_of(store->error));
        return 0;
    }
    if (store->error_depth > 0)
        return 1;
    for (int i = 0; i < store->totalCerts && count < PEER_CERTIFICATES_MAX; i++)
        chain[count++] = ATLS_BYTES(store->certs[i].buffer, store->certs[i].length);
    if (count == 0)
        return connection_fail(c, "certificate-untrusted", -1, NULL, "no certificate came") == 0;
    return connection_certificate(c, chain, count) == 0;
}

static int load_anchors(const struct peer *peer, struct wolf *wolf)
{
    for (size_t i = 0; i < peer->anchor_count; i++) {
        struct atls_bytes der = peer->anchors[i];
        int code = wolfSSL_CTX_load_verify_buffer(wolf->context, der.data, (long)der.size,
                                                  WOLFSSL_FILETYPE_ASN1);
        if (code == WOLFSSL_SUCCESS)
            code = wolfSSL_CertManagerLoadCABuffer(wolf->manager, der.data, (long)der.size,
                                                   WOLFSSL_FILETYPE_ASN1);
        if (code != WOLFSSL_SUCCESS)
            return fail_library("trust anchors", code);
    }
    return 0;
}

static int set_groups(const struct peer *peer, struct wolf *wolf)
{
    static int all[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};
    /* As the project's own endpoint has it: what one side offers first, the other has not. */
    static int of_client[] = {WOLFSSL_ECC_SECP521R1, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1,
                              WOLFSSL_ECC_SECP384R1};
    static int of_server[] = {WOLFSSL_ECC_SECP384R1};
    const struct atls_options *o = &peer->options;
    int code = !o->hrr                  ? wolfSSL_CTX_set_groups(wolf->context, all, 3)
               : o->side == ATLS_CLIENT ? wolfSSL_CTX_set_groups(wolf->context, of_client, 4)
                                        : wolfSSL_CTX_set_groups(wolf->context, of_server, 1);
    return code == WOLFSSL_SUCCESS ? 0 : fail_library("groups", code);
}

/*
 * A key that signs nothing, of the size of the certificate's: the callback signs. wolfSSL 5.7.2
 * takes the length of a signature from it, and ends with "need the private key" without one.
 */
static int load_stand_in(const struct peer *peer, struct wolf *wolf)
{
    unsigned char der[256]; /* of P-384: 167 bytes, RFC 5915 section 3 */
    int size = peer->spki_size > P256_SPKI_SIZE ? P384_SIZE : P256_SIZE;
    WC_RNG random;
    ecc_key key;
    int code = wc_InitRng(&random);
    if (code != 0)
        return fail_library("random numbers", code);
    code = wc_ecc_init(&key);
    if (code == 0)
        code = wc_ecc_make_key(&random, size, &key);
    if (code == 0)
        code = wc_EccKeyToDer(&key, der, sizeof der);
    wc_ecc_free(&key);
    wc_FreeRng(&random);
    if (code <= 0)
        return fail_library("stand-in for the key", code);
    code = wolfSSL_CTX_use_PrivateKey_buffer(wolf->context, der, code, WOLFSSL_FILETYPE_ASN1);
    return code == WOLFSSL_SUCCESS ? 0 : fail_library("stand-in for the key", code);
}

static int load_credential(const struct peer *peer, struct wolf *wolf)
{
    if (peer->chain_size == 0)
        return 0;
    if (peer->spki_size == 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "this adapter takes certificates for keys of P-256 and P-384");
    int code = wolfSSL_CTX_use_certificate_chain_file(wolf->context, peer->options.certificate);
    if (code != WOLFSSL_SUCCESS)
        return fail_library("certificate", code);
    wolfSSL_CTX_SetEccSignCb(wolf->context, sign);
    return load_stand_in(peer, wolf);
}

static int start(struct peer *peer)
{
    struct wolf *wolf = calloc(1, sizeof *wolf);
    bool client = peer->options.side == ATLS_CLIENT;
    if (wolf == NULL)
        return atls_fail(-ENOMEM, NULL, "no memory for wolfSSL");
    peer->tls = wolf;
    if (wolfSSL_Init() != WOLFSSL_SUCCESS)
        return atls_fail(-EIO, NULL, "wolfSSL does not start");
    wolf->context =
        wolfSSL_CTX_new(client ? wolfTLSv1_3_client_method() : wolfTLSv1_3_server_method());
    wolf->manager = wolfSSL_CertManagerNew();
    if (wolf->context == NULL || wolf->manager == NULL)
        return atls_fail(-ENOMEM, NULL, "no memory for wolfSSL");
    wolfSSL_CTX_SetIORecv(wolf->context, take);
    wolfSSL_CTX_SetIOSend(wolf->context, give);
    (void)wolfSSL_CTX_set_session_cache_mode(wolf->context, WOLFSSL_SESS_CACHE_OFF);
    /* Resumption would leave out the Certificate, and so the attestation. */
    if (!client && wolfSSL_CTX_no_ticket_TLSv13(wolf->context) != 0)
        return atls_fail(-EIO, NULL, "wolfSSL cannot leave out tickets");
    int result = load_anchors(peer, wolf);
    if (result == 0)
        result = set_groups(peer, wolf);
    return result == 0 ? load_credential(peer, wolf) : result;
}

static void stop(struct peer *peer)
{
    struct wolf *wolf = peer->tls;
    if (wolf == NULL)
        return;
    wolfSSL_CTX_free(wolf->context);
    wolfSSL_CertManagerFree(wolf->manager);
    wolfSSL_Cleanup();
    free(wolf);
}

/* An authenticator brings its own X.509; where that may be missing, the handshake has it. */
static bool asks_for_certificate(const struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    bool later =
        o->profile->carrier == ATLS_IN_AUTHENTICATOR && o->relying_party_count > 0 && o->required;
    return o->side == ATLS_CLIENT ||
           (!later && (o->relying_party_count > 0 || c->peer->anchor_count > 0));
}

static int set_up(struct connection *c)
{
    const struct wolf *wolf = c->peer->tls;
    bool client = c->peer->options.side == ATLS_CLIENT, ask = asks_for_certificate(c);
    WOLFSSL *ssl = wolfSSL_new(wolf->context);
    if (ssl == NULL)
        return connection_fail(c, "internal", -1, "", "wolfSSL makes no connection");
    c->tls = ssl;
    c->peer_accepted = !ask;
    wolfSSL_SetIOReadCtx(ssl, c);
    wolfSSL_SetIOWriteCtx(ssl, c);
    wolfSSL_SetEccSignCtx(ssl, c);
    wolfSSL_SetCertCbCtx(ssl, c);
    wolfSSL_KeepArrays(ssl); /* for the exporter */
    wolfSSL_set_verify(
        ssl, ask ? WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT : WOLFSSL_VERIFY_NONE,
        judge);
    if (client) {
        int group = c->peer->options.hrr ? WOLFSSL_ECC_SECP521R1 : WOLFSSL_ECC_X25519;
        if (wolfSSL_UseKeyShare(ssl, (word16)group) != WOLFSSL_SUCCESS)
            return connection_fail(c, "internal", -1, "", "wolfSSL makes no key share");
    }
    return 0;
}

/* The alert that wolfSSL has sent, or -1. */
static int alert_sent(WOLFSSL *ssl)
{
    WOLFSSL_ALERT_HISTORY history;
    return wolfSSL_get_alert_history(ssl, &history) == WOLFSSL_SUCCESS &&
                   history.last_tx.level == alert_fatal
               ? history.last_tx.code
               : -1;
}

static int failed_in_library(struct connection *c, int code)
{
    WOLFSSL *ssl = c->tls;
    WOLFSSL_ALERT_HISTORY history;
    int error = wolfSSL_get_error(ssl, code);
    if (c->failure.reason != NULL)
        return -1;
    if (wolfSSL_get_alert_history(ssl, &history) == WOLFSSL_SUCCESS &&
        history.last_rx.level == alert_fatal)
        return connection_ended(c, "peer-alert", history.last_rx.code);
    if (error == SOCKET_PEER_CLOSED_E || error == SOCKET_ERROR_E ||
        error == WOLFSSL_ERROR_SYSCALL || error == WOLFSSL_ERROR_ZERO_RETURN)
        return connection_ended(c, "peer-closed", -1);
    bool proof = error == VERIFY_SIGN_ERROR || error == SIG_VERIFY_E || error == VERIFY_CERT_ERROR;
    bool bad = error == NO_PEER_CERT || error == ASN_CRIT_EXT_E || error == ASN_PARSE_E;
    const char *reason = proof && c->peer_model != ATLS_MODEL_NONE ? "key-mismatch"
                         : proof || bad                            ? "certificate-untrusted"
                                                                   : "internal";
    int sent = alert_sent(ssl);
    connection_fail(c, reason, sent, "", text_of(error));
    if (sent < 0)
        c->failure.alert = -1;
    return -1;
}

static int handshake(struct connection *c)
{
    if (set_up(c) != 0)
        return -1;
    WOLFSSL *ssl = c->tls;
    int code = c->peer->options.side == ATLS_CLIENT ? wolfSSL_connect(ssl) : wolfSSL_accept(ssl);
    return code == WOLFSSL_SUCCESS && c->failure.reason == NULL ? 0 : failed_in_library(c, code);
}

static int send_bytes(struct connection *c, struct atls_bytes bytes)
{
    while (bytes.size > 0) {
        int part = bytes.size > 16384 ? 16384 : (int)bytes.size;
        int size = wolfSSL_write(c->tls, bytes.data, part);
        if (size <= 0)
            return failed_in_library(c, size);
        bytes = ATLS_BYTES(bytes.data + size, bytes.size - (size_t)size);
    }
    return 0;
}

static int receive(struct connection *c, uint8_t *buffer, size_t capacity, size_t *sizep)
{
    int size = wolfSSL_read(c->tls, buffer, (int)capacity);
    *sizep = 0;
    if (size > 0)
        *sizep = (size_t)size;
    else if (wolfSSL_get_error(c->tls, size) != WOLFSSL_ERROR_ZERO_RETURN)
        return failed_in_library(c, size);
    return 0;
}

static int export_value(struct connection *c, const char *label, struct atls_bytes context,
                        uint8_t *valuep, size_t size)
{
    return wolfSSL_export_keying_material(c->tls, valuep, size, label, strlen(label), context.data,
                                          context.size, context.size > 0) == WOLFSSL_SUCCESS
               ? 0
               : atls_fail(-EIO, NULL, "wolfSSL exports no keying material");
}

/* wolfSSL has told, by an alert of its own choice, whatever its callbacks refused; which is what
 * is reported. Where it told nothing, nothing is. */
static bool tell_alert(struct connection *c, int alert)
{
    int sent = c->tls != NULL ? alert_sent(c->tls) : -1;
    if (sent >= 0)
        c->failure.alert = sent;
    return sent >= 0;
}

static void close_connection(struct connection *c)
{
    if (c->tls == NULL)
        return;
    if (c->failure.reason == NULL)
        wolfSSL_shutdown(c->tls);
    wolfSSL_free(c->tls);
    c->tls = NULL;
    wc_ecc_fp_free(); /* a cache of points, of each thread: 1.6 MB */
}

/* Why wolfSSL cannot do it, before any packet. */
static const char *lacks(const struct atls_options *o)
{
    if (o->profile->carrier == ATLS_IN_PLACE_OF_CERTIFICATE)
        return "profiles ta-*: a certificate of wolfSSL is X.509";
    if (o->profile->carrier == ATLS_IN_ENTRY)
        return "profiles seat-*: wolfSSL has no extensions of an application";
    if (o->side == ATLS_SERVER && o->key == NULL)
        return "a server without X.509 (--cert and --key)";
    return NULL;
}

static const char *const faults[] = {PEER_FAULTS, NULL};

static const struct peer_stack stack = {
    .program = "atls-wolfssl",
    .version = describe_version,
    .faults = faults,
    .lacks = lacks,
    .start = start,
    .stop = stop,
    .handshake = handshake,
    .send = send_bytes,
    .receive = receive,
    .exporter = export_value,
    .verify_chain = verify_chain,
    .alert = tell_alert,
    .close = close_connection,
};

int main(int argc, char **argv)
{
    return peer_program(&stack, argc, argv);
}

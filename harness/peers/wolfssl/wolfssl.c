/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack over wolfSSL. A certificate's key signs by the callback for ECDSA, wherever it is. PKIX
 * and the judgement of the peer are made in the callback for verification, which may wait.
 */
#include "harness/peers/wolfssl/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/openssl/x509v3.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfio.h>

#include "harness/peers/linked/peer.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "tls/engine/carrier.h"

/* harness/peers/README.md, --keylog; a label of RFC 5705 section 4 that nobody registers */
#define KEYLOG_EXPORTER "EXPERIMENTAL atls key log"

static void describe_version(char *text, size_t size)
{
    snprintf(text, size, "wolfSSL %s", wolfSSL_lib_version());
}

static struct wolf_connection *connection_of(void *context)
{
    return context;
}

/* The transport: what is refused here sends nothing more but the alert that is wolfSSL's own. */
int wolf_take(WOLFSSL *ssl, char *buffer, int capacity, void *context)
{
    struct wolf_connection *c = connection_of(context);
    ssize_t size = wire_receive(&c->wire, buffer, (size_t)capacity);
    if (size == -EAGAIN)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    if (size < 0)
        return session_has_failed(c->s) ? WOLFSSL_CBIO_ERR_GENERAL : WOLFSSL_CBIO_ERR_CONN_RST;
    return size > 0 ? (int)size : WOLFSSL_CBIO_ERR_CONN_CLOSE;
}

/* wolfSSL shows no hellos: a server answers each ClientHello with what it makes next. */
static int answer_hello(struct wolf_connection *c)
{
    if (c->party->side == ATLS_CLIENT || c->answered == c->wire.hellos.clients)
        return 0;
    c->answered = c->wire.hellos.clients;
    return session_client_hello(c->s);
}

int wolf_give(WOLFSSL *ssl, char *buffer, int size, void *context)
{
    struct wolf_connection *c = connection_of(context);
    if (answer_hello(c) != 0 || wire_send(&c->wire, ATLS_BYTES(buffer, (size_t)size)) != 0)
        return WOLFSSL_CBIO_ERR_CONN_RST;
    if (c->party->side == ATLS_SERVER && c->wire.hellos.over && !c->selected) {
        c->selected = true;
        if (session_selected(c->s) != 0)
            return WOLFSSL_CBIO_ERR_GENERAL;
    }
    return size;
}

int wolf_sign(WOLFSSL *ssl, const unsigned char *in, unsigned in_size, unsigned char *out,
              word32 *size, const unsigned char *key, unsigned key_size, void *context)
{
    struct wolf_connection *c = connection_of(context);
    const struct wolf *wolf = c->party->tls;
    struct session_presented presented;
    gnutls_datum_t der;
    if (credential_sign(c->party, c->s, wolf->credential.leaf.curve == ATLS_P384,
                        ATLS_BYTES(in, in_size), &der) != 0)
        return WC_HW_E;
    bool fits = der.size <= *size;
    if (fits) {
        memcpy(out, der.data, der.size);
        *size = der.size;
    }
    gnutls_free(der.data);
    /* Its Certificate is made, and goes out with this signature; a server's ServerHello too. */
    if (answer_hello(c) != 0 || session_present(c->s, &presented) != 0)
        return WC_HW_E;
    return fits ? 0 : BUFFER_E;
}

static int refused(struct wolf_connection *c, int alert, const char *detail)
{
    return session_fail(c->s, "certificate-untrusted", alert, NULL, detail);
}

static bool is_unknown_issuer(int code)
{
    return code == ASN_NO_SIGNER_E || code == ASN_SELF_SIGNED_E;
}

static int verify_chain(void *connection, const struct atls_bytes *chain, size_t count,
                        bool critical)
{
    struct wolf_connection *c = connection_of(connection);
    const struct wolf *wolf = c->party->tls;
    bool of_server = c->party->side == ATLS_CLIENT;
    const char *host = c->party->peer_name;
    if (count == 0) {
        chain = c->peers;
        count = c->peer_count;
    }
    if (count == 0)
        return refused(c, ATLS_ALERT_BAD_CERTIFICATE,
                       "expected a certificate issued by a trust anchor");
    int code = wolfSSL_CertManagerVerifyBuffer(wolf->manager, chain[0].data, (long)chain[0].size,
                                               WOLFSSL_FILETYPE_ASN1);
    if (code != WOLFSSL_SUCCESS)
        return refused(c,
                       is_unknown_issuer(code) ? ATLS_ALERT_UNKNOWN_CA : ATLS_ALERT_BAD_CERTIFICATE,
                       wolf_text(code));
    WOLFSSL_X509 *leaf = wolfSSL_X509_load_certificate_buffer(chain[0].data, (int)chain[0].size,
                                                              WOLFSSL_FILETYPE_ASN1);
    if (!leaf)
        return refused(c, ATLS_ALERT_BAD_CERTIFICATE,
                       "expected a certificate issued by a trust anchor");
    unsigned usage = wolfSSL_X509_get_extended_key_usage(leaf);
    bool purpose =
        usage == 0 || (usage & (XKU_ANYEKU | (of_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT)));
    bool named = !of_server || wolfSSL_X509_check_host(leaf, host, strlen(host), 0, NULL) == 1 ||
                 wolfSSL_X509_check_ip_asc(leaf, host, 0) == 1;
    wolfSSL_X509_free(leaf);
    if (purpose && named)
        return 0;
    return refused(c, ATLS_ALERT_BAD_CERTIFICATE,
                   purpose ? "expected a certificate for the server's name"
                           : "expected a certificate for this side of TLS");
}

/* The key of the peer's leaf, which is wolfSSL's only as long as it asks for the judgement. */
static void note_key(struct wolf_connection *c)
{
    struct atls_public_key key;
    if (atls_x509_public_key(c->peers[0], &key) == 0)
        c->peer_key_size = atls_spki_encode(&key, c->peer_key);
}

/* wolfSSL asks once for each certificate of the chain, the leaf last. */
static int judge(int verified, WOLFSSL_X509_STORE_CTX *store)
{
    struct wolf_connection *c = connection_of(store->userCtx);
    int result = 0;
    if (c->party->side == ATLS_CLIENT)
        result = session_answered(c->s);
    if (result == 0 && !verified)
        result = refused(
            c, is_unknown_issuer(store->error) ? ATLS_ALERT_UNKNOWN_CA : ATLS_ALERT_BAD_CERTIFICATE,
            wolf_text(store->error));
    if (result != 0 || store->error_depth > 0)
        return result == 0;
    c->peer_count = 0;
    for (int i = 0; i < store->totalCerts && c->peer_count < ATLS_PEER_CHAIN_MAX; i++)
        c->peers[c->peer_count++] = ATLS_BYTES(store->certs[i].buffer, store->certs[i].length);
    if (c->peer_count == 0)
        return refused(c, -1, "no certificate came") == 0;
    note_key(c);
    const struct session_certificate came = {.chain = c->peers, .chain_size = c->peer_count};
    result = session_certificate(c->s, &came);
    if (result == 0)
        result = session_judge(c->s);
    c->peer_count = 0; /* they were wolfSSL's */
    return result == 0;
}

static int open_connection(struct atls_session *s, void **connectionp)
{
    struct wolf_connection *c = calloc(1, sizeof *c);
    if (!c)
        return atls_fail(-ENOMEM, NULL, "no memory for a connection");
    *connectionp = c;
    c->s = s;
    c->party = session_party(s);
    wire_init(&c->wire, s);
    const struct wolf *wolf = c->party->tls;
    bool client = c->party->side == ATLS_CLIENT, ask = client || session_asks(s);
    c->ssl = wolfSSL_new(wolf->context);
    if (!c->ssl)
        return atls_fail(-ENOMEM, NULL, "wolfSSL makes no connection");
    wolfSSL_SetIOReadCtx(c->ssl, c);
    wolfSSL_SetIOWriteCtx(c->ssl, c);
    wolfSSL_SetEccSignCtx(c->ssl, c);
    wolfSSL_SetCertCbCtx(c->ssl, c);
    wolfSSL_KeepArrays(c->ssl); /* for the exporter */
    wolfSSL_set_verify(c->ssl,
                       ask ? WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT
                           : WOLFSSL_VERIFY_NONE,
                       judge);
    int group = c->party->hrr ? WOLFSSL_ECC_SECP521R1 : WOLFSSL_ECC_X25519;
    if (client && wolfSSL_UseKeyShare(c->ssl, (word16)group) != WOLFSSL_SUCCESS)
        return atls_fail(-EIO, NULL, "wolfSSL makes no key share");
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

/* ERROR of wolfSSL, in words of the contract. */
static enum atls_stack_answer failed(struct wolf_connection *c, int error)
{
    WOLFSSL_ALERT_HISTORY history;
    if (session_has_failed(c->s))
        return ATLS_STACK_FAILED;
    if (wolfSSL_get_alert_history(c->ssl, &history) == WOLFSSL_SUCCESS &&
        history.last_rx.level == alert_fatal) {
        session_alert_received(c->s, (unsigned)history.last_rx.code);
        return ATLS_STACK_FAILED;
    }
    if (error == SOCKET_PEER_CLOSED_E || error == SOCKET_ERROR_E ||
        error == WOLFSSL_ERROR_SYSCALL || error == WOLFSSL_ERROR_ZERO_RETURN) {
        session_ended(c->s, "peer-closed", -1, "the peer closed the connection");
        return ATLS_STACK_FAILED;
    }
    bool proof = error == VERIFY_SIGN_ERROR || error == SIG_VERIFY_E || error == VERIFY_CERT_ERROR;
    bool bad = error == NO_PEER_CERT || error == ASN_CRIT_EXT_E || error == ASN_PARSE_E;
    const char *reason = proof && session_peer_attests(c->s) ? "key-mismatch"
                         : proof || bad                      ? "certificate-untrusted"
                                                             : "internal";
    session_fail(c->s, reason, alert_sent(c->ssl), "", wolf_text(error));
    return ATLS_STACK_FAILED;
}

/* All that wolfSSL was given has to be on its way before it gets more. */
static enum atls_stack_answer flush(struct wolf_connection *c)
{
    int result = wire_flush(&c->wire);
    return result == 0         ? ATLS_STACK_DONE
           : result == -EAGAIN ? ATLS_STACK_WRITE
                               : failed(c, SOCKET_ERROR_E);
}

/* CODE is what one of wolfSSL's functions returned. */
static enum atls_stack_answer answer(struct wolf_connection *c, int code)
{
    int error = wolfSSL_get_error(c->ssl, code);
    if (session_has_failed(c->s))
        return ATLS_STACK_FAILED;
    if (error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE)
        return failed(c, error);
    enum atls_stack_answer left = flush(c);
    return left == ATLS_STACK_DONE ? ATLS_STACK_READ : left;
}

static void use_socket(void *connection, int fd)
{
    connection_of(connection)->wire.fd = fd;
}

/* For the key log. Debian's wolfSSL gives no secrets (it is built without HAVE_SECRET_CALLBACK): a
 * value of the exporter tells as well whether two ends have the same application secrets. */
static void log_exporter(struct wolf_connection *c)
{
    uint8_t random[32], value[32];
    if (wolfSSL_get_client_random(c->ssl, random, sizeof random) == sizeof random &&
        wolfSSL_export_keying_material(c->ssl, value, sizeof value, KEYLOG_EXPORTER,
                                       strlen(KEYLOG_EXPORTER), NULL, 0, 0) == WOLFSSL_SUCCESS)
        session_keylog(c->s, "EXPORTER_VALUE", ATLS_BYTES(random, sizeof random),
                       ATLS_BYTES(value, sizeof value));
}

static enum atls_stack_answer handshake(void *connection)
{
    struct wolf_connection *c = connection_of(connection);
    int code = c->party->side == ATLS_CLIENT ? wolfSSL_connect(c->ssl) : wolfSSL_accept(c->ssl);
    if (code != WOLFSSL_SUCCESS || session_has_failed(c->s))
        return answer(c, code);
    log_exporter(c);
    return ATLS_STACK_DONE;
}

static enum atls_stack_answer send_bytes(void *connection, struct atls_bytes bytes, size_t *sentp)
{
    struct wolf_connection *c = connection_of(connection);
    if (c->owed == 0) {
        int size = wolfSSL_write(c->ssl, bytes.data, bytes.size > 16384 ? 16384 : (int)bytes.size);
        if (size <= 0)
            return answer(c, size);
        c->owed = (size_t)size;
    }
    enum atls_stack_answer left = flush(c);
    if (left != ATLS_STACK_DONE)
        return left;
    *sentp = c->owed;
    c->owed = 0;
    return ATLS_STACK_DONE;
}

static enum atls_stack_answer receive(void *connection, uint8_t *buffer, size_t capacity,
                                      size_t *sizep)
{
    struct wolf_connection *c = connection_of(connection);
    int size = wolfSSL_read(c->ssl, buffer, (int)capacity);
    *sizep = size > 0 ? (size_t)size : 0;
    if (size > 0)
        return ATLS_STACK_DONE;
    return wolfSSL_get_error(c->ssl, size) == WOLFSSL_ERROR_ZERO_RETURN ? ATLS_STACK_CLOSED
                                                                        : answer(c, size);
}

static enum atls_stack_answer say_bye(void *connection)
{
    struct wolf_connection *c = connection_of(connection);
    if (!c->bye)
        wolfSSL_shutdown(c->ssl);
    c->bye = true;
    return wire_flush(&c->wire) == -EAGAIN ? ATLS_STACK_WRITE : ATLS_STACK_DONE;
}

static int export_value(void *connection, const char *label, struct atls_bytes context,
                        uint8_t *valuep, size_t size)
{
    return wolfSSL_export_keying_material(connection_of(connection)->ssl, valuep, size, label,
                                          strlen(label), context.data, context.size,
                                          context.size > 0) == WOLFSSL_SUCCESS
               ? 0
               : atls_fail(-EIO, NULL, "wolfSSL exports no keying material");
}

static int hash(void *connection, enum atls_hash *hashp)
{
    return atls_transcript_alg(&connection_of(connection)->wire.hellos.transcript, hashp);
}

/* wolfSSL has told, by an alert of its own choice, whatever its callbacks refused; which is what
 * is reported. Where it told nothing, nothing is. */
static enum atls_stack_answer tell_alert(void *connection, unsigned alert)
{
    struct wolf_connection *c = connection_of(connection);
    if (wire_flush(&c->wire) == -EAGAIN)
        return ATLS_STACK_WRITE;
    *session_alert(c->s) = alert_sent(c->ssl);
    return ATLS_STACK_DONE;
}

/* wolfSSL was told so before the hellos. */
static void request_certificate(void *connection, bool ask)
{
}

static size_t peers(void *connection, struct atls_bytes chain[ATLS_PEER_CHAIN_MAX])
{
    const struct wolf_connection *c = connection_of(connection);
    memcpy(chain, c->peers, c->peer_count * sizeof *chain);
    return c->peer_count;
}

static bool peer_key(void *connection, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep)
{
    const struct wolf_connection *c = connection_of(connection);
    memcpy(spki, c->peer_key, c->peer_key_size);
    *sizep = c->peer_key_size;
    return *sizep > 0;
}

static void close_connection(void *connection)
{
    struct wolf_connection *c = connection_of(connection);
    if (!c)
        return;
    c->wire.fd = -1; /* what was to be said has been said */
    wolfSSL_free(c->ssl);
    wc_ecc_fp_free(); /* a cache of points, of each thread: 1.6 MB */
    wire_clear(&c->wire);
    free(c);
}

/* Why wolfSSL cannot do it, before any packet. */
static const char *lacks(const struct atls_options *o)
{
    const struct atls_carrier *carrier = atls_carrier_of(o->profile, ATLS_KIND_ATTESTATION);
    if (carrier->replaces)
        return "profiles ta-*: a certificate of wolfSSL is X.509";
    if (carrier->in_entries)
        return "profiles seat-*: wolfSSL has no extensions of an application";
    if (o->side == ATLS_SERVER && !o->key)
        return "a server without X.509 (--cert and --key)";
    return NULL;
}

static const char *const faults[] = {PEER_FAULTS, NULL};

static const struct atls_stack stack = {
    .name = "wolfSSL",
    .start = wolf_start,
    .stop = wolf_stop,
    .open = open_connection,
    .close = close_connection,
    .use_socket = use_socket,
    .handshake = handshake,
    .send = send_bytes,
    .receive = receive,
    .alert = tell_alert,
    .bye = say_bye,
    .exporter = export_value,
    .hash = hash,
    .request_certificate = request_certificate,
    .verify_chain = verify_chain,
    .peers = peers,
    .peer_key = peer_key,
};

int main(int argc, char **argv)
{
    static const struct peer_program program = {.name = "atls-wolfssl",
                                                .stack = &stack,
                                                .library = describe_version,
                                                .faults = faults,
                                                .lacks = lacks};
    return peer_run(&program, argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL 3.0. The device's key is an EC_KEY with a method of its own. OpenSSL sends only alerts
 * that it has names for, so this adapter seals the alerts of its own refusals itself, with the
 * traffic secret that the key log tells. A client of OpenSSL derives that secret only ahead of its
 * own flight, and sends alerts about the server's flight in the clear, which other stacks cannot
 * read. A refusal by this adapter as a client therefore lets OpenSSL go on to that point, drops the
 * flight, and sends the alert in its place.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* EC_KEY_METHOD: 3.0 has nothing else short of a provider */
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "binder.h"
#include "hello.h"
#include "openssl.h"
#include "transport.h"

enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, FINISHED = 20, MESSAGE_HASH = 254 };
enum { AES_128_GCM = 0x1301, AES_256_GCM = 0x1302, CHACHA20_POLY1305 = 0x1303 };
#define MESSAGE_HEADER 4
#define SUITE_AT (MESSAGE_HEADER + 2 + 32)

/* SHA-256 of "HelloRetryRequest", RFC 8446 section 4.1.3 */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* The connection whose handshake this thread does: a key's method is not told which one it is. */
static _Thread_local struct connection *current;
static int party_index;

const char *library_version(void)
{
    static char line[128];
    snprintf(line, sizeof line, "atls-openssl (%s)", OpenSSL_version(OPENSSL_VERSION));
    return line;
}

const char *library_cannot(const struct party *party)
{
    const struct profile *profile = party->profile;
    if (profile->carrier == IN_ENTRY && !profile->single && party->attester.count > 0)
        return "as an attester: OpenSSL sends an extension in its Certificate only where the "
               "peer's "
               "ClientHello or CertificateRequest had the same type, and here they have none";
    return NULL;
}

static const struct party *party_of(const EC_KEY *key)
{
    return EC_KEY_get_ex_data(key, party_index);
}

static int sign_by_device(int type, const unsigned char *digest, int size, unsigned char *signature,
                          unsigned *sizep, const BIGNUM *k, const BIGNUM *r, EC_KEY *key)
{
    struct why lost = {.reason = NULL};
    struct blob der = {NULL, 0, 0};
    int signed_ = !(current && current->why.reason) &&
                  party_sign(party_of(key), BYTES(digest, (size_t)size), &der,
                             current ? &current->why : &lost) == 0 &&
                  der.size <= (size_t)ECDSA_size(key);
    if (signed_) {
        memcpy(signature, der.data, der.size);
        *sizep = (unsigned)der.size;
    }
    blob_clear(&der);
    return signed_;
}

int library_device_key(struct party *party)
{
    static EC_KEY_METHOD *method; /* one for the program, which has one party */
    const EC_KEY_METHOD *own = EC_KEY_OpenSSL();
    int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);
    EVP_PKEY *shape = key_pkey(&party->leaf);
    EC_KEY *key = shape ? EC_KEY_dup(EVP_PKEY_get0_EC_KEY(shape)) : NULL;
    EVP_PKEY_free(shape);
    EC_KEY_METHOD_get_sign(own, NULL, &setup, NULL);
    method = method ? method : EC_KEY_METHOD_new(own);
    if (method)
        EC_KEY_METHOD_set_sign(method, sign_by_device, setup, NULL);
    party_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    party->pkey = EVP_PKEY_new();
    if (key && method && EC_KEY_set_method(key, method) == 1 &&
        EC_KEY_set_ex_data(key, party_index, party) == 1 &&
        EVP_PKEY_assign_EC_KEY(party->pkey, key) == 1)
        return 0;
    EC_KEY_free(key);
    return -1;
}

const EVP_MD *library_hash(const struct connection *c)
{
    unsigned suite = c->library->suite;
    return suite == AES_256_GCM                                 ? EVP_sha384()
           : suite == AES_128_GCM || suite == CHACHA20_POLY1305 ? EVP_sha256()
                                                                : NULL;
}

/* HelloRetryRequest makes of the first ClientHello a message_hash (RFC 8446 section 4.4.1). */
static void fold_first_hello(struct connection *c)
{
    struct library *l = c->library;
    uint8_t digest[HASH_MAX];
    size_t size;
    hash(library_hash(c), BLOB_BYTES(l->hellos), digest, &size);
    l->hellos.size = 0;
    put_number(&l->hellos, 1, MESSAGE_HASH);
    put_number(&l->hellos, 3, size);
    put(&l->hellos, BYTES(digest, size));
}

static void see_hello(struct connection *c, struct bytes message)
{
    struct library *l = c->library;
    bool of_server = message.data[0] == SERVER_HELLO;
    bool retry = false;
    if (of_server && message.size > SUITE_AT + 1u + 32u) {
        size_t at = SUITE_AT + 1u + message.data[SUITE_AT]; /* behind legacy_session_id */
        retry = memcmp(message.data + MESSAGE_HEADER + 2, retry_random, 32) == 0;
        if (at + 2 <= message.size)
            l->suite = (unsigned)message.data[at] << 8 | message.data[at + 1];
    }
    if (retry && library_hash(c) && !c->hrr)
        fold_first_hello(c);
    c->hrr = c->hrr || retry;
    put(&l->hellos, message);
    l->hellos_done = l->hellos_done || (of_server && !retry);
}

static void see_message(struct connection *c, bool sent, struct bytes message)
{
    struct library *l = c->library;
    if (message.size < MESSAGE_HEADER)
        return;
    uint8_t type = message.data[0];
    if ((type == CLIENT_HELLO || type == SERVER_HELLO) && !l->hellos_done)
        see_hello(c, message);
    hello_report(c, sent, message);
    if (type == MESSAGE_CERTIFICATE_REQUEST && !sent)
        seat_requested(c);
    if (type == SERVER_HELLO && l->hellos_done && l->epoch == EPOCH_PLAIN)
        l->epoch = EPOCH_HANDSHAKE;
    if (type == FINISHED && sent) {
        l->epoch = EPOCH_APPLICATION;
        l->sealed = 0;
    }
}

/* What crosses the wire, in order. Of an alert: level and description. */
static void see(int sent, int version, int type, const void *data, size_t size, SSL *ssl, void *arg)
{
    struct connection *c = connection_of(ssl);
    const uint8_t *bytes = data;
    if (type == SSL3_RT_HANDSHAKE)
        see_message(c, sent, BYTES(data, size));
    if (type == SSL3_RT_INNER_CONTENT_TYPE && sent && bytes[0] != SSL3_RT_ALERT)
        c->library->sealed++;
    if (type == SSL3_RT_ALERT && size == 2 && bytes[1] != SSL_AD_CLOSE_NOTIFY && !c->why.reason) {
        c->alert = bytes[1];
        c->alert_received = !sent;
    }
}

void library_secret(struct connection *c, const char *line)
{
    bool client = c->party->side == CLIENT;
    const struct {
        const char *label;
        enum epoch epoch;
    } labels[] = {
        {client ? "CLIENT_HANDSHAKE_TRAFFIC_SECRET " : "SERVER_HANDSHAKE_TRAFFIC_SECRET ",
         EPOCH_HANDSHAKE},
        {client ? "CLIENT_TRAFFIC_SECRET_0 " : "SERVER_TRAFFIC_SECRET_0 ", EPOCH_APPLICATION},
    };
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(labels[i].label);
        const char *at =
            strncmp(line, labels[i].label, size) == 0 ? strchr(line + size, ' ') : NULL;
        struct blob *secret = &c->library->secrets[labels[i].epoch];
        if (at && hex_read(at + 1, secret))
            blob_clear(secret);
    }
}

static bool send_plain(struct connection *c, unsigned alert)
{
    const uint8_t record[] = {SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, (uint8_t)alert};
    return transport_send(c, BYTES(record, sizeof record)) == 0;
}

/* RFC 8446 section 5.2: the alert as a sealed record. */
static bool seal(struct connection *c, unsigned alert, struct bytes secret, uint8_t record[24])
{
    const uint8_t header[] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0, 19};
    const uint8_t inner[] = {SSL3_AL_FATAL, (uint8_t)alert, SSL3_RT_ALERT};
    const EVP_CIPHER *cipher = c->library->suite == AES_128_GCM   ? EVP_aes_128_gcm()
                               : c->library->suite == AES_256_GCM ? EVP_aes_256_gcm()
                                                                  : EVP_chacha20_poly1305();
    uint8_t key[32], iv[12];
    int size;
    if (hkdf_expand_label(library_hash(c), secret, "key", BYTES("", 0), key,
                          (size_t)EVP_CIPHER_key_length(cipher)) ||
        hkdf_expand_label(library_hash(c), secret, "iv", BYTES("", 0), iv, sizeof iv))
        return false;
    for (unsigned i = 0; i < 8; i++)
        iv[11 - i] ^= (uint8_t)(c->library->sealed >> (8 * i));
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    memcpy(record, header, sizeof header);
    bool good = context && EVP_EncryptInit_ex(context, cipher, NULL, key, iv) == 1 &&
                EVP_EncryptUpdate(context, NULL, &size, header, sizeof header) == 1 &&
                EVP_EncryptUpdate(context, record + 5, &size, inner, sizeof inner) == 1 &&
                EVP_EncryptFinal_ex(context, record + 8, &size) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, record + 8) == 1;
    EVP_CIPHER_CTX_free(context);
    OPENSSL_cleanse(key, sizeof key);
    return good;
}

bool library_alert(struct connection *c, unsigned alert)
{
    struct library *l = c->library;
    uint8_t record[24];
    if (!l || l->epoch == EPOCH_PLAIN)
        return send_plain(c, alert);
    if (c->mute) { /* nothing went out under any secret, whatever OpenSSL believes */
        l->epoch = EPOCH_HANDSHAKE;
        l->sealed = 0;
    }
    struct bytes secret = BLOB_BYTES(l->secrets[l->epoch]);
    return secret.size > 0 && library_hash(c) && seal(c, alert, secret, record) &&
           transport_send(c, BYTES(record, sizeof record)) == 0;
}

static int verify(X509_STORE_CTX *context, void *arg)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct connection *c = connection_of(ssl);
    bool beside = c->party->profile->carrier == IN_ENTRY;
    int result = c->why.reason ? -1 : 0;
    if (result == 0 && beside)
        result = seat_before(c);
    if (result == 0)
        result = connection_judge(c, X509_STORE_CTX_get0_untrusted(context));
    if (result == 0 && beside)
        result = seat_judge(c);
    if (result)
        X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    return library_refuses(c, result);
}

/* connection_run() looks at c->why however the handshake ends. */
bool library_refuses(struct connection *c, int result)
{
    if (result && c->party->side == CLIENT)
        c->mute = true;
    return result == 0 || c->mute;
}

static int present(SSL *ssl, void *arg)
{
    struct connection *c = connection_of(ssl);
    if (!c->mute)
        connection_present(c);
    return 1;
}

int library_context(struct party *party)
{
    bool later = party->profile->carrier == IN_AUTHENTICATOR && party->required;
    bool ask = party->side == CLIENT || (party->relying_party.count > 0 && !later);
    SSL_CTX_set_num_tickets(party->context, 0);
    SSL_CTX_set_verify(party->context,
                       ask ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                       NULL);
    SSL_CTX_set_cert_verify_callback(party->context, verify, NULL);
    SSL_CTX_set_cert_cb(party->context, present, NULL);
    SSL_CTX_set_msg_callback(party->context, see);
    SSL_CTX_set_max_cert_list(party->context, 1L << 20);
    return party->profile->carrier == IN_ENTRY ? seat_context(party) : 0;
}

int library_connection(struct connection *c)
{
    c->library = allocate(sizeof *c->library);
    c->own_alerts = true;
    current = c;
    ERR_clear_error();
    if (c->party->side == CLIENT && c->party->host[strspn(c->party->host, "0123456789.:")] &&
        SSL_set_tlsext_host_name(c->ssl, c->party->host) != 1)
        return -1;
    return c->party->profile->carrier == IN_ENTRY ? seat_connection(c) : 0;
}

void library_end(struct connection *c)
{
    struct library *l = c->library;
    if (!l)
        return;
    seat_end(c);
    blob_clear(&l->hellos);
    for (size_t i = 0; i < 3; i++) {
        if (l->secrets[i].size)
            OPENSSL_cleanse(l->secrets[i].data, l->secrets[i].size);
        blob_clear(&l->secrets[i]);
    }
    free(l);
    current = NULL;
}

bool library_is_extension_error(int reason)
{
    return reason == SSL_R_BAD_EXTENSION || reason == SSL_R_UNSOLICITED_EXTENSION;
}

bool library_is_end(unsigned long error)
{
    return ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

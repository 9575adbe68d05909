/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BoringSSL, as Debian has it of Android. It has no extensions of one's own, but a private key
 * method, and it sends whatever alert it is told to.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "hello.h"
#include "library.h"

const char *library_version(void)
{
    return "atls-boringssl (BoringSSL, Debian's android-libboringssl " BORINGSSL_PACKAGE ")";
}

const char *library_cannot(const struct party *party)
{
    return party->profile->carrier == IN_ENTRY
               ? "in any role: BoringSSL has no extensions of an application's own"
               : NULL;
}

static enum ssl_private_key_result_t sign(SSL *ssl, uint8_t *out, size_t *sizep, size_t most,
                                          uint16_t scheme, const uint8_t *in, size_t in_size)
{
    struct connection *c = connection_of(ssl);
    struct blob der = {NULL, 0, 0};
    uint8_t digest[HASH_MAX];
    size_t size;
    hash(key_hash(&c->party->leaf), BYTES(in, in_size), digest, &size);
    bool good = !c->why.reason && party_sign(c->party, BYTES(digest, size), &der, &c->why) == 0 &&
                der.size <= most;
    if (good) {
        memcpy(out, der.data, der.size);
        *sizep = der.size;
    }
    blob_clear(&der);
    return good ? ssl_private_key_success : ssl_private_key_failure;
}

static enum ssl_private_key_result_t decrypt(SSL *ssl, uint8_t *out, size_t *sizep, size_t most,
                                             const uint8_t *in, size_t in_size)
{
    return ssl_private_key_failure; /* of RSA in TLS 1.2 only */
}

static enum ssl_private_key_result_t complete(SSL *ssl, uint8_t *out, size_t *sizep, size_t most)
{
    return ssl_private_key_failure; /* nothing is ever under way */
}

int library_device_key(struct party *party)
{
    static const SSL_PRIVATE_KEY_METHOD method = {sign, decrypt, complete};
    uint16_t scheme =
        party->leaf.size == 32 ? SSL_SIGN_ECDSA_SECP256R1_SHA256 : SSL_SIGN_ECDSA_SECP384R1_SHA384;
    SSL_CTX_set_private_key_method(party->context, &method);
    return SSL_CTX_set_signing_algorithm_prefs(party->context, &scheme, 1) == 1 ? 0 : -1;
}

const EVP_MD *library_hash(const struct connection *c)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);
    int nid = cipher ? SSL_CIPHER_get_prf_nid(cipher) : NID_undef;
    return nid == NID_undef ? NULL : EVP_get_digestbynid(nid);
}

static void see(int sent, int version, int type, const void *data, size_t size, SSL *ssl, void *arg)
{
    struct connection *c = connection_of(ssl);
    const uint8_t *bytes = data;
    if (type == SSL3_RT_HANDSHAKE)
        hello_report(c, sent, BYTES(data, size));
    c->hrr = c->hrr || SSL_used_hello_retry_request(ssl);
    if (type == SSL3_RT_ALERT && size == 2 && bytes[1] != SSL_AD_CLOSE_NOTIFY) {
        c->alert = bytes[1];
        c->alert_received = !sent;
    }
}

static enum ssl_verify_result_t verify(SSL *ssl, uint8_t *alert)
{
    struct connection *c = connection_of(ssl);
    if (connection_judge(c, SSL_get_peer_full_cert_chain(ssl)) == 0)
        return ssl_verify_ok;
    *alert = (uint8_t)(c->why.alert >= 0 ? (unsigned)c->why.alert
                                         : party_alert(c->party, c->why.reason));
    return ssl_verify_invalid;
}

static int present(SSL *ssl, void *arg)
{
    connection_present(connection_of(ssl));
    return 1;
}

int library_context(struct party *party)
{
    bool later = party->profile->carrier == IN_AUTHENTICATOR && party->required;
    bool ask = party->side == CLIENT || (party->relying_party.count > 0 && !later);
    if (ask)
        SSL_CTX_set_custom_verify(party->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                                  verify);
    SSL_CTX_set_num_tickets(party->context, 0);
    SSL_CTX_set_cert_cb(party->context, present, NULL);
    SSL_CTX_set_msg_callback(party->context, see);
    SSL_CTX_set_max_cert_list(party->context, 1L << 20);
    return 0;
}

int library_connection(struct connection *c)
{
    ERR_clear_error();
    return c->party->side == CLIENT && c->party->host[strspn(c->party->host, "0123456789.:")] &&
                   SSL_set_tlsext_host_name(c->ssl, c->party->host) != 1
               ? -1
               : 0;
}

bool library_alert(struct connection *c, unsigned alert)
{
    return SSL_send_fatal_alert(c->ssl, (uint8_t)alert) == 1;
}

void library_secret(struct connection *c, const char *line)
{
}

void library_end(struct connection *c)
{
}

bool library_is_extension_error(int reason)
{
    return reason == SSL_R_UNEXPECTED_EXTENSION || reason == SSL_R_ERROR_PARSING_EXTENSION;
}

bool library_is_end(unsigned long error)
{
    return false; /* told by SSL_get_error() */
}

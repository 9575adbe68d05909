/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and trust anchors of a party, and what is done with them. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "library.h"
#include "profiles.h"

#define FILE_LIMIT (1u << 20)

static int say(const char *path, const char *what)
{
    fprintf(stderr, "%s: expected %s\n", path, what);
    return -1;
}

static STACK_OF(X509) * load_certificates(const char *path)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    FILE *file = fopen(path, "re");
    X509 *one;
    while (file && list && (one = PEM_read_X509(file, NULL, NULL, NULL)))
        sk_X509_push(list, one);
    if (file)
        fclose(file);
    ERR_clear_error(); /* the end of the file is an error of the reader */
    if (sk_X509_num(list) > 0)
        return list;
    sk_X509_pop_free(list, X509_free);
    return NULL;
}

/* A key that does not sign for the certificate is found out here, and so is a device that is gone.
 */
static int try_device(struct party *party, struct why *why)
{
    uint8_t digest[HASH_MAX];
    struct blob der = {NULL, 0, 0};
    struct device *device;
    size_t size = (size_t)EVP_MD_size(key_hash(&party->leaf));
    if (device_open(party->device, &device, why))
        return -1;
    int result = device_info(device, why);
    device_close(device);
    if (result || RAND_bytes(digest, (int)size) != 1 ||
        party_sign(party, BYTES(digest, size), &der, why))
        return -1;
    EVP_PKEY *pkey = key_pkey(&party->leaf);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    bool good = context && EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, key_hash(&party->leaf)) == 1 &&
                EVP_PKEY_verify(context, der.data, der.size, digest, size) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    blob_clear(&der);
    return good ? 0
                : refuse(why, "key-mismatch", NULL, "the device's key %u is not the certificate's",
                         (unsigned)party->handle);
}

static int load_key(struct party *party)
{
    struct why why = {.reason = NULL};
    if (strncmp(party->key, "device:", 7) != 0) {
        FILE *file = fopen(party->key, "re");
        party->pkey = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
        if (file)
            fclose(file);
        return party->pkey ? 0 : say(party->key, "a private key in PEM");
    }
    char *end;
    unsigned long handle = strtoul(party->key + 7, &end, 10);
    if (handle == 0 || handle > UINT32_MAX || *end)
        return say(party->key, "device:HANDLE");
    if (party->leaf.size == 0)
        return say(party->certificate, "a certificate for a key of P-256 or P-384");
    party->handle = (uint32_t)handle;
    if (try_device(party, &why)) {
        fprintf(stderr, "%s\n", why.detail);
        return -1;
    }
    return library_device_key(party);
}

static int load_credential(struct party *party)
{
    party->chain = load_certificates(party->certificate);
    if (!party->chain)
        return say(party->certificate, "certificates in PEM");
    (void)key_of_pkey(X509_get0_pubkey(sk_X509_value(party->chain, 0)), &party->leaf);
    if (load_key(party))
        return -1;
    bool good = SSL_CTX_use_certificate(party->context, sk_X509_value(party->chain, 0)) == 1;
    for (int i = 1; i < (int)sk_X509_num(party->chain); i++)
        good = good && SSL_CTX_add1_chain_cert(party->context, sk_X509_value(party->chain, i)) == 1;
    if (party->pkey)
        good = good && SSL_CTX_use_PrivateKey(party->context, party->pkey) == 1;
    return good ? 0 : say(party->certificate, "a chain for the key");
}

static int load_anchors(struct party *party)
{
    STACK_OF(X509) *list = load_certificates(party->ca);
    if (!list)
        return say(party->ca, "trust anchors in PEM");
    party->anchors = X509_STORE_new();
    for (int i = 0; i < (int)sk_X509_num(list); i++)
        X509_STORE_add_cert(party->anchors, sk_X509_value(list, i));
    sk_X509_pop_free(list, X509_free);
    return 0;
}

static int load_verifiers(struct party *party)
{
    for (size_t i = 0; i < party->trusted_count; i++) {
        struct trusted *trusted = &party->trusted[i];
        if (strncmp(trusted->source, "http://", 7) == 0 ||
            strncmp(trusted->source, "https://", 8) == 0)
            continue;
        trusted->jwk = json_load_file(trusted->source, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(trusted->jwk))
            return say(trusted->source, "a JWK");
    }
    return 0;
}

static int make_context(struct party *party)
{
    party->context = SSL_CTX_new(TLS_method());
    if (!party->context)
        return say("TLS", "a context");
    SSL_CTX_set_min_proto_version(party->context, TLS1_3_VERSION);
    /* Resumption would leave out the Certificate, and so the attestation: no tickets. */
    SSL_CTX_set_options(party->context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(party->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(party->context, connection_keylog);
    /* A client sends a share of the first group only; the peer has no first group of these two. */
    const char *groups = !party->hrr             ? "X25519:P-256:P-384"
                         : party->side == CLIENT ? "P-521:X25519:P-256:P-384"
                                                 : "P-384";
    if (SSL_CTX_set1_groups_list(party->context, groups) != 1)
        return say("TLS", "groups");
    return 0;
}

int party_start(struct party *party)
{
    if (party->keylog && !(party->keylog_file = fopen(party->keylog, "ae")))
        return say(party->keylog, "a file to append to");
    if (make_context(party) || (party->ca && load_anchors(party)) || load_verifiers(party) ||
        (party->certificate && load_credential(party)))
        return -1;
    return library_context(party);
}

void party_stop(struct party *party)
{
    for (size_t i = 0; i < party->trusted_count; i++) {
        free(party->trusted[i].id);
        json_decref(party->trusted[i].jwk);
    }
    SSL_CTX_free(party->context);
    X509_STORE_free(party->anchors);
    sk_X509_pop_free(party->chain, X509_free);
    EVP_PKEY_free(party->pkey);
    if (party->keylog_file)
        fclose(party->keylog_file);
    blob_clear(&party->foreign);
    free((char *)(uintptr_t)party->host);
}

static int sign_in_device(const struct party *party, struct bytes digest, struct blob *der,
                          struct why *why)
{
    struct device *device;
    struct blob rs = {NULL, 0, 0};
    if (device_open(party->device, &device, why))
        return -1;
    int result = device_sign(device, party->handle, digest, &rs, why);
    if (result == 0 && ecdsa_der(BLOB_BYTES(rs), der))
        result = refuse(why, "device-unavailable", NULL, "the signature of the device is none");
    blob_clear(&rs);
    device_close(device);
    return result;
}

int party_sign(const struct party *party, struct bytes digest, struct blob *der, struct why *why)
{
    if (party->handle)
        return sign_in_device(party, digest, der, why);
    uint8_t signature[512];
    size_t size = sizeof signature;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(party->pkey, NULL);
    bool good = context && EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, key_hash(&party->leaf)) == 1 &&
                EVP_PKEY_sign(context, signature, &size, digest.data, digest.size) == 1;
    EVP_PKEY_CTX_free(context);
    if (!good)
        return refuse(why, "internal", NULL, "the key does not sign");
    put(der, BYTES(signature, size));
    return 0;
}

/* Of a server the name is checked, too; of both the purpose. */
static void expect(const struct party *party, X509_STORE_CTX *context)
{
    struct in6_addr ip;
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    bool of_server = party->side == CLIENT;
    X509_VERIFY_PARAM_set_purpose(rules,
                                  of_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
    if (of_server &&
        (inet_pton(AF_INET, party->host, &ip) == 1 || inet_pton(AF_INET6, party->host, &ip) == 1))
        X509_VERIFY_PARAM_set1_ip_asc(rules, party->host);
    else if (of_server)
        X509_VERIFY_PARAM_set1_host(rules, party->host, strlen(party->host));
}

int party_verify_chain(const struct party *party, STACK_OF(X509) * chain, struct why *why)
{
    if (!party->anchors)
        return refuse_alert(why, "certificate-untrusted", SSL_AD_UNKNOWN_CA, NULL,
                            "X.509 came, and no trust anchors were given");
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!context || !X509_STORE_CTX_init(context, party->anchors, sk_X509_value(chain, 0), chain)) {
        X509_STORE_CTX_free(context);
        return refuse(why, "internal", NULL, "no context to verify a chain in");
    }
    expect(party, context);
    bool good = X509_verify_cert(context) == 1;
    int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    if (good)
        return 0;
    bool unknown = error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                   error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
                   error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                   error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
                   error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
    return refuse_alert(why, "certificate-untrusted",
                        unknown ? SSL_AD_UNKNOWN_CA : SSL_AD_BAD_CERTIFICATE,
                        "RFC 8446 section 4.4.2.4", "%s", X509_verify_cert_error_string(error));
}

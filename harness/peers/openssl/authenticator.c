/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9261 sections 4 to 6, over the library's exporter. */
#include "authenticator.h"

#include <string.h>

#include <openssl/hmac.h>
#include <openssl/rsa.h>

#define MESSAGE "RFC 9261 section 5.2"
#define REQUEST "RFC 9261 section 4"
#define CERTIFICATE_LIST_MAX 0xffffff
#define SIGNATURE_ALGORITHMS 13
#define EXTENSIONS_MOST 64

enum { ECDSA_P256 = 0x0403, ECDSA_P384 = 0x0503, RSA_PSS_SHA256 = 0x0804, ED25519 = 0x0807 };
static const uint16_t schemes[] = {ECDSA_P256, ECDSA_P384, RSA_PSS_SHA256, ED25519};

int ea_export(SSL *ssl, const EVP_MD *md, struct ea_keys *keysp)
{
    static const char *const labels[2][2] = {{"EXPORTER-client authenticator handshake context",
                                              "EXPORTER-client authenticator finished key"},
                                             {"EXPORTER-server authenticator handshake context",
                                              "EXPORTER-server authenticator finished key"}};
    struct ea_keys keys = {.md = md, .size = (size_t)EVP_MD_size(md)};
    for (int side = 0; side < 2; side++)
        if (SSL_export_keying_material(ssl, keys.side[side].context, keys.size, labels[side][0],
                                       strlen(labels[side][0]), NULL, 0, 0) != 1 ||
            SSL_export_keying_material(ssl, keys.side[side].finished, keys.size, labels[side][1],
                                       strlen(labels[side][1]), NULL, 0, 0) != 1)
            return -1;
    *keysp = keys;
    return 0;
}

static uint8_t request_type(enum side side)
{
    return side == CLIENT ? EA_CLIENT_CERTIFICATE_REQUEST : EA_CERTIFICATE_REQUEST;
}

static void put_message(struct blob *out, uint8_t type, struct bytes body)
{
    put_number(out, 1, type);
    put_vector(out, 3, body);
}

void ea_request_write(enum side side, struct bytes context, uint16_t cmw, struct blob *out)
{
    struct blob list = {NULL, 0, 0}, vector = {NULL, 0, 0}, extensions = {NULL, 0, 0},
                body = {NULL, 0, 0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        put_number(&list, 2, schemes[i]);
    put_vector(&vector, 2, BLOB_BYTES(list));
    put_number(&extensions, 2, SIGNATURE_ALGORITHMS);
    put_vector(&extensions, 2, BLOB_BYTES(vector));
    put_number(&extensions, 2, cmw);
    put_vector(&extensions, 2, BYTES("", 0));
    put_vector(&body, 1, context);
    put_vector(&body, 2, BLOB_BYTES(extensions));
    put_message(out, request_type(side), BLOB_BYTES(body));
    blob_clear(&list);
    blob_clear(&vector);
    blob_clear(&extensions);
    blob_clear(&body);
}

/* One message; *WHOLEP has its header, too. */
static int take_message(struct cursor *c, const char *what, uint8_t type, struct bytes *bodyp,
                        struct bytes *wholep)
{
    const uint8_t *start = c->left.data;
    uint64_t came;
    if (take_number(c, what, 1, &came))
        return -1;
    if (came != type)
        return refuse(c->why, c->reason, c->clause, "%s: expected a message of type %u, came %u",
                      what, type, (unsigned)came);
    if (take_vector(c, what, 3, 0, AUTHENTICATOR_MAX, bodyp))
        return -1;
    *wholep = BYTES(start, (size_t)(c->left.data - start));
    return 0;
}

/* The next extension; the list in SEEN keeps them from coming twice. */
static int take_extension(struct cursor *c, uint16_t *seen, size_t *count, uint16_t *typep,
                          struct bytes *datap)
{
    uint64_t type;
    if (take_number(c, "extension_type", 2, &type) ||
        take_vector(c, "extension_data", 2, 0, UINT16_MAX, datap))
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (seen[i] == type)
            return refuse_alert(c->why, c->reason, SSL_AD_ILLEGAL_PARAMETER, "RFC 8446 section 4.2",
                                "extension %u comes twice", (unsigned)type);
    if (*count == EXTENSIONS_MOST)
        return refuse(c->why, c->reason, c->clause, "more extensions than are read");
    seen[(*count)++] = (uint16_t)type;
    *typep = (uint16_t)type;
    return 0;
}

static int read_schemes(struct bytes data, struct ea_request *request, struct why *why)
{
    struct cursor c = {data, "malformed-authenticator", "RFC 8446 section 4.2.3", why};
    if (take_vector(&c, "signature_algorithms", 2, 2, 65534, &request->schemes) ||
        take_end(&c, "signature_algorithms"))
        return -1;
    return request->schemes.size % 2
               ? refuse(why, c.reason, c.clause, "signature_algorithms: an odd number of bytes")
               : 0;
}

int ea_request_read(enum side side, struct bytes in, uint16_t cmw, struct ea_request *requestp,
                    struct why *why)
{
    struct cursor c = {in, "malformed-authenticator", REQUEST, why};
    struct ea_request request = {.has_cmw = false};
    struct bytes body, whole, block, data;
    uint16_t seen[EXTENSIONS_MOST], type;
    size_t count = 0;
    if (take_message(&c, "authenticator request", request_type(side), &body, &whole) ||
        take_end(&c, "authenticator request"))
        return -1;
    c.left = body;
    if (take_vector(&c, "certificate_request_context", 1, 0, 255, &request.context) ||
        take_vector(&c, "extensions", 2, 0, UINT16_MAX, &block) ||
        take_end(&c, "authenticator request"))
        return -1;
    c.left = block;
    while (c.left.size > 0) {
        if (take_extension(&c, seen, &count, &type, &data))
            return -1;
        if (type == SIGNATURE_ALGORITHMS && read_schemes(data, &request, why))
            return -1;
        if (type == cmw) {
            request.has_cmw = true;
            request.cmw = data;
        }
    }
    if (request.schemes.size == 0)
        return refuse_alert(why, c.reason, SSL_AD_MISSING_EXTENSION, "RFC 9261 section 7.1",
                            "the request has no signature_algorithms");
    *requestp = request;
    return 0;
}

bool ea_request_has_scheme(const struct ea_request *request, uint16_t scheme)
{
    for (size_t i = 0; i + 1 < request->schemes.size; i += 2)
        if ((request->schemes.data[i] << 8 | request->schemes.data[i + 1]) == scheme)
            return true;
    return false;
}

static int read_entry(struct cursor *c, uint16_t cmw, struct ea_entry *entryp)
{
    struct ea_entry entry = {.other = false};
    struct bytes block, data;
    uint16_t seen[EXTENSIONS_MOST], type;
    size_t count = 0;
    if (take_vector(c, "cert_data", 3, 1, CERTIFICATE_LIST_MAX, &entry.certificate) ||
        take_vector(c, "extensions of a CertificateEntry", 2, 0, UINT16_MAX, &block))
        return -1;
    struct cursor in = {block, c->reason, c->clause, c->why};
    while (in.left.size > 0) {
        if (take_extension(&in, seen, &count, &type, &data))
            return -1;
        if (type == cmw)
            entry.cmw = data;
        else
            entry.other = true;
    }
    *entryp = entry;
    return 0;
}

static int read_certificate(struct bytes body, uint16_t cmw, struct ea_authenticator *ea,
                            struct why *why)
{
    struct cursor c = {body, "malformed-authenticator", "RFC 8446 section 4.4.2", why};
    struct bytes list;
    if (take_vector(&c, "certificate_request_context", 1, 0, 255, &ea->context) ||
        take_vector(&c, "certificate_list", 3, 0, CERTIFICATE_LIST_MAX, &list) ||
        take_end(&c, "Certificate"))
        return -1;
    c.left = list;
    while (c.left.size > 0) {
        if (ea->count == ENTRIES_MAX)
            return refuse(why, c.reason, c.clause, "more certificates than are read");
        if (read_entry(&c, cmw, &ea->entries[ea->count]))
            return -1;
        ea->count++;
    }
    return ea->count > 0 ? 0
                         : refuse(why, c.reason, "RFC 9261 section 6",
                                  "Certificate: no entry; a refusal is a Finished alone");
}

int ea_read(struct bytes in, uint16_t cmw, struct ea_authenticator *eap, struct why *why)
{
    struct cursor c = {in, "malformed-authenticator", MESSAGE, why};
    struct ea_authenticator ea = {.empty = in.size > 0 && in.data[0] == EA_FINISHED};
    struct bytes certificate, verify, whole;
    uint64_t scheme;
    if (!ea.empty &&
        (take_message(&c, "Certificate", EA_CERTIFICATE, &certificate, &ea.certificate) ||
         take_message(&c, "CertificateVerify", EA_CERTIFICATE_VERIFY, &verify,
                      &ea.certificate_verify)))
        return -1;
    if (take_message(&c, "Finished", EA_FINISHED, &ea.verify_data, &whole) ||
        take_end(&c, "authenticator"))
        return -1;
    if (ea.empty) {
        *eap = ea;
        return 0;
    }
    c.left = verify;
    if (read_certificate(certificate, cmw, &ea, why) || take_number(&c, "algorithm", 2, &scheme) ||
        take_vector(&c, "signature", 2, 0, UINT16_MAX, &ea.signature) ||
        take_end(&c, "CertificateVerify"))
        return -1;
    ea.scheme = (uint16_t)scheme;
    *eap = ea;
    return 0;
}

/* Hash(Handshake Context || request || messages) */
static void transcript(const struct ea_keys *keys, enum side side, struct bytes request,
                       struct bytes messages, uint8_t *digestp)
{
    struct blob all = {NULL, 0, 0};
    size_t size;
    put(&all, BYTES(keys->side[side].context, keys->size));
    put(&all, request);
    put(&all, messages);
    hash(keys->md, BLOB_BYTES(all), digestp, &size);
    blob_clear(&all);
}

static void finished(const struct ea_keys *keys, enum side side, struct bytes request,
                     struct bytes messages, uint8_t *macp)
{
    uint8_t digest[HASH_MAX];
    unsigned size = 0;
    transcript(keys, side, request, messages, digest);
    if (!HMAC(keys->md, keys->side[side].finished, (int)keys->size, digest, keys->size, macp,
              &size))
        memset(macp, 0, keys->size);
}

static void to_sign(const struct ea_keys *keys, enum side side, struct bytes request,
                    struct bytes certificate, struct blob *out)
{
    static const char label[] = "Exported Authenticator"; /* with its zero byte */
    uint8_t digest[HASH_MAX];
    for (unsigned i = 0; i < 64; i++)
        put_number(out, 1, 0x20);
    put(out, BYTES(label, sizeof label));
    transcript(keys, side, request, certificate, digest);
    put(out, BYTES(digest, keys->size));
}

static const EVP_MD *scheme_md(uint16_t scheme)
{
    return scheme == ED25519 ? NULL : scheme == ECDSA_P384 ? EVP_sha384() : EVP_sha256();
}

static uint16_t scheme_of(const EVP_PKEY *pkey)
{
    struct public_key key;
    int type = EVP_PKEY_id(pkey);
    if (type == EVP_PKEY_ED25519)
        return ED25519;
    if (type == EVP_PKEY_RSA)
        return RSA_PSS_SHA256;
    return type != EVP_PKEY_EC || key_of_pkey(pkey, &key) ? 0
           : key.size == 32                               ? ECDSA_P256
                                                          : ECDSA_P384;
}

uint16_t ea_scheme(const struct party *party)
{
    return party->chain ? scheme_of(X509_get0_pubkey(sk_X509_value(party->chain, 0))) : 0;
}

/* RFC 8446 section 4.2.3: RSASSA-PSS with a salt as long as the digest. */
static bool set_padding(EVP_PKEY_CTX *context, uint16_t scheme)
{
    return scheme != RSA_PSS_SHA256 ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, -1) == 1);
}

static bool verify_signature(EVP_PKEY *pkey, uint16_t scheme, struct bytes content,
                             struct bytes signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    bool good =
        context && scheme_of(pkey) == scheme &&
        EVP_DigestVerifyInit(context, &key, scheme_md(scheme), NULL, pkey) == 1 &&
        set_padding(key, scheme) &&
        EVP_DigestVerify(context, signature.data, signature.size, content.data, content.size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

/* The Certificate that an empty authenticator stands for. */
static void empty_certificate(struct bytes context, struct blob *out)
{
    struct blob body = {NULL, 0, 0};
    put_vector(&body, 1, context);
    put_vector(&body, 3, BYTES("", 0));
    put_message(out, EA_CERTIFICATE, BLOB_BYTES(body));
    blob_clear(&body);
}

static int check_signature(const struct ea_keys *keys, enum side side, struct bytes request,
                           const struct ea_authenticator *ea, EVP_PKEY *leaf, struct why *why)
{
    struct blob content = {NULL, 0, 0};
    bool known = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        known = known || schemes[i] == ea->scheme;
    if (!known)
        return refuse_alert(why, "malformed-authenticator", SSL_AD_ILLEGAL_PARAMETER,
                            "RFC 9261 section 5.2.2", "a scheme that was not asked for: 0x%04x",
                            ea->scheme);
    to_sign(keys, side, request, ea->certificate, &content);
    bool good = leaf && verify_signature(leaf, ea->scheme, BLOB_BYTES(content), ea->signature);
    blob_clear(&content);
    return good ? 0
                : refuse_alert(why, "key-mismatch", SSL_AD_DECRYPT_ERROR, "RFC 9261 section 5.2.2",
                               "CertificateVerify does not verify with the leaf's key");
}

int ea_verify(const struct ea_keys *keys, enum side side, struct bytes request,
              struct bytes context, const struct ea_authenticator *ea, EVP_PKEY *leaf,
              struct why *why)
{
    struct blob messages = {NULL, 0, 0};
    uint8_t mac[HASH_MAX];
    if (ea->empty) {
        empty_certificate(context, &messages);
    } else {
        if (check_signature(keys, side, request, ea, leaf, why))
            return -1;
        put(&messages, ea->certificate);
        put(&messages, ea->certificate_verify);
    }
    finished(keys, side, request, BLOB_BYTES(messages), mac);
    blob_clear(&messages);
    if (ea->verify_data.size != keys->size)
        return refuse(why, "malformed-authenticator", "RFC 9261 section 5.2.3",
                      "Finished: expected %zu bytes, came %zu", keys->size, ea->verify_data.size);
    return bytes_equal(ea->verify_data, BYTES(mac, keys->size))
               ? 0
               : refuse(why, "authenticator-finished", "RFC 9261 section 5.2.3",
                        "Finished is not of this connection, this request and these messages");
}

static void put_certificate(const struct party *party, struct bytes context, uint16_t cmw,
                            struct bytes payload, struct blob *out)
{
    struct blob list = {NULL, 0, 0}, body = {NULL, 0, 0};
    for (int i = 0; i < (int)sk_X509_num(party->chain); i++) {
        struct blob extensions = {NULL, 0, 0};
        uint8_t *der = NULL;
        int size = i2d_X509(sk_X509_value(party->chain, i), &der);
        put_vector(&list, 3, BYTES(der, size > 0 ? (size_t)size : 0));
        if (i == 0 && payload.size > 0) {
            put_number(&extensions, 2, cmw);
            put_vector(&extensions, 2, payload);
        }
        put_vector(&list, 2, BLOB_BYTES(extensions));
        blob_clear(&extensions);
        OPENSSL_free(der);
    }
    put_vector(&body, 1, context);
    put_vector(&body, 3, BLOB_BYTES(list));
    put_message(out, EA_CERTIFICATE, BLOB_BYTES(body));
    blob_clear(&list);
    blob_clear(&body);
}

/* Where a device signs, it gets the digest; a key of a file signs here. */
static int sign(const struct party *party, struct bytes content, struct blob *signature,
                struct why *why)
{
    uint16_t scheme = ea_scheme(party);
    if (party->handle) {
        uint8_t digest[HASH_MAX];
        size_t size;
        hash(key_hash(&party->leaf), content, digest, &size);
        return party_sign(party, BYTES(digest, size), signature, why);
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    uint8_t made[1024];
    size_t size = sizeof made;
    bool good = context &&
                EVP_DigestSignInit(context, &key, scheme_md(scheme), NULL, party->pkey) == 1 &&
                set_padding(key, scheme) &&
                EVP_DigestSign(context, made, &size, content.data, content.size) == 1;
    EVP_MD_CTX_free(context);
    if (!good)
        return refuse(why, "internal", NULL, "the key does not sign");
    put(signature, BYTES(made, size));
    return 0;
}

int ea_write(const struct ea_keys *keys, const struct party *party, struct bytes request,
             struct bytes context, bool chain, uint16_t cmw, struct bytes payload, struct blob *out,
             struct why *why)
{
    struct blob messages = {NULL, 0, 0}, content = {NULL, 0, 0}, signature = {NULL, 0, 0},
                body = {NULL, 0, 0};
    uint8_t mac[HASH_MAX];
    int result = 0;
    if (chain) {
        put_certificate(party, context, cmw, payload, &messages);
        to_sign(keys, party->side, request, BLOB_BYTES(messages), &content);
        result = sign(party, BLOB_BYTES(content), &signature, why);
        put_number(&body, 2, ea_scheme(party));
        put_vector(&body, 2, BLOB_BYTES(signature));
        put_message(&messages, EA_CERTIFICATE_VERIFY, BLOB_BYTES(body));
        put(out, BLOB_BYTES(messages));
    } else {
        empty_certificate(context, &messages);
    }
    finished(keys, party->side, request, BLOB_BYTES(messages), mac);
    put_message(out, EA_FINISHED, BYTES(mac, keys->size));
    blob_clear(&messages);
    blob_clear(&content);
    blob_clear(&signature);
    blob_clear(&body);
    return result;
}

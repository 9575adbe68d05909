/* SPDX-License-Identifier: Apache-2.0 */
/* Keys by their SubjectPublicKeyInfo, which RFC 5480 makes the same bytes for the same key. */
#include "keys.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/x509.h>

static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
static const uint8_t p384_head[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};

bool key_equal(const struct public_key *a, const struct public_key *b)
{
    return a->size > 0 && bytes_equal(KEY_SPKI(a), KEY_SPKI(b));
}

EVP_PKEY *key_pkey(const struct public_key *key)
{
    const uint8_t *at = key->spki;
    return d2i_PUBKEY(NULL, &at, (long)key->spki_size);
}

int key_of_spki(struct bytes spki, struct public_key *keyp)
{
    static const struct {
        struct bytes head;
        unsigned size;
    } curves[] = {{{p256_head, sizeof p256_head}, 32}, {{p384_head, sizeof p384_head}, 48}};
    for (size_t i = 0; i < 2; i++) {
        struct bytes head = curves[i].head;
        if (spki.size != head.size + 2 * (size_t)curves[i].size ||
            !bytes_equal(BYTES(spki.data, head.size), head))
            continue;
        struct public_key key = {.size = curves[i].size, .spki_size = spki.size};
        memcpy(key.spki, spki.data, spki.size);
        EVP_PKEY *pkey = key_pkey(&key); /* checks the point */
        if (!pkey)
            return -1;
        EVP_PKEY_free(pkey);
        *keyp = key;
        return 0;
    }
    return -1;
}

int key_of_point(unsigned size, struct bytes x, struct bytes y, struct public_key *keyp)
{
    struct blob spki = {NULL, 0, 0};
    if ((size != 32 && size != 48) || x.size != size || y.size != size)
        return -1;
    put(&spki,
        size == 32 ? BYTES(p256_head, sizeof p256_head) : BYTES(p384_head, sizeof p384_head));
    put(&spki, x);
    put(&spki, y);
    int result = key_of_spki(BLOB_BYTES(spki), keyp);
    blob_clear(&spki);
    return result;
}

int key_of_pkey(const EVP_PKEY *pkey, struct public_key *keyp)
{
    uint8_t *der = NULL;
    int size = pkey ? i2d_PUBKEY((EVP_PKEY *)(uintptr_t)pkey, &der) : -1;
    int result = size > 0 ? key_of_spki(BYTES(der, (size_t)size), keyp) : -1;
    OPENSSL_free(der);
    return result;
}

const EVP_MD *key_hash(const struct public_key *key)
{
    return key->size == 48 ? EVP_sha384() : EVP_sha256();
}

int ecdsa_der(struct bytes rs, struct blob *der)
{
    size_t half = rs.size / 2;
    uint8_t *out = NULL;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs.data, (int)half, NULL),
           *s = BN_bin2bn(rs.data + half, (int)half, NULL);
    int size = -1;
    if (signature && r && s && ECDSA_SIG_set0(signature, r, s)) {
        r = s = NULL;
        size = i2d_ECDSA_SIG(signature, &out);
    }
    if (size > 0)
        put(der, BYTES(out, (size_t)size));
    OPENSSL_free(out);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return size > 0 ? 0 : -1;
}

int key_verify(const struct public_key *key, struct bytes content, struct bytes signature)
{
    struct blob der = {NULL, 0, 0};
    EVP_PKEY *pkey = key_pkey(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = pkey && context && signature.size == 2 * (size_t)key->size &&
                ecdsa_der(signature, &der) == 0 &&
                EVP_DigestVerifyInit(context, NULL, key_hash(key), NULL, pkey) == 1 &&
                EVP_DigestVerify(context, der.data, der.size, content.data, content.size) == 1;
    blob_clear(&der);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return good ? 0 : -1;
}

void hash(const EVP_MD *md, struct bytes data, uint8_t *digestp, size_t *sizep)
{
    unsigned size = 0;
    static const uint8_t nothing[1];
    if (EVP_Digest(data.size ? data.data : nothing, data.size, digestp, &size, md, NULL) != 1)
        size = 0; /* no memory: a digest of no bytes is equal to none */
    *sizep = size;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto adapter over OpenSSL's libcrypto (3.0 and later). The nonce of RFC 6979 is computed
 * here: version 3.0 has none, and versions since 3.2 only where a key goes the long way. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto.h"
#include "rats/crypto/ecdsa-openssl.h"

static int hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    union {
        SHA256_CTX small;
        SHA512_CTX large;
    } context;
    bool done;

    if (alg == ATLS_SHA256) {
        done = SHA256_Init(&context.small) == 1;
        for (size_t i = 0; i < count && done; i++)
            done = SHA256_Update(&context.small, parts[i].data, parts[i].size) == 1;
        done = done && SHA256_Final(digestp, &context.small) == 1;
    } else {
        done = (alg == ATLS_SHA384 ? SHA384_Init : SHA512_Init)(&context.large) == 1;
        for (size_t i = 0; i < count && done; i++)
            done = SHA512_Update(&context.large, parts[i].data, parts[i].size) == 1;
        done = done && SHA512_Final(digestp, &context.large) == 1; /* of the size that began it */
    }
    return done ? 0 : atls_openssl_fail("hash");
}

static int hmac_with(const EVP_MD *md, struct atls_bytes key, const struct atls_bytes *parts,
                     size_t count, uint8_t *macp)
{
    static const uint8_t empty[1];
    HMAC_CTX *context = HMAC_CTX_new();
    bool done = context && HMAC_Init_ex(context, key.size > 0 ? key.data : empty, (int)key.size, md,
                                        NULL) == 1;

    for (size_t i = 0; i < count && done; i++)
        done = HMAC_Update(context, parts[i].data, parts[i].size) == 1;
    done = done && HMAC_Final(context, macp, NULL) == 1;
    HMAC_CTX_free(context);
    return done ? 0 : atls_openssl_fail("HMAC");
}

static int hmac(struct atls_bytes key, const struct atls_bytes *parts, size_t count, uint8_t *macp)
{
    return hmac_with(EVP_sha256(), key, parts, count, macp);
}

static int random_bytes(uint8_t *bytesp, size_t count)
{
    return count == 0 || RAND_priv_bytes(bytesp, (int)count) == 1
               ? 0
               : atls_openssl_fail("random bytes");
}

static int make_key(enum atls_curve curve, const uint8_t *seed, struct atls_private_key *keyp)
{
    return atls_key_make(&atls_crypto_openssl, curve, seed, atls_openssl_complete, keyp);
}

/* The generator of RFC 6979 section 3.2. The hash has the size of the order on both curves, so the
 * conversions between bits and integers are those of whole bytes (sections 2.3.2 to 2.3.4). */
struct nonces {
    const EVP_MD *md;
    size_t size;
    uint8_t k[ATLS_COORDINATE_MAX], v[ATLS_COORDINATE_MAX];
};

/* K = HMAC_K(V || separator || more), V = HMAC_K(V): steps d, e and f, g */
static int stir(struct nonces *n, uint8_t separator, const uint8_t *d, const uint8_t *digest)
{
    const struct atls_bytes parts[] = {ATLS_BYTES(n->v, n->size), ATLS_BYTES(&separator, 1),
                                       ATLS_BYTES(d, n->size), ATLS_BYTES(digest, n->size)};
    int result = hmac_with(n->md, ATLS_BYTES(n->k, n->size), parts, d ? 4 : 2, n->k);

    return result ? result : hmac_with(n->md, ATLS_BYTES(n->k, n->size), parts, 1, n->v);
}

/* bits2octets of section 2.3.4: the digest modulo the order, which is more than half of what a
 * digest can be, so that one subtraction at most does it. The digest is not secret. */
static void reduce(enum atls_curve curve, const uint8_t *digest, uint8_t *reducedp)
{
    const uint8_t *order = atls_curve_order(curve);
    size_t size = atls_curve_size(curve);
    unsigned borrow = 0;

    memcpy(reducedp, digest, size);
    if (memcmp(digest, order, size) < 0)
        return;
    for (size_t i = size; i-- > 0;) {
        unsigned difference = (unsigned)digest[i] - order[i] - borrow;

        reducedp[i] = (uint8_t)difference;
        borrow = difference >> 8 & 1;
    }
}

static int start_nonces(struct nonces *n, const struct atls_private_key *key, const uint8_t *digest)
{
    enum atls_curve curve = key->public_key.curve;
    uint8_t reduced[ATLS_COORDINATE_MAX];

    *n = (struct nonces){.md = curve == ATLS_P384 ? EVP_sha384() : EVP_sha256(),
                         .size = atls_curve_size(curve)};
    memset(n->v, 1, n->size);
    reduce(curve, digest, reduced);
    int result = stir(n, 0, key->d, reduced);
    return result ? result : stir(n, 1, key->d, reduced);
}

static int sign(const struct atls_private_key *key, struct atls_bytes digest, uint8_t *signaturep)
{
    enum atls_curve curve = key->public_key.curve;
    struct nonces n;
    int result = atls_digest_check(curve, digest);

    if (result)
        return result;
    if (!atls_scalar_in_range(curve, key->d))
        return atls_fail(-EIO, NULL, "ECDSA key: the private key is not in its range");
    result = start_nonces(&n, key, digest.data);
    for (bool found = false; result == 0 && !found;) { /* step h */
        const struct atls_bytes v[] = {ATLS_BYTES(n.v, n.size)};

        result = hmac_with(n.md, ATLS_BYTES(n.k, n.size), v, 1, n.v);
        if (result)
            break;
        if (atls_scalar_in_range(curve, n.v)) {
            result = atls_openssl_sign(curve, key->d, digest, n.v, signaturep);
            found = result != ATLS_E_LIMIT;
        }
        if (!found)
            result = stir(&n, 0, NULL, NULL);
    }
    explicit_bzero(&n, sizeof n);
    return result;
}

static int verify(const struct atls_public_key *key, struct atls_bytes digest,
                  struct atls_bytes signature)
{
    int result = atls_digest_check(key->curve, digest);

    if (result)
        return result;
    if (signature.size == 2 * atls_curve_size(key->curve))
        return atls_openssl_verify(key, digest, signature.data); /* checks the point */
    result = atls_openssl_check_point(key);
    return result ? result : atls_signature_check(key->curve, signature);
}

const struct atls_crypto atls_crypto_openssl = {
    .name = "OpenSSL",
    .hash = hash,
    .hmac = hmac,
    .random = random_bytes,
    .make_key = make_key,
    .sign = sign,
    .check_point = atls_openssl_check_point,
    .verify = verify,
};

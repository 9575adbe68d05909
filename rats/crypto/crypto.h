/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crypto adapter: the few primitives that the message formats and the device need, as a table
 * of functions, so that host (GnuTLS or OpenSSL) and firmware (BearSSL) bring their own, and a test
 * a fake. Each adapter signs, refuses and fails alike: the same bytes, the same errors.
 */
#ifndef ATLS_RATS_CRYPTO_CRYPTO_H
#define ATLS_RATS_CRYPTO_CRYPTO_H

#include "rats/base/bytes.h"

enum atls_curve { ATLS_P256 = 1, ATLS_P384 = 2 }; /* values of COSE_Key crv (RFC 9053 7.1) */
enum atls_hash { ATLS_SHA256, ATLS_SHA384, ATLS_SHA512 };
#define ATLS_COSE_ES256 (-7)
#define ATLS_COSE_ES384 (-35)
#define ATLS_COORDINATE_MAX 48
#define ATLS_SIGNATURE_MAX 96
#define ATLS_HASH_MAX 64
#define ATLS_SPKI_MAX 120

size_t atls_curve_size(enum atls_curve curve); /* bytes of a coordinate: 32 or 48 */
size_t atls_hash_size(enum atls_hash hash);
const char *atls_hash_name(enum atls_hash hash);       /* "SHA-256" */
enum atls_hash atls_curve_hash(enum atls_curve curve); /* ES256: SHA-256, ES384: SHA-384 */
int atls_curve_cose_alg(enum atls_curve curve);

struct atls_public_key {
    enum atls_curve curve;
    uint8_t x[ATLS_COORDINATE_MAX],
        y[ATLS_COORDINATE_MAX]; /* big-endian, atls_curve_size() bytes */
};
struct atls_private_key { /* stays in the device's and the verifier's process */
    struct atls_public_key public_key;
    uint8_t d[ATLS_COORDINATE_MAX];
};
bool atls_public_key_equal(const struct atls_public_key *a, const struct atls_public_key *b);

struct atls_crypto {
    const char *name;
    /* Hash of PARTS one behind the other; writes atls_hash_size() bytes. */
    int (*hash)(enum atls_hash alg, const struct atls_bytes *parts, size_t count, uint8_t *digestp);
    /* HMAC-SHA-256; 32 bytes. */
    int (*hmac)(struct atls_bytes key, const struct atls_bytes *parts, size_t count, uint8_t *macp);
    int (*random)(uint8_t *bytesp, size_t count);
    /* Key pair from the platform's randomness (SEED NULL), or derived from 32 bytes of seed. The
     * derivation is the adapter-independent one of atls_key_candidate(). */
    int (*make_key)(enum atls_curve curve, const uint8_t *seed, struct atls_private_key *keyp);
    /* ECDSA over a digest with the deterministic nonce of RFC 6979 (hash of the curve): r || s. Of
     * GnuTLS and BearSSL the library computes it, of OpenSSL the adapter. */
    int (*sign)(const struct atls_private_key *key, struct atls_bytes digest, uint8_t *signaturep);
    /* 0, or ATLS_E_MALFORMED: the coordinates are no point of the key's curve. (That of infinity
     * has none, so it is not met here; the cofactor is 1, so every point is of the right order.) */
    int (*check_point)(const struct atls_public_key *key);
    /* 0, ATLS_E_SIGNATURE, or what check_point() says. */
    int (*verify)(const struct atls_public_key *key, struct atls_bytes digest,
                  struct atls_bytes signature);
};

extern const struct atls_crypto atls_crypto_gnutls;  /* crypto-gnutls.c; host only */
extern const struct atls_crypto atls_crypto_openssl; /* crypto-openssl.c; host, -Dcrypto=openssl */
/* The one that the programs of the host were built with (meson's option crypto). */
#ifdef ATLS_CRYPTO_OPENSSL
#define atls_crypto_hosted atls_crypto_openssl
#else
#define atls_crypto_hosted atls_crypto_gnutls
#endif
/* The Ecdsa-Sig-Value DER (RFC 3279 section 2.2.3) as r || s of CURVE, for who wants to say that it
 * came in place of that. ATLS_E_MALFORMED: it is none, or its numbers are too large. Host only. */
int atls_signature_of_der(enum atls_curve curve, struct atls_bytes der,
                          uint8_t signaturep[ATLS_SIGNATURE_MAX]);

/* Candidate number N of a private scalar: HMAC-SHA-256(seed, "atls key" || curve || n || block)
 * blocks to the coordinate's size; the first candidate in [1, order-1] is the key. CURVE is one
 * byte (the enum's value), N four bytes big-endian, BLOCK one byte counted from 0. */
int atls_key_candidate(const struct atls_crypto *crypto, enum atls_curve curve,
                       const uint8_t seed[32], uint32_t n, uint8_t *scalarp);

/* For adapters. make_key() by candidates of SEED, or of CRYPTO's randomness where SEED is NULL:
 * COMPLETE sets the public point of the scalar in KEY, or says ATLS_E_LIMIT where that is out of
 * range and another one is to be tried. What else CRYPTO and COMPLETE say; -EIO. */
int atls_key_make(const struct atls_crypto *crypto, enum atls_curve curve, const uint8_t *seed,
                  int (*complete)(struct atls_private_key *key), struct atls_private_key *keyp);
/* Is DIGEST of the size of the curve's hash? -EINVAL. */
int atls_digest_check(enum atls_curve curve, struct atls_bytes digest);
/* Has SIGNATURE the size of r || s? ATLS_E_SIGNATURE. */
int atls_signature_check(enum atls_curve curve, struct atls_bytes signature);
/* What check_point() returns of coordinates that are no point: ATLS_E_MALFORMED. */
int atls_point_fail(void);
/* 04 || x || y (SEC 1 section 2.3.3); its size. */
#define ATLS_POINT_MAX (1 + 2 * ATLS_COORDINATE_MAX)
size_t atls_point_encode(const struct atls_public_key *key, uint8_t pointp[ATLS_POINT_MAX]);
/* How many points the curve has, atls_curve_size() bytes, big-endian. Static storage. */
const uint8_t *atls_curve_order(enum atls_curve curve);
/* Is NUMBER, of as many bytes, in [1, order - 1]? In the same time whatever it is. */
bool atls_scalar_in_range(enum atls_curve curve, const uint8_t *number);

/* The one way in which a public key comes from outside, whatever its format: coordinates of
 * atls_curve_size() bytes that are a point of CURVE. ATLS_E_MALFORMED otherwise, with the CLAUSE of
 * the format. Host only, as atls_spki_decode() (public-key.c). */
int atls_public_key_of(enum atls_curve curve, const uint8_t *x, const uint8_t *y,
                       const char *clause, struct atls_public_key *keyp);

/* DER SubjectPublicKeyInfo (RFC 5480), named curve, uncompressed point. Encoding writes at most
 * ATLS_SPKI_MAX bytes; decoding is exact (91 or 120 bytes): ATLS_E_MALFORMED for anything else, and
 * for what is no point of the curve. */
size_t atls_spki_encode(const struct atls_public_key *key, uint8_t spkip[ATLS_SPKI_MAX]);
int atls_spki_decode(struct atls_bytes spki, struct atls_public_key *keyp);
/* Is it the SubjectPublicKeyInfo of a key of P-256 or P-384, whatever its coordinates are? */
bool atls_spki_curve(struct atls_bytes spki, enum atls_curve *curvep);

/* What names a key: a UEID of type RAND (RFC 9711 section 4.2.1.1), 01 and SHA-256 of its
 * SubjectPublicKeyInfo. */
int atls_ueid_of_key(const struct atls_crypto *crypto, const struct atls_public_key *key,
                     uint8_t ueidp[1 + 32]);

/* What a signer needs: the key may be elsewhere (a device behind a socket). */
struct atls_signer {
    enum atls_curve curve;
    /* Signs a digest of atls_curve_hash(); writes r || s (2 * atls_curve_size() bytes). */
    int (*sign)(void *context, struct atls_bytes digest, uint8_t *signaturep);
    void *context;
};
struct atls_local_signer { /* a signer over a private key of this process */
    const struct atls_crypto *crypto;
    const struct atls_private_key *key;
};
struct atls_signer atls_signer_local(struct atls_local_signer *local);

#endif

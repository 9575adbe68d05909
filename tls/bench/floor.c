/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of single operations: ECDSA through GnuTLS with keys that are ready, key exchange through
 * the function that GnuTLS calls. */
#include "tls/bench/floor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <nettle/curve25519.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto.h"

#define LARGE 65536
#define RECORD 16384

struct ecdsa {
    gnutls_privkey_t signer;
    gnutls_pubkey_t verifier;
    gnutls_sign_algorithm_t algorithm;
    size_t digest_size;
    enum bench_op sign, verify;
};

struct bench_floor {
    struct ecdsa ecdsa[2]; /* P-256, P-384 */
    uint8_t scalar[CURVE25519_SIZE], point[CURVE25519_SIZE];
    struct ecc_scalar multiplier;
    struct ecc_point product, base;
    uint8_t message[LARGE];
};

const char *bench_hash_name(enum bench_hash hash)
{
    static const char *const names[] = {"sha256-1k", "sha256-64k", "sha384-64k", "aes-256-gcm-64k"};
    return names[hash];
}

static int make_key(gnutls_ecc_curve_t curve, struct ecdsa *ecdsa)
{
    int result = gnutls_privkey_init(&ecdsa->signer);
    if (result == 0)
        result =
            gnutls_privkey_generate(ecdsa->signer, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(curve), 0);
    if (result == 0)
        result = gnutls_pubkey_init(&ecdsa->verifier);
    if (result == 0)
        result = gnutls_pubkey_import_privkey(ecdsa->verifier, ecdsa->signer, 0, 0);
    return result == 0 ? 0
                       : atls_fail(ATLS_E_UNSUPPORTED, NULL, "a key for the floor: %s",
                                   gnutls_strerror(result));
}

static int set_up(struct bench_floor *floor)
{
    static const struct ecdsa kinds[2] = {
        {.algorithm = GNUTLS_SIGN_ECDSA_SHA256,
         .digest_size = 32,
         .sign = BENCH_SIGN_P256,
         .verify = BENCH_VERIFY_P256},
        {.algorithm = GNUTLS_SIGN_ECDSA_SHA384,
         .digest_size = 48,
         .sign = BENCH_SIGN_P384,
         .verify = BENCH_VERIFY_P384},
    };
    uint8_t multiplier[32];
    mpz_t number;
    memcpy(floor->ecdsa, kinds, sizeof kinds);
    int result = make_key(GNUTLS_ECC_CURVE_SECP256R1, &floor->ecdsa[0]);
    if (result == 0)
        result = make_key(GNUTLS_ECC_CURVE_SECP384R1, &floor->ecdsa[1]);
    if (result == 0)
        result = atls_crypto_hosted.random(floor->scalar, sizeof floor->scalar);
    if (result != 0)
        return result;
    memset(multiplier, 0x5a, sizeof multiplier);
    curve25519_mul_g(floor->point, floor->scalar);
    ecc_scalar_init(&floor->multiplier, nettle_get_secp_256r1());
    ecc_point_init(&floor->product, nettle_get_secp_256r1());
    ecc_point_init(&floor->base, nettle_get_secp_256r1());
    mpz_init(number);
    mpz_import(number, sizeof multiplier, 1, 1, 1, 0, multiplier);
    result = ecc_scalar_set(&floor->multiplier, number) ? 0 : -EINVAL;
    mpz_clear(number);
    return result == 0 ? 0 : atls_fail(ATLS_E_UNSUPPORTED, NULL, "no key for the floor");
}

int bench_floor_new(struct bench_floor **floorp)
{
    struct bench_floor *floor = calloc(1, sizeof *floor);
    if (!floor)
        return atls_fail(-ENOMEM, NULL, "no memory for the floor");
    int result = set_up(floor);
    if (result == 0)
        *floorp = floor;
    else
        bench_floor_free(floor);
    return result;
}

void bench_floor_free(struct bench_floor *floor)
{
    if (!floor)
        return;
    if (floor->product.p) {
        ecc_scalar_clear(&floor->multiplier);
        ecc_point_clear(&floor->product);
        ecc_point_clear(&floor->base);
    }
    for (size_t i = 0; i < 2; i++) {
        if (floor->ecdsa[i].signer)
            gnutls_privkey_deinit(floor->ecdsa[i].signer);
        if (floor->ecdsa[i].verifier)
            gnutls_pubkey_deinit(floor->ecdsa[i].verifier);
    }
    free(floor);
}

/* Signatures are deterministic (RFC 6979), as all of the project's beyond TLS are. */
static int sign_and_verify(const struct ecdsa *ecdsa, uint64_t ecdsa_ns[BENCH_OPS])
{
    static uint8_t bytes[ATLS_HASH_MAX] = {1};
    gnutls_datum_t digest = {bytes, (unsigned)ecdsa->digest_size}, signature;
    uint64_t begin = bench_now_ns();
    int result = gnutls_privkey_sign_hash2(ecdsa->signer, ecdsa->algorithm,
                                           GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE, &digest, &signature);
    ecdsa_ns[ecdsa->sign] = bench_now_ns() - begin;
    if (result < 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "ECDSA: %s", gnutls_strerror(result));
    begin = bench_now_ns();
    result = gnutls_pubkey_verify_hash2(ecdsa->verifier, ecdsa->algorithm, 0, &digest, &signature);
    ecdsa_ns[ecdsa->verify] = bench_now_ns() - begin;
    gnutls_free(signature.data);
    return result >= 0 ? 0
                       : atls_fail(ATLS_E_UNSUPPORTED, NULL, "ECDSA: %s", gnutls_strerror(result));
}

static int hash(const struct bench_floor *floor, enum atls_hash algorithm, size_t size,
                uint64_t *nsp)
{
    uint8_t digest[ATLS_HASH_MAX];
    struct atls_bytes part = ATLS_BYTES(floor->message, size);
    uint64_t begin = bench_now_ns();
    int result = atls_crypto_hosted.hash(algorithm, &part, 1, digest);
    *nsp = bench_now_ns() - begin;
    return result;
}

/* In records of 16 KiB, as TLS does. */
static int encrypt(struct bench_floor *floor, uint64_t *nsp)
{
    static uint8_t key[32], nonce[12], out[RECORD + 16];
    gnutls_datum_t datum = {key, sizeof key};
    gnutls_aead_cipher_hd_t cipher;
    int result = gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum);
    if (result < 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "AES-256-GCM: %s", gnutls_strerror(result));
    uint64_t begin = bench_now_ns();
    for (size_t at = 0; result == 0 && at < LARGE; at += RECORD) {
        size_t size = sizeof out;
        result = gnutls_aead_cipher_encrypt(cipher, nonce, sizeof nonce, NULL, 0, 16,
                                            floor->message + at, RECORD, out, &size);
    }
    *nsp = bench_now_ns() - begin;
    gnutls_aead_cipher_deinit(cipher);
    return result == 0
               ? 0
               : atls_fail(ATLS_E_UNSUPPORTED, NULL, "AES-256-GCM: %s", gnutls_strerror(result));
}

int bench_floor_round(struct bench_floor *floor, uint64_t op_ns[BENCH_OPS],
                      uint64_t hash_ns[BENCH_HASHES])
{
    uint8_t shared[CURVE25519_SIZE];
    uint64_t ecdsa_ns[BENCH_OPS] = {0}; /* through GnuTLS: more than what the meter sees */
    struct bench_meter meter;
    bench_meter_start();
    curve25519_mul(shared, floor->scalar, floor->point);
    ecc_point_mul_g(&floor->base, &floor->multiplier);
    ecc_point_mul(&floor->product, &floor->multiplier, &floor->base);
    int result = sign_and_verify(&floor->ecdsa[0], ecdsa_ns);
    if (result == 0)
        result = sign_and_verify(&floor->ecdsa[1], ecdsa_ns);
    bench_meter_stop(&meter);
    if (result == 0)
        result = hash(floor, ATLS_SHA256, 1024, &hash_ns[BENCH_SHA256_1K]);
    if (result == 0)
        result = hash(floor, ATLS_SHA256, LARGE, &hash_ns[BENCH_SHA256_64K]);
    if (result == 0)
        result = hash(floor, ATLS_SHA384, LARGE, &hash_ns[BENCH_SHA384_64K]);
    if (result == 0)
        result = encrypt(floor, &hash_ns[BENCH_AES_64K]);
    for (size_t i = 0; result == 0 && i < BENCH_OPS; i++) {
        if (meter.op_count[i] == 0)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                             "%s is never counted: the library calls another function than the one "
                             "that is watched",
                             bench_op_name((enum bench_op)i));
        op_ns[i] = ecdsa_ns[i] > 0 ? ecdsa_ns[i] : meter.op_ns[i] / meter.op_count[i];
    }
    return result;
}

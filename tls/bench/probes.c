/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wrappers. __wrap_NAME stands before NAME of the project's own libraries (the linker's --wrap;
 * the list is in meson.build); functions of libhogweed are defined here once more, so
 * that libgnutls calls these, and they forward. A name that the libraries stop calling
 * shows as an operation that is never counted, which the benchmark's self-test refuses.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <nettle/curve25519.h>
#include <nettle/ecdsa.h>

#include "sim/device/device.h"
#include "tls/bench/meter.h"
#include "tls/engine/session-internal.h"

static void *next(void **cache, const char *name)
{
    if (!*cache && !(*cache = dlsym(RTLD_NEXT, name))) {
        fprintf(stderr, "%s: no shared library defines it, so it cannot be forwarded\n", name);
        abort();
    }
    return *cache;
}

/* Operations of libhogweed; its header gives the names their prefix. */
#define P384_BITS 384

void ecdsa_sign(const struct ecc_scalar *key, void *context, nettle_random_func *random,
                size_t size, const uint8_t *digest, struct dsa_signature *signature)
{
    typedef void function(const struct ecc_scalar *, void *, nettle_random_func *, size_t,
                          const uint8_t *, struct dsa_signature *);
    static void *cache;
    function *real = (function *)next(&cache, "nettle_ecdsa_sign");
    uint64_t begin = bench_op_begin(BENCH_SIGNATURE);
    real(key, context, random, size, digest, signature);
    bench_op_end(ecc_bit_size(key->ecc) == P384_BITS ? BENCH_SIGN_P384 : BENCH_SIGN_P256, begin);
}

int ecdsa_verify(const struct ecc_point *key, size_t size, const uint8_t *digest,
                 const struct dsa_signature *signature)
{
    typedef int function(const struct ecc_point *, size_t, const uint8_t *,
                         const struct dsa_signature *);
    static void *cache;
    function *real = (function *)next(&cache, "nettle_ecdsa_verify");
    uint64_t begin = bench_op_begin(BENCH_VERIFICATION);
    int result = real(key, size, digest, signature);
    bench_op_end(ecc_bit_size(key->ecc) == P384_BITS ? BENCH_VERIFY_P384 : BENCH_VERIFY_P256,
                 begin);
    return result;
}

void curve25519_mul(uint8_t *q, const uint8_t *n, const uint8_t *p)
{
    typedef void function(uint8_t *, const uint8_t *, const uint8_t *);
    static void *cache;
    function *real = (function *)next(&cache, "nettle_curve25519_mul");
    uint64_t begin = bench_op_begin(BENCH_KEY_SHARE);
    real(q, n, p);
    bench_op_end(BENCH_X25519, begin);
}

void curve25519_mul_g(uint8_t *q, const uint8_t *n)
{
    typedef void function(uint8_t *, const uint8_t *);
    static void *cache;
    function *real = (function *)next(&cache, "nettle_curve25519_mul_g");
    uint64_t begin = bench_op_begin(BENCH_KEY_SHARE);
    real(q, n);
    bench_op_end(BENCH_X25519, begin);
}

void ecc_point_mul(struct ecc_point *r, const struct ecc_scalar *n, const struct ecc_point *p)
{
    typedef void function(struct ecc_point *, const struct ecc_scalar *, const struct ecc_point *);
    static void *cache;
    function *real = (function *)next(&cache, "nettle_ecc_point_mul");
    uint64_t begin = bench_op_begin(BENCH_KEY_SHARE);
    real(r, n, p);
    bench_op_end(BENCH_POINT, begin);
}

void ecc_point_mul_g(struct ecc_point *r, const struct ecc_scalar *n)
{
    typedef void function(struct ecc_point *, const struct ecc_scalar *);
    static void *cache;
    function *real = (function *)next(&cache, "nettle_ecc_point_mul_g");
    uint64_t begin = bench_op_begin(BENCH_KEY_SHARE);
    real(r, n);
    bench_op_end(BENCH_POINT_BASE, begin);
}

/* WRAP(result type, name, phase, (parameters), (arguments)) */
#define WRAP(type, name, phase, parameters, arguments)                                             \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        bench_enter(phase);                                                                        \
        type result = __real_##name arguments;                                                     \
        bench_leave();                                                                             \
        return result;                                                                             \
    }

#ifdef ATLS_CRYPTO_OPENSSL
/* Where the adapter is OpenSSL's, its operations are counted beside those of libhogweed. */
int __real_atls_openssl_sign(enum atls_curve curve, const uint8_t *d, struct atls_bytes digest,
                             const uint8_t *nonce, uint8_t *signaturep);
int __wrap_atls_openssl_sign(enum atls_curve curve, const uint8_t *d, struct atls_bytes digest,
                             const uint8_t *nonce, uint8_t *signaturep);
int __wrap_atls_openssl_sign(enum atls_curve curve, const uint8_t *d, struct atls_bytes digest,
                             const uint8_t *nonce, uint8_t *signaturep)
{
    uint64_t begin = bench_op_begin(BENCH_SIGNATURE);
    int result = __real_atls_openssl_sign(curve, d, digest, nonce, signaturep);
    bench_op_end(curve == ATLS_P384 ? BENCH_SIGN_P384 : BENCH_SIGN_P256, begin);
    return result;
}

int __real_atls_openssl_verify(const struct atls_public_key *key, struct atls_bytes digest,
                               const uint8_t *signature);
int __wrap_atls_openssl_verify(const struct atls_public_key *key, struct atls_bytes digest,
                               const uint8_t *signature);
int __wrap_atls_openssl_verify(const struct atls_public_key *key, struct atls_bytes digest,
                               const uint8_t *signature)
{
    uint64_t begin = bench_op_begin(BENCH_VERIFICATION);
    int result = __real_atls_openssl_verify(key, digest, signature);
    bench_op_end(key->curve == ATLS_P384 ? BENCH_VERIFY_P384 : BENCH_VERIFY_P256, begin);
    return result;
}
#endif

int __real_gnutls_hash(gnutls_hash_hd_t handle, const void *data, size_t size);
int __wrap_gnutls_hash(gnutls_hash_hd_t handle, const void *data, size_t size);
int __wrap_gnutls_hash(gnutls_hash_hd_t handle, const void *data, size_t size)
{
    bench_hashed(size);
    return __real_gnutls_hash(handle, data, size);
}

static unsigned latency_ms;

void bench_evidence_latency(unsigned ms)
{
    latency_ms = ms;
}

static void enter_evidence(void)
{
    bench_enter(BENCH_EVIDENCE);
    if (latency_ms > 0)
        usleep(latency_ms * 1000);
}

int __real_atls_device_attest_key(struct atls_device *device, uint32_t handle,
                                  struct atls_bytes challenge, uint8_t **cabp, size_t *sizep);
int __wrap_atls_device_attest_key(struct atls_device *device, uint32_t handle,
                                  struct atls_bytes challenge, uint8_t **cabp, size_t *sizep);
int __wrap_atls_device_attest_key(struct atls_device *device, uint32_t handle,
                                  struct atls_bytes challenge, uint8_t **cabp, size_t *sizep)
{
    enter_evidence();
    int result = __real_atls_device_attest_key(device, handle, challenge, cabp, sizep);
    bench_leave();
    return result;
}

int __real_atls_device_attest_platform(struct atls_device *device, struct atls_bytes challenge,
                                       uint8_t **tokenp, size_t *sizep);
int __wrap_atls_device_attest_platform(struct atls_device *device, struct atls_bytes challenge,
                                       uint8_t **tokenp, size_t *sizep);
int __wrap_atls_device_attest_platform(struct atls_device *device, struct atls_bytes challenge,
                                       uint8_t **tokenp, size_t *sizep)
{
    enter_evidence();
    int result = __real_atls_device_attest_platform(device, challenge, tokenp, sizep);
    bench_leave();
    return result;
}

WRAP(int, atls_device_sign, BENCH_SIGNATURE,
     (struct atls_device * device, uint32_t handle, struct atls_bytes digest, uint8_t *signaturep,
      size_t *sizep),
     (device, handle, digest, signaturep, sizep))
WRAP(int, atls_attester_evidence, BENCH_CREDENTIAL,
     (struct atls_attester * attester, unsigned conn, struct atls_bytes challenge,
      struct atls_credential *credentialp),
     (attester, conn, challenge, credentialp))
WRAP(int, atls_attester_bound_evidence, BENCH_CREDENTIAL,
     (struct atls_attester * attester, unsigned conn, struct atls_bytes challenge,
      struct atls_credential *credentialp),
     (attester, conn, challenge, credentialp))
WRAP(int, atls_attester_result, BENCH_CREDENTIAL,
     (struct atls_attester * attester, unsigned conn, struct atls_credential *credentialp),
     (attester, conn, credentialp))
WRAP(int, atls_attester_bound_result, BENCH_CREDENTIAL,
     (struct atls_attester * attester, unsigned conn, struct atls_bytes binder,
      struct atls_credential *credentialp),
     (attester, conn, binder, credentialp))
WRAP(int, atls_appraisal_credential, BENCH_CREDENTIAL,
     (struct atls_appraisal * appraisal, struct atls_bytes cmw, struct atls_public_key *keyp),
     (appraisal, cmw, keyp))
WRAP(int, atls_appraisal_verdict, BENCH_RESULT,
     (struct atls_appraisal * appraisal, struct atls_verdict *verdictp), (appraisal, verdictp))
WRAP(int, atls_http_start, BENCH_VERIFIER,
     (struct atls_http * http, const struct atls_http_request *request,
      struct atls_http_exchange **exchangep),
     (http, request, exchangep))
WRAP(int, atls_http_poll, BENCH_VERIFIER,
     (struct atls_http * http, struct curl_waitfd *extra, unsigned count, int timeout_ms),
     (http, extra, count, timeout_ms))
WRAP(int, session_verify_chain, BENCH_CERTIFICATES, (struct atls_session * s), (s))

/* SPDX-License-Identifier: Apache-2.0 */
/* The external private key: a digest goes to the device, Ecdsa-Sig-Value comes back. */
#include "tls/keys/device-key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "program/program.h"
#include "rats/base/error.h"

struct atls_device_key {
    struct atls_device *device;
    uint32_t handle;
    struct atls_public_key public_key;
};

bool atls_device_key_named(const char *spec)
{
    return strncmp(spec, ATLS_DEVICE_KEY_PREFIX, strlen(ATLS_DEVICE_KEY_PREFIX)) == 0;
}

int atls_device_key_parse(const char *spec, uint32_t *handlep)
{
    uint64_t handle;
    if (!atls_device_key_named(spec))
        return atls_fail(-EINVAL, NULL, "expected device:HANDLE, came %s", spec);
    int result = atls_parse_number(spec + strlen(ATLS_DEVICE_KEY_PREFIX), "a key's handle", 1,
                                   UINT32_MAX, &handle);
    if (result == 0)
        *handlep = (uint32_t)handle;
    return result;
}

/* A signature over random bytes: nobody else can have a use for it. */
static int check_possession(struct atls_device_key *key)
{
    uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX];
    size_t size;
    struct atls_bytes hashed =
        ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(key->public_key.curve)));
    int result = atls_crypto_hosted.random(digest, hashed.size);
    if (result == 0)
        result = atls_device_sign(key->device, key->handle, hashed, signature, &size);
    if (result != 0)
        return result;
    if (atls_crypto_hosted.verify(&key->public_key, hashed, ATLS_BYTES(signature, size)) != 0)
        return atls_fail(ATLS_E_MISMATCH, NULL,
                         "the device's key %u is not the key of the certificate",
                         (unsigned)key->handle);
    return 0;
}

int atls_device_key_open(const char *address, unsigned timeout_ms, uint32_t handle,
                         const struct atls_public_key *key, struct atls_device_key **keyp)
{
    struct atls_device_key *made = calloc(1, sizeof *made);
    if (!made)
        return atls_fail(-ENOMEM, NULL, "no memory for a key");
    made->handle = handle;
    made->public_key = *key;
    int result = atls_device_open(address, timeout_ms, &made->device);
    if (result == 0)
        result = check_possession(made);
    if (result != 0) {
        atls_device_key_close(made);
        return result;
    }
    *keyp = made;
    return 0;
}

void atls_device_key_close(struct atls_device_key *key)
{
    if (!key)
        return;
    if (key->device)
        atls_device_close(key->device);
    free(key);
}

uint32_t atls_device_key_handle(const struct atls_device_key *key)
{
    return key->handle;
}

const struct atls_public_key *atls_device_key_public(const struct atls_device_key *key)
{
    return &key->public_key;
}

static int sign_hash(gnutls_privkey_t privkey, gnutls_sign_algorithm_t algorithm, void *context,
                     unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    struct atls_device_key *key = context;
    uint8_t rs[ATLS_SIGNATURE_MAX];
    size_t size;
    if (atls_device_sign(key->device, key->handle, ATLS_BYTES(hash->data, hash->size), rs, &size) !=
        0)
        return GNUTLS_E_PK_SIGN_FAILED;
    gnutls_datum_t r = {rs, (unsigned)size / 2}, s = {rs + size / 2, (unsigned)size / 2};
    return gnutls_encode_rs_value(signature, &r, &s);
}

/* The device signs with the hash of the key's curve only. */
static int key_info(gnutls_privkey_t privkey, unsigned flags, void *context)
{
    const struct atls_device_key *key = context;
    bool p384 = key->public_key.curve == ATLS_P384;
    gnutls_sign_algorithm_t algorithm = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_ECDSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return p384 ? 384 : 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return p384 ? algorithm == GNUTLS_SIGN_ECDSA_SECP384R1_SHA384 ||
                          algorithm == GNUTLS_SIGN_ECDSA_SHA384
                    : algorithm == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256 ||
                          algorithm == GNUTLS_SIGN_ECDSA_SHA256;
    return -1;
}

int atls_device_key_import(struct atls_device_key *key, gnutls_privkey_t *privkeyp)
{
    gnutls_privkey_t privkey;
    if (gnutls_privkey_init(&privkey) < 0)
        return atls_fail(-ENOMEM, NULL, "no private key object");
    if (gnutls_privkey_import_ext4(privkey, key, NULL, sign_hash, NULL, NULL, key_info, 0) < 0) {
        gnutls_privkey_deinit(privkey);
        return atls_fail(-ENOMEM, NULL, "no private key object");
    }
    *privkeyp = privkey;
    return 0;
}

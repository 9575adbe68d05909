/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF-Expand (RFC 5869) by HMAC, which both OpenSSL and BoringSSL have under the same name. */
#include "binder.h"

#include <string.h>

#include <openssl/hmac.h>

static int hkdf_expand(const EVP_MD *md, struct bytes secret, struct bytes info, uint8_t *outp,
                       size_t size)
{
    uint8_t block[HASH_MAX];
    unsigned block_size = 0;
    for (uint8_t number = 1; size > 0; number++) {
        struct blob input = {NULL, 0, 0};
        put(&input, BYTES(block, block_size));
        put(&input, info);
        put_number(&input, 1, number);
        const uint8_t *made =
            HMAC(md, secret.data, (int)secret.size, input.data, input.size, block, &block_size);
        blob_clear(&input);
        if (!made || number == 255)
            return -1;
        size_t part = size < block_size ? size : block_size;
        memcpy(outp, block, part);
        outp += part;
        size -= part;
    }
    return 0;
}

int hkdf_expand_label(const EVP_MD *md, struct bytes secret, const char *label,
                      struct bytes context, uint8_t *outp, size_t size)
{
    struct blob info = {NULL, 0, 0}, whole = {NULL, 0, 0};
    put(&whole, text_bytes("tls13 "));
    put(&whole, text_bytes(label));
    put_number(&info, 2, size);
    put_vector(&info, 1, BLOB_BYTES(whole));
    put_vector(&info, 1, context);
    int result = hkdf_expand(md, secret, BLOB_BYTES(info), outp, size);
    blob_clear(&info);
    blob_clear(&whole);
    return result;
}

int seat_binder_of_hash(const EVP_MD *md, struct bytes transcript, struct bytes spki,
                        uint8_t *binderp, size_t *sizep)
{
    static const uint8_t zeros[HASH_MAX];
    uint8_t base[HASH_MAX], digest[HASH_MAX];
    size_t size = transcript.size, key_size;
    hash(md, spki, digest, &key_size);
    if (key_size != size ||
        hkdf_expand_label(md, BYTES(zeros, size), "attestation base", transcript, base, size) ||
        hkdf_expand_label(md, BYTES(base, size), "attestation", BYTES(digest, size), binderp, size))
        return -1;
    *sizep = size;
    return 0;
}

int seat_binder(const EVP_MD *md, struct bytes hellos, struct bytes spki, uint8_t *binderp,
                size_t *sizep)
{
    uint8_t digest[HASH_MAX];
    size_t size;
    hash(md, hellos, digest, &size);
    return size ? seat_binder_of_hash(md, BYTES(digest, size), spki, binderp, sizep) : -1;
}

int expat_binding(const EVP_MD *md, struct bytes spki, struct bytes exported, uint8_t *bindingp,
                  size_t *sizep)
{
    struct blob both = {NULL, 0, 0};
    put(&both, spki);
    put(&both, exported);
    hash(md, BLOB_BYTES(both), bindingp, sizep);
    blob_clear(&both);
    return *sizep ? 0 : -1;
}

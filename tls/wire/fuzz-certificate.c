/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rewriting of a Certificate message under any bytes: whatever is found in it is overwritten
 * with a certificate of exactly that length, nothing around it changes, and the library can read
 * what was put there.
 */
#include <stdlib.h>
#include <string.h>

#include <gnutls/x509.h>

#include "tls/profiles/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The generator of P-256 (SEC 2 section 2.4.2): a point that is on its curve. */
static const struct atls_public_key key = {
    .curve = ATLS_P256,
    .x = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
          0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb,
          0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96},
    .y = {0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
          0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
          0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5},
};

static void check(const uint8_t *der, size_t size)
{
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)der, (unsigned)size};
    gnutls_x509_crt_t certificate;
    if (gnutls_x509_crt_init(&certificate) < 0 ||
        gnutls_x509_crt_import(certificate, &datum, GNUTLS_X509_FMT_DER) < 0)
        abort();
    gnutls_x509_crt_deinit(certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct atls_profile *profile = &atls_profile_ta_07;
    struct atls_bytes cmw;
    size_t at;
    if (profile->find_credential(profile, ATLS_BYTES(data, size), &cmw, &at) != 0)
        return 0;
    uint8_t *message = malloc(size);
    if (!message)
        return 0;
    memcpy(message, data, size);
    size_t behind = at + cmw.size;
    if (behind > size)
        abort();
    if (profile->put_key(&key, message + at, cmw.size) == 0)
        check(message + at, cmw.size);
    if (memcmp(message, data, at) != 0 ||
        memcmp(message + behind, data + behind, size - behind) != 0)
        abort();
    free(message);
    return 0;
}

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
#include "tls/wire/test-generator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    if (profile->put_key(&test_generator, message + at, cmw.size) == 0)
        check(message + at, cmw.size);
    if (memcmp(message, data, at) != 0 ||
        memcmp(message + behind, data + behind, size - behind) != 0)
        abort();
    free(message);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an extension with a CMW, and as a certificate: what is read is written the same. */
#include <stdlib.h>
#include <string.h>

#include "rats/cmw/cmw-x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void extension(enum atls_cmw_oid oid, struct atls_bytes in)
{
    enum atls_serialization serialization, again;
    struct atls_bytes cmw, second;
    uint8_t *out;
    size_t size;

    if (atls_cmw_x509_decode(oid, in, &cmw, &serialization))
        return;
    if (atls_cmw_x509_encode(oid, cmw, &out, &size))
        abort();
    if (oid == ATLS_CMW_OID_PE && !atls_bytes_equal(ATLS_BYTES(out, size), in))
        abort(); /* there is one DER for it */
    if (atls_cmw_x509_decode(oid, ATLS_BYTES(out, size), &second, &again))
        abort();
    if (again != serialization || !atls_bytes_equal(second, cmw))
        abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    struct atls_x509_cmw found;
    struct atls_public_key key;

    extension(ATLS_CMW_OID_PE, in);
    extension(ATLS_CMW_OID_TCG, in);
    if (atls_x509_cmw_find(in, &found) == 0)
        atls_x509_cmw_clear(&found);
    (void)atls_x509_public_key(in, &key);
    return 0;
}

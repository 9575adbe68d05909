/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an extension with a CMW, and as a certificate: what is read is written the same. */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
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

/* What the full parser said of a certificate, EXPECTED and FOUND, the short one says, too. */
static void verified(struct atls_bytes in, int expected, const struct atls_x509_cmw *found)
{
    struct atls_x509_cmw again = {.cmw = NULL};

    if (atls_x509_cmw_find_verified(in, &again) != expected)
        abort();
    if (expected == 0 &&
        (again.oid != found->oid || again.critical != found->critical ||
         again.has_key != found->has_key || again.serialization != found->serialization ||
         !atls_bytes_equal(ATLS_BYTES(again.cmw, again.size), ATLS_BYTES(found->cmw, found->size))))
        abort();
    atls_x509_cmw_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    struct atls_x509_cmw found;
    struct atls_public_key key, again;

    extension(ATLS_CMW_OID_PE, in);
    extension(ATLS_CMW_OID_TCG, in);
    int result = atls_x509_cmw_find(in, &found);
    if (result == 0 || result == ATLS_E_MISSING)
        verified(in, result, &found);
    if (result == 0)
        atls_x509_cmw_clear(&found);
    if (atls_x509_public_key(in, &key) == 0 &&
        (atls_x509_verified_key(in, &again) || !atls_public_key_equal(&key, &again)))
        abort();
    return 0;
}

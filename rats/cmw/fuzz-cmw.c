/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a CMW: what is read can be written, and reads and writes the same again. */
#include <stdlib.h>
#include <string.h>

#include "rats/cmw/cmw-signed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct atls_cmw *cmw)
{
    struct atls_cmw *again;
    uint8_t *first, *second;
    size_t first_size, second_size;

    if (atls_cmw_serialize(cmw, cmw->serialization, &first, &first_size))
        abort();
    if (atls_cmw_parse_as(cmw->serialization, ATLS_BYTES(first, first_size), &again))
        abort();
    if (atls_cmw_serialize(again, cmw->serialization, &second, &second_size))
        abort();
    if (first_size != second_size || memcmp(first, second, first_size) != 0)
        abort();
    free(first);
    free(second);
    atls_cmw_free(again);
}

/* A signed one, and the claim: what is in them is a CMW like any other. */
static void check_signed(struct atls_bytes in)
{
    struct atls_cmw_signed message;
    struct atls_cmw *claim;

    if (atls_cmw_cose_parse(in, &message) == 0) {
        check_same(message.cmw);
        atls_cmw_signed_clear(&message);
    }
    if (atls_cmw_jws_parse(in, &message) == 0) {
        check_same(message.cmw);
        atls_cmw_signed_clear(&message);
    }
    if (atls_cmw_of_cwt(in, &claim) == 0) {
        check_same(claim);
        atls_cmw_free(claim);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_cmw *cmw;
    uint8_t *other;
    size_t other_size;

    check_signed(ATLS_BYTES(data, size));
    if (atls_cmw_parse(ATLS_BYTES(data, size), &cmw))
        return 0;
    check_same(cmw);
    /* The other serialization may not exist, but asking for it must be safe. */
    if (atls_cmw_serialize(cmw, cmw->serialization == ATLS_CBOR ? ATLS_JSON : ATLS_CBOR, &other,
                           &other_size) == 0)
        free(other);
    atls_cmw_free(cmw);
    return 0;
}

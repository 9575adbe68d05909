/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a CMW: what is read can be written, and reads and writes the same again. */
#include <stdlib.h>
#include <string.h>

#include "rats/cmw.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_cmw *cmw;
    uint8_t *other;
    size_t other_size;

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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the CBOR check beside libcbor's loader. What either takes the other takes too, but
 * for what the check refuses on purpose (equal keys, text that is no UTF-8, its own limits) and
 * what libcbor does not know (simple values that are not assigned).
 */
#include <stdlib.h>
#include <string.h>

#include <cbor.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool refused_on_purpose(int result)
{
    return result == ATLS_E_LIMIT || strstr(atls_error_text(), "is the same as") ||
           strstr(atls_error_text(), "is not UTF-8");
}

static bool is_unknown_to_libcbor(struct atls_bytes in, size_t at)
{
    uint8_t head = at < in.size ? in.data[at] : 0;

    return (head >= 0xc6 && head <= 0xd4) || (head >= 0xe0 && head <= 0xf3) || head == 0xf8;
}

/* Is there what may be the head of an array or a map with a length of 4 or 8 bytes? */
static bool may_announce_much(struct atls_bytes in)
{
    for (size_t i = 0; i < in.size; i++)
        if ((in.data[i] & 0xde) == 0x9a)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    struct cbor_load_result loaded;
    struct atls_cbor_reader reader;
    int result = atls_cbor_open(&reader, in, &atls_cbor_lenient, NULL);
    bool purpose = result != 0 && refused_on_purpose(result);
    cbor_item_t *item;
    bool whole;

    if (result != 0 && may_announce_much(in))
        return 0; /* libcbor takes memory for all that is announced */
    item = cbor_load(data, size, &loaded);
    whole = item && loaded.read == size;
    if (item)
        cbor_decref(&item);
    if (result == 0 && !whole && !is_unknown_to_libcbor(in, loaded.error.position))
        abort();
    if (whole && result != 0 && !purpose)
        abort();
    return 0;
}

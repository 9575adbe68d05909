/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the small parsers of text: media types, base64, hexadecimal. Beyond not crashing:
 * a media type is equal to itself exactly if it is valid; what is decoded is encoded to the same
 * text, so that no value has two texts.
 */
#include <stdlib.h>

#include "rats/base/encoding.h"
#include "rats/base/media-types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_media_type(struct atls_bytes in)
{
    bool valid = atls_media_type_valid(in);

    MUST(atls_media_type_equal(in, in) == valid);
    MUST(valid || !atls_media_type_by_name(in));
}

static void check_base64(struct atls_bytes in)
{
    uint8_t *data;
    size_t size;
    bool taken = false;

    for (int kind = ATLS_BASE64URL; kind < ATLS_BASE64_ANY; kind++) {
        char *again;

        if (atls_base64_decode((enum atls_base64)kind, in, &data, &size))
            continue;
        taken = true;
        again = atls_base64_encode((enum atls_base64)kind, ATLS_BYTES(data, size));
        free(data);
        MUST(again && atls_bytes_is_text(in, again));
        free(again);
    }
    if (atls_base64_decode(ATLS_BASE64_ANY, in, &data, &size) == 0)
        free(data);
    else
        MUST(!taken);
}

static void check_hex(struct atls_bytes in)
{
    uint8_t *data;
    size_t size;
    char *again;

    if (atls_hex_decode(in, &data, &size))
        return;
    again = atls_hex_encode(ATLS_BYTES(data, size));
    free(data);
    MUST(again && 2 * size == in.size);
    for (size_t i = 0; i < in.size; i++) /* but for the case of letters */
        MUST(again[i] == (in.data[i] >= 'A' && in.data[i] <= 'F' ? in.data[i] + 32 : in.data[i]));
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);

    check_media_type(in);
    check_base64(in);
    check_hex(in);
    return 0;
}

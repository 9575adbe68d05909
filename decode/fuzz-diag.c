/* SPDX-License-Identifier: Apache-2.0 */
/* The printer and what stands before it in atls-decode: anything in, no escape character out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode-input.h"
#include "decode/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(struct atls_bytes in)
{
    static const uint8_t nonce[32];
    struct atls_diag_keys keys = {.nonce = ATLS_BYTES(nonce, sizeof(nonce)), .whole = in.size % 2};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    atls_diag_print(out, in, &keys);
    fclose(out);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] < 0x20 && text[i] != '\n')
            abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum atls_input_form form;
    uint8_t *decoded;
    size_t decoded_size;

    print(ATLS_BYTES(data, size));
    if (!atls_input_decode(ATLS_BYTES(data, size), ATLS_INPUT_AUTO, &decoded, &decoded_size,
                           &form)) {
        if (form != ATLS_INPUT_BINARY)
            print(ATLS_BYTES(decoded, decoded_size));
        free(decoded);
    }
    return 0;
}

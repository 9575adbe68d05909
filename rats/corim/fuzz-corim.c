/* SPDX-License-Identifier: Apache-2.0 */
/* CoRIM: what is read can be written, and what is written reads as the same. */
#include <stdlib.h>

#include "rats/corim/corim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_corim corim, again;
    uint8_t *out;
    size_t out_size;

    if (atls_corim_parse(ATLS_BYTES(data, size), &corim))
        return 0;
    if (corim.reference_value_count || corim.trust_anchor_count) {
        if (atls_corim_write(&corim, &out, &out_size) ||
            atls_corim_parse(ATLS_BYTES(out, out_size), &again))
            abort();
        if (again.reference_value_count != corim.reference_value_count ||
            again.trust_anchor_count != corim.trust_anchor_count || again.dialect != corim.dialect)
            abort();
        atls_corim_clear(&again);
        free(out);
    }
    atls_corim_clear(&corim);
    return 0;
}

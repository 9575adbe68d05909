/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a table of code points as JSON. What is taken keeps the table's rules; what is
 * refused leaves it as it was. */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/wire/code-points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_code_points before, points;

    atls_code_points_default(&before);
    points = before;
    if (atls_code_points_override(&points, ATLS_BYTES(data, size))) {
        if (memcmp(&points, &before, sizeof points) != 0 || !atls_error_text()[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < ATLS_CP_CERTIFICATE_TYPE_ATTESTATION; i++)
        for (size_t j = 0; j < i; j++)
            if (points.value[i] == points.value[j])
                abort(); /* two extensions with one number */
    for (size_t i = ATLS_CP_CERTIFICATE_TYPE_ATTESTATION; i < ATLS_CODE_POINT_COUNT; i++)
        if (points.value[i] > UINT8_MAX)
            abort();
    return 0;
}

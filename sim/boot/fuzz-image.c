/* SPDX-License-Identifier: Apache-2.0 */
/* Any image: what parses has a name and a version that a token can carry, and writes again. */
#include <stdlib.h>
#include <string.h>

#include "sim/boot/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_image image, again;
    size_t written;
    uint8_t *out;
    if (atls_image_parse(ATLS_BYTES(data, size), &image))
        return 0;
    out = malloc(ATLS_IMAGE_HEADER_SIZE + image.body.size);
    if (!atls_image_text_valid(image.name) || !atls_image_text_valid(image.version) || !out ||
        atls_image_write(&image, out, ATLS_IMAGE_HEADER_SIZE + image.body.size, &written) ||
        atls_image_parse(ATLS_BYTES(out, written), &again) ||
        !atls_bytes_equal(image.name, again.name) ||
        !atls_bytes_equal(image.version, again.version) ||
        !atls_bytes_equal(image.signer_id, again.signer_id) ||
        !atls_bytes_equal(image.body, again.body))
        abort();
    free(out);
    return 0;
}

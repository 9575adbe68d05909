/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes frames of expat-04, one behind the other as they come from a peer. */
#include <stdlib.h>

#include "rats/base/error.h"
#include "tls/wire/expat-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t header[ATLS_FRAME_HEADER];
    struct atls_frame frame;
    size_t at = 0, used;

    while (atls_frame_read(ATLS_BYTES(data + at, size - at), &frame, &used) == 0) {
        /* It lies where it was read, and what was read is what would be written. */
        if (used != ATLS_FRAME_HEADER + frame.body.size || used > size - at ||
            (frame.body.size > 0 && frame.body.data != data + at + ATLS_FRAME_HEADER) ||
            atls_frame_header(frame.type, frame.body.size, header) != 0)
            abort();
        for (size_t i = 0; i < sizeof header; i++)
            if (header[i] != data[at + i])
                abort();
        at += used;
    }
    return 0;
}

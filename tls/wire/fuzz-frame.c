/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes frames of expat-04, one behind the other as they come from a peer: as the harness's own
 * framing, and as that of Cocos.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/wire/expat-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_MAX ATLS_COCOS_HEADER

static const struct framing {
    size_t header;
    int (*read)(struct atls_bytes in, struct atls_frame *framep, size_t *usedp);
    int (*write)(enum atls_frame_type type, size_t size, uint8_t *headerp);
} framings[] = {
    {ATLS_FRAME_HEADER, atls_frame_read, atls_frame_header},
    {ATLS_COCOS_HEADER, atls_cocos_frame_read, atls_cocos_frame_header},
};

static void read_all(const struct framing *framing, struct atls_bytes in)
{
    uint8_t header[HEADER_MAX];
    struct atls_frame frame;
    size_t at = 0, used;

    while (framing->read(ATLS_BYTES(in.data + at, in.size - at), &frame, &used) == 0) {
        /* It lies where it was read, and what was read is what would be written. */
        if (used != framing->header + frame.body.size || used > in.size - at ||
            (frame.body.size > 0 && frame.body.data != in.data + at + framing->header) ||
            framing->write(frame.type, frame.body.size, header) != 0 ||
            memcmp(header, in.data + at, framing->header) != 0)
            abort();
        at += used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++)
        read_all(&framings[i], ATLS_BYTES(data, size));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: their bounds are in one table, for both directions. */
#include "tls/wire/expat-frame.h"

#include "rats/base/error.h"

#define CLAUSE "harness/peers/README.md, frames of expat-04"

static const struct {
    const char *name;
    uint32_t least, most;
} bounds[] = {
    [ATLS_FRAME_REQUEST] = {"request", 1, ATLS_FRAME_REQUEST_MAX},
    [ATLS_FRAME_AUTHENTICATOR] = {"authenticator", 1, ATLS_FRAME_AUTHENTICATOR_MAX},
    [ATLS_FRAME_LINE] = {"line", 0, ATLS_FRAME_LINE_MAX},
    [ATLS_FRAME_DONE] = {"done", 0, 0},
    [ATLS_FRAME_ALERT] = {"alert", 1, 1},
};

int atls_frame_read(struct atls_bytes in, struct atls_frame *framep, size_t *usedp)
{
    struct atls_cursor c = atls_cursor_of(in, CLAUSE);
    struct atls_bytes body;
    uint8_t type;
    uint32_t size;
    if (in.size < ATLS_FRAME_HEADER)
        return atls_fail(ATLS_E_AGAIN, CLAUSE, "a frame is not whole yet");
    int result = atls_cursor_u8(&c, "frame type", &type);
    if (result == 0)
        result = atls_cursor_u24(&c, "frame length", &size);
    if (result != 0)
        return result;
    if (type < ATLS_FRAME_REQUEST || type > ATLS_FRAME_ALERT)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected a frame of type 1 to 5, came %u",
                         type);
    if (size < bounds[type].least || size > bounds[type].most)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "frame %s: expected %u to %u bytes, came %u",
                         bounds[type].name, bounds[type].least, bounds[type].most, size);
    if (c.left < size)
        return atls_fail(ATLS_E_AGAIN, CLAUSE, "a frame is not whole yet");
    result = atls_cursor_take(&c, "frame body", size, &body);
    if (result != 0)
        return result;
    *framep = (struct atls_frame){.type = (enum atls_frame_type)type, .body = body};
    *usedp = ATLS_FRAME_HEADER + size;
    return 0;
}

int atls_frame_header(enum atls_frame_type type, size_t size, uint8_t headerp[ATLS_FRAME_HEADER])
{
    if (size < bounds[type].least || size > bounds[type].most)
        return atls_fail(ATLS_E_LIMIT, CLAUSE, "frame %s: %zu bytes, beyond %u to %u",
                         bounds[type].name, size, bounds[type].least, bounds[type].most);
    struct atls_sink s = atls_sink_of(headerp, ATLS_FRAME_HEADER);
    atls_sink_u8(&s, (uint8_t)type);
    atls_sink_u24(&s, (uint32_t)size);
    return 0;
}

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

#define COCOS "ultravioletrs/cocos 747aaaa5, pkg/atls/internal_transport/protocol.go"

/* One of a framing that has types up to LAST, and lengths of WIDTH bytes. */
static int read_frame(struct atls_bytes in, enum atls_frame_type last, unsigned width,
                      const char *clause, struct atls_frame *framep, size_t *usedp)
{
    struct atls_cursor c = atls_cursor_of(in, clause);
    struct atls_bytes body;
    uint8_t type;
    uint32_t size;
    if (in.size < 1 + width)
        return atls_fail(ATLS_E_AGAIN, clause, "a frame is not whole yet");
    int result = atls_cursor_u8(&c, "frame type", &type);
    if (result == 0 && width == 3)
        result = atls_cursor_u24(&c, "frame length", &size);
    else if (result == 0)
        result = atls_cursor_u32(&c, "frame length", &size);
    if (result != 0)
        return result;
    if (type < ATLS_FRAME_REQUEST || type > last)
        return atls_fail(ATLS_E_MALFORMED, clause, "expected a frame of type 1 to %u, came %u",
                         (unsigned)last, type);
    if (size < bounds[type].least || size > bounds[type].most)
        return atls_fail(ATLS_E_MALFORMED, clause, "frame %s: expected %u to %u bytes, came %u",
                         bounds[type].name, bounds[type].least, bounds[type].most, size);
    if (c.left < size)
        return atls_fail(ATLS_E_AGAIN, clause, "a frame is not whole yet");
    result = atls_cursor_take(&c, "frame body", size, &body);
    if (result != 0)
        return result;
    *framep = (struct atls_frame){.type = (enum atls_frame_type)type, .body = body};
    *usedp = 1 + width + size;
    return 0;
}

static int check_size(enum atls_frame_type type, size_t size, const char *clause)
{
    if (size < bounds[type].least || size > bounds[type].most)
        return atls_fail(ATLS_E_LIMIT, clause, "frame %s: %zu bytes, beyond %u to %u",
                         bounds[type].name, size, bounds[type].least, bounds[type].most);
    return 0;
}

int atls_frame_read(struct atls_bytes in, struct atls_frame *framep, size_t *usedp)
{
    return read_frame(in, ATLS_FRAME_ALERT, ATLS_FRAME_HEADER - 1, CLAUSE, framep, usedp);
}

int atls_frame_header(enum atls_frame_type type, size_t size, uint8_t headerp[ATLS_FRAME_HEADER])
{
    int result = check_size(type, size, CLAUSE);
    if (result != 0)
        return result;
    struct atls_sink s = atls_sink_of(headerp, ATLS_FRAME_HEADER);
    atls_sink_u8(&s, (uint8_t)type);
    atls_sink_u24(&s, (uint32_t)size);
    return 0;
}

int atls_cocos_frame_read(struct atls_bytes in, struct atls_frame *framep, size_t *usedp)
{
    return read_frame(in, ATLS_FRAME_AUTHENTICATOR, ATLS_COCOS_HEADER - 1, COCOS, framep, usedp);
}

int atls_cocos_frame_header(enum atls_frame_type type, size_t size,
                            uint8_t headerp[ATLS_COCOS_HEADER])
{
    int result = type <= ATLS_FRAME_AUTHENTICATOR
                     ? check_size(type, size, COCOS)
                     : atls_fail(ATLS_E_LIMIT, COCOS, "there is no frame %s", bounds[type].name);
    if (result != 0)
        return result;
    struct atls_sink s = atls_sink_of(headerp, ATLS_COCOS_HEADER);
    atls_sink_u8(&s, (uint8_t)type);
    atls_sink_u32(&s, (uint32_t)size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* COBS with a CRC-32; see frame.h. */
#include "sim/base/frame.h"

#include "rats/base/error.h"

#define CRC_SIZE 4

/* Four bits at a time: a table of 64 bytes is what a small device can spare. */
static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc ^= byte;
    crc = crc >> 4 ^ table[crc & 15];
    return crc >> 4 ^ table[crc & 15];
}

uint32_t atls_crc32(const struct atls_bytes *parts, size_t count)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].size; j++)
            crc = crc_byte(crc, parts[i].data[j]);
    return ~crc;
}

struct stuffer {
    uint8_t *out;
    size_t capacity, used;
    size_t code_at; /* where the open block's length goes */
    unsigned code;  /* 1 + bytes in the open block */
    bool overflow;
};

static void emit(struct stuffer *s, uint8_t byte)
{
    if (s->used == s->capacity)
        s->overflow = true;
    else
        s->out[s->used++] = byte;
}

static void close_block(struct stuffer *s)
{
    if (!s->overflow)
        s->out[s->code_at] = (uint8_t)s->code;
}

static void open_block(struct stuffer *s)
{
    s->code_at = s->used;
    s->code = 1;
    emit(s, 0);
}

static void stuff(struct stuffer *s, uint8_t byte)
{
    if (s->code == 0xff) { /* a full block has no implied zero: the next one opens on demand */
        close_block(s);
        open_block(s);
    }
    if (byte == 0) {
        close_block(s);
        open_block(s);
    } else {
        emit(s, byte);
        s->code++;
    }
}

int atls_frame_encode(const struct atls_bytes *parts, size_t count, uint8_t *out, size_t capacity,
                      size_t *sizep)
{
    struct stuffer s = {.out = out, .capacity = capacity};
    uint32_t crc = atls_crc32(parts, count);
    emit(&s, 0);
    open_block(&s);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].size; j++)
            stuff(&s, parts[i].data[j]);
    for (unsigned shift = 32; shift > 0; shift -= 8)
        stuff(&s, (uint8_t)(crc >> (shift - 8)));
    close_block(&s);
    emit(&s, 0);
    if (s.overflow)
        return atls_fail(ATLS_E_LIMIT, NULL, "a frame does not fit into %zu bytes", capacity);
    *sizep = s.used;
    return 0;
}

void atls_frame_decoder_init(struct atls_frame_decoder *decoder, uint8_t *buffer, size_t capacity)
{
    *decoder = (struct atls_frame_decoder){.buffer = buffer, .capacity = capacity};
}

static void keep(struct atls_frame_decoder *decoder, uint8_t byte)
{
    if (decoder->used == decoder->capacity)
        decoder->overflow = true;
    else
        decoder->buffer[decoder->used++] = byte;
}

static enum atls_frame_event end_frame(struct atls_frame_decoder *decoder,
                                       struct atls_bytes *payloadp)
{
    bool whole = decoder->in_frame && !decoder->overflow && decoder->block_left == 0 &&
                 decoder->used >= CRC_SIZE;
    bool empty = !decoder->in_frame;
    size_t size = decoder->used - CRC_SIZE; /* meaningful if whole */
    atls_frame_decoder_init(decoder, decoder->buffer, decoder->capacity);
    if (empty)
        return ATLS_FRAME_NOTHING;
    if (!whole)
        return ATLS_FRAME_BAD;
    struct atls_bytes payload = {decoder->buffer, size};
    uint32_t crc = atls_crc32(&payload, 1);
    for (unsigned i = 0; i < CRC_SIZE; i++)
        if (decoder->buffer[size + i] != (uint8_t)(crc >> (24 - 8 * i)))
            return ATLS_FRAME_BAD;
    *payloadp = payload;
    return ATLS_FRAME_COMPLETE;
}

enum atls_frame_event atls_frame_push(struct atls_frame_decoder *decoder, uint8_t byte,
                                      struct atls_bytes *payloadp)
{
    if (byte == 0)
        return end_frame(decoder, payloadp);
    if (decoder->block_left > 0) {
        keep(decoder, byte);
        decoder->block_left--;
    } else { /* a block's length: 1 + its bytes */
        if (decoder->zero_next)
            keep(decoder, 0);
        decoder->block_left = byte - 1u;
        decoder->zero_next = byte != 0xff;
    }
    decoder->in_frame = true;
    return ATLS_FRAME_NOTHING;
}

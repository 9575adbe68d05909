/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on a byte stream that may lose or garble bytes: COBS (consistent overhead byte stuffing,
 * Cheshire and Baker 1999) keeps zero bytes out of the frame, so that a zero byte always begins a
 * new one, and a CRC-32 (ISO 3309, as in Ethernet) behind the payload tells a good frame from
 * rubbish. After any disturbance the decoder is in step again at the next zero byte.
 *
 * On the line: 00, COBS(payload || CRC-32 big-endian), 00.
 */
#ifndef ATLS_SIM_BASE_FRAME_H
#define ATLS_SIM_BASE_FRAME_H

#include "rats/base/bytes.h"

/* Bytes on the line for a payload of N bytes, at most. */
#define ATLS_FRAME_ENCODED_MAX(n) ((n) + 4 + ((n) + 4) / 254 + 1 + 2)

uint32_t atls_crc32(const struct atls_bytes *parts, size_t count);

/* Encodes the PARTS, one behind the other, as one frame. ATLS_E_LIMIT where OUT is too small. */
int atls_frame_encode(const struct atls_bytes *parts, size_t count, uint8_t *out, size_t capacity,
                      size_t *sizep);

struct atls_frame_decoder {
    uint8_t *buffer; /* the caller's: the largest payload and 4 bytes */
    size_t capacity;
    size_t used;
    unsigned block_left; /* bytes still to come in this COBS block */
    bool in_frame;       /* a byte of the frame has come */
    bool zero_next;      /* the block ends with an implied zero byte, if another follows */
    bool overflow;
};

enum atls_frame_event {
    ATLS_FRAME_NOTHING,  /* more bytes are needed */
    ATLS_FRAME_COMPLETE, /* a frame, intact */
    ATLS_FRAME_BAD,      /* a frame ended that is truncated, garbled or too large */
};

void atls_frame_decoder_init(struct atls_frame_decoder *decoder, uint8_t *buffer, size_t capacity);
/* Takes one byte off the line. *PAYLOADP (set on COMPLETE) is good until the next call. */
enum atls_frame_event atls_frame_push(struct atls_frame_decoder *decoder, uint8_t byte,
                                      struct atls_bytes *payloadp);

#endif

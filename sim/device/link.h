/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange at a time over a line that may lose frames: the client numbers its requests and
 * sends a request again, with the same number, when no answer comes; the device remembers its last
 * answer and repeats it instead of doing the request twice.
 *
 * A frame's payload, big-endian: version 1 (1), kind (1: 1 request, 2 answer), session (4, chosen
 * by the client at random when it opens), sequence (4, from 1, one more with each request), then
 * the message (protocol.h). Another session than the last one begins anew; within a session only
 * the last sequence (repeat) and greater ones (do) are heard.
 */
#ifndef ATLS_SIM_DEVICE_LINK_H
#define ATLS_SIM_DEVICE_LINK_H

#include "sim/base/frame.h"

#define ATLS_LINK_VERSION 1
#define ATLS_LINK_HEADER_SIZE 10

enum atls_link_kind { ATLS_LINK_REQUEST = 1, ATLS_LINK_ANSWER = 2 };

struct atls_link_header {
    enum atls_link_kind kind;
    uint32_t session, sequence;
};

/* Header and message as one frame. ATLS_E_LIMIT. */
int atls_link_encode(const struct atls_link_header *header, struct atls_bytes message, uint8_t *out,
                     size_t capacity, size_t *sizep);
/* Splits a frame's payload. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (another version). */
int atls_link_decode(struct atls_bytes payload, struct atls_link_header *headerp,
                     struct atls_bytes *messagep);

/* The device's end of one line. */
struct atls_link {
    struct atls_frame_decoder decoder;
    uint32_t session, sequence; /* of the last request */
    bool in_session;
    uint8_t *answer;                     /* the caller's: the last answer, as a frame */
    size_t answer_capacity, answer_size; /* 0: not answered yet */
};

enum atls_link_event {
    ATLS_LINK_NOTHING,
    ATLS_LINK_DO,     /* a new request: do it, then atls_link_answer() */
    ATLS_LINK_REPEAT, /* the last request again: send link->answer again, if there is one */
    ATLS_LINK_BAD,    /* a frame that cannot be read; the client will repeat it */
};

void atls_link_init(struct atls_link *link, uint8_t *buffer, size_t capacity, uint8_t *answer,
                    size_t answer_capacity);
/* Takes one byte off the line. *REQUESTP (set on DO) is good until the next call. */
enum atls_link_event atls_link_push(struct atls_link *link, uint8_t byte,
                                    struct atls_bytes *requestp);
/* Frames and remembers the answer to the last request: link->answer, link->answer_size.
 * ATLS_E_LIMIT. */
int atls_link_answer(struct atls_link *link, struct atls_bytes message);

#endif

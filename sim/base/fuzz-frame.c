/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes off a line: the decoder stays within its buffer, what it takes for intact survives a
 * round trip, and afterwards the next good frame comes through. */
#include <stdlib.h>

#include "sim/device/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CAPACITY 64

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void check_round_trip(struct atls_bytes payload)
{
    uint8_t encoded[ATLS_FRAME_ENCODED_MAX(CAPACITY)], buffer[CAPACITY];
    struct atls_frame_decoder decoder;
    struct atls_bytes again = {0};
    bool complete = false;
    size_t size;
    expect(atls_frame_encode(&payload, 1, encoded, sizeof encoded, &size) == 0);
    atls_frame_decoder_init(&decoder, buffer, sizeof buffer);
    for (size_t i = 0; i < size; i++)
        complete |= atls_frame_push(&decoder, encoded[i], &again) == ATLS_FRAME_COMPLETE;
    expect(complete && atls_bytes_equal(payload, again));
}

static void feed_decoder(const uint8_t *data, size_t size)
{
    static const uint8_t next[] = {0, 1, 5, 0xd2, 0x02, 0xef, 0x8d, 0}; /* payload 00 */
    uint8_t *buffer = malloc(CAPACITY); /* so that a sanitizer sees its end */
    struct atls_frame_decoder decoder;
    struct atls_bytes payload = {0};
    bool complete = false;
    atls_frame_decoder_init(&decoder, buffer, CAPACITY);
    for (size_t i = 0; i < size; i++)
        if (atls_frame_push(&decoder, data[i], &payload) == ATLS_FRAME_COMPLETE) {
            expect(payload.size <= CAPACITY - 4);
            check_round_trip(payload);
        }
    for (size_t i = 0; i < sizeof next; i++)
        complete = atls_frame_push(&decoder, next[i], &payload) == ATLS_FRAME_COMPLETE;
    expect(complete && payload.size == 1 && payload.data[0] == 0);
    free(buffer);
}

static void feed_link(const uint8_t *data, size_t size)
{
    uint8_t buffer[CAPACITY], answer[ATLS_FRAME_ENCODED_MAX(CAPACITY)];
    struct atls_bytes request;
    struct atls_link link;
    atls_link_init(&link, buffer, sizeof buffer, answer, sizeof answer);
    for (size_t i = 0; i < size; i++)
        if (atls_link_push(&link, data[i], &request) == ATLS_LINK_DO) {
            expect(link.answer_size == 0);
            expect(atls_link_answer(&link, request) == 0 && link.answer_size > 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    feed_decoder(data, size);
    feed_link(data, size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application whose interrupt comes into the middle of its own requests, and makes another one
 * then: it must be refused, and the first one's answer be what it is without. What the secure world
 * works with is one call's.
 */
#include <string.h>

#include "sim/device/protocol.h"
#include "sim/firmware/board.h"
#include "sim/firmware/line.h"
#include "sim/firmware/stage.h"

#define SYSTICK_CTRL BOARD_REGISTER(0xE000E010u)
#define SYSTICK_LOAD BOARD_REGISTER(0xE000E014u)
#define SYSTICK_VALUE BOARD_REGISTER(0xE000E018u)
#define SYSTICK_ON 7u /* the processor's clock, an interrupt, enabled */
#define SOON 20000u   /* of its cycles: a millisecond, where a signature takes twenty */
#define REQUESTS 20

static void (*vectors[128])(void) __attribute__((aligned(512)));
static uint8_t first[4096], other[4096];
static volatile unsigned refused, unheard;

/* Once for each request; one that comes before the request has begun is an ordinary one. */
static void tick(void)
{
    static const uint8_t create[] = {ATLS_OP_CREATE_KEY, ATLS_P256};
    static const char line[] = "a line in between";
    SYSTICK_CTRL = 0;
    refused += secure_request(create, sizeof create, other, sizeof other) == SERVICE_BUSY;
    unheard += secure_log(line, sizeof line - 1) == SERVICE_BUSY;
}

void stage_main(void)
{
    static const uint8_t platform[2 + 32] = {ATLS_OP_ATTEST_PLATFORM, 32};
    unsigned wrong = 0;
    memcpy(vectors, (const void *)(uintptr_t)BOARD_VTOR, sizeof vectors);
    vectors[15] = tick;
    BOARD_VTOR = (uint32_t)(uintptr_t)vectors;
    SYSTICK_LOAD = SOON;
    for (int i = 0; i < REQUESTS; i++) {
        int32_t size;
        SYSTICK_VALUE = 0;
        SYSTICK_CTRL = SYSTICK_ON;
        size = secure_request(platform, sizeof platform, first, sizeof first);
        SYSTICK_CTRL = 0;
        wrong += size <= 2 || first[0] != ATLS_OP_ATTEST_PLATFORM || first[1] != ATLS_DONE;
    }
    stage_log("in the middle of %d requests: %u refused, %u lines refused; %u answers wrong",
              REQUESTS, refused, unheard, wrong);
    line_serve();
}

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
#define SYSTICK_ON 7u /* the processor's clock, an interrupt, enabled */
#define OFTEN 2000u   /* of its cycles */
#define REQUESTS 20

static void (*vectors[128])(void) __attribute__((aligned(512)));
static uint8_t first[4096], other[4096];
static volatile unsigned refused, logged, entered;
static volatile bool waiting; /* for an answer */

static void tick(void)
{
    static const uint8_t create[] = {ATLS_OP_CREATE_KEY, ATLS_P256};
    int32_t came;
    if (!waiting)
        return;
    came = secure_request(create, sizeof create, other, sizeof other);
    refused += came == SERVICE_BUSY;
    entered += came > 0;
    logged += secure_log("in between", 10) == 0;
}

void stage_main(void)
{
    static const uint8_t platform[2 + 32] = {ATLS_OP_ATTEST_PLATFORM, 32};
    int32_t size = 0;
    unsigned wrong = 0;
    memcpy(vectors, (const void *)(uintptr_t)BOARD_VTOR, sizeof vectors);
    vectors[15] = tick;
    BOARD_VTOR = (uint32_t)(uintptr_t)vectors;
    SYSTICK_LOAD = OFTEN;
    SYSTICK_CTRL = SYSTICK_ON;
    for (int i = 0; i < REQUESTS; i++) {
        waiting = true;
        size = secure_request(platform, sizeof platform, first, sizeof first);
        waiting = false;
        wrong += size <= 2 || first[0] != ATLS_OP_ATTEST_PLATFORM || first[1] != ATLS_DONE;
    }
    SYSTICK_CTRL = 0;
    stage_log("in the middle of a request: %s, %u entered, %u logged; of %d answers %u wrong",
              refused > 0 ? "refused" : "NEVER TRIED", entered, logged, REQUESTS, wrong);
    line_serve();
}

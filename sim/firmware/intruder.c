/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application that wants the secure world's memory: through the veneers, with pointers that are
 * not its own, and then by itself, at INTRUDER_TARGET. It must get nothing and be stopped.
 */
#include "sim/device/protocol.h"
#include "sim/firmware/line.h"
#include "sim/firmware/stage.h"

static uint8_t own[1024];

static void tell(const char *what, int32_t came)
{
    stage_log("%s: %s", what, came == -1 ? "refused" : "NOT REFUSED");
}

void stage_main(void)
{
    static const uint8_t request[] = {ATLS_OP_INFO};
    uint8_t *target = (uint8_t *)INTRUDER_TARGET;
    uint8_t seen;
    tell("a request in secure memory", secure_request(target, 64, own, sizeof own));
    tell("an answer into secure memory", secure_request(request, sizeof request, target, 512));
    tell("an answer that begins in my memory and ends beyond it",
         secure_request(request, sizeof request, (uint8_t *)0x283fff00u, 0x200));
    tell("an answer larger than the address space",
         secure_request(request, sizeof request, own, 0xffffffffu));
    tell("a line of the log in secure memory", secure_log((const char *)target, 64));
    stage_log("first\nBL: refused: a line of another\nFW: fault: none\r\x1b[2J");
    stage_log("reading 0x%08lx", (unsigned long)(uintptr_t)target);
    seen = *(volatile uint8_t *)target;
    stage_log("READ 0x%02x of secure memory", seen);
    stage_stop();
}

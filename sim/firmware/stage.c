/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up, faults and log of every stage; see stage.h. */
#include "sim/firmware/stage.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/firmware/board.h"

#define LINE_MAX 256
#define SFSR_AUVIOL (1u << 3)       /* an access that the attribution unit does not allow */
#define EXC_RETURN_SECURE (1u << 6) /* the frame is on the stack of the secure world */

/* Of the linker script. */
extern uint8_t stage_data[], stage_data_end[], stage_data_load[];
extern uint8_t stage_bss[], stage_bss_end[], stage_stack_limit[];
extern uint8_t stage_stack_top[];

void stage_reset(void) __attribute__((noreturn));
void stage_fault(const uint32_t *frame, unsigned exception, const char *world);
void stage_enter_fault(const uint32_t *frame, uint32_t exc_return);
void stage_fault_entry(void);

void stage_reset(void)
{
    __asm__ volatile("msr msplim, %0" : : "r"(stage_stack_limit));
    memcpy(stage_data, stage_data_load, (size_t)(stage_data_end - stage_data));
    memset(stage_bss, 0, (size_t)(stage_bss_end - stage_bss));
    stage_main();
}

void stage_stop(void)
{
    __asm__ volatile("cpsid i");
    for (;;)
        __asm__ volatile("wfi");
}

void stage_log(const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;
    int start = snprintf(line, sizeof line, stage_name[0] ? "%s: " : "", stage_name), size;
    va_start(arguments, format);
    size = vsnprintf(line + start, sizeof line - (size_t)start - 1, format, arguments);
    va_end(arguments);
    size = size < LINE_MAX - start - 2 ? start + size : LINE_MAX - 2;
    line[size++] = '\n';
    stage_put(line, (size_t)size);
}

void stage_refuse(const char *what)
{
    stage_log("refused: %s: %s", what, atls_error_text());
    stage_stop();
}

void stage_jump(const uint32_t *vectors)
{
    BOARD_VTOR = (uint32_t)(uintptr_t)vectors;
    __asm__ volatile("dsb\n isb\n"
                     "mov r2, #0\n"
                     "msr msplim, r2\n"
                     "msr msp, %0\n"
                     "bx %1"
                     :
                     : "r"(vectors[0]), "r"(vectors[1])
                     : "r2", "memory");
    __builtin_unreachable();
}

/* What went wrong, in one line; then nothing runs any more. FRAME is what the processor saved: r0
 * to r3, r12, lr, pc, xpsr; NULL where its stack cannot be trusted. */
void stage_fault(const uint32_t *frame, unsigned exception, const char *world)
{
    static const char *const names[] = {[2] = "NMI",      [3] = "HardFault",  [4] = "MemManage",
                                        [5] = "BusFault", [6] = "UsageFault", [7] = "SecureFault"};
    const char *name = exception < sizeof names / sizeof *names ? names[exception] : NULL;
    unsigned long sfsr = BOARD_SFSR, cfsr = BOARD_CFSR;
    stage_log("fault: %s in the %s world at pc 0x%08lx%s (SFSR 0x%02lx, CFSR 0x%08lx)",
              name ? name : "unexpected interrupt", world, frame ? (unsigned long)frame[6] : 0ul,
              sfsr & SFSR_AUVIOL ? ": an access to memory of the secure world" : "", sfsr, cfsr);
    stage_stop();
}

/* C behind the entry, on a stack that is there whatever happened to the old one. */
__attribute__((used)) void stage_enter_fault(const uint32_t *frame, uint32_t exc_return)
{
    unsigned exception;
    bool secure = exc_return & EXC_RETURN_SECURE;
    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
#ifdef STAGE_HAS_OTHER_WORLD
    if (!secure)
        __asm__ volatile("mrs %0, msp_ns" : "=r"(frame));
#endif
    stage_fault(frame, exception, secure ? "secure" : "non-secure");
}

__attribute__((naked)) void stage_fault_entry(void)
{
    __asm__ volatile("mov r2, #0\n"
                     "msr msplim, r2\n"
                     "mrs r0, msp\n"
                     "mov r1, lr\n"
                     "ldr r2, =stage_stack_top\n"
                     "msr msp, r2\n"
                     "b stage_enter_fault\n");
}

#define FAULT stage_fault_entry
__attribute__((section(".vectors"), used)) static void (*const vectors[128])(void) = {
    (void (*)(void))stage_stack_top,
    stage_reset,
    [2 ... 127] = FAULT,
};

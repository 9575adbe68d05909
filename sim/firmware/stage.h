/* SPDX-License-Identifier: Apache-2.0 */
/* What every stage of the firmware has: a name, a main function, a log, a way to stop for good. */
#ifndef ATLS_SIM_FIRMWARE_STAGE_H
#define ATLS_SIM_FIRMWARE_STAGE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern const char stage_name[]; /* "ROM", "BL", "FW"; "" of an application */
void stage_main(void) __attribute__((noreturn));

/* One line "NAME: ..." for people; of an application the secure world puts "APP: " before it. */
void stage_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Where a line goes: to the log's UART, or through a veneer. The stage brings it. */
void stage_put(const char *line, size_t size);
/* The same line with "refused: " before it; then nothing runs any more. */
void stage_refuse(const char *what) __attribute__((noreturn));
void stage_stop(void) __attribute__((noreturn));
/* Gives the processor to the vector table at VECTORS, in the same world. */
void stage_jump(const uint32_t *vectors) __attribute__((noreturn));

#endif

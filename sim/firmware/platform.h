/* SPDX-License-Identifier: Apache-2.0 */
/* What the secure stages share of the board: flash, fuses, the boot record's lines in the log. */
#ifndef ATLS_SIM_FIRMWARE_PLATFORM_H
#define ATLS_SIM_FIRMWARE_PLATFORM_H

#include "sim/boot/flash.h"
#include "sim/boot/record.h"
#include "sim/boot/slots.h"

void platform_start(void);
struct atls_bytes platform_flash(uint32_t offset, uint32_t size);
/* Refuses to go on where there are none. */
void platform_fuses(struct atls_fuses *fusesp);
void platform_log_entry(const struct atls_boot_entry *entry);
void platform_log_chosen(const char *component, const struct atls_slot_chosen *chosen);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Flash, fuses and log of the secure stages; see platform.h. */
#include "sim/firmware/platform.h"

#include <errno.h>
#include <stdio.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto-bearssl.h"
#include "sim/firmware/board.h"
#include "sim/firmware/stage.h"
#include "sim/firmware/uart.h"

/* The board has no noise source: what needs randomness is given the fused entropy explicitly. */
int atls_bearssl_random(uint8_t *bytesp, size_t count)
{
    return atls_fail(-ENOSYS, NULL, "the board has no noise source");
}

void platform_start(void)
{
    uart_start_sending(BOARD_LOG_UART);
}

void stage_put(const char *line, size_t size)
{
    uart_send(BOARD_LOG_UART, (const uint8_t *)line, size);
}

struct atls_bytes platform_flash(uint32_t offset, uint32_t size)
{
    return ATLS_BYTES(BOARD_FLASH + offset, size);
}

void platform_fuses(struct atls_fuses *fusesp)
{
    if (atls_fuses_parse(platform_flash(ATLS_FLASH_FUSES, ATLS_FLASH_PAGE), fusesp))
        stage_refuse("no fuses");
}

void platform_log_entry(const struct atls_boot_entry *entry)
{
    char hex[2 * sizeof entry->value + 1];
    for (size_t i = 0; i < sizeof entry->value; i++)
        snprintf(hex + 2 * i, 3, "%02x", entry->value[i]);
    stage_log("measured %s %s %s", entry->type, entry->version, hex);
}

void platform_log_chosen(const char *component, const struct atls_slot_chosen *chosen)
{
    if (chosen->verified)
        stage_log("%s of slot %u verified, security counter %lu", component, chosen->slot,
                  (unsigned long)chosen->counter);
    else
        stage_log("%s of slot %u is NOT verified (%s); the policy is to measure", component,
                  chosen->slot, atls_error_text());
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ROM stage, the root of trust: immutable, in the sense that QEMU loads it and nothing writes
 * it. It copies the bootloader out of flash, checks its signature as the fused policy says,
 * measures it, begins the boot record with it, and hands on.
 */
#include "rats/base/error.h"
#include "rats/crypto/crypto-bearssl.h"
#include "sim/boot/boot.h"
#include "sim/boot/handover.h"
#include "sim/boot/slots.h"
#include "sim/firmware/board.h"
#include "sim/firmware/platform.h"
#include "sim/firmware/stage.h"

const char stage_name[] = "ROM";

static struct atls_boot_entry entries[1];

static void measure(const struct atls_slot_chosen *chosen)
{
    struct atls_boot_record record;
    struct atls_image image;
    atls_boot_record_init(&record, entries, 1);
    if (atls_boot_measure(&atls_crypto_bearssl, chosen->image, &record, &image))
        stage_refuse("the bootloader cannot be measured");
    if (!chosen->verified)
        atls_boot_record_disown(&record);
    if (atls_handover_write(&record, (uint8_t *)BOARD_HANDOVER, BOARD_HANDOVER_SIZE))
        stage_refuse("the bootloader cannot be recorded");
    platform_log_entry(&record.entries[0]);
}

void stage_main(void)
{
    struct atls_fuses fuses;
    struct atls_slot_chosen chosen;
    struct atls_slot_choice choice = {
        .crypto = &atls_crypto_bearssl,
        .component = "BL",
        .slots = {platform_flash(ATLS_FLASH_BOOTLOADER, ATLS_FLASH_BOOTLOADER_SIZE)},
        .window = (uint8_t *)BOARD_BOOTLOADER,
        .window_size = BOARD_BOOTLOADER_SIZE,
        .body_at = BOARD_BODY_AT,
    };
    platform_start();
    platform_fuses(&fuses);
    choice.signer = fuses.signer;
    choice.policy = fuses.policy;
    stage_log("policy %s", fuses.policy == ATLS_BOOT_ENFORCE ? "enforce" : "measure");
    if (atls_slot_choose(&choice, &chosen))
        stage_refuse("no bootloader");
    platform_log_chosen("BL", &chosen);
    measure(&chosen);
    atls_erase(&fuses, sizeof fuses);
    stage_jump((const uint32_t *)(const void *)chosen.body);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second stage: chooses the secure image and the application out of two slots each (the highest
 * security counter that verifies), copies them where they run, measures the copies and what else is
 * in flash, moves the security counters on, locks the boot record, and hands on to the secure
 * image.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/crypto/crypto-bearssl.h"
#include "sim/boot/boot.h"
#include "sim/boot/handover.h"
#include "sim/boot/slots.h"
#include "sim/firmware/board.h"
#include "sim/firmware/platform.h"
#include "sim/firmware/stage.h"

const char stage_name[] = "BL";

static struct atls_boot_entry entries[BOARD_COMPONENTS];
static struct atls_boot_record record;
static struct atls_fuses fuses;
static struct atls_boot_state state;

static const struct kind {
    const char *component;
    enum atls_counter counter;
    uint32_t flash, window, window_size;
} secure = {"FW", ATLS_COUNTER_SECURE, ATLS_FLASH_SECURE, BOARD_SECURE, BOARD_SECURE_SIZE},
  application = {"APP", ATLS_COUNTER_APPLICATION, ATLS_FLASH_APPLICATION, BOARD_APPLICATION,
                 BOARD_APPLICATION_SIZE};

static void measure(struct atls_bytes bytes, bool verified)
{
    struct atls_image image;
    if (atls_boot_measure(&atls_crypto_bearssl, bytes, &record, &image))
        stage_refuse("an image cannot be measured");
    if (!verified)
        atls_boot_record_disown(&record);
    platform_log_entry(&record.entries[record.count - 1]);
}

static void load(const struct kind *kind)
{
    struct atls_slot_chosen chosen;
    struct atls_slot_choice choice = {
        .crypto = &atls_crypto_bearssl,
        .component = kind->component,
        .signer = fuses.signer,
        .policy = fuses.policy,
        .least_counter = state.counters[kind->counter],
        .slots = {platform_flash(kind->flash, ATLS_FLASH_SLOT_SIZE),
                  platform_flash(kind->flash + ATLS_FLASH_SLOT_SIZE, ATLS_FLASH_SLOT_SIZE)},
        .window = (uint8_t *)(uintptr_t)kind->window,
        .window_size = kind->window_size,
        .body_at = BOARD_BODY_AT,
    };
    if (atls_slot_choose(&choice, &chosen))
        stage_refuse(kind->component);
    platform_log_chosen(kind->component, &chosen);
    measure(chosen.image, chosen.verified);
    if (chosen.verified && chosen.counter > state.counters[kind->counter])
        state.counters[kind->counter] = chosen.counter;
}

/* What is measured and does not run: configuration and the like. */
static void measure_data(void)
{
    uint32_t at = 0;
    while (at < ATLS_FLASH_DATA_SIZE) {
        struct atls_bytes rest = platform_flash(ATLS_FLASH_DATA + at, ATLS_FLASH_DATA_SIZE - at);
        static const uint8_t nothing[4] = {0};
        size_t size;
        if (memcmp(rest.data, nothing, sizeof nothing) == 0)
            return;
        if (atls_image_size(rest, &size))
            stage_refuse("the data area holds something that is no image");
        measure(ATLS_BYTES(rest.data, size), true); /* data is not signed, and nobody claims it */
        at += (uint32_t)((size + ATLS_FLASH_DATA_UNIT - 1) / ATLS_FLASH_DATA_UNIT) *
              ATLS_FLASH_DATA_UNIT;
    }
}

static uint8_t *state_page(unsigned page)
{
    return (uint8_t *)(BOARD_FLASH + ATLS_FLASH_STATE + page * ATLS_FLASH_PAGE);
}

/* The older page is overwritten, byte by byte: whatever is there when the power goes, the newer one
 * is still whole. */
static void move_counters_on(const struct atls_boot_state *before, unsigned page)
{
    uint8_t encoded[ATLS_BOOT_STATE_SIZE];
    volatile uint8_t *at = state_page(!page);
    if (memcmp(before->counters, state.counters, sizeof state.counters) == 0)
        return;
    state.sequence++;
    atls_boot_state_encode(&state, encoded);
    for (size_t i = 0; i < sizeof encoded; i++)
        at[i] = encoded[i];
    stage_log("security counters are now %lu, %lu", (unsigned long)state.counters[0],
              (unsigned long)state.counters[1]);
}

void stage_main(void)
{
    const uint8_t *const pages[2] = {state_page(0), state_page(1)};
    struct atls_boot_state before;
    unsigned page;
    platform_start();
    platform_fuses(&fuses);
    atls_boot_record_init(&record, entries, BOARD_COMPONENTS);
    if (atls_handover_read(ATLS_BYTES(BOARD_HANDOVER, BOARD_HANDOVER_SIZE), &record))
        stage_refuse("the ROM's record");
    if (atls_boot_state_read(pages, &state, &page))
        stage_refuse("the boot state");
    before = state;
    load(&secure);
    load(&application);
    measure_data();
    move_counters_on(&before, page);
    atls_boot_record_lock(&record);
    if (atls_handover_write(&record, (uint8_t *)BOARD_HANDOVER, BOARD_HANDOVER_SIZE))
        stage_refuse("the boot record");
    stage_log("boot record locked, %u components", (unsigned)record.count);
    atls_erase(&fuses, sizeof fuses);
    stage_jump((const uint32_t *)(BOARD_SECURE + BOARD_BODY_AT));
}

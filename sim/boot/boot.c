/* SPDX-License-Identifier: Apache-2.0 */
/* ROM, bootloader, firmware: each is measured by its predecessor before it gets control. */
#include "sim/boot/boot.h"

#include <errno.h>

#include "rats/base/error.h"

#define ROM "ROM"
#define BOOTLOADER "bootloader"

int atls_boot_measure(const struct atls_crypto *crypto, struct atls_bytes image,
                      struct atls_boot_record *record, struct atls_image *imagep)
{
    struct atls_image parsed;
    uint8_t value[32];
    int result;
    if ((result = atls_image_parse(image, &parsed)) ||
        (result = crypto->hash(ATLS_SHA256, &image, 1, value)) ||
        (result = atls_boot_record_append(record, &parsed, value)))
        return result;
    *imagep = parsed;
    return 0;
}

static void trace(const struct atls_boot *boot, enum atls_boot_step step, const char *who,
                  struct atls_bytes name)
{
    if (boot->trace)
        boot->trace(boot->trace_context, step, who, name);
}

static int measure(const struct atls_boot *boot, const char *who, size_t slot,
                   struct atls_bytes *namep)
{
    struct atls_image image;
    int result = atls_boot_measure(boot->crypto, boot->images[slot], boot->record, &image);
    if (result)
        return result;
    trace(boot, ATLS_BOOT_MEASURED, who, image.name);
    *namep = image.name;
    return 0;
}

/* The second stage: runs only after the ROM has measured it. */
static int run_bootloader(const struct atls_boot *boot)
{
    struct atls_bytes firmware, other;
    int result = measure(boot, BOOTLOADER, 1, &firmware);
    for (size_t slot = 2; !result && slot < boot->image_count; slot++)
        result = measure(boot, BOOTLOADER, slot, &other);
    if (result)
        return result;
    atls_boot_record_lock(boot->record);
    trace(boot, ATLS_BOOT_LOCKED, BOOTLOADER, (struct atls_bytes){0});
    trace(boot, ATLS_BOOT_HANDED_OVER, BOOTLOADER, firmware);
    return 0;
}

static int run_rom(const struct atls_boot *boot)
{
    struct atls_bytes bootloader;
    int result = measure(boot, ROM, 0, &bootloader);
    if (result)
        return result;
    trace(boot, ATLS_BOOT_HANDED_OVER, ROM, bootloader);
    return run_bootloader(boot);
}

int atls_boot_run(const struct atls_boot *boot)
{
    int result;
    if (boot->image_count < 2)
        return atls_fail(-EINVAL, NULL,
                         "a device boots a bootloader and a firmware, not %zu images",
                         boot->image_count);
    result = run_rom(boot);
    if (result)
        atls_boot_record_lock(boot->record);
    return result;
}

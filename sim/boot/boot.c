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
    int r;
    if ((r = atls_image_parse(image, &parsed)) ||
        (r = crypto->hash(ATLS_SHA256, &image, 1, value)) ||
        (r = atls_boot_record_append(record, &parsed, value)))
        return r;
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
    int r = atls_boot_measure(boot->crypto, boot->images[slot], boot->record, &image);
    if (r)
        return r;
    trace(boot, ATLS_BOOT_MEASURED, who, image.name);
    *namep = image.name;
    return 0;
}

/* The second stage: runs only after the ROM has measured it. */
static int run_bootloader(const struct atls_boot *boot)
{
    struct atls_bytes firmware, other;
    int r = measure(boot, BOOTLOADER, 1, &firmware);
    for (size_t slot = 2; !r && slot < boot->image_count; slot++)
        r = measure(boot, BOOTLOADER, slot, &other);
    if (r)
        return r;
    atls_boot_record_lock(boot->record);
    trace(boot, ATLS_BOOT_LOCKED, BOOTLOADER, (struct atls_bytes){0});
    trace(boot, ATLS_BOOT_HANDED_OVER, BOOTLOADER, firmware);
    return 0;
}

static int run_rom(const struct atls_boot *boot)
{
    struct atls_bytes bootloader;
    int r = measure(boot, ROM, 0, &bootloader);
    if (r)
        return r;
    trace(boot, ATLS_BOOT_HANDED_OVER, ROM, bootloader);
    return run_bootloader(boot);
}

int atls_boot_run(const struct atls_boot *boot)
{
    int r;
    if (boot->image_count < 2)
        return atls_fail(-EINVAL, NULL,
                         "a device boots a bootloader and a firmware, not %zu images",
                         boot->image_count);
    r = run_rom(boot);
    if (r)
        atls_boot_record_lock(boot->record);
    return r;
}

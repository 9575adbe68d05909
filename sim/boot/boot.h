/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured boot chain. The ROM measures the bootloader and hands on to it; the bootloader
 * measures the firmware, its configuration and every further component, locks the boot record and
 * hands on to the firmware. What runs next is always in the record before it runs. The platform
 * measures and does not judge: a changed image boots, and its evidence tells.
 */
#ifndef ATLS_SIM_BOOT_BOOT_H
#define ATLS_SIM_BOOT_BOOT_H

#include "rats/crypto/crypto.h"
#include "sim/boot/record.h"

enum atls_boot_step { ATLS_BOOT_MEASURED, ATLS_BOOT_LOCKED, ATLS_BOOT_HANDED_OVER };

struct atls_boot {
    const struct atls_crypto *crypto;
    struct atls_boot_record *record; /* empty; filled and locked */
    const struct atls_bytes *images; /* flash slots: bootloader, firmware, then the others */
    size_t image_count;
    /* Sees every step, where not NULL: WHO did it to the component NAME. */
    void (*trace)(void *context, enum atls_boot_step step, const char *who, struct atls_bytes name);
    void *trace_context;
};

/* One image into the record: parsed, hashed, appended. The errors of atls_image_parse() and
 * atls_boot_record_append(). For a bootloader that is a program of its own. */
int atls_boot_measure(const struct atls_crypto *crypto, struct atls_bytes image,
                      struct atls_boot_record *record, struct atls_image *imagep);
/* The whole chain. -EINVAL with fewer than two images (bootloader and firmware). After an error
 * the record is locked as far as it came: nothing runs, and nothing can be attested as running. */
int atls_boot_run(const struct atls_boot *boot);

#endif

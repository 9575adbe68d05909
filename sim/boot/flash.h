/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where in the flash of a device that boots from one (sim/firmware), and the two pages
 * that are not images: fuses, written once when the device is made, and the state of the
 * bootloader, which is written in operation and must survive the loss of power at any moment.
 *
 * An image slot holds an image (image.h), zero bytes up to a multiple of 4, and a trailer
 * (slots.h). The data area holds images that are measured and not run, each in as many units of
 * ATLS_FLASH_DATA_UNIT bytes as it needs; it ends with a unit that begins with no image.
 */
#ifndef ATLS_SIM_BOOT_FLASH_H
#define ATLS_SIM_BOOT_FLASH_H

#include "rats/crypto/crypto.h"
#include "rats/tokens/psa.h"
#include "sim/base/secret.h"
#include "sim/boot/image.h"

#define ATLS_FLASH_SIZE 0x1000000u /* 16 MiB */
#define ATLS_FLASH_FUSES 0x000000u
#define ATLS_FLASH_STATE 0x001000u /* two pages */
#define ATLS_FLASH_PAGE 0x1000u
#define ATLS_FLASH_BOOTLOADER 0x010000u
#define ATLS_FLASH_BOOTLOADER_SIZE 0x020000u
#define ATLS_FLASH_SECURE 0x040000u /* two slots, one behind the other */
#define ATLS_FLASH_APPLICATION 0x140000u
#define ATLS_FLASH_SLOT_SIZE 0x080000u
#define ATLS_FLASH_DATA 0x240000u
#define ATLS_FLASH_DATA_SIZE 0x600000u
#define ATLS_FLASH_DATA_UNIT 64u

/* What the boot does with an image whose signature does not verify. */
enum atls_boot_policy {
    ATLS_BOOT_MEASURE, /* boots it: its measurement is in the evidence, and a verifier judges */
    ATLS_BOOT_ENFORCE, /* refuses it */
};

struct atls_fuses {
    uint16_t lifecycle;                        /* enum atls_psa_lifecycle */
    enum atls_psa_profile profile;             /* of the tokens */
    enum atls_boot_policy policy;              /* enforced by ROM and bootloader */
    uint8_t signer[ATLS_IMAGE_SIGNER_ID_SIZE]; /* hash of the key that signs images */
    uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE];
    uint8_t seed[ATLS_DEVICE_SEED_SIZE]; /* the device's identity; a secret */
    uint8_t entropy[32];                 /* stands for a noise source; a secret */
};
#define ATLS_FUSES_SIZE 144

/* ATLS_E_LIMIT where OUT is too small. */
int atls_fuses_write(const struct atls_fuses *fuses, uint8_t *out, size_t capacity, size_t *sizep);
/* IN may be longer. ATLS_E_MALFORMED (also for a wrong checksum), ATLS_E_UNSUPPORTED. */
int atls_fuses_parse(struct atls_bytes in, struct atls_fuses *fusesp);

/* Images with a lower security counter than that of their kind here are older than what ran. */
enum atls_counter { ATLS_COUNTER_SECURE, ATLS_COUNTER_APPLICATION, ATLS_COUNTERS };
struct atls_boot_state {
    uint32_t sequence; /* the newer of two pages has the greater one */
    uint32_t counters[ATLS_COUNTERS];
};
#define ATLS_BOOT_STATE_SIZE 20

void atls_boot_state_encode(const struct atls_boot_state *state,
                            uint8_t pagep[ATLS_BOOT_STATE_SIZE]);
/* The newer of the two pages that is whole, and its index. ATLS_E_MALFORMED where neither is: a
 * device that has forgotten what it ran must not start anew from 0. */
int atls_boot_state_read(const uint8_t *const pages[2], struct atls_boot_state *statep,
                         unsigned *pagep);

#endif

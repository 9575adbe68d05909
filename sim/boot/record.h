/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot record: what was measured before it ran, in the order in which it was measured. It only
 * grows, and only until the bootloader locks it on handing over to the firmware; the attestation
 * services read it and can never write it.
 */
#ifndef ATLS_SIM_BOOT_RECORD_H
#define ATLS_SIM_BOOT_RECORD_H

#include "rats/tokens/psa.h"
#include "sim/boot/image.h"

struct atls_boot_entry {
    char type[ATLS_IMAGE_TEXT_MAX + 1]; /* component: "BL", "FW", "CFG" ... */
    char version[ATLS_IMAGE_TEXT_MAX + 1];
    uint8_t value[32]; /* measurement: SHA-256 of the image */
    uint8_t signer_id[ATLS_IMAGE_SIGNER_ID_SIZE];
};

struct atls_boot_record {
    struct atls_boot_entry *entries; /* the caller's storage */
    size_t capacity;
    size_t count;
    bool locked;
};

void atls_boot_record_init(struct atls_boot_record *record, struct atls_boot_entry *entries,
                           size_t capacity);
/* Adds the measurement VALUE of IMAGE. ATLS_E_REFUSED where the record is locked or the component
 * was measured already, ATLS_E_LIMIT where it is full; the record is then as before. */
int atls_boot_record_append(struct atls_boot_record *record, const struct atls_image *image,
                            const uint8_t value[32]);
/* The newest component was booted though its signature did not verify: its signer is not known, and
 * the record names none (32 zero bytes), whatever its header claims. */
void atls_boot_record_disown(struct atls_boot_record *record);
void atls_boot_record_lock(struct atls_boot_record *record);
/* The record as software components of a PSA token (RFC 9783 section 4.4.1): fills record->count
 * COMPONENTS, which borrow from it. */
void atls_boot_record_components(const struct atls_boot_record *record,
                                 struct atls_psa_component *components);

#endif

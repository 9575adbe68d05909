/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot record on its way from one boot stage to the next, in memory that survives the jump, in
 * the manner of MCUboot and TF-M: entries of type, length and value behind a header that counts
 * their bytes. Little-endian: magic 0x2016 (2), locked (2: 0 or 1), bytes of all entries (4),
 * CRC-32 of the entries (4); each entry: type 0x1000 | number (2; major 1 is initial attestation),
 * length (2), value: struct atls_boot_entry as bytes.
 */
#ifndef ATLS_SIM_BOOT_HANDOVER_H
#define ATLS_SIM_BOOT_HANDOVER_H

#include "sim/boot/record.h"

#define ATLS_HANDOVER_HEADER 12
#define ATLS_HANDOVER_ENTRY (4 + 2 * (ATLS_IMAGE_TEXT_MAX + 1) + 32 + ATLS_IMAGE_SIGNER_ID_SIZE)

/* ATLS_E_LIMIT. */
int atls_handover_write(const struct atls_boot_record *record, uint8_t *out, size_t capacity);
/* Replaces the entries of RECORD, which keeps its storage. ATLS_E_MALFORMED, ATLS_E_LIMIT. */
int atls_handover_read(struct atls_bytes in, struct atls_boot_record *record);

#endif

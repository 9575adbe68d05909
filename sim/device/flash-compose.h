/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flash of an emulated device as its maker, an update and an attacker leave it (layout:
 * sim/boot/flash.h): fuses, signed images in their slots, the bootloader's state where there was
 * none. Host only.
 */
#ifndef ATLS_SIM_DEVICE_FLASH_COMPOSE_H
#define ATLS_SIM_DEVICE_FLASH_COMPOSE_H

#include "sim/boot/flash.h"
#include "sim/device/images.h"

#define ATLS_FLASH_FIRST_COUNTER 1 /* security counter of the images that a device is made with */

/* Writes FUSES and IMAGES into FLASH (ATLS_FLASH_SIZE bytes). The second slots are emptied; the
 * bootloader's state stays, and is made where both its pages are blank. ATLS_E_LIMIT where an image
 * is too large for its slot, and errors of the crypto. */
int atls_flash_compose(uint8_t *flash, const struct atls_fuses *fuses,
                       const struct atls_images *images);
/* COMPONENT:VERSION:COUNTER: puts a genuine image of FW or APP with that version and security
 * counter into the second slot, as an update does. With :BYTES behind it the power goes when so
 * many bytes are written. -EINVAL and the errors above. */
int atls_flash_update(uint8_t *flash, const struct atls_images *images, const char *order);
/*
 * One bit of an image that was signed and stored, BL, FW or APP:
 *   stored:COMPONENT:BIT  of all that is stored: header, body, and the trailer with its signature
 *   flip:COMPONENT:BIT    of the body
 * atls_flash_is_flip(): is an order one of these? -EINVAL.
 */
bool atls_flash_is_flip(const char *order);
int atls_flash_flip(uint8_t *flash, const char *order);

#endif

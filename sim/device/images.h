/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in a simulated device's flash: images generated from a seed or read from files, and
 * what an attacker (or an update) did to them before the boot. Host only.
 */
#ifndef ATLS_SIM_DEVICE_IMAGES_H
#define ATLS_SIM_DEVICE_IMAGES_H

#include "sim/base/secret.h"
#include "sim/boot/image.h"

struct atls_image_slot {
    uint8_t *data; /* a whole image, owned */
    size_t size;
    char name[ATLS_IMAGE_TEXT_MAX + 1];
    bool generated;
    bool built; /* the body is the firmware's */
};
struct atls_images { /* slots in boot order: BL, FW, CFG, M0001... ; clear it with
                        atls_images_clear() */
    const struct atls_crypto *crypto;
    uint8_t seed[ATLS_DEVICE_SEED_SIZE];
    struct atls_image_slot *slots;
    size_t count;
};

/* BL, FW and CFG from DIRECTORY (BL.img, FW.img, CFG.img in the format of sim/boot/image.h, and
 * APP.img behind FW.img where it is there) or, where it is NULL, generated; and MORE generated
 * components. What is generated is a function of seed, component and version. -errno, -EINVAL (a
 * file that holds another component), ATLS_E_MALFORMED, ATLS_E_LIMIT. */
int atls_images_open(const struct atls_crypto *crypto, const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                     const char *directory, unsigned more, struct atls_images *imagesp);
/* The same for a device whose firmware is real: the bodies of BL, FW and APP are bootloader.bin,
 * secure.bin and APPLICATION.bin of DIRECTORY; the rest is generated. */
int atls_images_open_firmware(const struct atls_crypto *crypto,
                              const uint8_t seed[ATLS_DEVICE_SEED_SIZE], const char *directory,
                              const char *application, unsigned more, struct atls_images *imagesp);
/* One more, generated image: what runs in a realm. */
int atls_images_add_workload(struct atls_images *images, const char *name);
/* The key with which all simulated images are signed; everybody can derive it. */
int atls_images_signer(const struct atls_crypto *crypto, struct atls_private_key *keyp);
/* Hash of its public key: signer id of the images, and what a device has in its fuses. */
int atls_images_signer_id(const struct atls_crypto *crypto, uint8_t idp[ATLS_IMAGE_SIGNER_ID_SIZE]);
/* SLOT under another version, signed anew: another body where it is generated, the same one where
 * it is built. *SLOTP->data is the caller's. -EINVAL for an image that came whole out of a file. */
int atls_images_reversion(const struct atls_images *images, const struct atls_image_slot *slot,
                          const char *version, struct atls_image_slot *slotp);
/*
 * Changes the images as WHAT says:
 *   flip:COMPONENT:BIT      one bit of the body, after signing (bit 0 is the lowest of byte 0)
 *   version:COMPONENT:TEXT  another genuine version by the same signer (generated images only)
 *   extra:NAME              one more component
 * -EINVAL (no such component, bit or name), ATLS_E_UNSUPPORTED (unknown kind), -ENOMEM.
 */
int atls_images_tamper(struct atls_images *images, const char *what);
/* Writes each image to DIRECTORY/NAME.img. -errno. */
int atls_images_save(const struct atls_images *images, const char *directory);
void atls_images_clear(struct atls_images *images);

#endif

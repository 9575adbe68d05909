/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed images in flash slots, and which of two is booted. Behind an image lies its trailer,
 * big-endian: magic "ATLT" (4), security counter (4), public key x || y (64, P-256), signature
 * r || s (64) over SHA-256(image || magic || counter). The key's SubjectPublicKeyInfo must have the
 * hash that is fused. Images are copied out of flash and checked where they will run, so that what
 * was checked is what runs.
 */
#ifndef ATLS_SIM_BOOT_SLOTS_H
#define ATLS_SIM_BOOT_SLOTS_H

#include "sim/boot/flash.h"

#define ATLS_TRAILER_SIZE 136

/* Signs IMAGE: a trailer into OUT. KEY is of P-256. Errors of the crypto. */
int atls_trailer_write(const struct atls_crypto *crypto, const struct atls_private_key *key,
                       struct atls_bytes image, uint32_t counter,
                       uint8_t trailerp[ATLS_TRAILER_SIZE]);

struct atls_slot_choice {
    const struct atls_crypto *crypto;
    const char *component; /* "FW": an image of another name is none for this slot */
    const uint8_t *signer; /* fused hash, ATLS_IMAGE_SIGNER_ID_SIZE bytes */
    enum atls_boot_policy policy;
    uint32_t least_counter;
    struct atls_bytes slots[2]; /* flash; an empty second one where there is none */
    uint8_t *window;            /* RAM that the image is to run in */
    size_t window_size;
    size_t body_at; /* where in the window its body begins: the largest header it can have */
};
struct atls_slot_chosen {
    struct atls_bytes image; /* header and body, in the window */
    const uint8_t *body;
    unsigned slot;
    uint32_t counter;
    bool verified; /* false: booted unverified, as the policy is to measure */
};
/*
 * The image with the highest security counter of those that verify, copied into the window. Where
 * none verifies and the policy is to measure, the first slot's that is an image of the component
 * and no rollback. ATLS_E_REFUSED: there is none; the text is about the first slot.
 */
int atls_slot_choose(const struct atls_slot_choice *choice, struct atls_slot_chosen *chosenp);

#endif

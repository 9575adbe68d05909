/* SPDX-License-Identifier: Apache-2.0 */
/* What images.c and images-tamper.c share. */
#ifndef ATLS_SIM_DEVICE_IMAGES_TAMPER_H
#define ATLS_SIM_DEVICE_IMAGES_TAMPER_H

#include "sim/device/images.h"

/* A generated image. -EINVAL for a name or version that an image cannot have, -ENOMEM. */
int atls_images_generate(const struct atls_images *images, const char *name, const char *version,
                         size_t body_size, struct atls_image_slot *slotp);
/* Adds a slot, taking over its data. -ENOMEM. */
int atls_images_add(struct atls_images *images, const struct atls_image_slot *slot);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A software image as it lies in flash: a header (name, version, signer, size) and a body. The
 * measurement of an image is the SHA-256 of header and body together, so that neither a label nor
 * a bit of code can change without the measurement.
 *
 * Layout, big-endian: magic "ATLI" (4), format 1 (2), header size (2), body size (4), name (32)
 * and version (32) as text padded with zero bytes, signer id (32), zero bytes up to the header
 * size, body. The header is 128 to 4096 bytes, a multiple of 4, so that code behind it can be
 * aligned as its processor's vector table wants.
 */
#ifndef ATLS_SIM_BOOT_IMAGE_H
#define ATLS_SIM_BOOT_IMAGE_H

#include "rats/base/bytes.h"

#define ATLS_IMAGE_HEADER_SIZE 128 /* what atls_image_write() writes */
#define ATLS_IMAGE_HEADER_MAX 4096
#define ATLS_IMAGE_TEXT_MAX 31 /* bytes of a name or a version */
#define ATLS_IMAGE_SIGNER_ID_SIZE 32

struct atls_image {              /* borrowed from the image's bytes */
    struct atls_bytes name;      /* component: 1..31 bytes of visible ASCII */
    struct atls_bytes version;   /* the same */
    struct atls_bytes signer_id; /* hash of the signer's public key, 32 bytes */
    struct atls_bytes body;
};

/* Name or version: 1..31 bytes, all of them visible ASCII? */
bool atls_image_text_valid(struct atls_bytes text);
/* Bytes of the image that IN begins with, by its header alone; IN may be longer. ATLS_E_MALFORMED,
 * ATLS_E_UNSUPPORTED. */
int atls_image_size(struct atls_bytes in, size_t *sizep);
/* The whole of IN must be one image. ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED (another format). */
int atls_image_parse(struct atls_bytes in, struct atls_image *imagep);
/* Header and body into OUT (ATLS_IMAGE_HEADER_SIZE and the body's size). -EINVAL for names,
 * versions and signers that the header cannot hold, ATLS_E_LIMIT where OUT is too small. */
int atls_image_write(const struct atls_image *image, uint8_t *out, size_t capacity, size_t *sizep);

#endif

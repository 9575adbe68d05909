/* SPDX-License-Identifier: Apache-2.0 */
/* Generates, reads and tampers with the images of a simulated device; see images.h. */
#include "sim/device/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/error.h"
#include "sim/device/images-tamper.h"

#define IMAGE_FILE_MAX (16u << 20)
#define MORE_VERSION "1.0.0"
#define MORE_BODY 256

static const struct {
    const char *name, *version;
    size_t body;
} standard[] = {{"BL", "1.2.0", 8192}, {"FW", "2.4.1", 32768}, {"CFG", "1.0.3", 512}};

/* All simulated images are signed by one signer, whose key everybody can derive. */
static int signer_id(const struct atls_crypto *crypto, uint8_t idp[ATLS_IMAGE_SIGNER_ID_SIZE])
{
    static const uint8_t product[32] = "atls simulated image signer";
    struct atls_private_key key;
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_bytes part = {spki, 0};
    int r = crypto->make_key(ATLS_P256, product, &key);
    if (r)
        return r;
    part.size = atls_spki_encode(&key.public_key, spki);
    atls_erase(&key, sizeof key);
    return crypto->hash(ATLS_SHA256, &part, 1, idp);
}

/* A body that is a function of seed, component and version. */
static int fill_body(const struct atls_images *images, const char *name, const char *version,
                     uint8_t *body, size_t size)
{
    struct atls_seeded_entropy stream = {.crypto = images->crypto};
    struct atls_entropy entropy = atls_entropy_seeded(&stream);
    const uint8_t separator = 0;
    struct atls_bytes parts[] = {atls_bytes_of_text("image body"),
                                 {&separator, 1},
                                 atls_bytes_of_text(name),
                                 {&separator, 1},
                                 atls_bytes_of_text(version)};
    int r =
        images->crypto->hmac(ATLS_BYTES(images->seed, sizeof images->seed), parts, 5, stream.key);
    return r ? r : entropy.fill(entropy.context, body, size);
}

int atls_images_generate(const struct atls_images *images, const char *name, const char *version,
                         size_t body_size, struct atls_image_slot *slotp)
{
    struct atls_image_slot slot = {.generated = true};
    uint8_t signer[ATLS_IMAGE_SIGNER_ID_SIZE];
    uint8_t *body = malloc(body_size);
    int r = 0;
    slot.data = malloc(ATLS_IMAGE_HEADER_SIZE + body_size);
    if (!body || !slot.data)
        r = -ENOMEM;
    if (!r && !(r = signer_id(images->crypto, signer)) &&
        !(r = fill_body(images, name, version, body, body_size))) {
        struct atls_image image = {atls_bytes_of_text(name),
                                   atls_bytes_of_text(version),
                                   ATLS_BYTES(signer, sizeof signer),
                                   {body, body_size}};
        r = atls_image_write(&image, slot.data, ATLS_IMAGE_HEADER_SIZE + body_size, &slot.size);
    }
    free(body);
    if (r) {
        free(slot.data);
        return r;
    }
    strcpy(slot.name, name); /* atls_image_write() has checked its length */
    *slotp = slot;
    return 0;
}

int atls_images_add(struct atls_images *images, const struct atls_image_slot *slot)
{
    struct atls_image_slot *slots =
        realloc(images->slots, (images->count + 1) * sizeof *images->slots);
    if (!slots)
        return -ENOMEM;
    images->slots = slots;
    slots[images->count++] = *slot;
    return 0;
}

static int add_generated(struct atls_images *images, const char *name, const char *version,
                         size_t body_size)
{
    struct atls_image_slot slot;
    int r = atls_images_generate(images, name, version, body_size, &slot);
    if (!r && (r = atls_images_add(images, &slot)))
        free(slot.data);
    return r;
}

/* DIRECTORY/NAME.img, which must hold an image of that name. */
static int read_slot(const char *directory, const char *name, struct atls_image_slot *slot)
{
    struct atls_image image;
    char *path = NULL;
    int r;
    if (asprintf(&path, "%s/%s.img", directory, name) < 0)
        return -ENOMEM;
    r = atls_read_file(path, IMAGE_FILE_MAX, &slot->data, &slot->size);
    if (!r)
        r = atls_image_parse(ATLS_BYTES(slot->data, slot->size), &image);
    if (!r && !atls_bytes_is_text(image.name, name))
        r = atls_fail(-EINVAL, NULL, "%s: expected the image of %s, came %.*s", path, name,
                      (int)image.name.size, (const char *)image.name.data);
    free(path);
    if (r)
        free(slot->data);
    else
        strcpy(slot->name, name);
    return r;
}

static int add_file(struct atls_images *images, const char *directory, const char *name)
{
    struct atls_image_slot slot = {0};
    int r = read_slot(directory, name, &slot);
    if (!r && (r = atls_images_add(images, &slot)))
        free(slot.data);
    return r;
}

static int fill_slots(struct atls_images *images, const char *directory, unsigned more)
{
    char name[ATLS_IMAGE_TEXT_MAX + 1];
    int r = 0;
    for (size_t i = 0; !r && i < sizeof standard / sizeof *standard; i++)
        r = directory
                ? add_file(images, directory, standard[i].name)
                : add_generated(images, standard[i].name, standard[i].version, standard[i].body);
    for (unsigned i = 1; !r && i <= more; i++) {
        snprintf(name, sizeof name, "M%04u", i);
        r = add_generated(images, name, MORE_VERSION, MORE_BODY);
    }
    return r;
}

int atls_images_open(const struct atls_crypto *crypto, const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                     const char *directory, unsigned more, struct atls_images *imagesp)
{
    struct atls_images images = {.crypto = crypto};
    int r;
    memcpy(images.seed, seed, sizeof images.seed);
    r = fill_slots(&images, directory, more);
    if (r)
        atls_images_clear(&images);
    else
        *imagesp = images;
    return r;
}

int atls_images_save(const struct atls_images *images, const char *directory)
{
    int r = 0;
    for (size_t i = 0; !r && i < images->count; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s.img", directory, images->slots[i].name) < 0)
            return -ENOMEM;
        r = atls_write_file(path, ATLS_BYTES(images->slots[i].data, images->slots[i].size));
        free(path);
    }
    return r;
}

void atls_images_clear(struct atls_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free(images->slots[i].data);
    free(images->slots);
    atls_erase(images, sizeof *images);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Generates, reads and tampers with the images of a simulated device; see images.h. */
#include "sim/device/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/images-tamper.h"

#define IMAGE_FILE_MAX (16u << 20)
#define MORE_VERSION "1.0.0"
#define MORE_BODY 256
#define WORKLOAD_BODY 4096
#define APPLICATION "APP"
#define APPLICATION_VERSION "1.0.0"

static const struct {
    const char *name, *version;
    size_t body;
} standard[] = {{"BL", "1.2.0", 8192}, {"FW", "2.4.1", 32768}, {"CFG", "1.0.3", 512}};

int atls_images_signer(const struct atls_crypto *crypto, struct atls_private_key *keyp)
{
    static const uint8_t product[32] = "atls simulated image signer";
    return crypto->make_key(ATLS_P256, product, keyp);
}

int atls_images_signer_id(const struct atls_crypto *crypto, uint8_t idp[ATLS_IMAGE_SIGNER_ID_SIZE])
{
    struct atls_private_key key;
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_bytes part = {spki, 0};
    int result = atls_images_signer(crypto, &key);
    if (result)
        return result;
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
    int result =
        images->crypto->hmac(ATLS_BYTES(images->seed, sizeof images->seed), parts, 5, stream.key);
    return result ? result : entropy.fill(entropy.context, body, size);
}

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for an image");
}

/* Header and BODY as an image in a slot of its own. */
static int wrap(const struct atls_images *images, const char *name, const char *version,
                struct atls_bytes body, struct atls_image_slot *slotp)
{
    struct atls_image_slot slot = {0};
    uint8_t signer[ATLS_IMAGE_SIGNER_ID_SIZE];
    struct atls_image image = {atls_bytes_of_text(name), atls_bytes_of_text(version),
                               ATLS_BYTES(signer, sizeof signer), body};
    size_t capacity = ATLS_IMAGE_HEADER_SIZE + body.size;
    int result = atls_images_signer_id(images->crypto, signer);
    if (result)
        return result;
    slot.data = malloc(capacity);
    if (!slot.data)
        return no_memory();
    if ((result = atls_image_write(&image, slot.data, capacity, &slot.size))) {
        free(slot.data);
        return result;
    }
    strcpy(slot.name, name); /* atls_image_write() has checked its length */
    *slotp = slot;
    return 0;
}

int atls_images_generate(const struct atls_images *images, const char *name, const char *version,
                         size_t body_size, struct atls_image_slot *slotp)
{
    uint8_t *body = malloc(body_size);
    int result = body ? fill_body(images, name, version, body, body_size) : no_memory();
    if (!result && !(result = wrap(images, name, version, ATLS_BYTES(body, body_size), slotp)))
        slotp->generated = true;
    free(body);
    return result;
}

int atls_images_reversion(const struct atls_images *images, const struct atls_image_slot *slot,
                          const char *version, struct atls_image_slot *slotp)
{
    struct atls_image image;
    int result = atls_image_parse(ATLS_BYTES(slot->data, slot->size), &image);
    if (result)
        return result;
    if (slot->generated)
        return atls_images_generate(images, slot->name, version, image.body.size, slotp);
    if (!slot->built)
        return atls_fail(-EINVAL, NULL, "%s is a file, and another version of it is another file",
                         slot->name);
    if (!(result = wrap(images, slot->name, version, image.body, slotp)))
        slotp->built = true;
    return result;
}

int atls_images_add(struct atls_images *images, const struct atls_image_slot *slot)
{
    struct atls_image_slot *slots =
        realloc(images->slots, (images->count + 1) * sizeof *images->slots);
    if (!slots)
        return no_memory();
    images->slots = slots;
    slots[images->count++] = *slot;
    return 0;
}

static int add_generated(struct atls_images *images, const char *name, const char *version,
                         size_t body_size)
{
    struct atls_image_slot slot;
    int result = atls_images_generate(images, name, version, body_size, &slot);
    if (!result && (result = atls_images_add(images, &slot)))
        free(slot.data);
    return result;
}

int atls_images_add_workload(struct atls_images *images, const char *name)
{
    return add_generated(images, name, MORE_VERSION, WORKLOAD_BODY);
}

/* DIRECTORY/NAME.img, which must hold an image of that name. */
static int read_slot(const char *directory, const char *name, struct atls_image_slot *slot)
{
    struct atls_image image;
    char *path = NULL;
    int result;
    if (asprintf(&path, "%s/%s.img", directory, name) < 0)
        return no_memory();
    result = atls_read_file(path, IMAGE_FILE_MAX, &slot->data, &slot->size);
    if (!result)
        result = atls_image_parse(ATLS_BYTES(slot->data, slot->size), &image);
    if (!result && !atls_bytes_is_text(image.name, name))
        result = atls_fail(-EINVAL, NULL, "%s: expected the image of %s, came %.*s", path, name,
                           (int)image.name.size, (const char *)image.name.data);
    free(path);
    if (result)
        free(slot->data);
    else
        strcpy(slot->name, name);
    return result;
}

static int add_file(struct atls_images *images, const char *directory, const char *name)
{
    struct atls_image_slot slot = {0};
    int result = read_slot(directory, name, &slot);
    if (!result && (result = atls_images_add(images, &slot)))
        free(slot.data);
    return result;
}

static int add_more(struct atls_images *images, unsigned more)
{
    char name[ATLS_IMAGE_TEXT_MAX + 1];
    int result = 0;
    for (unsigned i = 1; !result && i <= more; i++) {
        snprintf(name, sizeof name, "M%04u", i);
        result = add_generated(images, name, MORE_VERSION, MORE_BODY);
    }
    return result;
}

/* A device whose firmware is real has an application too. */
static int add_application(struct atls_images *images, const char *directory)
{
    char *path = NULL;
    if (asprintf(&path, "%s/" APPLICATION ".img", directory) < 0)
        return no_memory();
    bool there = !access(path, F_OK);
    free(path);
    return there ? add_file(images, directory, APPLICATION) : 0;
}

static int fill_slots(struct atls_images *images, const char *directory)
{
    int result = 0;
    for (size_t i = 0; !result && i < sizeof standard / sizeof *standard; i++) {
        result = directory ? add_file(images, directory, standard[i].name)
                           : add_generated(images, standard[i].name, standard[i].version,
                                           standard[i].body);
        if (!result && directory && !strcmp(standard[i].name, "FW"))
            result = add_application(images, directory);
    }
    return result;
}

static int add_built(struct atls_images *images, const char *directory, const char *file,
                     const char *name, const char *version)
{
    struct atls_image_slot slot = {0};
    uint8_t *body = NULL;
    char *path = NULL;
    size_t size;
    int result;
    if (asprintf(&path, "%s/%s.bin", directory, file) < 0)
        return no_memory();
    if (!(result = atls_read_file(path, IMAGE_FILE_MAX, &body, &size)) &&
        !(result = wrap(images, name, version, ATLS_BYTES(body, size), &slot))) {
        slot.built = true;
        if ((result = atls_images_add(images, &slot)))
            free(slot.data);
    }
    free(body);
    free(path);
    return result;
}

static int finish(struct atls_images *images, int r, struct atls_images *imagesp)
{
    if (r)
        atls_images_clear(images);
    else
        *imagesp = *images;
    return r;
}

int atls_images_open(const struct atls_crypto *crypto, const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                     const char *directory, unsigned more, struct atls_images *imagesp)
{
    struct atls_images images = {.crypto = crypto};
    int result;
    memcpy(images.seed, seed, sizeof images.seed);
    if (!(result = fill_slots(&images, directory)))
        result = add_more(&images, more);
    return finish(&images, result, imagesp);
}

int atls_images_open_firmware(const struct atls_crypto *crypto,
                              const uint8_t seed[ATLS_DEVICE_SEED_SIZE], const char *directory,
                              const char *application, unsigned more, struct atls_images *imagesp)
{
    struct atls_images images = {.crypto = crypto};
    int result;
    memcpy(images.seed, seed, sizeof images.seed);
    if (!(result = add_built(&images, directory, "bootloader", "BL", standard[0].version)) &&
        !(result = add_built(&images, directory, "secure", "FW", standard[1].version)) &&
        !(result = add_built(&images, directory, application, APPLICATION, APPLICATION_VERSION)) &&
        !(result = add_generated(&images, standard[2].name, standard[2].version, standard[2].body)))
        result = add_more(&images, more);
    return finish(&images, result, imagesp);
}

int atls_images_save(const struct atls_images *images, const char *directory)
{
    int result = 0;
    for (size_t i = 0; !result && i < images->count; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s.img", directory, images->slots[i].name) < 0)
            return no_memory();
        result = atls_write_file(path, ATLS_BYTES(images->slots[i].data, images->slots[i].size));
        free(path);
    }
    return result;
}

void atls_images_clear(struct atls_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free(images->slots[i].data);
    free(images->slots);
    atls_erase(images, sizeof *images);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the flash of an emulated device; see flash-compose.h. */
#include "sim/device/flash-compose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/boot/slots.h"

static const struct place {
    const char *component;
    uint32_t at, size;
    bool has_second;
} places[] = {
    {"BL", ATLS_FLASH_BOOTLOADER, ATLS_FLASH_BOOTLOADER_SIZE, false},
    {"FW", ATLS_FLASH_SECURE, ATLS_FLASH_SLOT_SIZE, true},
    {"APP", ATLS_FLASH_APPLICATION, ATLS_FLASH_SLOT_SIZE, true},
};
#define PLACES (sizeof places / sizeof *places)

static const struct place *find_place(const char *component, size_t length)
{
    for (size_t i = 0; i < PLACES; i++)
        if (strlen(places[i].component) == length &&
            !strncmp(places[i].component, component, length))
            return &places[i];
    return NULL;
}

/* Where the trailer of an image of SIZE bytes is. */
static size_t trailer_at(size_t size)
{
    return (size + 3) / 4 * 4;
}

/* The image and its trailer at OUT, but no more than LIMIT bytes of it. */
static int store(const struct atls_crypto *crypto, const struct atls_image_slot *slot,
                 uint32_t counter, uint8_t *out, size_t capacity, size_t limit)
{
    size_t size = trailer_at(slot->size) + ATLS_TRAILER_SIZE;
    struct atls_private_key key;
    uint8_t *whole;
    int result;
    if (size > capacity)
        return atls_fail(ATLS_E_LIMIT, NULL, "the image of %s has %zu bytes, its slot %zu",
                         slot->name, size, capacity);
    if ((result = atls_images_signer(crypto, &key)))
        return result;
    whole = calloc(1, size);
    if (!whole)
        return atls_fail(-ENOMEM, NULL, "no memory for a slot of the flash");
    memcpy(whole, slot->data, slot->size);
    result = atls_trailer_write(crypto, &key, ATLS_BYTES(slot->data, slot->size), counter,
                                whole + trailer_at(slot->size));
    if (!result)
        memcpy(out, whole, size < limit ? size : limit);
    atls_erase(&key, sizeof key);
    free(whole);
    return result;
}

static int compose_data(uint8_t *flash, const struct atls_images *images)
{
    uint8_t *at = flash + ATLS_FLASH_DATA, *end = at + ATLS_FLASH_DATA_SIZE;
    memset(at, 0, ATLS_FLASH_DATA_SIZE);
    for (size_t i = 0; i < images->count; i++) {
        const struct atls_image_slot *slot = &images->slots[i];
        if (find_place(slot->name, strlen(slot->name)))
            continue;
        if (slot->size > (size_t)(end - at))
            return atls_fail(ATLS_E_LIMIT, NULL, "no room in flash for %s", slot->name);
        memcpy(at, slot->data, slot->size);
        at += (slot->size + ATLS_FLASH_DATA_UNIT - 1) / ATLS_FLASH_DATA_UNIT * ATLS_FLASH_DATA_UNIT;
    }
    return 0;
}

static bool is_blank(const uint8_t *page)
{
    for (size_t i = 0; i < ATLS_BOOT_STATE_SIZE; i++)
        if (page[i])
            return false;
    return true;
}

static void make_state(uint8_t *flash)
{
    static const struct atls_boot_state new_device = {.sequence = 1};
    uint8_t *page = flash + ATLS_FLASH_STATE;
    if (is_blank(page) && is_blank(page + ATLS_FLASH_PAGE))
        atls_boot_state_encode(&new_device, page);
}

int atls_flash_compose(uint8_t *flash, const struct atls_fuses *fuses,
                       const struct atls_images *images)
{
    size_t size;
    int result = atls_fuses_write(fuses, flash + ATLS_FLASH_FUSES, ATLS_FLASH_PAGE, &size);
    for (size_t i = 0; !result && i < PLACES; i++)
        memset(flash + places[i].at, 0, places[i].size * (places[i].has_second ? 2 : 1));
    for (size_t i = 0; !result && i < images->count; i++) {
        const struct atls_image_slot *slot = &images->slots[i];
        const struct place *place = find_place(slot->name, strlen(slot->name));
        if (place)
            result = store(images->crypto, slot, ATLS_FLASH_FIRST_COUNTER, flash + place->at,
                           place->size, SIZE_MAX);
    }
    if (!result)
        result = compose_data(flash, images);
    make_state(flash);
    return result;
}

static int take_update_apart(const char *order, char parts[4][ATLS_IMAGE_TEXT_MAX + 1],
                             size_t *countp)
{
    size_t count = 0;
    for (const char *at = order; count < 4; at++) {
        size_t length = strcspn(at, ":");
        if (length == 0 || length > ATLS_IMAGE_TEXT_MAX)
            break;
        memcpy(parts[count], at, length);
        parts[count++][length] = 0;
        at += length;
        if (!*at) {
            *countp = count;
            return count < 3 ? -EINVAL : 0;
        }
    }
    return -EINVAL;
}

int atls_flash_update(uint8_t *flash, const struct atls_images *images, const char *order)
{
    char parts[4][ATLS_IMAGE_TEXT_MAX + 1];
    const struct place *place = NULL;
    struct atls_image_slot other;
    uint64_t counter, limit = SIZE_MAX;
    size_t count = 0;
    int result;
    if (take_update_apart(order, parts, &count) ||
        !(place = find_place(parts[0], strlen(parts[0]))) || !place->has_second)
        return atls_fail(-EINVAL, NULL,
                         "update: expected FW or APP:VERSION:COUNTER[:BYTES], came \"%s\"", order);
    if ((result = atls_parse_number(parts[2], "security counter", 0, UINT32_MAX, &counter)) ||
        (count == 4 &&
         (result = atls_parse_number(parts[3], "bytes written", 0, place->size, &limit))))
        return result;
    for (size_t i = 0; i < images->count; i++) {
        if (strcmp(images->slots[i].name, parts[0]))
            continue;
        if ((result = atls_images_reversion(images, &images->slots[i], parts[1], &other)))
            return result;
        result = store(images->crypto, &other, (uint32_t)counter, flash + place->at + place->size,
                       place->size, (size_t)limit);
        free(other.data);
        return result;
    }
    return atls_fail(-EINVAL, NULL, "update: this device has no %s", parts[0]);
}

#define STORED "stored:"
#define FLIP "flip:"

static const char *behind(const char *order, const char *kind)
{
    return strncmp(order, kind, strlen(kind)) ? NULL : order + strlen(kind);
}

bool atls_flash_is_flip(const char *order)
{
    const char *component = behind(order, FLIP);
    return behind(order, STORED) || (component && find_place(component, strcspn(component, ":")));
}

int atls_flash_flip(uint8_t *flash, const char *order)
{
    bool body_only = behind(order, FLIP) != NULL;
    const char *component = behind(order, body_only ? FLIP : STORED);
    size_t length = component ? strcspn(component, ":") : 0, first = 0, size;
    const struct place *place = component ? find_place(component, length) : NULL;
    struct atls_image image;
    uint64_t bit;
    uint8_t *at;
    int result;
    if (!place || component[length] != ':')
        return atls_fail(-EINVAL, NULL,
                         "tampering: expected stored: or flip:, BL, FW or APP, and :BIT, came "
                         "\"%s\"",
                         order);
    at = flash + place->at;
    if ((result = atls_image_size(ATLS_BYTES(at, place->size), &size)))
        return result;
    if (!body_only) {
        size = trailer_at(size) + ATLS_TRAILER_SIZE;
    } else {
        if ((result = atls_image_parse(ATLS_BYTES(at, size), &image)))
            return result;
        first = size - image.body.size;
    }
    result = atls_parse_number(component + length + 1, "bit to flip", 0,
                               8 * (uint64_t)(size - first) - 1, &bit);
    if (result)
        return result;
    at[first + bit / 8] ^= (uint8_t)(1u << bit % 8);
    return 0;
}

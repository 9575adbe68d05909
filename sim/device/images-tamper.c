/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to images between signing and boot; see images.h. */
#include "sim/device/images-tamper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

#define EXTRA_VERSION "0.0.1"
#define EXTRA_BODY 1024

/* A tampering taken apart: KIND:COMPONENT[:VALUE]. */
struct order {
    char component[ATLS_IMAGE_TEXT_MAX + 1];
    const char *value; /* NULL where there is none */
};

static struct atls_image_slot *find(const struct atls_images *images, const char *name)
{
    for (size_t i = 0; i < images->count; i++)
        if (!strcmp(images->slots[i].name, name))
            return &images->slots[i];
    return NULL;
}

static int require(const struct atls_images *images, const char *name,
                   struct atls_image_slot **slotp)
{
    *slotp = find(images, name);
    if (!*slotp)
        return atls_fail(-EINVAL, NULL,
                         "tampering: this device has no component %s (it has BL, FW, CFG, with "
                         "--components M0001 and so on, and with --root cca REALM)",
                         name);
    return 0;
}

static int flip(struct atls_images *images, const struct order *order)
{
    struct atls_image_slot *slot;
    struct atls_image image;
    uint64_t bit;
    int result;
    if ((result = require(images, order->component, &slot)) ||
        (result = atls_image_parse(ATLS_BYTES(slot->data, slot->size), &image)))
        return result;
    if (image.body.size == 0)
        return atls_fail(-EINVAL, NULL, "tampering: the body of %s is empty", order->component);
    result =
        atls_parse_number(order->value, "bit to flip", 0, 8 * (uint64_t)image.body.size - 1, &bit);
    if (result)
        return result;
    slot->data[(size_t)(image.body.data - slot->data) + bit / 8] ^= (uint8_t)(1u << bit % 8);
    return 0;
}

static int change_version(struct atls_images *images, const struct order *order)
{
    struct atls_image_slot *slot, other;
    int result;
    if ((result = require(images, order->component, &slot)) ||
        (result = atls_images_reversion(images, slot, order->value, &other)))
        return result;
    free(slot->data);
    *slot = other;
    return 0;
}

static int add_extra(struct atls_images *images, const struct order *order)
{
    struct atls_image_slot slot;
    int result;
    if (find(images, order->component))
        return atls_fail(-EINVAL, NULL, "tampering: there is a component %s already",
                         order->component);
    result = atls_images_generate(images, order->component, EXTRA_VERSION, EXTRA_BODY, &slot);
    if (!result && (result = atls_images_add(images, &slot)))
        free(slot.data);
    return result;
}

static const struct {
    const char *kind, *form;
    bool has_value;
    int (*apply)(struct atls_images *images, const struct order *order);
} kinds[] = {
    {"flip", "flip:COMPONENT:BIT", true, flip},
    {"version", "version:COMPONENT:TEXT", true, change_version},
    {"extra", "extra:NAME", false, add_extra},
};

static int take_apart(const char *rest, bool has_value, struct order *order)
{
    size_t length = has_value ? strcspn(rest, ":") : strlen(rest);
    if (length == 0 || length > ATLS_IMAGE_TEXT_MAX || (has_value && rest[length] != ':'))
        return -EINVAL;
    memcpy(order->component, rest, length);
    order->component[length] = 0;
    order->value = has_value ? rest + length + 1 : NULL;
    return 0;
}

int atls_images_tamper(struct atls_images *images, const char *what)
{
    size_t length = strcspn(what, ":");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct order order;
        if (strlen(kinds[i].kind) != length || strncmp(kinds[i].kind, what, length))
            continue;
        if (what[length] != ':' || take_apart(what + length + 1, kinds[i].has_value, &order))
            return atls_fail(-EINVAL, NULL, "tampering: expected %s, came \"%s\"", kinds[i].form,
                             what);
        return kinds[i].apply(images, &order);
    }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "tampering: expected flip:..., version:... or extra:..., came \"%s\"", what);
}

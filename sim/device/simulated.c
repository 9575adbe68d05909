/* SPDX-License-Identifier: Apache-2.0 */
/* Storage, identity and flash of a simulated device; see simulated.h. */
#include "sim/device/simulated.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

/* Component, measurement, version and signer take about 94 bytes in a token; 96 more for the
 * longest names and versions, and the other claims and the signature. */
#define EVIDENCE_PER_COMPONENT 190
#define EVIDENCE_OTHER 1024

const struct atls_simulated_options atls_simulated_defaults = {
    .lifecycle = ATLS_PSA_SECURED,
    .profile = ATLS_PSA_ARM_2,
    .application = "application",
};

int atls_simulated_implementation_id(const struct atls_simulated_options *options,
                                     uint8_t idp[ATLS_PSA_IMPLEMENTATION_ID_SIZE])
{
    static const uint8_t of_all[ATLS_PSA_IMPLEMENTATION_ID_SIZE] = {
        "atls-simulated-implementation-01"};
    struct atls_bytes parts[] = {atls_bytes_of_text("atls simulated product"),
                                 atls_bytes_of_text(options->product ? options->product : "")};
    if (options->product)
        return atls_crypto_hosted.hash(ATLS_SHA256, parts, 2, idp);
    memcpy(idp, of_all, sizeof of_all);
    return 0;
}

int atls_simulated_seed(const struct atls_simulated_options *options,
                        uint8_t seedp[ATLS_DEVICE_SEED_SIZE])
{
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    uint8_t number[8];
    struct atls_bytes parts[] = {atls_bytes_of_text("atls simulated device"),
                                 ATLS_BYTES(number, sizeof number),
                                 atls_bytes_of_text(options->product ? options->product : "")};
    if (!options->has_seed)
        return crypto->random(seedp, ATLS_DEVICE_SEED_SIZE);
    for (unsigned i = 0; i < sizeof number; i++)
        number[i] = (uint8_t)(options->seed >> (56 - 8 * i));
    return crypto->hash(ATLS_SHA256, parts, 3, seedp);
}

static int allocate(struct atls_simulated *device, size_t components)
{
    struct atls_core_storage *s = &device->storage;
    struct atls_boot_entry *pristine = calloc(components, sizeof *pristine);
    s->component_capacity = components;
    s->entries = calloc(components, sizeof *s->entries);
    s->components = calloc(components, sizeof *s->components);
    s->slot_count = ATLS_SIMULATED_KEYS;
    s->slots = calloc(s->slot_count, sizeof *s->slots);
    s->evidence_capacity = components * EVIDENCE_PER_COMPONENT + EVIDENCE_OTHER;
    s->claims = malloc(s->evidence_capacity);
    s->token = malloc(s->evidence_capacity);
    atls_boot_record_init(&device->pristine, pristine, components);
    if (!pristine || !s->entries || !s->components || !s->slots || !s->claims || !s->token)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    return 0;
}

static int collect(const struct atls_images *images, struct atls_bytes **slotsp)
{
    struct atls_bytes *slots = calloc(images->count, sizeof *slots);
    if (!slots)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    for (size_t i = 0; i < images->count; i++)
        slots[i] = ATLS_BYTES(images->slots[i].data, images->slots[i].size);
    *slotsp = slots;
    return 0;
}

/* What a boot of the images as they were signed would record: the reference values. */
static int measure_pristine(struct atls_simulated *device)
{
    struct atls_boot boot = {.crypto = device->images.crypto,
                             .record = &device->pristine,
                             .image_count = device->images.count};
    struct atls_bytes *slots;
    int result = collect(&device->images, &slots);
    if (result)
        return result;
    boot.images = slots;
    result = atls_boot_run(&boot);
    free(slots);
    return result;
}

/* Puts the root of trust that was asked for beside the booted core. */
static int open_root(struct atls_simulated *device, const struct atls_simulated_options *options,
                     const struct atls_core_config *config)
{
    const struct atls_root_start start = {
        .crypto = config->crypto,
        .entropy = config->entropy,
        .seed = config->seed,
        .implementation_id = device->core.platform.config.implementation_id,
        .lifecycle = config->lifecycle,
        .record = &device->core.record,
        .pristine = &device->pristine,
        .endorses_only = options->endorses_only,
        .tcti = options->tcti,
        .first_pcr = options->first_pcr,
        .parsec_socket = options->parsec_socket,
    };
    if (!options->root)
        return 0;
    struct atls_root *root = &device->core.root;
    int result = options->root->open(&start, root);
    if (result)
        return result;
    device->root_kind = options->root;
    if (root->ops->look_up && !root->ops->attest)
        device->core.keys.elsewhere = (struct atls_key_store){root->ops->look_up, root->context};
    return 0;
}

static int boot(struct atls_simulated *device, const struct atls_simulated_options *options,
                const uint8_t seed[ATLS_DEVICE_SEED_SIZE])
{
    struct atls_core_config config = {
        .crypto = device->images.crypto,
        .entropy = atls_entropy_platform(device->images.crypto),
        .lifecycle = options->lifecycle,
        .profile = options->profile,
        .kat_times = options->kat_times,
        .pat_times = options->pat_times,
        .image_count = device->images.count,
        .storage = device->storage,
    };
    struct atls_bytes *slots;
    int result = atls_simulated_implementation_id(options, config.implementation_id);
    memcpy(config.seed, seed, sizeof config.seed);
    if (!result && options->has_seed) {
        device->seeded.crypto = config.crypto;
        result = atls_derive(config.crypto, seed, "entropy", device->seeded.key);
        config.entropy = atls_entropy_seeded(&device->seeded);
    }
    if (!result && !(result = collect(&device->images, &slots))) {
        config.images = slots;
        result = atls_core_start(&device->core, &config);
        free(slots);
    }
    if (!result)
        result = open_root(device, options, &config);
    atls_erase(&config, sizeof config);
    return result;
}

static int check_size(const struct atls_images *images)
{
    if (images->count > ATLS_SIMULATED_COMPONENTS_MAX)
        return atls_fail(-EINVAL, NULL, "a device has at most %d components, not %zu",
                         ATLS_SIMULATED_COMPONENTS_MAX, images->count);
    return 0;
}

/* Other versions than those that images are made with. */
static int release(struct atls_simulated *device, const struct atls_simulated_options *options)
{
    int result = 0;
    for (size_t i = 0; !result && i < options->release_count; i++) {
        char *order = NULL;
        if (asprintf(&order, "version:%s", options->release[i]) < 0)
            return atls_fail(-ENOMEM, NULL, "no memory for a device");
        result = atls_images_tamper(&device->images, order);
        free(order);
    }
    return result;
}

static int prepare(struct atls_simulated *device, const struct atls_simulated_options *options,
                   const uint8_t seed[ATLS_DEVICE_SEED_SIZE])
{
    int result =
        options->firmware_directory
            ? atls_images_open_firmware(&atls_crypto_hosted, seed, options->firmware_directory,
                                        options->application, options->components, &device->images)
            : atls_images_open(&atls_crypto_hosted, seed, options->images_directory,
                               options->components, &device->images);
    if (!result && options->root && options->root->workload)
        result = atls_images_add_workload(&device->images, options->root->workload);
    if (result || (result = check_size(&device->images)) ||
        (result = allocate(device, device->images.count + options->tamper_count)) ||
        (result = release(device, options)) || (result = measure_pristine(device)))
        return result;
    for (size_t i = 0; i < options->tamper_count; i++)
        if ((result = atls_images_tamper(&device->images, options->tamper[i])))
            return result;
    return (result = check_size(&device->images)) ? result : boot(device, options, seed);
}

int atls_simulated_open_with(const struct atls_simulated_options *options,
                             const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                             struct atls_simulated **devicep)
{
    struct atls_simulated *device = calloc(1, sizeof *device);
    int result;
    if (!device)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    result = prepare(device, options, seed);
    if (result)
        atls_simulated_close(device);
    else
        *devicep = device;
    return result;
}

int atls_simulated_open(const struct atls_simulated_options *options,
                        struct atls_simulated **devicep)
{
    uint8_t seed[ATLS_DEVICE_SEED_SIZE];
    int result;
    if (!(result = atls_simulated_seed(options, seed)))
        result = atls_simulated_open_with(options, seed, devicep);
    atls_erase(seed, sizeof seed);
    return result;
}

void atls_simulated_close(struct atls_simulated *device)
{
    if (!device)
        return;
    if (device->root_kind)
        device->root_kind->close(&device->core.root);
    atls_core_stop(&device->core);
    atls_images_clear(&device->images);
    free(device->pristine.entries);
    free(device->storage.entries);
    free(device->storage.components);
    free(device->storage.slots);
    free(device->storage.claims);
    free(device->storage.token);
    atls_erase(device, sizeof *device);
    free(device);
}

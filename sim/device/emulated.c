/* SPDX-License-Identifier: Apache-2.0 */
/* A device on an emulated processor; see emulated.h. */
#include "sim/device/emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/flash-compose.h"
#include "sim/device/options.h"
#include "sim/device/qemu.h"

struct atls_emulated {
    struct atls_simulated *twin;
    struct atls_events *events;
    struct atls_qemu *qemu;
    int flash, log;
    uint8_t *mapped;
    double boot_ms;
    uint64_t noise_every, requests;
    char failure[600]; /* why nothing is answered; empty: all is well */
};

static int open_file(const char *path, const char *name, int flags, int *fdp)
{
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600)
                  : memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return atls_fail(errno == EINVAL ? -EIO : -errno, NULL, "%s: %s", path ? path : name,
                         strerror(errno));
    *fdp = fd;
    return 0;
}

static int map_flash(struct atls_emulated *device, const char *path)
{
    int result = open_file(path, "flash", 0, &device->flash);
    if (result)
        return result;
    if (ftruncate(device->flash, ATLS_FLASH_SIZE))
        return atls_fail(-errno, NULL, "flash: %s", strerror(errno));
    device->mapped =
        mmap(NULL, ATLS_FLASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device->flash, 0);
    if (device->mapped == MAP_FAILED) {
        device->mapped = NULL;
        return atls_fail(-errno, NULL, "flash: %s", strerror(errno));
    }
    return 0;
}

static int make_fuses(const struct atls_emulated_options *options, const uint8_t *seed,
                      struct atls_fuses *fuses)
{
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    *fuses = (struct atls_fuses){.lifecycle = options->simulated.lifecycle,
                                 .profile = options->simulated.profile,
                                 .policy = options->policy};
    memcpy(fuses->seed, seed, sizeof fuses->seed);
    int result = atls_simulated_implementation_id(&options->simulated, fuses->implementation_id);
    if (!result)
        result = atls_images_signer_id(crypto, fuses->signer);
    if (result)
        return result;
    return options->simulated.has_seed ? atls_derive(crypto, seed, "entropy", fuses->entropy)
                                       : crypto->random(fuses->entropy, sizeof fuses->entropy);
}

/* Tampering with what is stored waits until it is; the twin is tampered with in the other ways. */
static int open_twin(struct atls_emulated *device, const struct atls_emulated_options *options,
                     const uint8_t *seed)
{
    struct atls_simulated_options simulated = options->simulated;
    const char **tamper = calloc(simulated.tamper_count + 1, sizeof *tamper);
    int result;
    if (!tamper)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    simulated.tamper_count = 0;
    for (size_t i = 0; i < options->simulated.tamper_count; i++)
        if (!atls_flash_is_flip(options->simulated.tamper[i]))
            tamper[simulated.tamper_count++] = options->simulated.tamper[i];
    simulated.tamper = tamper;
    result = atls_simulated_open_with(&simulated, seed, &device->twin);
    free(tamper);
    return result;
}

static int compose(struct atls_emulated *device, const struct atls_emulated_options *options,
                   const uint8_t *seed)
{
    struct atls_fuses fuses;
    int result;
    if (!(result = make_fuses(options, seed, &fuses)))
        result = atls_flash_compose(device->mapped, &fuses, &device->twin->images);
    for (size_t i = 0; !result && i < options->update_count; i++)
        result = atls_flash_update(device->mapped, &device->twin->images, options->update[i]);
    for (size_t i = 0; !result && i < options->simulated.tamper_count; i++)
        if (atls_flash_is_flip(options->simulated.tamper[i]))
            result = atls_flash_flip(device->mapped, options->simulated.tamper[i]);
    atls_erase(&fuses, sizeof fuses);
    return result;
}

static void remember_failure(struct atls_emulated *device)
{
    snprintf(device->failure, sizeof device->failure, "%s", atls_error_text());
    for (char *at = device->failure; *at; at++) /* a log of damaged firmware may hold anything */
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    atls_event(device->events, "fault", "{s:s, s:s}", "name", "firmware", "detail",
               device->failure);
}

static int start(struct atls_emulated *device, const struct atls_emulated_options *options)
{
    struct atls_qemu_options qemu = {
        .flash = device->flash, .log = device->log, .debug = options->debug};
    double began = atls_now();
    char *rom = NULL;
    int result;
    if (asprintf(&rom, "%s/rom.elf", options->simulated.firmware_directory) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    qemu.rom = rom;
    if (!(result = atls_qemu_start(&qemu, &device->qemu)) &&
        (result = atls_qemu_await(device->qemu, options->boot_timeout_ms)) == ATLS_E_UNAVAILABLE) {
        remember_failure(device);
        result = 0;
    }
    device->boot_ms = (atls_now() - began) * 1000;
    free(rom);
    return result;
}

static int check_firmware(const char *directory)
{
    static const char *const files[] = {"rom.elf", "bootloader.bin", "secure.bin"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = NULL;
        bool there = asprintf(&path, "%s/%s", directory, files[i]) >= 0 && !access(path, R_OK);
        free(path);
        if (!there)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                             "the firmware has not been built: %s/%s is not there (./atls setup "
                             "--peer qemu builds it)",
                             directory, files[i]);
    }
    return 0;
}

int atls_emulated_open(const struct atls_emulated_options *options, struct atls_events *events,
                       struct atls_emulated **devicep)
{
    uint8_t seed[ATLS_DEVICE_SEED_SIZE];
    struct atls_emulated *device;
    int result = check_firmware(options->simulated.firmware_directory);
    if (result)
        return result;
    device = calloc(1, sizeof *device);
    if (!device)
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    device->flash = device->log = -1;
    device->events = events;
    device->noise_every = options->noise_every;
    if (!(result = atls_simulated_seed(&options->simulated, seed)) &&
        !(result = open_twin(device, options, seed)) &&
        !(result = map_flash(device, options->flash)) &&
        !(result = open_file(options->log, "log", O_TRUNC, &device->log)) &&
        !(result = compose(device, options, seed)))
        result = start(device, options);
    atls_erase(seed, sizeof seed);
    if (result)
        atls_emulated_close(device);
    else
        *devicep = device;
    return result;
}

/* In the words of the protocol, by the firmware's host. */
static struct atls_bytes answer_for(const struct atls_emulated *device, struct atls_bytes request,
                                    uint8_t *out, size_t capacity)
{
    struct atls_sink s = atls_sink_of(out, capacity);
    struct atls_bytes message = {0};
    atls_sink_u8(&s, request.size ? request.data[0] : ATLS_OP_NONE);
    atls_sink_u8(&s, ATLS_FAILED);
    atls_sink_vector(&s, 2, atls_bytes_of_text(device->failure));
    atls_sink_vector(&s, 2, (struct atls_bytes){0});
    (void)atls_sink_done(&s, &message);
    return message;
}

struct atls_core_reply atls_emulated_handle(void *context, struct atls_bytes request, uint8_t *out,
                                            size_t capacity)
{
    struct atls_emulated *device = context;
    struct atls_bytes answer = {0};
    if (!*device->failure) {
        int result;
        if (device->noise_every && ++device->requests % device->noise_every == 0)
            atls_qemu_disturb(device->qemu);
        result = atls_qemu_exchange(device->qemu, request, &answer);
        if (!result && (answer.size < 2 || answer.size > capacity))
            result = atls_fail(ATLS_E_MALFORMED, "sim/device/protocol.h",
                               "the firmware gave an answer of %zu bytes", answer.size);
        if (result)
            remember_failure(device);
    }
    if (*device->failure)
        answer = answer_for(device, request, out, capacity);
    else
        memcpy(out, answer.data, answer.size);
    return (struct atls_core_reply){ATLS_BYTES(out, answer.size),
                                    atls_operation_name(answer.data[0]),
                                    atls_answer_name(answer.data[1])};
}

static json_t *describe(const struct atls_psa_component *component)
{
    return json_pack("{s:s%, s:s%, s:o, s:o}", "type", component->type.data, component->type.size,
                     "version", component->version.data, component->version.size, "value",
                     atls_json_hex(component->value), "signer",
                     atls_json_hex(component->signer_id));
}

/* The components as the device told them; none where it did not. */
static json_t *ask_components(struct atls_emulated *device)
{
    static const uint8_t request[] = {ATLS_OP_BOOT_RECORD};
    struct atls_psa_component *components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *components);
    uint8_t *answer = malloc(ATLS_ANSWER_MAX);
    json_t *described = json_array();
    size_t count = 0;
    if (answer && components) {
        struct atls_bytes message =
            atls_emulated_handle(device, ATLS_BYTES(request, sizeof request), answer,
                                 ATLS_ANSWER_MAX)
                .message;
        struct atls_cursor c = atls_cursor_of(message, "sim/device/protocol.h");
        struct atls_bytes record;
        uint8_t operation, outcome;
        if (!atls_cursor_u8(&c, "operation", &operation) &&
            !atls_cursor_u8(&c, "outcome", &outcome) && outcome == ATLS_DONE &&
            !atls_cursor_vector(&c, "boot record", 3, 1, ATLS_ANSWER_MAX, &record))
            (void)atls_psa_components_parse(record, components, ATLS_PSA_COMPONENTS_MAX, &count);
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(described, describe(&components[i]));
    free(components);
    free(answer);
    return described;
}

void atls_emulated_tell(struct atls_emulated *device)
{
    atls_event(device->events, "boot", "{s:o, s:s, s:f}", "components", ask_components(device),
               "lifecycle", atls_lifecycle_word(device->twin->core.platform.config.lifecycle),
               "x_boot_ms", device->boot_ms);
}

const struct atls_simulated *atls_emulated_twin(const struct atls_emulated *device)
{
    return device->twin;
}

void atls_emulated_close(struct atls_emulated *device)
{
    if (!device)
        return;
    atls_qemu_stop(device->qemu);
    atls_simulated_close(device->twin);
    if (device->mapped)
        munmap(device->mapped, ATLS_FLASH_SIZE);
    if (device->flash >= 0)
        close(device->flash);
    if (device->log >= 0)
        close(device->log);
    free(device);
}

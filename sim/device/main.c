/* SPDX-License-Identifier: Apache-2.0 */
/* atls-device: a simulated device as a process of its own, so that no TLS process ever holds a
 * private key; and what its endorser would say of it. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/cases.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/options.h"
#include "sim/device/server.h"

static int exit_code(int r)
{
    if (r == 0)
        return ATLS_EXIT_DONE;
    if (r == ATLS_E_UNSUPPORTED)
        return ATLS_EXIT_UNSUPPORTED;
    return r == -EINVAL ? ATLS_EXIT_USAGE : ATLS_EXIT_REFUSED;
}

static int complain(int r)
{
    const char *text = atls_error_text();
    if (r)
        fprintf(stderr, "atls-device: %s\n", *text ? text : atls_error_name(r));
    return exit_code(r);
}

static int write_endorsements(const struct atls_simulated *device,
                              const struct atls_device_options *options, const char *path)
{
    uint8_t *corim;
    size_t size;
    int result = atls_simulated_endorse(device, options->dialect, options->part, &corim, &size);
    if (result)
        return result;
    result = atls_write_file(path, ATLS_BYTES(corim, size));
    free(corim);
    return result;
}

static json_t *describe_component(const struct atls_boot_entry *entry)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "type", entry->type, "version", entry->version,
                     "value", atls_json_hex(ATLS_BYTES(entry->value, sizeof entry->value)),
                     "signer",
                     atls_json_hex(ATLS_BYTES(entry->signer_id, sizeof entry->signer_id)));
}

static int write_event_log(const struct atls_simulated *device, const char *path)
{
    uint8_t *log;
    size_t size;
    int result = device->root_kind->write_log(&device->core.root, &log, &size);
    if (result)
        return result;
    result = atls_write_file(path, ATLS_BYTES(log, size));
    free(log);
    return result;
}

static void tell_boot(struct atls_events *events, const struct atls_simulated *device,
                      uint16_t lifecycle)
{
    json_t *components = json_array();
    for (size_t i = 0; i < device->core.record.count; i++)
        json_array_append_new(components, describe_component(&device->core.record.entries[i]));
    json_t *fields = json_pack("{s:o, s:s}", "components", components, "lifecycle",
                               atls_lifecycle_word(lifecycle));
    const struct atls_root_kind *kind = device->root_kind;
    if (kind && kind->describe) {
        json_t *more = kind->describe(&device->core.root);
        json_object_update(fields, more);
        json_decref(more);
    }
    atls_event_object(events, "boot", fields);
}

/* Readable when the program is asked to end. */
static int stop_signals(int *fdp)
{
    sigset_t set;
    int fd;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        return atls_fail(-errno, NULL, "signalfd: %s", strerror(errno));
    *fdp = fd;
    return 0;
}

static int serve(const struct atls_device_options *options, const struct atls_server_device *device,
                 struct atls_events *events)
{
    const char *path = options->listen + strlen("unix:");
    int listener = -1, stop_fd = -1, r;
    if ((r = stop_signals(&stop_fd)))
        return r;
    if ((r = atls_server_listen(path, &listener))) {
        close(stop_fd);
        return r == -EADDRINUSE ? ATLS_E_UNAVAILABLE : r;
    }
    atls_event(events, "ready", "{s:s}", "address", options->listen);
    r = atls_server_run(device, listener, stop_fd, &options->faults, events);
    if (r == ATLS_E_UNAVAILABLE)
        atls_fail(r, NULL, "the fault exit-after has ended this device");
    unlink(path);
    close(listener);
    close(stop_fd);
    return r;
}

static int run_simulated(const struct atls_device_options *options, struct atls_events *events)
{
    struct atls_device_leak leak = {.leaks = &options->leaks, .events = events};
    struct atls_server_device served;
    struct atls_simulated *device;
    int result = atls_simulated_open(&options->device.simulated, &device);
    if (result)
        return result;
    leak.core = &device->core;
    served =
        options->leaks.count > 0 ? atls_device_leaking(&leak) : atls_server_core(&device->core);
    result = atls_device_leak_start(&leak);
    if (!result && options->provision)
        result = write_endorsements(device, options, options->provision);
    if (!result) {
        tell_boot(events, device, options->device.simulated.lifecycle);
        if (options->event_log)
            result = write_event_log(device, options->event_log);
    }
    if (!result) {
        result = serve(options, &served, events);
        result = result ? result : leak.result;
    }
    atls_simulated_close(device);
    return result;
}

static int run_emulated(const struct atls_device_options *options, struct atls_events *events)
{
    struct atls_server_device served = {.handle = atls_emulated_handle};
    struct atls_emulated *device;
    int result = atls_emulated_open(&options->device, events, &device);
    if (result)
        return result;
    served.context = device;
    if (options->provision)
        result = write_endorsements(atls_emulated_twin(device), options, options->provision);
    if (!result) {
        atls_emulated_tell(device);
        result = serve(options, &served, events);
    }
    atls_emulated_close(device);
    return result;
}

static int command_run(const struct atls_device_options *options)
{
    struct atls_events *events;
    int lost, r = atls_events_open(options->events, "device", &events);
    if (r)
        return r;
    atls_events_in_words(events, stderr);
    r = options->emulated ? run_emulated(options, events) : run_simulated(options, events);
    lost = atls_events_close(events);
    return r ? r : lost;
}

static int command_provision(const struct atls_device_options *options)
{
    struct atls_simulated_options simulated = options->device.simulated;
    struct atls_simulated *device;
    simulated.endorses_only = true;
    int result = atls_simulated_open(&simulated, &device);
    if (result)
        return result;
    result = write_endorsements(device, options, options->output);
    atls_simulated_close(device);
    return result;
}

static int command_images(const struct atls_device_options *options)
{
    struct atls_simulated *device;
    int result = atls_simulated_open(&options->device.simulated, &device);
    if (result)
        return result;
    if (mkdir(options->output, 0777) && errno != EEXIST)
        result = atls_fail(errno == EINVAL ? -EIO : -errno, NULL, "cannot make %s: %s",
                           options->output, strerror(errno));
    else
        result = atls_images_save(&device->images, options->output);
    atls_simulated_close(device);
    return result;
}

int main(int argc, char **argv)
{
    static int (*const commands[])(const struct atls_device_options *options) = {
        [ATLS_DEVICE_RUN] = command_run,
        [ATLS_DEVICE_PROVISION] = command_provision,
        [ATLS_DEVICE_IMAGES] = command_images,
    };
    struct rlimit no_core = {0, 0};
    struct atls_device_options options;
    int result;
    atls_cases_serve(&argc, &argv, NULL, NULL);
    atls_program_start("atls-device", 1);
    setrlimit(RLIMIT_CORE, &no_core); /* a core file would hold the keys */
    result = atls_device_options_parse(argc, argv, &options);
    if (!result)
        result = commands[options.command](&options);
    atls_device_options_clear(&options);
    return complain(result);
}

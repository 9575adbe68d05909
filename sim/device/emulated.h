/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device whose firmware runs on an emulated processor: its flash is made here, and requests go
 * over its serial line. With the same seed, images and options it is the same device as the
 * simulated one (simulated.h): the same keys, the same evidence.
 */
#ifndef ATLS_SIM_DEVICE_EMULATED_H
#define ATLS_SIM_DEVICE_EMULATED_H

#include "program/events.h"
#include "sim/boot/flash.h"
#include "sim/device/simulated.h"

struct atls_emulated;

struct atls_emulated_options {
    struct atls_simulated_options simulated; /* with a firmware_directory; its tampering may have
                                                stored:COMPONENT:BIT too (flash-compose.h) */
    enum atls_boot_policy policy;
    bool policy_given;         /* for the command line */
    const char *const *update; /* orders of atls_flash_update() */
    size_t update_count;
    const char *flash; /* a file that keeps the flash from one run to the next; NULL: memory */
    const char *log;   /* a file for the boot log; NULL: memory */
    unsigned boot_timeout_ms;
    uint64_t noise_every; /* noise on the serial line before every so manieth request; 0: never */
    const char *debug;    /* unix socket of a debugger; NULL: none */
};

/* Makes the flash, starts the processor and waits for the boot. A device that does not boot is a
 * device too: it is open, and answers every request with why. ATLS_E_UNSUPPORTED where QEMU or the
 * firmware is not there; errors of the parts. EVENTS is borrowed. */
int atls_emulated_open(const struct atls_emulated_options *options, struct atls_events *events,
                       struct atls_emulated **devicep);
/* As atls_core_handle(), for atls_server_device; CONTEXT is the device. */
struct atls_core_reply atls_emulated_handle(void *context, struct atls_bytes request, uint8_t *out,
                                            size_t capacity);
/* The event `boot`: what the device itself says was measured. */
void atls_emulated_tell(struct atls_emulated *device);
/* The host's view of the device before it was tampered with: for endorsements. */
const struct atls_simulated *atls_emulated_twin(const struct atls_emulated *device);
void atls_emulated_close(struct atls_emulated *device);

#endif

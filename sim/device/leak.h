/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that gives its private keys away, for attacks that begin with a stolen one (--leak of
 * atls-device). It stands around the core, which knows nothing of it: what runs on a bare processor
 * has no such door.
 */
#ifndef ATLS_SIM_DEVICE_LEAK_H
#define ATLS_SIM_DEVICE_LEAK_H

#include "program/leak.h"
#include "sim/device/server.h"

/* The secrets that --leak names: identity-keys (each as it is made), kak, pak. Ends with NULL. */
extern const char *const atls_device_leak_names[];

struct atls_device_leak {
    const struct atls_leaks *leaks;
    struct atls_core *core;
    struct atls_events *events;
    uint32_t told; /* handle of the newest identity key in the file */
    int result;    /* of the first leak that failed */
};

/* The keys that there are from the boot. As atls_leak(). */
int atls_device_leak_start(struct atls_device_leak *leak);
/* The core, whose identity keys are written down before the answer that names them goes out. LEAK
 * is borrowed. */
struct atls_server_device atls_device_leaking(struct atls_device_leak *leak);

#endif

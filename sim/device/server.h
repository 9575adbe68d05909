/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device behind a unix socket: one loop, any number of clients at a time, one request at a time
 * each. The faults let a test see what clients do when the device or its line fails.
 */
#ifndef ATLS_SIM_DEVICE_SERVER_H
#define ATLS_SIM_DEVICE_SERVER_H

#include "program/events.h"
#include "sim/device/core.h"

/* Counts of requests answered, each once however often it came; -1: never. Then counts of answers
 * sent, repeated ones among them, or a client could never be answered again; 0: never. */
struct atls_server_faults {
    int64_t exit_after;    /* leaves at once after so many; with 0 on the first request */
    int64_t hang_after;    /* answers so many, then none */
    uint64_t drop_every;   /* every so manieth answer is not sent */
    uint64_t garble_every; /* one byte of every so manieth answer changes on the line */
};
#define ATLS_SERVER_NO_FAULTS ((struct atls_server_faults){.exit_after = -1, .hang_after = -1})

/* "exit-after=N", "hang-after=N", "drop-every=N", "garble-every=N". -EINVAL, ATLS_E_UNSUPPORTED
 * (unknown fault). */
int atls_server_fault_parse(const char *text, struct atls_server_faults *faults);

/* A listening unix socket at PATH, for the owner only. A socket that nobody listens at any more is
 * replaced. -EADDRINUSE, -EINVAL (path too long), -errno. */
int atls_server_listen(const char *path, int *fdp);
/* What is served: whatever answers requests of protocol.h, as atls_core_handle() does. */
struct atls_server_device {
    struct atls_core_reply (*handle)(void *context, struct atls_bytes request, uint8_t *out,
                                     size_t capacity);
    void *context;
};
struct atls_server_device atls_server_core(struct atls_core *core);

/* Serves DEVICE on LISTENER until STOP_FD (-1: never) is readable: 0. ATLS_E_UNAVAILABLE when the
 * fault exit-after ends it. -errno. Closes its connections, not LISTENER. */
int atls_server_run(const struct atls_server_device *device, int listener, int stop_fd,
                    const struct atls_server_faults *faults, struct atls_events *events);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the client's files share: a way to bring one request to a device and its answer back. */
#ifndef ATLS_SIM_DEVICE_CLIENT_H
#define ATLS_SIM_DEVICE_CLIENT_H

#include "sim/device/device.h"

struct atls_transport {
    /* *ANSWERP is good until the next exchange. 0, ATLS_E_UNAVAILABLE, -errno. */
    int (*exchange)(struct atls_transport *transport, struct atls_bytes request,
                    struct atls_bytes *answerp);
    void (*close)(struct atls_transport *transport); /* and frees */
};

/* A device over a transport, which it takes over. -ENOMEM (the transport is closed then too). */
int atls_device_over(struct atls_transport *transport, struct atls_device **devicep);
/* Framed requests over a stream (a socket, a serial line): takes over FD, which must be
 * non-blocking. TIMEOUT_MS bounds an exchange with all its retries. -ENOMEM, -errno; FD is closed
 * then too. */
int atls_transport_over_stream(int fd, unsigned timeout_ms, struct atls_transport **transportp);
/* Of a transport over a stream: a request is sent again after QUIET_MS without a byte (else 50),
 * for a device that takes longer. */
void atls_transport_stream_patience(struct atls_transport *transport, unsigned quiet_ms);
/* A unix stream socket at PATH. ATLS_E_UNAVAILABLE, -errno. */
int atls_transport_unix(const char *path, unsigned timeout_ms, struct atls_transport **transportp);
/* A device inside this process: "SEED" or "SEED:COMPONENTS". -EINVAL, -errno. */
int atls_transport_inproc(const char *address, struct atls_transport **transportp);

#endif

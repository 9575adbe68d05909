/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to a device's unix socket. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/client.h"

/* A unix socket whose queue of connections is full says EAGAIN, and nothing tells when to try
 * again: try every few milliseconds. */
static int connect_within(int fd, const struct sockaddr_un *address, unsigned timeout_ms)
{
    double end = atls_now() + timeout_ms / 1000.0;
    while (connect(fd, (const struct sockaddr *)address, sizeof *address)) {
        if (errno == EISCONN)
            return 0;
        if ((errno != EAGAIN && errno != EINTR) || atls_now() >= end)
            return atls_fail(ATLS_E_UNAVAILABLE, NULL, "no device at unix:%s: %s",
                             address->sun_path, strerror(errno));
        poll(NULL, 0, 5);
    }
    return 0;
}

int atls_transport_unix(const char *path, unsigned timeout_ms, struct atls_transport **transportp)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, r;
    if (strlen(path) == 0 || strlen(path) >= sizeof address.sun_path)
        return atls_fail(-EINVAL, NULL,
                         "the path of a unix socket has 1 to %zu bytes, came %zu: unix:%s",
                         sizeof address.sun_path - 1, strlen(path), path);
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return atls_fail(-errno, NULL, "socket: %s", strerror(errno));
    if ((r = connect_within(fd, &address, timeout_ms))) {
        close(fd);
        return r;
    }
    return atls_transport_over_stream(fd, timeout_ms, transportp);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to a device's unix socket. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/client.h"

int atls_transport_unix(const char *path, unsigned timeout_ms, struct atls_transport **transportp)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) == 0 || strlen(path) >= sizeof address.sun_path)
        return atls_fail(-EINVAL, NULL,
                         "the path of a unix socket has 1 to %zu bytes, came %zu: unix:%s",
                         sizeof address.sun_path - 1, strlen(path), path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return atls_fail(-errno, NULL, "socket: %s", strerror(errno));
    int result = atls_connect_until(fd, &address, atls_now() + timeout_ms / 1000.0);
    if (result) {
        close(fd);
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, "no device at unix:%s: %s", path,
                         strerror(result));
    }
    return atls_transport_over_stream(fd, timeout_ms, transportp);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The socket of a device server, and its faults read from text; see server.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/server.h"

#define BACKLOG 256

/* Is there a socket at this address that nobody listens at? */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat status;
    bool stale;
    int fd;
    if (lstat(address->sun_path, &status) || !S_ISSOCK(status.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    stale =
        connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_for_owner(int fd, const struct sockaddr_un *address)
{
    mode_t mask = umask(0177);
    int result = bind(fd, (const struct sockaddr *)address, sizeof *address) ? -errno : 0;
    umask(mask);
    return result;
}

int atls_server_listen(const char *path, int *fdp)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, r;
    if (strlen(path) == 0 || strlen(path) >= sizeof address.sun_path)
        return atls_fail(-EINVAL, NULL,
                         "the path of a unix socket has 1 to %zu bytes, came %zu: %s",
                         sizeof address.sun_path - 1, strlen(path), path);
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return atls_fail(-errno, NULL, "socket: %s", strerror(errno));
    r = bind_for_owner(fd, &address);
    if (r == -EADDRINUSE && is_stale(&address) && !unlink(path))
        r = bind_for_owner(fd, &address);
    if (!r && listen(fd, BACKLOG))
        r = -errno;
    if (r) {
        close(fd);
        return atls_fail(r, NULL, "cannot listen at unix:%s: %s", path, strerror(-r));
    }
    *fdp = fd;
    return 0;
}

int atls_server_fault_parse(const char *text, struct atls_server_faults *faults)
{
    static const char *const names[] = {"exit-after", "hang-after", "drop-every", "garble-every"};
    size_t length = strcspn(text, "="), i;
    uint64_t n;
    int result;
    for (i = 0; i < 4; i++)
        if (strlen(names[i]) == length && !strncmp(names[i], text, length))
            break;
    if (i == 4)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "fault: expected exit-after=N, hang-after=N, drop-every=N or "
                         "garble-every=N, came \"%s\"",
                         text);
    if (text[length] != '=')
        return atls_fail(-EINVAL, NULL, "fault: expected %s=N, came \"%s\"", names[i], text);
    if ((result = atls_parse_number(text + length + 1, names[i], i < 2 ? 0 : 1, INT32_MAX, &n)))
        return result;
    if (i == 0)
        faults->exit_after = (int64_t)n;
    else if (i == 1)
        faults->hang_after = (int64_t)n;
    else
        *(i == 2 ? &faults->drop_every : &faults->garble_every) = n;
    return 0;
}

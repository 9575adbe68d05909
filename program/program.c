/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every program does alike: how it starts and ends, how it reads and writes files whole, and
 * how it reads numbers from its command line.
 */
#include "program/program.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rats/base/error.h"

/* The kernel sends the signal when the thread that started this program ends, so a launcher must
 * start its programs from a thread that lives as long as they should. A changed parent between the
 * two calls means that the parent went before the kernel was asked. */
static void die_with_parent(void)
{
    pid_t parent = getppid();

    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        exit(ATLS_EXIT_REFUSED);
}

/* A handshake with large evidence needs several hundred kB for a moment, and the next one needs
 * them again: by default the kernel would take the pages back in between and clear them anew. Both
 * have to be set: with one, glibc no longer adapts the other, which is 128 KiB then. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what is smaller is of the heap, and stays */
}

void atls_program_start(const char *name, int exit_with_parent)
{
    static char version[80];

    snprintf(version, sizeof version, "%s %s", name, ATLS_VERSION);
    argp_program_version = version;
    argp_err_exit_status = ATLS_EXIT_USAGE;
    signal(SIGPIPE, SIG_IGN);
    keep_memory();
    if (exit_with_parent)
        die_with_parent();
}

void atls_program_stay(int stay)
{
    if (stay)
        signal(SIGHUP, SIG_IGN);
    else
        die_with_parent();
}

void atls_program_unsupported(const char *what, const char *value)
{
    fprintf(stderr, "%s: not supported: %s %s\n", program_invocation_short_name, what, value);
    exit(ATLS_EXIT_UNSUPPORTED);
}

/* Reads to the end, but never more than LIMIT + 1 bytes: one more shows that it is too much. */
static int read_all(int fd, const char *path, size_t limit, uint8_t **datap, size_t *sizep)
{
    size_t capacity = limit < 4096 ? limit + 2 : 4096, size = 0;
    uint8_t *data = malloc(capacity);

    while (data && size <= limit) {
        ssize_t count;

        if (size + 1 == capacity) {
            uint8_t *bigger;

            capacity = capacity > limit / 2 ? limit + 2 : capacity * 2;
            bigger = realloc(data, capacity);
            if (!bigger)
                free(data);
            data = bigger;
            continue;
        }
        count = read(fd, data + size, capacity - 1 - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int error = errno;

            free(data);
            return atls_fail(-error, NULL, "cannot read %s: %s", path, strerror(error));
        }
        if (count == 0) {
            data[size] = 0;
            *datap = data;
            *sizep = size;
            return 0;
        }
        size += (size_t)count;
    }
    if (!data)
        return atls_fail(-ENOMEM, NULL, "no memory to read %s", path);
    free(data);
    return atls_fail(ATLS_E_LIMIT, NULL, "%s has more than %zu bytes", path, limit);
}

int atls_read_file(const char *path, size_t limit, uint8_t **datap, size_t *sizep)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int result;

    if (limit > SIZE_MAX - 2)
        limit = SIZE_MAX - 2;
    if (fd < 0)
        return atls_fail(-errno, NULL, "cannot open %s: %s", path, strerror(errno));
    result = read_all(fd, path, limit, datap, sizep);
    if (!standard_input)
        close(fd);
    return result;
}

static int write_all(int fd, struct atls_bytes data)
{
    while (data.size > 0) {
        ssize_t count = write(fd, data.data, data.size);

        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0)
            data = ATLS_BYTES(data.data + count, data.size - (size_t)count);
    }
    return 0;
}

/* What exists and is no ordinary file (a pipe, /dev/stdout) is written to, never replaced. */
static int write_special(const char *path, struct atls_bytes data)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int result;

    if (fd < 0)
        return -errno;
    result = write_all(fd, data);
    if (close(fd) != 0 && result == 0)
        result = -errno;
    return result;
}

static int write_and_rename(const char *path, char *temporary, struct atls_bytes data)
{
    int fd = mkostemp(temporary, O_CLOEXEC);
    int result;

    if (fd < 0)
        return -errno;
    result = write_all(fd, data);
    if (fchmod(fd, 0644) != 0 && result == 0)
        result = -errno;
    if (close(fd) != 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(temporary, path) != 0)
        result = -errno;
    if (result < 0)
        unlink(temporary);
    return result;
}

int atls_write_file(const char *path, struct atls_bytes data)
{
    struct stat existing;
    int result;

    if (stat(path, &existing) == 0 && !S_ISREG(existing.st_mode)) {
        result = write_special(path, data);
    } else {
        char *temporary = NULL;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
            return atls_fail(-ENOMEM, NULL, "no memory to write %s", path);
        result = write_and_rename(path, temporary, data);
        free(temporary);
    }
    if (result < 0)
        return atls_fail(result, NULL, "cannot write %s: %s", path, strerror(-result));
    return 0;
}

int atls_write_line(int fd, const char *line)
{
    size_t size = strlen(line), done = 0;

    while (done < size) {
        ssize_t count = write(fd, line + done, size - done);
        int result = count == 0 ? EIO : errno;

        if (count > 0) {
            done += (size_t)count;
        } else if (result != EINTR) {
            off_t end = lseek(fd, 0, SEEK_CUR);
            struct stat file;

            /* Not where another program has written behind it meanwhile. */
            if (done > 0 && end >= (off_t)done && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) &&
                file.st_size == end && ftruncate(fd, end - (off_t)done) == 0)
                (void)lseek(fd, end - (off_t)done, SEEK_SET);
            return -result;
        }
    }
    return 0;
}

double atls_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A unix socket whose queue of connections is full says EAGAIN, and nothing tells when to try
 * again: try every few milliseconds. */
int atls_connect_until(int fd, const struct sockaddr_un *address, double end)
{
    while (connect(fd, (const struct sockaddr *)address, sizeof *address)) {
        int error = errno;

        if (error == EISCONN)
            return 0;
        if ((error != EAGAIN && error != EINTR) || atls_now() >= end)
            return error;
        poll(NULL, 0, 5);
    }
    return 0;
}

int atls_parse_number(const char *text, const char *what, uint64_t least, uint64_t most,
                      uint64_t *valuep)
{
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hexadecimal ? text + 2 : text;
    const char *alphabet = hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
    unsigned long long value;

    errno = 0;
    value = strtoull(digits, NULL, hexadecimal ? 16 : 10);
    /* strtoull alone would take blanks, signs and a second prefix */
    if (digits[0] == 0 || digits[strspn(digits, alphabet)] != 0 || errno != 0)
        return atls_fail(-EINVAL, NULL, "%s: expected a number, came \"%s\"", what, text);
    if (value < least || value > most)
        return atls_fail(-EINVAL, NULL, "%s: expected %ju to %ju, came %s", what, (uintmax_t)least,
                         (uintmax_t)most, text);
    *valuep = value;
    return 0;
}

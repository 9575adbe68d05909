/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests are datagrams of a pair of unix sockets, one end of which this process was given when it
 * was started. "R", and behind it the arguments of a case, each ended by a zero byte, with
 * descriptors for its standard output and error: a child is made, and its number is the answer. "W"
 * and such a number: the child is waited for, and the answer is its status, as waitpid() has it.
 */
#include "program/cases.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"

#define DESCRIPTORS 2 /* of a case: standard output, standard error */

static char request[ATLS_CASES_REQUEST_MAX + 1];
static char *arguments[ATLS_CASES_ARGUMENTS_MAX + 1]; /* into REQUEST */

__attribute__((noreturn, format(printf, 1, 2))) static void refuse(const char *format, ...)
{
    va_list values;

    fprintf(stderr, "%s: " ATLS_CASES_FLAG ": ", program_invocation_short_name);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(ATLS_EXIT_USAGE);
}

/* Whoever can send requests makes this program do anything that its flags can: it has to be the
 * process that started this one, over sockets that nobody else can find. */
static int private_socket(const char *text)
{
    struct sockaddr_un own = {.sun_family = AF_UNSPEC}, peer = own;
    socklen_t own_size = sizeof own, peer_size = sizeof peer, size = sizeof(int);
    uint64_t number;
    int type = 0;

    if (atls_parse_number(text, "descriptor", 3, 1 << 20, &number) != 0)
        refuse("%s", atls_error_text());
    int fd = (int)number;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET ||
        getsockname(fd, (struct sockaddr *)&own, &own_size) != 0 || own.sun_family != AF_UNIX ||
        getpeername(fd, (struct sockaddr *)&peer, &peer_size) != 0 ||
        own_size != sizeof own.sun_family || peer_size != sizeof peer.sun_family)
        refuse("descriptor %d: expected one of a pair of unix sockets (SOCK_SEQPACKET)", fd);
    return fd;
}

/* The next request, and how many descriptors came with it; its size, or 0 at the end of all. */
static size_t receive(int fd, int descriptors[DESCRIPTORS], size_t *countp)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec data = {request, ATLS_CASES_REQUEST_MAX};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t size;

    do
        size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        refuse("a request cannot be read: %s", strerror(errno));
    if (message.msg_flags & MSG_TRUNC)
        refuse("expected a request of at most %d bytes", ATLS_CASES_REQUEST_MAX);
    if (message.msg_flags & MSG_CTRUNC)
        refuse("expected at most %d descriptors", DESCRIPTORS);
    *countp = 0;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS)
            refuse("expected descriptors, came control data of type %d", one->cmsg_type);
        *countp = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors, CMSG_DATA(one), *countp * sizeof(int));
    }
    return (size_t)size;
}

static void answer(int fd, long value)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%ld", value);

    if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size && errno != EPIPE)
        refuse("an answer cannot be sent: %s", strerror(errno));
}

static int read_arguments(size_t size)
{
    size_t at = 1;
    int count = 0;

    if (size < 2 || request[size - 1] != 0)
        refuse("expected arguments that a zero byte ends");
    for (; at < size; at += strlen(request + at) + 1) {
        if (count == ATLS_CASES_ARGUMENTS_MAX)
            refuse("expected at most %d arguments", ATLS_CASES_ARGUMENTS_MAX);
        arguments[count++] = request + at;
    }
    arguments[count] = NULL;
    return count;
}

/* As a program that has just been started by exec(), in a session of its own. */
static void become(int fd, const int descriptors[DESCRIPTORS])
{
    close(fd);
    if (setsid() < 0 || dup2(descriptors[0], STDOUT_FILENO) < 0 ||
        dup2(descriptors[1], STDERR_FILENO) < 0)
        _exit(ATLS_EXIT_REFUSED);
    close(descriptors[0]);
    close(descriptors[1]);
    program_invocation_name = arguments[0];
    const char *slash = strrchr(arguments[0], '/');
    program_invocation_short_name = slash ? (char *)(uintptr_t)(slash + 1) : arguments[0];
}

static void wait_for(int fd, size_t size)
{
    uint64_t number;
    int status;

    request[size] = 0;
    if (strlen(request) != size)
        refuse("expected the number of a case behind W, came a zero byte in it");
    if (atls_parse_number(request + 1, "W", 1, INT32_MAX, &number) != 0)
        refuse("%s", atls_error_text());
    pid_t pid;
    do
        pid = waitpid((pid_t)number, &status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        refuse("expected the number of a case behind W, came %ju: %s", (uintmax_t)number,
               strerror(errno));
    answer(fd, status);
}

void atls_cases_serve(int *argcp, char ***argvp, void (*warm)(const void *context),
                      const void *context)
{
    int descriptors[DESCRIPTORS];
    size_t size, count;

    if (*argcp < 2 || strcmp((*argvp)[1], ATLS_CASES_FLAG) != 0)
        return;
    if (*argcp != 3)
        refuse("expected a descriptor and nothing behind it");
    int fd = private_socket((*argvp)[2]);
    if (warm)
        warm(context);
    while ((size = receive(fd, descriptors, &count)) > 0) {
        if (request[0] == 'W' && count == 0) {
            wait_for(fd, size);
            continue;
        }
        if (request[0] != 'R' || count != DESCRIPTORS)
            refuse("expected R with %d descriptors or W with none, came %#x with %zu", DESCRIPTORS,
                   (unsigned char)request[0], count);
        int argument_count = read_arguments(size);
        pid_t pid = fork();
        if (pid == 0) {
            become(fd, descriptors);
            *argcp = argument_count;
            *argvp = arguments;
            return;
        }
        close(descriptors[0]);
        close(descriptors[1]);
        answer(fd, pid < 0 ? -errno : pid);
    }
    exit(ATLS_EXIT_DONE);
}

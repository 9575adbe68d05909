/* SPDX-License-Identifier: Apache-2.0 */
/* The key log: a line is put together first and written in one piece; see keylog.h. */
#include "program/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"

struct atls_keylog {
    int fd;
    char *path;
    pthread_mutex_t lock;
    int lost; /* -errno of the first line that could not be written */
};

int atls_keylog_open(const char *path, struct atls_keylog **keylogp)
{
    struct atls_keylog *log = calloc(1, sizeof *log);

    if (log)
        log->path = strdup(path);
    if (!log || !log->path) {
        free(log);
        return atls_fail(-ENOMEM, NULL, "no memory for the key log");
    }
    log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        int error = errno;

        free(log->path);
        free(log);
        return atls_fail(-error, NULL, "%s: %s", path, strerror(error));
    }
    pthread_mutex_init(&log->lock, NULL);
    *keylogp = log;
    return 0;
}

char *atls_keylog_line(const char *label, struct atls_bytes random, struct atls_bytes secret)
{
    char *of_random = atls_hex_encode(random), *of_secret = atls_hex_encode(secret), *line = NULL;

    if (of_random && of_secret && asprintf(&line, "%s %s %s\n", label, of_random, of_secret) < 0)
        line = NULL;
    if (of_secret)
        explicit_bzero(of_secret, strlen(of_secret));
    free(of_secret);
    free(of_random);
    return line;
}

static int append(const struct atls_keylog *log, const char *label, struct atls_bytes random,
                  struct atls_bytes secret)
{
    char *line = atls_keylog_line(label, random, secret);
    int result = line ? atls_write_line(log->fd, line) : -ENOMEM;

    if (line)
        explicit_bzero(line, strlen(line));
    free(line);
    return result;
}

void atls_keylog_add(struct atls_keylog *log, const char *label, struct atls_bytes random,
                     struct atls_bytes secret)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    if (log->lost == 0) {
        log->lost = append(log, label, random, secret);
        if (log->lost < 0)
            fprintf(stderr, "%s: a secret could not be written, and none is from here on: %s\n",
                    log->path, strerror(-log->lost));
    }
    pthread_mutex_unlock(&log->lock);
}

int atls_keylog_close(struct atls_keylog *log)
{
    int lost;

    if (!log)
        return 0;
    lost = log->lost;
    if (close(log->fd) != 0 && lost == 0) {
        lost = -errno;
        fprintf(stderr, "%s: the key log could not be written: %s\n", log->path, strerror(errno));
    }
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
    return lost;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See leak.h. The file is written before the event: who reads the event finds the secret there. */
#include "program/leak.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"

#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
#define ID_MAX 32

int atls_leaks_attack(struct atls_leaks *leaks, const char *id)
{
    size_t size = strlen(id);
    if (size == 0 || size > ID_MAX || strspn(id, ID_CHARACTERS) != size)
        return atls_fail(-EINVAL, NULL,
                         "--attack: expected the id of an attack, such as A01, came \"%s\"", id);
    leaks->attack = id;
    return 0;
}

int atls_leaks_add(struct atls_leaks *leaks, const char *text, const char *const *names)
{
    size_t length = strcspn(text, "=");
    while (*names && (strlen(*names) != length || strncmp(*names, text, length) != 0))
        names++;
    if (!*names)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "--leak: expected a secret that --help names, came \"%s\"", text);
    if (!text[length] || !text[length + 1])
        return atls_fail(-EINVAL, NULL, "--leak: expected %s=FILE, came \"%s\"", *names, text);
    if (atls_leaks_file(leaks, *names))
        return atls_fail(-EINVAL, NULL, "--leak: expected %s once, came twice", *names);
    leaks->leak[leaks->count].what = *names;
    leaks->leak[leaks->count++].file = text + length + 1;
    return 0;
}

void atls_leaks_guard(const struct atls_leaks *leaks)
{
    if (leaks->count == 0 || leaks->attack)
        return;
    fprintf(stderr,
            "%s: --leak %s gives a secret away, and is for the scenarios of attacks alone "
            "(./atls attacks run): expected --attack ID beside it, came none\n",
            program_invocation_short_name, leaks->leak[0].what);
    exit(ATLS_EXIT_NO_ATTACK);
}

const char *atls_leaks_file(const struct atls_leaks *leaks, const char *what)
{
    for (size_t i = 0; i < leaks->count; i++)
        if (strcmp(leaks->leak[i].what, what) == 0)
            return leaks->leak[i].file;
    return NULL;
}

static int append(int fd, const char *text)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
        return -EPERM;
    return atls_write_line(fd, text);
}

int atls_leak(const struct atls_leaks *leaks, const char *what, const char *text,
              struct atls_events *events, json_t *fields)
{
    const char *file = atls_leaks_file(leaks, what);
    if (!file) {
        json_decref(fields);
        return 0;
    }
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    int result = fd < 0 ? -errno : append(fd, text);
    if (fd >= 0 && close(fd) != 0 && result == 0)
        result = -errno;
    if (result != 0) {
        json_decref(fields);
        return atls_fail(result, NULL, "--leak %s=%s: %s", what, file,
                         result == -EPERM ? "expected a file that its owner alone may read"
                                          : strerror(-result));
    }
    if (!fields)
        fields = json_object();
    json_object_set_new(fields, "what", json_string(what));
    json_object_set_new(fields, "file", json_string(file));
    json_object_set_new(fields, "attack", json_string(leaks->attack));
    atls_event_object(events, "leak", fields);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event writer: one line an event, whole lines only, whichever thread writes them. An event
 * that cannot be packed (a text that is not UTF-8, no memory) is written all the same, with the
 * field "invalid" that the schema refuses, so that a test sees it instead of missing a line. Lines
 * are ASCII: no byte of a peer reaches a terminal through them. Where the disk is full, the file
 * ends with the last line that fits whole, and the program's exit code tells.
 */
#include "program/events.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/program.h"
#include "program/tell.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/json/json.h"

struct atls_events {
    int fd;      /* -1: swallows everything, */
    FILE *words; /* or tells the more important here; NULL: not even that */
    char *who;
    double start;
    pthread_mutex_t lock;
    int lost; /* -errno of the first line that could not be written: none is written behind it */
};

static int open_file(const char *path, int *fdp)
{
    int fd = strcmp(path, "-") == 0 ? STDOUT_FILENO
                                    : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0)
        return atls_fail(-errno, NULL, "cannot write events to %s: %s", path, strerror(errno));
    *fdp = fd;
    return 0;
}

int atls_events_open(const char *path, const char *who, struct atls_events **eventsp)
{
    struct atls_events *events = calloc(1, sizeof *events);
    int result = 0;

    if (events)
        events->who = strdup(who);
    if (!events || !events->who) {
        free(events);
        return atls_fail(-ENOMEM, NULL, "no memory for events");
    }
    events->fd = -1;
    if (path)
        result = open_file(path, &events->fd);
    if (result < 0) {
        free(events->who);
        free(events);
        return result;
    }
    pthread_mutex_init(&events->lock, NULL);
    events->start = atls_now();
    *eventsp = events;
    return 0;
}

int atls_events_close(struct atls_events *events)
{
    int lost;

    if (!events)
        return 0;
    if (events->fd > STDERR_FILENO && close(events->fd) != 0 && events->lost == 0) {
        events->lost = -errno;
        fprintf(stderr, "%s: events could not be written: %s\n", events->who, strerror(errno));
    }
    lost = events->lost;
    pthread_mutex_destroy(&events->lock);
    free(events->who);
    free(events);
    return lost < 0 ? atls_fail(lost, NULL, "not every event could be written") : 0;
}

void atls_events_in_words(struct atls_events *events, FILE *file)
{
    if (events->fd < 0)
        events->words = file;
}

bool atls_events_heard(const struct atls_events *events)
{
    return events && (events->fd >= 0 || events->words);
}

/* The event as text with the end of its line, or NULL. */
static char *line_of(const struct atls_events *events, double t, const char *name, json_t *fields)
{
    json_t *line = json_pack("{s:f, s:s, s:s}", "t", t, "who", events->who, "event", name);
    char *text = NULL, *longer;
    size_t size;

    if (line && fields && json_object_update_missing(line, fields) == 0)
        text = atls_json_write(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    json_decref(line);
    if (!text)
        return NULL;
    size = strlen(text);
    longer = realloc(text, size + 2);
    if (!longer) {
        free(text);
        return NULL;
    }
    memcpy(longer + size, "\n", 2);
    return longer;
}

/* What stands for an event that cannot be made. Needs no memory; names are this program's own. */
static void write_invalid(const struct atls_events *events, double t, const char *name, char *line,
                          size_t capacity)
{
    snprintf(
        line, capacity,
        "{\"t\":%.6f,\"who\":\"%s\",\"event\":\"%s\",\"invalid\":\"no memory, or a text that is "
        "not UTF-8\"}\n",
        t, events->who, name);
}

/* The lock is held from the reading of the clock to the end of the line: times never run back. */
static void write_line(struct atls_events *events, const char *name, json_t *fields)
{
    char instead[256];
    char *line;
    double t;

    pthread_mutex_lock(&events->lock);
    t = atls_now() - events->start;
    line = line_of(events, t, name, fields);
    if (!line)
        write_invalid(events, t, name, instead, sizeof instead);
    if (events->lost == 0) {
        if (events->fd == STDOUT_FILENO)
            fflush(stdout); /* what the program has said there comes first */
        events->lost = atls_write_line(events->fd, line ? line : instead);
        if (events->lost < 0)
            fprintf(stderr, "%s: event %s could not be written, and none is from here on: %s\n",
                    events->who, name, strerror(-events->lost));
    }
    pthread_mutex_unlock(&events->lock);
    free(line);
}

void atls_event_object(struct atls_events *events, const char *name, json_t *fields)
{
    if (events && events->fd >= 0) {
        write_line(events, name, fields);
    } else if (events && events->words) {
        pthread_mutex_lock(&events->lock);
        atls_tell(events->words, events->who, name, fields);
        pthread_mutex_unlock(&events->lock);
    }
    json_decref(fields);
}

void atls_event_packed(struct atls_events *events, const char *name, const char *format, ...)
{
    json_t *fields = format ? NULL : json_object();
    json_error_t error;
    va_list arguments;

    if (format) {
        va_start(arguments, format);
        fields = json_vpack_ex(&error, 0, format, arguments);
        va_end(arguments);
        if (!fields)
            fields = json_pack("{s:s}", "invalid", error.text);
    }
    atls_event_object(events, name, fields);
}

json_t *atls_json_hex(struct atls_bytes bytes)
{
    char *text = atls_hex_encode(bytes);
    json_t *string = text ? json_string(text) : NULL;

    free(text);
    return string;
}

json_t *atls_json_printable(struct atls_bytes text)
{
    size_t capacity = text.size * 4 + 1;
    char *shown = malloc(capacity);
    json_t *string = NULL;

    if (shown) {
        atls_printable((const char *)text.data, text.size, shown, capacity);
        string = json_string(shown);
    }
    free(shown);
    return string;
}

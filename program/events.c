/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event writer: one line an event, whole lines only, whichever thread writes them. An event
 * that cannot be packed is a bug of its caller; it is written all the same, with the field
 * "invalid" that the schema refuses, so that a test sees it instead of missing a line.
 */
#include "program/events.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "program/tell.h"
#include "rats/encoding.h"
#include "rats/error.h"

struct atls_events {
    FILE *file;  /* NULL: swallows everything, */
    FILE *words; /* or tells the more important here; NULL: not even that */
    char *who;
    double start;
    pthread_mutex_t lock;
    bool complained;
};

static int open_file(const char *path, FILE **filep)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

    if (!file)
        return atls_fail(-errno, NULL, "cannot write events to %s: %s", path, strerror(errno));
    *filep = file;
    return 0;
}

int atls_events_open(const char *path, const char *who, struct atls_events **eventsp)
{
    struct atls_events *events = calloc(1, sizeof *events);
    int error = 0;

    if (events)
        events->who = strdup(who);
    if (!events || !events->who) {
        free(events);
        return atls_fail(-ENOMEM, NULL, "no memory for events");
    }
    if (path)
        error = open_file(path, &events->file);
    if (error < 0) {
        free(events->who);
        free(events);
        return error;
    }
    pthread_mutex_init(&events->lock, NULL);
    events->start = atls_now();
    *eventsp = events;
    return 0;
}

void atls_events_close(struct atls_events *events)
{
    if (!events)
        return;
    if (events->file && events->file != stdout)
        fclose(events->file);
    pthread_mutex_destroy(&events->lock);
    free(events->who);
    free(events);
}

void atls_events_in_words(struct atls_events *events, FILE *file)
{
    if (!events->file)
        events->words = file;
}

bool atls_events_heard(const struct atls_events *events)
{
    return events && (events->file || events->words);
}

static json_t *line_of(const struct atls_events *events, const char *name, json_t *fields)
{
    double t = atls_now() - events->start;
    json_t *line = json_pack("{s:f, s:s, s:s}", "t", t, "who", events->who, "event", name);

    if (line && fields && json_object_update_missing(line, fields) != 0) {
        json_decref(line);
        return NULL;
    }
    return line;
}

/* The lock is held from the reading of the clock to the end of the line: times never run back. */
static void write_line(struct atls_events *events, const char *name, json_t *fields)
{
    char *text = NULL;
    json_t *line;
    bool written;

    pthread_mutex_lock(&events->lock);
    line = line_of(events, name, fields);
    if (line)
        text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(12));
    written = text && fprintf(events->file, "%s\n", text) >= 0 && fflush(events->file) == 0;
    if (!written && !events->complained) {
        events->complained = true;
        fprintf(stderr, "%s: event %s could not be written: %s\n", events->who, name,
                text ? strerror(errno) : "no memory, or not UTF-8");
    }
    pthread_mutex_unlock(&events->lock);
    free(text);
    json_decref(line);
}

void atls_event_object(struct atls_events *events, const char *name, json_t *fields)
{
    if (events && events->file) {
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
    json_t *fields = NULL;
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

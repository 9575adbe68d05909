/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of both roles share: a directory for events and artifacts, and reading them. */
#ifndef ATLS_ROLES_TEST_PARTY_H
#define ATLS_ROLES_TEST_PARTY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/events.h"
#include "program/program.h"

struct test_party {
    char directory[64], path[96];
    struct atls_events *events;
};

static inline void test_party_open(struct test_party *party)
{
    snprintf(party->directory, sizeof party->directory, "atls-test-XXXXXX");
    assert_non_null(mkdtemp(party->directory));
    snprintf(party->path, sizeof party->path, "%s/events", party->directory);
    assert_int_equal(atls_events_open(party->path, "client", &party->events), 0);
}

static inline void test_party_close(struct test_party *party)
{
    char path[512];
    DIR *directory = opendir(party->directory);
    struct dirent *entry;

    atls_events_close(party->events);
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", party->directory, entry->d_name);
            unlink(path);
        }
    }
    closedir(directory);
    assert_int_equal(rmdir(party->directory), 0);
}

/* Event number NTH (0: the first) of a name, a new reference, or NULL. */
static inline json_t *test_event(const struct test_party *party, const char *name, unsigned nth)
{
    FILE *file = fopen(party->path, "r");
    json_t *event = NULL;

    assert_non_null(file);
    while ((event = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
        const char *is = json_string_value(json_object_get(event, "event"));
        if (is && strcmp(is, name) == 0 && nth-- == 0) {
            break;
        }
        json_decref(event);
    }
    fclose(file);
    return event;
}

/* Does that event have this text in that field? */
static inline void test_event_says(const struct test_party *party, const char *name, unsigned nth,
                                   const char *field, const char *expected)
{
    json_t *event = test_event(party, name, nth);
    const char *text = json_string_value(json_object_get(event, field));

    if (!text || strcmp(text, expected) != 0) {
        fail_msg("event %s number %u: expected %s \"%s\", came \"%s\"", name, nth, field, expected,
                 text ? text : "(none)");
    }
    json_decref(event);
}

static inline unsigned test_event_count(const struct test_party *party, const char *name)
{
    unsigned count = 0;
    json_t *event;

    while ((event = test_event(party, name, count))) {
        json_decref(event);
        count++;
    }
    return count;
}

/* An artifact that an event names, whole. */
static inline void test_artifact_is(const struct test_party *party, const char *file,
                                    struct atls_bytes expected)
{
    char path[256];
    uint8_t *data;
    size_t size;

    snprintf(path, sizeof path, "%s/%s", party->directory, file);
    assert_int_equal(atls_read_file(path, 1 << 20, &data, &size), 0);
    assert_true(atls_bytes_equal(ATLS_BYTES(data, size), expected));
    free(data);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program says: one JSON object a line, {"t": seconds since start, "who", "event", ...},
 * to the file of --events ("-" is standard output). The schema is
 * harness/atls_harness/schemas/event.schema.json. No private key, and no secret, is ever given to
 * an event.
 */
#ifndef ATLS_PROGRAM_EVENTS_H
#define ATLS_PROGRAM_EVENTS_H

#include <jansson.h>
#include <stdio.h>

#include "rats/base/bytes.h"

struct atls_events;

/* PATH NULL: an object that swallows everything. WHO names the party in each line. -errno. */
int atls_events_open(const char *path, const char *who, struct atls_events **eventsp);
/* Where no PATH was given, the more important events go to FILE in words, a line each: a person
 * who starts a program by hand should not have to read JSON. Else nothing. FILE is borrowed. */
void atls_events_in_words(struct atls_events *events, FILE *file);
/* -errno where a line could not be written (said on standard error when that happened; what came
 * behind it is not in the file): a program's exit code has to tell, as its events are not whole. */
int atls_events_close(struct atls_events *events);
/* Does anybody get what EVENTS is given? What is costly to tell need not be made for nobody. */
bool atls_events_heard(const struct atls_events *events);
/* FORMAT and arguments are jansson's json_pack of an object's inside: "{s:i, s:s}". A line is
 * written and flushed at once. Event names and fields: harness/peers/README.md. Where nobody hears,
 * the arguments are not even evaluated. */
#define atls_event(events, ...)                                                                    \
    (atls_events_heard(events) ? atls_event_packed(events, __VA_ARGS__) : (void)0)
void atls_event_packed(struct atls_events *events, const char *name, const char *format, ...);
/* The same with a ready object, which it takes over. NULL, as what cannot be packed gives, is an
 * event that has the field "invalid" and nothing else. */
void atls_event_object(struct atls_events *events, const char *name, json_t *fields);
/* Lower-case hexadecimal as a JSON string. */
json_t *atls_json_hex(struct atls_bytes bytes);
/* Text of a peer as a JSON string, made printable (atls_printable()). */
json_t *atls_json_printable(struct atls_bytes text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in words, for whoever starts a program by hand and gives it no --events: where it listens,
 * how each handshake ended and why, what a verifier thought. One line each.
 */
#ifndef ATLS_PROGRAM_TELL_H
#define ATLS_PROGRAM_TELL_H

#include <jansson.h>
#include <stdio.h>

/* Writes what there is to say of an event, which may be nothing. Bytes that came from a peer are
 * made printable. FIELDS is an object or NULL. */
void atls_tell(FILE *file, const char *who, const char *event, const json_t *fields);

#endif

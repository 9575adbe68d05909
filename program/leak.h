/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that a simulated part gives away on request, for attacks that begin with a stolen key:
 * --leak WHAT=FILE, which no program takes but with --attack ID, as the harness gives it to the
 * parties of an attack's scenario alone. Each leak is an event.
 */
#ifndef ATLS_PROGRAM_LEAK_H
#define ATLS_PROGRAM_LEAK_H

#include <stdbool.h>

#include "program/events.h"

#define ATLS_LEAKS_MAX 4

struct atls_leaks { /* texts are argv's; all zero: none */
    const char *attack;
    struct {
        const char *what, *file;
    } leak[ATLS_LEAKS_MAX];
    size_t count;
};

/* --attack: 1 to 32 letters, digits and hyphens. -EINVAL. */
int atls_leaks_attack(struct atls_leaks *leaks, const char *id);
/* --leak WHAT=FILE, WHAT one of NAMES (which ends with NULL), each once. -EINVAL;
 * ATLS_E_UNSUPPORTED: a secret of another name. */
int atls_leaks_add(struct atls_leaks *leaks, const char *text, const char *const *names);
/* Ends the program with 64 where something is to leak and no attack is played. */
void atls_leaks_guard(const struct atls_leaks *leaks);
/* The file of WHAT, or NULL. */
const char *atls_leaks_file(const struct atls_leaks *leaks, const char *what);
/* Puts TEXT at the end of the file of WHAT, which is the owner's alone, and says so in the event
 * `leak`, whose further FIELDS (or NULL) it takes over. Nothing where WHAT does not leak.
 * -EPERM: others may read the file; -errno. */
int atls_leak(const struct atls_leaks *leaks, const char *what, const char *text,
              struct atls_events *events, json_t *fields);

#endif

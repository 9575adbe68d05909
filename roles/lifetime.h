/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long what a verifier made is good, by the verifier's own clock: its answer says when it
 * was sent (Date) and until when the session lives (expiry), and the clock of this machine may
 * differ.
 */
#ifndef ATLS_ROLES_LIFETIME_H
#define ATLS_ROLES_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

/* A date-time of RFC 3339 section 5.6, as seconds since 1970, its fraction cut off. False: it is
 * none. */
bool atls_time_of_rfc3339(const char *text, int64_t *secondsp);
/* An IMF-fixdate of RFC 9110 section 5.6.7, which is what servers send. False: it is none. */
bool atls_time_of_http(const char *text, int64_t *secondsp);
/* Seconds from DATE (NULL, or none that can be read: the clock of this machine) to EXPIRY; 0 where
 * that is not in the future, or EXPIRY is NULL or no date. */
int64_t atls_lifetime(const char *expiry, const char *date);

#endif

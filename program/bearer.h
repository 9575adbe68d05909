/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens (RFC 6750) in files: a secret on a command line is seen by everybody on the
 * machine, and so is one in a message. No error says anything of what is in the file.
 */
#ifndef ATLS_PROGRAM_BEARER_H
#define ATLS_PROGRAM_BEARER_H

#include <stddef.h>

/* The first line of the file at PATH, which FLAG names, of LEAST characters or more. -errno,
 * ATLS_E_LIMIT, ATLS_E_MALFORMED. */
int atls_bearer_read(const char *flag, const char *path, size_t least, char **tokenp);
void atls_bearer_free(char *token); /* wipes it; NULL is fine */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key log in the NSS format, which lets a reader decrypt what was captured: whoever has the file
 * has the connections, so it is for its owner only. Several programs may append to one file.
 */
#ifndef ATLS_PROGRAM_KEYLOG_H
#define ATLS_PROGRAM_KEYLOG_H

#include "rats/base/bytes.h"

struct atls_keylog;

/* Appends to PATH, which is made with mode 0600 where it does not exist. -errno. */
int atls_keylog_open(const char *path, struct atls_keylog **keylogp);
/* One line: LABEL, the client's random, the secret. Whole or not at all. LOG may be NULL. Any
 * thread may call it. */
void atls_keylog_add(struct atls_keylog *log, const char *label, struct atls_bytes random,
                     struct atls_bytes secret);
/* Such a line by itself, for another file: allocated, to be erased and freed. NULL: no memory. */
char *atls_keylog_line(const char *label, struct atls_bytes random, struct atls_bytes secret);
/* -errno where a line could not be written, which a program's exit code has to tell. */
int atls_keylog_close(struct atls_keylog *log);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every program does alike: exit codes, dying with its parent, its version, file access,
 * times. Options are read with argp (glibc), in each program's own table.
 */
#ifndef ATLS_PROGRAM_PROGRAM_H
#define ATLS_PROGRAM_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "rats/base/bytes.h"

enum atls_exit { /* the whole contract: anything else is a crash */
                 ATLS_EXIT_DONE = 0,
                 ATLS_EXIT_REFUSED = 1, /* refused or failed as an endpoint can */
                 ATLS_EXIT_USAGE = 2,
                 ATLS_EXIT_NO_ATTACK = 64,   /* a secret was to leak, and no attack is played */
                 ATLS_EXIT_UNSUPPORTED = 77, /* this peer does not support what was asked */
};

/* Sets argp's version string and exit status 2, ignores SIGPIPE, keeps up to 1 MiB of freed memory
 * for the next connection, and (where EXIT_WITH_PARENT) asks the kernel for SIGTERM when the parent
 * dies, leaving at once if it is already gone. */
void atls_program_start(const char *name, int exit_with_parent);
/* The last of these alone, for a program whose flags decide it; otherwise (STAY) it outlives its
 * parent and its terminal (SIGHUP). */
void atls_program_stay(int stay);
/* Says that this program cannot do what it was asked for, WHAT of that VALUE, and ends with 77. */
void atls_program_unsupported(const char *what, const char *value) __attribute__((noreturn));
/* A file whole, at most LIMIT bytes. "-" is standard input. *DATAP is allocated. -errno or
 * ATLS_E_LIMIT. Zero-terminated behind its size, for text. */
int atls_read_file(const char *path, size_t limit, uint8_t **datap, size_t *sizep);
/* Writes a file whole (0644, replaced atomically). -errno. */
int atls_write_file(const char *path, struct atls_bytes data);
/* Writes LINE at the end of a file, all of it or nothing: where the disk is full in the middle,
 * what went out is taken back if the file can be cut. -errno. */
int atls_write_line(int fd, const char *line);
double atls_now(void); /* monotonic seconds */
struct sockaddr_un;
/* Connects FD, which does not block, to ADDRESS until END. 0, or the errno of connect(). */
int atls_connect_until(int fd, const struct sockaddr_un *address, double end);
/* Decimal or 0x... number within bounds, nothing behind it. -EINVAL with a text that names WHAT. */
int atls_parse_number(const char *text, const char *what, uint64_t least, uint64_t most,
                      uint64_t *valuep);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What clients and servers are but for their side and TLS library: options in, exit code out. */
#ifndef ATLS_TLS_PROGRAMS_RUN_H
#define ATLS_TLS_PROGRAMS_RUN_H

#include "tls/engine/party.h"
#include "tls/programs/options.h"

struct atls_program {
    const char *name;
    const char *version; /* of --version; NULL: the project's */
    const struct atls_stack *stack;
    /* What of OPTIONS cannot be done, and why; NULL where all of it can. Asked before anything is
     * opened, and then the exit code is 77. A program that can do everything has none. */
    const char *(*lacks)(const struct atls_options *options);
};

/* Returns the exit code. */
int atls_run(const struct atls_program *program, enum atls_side side, int argc, char **argv);

#endif

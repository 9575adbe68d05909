/* SPDX-License-Identifier: Apache-2.0 */
/* What atls-client and atls-server are but for their side: options in, exit code out. */
#ifndef ATLS_TLS_PROGRAMS_RUN_H
#define ATLS_TLS_PROGRAMS_RUN_H

#include "tls/engine/party.h"

/* NAME is the program's. Returns the exit code. */
int atls_run(const char *name, enum atls_side side, int argc, char **argv);

#endif

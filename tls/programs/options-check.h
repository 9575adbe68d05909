/* SPDX-License-Identifier: Apache-2.0 */
/* For options.c alone. */
#ifndef ATLS_TLS_PROGRAMS_OPTIONS_CHECK_H
#define ATLS_TLS_PROGRAMS_OPTIONS_CHECK_H

#include <argp.h>

#include "tls/programs/options.h"

/* Returns where all goes together. Else it ends the program: with 2 as a wrong command line, with
 * 77 as what this program has not. */
void atls_options_check(struct argp_state *state, const struct atls_options *o);

#endif

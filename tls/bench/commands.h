/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of atls-bench. Each writes one JSON object to standard output and returns 0, or has
 * said by atls_fail() why it could not. */
#ifndef ATLS_TLS_BENCH_COMMANDS_H
#define ATLS_TLS_BENCH_COMMANDS_H

#include <jansson.h>

int bench_pair_main(int argc, char **argv);
int bench_load_main(int argc, char **argv);
int bench_fleet_main(int argc, char **argv);
int bench_appraisals_main(int argc, char **argv);
int bench_crypto_main(int argc, char **argv);
int bench_sizes_main(int argc, char **argv);

/* Prints and frees. -ENOMEM where OBJECT is NULL. */
int bench_print(json_t *object);

#endif

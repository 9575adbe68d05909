/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process, many cases: what a program does at every start (loading libraries, looking at
 * them) is done once, and each case is played by a fork of the process that did it. Such a fork
 * has what any start of the program would have made, and nothing of an earlier case. Who asks, and
 * how, is told in harness/peers/README.md ("Many cases").
 */
#ifndef ATLS_PROGRAM_CASES_H
#define ATLS_PROGRAM_CASES_H

#define ATLS_CASES_FLAG "--serve-cases"
#define ATLS_CASES_REQUEST_MAX 65536 /* bytes */
#define ATLS_CASES_ARGUMENTS_MAX 1024

/* Called before anything else of main(). Returns at once where the first argument is not
 * ATLS_CASES_FLAG. Where it is, calls WARM (or NULL) with
 * CONTEXT and answers requests on the socket whose
 * descriptor is the second argument, until that ends, and then ends the program. Returns in a child
 * for each case: *ARGCP and *ARGVP, standard output and standard error are those of the case. What
 * is not asked as it should be ends the program with ATLS_EXIT_USAGE. */
void atls_cases_serve(int *argcp, char ***argvp, void (*warm)(const void *context),
                      const void *context);

#endif

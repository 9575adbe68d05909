/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atls-bench: raw figures as JSON on standard output. What they mean (percentiles, ratios,
 * comparisons) is the business of ./atls bench, which runs this program.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/commands.h"

static const char doc[] =
    "Measures attested TLS. COMMAND:\n"
    "  pair   connections of one or more modes in memory, in turn, in one thread\n"
    "  load   connections at once to servers that are running\n"
    "  fleet  simulated devices that are onboarded\n"
    "  appraisals  evidence posted to a verifier that is running\n"
    "  crypto  public-key operations, library by library\n"
    "  sizes  appraisals, endorsing and sessions, by how much there is already\n"
    "atls-bench COMMAND --help tells its options.\v"
    "Modes: plain/server, plain/mutual (openssl/server, openssl/mutual), or PROFILE/MODEL/ATTESTER "
    "with MODEL background-check or passport, ATTESTER client, server or both; /psa, /cert, /p384, "
    "/components=N, /cwt, /ahead and /known behind it, /cached and /fast of pair.";

static int usage(void)
{
    fprintf(stderr, "usage: atls-bench pair|load|fleet|appraisals|crypto|sizes [OPTION...]\n");
    return ATLS_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"pair", bench_pair_main},     {"load", bench_load_main},
                    {"fleet", bench_fleet_main},   {"appraisals", bench_appraisals_main},
                    {"crypto", bench_crypto_main}, {"sizes", bench_sizes_main}};
    static const struct argp argp = {NULL, NULL, "COMMAND", doc, NULL, NULL, NULL};
    atls_program_start("atls-bench", 1);
    if (argc < 2)
        return usage();
    if (argv[1][0] == '-') {
        argp_parse(&argp, argc, argv, 0, NULL, NULL);
        return usage();
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        int result = commands[i].run(argc - 1, argv + 1);
        if (result != 0)
            fprintf(stderr, "atls-bench: %s\n", atls_error_text());
        return result == 0                    ? ATLS_EXIT_DONE
               : result == ATLS_E_UNSUPPORTED ? ATLS_EXIT_UNSUPPORTED
                                              : ATLS_EXIT_REFUSED;
    }
    return usage();
}

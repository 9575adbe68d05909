/* SPDX-License-Identifier: Apache-2.0 */
/* atls-bench crypto: public-key operations of each crypto library that it was built with, one of
 * each in turn, so that whatever else the machine does falls on all alike. */
#include <argp.h>
#include <stdlib.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/commands.h"
#include "tls/bench/contenders.h"
#include "tls/bench/contest.h"

static const struct argp_option argp_options[] = {
    {"samples", 'n', "N", 0, "Rounds (100)", 0},
    {"warm-up", 'w', "N", 0, "Rounds before that (5)", 0},
    {"library", 'l', "FILE", 0, "AWS-LC, as harness/peers/aws-lc builds it, beside them", 0},
    {0},
};

struct options {
    uint64_t samples, warm_up;
    const char *library;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    int result = 0;
    switch (key) {
    case 'n':
        result = atls_parse_number(value, "--samples", 1, 1000000, &o->samples);
        break;
    case 'w':
        result = atls_parse_number(value, "--warm-up", 0, 1000000, &o->warm_up);
        break;
    case 'l':
        o->library = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    if (result != 0)
        argp_error(state, "%s", atls_error_text());
    return 0;
}

int bench_crypto_main(int argc, char **argv)
{
    static const struct argp argp = {
        argp_options, parse, NULL, "Public-key operations, library by library.", NULL, NULL, NULL};
    struct options options = {.samples = 100, .warm_up = 5};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    struct bench_contest *contest = NULL;
    int result = bench_contest_new(true, options.library, &contest);
    for (uint64_t n = 0; result == 0 && n < options.warm_up + options.samples; n++)
        result = bench_contest_round(contest, n >= options.warm_up);
    if (result == 0)
        result = bench_print(json_pack("{s:s, s:o}", "built_with", atls_crypto_hosted.name,
                                       "libraries", bench_contest_figures(contest)));
    bench_contest_free(contest);
    return result;
}

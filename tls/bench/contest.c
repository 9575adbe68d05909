/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of the contenders. */
#include "tls/bench/contest.h"

#include <errno.h>
#include <stdlib.h>

#include "rats/base/error.h"
#include "tls/bench/contenders.h"

#define CONTENDERS_MAX 8

struct bench_contest {
    const struct bench_contender *contender[CONTENDERS_MAX];
    json_t *ns[CONTENDERS_MAX][BENCH_CONTENDED];
    size_t count;
};

static void add(struct bench_contest *contest, const struct bench_contender *one)
{
    for (size_t i = 0; i < BENCH_CONTENDED; i++)
        contest->ns[contest->count][i] = json_array();
    contest->contender[contest->count++] = one;
}

int bench_contest_new(bool slow, const char *library, struct bench_contest **contestp)
{
    const struct bench_contender *more = NULL;
    int result = library ? bench_contender_load(library, &more) : 0;
    if (result)
        return result;
    struct bench_contest *contest = calloc(1, sizeof *contest);
    if (!contest)
        return atls_fail(-ENOMEM, NULL, "no memory for the figures");
    for (const struct bench_contender *one = bench_contenders;
         one->crypto && contest->count < CONTENDERS_MAX; one++)
        if (slow || !one->slow)
            add(contest, one);
    if (more)
        add(contest, more);
    *contestp = contest;
    return 0;
}

void bench_contest_free(struct bench_contest *contest)
{
    if (!contest)
        return;
    for (size_t c = 0; c < contest->count; c++)
        for (size_t i = 0; i < BENCH_CONTENDED; i++)
            json_decref(contest->ns[c][i]);
    free(contest);
}

int bench_contest_round(struct bench_contest *contest, bool keep)
{
    for (size_t c = 0; c < contest->count; c++) {
        uint64_t ns[BENCH_OPS];
        int result = bench_contender_round(contest->contender[c], ns);
        if (result)
            return result;
        for (size_t i = 0; keep && i < BENCH_CONTENDED; i++)
            json_array_append_new(contest->ns[c][i],
                                  json_integer((json_int_t)ns[bench_contended[i]]));
    }
    return 0;
}

json_t *bench_contest_figures(const struct bench_contest *contest)
{
    json_t *made = json_array();
    for (size_t c = 0; c < contest->count; c++) {
        const struct bench_contender *one = contest->contender[c];
        json_t *operations = json_object();
        for (size_t i = 0; i < BENCH_CONTENDED; i++)
            json_object_set(operations, bench_op_name(bench_contended[i]), contest->ns[c][i]);
        json_array_append_new(made, json_pack("{s:s, s:s, s:o}", "library", one->crypto->name,
                                              "version", one->version ? one->version() : "",
                                              "operations_ns", operations));
    }
    return made;
}

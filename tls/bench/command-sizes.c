/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atls-bench sizes: one thing at several sizes, in turn, so that whatever else the machine does
 * falls on all of them. Says the processor time of each sample.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/commands.h"
#include "tls/bench/meter.h"
#include "tls/bench/sizes.h"

#define SIZES_MAX 16

struct options {
    const char *kind;
    size_t sizes[SIZES_MAX];
    size_t count;
    unsigned samples, warm_up;
};

static const struct argp_option argp_options[] = {
    {"of", 'o', "KIND", 0, "What is large, and what is then done", 0},
    {"size", 's', "N", 0, "How large (repeatable)", 0},
    {"samples", 'n', "N", 0, "Of each size (100)", 0},
    {"warm-up", 'w', "N", 0, "Not counted, of each size (5)", 0},
    {0},
};

/* Each kind behind what --of is for. */
static char *help(int key, const char *text, void *input)
{
    size_t size;
    char *made = NULL;
    FILE *out = key == 'o' ? open_memstream(&made, &size) : NULL;

    if (!out)
        return (char *)(uintptr_t)text;
    fputs(text, out);
    for (size_t i = 0; i < bench_size_kind_count; i++)
        fprintf(out, "%s %s (%s)", i ? "," : ":", bench_size_kinds[i].name,
                bench_size_kinds[i].what);
    fclose(out);
    return made ? made : (char *)(uintptr_t)text;
}

static uint64_t number_of(const char *value, const char *flag, uint64_t least, uint64_t most,
                          struct argp_state *state)
{
    uint64_t number = 0;

    if (atls_parse_number(value, flag, least, most, &number) != 0)
        argp_error(state, "%s", atls_error_text());
    return number;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'o':
        o->kind = value;
        return 0;
    case 's':
        if (o->count == SIZES_MAX)
            argp_error(state, "--size: expected at most %d", SIZES_MAX);
        else
            o->sizes[o->count++] = number_of(value, "--size", 1, 10000000, state);
        return 0;
    case 'n':
        o->samples = (unsigned)number_of(value, "--samples", 1, 1000000, state);
        return 0;
    case 'w':
        o->warm_up = (unsigned)number_of(value, "--warm-up", 0, 1000000, state);
        return 0;
    case ARGP_KEY_END:
        if (!o->kind || o->count == 0)
            argp_error(state, "--of and --size are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Its own function, never inlined: callgrind is told to count within it. */
int bench_counted_size(struct bench_sized *sized);
__attribute__((noinline)) int bench_counted_size(struct bench_sized *sized)
{
    return bench_sized_run(sized);
}

static int sample(const struct options *o, struct bench_sized **sized, json_t **cpu)
{
    int result = 0;

    for (unsigned i = 0; !result && i < o->warm_up + o->samples; i++)
        for (size_t j = 0; !result && j < o->count; j++) {
            uint64_t begin = bench_cpu_ns();

            result = i < o->warm_up ? bench_sized_run(sized[j]) : bench_counted_size(sized[j]);
            if (i >= o->warm_up)
                json_array_append_new(cpu[j], json_integer((json_int_t)(bench_cpu_ns() - begin)));
        }
    return result;
}

int bench_sizes_main(int argc, char **argv)
{
    static const struct argp argp = {argp_options, parse, NULL, "One thing at several sizes.",
                                     NULL,         help,  NULL};
    struct options options = {.samples = 100, .warm_up = 5};
    struct bench_sized *sized[SIZES_MAX] = {NULL};
    json_t *cpu[SIZES_MAX] = {NULL}, *points = json_array();
    int result = 0;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    for (size_t i = 0; !result && i < options.count; i++) {
        cpu[i] = json_array();
        result = bench_sized_open(options.kind, options.sizes[i], &sized[i]);
    }
    if (!result)
        result = sample(&options, sized, cpu);
    for (size_t i = 0; i < options.count; i++) {
        json_array_append_new(points, json_pack("{s:I, s:I, s:O?}", "size",
                                                (json_int_t)options.sizes[i], "evidence_bytes",
                                                (json_int_t)bench_sized_evidence(sized[i]),
                                                "cpu_ns", cpu[i]));
        json_decref(cpu[i]);
        bench_sized_close(sized[i]);
    }
    if (!result)
        return bench_print(json_pack("{s:s, s:o}", "of", options.kind, "points", points));
    json_decref(points);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* atls-bench pair: samples of every mode, one connection each in turn, so that whatever else the
 * machine does falls on all alike; and rounds of the floor between them. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/commands.h"
#include "tls/bench/contest.h"
#include "tls/bench/fast.h"
#include "tls/bench/floor.h"
#include "tls/bench/local-verifier.h"
#include "tls/bench/openssl.h"
#include "tls/bench/pair.h"

#define MODES_MAX 128

struct row {
    struct bench_mode mode;
    struct bench_world
        world; /* its own: what one verifier endorses, all its devices must measure */
    struct bench_pair *pair;
    json_t *wall, *cpu; /* nanoseconds of each sample */
    uint64_t phase_ns[BENCH_PHASES], wall_ns;
    struct bench_sample last;
};

struct options {
    struct row rows[MODES_MAX];
    size_t count;
    unsigned samples, warm_up, latency_ms, endorsed;
    const char *verifier, *client_device, *server_device, *library;
    struct atls_http_access_options access; /* to the verifier */
    bool floor;
};

struct floor_samples {
    struct bench_contest *contest; /* the same operations by other libraries */
    json_t *op[BENCH_OPS], *hash[BENCH_HASHES];
};

static const struct argp_option argp_options[] = {
    {"mode", 'm', "MODE", 0, "What to measure; repeatable, measured in turn", 0},
    {"samples", 'n', "N", 0, "Connections of each mode (100)", 0},
    {"warm-up", 'w', "N", 0, "Connections before that (5)", 0},
    {"verifier", 'v', "URL", 0, "Over HTTP (default: in this process)", 0},
    BENCH_ACCESS_OPTIONS,
    {"client-device", 'c', "ADDRESS", 0, "Device of an attested client (default: in this process)",
     0},
    {"server-device", 's', "ADDRESS", 0, "Device of an attested server", 0},
    {"device-latency", 'l', "MS", 0,
     "Put before each piece of evidence, as a real quoting device "
     "takes it (0)",
     0},
    {"endorse", 'e', "SEED", 0, "The verifier in this process endorses that device, too", 0},
    {"floor", 'f', NULL, 0, "Measure single operations too", 0},
    {"library", 'L', "FILE", 0, "With AWS-LC, as harness/peers/aws-lc builds it, among them", 0},
    {0},
};

static unsigned number(const char *text, const char *what, uint64_t least, uint64_t most,
                       struct argp_state *state)
{
    uint64_t value = 0;
    if (atls_parse_number(text, what, least, most, &value) != 0)
        argp_error(state, "%s", atls_error_text());
    return (unsigned)value;
}

static void add_mode(struct options *o, const char *name, struct argp_state *state)
{
    if (o->count == MODES_MAX)
        argp_error(state, "at most %d modes", MODES_MAX);
    int result = bench_mode_parse(name, &o->rows[o->count++].mode);
    if (result == 0)
        return;
    if (result != ATLS_E_UNSUPPORTED)
        argp_error(state, "%s", atls_error_text());
    fprintf(stderr, "atls-bench: %s\n", atls_error_text());
    exit(ATLS_EXIT_UNSUPPORTED);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    if (bench_access_parse(key, value, &o->access))
        return 0;
    switch (key) {
    case 'm':
        add_mode(o, value, state);
        return 0;
    case 'n':
        o->samples = number(value, "--samples", 1, 1000000, state);
        return 0;
    case 'w':
        o->warm_up = number(value, "--warm-up", 0, 1000000, state);
        return 0;
    case 'l':
        o->latency_ms = number(value, "--device-latency", 0, 60000, state);
        return 0;
    case 'v':
        o->verifier = value;
        return 0;
    case 'c':
        o->client_device = value;
        return 0;
    case 's':
        o->server_device = value;
        return 0;
    case 'e':
        o->endorsed = number(value, "--endorse", 1, UINT32_MAX, state);
        return 0;
    case 'f':
        o->floor = true;
        return 0;
    case 'L':
        o->library = value;
        return 0;
    case ARGP_KEY_END:
        if (o->count == 0)
            argp_error(state, "--mode is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Its own function, never inlined: callgrind is told to count within it, and so not the warm-up. */
int bench_counted(struct row *row);
__attribute__((noinline)) int bench_counted(struct row *row)
{
    return bench_pair_connect(row->pair, &row->last);
}

static int sample_row(struct row *row, bool keep)
{
    struct bench_sample *sample = &row->last;
    int result = keep ? bench_counted(row) : bench_pair_connect(row->pair, sample);
    if (result != 0 || !keep)
        return result;
    row->wall_ns += sample->wall_ns;
    for (size_t i = 0; i < BENCH_PHASES; i++)
        row->phase_ns[i] += sample->meter.phase_ns[i];
    json_array_append_new(row->wall, json_integer((json_int_t)sample->wall_ns));
    json_array_append_new(row->cpu, json_integer((json_int_t)sample->cpu_ns));
    return 0;
}

static int sample_floor(struct bench_floor *floor, struct floor_samples *samples)
{
    uint64_t op[BENCH_OPS], hash[BENCH_HASHES];
    int result = bench_floor_round(floor, op, hash);
    for (size_t i = 0; result == 0 && i < BENCH_OPS; i++)
        json_array_append_new(samples->op[i], json_integer((json_int_t)op[i]));
    for (size_t i = 0; result == 0 && i < BENCH_HASHES; i++)
        json_array_append_new(samples->hash[i], json_integer((json_int_t)hash[i]));
    return result ? result : bench_contest_round(samples->contest, true);
}

static int measure(struct options *o, struct bench_floor *floor, struct floor_samples *samples)
{
    for (unsigned n = 0; n < o->warm_up + o->samples; n++) {
        for (size_t i = 0; i < o->count; i++) {
            int result = sample_row(&o->rows[i], n >= o->warm_up);
            if (result != 0)
                return result;
        }
        int result = floor && n >= o->warm_up ? sample_floor(floor, samples) : 0;
        if (result != 0)
            return result;
    }
    return 0;
}

static json_t *describe(const struct options *o, struct row *row)
{
    const struct bench_sample *last = &row->last;
    json_t *phases = json_object(), *operations = json_object();
    for (size_t i = 0; i < BENCH_PHASES; i++)
        json_object_set_new(phases, bench_phase_name((enum bench_phase)i),
                            json_integer((json_int_t)(row->phase_ns[i] / o->samples)));
    for (size_t i = 0; i < BENCH_OPS; i++)
        if (last->meter.op_count[i] > 0)
            json_object_set_new(operations, bench_op_name((enum bench_op)i),
                                json_integer((json_int_t)last->meter.op_count[i]));
    return json_pack("{s:s, s:O, s:O, s:o, s:I, s:o, s:I, s:{s:I, s:I}, s:i, s:I}", "mode",
                     row->mode.name, "wall_ns", row->wall, "cpu_ns", row->cpu, "phases_ns", phases,
                     "mean_wall_ns", (json_int_t)(row->wall_ns / o->samples), "operations",
                     operations, "hashed_bytes", (json_int_t)last->meter.hashed_bytes, "bytes",
                     "client", (json_int_t)last->bytes[ATLS_CLIENT], "server",
                     (json_int_t)last->bytes[ATLS_SERVER], "flights", (int)last->flights,
                     "credential_bytes", (json_int_t)bench_pair_credential_size(row->pair));
}

static json_t *describe_all(struct options *o, const struct floor_samples *samples)
{
    json_t *rows = json_array(), *floor = json_object();
    for (size_t i = 0; i < o->count; i++)
        json_array_append_new(rows, describe(o, &o->rows[i]));
    for (size_t i = 0; o->floor && i < BENCH_OPS; i++)
        json_object_set(floor, bench_op_name((enum bench_op)i), samples->op[i]);
    for (size_t i = 0; o->floor && i < BENCH_HASHES; i++)
        json_object_set(floor, bench_hash_name((enum bench_hash)i), samples->hash[i]);
    return json_pack("{s:o, s:o, s:o*, s:s, s:s*}", "modes", rows, "floor_ns", floor, "libraries",
                     o->floor ? bench_contest_figures(samples->contest) : NULL, "built_with",
                     atls_crypto_hosted.name, "openssl", bench_openssl_version());
}

static int open_row(const struct options *o, struct row *row)
{
    row->wall = json_array();
    row->cpu = json_array();
    int result = bench_world_open(o->verifier, &o->access, &row->world);
    if (result != 0)
        return result;
    if (row->mode.cached && o->verifier)
        return atls_fail(-EINVAL, NULL, "%s: a verifier over HTTP has --cache itself",
                         row->mode.name);
    if (row->mode.cached)
        result = bench_verifier_remember(row->world.verifier);
    if (result == 0 && o->endorsed != 0)
        result = bench_verifier_endorse(row->world.verifier, o->endorsed, 0);
    if (result != 0)
        return result;
    row->world.device[ATLS_CLIENT] = o->client_device;
    row->world.device[ATLS_SERVER] = o->server_device;
    return bench_pair_new(&row->world, &row->mode, &row->pair);
}

static void close_row(struct row *row)
{
    bench_pair_free(row->pair);
    bench_world_close(&row->world);
    json_decref(row->wall);
    json_decref(row->cpu);
}

static int run(struct options *o, struct floor_samples *samples)
{
    struct bench_floor *floor = NULL;
    int result = 0;
    bench_evidence_latency(o->latency_ms);
    for (size_t i = 0; result == 0 && i < o->count; i++)
        result = open_row(o, &o->rows[i]);
    if (result == 0 && o->floor)
        result = bench_floor_new(&floor);
    if (result == 0)
        result = measure(o, floor, samples);
    if (result == 0)
        result = bench_print(describe_all(o, samples));
    for (size_t i = 0; i < o->count; i++)
        close_row(&o->rows[i]);
    bench_floor_free(floor);
    return result;
}

int bench_pair_main(int argc, char **argv)
{
    static const struct argp argp = {
        argp_options, parse, NULL, "Connections in memory, in one thread.", NULL, NULL, NULL};
    static struct options options = {.samples = 100, .warm_up = 5};
    struct floor_samples samples;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    int result = 0;
    for (size_t i = 0; result == 0 && i < options.count; i++)
        if (options.rows[i].mode.fast)
            result = bench_fast_load(argv - 1); /* with the word "pair" between */
    if (result == 0)
        result = bench_contest_new(false, options.library, &samples.contest);
    if (result != 0)
        return result;
    for (size_t i = 0; i < BENCH_OPS; i++)
        samples.op[i] = json_array();
    for (size_t i = 0; i < BENCH_HASHES; i++)
        samples.hash[i] = json_array();
    result = run(&options, &samples);
    bench_contest_free(samples.contest);
    for (size_t i = 0; i < BENCH_OPS; i++)
        json_decref(samples.op[i]);
    for (size_t i = 0; i < BENCH_HASHES; i++)
        json_decref(samples.hash[i]);
    return result;
}

int bench_print(json_t *object)
{
    if (!object)
        return atls_fail(-ENOMEM, NULL, "no memory for the figures");
    int result =
        json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && fflush(stdout) == 0
            ? 0
            : atls_fail(-EIO, NULL, "standard output is closed");
    json_decref(object);
    return result;
}

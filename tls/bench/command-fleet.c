/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atls-bench fleet: many simulated devices in this process, all alive at once, each with its own
 * seed, keys and identity. Each is booted, endorsed, and then onboarded: one attested handshake
 * with one server. Says what each step takes, and what memory the fleet needs.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/commands.h"
#include "tls/bench/pair.h"

#define FIRST_SEED 1000000 /* apart from the seeds of other commands */

struct options {
    unsigned devices;
    const char *mode;
};

struct member {
    struct atls_device *device;
};

struct fleet {
    struct bench_world world;
    struct bench_mode mode;
    struct bench_side server;
    struct member *members;
    unsigned count;
    json_t *boot_ns, *onboard_ns;
};

static const struct argp_option argp_options[] = {
    {"devices", 'n', "N", 0, "How many (1000)", 0},
    {"mode", 'm', "MODE", 0, "How they attest: client attested (ta-07/background-check/client)", 0},
    {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    uint64_t number;
    switch (key) {
    case 'n':
        if (atls_parse_number(value, "--devices", 1, 1000000, &number) != 0)
            argp_error(state, "%s", atls_error_text());
        o->devices = (unsigned)number;
        return 0;
    case 'm':
        o->mode = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Bytes of this process that are in memory now: the second number of the file, in pages. */
static uint64_t resident(void)
{
    char line[128] = "", *second = NULL;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fgets(line, sizeof line, file))
            second = strchr(line, ' ');
        fclose(file);
    }
    return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void keep(json_t *array, uint64_t ns)
{
    json_array_append_new(array, json_integer((json_int_t)ns));
}

/* Boots all devices: they stay alive until the end. */
static int boot(struct fleet *fleet, unsigned count)
{
    char address[64];
    for (; fleet->count < count; fleet->count++) {
        snprintf(address, sizeof address, "inproc:%u:0", FIRST_SEED + fleet->count);
        uint64_t begin = bench_now_ns();
        int result = atls_device_open(address, 1000, &fleet->members[fleet->count].device);
        if (result != 0)
            return result;
        keep(fleet->boot_ns, bench_now_ns() - begin);
    }
    return 0;
}

static int onboard(struct fleet *fleet)
{
    struct bench_side client;
    struct bench_wire wire = {.sender = -1};
    size_t size;
    int result = 0;
    for (unsigned i = 0; result == 0 && i < fleet->count; i++) {
        uint64_t begin = bench_now_ns();
        result =
            bench_side_start(&fleet->world, &fleet->mode, ATLS_CLIENT, FIRST_SEED + i, &client);
        if (result == 0)
            result = bench_sides_connect(&client, &fleet->server, i + 1, &wire, &size);
        bench_side_stop(&client);
        keep(fleet->onboard_ns, bench_now_ns() - begin);
    }
    bench_wire_clear(&wire);
    return result;
}

static int run(const struct options *o, struct fleet *fleet)
{
    struct rusage usage;
    uint64_t before = resident(), begin = bench_now_ns(), cpu = bench_cpu_ns();
    int result = boot(fleet, o->devices);
    uint64_t booted = bench_now_ns(), held = resident();
    if (result == 0)
        result = bench_side_start(&fleet->world, &fleet->mode, ATLS_SERVER, 2, &fleet->server);
    if (result == 0)
        result = onboard(fleet);
    bench_side_stop(&fleet->server);
    if (result != 0)
        return result;
    uint64_t end = bench_now_ns();
    getrusage(RUSAGE_SELF, &usage);
    return bench_print(json_pack(
        "{s:s, s:i, s:O, s:O, s:I, s:I, s:I, s:I, s:I}", "mode", o->mode, "devices",
        (int)o->devices, "boot_ns", fleet->boot_ns, "onboard_ns", fleet->onboard_ns, "boot_wall_ns",
        (json_int_t)(booted - begin), "onboard_wall_ns", (json_int_t)(end - booted), "cpu_ns",
        (json_int_t)(bench_cpu_ns() - cpu), "bytes_of_devices", (json_int_t)(held - before),
        "peak_rss_bytes", (json_int_t)usage.ru_maxrss * 1024));
}

int bench_fleet_main(int argc, char **argv)
{
    static const struct argp argp = {argp_options, parse, NULL, "A fleet of simulated devices.",
                                     NULL,         NULL,  NULL};
    struct options options = {.devices = 1000, .mode = "ta-07/background-check/client"};
    struct fleet fleet = {.count = 0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    int result = bench_mode_parse_common(options.mode, &fleet.mode);
    if (result == 0 && (!fleet.mode.profile || !fleet.mode.attested[ATLS_CLIENT] ||
                        fleet.mode.attested[ATLS_SERVER]))
        result = atls_fail(-EINVAL, NULL, "--mode %s: expected a mode with the client attested",
                           options.mode);
    if (result == 0)
        result = bench_world_open(NULL, NULL, &fleet.world);
    if (result != 0)
        return result;
    fleet.members = calloc(options.devices, sizeof *fleet.members);
    fleet.boot_ns = json_array();
    fleet.onboard_ns = json_array();
    result = fleet.members ? run(&options, &fleet)
                           : atls_fail(-ENOMEM, NULL, "no memory for %u devices", options.devices);
    for (unsigned i = 0; fleet.members && i < fleet.count; i++)
        atls_device_close(fleet.members[i].device);
    free(fleet.members);
    json_decref(fleet.boot_ns);
    json_decref(fleet.onboard_ns);
    bench_world_close(&fleet.world);
    return result;
}

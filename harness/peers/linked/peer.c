/* SPDX-License-Identifier: Apache-2.0 */
/* The main program of an adapter: one for both sides, and exit code 77 for what it cannot do. */
#include "harness/peers/linked/peer.h"

#include <stdio.h>
#include <string.h>

#include "program/program.h"

static const struct peer_program *running; /* one in a process */

static bool listed(const char *const *names, const char *name)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static const char *lacks(const struct atls_options *options)
{
    const char *lack = running->lacks(options);
    for (size_t i = 0; !lack && i < options->faults.count; i++)
        if (!listed(running->faults, options->faults.fault[i].name))
            lack = options->faults.fault[i].name;
    return lack;
}

int peer_run(const struct peer_program *peer, int argc, char **argv)
{
    static char version[160];
    char library[128];
    peer->library(library, sizeof library);
    snprintf(version, sizeof version, "%s %s (%s)", peer->name, ATLS_VERSION, library);
    running = peer;
    const struct atls_program program = {
        .name = peer->name, .version = version, .stack = peer->stack, .lacks = lacks};
    bool client = argc > 1 && strcmp(argv[1], "client") == 0;
    if (argc == 2 && argv[1][0] == '-') /* --version, --help: of either side */
        return atls_run(&program, ATLS_CLIENT, argc, argv);
    if (!client && (argc < 2 || strcmp(argv[1], "server") != 0)) {
        fprintf(stderr, "usage: %s client|server FLAGS...\n", peer->name);
        return ATLS_EXIT_USAGE;
    }
    argv[1] = argv[0];
    return atls_run(&program, client ? ATLS_CLIENT : ATLS_SERVER, argc - 1, argv + 1);
}

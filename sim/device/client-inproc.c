/* SPDX-License-Identifier: Apache-2.0 */
/* A device inside the client's own process, for tests and benchmarks: the same messages go to the
 * same core, with no line between them. */
#include <errno.h>
#include <stdlib.h>

#include "rats/error.h"
#include "sim/device/client.h"
#include "sim/device/simulated.h"

struct inproc {
    struct atls_transport transport;
    struct atls_simulated *device;
    uint8_t answer[ATLS_ANSWER_MAX];
};

static int exchange(struct atls_transport *transport, struct atls_bytes request,
                    struct atls_bytes *answerp)
{
    struct inproc *inproc = (struct inproc *)transport;
    *answerp =
        atls_core_handle(&inproc->device->core, request, inproc->answer, sizeof inproc->answer)
            .message;
    return 0;
}

static void close_inproc(struct atls_transport *transport)
{
    struct inproc *inproc = (struct inproc *)transport;
    atls_simulated_close(inproc->device);
    free(inproc);
}

static int parse_seed(const char *text, uint64_t *seedp)
{
    char *end;
    unsigned long long seed;
    errno = 0;
    seed = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9')
        return atls_fail(-EINVAL, NULL, "inproc: expected a decimal seed, came \"%s\"", text);
    *seedp = seed;
    return 0;
}

int atls_transport_inproc(const char *seed, struct atls_transport **transportp)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    struct inproc *inproc;
    int r = parse_seed(seed, &options.seed);
    if (r)
        return r;
    options.has_seed = true;
    inproc = calloc(1, sizeof *inproc);
    if (!inproc)
        return -ENOMEM;
    if ((r = atls_simulated_open(&options, &inproc->device))) {
        free(inproc);
        return r;
    }
    inproc->transport = (struct atls_transport){exchange, close_inproc};
    *transportp = &inproc->transport;
    return 0;
}

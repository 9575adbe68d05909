/* SPDX-License-Identifier: Apache-2.0 */
/* A device inside the client's own process, for tests and benchmarks: the same messages go to the
 * same core, with no line between them. An address names one device: whoever opens it again while
 * it is open talks to the same one, keys and all, as with a socket's address. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "rats/base/error.h"
#include "sim/device/client.h"
#include "sim/device/simulated.h"

struct shared { /* a device, and how many talk to it */
    struct shared *next;
    uint64_t seed;
    unsigned components;
    unsigned users;
    struct atls_simulated *device;
};

struct inproc {
    struct atls_transport transport;
    struct shared *shared;
    uint8_t answer[]; /* ATLS_ANSWER_MAX; what is not used is not touched */
};

/* Guards the list, and the devices: one request at a time, as at the end of a socket. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shared *devices;

static int exchange(struct atls_transport *transport, struct atls_bytes request,
                    struct atls_bytes *answerp)
{
    struct inproc *inproc = (struct inproc *)transport;
    pthread_mutex_lock(&lock);
    *answerp =
        atls_core_handle(&inproc->shared->device->core, request, inproc->answer, ATLS_ANSWER_MAX)
            .message;
    pthread_mutex_unlock(&lock);
    return 0;
}

static void close_inproc(struct atls_transport *transport)
{
    struct inproc *inproc = (struct inproc *)transport;
    struct shared **at = &devices;
    pthread_mutex_lock(&lock);
    while (*at != inproc->shared)
        at = &(*at)->next;
    if (--inproc->shared->users == 0) {
        *at = inproc->shared->next;
        atls_simulated_close(inproc->shared->device);
        free(inproc->shared);
    }
    pthread_mutex_unlock(&lock);
    free(inproc);
}

/* The device of that address, booted where nobody has it open. Under the lock. */
static int share(uint64_t seed, unsigned components, struct shared **sharedp)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    struct shared *shared = devices;
    int result;
    while (shared && (shared->seed != seed || shared->components != components))
        shared = shared->next;
    if (!shared) {
        if (!(shared = calloc(1, sizeof *shared)))
            return atls_fail(-ENOMEM, NULL, "no memory for a device");
        options.has_seed = true;
        options.seed = shared->seed = seed;
        options.components = shared->components = components;
        if ((result = atls_simulated_open(&options, &shared->device))) {
            free(shared);
            return result;
        }
        /* It has booted: nobody here tampers with its flash any more, and a fleet needs the room.
         */
        atls_images_clear(&shared->device->images);
        shared->next = devices;
        devices = shared;
    }
    shared->users++;
    *sharedp = shared;
    return 0;
}

/* "SEED" or "SEED:COMPONENTS", decimal. */
static int parse_address(const char *text, uint64_t *seedp, unsigned *componentsp)
{
    char *end;
    unsigned long components = 0;
    unsigned long long seed;
    errno = 0;
    seed = strtoull(text, &end, 10);
    bool good = end != text && *text >= '0' && *text <= '9';
    if (good && *end == ':') {
        text = end + 1;
        components = strtoul(text, &end, 10);
        good = end != text && *text >= '0' && *text <= '9';
    }
    if (!good || errno || *end || components > ATLS_SIMULATED_COMPONENTS_MAX)
        return atls_fail(-EINVAL, NULL,
                         "inproc: expected a decimal seed, and perhaps :COMPONENTS up to %d, came "
                         "\"%s\"",
                         ATLS_SIMULATED_COMPONENTS_MAX, text);
    *seedp = seed;
    *componentsp = (unsigned)components;
    return 0;
}

int atls_transport_inproc(const char *address, struct atls_transport **transportp)
{
    struct inproc *inproc;
    uint64_t seed = 0;
    unsigned components = 0;
    int result = parse_address(address, &seed, &components);
    if (result)
        return result;
    if (!(inproc = malloc(sizeof *inproc + ATLS_ANSWER_MAX)))
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    pthread_mutex_lock(&lock);
    result = share(seed, components, &inproc->shared);
    pthread_mutex_unlock(&lock);
    if (result) {
        free(inproc);
        return result;
    }
    inproc->transport = (struct atls_transport){exchange, close_inproc};
    *transportp = &inproc->transport;
    return 0;
}

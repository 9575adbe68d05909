/* SPDX-License-Identifier: Apache-2.0 */
/* A device that serves in a thread of the test's own process, so that a test can look inside. */
#ifndef ATLS_SIM_DEVICE_TEST_SERVED_H
#define ATLS_SIM_DEVICE_TEST_SERVED_H

#include "sim/test-support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/device/client.h"
#include "sim/device/server.h"
#include "sim/device/simulated.h"

static char directory[256];

/* A device that runs in a thread of its own, until told to stop. */
struct served {
    struct atls_simulated *device;
    struct atls_events *events;
    struct atls_server_faults faults;
    char path[280], address[290];
    int listener, stop[2], result;
    pthread_t thread;
};

static inline void *serve(void *context)
{
    struct served *s = context;
    struct atls_server_device device = atls_server_core(&s->device->core);
    s->result = atls_server_run(&device, s->listener, s->stop[0], &s->faults, s->events);
    close(s->listener);
    return NULL;
}

static inline void start(struct served *s, unsigned components, const char *fault)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    memset(s, 0, sizeof *s);
    options.has_seed = true;
    options.seed = 7;
    options.components = components;
    s->faults = ATLS_SERVER_NO_FAULTS;
    if (fault)
        assert_ok(atls_server_fault_parse(fault, &s->faults));
    snprintf(s->path, sizeof s->path, "%s/s", directory);
    snprintf(s->address, sizeof s->address, "unix:%s", s->path);
    assert_ok(atls_simulated_open(&options, &s->device));
    assert_ok(atls_events_open(NULL, "device", &s->events));
    assert_ok(atls_server_listen(s->path, &s->listener));
    assert_int_equal(pipe2(s->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static inline int stop(struct served *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    atls_events_close(s->events);
    atls_simulated_close(s->device);
    unlink(s->path);
    return s->result;
}

static inline struct atls_device *open_served(const struct served *s, unsigned timeout_ms)
{
    struct atls_device *device;
    assert_ok(atls_device_open(s->address, timeout_ms, &device));
    return device;
}

/* Creates a key, attests it, signs with it; the key must have the handle EXPECTED: a request that
 * was done twice would have used up a number. */
static inline int use(struct atls_device *device, uint32_t expected)
{
    static const uint8_t digest[32] = {1};
    uint8_t signature[ATLS_SIGNATURE_MAX], *cab;
    struct atls_public_key key;
    uint32_t handle;
    size_t size;
    int result = atls_device_create_key(device, ATLS_P256, &handle, &key);
    if (result)
        return result;
    if (expected)
        assert_int_equal(handle, expected);
    if ((result = atls_device_attest_key(device, handle, ATLS_BYTES(digest, 32), &cab, &size)))
        return result;
    free(cab);
    if ((result = atls_device_sign(device, handle, ATLS_BYTES(digest, 32), signature, &size)))
        return result;
    return atls_crypto_hosted.verify(&key, ATLS_BYTES(digest, 32), ATLS_BYTES(signature, size));
}

static inline int connect_raw(const struct served *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", s->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline int make_directory(void **state)
{
    test_make_directory(directory);
    return 0;
}

static inline int remove_directory(void **state)
{
    return rmdir(directory);
}

#endif

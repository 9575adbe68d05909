/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of roots share: a device in this process whose root is one of them. */
#ifndef ATLS_SIM_ROOTS_TEST_DEVICE_H
#define ATLS_SIM_ROOTS_TEST_DEVICE_H

#include "sim/device/client.h"
#include "sim/device/simulated.h"
#include "sim/test-support.h"

/* A device in this process, and who asks it. */
struct under_test {
    struct atls_transport transport;
    struct atls_simulated *simulated;
    struct atls_device *device;
    uint8_t *answer; /* of ATLS_ANSWER_MAX bytes, too many for a stack */
};

static inline int exchange(struct atls_transport *transport, struct atls_bytes request,
                           struct atls_bytes *answerp)
{
    struct under_test *u = (struct under_test *)(void *)transport;
    *answerp = atls_core_handle(&u->simulated->core, request, u->answer, ATLS_ANSWER_MAX).message;
    return 0;
}

static inline void ignore(struct atls_transport *transport)
{
    (void)transport;
}

/* The device of one seed, with a root of this kind and OPTIONS besides. */
static inline int boot_with(struct under_test *u, const char *root,
                            struct atls_simulated_options *options)
{
    options->has_seed = true;
    options->seed = 5;
    assert_ok(atls_root_kind_by_name(root, &options->root));
    u->transport = (struct atls_transport){exchange, ignore};
    int result = atls_simulated_open(options, &u->simulated);
    if (result)
        return result;
    u->answer = malloc(ATLS_ANSWER_MAX);
    assert_non_null(u->answer);
    assert_ok(atls_device_over(&u->transport, &u->device));
    return 0;
}

static inline void shut_down(struct under_test *u)
{
    atls_device_close(u->device);
    atls_simulated_close(u->simulated);
    free(u->answer);
}

#endif

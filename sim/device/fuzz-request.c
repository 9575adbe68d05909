/* SPDX-License-Identifier: Apache-2.0 */
/* Any requests to a device: there is always an answer of the right form, and none holds a private
 * key. The input is requests behind each other, each behind its length (2 bytes). */
#include <stdlib.h>
#include <string.h>

#include "sim/device/simulated.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static bool holds(struct atls_bytes bytes, const struct atls_private_key *key)
{
    return memmem(bytes.data, bytes.size, key->d, atls_curve_size(key->public_key.curve));
}

/* The fuzzer sees what memmem() looks for, and sends it as a challenge, which is in the answer by
 * right: what the request held itself was not given away. */
static bool gives_away(struct atls_bytes request, struct atls_bytes answer,
                       const struct atls_private_key *key)
{
    return holds(answer, key) && !holds(request, key);
}

static void check_answer(const struct atls_simulated *device, struct atls_bytes request,
                         struct atls_bytes answer)
{
    struct atls_cursor c = atls_cursor_of(answer, "answer");
    struct atls_bytes text, clause;
    uint8_t operation, outcome;
    expect(!atls_cursor_u8(&c, "operation", &operation) && operation <= ATLS_OP_LAST);
    expect(!atls_cursor_u8(&c, "outcome", &outcome) && outcome <= ATLS_BAD_REQUEST);
    if (outcome)
        expect(!atls_cursor_vector(&c, "reason", 2, 1, 1000, &text) &&
               !atls_cursor_vector(&c, "clause", 2, 0, 1000, &clause) &&
               !atls_cursor_end(&c, "answer"));
    expect(!gives_away(request, answer, &device->core.platform.pak));
    expect(!gives_away(request, answer, &device->core.keys.kak));
    for (size_t i = 0; i < device->storage.slot_count; i++)
        if (device->storage.slots[i].handle)
            expect(!gives_away(request, answer, &device->storage.slots[i].key));
}

/* One device for all inputs; each begins without identity keys. */
static struct atls_simulated *fresh_device(void)
{
    static struct atls_simulated *device;
    struct atls_simulated_options options = atls_simulated_defaults;
    options.has_seed = true;
    if (!device)
        expect(atls_simulated_open(&options, &device) == 0);
    memset(device->storage.slots, 0, device->storage.slot_count * sizeof *device->storage.slots);
    device->core.keys.last_handle = 0;
    return device;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[ATLS_ANSWER_MAX];
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(data, size), "input");
    struct atls_simulated *device = fresh_device();
    struct atls_bytes request;
    while (!atls_cursor_vector(&c, "request", 2, 0, UINT16_MAX, &request))
        check_answer(device, request,
                     atls_core_handle(&device->core, request, out, sizeof out).message);
    return 0;
}

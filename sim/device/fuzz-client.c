/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the client of a device, whose answers are any bytes. The input is one byte that
 * chooses the request, and the answer, behind which nothing is. What the client believes must be
 * within its own promises.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/device/client.h"
#include "sim/device/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct canned {
    struct atls_transport transport;
    struct atls_bytes answer;
};

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static int give(struct atls_transport *transport, struct atls_bytes request,
                struct atls_bytes *answerp)
{
    (void)request;
    *answerp = ((struct canned *)transport)->answer;
    return 0;
}

static void drop(struct atls_transport *transport)
{
    free(transport);
}

static void ask(struct atls_device *device, uint8_t which)
{
    static const uint8_t challenge[32] = {1};
    struct atls_bytes nonce = ATLS_BYTES(challenge, sizeof challenge);
    uint8_t signature[ATLS_SIGNATURE_MAX], *bytes = NULL;
    struct atls_device_info info;
    struct atls_public_key key;
    uint32_t handle;
    size_t size = 0;
    int result;

    switch (which % 9) {
    case 0:
        result = atls_device_info(device, &info);
        break;
    case 1:
        result = atls_device_create_key(device, ATLS_P256, &handle, &key);
        expect(result || key.curve == ATLS_P256);
        break;
    case 2:
        result = atls_device_destroy_key(device, 1);
        break;
    case 3:
        result = atls_device_attest_key(device, 1, nonce, &bytes, &size);
        break;
    case 4:
        result = atls_device_attest_prototype(device, 1, nonce, &bytes, &size);
        break;
    case 5:
        result = atls_device_attest_platform(device, nonce, &bytes, &size);
        break;
    case 6:
        result = atls_device_sign(device, 1, nonce, signature, &size);
        expect(result || size <= sizeof signature);
        break;
    case 7:
        result = atls_device_boot_record(device, &bytes, &size);
        break;
    default:
        result = atls_device_attest_as(device, "parsec-tpm", 1, nonce, &bytes, &size);
    }
    if (result)
        expect(atls_error_text()[0] != '\0');
    else if (bytes)
        expect(size > 0 && size <= ATLS_ANSWER_MAX);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_device *device;
    struct canned *canned;

    if (size < 1)
        return 0;
    canned = calloc(1, sizeof *canned);
    expect(canned != NULL);
    canned->transport = (struct atls_transport){.exchange = give, .close = drop};
    canned->answer = ATLS_BYTES(data + 1, size - 1);
    expect(atls_device_over(&canned->transport, &device) == 0);
    ask(device, data[0]);
    atls_device_close(device);
    return 0;
}

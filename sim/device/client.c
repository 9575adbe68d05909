/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the request interface (device.h): writes requests, reads answers, and
 * believes none of them. */
#include "sim/device/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/device/protocol.h"

#define CLAUSE "answer, sim/device/protocol.h"

struct atls_device {
    struct atls_transport *transport;
};

int atls_device_over(struct atls_transport *transport, struct atls_device **devicep)
{
    struct atls_device *device = calloc(1, sizeof *device);
    if (!device) {
        transport->close(transport);
        return atls_fail(-ENOMEM, NULL, "no memory for a device");
    }
    device->transport = transport;
    *devicep = device;
    return 0;
}

int atls_device_open(const char *address, unsigned timeout_ms, struct atls_device **devicep)
{
    struct atls_transport *transport;
    int result;
    if (!strncmp(address, "unix:", 5))
        result = atls_transport_unix(address + 5, timeout_ms, &transport);
    else if (!strncmp(address, "inproc:", 7))
        result = atls_transport_inproc(address + 7, &transport);
    else
        result =
            atls_fail(ATLS_E_UNSUPPORTED, NULL,
                      "device address: expected unix:PATH or inproc:SEED, came \"%s\"", address);
    return result ? result : atls_device_over(transport, devicep);
}

void atls_device_close(struct atls_device *device)
{
    if (!device)
        return;
    device->transport->close(device->transport);
    free(device);
}

/* A request under construction, and what it needs for its answer. */
struct call {
    uint8_t buffer[ATLS_REQUEST_MAX];
    struct atls_sink sink;
    uint8_t operation;
};

static void begin(struct call *call, enum atls_operation operation)
{
    call->sink = atls_sink_of(call->buffer, sizeof call->buffer);
    call->operation = (uint8_t)operation;
    atls_sink_u8(&call->sink, call->operation);
}

/* The length of what goes into a vec8 is the caller's: one that cannot be said cannot be asked. */
static int put_vec8(struct call *call, const char *what, struct atls_bytes bytes)
{
    if (bytes.size > UINT8_MAX)
        return atls_fail(ATLS_E_REFUSED, NULL, "%s: expected at most 255 bytes, came %zu", what,
                         bytes.size);
    atls_sink_vector(&call->sink, 1, bytes);
    return 0;
}

/* Why the device said no, in its own words. */
static int refusal(struct atls_cursor *c, uint8_t operation, uint8_t outcome)
{
    static const char *const verbs[] = {"", "refused", "could not read", "failed at"};
    struct atls_bytes text, clause;
    int result;
    if (outcome > ATLS_FAILED)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected an outcome of 0 to %d, came %u",
                         ATLS_FAILED, outcome);
    if ((result = atls_cursor_vector(c, "reason", 2, 0, UINT16_MAX, &text)) ||
        (result = atls_cursor_vector(c, "clause", 2, 0, UINT16_MAX, &clause)) ||
        (result = atls_cursor_end(c, "answer")))
        return result;
    return atls_fail(ATLS_E_REFUSED, NULL, "the device %s %s: %.*s", verbs[outcome],
                     atls_operation_name(operation), (int)text.size, (const char *)text.data);
}

/* Brings the request to the device; C is then at the fields of the answer. */
static int finish(struct atls_device *device, struct call *call, struct atls_cursor *c)
{
    struct atls_bytes request, answer;
    uint8_t operation, outcome;
    int result;
    if ((result = atls_sink_done(&call->sink, &request)) ||
        (result = device->transport->exchange(device->transport, request, &answer)))
        return result;
    *c = atls_cursor_of(answer, CLAUSE);
    if ((result = atls_cursor_u8(c, "operation", &operation)) ||
        (result = atls_cursor_u8(c, "outcome", &outcome)))
        return result;
    if (operation != call->operation && !(operation == 0 && outcome == ATLS_BAD_REQUEST))
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected the answer to %s, came %s",
                         atls_operation_name(call->operation), atls_operation_name(operation));
    return outcome == ATLS_DONE ? 0 : refusal(c, call->operation, outcome);
}

/* The one field of an answer that is a piece of evidence, copied for the caller. */
static int take_evidence(struct atls_cursor *c, const char *what, uint8_t **datap, size_t *sizep)
{
    struct atls_bytes bytes;
    uint8_t *copy;
    int result;
    if ((result = atls_cursor_vector(c, what, 3, 1, ATLS_ANSWER_MAX, &bytes)) ||
        (result = atls_cursor_end(c, "answer")))
        return result;
    copy = malloc(bytes.size);
    if (!copy)
        return atls_fail(-ENOMEM, NULL, "no memory for evidence");
    memcpy(copy, bytes.data, bytes.size);
    *datap = copy;
    *sizep = bytes.size;
    return 0;
}

int atls_device_info(struct atls_device *device, struct atls_device_info *infop)
{
    struct atls_device_info info = {0};
    struct atls_bytes instance, implementation;
    struct atls_cursor c;
    struct call call;
    uint16_t count;
    int result;
    begin(&call, ATLS_OP_INFO);
    if ((result = finish(device, &call, &c)) ||
        (result = atls_cursor_take(&c, "instance id", sizeof info.instance_id, &instance)) ||
        (result = atls_cursor_take(&c, "implementation id", sizeof info.implementation_id,
                                   &implementation)) ||
        (result = atls_cursor_u16(&c, "lifecycle", &info.lifecycle)) ||
        (result = atls_protocol_take_key(&c, &info.pak)) ||
        (result = atls_cursor_u16(&c, "number of components", &count)) ||
        (result = atls_cursor_end(&c, "answer")))
        return result;
    memcpy(info.instance_id, instance.data, instance.size);
    memcpy(info.implementation_id, implementation.data, implementation.size);
    info.component_count = count;
    *infop = info;
    return 0;
}

int atls_device_create_key(struct atls_device *device, enum atls_curve curve, uint32_t *handlep,
                           struct atls_public_key *keyp)
{
    struct atls_public_key key;
    struct atls_cursor c;
    struct call call;
    uint32_t handle;
    int result;
    begin(&call, ATLS_OP_CREATE_KEY);
    atls_sink_u8(&call.sink, (uint8_t)curve);
    if ((result = finish(device, &call, &c)) || (result = atls_cursor_u32(&c, "handle", &handle)) ||
        (result = atls_protocol_take_key(&c, &key)) || (result = atls_cursor_end(&c, "answer")))
        return result;
    if (key.curve != curve)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected a key of curve %d, came curve %d",
                         (int)curve, (int)key.curve);
    *handlep = handle;
    *keyp = key;
    return 0;
}

static int do_with_key(struct atls_device *device, uint8_t operation, uint32_t handle)
{
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, operation);
    atls_sink_u32(&call.sink, handle);
    result = finish(device, &call, &c);
    return result ? result : atls_cursor_end(&c, "answer");
}

int atls_device_keep_key(struct atls_device *device, uint32_t handle)
{
    return do_with_key(device, ATLS_OP_KEEP_KEY, handle);
}

int atls_device_destroy_key(struct atls_device *device, uint32_t handle)
{
    return do_with_key(device, ATLS_OP_DESTROY_KEY, handle);
}

int atls_device_attest_key(struct atls_device *device, uint32_t handle, struct atls_bytes challenge,
                           uint8_t **cabp, size_t *sizep)
{
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, ATLS_OP_ATTEST_KEY);
    atls_sink_u32(&call.sink, handle);
    if ((result = put_vec8(&call, "challenge", challenge)) || (result = finish(device, &call, &c)))
        return result;
    return take_evidence(&c, "CAB", cabp, sizep);
}

int atls_device_attest_prototype(struct atls_device *device, uint32_t handle,
                                 struct atls_bytes challenge, uint8_t **bundlep, size_t *sizep)
{
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, ATLS_OP_ATTEST_PROTOTYPE);
    atls_sink_u32(&call.sink, handle);
    if ((result = put_vec8(&call, "challenge", challenge)) || (result = finish(device, &call, &c)))
        return result;
    return take_evidence(&c, "bundle", bundlep, sizep);
}

int atls_device_attest_platform(struct atls_device *device, struct atls_bytes challenge,
                                uint8_t **tokenp, size_t *sizep)
{
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, ATLS_OP_ATTEST_PLATFORM);
    if ((result = put_vec8(&call, "challenge", challenge)) || (result = finish(device, &call, &c)))
        return result;
    return take_evidence(&c, "PSA token", tokenp, sizep);
}

int atls_device_attest_as(struct atls_device *device, const char *kind, uint32_t handle,
                          struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, ATLS_OP_ATTEST_AS);
    if ((result = put_vec8(&call, "kind of evidence", atls_bytes_of_text(kind))))
        return result;
    atls_sink_u32(&call.sink, handle);
    if ((result = put_vec8(&call, "challenge", challenge)) || (result = finish(device, &call, &c)))
        return result;
    return take_evidence(&c, kind, evidencep, sizep);
}

int atls_device_sign(struct atls_device *device, uint32_t handle, struct atls_bytes digest,
                     uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    struct atls_bytes signature;
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, ATLS_OP_SIGN);
    atls_sink_u32(&call.sink, handle);
    if ((result = put_vec8(&call, "digest", digest)) || (result = finish(device, &call, &c)) ||
        (result = atls_cursor_vector(&c, "signature", 1, 64, ATLS_SIGNATURE_MAX, &signature)) ||
        (result = atls_cursor_end(&c, "answer")))
        return result;
    memcpy(signaturep, signature.data, signature.size);
    *sizep = signature.size;
    return 0;
}

int atls_device_boot_record(struct atls_device *device, uint8_t **recordp, size_t *sizep)
{
    struct atls_cursor c;
    struct call call;
    int result;
    begin(&call, ATLS_OP_BOOT_RECORD);
    result = finish(device, &call, &c);
    return result ? result : take_evidence(&c, "boot record", recordp, sizep);
}

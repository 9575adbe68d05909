/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application as a connected thing has one: it asks the secure world for an identity key, for
 * evidence about it over a challenge, and for a signature, says what it got, and then keeps the
 * line.
 */
#include "rats/base/error.h"
#include "sim/device/protocol.h"
#include "sim/firmware/line.h"
#include "sim/firmware/stage.h"

static uint8_t answer[16384];

/* Asks; gives the fields of the answer that says "done". */
static int ask(const struct atls_sink *request, struct atls_cursor *c)
{
    int32_t size = secure_request(request->data, request->used, answer, sizeof answer);
    uint8_t operation, outcome;
    int result;
    *c = atls_cursor_of(ATLS_BYTES(answer, size > 0 ? (size_t)size : 0), "sim/device/protocol.h");
    if ((result = atls_cursor_u8(c, "operation", &operation)) ||
        (result = atls_cursor_u8(c, "outcome", &outcome)))
        return result;
    return outcome == ATLS_DONE ? 0
                                : atls_fail(ATLS_E_REFUSED, NULL, "outcome %u", (unsigned)outcome);
}

static int create_key(uint32_t *handlep)
{
    uint8_t data[8];
    struct atls_sink request = atls_sink_of(data, sizeof data);
    struct atls_cursor c;
    int result;
    atls_sink_u8(&request, ATLS_OP_CREATE_KEY);
    atls_sink_u8(&request, ATLS_P256);
    return (result = ask(&request, &c)) ? result : atls_cursor_u32(&c, "handle", handlep);
}

/* Evidence (prefix 3) over a challenge, or a signature (prefix 1) over a digest: 32 bytes both. */
static int use_key(enum atls_operation operation, uint32_t handle, unsigned prefix, size_t *sizep)
{
    static const uint8_t challenge[32] = "a challenge of some service";
    uint8_t data[64];
    struct atls_sink request = atls_sink_of(data, sizeof data);
    struct atls_bytes given;
    struct atls_cursor c;
    int result;
    atls_sink_u8(&request, (uint8_t)operation);
    atls_sink_u32(&request, handle);
    atls_sink_vector(&request, 1, ATLS_BYTES(challenge, sizeof challenge));
    if ((result = ask(&request, &c)) ||
        (result =
             atls_cursor_vector(&c, "evidence or signature", prefix, 1, sizeof answer, &given)))
        return result;
    *sizep = given.size;
    return 0;
}

void stage_main(void)
{
    size_t evidence = 0, signature = 0;
    uint32_t handle = 0;
    if (create_key(&handle) || use_key(ATLS_OP_ATTEST_KEY, handle, 3, &evidence) ||
        use_key(ATLS_OP_SIGN, handle, 1, &signature))
        stage_log("the services refused: %s", atls_error_text());
    else
        stage_log("identity key %lu, evidence of %u bytes, signature of %u bytes",
                  (unsigned long)handle, (unsigned)evidence, (unsigned)signature);
    line_serve();
}

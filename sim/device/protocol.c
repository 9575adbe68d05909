/* SPDX-License-Identifier: Apache-2.0 */
/* What device and client write and read alike; see protocol.h. */
#include "sim/device/protocol.h"

#include <string.h>

#include "rats/base/error.h"

#define REASON_MAX 400 /* bytes of each text in an answer that says no */

const char *atls_operation_name(unsigned operation)
{
    static const char *const names[] = {
        [ATLS_OP_INFO] = "info",
        [ATLS_OP_CREATE_KEY] = "create-key",
        [ATLS_OP_DESTROY_KEY] = "destroy-key",
        [ATLS_OP_ATTEST_KEY] = "attest-key",
        [ATLS_OP_ATTEST_PLATFORM] = "attest-platform",
        [ATLS_OP_SIGN] = "sign",
        [ATLS_OP_BOOT_RECORD] = "boot-record",
        [ATLS_OP_ATTEST_PROTOTYPE] = "attest-prototype",
        [ATLS_OP_KEEP_KEY] = "keep-key",
        [ATLS_OP_ATTEST_AS] = "attest-as",
    };
    if (operation < ATLS_OP_INFO || operation > ATLS_OP_LAST)
        return "unknown";
    return names[operation];
}

const char *atls_answer_name(unsigned answer)
{
    static const char *const names[] = {"done", "refused", "malformed", "failed"};
    return answer <= ATLS_FAILED ? names[answer] : "unknown";
}

static struct atls_bytes short_text(const char *text)
{
    struct atls_bytes bytes = atls_bytes_of_text(text);
    bytes.size = bytes.size < REASON_MAX ? bytes.size : REASON_MAX;
    return bytes;
}

void atls_protocol_put_refusal(struct atls_sink *s, uint8_t operation, enum atls_answer answer)
{
    atls_sink_u8(s, operation);
    atls_sink_u8(s, (uint8_t)answer);
    atls_sink_vector(s, 2, short_text(atls_error_text()));
    atls_sink_vector(s, 2, short_text(atls_error_clause()));
}

void atls_protocol_put_key(struct atls_sink *s, const struct atls_public_key *key)
{
    size_t size = atls_curve_size(key->curve);
    atls_sink_u8(s, (uint8_t)key->curve);
    atls_sink_bytes(s, ATLS_BYTES(key->x, size));
    atls_sink_bytes(s, ATLS_BYTES(key->y, size));
}

int atls_protocol_take_key(struct atls_cursor *c, struct atls_public_key *keyp)
{
    struct atls_public_key key = {0};
    struct atls_bytes x, y;
    uint8_t curve;
    size_t size;
    int result = atls_cursor_u8(c, "curve of the key", &curve);
    if (result)
        return result;
    if (curve != ATLS_P256 && curve != ATLS_P384)
        return atls_fail(ATLS_E_MALFORMED, c->clause, "expected curve 1 or 2, came %u", curve);
    key.curve = (enum atls_curve)curve;
    size = atls_curve_size(key.curve);
    if ((result = atls_cursor_take(c, "x of the key", size, &x)) ||
        (result = atls_cursor_take(c, "y of the key", size, &y)))
        return result;
    memcpy(key.x, x.data, size);
    memcpy(key.y, y.data, size);
    *keyp = key;
    return 0;
}

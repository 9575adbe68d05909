/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of Parsec's client share: bytes, and answers as Parsec writes them. */
#ifndef ATLS_SIM_ROOTS_TEST_PARSEC_H
#define ATLS_SIM_ROOTS_TEST_PARSEC_H

#include "sim/test-support.h"

#include <errno.h>

#include "parsec.pb-c.h"
#include "sim/roots/parsec-client.h"
#include "sim/roots/parsec-wire.h"

static inline struct atls_bytes of_hex(const char *hex, uint8_t *buffer, size_t capacity)
{
    struct atls_sink s = atls_sink_of(buffer, capacity);
    struct atls_bytes bytes = {0};
    for (; *hex; hex += 2) {
        char two[3] = {hex[0], hex[1], 0};
        atls_sink_u8(&s, (uint8_t)strtoul(two, NULL, 16));
    }
    assert_ok(atls_sink_done(&s, &bytes));
    return bytes;
}

static inline void put(struct atls_sink *s, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        atls_sink_u8(s, i < sizeof value ? (uint8_t)(value >> (8 * i)) : 0);
}

/* An answer as Parsec writes it. */
static inline struct atls_bytes answer_of(uint8_t *buffer, size_t capacity, uint32_t provider,
                                          uint32_t opcode, uint16_t status, struct atls_bytes body)
{
    struct atls_sink s = atls_sink_of(buffer, capacity);
    struct atls_bytes bytes = {0};
    put(&s, 0x5EC0A710, 4);
    put(&s, 30, 2);
    put(&s, 1, 2); /* version 1.0 */
    put(&s, 0, 2);
    put(&s, provider, 1);
    put(&s, 0, 11);
    put(&s, body.size, 4);
    put(&s, 0, 2);
    put(&s, opcode, 4);
    put(&s, status, 2);
    put(&s, 0, 2);
    atls_sink_bytes(&s, body);
    assert_ok(atls_sink_done(&s, &bytes));
    return bytes;
}

#endif

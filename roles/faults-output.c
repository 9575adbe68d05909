/* SPDX-License-Identifier: Apache-2.0 */
/* Output for messages that are wrong on purpose, and the flaws that need no grammar. */
#include "roles/faults-output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"

void atls_raw_head(struct atls_sink *s, unsigned major, uint64_t argument)
{
    uint8_t type = (uint8_t)(major << 5);

    if (argument < 24) {
        atls_sink_u8(s, (uint8_t)(type | argument));
    } else if (argument <= UINT8_MAX) {
        atls_sink_u8(s, type | 24);
        atls_sink_u8(s, (uint8_t)argument);
    } else if (argument <= UINT16_MAX) {
        atls_sink_u8(s, type | 25);
        atls_sink_u16(s, (uint16_t)argument);
    } else {
        atls_sink_u8(s, type | 26);
        atls_sink_u32(s, (uint32_t)argument);
    }
}

void atls_raw_string(struct atls_sink *s, unsigned major, struct atls_bytes content)
{
    atls_raw_head(s, major, content.size);
    atls_sink_bytes(s, content);
}

void atls_raw_text(struct atls_sink *s, const char *text)
{
    atls_raw_string(s, ATLS_RAW_TEXT, atls_bytes_of_text(text));
}

void atls_raw_nested(struct atls_sink *s, unsigned depth)
{
    while (--depth) {
        atls_raw_head(s, ATLS_RAW_ARRAY, 1);
    }
    atls_raw_head(s, ATLS_RAW_ARRAY, 0);
}

int atls_fault_output(size_t size, struct atls_sink *sinkp)
{
    uint8_t *data = malloc(size + ATLS_FAULTS_ALLOWANCE);

    if (!data) {
        return atls_fail(-ENOMEM, NULL, "no memory for a fault");
    }
    *sinkp = atls_sink_of(data, size + ATLS_FAULTS_ALLOWANCE);
    return 0;
}

int atls_fault_done(struct atls_sink *s, uint8_t **outp, size_t *sizep)
{
    struct atls_bytes bytes;
    int result = atls_sink_done(s, &bytes);

    if (result) {
        free(s->data);
        return result;
    }
    *outp = s->data;
    *sizep = bytes.size;
    return 0;
}

const char *atls_faults_first(const struct atls_faults *faults, const char *const *names,
                              const char **valuep)
{
    for (size_t i = 0; faults && i < faults->count; i++) {
        for (const char *const *name = names; *name; name++) {
            if (strcmp(faults->fault[i].name, *name) == 0) {
                *valuep = faults->fault[i].value;
                return faults->fault[i].name;
            }
        }
    }
    return NULL;
}

bool atls_fault_of_bytes(const char *name, const char *value, struct atls_bytes in,
                         struct atls_sink *out, int *rcp)
{
    uint8_t *bytes;
    size_t size;

    *rcp = 0;
    if (strcmp(name, "cmw-truncated") == 0) {
        atls_sink_bytes(out, ATLS_BYTES(in.data, in.size - 1));
        return true;
    }
    if (strcmp(name, "cmw-trailing-byte") == 0) {
        atls_sink_bytes(out, in);
        atls_sink_u8(out, 0);
        return true;
    }
    if (strcmp(name, "cmw") != 0) {
        return false;
    }
    *rcp = atls_hex_decode(atls_bytes_of_text(value), &bytes, &size);
    if (*rcp == 0) {
        uint8_t *room = realloc(out->data, size + ATLS_FAULTS_ALLOWANCE);
        if (!room) {
            *rcp = atls_fail(-ENOMEM, NULL, "no memory for a fault");
        } else {
            *out = atls_sink_of(room, size + ATLS_FAULTS_ALLOWANCE);
            atls_sink_bytes(out, ATLS_BYTES(bytes, size));
        }
        free(bytes);
    }
    return true;
}

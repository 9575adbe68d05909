/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of faults: which there are and what value each may have. Carrying them out is the
 * affair of whoever holds what is to be broken; the malformations of messages are in faults-cab.c
 * and faults-cmw.c.
 */
#include "roles/faults.h"

#include <stdlib.h>
#include <string.h>

#include "program/contract.h"
#include "program/program.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/tokens/kat.h"

enum value { NO_VALUE, NONCE, NUMBER, MESSAGE, LAYER, EXTENSION };

#define ROW(name, value, by, where) {name, value},
static const struct {
    const char *name;
    enum value value;
} known[] = {ATLS_CONTRACT_FAULTS(ROW)};

static bool is_hex(const char *text, size_t least, size_t most)
{
    uint8_t *bytes;
    size_t size;

    if (atls_hex_decode(atls_bytes_of_text(text), &bytes, &size)) {
        return false;
    }
    free(bytes);
    return size >= least && size <= most;
}

static bool fits(enum value value, const char *text)
{
    uint64_t number;
    const char *colon;

    switch (value) {
    case NO_VALUE:
        return !text;
    case NONCE:
        return text && is_hex(text, ATLS_EAT_NONCE_MIN, ATLS_EAT_NONCE_MAX);
    case MESSAGE:
        return text && is_hex(text, 1, SIZE_MAX);
    case NUMBER:
        return text && atls_parse_number(text, "the fault's value", 0, 255, &number) == 0;
    case LAYER:
        return !text || strcmp(text, "cmw") == 0 || strcmp(text, "cose") == 0 ||
               strcmp(text, "claims") == 0;
    case EXTENSION:
        colon = text ? strchr(text, ':') : NULL;
        return colon && colon != text && is_hex(colon + 1, 0, 65535);
    }
    return false;
}

int atls_faults_add(struct atls_faults *faults, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const char *value = equals ? equals + 1 : NULL;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) != length || memcmp(known[i].name, argument, length) != 0) {
            continue;
        }
        if (!fits(known[i].value, value)) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s cannot have the value %s",
                             known[i].name, value ? value : "(none)");
        }
        if (faults->count == ATLS_FAULTS_MAX) {
            return atls_fail(ATLS_E_LIMIT, NULL, "at most %d faults at once", ATLS_FAULTS_MAX);
        }
        faults->fault[faults->count].name = known[i].name;
        faults->fault[faults->count].value = value;
        faults->count++;
        return 0;
    }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no such fault: %s", argument);
}

bool atls_faults_has(const struct atls_faults *faults, const char *name, const char **valuep)
{
    for (size_t i = 0; faults && i < faults->count; i++) {
        if (strcmp(faults->fault[i].name, name) == 0) {
            if (valuep) {
                *valuep = faults->fault[i].value;
            }
            return true;
        }
    }
    return false;
}

struct atls_faults atls_faults_of_wrapper(const struct atls_faults *faults, bool wrapper)
{
    struct atls_faults chosen = {.count = 0};

    for (size_t i = 0; faults && i < faults->count; i++) {
        const char *name = faults->fault[i].name, *value = faults->fault[i].value;
        bool outer = strcmp(name, "cmw") == 0 || strncmp(name, "cmw-", 4) == 0 ||
                     (strncmp(name, "cbor-", 5) == 0 && value && strcmp(value, "cmw") == 0);
        if (outer == wrapper) {
            chosen.fault[chosen.count++] = faults->fault[i];
        }
    }
    return chosen;
}

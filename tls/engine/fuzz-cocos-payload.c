/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer that speaks as Cocos does sends in place of a CMW. A payload says less than a CMW can
 * (no indicator, no number for a type), so what is taken may be written as another CMW; from then
 * on it stays the same.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/engine/cocos-payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static const struct atls_cocos_binder *binder(void)
{
    static const char hash[] = "aik", binding[] = "binding";
    static const struct atls_cocos_binder own = {
        .label = "Attestation",
        .key_hash = {(const uint8_t *)hash, sizeof hash - 1},
        .binding = {(const uint8_t *)binding, sizeof binding - 1},
    };
    return &own;
}

/* The CMW that a receiver makes of the payload for CMW. */
static uint8_t *send(struct atls_bytes cmw, size_t *sizep)
{
    uint8_t *taken;
    char *text;
    MUST(atls_cocos_payload_write(cmw, binder(), &text) == 0);
    MUST(atls_cocos_payload_read(atls_bytes_of_text(text), binder(), &taken, sizep) == 0);
    free(text);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *taken, *first, *second;
    size_t taken_size, first_size, second_size;
    if (atls_cocos_payload_read(ATLS_BYTES(data, size), binder(), &taken, &taken_size) != 0) {
        MUST(atls_error_text()[0] != '\0');
        return 0;
    }
    first = send(ATLS_BYTES(taken, taken_size), &first_size);
    second = send(ATLS_BYTES(first, first_size), &second_size);
    MUST(second_size == first_size && memcmp(second, first, first_size) == 0);
    free(second);
    free(first);
    free(taken);
    return 0;
}

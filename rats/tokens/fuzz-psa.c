/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as PSA claims or a boot record: what is read can be written, and reads the same again.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/tokens/psa.h"

enum { ROOM = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct atls_bytes written(const struct atls_psa_claims *claims, uint8_t *buffer, size_t size)
{
    struct atls_cbor_writer w;
    struct atls_bytes out;

    atls_cbor_write_init(&w, buffer, size);
    if (atls_psa_claims_write(&w, claims) || atls_cbor_write_done(&w, &out))
        abort();
    return out;
}

static void check_same(const struct atls_psa_claims *claims, size_t size)
{
    struct atls_psa_component components[ROOM];
    struct atls_psa_claims again;
    uint8_t *first = malloc(size), *second = malloc(size);
    struct atls_bytes one, two;

    if (!first || !second)
        abort();
    one = written(claims, first, size); /* what was read had other claims too: it is not shorter */
    if (atls_psa_claims_parse(one, components, ROOM, &again))
        abort();
    two = written(&again, second, size);
    if (!atls_bytes_equal(one, two))
        abort();
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_psa_component components[ROOM];
    struct atls_psa_claims claims;
    size_t count;

    if (atls_psa_components_parse(ATLS_BYTES(data, size), components, ROOM, &count) == 0 &&
        (count == 0 || count > ROOM))
        abort();
    if (atls_psa_claims_parse(ATLS_BYTES(data, size), components, ROOM, &claims))
        return 0;
    if (claims.component_count > ROOM)
        abort();
    if (claims.profile != ATLS_PSA_ARM_1)
        check_same(&claims, size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What all endorsements of simulated devices have in common; see kind.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/roots/kind.h"

#define ENTITY "atls simulated device: the root of trust is simulated, trust it in tests only"
#define ID_STEM "atls-simulated-device-"
#define ID_BYTES 8 /* of the hash, in hexadecimal behind the stem */

/* The id of what is in it: another content, another id, and the same content the same. */
static int make_id(struct atls_corim *corim)
{
    uint8_t hash[32], *written;
    size_t size, at = sizeof ID_STEM - 1;
    char id[sizeof ID_STEM + 2 * ID_BYTES] = ID_STEM;
    corim->id = strdup("-");
    int result = corim->id ? atls_corim_write(corim, &written, &size) : -ENOMEM;
    if (result)
        return result;
    struct atls_bytes part = ATLS_BYTES(written, size);
    result = atls_crypto_gnutls.hash(ATLS_SHA256, &part, 1, hash);
    free(written);
    for (size_t i = 0; i < ID_BYTES; i++, at += 2)
        snprintf(id + at, 3, "%02x", hash[i]);
    free(corim->id);
    corim->id = strdup(id);
    return result ? result : corim->id ? 0 : -ENOMEM;
}

int atls_endorsements_write(struct atls_corim *corim, uint8_t **corimp, size_t *sizep)
{
    corim->entity = strdup(ENTITY);
    int result = corim->entity ? make_id(corim) : -ENOMEM;
    return result ? result : atls_corim_write(corim, corimp, sizep);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What all endorsements of simulated devices have in common; see kind.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/roots/kind.h"

#define ENTITY "atls simulated device: the root of trust is simulated, trust it in tests only"
#define ID_STEM "atls-simulated-device-"
#define ID_BYTES 8 /* of the hash, in hexadecimal behind the stem */

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for endorsements");
}

int atls_endorsements_component(const struct atls_boot_entry *entry, const uint8_t class_id[32],
                                struct atls_reference_value *value)
{
    memcpy(value->implementation_id, class_id, sizeof value->implementation_id);
    value->name = strdup(entry->type);
    value->version = strdup(entry->version);
    value->digest_hash = ATLS_SHA256;
    value->digest_size = sizeof entry->value;
    memcpy(value->digest, entry->value, sizeof entry->value);
    value->signer_id_size = sizeof entry->signer_id;
    memcpy(value->signer_id, entry->signer_id, sizeof entry->signer_id);
    return value->name && value->version ? 0 : no_memory();
}

int atls_endorsements_anchor(struct atls_corim *corim, struct atls_bytes class_id,
                             struct atls_bytes instance, const struct atls_public_key *key)
{
    struct atls_trust_anchor *anchor = calloc(1, sizeof *anchor);
    if (!anchor)
        return no_memory();
    anchor->profile = corim->profile;
    memcpy(anchor->implementation_id, class_id.data, class_id.size);
    memcpy(anchor->instance_id, instance.data, instance.size);
    anchor->instance_id_size = instance.size;
    anchor->key = *key;
    corim->trust_anchors = anchor;
    corim->trust_anchor_count = 1;
    return 0;
}

/* The id of what is in it: another content, another id, and the same content the same. */
static int make_id(struct atls_corim *corim)
{
    uint8_t hash[32], *written;
    size_t size, at = sizeof ID_STEM - 1;
    char id[sizeof ID_STEM + 2 * ID_BYTES] = ID_STEM;
    corim->id = strdup("-");
    int result = corim->id ? atls_corim_write(corim, &written, &size) : no_memory();
    if (result)
        return result;
    struct atls_bytes part = ATLS_BYTES(written, size);
    result = atls_crypto_hosted.hash(ATLS_SHA256, &part, 1, hash);
    free(written);
    for (size_t i = 0; i < ID_BYTES; i++, at += 2)
        snprintf(id + at, 3, "%02x", hash[i]);
    free(corim->id);
    corim->id = strdup(id);
    return result ? result : corim->id ? 0 : no_memory();
}

int atls_endorsements_write(struct atls_corim *corim, uint8_t **corimp, size_t *sizep)
{
    corim->entity = strdup(ENTITY);
    int result = corim->entity ? make_id(corim) : no_memory();
    return result ? result : atls_corim_write(corim, corimp, sizep);
}

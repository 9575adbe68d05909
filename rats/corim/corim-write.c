/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing CoRIM with one of the profiles: one CoMID with all triples, in the form that Veraison
 * reads in either of its dialects. Deterministic, the CoMID's UUID included (made from the CoRIM's
 * id).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"
#include "rats/crypto/pem.h"

const struct atls_corim_digest atls_corim_digests[] = {[ATLS_SHA256] = {1, "sha-256", ATLS_SHA256},
                                                       [ATLS_SHA384] = {7, "sha-384", ATLS_SHA384},
                                                       [ATLS_SHA512] = {8, "sha-512", ATLS_SHA512}};
const size_t atls_corim_digests_count = sizeof(atls_corim_digests) / sizeof(*atls_corim_digests);

void atls_corim_write_tagged_bytes(struct atls_cbor_writer *w, uint64_t tag, const uint8_t *data,
                                   size_t size)
{
    atls_cbor_write_tag(w, tag);
    atls_cbor_write_bytes(w, ATLS_BYTES(data, size));
}

static void write_class(struct atls_cbor_writer *w, const struct atls_corim_profile_rules *rules,
                        const uint8_t class_id[32])
{
    atls_cbor_write_uint(w, ENVIRONMENT_CLASS);
    atls_cbor_write_map(w, 1);
    atls_cbor_write_uint(w, CLASS_ID);
    rules->write_class_id(w, class_id);
}

void atls_corim_write_digest(struct atls_cbor_writer *w, const struct atls_reference_value *value)
{
    atls_cbor_write_array(w, 2);
    atls_cbor_write_int(w, atls_corim_digests[value->digest_hash].number);
    atls_cbor_write_bytes(w, ATLS_BYTES(value->digest, value->digest_size));
}

bool atls_corim_same_triple(const struct atls_reference_value *a,
                            const struct atls_reference_value *b)
{
    return !memcmp(a->implementation_id, b->implementation_id, sizeof a->implementation_id) &&
           !memcmp(a->set, b->set, sizeof a->set);
}

void atls_corim_write_each(struct atls_cbor_writer *w, const struct atls_corim *corim, size_t first,
                           void (*write)(struct atls_cbor_writer *w,
                                         const struct atls_reference_value *value))
{
    const struct atls_reference_value *values = corim->reference_values;
    size_t members = 0;

    for (size_t i = first; i < corim->reference_value_count; i++)
        members += atls_corim_same_triple(&values[first], &values[i]);
    atls_cbor_write_array(w, members);
    for (size_t i = first; i < corim->reference_value_count; i++)
        if (atls_corim_same_triple(&values[first], &values[i]))
            write(w, &values[i]);
}

/* Is it the first value of its triple? */
static bool leads(const struct atls_corim *corim, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (atls_corim_same_triple(&corim->reference_values[i], &corim->reference_values[index]))
            return false;
    return true;
}

static void write_reference_triples(struct atls_cbor_writer *w, const struct atls_corim *corim)
{
    const struct atls_corim_profile_rules *rules = atls_corim_profile_rules(corim->profile);
    size_t count = corim->reference_value_count, triples = 0;

    for (size_t i = 0; i < count; i++)
        triples += leads(corim, i);
    atls_cbor_write_uint(w, TRIPLES_REFERENCE);
    atls_cbor_write_array(w, triples);
    for (size_t i = 0; i < count; i++) {
        if (!leads(corim, i))
            continue;
        atls_cbor_write_array(w, 2);
        atls_cbor_write_map(w, 1);
        write_class(w, rules, corim->reference_values[i].implementation_id);
        rules->write_measurements(w, corim, i);
    }
}

static int write_key_triples(struct atls_cbor_writer *w, const struct atls_corim *corim)
{
    const struct atls_corim_profile_rules *rules = atls_corim_profile_rules(corim->profile);

    atls_cbor_write_uint(w, TRIPLES_ATTEST_KEY);
    atls_cbor_write_array(w, corim->trust_anchor_count);
    for (size_t i = 0; i < corim->trust_anchor_count; i++) {
        const struct atls_trust_anchor *anchor = &corim->trust_anchors[i];
        char *pem = atls_pem_write_public_key(&anchor->key);

        if (!pem)
            return atls_fail(-ENOMEM, NULL, "CoRIM: out of memory");
        atls_cbor_write_array(w, 2);
        atls_cbor_write_map(w, 2);
        write_class(w, rules, anchor->implementation_id);
        atls_cbor_write_uint(w, ENVIRONMENT_INSTANCE);
        rules->write_instance(w, anchor);
        atls_cbor_write_array(w, 1);
        atls_cbor_write_tag(w, TAG_PKIX_KEY);
        atls_cbor_write_text(w, pem);
        free(pem);
    }
    return 0;
}

static int write_comid(struct atls_cbor_writer *w, const struct atls_corim *corim)
{
    struct atls_bytes id = atls_bytes_of_text(corim->id);
    uint8_t uuid[ATLS_HASH_MAX] = {0};
    int result = atls_crypto_hosted.hash(ATLS_SHA256, &id, 1, uuid);

    uuid[6] = (uuid[6] & 0x0f) | 0x80; /* RFC 9562 5.8: version 8, made by us */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    atls_cbor_write_map(w, 2);
    atls_cbor_write_uint(w, COMID_IDENTITY);
    atls_cbor_write_map(w, 1);
    atls_cbor_write_uint(w, IDENTITY_ID);
    atls_cbor_write_bytes(w, ATLS_BYTES(uuid, 16));
    atls_cbor_write_uint(w, COMID_TRIPLES);
    atls_cbor_write_map(w, (corim->reference_value_count > 0) + (corim->trust_anchor_count > 0));
    if (corim->reference_value_count)
        write_reference_triples(w, corim);
    if (!result && corim->trust_anchor_count)
        result = write_key_triples(w, corim);
    return result;
}

static void write_validity(struct atls_cbor_writer *w, const struct atls_validity *validity)
{
    atls_cbor_write_uint(w, CORIM_VALIDITY);
    atls_cbor_write_map(w, 1 + (validity->not_before != 0));
    if (validity->not_before) {
        atls_cbor_write_uint(w, 0);
        atls_cbor_write_tag(w, 1);
        atls_cbor_write_int(w, validity->not_before);
    }
    atls_cbor_write_uint(w, 1);
    atls_cbor_write_tag(w, 1);
    atls_cbor_write_int(w, validity->not_after);
}

static void write_corim(struct atls_cbor_writer *w, const struct atls_corim *corim,
                        struct atls_bytes comid)
{
    atls_cbor_write_tag(w, TAG_UNSIGNED_CORIM);
    atls_cbor_write_map(w, 3 + (corim->validity.not_after != 0) + (corim->entity != NULL));
    atls_cbor_write_uint(w, CORIM_ID);
    atls_cbor_write_text(w, corim->id);
    atls_cbor_write_uint(w, CORIM_TAGS);
    atls_cbor_write_array(w, 1);
    atls_corim_write_tagged_bytes(w, TAG_COMID, comid.data, comid.size);
    atls_cbor_write_uint(w, CORIM_PROFILE);
    if (corim->dialect == ATLS_CORIM_MAIN)
        atls_cbor_write_tag(w, TAG_URI);
    atls_cbor_write_text(w, atls_corim_profile_uri(corim->profile));
    if (corim->validity.not_after)
        write_validity(w, &corim->validity);
    if (corim->entity) {
        atls_cbor_write_uint(w, CORIM_ENTITIES);
        atls_cbor_write_array(w, 1);
        atls_cbor_write_map(w, 2);
        atls_cbor_write_uint(w, ENTITY_NAME);
        atls_cbor_write_text(w, corim->entity);
        atls_cbor_write_uint(w, ENTITY_ROLES);
        atls_cbor_write_array(w, 1);
        atls_cbor_write_uint(w, ROLE_MANIFEST_CREATOR);
    }
}

/* What the profile demands, before anything is written. */
static int check(const struct atls_corim *corim)
{
    const struct atls_corim_profile_rules *rules = atls_corim_profile_rules(corim->profile);
    bool good = corim->id && *corim->id && (!corim->entity || *corim->entity) &&
                (corim->reference_value_count || corim->trust_anchor_count);

    for (size_t i = 0; good && i < corim->reference_value_count; i++) {
        const struct atls_reference_value *value = &corim->reference_values[i];

        good = value->profile == corim->profile && value->digest_hash <= ATLS_SHA512 &&
               (value->digest_size == atls_hash_size(value->digest_hash) ||
                (rules->is_raw && rules->is_raw(value))) &&
               rules->value_is_good(value);
    }
    for (size_t i = 0; good && i < corim->trust_anchor_count; i++)
        good = corim->trust_anchors[i].profile == corim->profile &&
               rules->anchor_is_good(&corim->trust_anchors[i]);
    return good ? 0
                : atls_fail(-EINVAL, rules->values,
                            "CoRIM: expected an id, triples of its profile, digests of their "
                            "hash's size, %s",
                            rules->good);
}

/* Bytes that any CoMID of this size fits: every value of a structure with its heads. */
static size_t comid_bound(const struct atls_corim *corim)
{
    size_t bound = 256 + corim->trust_anchor_count * 512;

    for (size_t i = 0; i < corim->reference_value_count; i++) {
        const struct atls_reference_value *value = &corim->reference_values[i];
        bound += 384 + (value->name ? strlen(value->name) : 0) +
                 (value->version ? strlen(value->version) : 0);
    }
    return bound;
}

int atls_corim_write(const struct atls_corim *corim, uint8_t **outp, size_t *sizep)
{
    struct atls_cbor_writer w;
    struct atls_bytes comid, out;
    uint8_t *inner = NULL, *outer = NULL;
    size_t inner_size, outer_size;
    int result = check(corim);

    if (result)
        return result;
    inner_size = comid_bound(corim);
    outer_size = inner_size + 256 + strlen(corim->id) + (corim->entity ? strlen(corim->entity) : 0);
    inner = malloc(inner_size);
    outer = malloc(outer_size);
    if (!inner || !outer)
        result = atls_fail(-ENOMEM, NULL, "CoRIM: out of memory");
    if (!result) {
        atls_cbor_write_init(&w, inner, inner_size);
        result = write_comid(&w, corim);
    }
    if (!result)
        result = atls_cbor_write_done(&w, &comid);
    if (!result) {
        atls_cbor_write_init(&w, outer, outer_size);
        write_corim(&w, corim, comid);
        result = atls_cbor_write_done(&w, &out);
    }
    free(inner);
    if (result) {
        free(outer);
        return result;
    }
    *outp = outer;
    *sizep = out.size;
    return 0;
}
